# SPDX-License-Identifier: MIT
"""Which case comes next, without running any."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from interimspec.cases import Case
from interimspec.schedule import Schedule


def case(row: str, name: str, processes: int = 2) -> Case:
    return cast(Case, SimpleNamespace(row=SimpleNamespace(id=row, processes=processes), name=name))


def scheduled(expected: Mapping[tuple[str, str], float], brief_at_once: int) -> Schedule:
    def expected_ms(one: Any) -> float:
        return expected[one.row.id, one.name]

    return Schedule([case(*key) for key in expected], expected_ms, brief_at_once)


def names(schedule: Schedule, row: str, count: int) -> list[str]:
    taken = [schedule.take(row) for _ in range(count)]
    return [one.case.name for one in taken if one is not None]


def test_the_longest_first() -> None:
    schedule = scheduled({("a", "x"): 10, ("a", "y"): 3000, ("a", "z"): 700}, 0)
    assert names(schedule, "a", 4) == ["y", "z", "x"]


def test_a_brief_case_fills_the_time_in_which_long_ones_wait() -> None:
    expected = {("a", f"long{n}"): 9000.0 - n for n in range(3)}
    expected |= {("a", f"brief{n}"): 50.0 - n for n in range(3)}
    schedule = scheduled(expected, brief_at_once=1)
    first = schedule.take("a")
    assert first is not None
    assert first.case.name == "brief2"
    assert names(schedule, "a", 2) == ["long0", "long1"]  # no more than one at once
    schedule.is_over(first)
    assert names(schedule, "a", 1) == ["brief1"]


def test_nothing_is_taken_early_when_no_case_waits_long() -> None:
    schedule = scheduled({("a", "x"): 800, ("a", "y"): 20}, brief_at_once=9)
    assert names(schedule, "a", 2) == ["x", "y"]


def test_the_row_with_the_longest_rest_is_helped_and_none_beyond_its_processes() -> None:
    schedule = scheduled(
        {("a", f"{n}"): 500.0 for n in range(4)} | {("b", f"{n}"): 2000.0 for n in range(4)}, 0
    )
    chosen = []
    while (row := schedule.row_to_help()) is not None:
        schedule.active[row] += 1
        schedule.take(row)
        chosen.append(row)
    assert chosen == ["b", "a", "b", "a"]


def test_a_second_process_for_next_to_nothing_is_not_worth_its_start() -> None:
    schedule = scheduled({("a", f"{n}"): 20.0 for n in range(9)}, 0)
    schedule.active["a"] = 1
    assert schedule.row_to_help() is None
