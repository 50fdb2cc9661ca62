# SPDX-License-Identifier: MIT
from __future__ import annotations

from pathlib import Path

import pytest

from interimspec.catalogue import CatalogueError, load_catalogue
from interimspec.errors import UsageError
from interimspec.scenario import load_catalogue as load_catalogue_too

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def scenario(path: Path, scenario_id: str | None = None) -> None:
    write(
        path,
        f"id: {scenario_id or path.stem}\ntitle: T\nscript:\n  - respond: {{status: 200}}\n"
        "expect: {class: serve}\nwhy: W\n",
    )


def messages(path: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    return [message.replace(str(path), "%") for message in caught.value.messages]


def test_folder(tmp_path: Path) -> None:
    scenario(tmp_path / "z.yaml")
    scenario(tmp_path / "b" / "y.yaml")
    scenario(tmp_path / "b" / "c" / "a.yaml")
    for skipped in ("requirements.yaml", "_draft.yaml", "_drafts/x.yaml", ".x.yaml"):
        write(tmp_path / skipped, "[]")
    write(tmp_path / "README.md", "text")
    catalogue = load_catalogue(tmp_path)
    assert [(s.id, s.family) for s in catalogue] == [("a", "b/c"), ("y", "b"), ("z", "")]
    assert len(catalogue) == 3
    assert catalogue["y"].path == tmp_path / "b" / "y.yaml"
    assert "y" in catalogue
    assert "x" not in catalogue
    assert catalogue.families == ("", "b", "b/c")


def test_one_file(tmp_path: Path) -> None:
    scenario(tmp_path / "b" / "x.yaml")
    assert [s.id for s in load_catalogue(tmp_path / "b" / "x.yaml")] == ["x"]


def test_all_errors_at_once(tmp_path: Path) -> None:
    scenario(tmp_path / "good.yaml")
    scenario(tmp_path / "a" / "other.yaml", "another")
    scenario(tmp_path / "b" / "good.yaml")
    write(tmp_path / "c" / "requirements.yaml", "- of no catalogue\n")
    write(tmp_path / "d.yml", "")
    assert messages(tmp_path) == [
        '%/a/other.yaml:1:5: id "another" must be the file\'s name without .yaml',
        "%/c/requirements.yaml:1:1: a scenario must be a map, not a list",
        "%/d.yml: the name of a scenario file ends with .yaml",
        '%/good.yaml:1:1: id "good" is already that of %/b/good.yaml',
    ]


def test_nothing_there(tmp_path: Path) -> None:
    assert messages(tmp_path) == ["%: no scenario (*.yaml) in this folder"]
    assert messages(tmp_path / "none") == ["%: No such file or directory"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "up").symlink_to(tmp_path)
    assert any("too many folders inside each other" in message for message in messages(tmp_path))


def test_requirements_must_exist(tmp_path: Path) -> None:
    scenario(tmp_path / "x.yaml")
    text = (tmp_path / "x.yaml").read_text()
    write(tmp_path / "x.yaml", text + "requirements: [rfc9110-15.2-parse]\n")
    assert messages(tmp_path) == [
        '%/x.yaml:7:16: requirement "rfc9110-15.2-parse" is not in requirements.yaml'
    ]
    write(tmp_path / "requirements.yaml", (SCENARIOS / "requirements.yaml").read_text())
    assert load_catalogue(tmp_path)["x"].requirements == ("rfc9110-15.2-parse",)


def test_bad_requirements_are_reported_too(tmp_path: Path) -> None:
    scenario(tmp_path / "x.yaml")
    write(tmp_path / "requirements.yaml", "{}\n")
    assert messages(tmp_path) == ["%/requirements.yaml:1:1: the file must be a list, not a map"]


def test_errors_are_for_people(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_catalogue_too(tmp_path)
    assert caught.value.exit_status == 4


def test_the_catalogue_s_own() -> None:
    catalogue = load_catalogue_too(SCENARIOS)
    assert {"single-102", "no-interim", "silence-after-102"} <= set(catalogue.by_id)
    assert catalogue["single-102"].family == "single"
    assert catalogue.near("singel-102")[0] == "single-102"
    assert set(catalogue.requirements) > {
        requirement for s in catalogue for requirement in s.requirements
    }
