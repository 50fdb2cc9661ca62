# SPDX-License-Identifier: MIT
"""What an innocent request that followed showed of the connection: K1 to K6, the first that
matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..transcript import Connection, Exchange, Final, Run
from .delivered import STATUS_TEXT, Delivery, label_of
from .inputs import CLOCK_TOLERANCE_MS, PROBE, Case
from .told import Told

VALUES = ("reused", "fresh", "poisoned", "broken", "untested", "error")

_ENVIRONMENT = ("refused", "tls")


@dataclass(frozen=True)
class Connected:
    value: str
    rule: str
    data: dict[str, Any] = field(default_factory=dict)
    #: poisoned by octets that the client could have known not to be the answer (floor G2)
    knowable: bool = False
    #: octets of one request were read as part of another (floor G3)
    request_side: bool = False

    def reason(self) -> dict[str, Any]:
        return {"rule": self.rule, **self.data}


def examine(case: Case, probe: Delivery | None) -> Connected:
    return (
        _request_side(case)
        or _untested(case)
        or _greeted(case, probe)
        or _poisoned(case, probe)
        or _answered(case, probe)
        or _failed(case)
    )


def _untested(case: Case) -> Connected | None:
    """K1: no second request is possible, or none was made."""
    why = None
    if not case.probe_planned:
        why = "no second request was planned"
    elif case.observation.can("second_request") == "none":
        why = "the client makes one request only"
    elif not _told_anything(case.probe) and not case.probes:
        if case.main.end is None:
            why = "the client never came so far"
        elif case.observation.process.state == "exited":
            why = "the process ended before"
    elif case.probe.failed and _spoken_to_first(case):
        why = "the server spoke first on the connection of the second request too"
    return None if why is None else Connected("untested", "K1", {"why": why})


def _spoken_to_first(case: Case) -> bool:
    """The probe was never sent: a new connection was made for it, and what the scenario sends when
    a connection is made came on that one as well. That asks the same question again."""
    # Without any request, the first connection is the one that was made for the main one.
    carried = case.carried or {min(case.transcript.connections, default=0)}
    return not case.probes and any(
        run.exchange is None
        for number, connection in case.transcript.connections.items()
        if number not in carried and _made_anew(case, connection)
        for run in connection.runs
    )


def _told_anything(told: Told) -> bool:
    return told.end is not None or told.response is not None


def _greeted(case: Case, probe: Delivery | None) -> Connected | None:
    """K1, for a server that sends a head on every connection before any request: a client that took
    it for the answer to the probe too, on a new connection, shows nothing of the one before."""
    told = case.probe
    status = told.status if told.status is not None else told.error_status
    if probe is None or not case.probes:
        return None
    touched = {exchange.conn for exchange in case.probes}
    touched |= {place.connection.number for place in probe.places}
    if touched & case.carried:
        return None
    for exchange in case.probes:
        connection = case.transcript.connection_of(exchange)
        for run, shown in _statuses(connection):
            if run.kind == "head" and run.exchange is None and shown == status:
                return Connected("untested", "K1", {"why": "a new connection began with that head"})
    return None


def _poisoned(case: Case, probe: Delivery | None) -> Connected | None:
    """K2: what came as the answer to the probe is not the answer that was sent to it."""
    followed = _followed_for_another(case)
    if followed is not None:
        data = {"probe": PROBE, "got": f"head({followed.number})"}
        return Connected("poisoned", "K2", data, knowable=_knowable(case))
    if probe is None:
        return None
    got = _foreign_status(case, probe)
    if got is None and probe.foreign:
        got = next((name for name in probe.got if not _is_own_content(case, name)), probe.got[0])
    elif got is not None and probe.foreign:
        got = next((name for name in probe.got if name.startswith("content")), got)
    if got is None:
        return None
    data = {"probe": PROBE, "got": got}
    return Connected("poisoned", "K2", data, knowable=_knowable(case))


def _followed_for_another(case: Case) -> Exchange | None:
    """The exchange whose redirection was followed for the probe: a request that the client was not
    asked for, made while nothing but the probe was under way, though no answer to the probe
    redirected it. What comes of it depends on the race between that request and the probe's answer,
    so the request itself is the witness."""
    if case.main.ended is None or not case.probes:
        return None
    own = {exchange.number for exchange in case.probes}
    since = max(case.main.ended + CLOCK_TOLERANCE_MS, case.probes[0].at)
    redirecting = {
        exchange.number: exchange
        for exchange in case.transcript.exchanges
        if exchange.final is not None and 300 <= (exchange.final.status or 0) <= 399
    }
    if not redirecting or own & set(redirecting):
        return None
    for exchange in case.transcript.exchanges:
        if exchange.number not in own and exchange.at > since and exchange.resource != "start":
            return max(redirecting.values(), key=lambda one: one.number)
    return None


def _is_own_content(case: Case, name: str) -> bool:
    return any(name == f"content({exchange.number})" for exchange in case.probes)


def _foreign_status(case: Case, probe: Delivery) -> str | None:
    """Where the status came from that was handed over for the probe, if not from its answer."""
    told = case.probe
    status = told.status if told.status is not None else told.error_status
    if status is None:
        return None
    own = _own_final(case)
    if own is not None and status == own.status:
        if probe.whole and case.probe.content_length:
            # The content names its exchange. Time would be the weaker witness: the server may be
            # kept from running between a send and the note of when it was.
            return None
        other = _announced_by_another(case, own)
        if other is not None:
            return f"head({other.number})"
        at = None if told.response is None else float(told.response["at"])
        if at is None or at >= own.head.began - CLOCK_TOLERANCE_MS:
            return None
    return _place_of(case, status)


def _announced_by_another(case: Case, own: Final) -> Exchange | None:
    """The exchange whose final head announces the length that was shown for the probe, where the
    probe's own head announces another one or none: the head of an answer to HEAD has no content
    that would name it, and may come so late that time does not tell either."""
    told = case.probe.response
    fields = () if told is None else told.get("fields") or ()
    shown = [value for name, value in fields if str(name).lower() == "content-length"]
    if not shown or shown == own.head.values("content-length"):
        return None
    connections = {exchange.conn for exchange in case.probes}
    for exchange in case.chain:
        announced = [] if exchange.final is None else exchange.final.head.values("content-length")
        if exchange.conn in connections and announced == shown:
            return exchange
    return None


def _place_of(case: Case, status: int) -> str | None:
    """Where such a status stands in what was sent, other than in the answer to the probe."""
    own = {exchange.number for exchange in case.probes}
    for connection in case.connections_of_probes_first:
        for run, shown in _statuses(connection):
            if shown == status and not (run.exchange in own and run.kind == "head"):
                return label_of(run)
    return None


def _statuses(connection: Connection) -> Iterator[tuple[Run, int]]:
    """What somebody could have read as a status, with the run that it stands in."""
    for start, octets in connection.known_parts():
        for match in STATUS_TEXT.finditer(octets):
            run = next(connection.runs_between(start + match.start(), start + match.end()))
            yield run, int(match[1])


def _own_final(case: Case) -> Final | None:
    return next((e.final for e in reversed(case.probes) if e.final is not None), None)


def _knowable(case: Case) -> bool:
    """The stray octets lay in front of the client before it asked again, or belonged to an exchange
    it had given up or taken as finished. Only octets that arrive behind the back of a client with
    nothing under way, after it has asked again, cannot be told from an answer."""
    if case.scenario.expect.class_ != "surplus" or not case.probes:
        return case.main.end is not None
    probe = case.probes[0]
    strays = [
        run.left
        for run in case.transcript.connection_of(probe).runs
        if run.kind == "surplus" and run.exchange != probe.number
    ]
    return not strays or min(strays) < probe.at


def _request_side(case: Case) -> Connected | None:
    """K3: octets of the probe were read as content of the main request, or the reverse. The
    frames of HTTP/2 leave no room for it."""
    if not case.body or any(exchange.stream is not None for exchange in case.chain):
        return None
    for exchange in case.chain:
        probe = _PROBE_LINE.search(_content_region(case, exchange))
        # What begins within the announced content was taken for content, or still will be.
        if probe and (exchange.body_length is None or probe.start() < exchange.body_length):
            return _request_desync("request(probe)", exchange)
    for event in case.transcript.named("bad-request"):
        carried = [e for e in case.chain if e.conn == event.conn]
        if carried and _is_rest_of_content(case, carried[-1]):
            return _request_desync("content(main)", carried[-1])
    return None


_REQUEST_LINE = re.compile(rb"[A-Z]+ /[^ \r\n]* HTTP/1\.[01]\r\n")
_PROBE_LINE = re.compile(rb"[A-Z]+ [^ \r\n]*/probe HTTP/1\.[01]\r\n")


def swallowed_request(case: Case) -> int | None:
    """The exchange that took a further request of the client for content it had announced and not
    sent; None if there is none. (That it was the probe is K3; it may be the main one, sent again.)
    """
    for exchange in case.chain if case.body else ():
        if exchange.stream is not None:
            continue
        line = _REQUEST_LINE.search(_content_region(case, exchange))
        if line is None or line[0] in case.body:
            continue
        if exchange.body_length is None or line.start() < exchange.body_length:
            return exchange.number
    return None


def _content_region(case: Case, exchange: Exchange) -> bytes:
    """What the client sent on the connection between this request's head and the next one that the
    server made out."""
    start = exchange.offset + exchange.head_length
    later = [
        e.offset
        for e in case.transcript.exchanges
        if e.conn == exchange.conn and e.offset > exchange.offset
    ]
    connection = case.transcript.connection_of(exchange)
    return connection.received_between(start, min(later) if later else None)


def _is_rest_of_content(case: Case, exchange: Exchange) -> bool:
    """Content of the main request stands where the server looks for a request line: it came for
    nobody, as the server had all of the request or had answered it."""
    region = _content_region(case, exchange)
    sample = case.body[-16:]
    codings = [value for name, value in exchange.fields if name.lower() == "transfer-encoding"]
    if any("chunked" in value.lower() for value in codings):
        return region.count(sample) > 1
    return sample in region[exchange.body_length or 0 :]


def _request_desync(what: str, exchange: Exchange) -> Connected:
    data = {"probe": PROBE, "read": what, "exchange": exchange.number}
    return Connected("poisoned", "K3", data, knowable=True, request_side=True)


def _answered(case: Case, probe: Delivery | None) -> Connected | None:
    """K4."""
    if not case.probe.ok or probe is None or not probe.whole or not case.probes:
        return None
    answered = next((e for e in reversed(case.probes) if e.final is not None), case.probes[-1])
    return Connected("reused" if answered.conn in case.carried else "fresh", "K4")


def _failed(case: Case) -> Connected:
    """K5 and K6: who broke it."""
    told = case.probe
    data: dict[str, Any] = {"probe": PROBE, "told": told.told}
    if told.kind is not None:
        data["kind"] = told.kind
    for exchange in case.probes:
        if exchange.conn in case.carried:
            return Connected("broken", "K5", data)
        if any(
            run.exchange == exchange.number for run in case.transcript.connection_of(exchange).runs
        ):
            return Connected("broken", "K5", {**data, "answered": True})
    if not case.probes and told.kind not in _ENVIRONMENT and not _asked_anew(case):
        # It never got as far as a connection: the object itself no longer works.
        return Connected("broken", "K5", {**data, "asked": False})
    return Connected("error", "K6", data)


def _asked_anew(case: Case) -> bool:
    """A new connection was made after the main request had ended."""
    return any(
        connection.number not in case.carried and _made_anew(case, connection)
        for connection in case.transcript.connections.values()
    )


def _made_anew(case: Case, connection: Connection) -> bool:
    ended = case.main.ended
    return (
        connection.accepted is not None
        and ended is not None
        and connection.accepted >= ended - CLOCK_TOLERANCE_MS
    )
