# SPDX-License-Identifier: MIT
"""Reading results: partial runs are marked, bad files are named with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interimspec.report import ReportError, load_report
from interimspec.report.load import load_evidence
from interimspec.report.model import ColumnId, RowId
from tests import report_factory as factory

CURL, NAKED = factory.STORIES[0], factory.SCRIPTS[6]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "cases.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_whole_run(tmp_path: Path) -> None:
    report = load_report([factory.write_run(tmp_path)])
    assert not report.partial
    assert len(report.cases) == len(factory.STORIES) * len(factory.SCRIPTS)
    assert [c.language for c in report.clients] == sorted(c.language for c in report.clients)
    assert report.families() == ["bodies", "control", "desync", "repeat", "single", "timeout"]
    case = report.case(RowId("requests", "2.34.2"), ColumnId("single-102", "h1"))
    assert case is not None
    assert (case.outcome, case.grade, case.connection) == ("interim", "danger", "poisoned")
    assert report.sorted_cases()[0].grade == "danger"
    assert report.skipped[0].how == "apt-get install php-cli"
    evidence, problem = load_evidence(case)
    assert problem is None
    assert evidence is not None
    assert evidence["transcript"]["scenario"] == "single-102"


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    folder = factory.write_run(tmp_path)
    assert load_report([folder / "cases.jsonl"]).runs[0].path == folder


def test_versions_sort_as_people_count(tmp_path: Path) -> None:
    stories = tuple(factory.Story("x", v, "C") for v in ("1.10.0", "1.9.2", "1.9.2rc1"))
    report = load_report([factory.write_run(tmp_path, stories, factory.SCRIPTS[:2])])
    assert [c.row.version for c in report.clients] == ["1.9.2", "1.9.2rc1", "1.10.0"]


def test_without_an_end_line_it_is_partial(tmp_path: Path) -> None:
    report = load_report([factory.write_run(tmp_path, end=False)])
    assert report.partial
    assert "interrupted" in (report.runs[0].partial_because or "")
    assert len(report.cases) == 60


def test_an_end_line_may_say_that_it_is_partial(tmp_path: Path) -> None:
    end = {**factory.END, "complete": False, "reason": "stopped by Ctrl-C"}
    factory.write_lines(tmp_path, [factory.head_record(), end])
    report = load_report([tmp_path])
    assert report.runs[0].partial_because == "stopped by Ctrl-C"


def test_a_last_line_that_was_cut_off_costs_one_case(tmp_path: Path) -> None:
    path = factory.write_run(tmp_path, end=False) / "cases.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    report = load_report([tmp_path])
    assert len(report.cases) == 59
    assert "in the middle of writing" in (report.runs[0].partial_because or "")


def test_a_broken_line_in_the_middle_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = factory.write_run(tmp_path) / "cases.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[4] = lines[4][:50]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ReportError, match=r"cases\.jsonl:5: is not JSON"):
        load_report([tmp_path])


def test_a_broken_line_after_the_end_is_an_error(tmp_path: Path) -> None:
    path = factory.write_run(tmp_path) / "cases.jsonl"
    path.write_bytes(path.read_bytes() + b'{"v":1,')
    with pytest.raises(ReportError, match="broken line after its end"):
        load_report([tmp_path])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grade": "splendid"}, '"splendid" is no grade'),
        ({"grade": "withheld"}, '"withheld" is no grade'),
        ({"scenario": 7}, '"scenario" of the record must be a string, not a number'),
        ({"facts": []}, '"facts" of the record must be an object, not a list'),
        ({"unstable": "no"}, '"unstable" of the record must be true or false'),
        ({"requirements": [1]}, "a list of strings"),
        ({"reasons": ["O2"]}, "a reason must be a JSON object, not a string"),
        ({"evidence": "../../secret.json"}, "lies outside the run folder"),
        ({"scenario": "unheard-of"}, 'the scenario "unheard-of" is not in the head'),
        ({"v": 2}, "version 2 of the results format"),
        ({"kind": "rumour"}, "unknown kind of record 'rumour'"),
        ({"kind": "head"}, "a second head"),
    ],
)
def test_a_bad_record_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    record = factory.case_record(CURL, NAKED, **changes)
    path = factory.write_lines(tmp_path, [factory.head_record(), record, factory.END])
    with pytest.raises(ReportError) as caught:
        load_report([path])
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}:2: ")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    record = factory.case_record(CURL, NAKED)
    del record["grade"]
    path = factory.write_lines(tmp_path, [factory.head_record(), record])
    with pytest.raises(ReportError, match=r':2: the record has no "grade" \(a string expected\)'):
        load_report([path])


def test_a_run_must_begin_with_its_head(tmp_path: Path) -> None:
    factory.write_lines(tmp_path, [factory.case_record(CURL, NAKED)])
    with pytest.raises(ReportError, match="first line of a run must be its head"):
        load_report([tmp_path])


def test_an_unknown_class_in_the_head(tmp_path: Path) -> None:
    head = factory.head_record()
    head["scenarios"]["single-102"]["class"] = "vibes"
    factory.write_lines(tmp_path, [head])
    with pytest.raises(ReportError, match='"single-102" has the unknown class "vibes"'):
        load_report([tmp_path])


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such run folder"):
        load_report([tmp_path / "nowhere"])
    factory.write_run(tmp_path / "run-a", factory.STORIES[:1], factory.SCRIPTS[:1])
    with pytest.raises(ReportError, match="it holds the runs run-a: name one of them"):
        load_report([tmp_path])
    with pytest.raises(ReportError, match="no run to report on"):
        load_report([])
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ReportError, match="is empty"):
        load_report([tmp_path / "empty.jsonl"])


def test_of_two_runs_the_later_has_the_last_word(tmp_path: Path) -> None:
    story, script = factory.STORIES[:1], factory.SCRIPTS[:2]
    early = {"run": "early", "started": "2026-11-20T00:00:00Z"}
    late = {"run": "late", "started": "2026-11-21T00:00:00Z"}
    changed = {("curl", "single-102"): {"grade": "fail"}}
    factory.write_run(tmp_path / "a", story, script, head=late, cases=changed)
    factory.write_run(tmp_path / "b", story, script, head=early)
    for order in (("a", "b"), ("b", "a")):
        report = load_report([tmp_path / name for name in order])
        assert [run.id for run in report.runs] == ["early", "late"]
        case = report.case(RowId("curl", "7.88.1"), ColumnId("single-102", "h1"))
        assert case is not None
        assert case.grade == "fail"


def test_shards_add_up_and_a_client_that_ran_is_not_skipped(tmp_path: Path) -> None:
    skipped = [{"client": "httpx", "why": "not in this shard", "how": ""}]
    factory.write_run(tmp_path / "a", factory.STORIES[:2], head={"skipped": skipped})
    factory.write_run(tmp_path / "b", factory.STORIES[2:])
    report = load_report([tmp_path / "a", tmp_path / "b"])
    assert len(report.cases) == 60
    assert [entry.client for entry in report.skipped] == ["guzzle"]


def test_a_scenario_that_differs_between_runs_is_noted(tmp_path: Path) -> None:
    factory.write_run(tmp_path / "a", factory.STORIES[:1])
    head = factory.head_record(factory.STORIES[1:2])
    head["scenarios"]["single-102"]["text"] += "# changed\n"
    record = factory.case_record(factory.STORIES[1], factory.SCRIPTS[1])
    factory.write_lines(tmp_path / "b", [head, record, factory.END])
    report = load_report([tmp_path / "a", tmp_path / "b"])
    assert any("single-102 is not the same in all runs" in note for note in report.notes)


def test_evidence_that_is_missing_or_broken_costs_one_cell(tmp_path: Path) -> None:
    factory.write_run(tmp_path, factory.STORIES[:1], factory.SCRIPTS[:3])
    folder = tmp_path / "evidence" / "curl@7.88.1"
    (folder / "no-interim.h1.json").unlink()
    (folder / "single-102.h1.json").write_text("{")
    (folder / "single-102-with-fields.h1.json").write_text("[]")
    report = load_report([tmp_path])
    problems = {case.column.scenario: load_evidence(case)[1] for case in report.cases.values()}
    assert "cannot be read" in (problems["no-interim"] or "")
    assert "is not JSON" in (problems["single-102"] or "")
    assert "holds no evidence" in (problems["single-102-with-fields"] or "")


def test_variants_are_rows_of_their_own(tmp_path: Path) -> None:
    stories = (CURL, factory.Story("curl", "7.88.1", "C", variant="http1.0"))
    report = load_report([factory.write_run(tmp_path, stories, factory.SCRIPTS[:1])])
    assert [str(c.row) for c in report.clients] == ["curl@7.88.1", "curl@7.88.1+http1.0"]
    assert len(lines_of(tmp_path)) == 4
