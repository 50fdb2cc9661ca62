# SPDX-License-Identifier: MIT
"""Which case comes next: rows side by side, the longest case of a row first.

Long cases are long because they wait, so the processors have little to do while they run. A few
brief ones are taken from the other end meanwhile: so few that timers are not disturbed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from interimspec.cases import Case

SPARE_WORTH_MS = 400.0  # another process pays when it takes over more than this
BRIEF_MS = 250.0  # as good as no waiting
LONG_MS = 1000.0  # mostly waiting


@dataclass(frozen=True)
class Taken:
    """A case that is being run."""

    case: Case
    is_brief: bool  # taken before its time, beside longer ones


class Schedule:
    """The cases that have not begun, row by row. `brief_at_once`: so many are taken early."""

    def __init__(
        self, cases: Iterable[Case], expected_ms: Callable[[Case], float], brief_at_once: int
    ) -> None:
        self._expected_ms = expected_ms
        self._brief_at_once = brief_at_once
        self._brief = 0
        self._pending: dict[str, deque[Case]] = {}
        self._rest_ms: dict[str, float] = {}
        self.active: Counter[str] = Counter()  # processes by row
        for case in sorted(cases, key=expected_ms, reverse=True):
            row = case.row.id
            self._pending.setdefault(row, deque()).append(case)
            self._rest_ms[row] = self._rest_ms.get(row, 0.0) + expected_ms(case)

    def row_to_help(self) -> str | None:
        """The row that a further process helps most."""
        best: tuple[bool, float] | None = None
        chosen = None
        for row, queue in self._pending.items():
            active, rest_ms = self.active[row], self._rest_ms[row]
            if not queue or active >= queue[0].row.processes:
                continue
            if active and (len(queue) < 2 or rest_ms / active < SPARE_WORTH_MS):
                continue
            score = (active == 0, rest_ms / (active + 1))
            if best is None or score > best:
                best, chosen = score, row
        return chosen

    def take(self, row: str) -> Taken | None:
        """The row's next case."""
        queue = self._pending[row]
        if not queue:
            return None
        is_brief = (
            self._brief < self._brief_at_once
            and self._expected_ms(queue[0]) >= LONG_MS
            and self._expected_ms(queue[-1]) <= BRIEF_MS
        )
        case = queue.pop() if is_brief else queue.popleft()
        self._brief += is_brief
        self._rest_ms[row] -= self._expected_ms(case)
        return Taken(case, is_brief)

    def is_over(self, taken: Taken) -> None:
        """Its process is free again."""
        self._brief -= taken.is_brief
