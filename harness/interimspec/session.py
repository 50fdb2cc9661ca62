# SPDX-License-Identifier: MIT
"""One run from beginning to end: folder, server, engine, records, figures.

    RunSession.open     folder, head line, mock server   (once, by whoever is in charge)
    RunSession.execute  the engine over some cases       (here, or in every xdist worker)
    RunSession.close    server stopped, end line written

Used by the pytest plugin and by commands that run a few cases without pytest.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from interimspec import paths, records, run_folder
from interimspec.accounts import RowAccount, ideal
from interimspec.baseline import Baseline
from interimspec.case_runner import AnyServer, cores
from interimspec.cases import Case
from interimspec.engine import Engine, Progress, Settings
from interimspec.errors import InterimspecError
from interimspec.matrix import Selected
from interimspec.run_folder import RunFolder
from interimspec.server import Options, RemoteServer, Server, ServerThread

TTY_SECONDS = 0.5
PLAIN_SECONDS = 5.0

Stop = Callable[[Mapping[str, Any]], bool]


@dataclass
class Outcome:
    """What came of the engine's work."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)  # by case key, the last counts
    interrupted: bool = False
    stopped: bool = False


class _Collector:
    """The engine's listener: keeps the records, and knows when to stop."""

    def __init__(self, stop: Stop) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.stopped = False
        self._stop = stop

    def on_record(self, case: Case, record: Mapping[str, Any], final: bool) -> None:
        self.records[case.key] = dict(record)
        if final and self._stop(record):
            self.stopped = True

    def should_stop(self) -> bool:
        return self.stopped


class RunSession:
    """A run. `runs` is the folder of all runs."""

    def __init__(
        self,
        selected: Selected,
        runs: Path,
        *,
        baseline: Baseline | None,
        options: Options | None = None,
        max_processes: int | None = None,
        confirm: bool = True,
        prove: bool = True,
        stream: TextIO | None = None,
    ) -> None:
        self.selected = selected
        self.runs = runs
        self.folder = RunFolder(runs / run_folder.new_run_id(runs))
        self.server_restarts = 0
        self._baseline = baseline
        self._options = options
        self._max_processes = max_processes
        self._confirm = confirm
        self._prove = prove
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._cpu_before = time.process_time()
        self._thread: ServerThread | None = None
        self._figures: dict[str, Any] = {}
        self._accounts: Mapping[str, RowAccount] = {}
        self._ready: dict[str, Any] = {}
        self._attached: RemoteServer | None = None

    # ------------------------------------------------------------ in charge

    def open(self) -> dict[str, Any]:
        """Start the server and write the head; its ready line. Raises InterimspecError."""
        self.folder.create()
        options = self._options or Options()
        options = Options(
            **{
                **options.__dict__,
                "catalogue": self.selected.matrix.scenarios,
                "log": self.folder.path / "server.log",
            }
        )
        self._thread = ServerThread(options)
        try:
            self._ready = self._thread.start()
            self.folder.append(
                records.head(
                    self.folder.path.name,
                    self._ready,
                    self.selected.scenarios,
                    self.selected.catalogue.requirements,
                    self.selected.rows,
                    self.selected.skipped,
                )
            )
        except BaseException:
            self.abandon()
            raise
        return self._ready

    def attach(self, folder: Path, socket: Path, ready: dict[str, Any]) -> None:
        """Be a helper: another process has opened the run and is in charge of it."""
        self.folder = RunFolder(folder)
        self.folder.create()
        self._ready = ready
        self._attached = RemoteServer(socket, ready)

    @property
    def socket(self) -> Path:
        """The control socket, for helpers."""
        assert self._thread is not None
        assert self._thread.server is not None
        return self._thread.server.control.socket

    @property
    def ready(self) -> dict[str, Any]:
        """The server's ready line."""
        return self._ready

    def close(self, partial: str | None = None) -> None:
        """Stop the server and write the end line; `partial` says why not all was run."""
        self._stop_server()
        figures = {
            "wall_ms": round((time.monotonic() - self._started) * 1e3),
            **self._figures,
            "harness_cpu_ms": round(
                (time.process_time() - self._cpu_before) * 1e3
                + self._figures.get("judges_cpu_ms", 0)
            ),
        }
        if self._accounts:
            other_ms = figures["harness_cpu_ms"] + figures.get("server_cpu_ms", 0)
            least = ideal(self._accounts, other_ms, cores())
            figures.update(ideal_ms=round(least.ms), ideal_bound_by=least.bound_by)
        self._figures = figures
        self.folder.append(records.end(partial is None, figures, partial))
        self.folder.close()

    def abandon(self) -> None:
        """Leave without an end line: the run is partial."""
        self._stop_server()
        self.folder.close()

    def _stop_server(self) -> None:
        if self._thread is not None:
            self._thread.stop()
            server = self._thread.server
            if server is not None:
                self._figures["server_cpu_ms"] = round(server.cpu_ms)
                self._figures["server_restarts"] = server.restarts
                self.server_restarts = server.restarts
            self._thread = None

    # ------------------------------------------------------------ the work

    def execute(self, cases: Sequence[Case], stop: Stop = lambda record: False) -> Outcome:
        """Run the cases; Ctrl-C and SIGTERM end it early, with what is there."""
        collector = _Collector(stop)
        outcome = Outcome(collector.records)
        try:
            with tempfile.TemporaryDirectory(
                prefix="interimspec-work-", ignore_cleanup_errors=True
            ) as scratch:
                asyncio.run(self._execute(cases, collector, Path(scratch)))
        except (KeyboardInterrupt, asyncio.CancelledError):
            outcome.interrupted = True
        outcome.stopped = collector.stopped
        return outcome

    async def _execute(self, cases: Sequence[Case], collector: _Collector, scratch: Path) -> None:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        durations = run_folder.load_durations(self.runs)
        settings = Settings(scratch, confirm=self._confirm, prove=self._prove)
        if self._max_processes is not None:
            settings = replace(settings, max_processes=self._max_processes)
        engine = Engine(
            settings,
            self._server(),
            self.selected.catalogue,
            self.selected.environments,
            self.folder,
            collector,
            baseline=self._baseline,
            durations=durations,
        )
        line = ProgressLine(engine.progress, self._stream)
        ticker = asyncio.create_task(line.run())
        # Catalogue and cases are here to stay: looking through them again for garbage would stop
        # the loop for tenths of a second, in the middle of what is being timed.
        gc.collect()
        gc.freeze()
        try:
            await engine.run(cases)
        finally:
            gc.unfreeze()
            ticker.cancel()
            line.clear()
            run_folder.save_durations(self.runs, durations, engine.measured)
            self._account(engine)

    def _server(self) -> AnyServer:
        if self._attached is not None:
            return self._attached
        return RemoteServer(self.socket, self._ready)

    def _account(self, engine: Engine) -> None:
        rows = engine.accounts
        self._figures.update(
            longest_chain_ms=round(max((row.chain_ms for row in rows.values()), default=0.0)),
            chains_ms=round(sum(row.chain_ms for row in rows.values())),
            judges_cpu_ms=round(engine.judges_cpu_ms),
            adapters_cpu_ms=round(sum(row.cpu_ms for row in rows.values())),
            adapters_started=sum(row.started for row in rows.values()),
            harness_worst_late_ms=round(engine.worst_late_ms, 1),
            rows={name: row.to_json() for name, row in rows.items()},
        )
        self._accounts = rows

    @property
    def figures(self) -> Mapping[str, Any]:
        """What was measured of ourselves."""
        return self._figures


