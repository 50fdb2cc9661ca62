# SPDX-License-Identifier: MIT
"""What happened, in one word: O1 to O12, the first that matches."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ..transcript import Exchange
from .delivered import Delivery, equals_sent
from .fields import differences
from .inputs import Case, asks_again

#: A client that ends a wait by itself without calling it a timeout did so by its timer if it
#: waited nearly as long.
_TIMER_SHARE = 0.9
#: By then a client with a timer has noticed that an attempt came to nothing.
_ATTEMPT_TIMERS = 3
#: Where the final response was all there for so long (share of the timer), a timeout may be the
#: machine's.
_DELIVERED_SHARE = 0.3


@dataclass(frozen=True)
class Outcome:
    word: str
    rule: str
    data: dict[str, Any] = field(default_factory=dict)
    damaged: str | None = None  # body, end or fields
    repeat: str | None = None

    def reason(self) -> dict[str, Any]:
        return {"rule": self.rule, **self.data}


def decide(case: Case, delivery: Delivery) -> Outcome:
    return (
        _died(case)
        or _interim_handed_over(case)
        or _never_ended(case)
        or _too_late(case)
        or (_failed(case, delivery) if case.main.failed else _succeeded(case, delivery))
    )


def _died(case: Case) -> Outcome | None:
    """O1. That it dies again is seen by running it again; that it lives without any 1xx, by the
    controls."""
    process = case.observation.process
    names = {event["event"] for event in case.observation.events}
    if process.state != "exited" or "done" in names:
        return None
    data: dict[str, Any] = {"during": "probe" if case.main.end is not None else "main"}
    if process.signal is not None:
        data["signal"] = process.signal
    else:
        data["exit_code"] = process.exit_code
    return Outcome("crash", "O1", data, repeat="the process died")


def _interim_handed_over(case: Case) -> Outcome | None:
    """O2: whatever came after: success, failure, silence. A code below 100 or of four digits is
    none of a final response either, and as plain to see: a client that hands over an 099 or a 1020
    is judged alike."""
    status = case.main.status
    if status is None or not (1 <= status <= 199 or status >= 1000):
        return None
    final = case.scripted_final
    if final is not None and final.status == status:
        return None
    return Outcome("interim", "O2", {"status": status})


def _never_ended(case: Case) -> Outcome | None:
    if case.main.end is not None:
        return None
    return _keeps_trying(case) or Outcome("hang", "O3", repeat="the client never ended the request")


def _keeps_trying(case: Case) -> Outcome | None:
    """O3a: it gave up each attempt in time and began another, by a policy of its own.

    Such a client (wget tries twenty times by default) is no client that hangs: its timers work,
    and so does its sense for answers that are none. Its user is told nothing yet, and what was sent
    again is judged by itself. Attempts that it gave up by its timer are a timeout; those that it
    refused, or that the server ended, are an error.
    """
    if len(case.chain) < 2:
        return None
    ends = set()
    for before, after in pairwise(case.chain):
        if asks_again(before):
            continue
        ended = _end_of_attempt(case, before, after)
        if ended is None:
            return None
        ends.add(ended)
    if not ends:
        return None
    data = {"attempts": len(case.chain), "ended_by": sorted(ends)}
    return Outcome("timeout" if "timer" in ends else "error", "O3a", data)


def _end_of_attempt(case: Case, before: Exchange, after: Exchange) -> str | None:
    """What ended an attempt (server, timer, client), if it was over within three timers of its last
    octet and before the next one began."""
    connection = case.transcript.connection_of(before)
    server, client = before.server_ended, before.client_ended
    if server is not None and server[0] <= after.at and (client is None or server[0] < client[0]):
        return "server"
    if case.timer_ms is None or (after.conn == before.conn and before.stream is None):
        return None
    given_up = client[0] if client is not None else after.at
    octets = [run.left for run in connection.runs if run.exchange == before.number]
    waited = given_up - max([before.at, *(left for left in octets if left <= given_up)])
    if waited > _ATTEMPT_TIMERS * case.timer_ms:
        return None
    whole = given_up - before.at
    by_timer = max(waited, whole) >= _TIMER_SHARE * min(case.timers.values())
    return "timer" if by_timer else "client"


def _too_late(case: Case) -> Outcome | None:
    """O4."""
    elapsed, limit = case.elapsed_ms, case.limit_ms
    if elapsed is None or limit is None or elapsed <= limit:
        return None
    data = {"elapsed_ms": round(elapsed), "limit_ms": round(limit)}
    return Outcome("hang", "O4", data, repeat="the client ended the request far too late")


def _failed(case: Case, delivery: Delivery) -> Outcome:
    told = case.main
    status = told.error_status
    if status is not None and 100 <= status <= 199:  # O5
        return Outcome("interim", "O5", {"status": status})
    final = None if case.final is None else case.final.status
    documented = final is not None and _names_status(case, final)
    if documented and (told.content_length == 0 or delivery.whole):  # O6
        return Outcome("final", "O6", {"status": final})
    if told.kind == "timeout" or _timer_in_disguise(case):  # O7
        return Outcome("timeout", "O7", {"kind": told.kind}, repeat=_starved(case))
    phase = told.error.get("phase")
    return Outcome("error", "O8", {"kind": told.kind, **({"phase": phase} if phase else {})})


def _names_status(case: Case, final: int) -> bool:
    """Whether the failure is the client's way to tell of this status. Some tools say by their exit
    status that the server answered 4xx or 5xx, and not which."""
    told = case.main
    if told.kind != "status":
        return False
    return told.error_status == final or (told.error_status is None and final >= 400)


def _timer_in_disguise(case: Case) -> bool:
    """Closed or other, the client was the first to close, and it had waited for its timer."""
    elapsed, limit, ended = case.elapsed_ms, case.limit_ms, case.main.ended
    if case.main.kind not in ("closed", "other") or elapsed is None or limit is None:
        return False
    if elapsed > limit or elapsed < _TIMER_SHARE * min(case.timers.values()):
        return False
    closed = any(exchange.client_ended is not None for exchange in case.chain)
    return closed and not any(
        exchange.server_ended is not None
        and ended is not None
        and exchange.server_ended[0] <= ended
        for exchange in case.chain
    )


def _starved(case: Case) -> str | None:
    final, ended = case.final, case.main.ended
    if final is None or final.completed is None or ended is None or case.timer_ms is None:
        return None
    if ended - final.completed > _DELIVERED_SHARE * case.timer_ms:
        return "a timeout although the final response had long been delivered"
    return None


def _succeeded(case: Case, delivery: Delivery) -> Outcome:
    if delivery.foreign:  # O9
        return Outcome("foreign", "O9", {"got": list(delivery.got)})
    final, exchange, shown = case.final, case.final_exchange, case.main.status
    never_sent = shown is None or final is None or not final.may_be(shown)
    if never_sent and case.observation.made_up(shown):  # O8a
        return Outcome("error", "O8a", {"kind": "protocol", "made_up": shown})
    if final is None or exchange is None or not final.may_be(shown):
        return Outcome("silent", "O12", _silence(case))
    differing = differences(case.main.response, final, exchange)
    if delivery.whole:
        if not differing:  # O10
            return Outcome("final", "O10", {"status": final.status or shown})
        return Outcome("damaged", "O11", {"part": "fields", "fields": differing}, "fields")
    if "partial" in delivery.classes or shown is not None:  # O11
        unconfirmed = final.unconfirmed and equals_sent(case.main, exchange, final)
        part = "end" if unconfirmed else "body"
        data = {
            "part": part,
            "delivered": case.main.content_length,
            "sent": final.content_length,
        }
        return Outcome("damaged", "O11", data, part)
    return Outcome("silent", "O12", _silence(case))


def _silence(case: Case) -> dict[str, Any]:
    return {"shown": case.main.status, "sent": None if case.final is None else case.final.status}
