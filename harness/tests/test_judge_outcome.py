# SPDX-License-Identifier: MIT
"""O1 to O12: one outcome each, and the rows that are hard to tell apart."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from interimspec.judge import Verdict, judge
from interimspec.testing import Conn, Question, Request, Teller, Timers, Wire, head_octets

ONE_SECOND = Timers(1000, 1000, asked=True)
TIMERS = {"read_ms": 1000, "total_ms": 1000}
OWN = b"interimspec scenario r1 start #0\n"


def interim_then_final(at: float = 300, status: int = 200, content: bytes = OWN) -> Wire:
    """102, a pause, a final response; no probe."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, status, content, t=at)
    return wire


def interim_only() -> tuple[Wire, Conn, int]:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    return wire, conn, first


def verdict_of(wire: Wire, told: Teller, question: Question | None = None, **how: Any) -> Verdict:
    verdict = judge(question or Question(), wire.transcript(), told.observation(**how))
    assert verdict.sentence.endswith(".")
    assert verdict.sentence[0].isupper()
    return verdict


def teller(**options: Any) -> Teller:
    return Teller(probe=False, **options)


def rules(verdict: Verdict) -> list[str]:
    return [reason["rule"] for reason in verdict.reasons]


def test_final() -> None:
    verdict = verdict_of(interim_then_final(), teller().ok("main", 200, OWN, at=301))
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("final", "pass", ["O10"])
    assert verdict.facts["told"] == "ok"
    assert verdict.facts["delivered"] == ["own"]
    assert verdict.facts["shown_status"] == 200
    assert verdict.sentence == "Skipped the 102 and handed over the 200."
    assert verdict.repeat is None


def test_final_without_a_status_shown() -> None:
    verdict = verdict_of(interim_then_final(), teller().ok("main", None, OWN, at=301))
    assert (verdict.outcome, verdict.grade) == ("final", "pass")
    verdict = verdict_of(interim_then_final(), teller().ok("main", None, OWN, at=301, show=False))
    assert (verdict.outcome, verdict.grade) == ("final", "pass")


def test_interim_as_the_response() -> None:
    verdict = verdict_of(interim_then_final(), teller().ok("main", 102, at=3))
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("interim", "fail", ["O2"])
    assert verdict.sentence == "Handed the 102 to the application as the response."


def test_interim_and_the_raw_final_as_its_content() -> None:
    wire = interim_then_final()
    raw = wire.transcript().connections[1].stream[len(head_octets(102)) :]
    verdict = verdict_of(wire, teller().ok("main", 102, raw, at=301, responded=3))
    assert (verdict.outcome, verdict.facts["told"]) == ("interim", "ok")
    assert "head-bytes" in verdict.facts["delivered"]
    told = teller().response("main", 102, at=3).failed("main", "timeout", at=10_000, phase="body")
    verdict = verdict_of(wire, told)
    assert (verdict.outcome, verdict.facts["told"]) == ("interim", "failed")


def test_interim_after_which_nothing_was_told() -> None:
    told = teller().response("main", 102, at=3)
    verdict = verdict_of(interim_then_final(), told, state="deadline")
    assert (verdict.outcome, verdict.facts["told"]) == ("interim", "nothing")


def test_status_that_is_readable_only_after_a_failure() -> None:
    wire, _, _ = interim_only()
    told = teller().failed("main", "closed", at=50)
    told.events[-1]["error"]["detail"] = {"code": 102}
    question = Question("unfinished", has_final=False)
    assert verdict_of(wire, told, question).outcome == "error"
    told = teller(timers=TIMERS).failed("main", "timeout", at=1010)
    assert verdict_of(wire, told, question).outcome == "timeout"


def test_own_exception_for_a_bad_status() -> None:
    wire = interim_then_final()
    verdict = verdict_of(wire, teller().failed("main", "status", at=3, status=102))
    assert (verdict.outcome, rules(verdict), verdict.facts["told"]) == (
        "interim",
        ["O5"],
        "failed",
    )
    assert "failure" in verdict.sentence


