# SPDX-License-Identifier: MIT
"""Classes, floors, facts: what an outcome is worth."""

from __future__ import annotations

from typing import Any

import pytest

from interimspec.judge import CLASS_TABLE, FACT_KEYS, GRADES, OUTCOMES, Verdict, judge
from interimspec.judge.connection import Connected
from interimspec.judge.grades import base
from interimspec.judge.inputs import Case
from interimspec.judge.outcome import Outcome
from interimspec.scenario_expect import FACTS
from interimspec.testing import Question, Request, Teller, Timers, Wire

OWN = b"interimspec scenario r1 start #0\n"
TIMERS = {"read_ms": 1000, "total_ms": 1000}


def verdict_of(wire: Wire, told: Teller, question: Question, **how: Any) -> Verdict:
    return judge(question, wire.transcript(), told.observation(**how))


def answered(method: str = "GET", body: bytes | None = None) -> Wire:
    wire = Wire()
    conn = wire.connect()
    first = conn.request(method, body=body)
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=300)
    return wire


def test_the_table() -> None:
    expected = """
    serve       pass fail danger danger danger fail fail fail fail
    limit       pass fail danger danger danger info fail fail fail
    timer       info fail danger danger danger fail info fail fail
    unfinished  error fail danger danger danger pass pass fail fail
    malformed   fail fail danger danger danger pass warn fail fail
    garbage     warn fail danger danger danger pass pass fail fail
    surplus     pass fail danger danger danger warn warn fail fail
    odd         pass fail danger danger danger info fail fail fail
    trait       info info danger danger danger info info fail fail
    """
    rows = [line.split() for line in expected.split("\n") if line.strip()]
    assert {row[0]: row[1:] for row in rows} == {
        name: [row[word] for word in OUTCOMES] for name, row in CLASS_TABLE.items()
    }
    assert all(grade in GRADES for row in CLASS_TABLE.values() for grade in row.values())


def test_expect_overrides_the_table_but_not_the_floors() -> None:
    told = Teller(probe=False).ok("main", 102, at=3)
    question = Question("serve", grades={"interim": "info"})
    assert verdict_of(answered(), told, question).grade == "info"
    told = Teller(probe=False).ok("main", None, at=3)
    question = Question("serve", grades={"silent": "pass"})
    assert verdict_of(answered(), told, question).grade == "danger"


def test_an_unasked_101() -> None:
    case = Case(Question("odd"), answered().transcript(), Teller().observation())
    handed = Outcome("interim", "O2", {"status": 101})
    for value, grade in (
        ("fresh", "warn"),
        ("untested", "warn"),
        ("reused", "fail"),
        ("poisoned", "fail"),
    ):
        assert base(case, handed, Connected(value, "K4")) == grade
    handed = Outcome("interim", "O2", {"status": 102})
    assert base(case, handed, Connected("fresh", "K4")) == "fail"


def test_controls_are_not_graded() -> None:
    told = Teller(probe=False).ok("main", 102, at=3)
    verdict = verdict_of(answered(), told, Question("control"))
    assert (verdict.outcome, verdict.grade) == ("interim", "info")
    assert verdict.repeat is None


def resent(method: str, body: bytes | None, octets: bool, status: int = 102) -> Verdict:
    wire = Wire()
    conn = wire.connect()
    first = conn.request(method, body=body)
    if octets and status < 200:
        conn.head(first, status, t=2)
    elif octets:
        conn.answer(first, status, b"no", t=2)
    conn.server_closes(10)
    other = wire.connect(11)
    second = other.request(method, body=body, t=12)
    other.answer(second, 200, OWN, t=13)
    told = Teller(method=method, body=body, probe=False).ok("main", 200, OWN, at=14)
    question = Question("unfinished", request=Request(method), grades={"final": "pass"})
    return verdict_of(wire, told, question)


def test_a_post_sent_again() -> None:
    verdict = resent("POST", b"order", octets=True)
    assert verdict.grade == "danger"
    assert {"rule": "G4"} in verdict.reasons
    assert verdict.facts["resent"] == [
        {"method": "POST", "after": "interim", "connection": "new", "asked": False}
    ]
    assert "sent the POST, which is not idempotent, again after an interim" in verdict.sentence
    assert resent("POST", b"order", octets=False).grade == "pass"
    # A challenge asks for it.
    verdict = resent("POST", b"order", octets=True, status=401)
    assert verdict.grade == "pass"
    assert verdict.facts["resent"][0]["asked"] is True


def test_a_get_sent_again() -> None:
    verdict = resent("GET", None, octets=True)
    assert verdict.grade == "info"
    assert {"rule": "G9"} in verdict.reasons
    assert resent("GET", None, octets=False).grade == "pass"


def silence(
    timers: dict[str, int],
    asked: Timers,
    *,
    forever: bool = False,
    server_ends: bool = False,
    class_: str = "unfinished",
) -> Verdict:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2, times=10, unit_len=27, first=[[2, 2]], last_left=4000)
    question = Question(
        class_,
        timers=asked,
        script_ms=None if forever else 0,
        has_final=False,
        server_ends=server_ends,
    )
    can = {"timers": sorted(timers)}
    return verdict_of(wire, Teller(probe=False, timers=timers, can=can), question, state="deadline")


def test_a_client_without_a_usable_timer_is_not_blamed() -> None:
    both, total = Timers(1000, 1000, True), Timers(None, 1000, True)
    verdict = silence({}, both)
    assert (verdict.outcome, verdict.grade, verdict.traits) == ("hang", "info", {"timer": "none"})
    assert verdict.repeat is None
    assert verdict.reasons[-1] == {"rule": "no-timer", "timer": "none"}
    # Only a total timer ends octets without end, whatever a timer for silence may do.
    verdict = silence({"read_ms": 1000}, both, forever=True)
    assert (verdict.outcome, verdict.grade, verdict.traits) == ("hang", "info", {"timer": "read"})
    # It could have ended these.
    assert silence({"total_ms": 1000}, total, forever=True).grade == "fail"
    assert silence({"read_ms": 1000}, both).grade == "fail"
    assert silence({}, both, server_ends=True).grade == "fail"


