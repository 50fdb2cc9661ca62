# SPDX-License-Identifier: MIT
"""An HTTP/1.1 client that does everything right, small enough to be read in one sitting.

    Client 1--* Connection    a pool of idle ones, by authority
    Client.request()          one request: take or make a connection, send, read, put it back

It is the measure for the scenarios, and every mutant (faults.py) is this client with one of the
methods marked "hook" changed. It never sends a request twice and follows no redirect.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Fields = list[tuple[str, str]]

#: RFC 9110, section 10.1.1: a client does not wait for a 100 indefinitely.
EXPECT_SECONDS = 1.0
MAX_HEAD = 16 * 1024 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: ([^\r\n]*))?")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class Failure(Exception):
    """What a user is told when there is no response: a kind of the adapter contract, and why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.phase = "head"
        self.status: int | None = None  # only with the kind "status"


@dataclass
class Timers:
    """Seconds; None: not set."""

    connect: float | None = None
    read: float | None = None
    total: float | None = None


@dataclass
class Request:
    method: str
    host: str
    port: int
    target: str
    fields: Fields = field(default_factory=list)
    body: bytes | None = None
    pauses: Sequence[tuple[int, float]] = ()  # after so many octets, wait so many seconds
    expect_continue: bool = False
    tls: bool = False


@dataclass
class Head:
    version: int  # the minor one
    status: int
    reason: str
    fields: Fields

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]

    def tokens(self, name: str) -> list[str]:
        listed = ",".join(self.values(name)).lower().split(",")
        return [token.strip() for token in listed if token.strip()]


@dataclass
class Response:
    head: Head | None  # None: a client that shows none
    content: bytes = b""


@dataclass
class Watcher:
    """Who is told what happens, as it happens."""

    interim: Callable[[Head], None] = lambda head: None
    response: Callable[[Head | None], None] = lambda head: None


