# SPDX-License-Identifier: MIT
"""Runs many cases at once: a few processes per client, longest first, doubtful ones again alone.

    main phase      rows side by side; spare processes go to the row with the longest rest
    quiet lane      crash, hang, danger, anything unlike the baseline or undecided: once more,
                    few at a time
    alone           what is undecided still, and what was in flight when the server died: nothing
                    else runs

Each case is written down when it is known, and again when it has been confirmed; the later record
counts. So an interrupted run is a partial one, never a lost one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
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

CASE_CPU_MS = 35.0  # of client, harness and server for one case, about
SPARE_WORTH_MS = 400.0  # another process pays when it takes over more than this


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
        self._pending: dict[str, deque[Case]] = {}
        self._rest: dict[str, float] = {}
        self._active: Counter[str] = Counter()
        self._workers: set[Worker] = set()
        self._doubts: list[_Doubt] = []
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
        for case in sorted(cases, key=self.expected_ms, reverse=True):
            row = case.row.id
            self._pending.setdefault(row, deque()).append(case)
            self.accounts.setdefault(row, RowAccount(case.row.processes))
            self._rest[row] = self._rest.get(row, 0.0) + self.expected_ms(case)
        self._heartbeat.start()
        try:
            await self._judges.start()
            await self._main_phase()
            if not self._listener.should_stop():
                await self._quiet_phase()
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
        return guess * (10 if scenario.vary else 1)

    # ------------------------------------------------------------ phases

    async def _main_phase(self) -> None:
        def more() -> Coroutine[Any, Any, None] | None:
            if self._listener.should_stop():
                return None
            row = self._next_row()
            if row is None:
                return None
            self._active[row] += 1
            return self._drain_row(row)

        await _at_most(self._settings.max_processes, more)

    def _next_row(self) -> str | None:
        """The row that a further process helps most."""
        best: tuple[bool, float] | None = None
        chosen = None
        for row, queue in self._pending.items():
            active = self._active[row]
            if not queue or active >= queue[0].row.processes:
                continue
            if active and (len(queue) < 2 or self._rest[row] / active < SPARE_WORTH_MS):
                continue
            score = (active == 0, self._rest[row] / (active + 1))
            if best is None or score > best:
                best, chosen = score, row
        return chosen

    async def _drain_row(self, row: str) -> None:
        queue = self._pending[row]
        worker = self._new_worker(row)
        try:
            while queue and not self._listener.should_stop():
                case = queue.popleft()
                self._rest[row] -= self.expected_ms(case)
                problems = await self._problems(worker, case)
                if problems == (NO_PRIOR_KNOWLEDGE,):
                    self._keep(case, unsupported_attempt(case, NO_PRIOR_KNOWLEDGE))
                elif problems:
                    self._disbelieve(case, problems)
                else:
                    await self._first(case, worker)
        finally:
            self._active[row] -= 1
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

    async def _first(self, case: Case, worker: Worker) -> None:
        what = planning.missing(case.scenario, case.transport, case.row.can)
        if what is not None:
            attempt: Attempt | None = unsupported_attempt(case, what)
        else:
            attempt = await self._whole(case, worker)
        if attempt is None:
            self._suspects.append(case)
            return
        self.measured[case.key] = attempt.duration_ms
        why = self._doubt(case, attempt) if self._settings.confirm else None
        if why is not None:
            self._doubts.append(_Doubt(case, [attempt], why))
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

    async def _quiet_phase(self) -> None:
        by_row: dict[str, deque[_Doubt]] = {}
        rest: Counter[str] = Counter()
        for doubt in sorted(self._doubts, key=lambda one: -one.attempts[0].duration_ms):
            by_row.setdefault(doubt.case.row.id, deque()).append(doubt)
            rest[doubt.case.row.id] += round(doubt.attempts[0].duration_ms)
        active: Counter[str] = Counter()
        self.progress.phase = "confirming"

        def more() -> Coroutine[Any, Any, None] | None:
            if self._listener.should_stop():
                return None
            free = [
                row
                for row, queue in by_row.items()
                if len(queue) > active[row] and active[row] < queue[0].case.row.processes
            ]
            if not free:
                return None
            row = max(free, key=lambda name: rest[name] / (active[name] + 1))
            active[row] += 1
            return self._confirm_row(row, by_row[row], active)

        await _at_most(self._quiet_width(), more)

    def _quiet_width(self) -> int:
        """So many at a time that about half of the processors' time is left: cases that wait for
        timers take little of it."""
        if not self._doubts:
            return self._settings.quiet_width
        mean_ms = sum(doubt.attempts[0].duration_ms for doubt in self._doubts) / len(self._doubts)
        width = round(cores() / 2 * mean_ms / CASE_CPU_MS)
        return min(max(width, self._settings.quiet_width), self._settings.max_processes)

    async def _confirm_row(self, row: str, queue: deque[_Doubt], active: Counter[str]) -> None:
        worker = self._new_worker(row)
        try:
            while queue and not self._listener.should_stop():
                await self._confirm(queue.popleft(), worker)
        finally:
            active[row] -= 1
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

    async def _whole(self, case: Case, worker: Worker, timer_factor: int = 1) -> Attempt | None:
        """All attempts that one answer needs; None when the server died meanwhile."""
        self.progress.in_flight[case.key] = time.monotonic()
        try:
            return await self._answer(case, worker, timer_factor)
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

    async def _answer(self, case: Case, worker: Worker, timer_factor: int) -> Attempt:
        made: list[Attempt] = []

        async def one(probe: str, params: Mapping[str, int], patience: int) -> Attempt:
            how = How(probe, params, timer_factor * patience)
            attempt = await self._runner.attempt(case, worker, how)
            self.accounts[case.row.id].add_attempt(attempt.duration_ms)
            made.append(attempt)
            return attempt

        chosen = await self._ask(case, one)
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


async def _at_most(width: int, more: Callable[[], Coroutine[Any, Any, None] | None]) -> None:
    """Run what `more` hands out, `width` at a time; the first failure ends all."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            while len(running) < width and (job := more()) is not None:
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
