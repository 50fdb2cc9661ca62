# SPDX-License-Identifier: MIT
"""Searches and sweeps, against clients that are a function of the value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from interimspec import vary
from interimspec.cases import Attempt
from interimspec.scenario_expect import VarySpec


def ask(what: VarySpec, grade: Callable[[int], str]) -> tuple[Attempt, list[int]]:
    tried: list[int] = []

    async def attempt(params: Mapping[str, int], patience: int) -> Attempt:
        value = params[what.param]
        tried.append(value)
        word = grade(value)
        outcome = {"pass": "final", "fail": "timeout", "danger": "foreign"}.get(word)
        return Attempt({"outcome": outcome, "grade": word, "traits": {}}, duration_ms=1.0)

    return asyncio.run(vary.run(what, attempt)), tried


@pytest.mark.parametrize("edge", [1, 2, 7, 8, 9, 100, 19_999])
def test_a_search_names_the_last_good_value(edge: int) -> None:
    search = VarySpec("n", "search", 1, 20_000, ("final",))
    found, tried = ask(search, lambda n: "pass" if n <= edge else "fail")
    trait = found.verdict["traits"]["n"]
    assert trait["then"] == "timeout"
    assert trait["good_to"] <= edge < trait["bad_from"]
    assert trait["bad_from"] - trait["good_to"] <= max(1, edge // vary.FINE)
    assert found.grade == "fail"
    assert len(tried) <= 30
    assert found.duration_ms == len(set(tried))


def test_a_timeout_on_a_busy_machine_is_no_limit() -> None:
    """It takes all of them, given time."""
    asked: list[tuple[int, int]] = []

    async def attempt(params: Mapping[str, int], patience: int) -> Attempt:
        asked.append((params["n"], patience))
        outcome = "final" if patience > 1 or params["n"] < 13_000 else "timeout"
        return Attempt({"outcome": outcome, "grade": "info", "traits": {}}, duration_ms=1.0)

    search = VarySpec("n", "search", 1, 16_384, ("final",))
    found = asyncio.run(vary.run(search, attempt))
    assert found.verdict["traits"]["n"] == {"at_least": 16_384}
    assert asked == [(16_384, 1), (16_384, vary.PATIENCE)]


def test_a_search_without_an_edge() -> None:
    search = VarySpec("n", "search", 1, 20_000, ("final",))
    assert ask(search, lambda n: "pass")[0].verdict["traits"]["n"] == {"at_least": 20_000}
    assert ask(search, lambda n: "fail")[0].verdict["traits"]["n"] == {"below": 1}


def test_an_undecided_attempt_ends_a_search() -> None:
    search = VarySpec("n", "search", 1, 100, ("final",))
    found, tried = ask(search, lambda n: "inconclusive")
    assert found.grade == "inconclusive"
    assert tried == [100]


def test_a_sweep_names_every_failing_value() -> None:
    found, tried = ask(VarySpec("at", "sweep", 1, 66), lambda n: "fail" if n in (9, 10) else "pass")
    assert found.verdict["traits"]["at"] == {"failing": [9, 10], "of": 66}
    assert found.grade == "fail"
    assert sorted(tried) == list(range(1, 67))


def test_a_sweep_is_graded_by_the_worst() -> None:
    grades = {3: "fail", 5: "danger"}
    assert ask(VarySpec("at", "sweep", 1, 9), lambda n: grades.get(n, "pass"))[0].grade == "danger"


def test_a_sweep_that_fails_everywhere_is_short() -> None:
    found, tried = ask(VarySpec("at", "sweep", 1, 66), lambda n: "fail")
    assert len(tried) == vary.SPREAD
    assert found.verdict["traits"]["at"]["failing"] == "everywhere"


def test_a_short_sweep_is_complete() -> None:
    found, _ = ask(VarySpec("at", "sweep", 1, 3), lambda n: "fail")
    assert found.verdict["traits"]["at"] == {"failing": [1, 2, 3], "of": 3}


def test_a_sweep_tries_an_unclean_value_once_more() -> None:
    seen: list[int] = []

    def grade(value: int) -> str:
        seen.append(value)
        return "inconclusive" if seen.count(value) == 1 and value == 4 else "pass"

    found, tried = ask(VarySpec("at", "sweep", 1, 9), grade)
    assert found.grade == "pass"
    assert tried.count(4) == 2


@pytest.mark.parametrize("beyond", ["error", "timeout"])
def test_a_timeout_before_the_limit_is_tried_with_more_time(beyond: str) -> None:
    """The machine is slow from 5,000 on; the client gives up from 9,000 on."""
    asked: set[int] = set()

    async def attempt(params: Mapping[str, int], patience: int) -> Attempt:
        asked.add(patience)
        slow = params["n"] >= 5_000 and patience == 1
        outcome = "timeout" if slow else beyond if params["n"] >= 9_000 else "final"
        return Attempt({"outcome": outcome, "grade": "info", "traits": {}}, duration_ms=1.0)

    search = VarySpec("n", "search", 1, 16_384, ("final",))
    trait = asyncio.run(vary.run(search, attempt)).verdict["traits"]["n"]
    assert trait["good_to"] < 9_000 <= trait["bad_from"] <= 9_000 + 9_000 // vary.FINE
    assert trait["then"] == beyond
    assert asked == {1, vary.PATIENCE}