def test_documented_failure_for_the_final_status() -> None:
    wire = interim_then_final(status=404)
    verdict = verdict_of(wire, teller().failed("main", "status", at=301, status=404))
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("final", "pass", ["O6"])
    # An exit status that means 4xx or 5xx and does not say which.
    verdict = verdict_of(wire, teller().failed("main", "status", at=301))
    assert (verdict.outcome, rules(verdict)) == ("final", ["O6"])
    # What was delivered is compared.
    told = teller().failed("main", "status", OWN, at=301, status=404)
    assert verdict_of(wire, told).outcome == "final"
    told = teller().failed("main", "status", b"HTTP/1.1 404", at=301, status=404)
    verdict = verdict_of(wire, told)
    assert verdict.outcome == "error"
    assert "G5" in rules(verdict)


@pytest.mark.parametrize("declared", [True, False])
def test_a_failure_told_as_an_answer_without_a_status(declared: bool) -> None:
    """Who looks at the status finds none; of a tool that never shows one that could not be said."""
    wire = Wire()
    conn = wire.connect()
    conn.send(conn.request(), [("head", b"HTTP/1.1 1O2 Processing\r\n\r\n")], t=2)
    conn.server_closes(3)
    question = Question("garbage", has_final=False, server_ends=True)
    told = Teller(probe=False, no_status=declared).ok("main", None, at=101)
    verdict = verdict_of(wire, told, question)
    if declared:
        assert (verdict.outcome, verdict.grade, rules(verdict)) == ("error", "warn", ["O8a", "G12"])
        assert verdict.sentence == "Handed over a response without a status."
    else:
        assert (verdict.outcome, verdict.grade) == ("silent", "danger")


def test_a_failure_told_as_an_answer_that_nobody_gave() -> None:
    """The manifest says that the client shows a 503 where it finds no status line."""
    wire = Wire()
    conn = wire.connect()
    conn.send(conn.request(), [("head", b"HTTP/1.1 1O2 Processing\r\n\r\n")], t=2)
    conn.server_closes(3)
    question = Question("garbage", has_final=False, server_ends=True)

    def told() -> Teller:
        return Teller(probe=False, made_up=[503])

    verdict = verdict_of(wire, told().ok("main", 503, at=101), question)
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("error", "warn", ["O8a", "G12"])
    assert verdict.sentence == "Made up a 503, which the server never sent."
    # What it delivers with it is judged first, and a 503 that was sent is no invention.
    verdict = verdict_of(wire, told().ok("main", 503, b"HTTP/1.1 1O2", at=101), question)
    assert (verdict.outcome, verdict.grade) == ("foreign", "danger")
    wire = interim_then_final(status=503)
    verdict = verdict_of(wire, told().ok("main", 503, OWN, at=301))
    assert (verdict.outcome, verdict.grade) == ("final", "pass")


def test_bytes_of_no_response_saved_to_the_file() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    junk = b'{"message": "Processing"}'
    conn.send(first, [("head", head_octets(102)), ("interim-content", junk)], t=2)
    conn.server_closes(100)
    question = Question("garbage", has_final=False, server_ends=True)
    verdict = verdict_of(wire, teller().ok("main", None, junk, at=101), question)
    assert (verdict.outcome, verdict.grade) == ("foreign", "danger")
    assert rules(verdict) == ["O9", "G1"]
    assert verdict.repeat
    # A status made up for them changes nothing.
    verdict = verdict_of(wire, teller().ok("main", 200, junk, at=101), question)
    assert (verdict.outcome, verdict.grade) == ("foreign", "danger")
    # With a failure the user was warned.
    verdict = verdict_of(wire, teller().failed("main", "closed", junk, at=101), question)
    assert (verdict.outcome, verdict.grade) == ("error", "warn")
    assert rules(verdict) == ["O8", "G5"]


def test_foreign_octets_and_a_timeout() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", head_octets(102)), ("interim-content", b"junk junk")], t=2)
    conn.client_closes(1005)
    question = Question("garbage", timers=ONE_SECOND, has_final=False)
    told = teller(timers=TIMERS).failed("main", "timeout", b"junk junk", at=1003)
    verdict = verdict_of(wire, told, question)
    assert (verdict.outcome, verdict.grade) == ("timeout", "warn")
    # wget calls it closed, but it was its timer: it closed first, and nothing else had happened.
    told = teller(timers=TIMERS).failed("main", "other", b"junk junk", at=1003)
    assert verdict_of(wire, told, question).outcome == "timeout"
    told = teller(timers=TIMERS).failed("main", "other", b"junk junk", at=300)
    assert verdict_of(wire, told, question).outcome == "error"
    conn.server_closes(900)
    told = teller(timers=TIMERS).failed("main", "other", b"junk junk", at=1003)
    assert verdict_of(wire, told, question).outcome == "error"


