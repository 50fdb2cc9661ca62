# SPDX-License-Identifier: MIT
"""A case is one cell of the matrix: a row (client at a version), a scenario, a transport.

Case ---> Attempt (1..n)   one plan given to a process, and what the judge made of it
     ---> record           the JSON line that is kept (records.py)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interimspec.clients import Row
from interimspec.scenario import Scenario

# Mildest first. `unsupported`, `inconclusive` and `error` say nothing about the client.
GRADE_RANK = {
    "unsupported": 0,
    "pass": 1,
    "info": 2,
    "warn": 3,
    "fail": 4,
    "danger": 5,
}
UNDECIDED = ("error", "inconclusive")
FINDINGS = ("fail", "danger")
TELLING = ("warn", *FINDINGS)  # what an embargo withholds: a pass is no secret


@dataclass(frozen=True)
class Case:
    """One cell."""

    row: Row
    scenario: Scenario
    transport: str

    @property
    def name(self) -> str:
        """`single-102[h1]`: what names the cell within its row."""
        return f"{self.scenario.id}[{self.transport}]"

    @property
    def key(self) -> str:
        """`requests@2.34.2::single-102[h1]`: the last two parts of the pytest node id."""
        return f"{self.row.id}::{self.name}"


@dataclass(frozen=True)
class Attempt:
    """One run of a case and its verdict (the judge's JSON); what it rests on is in a file."""

    verdict: Mapping[str, Any]
    stack: Sequence[Mapping[str, Any]] = ()
    duration_ms: float = 0.0
    evidence: Path | None = None  # where the judge has put it; None: it was not run

    @property
    def outcome(self) -> str | None:
        """What happened, in one word."""
        outcome: str | None = self.verdict.get("outcome")
        return outcome

    @property
    def grade(self) -> str:
        """What that is worth."""
        return str(self.verdict["grade"])

    @property
    def connection(self) -> str | None:
        """What the probe found."""
        return (self.verdict.get("facts") or {}).get("connection")

    @property
    def decided(self) -> bool:
        """Whether it says anything about the client."""
        return self.grade not in UNDECIDED


def worse(one: Attempt, other: Attempt) -> Attempt:
    """The graver of two; a decided one before an undecided one; the first of equals."""
    if one.decided != other.decided:
        return one if one.decided else other
    return other if GRADE_RANK.get(other.grade, 9) > GRADE_RANK.get(one.grade, 9) else one


def alike(one: Attempt, other: Attempt) -> bool:
    """Whether two attempts say the same. Reuse of a connection is a race in many pools."""
    return (one.outcome, one.grade, connection_class(one.connection)) == (
        other.outcome,
        other.grade,
        connection_class(other.connection),
    )


def connection_class(connection: str | None) -> str:
    """`reused` and `fresh` are one: shown, never compared."""
    return connection if connection in ("poisoned", "broken", "error") else "sound"
