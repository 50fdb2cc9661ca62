# SPDX-License-Identifier: MIT
"""What the judge's process reads and writes; the verdicts themselves are test_judge_*.py."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from interimspec import paths
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.judge_worker import answer, events_of, read_job


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load_catalogue(paths.SCENARIOS)


def job(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "case": "plain@1.0::single-102[h1]",
        "scenario": "single-102",
        "plan": {"plan": "p", "requests": [{"name": "main"}]},
        "params": {},
        "probe": "none",
        "hello": None,
        "failure": "the adapter ended with 3 before its hello",
        "process": {
            "state": "exited",
            "exit_code": 3,
            "signal": None,
            "stdout_tail": "",
            "stderr_tail": "",
            "harness_late_ms": 0.0,
        },
        "can": {},
        "told": {},
        "evidence": str(tmp_path / "evidence" / "draft"),
        **more,
    }


def test_jobs_are_read_by_their_sizes_whatever_they_hold() -> None:
    transcript, lines = b'{"a":\n1}\n', b'{"event":"x"}\nno JSON "\xff'
    source = io.BytesIO()
    for number in range(2):
        sizes = {"transcript": len(transcript), "lines": len(lines)}
        source.write(json.dumps({"id": number, "octets": sizes}).encode() + b"\n")
        source.write(transcript + lines)
    source.seek(0)
    for number in range(2):
        asked = read_job(source)
        assert asked is not None
        assert asked[0]["id"] == number
        assert asked[1:] == (transcript, lines)
    assert read_job(source) is None


def test_a_line_that_is_no_event_is_kept_as_one_that_is_bad() -> None:
    events = events_of(b'{"event":"done","plan":"p"}\n\n  \nwarning: \xff\n{"event":"x","at":NaN}')
    assert [event["event"] for event in events] == ["done", "bad-line", "bad-line"]


def test_a_transcript_that_cannot_be_read_is_our_fault_and_is_kept(
    shipped: Catalogue, tmp_path: Path
) -> None:
    said = answer(shipped, job(tmp_path, hello={"event": "hello"}), b'{"events":[', b"")
    assert said["verdict"]["reasons"] == [{"rule": "V1"}]
    assert said["verdict"]["grade"] == "error"
    kept = json.loads((tmp_path / "evidence" / "draft").read_text())
    assert kept["transcript"] == '{"events":['


def test_the_evidence_holds_the_transcript_as_the_server_wrote_it(
    shipped: Catalogue, tmp_path: Path
) -> None:
    transcript = b'{"run":"r", "clock":{"realtime_ms":1}, "scenario":"single-102","events":[]}\n'
    said = answer(shipped, job(tmp_path), transcript, b"what is this\n")
    kept = json.loads((tmp_path / "evidence" / "draft").read_text())
    assert kept["transcript"] == json.loads(transcript)
    assert kept["verdict"] == said["verdict"]
    assert kept["events"] == [{"event": "bad-line", "text": "what is this"}]
