# SPDX-License-Identifier: MIT
"""V1 to V7: what cannot be judged is not judged, and nobody is blamed who is not to blame."""

from __future__ import annotations

from typing import Any

import pytest

from interimspec.judge import Verdict, judge
from interimspec.testing import EPOCH, Question, Teller, Timers, Wire, head_octets
from interimspec.transcript import Transcript

OWN = b"interimspec scenario r1 start #0\n"
ONE_SECOND = Timers(1000, 1000, asked=True)
TIMERS = {"read_ms": 1000, "total_ms": 1000}


def good() -> tuple[Wire, Teller]:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=300)
    return wire, Teller(probe=False).ok("main", 200, OWN, at=301)


def verdict_of(wire: Wire, told: Teller, question: Question | None = None, **how: Any) -> Verdict:
    verdict = judge(question or Question(), wire.transcript(), told.observation(**how))
    if verdict.outcome is None:
        assert verdict.sentence.endswith(".")
        assert set(verdict.facts) >= {"told", "delivered", "connection"}
    return verdict


def invalid(verdict: Verdict) -> tuple[str | None, str, str, str]:
    reason = verdict.reasons[0]
    return verdict.outcome, verdict.grade, reason["rule"], reason["about"]


def test_the_good_case_is_valid() -> None:
    assert verdict_of(*good()).outcome == "final"


# ---------------------------------------------------------------- V1: the server


def test_the_server_failed() -> None:
    wire, told = good()
    wire.complete = False
    verdict = verdict_of(wire, told)
    assert invalid(verdict) == (None, "error", "V1", "server")
    assert verdict.repeat
    wire, told = good()
    wire.head["dropped_events"] = 3
    assert invalid(verdict_of(wire, told)) == (None, "error", "V1", "server")
    wire, told = good()
    wire.event("mixed-runs", 5, conn=1)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V1", "server")
    verdict = judge(Question(), Transcript.missing("r1", "scenario"), told.observation())
    assert invalid(verdict) == (None, "error", "V1", "server")


def test_a_wait_that_ran_out_counts_while_the_client_waits() -> None:
    wire, told = good()
    wire.event("wait-limit", 30_000, conn=1, exchange=0, step=2)
    assert verdict_of(wire, told).outcome == "final"
    told = Teller(probe=False)
    assert invalid(verdict_of(wire, told, state="deadline")) == (None, "error", "V1", "server")


def test_a_wait_for_content_that_the_client_owes_is_its_own_doing() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request("POST", body=b"order", sent=b"", fields=[("Expect", "100-continue")])
    conn.head(first, 102, t=2)
    wire.event("wait-limit", 8000, conn=1, exchange=first, step=2)
    told = Teller(method="POST", body=b"order", probe=False)
    assert verdict_of(wire, told, state="deadline").outcome == "hang"
    told.failed("main", "timeout", at=10_001)
    assert verdict_of(wire, told).outcome == "timeout"


# ---------------------------------------------------------------- V2: the adapter


def test_no_hello() -> None:
    wire, told = good()
    told.hello = None
    assert invalid(verdict_of(wire, told)) == (None, "error", "V2", "adapter")


END: dict[str, Any] = Teller().ok("main", 200, OWN, at=301, show=False).events[0]


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([{"event": "bad-line", "text": "Segfault"}], "Segfault"),
        ([{"v": 1, "event": "surprise"}], "unknown event"),
        ([{**END, "plan": "another"}], "another"),
        ([{**END, "request": "third"}], "third"),
        ([END, END], "end of main after its end"),
        (
            [END, Teller().response("main", 200, at=302).events[0]],
            "response of main after its end",
        ),
        (
            [
                Teller().response("main", 200, at=300).events[0],
                Teller().interim("main", 102, at=301).events[0],
            ],
            "interim of main after its response",
        ),
        ([Teller().response("main", 200, at=400).events[0], END], "earlier"),
        ([{**END, "started": EPOCH + 400}], "before it started"),
        ([{"v": 1, "event": "done", "plan": END["plan"]}, END], "after done"),
        ([], "missing"),
        ([END, Teller().hello], "hello after"),
    ],
)
def test_events_that_break_the_contract(events: list[dict[str, Any]], says: str) -> None:
    wire, told = good()
    told.events = events
    verdict = verdict_of(wire, told)
    assert invalid(verdict) == (None, "error", "V2", "adapter")
    assert says in verdict.reasons[0]["what"]


