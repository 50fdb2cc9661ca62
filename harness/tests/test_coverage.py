# SPDX-License-Identifier: MIT
"""The catalogue and the requirements, both ways; and what the catalogue promises as a whole."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from interimspec import coverage
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.comparison import needs_comparison

SCENARIOS = Path(__file__).parents[2] / "scenarios"
UNGRADED = ("trait", "control")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(SCENARIOS)


def made(tmp_path: Path, requirement: str, scenario: str) -> Catalogue:
    (tmp_path / "requirements.yaml").write_text(
        "- id: rfc9110-15.2-parse\n  rfc: 9110\n  section: 15.2\n  level: MUST\n  binds: client\n"
        "  text: T.\n  link: https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2\n"
        + requirement
    )
    (tmp_path / "one.yaml").write_text(
        f"id: one\ntitle: T\n{scenario}script:\n  - respond: {{status: 200}}\n"
        "expect: {class: serve}\nwhy: W\n"
    )
    return load_catalogue(tmp_path)


def test_what_is_missing_is_found(tmp_path: Path) -> None:
    found = made(tmp_path, "", "")
    assert coverage.missing(found) == ("rfc9110-15.2-parse",)
    assert coverage.about_none(found) == {"serve": ("one",)}
    assert coverage.unfounded(found) == ("one",)


def test_a_scenario_covers(tmp_path: Path) -> None:
    found = made(tmp_path, "", "requirements: [rfc9110-15.2-parse]\n")
    assert coverage.by_requirement(found) == {"rfc9110-15.2-parse": ("one",)}
    assert coverage.missing(found) == coverage.unfounded(found) == ()


def test_a_reason_will_do_until_there_is_a_scenario(tmp_path: Path) -> None:
    reason = "  without_scenario: Nobody can see it.\n"
    found = made(tmp_path, reason, "")
    assert coverage.missing(found) == coverage.needless_reasons(found) == ()
    assert found.requirements["rfc9110-15.2-parse"].without_scenario == "Nobody can see it."
    found = made(tmp_path, reason, "requirements: [rfc9110-15.2-parse]\n")
    assert coverage.needless_reasons(found) == ("rfc9110-15.2-parse",)


def test_every_requirement_has_a_scenario_or_a_reason(catalogue: Catalogue) -> None:
    assert coverage.missing(catalogue) == ()
    assert coverage.needless_reasons(catalogue) == ()


def test_every_scenario_has_a_requirement_or_measures_a_trait(catalogue: Catalogue) -> None:
    assert coverage.unfounded(catalogue) == ()


def test_the_h1_catalogue_is_as_large_as_promised(catalogue: Catalogue) -> None:
    graded = [s for s in catalogue if "h1" in s.transports and s.expect.class_ not in UNGRADED]
    assert len(graded) >= 130


def test_no_two_scenarios_play_the_same(catalogue: Catalogue) -> None:
    """The same request, script and probe twice would be one question with two names. A published
    example may send what another one sends: it is there for its name."""
    seen: dict[str, list[str]] = defaultdict(list)
    keys = re.compile(
        r"^(request|timers|script|resources|on-connect|params|probe|vary):.*\n((?: .*\n)*)", re.M
    )
    for scenario in catalogue:
        if scenario.family in ("controls", "control-none", "published"):
            continue
        played = "".join(sorted(match[0] for match in keys.finditer(scenario.text)))
        seen[played.replace("request: {method: GET}\n", "")].append(scenario.id)
    assert [ids for ids in seen.values() if len(ids) > 1] == []


def test_titles_and_reasons_are_sentences_of_their_own(catalogue: Catalogue) -> None:
    titles: dict[str, list[str]] = defaultdict(list)
    for scenario in catalogue:
        titles[scenario.title.strip()].append(scenario.id)
        assert len(scenario.why.split()) >= 6, scenario.id
    assert [ids for ids in titles.values() if len(ids) > 1] == []


def test_what_is_counted_against_interim_responses_is_compared_with_none(
    catalogue: Catalogue,
) -> None:
    """Each scenario that needs it names the same exchange without an interim response."""
    without = [s.id for s in catalogue if needs_comparison(s) and s.compare_with is None]
    assert without == []
    needless = [s.id for s in catalogue if s.compare_with is not None and not needs_comparison(s)]
    assert needless == []


def test_what_is_there_to_be_compared_with_is_used(catalogue: Catalogue) -> None:
    """By its name it is: `-alone`. Others of the family ask what some scenarios leave out."""
    used = {scenario.compare_with for scenario in catalogue}
    alone = [s.id for s in catalogue if s.expect.class_ == "serve" and s.id.endswith("-alone")]
    alone = [name for name in alone if catalogue[name].family == "control-none"]
    assert len(alone) > 50
    assert [name for name in alone if name not in used] == []
