# SPDX-License-Identifier: MIT
"""Runs many cases at once: a few processes per client, longest first, doubtful ones again alone.

    main lane       rows side by side; spare processes go to the row with the longest rest
    quiet lane      crash, hang, danger, anything unlike the baseline or undecided: once more,
                    few at a time, as soon as no more than so few are running
    alone           what is undecided still, and what was in flight when the server died: nothing
                    else runs

Each case is written down when it is known, and again when it has been confirmed; the later record
counts. So an interrupted run is a partial one, never a lost one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from interimspec import plan as planning
from interimspec import records, vary
from interimspec.accounts import RowAccount
from interimspec.baseline import Baseline
from interimspec.case_runner import (
    AnyServer,
    CaseRunner,
    How,
    Worker,
    cores,
    fault_attempt,
    unsupported_attempt,
)
from interimspec.cases import Attempt, Case, alike, worse
from interimspec.catalogue import Catalogue
from interimspec.control import Refused, ServerGone
from interimspec.heartbeat import Heartbeat
from interimspec.install import Environment
from interimspec.judge_pool import JudgePool
from interimspec.proof import NO_PRIOR_KNOWLEDGE, Proofs
from interimspec.run_folder import RunFolder
from interimspec.schedule import Schedule

CASE_CPU_MS = 35.0  # of client, harness and server for one case, about
SEARCH_ATTEMPTS = 20  # of a case that asks for a value, about
SEARCH_TIMERS = 5  # that run out meanwhile


@dataclass(frozen=True)
class Settings:
    """How hard to push the machine."""

    scratch: Path
    max_processes: int = field(default_factory=lambda: max(16, 20 * cores()))
    quiet_width: int = field(default_factory=lambda: 6 * cores())  # at least, when confirming
    starts: int = field(default_factory=cores)
    judges: int = field(default_factory=cores)
    confirm: bool = True
    prove: bool = True  # play the controls of a row before its cases


@dataclass
class Progress:
    """What a person who waits wants to know."""

    total: int = 0
    done: int = 0
    phase: str = "running"
    to_confirm: int = 0
    confirmed: int = 0
    grades: Counter[str] = field(default_factory=Counter)
    in_flight: dict[str, float] = field(default_factory=dict)  # case key -> monotonic start

    def oldest(self) -> str | None:
        """The case that has been running longest."""
        return min(self.in_flight, key=lambda key: self.in_flight[key], default=None)


class Listener(Protocol):
    """Whoever wants the results as they come."""

    def on_record(self, case: Case, record: Mapping[str, Any], final: bool) -> None:
        """A record has been written; `final` unless it will be confirmed."""

    def should_stop(self) -> bool:
        """Whether to give up what has not begun."""


@dataclass
class _Doubt:
    case: Case
    attempts: list[Attempt]
    why: str


class Engine:
    """One run of many cases in one event loop."""

    def __init__(
        self,
        settings: Settings,
        server: AnyServer,
        catalogue: Catalogue,
        environments: Mapping[str, Environment],
        folder: RunFolder,
        listener: Listener,
        *,
        baseline: Baseline | None = None,
        durations: Mapping[str, float] | None = None,
    ) -> None:
        self._settings = settings
        self._server = server
        self._environments = environments
        self._folder = folder
        self._listener = listener
        self._baseline = baseline
        self._durations = durations or {}
        self._heartbeat = Heartbeat()
        self._judges = JudgePool(catalogue.path, settings.judges)
        self._runner = CaseRunner(server, catalogue, self._heartbeat, folder, self._judges)
        self._proofs = Proofs(server, catalogue, settings.scratch) if settings.prove else None
        self._starts = asyncio.Semaphore(settings.starts)
        self._schedule = Schedule((), self.expected_ms, 0)
        self._workers: set[Worker] = set()
        self._doubts: dict[str, list[_Doubt]] = {}  # by row
        self._confirming: Counter[str] = Counter()  # processes by row
        self._alone: list[_Doubt] = []
        self._suspects: list[Case] = []
        self.progress = Progress()
        self.measured: dict[str, float] = {}
        self.accounts: dict[str, RowAccount] = {}
        self.judges_cpu_ms = 0.0

    @property
    def worst_late_ms(self) -> float:
        """The worst lateness of the event loop."""
        return self._heartbeat.worst_ms

    async def run(self, cases: Sequence[Case]) -> None:
        """Run all; on cancellation every process is killed before this returns."""
        self.progress.total = len(cases)
        for case in cases:
            self.accounts.setdefault(case.row.id, RowAccount(case.row.processes))
        self._schedule = Schedule(cases, self.expected_ms, brief_at_once=cores())
        self._heartbeat.start()
        try:
            await self._judges.start()
            await _at_most(self._settings.max_processes, self._next_job)
            if not self._listener.should_stop():
                await self._alone_phase()
        finally:
            await self._heartbeat.stop()
            if self._proofs is not None:
                await asyncio.shield(self._proofs.close())
            await asyncio.shield(self._close_all())
            await asyncio.shield(self._judges.close())
            self.judges_cpu_ms = self._judges.cpu_ms

    def expected_ms(self, case: Case) -> float:
        """How long it took last time, or a guess."""
        known = self._durations.get(case.key)
        if known is not None:
            return known
        scenario = case.scenario
        guess = 30.0 + (scenario.script_ms or 0)
        if not scenario.has_final and not scenario.server_ends:
            guess += max(scenario.timers.read_ms or 0, scenario.timers.total_ms or 0, 1000)
        if scenario.vary is not None:
            # Some wait for a timer again and again: what begins last ends last.
            timer_ms = max(scenario.timers.read_ms or 0, scenario.timers.total_ms or 0, 1000)
            return guess * SEARCH_ATTEMPTS + timer_ms * SEARCH_TIMERS
        return guess

    # ------------------------------------------------------------ phases

    def _next_job(self, running: int) -> Coroutine[Any, Any, None] | None:
        """What a further process is to do beside those that are running."""
        if self._listener.should_stop():
            return None
        row = self._schedule.row_to_help()
        if row is not None:
            self._schedule.active[row] += 1
            return self._drain_row(row)
        if running >= self._quiet_width():
            return None
        row = self._row_to_confirm()
        if row is None:
            return None
        self.progress.phase = "confirming"
        self._confirming[row] += 1
        return self._confirm_row(row)

    async def _drain_row(self, row: str) -> None:
        """The row's cases on one process. While a verdict is being found, the next case runs."""
        worker = self._new_worker(row)
        judged: asyncio.Task[None] | None = None  # the case before
        running: asyncio.Task[None] | None = None
        try:
            while not self._listener.should_stop():
                taken = self._schedule.take(row)
                if taken is None:
                    break
                free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                let_go = _setter(free)
                running = asyncio.create_task(self._first(taken.case, worker, let_go))
                running.add_done_callback(let_go)
                await free
                self._schedule.is_over(taken)
                if judged is not None:
                    await judged
                judged, running = running, None
            if judged is not None:
                await judged
        finally:
            self._schedule.active[row] -= 1
            for task in (judged, running):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            await self._retire(worker)

    async def _problems(self, worker: Worker, case: Case) -> tuple[str, ...]:
        # Mutants are bad on purpose; and what a client cannot do need not be proved.
        if self._proofs is None or worker.row.manifest.kind not in ("library", "tool"):
            return ()
        if planning.missing_transport(case.transport, case.row.can) is not None:
            return ()
        return await self._proofs.problems(worker.environment, case.transport)

    def _disbelieve(self, case: Case, problems: Sequence[str]) -> None:
        """An adapter whose controls fail is no witness: nothing is blamed on its client."""
        attempt = fault_attempt(
            case,
            "control",
            "No verdict, the adapter failed a control without any interim response: "
            + "; ".join(problems)[:1000],
        )
        self._keep(case, attempt)

    def _keep(self, case: Case, attempt: Attempt) -> None:
        self._store(case, attempt, [attempt], final=True)
        self.progress.done += 1

    async def _first(self, case: Case, worker: Worker, let_go: Callable[[object], None]) -> None:
        """Run a case for the first time; `let_go` is called when the worker is free again."""
        problems = await self._problems(worker, case)
        what = planning.missing(case.scenario, case.transport, case.row.can)
        attempt: Attempt | None
        if problems == (NO_PRIOR_KNOWLEDGE,):
            self._keep(case, unsupported_attempt(case, NO_PRIOR_KNOWLEDGE))
            return
        if problems:
            self._disbelieve(case, problems)
            return
        if what is not None:
            attempt = unsupported_attempt(case, what)
        else:
            attempt = await self._whole(case, worker, let_go=let_go)
        if attempt is None:
            self._suspects.append(case)
            return
        self.measured[case.key] = attempt.duration_ms
        why = self._doubt(case, attempt) if self._settings.confirm else None
        if why is not None:
            self._doubts.setdefault(case.row.id, []).append(_Doubt(case, [attempt], why))
            self.progress.to_confirm += 1
        self._store(case, attempt, [attempt], final=why is None)
        self.progress.done += 1

    def _doubt(self, case: Case, attempt: Attempt) -> str | None:
        """Why this result is not to be kept from one run only."""
        repeat = attempt.verdict.get("repeat")
        if not attempt.decided:
            return str(repeat) if repeat else None
        compared = self._compare(case, attempt)
        state = compared["state"] if compared else "new"
        if state == "equal":
            return None  # the committed result is the other run
        if repeat:
            return str(repeat)
        if attempt.outcome in ("crash", "hang"):
            return attempt.outcome
        if attempt.grade == "danger":
            return "danger"
        return "unlike the baseline" if state in ("better", "worse") else None

    def _row_to_confirm(self) -> str | None:
        """The row with the longest doubts for each process that confirms them."""

        def rest_ms(row: str) -> float:
            whole = sum(doubt.attempts[0].duration_ms for doubt in self._doubts[row])
            return whole / (self._confirming[row] + 1)

        free = [
            row
            for row, doubts in self._doubts.items()
            if len(doubts) > self._confirming[row]
            and self._schedule.active[row] + self._confirming[row] < doubts[0].case.row.processes
        ]
        return max(free, key=rest_ms, default=None)

    def _quiet_width(self) -> int:
        """So many at a time that about half of the processors' time is left: cases that wait for
        timers take little of it."""
        waiting = [doubt for doubts in self._doubts.values() for doubt in doubts]
        if not waiting:
            return self._settings.quiet_width
        mean_ms = sum(doubt.attempts[0].duration_ms for doubt in waiting) / len(waiting)
        width = round(cores() / 2 * mean_ms / CASE_CPU_MS)
        return min(max(width, self._settings.quiet_width), self._settings.max_processes)

    async def _confirm_row(self, row: str) -> None:
        worker = self._new_worker(row)
        doubts = self._doubts[row]
        try:
            while doubts and not self._listener.should_stop():
                longest = max(doubts, key=lambda doubt: doubt.attempts[0].duration_ms)
                doubts.remove(longest)
                await self._confirm(longest, worker)
        finally:
            self._confirming[row] -= 1
            await self._retire(worker)

    async def _confirm(self, doubt: _Doubt, worker: Worker) -> None:
        """Once more, with little else running. Of two that differ the worse counts, as unstable."""
        first = doubt.attempts[0]
        timeout = first.decided and first.outcome == "timeout" and bool(first.verdict["repeat"])
        factor = vary.PATIENCE if timeout else 1
        again = await self._whole(doubt.case, worker, timer_factor=factor)
        if again is None:
            self._suspects.append(doubt.case)
            return
        doubt.attempts.append(again)
        if not again.decided and again.verdict.get("repeat"):
            self._alone.append(doubt)
            return
        unstable = first.decided and again.decided and not timeout and not alike(first, again)
        chosen = first if first.decided and not timeout else again
        if unstable:
            chosen = worse(first, again)
        self._store(doubt.case, chosen, doubt.attempts, final=True, unstable=unstable)
        self.progress.confirmed += 1

    async def _alone_phase(self) -> None:
        self.progress.phase = "repeating alone"
        alone = self._alone + [_Doubt(case, [], "the server died") for case in self._suspects]
        self.progress.to_confirm += len(self._suspects)
        # Rows together, so that few processes are started.
        alone.sort(key=lambda doubt: doubt.case.row.id)
        worker: Worker | None = None
        try:
            for doubt in alone:
                if self._listener.should_stop():
                    return
                if worker is None or worker.row.id != doubt.case.row.id:
                    if worker is not None:
                        await self._retire(worker)
                    worker = self._new_worker(doubt.case.row.id)
                await self._last(doubt, worker)
        finally:
            if worker is not None:
                await self._retire(worker)

    async def _last(self, doubt: _Doubt, worker: Worker) -> None:
        """With nothing else running: what comes of it now is what is known."""
        again = await self._whole(doubt.case, worker)
        if again is None:
            again = fault_attempt(
                doubt.case, "V1", "The mock server died while it served this case, twice."
            )
        if not doubt.attempts:
            self.progress.done += 1
        doubt.attempts.append(again)
        decided = [attempt for attempt in doubt.attempts if attempt.decided]
        chosen = decided[0] if decided else again
        unstable = len(decided) > 1 and not alike(decided[0], decided[1])
        if unstable:
            chosen = worse(decided[0], decided[1])
        self._store(doubt.case, chosen, doubt.attempts, final=True, unstable=unstable)
        self.progress.confirmed += 1

    # ------------------------------------------------------------ one case

    async def _whole(
        self,
        case: Case,
        worker: Worker,
        *,
        timer_factor: int = 1,
        let_go: Callable[[object], None] | None = None,
    ) -> Attempt | None:
        """All attempts that one answer needs; None when the server died meanwhile."""
        self.progress.in_flight[case.key] = time.monotonic()
        try:
            return await self._answer(case, worker, timer_factor, let_go)
        except ServerGone:
            await worker.close()
            await self._server.wait_up()
            return None
        except Refused as error:
            if error.status == 503:
                return replace_repeat(fault_attempt(case, "V1", f"The mock server said: {error}."))
            return fault_attempt(case, "V1", f"The mock server said: {error}.")
        finally:
            self.progress.in_flight.pop(case.key, None)

    async def _answer(
        self,
        case: Case,
        worker: Worker,
        timer_factor: int,
        let_go: Callable[[object], None] | None,
    ) -> Attempt:
        made: list[Attempt] = []
        # Where the next attempt depends on this one's verdict, the worker is kept.
        is_only = case.scenario.vary is None and len(planning.probes_of(case.scenario)) == 1

        async def one(probe: str, params: Mapping[str, int], patience: int) -> Attempt:
            how = How(probe, params, timer_factor * patience)
            attempt = await self._runner.attempt(case, worker, how, let_go if is_only else None)
            self.accounts[case.row.id].add_attempt(attempt.duration_ms)
            made.append(attempt)
            return attempt

        chosen = await self._ask(case, one)
        self.accounts[case.row.id].add_case(sum(attempt.duration_ms for attempt in made))
        for attempt in made:
            if attempt.evidence != chosen.evidence:
                self._folder.drop_evidence(attempt.evidence)
        return chosen

    async def _ask(
        self, case: Case, one: Callable[[str, Mapping[str, int], int], Awaitable[Attempt]]
    ) -> Attempt:
        probes = planning.probes_of(case.scenario)
        if case.scenario.vary is not None:
            what, probe = case.scenario.vary, probes[0]
            return await vary.run(what, lambda params, patience: one(probe, params, patience))
        chosen: Attempt | None = None
        for probe in probes:
            found = await one(probe, {}, 1)
            if not found.decided:
                return found
            chosen = found if chosen is None else worse(chosen, found)
        assert chosen is not None
        return chosen

    def _compare(self, case: Case, attempt: Attempt) -> dict[str, Any] | None:
        return self._baseline.compare(case, attempt) if self._baseline else None

    def _store(
        self,
        case: Case,
        chosen: Attempt,
        attempts: Sequence[Attempt],
        *,
        final: bool,
        unstable: bool = False,
    ) -> None:
        record = records.case_record(
            case, chosen, attempts, unstable=unstable, baseline=self._compare(case, chosen)
        )
        for attempt in attempts:
            if attempt is chosen and attempt.evidence is not None and attempt.evidence.exists():
                self._folder.keep_evidence(case, attempt.evidence)
            elif attempt is not chosen:
                self._folder.drop_evidence(attempt.evidence)
        self._folder.append(record)
        if final:
            self.progress.grades[chosen.grade] += 1
        self._listener.on_record(case, record, final)

    # ------------------------------------------------------------ workers

    def _new_worker(self, row: str) -> Worker:
        worker = Worker(self._environments[row], self._settings.scratch, self._starts)
        self._workers.add(worker)
        return worker

    async def _retire(self, worker: Worker) -> None:
        await asyncio.shield(worker.close())
        account = self.accounts[worker.row.id]
        account.cpu_ms += worker.cpu_ms
        account.started += worker.started
        self._workers.discard(worker)

    async def _close_all(self) -> None:
        for worker in self._workers:
            worker.abandon()
        await asyncio.gather(*(self._retire(worker) for worker in list(self._workers)))


def replace_repeat(attempt: Attempt) -> Attempt:
    """The same attempt, marked to be run again."""
    return replace(attempt, verdict={**attempt.verdict, "repeat": "the server was busy"})


def _setter(future: asyncio.Future[None]) -> Callable[[object], None]:
    """A callback that marks it as done; calling it again does nothing."""

    def call(_: object = None) -> None:
        if not future.done():
            future.set_result(None)

    return call


async def _at_most(width: int, more: Callable[[int], Coroutine[Any, Any, None] | None]) -> None:
    """Run what `more`, told how many are running, hands out, `width` at a time; the first failure
    ends all."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            while len(running) < width and (job := more(len(running))) is not None:
                running.add(asyncio.create_task(job))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
