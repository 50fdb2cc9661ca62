# SPDX-License-Identifier: MIT
"""Facts beside the outcome, each from the transcript wherever the server could see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..transcript import Connection, Exchange, sha256
from .delivered import Delivery
from .inputs import CLOCK_TOLERANCE_MS, Case, asks_again

#: What `facts:` in a scenario's expect may name, and what it may say.
FACT_KEYS: Mapping[str, str] = {
    "resent": "a number: how often the request was sent again without being asked",
    "request_body": "none, once, partial or twice: how much of the request's content arrived",
    "before_100": "yes or no: whether content arrived before the first 100 had left",
    "connection": "reused, fresh, poisoned, broken or untested: what the probe showed",
    "client_reset": "the code of the RST_STREAM with which the client ended the stream, or none",
    "client_goaway": "the code of the GOAWAY with which it gave up the connection, or none",
}

#: RFC 9110, section 9.2.2, with the registered methods of RFC 4918 and others that are idempotent
#: by their definition.
IDEMPOTENT = frozenset(
    (
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PROPPATCH", "MKCOL",
        "COPY", "MOVE", "UNLOCK", "REPORT", "SEARCH", "QUERY",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Resent:
    """One request that was made again."""

    method: str
    after: str  # nothing, interim, final: what of an answer had left before
    octets: bool  # whether any octet of an answer had left before
    connection: str  # same, new
    asked: bool
    refused: bool  # the server had said that it processed nothing of the request before
    exchange: int

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "after": self.after,
            "connection": self.connection,
            "asked": self.asked,
        }


def resent(case: Case) -> tuple[Resent, ...]:
    """Requests of the chain that repeat the one before, or that its answer asked for."""
    again = []
    for before, after in pairwise(case.chain):
        if after.method == "CONNECT":  # the request itself has not been sent yet
            continue
        asked = asks_again(before) or after.resource != before.resource
        octets = [
            run
            for run in case.transcript.connection_of(before).runs
            if run.exchange == before.number and run.left < after.at
        ]
        if before.final is not None and before.final.head.left < after.at:
            seen = "final"
        elif any(head.left < after.at for head in before.interims):
            seen = "interim"
        else:
            seen = "nothing"
        again.append(
            Resent(
                after.method,
                seen,
                bool(octets),
                "same" if after.conn == before.conn else "new",
                asked,
                _refused(before, after.at),
                after.number,
            )
        )
    return tuple(again)


def _refused(exchange: Exchange, by: float) -> bool:
    """RFC 9113, section 8.7: a request whose stream ends with REFUSED_STREAM can be repeated
    safely, whatever its method."""
    end = exchange.server_ended
    return end is not None and end[0] < by and end[1] == "rst_stream REFUSED_STREAM"


def unasked(again: tuple[Resent, ...]) -> tuple[Resent, ...]:
    return tuple(item for item in again if not item.asked)


# ---------------------------------------------------------------- the request's content


def request_body(case: Case) -> dict[str, Any]:
    """How much of the request's content arrived at the server, and whether before a 100."""
    if not case.body or not case.chain:
        return {"request_body": "none", "before_100": False}
    shares = [_share(case, exchange) for exchange in case.chain]
    early = any(
        share != "none" and _before_100(case, exchange)
        for share, exchange in zip(shares, case.chain, strict=True)
    )
    whole = "twice" if _twice(case) else max(shares, key=_SHARES.index)
    return {"request_body": whole, "before_100": early}


_SHARES = ("none", "partial", "once")


def _share(case: Case, exchange: Exchange) -> str:
    if exchange.body_length is None:
        return "partial" if _content_seen(case, exchange) else "none"
    if exchange.body_length == len(case.body):
        if exchange.body is None:
            return "once" if exchange.body_sha256 in (None, sha256(case.body)) else "none"
        return "once" if exchange.body == case.body else "none"
    if exchange.body is not None and not case.body.startswith(exchange.body):
        return "none"
    return "partial" if exchange.body_length else "none"


def _after_head(case: Case, exchange: Exchange) -> tuple[int, int]:
    """Where the exchange's content may lie among the client's octets on its connection."""
    start = exchange.offset + exchange.head_length
    later = [
        e.offset
        for e in case.transcript.exchanges
        if e.conn == exchange.conn and e.offset > exchange.offset
    ]
    received = case.transcript.connection_of(exchange).received
    end = max((piece.offset + piece.length for piece in received), default=start)
    return start, min(later, default=end)


def _content_seen(case: Case, exchange: Exchange) -> bool:
    if exchange.stream is not None:
        return any(_data_times(case, exchange))
    start, end = _after_head(case, exchange)
    return end > start


def _data_times(case: Case, exchange: Exchange) -> Iterator[float]:
    """When content came on the stream of this exchange (HTTP/2)."""
    for event in case.transcript.named("frame"):
        data = event.data
        if event.exchange == exchange.number and data["type"] == "DATA" and data.get("data_len"):
            yield event.at


def _before_100(case: Case, exchange: Exchange) -> bool:
    if not case.expects_continue or not exchange.has_field("expect"):
        return False
    hundreds = [head.left for head in exchange.interims if head.status == 100]
    first = min(hundreds, default=float("inf"))
    if exchange.stream is not None:
        return any(at < first for at in _data_times(case, exchange))
    start, end = _after_head(case, exchange)
    return any(
        piece.offset + piece.length > start and piece.offset < end and piece.at < first
        for piece in case.transcript.connection_of(exchange).received
    )