def test_a_plan_without_done() -> None:
    wire, told = good()
    assert invalid(verdict_of(wire, told, done=False)) == (None, "error", "V2", "adapter")


def test_a_process_that_just_leaves() -> None:
    wire, told = good()
    verdict = verdict_of(wire, told, state="exited", exit_code=0)
    assert invalid(verdict) == (None, "error", "V2", "adapter")
    assert verdict_of(wire, told, state="exited", exit_code=1).outcome == "crash"
    # After done it may leave as it likes.
    assert verdict_of(wire, told, state="exited", exit_code=0, done=True).outcome == "final"
    assert verdict_of(wire, told, state="exited", exit_code=1, done=True).outcome == "final"


# ---------------------------------------------------------------- V3 to V5


def test_unsupported_must_be_declared_and_come_first() -> None:
    lacks = {"expect_continue": False, "timers": ["read_ms"], "methods": ["GET"]}
    for what, value, grade, about in (
        ("expect_continue", True, "unsupported", "declared"),
        ("timers.total_ms", 1000, "unsupported", "declared"),
        ("read_ms", 1000, "error", "adapter"),
        ("method", "PROPFIND", "unsupported", "declared"),
        ("method", "GET", "error", "adapter"),
        ("http", "3", "unsupported", "declared"),
        ("not_before_ms", 3, "error", "adapter"),
        ("the weather", 3, "error", "adapter"),
    ):
        told = Teller(can=lacks).tell("unsupported", what=what, value=value)
        verdict = verdict_of(Wire(), told)
        assert invalid(verdict) == (None, grade, "V3", about), what
    wire, _ = good()
    told = Teller(can=lacks).tell("unsupported", what="expect_continue", value=True)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V3", "adapter")


def test_http10_gets_no_interim() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request(version="1.0")
    wire.event("http10", 1.5, conn=1, exchange=first)
    conn.answer(first, 200, OWN, ["Connection: close"], t=2)
    told = Teller(probe=False).ok("main", 200, OWN, at=3)
    assert invalid(verdict_of(wire, told)) == (None, "unsupported", "V4", "http10")


@pytest.mark.parametrize(("version", "valid"), [("1.0", False), ("1.1", True)])
def test_http10_gets_no_transfer_encoding(version: str, valid: bool) -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request(version=version)
    conn.answer(first, 200, b"2\r\nok\r\n0\r\n\r\n", ["Transfer-Encoding: chunked"], t=2)
    told = Teller(probe=False).ok("main", 200, b"ok", at=3)
    rules = {reason["rule"] for reason in verdict_of(wire, told).reasons}
    assert ("V4" in rules) is not valid


@pytest.mark.parametrize(
    ("name", "sent", "valid"),
    [
        ("If-None-Match", (), False),
        ("If-None-Match", (("if-none-match", '"v1"'),), True),
        ("Accept", (), True),  # the answer does not depend on it
    ],
)
def test_a_precondition_that_is_not_sent_is_not_asked(
    name: str, sent: tuple[tuple[str, str], ...], valid: bool
) -> None:
    wire = Wire()
    conn = wire.connect()
    conn.answer(conn.request(fields=sent), 200, OWN, t=2)
    told = Teller(probe=False).ok("main", 200, OWN, at=3)
    told.plan["requests"][0]["headers"] = [[name, '"v1"']]
    verdict = verdict_of(wire, told)
    assert (verdict.grade == "unsupported") is not valid
    if not valid:
        assert verdict.sentence == "Not applicable: its request has no If-None-Match field."


def test_no_request_is_nobodys_fault() -> None:
    wire = Wire()
    wire.connect()
    told = Teller(probe=False).failed("main", "refused", at=3)
    verdict = verdict_of(wire, told)
    assert invalid(verdict) == (None, "error", "V5", "environment")
    assert verdict.repeat
    wire.event("bad-request", 2, conn=1, reason="no method")
    assert "no method" in verdict_of(wire, told).reasons[0]["what"]


def test_a_server_that_speaks_first_may_get_no_request() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.head(None, 102, t=1, kind="surplus")
    conn.client_closes(3)
    told = Teller(probe=False).failed("main", "protocol", at=3)
    assert verdict_of(wire, told, Question("surplus")).outcome == "error"