def test_waiting_for_ever_is_worth_the_same_with_and_without_a_timer_to_end_it() -> None:
    """Two clients hold back their content until a 100 comes, and one of them has a timer."""
    wire = Wire()
    wire.connect().request("POST", body=b"")
    overridden = {"error": "warn", "timeout": "warn"}
    asked = Timers(1000, 1000, True)

    def hang(class_: str, grades: dict[str, str], timers: dict[str, int], **how: Any) -> str:
        question = Question(class_, timers=asked, grades=grades, **how)
        told = Teller(probe=False, timers=timers, can={"timers": sorted(timers)})
        verdict = verdict_of(wire, told, question, state="deadline")
        assert verdict.outcome == "hang"
        return verdict.grade

    assert hang("serve", overridden, {}) == "warn"
    assert hang("serve", {}, {}) == "fail"
    assert hang("malformed", {}, {}) == "warn"
    # A timer that did not end it, and a connection that was over, are the client's fault.
    assert hang("serve", overridden, {"read_ms": 1000}) == "fail"
    assert hang("malformed", {}, {}, server_ends=True) == "fail"


@pytest.mark.parametrize(
    ("timers", "at", "factor", "traits"),
    [
        ({"total_ms": 1000}, 1000, 1.0, {"total_timer": "not restarted"}),
        ({"total_ms": 1000}, 2600, 2.6, {"total_timer": "restarted by interim responses"}),
        ({"read_ms": 1000}, 2600, 1.0, {"read_timer": "restarted by interim responses"}),
        ({"read_ms": 1000}, 1000, 1.0, {"read_timer": "not restarted"}),
        ({"read_ms": 1000, "total_ms": 1000}, 1000, 1.0, {}),
        ({"read_ms": 1000, "total_ms": 1000}, 2600, 2.6, {}),
    ],
)
def test_timers_and_a_drip(
    timers: dict[str, int], at: float, factor: float, traits: dict[str, str]
) -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request(t=0)
    for index in range(5):
        if index * 400 < at:
            conn.head(first, 102, t=index * 400)
    told = Teller(probe=False, timers=timers).failed("main", "timeout", at=at)
    question = Question("unfinished", timers=Timers(1000, 1000, True), has_final=False)
    verdict = verdict_of(wire, told, question)
    assert (verdict.outcome, verdict.facts["timer_factor"]) == ("timeout", factor)
    assert verdict.grade == ("warn" if factor > 1.5 else "pass")
    assert verdict.traits == traits


def test_facts_that_the_scenario_demands() -> None:
    told = Teller(probe=False).ok("main", 200, OWN, at=301)
    question = Question("serve", facts={"resent": "0", "before_100": "no"})
    assert verdict_of(answered(), told, question).grade == "pass"
    question = Question("serve", facts={"resent": 1, "request_body": "once"})
    verdict = verdict_of(answered(), told, question)
    assert verdict.grade == "fail"
    assert {"rule": "facts", "fact": "resent", "expected": "1", "got": "0"} in verdict.reasons
    question = Question("serve", facts={"connection": "untested"})
    assert verdict_of(answered(), told, question).grade == "pass"
    assert set(FACT_KEYS) == set(FACTS)


@pytest.mark.parametrize(("sent", "share"), [(None, "once"), (b"", "none"), (b"half", "partial")])
def test_how_much_of_the_content_arrived(sent: bytes | None, share: str) -> None:
    body = b"half and half"
    wire = Wire()
    conn = wire.connect()
    first = conn.request("POST", body=body, sent=sent, fields=[("Expect", "100-continue")])
    conn.head(first, 102, t=20)
    conn.head(first, 100, t=30)
    told = Teller(method="POST", body=body, expect_continue=True, probe=False)
    told.failed("main", "closed", at=40)
    verdict = verdict_of(wire, told, Question(request=Request("POST")))
    assert verdict.facts["request_body"] == share
    assert verdict.facts["before_100"] is (share != "none")


def test_what_was_shown_of_interims() -> None:
    told = Teller(probe=False).interim("main", 102, at=3, fields=[["A", "b"]])
    verdict = verdict_of(answered(), told.ok("main", 200, OWN, at=301), Question())
    assert verdict.facts["interim_seen"] == {"what": "fields", "count": 1, "early": True}
    told = Teller(probe=False).interim("main", None, at=300)
    verdict = verdict_of(answered(), told.ok("main", 200, OWN, at=301), Question())
    assert verdict.facts["interim_seen"] == {"what": "count", "count": 1, "early": False}


def test_who_closed_first() -> None:
    told = Teller(probe=False).ok("main", 200, OWN, at=301)
    wire = answered()
    assert verdict_of(wire, told, Question()).facts["closed_first"] is None
    wire.event("close", 400, conn=1, by="server", how="fin")
    assert verdict_of(wire, told, Question()).facts["closed_first"] == {
        "by": "server",
        "how": "fin",
    }
    wire.event("client-rst", 350, conn=1)
    assert verdict_of(wire, told, Question()).facts["closed_first"] == {
        "by": "client",
        "how": "rst",
    }


def test_a_verdict_as_json() -> None:
    told = Teller(probe=False).ok("main", 200, OWN, at=301)
    assert set(verdict_of(answered(), told, Question()).to_json()) == {
        "outcome",
        "grade",
        "facts",
        "reasons",
        "sentence",
        "traits",
        "repeat",
    }
