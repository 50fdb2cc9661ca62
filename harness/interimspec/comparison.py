# SPDX-License-Identifier: MIT
"""The same exchange without an interim response: what a scenario is compared with.

A client that fails an exchange with a 102 may fail it without one as well: it obeys a Retry-After
for ever, or discards a response that is followed by RST_STREAM. So a scenario of class serve that
sends an interim response names, as `compare_with`, one that sends none and asks for the same
otherwise. A report counts a failure against interim responses only where that one went better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .scenario import Scenario
from .scenario_reader import ParamSpec
from .scenario_script import Script

_STATUS_LINE = re.compile(rb"^HTTP/[0-9.]+ +([0-9]{3})\b", re.MULTILINE | re.IGNORECASE)


def statuses_of(script: Script, params: Mapping[str, ParamSpec]) -> tuple[int, ...]:
    """The statuses that a script sends, interim and final, however it says them."""
    return tuple(_statuses(script, params))


def _statuses(script: Script, params: Mapping[str, ParamSpec]) -> Iterator[int]:
    raw = b""
    for step in script:
        if step.verb == "send":
            raw += step.octets  # a status line may be cut over several steps
        elif step.respond is not None:
            yield from _in_octets(raw)
            raw = b""
            yield step.respond.status.value(params)
        for frame in step.frames:
            if frame.kind == "headers" and frame.status is not None:
                yield frame.status.value(params)
            elif frame.kind == "headers":
                yield from (int(v) for v in frame.values_of(b":status") if v.isdigit())
    yield from _in_octets(raw)


def _in_octets(octets: bytes) -> Iterator[int]:
    return (int(found[1]) for found in _STATUS_LINE.finditer(octets))


def sends_interim(scenario: Scenario) -> bool:
    """Whether anything that it plays is an interim response."""
    scripts = [visit for visits in scenario.resources.values() for visit in visits]
    if scenario.on_connect is not None:
        scripts.append(scenario.on_connect)
    return any(
        100 <= status < 200 for one in scripts for status in statuses_of(one, scenario.params)
    )


def needs_comparison(scenario: Scenario) -> bool:
    return scenario.expect.class_ == "serve" and sends_interim(scenario)


def what_differs(scenario: Scenario, other: Scenario) -> str | None:
    """Why the one cannot be compared with the other, or None. Fields, content and pauses may
    differ: that is for the author to judge."""
    if sends_interim(other):
        return "sends an interim response itself"
    missing = [name for name in scenario.transports if name not in other.transports]
    if missing:
        return f"does not play over {', '.join(missing)}"
    if other.expect.class_ != scenario.expect.class_:
        return f"is of class {other.expect.class_}, not {scenario.expect.class_}"
    for what in ("method", "expect_continue", "tunnel"):
        if getattr(scenario.request, what) != getattr(other.request, what):
            return f"has another request: {what}"
    if (scenario.request.body is None) != (other.request.body is None):
        return "has another request: body"
    if scenario.h2 != other.h2:
        return "has other settings of HTTP/2"
    mine, others = _answers(scenario), _answers(other)
    if mine != others:
        return f"is answered with {_words(others)}, not {_words(mine)}"
    return None


def _answers(scenario: Scenario) -> list[tuple[int, ...]]:
    """The final statuses of each visit to the resource that is asked for; the last repeats."""
    answers = [
        tuple(status for status in statuses_of(visit, scenario.params) if status >= 200)
        for visit in scenario.resources["start"]
    ]
    while answers[1:] and answers[-1] == answers[-2]:
        answers.pop()
    return answers


def _words(answers: list[tuple[int, ...]]) -> str:
    return "; ".join(" ".join(map(str, visit)) or "nothing" for visit in answers)
