# SPDX-License-Identifier: MIT
"""One adapter process: plans in, events out, whatever it does in between.

The contract with adapters is harness/clients/README.md. Everything a process writes is read at all
times and bounded: events on a pipe of their own (descriptor 3, named in INTERIMSPEC_OUT) or as
stdout lines that begin with `@interimspec `; of both outputs 64 KiB are kept per plan.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interimspec import supervisor
from interimspec.observation import parse_line

HELLO_SECONDS = 30.0
CLOSE_SECONDS = 1.0
MAX_LINE = 32 * 1024 * 1024  # a scenario may send fields of 16 MiB, and clients report them
MAX_OCTETS_PER_PLAN = 128 * 1024 * 1024
MAX_EVENTS_PER_PLAN = 100_000
STDOUT_PREFIX = b"@interimspec "

# What an adapter may inherit. All else could change what a client does: proxies, trust stores,
# preloaded libraries, options for runtimes.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "PYENV_ROOT", "PYENV_VERSION", "NVM_DIR")

Event = Mapping[str, Any]
Deadline = Callable[[bool], Awaitable[float | None]]
"""Asked when the deadline has passed, with whether the main request has ended: a later deadline
(monotonic seconds), or None to stop the process."""


@dataclass(frozen=True)
class PlanResult:
    """What came of one plan."""

    lines: tuple[bytes, ...]  # as they were written; the judge's process reads them
    state: str  # "done" | "exited" | "deadline", as in ProcessEnd of the judge
    exit: supervisor.Exit | None
    stdout_tail: bytes
    stderr_tail: bytes
    flooded: bool
    duration_ms: float

    @property
    def events(self) -> tuple[Event, ...]:
        """The lines, read."""
        return tuple(parse_line(line.decode("utf-8", "replace")) for line in self.lines)


def clean_env(scratch: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of an adapter: a home of its own, and nothing of the user's settings."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env.setdefault("PATH", os.defpath)
    env.setdefault("LANG", "C.UTF-8")
    env.update(
        HOME=str(scratch),
        TMPDIR=str(scratch),
        XDG_CONFIG_HOME=str(scratch),
        XDG_CACHE_HOME=str(scratch),
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONUNBUFFERED="1",
        INTERIMSPEC_OUT="/dev/fd/3",
    )
    env.update(extra or {})
    return env


class AdapterProcess:
    """A running adapter. Use `start`, then `run_plan` as often as it lives, then `close`."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], scratch_root: Path) -> None:
        self._command = tuple(command)
        self._extra_env = dict(env)
        scratch_root.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix="adapter-", dir=scratch_root))
        self._process: supervisor.Supervised | None = None
        self._events: list[bytes] = []
        self._octets = 0
        self._flooded = False
        self._plan: str | None = None
        self._main_name = "main"
        self._done = False
        self._main_ended = False
        self._news = asyncio.Event()
        self._stdout = supervisor.Tail()
        self._stderr = supervisor.Tail()
        self._event_lines = supervisor.Lines(self._on_event_line, MAX_LINE)
        self._stdout_lines = supervisor.Lines(self._on_stdout_line, 64 * 1024)
        self.hello: Event | None = None
        self._failure: str | None = None
        self.stray: list[bytes] = []  # what came while no plan was running
        self.plans = 0
        self.ports: set[int] = set()

    # ------------------------------------------------------------ life

    async def start(self, hello_seconds: float = HELLO_SECONDS) -> None:
        """Start the process and wait for its hello; `alive` and `hello` tell how that went."""
        self._process = await supervisor.start(
            self._command,
            env=clean_env(self._scratch, self._extra_env),
            cwd=self._scratch,
            stdout=self._on_stdout,
            stderr=self._stderr.feed,
            out=self._event_lines.feed,
        )
        self._process.on_end(self._news.set)
        until = time.monotonic() + hello_seconds
        while self.hello is None and not self._process.has_ended:
            if not await self._wait_for_news(until):
                break
        if self.hello is None:
            # What an ended process had written may still be in the pipe.
            await asyncio.sleep(0.02)

    @property
    def alive(self) -> bool:
        """Whether another plan can be given to it."""
        return self._process is not None and not self._process.has_ended and self.hello is not None

    @property
    def cpu_ms(self) -> float:
        """CPU time of the whole tree; known once it is gone."""
        return self._process.cpu_ms if self._process else 0.0

    @property
    def failure(self) -> str:
        """Why there was no hello, for people."""
        if self._failure is None:
            self._failure = self._why_no_hello()
        return self._failure

    def _why_no_hello(self) -> str:
        if self._process is not None and self._process.failure:
            return f"{self._command[0]}: {self._process.failure}"
        how = "sent no hello"
        if self._process is not None and self._process.exit is not None:
            exit_ = self._process.exit
            how = (
                f"was killed by signal {exit_.signal} before its hello"
                if exit_.signal is not None
                else f"ended with {exit_.code} before its hello"
            )
        words = self._stderr.take().decode("utf-8", "replace").strip().splitlines()
        return f"the adapter {how}" + (f": {words[-1][:300]}" if words else "")

    async def close(self) -> None:
        """End of file on its input, a moment to leave, then the whole tree is killed."""
        if self._process is not None:
            await self._process.close(CLOSE_SECONDS)
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def kill(self) -> None:
        """Kill the whole tree now."""
        if self._process is not None:
            await self._process.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def abandon(self) -> None:
        """Let the supervisor do the killing; nobody waits."""
        if self._process is not None:
            self._process.abandon()
        shutil.rmtree(self._scratch, ignore_errors=True)

    # ------------------------------------------------------------ plans

    async def run_plan(self, plan: Mapping[str, Any], until: float, later: Deadline) -> PlanResult:
        """Give it one plan and collect events until `done`, its end, or the deadline `until`."""
        assert self._process is not None
        assert self._plan is None
        self._events = []
        self._octets = 0
        self._flooded = self._done = self._main_ended = False
        self._stdout.take()
        self._stderr.take()
        self._plan = str(plan["plan"])
        self._main_name = str(plan["requests"][0]["name"])
        self.plans += 1
        started = time.monotonic()
        self._process.write(json.dumps(plan, separators=(",", ":")).encode() + b"\n")
        state = await self._collect(until, later)
        exit_ = None
        if state != "done":
            # Killing ends the writers, so that what they had written is complete afterwards.
            exit_ = await self._process.stop()
            await asyncio.sleep(0)
            self._event_lines.flush()
            if state == "deadline":
                exit_ = None
        result = PlanResult(
            lines=tuple(self._events),
            state=state,
            exit=exit_,
            stdout_tail=self._stdout.take(),
            stderr_tail=self._stderr.take(),
            flooded=self._flooded,
            duration_ms=(time.monotonic() - started) * 1e3,
        )
        self._plan = None
        return result

    async def _collect(self, until: float, later: Deadline) -> str:
        assert self._process is not None
        main_ended_before = False
        while True:
            self._news.clear()
            if self._done:
                return "done"
            if self._process.has_ended:
                await self._drain()
                return "done" if self._done else "exited"
            if self._flooded:
                return "deadline"
            main_ended = self._main_ended
            if main_ended and not main_ended_before:
                main_ended_before = True
                until = await later(True) or until
            if not await self._wait_for_news(until):
                extended = await later(main_ended)
                if extended is None or extended <= time.monotonic():
                    return "deadline"
                until = extended

    async def _drain(self) -> None:
        """Read on until nothing has come for a moment: the pipe may hold more than one read."""
        seen = -1
        while seen != self._octets:
            seen = self._octets
            await asyncio.sleep(0.01)

    async def _wait_for_news(self, until: float) -> bool:
        assert self._process is not None
        if self._process.has_ended:
            return True
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    # ------------------------------------------------------------ what it writes

    def _on_stdout(self, data: bytes) -> None:
        self._stdout.feed(data)
        self._stdout_lines.feed(data)

    def _on_stdout_line(self, line: bytes) -> None:
        if line.startswith(STDOUT_PREFIX):
            self._on_event_line(line[len(STDOUT_PREFIX) :])

    def _on_event_line(self, line: bytes) -> None:
        self._octets += len(line)
        if self._flooded or not line.strip():
            return
        if self.hello is None:
            self._before_hello(line)
        elif self._plan is None:
            if len(self.stray) < 1000:
                self.stray.append(line[:1000])
        elif self._octets > MAX_OCTETS_PER_PLAN or len(self._events) >= MAX_EVENTS_PER_PLAN:
            self._flooded = True
            self._events.append(b"(more events than anybody reads)")
        else:
            self._events.append(line)
            self._watch(line)
        self._news.set()

    def _before_hello(self, line: bytes) -> None:
        event = parse_line(line.decode("utf-8", "replace"))
        if event["event"] == "hello":
            self.hello = event
        else:
            self.stray.append(line[:1000])

    def _watch(self, line: bytes) -> None:
        """Only what ends a wait is read here: thousands of interim events would make us late."""
        if b'"done"' not in line and b'"end"' not in line:
            return
        event = parse_line(line.decode("utf-8", "replace"))
        if event["event"] == "done" and event.get("plan") == self._plan:
            self._done = True
        elif event["event"] == "end" and event.get("request") == self._main_name:
            self._main_ended = True
