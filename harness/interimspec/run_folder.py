# SPDX-License-Identifier: MIT
"""A run's folder, build/runs/<id>/: cases.jsonl, evidence/, server.log; written as cases finish.

Every record is one write of one line to a file opened for appending, so several workers may share
it, and what was written stays whatever happens next. A later record of the same case replaces the
earlier one for every reader. Without an end line a run is partial.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interimspec.cases import Case
from interimspec.errors import ResultsFault
from interimspec.records import evidence_name

CASES = "cases.jsonl"
DURATIONS = "durations.json"


def new_run_id(runs: Path) -> str:
    """A name by the time of day that is not taken."""
    base = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name, number = base, 1
    while (runs / name).exists():
        number += 1
        name = f"{base}-{number}"
    return name


class RunFolder:
    """Writes one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def create(self) -> None:
        """Make the folder and open the file; ResultsFault with the way out when that fails."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self.path / CASES, flags, 0o644)
        except OSError as error:
            raise self._fault(error, self.path) from error

    def close(self) -> None:
        """Close the file; nothing is pending."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def append(self, record: Mapping[str, Any]) -> None:
        """One line, whole or not at all as far as the file system can promise that."""
        assert self._fd is not None
        line = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "backslashreplace"
        )
        try:
            left = memoryview(line + b"\n")
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            raise self._fault(error, self.path / CASES) from error

    def evidence_draft(self, case: Case, token: str) -> Path:
        """Where the evidence of one attempt is put before it is known which attempt counts."""
        final = self.path / evidence_name(case)
        return final.with_name(f".{final.stem}.{token}")

    def keep_evidence(self, case: Case, draft: Path) -> None:
        """This attempt counts; what an earlier one left is replaced."""
        try:
            draft.replace(self.path / evidence_name(case))
        except OSError as error:
            raise self._fault(error, draft) from error

    def drop_evidence(self, draft: Path | None) -> None:
        """This attempt does not count."""
        if draft is not None:
            draft.unlink(missing_ok=True)

    def _fault(self, error: OSError, path: Path) -> ResultsFault:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ResultsFault(
                f"{path}: no space left for results; make room or choose another folder with "
                "--runs DIR. What was written so far is kept, as a partial run."
            )
        return ResultsFault(f"{path}: cannot be written: {error.strerror or error}")


def read_run(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, Any] | None]:
    """Head, records by case key (the last one counts), end line or None."""
    file = path / CASES if path.is_dir() else path
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise ResultsFault(f"{file}: cannot be read: {error.strerror or error}") from error
    head: dict[str, Any] = {}
    end: dict[str, Any] | None = None
    records: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # cut off by whatever ended the run
                break
            raise ResultsFault(f"{file}:{number}: not a record: {error}") from error
        kind = record.get("kind")
        if kind == "head":
            head = record
        elif kind == "end":
            end = record
        elif kind == "case":
            records[key_of(record)] = record
    if not head:
        raise ResultsFault(f"{file}: has no head line; it is not a run of interimspec")
    return head, records, end


def row_id_of(record: Mapping[str, Any]) -> str:
    """`requests@2.34.2` or `curl@7.88.1+http2`."""
    variant = record.get("variant")
    return f"{record['client']}@{record['version']}" + (f"+{variant}" if variant else "")


def key_of(record: Mapping[str, Any]) -> str:
    """As Case.key."""
    return f"{row_id_of(record)}::{record['scenario']}[{record['transport']}]"


def newest_run(runs: Path) -> Path:
    """The run that was started last."""
    found = sorted(runs.glob(f"*/{CASES}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ResultsFault(f"{runs}: holds no run; make one with `interimspec run`")
    return found[-1].parent


def find_run(runs: Path, name: str | None) -> Path:
    """The run called `name` (an id or a path), or the newest."""
    if name is None:
        return newest_run(runs)
    for candidate in (runs / name, Path(name)):
        if (candidate / CASES).exists() or (candidate.is_file()):
            return candidate
    raise ResultsFault(f"{name}: no such run, neither in {runs} nor as a path")


def load_durations(runs: Path) -> dict[str, float]:
    """How long each case took last time; empty when nobody knows."""
    try:
        data = json.loads((runs / DURATIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): float(value) for key, value in data.items()} if isinstance(data, dict) else {}


def save_durations(runs: Path, known: Mapping[str, float], new: Mapping[str, float]) -> None:
    """Keep them for the next run; losing them only costs time."""
    merged = {**known, **{key: round(value, 1) for key, value in new.items()}}
    partial = runs / (DURATIONS + ".new")
    try:
        partial.write_text(json.dumps(merged, indent=0, sort_keys=True), encoding="utf-8")
        partial.replace(runs / DURATIONS)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()


__all__: Sequence[str] = [
    "RunFolder",
    "find_run",
    "key_of",
    "load_durations",
    "new_run_id",
    "newest_run",
    "read_run",
    "row_id_of",
    "save_durations",
]
