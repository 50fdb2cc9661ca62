# SPDX-License-Identifier: MIT
"""Whatever an adapter tells and a server sends: one outcome, or one grade and no outcome."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from interimspec.judge import CLASS_TABLE, GRADES, OUTCOMES, SEVERITY, Verdict, judge
from interimspec.testing import Conn, Question, Request, Teller, Timers, Wire, head_octets

CLASSES = (*CLASS_TABLE, "control")
UNDECIDED = ("unsupported", "inconclusive", "error")
KINDS = ("timeout", "protocol", "closed", "refused", "limit", "status", "tls", "other")
CONTENTS = (
    b"",
    b"x",
    b"content",
    b"interimspec x #0\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    bytes(range(256)),
)
PARTS = ("head", "interim-content", "framing", "content", "surplus")


def random_exchange(rng: random.Random, wire: Wire, conn: Conn, at: float, resource: str) -> float:
    body = rng.choice((None, None, b"body", b"a longer body"))
    sent = body[: rng.randrange(len(body) + 1)] if body and rng.random() < 0.3 else None
    number = conn.request(
        rng.choice(("GET", "POST", "HEAD")), resource, t=at, body=body, sent=sent,
        version=rng.choice(("1.1", "1.1", "1.1", "1.0")),
    )  # fmt: skip
    for _ in range(rng.randrange(4)):
        at += rng.choice((0.1, 5, 300, 2000))
        choice = rng.randrange(5)
        if choice == 0:
            conn.head(number, rng.choice((100, 101, 102, 103, 199)), t=at)
        elif choice == 1:
            status = rng.choice((200, 204, 302, 401, 404))
            length = rng.choice((None, None, 3, 900))
            conn.answer(number, status, rng.choice(CONTENTS), t=at, length=length)
        elif choice == 2:
            conn.send(number, [(rng.choice(PARTS), rng.choice(CONTENTS))], t=at)
        elif choice == 3:
            unit = head_octets(102)
            conn.send(
                number, [("head", unit)], t=at, times=3, unit_len=len(unit),
                first=[[at, at]], last_left=at + 50,
            )  # fmt: skip
            at += 50
        else:
            conn.send(
                number, [("head", b"HTTP/1.1 1")], t=at, piece=rng.randrange(2), pieces=2,
                unread_before=rng.choice((None, 0, 7)), due=at - rng.choice((0, 50)),
            )  # fmt: skip
    for name in ("client-fin", "client-rst", "wait-limit", "http10", "blocked", "bad-request"):
        if rng.random() < 0.05:
            wire.event(name, at + 1, conn=conn.number, exchange=number, step=1, reason="x")
    if rng.random() < 0.3:
        conn.server_closes(at + rng.random() * 10, rng.choice(("fin", "rst")))
    return at


def random_wire(rng: random.Random) -> Wire:
    wire = Wire()
    wire.complete = rng.random() > 0.02
    at = 1.0
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        conn = wire.connect(at)
        for resource in rng.sample(("start", "start", "moved", "probe"), rng.randrange(1, 4)):
            at = random_exchange(rng, wire, conn, at, resource)
            at += rng.choice((1, 400, 1500))
    return wire


def random_events(rng: random.Random, told: Teller, content: bytes) -> None:
    at = 2.0
    for name in ("main", "probe"):
        for _ in range(rng.choice((0, 0, 1, 2))):
            told.interim(name, rng.choice((None, 100, 102)), at=at)
        at += rng.choice((0, 3, 500, 1000, 12_000))
        body = rng.choice((*CONTENTS, content))
        status = rng.choice((None, 102, 101, 200, 204, 302, 404))
        if rng.random() < 0.5:
            told.response(name, status, at=at, fields=[("Content-Length", "5"), ("X", "y")])
        if rng.random() < 0.6:
            told.ok(name, status, body, started=at - 1, at=at + 1, show=False)
        elif rng.random() < 0.8:
            told.failed(
                name, rng.choice(KINDS), body, started=rng.choice((0.0, at - 1)), at=at + 1,
                status=rng.choice((None, 102, 200, 404)), phase=rng.choice((None, "head", "body")),
            )  # fmt: skip
    if rng.random() < 0.1:
        told.events.insert(
            rng.randrange(len(told.events) + 1),
            rng.choice(
                (
                    {"event": "bad-line", "text": "oops"},
                    {"v": 1, "event": "unsupported", "plan": told.plan["plan"], "what": "http"},
                    {"v": 1, "event": "what"},
                    {"event": "end"},
                )
            ),
        )


def random_question(rng: random.Random) -> Question:
    timers = rng.choice((Timers(), Timers(1000, 1000, True), Timers(None, 1000, True)))
    return Question(
        rng.choice(CLASSES),
        request=Request(rng.choice(("GET", "POST"))),
        timers=timers,
        facts=rng.choice(({}, {"resent": 0}, {"request_body": "once"})),
        script_ms=rng.choice((None, 0, 300)),
        has_final=rng.random() < 0.5,
        server_ends=rng.random() < 0.5,
    )


def wild_case(rng: random.Random) -> Verdict:
    """Anything at all."""
    wire = random_wire(rng)
    transcript = wire.transcript()
    streams = [connection.stream for connection in transcript.connections.values()] or [b""]
    timers = rng.choice(({}, {"read_ms": 1000}, {"read_ms": 1000, "total_ms": 1000}))
    told = Teller(
        timers=timers,
        body=rng.choice((None, b"body", b"a longer body")),
        expect_continue=rng.random() < 0.3,
        probe=rng.random() < 0.8,
        not_before=rng.choice((0, 100)),
    )
    random_events(rng, told, a_part_of(rng, rng.choice(streams)))
    observation = told.observation(
        rng.choice(("done", "done", "done", "deadline", "exited")),
        exit_code=rng.choice((None, 0, 1)),
        signal=rng.choice((None, None, 6)),
        harness_late_ms=rng.choice((0.0, 0.0, 200.0)),
        done=rng.choice((None, None, True, False)),
    )
    return judge(random_question(rng), transcript, observation)


def a_part_of(rng: random.Random, stream: bytes) -> bytes:
    start = rng.randrange(len(stream) + 1)
    return stream[start : start + rng.randrange(60)]


def plausible_case(rng: random.Random) -> Verdict:
    """A server that keeps to its script, and an adapter that keeps to its contract."""
    wire = Wire()
    conn = wire.connect()
    at = random_exchange(rng, wire, conn, 1.0, "start")
    stream = wire.transcript().connections[1].stream
    told = Teller(timers={"read_ms": 1000, "total_ms": 1000})
    ended = rng.choice((at + 1, at + 1, at + 1000, at + 9000))
    tell(rng, told, "main", 0.0, ended, stream)
    if rng.random() < 0.7:
        (conn if rng.random() < 0.6 else wire.connect(ended)).probe(ended + 1)
    if rng.random() < 0.8:
        tell(rng, told, "probe", ended, ended + 20, wire.transcript().connections[1].stream)
        return judge(random_question(rng), wire.transcript(), told.observation())
    state = rng.choice(("deadline", "exited"))
    observation = told.observation(state, signal=6 if state == "exited" else None)
    return judge(random_question(rng), wire.transcript(), observation)


def tell(
    rng: random.Random, told: Teller, name: str, started: float, at: float, stream: bytes
) -> None:
    statuses = [None, *(status for status in (102, 200, 404) if b"%d" % status in stream)]
    status = rng.choice(statuses)
    lines = stream.split(b"\r\n\r\n")
    content = rng.choice((b"", lines[-1], a_part_of(rng, stream)))
    if rng.random() < 0.6:
        told.ok(name, status, content, started=started, at=at)
    else:
        told.failed(name, rng.choice(KINDS), started=started, at=at, status=status)


def random_case(seed: int) -> Verdict:
    rng = random.Random(seed)
    return wild_case(rng) if seed % 2 else plausible_case(rng)


def check(verdict: Verdict) -> None:
    assert verdict.grade in GRADES
    if verdict.outcome is None:
        assert verdict.grade in UNDECIDED
    else:
        assert verdict.outcome in OUTCOMES
        assert verdict.grade in (*SEVERITY, "error")
    assert verdict.reasons
    assert all("rule" in reason for reason in verdict.reasons)
    assert verdict.sentence
    assert verdict.sentence[-1] == "."
    json.dumps(verdict.to_json(), allow_nan=False)


@pytest.mark.parametrize("block", range(8))
def test_one_outcome_or_one_grade(block: int) -> None:
    seen: set[Any] = set()
    for seed in range(block * 250, block * 250 + 250):
        verdict = random_case(seed)
        check(verdict)
        seen.add(verdict.outcome)
    assert None in seen
    assert len(seen) > 5


def test_the_judge_is_a_function() -> None:
    for seed in range(40):
        assert random_case(seed).to_json() == random_case(seed).to_json()
