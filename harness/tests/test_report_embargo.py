# SPDX-License-Identifier: MIT
"""What must not be published yet is in no published file."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
import zlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from interimspec.manifest import load_manifest
from interimspec.report import (
    ReportError,
    check_published,
    due,
    load_embargo,
    load_report,
    redact,
    reminders,
    write_reports,
)
from interimspec.report.embargo import client_of
from tests import report_factory as factory

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Sentence that must not get out."
STDERR = "output that must not get out"


@pytest.fixture
def embargo(tmp_path: Path) -> Path:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("requests", "single-*"), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    changes = {("requests", "single-102"): {"sentence": SECRET}}
    folder = factory.write_run(tmp_path / "run", cases=changes)
    story, script = factory.STORIES[1], factory.SCRIPTS[1]
    evidence = factory.evidence_of(story, script)
    evidence["process"]["stderr_tail"] = STDERR
    factory.write_evidence(folder, factory.evidence_name(story, script), evidence)
    return folder


def everything_in(page: str) -> str:
    """The page with its packed blocks unpacked."""
    blocks = re.findall(r'<script type="text/plain" id="evidence-\d+">([^<]*)</script>', page)
    return page + "".join(zlib.decompress(base64.b64decode(b)).decode() for b in blocks)


def test_published_files_are_free_of_it(tmp_path: Path, run: Path, embargo: Path) -> None:
    out = tmp_path / "out"
    *written, html = write_reports(load_report([run]), out, embargo=embargo, local=False)
    texts = {str(path.relative_to(out)): path.read_text(encoding="utf-8") for path in written}
    text = "".join(texts.values())
    page = everything_in(html.read_text(encoding="utf-8"))
    for published in (text, page):
        assert SECRET not in published
        assert STDERR not in published
        assert "withheld" in published
    assert "- x *withheld*: " in texts["COMPATIBILITY.md"]
    hidden = texts["clients/requests.md"].split("### withheld")[1]
    assert "[`single-102`]" in hidden
    # Two of its four serve cases are not counted, and no total gives them away.
    row = next(line for line in text.splitlines() if line.startswith("| [requests 2.34.2]"))
    assert "| **D** 0 of 2, 2 not shown |" in row
    assert check_published(embargo, out) == []


def test_a_client_all_of_whose_findings_are_withheld_is_undecided(
    tmp_path: Path, run: Path
) -> None:
    path = tmp_path / "e.toml"
    path.write_text(factory.embargo_toml("requests", "*"), encoding="utf-8")
    whole = load_report([run])
    report = redact(whole, load_embargo(path))
    for key, case in report.cases.items():
        before = whole.cases[key].grade
        hidden = case.row.client == "requests" and before in ("danger", "fail", "warn")
        assert case.grade == ("withheld" if hidden else before)
    out = tmp_path / "out"
    page, *_ = write_reports(whole, out, embargo=path, local=False, formats={"markdown"})
    text = page.read_text(encoding="utf-8")
    assert "- **x Not public yet (1).**" in text
    assert "| [requests 2.34.2](./clients/requests.md) | Python | x 0 of 0, 4 not shown |" in text


def test_the_notes_of_a_client_under_embargo_are_withheld(
    tmp_path: Path, run: Path, embargo: Path
) -> None:
    """Whatever its entry covers: notes name causes, and are not split by cell."""
    (public,) = write_reports(
        load_report([run]), tmp_path, embargo=embargo, local=False, formats={"html"}
    )
    page = everything_in(public.read_text(encoding="utf-8"))
    assert factory.notes_of("requests") not in page
    assert "Notes withheld" in page
    assert factory.notes_of("curl") in page
    (here,) = write_reports(
        load_report([run]), tmp_path, embargo=embargo, local=True, formats={"html"}
    )
    page = everything_in(here.read_text(encoding="utf-8"))
    assert factory.notes_of("requests") in page
    assert "Notes withheld" not in page


def test_what_the_notes_link_as_public_stays(run: Path, embargo: Path) -> None:
    report = load_report([run])
    notes = "The cause is in reader.c.\n\nPublic: https://example.org/issue/1 (a 103)\n\nMore."
    clients = tuple(replace(client, notes=notes) for client in report.clients)
    shown = redact(replace(report, clients=clients), load_embargo(embargo))
    (client,) = (one for one in shown.clients if one.row.client == "requests")
    assert client.notes.splitlines()[1:] == ["", "Public: https://example.org/issue/1 (a 103)"]


def test_the_local_page_shows_it_and_says_so(tmp_path: Path, run: Path, embargo: Path) -> None:
    *written, html = write_reports(
        load_report([run]), tmp_path / "out", embargo=embargo, local=True
    )
    page = everything_in(html.read_text(encoding="utf-8"))
    assert SECRET in page
    assert STDERR in page
    assert "It shows 2 cells under embargo. Do not publish it." in page
    assert not any(SECRET in path.read_text(encoding="utf-8") for path in written)


def test_a_leak_is_found(tmp_path: Path, run: Path, embargo: Path) -> None:
    """The check itself can fail: files made without the embargo are full of it."""
    out = tmp_path / "out"
    write_reports(load_report([run]), out, embargo=None, local=False, formats={"markdown"})
    results = out / "results"
    results.mkdir()
    cells = {
        "single-102[h1]": {"outcome": "interim", "grade": "danger"},
        "no-interim[h1]": {"outcome": "final", "grade": "pass"},
    }
    data = {"v": 1, "client": "requests", "version": "2.34.2", "cells": cells}
    (results / "requests@2.34.2.json").write_text(json.dumps(data), encoding="utf-8")
    problems = check_published(embargo, out)
    assert sum("clients/requests.md" in problem for problem in problems) == 2
    assert sum("families/single.md" in problem for problem in problems) == 2
    assert any(
        "requests@2.34.2.json: requests single-102[h1] is under embargo" in p for p in problems
    )
    assert not any("no-interim" in problem for problem in problems)


def test_what_is_committed_is_free_of_what_is_under_embargo() -> None:
    path = ROOT / "reports" / "embargo.toml"
    problems = check_published(path if path.exists() else None, ROOT / "reports")
    assert problems == []


def test_every_danger_that_is_committed_is_public_elsewhere() -> None:
    """A weakness is shown only with the link to where it was made public."""
    shown = {
        data["client"]
        for path in (ROOT / "reports/results").glob("*.json")
        for data in [json.loads(path.read_bytes())]
        if any(cell["grade"] == "danger" for cell in data["cells"].values())
    }
    assert shown, "no results are committed"
    notes = {
        name: load_manifest(ROOT / "harness/clients" / name / "client.toml").notes
        for name in sorted(shown)
    }
    assert [name for name, text in notes.items() if "Public: https://" not in text] == []


def test_what_is_committed_names_clients_and_scenarios_that_exist() -> None:
    """A typing error would publish what the entry is to protect."""
    clients = {path.parent.name for path in (ROOT / "harness/clients").glob("*/client.toml")}
    scenarios = [path.stem for path in (ROOT / "scenarios").rglob("*.yaml")]
    for entry in load_embargo(ROOT / "reports" / "embargo.toml"):
        for client, patterns in entry.cells.items():
            assert client_of(client) in clients
            variant = client.partition("+")[2]
            manifest = ROOT / "harness/clients" / client_of(client) / "client.toml"
            assert variant in {"", *load_manifest(manifest).variants}
            for pattern in patterns:
                assert fnmatch.filter(scenarios, pattern), f"{client}: {pattern}"


def test_what_is_committed_still_withholds_something_for_each_of_its_patterns() -> None:
    """An entry that outlives its finding would withhold the next one, whatever that is."""
    shown: set[tuple[str, str, str, str]] = set()
    for path in (ROOT / "reports" / "results").glob("*.json"):
        data = json.loads(path.read_bytes())
        for name, cell in data["cells"].items():
            if cell["grade"] == "withheld":
                scenario, _, rest = name.partition("[")
                variant = data["variant"] or ""
                shown.add((data["client"], scenario, rest.removesuffix("]"), variant))
    assert shown, "no cell is withheld"
    stale = [
        f"{client}: {pattern} ({entry.draft})"
        for entry in load_embargo(ROOT / "reports" / "embargo.toml")
        for client, patterns in entry.cells.items()
        for pattern in patterns
        if not any(
            client in (cell[0], f"{cell[0]}+{cell[3]}")
            and fnmatch.fnmatchcase(cell[1], pattern)
            and entry.covers(*cell)
            for cell in shown
        )
    ]
    assert stale == []


def test_nothing_that_is_committed_is_withheld_without_an_entry() -> None:
    """What an entry withheld is accepted anew when the entry goes, or readers never see it."""
    entries = load_embargo(ROOT / "reports" / "embargo.toml")
    without = []
    for path in sorted((ROOT / "reports" / "results").glob("*.json")):
        data = json.loads(path.read_bytes())
        for name, cell in data["cells"].items():
            scenario, _, rest = name.partition("[")
            where = (data["client"], scenario, rest.removesuffix("]"), data["variant"] or "")
            if cell["grade"] == "withheld" and not any(one.covers(*where) for one in entries):
                without.append(f"{path.stem}: {name}")
    assert without == []


def test_one_entry_is_about_all_clients_with_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("low", "a-*") + '"on.top" = ["b-1", "c-*"]\n')
    (entry,) = load_embargo(path)
    assert entry.covers("low", "a-1", "h1")
    assert entry.covers("on.top", "b-1", "h2")
    assert entry.covers("on.top", "c-1", "h1")
    assert not entry.covers("on.top", "a-1", "h1")
    assert not entry.covers("low", "b-1", "h1")


def test_an_entry_may_be_about_one_variant(tmp_path: Path) -> None:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("requests+kept", "*"))
    (entry,) = load_embargo(path)
    assert entry.covers("requests", "single-102", "h1", "kept")
    assert not entry.covers("requests", "single-102", "h1")
    assert not entry.covers("requests", "single-102", "h1", "other")
    assert entry.covers("requests", "single-102", "h1", None)
    (tmp_path / "results").mkdir()
    for variant in ("kept", None):
        cells = {"single-102[h1]": {"outcome": "interim", "grade": "danger"}}
        data = {"client": "requests", "version": "1.0", "variant": variant, "cells": cells}
        (tmp_path / "results" / f"requests@1.0+{variant}.json").write_text(json.dumps(data))
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "requests.md").write_text(
        "### fail\n\n  - 1.0: [`a`](../families/single.md#a)\n"
        "  - 1.0 (kept): [`b`](../families/single.md#b)\n"
        "  - every version: [`c`](../families/single.md#c)\n"
    )
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "single.md").write_text(
        "### single-102\n\n- **fail**, hung (1): [requests \\(x\\) 1.0](../clients/requests.md),"
        " [requests \\(x\\) 1.0 (kept)](../clients/requests.md) (h1, h1s)\n"
    )
    problems = check_published(path, tmp_path)
    assert [problem.split(": ", 1)[1].split(" is under")[0] for problem in problems] == [
        "requests single-102[h1]",
        "requests b[h1]",
        "requests c[h1]",
        "requests single-102[h1]",
        "requests single-102[h1s]",
    ]


def test_a_date_that_has_passed_is_a_reminder_not_a_trigger(embargo: Path) -> None:
    entries = load_embargo(embargo)
    assert due(entries, date(2027, 2, 1)) == []
    assert due(entries, date(2027, 2, 2)) == list(entries)
    assert entries[0].covers("requests", "single-102", "h1")
    assert not entries[0].covers("requests-toolbelt", "single-102", "h1")
    assert not entries[0].covers("requests", "repeat-5", "h1")


def test_what_is_not_yet_reported_names_the_draft_to_send(tmp_path: Path) -> None:
    path = tmp_path / "embargo.toml"
    not_yet = {"reported": '"not yet"', "publish_after": "", "draft": '"x-reuse"'}
    path.write_text(factory.embargo_toml("x", "*", **not_yet) + factory.embargo_toml("y", "a-*"))
    entries = load_embargo(path)
    assert due(entries, date(2030, 1, 1)) == [entries[1]]
    assert reminders(entries, date(2030, 1, 1)) == [
        "the embargo on y (Wrong answers; no public report was found.) ended on 2027-02-01: "
        "publish it, and remove the entry",
        "under embargo and not yet reported to anybody: x-reuse",
    ]


def test_an_entry_may_be_about_some_transports(tmp_path: Path) -> None:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("requests", "*", transports='["h2", "h2c"]'))
    (entry,) = load_embargo(path)
    assert entry.covers("requests", "single-102", "h2")
    assert not entry.covers("requests", "single-102", "h1")
    (tmp_path / "results").mkdir()
    cells = {
        "single-102[h1]": {"outcome": "interim", "grade": "danger"},
        "single-102[h2]": {"outcome": "interim", "grade": "danger"},
    }
    data = {"v": 1, "client": "requests", "version": "2.34.2", "cells": cells}
    (tmp_path / "results" / "requests@2.34.2.json").write_text(json.dumps(data))
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "requests.md").write_text(
        "### fail\n\n  - 1.0: [`single-102`](../families/single.md#single-102)\n"
        "  - 2.0: [`single-102`](../families/single.md#single-102) (h1, h2)\n"
    )
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "single.md").write_text(
        "### single-102\n\n- **fail**, hung (1): [requests 2.0](../clients/requests.md) (h2)\n"
        "- **fail**, hung (1): [requests 2.0](../clients/requests.md)\n"
    )
    problems = check_published(path, tmp_path)
    assert len(problems) == 3
    assert all("[h2]" in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[embargo]\n", "Expected"),
        ("[embargos]\n", "unknown key 'embargos'"),
        ("embargo = 1\n", "write [[embargo]]"),
        ("embargo = [1]\n", "entry 1 is not a table"),
        (factory.embargo_toml("x", "*", contact=""), "'contact' is missing"),
        (
            factory.embargo_toml("x", "*", reason='""'),
            "'reason' must be a string that is not empty",
        ),
        (factory.embargo_toml("x", ""), "cells of 'x' must be a list of patterns"),
        (factory.embargo_toml("x", "*") + "y = []\n", "cells of 'y' are none"),
        (factory.embargo_toml("x", "*") + "y.z = ['*']\n", "cells of 'y' must be a list"),
        (factory.embargo_toml("x", "*").partition("[embargo.c")[0], "'cells' is missing"),
        ('[[embargo]]\nclient = "x"\n', "unknown key 'client'; there are reason"),
        (factory.embargo_toml("x", "*", reported='"soon"'), "'reported' must be a date"),
        (factory.embargo_toml("x", "*", untl="1"), "unknown key 'untl'"),
        (factory.embargo_toml("x", "*", reported="9999-12-31"), "or 'not yet'"),
        (factory.embargo_toml("x", "*", reported='"not yet"'), "'draft' must name the report"),
        (factory.embargo_toml("x", "*", publish_after=""), "count it from 2026-11-02"),
        (factory.embargo_toml("x", "*", transports='["http2"]'), "some of h1, h1s, h2c, h2, h3"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "embargo.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=re.escape(words)) as caught:
        load_embargo(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    assert load_embargo(None) == ()
    with pytest.raises(ReportError, match="cannot be read"):
        load_embargo(tmp_path / "embargoes.toml")
