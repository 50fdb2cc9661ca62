# SPDX-License-Identifier: MIT
"""Whose octets a client delivered, by their place in what was sent.

No marker in the content is looked at: the transcript knows for each octet of each connection what
it was to an ideal reader. What was delivered is looked for as a run of that stream, whole or with
the lines of its framing taken out; the longest match first, ties to the request's own content.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..transcript import Connection, Exchange, Final, Run, sha256
from .told import Told

#: Delivered octets that are none of the request's own content.
FOREIGN = frozenset(("other", "head-bytes", "interim-content", "framing", "surplus"))

#: A delivery made of several runs needs runs of this length at least, but for the last one: one
#: octet alone is found anywhere.
MIN_RUN = 4
MAX_RUNS = 4096

_CLASS_OF = {
    "head": "head-bytes",
    "interim-content": "interim-content",
    "framing": "framing",
    "surplus": "surplus",
}
#: A status line, as loosely as anybody could read one: a client may have found it in octets that
#: are no status line to an ideal reader, and then it has seen it.
STATUS_TEXT = re.compile(rb"HTTP/[0-9.]{1,8}[ \t]*([0-9]{1,9})", re.IGNORECASE)
VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]", re.IGNORECASE)
#: What stands behind the version where there is one way to read it.
PLAIN_CODE = re.compile(rb" [1-9][0-9]{2}(?![0-9])")


@dataclass(frozen=True)
class Place:
    """A run of delivered octets in the sent stream of a connection."""

    connection: Connection
    start: int
    end: int


@dataclass(frozen=True)
class Delivery:
    """What was delivered: classes of octets, and what of whom."""

    classes: frozenset[str]
    got: tuple[str, ...] = ()  # "content(0)", "surplus", ... in order
    places: tuple[Place, ...] = ()
    whole: bool = False  # the whole content of the request's own final response

    @property
    def foreign(self) -> bool:
        return bool(self.classes & FOREIGN)

    @property
    def unattributed(self) -> bool:
        return "unattributed" in self.classes

    def sorted_classes(self) -> list[str]:
        return sorted(self.classes)


def label_of(run: Run) -> str:
    """A place in what was sent, for reasons: "content(0)", or "surplus", which answers nothing."""
    if run.kind == "surplus" or run.exchange is None:
        return run.kind
    return f"{run.kind}({run.exchange})"


def classify(
    told: Told,
    own: Iterable[Exchange],
    connections: Iterable[Connection],
    expected: Exchange | None,
    others: Iterable[Exchange] = (),
) -> Delivery:
    """Classes of what `told` delivered. `own` are the exchanges of its request, `expected` is the
    one whose final response it was to hand over, `others` those of other requests; `connections`
    are all of the run, the likeliest first."""
    if told.content_length == 0:
        whole = expected is not None and equals_final(told, expected)
        return Delivery(frozenset(("empty",)), whole=whole)
    candidates = [expected] if expected is not None else []
    candidates += [exchange for exchange in own if exchange is not expected]
    for exchange in candidates:
        if equals_final(told, exchange):
            return Delivery(frozenset(("own",)), (f"content({exchange.number})",), (), True)
    for exchange in candidates:
        if _is_part(told, exchange.final):
            classes = frozenset(("own", "partial"))
            return Delivery(classes, (f"content({exchange.number})",))
    streams = list(connections)
    places = _whole_run(told, streams)
    if not places and told.content_length == len(told.content):
        places = (
            _unframed(told.content, streams)
            or _runs(told.content, streams)
            or _broken_framing(told.content, streams)
        )
    if places:
        return _named(places, frozenset(exchange.number for exchange in candidates))
    # Content that the server did not keep, or that came with a coding, has no place in the stream.
    for exchange in others:
        if equals_final(told, exchange) or _is_part(told, exchange.final):
            return Delivery(frozenset(("other",)), (f"content({exchange.number})",))
    return Delivery(frozenset(("unattributed",)))


def equals_final(told: Told, exchange: Exchange) -> bool:
    """The whole content of the exchange's final response, raw or with its coding undone."""
    final = exchange.final
    return final is not None and final.complete and equals_sent(told, exchange, final)


def equals_sent(told: Told, exchange: Exchange, final: Final) -> bool:
    """All the content that was sent, whether or not that is the whole."""
    if exchange.method == "HEAD" or final.status in (204, 304):
        return told.content_length == 0
    if told.content_length == final.content_length and _agrees(told, final):
        return True
    decoded = decode(final)
    if decoded is None or told.content_length != len(decoded):
        return False
    return told.content == decoded or told.content_sha256 == sha256(decoded)


def decode(final: Final) -> bytes | None:
    """The content with its Content-Encoding undone: many clients hand it over so, as RFC 9110,
    section 8.4, lets them. None without a coding, or with one we cannot undo."""
    listed = ",".join(final.head.values("content-encoding"))
    codings = [coding.strip().lower() for coding in listed.split(",")]
    if not final.content_known or len(codings) != 1:
        return None
    windows = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}.get(codings[0], ())
    for bits in windows:
        try:
            return zlib.decompress(final.content, bits)
        except zlib.error:
            continue
    return None


def _agrees(told: Told, final: Final) -> bool:
    """Contents of one length are the same: by their hashes, else as far as both are at hand."""
    if told.content_sha256 is not None and final.content_sha256 is not None:
        return told.content_sha256 == final.content_sha256
    return _same_start(told, final)


