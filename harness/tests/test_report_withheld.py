# SPDX-License-Identifier: MIT
"""Causes under embargo are read by those who report them, and nothing published says them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from interimspec import cli
from interimspec.report import ReportError, load_embargo, load_report, write_reports
from interimspec.report.withheld import (
    leaks_of,
    load_withheld,
    without_cause,
    without_entry,
)
from tests import report_factory as factory
from tests.test_report_embargo import everything_in

ROOT = Path(__file__).resolve().parents[2]
EMBARGO = ROOT / "reports" / "embargo.toml"
CAUSE = "The reader in reader.c takes the first head that it finds for the answer."


@pytest.fixture
def embargo(tmp_path: Path) -> Path:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("requests", "single-*"), encoding="utf-8")
    (tmp_path / "withheld").mkdir()
    (tmp_path / "withheld" / "README.md").write_text("What this folder is.\n", encoding="utf-8")
    (tmp_path / "withheld" / "requests.md").write_text(CAUSE + "\n", encoding="utf-8")
    return path


def test_only_the_local_page_shows_a_cause(tmp_path: Path, embargo: Path) -> None:
    run = load_report([factory.write_run(tmp_path / "run")])
    *written, html = write_reports(run, tmp_path / "out", embargo=embargo, local=False)
    assert CAUSE not in everything_in(html.read_text(encoding="utf-8"))
    assert not any(CAUSE in path.read_text(encoding="utf-8") for path in written)
    *written, html = write_reports(run, tmp_path / "out", embargo=embargo, local=True)
    assert CAUSE in everything_in(html.read_text(encoding="utf-8"))
    assert not any(CAUSE in path.read_text(encoding="utf-8") for path in written)


def test_a_draft_says_the_cause(
    tmp_path: Path,
    embargo: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = factory.write_run(tmp_path / "run")
    for story in factory.STORIES:
        for script in factory.SCRIPTS:
            evidence = factory.evidence_of(story, script)
            factory.write_evidence(run, factory.evidence_name(story, script), evidence)
    monkeypatch.setattr("interimspec.cli.draft.EMBARGO", embargo)
    assert cli.main(["draft", "requests", "single-102", "--run", str(run)]) == 0
    _, _, rest = capsys.readouterr().out.partition(
        "## The cause, as far as we have read the source"
    )
    cause, _, known = rest.partition("## What we know of the client")
    assert CAUSE in cause
    assert factory.notes_of("requests") in known


def test_a_sentence_that_gets_out_is_found() -> None:
    """However its lines are broken, and whatever stands around it."""
    withheld = {"requests": f"{CAUSE} Not found reported as of 2026-11-21."}
    words = CAUSE.split()
    page = "Notes. " + "\n".join(words) + " Not found reported as of 2026-11-21."
    assert leaks_of(withheld, page) == [f"requests: {CAUSE}"]
    assert leaks_of(withheld, "Not found reported as of 2026-11-21.") == []


def test_what_is_published_says_no_withheld_sentence() -> None:
    withheld = load_withheld(EMBARGO)
    published = [
        *sorted((ROOT / "harness" / "clients").glob("*/*")),
        *sorted((ROOT / "reports").glob("*.*")),
        *sorted((ROOT / "reports" / "clients").glob("*.md")),
        *sorted((ROOT / "reports" / "families").glob("*.md")),
        *sorted(ROOT.glob("*.md")),
    ]
    found = [
        f"{path.relative_to(ROOT)}: {leak}"
        for path in published
        if path.is_file()
        for leak in leaks_of(withheld, path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_each_text_waits_for_an_entry() -> None:
    """Once a finding may be shown, its cause belongs into the notes of the manifest."""
    assert without_entry(load_embargo(EMBARGO), load_withheld(EMBARGO)) == []


def test_texts_and_entries_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "embargo.toml"
    not_yet = {"reported": '"not yet"', "publish_after": "", "draft": '"x-reuse"'}
    path.write_text(factory.embargo_toml("x", "*", **not_yet) + factory.embargo_toml("y", "a-*"))
    entries = load_embargo(path)
    assert without_cause(entries, {"y": CAUSE, "z": CAUSE}) == ["x-reuse"]
    assert without_entry(entries, {"y": CAUSE, "z": CAUSE}) == ["z"]


def test_a_checkout_without_the_folder_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("requests", "single-*"), encoding="utf-8")
    assert load_withheld(path) == {}
    assert load_withheld(None) == {}


def test_a_text_that_cannot_be_read_is_told(embargo: Path) -> None:
    (embargo.parent / "withheld" / "requests.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ReportError, match="withheld: cannot be read"):
        load_withheld(embargo)


def test_what_is_released_leaves_the_folder_out() -> None:
    """`git archive` asks the attribute `export-ignore`."""
    if not (ROOT / ".git").exists():
        pytest.skip("no Git checkout")
    told = subprocess.run(
        ["git", "check-attr", "export-ignore", "--", "reports/withheld", "reports/embargo.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    ).stdout
    assert "reports/withheld: export-ignore: set" in told
    assert "reports/embargo.toml: export-ignore: unspecified" in told
