# SPDX-License-Identifier: MIT
"""One matrix in one pytest session: selection, RunSession, exit status, summary."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from interimspec import baseline
from interimspec.cases import Case
from interimspec.errors import UsageError
from interimspec.matrix import Selected, load_matrix, select
from interimspec.pytest_items import verdict_of
from interimspec.pytest_options import selection_of
from interimspec.server import Options
from interimspec.session import RunSession, default_runs

SHOWN = 40

OK, FINDINGS, INTERRUPTED, FAULT, USAGE, NOTHING, UNEXPECTED = range(7)


class MatrixRun:
    """State of the plugin for one matrix.toml."""

    def __init__(self, config: pytest.Config, path: Path, say: Callable[[str], None]) -> None:
        self.path = path
        self.records: dict[str, dict[str, Any]] = {}
        self.interrupted = False
        self.session: RunSession | None = None
        self.selected: Selected | None = None
        self._config = config
        self._say = say
        self._stopped = False
        self._is_closed = False

    @property
    def cases(self) -> Sequence[Case]:
        """What was selected."""
        return self.selected.cases if self.selected else ()

    def select(self) -> None:
        """Read everything, make environments. Raises UsageError."""
        matrix = load_matrix(self.path)
        self.selected = select(matrix, selection_of(self._config), progress=self._say)
        for entry in self.selected.skipped:
            how = f"; {entry['how']}" if entry["how"] else ""
            self._say(f"left out: {entry['client']}: {entry['why']}{how}")

    def _session(self) -> RunSession:
        assert self.selected is not None
        option = self._config.getoption
        matrix = self.selected.matrix
        known = None
        # Mutants are ours: what they are caught by is a matter of tests, not of a baseline.
        if not option("--no-baseline") and not option("--mutants"):
            known = baseline.load(matrix.results, matrix.known)
        runs = option("--runs")
        pace = float(option("--pace"))
        if not 0.01 <= pace <= 100:
            raise UsageError(f"--pace {pace}: between 0.01 and 100")
        return RunSession(
            self.selected,
            Path(str(runs)).resolve() if runs else default_runs(),
            baseline=known,
            options=Options(pace=pace),
            max_processes=option("--processes"),
            confirm=not option("--no-confirm"),
        )

    def open(self) -> RunSession:
        """Be in charge: folder, server, head."""
        self.session = self._session()
        self.session.open()
        return self.session

    def attach(self, handed: Mapping[str, Any]) -> None:
        """Be a worker of the session that is in charge."""
        if self.session is None:
            self.session = self._session()
            self.session.attach(Path(handed["run"]), Path(handed["socket"]), dict(handed["ready"]))

    def execute(self, cases: Sequence[Case]) -> None:
        """Run the cases; the records are then here."""
        assert self.session is not None
        limit = int(self._config.getoption("maxfail", 0) or 0)
        failed = 0

        def stop(record: Mapping[str, Any]) -> bool:
            nonlocal failed
            if verdict_of(record) in ("finding", "unexpected", "fault"):
                failed += 1
            return bool(limit) and failed >= limit

        outcome = self.session.execute(cases, stop)
        self.records.update(outcome.records)
        self.interrupted = outcome.interrupted
        self._stopped = outcome.stopped

    def close(self) -> None:
        """Stop the server, write the end."""
        if self.session is None or self._is_closed:
            return
        self._is_closed = True
        reason = None
        if self.interrupted:
            reason = "interrupted"
        elif self._stopped:
            reason = "stopped at the first finding"
        self.session.close(reason)

    def abandon(self) -> None:
        """Something went wrong: no end line."""
        if self.session is not None and not self._is_closed:
            self._is_closed = True
            self.session.abandon()


def exit_status(status: int, reports: Iterable[Mapping[str, Any]], other_failed: int) -> int:
    """Faults of ours win over findings, findings over unexpected passes. Never a count."""
    if status in (INTERRUPTED, FAULT, USAGE, NOTHING):
        return status
    kinds = {report["kind"] for report in reports}
    if "fault" in kinds:
        return FAULT
    if "finding" in kinds or other_failed:
        return FINDINGS
    return UNEXPECTED if "unexpected" in kinds else OK


def _beside_the_ideal(figures: Mapping[str, Any]) -> str:
    least_ms = figures.get("ideal_ms")
    if not least_ms:
        return ""
    times = figures["wall_ms"] / least_ms
    return f" ({times:.2f} x the ideal {least_ms / 1e3:.1f} s, set by {figures['ideal_bound_by']})"


def summary(run: MatrixRun, reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stays on the screen."""
    assert run.session is not None
    unique = {str(report["key"]): report for report in reports}
    lines: list[str] = []
    titles = {
        "fault": "not decided (harness, server, adapter, or the machine too busy)",
        "finding": "findings beyond the baseline",
        "unexpected": "better than the baseline (tell it so: interimspec accept)",
    }
    for kind, title in titles.items():
        found = sorted(key for key, report in unique.items() if report["kind"] == kind)
        if found:
            lines.append(f"{len(found)} {title}:")
        for key in found[:SHOWN]:
            report = unique[key]
            unstable = " [unstable]" if report["unstable"] else ""
            lines.append(f"  {report['grade']:<12} {key}: {report['sentence']}{unstable}")
        if len(found) > SHOWN:
            lines.append(f"  … and {len(found) - SHOWN} more")
    grades = Count(str(report["grade"]) for report in unique.values())
    counted = ", ".join(f"{count} {grade}" for grade, count in grades.most_common())
    figures = run.session.figures
    lines.append(f"{len(unique)} cases: {counted}")
    if "longest_chain_ms" in figures and "wall_ms" in figures:
        lines.append(
            f"{figures['wall_ms'] / 1e3:.1f} s"
            f"{_beside_the_ideal(figures)}; one case after another "
            f"{figures['chains_ms'] / 1e3:.1f} s, "
            f"of the slowest client {figures['longest_chain_ms'] / 1e3:.1f} s; "
            f"CPU: server {figures.get('server_cpu_ms', 0) / 1e3:.1f} s, "
            f"harness {figures.get('harness_cpu_ms', 0) / 1e3:.1f} s, "
            f"clients {figures['adapters_cpu_ms'] / 1e3:.1f} s"
        )
    partial = " (partial)" if run.interrupted else ""
    lines.append(f"results: {run.session.folder.path}{partial}")
    return lines