def _same_start(told: Told, final: Final) -> bool:
    shorter = min(len(told.content), len(final.content))
    return told.content[:shorter] == final.content[:shorter]


def _is_part(told: Told, final: Final | None) -> bool:
    if final is None:
        return False
    if not final.content_known:
        return 0 < told.content_length < final.content_length and _same_start(told, final)
    return any(_lies_in(told, content) for content in (final.content, decode(final)) if content)


def _lies_in(told: Told, content: bytes) -> bool:
    start = content.find(told.content)
    if start < 0 or told.content_length == len(told.content):
        return start >= 0
    octets = content[start : start + told.content_length]
    return len(octets) == told.content_length and sha256(octets) == told.content_sha256


def _whole_run(told: Told, connections: Iterable[Connection]) -> tuple[Place, ...]:
    """One run of the raw stream. Of a long delivery only the first octets are at hand; the rest is
    proved by its hash."""
    for connection in connections:
        for start in _starts(connection, told):
            end = start + told.content_length
            if told.content_length > len(told.content):
                octets = connection.stream[start:end]
                if len(octets) < told.content_length or sha256(octets) != told.content_sha256:
                    continue
            return (Place(connection, start, end),)
    return ()


def _starts(connection: Connection, told: Told) -> Iterator[int]:
    """Where it may begin: at the first place that fits, or so that it ends with the stream. Where
    the same octets were sent again and again, the first place that fits is seldom the right one."""
    first = _find(connection, told.content, 0)
    if first >= 0:
        yield first
        tail = len(connection.stream) - told.content_length
        if tail > first and connection.stream.startswith(told.content, tail):
            yield tail


def _find(connection: Connection, octets: bytes, begin: int) -> int:
    """Like bytes.find on the sent stream, but never in what the server did not keep."""
    while True:
        start = connection.stream.find(octets, begin)
        if start < 0:
            return start
        end = start + len(octets)
        hole = next((b for a, b in connection.holes if a < end and start < b), None)
        if hole is None:
            return start
        begin = hole


def _unframed(octets: bytes, connections: Iterable[Connection]) -> tuple[Place, ...]:
    """One run of the stream without its framing lines."""
    for connection in connections:
        pieces = [run for run in connection.runs if run.kind != "framing"]
        if len(pieces) == len(connection.runs):
            continue
        joined = b"".join(connection.stream[run.start : run.end] for run in pieces)
        start = joined.find(octets)
        if start < 0:
            continue
        return tuple(_back(connection, pieces, start, start + len(octets)))
    return ()


def _back(connection: Connection, pieces: list[Run], start: int, end: int) -> Iterator[Place]:
    """The places in the stream of [start, end) of the joined pieces."""
    at = 0
    for piece in pieces:
        length = piece.end - piece.start
        first, last = max(start - at, 0), min(end - at, length)
        if first < last:
            yield Place(connection, piece.start + first, piece.start + last)
        at += length


def _runs(octets: bytes, connections: Iterable[Connection]) -> tuple[Place, ...]:
    """Several runs of one connection, in order: what a client delivers that takes lines out of the
    stream where an ideal reader sees none (chunks behind a 102 it believed, say)."""
    for connection in connections:
        places: list[Place] = []
        at = begin = 0
        while at < len(octets) and len(places) < MAX_RUNS:
            length, start = _longest(connection, octets, at, begin)
            if length < min(MIN_RUN, len(octets) - at) or (length < MIN_RUN and not places):
                break
            places.append(Place(connection, start, start + length))
            at, begin = at + length, start + length
        if at == len(octets):
            return tuple(places)
    return ()


def _broken_framing(octets: bytes, connections: Iterable[Connection]) -> tuple[Place, ...]:
    """Content from its beginning without its framing, and from some line on the stream as it came:
    what a client delivers that gives up reading chunks where one is malformed."""
    for connection in connections:
        for number in dict.fromkeys(run.exchange for run in connection.runs):
            pieces = [r for r in connection.runs if r.exchange == number and r.kind == "content"]
            joined = b"".join(connection.stream[run.start : run.end] for run in pieces)
            pairs = enumerate(zip(joined, octets, strict=False))
            same = next((at for at, (a, b) in pairs if a != b), min(len(joined), len(octets)))
            rest = octets[same:]
            if not same or len(rest) < MIN_RUN:
                continue
            places = tuple(_back(connection, pieces, 0, same))
            start = _find(connection, rest, places[-1].end)
            if start >= 0:
                return (*places, Place(connection, start, start + len(rest)))
    return ()


def _longest(connection: Connection, octets: bytes, at: int, begin: int) -> tuple[int, int]:
    """Length and offset of the longest prefix of octets[at:] in the stream from `begin` on."""
    low, high = 0, len(octets) - at
    best = (0, -1)
    while low < high:  # a prefix of what is found is found
        middle = (low + high + 1) // 2
        start = _find(connection, octets[at : at + middle], begin)
        if start >= 0:
            low, best = middle, (middle, start)
        else:
            high = middle - 1
    return best


def _named(places: tuple[Place, ...], own: frozenset[int]) -> Delivery:
    classes: set[str] = set()
    got: dict[str, None] = {}
    for place in places:
        for run in place.connection.runs_between(place.start, place.end):
            if run.kind == "content":
                mine = run.exchange in own
                classes.update(("own", "partial") if mine else ("other",))
                got[label_of(run)] = None
            else:
                classes.add(_CLASS_OF[run.kind])
                got[label_of(run)] = None
    return Delivery(frozenset(classes), tuple(got), places)
