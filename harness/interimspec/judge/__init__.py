# SPDX-License-Identifier: MIT
"""The judge: scenario, transcript and observation in, verdict out. No input, no output, no clock.

The rules, in the order in which they are applied, each in its module:

    validity.py    V1 to V6    can the case be judged at all?
    delivered.py               whose octets were delivered?
    witness.py     V7          do the adapter and the server agree?
    outcome.py     O1 to O12   what happened, in one word
    connection.py  K1 to K6    what the probe showed
    facts.py                   what else is known
    grades.py      G1 to G13   what it is worth: class, `expect`, floors
    sentence.py                the same for people
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..observation import Observation
from ..scenario_expect import OUTCOMES
from ..transcript import Connection, Transcript
from . import connection, facts, grades, outcome, sentence, traits, validity, witness
from .delivered import Delivery, classify
from .facts import FACT_KEYS
from .grades import CLASS_TABLE, GRADES, SEVERITY
from .inputs import Case, ScenarioLike

__all__ = (
    "CLASS_TABLE",
    "FACT_KEYS",
    "GRADES",
    "OUTCOMES",
    "SEVERITY",
    "Verdict",
    "judge",
)


@dataclass(frozen=True)
class Verdict:
    """What one case came to. `outcome` is None where the case could not be judged.

    `repeat` says why the case should be run again alone before it is believed, or is None.
    """

    outcome: str | None
    grade: str
    facts: Mapping[str, Any]
    reasons: tuple[Mapping[str, Any], ...]
    sentence: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    repeat: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "grade": self.grade,
            "facts": dict(self.facts),
            "reasons": [dict(reason) for reason in self.reasons],
            "sentence": self.sentence,
            "traits": dict(self.traits),
            "repeat": self.repeat,
        }


def judge(scenario: ScenarioLike, transcript: Transcript, observation: Observation) -> Verdict:
    case = Case(scenario, transcript, observation)
    invalid = validity.check(case)
    if invalid is not None:
        return _no_verdict(invalid)
    main = classify(case.main, case.chain, _likeliest_first(case), case.final_exchange, case.probes)
    probe = _probe_delivery(case)
    invalid = witness.check(case, main, probe)
    if invalid is not None:
        return _no_verdict(invalid)
    return _verdict(case, main, probe)


def _no_verdict(invalid: validity.Invalid) -> Verdict:
    return Verdict(
        outcome=None,
        grade=invalid.grade,
        facts=facts.nothing(),
        reasons=(invalid.reason(),),
        sentence=sentence.of_invalid(invalid),
        repeat=invalid.what if invalid.repeat else None,
    )


def _likeliest_first(case: Case) -> list[Connection]:
    first = {connection.number for connection in case.main_connections}
    rest = [c for c in case.transcript.connections.values() if c.number not in first]
    return [*case.main_connections, *rest]


def _probe_delivery(case: Case) -> Delivery | None:
    if case.probe.end is None:
        return None if case.probe.response is None else Delivery(frozenset(("empty",)))
    answered = next((e for e in reversed(case.probes) if e.final is not None), None)
    return classify(case.probe, case.probes, case.connections_of_probes_first, answered, case.chain)


def _verdict(case: Case, main: Delivery, probe: Delivery | None) -> Verdict:
    happened = outcome.decide(case, main)
    connected = connection.examine(case, probe)
    again = facts.resent(case)
    known = facts.collect(case, happened.word, main, again)
    known["connection"] = connected.value
    known["probe"] = facts.of_probe(case, probe)
    reasons: list[Mapping[str, Any]] = [happened.reason()]
    if connected.value in ("poisoned", "broken", "error"):
        reasons.append(connected.reason())
    grade, more, found = _grade(case, happened, main, connected, again, known)
    reasons += more
    return Verdict(
        outcome=happened.word,
        grade=grade,
        facts=known,
        reasons=tuple(reasons),
        sentence=sentence.of_case(case, happened, main, connected, again, known["timer_factor"]),
        traits=found,
        repeat=_repeat(happened, connected, grade),
    )


def _grade(
    case: Case,
    happened: outcome.Outcome,
    main: Delivery,
    connected: connection.Connected,
    again: tuple[facts.Resent, ...],
    known: Mapping[str, Any],
) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """The grade, the reasons for it, and traits found on the way."""
    found = traits.measure(case, happened.word, connected, again)
    if case.scenario.expect.class_ == "control":
        return "info", [], found  # what a control is worth is told by its own table
    timer = grades.without_timer(case, happened)
    if timer is not None:
        found["timer"] = timer
        grade = "info"
        reasons = [{"rule": "no-timer", "timer": timer}]
    else:
        grade = grades.base(case, happened, connected)
        reasons = []
    if grade == "error":  # the table has no other grade for a final response nobody scripted
        return grade, [*reasons, {"rule": "V7e", "about": "witness"}], found
    for rule, least in grades.floors(case, happened, main, connected, again, known["timer_factor"]):
        grade = grades.worse(grade, least)
        reasons.append({"rule": rule})
    for wrong in grades.wrong_facts(case, known):
        grade = grades.worse(grade, "fail")
        reasons.append({"rule": "facts", **wrong})
    if connected.value == "error" and grade != "danger":
        grade = "error"
    return grade, reasons, found


def _repeat(happened: outcome.Outcome, connected: connection.Connected, grade: str) -> str | None:
    if connected.value == "error":
        return "the probe failed on a new connection"
    if grade == "danger":
        return "danger is told only of what happens again"
    return None if grade == "info" else happened.repeat
