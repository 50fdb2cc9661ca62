# SPDX-License-Identifier: MIT
"""The server's transcript JSON -> Transcript.

Classes come from the server and are refined in one way: what it sent for an exchange behind a
complete final response is surplus, whatever it looks like.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from . import transcript_h2
from .transcript import (
    OCTET_CLASSES,
    Connection,
    Event,
    Exchange,
    Final,
    Head,
    Received,
    Run,
    Send,
    Span,
    Transcript,
    TranscriptError,
    sha256,
)

# RFC 9112, section 4, read as every client in use reads it: the space before an absent reason
# phrase may be missing, and a line may end with a bare LF.
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([0-9]{3})(?: [^\n]*)?\r?\n?")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n\Z")
_LAST_CHUNK = re.compile(rb"(?:\A|\r\n)0+(?:[ \t]*;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n\Z")


@dataclass
class _Draft:
    """A connection while its events are being read."""

    number: int
    accepted: float | None = None
    sends: list[Send] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    client_closed: tuple[float, str] | None = None
    server_closed: tuple[float, str] | None = None
    h2: _H2Draft | None = None


@dataclass
class _H2Draft:
    """What an HTTP/2 connection has beside. A reset is that of an exchange's stream, a GOAWAY
    that of all streams."""

    meant: int = 0  # octets of the text that its frames mean, so far
    stream_ends: dict[int, tuple[float, float]] = field(default_factory=dict)
    client_resets: dict[int, tuple[float, str]] = field(default_factory=dict)
    server_resets: dict[int, tuple[float, str]] = field(default_factory=dict)
    client_goaway: tuple[float, str] | None = None
    server_goaway: tuple[float, str] | None = None


def read(data: Mapping[str, Any]) -> Transcript:
    try:
        return _read(data)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, TranscriptError):
            raise
        raise TranscriptError(f"not a transcript: {type(error).__name__}: {error}") from error


def _read(data: Mapping[str, Any]) -> Transcript:
    epoch = float(data["clock"]["realtime_ms"])
    drafts: dict[int, _Draft] = {}
    requests: dict[int, dict[str, Any]] = {}
    others: list[Event] = []
    for raw in data["events"]:
        _take(raw, epoch, drafts, requests, others)
    heads: dict[int, list[Head]] = defaultdict(list)
    connections = {}
    for number, draft in sorted(drafts.items()):
        draft.sends.sort(key=lambda send: send.offset)
        stream, holes = _stream_of(draft)
        refined, found = _refine(number, _runs_of(draft), stream, holes)
        for head in found:
            if head.exchange is not None:
                heads[head.exchange].append(head)
        connections[number] = Connection(
            number,
            draft.accepted,
            tuple(draft.sends),
            tuple(refined),
            stream,
            tuple(holes),
            tuple(draft.received),
            draft.client_closed,
            draft.server_closed,
            None if draft.h2 is None else draft.h2.stream_ends,
        )
    exchanges = [
        _exchange(number, request, heads[number], connections, drafts)
        for number, request in sorted(requests.items())
    ]
    return Transcript(
        run=str(data["run"]),
        scenario=str(data["scenario"]),
        transport=str(data.get("transport", "h1")),
        realtime_ms=epoch,
        complete=bool(data.get("complete", False)),
        dropped_events=int(data.get("dropped_events", 0)),
        late_requests=int(data.get("late_requests", 0)),
        connections=connections,
        exchanges=tuple(exchanges),
        events=tuple(others),
    )


def _take(
    raw: Mapping[str, Any],
    epoch: float,
    drafts: dict[int, _Draft],
    requests: dict[int, dict[str, Any]],
    others: list[Event],
) -> None:
    name = str(raw["event"])
    at = epoch + float(raw.get("t", raw.get("left", raw.get("first_left", 0.0))))
    conn = raw.get("conn")
    number = raw.get("exchange")
    draft = None
    if conn is not None:
        draft = drafts.setdefault(int(conn), _Draft(int(conn)))
    if name == "request":
        requests[int(raw["exchange"])] = {"at": at, "head": raw}
    elif name == "request-end" and number in requests:
        requests[number].update(ended=at, tail=raw)
    elif name == "turn" and number in requests:
        requests[number]["turn"] = at
    elif draft is not None and name in ("accept", "received", "send"):
        if name == "accept":
            draft.accepted = at
        elif name == "received":
            draft.received.append(_received(raw, at))
        elif transcript_h2.is_h2(raw):
            _take_frames(raw, at, epoch, draft)
        else:
            draft.sends.append(_send(raw, at, epoch))
    elif draft is not None and name in ("client-fin", "client-rst"):
        draft.client_closed = draft.client_closed or (at, name.removeprefix("client-"))
    elif draft is not None and name == "close":
        if raw.get("by", "server") == "server":
            draft.server_closed = draft.server_closed or (at, str(raw.get("how", "fin")))
        else:
            draft.client_closed = draft.client_closed or (at, str(raw.get("how", "fin")))
    else:
        if draft is not None:
            _take_answer(raw, at, name, draft)
        others.append(Event(at, name, conn, number, dict(raw)))


def _take_frames(raw: Mapping[str, Any], at: float, epoch: float, draft: _Draft) -> None:
    """A send on HTTP/2, by what it means."""
    h2 = draft.h2 = draft.h2 or _H2Draft()
    send = _send(transcript_h2.as_text(raw, h2.meant), at, epoch)
    h2.meant += send.length
    draft.sends.append(send)
    code = transcript_h2.goaway_code(raw)
    if code is not None:
        h2.server_goaway = h2.server_goaway or (send.began, f"goaway {code}")
    if send.exchange is None:
        return
    if transcript_h2.stream_ends(raw):
        h2.stream_ends.setdefault(send.exchange, (send.began, send.last_left))
    code = transcript_h2.reset_code(raw)
    if code is not None:
        h2.server_resets.setdefault(send.exchange, (send.began, f"rst_stream {code}"))


def _take_answer(raw: Mapping[str, Any], at: float, name: str, draft: _Draft) -> None:
    """A frame of the client that ends a stream, or all of them."""
    if name == "client-reset" and raw.get("exchange") is not None:
        h2 = draft.h2 = draft.h2 or _H2Draft()
        h2.client_resets.setdefault(int(raw["exchange"]), (at, f"rst_stream {raw['error']}"))
    elif name == "frame" and raw.get("type") == "GOAWAY":
        h2 = draft.h2 = draft.h2 or _H2Draft()
        h2.client_goaway = h2.client_goaway or (at, f"goaway {raw['error']}")


def _octets(raw: Mapping[str, Any], key: str) -> bytes | None:
    text = raw.get(key)
    if text is None:
        return None
    if not isinstance(text, str):
        raise TranscriptError(f"{key} of a {raw['event']} event is not text")
    return text.encode("latin-1")


def _received(raw: Mapping[str, Any], at: float) -> Received:
    octets = _octets(raw, "bytes")
    return Received(at, int(raw["offset"]), int(raw["len"]), octets)


def _send(raw: Mapping[str, Any], at: float, epoch: float) -> Send:
    octets = _octets(raw, "bytes")
    length = int(raw["len"])
    times = max(1, int(raw.get("times") or 1))
    unit = int(raw.get("unit_len", -(-length // times)))
    left = epoch + float(raw.get("left", raw.get("first_left", at - epoch)))
    began = min(left, epoch + float(raw.get("began", left - epoch)))
    due = raw.get("due")
    late = float(raw.get("worst_late", 0.0))
    if due is not None:
        late = max(late, left - epoch - float(due))
    return Send(
        exchange=raw.get("exchange"),
        step=raw.get("step"),
        due=None if due is None else epoch + float(due),
        began=began,
        left=left,
        last_began=epoch + float(raw.get("last_began", raw.get("last_left", began - epoch))),
        last_left=epoch + float(raw.get("last_left", left - epoch)),
        offset=int(raw.get("offset", 0)),
        length=length,
        data=octets or b"",
        unit_length=unit,
        spans=_spans(raw, unit),
        sha256=raw.get("sha256"),
        content_sha256=raw.get("content_sha256"),
        piece=raw.get("piece"),
        pieces=raw.get("pieces"),
        alone=str(raw.get("alone", "n/a")),
        unread_before=raw.get("unread_before"),
        late=late,
        times=tuple(_began_and_left(epoch, *times) for times in raw.get("first", []))
        or ((began, left),),
    )


def _began_and_left(
    epoch: float, due: float, left: float, began: float | None = None
) -> tuple[float, float]:
    return epoch + float(left if began is None else began), epoch + float(left)


def _spans(raw: Mapping[str, Any], unit: int) -> tuple[Span, ...]:
    """The spans of a send, which must cover every octet of one repetition."""
    if "spans" not in raw:  # a page that was too long to be kept
        return (Span(0, unit, "content"),)
    spans: list[Span] = []
    at = 0
    for start, end, kind in raw["spans"]:
        if kind not in OCTET_CLASSES:
            raise TranscriptError(f"unknown class of octets {kind!r}")
        if start != at or end < start:
            raise TranscriptError(f"span [{start}, {end}) of a send does not follow octet {at}")
        spans.append(Span(int(start), int(end), kind))
        at = int(end)
    if at < unit:
        raise TranscriptError(f"the spans of a send cover {at} of {unit} octets")
    return tuple(spans)


def _runs_of(draft: _Draft) -> list[Run]:
    return [run for send in draft.sends for run in send.runs()]


def _stream_of(draft: _Draft) -> tuple[bytes, list[tuple[int, int]]]:
    """All octets a connection sent, and the places the server kept none of."""
    stream = bytearray()
    holes = []
    for send in draft.sends:
        if send.offset != len(stream):
            raise TranscriptError(
                f"a send at offset {send.offset} of connection {draft.number} does not follow "
                f"offset {len(stream)}"
            )
        octets = send.octets
        if len(octets) < send.length:
            holes.append((send.offset + len(octets), send.end))
        stream += octets
        stream += bytes(send.length - len(octets))
    return bytes(stream), holes


def _refine(
    conn: int, runs: Iterable[Run], stream: bytes, holes: Sequence[tuple[int, int]]
) -> tuple[list[Run], list[Head]]:
    """Join the pieces of each head; turn what follows a complete final response into surplus."""
    refined: list[Run] = []
    heads: list[Head] = []
    final_of: set[int | None] = set()
    surplus_of: set[int | None] = set()
    for run in runs:
        if run.exchange in surplus_of:
            refined.append(replace(run, kind="surplus"))
        elif run.kind != "head":
            refined.append(run)
        elif _continues(heads, run):
            heads[-1] = _head(conn, run, stream, holes, heads[-1])
            refined.append(run)
        elif run.exchange in final_of:
            surplus_of.add(run.exchange)
            refined.append(replace(run, kind="surplus"))
        else:
            heads.append(_head(conn, run, stream, holes, None))
            refined.append(run)
        last = heads[-1] if heads and heads[-1].exchange == run.exchange else None
        if last is not None and last.complete and (last.status or 0) >= 200:
            final_of.add(run.exchange)
    return refined, heads


def _continues(heads: list[Head], run: Run) -> bool:
    if not heads or heads[-1].complete:
        return False
    return heads[-1].end == run.start and heads[-1].exchange == run.exchange


def _head(
    conn: int,
    run: Run,
    stream: bytes,
    holes: Sequence[tuple[int, int]],
    begun: Head | None,
) -> Head:
    start = begun.start if begun else run.start
    began = begun.began if begun else run.began
    if any(first < run.end and start < last for first, last in holes):
        return Head(conn, run.exchange, start, run.end, began, run.left, True, None, (), False)
    # A head may come in thousands of pieces: it is read when the last one is there.
    ends = _END_OF_HEAD.search(stream, max(start, run.end - 4), run.end)
    complete, status, fields = _parse_head(stream[start : run.end]) if ends else (False, None, ())
    return Head(conn, run.exchange, start, run.end, began, run.left, complete, status, fields)


@lru_cache(maxsize=64)
def _parse_head(sent: bytes) -> tuple[bool, int | None, tuple[tuple[str, str], ...]]:
    """Whether it is complete, its status, its fields. The same one often comes many times."""
    octets = sent.lstrip(b"\r\n")  # empty lines before it, RFC 9112, 2.2
    lines = octets.split(b"\n")
    match = _STATUS_LINE.fullmatch(lines[0])
    status = int(match[1]) if match else None
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        text = line.rstrip(b"\r").decode("latin-1")
        if not text.strip():
            continue
        if text[0] in " \t" and fields:  # obs-fold, RFC 9112, section 5.2
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text.strip()}".strip())
            continue
        name, _, value = text.partition(":")
        fields.append((name.rstrip(), value.strip(" \t")))
    if status is not None and status < 100:
        status = None
    return _END_OF_HEAD.search(octets) is not None, status, tuple(fields)


def _exchange(
    number: int,
    request: Mapping[str, Any],
    heads: list[Head],
    connections: Mapping[int, Connection],
    drafts: Mapping[int, _Draft],
) -> Exchange:
    raw, tail = request["head"], request.get("tail", {})
    client_ended, server_ended = _ends(number, drafts[int(raw["conn"])])
    exchange = Exchange(
        number=number,
        conn=int(raw["conn"]),
        at=request["at"],
        resource=str(raw.get("resource", "start")),
        visit=int(raw.get("visit", 1)),
        method=str(raw.get("method", "GET")),
        target=str(raw.get("target", "")),
        version=str(raw.get("version", "1.1")),
        fields=tuple((str(name), str(value)) for name, value in raw.get("fields", [])),
        queued=bool(raw.get("queued", False)),
        first_on_connection=bool(raw.get("first_on_connection", False)),
        offset=int(raw.get("offset", 0)),
        head_length=int(raw.get("head_len", 0)),
        body=_octets({"event": "request-end", **tail}, "body"),
        body_length=int(tail.get("body_len", 0)) if tail else None,
        body_sha256=tail.get("body_sha256"),
        ended=request.get("ended"),
        turn=request.get("turn"),
        heads=tuple(heads),
        final=None,
        stream=raw.get("stream"),
        client_ended=client_ended,
        server_ended=server_ended,
    )
    return replace(exchange, final=_final(exchange, connections))


def _ends(number: int, draft: _Draft) -> tuple[tuple[float, str] | None, tuple[float, str] | None]:
    """What ended the exchange on either side: its stream's end or its connection's, whatever came
    first."""
    if draft.h2 is None:
        return draft.client_closed, draft.server_closed
    h2 = draft.h2
    client = (h2.client_resets.get(number), h2.client_goaway, draft.client_closed)
    server = (h2.server_resets.get(number), h2.server_goaway, draft.server_closed)
    return (
        min((end for end in client if end is not None), default=None),
        min((end for end in server if end is not None), default=None),
    )


def _final(exchange: Exchange, connections: Mapping[int, Connection]) -> Final | None:
    connection = connections[exchange.conn]
    head = next(
        (h for h in exchange.heads if h.complete and _ends_exchange(h, exchange, connection)), None
    )
    if head is None:
        return None
    runs = [r for r in connection.runs if r.exchange == exchange.number and r.start >= head.end]
    content = [run for run in runs if run.kind == "content"]
    length = sum(run.end - run.start for run in content)
    octets = _known_start(connection, content)
    digest = sha256(octets) if len(octets) == length else None
    if digest is None:
        holders = [
            send
            for send in connection.sends
            if send.exchange == exchange.number
            and any(span.kind == "content" for span in send.spans)
        ]
        digest = holders[0].content_sha256 if len(holders) == 1 else None
    framing = b"".join(
        connection.stream[run.start : run.end] for run in runs if run.kind == "framing"
    )
    complete = _is_complete(exchange, head, length, framing, connection)
    ends = [(run.began, run.left) for run in runs if run.kind in ("content", "framing")]
    if connection.stream_ends is not None:
        ends.append(connection.stream_ends.get(exchange.number, (head.began, head.left)))
    completing = max([head.began, *(began for began, _ in ends)]) if complete else None
    completed = max([head.left, *(left for _, left in ends)]) if complete else None
    unconfirmed = not complete and _is_complete(
        exchange, head, length, framing, connection, ("fin", "abrupt")
    )
    return Final(head, octets, length, digest, complete, unconfirmed, completing, completed)


def _known_start(connection: Connection, runs: Iterable[Run]) -> bytes:
    """The octets of these runs up to the first one that the server did not keep."""
    octets = bytearray()
    for run in runs:
        hole = min((a for a, b in connection.holes if a < run.end and run.start < b), default=None)
        if hole is not None:
            octets += connection.stream[run.start : max(hole, run.start)]
            break
        octets += connection.stream[run.start : run.end]
    return bytes(octets)


def _ends_exchange(head: Head, exchange: Exchange, connection: Connection) -> bool:
    if not head.kept:  # only a final response has content
        after = connection.runs_between(head.end, head.end + 1)
        return any(run.exchange == exchange.number and run.kind == "content" for run in after)
    if head.status is None:
        return False
    if head.status >= 200:
        return True
    # RFC 9110, section 7.8: a 101 is the last response in HTTP/1.1 where it answers an offer.
    return head.status == 101 and head is exchange.heads[-1] and _offered(head, exchange)


def _offered(head: Head, exchange: Exchange) -> bool:
    asked = {
        token.strip().lower()
        for name, value in exchange.fields
        if name.lower() == "upgrade"
        for token in value.split(",")
    }
    given = {t.strip().lower() for value in head.values("upgrade") for t in value.split(",")}
    return bool(asked & given)


def _is_complete(
    exchange: Exchange,
    head: Head,
    length: int,
    framing: bytes,
    connection: Connection,
    ends: Sequence[str] = ("fin",),
) -> bool:
    """RFC 9112, section 6.3, for what was sent. On HTTP/2 the stream ends with the response."""
    if not head.kept:
        return True
    if connection.stream_ends is not None:  # RFC 9113, section 8.1
        return exchange.number in connection.stream_ends
    status = head.status or 0
    if exchange.method == "HEAD" or status in (204, 304) or status < 200:
        return True
    if exchange.method == "CONNECT" and status < 300:
        return True
    if any("chunked" in value.lower() for value in head.values("transfer-encoding")):
        return _LAST_CHUNK.search(framing) is not None
    lengths = {value.strip() for value in head.values("content-length")}
    if len(lengths) == 1 and (text := lengths.pop()).isascii() and text.isdigit():
        return length >= int(text)
    if lengths:
        return True  # its length cannot be known: nothing is missing for certain
    return connection.server_closed is not None and connection.server_closed[1] in ends
