# SPDX-License-Identifier: MIT
"""How late our own event loop is: the judge is told, as a late loop makes a poor witness."""

from __future__ import annotations

import asyncio
import time
from collections import deque

BEAT_SECONDS = 0.01
WORTH_KEEPING_MS = 2.0


class Heartbeat:
    """Beats while it is open; remembers when it was late, and how much."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=100_000)
        self._task: asyncio.Task[None] | None = None
        self.worst_ms = 0.0

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def worst_since(self, monotonic: float) -> float:
        """The worst lateness (ms) of the time since then."""
        worst = 0.0
        for when, late in reversed(self._late):
            if when < monotonic:
                break
            worst = max(worst, late)
        return worst

    async def _beat(self) -> None:
        while True:
            due = time.monotonic() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            now = time.monotonic()
            late = (now - due) * 1e3
            if late > WORTH_KEEPING_MS:
                self._late.append((now, late))
                self.worst_ms = max(self.worst_ms, late)
