# SPDX-License-Identifier: MIT
"""What is kept of a case: its record (one JSON line) and its evidence (a file beside it).

The formats are versioned (`v`) and read by `interimspec.report` and `interimspec.results`.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interimspec import VERSION
from interimspec.cases import Attempt, Case
from interimspec.clients import Row
from interimspec.requirements import Requirement
from interimspec.scenario import Scenario

FORMAT = 1

Json = dict[str, Any]


def evidence_name(case: Case) -> str:
    """Where the evidence lies, relative to the run folder."""
    return f"evidence/{case.row.id}/{case.scenario.id}.{case.transport}.json"


_adapter_hashes: dict[tuple[Path, str], str] = {}


def _adapter_hash(row: Row) -> str:
    """Read once per row: an adapter that changes in the middle of a run is not noticed."""
    key = (row.manifest.path, row.id)
    if key not in _adapter_hashes:
        _adapter_hashes[key] = row.adapter_sha256()
    return _adapter_hashes[key]


def case_record(
    case: Case,
    chosen: Attempt,
    attempts: Sequence[Attempt],
    *,
    unstable: bool,
    baseline: Json | None,
) -> Json:
    """The line for cases.jsonl; `chosen` is that one of `attempts` which counts."""
    verdict = chosen.verdict
    return {
        "v": FORMAT,
        "kind": "case",
        "client": case.row.name,
        "version": case.row.version,
        "variant": case.row.variant.name if case.row.variant else None,
        "stack": list(chosen.stack),
        "scenario": case.scenario.id,
        "family": case.scenario.family,
        "transport": case.transport,
        "class": case.scenario.expect.class_,
        "outcome": verdict.get("outcome"),
        "grade": verdict["grade"],
        "facts": verdict.get("facts") or {},
        "reasons": list(verdict.get("reasons") or []),
        "sentence": verdict.get("sentence") or "",
        "traits": verdict.get("traits") or {},
        "requirements": list(case.scenario.requirements),
        "unstable": unstable,
        "repeats": [
            {"outcome": found.outcome, "grade": found.grade, "connection": found.connection}
            for found in attempts
        ]
        if len(attempts) > 1
        else [],
        "attempts": len(attempts),
        "duration_ms": round(chosen.duration_ms, 1),
        "hashes": {"adapter": _adapter_hash(case.row), "scenario": case.scenario.sha256},
        "baseline": baseline,
        "evidence": evidence_name(case) if chosen.evidence is not None else None,
    }


def evidence_text(
    scenario: Scenario,
    job: Mapping[str, Any],
    transcript: bytes,
    events: Sequence[Mapping[str, Any]],
    verdict: Mapping[str, Any],
) -> bytes:
    """Everything a verdict rests on, as the file holds it; `job` is what the judge was asked. The
    transcript is the server's own JSON: written as it came, which costs nothing."""
    row = str(job["case"]).split("::")[0]
    data = {
        "v": FORMAT,
        "case": job["case"],
        "plan": job["plan"],
        "params": job["params"],
        "probe": job["probe"],
        "hello": job["hello"],
        "events": events,
        "process": job["process"],
        "verdict": verdict,
        "repro": {
            "serve": f"interimspec serve {scenario.id}",
            "by_hand": by_hand(scenario, job["params"]),
            "again": f"interimspec repro {shlex.quote(row)} {scenario.id}",
        },
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    before = text[:-1].encode("utf-8", "backslashreplace")
    return before + b',"transcript":' + transcript.strip() + b"}\n"


def by_hand(
    scenario: Scenario, params: Mapping[str, int], url: str = "http://127.0.0.1:PORT"
) -> str:
    """A curl command that makes the same request; the server's words are shown as they come."""
    request = scenario.request
    parts = ["curl", "-v", "--raw", "--max-time", "10"]
    if request.method == "HEAD":
        parts.append("--head")
    elif request.method != "GET":
        parts += ["-X", request.method]
    for field in request.fields:
        parts += ["-H", ": ".join(field)]
    if request.expect_continue:
        parts += ["-H", "Expect: 100-continue"]
    command = shlex.join(parts)
    if request.body is not None:
        body = request.body
        if len(body) <= 200 and body.isascii() and b"\n" not in body and b"\r" not in body:
            command += f" --data-binary {shlex.quote(body.decode('ascii'))}"
        else:
            command = f"head -c {len(body)} /dev/zero | {command} --data-binary @-"
    query = "&".join(f"{name}={value}" for name, value in params.items())
    target = f"{url}/{scenario.id}/me/{request.resource or ''}" + (f"?{query}" if query else "")
    return f"{command} {shlex.quote(target)}"


def machine() -> Json:
    """Where it ran, as far as that matters to a reader."""
    return {
        "os": _os_name(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    }


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def head(
    run: str,
    ready: Mapping[str, Any],
    scenarios: Iterable[Scenario],
    requirements: Mapping[str, Requirement],
    rows: Iterable[Row],
    skipped: Sequence[Json],
) -> Json:
    """The first line of cases.jsonl: all that the records only name."""
    listed = list(scenarios)
    named = {name for scenario in listed for name in scenario.requirements}
    return {
        "v": FORMAT,
        "kind": "head",
        "run": run,
        "started": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "interimspec": VERSION,
        "machine": machine(),
        "server": dict(ready),
        "scenarios": {scenario.id: _scenario(scenario) for scenario in listed},
        "requirements": {
            name: vars(requirements[name]) for name in sorted(named) if name in requirements
        },
        "clients": {row.id: _client(row) for row in rows},
        "skipped": list(skipped),
    }


def _scenario(scenario: Scenario) -> Json:
    return {
        "title": scenario.title,
        "family": scenario.family,
        "class": scenario.expect.class_,
        "why": scenario.why,
        "dispute": scenario.dispute or "",
        "compare_with": scenario.compare_with or "",
        "requirements": list(scenario.requirements),
        "probe": scenario.probe,
        "text": scenario.text,
    }


def _client(row: Row) -> Json:
    manifest = row.manifest
    return {
        "name": row.name,
        "version": row.version,
        "variant": row.variant.name if row.variant else None,
        "what": row.variant.what if row.variant else "",
        "title": manifest.title,
        "language": manifest.language,
        "kind": manifest.kind,
        "homepage": manifest.homepage,
        "interim_api": row.interim_api,
        "notes": manifest.notes,
    }


def end(complete: bool, figures: Mapping[str, float], reason: str | None = None) -> Json:
    """The last line of cases.jsonl."""
    record: Json = {"v": FORMAT, "kind": "end", "complete": complete, **figures}
    if reason:
        record["reason"] = reason
    return record
