# SPDX-License-Identifier: MIT
"""Run folders and the committed results: what is kept, what is left out, what bad files get."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from driver_kit import MakeRow, MakeScenario

from interimspec import results, run_folder, timeline
from interimspec.cases import Case
from interimspec.errors import ResultsFault
from interimspec.run_folder import RunFolder

HEAD = {"v": 1, "kind": "head", "run": "r", "started": "2026-11-21T00:00:00Z"}


def record(scenario: str = "single-102", grade: str = "fail", **more: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "case",
        "client": "requests",
        "version": "2.34.2",
        "variant": None,
        "stack": [{"name": "urllib3", "version": "2.8.0"}],
        "scenario": scenario,
        "transport": "h1",
        "outcome": "interim",
        "grade": grade,
        "facts": {"connection": "poisoned", "told": "ok", "delivered": ["empty"], "resent": [],
                  "timer_factor": 1.03},
        "reasons": [{"rule": "O2", "status": 102, "elapsed_ms": 12.7, "at": 1795212784012.4}],
        "traits": {},
        "requirements": ["rfc9110-15.2-parse"],
        "unstable": False,
        "hashes": {"adapter": "a" * 64, "scenario": "b" * 64},
        "evidence": None,
        **more,
    }  # fmt: skip


def accept(tmp_path: Path, *records: dict[str, Any], **more: Any) -> results.Accepted:
    return results.accept(
        tmp_path,
        records,
        tmp_path / "results",
        **{
            "withheld": lambda *cell: False,
            "known_scenarios": frozenset(("single-102", "other")),
            **more,
        },
    )


def test_accept_writes_no_times_ports_or_tokens(tmp_path: Path) -> None:
    evidence = {
        "transcript": {
            "run": "tok3n", "port": 41007, "clock": {"realtime_ms": 1.0},
            "events": [
                {"t": 1.2, "conn": 1, "event": "accept"},
                {"t": 1.3, "conn": 1, "exchange": 0, "event": "request", "method": "GET",
                 "target": "/single-102/tok3n"},
                {"t": 1.4, "conn": 1, "exchange": 0, "event": "turn"},
                {"t": 51.4, "conn": 1, "exchange": 0, "event": "send", "due": 51.4, "left": 51.6,
                 "len": 4, "bytes": "a\r\n\x00"},
            ],
        },
        "events": [
            {"event": "end", "request": "main", "told": "failed", "at": 99.0, "error":
                {"kind": "closed", "type": "E",
                 "message": "http://127.0.0.1:41007/tok3n 0x7f12ab34cd"}},
        ],
    }  # fmt: skip
    (tmp_path / "e.json").write_text(json.dumps(evidence))
    done = accept(tmp_path, record(evidence="e.json"))
    assert done.cells == 1
    assert done.changed == ("requests@2.34.2::single-102[h1]",)
    text = (tmp_path / "results" / "requests@2.34.2.json").read_text()
    for unwanted in ("tok3n", "41007", "elapsed", "1795212784", "0x7f12ab34cd", "timer_factor"):
        assert unwanted not in text
    cell = json.loads(text)["cells"]["single-102[h1]"]
    assert cell["reasons"] == [{"rule": "O2", "status": 102}]
    assert cell["evidence"] == [
        "conn 1 connection opened",
        "conn 1 #0 request  GET /single-102/RUN",
        "conn 1 #0 +50 ms sent     4 octets: a\\r\\n\\x00",
        "client main: told failed: closed, E: http://127.0.0.1:PORT/RUN 0x…",
    ]


def test_evidence_is_short(tmp_path: Path) -> None:
    events = [
        {"t": n, "conn": 1, "event": "send", "due": n, "len": 9, "bytes": "x" * 300}
        for n in range(99)
    ]
    (tmp_path / "e.json").write_text(json.dumps({"transcript": {"events": events}, "events": []}))
    accept(tmp_path, record(evidence="e.json"))
    cell = json.loads((tmp_path / "results" / "requests@2.34.2.json").read_text())["cells"]
    kept = cell["single-102[h1]"]["evidence"]
    assert len(json.dumps(kept, indent=1)) <= results.EVIDENCE_LIMIT
    assert kept[-1].startswith("… ")


def test_the_same_again_changes_no_octet(tmp_path: Path) -> None:
    accept(tmp_path, record(), record("other", "pass", outcome="final"))
    path = tmp_path / "results" / "requests@2.34.2.json"
    before = path.read_bytes()
    done = accept(tmp_path, record("other", "pass", outcome="final"), record())
    assert done.changed == ()
    assert path.read_bytes() == before


def test_undecided_and_unstable_cells_stay_as_they_were(tmp_path: Path) -> None:
    accept(tmp_path, record())
    done = accept(
        tmp_path,
        record(grade="error", outcome=None),
        record("other", "danger", unstable=True),
    )
    assert done.cells == 0
    assert len(done.left_out) == 2
    cells = results.load(tmp_path / "results")["requests@2.34.2"].cells
    assert cells["single-102[h1]"]["grade"] == "fail"
    assert "other[h1]" not in cells


def test_cells_of_removed_scenarios_go(tmp_path: Path) -> None:
    accept(tmp_path, record(), record("other"))
    accept(tmp_path, record("other"), known_scenarios=frozenset(["other"]))
    assert list(results.load(tmp_path / "results")["requests@2.34.2"].cells) == ["other[h1]"]


def test_what_is_under_embargo_is_not_written(tmp_path: Path) -> None:
    accept(tmp_path, record(grade="danger"), withheld=lambda *cell: True)
    text = (tmp_path / "results" / "requests@2.34.2.json").read_text()
    assert '"withheld"' in text
    for unwanted in ("danger", "poisoned", "interim", "O2"):
        assert unwanted not in text.split('"cells"')[1]


def test_variants_have_files_of_their_own(tmp_path: Path) -> None:
    accept(tmp_path, record(), record(variant="http2"))
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [
        "requests@2.34.2+http2.json",
        "requests@2.34.2.json",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"v": 2, "cells": {}}', '{"v": 1}'])
def test_a_bad_results_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x@1.json").write_text(text)
    with pytest.raises(ResultsFault, match=r"x@1\.json"):
        results.load(tmp_path)


# ---------------------------------------------------------------- run folders


def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.create()
    return made


def test_records_are_lines_and_the_last_counts(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.append(HEAD)
    run.append(record(grade="danger"))
    run.append(record(grade="fail"))
    head, cells, end = run_folder.read_run(tmp_path / "run")
    assert head["run"] == "r"
    assert end is None
    assert [cell["grade"] for cell in cells.values()] == ["fail"]
    run.append({"v": 1, "kind": "end", "complete": True})
    assert run_folder.read_run(tmp_path / "run")[2] == {"v": 1, "kind": "end", "complete": True}
    run.close()


def test_a_cut_last_line_is_a_partial_run(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.append(HEAD)
    run.append(record())
    run.close()
    path = tmp_path / "run" / "cases.jsonl"
    path.write_bytes(path.read_bytes() + b'{"v":1,"kind":"ca')
    _, cells, end = run_folder.read_run(path)
    assert len(cells) == 1
    assert end is None


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(HEAD) + "\nnonsense\n" + json.dumps(record()) + "\n")
    with pytest.raises(ResultsFault, match=r"cases\.jsonl:2"):
        run_folder.read_run(tmp_path)


def test_no_space_left_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = folder(tmp_path)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ResultsFault, match="make room") as caught:
        run.append(HEAD)
    assert caught.value.exit_status == 3
    monkeypatch.undo()
    run.close()


def test_odd_characters_survive(tmp_path: Path) -> None:
    run = folder(tmp_path)
    run.append(HEAD)
    run.append(record(sentence="lone \udcff, wide ✓, \x00"))
    _, cells, _ = run_folder.read_run(tmp_path / "run")
    assert "wide ✓" in next(iter(cells.values()))["sentence"]
    run.close()


def test_evidence_lies_beside_the_records(
    tmp_path: Path, make_row: MakeRow, make_scenario: MakeScenario
) -> None:
    run = folder(tmp_path)
    case = Case(make_row(), make_scenario(), "h1")
    first, second = (run.evidence_draft(case, token) for token in ("r1", "r2"))
    first.parent.mkdir(parents=True)
    first.write_text("1")
    run.keep_evidence(case, first)
    second.write_text("2")
    path = tmp_path / "run" / "evidence" / "plain@1.0" / "made.h1.json"
    assert path.read_text() == "1"
    run.drop_evidence(second)
    run.drop_evidence(None)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with pytest.raises(ResultsFault):
        run.keep_evidence(case, second)
    run.close()


def test_run_ids_are_never_taken(tmp_path: Path) -> None:
    first = run_folder.new_run_id(tmp_path)
    (tmp_path / first).mkdir()
    second = run_folder.new_run_id(tmp_path)
    assert second != first


def test_finding_runs(tmp_path: Path) -> None:
    with pytest.raises(ResultsFault, match="interimspec run"):
        run_folder.find_run(tmp_path, None)
    with pytest.raises(ResultsFault, match="no such run"):
        run_folder.find_run(tmp_path, "never")
    run = folder(tmp_path)
    run.append(HEAD)
    run.close()
    assert run_folder.find_run(tmp_path, None) == tmp_path / "run"
    assert run_folder.find_run(tmp_path, "run") == tmp_path / "run"


def test_committed_evidence_does_not_tell_where_the_checkout_lies() -> None:
    error = {
        "event": "end",
        "request": "main",
        "told": "failed",
        "error": {
            "kind": "other",
            "type": "die",
            "message": "no at /home/me/src/harness/clients/furl/adapter.pl line 7.",
        },
    }
    (line,) = timeline.normalised({"transcript": {}, "events": [error]}, 4096)
    assert "no at harness/clients/furl/adapter.pl line 7." in line


def test_a_limit_that_moves_by_some_percent_stays_as_committed(tmp_path: Path) -> None:
    def found(good: int, bad: int) -> object:
        accept(tmp_path, record(traits={"n": {"good_to": good, "bad_from": bad, "then": "error"}}))
        (row,) = results.load(tmp_path / "results").values()
        return row.cells["single-102[h1]"]["traits"]["n"]["good_to"]

    assert found(9345, 9400) == 9345
    assert found(10233, 10288) == 9345
    assert found(13000, 13050) == 13000


def test_a_protocol_that_a_client_does_not_speak_is_no_cell(tmp_path: Path) -> None:
    def kept(what: str) -> list[str]:
        reasons = [{"rule": "V3", "what": what, "declared": True}]
        again = record("other", grade="unsupported", outcome=None, reasons=reasons)
        accept(tmp_path, record(), again)
        (row,) = results.load(tmp_path / "results").values()
        return sorted(row.cells)

    assert kept("method COPY") == ["other[h1]", "single-102[h1]"]
    for what in ("TLS", "HTTP/2", "HTTP/2 without TLS"):
        assert kept(what) == ["single-102[h1]"]
