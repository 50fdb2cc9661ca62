# SPDX-License-Identifier: MIT
"""Runs one case on one worker: lease, plan, events, transcript, verdict.

Worker        at most one adapter process of a row at a time, replaced when it has ended
CaseRunner    run(case, worker) -> Attempt; many at once on different workers
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from interimspec import plan as planning
from interimspec.adapter_process import AdapterProcess, PlanResult
from interimspec.cases import Attempt, Case
from interimspec.catalogue import Catalogue
from interimspec.clients import Row
from interimspec.control import Control, Lease, Refused, ServerGone
from interimspec.heartbeat import Heartbeat
from interimspec.install import Environment
from interimspec.judge_pool import JudgePool
from interimspec.judge_worker import fault_verdict
from interimspec.run_folder import RunFolder

WARM_UP = "no-interim"
LEASE_TRIES = 16
LIFE_SPARE_MS = 30_000


class AnyServer(Protocol):
    """A server that this process runs, or one that another process runs."""

    control: Control
    ready: dict[str, Any]

    async def wait_up(self) -> None:
        """Return when the server answers."""


class Worker:
    """The place where plans of one row are run, one at a time."""

    def __init__(self, environment: Environment, scratch: Path, starts: asyncio.Semaphore) -> None:
        self.environment = environment
        self.row: Row = environment.row
        self.process: AdapterProcess | None = None
        self.cpu_ms = 0.0
        self.started = 0
        self._scratch = scratch
        self._starts = starts

    @property
    def is_warm(self) -> bool:
        """Whether a process is there that has had its warm-up and may have another plan."""
        limit = self.row.plans_per_process
        process = self.process
        if process is None or not process.alive:
            return False
        return limit == 0 or process.plans <= limit  # the warm-up does not count

    async def fresh(self) -> AdapterProcess:
        """A new process in place of the old one."""
        await self.close()
        async with self._starts:
            self.process = AdapterProcess(
                self.environment.command(), self.environment.environ(), self._scratch
            )
            self.started += 1
            await self.process.start()
        return self.process

    async def close(self) -> None:
        """End the process, if there is one."""
        process, self.process = self.process, None
        if process is not None:
            await process.close()
            self.cpu_ms += process.cpu_ms

    def abandon(self) -> None:
        """Leave the killing to the supervisor."""
        if self.process is not None:
            self.process.abandon()


@dataclass(frozen=True)
class How:
    """How one attempt is to be made."""

    probe: str
    params: Mapping[str, int]
    timer_factor: int = 1


class CaseRunner:
    """Runs attempts against one server."""

    def __init__(
        self,
        server: AnyServer,
        catalogue: Catalogue,
        heartbeat: Heartbeat,
        folder: RunFolder,
        judges: JudgePool,
    ) -> None:
        self._server = server
        self._catalogue = catalogue
        self._heartbeat = heartbeat
        self._folder = folder
        self._judges = judges
        self._numbers = itertools.count()
        self._prefix = secrets.token_hex(2)

    async def attempt(
        self,
        case: Case,
        worker: Worker,
        how: How,
        let_go: Callable[[object], None] | None = None,
    ) -> Attempt:
        """One plan for `case` on `worker`, which is free for another one when `let_go` is called.
        Raises ServerGone when the server died meanwhile."""
        process = await self._warm(worker, case.transport)
        return await self._attempt(case, worker, process, how, let_go)

    async def _warm(self, worker: Worker, transport: str) -> AdapterProcess:
        if worker.is_warm and worker.process is not None:
            return worker.process
        process = await worker.fresh()
        scenario = self._catalogue.by_id.get(WARM_UP)
        if scenario is not None and process.alive:
            how = How("none", {})
            on = transport if transport in scenario.transports else "h1"
            warm = await self._attempt(Case(worker.row, scenario, on), worker, process, how)
            self._folder.drop_evidence(warm.evidence)
            if worker.process is None or not worker.process.alive:
                # It cannot even do that: the case itself shall say so.
                process = await worker.fresh()
        return process

    async def _attempt(
        self,
        case: Case,
        worker: Worker,
        process: AdapterProcess,
        how: How,
        let_go: Callable[[object], None] | None = None,
    ) -> Attempt:
        scenario, row = case.scenario, case.row
        control = self._server.control
        lease = await self._lease(case, process, how)
        built = planning.build(
            scenario,
            row.can,
            plan_id=lease.run,
            url=lease.url,
            ca_file=lease.ca_file,
            transport=case.transport,
            probe=how.probe,
            timer_factor=how.timer_factor,
        )
        started = time.monotonic()
        if process.alive:
            watch = _Watch(control, lease.run, built, started)
            result = await process.run_plan(built.data, watch.first(), watch.later)
        else:
            result = _no_process(process)
        try:
            transcript = await control.end_run_unread(lease.run)
        except Refused as error:
            if error.status == 404:  # the server was started again in between
                raise ServerGone(f"{lease.run}: the server has forgotten this run") from error
            raise
        late = self._heartbeat.worst_since(started)
        draft = self._folder.evidence_draft(case, lease.run)
        job = {**_job(case, how, built, process, result, late), "evidence": str(draft)}
        stack = tuple((process.hello or {}).get("stack") or ())
        if let_go is not None:  # from here on nothing is asked of the process
            let_go(None)
        verdict = await self._judges.ask(job, transcript, b"\n".join(result.lines))
        return Attempt(verdict, stack, result.duration_ms, draft)

    async def _lease(self, case: Case, process: AdapterProcess, how: How) -> Lease:
        """A run on a port that this process has not met before."""
        for _ in range(LEASE_TRIES):
            run = f"{self._prefix}{next(self._numbers):04x}"
            lease = await self._server.control.make_run(
                case.scenario.id,
                run,
                case.transport,
                params=dict(how.params),
                life_ms=planning.longest_ms(case.scenario, how.timer_factor) + LIFE_SPARE_MS,
            )
            if lease.port not in process.ports:
                process.ports.add(lease.port)
                return lease
            await self._server.control.end_run(run)
        # All ports of the server are known to it. They have been closed for long: start over.
        process.ports = {lease.port}
        return await self._lease(case, process, how)


def _job(
    case: Case,
    how: How,
    built: planning.Built,
    process: AdapterProcess,
    result: PlanResult,
    late_ms: float,
) -> dict[str, Any]:
    """What the judge is asked, as judge_worker reads it."""
    told = case.row.told
    return {
        "case": case.key,
        "scenario": case.scenario.id,
        "plan": built.data,
        "params": dict(how.params),
        "probe": how.probe,
        "hello": process.hello,
        "failure": "" if process.hello else process.failure,
        "process": {
            "state": result.state,
            "exit_code": result.exit.code if result.exit else None,
            "signal": result.exit.signal if result.exit else None,
            "stdout_tail": result.stdout_tail.decode("utf-8", "backslashreplace"),
            "stderr_tail": result.stderr_tail.decode("utf-8", "backslashreplace"),
            "harness_late_ms": round(late_ms, 1),
        },
        "can": case.row.can.to_json(),
        "told": {
            "status_exits": list(told.status_exits),
            "exits": {str(code): kind for code, kind in told.exits.items()},
            "made_up": list(told.made_up),
            "no_status": told.no_status,
        },
    }


class _Watch:
    """Decides how long a running plan may still take."""

    def __init__(self, control: Control, run: str, built: planning.Built, started: float) -> None:
        self._control = control
        self._run = run
        self._built = built
        self._started = started
        self._last_call: float | None = None

    def first(self) -> float:
        """When to look for the first time: a client that keeps trying need not have all of L."""
        look = min(self._built.main_budget_ms(), self._built.persistent_ms())
        return self._started + look / 1e3

    async def later(self, main_ended: bool) -> float | None:
        """The new deadline, or None when it is over."""
        if main_ended:
            if self._last_call is None:
                start = max(time.monotonic(), self._started + self._built.probe_at_ms / 1e3)
                self._last_call = start + self._built.probe_budget_ms() / 1e3
            return self._last_call
        try:
            seen = await self._control.summary(self._run)
        except (ServerGone, Refused):
            return None
        attempts = seen.requests - seen.probe_requests
        return self._started + self._built.main_budget_ms(attempts) / 1e3


def _no_process(process: AdapterProcess) -> PlanResult:
    return PlanResult((), "exited", None, b"", process.failure.encode(), False, 0.0)


def fault_attempt(case: Case, rule: str, sentence: str) -> Attempt:
    """An attempt that came to nothing."""
    return Attempt(fault_verdict(rule, sentence))


def unsupported_attempt(case: Case, what: str) -> Attempt:
    """What need not be run: the client says that it cannot do it."""
    verdict = fault_verdict("V3", f"{case.row.manifest.title} has no way to do this: {what}.")
    verdict["grade"] = "unsupported"
    verdict["reasons"] = [{"rule": "V3", "what": what, "declared": True}]
    return Attempt(verdict)


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


__all__ = [
    "AnyServer",
    "CaseRunner",
    "How",
    "Worker",
    "cores",
    "fault_attempt",
    "unsupported_attempt",
]
