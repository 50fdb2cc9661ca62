# SPDX-License-Identifier: MIT
"""What a manifest would have to say for a control that failed, and when nothing would help."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from adapter_bench import CLIENTS

from interimspec.clients import Row, load_manifest, rows_of
from interimspec.control_table import deviate
from interimspec.controls import ControlResult, check_control, problems_with
from interimspec.deviation_hint import deviation_hint


@pytest.fixture(scope="module")
def row() -> Row:
    return rows_of(load_manifest(CLIENTS / "http.client" / "client.toml"))[0]


def result(row: Row, name: str, events: list[Mapping[str, Any]], requests: int) -> ControlResult:
    seen = [{"event": "request", "resource": "start", "conn": n} for n in range(requests)]
    transcript = {"transport": "h1", "run": "r", "scenario": f"control-{name}", "events": seen}
    problems = check_control(name, row, events, transcript)
    return ControlResult(name, tuple(problems), None, tuple(events), transcript)


def end(told: str, kind: str | None = None, status: int | None = None) -> dict[str, Any]:
    error = {"kind": kind, "type": "T", "message": "m"} if kind else None
    if error and status:
        error["status"] = status  # type: ignore[assignment]
    times = {"started": 1000.0, "at": 2000.0}
    return {"event": "end", "request": "main", "told": told, "error": error, **times}


@pytest.mark.parametrize(
    ("name", "event", "requests", "proposed"),
    [
        ("404", end("failed", "status", 404), 1, {"told": ["failed"], "kinds": ["status"]}),
        ("silence", end("failed", "other"), 1, {"kinds": ["other"]}),
        ("reset", end("failed", "closed"), 3, {"attempts": 3}),
    ],
)
def test_what_would_let_a_control_pass(
    row: Row, name: str, event: dict[str, Any], requests: int, proposed: dict[str, Any]
) -> None:
    played = result(row, name, [event], requests)
    assert not played.passed
    hint = deviation_hint(row, played)
    assert hint is not None
    header, _, rest = hint.partition("] ")
    assert header == f"[controls.{name}"
    said = tomllib.loads("x = {" + rest + "}")["x"]
    assert said.pop("because") == "..."
    assert said == proposed
    changes = {key: tuple(v) if isinstance(v, list) else v for key, v in said.items()}
    assert deviate(name, changes)
    assert problems_with(row, played, changes) == []


def test_nothing_is_proposed_for_what_no_client_does(row: Row) -> None:
    late_end = {**end("ok"), "body_len": 0}
    response = {"event": "response", "request": "main", "status": 200, "at": 1.0, "fields": []}
    twice = result(row, "200", [response, response, late_end], 1)
    assert any("two responses" in problem for problem in twice.problems)
    assert deviation_hint(row, twice) is None


def test_nothing_is_proposed_for_what_passed(row: Row) -> None:
    passed = result(row, "reset", [end("failed", "closed")], 1)
    assert passed.passed
    assert deviation_hint(row, passed) is None
