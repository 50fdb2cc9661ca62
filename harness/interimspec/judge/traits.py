# SPDX-License-Identifier: MIT
"""Traits: what a client does where nothing is required, in words that compare between clients.

Each function looks for the question in what was sent, not in the scenario's name, and answers
nothing where the exchange did not ask it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..transcript import Exchange, Head
from .connection import Connected
from .facts import Resent, interim_seen, unasked
from .inputs import Case

#: A timer that an interim response has restarted runs out this share of itself after it, or later.
_RESTARTED = 0.8
#: An interim response can show that only when it comes this share of the timer after the start.
_LEAD = 0.5
#: Content that comes so soon after a head has left was sent because of it.
_BECAUSE_MS = 300.0

_TIMER_NAMES = {"read_ms": "read_timer", "total_ms": "total_timer"}


def measure(
    case: Case, word: str, connected: Connected, again: tuple[Resent, ...]
) -> dict[str, Any]:
    """Every trait that this exchange shows."""
    found = dict(_timer(case, word))
    interims = [head for exchange in case.chain for head in exchange.interims]
    found |= _cookie(case, interims)
    found |= _location(case, interims)
    found |= _close(case, interims, connected)
    if case.scenario.expect.class_ == "trait":
        found |= _sent_again(case, word, again)
        found |= _content_sent(case)
        found |= _shown(case, word, interims)
    return found


def _timer(case: Case, word: str) -> Iterator[tuple[str, str]]:
    """Whether an interim response restarts the timer, leaves it running or stops it for good. It
    shows where that timer is the only one, and a response came well after the start."""
    if len(case.timers) != 1 or case.attempts > 1 or not case.octet_times:
        return
    ((name, timer),) = case.timers.items()
    started, elapsed = case.main.started, case.elapsed_ms
    scenario = case.scenario
    if word == "hang" and elapsed is None:
        # Octets without end may restart a timer without end, and the server's close ends any wait.
        if scenario.script_ms is not None and not scenario.server_ends:
            yield _TIMER_NAMES[name], "never runs out after an interim response"
    elif word == "timeout" and started is not None and elapsed is not None:
        lead = case.octet_times[-1][0] - started
        if lead >= _LEAD * timer:
            restarted = elapsed - lead > _RESTARTED * timer
            yield (
                _TIMER_NAMES[name],
                "restarted by interim responses" if restarted else "not restarted",
            )


def _cookie(case: Case, interims: list[Head]) -> dict[str, str]:
    """Whether a cookie that only interim responses set comes back, and one of the final response,
    without which the former says nothing: many clients keep no cookies at all by default."""
    finals = [e.final.head for e in case.chain if e.final is not None]
    of_final = {cookie.split("=")[0] for head in finals for cookie in head.values("set-cookie")}
    of_interim = {
        cookie.split("=")[0]
        for head in interims
        for cookie in head.values("set-cookie")
        if cookie.split("=")[0] not in of_final
    }
    if not case.probes:
        return {}
    sent = {
        pair.strip().split("=")[0]
        for exchange in case.probes
        for name, value in exchange.fields
        if name.lower() == "cookie"
        for pair in value.split(";")
    }
    asked = {"cookie_of_interim": of_interim, "cookie_of_final": of_final}
    return {
        trait: "comes back" if names & sent else "does not come back"
        for trait, names in asked.items()
        if names
    }


def _location(case: Case, interims: list[Head]) -> dict[str, str]:
    """Whether it goes where an interim response points, with no redirect to the same place."""
    finals = [e.final.head for e in case.chain if e.final is not None]
    redirects = {place for head in finals for place in head.values("location")}
    places = {place for head in interims for place in head.values("location")} - redirects
    if not places:
        return {}
    followed = any(
        exchange.target == place
        or exchange.target.endswith(place)
        or place.endswith(exchange.target)
        for place in places
        for exchange in case.chain[1:]
    )
    return {"location_of_interim": "followed" if followed else "not followed"}


def _close(case: Case, interims: list[Head], connected: Connected) -> dict[str, str]:
    """What `Connection: close` in an interim response does to a connection that the final response
    leaves open."""
    final = case.final
    if final is None or _says_close(final.head) or not any(map(_says_close, interims)):
        return {}
    answers = {"reused": "connection kept", "fresh": "connection given up"}
    answer = answers.get(connected.value)
    return {} if answer is None else {"close_in_interim": answer}


def _says_close(head: Head) -> bool:
    options = [option for value in head.values("connection") for option in value.split(",")]
    return any(option.strip().lower() == "close" for option in options)


def _sent_again(case: Case, word: str, again: tuple[Resent, ...]) -> dict[str, Any]:
    """How often the request was made again when the connection had ended after an interim
    response."""
    ended = (
        exchange.server_ended
        for exchange in case.chain
        if exchange.interims and exchange.final is None
    )
    if not any(ended):
        return {}
    times = sum(item.after == "interim" for item in unasked(again))
    if not times and word == "interim":
        # It had its answer, or so it thought: the end of the connection put no question to it, and
        # whether that end or the client's own came first is a race.
        return {}
    return {"sent_again": times}


def _content_sent(case: Case) -> dict[str, str]:
    """What a client that has asked for a 100 takes for the permission to send its content."""
    if not case.expects_continue or not case.chain:
        return {}
    exchange = case.chain[0]
    if not exchange.has_field("expect"):
        return {"content_sent": "at once, without Expect"}
    came = _first_content(case, exchange)
    if came is None:
        return {"content_sent": "never"}
    before = [head for head in exchange.interims if head.left <= came]
    if not before:
        return {"content_sent": "before any response"}
    last = before[-1]
    if last.status == 100 or came - last.left < _BECAUSE_MS:
        return {"content_sent": f"on the {last.status}"}
    return {"content_sent": "without permission, after a while"}


def _first_content(case: Case, exchange: Exchange) -> float | None:
    start = exchange.offset + exchange.head_length
    received = case.transcript.connection_of(exchange).received
    return min((p.at for p in received if p.offset + p.length > start), default=None)


def _shown(case: Case, word: str, interims: list[Head]) -> dict[str, str]:
    """How much of interim responses the application gets to see, and when."""
    if word != "final" or not interims:
        return {}
    seen = interim_seen(case)
    what = {"none": "nothing", "count": "that there were some"}.get(seen["what"], seen["what"])
    when = ""
    if seen["early"] is not None:
        when = ", before the final response" if seen["early"] else ", with the final response"
    return {"interim_shown": what + when}
