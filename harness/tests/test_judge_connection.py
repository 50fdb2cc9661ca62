# SPDX-License-Identifier: MIT
"""K1 to K6: what an innocent request that followed shows."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import pytest

from interimspec.judge import Verdict, judge
from interimspec.testing import Conn, Question, Request, Teller, Wire, head_octets

OWN = b"interimspec scenario r1 start #0\n"


def verdict_of(wire: Wire, told: Teller, question: Question | None = None, **how: Any) -> Verdict:
    return judge(question or Question(), wire.transcript(), told.observation(**how))


def answered() -> tuple[Wire, Conn]:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=300)
    return wire, conn


def reason(verdict: Verdict, rule: str) -> dict[str, Any] | None:
    return next((dict(one) for one in verdict.reasons if one["rule"] == rule), None)


def test_reused_and_fresh() -> None:
    for same, value in ((True, "reused"), (False, "fresh")):
        wire, conn = answered()
        content = (conn if same else wire.connect(302)).probe(303)
        told = Teller().ok("main", 200, OWN, at=301)
        told.ok("probe", 200, content, started=302, at=304)
        verdict = verdict_of(wire, told)
        assert (verdict.facts["connection"], verdict.grade) == (value, "pass")
        assert verdict.facts["probe"] == {"told": "ok", "shown_status": 200, "delivered": ["own"]}
        assert len(verdict.reasons) == 1


def test_untested() -> None:
    wire, _ = answered()
    verdict = verdict_of(wire, Teller(probe=False).ok("main", 200, OWN, at=301))
    assert verdict.facts["connection"] == "untested"
    assert verdict.facts["probe"] is None
    verdict = verdict_of(wire, Teller(), state="deadline")
    assert (verdict.outcome, verdict.facts["connection"]) == ("hang", "untested")
    verdict = verdict_of(wire, Teller().ok("main", 200, OWN, at=301), state="exited", signal=9)
    assert (verdict.outcome, verdict.facts["connection"]) == ("crash", "untested")


def shifted(probe_at: float, final_at: float = 300) -> tuple[Wire, bytes]:
    """A client that takes the 102 and asks again on the same connection."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=final_at)
    return wire, conn.probe(probe_at, answer=max(probe_at, final_at) + 20)


def test_the_next_request_gets_the_answer_of_the_first() -> None:
    wire, _ = shifted(5)
    told = Teller().ok("main", 102, at=3).ok("probe", 200, OWN, started=4, at=301)
    verdict = verdict_of(wire, told)
    assert (verdict.outcome, verdict.facts["connection"], verdict.grade) == (
        "interim",
        "poisoned",
        "danger",
    )
    assert list(verdict.reasons) == [
        {"rule": "O2", "status": 102},
        {"rule": "K2", "probe": "probe", "got": "content(0)"},
        {"rule": "G2"},
    ]
    assert verdict.sentence == (
        "Handed the 102 to the application as the response; then answered the next request on "
        "that connection with the response to the first."
    )


def test_the_next_request_gets_an_empty_answer_of_the_first() -> None:
    """Nothing but the time tells that this 200 is not the probe's."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, b"", t=100)
    conn.probe(5, answer=120)
    told = Teller().ok("main", 102, at=3).ok("probe", 200, b"", started=4, at=101)
    verdict = verdict_of(wire, told)
    assert verdict.facts["connection"] == "poisoned"
    assert reason(verdict, "K2") == {"rule": "K2", "probe": "probe", "got": "head(0)"}


@pytest.mark.parametrize(
    ("shown", "connection"),
    [
        ([["Content-Length", str(len(OWN))]], "poisoned"),  # that of the first answer
        ([], "reused"),  # its own, which announces none
        ([["Content-Length", "7"]], "reused"),  # of no answer at all: the client's own doing
    ],
)
def test_the_next_head_shows_the_length_that_the_first_answer_announced(
    shown: list[list[str]], connection: str
) -> None:
    """It came late, when its own answer had left as well: time tells nothing, content neither."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    probe = conn.request("HEAD", resource="probe", t=5)
    conn.answer(first, 200, OWN, t=300)
    conn.head(probe, 200, t=320)
    told = Teller().ok("main", 102, at=3).ok("probe", 200, b"", started=4, at=330, fields=shown)
    told.plan["requests"][1]["method"] = "HEAD"
    verdict = verdict_of(wire, told)
    assert verdict.facts["connection"] == connection
    if connection == "poisoned":
        assert reason(verdict, "K2") == {"rule": "K2", "probe": "probe", "got": "head(0)"}


