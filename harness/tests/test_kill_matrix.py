# SPDX-License-Identifier: MIT
"""The kill matrix, from records made by hand; and what the table of mutants promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interimspec import kill_matrix
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.mutants import families_without, load_mutants

HARNESS = Path(__file__).parents[1]


def record(client: str, scenario: str, grade: str, **more: Any) -> dict[str, Any]:
    family = more.pop("family", scenario.split("-")[0])
    return {
        "client": client, "scenario": scenario, "family": family, "grade": grade,
        "outcome": "final", "traits": {}, **more,
    }  # fmt: skip


RECORDS = [
    record("reference", "a-1", "pass"),
    record("reference", "a-2", "info"),
    record("reference", "b-1", "pass", family="b/deeper"),
    record("reference", "b-2", "inconclusive", outcome=None),
    record("one", "a-1", "danger"),
    record("one", "a-2", "info", traits={"timer": "stopped"}),
    record("one", "b-1", "pass", family="b/deeper"),
    record("one", "b-2", "fail"),
    record("two", "a-1", "fail"),
    record("two", "a-2", "error", outcome=None),
    record("two", "b-1", "warn", family="b/deeper"),
    record("three", "a-1", "pass"),
    record("three", "a-2", "info"),
]


@pytest.fixture
def kills() -> kill_matrix.Kills:
    return kill_matrix.from_records(RECORDS)


def test_who_catches_whom(kills: kill_matrix.Kills) -> None:
    assert kills.mutants == ("one", "two", "three")
    assert kills.kills["a-1"] == {"one", "two"}
    assert kills.kills["b-1"] == {"two"}
    assert kills.kills["a-2"] == frozenset()
    assert kills.kills["b-2"] == frozenset()  # the reference has no verdict to compare with
    assert kills.differs["a-2"] == {"one"}


def test_families(kills: kill_matrix.Kills) -> None:
    assert kills.families == ("a", "b")
    assert kills.families_of("two") == {"a", "b"}
    assert kills.only("a") == ("one",)
    assert kills.only("b") == ()
    assert kills.survivors() == ("three",)
    assert kills.told_apart() == ()
    limited = record("four", "a-1", "pass", outcome="error")
    more = kill_matrix.from_records([*RECORDS, limited])
    assert more.told_apart() == ("four",)
    assert more.survivors() == ("three",)


def test_lines(kills: kill_matrix.Kills) -> None:
    nothing = Catalogue(Path(), (), {})
    text = "\n".join(kill_matrix.lines(kills, {"b": "Because."}, nothing, wide=True))
    assert "one     1   ." in text
    assert "two     1   1" in text
    assert "  a              one" in text
    assert "  b              Because." in text
    assert "a/a-2: (tells apart: one)" in text
    assert "Caught by no scenario: three" in text
    assert "b              NOTHING" in "\n".join(kill_matrix.lines(kills, {}, nothing, wide=False))


def test_a_scenario_that_catches_nothing_says_why(tmp_path: Path) -> None:
    for name, more in (("a-1", ""), ("a-2", "mutant_free: W\n"), ("b-1", "mutant_free: W\n")):
        (tmp_path / f"{name}.yaml").write_text(
            f"id: {name}\ntitle: T\nscript:\n  - respond: {{status: 200}}\n"
            f"expect: {{class: serve}}\nwhy: W\n{more}"
        )
    catalogue = load_catalogue(tmp_path)
    kills = kill_matrix.from_records(RECORDS)
    assert kill_matrix.unexplained(kills, catalogue) == ()
    assert kill_matrix.needless_reasons(kills, catalogue) == ("b-1",)
    bare = kill_matrix.from_records([record("reference", "a-1", "pass")])
    assert kill_matrix.unexplained(bare, catalogue) == ("a-1",)


def test_every_family_has_a_mutant_that_names_it_or_a_reason() -> None:
    """By the table alone; `interimspec kills` shows it by running them."""
    catalogue = load_catalogue(HARNESS.parent / "scenarios")
    families = {scenario.id: scenario.family.split("/")[0] for scenario in catalogue}
    named = {
        families[catch.scenario]
        for mutant in load_mutants(HARNESS / "mutants")
        if mutant.kind == "client"
        for catch in mutant.caught_by
    }
    reasons = families_without(HARNESS / "mutants")
    assert set(families.values()) - named - set(reasons) == set()
    assert set(reasons) <= set(families.values())
