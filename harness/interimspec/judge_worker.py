# SPDX-License-Identifier: MIT
"""The judge in a process of its own: transcripts can be large, and the event loop must not be late.

    python -m interimspec.judge_worker CATALOGUE      jobs on stdin, answers on INTERIMSPEC_OUT

A job is one JSON line (what an Observation holds, the file for the evidence, and the sizes of what
follows), then the transcript and the adapter's lines as they were written. The answer is one JSON
line: the verdict, or what went wrong. Nothing is kept between jobs.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from interimspec import records
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.judge import judge
from interimspec.observation import ClientFacts, Observation, ProcessEnd, parse_line
from interimspec.transcript import Transcript, TranscriptError


def fault_verdict(rule: str, sentence: str) -> dict[str, Any]:
    """A verdict that the harness itself must give: something on our side went wrong."""
    return {
        "outcome": None,
        "grade": "error",
        "facts": {},
        "reasons": [{"rule": rule}],
        "sentence": sentence,
        "traits": {},
        "repeat": None,
    }


def events_of(lines: bytes) -> list[dict[str, Any]]:
    """The adapter's lines, read; what is no event is kept as a bad line."""
    text = lines.decode("utf-8", "replace")
    return [parse_line(line) for line in text.split("\n") if line.strip()]


def json_of(transcript: bytes) -> Any:
    """What the server wrote, or None where that is no JSON."""
    try:
        return json.loads(transcript)
    except ValueError:
        return None


def verdict_of(
    catalogue: Catalogue,
    job: Mapping[str, Any],
    transcript: Any,
    events: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The judge's answer to one job."""
    process = job["process"]
    observation = Observation(
        plan=job["plan"],
        hello=job["hello"],
        events=tuple(events),
        process=ProcessEnd(process["state"], process["exit_code"], process["signal"]),
        harness_late_ms=float(process["harness_late_ms"]),
        manifest=ClientFacts(can=job["can"], told=job["told"]),
    )
    try:
        seen = Transcript.from_json(transcript)
    except TranscriptError as error:
        return fault_verdict("V1", f"The server's transcript cannot be read: {error}.")
    verdict = judge(catalogue[job["scenario"]], seen, observation).to_json()
    if job["hello"] is None:
        verdict["sentence"] = f"{job['failure']}."
    return verdict


def answer(
    catalogue: Catalogue, job: Mapping[str, Any], transcript: bytes, lines: bytes
) -> dict[str, Any]:
    """Verdict and evidence; a bug of ours is told with its traceback, and ends nothing."""
    try:
        events = events_of(lines)
        seen = json_of(transcript)
        if seen is None:  # the evidence shall be JSON all the same
            transcript = json.dumps(transcript.decode("utf-8", "replace")).encode()
        verdict = verdict_of(catalogue, job, seen, events)
        path = Path(job["evidence"])
        text = records.evidence_text(catalogue[job["scenario"]], job, transcript, events, verdict)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        with contextlib.suppress(OSError):  # half of it is of no use, and takes what room there is
            Path(job["evidence"]).unlink()
        return {"id": job["id"], "unwritable": f"{job['evidence']}: {error.strerror}", "full": full}
    except Exception:
        return {"id": job["id"], "fault": traceback.format_exc()}
    return {"id": job["id"], "verdict": verdict}


def read_job(source: BinaryIO) -> tuple[dict[str, Any], bytes, bytes] | None:
    """The next job with its transcript and its lines; None at the end of file."""
    head = source.readline()
    if not head:
        return None
    job = json.loads(head)
    sizes = job["octets"]
    return job, source.read(sizes["transcript"]), source.read(sizes["lines"])


def main() -> int:
    """Until end of file."""
    catalogue = load_catalogue(Path(sys.argv[1]))
    with Path(os.environ["INTERIMSPEC_OUT"]).open("w", encoding="utf-8") as out:
        while (asked := read_job(sys.stdin.buffer)) is not None:
            out.write(json.dumps(answer(catalogue, *asked)) + "\n")
            out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
