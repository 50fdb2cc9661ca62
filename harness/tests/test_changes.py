# SPDX-License-Identifier: MIT
"""What changed between two versions is told in words, like with like, and nothing is made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interimspec import changes, cli
from interimspec.changes import BETTER, MEASURED, OTHER, UNDECIDED, WORSE, compare, pairs, render

GOOD = {"outcome": "final", "grade": "pass", "connection": "reused"}
BAD = {"outcome": "interim", "grade": "danger", "connection": "poisoned"}
FAILS = {"outcome": "error", "grade": "fail", "connection": "fresh"}
OPEN = {"outcome": None, "grade": "error"}


def test_like_changes_are_told_together() -> None:
    old = {f"single-{n}[h1]": BAD for n in range(12)} | {"x[h2]": GOOD, "same[h1]": GOOD}
    new = {f"single-{n}[h1]": GOOD for n in range(12)} | {"x[h2]": FAILS, "same[h1]": GOOD}
    change = compare("undici@7.0.0", "undici@8.0.0", old, new)
    assert [(group.kind, len(group.cells)) for group in change.groups] == [(WORSE, 1), (BETTER, 12)]
    text = "\n".join(render(change))
    assert text.startswith("undici 7.0.0 → 8.0.0: 1 worse, 12 better, 1 as before")
    assert "better, 12 scenarios: now delivered the final response (pass)" in text
    assert (
        "before: handed an interim response over as the answer, and the next request is given an "
        "answer that is not its own (danger)"
    ) in text
    assert "single-0, single-1, single-10, single-11, single-2" in text
    assert "and 4 more" in text
    assert "x[h2]" in text
    assert "single-9" in "\n".join(render(change, every_cell=True))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (BAD, FAILS, BETTER),
        (GOOD, BAD, WORSE),
        (FAILS, {**FAILS, "outcome": "timeout"}, OTHER),
        (BAD, OPEN, UNDECIDED),
        ({"outcome": None, "grade": "withheld"}, GOOD, UNDECIDED),
        ({"outcome": None, "grade": "unsupported"}, BAD, UNDECIDED),
    ],
)
def test_what_is_not_known_is_neither_better_nor_worse(
    before: dict[str, object], after: dict[str, object], kind: str
) -> None:
    change = compare("a@1", "a@2", {"s[h1]": before}, {"s[h1]": after})
    assert [group.kind for group in change.groups] == [kind]
    assert change.changed is (kind != UNDECIDED)


def limit(good: int, bad: int, then: str = "error") -> dict[str, object]:
    return {**GOOD, "traits": {"n": {"good_to": good, "bad_from": bad, "then": then}}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (limit(9345, 9400), limit(10233, 10288)),  # read sizes
        (limit(10, 11), limit(10, 11)),
        (limit(3044, 3060, "crash"), limit(3864, 3880, "crash")),  # a stack, compiled or not
        (limit(4843, 4870, "timeout"), limit(8827, 8872, "timeout")),  # a busy machine
        ({**GOOD, "traits": {"interim_shown": "nothing"}}, GOOD),  # not asked there
    ],
)
def test_a_limit_that_moves_with_reads_or_load_is_no_news(
    before: dict[str, object], after: dict[str, object]
) -> None:
    for one, other in ((before, after), (after, before)):
        change = compare("a@1", "a@2", {"s[h1]": one}, {"s[h1]": other})
        assert (change.groups, change.same) == ((), 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (limit(10, 11), limit(20, 21)),
        (limit(100, 101), limit(110, 111)),
        (limit(9345, 9400), limit(13000, 13050)),
        (limit(10, 11), limit(10, 11, "hang")),
        (limit(10, 11), {**GOOD, "traits": {"n": {"at_least": 100}}}),
        (
            {**GOOD, "traits": {"interim_shown": "nothing"}},
            {**GOOD, "traits": {"interim_shown": "fields"}},
        ),
    ],
)
def test_another_trait_with_the_same_verdict_is_told(
    before: dict[str, object], after: dict[str, object]
) -> None:
    change = compare("a@1", "a@2", {"s[h1]": before}, {"s[h1]": after})
    assert [group.kind for group in change.groups] == [MEASURED]
    assert (change.changed, change.same) == (True, 0)


def test_a_limit_is_told_in_words() -> None:
    change = compare("a@1", "a@2", {"s[h1]": limit(10, 11)}, {"s[h1]": limit(2000, 2011, "hang")})
    assert render(change) == [
        "a 1 → 2: 1 measured otherwise, 0 as before",
        "  measured otherwise, 1 scenario: now n: 2,000; from 2,011 on: hang",
        "      before: n: 10; from 11 on: error",
        "      s",
    ]


def test_a_change_of_the_scenario_is_said() -> None:
    old, new = {**GOOD, "scenario_sha256": "1"}, {**BAD, "scenario_sha256": "2"}
    text = "\n".join(render(compare("a@1", "a@1", {"s[h1]": old}, {"s[h1]": new})))
    assert "of a scenario that is not the one it was: 1" in text
    assert render(compare("a@1", "a@1", {"s[h1]": old}, {"s[h1]": old})) == []


def test_rows_are_paired_by_id_then_by_client() -> None:
    old = ["a@1", "b@1", "b@1+fast", "c@1", "c@2", "d@1"]
    new = ["a@1", "b@2", "b@2+fast", "c@3"]
    assert pairs(old, new) == [("a@1", "a@1"), ("b@1", "b@2"), ("b@1+fast", "b@2+fast")]


def results_file(folder: Path, version: str, **cells: dict[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"sample@{version}.json"
    named = {f"{name}[h1]": cell for name, cell in cells.items()}
    data = {"v": 1, "client": "sample", "version": version, "variant": None, "cells": named}
    path.write_text(json.dumps(data))
    return path


def test_the_command_takes_files_folders_and_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTERIMSPEC_RUNS", str(tmp_path / "runs"))
    one = results_file(tmp_path / "results", "1.0", a=BAD, b=GOOD)
    two = results_file(tmp_path / "results", "2.0", a=GOOD, b=GOOD)
    assert cli.main(["diff", str(one), str(two)]) == 1
    by_file = capsys.readouterr().out
    assert "sample 1.0 → 2.0: 1 better, 1 as before" in by_file
    assert by_file.endswith("1 rows compared, 1 changed\n")
    assert cli.main(["diff", str(one.parent), str(one.parent)]) == 0
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(
        '[interimspec]\nscenarios = "s"\nclients = ["c"]\nresults = "results"\n', encoding="utf-8"
    )
    capsys.readouterr()
    assert cli.main(["diff", "sample@1.0", "sample@2.0", "--matrix", str(matrix)]) == 1
    assert capsys.readouterr().out == by_file
    assert cli.main(["diff", "sample@1.0", "sample@9", "--matrix", str(matrix)]) == 4
    assert "neither the newest run nor the baseline has it" in capsys.readouterr().err
    assert changes.told(OPEN) == "error"
