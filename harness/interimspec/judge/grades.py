# SPDX-License-Identifier: MIT
"""What an outcome is worth: the class table, the scenario's own grades and facts, and the floors.

Whatever `expect` says, the floors G1 to G13 are applied after it, and the worse of the two wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..scenario_expect import OUTCOMES
from .connection import Connected, swallowed_request
from .delivered import Delivery
from .facts import IDEMPOTENT, Resent, mismatches, unasked
from .inputs import Case
from .outcome import Outcome

#: From best to worst. unsupported, inconclusive and error stand apart: they say nothing about the
#: client.
SEVERITY = ("pass", "info", "warn", "fail", "danger")
GRADES = (*SEVERITY, "unsupported", "inconclusive", "error")

_WRONG = {"foreign": "danger", "silent": "danger", "damaged": "danger"}

CLASS_TABLE: Mapping[str, Mapping[str, str]] = {
    "serve": {
        "final": "pass", "interim": "fail", **_WRONG,
        "error": "fail", "timeout": "fail", "hang": "fail", "crash": "fail",
    },
    "limit": {
        "final": "pass", "interim": "fail", **_WRONG,
        "error": "info", "timeout": "fail", "hang": "fail", "crash": "fail",
    },
    "timer": {
        "final": "info", "interim": "fail", **_WRONG,
        "error": "fail", "timeout": "info", "hang": "fail", "crash": "fail",
    },
    "unfinished": {
        "final": "error", "interim": "fail", **_WRONG,
        "error": "pass", "timeout": "pass", "hang": "fail", "crash": "fail",
    },
    "garbage": {
        "final": "warn", "interim": "fail", **_WRONG,
        "error": "pass", "timeout": "pass", "hang": "fail", "crash": "fail",
    },
    "surplus": {
        "final": "pass", "interim": "fail", **_WRONG,
        "error": "warn", "timeout": "warn", "hang": "fail", "crash": "fail",
    },
    "odd": {
        "final": "pass", "interim": "fail", **_WRONG,
        "error": "info", "timeout": "fail", "hang": "fail", "crash": "fail",
    },
    "malformed": {
        "final": "fail", "interim": "fail", **_WRONG,
        "error": "pass", "timeout": "warn", "hang": "fail", "crash": "fail",
    },
    "trait": {
        "final": "info", "interim": "info", **_WRONG,
        "error": "info", "timeout": "info", "hang": "fail", "crash": "fail",
    },
}  # fmt: skip

assert all(set(row) == set(OUTCOMES) for row in CLASS_TABLE.values())

#: Classes whose script breaks the framing itself, or (malformed) gives leave to give up the whole
#: connection (RFC 9113, section 5.4.1): one that does not survive that is worth a remark, no more.
_SERVER_BROKE = frozenset(("garbage", "surplus", "odd", "malformed"))
_TIMER_FACTOR = 1.5
#: So long after the user was told of it, the end of a connection still belongs to the failure.
_ANSWER_MS = 50.0


def worse(one: str, other: str) -> str:
    return max(one, other, key=SEVERITY.index)


def base(case: Case, outcome: Outcome, connected: Connected) -> str:
    """The grade by class and `expect`, before any floor."""
    expect = case.scenario.expect
    if outcome.word in expect.grades:
        return str(expect.grades[outcome.word])
    if outcome.damaged in ("fields", "end"):
        return "pass"  # the table speaks of a damaged body; floors G7 and G11 speak of these
    if _is_harmless_101(expect.class_, outcome, connected):
        return "warn"
    if _refused_behind_invalid_code(case, outcome):
        return "warn"
    word = outcome.word
    if _waits_without_timer(case, outcome):
        word = "timeout"
        if word in expect.grades:
            return str(expect.grades[word])
    return CLASS_TABLE[expect.class_][word]


def _is_harmless_101(class_: str, outcome: Outcome, connected: Connected) -> bool:
    """A client that hands over an unasked 101 has switched protocols, as far as it knows: wrong,
    but nobody is hurt if it does not use the connection for HTTP again."""
    return (
        class_ == "odd"
        and outcome.word == "interim"
        and outcome.data.get("status") == 101
        and connected.value not in ("reused", "poisoned", "broken")
    )


def _refused_behind_invalid_code(case: Case, outcome: Outcome) -> bool:
    """A code like 1020 handed over as what RFC 9110, section 15, makes of it, a final response of
    some sort, and the head behind it refused as RFC 9113, section 8.1, asks."""
    status = outcome.data.get("status")
    return (
        case.scenario.expect.class_ == "malformed"
        and outcome.word == "interim"
        and isinstance(status, int)
        and not 100 <= status <= 199
        and case.main.failed
        and case.main.content_length == 0
    )


def _waits_without_timer(case: Case, outcome: Outcome) -> bool:
    """A client for which the scenario has no timer waits for ever where another one is saved by its
    user's. Both do the same, and no RFC asks a client to have timers. Where the server ended the
    connection no timer is needed to see it."""
    return (
        outcome.word == "hang"
        and outcome.rule == "O3"
        and not case.timers
        and not case.scenario.server_ends
    )


def without_timer(case: Case, outcome: Outcome) -> str | None:
    """Why a hang is not the client's fault: only a timer could have ended the exchange, and the
    client has none that could. What it has is the trait."""
    if outcome.word != "hang" or outcome.rule != "O3":
        return None
    scenario = case.scenario
    if scenario.has_final or scenario.server_ends:
        return None
    if not case.timers:
        return "none"
    if set(case.timers) == {"read_ms"} and scenario.script_ms is None:
        return "read"  # octets without end: a timer for silence does what it says
    return None


def floors(
    case: Case,
    outcome: Outcome,
    delivery: Delivery,
    connected: Connected,
    again: tuple[Resent, ...],
    factor: float | None,
) -> Iterator[tuple[str, str]]:
    """The floors that apply, with the grade each one demands at least."""
    told_ok = case.main.ok
    if told_ok and (outcome.word in ("foreign", "silent") or outcome.damaged == "body"):
        yield "G1", "danger"
    if connected.request_side or swallowed_request(case) is not None:
        yield "G3", "danger"
    elif connected.value == "poisoned" and connected.knowable:
        yield "G2", "danger"
    repeated = unasked(again)
    believed = [item for item in repeated if item.octets and not item.refused]
    if any(item.method not in IDEMPOTENT for item in believed):
        yield "G4", "danger"
    if case.main.failed and delivery.foreign:
        yield "G5", "warn"
    if connected.value == "broken":
        yield "G6", "warn" if case.scenario.expect.class_ in _SERVER_BROKE else "fail"
    if told_ok and outcome.damaged == "fields":
        yield "G7", "fail"
    if factor is not None and factor / case.attempts > _TIMER_FACTOR:
        yield "G8", "warn"
    if any(item.after == "interim" and item.method in IDEMPOTENT for item in repeated):
        yield "G9", "info"
    # All that was sent, but nobody had confirmed that it was all. RFC 9112, sections 8 and 9.8,
    # calls the response incomplete, and bids a client record that and "recover gracefully"; what
    # its user is told they leave open. So many servers close without the alert that most clients
    # put up with it on purpose, and it takes somebody on the path to make harm of it.
    if told_ok and outcome.damaged == "end":
        yield "G11", "warn"
    # A head was handed over that nobody had sent; whether a failure follows is luck.
    if case.made_up_status is not None:
        yield "G13", "fail"
    if case.scenario.expect.class_ == "malformed" and outcome.word == "error" and left_open(case):
        yield "G10", "warn"
    # Who looks at the status sees that it failed, and blames the server, or asks it again: there is
    # no way to tell it from an answer.
    if outcome.rule == "O8a":
        yield "G12", "warn"


def left_open(case: Case) -> bool:
    """The client refused a response that went on, and did not tell the server: a malformed response
    is a stream error, and that is answered by RST_STREAM or the end of the connection (RFC 9113,
    sections 8.1.1 and 5.4). A stream that the server has ended needs no answer."""
    if not case.chain or case.chain[-1].stream is None:
        return False
    exchange = case.chain[-1]
    connection = case.transcript.connection_of(exchange)
    told = case.main.ended
    ends = [(connection.stream_ends or {}).get(exchange.number), exchange.server_ended]
    if told is None or any(end is not None and end[0] <= told for end in ends):
        return False
    answer = exchange.client_ended
    if answer is None:
        return True
    # A connection that is only closed with the client object, behind the next request, is none.
    until = case.probes[0].at if case.probes else told + _ANSWER_MS
    return not answer[1].startswith("rst_stream") and answer[0] > until


def wrong_facts(case: Case, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return mismatches(case.scenario.expect.facts, facts)