def test_the_settings_of_the_server_are_no_script_that_speaks_first() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.send(None, [("framing", b"\0\0\0\4\0\0\0\0\0")], t=0.6, step=None)
    conn.client_closes(3)
    told = Teller(probe=False).failed("main", "timeout", at=5003)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V5", "environment")


# ---------------------------------------------------------------- V6: timing


def split(unread: int | None, told: Teller | None = None, **how: Any) -> Verdict:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    octets = head_octets(102)
    conn.send(first, [("head", octets[:8])], t=10, piece=0, pieces=2)
    conn.send(first, [("head", octets[8:])], t=60, piece=1, pieces=2, unread_before=unread)
    conn.answer(first, 200, OWN, t=300)
    if told is None:
        told = Teller(probe=False).ok("main", 200, OWN, at=301)
    return verdict_of(wire, told, **how)


def test_pieces_must_have_been_read_alone() -> None:
    assert split(0).outcome == "final"
    verdict = split(8)
    assert invalid(verdict) == (None, "inconclusive", "V6", "timing")
    assert verdict.repeat
    assert split(None).outcome == "final"
    assert split(None, harness_late_ms=80).grade == "inconclusive"


def test_pieces_after_the_answer_do_not_matter() -> None:
    assert split(8, Teller(probe=False).ok("main", 102, at=20)).outcome == "interim"
    told = Teller(probe=False).response("main", 102, at=20)
    assert split(8, told, state="deadline").outcome == "interim"
    assert split(8, Teller(probe=False).failed("main", "protocol", at=20)).outcome == "error"


def test_a_client_that_stops_reading_is_not_inconclusive() -> None:
    assert split(8, Teller(probe=False), state="deadline").outcome == "hang"
    told = Teller(probe=False).failed("main", "timeout", at=10_001)
    assert split(8, told).outcome == "timeout"


def late(by: float, timers: Timers, at: float = 200, pause: float = 100) -> Verdict:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=1)
    conn.head(first, 102, t=1 + pause + by, due=1 + pause)
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=at)
    return verdict_of(wire, told, Question("unfinished", timers=timers, has_final=False))


def test_a_late_send_matters_where_timers_are_asked_about() -> None:
    assert late(15, ONE_SECOND, at=1005).outcome == "timeout"
    assert late(25, ONE_SECOND, at=1005).grade == "inconclusive"
    assert late(25, Timers(), at=1005).outcome == "timeout"
    assert late(35, ONE_SECOND, at=1005, pause=400).outcome == "timeout"
    assert late(45, ONE_SECOND, at=1005, pause=400).grade == "inconclusive"


def test_a_late_repetition_is_measured_by_its_interval() -> None:
    for worst, grade in ((35.0, "pass"), (45.0, "inconclusive")):
        wire = Wire()
        conn = wire.connect()
        first = conn.request()
        conn.head(
            first, 102, t=1, times=3, unit_len=27, first=[[1, 1]], last_left=801, worst_late=worst
        )
        told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=1005)
        question = Question("unfinished", timers=ONE_SECOND, has_final=False)
        assert verdict_of(wire, told, question).grade == grade


def test_a_late_send_after_the_end_does_not_matter() -> None:
    assert late(950, ONE_SECOND, at=1005).outcome == "timeout"


def test_a_send_that_waited_for_the_client_is_not_late() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=1)
    wire.event("blocked", 50, conn=1)
    conn.head(first, 102, t=500, due=101)
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=1501)
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    assert verdict_of(wire, told, question).outcome == "timeout"


def test_the_guard_band_around_a_timer() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=1)
    conn.head(first, 102, t=700, due=640)  # 60 ms late of 639: within the tolerance
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=1701)
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    verdict = verdict_of(wire, told, question)
    assert invalid(verdict) == (None, "inconclusive", "V6", "timing")
    assert "too near" in verdict.reasons[0]["what"]


def test_a_late_harness() -> None:
    wire, told = good()
    assert verdict_of(wire, told, harness_late_ms=500).outcome == "final"
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=1005)
    question = Question("timer", timers=ONE_SECOND)
    assert verdict_of(wire, told, question, harness_late_ms=340).outcome == "timeout"
    assert verdict_of(wire, told, question, harness_late_ms=360).grade == "inconclusive"


