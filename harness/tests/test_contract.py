# SPDX-License-Identifier: MIT
"""What adapters must refuse and timers that must fire: found where they are not, in every one."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from adapter_bench import CLIENTS, installed
from driver_kit import MakeRow

from interimspec import contract
from interimspec.clients import Row, load_manifests, rows_of
from interimspec.controls import AdapterPlayer
from interimspec.install import Environment, ensure
from interimspec.manifest import Deviation
from interimspec.observation import plan_problem
from interimspec.paths import BUILD

#: What asks beyond the controls speaks HTTP/1.1.
ROWS = [
    row
    for one in load_manifests(CLIENTS)
    for row in rows_of(one, all_versions=False)
    if "1.1" in row.can.http
]

AT_ONCE = 6  # inspections; more would hold up each other's timers

Event = dict[str, Any]
Inspection = tuple[contract.Verdict, ...] | Exception


def end(after_ms: float, told: str = "failed", kind: str = "timeout") -> tuple[Event, ...]:
    error = {"kind": kind, "type": "T", "message": "m"} if told == "failed" else None
    return ({"event": "end", "started": 0.0, "at": after_ms, "told": told, "error": error},)


def test_all_that_is_not_claimed_is_asked_for(make_row: MakeRow) -> None:
    row = make_row(timers=("read_ms",), second_request="none", not_before=False)
    asked = " | ".join(one.what for one in contract.refusals(row))
    for words in (
        "connect_ms",
        "total_ms",
        "HTTP/2",
        "proxy",
        "second request",
        "Expect",
        "pauses",
    ):
        assert words in asked
    assert "read_ms, which" not in asked
    claims = make_row(
        http=("1.1", "2", "3"),
        timers=("connect_ms", "read_ms", "total_ms"),
        proxy=True,
        expect_continue=True,
        body_stream=True,
    )
    for refusal in contract.refusals(claims):
        assert "nobody knows" in refusal.what
        assert plan_problem(contract.refusal_plan(refusal, "p", "http://x/")) is not None


@pytest.mark.parametrize(
    ("kinds", "passes"),
    [
        (["unsupported", "done"], True),
        (["end", "done"], False),
        (["unsupported", "end", "done"], False),
        (["unsupported"], False),
        ([], False),
    ],
)
def test_a_refusal_is_unsupported_and_done(kinds: list[str], passes: bool) -> None:
    assert (contract.check_refusal([{"event": kind} for kind in kinds]) == []) is passes


@pytest.mark.parametrize(
    ("events", "connects", "words"),
    [
        (end(1100), 1, None),
        (end(3300), 3, None),
        (end(500), 1, "after 0.50 of it"),
        (end(9000), 1, "after 9.00 of it"),
        (end(1100, kind="closed"), 1, "expected failed, timeout"),
        (end(1100, told="ok"), 1, "told ok; expected failed"),
        ((), 1, "nothing was told"),
    ],
)
def test_a_timer_ends_the_wait_on_time(
    make_row: MakeRow, events: tuple[Event, ...], connects: int, words: str | None
) -> None:
    problems = contract.check_timer(make_row(), "read_ms", 1000, connects, events)
    assert (words is None and problems == []) or (words is not None and words in problems[0])


def test_a_timer_is_late_only_from_the_request_on(make_row: MakeRow) -> None:
    row = make_row()
    assert contract.check_timer(row, "read_ms", 1000, 1, end(5100), sent_at=4000.0) == []
    late = contract.check_timer(row, "read_ms", 1000, 1, end(5700), sent_at=4000.0)
    assert "after 1.70 of it" in late[0]
    early = contract.check_timer(row, "read_ms", 1000, 1, end(500), sent_at=4.0)
    assert "after 0.50 of it" in early[0]


def test_a_tool_that_ends_well_whatever_happened_ends_its_wait_by_the_timer(
    make_row: MakeRow,
) -> None:
    row = make_row()
    tool = replace(
        row.manifest, controls={"silence": Deviation("exit status 0, always", {"told": ("ok",)})}
    )
    row = replace(row, manifest=tool)
    assert contract.check_timer(row, "read_ms", 1000, 1, end(1100, told="ok")) == []
    assert (
        "after 0.30 of it" in contract.check_timer(row, "read_ms", 1000, 1, end(300, told="ok"))[0]
    )


def test_a_connection_to_the_full_port_stays_open() -> None:
    with contract.unanswering_port() as port, socket.socket() as one:
        one.settimeout(0.5)
        with pytest.raises(TimeoutError):
            one.connect(("127.0.0.1", port))


class Liar:
    """Claims read_ms, and sets nothing: it waits as long as it is let, and refuses nothing."""

    async def play(self, plan: Mapping[str, Any], seconds: float) -> tuple[Event, ...]:
        return ({"v": 1, "event": "done", "plan": plan["plan"]},)


def test_a_liar_is_caught_by_every_rule(make_row: MakeRow) -> None:
    verdicts = asyncio.run(contract.inspect(make_row(timers=("read_ms",)), Liar(), "t"))
    rules = {contract.REFUSES, contract.TIMER, contract.SENDS}
    assert {one.rule for one in verdicts if not one.passed} == rules
    assert all(not one.passed for one in verdicts if one.rule != contract.SCHEMA)


@pytest.fixture(scope="module")
def inspections(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Inspection]:
    """What became of every selected client, by row; one that is not installed is not in it.

    Side by side, since an inspection is nearly all waiting for timers.
    """
    ready: dict[str, Environment] = {}
    for row in selected_rows(request.session.items):
        with contextlib.suppress(pytest.skip.Exception):
            ready[row.id] = ensure(installed(row), BUILD)
    places = asyncio.Semaphore(AT_ONCE)

    async def inspect(environment: Environment) -> Inspection:
        async with places:
            player = AdapterPlayer(environment, tmp_path_factory.mktemp("adapter"))
            try:
                return await contract.inspect(environment.row, player, "t" + secrets.token_hex(3))
            except Exception as error:  # that client's test says so, and no other's
                return error
            finally:
                await player.close()

    async def inspect_all() -> dict[str, Inspection]:
        found = await asyncio.gather(*map(inspect, ready.values()))
        by_row = dict(zip(ready, found, strict=True))
        for row_id in [one for one, inspection in by_row.items() if not passed(inspection)]:
            by_row[row_id] = await inspect(ready[row_id])  # alone: the others made it late, or not
        return by_row

    return asyncio.run(inspect_all())


def passed(inspection: Inspection) -> bool:
    return not isinstance(inspection, Exception) and all(one.passed for one in inspection)


def selected_rows(items: Sequence[pytest.Item]) -> list[Row]:
    """The rows of those tests here that -k and node ids left over."""
    here = [item for item in items if item.name.startswith("test_every_installed_client")]
    return [item.callspec.params["row"] for item in here if isinstance(item, pytest.Function)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_installed_client_keeps_the_contract(
    row: Row, inspections: dict[str, Inspection]
) -> None:
    installed(row)
    inspection = inspections[row.id]
    if isinstance(inspection, Exception):
        raise inspection
    problems = [
        f"{one.question}: {problem} (see {one.rule})"
        for one in inspection
        for problem in one.problems
    ]
    assert problems == []
