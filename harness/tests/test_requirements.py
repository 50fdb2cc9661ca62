# SPDX-License-Identifier: MIT
from __future__ import annotations

from pathlib import Path

import pytest

from interimspec.requirements import (
    BINDS,
    LEVELS,
    find_requirements,
    load_requirements,
    parse_requirements,
)
from interimspec.scenario import ScenarioError

SCENARIOS = Path(__file__).parents[2] / "scenarios"

GOOD = """- id: rfc9110-15.2-parse
  rfc: 9110
  section: 15.2
  level: MUST
  binds: client
  text: Read them.
  link: https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2
"""


def test_reads_one() -> None:
    (requirement,) = parse_requirements(Path("r.yaml"), GOOD.encode()).values()
    assert requirement.id == "rfc9110-15.2-parse"
    assert requirement.place == "RFC 9110, section 15.2"
    assert requirement.level == "MUST"
    assert requirement.binds == "client"
    assert requirement.text == "Read them."


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (("level: MUST", "level: must"), "5:10", 'level cannot be "must"'),
        (("binds: client", "binds: clients"), "6:10", 'did you mean "client"'),
        (("rfc: 9110", "rfc: RFC9110"), "3:8", "rfc must be a number"),
        (("id: rfc9110-15.2-parse", "id: rfc9110-15.3-parse"), "2:7", "rfc9110-15.2-"),
        (("id: rfc9110-15.2-parse", "id: rfc9110-15.2-"), "2:7", "say more"),
        (("rfc9110.html", "rfc9112.html"), "8:9", "link must begin with"),
        (("text: Read them.", "text:"), "7:8", "text is empty"),
        (("text: Read them.", "words: Read them."), "7:3", 'unknown key "words"'),
        (("  level: MUST\n", ""), "2:3", 'needs the key "level"'),
        (("- id", "id"), "3:6", "mapping values"),
    ],
)
def test_refuses(change: tuple[str, str], place: str, words: str) -> None:
    text = "# first line\n" + GOOD.replace(*change)
    with pytest.raises(ScenarioError) as caught:
        parse_requirements(Path("r.yaml"), text.encode())
    assert str(caught.value).startswith(f"r.yaml:{place}: ")
    assert words in str(caught.value)


def test_refuses_the_same_id_twice() -> None:
    with pytest.raises(ScenarioError, match=r":8:7: requirement \S+ stands twice"):
        parse_requirements(Path("r.yaml"), (GOOD + GOOD).encode())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot read the file"):
        load_requirements(tmp_path / "requirements.yaml")


def test_is_found_above_a_family() -> None:
    path = SCENARIOS / "requirements.yaml"
    assert find_requirements(SCENARIOS) == path
    assert find_requirements(SCENARIOS / "single") == path
    assert find_requirements(SCENARIOS / "single" / "single-102.yaml") == path


def test_is_not_found_where_there_is_none(tmp_path: Path) -> None:
    assert find_requirements(tmp_path) is None


def test_the_catalogue_s_own() -> None:
    requirements = load_requirements(SCENARIOS / "requirements.yaml")
    assert len(requirements) > 40
    assert requirements["rfc9110-15.2-parse"].level == "MUST"
    for requirement in requirements.values():
        assert requirement.level in LEVELS
        assert requirement.binds in BINDS
        assert requirement.link.endswith(f"#section-{requirement.section}")
        assert requirement.text.endswith(".")