def surplus_then_probe(surplus: float, probe: float, **options: Any) -> Verdict:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.answer(first, 200, OWN, t=5)
    conn.head(first, 102, t=surplus, kind="surplus")
    content = conn.probe(probe)
    told = Teller(**options).ok("main", 200, OWN, at=6)
    told.ok("probe", 200, content, started=probe - 1, at=probe + 1)
    return verdict_of(wire, told, Question("surplus", probe="late"))


def test_a_probe_at_once_must_not_be_held_up() -> None:
    def probed_at(t: float) -> Verdict:
        wire = Wire()
        conn = wire.connect()
        first = conn.request()
        conn.head(first, 102, t=2)
        conn.answer(first, 200, OWN, t=102)
        content = wire.connect(t).probe(t + 1)
        told = Teller().ok("main", 102, at=3).ok("probe", 200, content, started=4, at=t + 3)
        return verdict_of(wire, told)

    assert probed_at(40).outcome == "interim"
    held_up = probed_at(140)
    assert invalid(held_up) == (None, "inconclusive", "V6", "timing")
    assert held_up.repeat


def test_a_late_probe_must_be_late_enough() -> None:
    assert surplus_then_probe(50, 200, not_before=200).outcome == "final"
    verdict = surplus_then_probe(50, 80, not_before=200)
    assert invalid(verdict) == (None, "inconclusive", "V6", "timing")
    # A probe that was to come at once is not late.
    assert surplus_then_probe(50, 80).outcome == "final"


# ---------------------------------------------------------------- V7: contradictions


def test_v7a_octets_that_nobody_sent() -> None:
    wire, _ = good()
    page = b"<html>Could not open the page</html>"
    verdict = verdict_of(wire, Teller(probe=False).ok("main", 200, page, at=301))
    assert invalid(verdict) == (None, "error", "V7a", "witness")
    assert "Could not open" in verdict.sentence
    # Told as a failure, they are no contradiction.
    told = Teller(probe=False).failed("main", "protocol", page, at=301)
    assert verdict_of(wire, told).outcome == "error"


def test_v7b_earlier_than_it_was_sent() -> None:
    wire, _ = good()
    told = Teller(probe=False).ok("main", 200, OWN, responded=200, at=301)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V7b", "witness")
    told = Teller(probe=False).ok("main", None, OWN, at=200)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V7b", "witness")
    told = Teller(probe=False).ok("main", 200, OWN, at=296)  # clocks differ by less than 5 ms
    assert verdict_of(wire, told).outcome == "final"


def test_v7c_interims_that_nobody_sent() -> None:
    wire, _ = good()
    for statuses, agree in (
        ([], True),
        ([102], True),
        ([None], True),
        ([102, 102], False),
        ([None, None], False),
        ([103], False),
    ):
        told = Teller(probe=False)
        for status in statuses:
            told.interim("main", status, at=3)
        verdict = verdict_of(wire, told.ok("main", 200, OWN, at=301))
        if agree:
            assert verdict.outcome == "final"
        else:
            assert invalid(verdict) == (None, "error", "V7c", "witness"), statuses


def test_v7c_a_status_that_can_be_read_in_two_ways() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", b"HTTP/1.1 1020 Processing\r\n\r\n")], t=2)
    conn.answer(first, 200, OWN, t=300)
    told = Teller(probe=False).interim("main", 102, at=3).ok("main", 200, OWN, at=301)
    assert verdict_of(wire, told, Question("odd")).outcome == "final"