def test_102_and_fin_as_a_response() -> None:
    wire, conn, _ = interim_only()
    conn.server_closes(100)
    question = Question("unfinished", has_final=False, server_ends=True)
    verdict = verdict_of(wire, teller().ok("main", 102, at=101), question)
    assert (verdict.outcome, verdict.facts["told"]) == ("interim", "ok")


def test_success_without_any_final_response() -> None:
    wire, conn, _ = interim_only()
    conn.server_closes(100)
    question = Question("unfinished", has_final=False, server_ends=True)
    verdict = verdict_of(wire, teller().ok("main", None, at=101), question)
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("silent", "danger", ["O12", "G1"])
    verdict = verdict_of(wire, teller().failed("main", "closed", at=101), question)
    assert (verdict.outcome, verdict.grade) == ("error", "pass")


def test_success_before_the_final_response_was_sent() -> None:
    verdict = verdict_of(interim_then_final(), teller().ok("main", None, at=5))
    assert (verdict.outcome, verdict.grade) == ("silent", "danger")


def test_empty_answers() -> None:
    # A tool that shows no status, and a 204: nothing is missing.
    wire = interim_then_final(status=204, content=b"")
    assert verdict_of(wire, teller().ok("main", None, at=301)).outcome == "final"
    # The final response has content, and none came.
    wire = interim_then_final()
    assert verdict_of(wire, teller().ok("main", None, at=301)).outcome == "silent"
    verdict = verdict_of(wire, teller().ok("main", 200, at=301))
    assert (verdict.outcome, verdict.grade) == ("damaged", "danger")


def test_damaged_content() -> None:
    verdict = verdict_of(interim_then_final(), teller().ok("main", 200, OWN[:9], at=301))
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("damaged", "danger", ["O11", "G1"])
    assert "9 of the 33 octets" in verdict.sentence


def test_content_cut_short_by_the_server() -> None:
    wire, conn, first = interim_only()
    conn.answer(first, 200, b"only", t=50, length=100)
    conn.server_closes(100)
    question = Question("unfinished", has_final=False, server_ends=True)
    verdict = verdict_of(wire, teller().ok("main", 200, b"only", at=101), question)
    assert (verdict.outcome, verdict.grade) == ("damaged", "danger")
    told = teller().response("main", 200, at=51).failed("main", "closed", b"only", at=101)
    verdict = verdict_of(wire, told, question)
    assert (verdict.outcome, verdict.grade) == ("error", "pass")


@pytest.mark.parametrize("how", ["fin", "abrupt"])
def test_content_until_the_end_of_a_tls_connection(how: str) -> None:
    """Without close_notify it is incomplete (RFC 9112, section 9.8), which not every client tells;
    octets that are lost are lost all the same, and so is the length that was announced."""
    wire, conn, first = interim_only()
    conn.send(first, [("head", head_octets(200)), ("content", b"some of it")], t=50)
    conn.server_closes(100, how)
    question = Question("unfinished", has_final=False, server_ends=True)
    whole = verdict_of(wire, teller().ok("main", 200, b"some of it", at=101), question)
    part = verdict_of(wire, teller().ok("main", 200, b"some", at=101), question)
    assert (part.outcome, part.grade, rules(part)) == ("damaged", "danger", ["O11", "G1"])
    if how == "fin":
        assert whole.outcome == "final"
        return
    assert (whole.outcome, whole.grade, rules(whole)) == ("damaged", "warn", ["O11", "G11"])
    assert "without close_notify" in whole.sentence
    told = teller().response("main", 200, at=51).failed("main", "closed", b"some of it", at=101)
    verdict = verdict_of(wire, told, question)
    assert (verdict.outcome, verdict.grade) == ("error", "pass")


