# SPDX-License-Identifier: MIT
"""A server that lost its processor behind a write believes that octets left later than they did.
From when the write began to when it was over, it knows nothing: no rule may hold that against a
client, and what lies outside is judged as ever."""

from __future__ import annotations

from typing import Any

import pytest

from interimspec.judge import Verdict, judge
from interimspec.testing import Question, Teller, Timers, Wire

OWN = b"interimspec scenario r1 start #0\n"
ONE_SECOND = Timers(1000, 1000, asked=True)
TIMERS = {"read_ms": 1000, "total_ms": 1000}


def verdict_of(wire: Wire, told: Teller, question: Question | None = None, **how: Any) -> Verdict:
    return judge(question or Question(), wire.transcript(), told.observation(**how))


def final_written(began: float, left: float) -> Wire:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=left, due=began, began=began)
    return wire


@pytest.mark.parametrize(("at", "rule"), [(300.5, "O10"), (379, "O10"), (200, "V7b")])
def test_a_final_response_that_was_seen_during_its_write(at: float, rule: str) -> None:
    wire = final_written(300, 380)
    told = Teller(probe=False).ok("main", 200, OWN, at=at)
    assert verdict_of(wire, told).reasons[0]["rule"] == rule
    told = Teller(probe=False).ok("main", None, OWN, at=at)  # a client that shows no status
    assert verdict_of(wire, told).reasons[0]["rule"] == ("O10" if rule == "O10" else "V7b")


@pytest.mark.parametrize(("at", "value"), [(312, "reused"), (303.5, "poisoned")])
def test_an_empty_answer_to_the_probe_that_was_seen_during_its_write(at: float, value: str) -> None:
    """Without content only time tells the 200 of the probe from the 200 before it."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=300)
    conn.probe(303, answer=390, content=b"", began=310)
    told = Teller().ok("main", 200, OWN, at=301)
    told.ok("probe", 200, b"", started=302, at=at)
    assert verdict_of(wire, told).facts["connection"] == value


@pytest.mark.parametrize(
    ("at", "early"), [(3, True), (290, True), (300.1, None), (379, None), (380.5, False)]
)
def test_an_interim_shown_during_the_write_of_the_final(at: float, early: bool | None) -> None:
    told = Teller(probe=False).interim("main", 102, at=at).ok("main", 200, OWN, at=381)
    verdict = verdict_of(final_written(300, 380), told)
    assert verdict.facts["interim_seen"]["early"] is early
    shown = verdict.traits.get("interim_shown")
    assert shown is None or ("before" in shown) is bool(early)


def test_a_timer_that_ran_from_octets_whose_write_took_long() -> None:
    """The timer ran from the second 102, whenever that left: not from the first."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=1)
    conn.head(first, 102, t=780, due=600, began=600)
    told = Teller(probe=False, timers={"read_ms": 1000}).failed("main", "timeout", at=1601)
    verdict = verdict_of(wire, told, Question("unfinished", has_final=False))
    assert (verdict.outcome, verdict.facts["timer_factor"]) == ("timeout", 0.82)


@pytest.mark.parametrize(("began", "near"), [(10, True), (27, False)])
def test_a_pause_whose_beginning_is_in_doubt(began: float, near: bool) -> None:
    """637 ms between the notes, but perhaps 655 between the octets, of a timer of 1000."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=28, due=10, began=began)
    conn.head(first, 102, t=665, due=630)
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=1701)
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    verdict = verdict_of(wire, told, question)
    assert (verdict.grade == "inconclusive") is near
    assert ("too near" in str(verdict.reasons[0].get("what"))) is near


def test_a_late_send_that_was_answered_during_its_write() -> None:
    """Due at 100, perhaps sent at 100, perhaps at 170: what the client did at 171 proves nothing
    about its timers."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=1)
    conn.answer(first, 200, OWN, t=180, due=100, began=100)
    told = Teller(probe=False, timers=TIMERS).ok("main", 200, OWN, at=171)
    question = Question("timer", timers=ONE_SECOND)
    verdict = verdict_of(wire, told, question)
    assert (verdict.grade, verdict.reasons[0]["rule"]) == ("inconclusive", "V6")


def test_a_server_that_kept_one_reading_is_read_as_before() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=300)
    send = wire.transcript().connections[1].sends[-1]
    assert send.began == send.left == send.last_began