@pytest.mark.parametrize("late", [False, True])
def test_the_next_request_follows_the_redirection_of_the_first(late: bool) -> None:
    """It takes the 302 for its own answer. Whether it then finds its own answer on the connection
    or the 102 of the target on another one is a race; neither is what it asked for."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 302, OWN, ["Location: /scenario/r1/moved"], t=50)
    content = conn.probe(5, answer=70)
    there = wire.connect(71) if late else conn
    moved = there.request(resource="moved", t=72 if late else 51)
    there.head(moved, 102, t=73 if late else 90)
    told = Teller().ok("main", 102, at=3)
    if late:
        told.ok("probe", 102, started=4, at=74)
    else:
        told.ok("probe", 200, content, started=4, at=71)
    verdict = verdict_of(wire, told)
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "danger")
    assert reason(verdict, "K2") == {"rule": "K2", "probe": "probe", "got": "head(0)"}


def test_a_redirection_that_the_main_request_followed_poisons_nothing() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 302, OWN, ["Location: /scenario/r1/moved"], t=50)
    moved = conn.request(resource="moved", t=51)
    there = b"interimspec scenario r1 moved #1\n"
    conn.answer(moved, 200, there, t=90)
    content = conn.probe(95)
    told = Teller().ok("main", 200, there, at=91).ok("probe", 200, content, started=94, at=96)
    verdict = verdict_of(wire, told)
    assert (verdict.facts["connection"], verdict.grade) == ("reused", "pass")


@pytest.mark.parametrize("again", ["ok", "status", "reads on"])
def test_a_head_that_greets_every_connection_poisons_none(again: str) -> None:
    """Both requests, each on a connection of its own, are given the 102 that the server sends on
    connecting. Nothing of the first exchange came to the second."""
    wire = Wire()
    for number, at in enumerate((1.0, 20.0)):
        conn = wire.connect(at)
        conn.head(None, 102, t=at + 0.2)
        if number == 0:
            conn.answer(conn.request(t=at + 1), 200, OWN, t=at + 10)
        else:
            content = conn.probe(at + 1, answer=at + 10)
    told = Teller().ok("main", 102, at=3)
    if again == "ok":
        told.ok("probe", 102, started=19, at=22)
    elif again == "reads on":
        rest = head_octets(200, [f"Content-Length: {len(content)}"]) + content
        told.ok("probe", 102, rest, started=19, at=31)
    else:
        told.failed("probe", "status", started=19, at=22, status=102)
    verdict = verdict_of(wire, told, Question("trait"))
    assert (verdict.outcome, verdict.facts["connection"], verdict.grade) == (
        "interim",
        "untested",
        "info",
    )
    assert verdict.sentence == "Handed the 102 to the application as the response."


def test_a_client_that_takes_no_greeting_asks_on_no_connection() -> None:
    """It gives up each connection on which the server speaks first, and nothing is learnt of how
    it keeps them."""
    wire = Wire()
    for at in (1.0, 20.0):
        wire.connect(at).head(None, 102, t=at + 0.2)
    told = Teller().failed("main", "closed", at=2).failed("probe", "closed", started=19, at=22)
    verdict = verdict_of(wire, told, Question("trait"))
    assert (verdict.outcome, verdict.facts["connection"], verdict.grade) == (
        "error",
        "untested",
        "info",
    )
    # Without a connection for the next request it is the client that no longer works.
    wire = Wire()
    wire.connect(1.0).head(None, 102, t=1.2)
    assert verdict_of(wire, told, Question("trait")).facts["connection"] != "untested"


def test_a_head_that_greets_a_connection_poisons_it_where_it_is_used_again() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.head(None, 102, t=0.7)
    conn.answer(conn.request(), 200, OWN, t=100)
    conn.probe(5, answer=120)
    told = Teller().ok("main", 102, at=3).ok("probe", 200, OWN, started=4, at=101)
    verdict = verdict_of(wire, told, Question("trait"))
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "danger")


@pytest.mark.parametrize("how", ["not kept", "coded"])
def test_the_next_request_gets_content_that_has_no_place_in_the_stream(how: str) -> None:
    content = bytes(index % 251 for index in range(100_000))
    coded = gzip.compress(content)
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    if how == "coded":
        conn.answer(first, 200, coded, ["Content-Encoding: gzip"], t=300)
    else:
        head = head_octets(200, [f"Content-Length: {len(content)}"])
        digest = hashlib.sha256(content).hexdigest()
        parts = [("head", head), ("content", content)]
        conn.send(first, parts, t=300, bytes=None, content_sha256=digest)
    conn.probe(5, answer=320)
    told = Teller().ok("main", 102, at=3).ok("probe", 200, content, started=4, at=301)
    verdict = verdict_of(wire, told)
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "danger")
    assert reason(verdict, "K2") == {"rule": "K2", "probe": "probe", "got": "content(0)"}


def test_the_next_request_gets_an_interim() -> None:
    wire, conn = answered()
    first = 0
    conn.head(first, 102, t=400, kind="surplus")
    conn.probe(600)
    told = Teller(not_before=550).ok("main", 200, OWN, at=301)
    told.ok("probe", 102, started=599, at=601)
    verdict = verdict_of(wire, told, Question("surplus", probe="late"))
    assert (verdict.outcome, verdict.facts["connection"], verdict.grade) == (
        "final",
        "poisoned",
        "danger",
    )
    # Told as a failure that names the status, it is the same.
    told = Teller(not_before=550).ok("main", 200, OWN, at=301)
    told.failed("probe", "status", started=599, at=601, status=102)
    assert verdict_of(wire, told, Question("surplus")).facts["connection"] == "poisoned"


def test_surplus_that_arrives_behind_the_probe_cannot_be_known() -> None:
    wire, conn = answered()
    number = conn.request(resource="probe", t=303)
    conn.head(0, 102, t=310, kind="surplus")
    conn.answer(number, 200, b"probe", t=330)
    told = Teller().ok("main", 200, OWN, at=301).ok("probe", 102, started=302, at=311)
    verdict = verdict_of(wire, told, Question("surplus", probe="both"))
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "pass")


def test_octets_of_the_probes_own_head_as_its_content() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request("HEAD")
    conn.head(first, 102, t=2)
    conn.head(first, 200, ["Content-Length: 10"], t=20)
    conn.probe(23)
    told = Teller(method="HEAD").ok("main", 102, at=3)
    told.ok("probe", 200, b"HTTP/1.1 2", started=4, at=24)
    verdict = verdict_of(wire, told, Question(request=Request("HEAD")))
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "danger")
    assert verdict.facts["probe"]["delivered"] == ["head-bytes"]


def test_broken_on_the_same_connection() -> None:
    for kind in ("protocol", "timeout", "closed"):
        wire, conn = answered()
        conn.request(resource="probe", t=303)
        told = Teller().ok("main", 200, OWN, at=301)
        told.failed("probe", kind, started=302, at=3303)
        verdict = verdict_of(wire, told)
        assert (verdict.facts["connection"], verdict.grade) == ("broken", "fail")
        assert reason(verdict, "G6")
        assert "the next request failed" in verdict.sentence
        # Where the server broke the framing, that is a remark.
        assert verdict_of(wire, told, Question("garbage")).grade == "warn"


def test_giving_up_the_connection_of_a_malformed_response_is_allowed() -> None:
    """RFC 9113, section 5.4.1: a stream error may be treated as one of the connection."""
    wire, conn = answered()
    conn.request(resource="probe", t=303)
    told = Teller().failed("main", "protocol", at=301)
    told.failed("probe", "closed", started=302, at=303)
    verdict = verdict_of(wire, told, Question("malformed"))
    assert (verdict.facts["connection"], verdict.grade) == ("broken", "warn")


def test_a_probe_that_never_ended_is_broken() -> None:
    wire, conn = answered()
    conn.request(resource="probe", t=303)
    told = Teller().ok("main", 200, OWN, at=301)
    verdict = verdict_of(wire, told, state="deadline")
    assert (verdict.outcome, verdict.facts["connection"]) == ("final", "broken")


def test_a_client_object_that_no_longer_works_is_broken() -> None:
    wire, _ = answered()
    told = Teller().ok("main", 200, OWN, at=301)
    told.failed("probe", "other", started=302, at=303)
    verdict = verdict_of(wire, told)
    assert verdict.facts["connection"] == "broken"
    assert "could not make the next request" in verdict.sentence


def test_a_failure_on_a_new_connection_is_not_the_clients() -> None:
    wire, _ = answered()
    wire.connect(305).request(resource="probe", t=306)
    told = Teller().ok("main", 200, OWN, at=301)
    told.failed("probe", "closed", started=302, at=400)
    verdict = verdict_of(wire, told)
    assert (verdict.facts["connection"], verdict.grade) == ("error", "error")
    assert verdict.repeat
    wire, _ = answered()
    told = Teller().ok("main", 200, OWN, at=301)
    told.failed("probe", "refused", started=302, at=303)
    assert verdict_of(wire, told).facts["connection"] == "error"


def test_a_failure_after_octets_of_the_answer_is_the_clients() -> None:
    wire, _ = answered()
    wire.connect(305).probe(306)
    told = Teller().ok("main", 200, OWN, at=301)
    told.failed("probe", "protocol", started=302, at=400)
    assert verdict_of(wire, told).facts["connection"] == "broken"


@pytest.mark.parametrize("ended", [True, False])
def test_the_probe_was_read_as_content_of_the_main_request(ended: bool) -> None:
    """Announced content that never came: what came next was read as it."""
    body = b"x" * 400
    probe = b"GET /scenario/r1/probe HTTP/1.1\r\nHost: 127.0.0.1:41007\r\n\r\n"
    wire = Wire()
    conn = wire.connect()
    sent = probe + b"y" * (len(body) - len(probe)) if ended else b""
    first = conn.request("POST", body=body, sent=sent, fields=[("Expect", "100-continue")])
    if not ended:
        conn.receive(probe, 60)
    conn.head(first, 102, t=2)
    told = Teller(method="POST", body=body, expect_continue=True).ok("main", 102, at=3)
    told.failed("probe", "timeout", started=4, at=3004)
    verdict = verdict_of(wire, told, Question(request=Request("POST"), has_final=False))
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "danger")
    assert reason(verdict, "K3")
    assert reason(verdict, "G3")
    assert "still expected content" in verdict.sentence


def test_the_request_sent_again_was_read_as_content_of_itself() -> None:
    """Refused with 417, and made again on the same connection that still waits for content."""
    body = b"with permission"
    again = b"POST /scenario/r1 HTTP/1.1\r\nHost: 127.0.0.1:41007\r\n\r\n"
    wire = Wire()
    conn = wire.connect()
    fields = [("Expect", "100-continue")]
    first = conn.request("POST", body=body, sent=again[: len(body)], fields=fields)
    conn.receive(again[len(body) :], 60)
    conn.answer(first, 417, b"no", t=2)
    wire.event("bad-request", 60, conn=1, reason="not a request line")
    content = wire.connect(63).probe(64)
    told = Teller(method="POST", body=body, expect_continue=True)
    told.ok("main", 417, b"no", at=61).ok("probe", 200, content, started=62, at=65)
    verdict = verdict_of(wire, told, Question(request=Request("POST")))
    assert (verdict.facts["connection"], verdict.grade) == ("fresh", "danger")
    assert {"rule": "G3"} in verdict.reasons
    assert verdict.sentence.startswith("Sent another request where the server still expected")


def test_content_that_stands_in_a_field_by_accident_did_not_come_twice() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request("POST", body=b"go", fields=[("User-Agent", "got (go)")])
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=50)
    content = conn.probe(60)
    told = Teller(method="POST", body=b"go").ok("main", 200, OWN, at=51)
    told.ok("probe", 200, content, started=59, at=61)
    verdict = verdict_of(wire, told, Question(request=Request("POST")))
    assert verdict.facts["request_body"] == "once"


def test_content_came_twice_and_stood_where_a_request_should() -> None:
    body = b'{"order": 1, "count": 2}'
    wire = Wire()
    conn = wire.connect()
    first = conn.request("POST", body=body)
    conn.send(first, [("head", head_octets(102)), ("head", head_octets(100))], t=2)
    conn.receive(body, 3)
    wire.event("bad-request", 3.1, conn=1, reason="no method")
    conn.answer(first, 200, OWN, t=50)
    told = Teller(method="POST", body=body).ok("main", 200, OWN, at=51)
    told.failed("probe", "closed", started=52, at=53)
    verdict = verdict_of(wire, told, Question(request=Request("POST")))
    assert verdict.facts["request_body"] == "twice"
    assert (verdict.facts["connection"], verdict.grade) == ("poisoned", "danger")
    assert reason(verdict, "K3")


def test_a_send_that_was_noted_late_does_not_make_a_connection_poisoned() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, OWN, t=100)
    content = conn.probe(103, answer=112)
    told = Teller().ok("main", 200, OWN, at=101).ok("probe", 200, content, started=102, at=105)
    verdict = verdict_of(wire, told)
    assert (verdict.outcome, verdict.facts["connection"]) == ("final", "reused")


@pytest.mark.parametrize("told_at", [2.5, 9.0])
def test_a_tunnel_that_carries_the_probe_alone_is_the_probes(told_at: float) -> None:
    """A tool tells of the first transfer when it has begun the second one, or before."""
    wire = Wire()
    conn = wire.connect()
    conn.head(conn.request("CONNECT"), 102, t=2)
    conn.client_closes(2.4)
    conn = wire.connect(3)
    conn.head(conn.request("CONNECT", t=4, visit=2), 200, t=5)
    content = conn.probe(10)
    told = Teller().failed("main", "closed", at=told_at)
    told.ok("probe", 200, content, started=told_at, at=11)
    verdict = verdict_of(wire, told)
    assert (verdict.outcome, verdict.facts["connection"]) == ("error", "fresh")
    assert verdict.facts["attempts"] == 1


def test_a_tunnel_that_was_made_for_the_request_and_carries_the_next_is_used_again() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.head(conn.request("CONNECT"), 200, t=2)
    conn.answer(conn.request(t=3), 200, OWN, t=4)
    content = conn.probe(10)
    told = Teller().ok("main", 200, OWN, at=5).ok("probe", 200, content, started=6, at=11)
    assert verdict_of(wire, told).facts["connection"] == "reused"
