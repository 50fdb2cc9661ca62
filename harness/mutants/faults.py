# SPDX-License-Identifier: MIT
"""Mutants: the reference client with exactly one fault each.

Every fault is a few lines at one hook of reference.py. Its name in mutants.toml is the key in
CLIENTS. Adapters that break the contract are in adapter_faults.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from reference import Client, Connection, Failure, Head, Request, Response, Timers, Watcher

CLIENTS: dict[str, type[Client]] = {}


def fault(name: str) -> Callable[[type[Client]], type[Client]]:
    def add(client: type[Client]) -> type[Client]:
        CLIENTS[name] = client
        return client

    return add


# ---------------------------------------------------------------- what a 1xx is


@fault("takes-102-as-final")
class Takes102AsFinal(Client):
    def is_final(self, head: Head, connection: Connection) -> bool:
        return head.status == 102 or super().is_final(head, connection)


@fault("knows-100-only")
class Knows100Only(Client):
    def is_final(self, head: Head, connection: Connection) -> bool:
        return head.status > 100


@fault("knows-registered-codes-only")
class KnowsRegisteredCodesOnly(Client):
    def is_final(self, head: Head, connection: Connection) -> bool:
        known = head.status in (100, 102, 103)
        return not known and (head.status < 200 or super().is_final(head, connection))


@fault("takes-101-as-final")
class Takes101AsFinal(Client):
    """And uses the connection again."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return head.status == 101 or super().is_final(head, connection)


@fault("skips-only-one")
class SkipsOnlyOne(Client):
    def request(self, request: Request, watcher: Watcher | None = None) -> Response:
        self.skipped = 0
        return super().request(request, watcher)

    def is_final(self, head: Head, connection: Connection) -> bool:
        return self.skipped > 0 or super().is_final(head, connection)

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        self.skipped += 1
        super().skip_interim(connection, request, head)


@fault("error-on-any-1xx")
class ErrorOnAny1xx(Client):
    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        raise Failure("protocol", f"unexpected {head.status}")


@fault("bad-status-exception")
class BadStatusException(Client):
    """A 1xx is reported as the status of the response, by an exception for bad statuses."""

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        failure = Failure("status", f"bad status {head.status}")
        failure.status = head.status
        raise failure


@fault("limit-of-8")
class LimitOf8(SkipsOnlyOne):
    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        if self.skipped > 8:
            raise Failure("limit", "more than 8 interim responses")


@fault("empty-success-after-8")
class EmptySuccessAfter8(LimitOf8):
    """Gives up in silence: an empty answer without a status."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        try:
            return super().exchange(connection, request)
        except Failure as failure:
            if failure.kind != "limit":
                raise
            connection.close()
            self.watcher.response(None)
            return Response(None)


# ---------------------------------------------------------------- framing of a 1xx


@fault("believes-content-length-on-1xx")
class BelievesContentLengthOn1xx(Client):
    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        for length in head.values("content-length"):
            while len(connection.buffer) < int(length) and self.more(connection):
                pass
            connection.take(int(length))


@fault("believes-chunked-on-1xx")
class BelievesChunkedOn1xx(Client):
    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        if "chunked" in head.tokens("transfer-encoding"):
            self.read_chunks(connection, Response(head))


@fault("resync-by-scanning")
class ResyncByScanning(Client):
    """Throws away what is no status line, until something looks like one."""

    def check_beginning(self, octets: bytearray) -> None:
        at = octets.find(b"HTTP/")
        del octets[: at if at >= 0 else max(0, len(octets) - 4)]

    def end_of_head(self, connection: Connection) -> int | None:
        self.check_beginning(connection.buffer)
        connection.searched = 0
        return super().end_of_head(connection)


@fault("http09")
class Http09(Client):
    """Takes what is no status line for the content of an old server, and calls that 200."""

    def read_head(self, connection: Connection, until: float | None) -> Head | None:
        try:
            return super().read_head(connection, until)
        except Failure as failure:
            if failure.kind != "protocol" or not connection.buffer:
                raise
            return Head(0, 200, "No headers, assuming", [])


@fault("chunk-lines-after-1xx")
class ChunkLinesAfter1xx(SkipsOnlyOne):
    """After an interim response it forgets to take the chunks apart."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def read_chunks(self, connection: Connection, response: Response) -> None:
        if not self.skipped:
            super().read_chunks(connection, response)
            return
        while b"0\r\n\r\n" not in connection.buffer and self.more(connection):
            pass
        response.content = connection.take(len(connection.buffer))