@pytest.mark.parametrize("length", [10, 100])
def test_content_of_known_length_at_the_end_of_a_tls_connection(length: int) -> None:
    wire, conn, first = interim_only()
    conn.answer(first, 200, b"some of it", t=50, length=length)
    conn.server_closes(100, "abrupt")
    verdict = verdict_of(wire, teller().ok("main", 200, b"some of it", at=101))
    expected = ("final", "pass") if length == 10 else ("damaged", "danger")
    assert (verdict.outcome, verdict.grade) == expected


def test_hang() -> None:
    wire, _, _ = interim_only()
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    verdict = verdict_of(wire, teller(timers=TIMERS), question, state="deadline")
    assert (verdict.outcome, verdict.grade, rules(verdict)) == ("hang", "fail", ["O3"])
    assert verdict.repeat


@pytest.mark.parametrize(
    ("at", "outcome", "factor", "grade"),
    [
        (2000, "timeout", 1.0, "pass"),
        (2600, "timeout", 1.3, "pass"),
        (6900, "timeout", 3.45, "warn"),
        (7100, "hang", 3.55, "fail"),
        (12000, "hang", 6.0, "fail"),
    ],
)
def test_when_a_timer_fires(at: float, outcome: str, factor: float, grade: str) -> None:
    wire, _, _ = interim_only()
    timers = {"read_ms": 2000, "total_ms": 2000}
    question = Question("unfinished", timers=Timers(2000, 2000, True), has_final=False)
    told = teller(timers=timers).failed("main", "timeout", at=at)
    verdict = verdict_of(wire, told, question)
    assert (verdict.outcome, verdict.facts["timer_factor"], verdict.grade) == (
        outcome,
        factor,
        grade,
    )


def test_a_get_sent_again_and_a_timeout_after_twice_the_timer() -> None:
    wire, conn, _ = interim_only()
    conn.client_closes(1003)
    other = wire.connect(1004)
    second = other.request(t=1004)
    other.head(second, 102, t=1005)
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    told = teller(timers=TIMERS).failed("main", "timeout", at=2004)
    verdict = verdict_of(wire, told, question)
    assert (verdict.outcome, verdict.grade) == ("timeout", "info")
    assert verdict.facts["timer_factor"] == 2.0
    assert [item["after"] for item in verdict.facts["resent"]] == ["interim"]
    assert rules(verdict) == ["O7", "G9"]


def test_a_timeout_although_the_final_was_there() -> None:
    wire = interim_then_final(at=100)
    told = teller(timers=TIMERS).failed("main", "timeout", at=1010)
    verdict = verdict_of(wire, told)
    assert (verdict.outcome, verdict.grade) == ("timeout", "fail")
    assert verdict.repeat
    wire = interim_then_final(at=900)
    assert verdict_of(wire, told).repeat is None


def attempts(count: int, closes: Callable[[Conn, float], None]) -> Wire:
    """A client that asks again after each attempt has come to an end."""
    wire = Wire()
    for index in range(count):
        at = 1010.0 * index + 1
        conn = wire.connect(at)
        number = conn.request(t=at)
        conn.head(number, 102, t=at + 1)
        if index < count - 1:
            closes(conn, at + 1003)
    return wire


def test_a_client_that_tries_again_and_again_does_not_hang() -> None:
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    wire = attempts(4, lambda conn, at: conn.client_closes(at))
    verdict = verdict_of(wire, teller(timers=TIMERS), question, state="deadline")
    assert (verdict.outcome, verdict.facts["told"]) == ("timeout", "nothing")
    assert verdict.reasons[0] == {"rule": "O3a", "attempts": 4, "ended_by": ["timer"]}
    assert len(verdict.facts["resent"]) == 3
    assert "4 times" in verdict.sentence
    # The server ended each: the client saw that, which is no timeout.
    wire = attempts(3, lambda conn, at: conn.server_closes(at))
    verdict = verdict_of(wire, teller(timers=TIMERS), question, state="deadline")
    assert (verdict.outcome, verdict.facts["told"]) == ("error", "nothing")


def test_a_client_that_gives_up_too_late_hangs_even_if_it_tries_again() -> None:
    question = Question("unfinished", timers=ONE_SECOND, has_final=False)
    wire = Wire()
    for at in (1.0, 4000.0):
        conn = wire.connect(at)
        number = conn.request(t=at)
        conn.head(number, 102, t=at + 1)
        conn.client_closes(at + 3900)
    verdict = verdict_of(wire, teller(timers=TIMERS), question, state="deadline")
    assert verdict.outcome == "hang"


