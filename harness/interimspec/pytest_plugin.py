# SPDX-License-Identifier: MIT
"""The matrix as pytest items: `matrix.toml::requests@2.34.2::single-102[h1]`.

    pytest_collection      matrix.toml is read, the cases are selected, environments are made
    pytest_runtestloop     the engine runs the selected items' cases at once; then pytest's own
                           loop reports each item from its stored record
    makereport             the baseline decides: equal -> xfail, better and worse -> failed
    sessionfinish          one of the exit statuses 0 to 6

With xdist the controller opens the run (server, folder, head) and each worker runs the rows that it
is given (scope = row) by the same engine.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from interimspec import paths
from interimspec.cases import Case
from interimspec.errors import InterimspecError, UsageError
from interimspec.pytest_items import (
    CaseItem,
    Finding,
    HarnessError,
    MatrixFile,
    UnexpectedPass,
    verdict_of,
)
from interimspec.pytest_options import add_options
from interimspec.pytest_run import MatrixRun, exit_status, summary

KEY = pytest.StashKey[MatrixRun]()
MATRIX_NAME = "matrix.toml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, in a group of their own."""
    add_options(parser)


# ---------------------------------------------------------------- set-up


def matrix_of(config: pytest.Config) -> Path | None:
    """The matrix.toml that the arguments name, directly or by its folder."""
    base = config.invocation_params.dir
    for argument in config.args:
        path = base / str(argument).split("::")[0]
        if path.name == MATRIX_NAME and path.is_file():
            return path.resolve()
    return None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_controller(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession") and not _is_worker(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Select before anything is collected, so that a bad option or file is a usage error."""
    config = session.config
    matrix = matrix_of(config)
    if matrix is None or _is_controller(config):
        return
    _prepare(config, matrix)


def _prepare(config: pytest.Config, matrix: Path) -> MatrixRun:
    try:
        run = MatrixRun(config, matrix, _reporter_line(config))
        run.select()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except InterimspecError as error:
        pytest.exit(str(error), returncode=error.exit_status)
    config.stash[KEY] = run
    return run


def _reporter_line(config: pytest.Config) -> Any:
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def write(line: str) -> None:
        if reporter is not None and not _is_worker(config):
            reporter.ensure_newline()
            reporter.write_line(line)

    return write


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """matrix.toml is collected when it was named; nothing else is ours."""
    run = parent.config.stash.get(KEY, None)
    if run is None or file_path.resolve() != run.path:
        return None
    collector: pytest.Collector = MatrixFile.from_parent(parent, path=file_path, cases=run.cases)
    return collector


# ---------------------------------------------------------------- running


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """The engine first; then the reports, item by item."""
    config = session.config
    run = config.stash.get(KEY, None)
    if run is None or config.option.collectonly or _is_worker(config) or _is_controller(config):
        return (yield)
    items = [item for item in session.items if isinstance(item, CaseItem)]
    if items and not session.testsfailed:
        _execute(run, [item.case for item in items])
        session.items[:] = [
            item
            for item in session.items
            if not isinstance(item, CaseItem) or item.case.key in run.records
        ]
    answer = yield
    if run.interrupted:
        raise KeyboardInterrupt
    return answer


def _execute(run: MatrixRun, cases: list[Case]) -> None:
    try:
        run.open()
        run.execute(cases)
        run.close()
    except InterimspecError as error:
        run.abandon()
        pytest.exit(str(error), returncode=error.exit_status)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """In an xdist worker: the first item of a row runs all of the row."""
    run = item.config.stash.get(KEY, None)
    if run is None or not isinstance(item, CaseItem) or not _is_worker(item.config):
        return
    if item.case.key not in run.records:
        same_row = [
            other.case
            for other in item.session.items
            if isinstance(other, CaseItem)
            and other.case.row.id == item.case.row.id
            and other.case.key not in run.records
        ]
        try:
            run.attach(item.config.workerinput["interimspec"])  # type: ignore[attr-defined]
            run.execute(same_row)
        except InterimspecError as error:
            pytest.exit(str(error), returncode=error.exit_status)
        if run.interrupted:
            raise KeyboardInterrupt


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give the item its record."""
    run = item.config.stash.get(KEY, None)
    if run is not None and isinstance(item, CaseItem):
        item.record = run.records.get(item.case.key)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Compare with the baseline; the time is the case's own."""
    report = yield
    if not isinstance(item, CaseItem) or item.record is None:
        return report
    record = item.record
    if call.when == "call":
        report.duration = float(record["duration_ms"]) / 1e3
    if call.when == "call" or (call.when == "setup" and not report.passed):
        kind = verdict_of(record)
        known = call.excinfo is not None and isinstance(call.excinfo.value, Finding)
        if known and kind == "known":
            report.outcome = "skipped"
            baseline = record.get("baseline") or {}
            report.wasxfail = str(baseline.get("reason") or "as the baseline")
        report.interimspec = {  # type: ignore[attr-defined]
            "kind": kind,
            "key": item.case.key,
            "grade": record["grade"],
            "outcome": record["outcome"],
            "sentence": record["sentence"],
            "was": (record.get("baseline") or {}).get("was"),
            "unstable": record["unstable"],
            "duration_ms": record["duration_ms"],
        }
    return report


class Counter:
    """Counts what decides the exit status; registered per session, so that it sees all reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reports: list[dict[str, Any]] = []
        self.other_failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for every phase of every item, also of those that workers ran."""
        told = getattr(report, "interimspec", None)
        if told is not None:
            self.reports.append(told)
        elif report.failed and not getattr(report, "interimspec", None):
            self.other_failed += 1


COUNTER = pytest.StashKey[Counter]()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Count only where there is a matrix; with xdist its controller counts."""
    matrix = matrix_of(config)
    if matrix is None or _is_worker(config):
        return
    counter = Counter(config)
    config.stash[COUNTER] = counter
    config.pluginmanager.register(counter, "interimspec-counter")
    if config.pluginmanager.hasplugin("xdist") and getattr(config.option, "numprocesses", None):
        from interimspec.pytest_xdist import Controller

        config.pluginmanager.register(Controller(_prepare, KEY, matrix), "interimspec-xdist")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """One of the exit statuses; pytest's own 2 to 5 stay."""
    config = session.config
    counter = config.stash.get(COUNTER, None)
    run = config.stash.get(KEY, None)
    if counter is None:
        return
    if run is not None and _is_controller(config):
        run.interrupted = run.interrupted or int(exitstatus) == 2
        run.close()
    session.exitstatus = exit_status(int(exitstatus), counter.reports, counter.other_failed)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The findings, one line each, and where the rest is."""
    counter = config.stash.get(COUNTER, None)
    run = config.stash.get(KEY, None)
    if counter is not None and run is not None and run.session is not None:
        for line in summary(run, counter.reports):
            terminalreporter.write_line(line)


def pytest_report_header(config: pytest.Config) -> Iterator[str] | list[str]:
    """Which programs of ours are used."""
    if matrix_of(config) is None:
        return []
    return [f"interimspec: server {paths.server_binary()}"]


__all__ = ["CaseItem", "Finding", "HarnessError", "UnexpectedPass"]