@fault("head-body-misread")
class HeadBodyMisread(SkipsOnlyOne):
    """After an interim response it no longer knows that it had asked with HEAD."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def framing(self, request: Request, head: Head) -> tuple[str, int]:
        method = "GET" if self.skipped else request.method
        return super().framing(Request(method, request.host, request.port, request.target), head)


@fault("loses-the-end")
class LosesTheEnd(SkipsOnlyOne):
    """After an interim response it counts the length from a wrong place: five octets are lost."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def exchange(self, connection: Connection, request: Request) -> Response:
        response = super().exchange(connection, request)
        if self.skipped:
            response.content = response.content[:-5]
        return response


@fault("merges-interim-fields")
class MergesInterimFields(Client):
    def request(self, request: Request, watcher: Watcher | None = None) -> Response:
        self.merged: list[tuple[str, str]] = []
        return super().request(request, watcher)

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        self.merged += head.fields

    def final_head(self, connection: Connection, request: Request) -> Head:
        head = super().final_head(connection, request)
        return Head(head.version, head.status, head.reason, self.merged + head.fields)


# ---------------------------------------------------------------- parsing


@fault("cannot-parse-split-status-line")
class CannotParseSplitStatusLine(Client):
    def check_beginning(self, octets: bytearray) -> None:
        super().check_beginning(octets)
        if octets and b"\n" not in octets:
            raise Failure("protocol", f"no status line: {bytes(octets)!r}")


@fault("drops-split-interim")
class DropsSplitInterim(Client):
    """Forgets what it has read of a head when the rest comes later."""

    def fill(self, connection: Connection, until: float | None = None) -> bool:
        begun = bytes(connection.buffer)
        more = super().fill(connection, until)
        if begun.startswith(b"HTTP/") and b"\r\n\r\n" not in begun:
            connection.take(len(begun))
        return more


@fault("needs-a-reason-phrase")
class NeedsAReasonPhrase(Client):
    def parse(self, octets: bytes) -> Head:
        head = super().parse(octets)
        if not head.reason:
            raise Failure("protocol", "a status line without a reason phrase")
        return head


# ---------------------------------------------------------------- the connection afterwards


class _KeepsAll(Client):
    """Uses a connection again whatever lies on it."""

    def idle(self, request: Request) -> Connection | None:
        return self.pool.pop((request.host, request.port), None)

    def keep(self, connection: Connection, request: Request) -> None:
        connection.idle_since = time.monotonic()
        self.pool[request.host, request.port] = connection


@fault("keeps-surplus")
class KeepsSurplus(_KeepsAll):
    """Octets that came behind a response are read as the next one."""


@fault("takes-unsolicited-interim")
class TakesUnsolicitedInterim(_KeepsAll):
    """What waits on a connection when a request is made answers it, empty, even if it is a 1xx."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        self.waiting = connection.has_news()
        return super().exchange(connection, request)

    def is_final(self, head: Head, connection: Connection) -> bool:
        waiting, self.waiting = self.waiting, False
        return waiting or super().is_final(head, connection)


@fault("poisoned-only-when-coalesced")
class PoisonedOnlyWhenCoalesced(_KeepsAll):
    """A 102 with the final response behind it in one segment is taken for the answer."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return (head.status < 200 and bool(connection.buffer)) or super().is_final(head, connection)


@fault("poisoned-only-at-gap-0")
class PoisonedOnlyAtGap0(Takes102AsFinal):
    """A connection that has been idle for a moment is looked at before it is used again; one that
    is used at once is not."""

    def idle(self, request: Request) -> Connection | None:
        connection = self.pool.get((request.host, request.port))
        if connection is not None and time.monotonic() - connection.idle_since < 0.03:
            return self.pool.pop((request.host, request.port))
        return super().idle(request)


@fault("pool-shared-by-all-objects")
class PoolSharedByAllObjects(Takes102AsFinal):
    """Connections outlive the client object that made them: static, like in some libraries."""

    shared: dict[tuple[str, int], Connection] = {}  # noqa: RUF012

    def __init__(self, timers: Timers) -> None:
        super().__init__(timers)
        self.pool = self.shared

    def close(self) -> None:
        pass