class ProgressLine:
    """One updating line on a terminal, a line now and then anywhere else."""

    def __init__(self, progress: Progress, stream: TextIO) -> None:
        self._progress = progress
        self._stream = stream
        self._tty = stream.isatty()
        self._started = time.monotonic()
        self._shown = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(TTY_SECONDS if self._tty else PLAIN_SECONDS)
            self.show()

    def text(self) -> str:
        """The line."""
        p = self._progress
        seconds = time.monotonic() - self._started
        text = f"{seconds:4.0f} s  {p.done}/{p.total} cases"
        if p.phase != "running":
            text += f", {p.phase}: {p.confirmed}/{p.to_confirm}"
        graded = [f"{count} {grade}" for grade, count in p.grades.most_common()]
        if graded:
            text += "  " + ", ".join(graded)
        oldest = p.oldest()
        if oldest is not None:
            text += f"  [{len(p.in_flight)} running, oldest {oldest}]"
        return text

    def show(self) -> None:
        """Write it."""
        text = self.text()
        if not self._tty:
            print(text, file=self._stream, flush=True)
            return
        width = shutil.get_terminal_size().columns - 1
        self._shown = text[:width]
        print(f"\r\x1b[K{self._shown}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._tty and self._shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


def default_runs() -> Path:
    """Where runs are kept: INTERIMSPEC_RUNS, else build/runs."""
    named = os.environ.get("INTERIMSPEC_RUNS")
    return Path(named) if named else paths.RUNS


__all__ = ["InterimspecError", "Outcome", "ProgressLine", "RunSession", "Server", "default_runs"]