def test_a_client_that_refuses_every_answer_and_asks_again() -> None:
    wire = Wire()
    for at in (1.0, 500.0):
        conn = wire.connect(at)
        number = conn.request(t=at)
        conn.head(number, 102, t=at + 1)
        conn.client_closes(at + 2)
        conn.answer(number, 200, OWN, t=at + 100)
    verdict = verdict_of(wire, teller(timers=TIMERS), state="deadline")
    assert (verdict.outcome, verdict.grade) == ("error", "fail")
    assert verdict.reasons[0] == {"rule": "O3a", "attempts": 2, "ended_by": ["client"]}
    assert verdict.sentence.startswith("Refused what it received and asked again, 2 times")


def test_a_status_below_100_is_as_visible_as_an_interim_one() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", b"HTTP/1.1 099 Early\r\n\r\n")], t=2)
    conn.answer(first, 200, OWN, t=300)
    verdict = verdict_of(wire, teller().ok("main", 99, at=3), Question("odd"))
    assert (verdict.outcome, verdict.grade) == ("interim", "fail")


def test_crash() -> None:
    wire, _, _ = interim_only()
    verdict = verdict_of(wire, teller(), state="exited", signal=6)
    assert (verdict.outcome, verdict.grade) == ("crash", "fail")
    assert verdict.reasons[0] == {"rule": "O1", "during": "main", "signal": 6}
    assert verdict.repeat
    # It may have handed over a 102 before.
    told = teller().response("main", 102, at=3)
    assert verdict_of(wire, told, state="exited", exit_code=1).outcome == "crash"
    # Dying in the next request is dying.
    told = Teller().ok("main", 200, OWN, at=301)
    wire = interim_then_final()
    verdict = verdict_of(wire, told, state="exited", exit_code=134)
    assert verdict.reasons[0] == {"rule": "O1", "during": "probe", "exit_code": 134}


def test_head_and_its_length() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request("HEAD")
    conn.head(first, 102, t=2)
    conn.head(first, 200, ["Content-Length: 10"], t=100)
    question = Question(request=Request("HEAD"))
    told = teller(method="HEAD").ok("main", 200, at=101)
    assert verdict_of(wire, told, question).outcome == "final"


def test_content_with_its_coding_undone() -> None:
    coded = gzip.compress(b"plain text")
    wire, conn, first = interim_only()
    conn.answer(first, 200, coded, ["Content-Encoding: gzip"], t=50)
    for content in (coded, b"plain text"):
        verdict = verdict_of(wire, teller().ok("main", 200, content, at=51))
        assert (verdict.outcome, verdict.facts["delivered"]) == ("final", ["own"])
    assert verdict_of(wire, teller().ok("main", 200, b"plain", at=51)).outcome == "damaged"


def test_content_in_chunks() -> None:
    wire, conn, first = interim_only()
    parts = [
        ("head", head_octets(200, ["Transfer-Encoding: chunked"])),
        ("framing", b"5\r\n"),
        ("content", b"hello"),
        ("framing", b"\r\n6\r\n"),
        ("content", b" world"),
        ("framing", b"\r\n0\r\n\r\n"),
    ]
    conn.send(first, parts, t=50)
    assert verdict_of(wire, teller().ok("main", 200, b"hello world", at=51)).outcome == "final"
    framed = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    verdict = verdict_of(wire, teller().ok("main", 200, framed, at=51))
    assert (verdict.outcome, verdict.facts["delivered"]) == (
        "foreign",
        ["framing", "own", "partial"],
    )


def redirected(follow: bool) -> Wire:
    wire, conn, first = interim_only()
    conn.answer(first, 302, b"moved away", ["Location: /scenario/r1/moved"], t=50)
    if follow:
        second = conn.request(resource="moved", t=52)
        conn.answer(second, 200, b"moved here", t=53)
    return wire


def test_redirects() -> None:
    told = teller().ok("main", 200, b"moved here", at=54)
    verdict = verdict_of(redirected(True), told)
    assert (verdict.outcome, verdict.grade) == ("final", "pass")
    assert verdict.facts["resent"] == [
        {"method": "GET", "after": "final", "connection": "same", "asked": True}
    ]
    told = teller().ok("main", 302, b"moved away", at=54)
    assert verdict_of(redirected(False), told).outcome == "final"
    # It followed, and then handed over the redirect.
    assert verdict_of(redirected(True), told).outcome == "silent"