@fault("new-connection-after-1xx")
class NewConnectionAfter1xx(SkipsOnlyOne):
    """No fault: it does not use a connection again that carried an interim response."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def keep(self, connection: Connection, request: Request) -> None:
        if self.skipped:
            connection.close()
        else:
            super().keep(connection, request)


@fault("dead-after-1xx")
class DeadAfter1xx(SkipsOnlyOne):
    """The client object cannot be used again after an interim response."""

    dead = False

    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def request(self, request: Request, watcher: Watcher | None = None) -> Response:
        if self.dead:
            raise Failure("other", "this client has been closed")
        response = super().request(request, watcher)
        self.dead = self.skipped > 0
        return response


# ---------------------------------------------------------------- the request


class _SendsAgain(Client):
    """Sends a request once more on a new connection when the first one broke."""

    methods: tuple[str, ...] = ()

    def exchange(self, connection: Connection, request: Request) -> Response:
        try:
            return super().exchange(connection, request)
        except Failure as failure:
            if failure.kind != "closed" or request.method not in self.methods:
                raise
            connection.close()
            return super().exchange(self.connect(request), request)


@fault("resends-post")
class ResendsPost(_SendsAgain):
    methods = ("POST",)


@fault("resends-get-after-interim")
class ResendsGetAfterInterim(_SendsAgain):
    methods = ("GET",)


@fault("tries-again-for-ever")
class TriesAgainForEver(Client):
    """As some tools do: a request that came to nothing is made again, and again."""

    def exchange(self, connection: Connection, request: Request) -> Response:
        while True:
            try:
                return super().exchange(connection, request)
            except Failure:
                connection.close()
                time.sleep(0.2)
                if self.timers.total is not None:
                    self.deadline = time.monotonic() + self.timers.total
                connection = self.connect(request)


@fault("body-for-every-interim")
class BodyForEveryInterim(Client):
    """Each interim response to an expectation makes it send the content."""

    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        super().skip_interim(connection, request, head)
        if request.expect_continue and head.status in (100, 102) and request.body:
            self.write(connection, request.body)


@fault("102-as-100")
class Takes102As100(Client):
    """No fault by the letter: any interim response makes it send the content."""

    def read_head(self, connection: Connection, until: float | None) -> Head | None:
        head = super().read_head(connection, until)
        if until is not None and head is not None and head.status < 200:
            self.watcher.interim(head)
            return None
        return head


@fault("waits-for-100-for-ever")
class WaitsFor100ForEver(Client):
    def read_head(self, connection: Connection, until: float | None) -> Head | None:
        return super().read_head(connection, None)


@fault("announces-and-keeps-back")
class AnnouncesAndKeepsBack(Client):
    """Told no, it keeps the content back and uses the connection as if it had been sent."""

    def wait_for_permission(self, connection: Connection, request: Request) -> Head | None:
        head = super().wait_for_permission(connection, request)
        self.sent_body = head is not None
        return head


@fault("says-http10")
class SaysHttp10(Client):
    """No fault: it gets no interim responses."""

    def head_octets(self, request: Request) -> bytes:
        return super().head_octets(request).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)


# ---------------------------------------------------------------- time and death


@fault("hangs")
class Hangs(Client):
    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        while True:
            time.sleep(60)


@fault("timer-fires-at-6x")
class TimerFiresAt6x(Client):
    factor = 6.0

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        super().__init__(timers)

    @property
    def timers(self) -> Timers:
        return self._timers

    @timers.setter
    def timers(self, timers: Timers) -> None:
        read, total = (None if t is None else t * self.factor for t in (timers.read, timers.total))
        self._timers = Timers(timers.connect, read, total)


@fault("timer-fires-at-2.5x")
class TimerFiresAt2x(TimerFiresAt6x):
    factor = 2.5


@fault("timer-disarmed-by-102")
class TimerDisarmedBy102(SkipsOnlyOne):
    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def patience(self, until: float | None) -> float | None:
        return None if self.skipped else super().patience(until)


@fault("empty-success-at-end")
class EmptySuccessAtEnd(SkipsOnlyOne):
    """The end of the connection after an interim response is taken for an empty answer."""

    def is_final(self, head: Head, connection: Connection) -> bool:
        return Client.is_final(self, head, connection)

    def exchange(self, connection: Connection, request: Request) -> Response:
        try:
            return super().exchange(connection, request)
        except Failure as failure:
            if failure.kind != "closed" or not self.skipped:
                raise
            connection.close()
            self.watcher.response(None)
            return Response(None)


@fault("crashes")
class Crashes(Client):
    def skip_interim(self, connection: Connection, request: Request, head: Head) -> None:
        os.abort()


@fault("reads-late")
class ReadsLate(Client):
    """Slow to read: pieces of a head are never seen apart."""

    def fill(self, connection: Connection, until: float | None = None) -> bool:
        time.sleep(0.15)
        return super().fill(connection, until)
