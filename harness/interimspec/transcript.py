# SPDX-License-Identifier: MIT
"""What the server saw, did and when, for one run, as typed and immutable data.

    Transcript 1--* Connection 1--* Send     what one step put on the wire
               |               1--* Run      the same octets, by class and exchange
               1--* Exchange   1--* Head     the status lines and fields sent for one request
                               0--1 Final    the response that ends the exchange

`Transcript.from_json` checks the server's JSON and raises TranscriptError when it is not one. All
times inside are Unix milliseconds, so that they compare with what adapters report.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

OctetClass = Literal["head", "interim-content", "framing", "content", "surplus"]
OCTET_CLASSES = ("head", "interim-content", "framing", "content", "surplus")

#: A repeated send is expanded up to this many octets; beyond, only the classes are known.
EXPAND_LIMIT = 16 * 1024 * 1024


class TranscriptError(ValueError):
    """The server's JSON is not a transcript."""


@dataclass(frozen=True, slots=True)
class Span:
    """Octets [start, end) of one class."""

    start: int
    end: int
    kind: OctetClass


@dataclass(frozen=True)
class Send:
    """What one step, or one piece of a split step, put on the wire.

    The server reads its clock before and after each write, and may lose its processor on either
    side of it: the octets left at some moment from `began` to `left`. A rule that compares with
    what others saw takes the one of the two that blames nobody."""

    exchange: int | None
    step: int | None
    due: float | None
    began: float  # before the write of the first octet of the first repetition
    left: float  # after the write of the last octet of the first repetition
    last_began: float  # the same of the last repetition
    last_left: float
    offset: int
    length: int
    data: bytes  # the beginning of one repetition, as far as the server kept it
    unit_length: int
    spans: tuple[Span, ...]  # relative to one repetition
    sha256: str | None  # of all octets, where the server did not keep them
    content_sha256: str | None  # of the octets of class content among them
    piece: int | None
    pieces: int | None
    alone: str
    unread_before: int | None
    late: float  # the worst lateness of its repetitions
    times: tuple[tuple[float, float], ...]  # began and left of the first repetitions

    @property
    def end(self) -> int:
        return self.offset + self.length

    @cached_property
    def octets(self) -> bytes:
        """All octets with the repetitions written out, or as many as are known from the start."""
        if len(self.data) < self.unit_length or self.length > EXPAND_LIMIT:
            return self.data[: self.length]
        if not self.data:
            return b""
        copies = -(-self.length // len(self.data))
        return (self.data * copies)[: self.length]

    @property
    def interval(self) -> float:
        """Between two repetitions, on average; 0 without any."""
        count = self.length // self.unit_length if self.unit_length else 0
        return (self.last_left - self.left) / (count - 1) if count > 1 else 0.0

    def repetitions(self) -> Iterator[tuple[int, float, float]]:
        """Offset in the connection's sent stream, and began and left of every repetition."""
        unit = self.unit_length or self.length
        count = -(-self.length // unit) if unit else 0
        known = len(self.times)
        for index in range(count):
            if index < known:
                began, left = self.times[index]
            else:  # evenly between those that are known and the last one
                began = self.times[-1][0] if known else self.began
                begin = self.times[-1][1] if known else self.left
                share = (index - known + 1) / (count - known)
                left = begin + (self.last_left - begin) * share
            yield self.offset + index * unit, began, left

    def runs(self) -> Iterator[Run]:
        for base, began, left in self.repetitions():
            for span in self.spans:
                start, end = base + span.start, min(base + span.end, self.end)
                if start < end:
                    yield Run(start, end, span.kind, self.exchange, began, left)


@dataclass(frozen=True, slots=True)
class Run:
    """Adjacent octets of one class, one exchange and one send."""

    start: int
    end: int
    kind: OctetClass
    exchange: int | None
    began: float  # they left not before
    left: float  # and not after


@dataclass(frozen=True, slots=True)
class Head:
    """One status line with its fields, as sent, in one piece or in many."""

    conn: int
    exchange: int | None
    start: int
    end: int
    began: float  # its first octet left not before
    left: float  # its last octet left not after
    complete: bool  # up to and including the empty line
    status: int | None  # None: not a status line of RFC 9112, section 4, or not kept
    fields: tuple[tuple[str, str], ...]
    kept: bool = True  # the server kept its octets

    @property
    def interim(self) -> bool:
        return self.status is not None and 100 <= self.status <= 199

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]


@dataclass(frozen=True, slots=True)
class Final:
    """The response that ended an exchange, by an ideal reader of the octets sent."""

    head: Head
    content: bytes  # its beginning, as far as the server kept it
    content_length: int
    content_sha256: str | None  # of all of it; None if that is not known
    complete: bool  # nothing that its framing announces is missing
    unconfirmed: bool  # only TLS's close_notify is: RFC 9112, section 9.8
    completing: float | None  # its last octet left not before
    completed: float | None  # and not after

    @property
    def content_known(self) -> bool:
        return len(self.content) == self.content_length

    @property
    def status(self) -> int | None:
        """None where the server did not keep the head."""
        return self.head.status

    def may_be(self, status: int | None) -> bool:
        """Whether a client that shows this status (None: it shows none) shows this response's."""
        return status is None or self.status is None or status == self.status


@dataclass(frozen=True, slots=True)
class Received:
    at: float
    offset: int
    length: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event without a type of its own, for those who look for it by name."""

    at: float
    name: str
    conn: int | None
    exchange: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Connection:
    number: int
    accepted: float | None
    sends: tuple[Send, ...]
    runs: tuple[Run, ...]
    stream: bytes  # all octets sent; NUL where the server did not keep them
    holes: tuple[tuple[int, int], ...]  # where it did not
    received: tuple[Received, ...]
    client_closed: tuple[float, str] | None  # when, and fin or rst
    server_closed: tuple[float, str] | None
    #: On HTTP/2: when the server ended the stream of an exchange (not before, not after). `stream`
    #: and `runs` are then those of the text that the frames mean (transcript_h2.py).
    stream_ends: Mapping[int, tuple[float, float]] | None = None

    @cached_property
    def _starts(self) -> list[int]:
        return [run.start for run in self.runs]

    def runs_between(self, start: int, end: int) -> Iterator[Run]:
        index = max(0, bisect.bisect_right(self._starts, start) - 1)
        while index < len(self.runs) and self.runs[index].start < end:
            if self.runs[index].end > start:
                yield self.runs[index]
            index += 1

    def known_parts(self) -> Iterator[tuple[int, bytes]]:
        """Offset and octets of everything the server kept, longest stretches."""
        at = 0
        for start, end in [*self.holes, (len(self.stream), len(self.stream))]:
            if at < start:
                yield at, self.stream[at:start]
            at = end

    def known(self, start: int, end: int) -> bool:
        """Whether the server kept all octets of [start, end)."""
        return not any(first < end and start < last for first, last in self.holes)

    def received_between(self, start: int, end: int | None = None) -> bytes:
        """What the client sent in [start, end) of its stream, as far as the server kept it."""
        parts = []
        for piece in self.received:
            first = max(start - piece.offset, 0)
            last = piece.length if end is None else min(end - piece.offset, piece.length)
            if piece.data is not None and first < last:
                parts.append(piece.data[first:last])
        return b"".join(parts)

    @cached_property
    def client_octets(self) -> bytes:
        return self.received_between(0)


@dataclass(frozen=True)
class Exchange:
    number: int
    conn: int
    at: float
    resource: str
    visit: int
    method: str
    target: str
    version: str
    fields: tuple[tuple[str, str], ...]
    queued: bool
    first_on_connection: bool
    offset: int
    head_length: int
    body: bytes | None
    body_length: int | None  # None: the request never ended
    body_sha256: str | None
    ended: float | None
    turn: float | None
    heads: tuple[Head, ...]
    final: Final | None
    stream: int | None = None  # on HTTP/2
    #: When and how the client and the server ended the exchange before its time: the connection's
    #: fin or rst, on HTTP/2 also `rst_stream CODE` and `goaway CODE`.
    client_ended: tuple[float, str] | None = None
    server_ended: tuple[float, str] | None = None

    def has_field(self, name: str) -> bool:
        return any(key.lower() == name for key, _ in self.fields)

    @property
    def interims(self) -> tuple[Head, ...]:
        return tuple(head for head in self.heads if head.interim)


@dataclass(frozen=True)
class Transcript:
    run: str
    scenario: str
    transport: str
    realtime_ms: float
    complete: bool
    dropped_events: int
    late_requests: int
    connections: Mapping[int, Connection]
    exchanges: tuple[Exchange, ...]  # in order of their number
    events: tuple[Event, ...]

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Transcript:
        from . import transcript_reader

        return transcript_reader.read(data)

    @staticmethod
    def missing(run: str, scenario: str, transport: str = "h1") -> Transcript:
        """What the judge gets when the server could not deliver one: it died, or was stopped."""
        return Transcript(run, scenario, transport, 0.0, False, 0, 0, {}, (), ())

    def named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event.name in names]

    def connection_of(self, exchange: Exchange) -> Connection:
        return self.connections[exchange.conn]


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
