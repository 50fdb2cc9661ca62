# SPDX-License-Identifier: MIT
"""The baseline: better and worse are both news, what cannot differ by chance is compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from driver_kit import MakeRow, MakeScenario

from interimspec import baseline
from interimspec.baseline import Baseline
from interimspec.case_runner import fault_attempt
from interimspec.cases import Attempt, Case
from interimspec.errors import UsageError
from interimspec.pytest_items import verdict_of
from interimspec.results import RowResults

TODAY = date(2026, 11, 21)


@pytest.fixture
def case(make_row: MakeRow, make_scenario: MakeScenario) -> Case:
    return Case(make_row(), make_scenario(), "h1")


def attempt(case: Case, outcome: str | None, grade: str, connection: str = "fresh") -> Attempt:
    base = fault_attempt(case, "O2", "")
    facts = {"connection": connection}
    return replace(
        base, verdict={**base.verdict, "outcome": outcome, "grade": grade, "facts": facts}
    )


def known(case: Case, outcome: str | None, grade: str, connection: str = "fresh") -> Baseline:
    cell = {"outcome": outcome, "grade": grade, "connection": connection}
    row = RowResults(case.row.id, {}, {case.name: cell})
    return Baseline({case.row.id: row}, (), TODAY)


@pytest.mark.parametrize(
    ("was", "now", "state", "verdict"),
    [
        (("final", "pass"), ("final", "pass"), "equal", "fine"),
        (("interim", "fail"), ("interim", "fail"), "equal", "known"),
        (("interim", "fail"), ("final", "pass"), "better", "unexpected"),
        (("interim", "fail"), ("interim", "danger"), "worse", "finding"),
        (("interim", "fail"), ("hang", "fail"), "worse", "finding"),
        (("final", "pass"), ("interim", "fail"), "worse", "finding"),
        (("final", "pass"), ("final", "warn"), "worse", "finding"),
        (("foreign", "danger"), ("interim", "fail"), "better", "unexpected"),
        (("error", "pass"), ("timeout", "pass"), "equal", "fine"),
        (("interim", "fail"), (None, "error"), "worse", "fault"),
        (("interim", "fail", "poisoned"), ("interim", "fail", "broken"), "worse", "finding"),
        (("final", "pass", "reused"), ("final", "pass", "fresh"), "equal", "fine"),
        (("interim", "fail", "reused"), ("interim", "fail", "fresh"), "equal", "known"),
        ((None, "withheld"), ("foreign", "danger"), "equal", "known"),
        ((None, "withheld"), ("final", "warn"), "equal", "fine"),
        ((None, "withheld"), ("final", "pass"), "better", "unexpected"),
    ],
)
def test_states(case: Case, was: Any, now: Any, state: str, verdict: str) -> None:
    compared = known(case, *was).compare(case, attempt(case, *now))
    assert compared["state"] == state
    assert verdict_of({"grade": now[1], "baseline": compared}) == verdict


def test_nothing_known_is_new(case: Case) -> None:
    compared = Baseline({}, (), TODAY).compare(case, attempt(case, "interim", "fail"))
    assert compared == {"state": "new", "was": None}
    assert verdict_of({"grade": "fail", "baseline": compared}) == "finding"
    assert verdict_of({"grade": "pass", "baseline": compared}) == "fine"
    assert verdict_of({"grade": "danger", "baseline": None}) == "finding"


def test_a_changed_scenario_is_said(case: Case) -> None:
    known_ = known(case, "interim", "fail")
    known_._rows[case.row.id].cells[case.name]["scenario_sha256"] = "other"
    assert known_.compare(case, attempt(case, "interim", "fail"))["scenario_changed"] is True


def entries(tmp_path: Path, text: str) -> tuple[baseline.Known, ...]:
    path = tmp_path / "known.toml"
    path.write_text(text)
    return baseline.load_known(path)


def test_reasons_and_their_end(case: Case, tmp_path: Path) -> None:
    listed = entries(
        tmp_path,
        '[[known]]\nclient = "plain*"\nscenario = "ma*"\nreason = "told upstream"\n'
        'link = "https://example.org/1"\nsince = 2026-01-01\nuntil = 2026-12-01\n',
    )
    found = attempt(case, "interim", "fail")
    compared = Baseline({}, listed, TODAY).compare(case, found)
    assert compared["reason"] == "told upstream (https://example.org/1)"
    assert verdict_of({"grade": "fail", "baseline": compared}) == "known"
    later = Baseline({}, listed, date(2027, 1, 1)).compare(case, found)
    assert "over" in later["expired"]
    assert verdict_of({"grade": "fail", "baseline": later}) == "finding"


def test_an_entry_for_another_client_is_none_for_this(case: Case, tmp_path: Path) -> None:
    listed = entries(tmp_path, '[[known]]\nclient = "curl"\nscenario = "*"\nreason = "x"\n')
    assert "reason" not in Baseline({}, listed, TODAY).compare(case, attempt(case, "hang", "fail"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[known]]\nclient = "a"\nscenario = "b"\n', "reason"),
        ('[[known]]\nclient = "a"\nscenario = "b"\nreason = "c"\nuntil = "soon"\n', "a day"),
        ('[[known]]\nclient = "a"\nscenario = "b"\nreason = "c"\nwhy = "d"\n', "why"),
        ("nonsense", "not TOML"),
    ],
)
def test_a_bad_known_file_is_a_usage_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        entries(tmp_path, text)
    assert "known.toml:" in str(caught.value)


def test_no_file_is_no_entry(tmp_path: Path) -> None:
    assert baseline.load_known(tmp_path / "none.toml") == ()
    assert baseline.load(None, None) is None