def challenged(answer: bool) -> Wire:
    wire, conn, first = interim_only()
    conn.answer(first, 401, b"who are you?", ["WWW-Authenticate: Basic realm=x"], t=50)
    if answer:
        second = conn.request(t=52, visit=2, fields=[("Authorization", "Basic x")])
        conn.head(second, 102, t=53)
        conn.answer(second, 200, b"welcome", t=60)
    return wire


def test_challenges() -> None:
    assert verdict_of(challenged(True), teller().ok("main", 200, b"welcome", at=61)).grade == "pass"
    told = teller().ok("main", 401, b"who are you?", at=61)
    assert verdict_of(challenged(False), told).grade == "pass"
    told = teller().failed("main", "status", at=61, status=401)
    assert verdict_of(challenged(False), told).outcome == "final"
    assert verdict_of(challenged(True), teller().ok("main", 102, at=54)).outcome == "interim"


def test_either_answer_to_a_request_that_was_sent_again() -> None:
    wire = Wire()
    contents = []
    for at in (1.0, 200.0):
        conn = wire.connect(at)
        number = conn.request(t=at)
        contents.append(f"answer {number}".encode())
        conn.answer(number, 200, contents[-1], t=at + 50)
    for content in contents:
        assert verdict_of(wire, teller().ok("main", 200, content, at=260)).outcome == "final"


def test_fields() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, ["X-Interim: yes", "Server: one"], t=2)
    sent = ["X-Final: a", "X-Final: b", "Server: two", "Set-Cookie: a=b", "Connection: close"]
    conn.answer(first, 200, OWN, sent, t=50)

    def seen(fields: Mapping[str, str] | None) -> Verdict:
        listed = () if fields is None else list(fields.items())
        return verdict_of(wire, teller().ok("main", 200, OWN, at=51, fields=listed))

    good = {"x-final": "a, b", "server": "two"}
    assert seen(None).grade == "pass"
    assert seen(good).grade == "pass"
    assert seen({**good, "x-final": "b,a", "x-own": "1"}).grade == "pass"
    for bad, named in (
        ({"x-final": "a", "server": "two"}, "x-final"),
        ({"x-final": "a, b"}, "server"),
        ({**good, "x-interim": "yes"}, "+x-interim"),
        ({**good, "server": "one, two"}, "+server"),
        ({**good, "server": "one"}, "server"),
    ):
        verdict = seen(bad)
        assert (verdict.outcome, verdict.grade) == ("damaged", "fail"), bad
        assert named in verdict.reasons[0]["fields"]
        assert rules(verdict) == ["O11", "G7"]


def test_a_media_type_may_be_written_anew_but_not_changed() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.answer(first, 200, OWN, ["Content-Type: text/HTML; charset=UTF-8; a=B"], t=50)

    def grade(value: str) -> str | None:
        told = teller().ok("main", 200, OWN, at=51, fields=[("content-type", value)])
        return verdict_of(wire, told).grade

    for same in ("text/HTML; charset=UTF-8; a=B", 'text/html;charset="utf-8" ;A=B'):
        assert grade(same) == "pass", same
    for other in ("text/html", "text/html;charset=latin-1;a=B", "text/html;charset=utf-8;a=b"):
        assert grade(other) == "fail", other


def test_what_an_interim_response_points_to_is_nobody_s_answer() -> None:
    elsewhere = b"interimspec scenario r1 elsewhere #1\n"
    place = "Location: /scenario/r1/elsewhere"

    def followed(status: int) -> Verdict:
        wire = Wire()
        conn = wire.connect()
        conn.head(conn.request(), status, [place, "Content-Length: 0"][: 2 - (status < 200)], t=2)
        conn.answer(conn.request(resource="elsewhere", t=10), 200, elsewhere, t=12)
        return verdict_of(wire, teller().ok("main", 200, elsewhere, at=13))

    assert (followed(302).outcome, followed(302).grade) == ("final", "pass")
    assert (followed(102).outcome, followed(102).grade) == ("silent", "danger")
