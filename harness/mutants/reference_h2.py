# SPDX-License-Identifier: MIT
"""The reference client over HTTP/2: the library h2 speaks the protocol, this decides what a user is
told.

    H2Client 1--* H2Connection    kept by authority, one request at a time
    H2Client.request()            as that of reference.Client

The mutants of HTTP/2 (faults_h2.py) are this client with one of the methods marked "hook" changed.
It speaks with prior knowledge: over plain TCP.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from reference import EXPECT_SECONDS, Failure, Fields, Head, Request, Response, Timers, Watcher

FRAME_HEAD = 9  # octets before a frame's payload
_GOAWAY = 7

_STATUS = re.compile(r"[1-5][0-9]{2}")
_BAD_VALUE = re.compile(r"[\0\r\n]")


class H2Connection:
    """A socket and the state of the protocol on it."""

    def __init__(self, sock: socket.socket, config: h2.config.H2Configuration) -> None:
        self.sock = sock
        self.state = h2.connection.H2Connection(config)
        self.going_away = False
        self.last_stream = 0  # that the server will answer, where it is going away
        self.ended = False
        self.pending = b""  # a frame that is not whole yet

    def frames(self, octets: bytes) -> Iterator[bytes]:
        """The frames that are whole: what is wrong with one takes nothing from those before."""
        self.pending += octets
        while len(self.pending) >= FRAME_HEAD:
            length = FRAME_HEAD + int.from_bytes(self.pending[:3], "big")
            if len(self.pending) < length:
                return
            frame, self.pending = self.pending[:length], self.pending[length:]
            yield frame

    def flush(self) -> None:
        octets = self.state.data_to_send()
        if octets:
            with contextlib.suppress(OSError):  # reading will tell
                self.sock.sendall(octets)

    def close(self) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.state.close_connection()
        self.flush()
        self.sock.close()


@dataclass
class Exchange:
    """One request on its stream, and what has come back so far."""

    stream: int
    head: Head | None = None  # the final one
    content: bytearray = field(default_factory=bytearray)
    ended: bool = False
    permitted: bool = False  # a 100 has come
    left: bytes = b""  # of the request's content


class H2Client:
    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.pool: dict[tuple[str, int], H2Connection] = {}
        self.deadline: float | None = None
        self.watcher = Watcher()
        self.current = Exchange(0)

    # ---- one request

    def request(self, request: Request, watcher: Watcher | None = None) -> Response:
        self.watcher = watcher or Watcher()
        total = self.timers.total
        self.deadline = None if total is None else time.monotonic() + total
        where = (request.host, request.port)
        connection = self.idle(where) or self.connect(request)
        exchange = self.current = Exchange(connection.state.get_next_available_stream_id())
        try:
            self.exchange(connection, exchange, request)
        except Failure as failure:
            failure.phase = "head" if exchange.head is None else "body"
            if connection.ended or failure.kind == "protocol":
                connection.close()
            else:  # the other streams of a connection are none of this one's business
                self.give_up(connection, exchange)
                self.pool[where] = connection
            raise
        if connection.ended or connection.going_away:
            connection.close()
        else:
            self.pool[where] = connection
        return Response(exchange.head, bytes(exchange.content))

    def idle(self, where: tuple[str, int]) -> H2Connection | None:
        """Hook. The connection that was kept, if it has survived what has come meanwhile."""
        connection = self.pool.pop(where, None)
        while connection is not None and select.select([connection.sock], [], [], 0)[0]:
            try:
                octets = connection.sock.recv(65536)
                for frame in connection.frames(octets):
                    self.read(connection, frame)
            except (OSError, h2.exceptions.ProtocolError):
                octets = b""
            if not octets or connection.going_away:
                connection.close()
                return None
            connection.flush()
        return connection

    def connect(self, request: Request) -> H2Connection:
        address = (request.host, request.port)
        try:
            sock = socket.create_connection(address, self.timers.connect)
        except TimeoutError as error:
            raise Failure("timeout", "the connection was not made in time") from error
        except OSError as error:
            raise Failure("refused", str(error)) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = H2Connection(sock, self.config())
        connection.state.initiate_connection()
        connection.flush()
        return connection

    def config(self) -> h2.config.H2Configuration:
        """Hook."""
        return h2.config.H2Configuration(client_side=True, header_encoding="latin-1")

    def exchange(self, connection: H2Connection, exchange: Exchange, request: Request) -> None:
        exchange.left = request.body or b""
        connection.state.send_headers(
            exchange.stream, self.fields(request), end_stream=request.body is None
        )
        connection.flush()
        if request.body is not None:
            self.send_content(connection, exchange, request)
        while not exchange.ended:
            self.turn(connection, exchange)

    def fields(self, request: Request) -> Fields:
        made = [
            (":method", request.method),
            (":scheme", "http"),
            (":authority", f"{request.host}:{request.port}"),
            (":path", request.target),
            *((name.lower(), value) for name, value in request.fields),
        ]
        if request.body is not None:
            made.append(("content-length", str(len(request.body))))
        if request.expect_continue:
            made.append(("expect", "100-continue"))
        return made

    def give_up(self, connection: H2Connection, exchange: Exchange) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            connection.state.reset_stream(exchange.stream, h2.errors.ErrorCodes.CANCEL)
        connection.flush()

    # ---- the request's content

    def send_content(self, connection: H2Connection, exchange: Exchange, request: Request) -> None:
        """As the windows allow, with an eye on the response: RFC 9113, sections 5.2 and 8.1."""
        if request.expect_continue:
            until = time.monotonic() + EXPECT_SECONDS
            while not exchange.permitted and exchange.head is None and not exchange.ended:
                if not self.turn(connection, exchange, until):
                    break
        pauses = dict(request.pauses)
        sent = 0
        while exchange.left and exchange.head is None and not exchange.ended:
            time.sleep(pauses.pop(sent, 0))
            upto = min((at for at in pauses if at > sent), default=len(request.body or b""))
            room = min(
                connection.state.local_flow_control_window(exchange.stream),
                connection.state.max_outbound_frame_size,
                upto - sent,
            )
            if room <= 0:
                self.turn(connection, exchange)
                continue
            part, exchange.left = exchange.left[:room], exchange.left[room:]
            sent += room
            with contextlib.suppress(h2.exceptions.StreamClosedError):
                connection.state.send_data(exchange.stream, part, end_stream=not exchange.left)
            connection.flush()

    # ---- what comes back

    def turn(
        self, connection: H2Connection, exchange: Exchange, until: float | None = None
    ) -> bool:
        """Reads once and takes in what has come. False: `until` has passed first."""
        now = time.monotonic()
        limits = [self.timers.read]
        limits += [when - now for when in (self.deadline, until) if when is not None]
        patience = min((limit for limit in limits if limit is not None), default=None)
        if patience is not None and patience <= 0:
            return self.out_of_time(until)
        connection.sock.settimeout(patience)
        try:
            octets = connection.sock.recv(65536)
        except TimeoutError:
            return self.out_of_time(until)
        except OSError as error:
            connection.ended = True
            raise Failure("closed", f"the connection broke: {error.strerror}") from error
        if not octets:
            connection.ended = True
            raise Failure("closed", "the connection ended before the response was complete")
        for frame in connection.frames(octets):
            try:
                events = self.read(connection, frame)
                if connection.going_away:
                    self.on_goaway(connection, exchange)
            except h2.exceptions.ProtocolError as error:
                if not exchange.ended:
                    self.refuse(connection, error)
                connection.flush()  # the response is complete; the connection is not to be used
                connection.ended = True
                break
            for event in events:
                self.take(connection, exchange, event)
        connection.flush()
        return True

    def read(self, connection: H2Connection, frame: bytes) -> list[h2.events.Event]:
        """Hook. h2 takes a GOAWAY for the end of everything, which it is not: it is read here."""
        if frame[3] == _GOAWAY:
            connection.going_away = True
            connection.last_stream = int.from_bytes(frame[FRAME_HEAD : FRAME_HEAD + 4], "big")
            return []
        return connection.state.receive_data(frame)

    def out_of_time(self, until: float | None) -> bool:
        if until is not None and time.monotonic() >= until:
            return False
        raise Failure("timeout", "no response in time")

    def refuse(self, connection: H2Connection, error: Exception) -> None:
        """Hook. h2 has made the GOAWAY that says why."""
        connection.flush()
        raise Failure("protocol", str(error) or type(error).__name__)

    def malformed(self, connection: H2Connection, exchange: Exchange, why: str) -> None:
        """RFC 9113, section 8.1.1: a stream error of type PROTOCOL_ERROR."""
        with contextlib.suppress(h2.exceptions.ProtocolError):
            connection.state.reset_stream(exchange.stream, h2.errors.ErrorCodes.PROTOCOL_ERROR)
        self.refuse(connection, ValueError(why))

    def take(self, connection: H2Connection, exchange: Exchange, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.DataReceived):
            connection.state.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id
            )
        if getattr(event, "stream_id", None) != exchange.stream:
            return
        if exchange.ended and not isinstance(event, h2.events.StreamReset):
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            head = self.head(connection, exchange, event.headers)
            self.on_interim(exchange, head)
        elif isinstance(event, h2.events.ResponseReceived):
            exchange.head = self.head(connection, exchange, event.headers)
            self.watcher.response(exchange.head)
        elif isinstance(event, h2.events.DataReceived):
            exchange.content += event.data  # h2 refuses it in front of a final head
        elif isinstance(event, h2.events.StreamEnded):
            self.on_end(connection, exchange)
        elif isinstance(event, h2.events.StreamReset):
            self.on_reset(connection, exchange, event)

    def head(self, connection: H2Connection, exchange: Exchange, fields: Fields) -> Head:
        """Hook. What h2 does not look at: RFC 9113, sections 8.2.1 and 8.3.2."""
        status = dict(fields).get(":status", "")
        others = [(name, value) for name, value in fields if name != ":status"]
        if not _STATUS.fullmatch(status):
            self.malformed(connection, exchange, f"{status!r} is no status")
        if len(fields) - len(others) != 1 or any(name.startswith(":") for name, _ in others):
            self.malformed(connection, exchange, "pseudo-header fields make no sense")
        if any(_BAD_VALUE.search(value) for _, value in others):
            self.malformed(connection, exchange, "a field value holds what it must not")
        return Head(0, int(status), "", others)

    def on_interim(self, exchange: Exchange, head: Head) -> None:
        """Hook."""
        exchange.permitted = exchange.permitted or head.status == 100
        self.watcher.interim(head)

    def on_end(self, connection: H2Connection, exchange: Exchange) -> None:
        """Hook."""
        if exchange.head is None:
            self.malformed(connection, exchange, "the stream ended without a final response")
        exchange.ended = True

    def on_reset(
        self, connection: H2Connection, exchange: Exchange, event: h2.events.StreamReset
    ) -> None:
        """Hook. Behind the end of the response it takes nothing away: RFC 9113, section 8.1."""
        if not exchange.ended:
            raise Failure("closed", f"the server reset the stream ({event.error_code!r})")

    def on_goaway(self, connection: H2Connection, exchange: Exchange) -> None:
        """Hook. Streams up to the last one named go on: RFC 9113, section 6.8."""
        if not exchange.ended and connection.last_stream < exchange.stream:
            raise Failure("closed", "the server went away and left this stream out")

    def close(self) -> None:
        for connection in self.pool.values():
            connection.close()
        self.pool.clear()