def test_v7c_a_status_that_no_number_can_be_read_from() -> None:
    """Two spaces: a parser with fixed places reads none, and tells a 0."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", b"HTTP/1.1  102 Processing\r\n\r\n")], t=2)
    conn.answer(first, 200, OWN, t=300)
    told = Teller(probe=False).interim("main", 0, at=3).failed("main", "other", at=4)
    assert verdict_of(wire, told, Question("odd")).outcome == "error"
    # Of a plain status line there is one reading.
    wire, _ = good()
    assert invalid(verdict_of(wire, told)) == (None, "error", "V7c", "witness")


def test_v7d_a_timeout_before_any_timer() -> None:
    wire, _ = good()
    question = Question("timer", timers=ONE_SECOND)
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=400)
    assert invalid(verdict_of(wire, told, question)) == (None, "error", "V7d", "witness")
    told = Teller(probe=False, timers=TIMERS).failed("main", "timeout", at=600)
    assert verdict_of(wire, told, question).outcome == "timeout"


def test_v7e_a_final_that_nobody_sent() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.server_closes(100)
    question = Question("unfinished", has_final=False, server_ends=True)
    told = Teller(probe=False).ok("main", 200, at=101)
    assert invalid(verdict_of(wire, told, question)) == (None, "error", "V7e", "witness")
    # Another status than the one that was sent.
    wire, _ = good()
    told = Teller(probe=False).ok("main", 207, OWN, at=301)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V7e", "witness")


def test_v7e_a_status_found_in_other_octets_was_seen() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    trap = b"junk HTTP/1.1 200 OK\r\n\r\n"
    conn.send(first, [("head", head_octets(102)), ("interim-content", trap)], t=2)
    conn.server_closes(100)
    question = Question("garbage", has_final=False, server_ends=True)
    told = Teller(probe=False).ok("main", 200, at=101)
    assert verdict_of(wire, told, question).outcome == "silent"


def test_v7e_a_status_is_made_up_only_by_those_whose_manifest_says_so() -> None:
    def verdict(status: int, made_up: tuple[int, ...]) -> Verdict:
        wire = Wire()
        conn = wire.connect()
        conn.send(conn.request(), [("head", b"HTTP/1.1 1O2 Processing\r\n\r\n")], t=2)
        conn.server_closes(3)
        question = Question("garbage", has_final=False, server_ends=True)
        told = Teller(probe=False, made_up=made_up).ok("main", status, at=101)
        return verdict_of(wire, told, question)

    assert invalid(verdict(503, ())) == (None, "error", "V7e", "witness")
    assert invalid(verdict(502, (503,))) == (None, "error", "V7e", "witness")
    assert verdict(503, (503,)).outcome == "error"


def test_v7b_a_status_made_up_for_other_octets_is_no_contradiction() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    junk = b'{"message": "Processing"}'
    conn.send(first, [("head", head_octets(102)), ("interim-content", junk)], t=2)
    final = head_octets(200, ["Content-Length: 3"])
    conn.send(first, [("head", final), ("content", b"own")], t=102)
    told = Teller(probe=False).ok("main", 200, junk, at=4)
    assert verdict_of(wire, told, Question("garbage")).outcome == "foreign"


def test_v7f_a_probe_that_never_arrived() -> None:
    wire, _ = good()
    told = Teller().ok("main", 200, OWN, at=301)
    told.ok("probe", 200, started=302, at=303)
    assert invalid(verdict_of(wire, told)) == (None, "error", "V7f", "witness")
    # A poisoned connection may answer before the request has left.
    told = Teller().ok("main", 200, OWN, at=301)
    told.ok("probe", 102, started=302, at=303)
    assert verdict_of(wire, told).facts["connection"] == "poisoned"
    # A client that makes up an answer instead of asking no longer works.
    for made_up, value in (((0,), "broken"), ((), None)):
        told = Teller(made_up=made_up).ok("main", 200, OWN, at=301)
        verdict = verdict_of(wire, told.ok("probe", 0, started=302, at=303))
        assert (verdict.facts["connection"] if verdict.outcome else None) == value
    # A connection on which the final response was left lying may answer, too.
    told = Teller().ok("main", 102, at=301)
    told.ok("probe", 200, started=302, at=303)
    assert verdict_of(wire, told).facts["connection"] == "poisoned"


def test_v7g_an_order_that_the_server_saw_otherwise() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.answer(first, 200, OWN, t=50)
    content = conn.probe(60)

    def verdict(started: float, ended: float) -> Verdict:
        told = Teller().ok("main", 200, OWN, started=started, at=ended)
        told.ok("probe", 200, content, started=ended, at=ended + 10)
        return verdict_of(wire, told)

    assert invalid(verdict(0, 600)) == (None, "error", "V7g", "witness")
    assert invalid(verdict(510, 520)) == (None, "error", "V7g", "witness")
    # A tool is asked when it is over, and counts back.
    assert verdict(20, 90).outcome == "final"
