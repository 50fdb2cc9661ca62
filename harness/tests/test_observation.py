# SPDX-License-Identifier: MIT
"""Plans and events obey their schemas; what does not is named."""

from __future__ import annotations

from typing import Any

import pytest

from interimspec.observation import (
    ClientFacts,
    Observation,
    ProcessEnd,
    delivered,
    delivered_length,
    event_problem,
    first_problem,
    parse_line,
    plan_problem,
)
from interimspec.testing import Teller

PLAN = Teller().plan
HELLO = Teller().hello
END: dict[str, Any] = Teller().ok("main", 200, b"abc", at=3, show=False).events[0]
FAILED: dict[str, Any] = Teller().failed("main", "timeout", at=3).events[0]


def test_good_plans_and_events() -> None:
    assert plan_problem(PLAN) is None
    assert HELLO is not None
    told = Teller().interim("main", 102, at=1, fields=[["A", "b"]]).ok("main", None, at=2)
    told.failed("main", "timeout", at=3).failed("main", "status", at=4, status=404)
    told.tell("unsupported", what="http", value="3").tell("done")
    for event in (HELLO, *told.events):
        assert event_problem(event) is None, event


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"http": "0.9"}, "http"),
        ({"plan": "with space"}, "plan"),
        ({"requests": []}, "requests"),
        ({"extra": 1}, "extra"),
        ({"timers": {"idle_ms": 1}}, "idle_ms"),
        ({"v": 2}, "v"),
    ],
)
def test_bad_plans(change: dict[str, Any], says: str) -> None:
    problem = plan_problem({**PLAN, **change})
    assert problem is not None
    assert says in problem


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"event": "bad-line", "text": "garbage"}, "garbage"),
        ({"v": 1, "event": "ende"}, "unknown event 'ende'"),
        ({**END, "told": "maybe"}, "told"),
        ({**END, "at": "now"}, "at"),
        ({**END, "at": float("nan")}, "not a time"),
        ({**END, "body_b64": "%%%"}, "base64"),
        ({**END, "body_len": 2}, "body_len"),
        ({**END, "extra": 2}, "extra"),
        ({**END, "v": 2}, "v"),
        ({**END, "error": FAILED["error"]}, "error"),
        ({**FAILED, "error": None}, "error"),
        ({**FAILED, "error": {**FAILED["error"], "kind": "bad luck"}}, "bad luck"),
        ({**FAILED, "error": {"kind": "timeout"}}, "error"),
    ],
)
def test_bad_events(event: dict[str, Any], says: str) -> None:
    problem = event_problem(event)
    assert problem is not None
    assert says in problem


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        "[1]",
        '"text"',
        "{}",
        '{"event": 3}',
        '{"event": "end", "at": NaN}',
        '{"event": "bad-line"}',
        "[" * 100_000,
    ],
)
def test_lines_that_are_no_events(line: str) -> None:
    event = parse_line(line)
    assert event["event"] == "bad-line"
    assert len(event["text"]) <= 500
    assert event_problem(event) is not None


def test_the_first_bad_event_is_named() -> None:
    good = Teller().interim("main", 102, at=1.5).events[0]
    assert first_problem([good, {**good, "at": 2.5}, {**good, "at": 3}]) is None
    for bad in ({**good, "at": "x"}, {**good, "at": float("inf")}, {**good, "status": "x"}):
        problem = first_problem([good, bad])
        assert problem is not None
        assert problem.startswith("interim: ")
    assert first_problem([good, {key: good[key] for key in good if key != "at"}])


def test_a_line_that_is_one() -> None:
    assert parse_line('{"v":1,"event":"done","plan":"x"}') == {
        "v": 1,
        "event": "done",
        "plan": "x",
    }


def test_what_was_delivered() -> None:
    assert (delivered(END), delivered_length(END)) == (b"abc", 3)
    assert (delivered({}), delivered_length({})) == (b"", 0)
    assert delivered_length({"body_b64": "YWJj", "body_len": None}) == 3


def test_capabilities_are_the_manifests_else_the_adapters() -> None:
    observation = Observation(PLAN, HELLO, (), ProcessEnd("done"), 0.0, ClientFacts({"tls": False}))
    assert observation.can("tls") is False
    assert observation.can("second_request") == "pooled"
    assert observation.can("telepathy") is None
    assert Observation(PLAN, None, (), ProcessEnd("done")).can("tls") is None