class Connection:
    """A socket and what has been read from it and not used."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.searched = 0  # octets of the buffer in which no head ends
        self.ended = False
        self.idle_since = 0.0

    def close(self) -> None:
        self.sock.close()

    def has_news(self) -> bool:
        """Octets or an end that nobody has asked for."""
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        return bool(self.buffer) or bool(select.select([self.sock], [], [], 0)[0])

    def take(self, count: int) -> bytes:
        octets = bytes(self.buffer[:count])
        del self.buffer[:count]
        return octets


class Client:
    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.ca_file: str | None = None
        self.pool: dict[tuple[str, int], Connection] = {}
        self.deadline: float | None = None
        self.watcher = Watcher()
        self.sent_body = False

    # ---- one request

    def request(self, request: Request, watcher: Watcher | None = None) -> Response:
        self.watcher = watcher or Watcher()
        total = self.timers.total
        self.deadline = None if total is None else time.monotonic() + total
        connection = self.idle(request) or self.connect(request)
        try:
            return self.exchange(connection, request)
        except BaseException:
            connection.close()
            raise

    def exchange(self, connection: Connection, request: Request) -> Response:
        head = self.send(connection, request) or self.final_head(connection, request)
        self.watcher.response(head)
        response = Response(head)
        try:
            reusable = self.read_content(connection, request, head, response)
        except Failure as failure:
            failure.phase = "body"
            raise
        whole = request.body is None or self.sent_body
        if reusable and whole and "close" not in head.tokens("connection") and head.version == 1:
            self.keep(connection, request)
        else:
            connection.close()
        return response

    # ---- connections

    def idle(self, request: Request) -> Connection | None:
        """Hook. An idle connection on which nothing has come: RFC 9112, section 9.2."""
        connection = self.pool.pop((request.host, request.port), None)
        if connection is not None and connection.has_news():
            connection.close()
            return None
        return connection

    def keep(self, connection: Connection, request: Request) -> None:
        """Hook. After the response; octets behind it are nobody's answer."""
        if connection.buffer:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        self.pool[request.host, request.port] = connection

    def connect(self, request: Request) -> Connection:
        try:
            sock = socket.create_connection((request.host, request.port), self.timers.connect)
        except TimeoutError as error:
            raise Failure("timeout", "the connection was not made in time") from error
        except OSError as error:
            raise Failure("refused", str(error)) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(self.secure(sock, request) if request.tls else sock)

    def secure(self, sock: socket.socket, request: Request) -> socket.socket:
        """Hook. RFC 9112, section 9.8: an end without close_notify must be told from one with it,
        which `suppress_ragged_eofs` would prevent."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        try:
            return context.wrap_socket(
                sock, server_hostname=request.host, suppress_ragged_eofs=False
            )
        except TimeoutError as error:
            sock.close()
            raise Failure("timeout", "the TLS handshake was not over in time") from error
        except OSError as error:
            sock.close()
            raise Failure("tls", str(error)) from error

    # ---- sending

    def send(self, connection: Connection, request: Request) -> Head | None:
        """Send the request; a head if the final response came before the content was asked for."""
        self.sent_body = False
        self.write(connection, self.head_octets(request))
        if request.body is None:
            return None
        if request.expect_continue:
            head = self.wait_for_permission(connection, request)
            if head is not None:
                return head
        self.send_body(connection, request)
        return None

    def head_octets(self, request: Request) -> bytes:
        """Hook."""
        fields = [("Host", f"{request.host}:{request.port}"), *request.fields]
        if request.body is not None:
            fields.append(("Content-Length", str(len(request.body))))
        if request.expect_continue:
            fields.append(("Expect", "100-continue"))
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def wait_for_permission(self, connection: Connection, request: Request) -> Head | None:
        """Hook. Until a 100, or a final response (returned), or for so long as is reasonable."""
        until = time.monotonic() + EXPECT_SECONDS
        while True:
            head = self.read_head(connection, until)
            if head is None or head.status == 100:
                if head is not None:
                    self.skip_interim(connection, request, head)
                return None
            if self.is_final(head, connection):
                return head
            self.skip_interim(connection, request, head)

    def send_body(self, connection: Connection, request: Request) -> None:
        assert request.body is not None
        at = 0
        for after, seconds in request.pauses:
            self.write(connection, request.body[at:after])
            at = after
            time.sleep(seconds)
        self.write(connection, request.body[at:])
        self.sent_body = True

    def write(self, connection: Connection, octets: bytes) -> None:
        connection.sock.settimeout(self.patience(None))
        try:
            connection.sock.sendall(octets)
        except TimeoutError as error:
            raise Failure("timeout", "the request could not be sent in time") from error
        except OSError:
            # The peer may have answered before it went; reading will tell.
            pass

    # ---- reading

    def patience(self, until: float | None) -> float | None:
        """Hook. Seconds to wait for the next octets; 0 or less: the time is over."""
        now = time.monotonic()
        limits = [self.timers.read]
        limits += [when - now for when in (self.deadline, until) if when is not None]
        return min((limit for limit in limits if limit is not None), default=None)

    def fill(self, connection: Connection, until: float | None = None) -> bool:
        """Read more. False: `until` has passed first. The end of the stream sets `ended`."""
        patience = self.patience(until)
        if patience is None or patience > 0:
            connection.sock.settimeout(patience)
            try:
                octets = connection.sock.recv(65536)
            except TimeoutError:
                pass
            except OSError as error:
                raise Failure("closed", f"the connection broke: {error.strerror}") from error
            else:
                connection.buffer += octets
                connection.ended = not octets
                return True
        if until is not None and time.monotonic() >= until:
            return False
        raise Failure("timeout", "no response in time")

    def final_head(self, connection: Connection, request: Request) -> Head:
        """RFC 9110, section 15.2: one or more 1xx responses, expected or not."""
        while True:
            head = self.read_head(connection, None)
            assert head is not None
            if self.is_final(head, connection):
                return head
            self.skip_interim(connection, request, head)

    def read_head(self, connection: Connection, until: float | None) -> Head | None:
        """Hook. The next head; None if `until` has passed first."""
        connection.searched = 0
        while True:
            end = self.end_of_head(connection)
            if end is not None:
                return self.parse(connection.take(end))
            self.check_beginning(connection.buffer)
            if len(connection.buffer) > MAX_HEAD:
                raise Failure("limit", "the head of the response is too large")
            if not self.fill(connection, until):
                return None
            if connection.ended:
                return self.at_end(connection)

    def end_of_head(self, connection: Connection) -> int | None:
        match = _EMPTY_LINE.search(connection.buffer, connection.searched)
        connection.searched = max(0, len(connection.buffer) - 3)
        return match.end() if match else None

    def check_beginning(self, octets: bytearray) -> None:
        """Fail at once on what cannot become a status line, instead of waiting for its end."""
        begin = bytes(octets[:5])
        if begin and not b"HTTP/".startswith(begin):
            raise Failure("protocol", f"no status line: {bytes(octets[:40])!r}")

    def at_end(self, connection: Connection) -> Head:
        """Hook. The stream ended where a head should be."""
        raise Failure("closed", "the connection ended before a final response")

    def parse(self, octets: bytes) -> Head:
        """Hook."""
        first, *rest = re.split(rb"\r?\n", octets.rstrip(b"\r\n"))
        match = _STATUS_LINE.fullmatch(first)
        if match is None or int(match[2]) < 100:
            raise Failure("protocol", f"no status line: {first[:40]!r}")
        fields: Fields = []
        for line in rest:
            if line[:1] in (b" ", b"\t") and fields:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip().decode('latin-1')}".strip())
                continue
            parts = _FIELD.fullmatch(line)
            if parts is None:
                raise Failure("protocol", f"no field line: {line[:40]!r}")
            fields.append((parts[1].decode("latin-1"), parts[2].decode("latin-1")))
        return Head(int(match[1]), int(match[2]), (match[3] or b"").decode("latin-1"), fields)

    def is_final(self, head: Head, connection: Connection) -> bool:
        """Hook."""
        if head.status == 101:
            raise Failure("protocol", "101, and no other protocol was asked for")
        return head.status >= 200

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        """Hook. It ends at its empty line, whatever its fields say: RFC 9112, section 6.3."""
        self.watcher.interim(head)

    # ---- content

    def read_content(
        self, connection: Connection, request: Request, head: Head, response: Response
    ) -> bool:
        """Fill response.content; whether the end of the response is certain."""
        kind, length = self.framing(request, head)
        if kind == "length":
            while len(connection.buffer) < length and self.more(connection):
                pass
            response.content = connection.take(length)
            if len(response.content) < length:
                raise Failure("closed", "the connection ended inside the content")
        elif kind == "chunked":
            self.read_chunks(connection, response)
        elif kind == "close":
            while self.more(connection):
                pass
            response.content = connection.take(len(connection.buffer))
        return kind != "close"

    def framing(self, request: Request, head: Head) -> tuple[str, int]:
        """Hook. RFC 9112, section 6.3: none, length, chunked or close."""
        if request.method == "HEAD" or head.status < 200 or head.status in (204, 304):
            return "none", 0
        codings = head.tokens("transfer-encoding")
        if codings:
            return ("chunked", 0) if codings[-1] == "chunked" else ("close", 0)
        lengths = set(head.tokens("content-length"))
        if not lengths:
            return "close", 0
        text = lengths.pop()
        if lengths or not (text.isascii() and text.isdigit()):
            raise Failure("protocol", "Content-Length makes no sense")
        return "length", int(text)

    def more(self, connection: Connection) -> bool:
        """Read on; False at the end of the stream."""
        if not connection.ended:
            self.fill(connection)
        return not connection.ended

    def line(self, connection: Connection) -> bytes:
        while b"\n" not in connection.buffer:
            if not self.more(connection):
                raise Failure("closed", "the connection ended inside a chunk")
        return connection.take(connection.buffer.index(b"\n") + 1).rstrip(b"\r\n")

    def read_chunks(self, connection: Connection, response: Response) -> None:
        while True:
            size = self.line(connection).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
                raise Failure("protocol", f"no chunk size: {size[:20]!r}")
            length = int(size, 16)
            if length == 0:
                while self.line(connection):
                    pass
                return
            while len(connection.buffer) < length + 2:
                if not self.more(connection):
                    raise Failure("closed", "the connection ended inside a chunk")
            response.content += connection.take(length)
            if self.line(connection):
                raise Failure("protocol", "a chunk is longer than its size")

    def close(self) -> None:
        for connection in self.pool.values():
            with contextlib.suppress(OSError):
                connection.close()
        self.pool.clear()
