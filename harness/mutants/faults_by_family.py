# SPDX-License-Identifier: MIT
"""Mutants that one family of scenarios catches and no other: each shows that the family asks
something of its own. `interimspec kills` counts them."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Callable

from reference import Client, Connection, Failure, Head, Request, Response, Watcher

CLIENTS: dict[str, type[Client]] = {}

_INTERIM = re.compile(rb"HTTP/1\.1 1[0-9]{2}[^\r\n]*\r\n\r\n")


def fault(name: str) -> Callable[[type[Client]], type[Client]]:
    def add(client: type[Client]) -> type[Client]:
        CLIENTS[name] = client
        return client

    return add


@fault("impatient-after-102")
class ImpatientAfter102(Client):
    """single: after an interim response it waits 2.5 s, whatever its timers say."""

    seconds = 2.5

    def request(self, request: Request, watcher: Watcher | None = None) -> Response:
        self.seen = False
        return super().request(request, watcher)

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        self.seen = True
        super().skip_interim(connection, request, head)

    def hears(self, connection: Connection) -> bool:
        return bool(select.select([connection.sock], [], [], self.seconds)[0])

    def fill(self, connection: Connection, until: float | None = None) -> bool:
        patience = self.patience(until)
        longer = patience is None or patience > self.seconds
        if self.seen and until is None and longer and not self.hears(connection):
            raise Failure("other", "nothing came for a while after an interim response")
        return super().fill(connection, until)


@fault("takes-102-as-final-for-delete")
class Takes102AsFinalForDelete(Client):
    """methods: a method without content in either direction has a reader of its own."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        self.method = request.method
        return super().exchange(connection, request)

    def is_final(self, head: Head, connection: Connection) -> bool:
        return self.method == "DELETE" or super().is_final(head, connection)


class _Elsewhere(Exception):
    pass


@fault("follows-location-of-102")
class FollowsLocationOf102(Client):
    """fields: it looks for Location before it looks at the code."""

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        for place in head.values("location"):
            raise _Elsewhere(place)

    def exchange(self, connection: Connection, request: Request) -> Response:
        try:
            return super().exchange(connection, request)
        except _Elsewhere as elsewhere:
            connection.close()
            there = Request("GET", request.host, request.port, str(elsewhere))
            return super().exchange(self.connect(there), there)


@fault("cuts-interims-out-of-content")
class CutsInterimsOutOfContent(Client):
    """finals: it looks for interim responses anywhere in what it reads."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        response = super().exchange(connection, request)
        response.content = _INTERIM.sub(b"", response.content)
        return response


@fault("cuts-content-at-a-status-line")
class CutsContentAtAStatusLine(Client):
    """realistic: a status line inside a listing begins the next response for it."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        response = super().exchange(connection, request)
        response.content = response.content.partition(b"HTTP/1.1 200 OK")[0]
        return response


@fault("resends-patch")
class ResendsPatch(Client):
    """endings: its list of methods that are not idempotent is older than PATCH."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        try:
            return super().exchange(connection, request)
        except Failure as failure:
            if failure.kind != "closed" or request.method != "PATCH":
                raise
            connection.close()
            return super().exchange(self.connect(request), request)


@fault("decodes-interim-fields-as-ascii")
class DecodesInterimFieldsAsAscii(Client):
    """odd: octets above 127 in an interim response end the exchange."""

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        text = head.reason + "".join(name + value for name, value in head.fields)
        if not text.isascii():
            raise Failure("protocol", "a field is not in ASCII")
        super().skip_interim(connection, request, head)


@fault("reads-any-first-line")
class ReadsAnyFirstLine(Client):
    """odd: the digits that it finds are the status, as many or as few as there are."""

    def parse(self, octets: bytes) -> Head:
        first = octets.split(b"\r\n")[0]
        match = re.match(rb"HTTP/1\.1 ([0-9]+)", first)
        if match is not None and len(match[1]) != 3:
            return Head(1, int(match[1]), "", [("Content-Length", "0")])
        return super().parse(octets)

    def is_final(self, head: Head, connection: Connection) -> bool:
        return not 100 <= head.status <= 199 or super().is_final(head, connection)


@fault("total-timer-restarted-by-1xx")
class TotalTimerRestartedBy1xx(Client):
    """timeout: a limit on the whole exchange that an interim response moves."""

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        if self.timers.total is not None:
            self.deadline = time.monotonic() + self.timers.total


@fault("stops-sending-at-1xx")
class StopsSendingAt1xx(Client):
    """upload: whatever comes while it sends the content is an answer to it."""

    def send_body(self, connection: Connection, request: Request) -> None:
        assert request.body is not None
        at = 0
        for after, seconds in request.pauses:
            self.write(connection, request.body[at:after])
            at = after
            time.sleep(seconds)
            if connection.has_news():
                return
        self.write(connection, request.body[at:])
        self.sent_body = True


@fault("steps-over-1xx-in-chunks")
class StepsOver1xxInChunks(Client):
    """frameworks: an interim response between two chunks is skipped like one before them."""

    def line(self, connection: Connection) -> bytes:
        line = super().line(connection)
        while line.startswith(b"HTTP/1.1 1"):
            while super().line(connection):
                pass
            line = super().line(connection)
        return line


@fault("takes-half-a-head-at-end")
class TakesHalfAHeadAtEnd(Client):
    """endings: where the stream ends, what has been read of a head will do."""

    def at_end(self, connection: Connection) -> Head:
        begun = bytes(connection.buffer)
        if begun.startswith(b"HTTP/1.1 "):
            connection.buffer.clear()
            digits = re.match(rb"HTTP/1\.1 ([0-9]{0,3})", begun)
            status = int(digits[1]) if digits and digits[1] else 200
            return Head(0, status, "", [])
        return super().at_end(connection)

    def is_final(self, head: Head, connection: Connection) -> bool:
        return connection.ended or super().is_final(head, connection)


@fault("takes-tls-end-for-whole")
class TakesTlsEndForWhole(Client):
    """As `ssl` does unless it is told otherwise: a connection that anybody may have cut off is
    taken for one that the server has ended."""

    def secure(self, sock: socket.socket, request: Request) -> socket.socket:
        secured = super().secure(sock, request)
        assert isinstance(secured, ssl.SSLSocket)
        secured.suppress_ragged_eofs = True
        return secured


@fault("needs-close-notify")
class NeedsCloseNotify(Client):
    """A whole response is no good to it where TLS then ends without close_notify."""

    seconds = 0.1

    def read_content(
        self, connection: Connection, request: Request, head: Head, response: Response
    ) -> bool:
        reusable = super().read_content(connection, request, head, response)
        if request.tls:
            self.fill(connection, time.monotonic() + self.seconds)
        return reusable
