# SPDX-License-Identifier: MIT
"""V7: the adapter and the server contradict each other. That is a result of its own and says
nothing about the client: one of the two witnesses is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from .delivered import FOREIGN, PLAIN_CODE, STATUS_TEXT, VERSION, Delivery, equals_final
from .inputs import CLOCK_TOLERANCE_MS, PROBE, Case
from .validity import Invalid

_EARLIEST_TIMEOUT = 0.5
#: How transcript_h2.py writes a second `:status` of one section.
_SECOND_STATUS = re.compile(rb"\r\n:status: ([0-9]{1,9})")
#: Adapters of tools learn of the end of a transfer after the fact, and of its start from the tool's
#: own arithmetic. An order that is wrong by more than this was not observed as it happened.
_ORDER_TOLERANCE_MS = 500.0


def check(case: Case, main: Delivery, probe: Delivery | None) -> Invalid | None:
    checks: tuple[Callable[[Case, Delivery, Delivery | None], str | None], ...] = (
        _invented_content,
        _too_early,
        _invented_interims,
        _early_timeout,
        _invented_final,
        _unseen_probe,
        _timeline,
    )
    for letter, rule in zip("abcdefg", checks, strict=True):
        what = rule(case, main, probe)
        if what is not None:
            return Invalid(f"V7{letter}", "error", "witness", what, repeat=True)
    return None


def _invented_content(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7a: told ok with octets that no connection carried."""
    for told, delivery in ((case.main, main), (case.probe, probe)):
        if delivery is not None and told.ok and delivery.unattributed:
            return (
                f"{told.name} delivered {told.content_length} octets that the server never sent: "
                f"{told.content[:60]!r}"
            )
    return None


def _too_early(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7b: the final response, or its content, before it had left the server. A client that makes
    up a status for other octets has delivered those: that is foreign, not a contradiction. On
    HTTP/2 it can make one up without: floor G13."""
    final, status, response = case.scripted_final, case.main.status, case.main.response
    if main.classes & FOREIGN or case.made_up_status is not None:
        return None
    if response is not None and final is not None and status is not None and status == final.status:
        at = float(response["at"])
        if at < final.head.began - CLOCK_TOLERANCE_MS:
            first = min(_times_of(case, status), default=at)
            if at < first - CLOCK_TOLERANCE_MS:
                return f"the {status} was reported {first - at:.0f} ms before it left the server"
    ended = case.main.ended
    if not case.main.ok or not case.main.content_length or ended is None:
        return None
    completed = [
        exchange.final.completing
        for exchange in case.chain
        if exchange.final is not None and equals_final(case.main, exchange)
    ]
    when = min((time for time in completed if time is not None), default=None)
    if when is not None and ended < when - CLOCK_TOLERANCE_MS:
        return f"the content was complete {when - ended:.0f} ms before it had left the server"
    return None


def _times_of(case: Case, status: int) -> list[float]:
    """The moments before which no head of this status left, on any connection. On HTTP/2 a head may
    say another one besides, and be read as that."""
    times = []
    for connection in case.transcript.connections.values():
        for start, octets in connection.known_parts():
            for match in (*STATUS_TEXT.finditer(octets), *_SECOND_STATUS.finditer(octets)):
                if int(match[1]) == status:
                    runs = connection.runs_between(start + match.start(), start + match.end())
                    times.append(max(run.began for run in runs))
    return times


def _seen(case: Case) -> Counter[int]:
    return Counter(
        int(match[1])
        for connection in case.transcript.connections.values()
        for _, octets in connection.known_parts()
        for match in STATUS_TEXT.finditer(octets)
    )


def _odd_codes(case: Case) -> int:
    """How often something stood behind a version that may be read as this status or that: another
    length than three digits, another distance than one space."""
    return sum(
        PLAIN_CODE.match(octets, match.end()) is None
        for connection in case.transcript.connections.values()
        for _, octets in connection.known_parts()
        for match in VERSION.finditer(octets)
    )


def _any_unknown(case: Case) -> bool:
    """Whether the server did not keep all octets, so that nothing can be called never sent."""
    return any(connection.holes for connection in case.transcript.connections.values())


def _invented_interims(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7c: more interim responses than were sent, in all or of one status."""
    told = [*case.main.interims, *case.probe.interims]
    if not told or _any_unknown(case):
        return None
    seen = _seen(case)
    odd = _odd_codes(case)
    named = Counter(int(event["status"]) for event in told if event.get("status") is not None)
    for status, count in named.items():
        if count > seen[status] + odd:
            return f"{count} interim responses {status} reported, {seen[status]} sent"
    interims = sum(count for status, count in seen.items() if 100 <= status <= 199)
    if len(told) > interims + odd:
        return f"{len(told)} interim responses reported, {interims} sent"
    return None


def _early_timeout(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7d: no timer of the plan can have run out."""
    timers = list(case.timers.values())
    connect = (case.observation.plan.get("timers") or {}).get("connect_ms")
    if connect:
        timers.append(int(connect))
    elapsed = case.elapsed_ms
    if case.main.kind != "timeout" or not timers or elapsed is None:
        return None
    if elapsed < _EARLIEST_TIMEOUT * min(timers):
        return f"a timeout was told after {elapsed:.0f} ms, the shortest timer is {min(timers)} ms"
    return None


def _invented_final(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7e: a final status that was on no wire. A client that makes up a status for octets without
    a status line has delivered those octets: that is foreign, not a contradiction. One that
    delivers nothing with it is believed only where its manifest says so (O8a)."""
    status = case.main.status
    if status is None or status < 200 or main.classes & FOREIGN or _any_unknown(case):
        return None
    if case.observation.made_up(status) or case.made_up_status is not None:
        return None
    if any(head.status == status for exchange in case.chain for head in exchange.heads):
        return None
    if _seen(case)[status]:
        return None
    return f"a final response {status} was reported, and none was sent"


def _unseen_probe(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7f: an answer to a request that never arrived, unless it is the answer to another one."""
    if not case.probe.ok or case.probes or probe is None or probe.foreign:
        return None
    status = case.probe.status
    if status is not None and (status == _left_over(case) or case.observation.made_up(status)):
        return None
    if case.probe.status is not None and 100 <= case.probe.status <= 199:
        return None
    return "the probe was reported as answered, and the server never saw it"


def _left_over(case: Case) -> int | None:
    """The status of a final response that was sent to the main request, and that the client had not
    handed over for it: it lay there to be read as the answer to the next."""
    final = case.final
    if final is None or case.main.status is None or final.may_be(case.main.status):
        return None
    return final.status


def _timeline(case: Case, main: Delivery, probe: Delivery | None) -> str | None:
    """V7g: an order of events that the server saw otherwise."""
    started, ended = case.main.started, case.main.ended
    if started is not None and case.chain:
        early = started - case.chain[0].at
        if early > _ORDER_TOLERANCE_MS:
            return f"the request reached the server {early:.0f} ms before it was started"
    request = case.requests.get(PROBE, {})
    if (
        ended is None
        or not case.probes
        or request.get("start", "after-previous") != ("after-previous")
    ):
        return None
    early = ended - case.probes[0].at
    if early > _ORDER_TOLERANCE_MS:
        return f"the probe reached the server {early:.0f} ms before the request before it had ended"
    return None
