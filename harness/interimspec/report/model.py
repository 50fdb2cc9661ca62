# SPDX-License-Identifier: MIT
"""What a report is made of, once its files have been read and checked.

Everything here is immutable and already validated: `load` makes it, `embargo` takes things out of
it, the renderers only read it. Nothing in this package grades anything; a grade is copied from the
record that the judge wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# Worst first: the order of every list, count and "worst of" in every report.
GRADES: tuple[str, ...] = (
    "danger",
    "fail",
    "error",
    "inconclusive",
    "warn",
    "info",
    "unsupported",
    "withheld",
    "pass",
)
_GRADE_RANK = {grade: rank for rank, grade in enumerate(GRADES)}

# What a reader must act on, as opposed to what the harness could not find out.
FINDINGS: frozenset[str] = frozenset({"danger", "fail"})
UNDECIDED: frozenset[str] = frozenset({"error", "inconclusive"})

CLASSES: frozenset[str] = frozenset(
    {
        "serve",
        "limit",
        "timer",
        "unfinished",
        "garbage",
        "surplus",
        "odd",
        "malformed",
        "trait",
        "control",
    }
)


# A status in a scenario file: by meaning, or in the octets of a head.
_INTERIM_CODE = re.compile(r"(?:\bstatus: *|HTTP/[0-9.]+ )(1[0-9][0-9])\b")


class ReportError(Exception):
    """A results file that cannot be used; the text says where and what to do."""


def grade_rank(grade: str) -> int:
    return _GRADE_RANK[grade]


def worst(grades: list[str]) -> str | None:
    return min(grades, key=grade_rank) if grades else None


@dataclass(frozen=True)
class RowId:
    """One row: a client at one version, in its default configuration or in a named variant."""

    client: str
    version: str
    variant: str = ""  # empty: the default configuration

    def __str__(self) -> str:
        return f"{self.client}@{self.version}" + (f"+{self.variant}" if self.variant else "")

    def sort_key(self) -> tuple[str, list[tuple[bool, int, str]], str]:
        """By name, then by version as people count: 1.9 before 1.10."""
        parts = re.findall(r"[0-9]+|[^0-9.]+", self.version)
        version = [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]
        return self.client.lower(), version, self.variant


@dataclass(frozen=True, order=True)
class ColumnId:
    """One column: a scenario over one transport."""

    scenario: str
    transport: str

    def __str__(self) -> str:
        return f"{self.scenario}[{self.transport}]"


@dataclass(frozen=True)
class StackItem:
    name: str
    version: str


@dataclass(frozen=True)
class Client:
    row: RowId
    title: str
    language: str
    kind: str
    homepage: str
    interim_api: str
    notes: str
    stack: tuple[StackItem, ...]
    what: str = ""  # of a variant: what is configured


@dataclass(frozen=True)
class Requirement:
    id: str
    rfc: str
    section: str
    level: str
    binds: str
    text: str
    link: str

    @property
    def name(self) -> str:
        rfc = self.rfc if self.rfc.upper().startswith(("RFC", "DRAFT")) else f"RFC {self.rfc}"
        return f"{rfc} {self.section}".strip()


@dataclass(frozen=True)
class ScenarioInfo:
    id: str
    title: str
    family: str
    class_: str
    why: str
    dispute: str
    requirements: tuple[str, ...]
    probe: str
    text: str
    compare_with: str = ""  # the scenario that asks the same without an interim response

    @cached_property
    def sends_several(self) -> bool:
        """Whether the file has more than one interim response."""
        return len(_INTERIM_CODE.findall(self.text)) > 1 or "times:" in self.text

    @cached_property
    def other_interim_codes(self) -> frozenset[str]:
        """Statuses of interim responses that the file names, besides 102."""
        return frozenset(_INTERIM_CODE.findall(self.text)) - {"102"}


@dataclass(frozen=True)
class Case:
    row: RowId
    column: ColumnId
    family: str
    class_: str
    outcome: str | None
    grade: str
    sentence: str
    facts: Mapping[str, Any]
    reasons: tuple[Mapping[str, Any], ...]
    traits: Mapping[str, Any]
    requirements: tuple[str, ...]
    unstable: bool
    repeats: tuple[Mapping[str, Any], ...]
    attempts: int
    duration_ms: float
    baseline: Mapping[str, Any] | None
    stack: tuple[StackItem, ...]
    evidence: Path | None
    source: str  # file:line of the record, for messages
    under_embargo: bool = False

    @property
    def connection(self) -> str | None:
        value = self.facts.get("connection")
        return value if isinstance(value, str) else None

    @property
    def told(self) -> str | None:
        value = self.facts.get("told")
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class Skipped:
    client: str
    why: str
    how: str


@dataclass(frozen=True)
class Run:
    path: Path
    id: str
    started: str
    interimspec: str
    machine: Mapping[str, Any]
    server: Mapping[str, Any]
    complete: bool
    partial_because: str | None
    end: Mapping[str, Any]
    cases: int


@dataclass(frozen=True)
class Report:
    runs: tuple[Run, ...]
    clients: tuple[Client, ...]
    columns: tuple[ColumnId, ...]
    scenarios: Mapping[str, ScenarioInfo]
    requirements: Mapping[str, Requirement]
    cases: Mapping[tuple[RowId, ColumnId], Case]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]  # about the files read, to be shown to whoever reads the report

    @property
    def partial(self) -> bool:
        return any(not run.complete for run in self.runs)

    def case(self, row: RowId, column: ColumnId) -> Case | None:
        return self.cases.get((row, column))

    def cases_of(self, row: RowId) -> list[Case]:
        return [
            case for column in self.columns if (case := self.cases.get((row, column))) is not None
        ]

    def newest(self, row: RowId) -> RowId:
        """The newest version of the row's client, in the row's configuration."""
        return self._newest[row.client, row.variant]

    def is_newest(self, row: RowId) -> bool:
        """Whether the row speaks for its client; older versions stand behind it."""
        return self.newest(row) == row

    def older(self, row: RowId) -> list[RowId]:
        """The older versions of a client in the same configuration, newest first."""
        same = [
            client.row
            for client in self.clients
            if (client.row.client, client.row.variant) == (row.client, row.variant)
        ]
        ordered = sorted(same, key=RowId.sort_key)
        return ordered[: ordered.index(row)][::-1]

    @cached_property
    def _newest(self) -> Mapping[tuple[str, str], RowId]:
        rows = sorted((client.row for client in self.clients), key=RowId.sort_key)
        return {(row.client, row.variant): row for row in rows}

    def about_102(self, case: Case) -> bool:
        """Whether the case asks what a client does with correct 102 responses and a final one: one
        without any is not, nor one about other interim statuses, nor about the answer to a CONNECT,
        which clients read with code of its own."""
        return self._correct_102(case) and not self.about_connect(case)

    def about_connect(self, case: Case) -> bool:
        """The same before the answer to a CONNECT, or behind it."""
        return self._correct_102(case) and case.family == "tunnel"

    def _correct_102(self, case: Case) -> bool:
        scenario = self.scenarios[case.column.scenario]
        interim = scenario.compare_with != ""
        return case.class_ == "serve" and interim and not scenario.other_interim_codes

    def without_102(self, case: Case) -> Case | None:
        """What the client did with the same exchange without an interim response."""
        other = self.scenarios[case.column.scenario].compare_with
        return self.cases.get((case.row, ColumnId(other, case.column.transport)))

    def families(self) -> list[str]:
        return sorted({self.scenarios[column.scenario].family for column in self.columns})

    def who(self) -> str:
        """`125 clients in 178 versions`, or only the clients where each has one."""
        count = len({client.row.client for client in self.clients})
        text = f"{count} client" + ("" if count == 1 else "s")
        if len(self.clients) == count:
            return text
        what = "versions or configurations"
        if all(not client.row.variant for client in self.clients):
            what = "versions"
        return f"{text} in {len(self.clients)} {what}"

    def asked(self) -> str:
        """How many scenarios, and over what where that is not plain HTTP/1.1 alone."""
        count = len({column.scenario for column in self.columns})
        text = f"{count} scenario" + ("" if count == 1 else "s")
        transports = sorted({column.transport for column in self.columns})
        return text if transports in ([], ["h1"]) else f"{text} over {', '.join(transports)}"

    def columns_of(self, family: str) -> list[ColumnId]:
        return [c for c in self.columns if self.scenarios[c.scenario].family == family]

    def sorted_cases(self) -> list[Case]:
        """Worst first, then by row and column: the order of every list of findings."""
        return sorted(
            self.cases.values(), key=lambda c: (grade_rank(c.grade), c.row.sort_key(), c.column)
        )
