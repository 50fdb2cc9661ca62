# SPDX-License-Identifier: MIT
"""A few judge processes (judge_worker.py), asked from the event loop."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interimspec import paths, supervisor
from interimspec.errors import HarnessFault, ResultsFault

JUDGE_SECONDS = 120.0
NICE = ("nice", "-n", "5")  # a verdict can wait; timers of clients cannot


class _Ended(Exception):
    """The judge process is gone; who waits for an answer waits in vain."""


class _Judge:
    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.process: supervisor.Supervised | None = None
        self.words = supervisor.Tail(8192)

    async def start(self, catalogue: Path) -> None:
        lines = supervisor.Lines(self._on_line, limit=64 * 1024 * 1024)
        self.process = await supervisor.start(
            [*NICE, sys.executable, "-m", "interimspec.judge_worker", str(catalogue)],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "PYTHONPATH": str(paths.HARNESS),
                "INTERIMSPEC_OUT": "/dev/fd/3",
                "LANG": "C.UTF-8",
            },
            cwd=paths.HARNESS,
            stdout=self.words.feed,
            stderr=self.words.feed,
            out=lines.feed,
        )
        self.process.on_end(self._on_end)

    def _on_end(self) -> None:
        for waiter in self.waiting.values():
            if not waiter.done():
                waiter.set_exception(_Ended())

    def _on_line(self, line: bytes) -> None:
        try:
            answer = json.loads(line)
            waiter = self.waiting.pop(answer["id"])
        except (ValueError, KeyError):
            return
        if not waiter.done():
            waiter.set_result(answer)


class JudgePool:
    """At most `count` judges, started as they are needed; each job goes to the least busy one."""

    def __init__(self, catalogue: Path, count: int) -> None:
        self._catalogue = catalogue
        self._judges: list[_Judge] = []
        self._count = count
        self._starting = asyncio.Lock()
        self._numbers = itertools.count()
        self.cpu_ms = 0.0

    async def start(self) -> None:
        """Start the first; it reads the catalogue while the first case runs."""
        await self._one_more(0)

    async def _one_more(self, have: int) -> None:
        async with self._starting:
            if len(self._judges) == have:
                judge = _Judge()
                await judge.start(self._catalogue)
                self._judges.append(judge)

    async def close(self) -> None:
        """Stop them."""
        for judge in self._judges:
            if judge.process is not None:
                await judge.process.stop()
                self.cpu_ms += judge.process.cpu_ms

    async def ask(self, job: Mapping[str, Any], transcript: bytes, lines: bytes) -> dict[str, Any]:
        """The verdict. The transcript and the adapter's lines are handed on as they were written,
        unread: they may be megabytes, and nothing else runs while this process reads."""
        have = len(self._judges)
        judge = min(self._judges, key=lambda one: len(one.waiting))
        if len(judge.waiting) > 1 and have < self._count:
            await self._one_more(have)
            judge = self._judges[-1]
        assert judge.process is not None
        number = next(self._numbers)
        waiter: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        judge.waiting[number] = waiter
        sizes = {"transcript": len(transcript), "lines": len(lines)}
        head = json.dumps({"id": number, **job, "octets": sizes}, separators=(",", ":")).encode()
        for part in (head + b"\n", transcript, lines):
            judge.process.write(part)
        answer = await self._wait(judge, waiter)
        if "verdict" in answer:
            verdict: dict[str, Any] = answer["verdict"]
            return verdict
        if "unwritable" in answer:
            advice = (
                "; make room or choose another folder with --runs DIR" if answer["full"] else ""
            )
            raise ResultsFault(f"{answer['unwritable']}{advice}")
        raise HarnessFault(f"the judge failed on {job['case']}:\n{answer.get('fault')}")

    async def _wait(self, judge: _Judge, waiter: asyncio.Future[dict[str, Any]]) -> dict[str, Any]:
        assert judge.process is not None
        if not judge.process.has_ended:
            try:
                async with asyncio.timeout(JUDGE_SECONDS):
                    return await waiter
            except (TimeoutError, _Ended):
                pass
        said = judge.words.take().decode("utf-8", "replace").strip()
        how = "ended" if judge.process.has_ended else f"gave no answer in {JUDGE_SECONDS:.0f} s"
        raise HarnessFault(f"a judge process {how}: {said[-1500:] or '(no word)'}")