def _twice(case: Case) -> bool:
    """More copies of the content on a connection than requests that carry it."""
    if len(case.body) < 2:
        return False
    if any(exchange.stream is not None for exchange in case.chain):
        return any(exchange.body_length == 2 * len(case.body) for exchange in case.chain)
    for connection in case.main_connections:
        carriers = sum(exchange.conn == connection.number for exchange in case.chain)
        if sum(part.count(case.body) for part in _outside_heads(case, connection)) > carriers:
            return True
    return False


def _outside_heads(case: Case, connection: Connection) -> Iterator[bytes]:
    """What the client sent on a connection but for the heads of its requests: short content may
    stand in a field by accident, as "go" does in "User-Agent: got"."""
    at = 0
    for exchange in sorted(
        (one for one in case.transcript.exchanges if one.conn == connection.number),
        key=lambda one: one.offset,
    ):
        yield connection.received_between(at, exchange.offset)
        at = exchange.offset + exchange.head_length
    yield connection.received_between(at)


# ---------------------------------------------------------------- the rest


def closed_first(case: Case) -> dict[str, str] | None:
    """Who ended the (last) connection of the main request, or its stream, and how."""
    if not case.chain:
        return None
    client, server = case.chain[-1].client_ended, case.chain[-1].server_ended
    if client is not None and (server is None or client[0] <= server[0]):
        return {"by": "client", "how": client[1]}
    return None if server is None else {"by": "server", "how": server[1]}


def ended_by_client(case: Case) -> dict[str, str]:
    """On HTTP/2: how the client answered the response, where it did not just take it. A GOAWAY
    that says NO_ERROR is a farewell."""
    streams = {exchange.number for exchange in case.chain if exchange.stream is not None}
    resets = [
        str(event.data["error"])
        for event in case.transcript.named("client-reset")
        if event.exchange in streams
    ]
    goaways = [
        str(event.data["error"])
        for event in case.transcript.named("frame")
        if event.data.get("type") == "GOAWAY" and event.conn in case.carried
    ]
    given_up = [code for code in goaways if code != "NO_ERROR"]
    return {
        "client_reset": resets[0] if resets else "none",
        "client_goaway": given_up[0] if given_up else "none",
    }


def interim_seen(case: Case) -> dict[str, Any]:
    """What the client's interface showed of the interim responses."""
    events = case.main.interims
    what = "none"
    if events:
        what = "count"
    if any(event.get("status") is not None for event in events):
        what = "status"
    if any(event.get("fields") for event in events):
        what = "fields"
    final = case.scripted_final
    first = min((float(event["at"]) for event in events), default=None)
    early = None
    if first is not None and final is not None:
        if first < final.head.began - CLOCK_TOLERANCE_MS:
            early = True
        elif first >= final.head.left or final.head.left - final.head.began <= CLOCK_TOLERANCE_MS:
            early = False
    return {"what": what, "count": len(events), "early": early}


def timer_factor(case: Case, word: str) -> float | None:
    """How many times its timer the client waited; 1.0 is what was asked for.

    A total timer runs from the start. A timer for silence may be started again by every octet, or
    not: no RFC says. So it ran from the last octet after which it could have run out.
    """
    elapsed, started, ended = case.elapsed_ms, case.main.started, case.main.ended
    if word not in ("timeout", "hang") or elapsed is None or started is None or ended is None:
        return None
    factors = []
    if "total_ms" in case.timers:
        factors.append(elapsed / case.timers["total_ms"])
    if "read_ms" in case.timers:
        read = case.timers["read_ms"]
        begin = started
        if case.attempts == 1:
            begin = max(
                (left for began, left in case.octet_times if ended - began >= 0.9 * read),
                default=started,
            )
        factors.append((ended - max(begin, started)) / read)
    return round(max(factors), 2) if factors else None


def collect(case: Case, word: str, delivery: Delivery, again: tuple[Resent, ...]) -> dict[str, Any]:
    return {
        "told": case.main.told,
        "delivered": delivery.sorted_classes(),
        "shown_status": case.main.status,
        "timer_factor": timer_factor(case, word),
        "resent": [item.to_json() for item in again],
        **request_body(case),
        "interim_seen": interim_seen(case),
        "closed_first": closed_first(case),
        **ended_by_client(case),
        "attempts": case.attempts,
        "repeats": [],
    }


def of_probe(case: Case, delivery: Delivery | None) -> dict[str, Any] | None:
    if not case.probe_planned:
        return None
    return {
        "told": case.probe.told,
        "shown_status": case.probe.status,
        "delivered": [] if delivery is None else delivery.sorted_classes(),
    }


def nothing() -> dict[str, Any]:
    """The same keys where the case could not be judged."""
    return {
        "told": "nothing",
        "delivered": [],
        "shown_status": None,
        "timer_factor": None,
        "resent": [],
        "request_body": "none",
        "before_100": False,
        "interim_seen": {"what": "none", "count": 0, "early": None},
        "closed_first": None,
        "client_reset": "none",
        "client_goaway": "none",
        "attempts": 0,
        "repeats": [],
        "connection": "untested",
        "probe": None,
    }


def mismatches(expected: Mapping[str, Any], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Facts that are not what the scenario demands."""
    wrong = []
    for key, value in expected.items():
        got: Any = facts.get(key)
        if key == "resent":
            got = sum(not item["asked"] for item in facts["resent"])
        if _text(got) != _text(value):
            wrong.append({"fact": key, "expected": _text(value), "got": _text(got)})
    return wrong


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
