# SPDX-License-Identifier: MIT
"""Traits: measured, worded alike for every client, and silent where nothing was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from interimspec.judge import judge
from interimspec.testing import Conn, Question, Request, Teller, Timers, Wire

OWN = b"interimspec scenario r1 start #0\n"


def answered(
    fields: Sequence[str] = (),
    final: Sequence[str] = (),
    *,
    same: bool = True,
    cookie: str | None = None,
) -> tuple[Wire, bytes]:
    """A 102 with fields, a final response 300 ms later, and a probe."""
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, fields, t=2)
    conn.answer(first, 200, OWN, final, t=302)
    second = conn if same else wire.connect(t=309)
    sent = [] if cookie is None else [("Cookie", cookie)]
    number = second.request(resource="probe", t=310, fields=sent)
    content = f"interimspec probe #{number}\n".encode()
    second.answer(number, 200, content, t=311)
    return wire, content


def traits_of(made: tuple[Wire, bytes], class_: str = "serve", **shown: Any) -> dict[str, Any]:
    wire, content = made
    told = Teller()
    if shown:
        told.interim("main", 102, **shown)
    told.ok("main", 200, OWN, at=303).ok("probe", 200, content, at=312, started=309)
    return dict(judge(Question(class_), wire.transcript(), told.observation()).traits)


def test_nothing_was_asked() -> None:
    assert traits_of(answered()) == {}


@pytest.mark.parametrize(
    ("cookie", "answer"),
    [
        (None, "does not come back"),
        ("other=1", "does not come back"),
        ("a=1", "comes back"),
        ("b=2; a=1", "comes back"),
    ],
)
def test_a_cookie(cookie: str | None, answer: str) -> None:
    made = answered(["Set-Cookie: a=1; Path=/x"], cookie=cookie)
    assert traits_of(made) == {"cookie_of_interim": answer}


def test_a_cookie_that_the_final_response_sets_too_is_that_of_the_final() -> None:
    made = answered(["Set-Cookie: a=1"], ["Set-Cookie: a=2"], cookie="a=2")
    assert traits_of(made) == {"cookie_of_final": "comes back"}


def test_cookies_of_both_are_told_apart() -> None:
    made = answered(["Set-Cookie: a=1"], ["Set-Cookie: b=2"], cookie="b=2")
    assert traits_of(made) == {
        "cookie_of_interim": "does not come back",
        "cookie_of_final": "comes back",
    }


@pytest.mark.parametrize(("same", "answer"), [(True, "kept"), (False, "given up")])
def test_close(same: bool, answer: str) -> None:
    made = answered(["Connection: keep-alive, Close"], same=same)
    assert traits_of(made) == {"close_in_interim": f"connection {answer}"}


def test_close_in_both_tells_nothing() -> None:
    made = answered(["Connection: close"], ["Connection: close"], same=False)
    assert traits_of(made) == {}


@pytest.mark.parametrize("followed", [True, False])
def test_a_location(followed: bool) -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, ["Location: /scenario/r1/elsewhere"], t=2)
    told, content, at = Teller(probe=False), OWN, 303.0
    if followed:
        second = conn.request(resource="elsewhere", t=10)
        content, at = b"interimspec scenario r1 elsewhere #1\n", 13
        conn.answer(second, 200, content, t=12)
    else:
        conn.answer(first, 200, OWN, t=302)
    told.ok("main", 200, content, at=at)
    found = judge(Question(), wire.transcript(), told.observation()).traits
    assert found == {"location_of_interim": "followed" if followed else "not followed"}


@pytest.mark.parametrize(
    ("shown", "answer"),
    [
        ({}, "nothing"),
        ({"at": 3}, "status, before the final response"),
        ({"at": 302.5, "fields": [["X", "1"]]}, "fields, with the final response"),
    ],
)
def test_what_is_shown(shown: dict[str, Any], answer: str) -> None:
    assert traits_of(answered(), "trait", **shown) == {"interim_shown": answer}


def silent_after(lead: float, end: float | None, timers: dict[str, int]) -> dict[str, Any]:
    """One 102, then nothing; `end` is when a timeout was told, None if never."""
    wire = Wire()
    conn = wire.connect()
    conn.head(conn.request(t=0), 102, t=lead)
    told = Teller(probe=False, timers=timers)
    if end is not None:
        told.failed("main", "timeout", at=end)
    asked = Timers(timers.get("read_ms"), timers.get("total_ms"), True)
    question = Question("trait", timers=asked, has_final=False, script_ms=round(lead))
    state = "deadline" if end is None else "done"
    return dict(judge(question, wire.transcript(), told.observation(state=state)).traits)


@pytest.mark.parametrize("name", ["read", "total"])
def test_a_timer_alone(name: str) -> None:
    timers = {f"{name}_ms": 2000}
    key = f"{name}_timer"
    assert silent_after(1200, 2000, timers) == {key: "not restarted"}
    assert silent_after(1200, 3200, timers) == {key: "restarted by interim responses"}
    assert silent_after(1200, None, timers) == {key: "never runs out after an interim response"}
    assert silent_after(300, 2000, timers) == {}  # too early to tell


def test_two_timers_tell_nothing_of_either() -> None:
    assert silent_after(1200, 2000, {"read_ms": 2000, "total_ms": 2000}) == {}


@pytest.mark.parametrize("times", [0, 1, 3])
def test_how_often_it_is_sent_again(times: int) -> None:
    wire = Wire()
    for attempt in range(times + 1):
        start = attempt * 200.0
        conn = wire.connect(t=start)
        conn.head(conn.request(t=start + 1), 102, t=start + 2)
        conn.server_closes(start + 100)
    told = Teller(probe=False).failed("main", "closed", at=times * 200.0 + 110)
    question = Question("trait", has_final=False, server_ends=True, script_ms=100)
    assert judge(question, wire.transcript(), told.observation()).traits == {"sent_again": times}


def test_who_took_the_interim_response_for_the_answer_was_not_asked_to_send_again() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.head(conn.request(t=1), 102, t=2)
    conn.server_closes(100)
    told = Teller(probe=False).ok("main", 102, b"", at=3)
    question = Question("trait", has_final=False, server_ends=True, script_ms=100)
    verdict = judge(question, wire.transcript(), told.observation())
    assert verdict.outcome == "interim"
    assert "sent_again" not in verdict.traits


BODY = b"with permission"


def with_expect(conn: Conn, sent: bytes, t: float = 1) -> int:
    expect = [("Expect", "100-continue")]
    return conn.request("POST", body=BODY, sent=sent, t=t, fields=expect)


@pytest.mark.parametrize(
    ("status", "content_at", "answer"),
    [
        (104, 20.0, "on the 104"),
        (102, 1500.0, "without permission, after a while"),
        (100, 1500.0, "on the 100"),
    ],
)
def test_when_content_is_sent(status: int, content_at: float, answer: str) -> None:
    wire = Wire()
    conn = wire.connect()
    first = with_expect(conn, b"")
    conn.head(first, status, t=2)
    conn.receive(BODY, content_at)
    wire.event(
        "request-end", content_at, conn=1, exchange=first, body_len=len(BODY), body_sha256=None,
        body=BODY.decode(),
    )  # fmt: skip
    conn.answer(first, 200, OWN, t=content_at + 1)
    told = Teller(probe=False, method="POST", body=BODY, expect_continue=True)
    told.ok("main", 200, OWN, at=content_at + 2)
    question = Question("trait", request=Request("POST"))
    found = judge(question, wire.transcript(), told.observation()).traits
    assert found["content_sent"] == answer


def test_content_that_is_sent_at_once() -> None:
    wire = Wire()
    conn = wire.connect()
    first = with_expect(conn, BODY)
    conn.answer(first, 200, OWN, t=5)
    told = Teller(probe=False, method="POST", body=BODY, expect_continue=True)
    told.ok("main", 200, OWN, at=6)
    question = Question("trait", request=Request("POST"))
    found = judge(question, wire.transcript(), told.observation()).traits
    assert found == {"content_sent": "before any response"}
