# SPDX-License-Identifier: MIT
"""What a run cost, row by row, and how long it would take if nothing were lost.

RowAccount      what was spent on one client version
ideal           the least time for the same work: nothing can be quicker than the longest single
                case, than the longest row spread over the processes that its manifest allows,
                or than the CPU time of all over the processors there are
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class RowAccount:
    """One row of the matrix; times in milliseconds."""

    processes: int = 1  # at most so many at once, by the manifest
    cases: int = 0  # attempts: a case that asks for a value makes many
    chain_ms: float = 0.0  # all its attempts one after the other
    longest_case_ms: float = 0.0  # with all its attempts, each of which waits for the one before
    started: int = 0  # adapter processes
    cpu_ms: float = 0.0  # of all of them

    def add_attempt(self, duration_ms: float) -> None:
        """One attempt has been made."""
        self.cases += 1
        self.chain_ms += duration_ms

    def add_case(self, duration_ms: float) -> None:
        """All attempts that one answer needed have been made."""
        self.longest_case_ms = max(self.longest_case_ms, duration_ms)

    def to_json(self) -> dict[str, Any]:
        """As the last line of cases.jsonl has it."""
        return {name: round(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Ideal:
    """The least time, in milliseconds, and what sets it."""

    ms: float
    bound_by: str


def ideal(rows: Mapping[str, RowAccount], other_cpu_ms: float, cores: int) -> Ideal:
    """`other_cpu_ms` is what server, harness and judges used."""
    cpu = (other_cpu_ms + sum(row.cpu_ms for row in rows.values())) / cores
    bounds = [Ideal(cpu, f"the CPU time of all on {cores} processors")]
    for name, row in rows.items():
        bounds.append(Ideal(row.longest_case_ms, f"the longest case of {name}"))
        at_once = min(row.processes, max(row.cases, 1))
        bounds.append(Ideal(row.chain_ms / at_once, f"{name} in {at_once} processes"))
    return max(bounds, key=lambda one: one.ms)
