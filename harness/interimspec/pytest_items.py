# SPDX-License-Identifier: MIT
"""Items of the matrix: one per case, below one collector per row, below matrix.toml."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from interimspec.cases import FINDINGS, UNDECIDED, Case


class Finding(Exception):
    """The client did not do what the scenario requires: a failure."""


class UnexpectedPass(Exception):
    """Better than the baseline: a failure too, because the baseline is to be told."""


class HarnessError(Exception):
    """Harness, server or adapter went wrong, or nothing certain came out: an error."""


class MatrixFile(pytest.File):
    """matrix.toml."""

    def __init__(self, *, cases: Sequence[Case], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cases = cases

    def collect(self) -> Iterator[pytest.Collector]:
        """One collector per row."""
        for row, cases in itertools.groupby(self._cases, key=lambda case: case.row.id):
            yield RowCollector.from_parent(self, name=row, cases=list(cases))


class RowCollector(pytest.Collector):
    """One client at one version."""

    def __init__(self, *, cases: Sequence[Case], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cases = cases

    def collect(self) -> Iterator[pytest.Item]:
        """One item per case."""
        for case in self._cases:
            # Spelled out, so that pytest reads the bracket in it as it reads those of its own ids.
            nodeid = f"{self.nodeid}::{case.name}"
            yield CaseItem.from_parent(self, name=case.name, nodeid=nodeid, case=case)


class CaseItem(pytest.Item):
    """One case. It has been run before it is reported."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case
        self.record: dict[str, Any] | None = None

    def setup(self) -> None:
        """Refuse what says nothing about the client."""
        record = self.record
        if record is None:
            raise HarnessError(f"{self.case.key} was not run")
        self.user_properties.extend(properties(record))
        if record["grade"] == "unsupported":
            pytest.skip(record["sentence"] or "unsupported")
        if record["grade"] in UNDECIDED:
            raise HarnessError(f"{record['grade']}: {record['sentence']}")

    def runtest(self) -> None:
        """Raise what was found."""
        assert self.record is not None
        kind = verdict_of(self.record)
        if kind == "unexpected":
            raise UnexpectedPass(explain(self.record))
        if kind in ("finding", "known"):
            raise Finding(explain(self.record))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The evidence in words; a traceback of ours would tell nobody anything."""
        if isinstance(excinfo.value, Finding | UnexpectedPass | HarnessError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The heading of a failure."""
        return self.path, None, f"{self.case.row.id} {self.case.name}"


def verdict_of(record: Mapping[str, Any]) -> str:
    """fine | known | finding | unexpected | fault | skipped, by grade and baseline."""
    grade = record["grade"]
    baseline = record.get("baseline") or {"state": "new"}
    state = baseline["state"]
    if grade == "unsupported":
        return "skipped"
    if grade in UNDECIDED:
        return "fault"
    if state == "better":
        return "unexpected"
    if state == "worse":
        return "finding"
    if grade in FINDINGS:
        accepted = state == "equal" or (state == "new" and "reason" in baseline)
        return "known" if accepted and "expired" not in baseline else "finding"
    return "fine"


def explain(record: Mapping[str, Any]) -> str:
    """What a person needs to see at once."""
    baseline = record.get("baseline") or {}
    was = baseline.get("was") or {}
    facts = record.get("facts") or {}
    lines = [f"{record['grade']}: {record['sentence']}"]
    state = baseline.get("state")
    if state == "better":
        lines.insert(0, f"[unexpected pass] better than the baseline: {_change(was, record)}")
    elif state == "worse":
        lines.insert(0, f"worse than the baseline: {_change(was, record)}")
    if "expired" in baseline:
        lines.append(str(baseline["expired"]))
    if baseline.get("scenario_changed"):
        lines.append("The scenario has changed since the baseline was accepted.")
    shown = [
        f"{name} {_short(facts[name])}"
        for name in ("told", "delivered", "shown_status", "connection", "resent")
        if facts.get(name) not in (None, [], "")
    ]
    if shown:
        lines.append("facts: " + ", ".join(shown))
    if record.get("reasons"):
        lines.append("rules: " + "; ".join(_reason(reason) for reason in record["reasons"]))
    if record.get("requirements"):
        lines.append("requirements: " + ", ".join(record["requirements"]))
    if record.get("unstable"):
        lines.append(f"UNSTABLE: repeated runs differ: {record['repeats']}")
    variant = f"+{record['variant']}" if record.get("variant") else ""
    row = f"{record['client']}@{record['version']}{variant}"
    lines.append(f"interimspec explain '{row}' {record['scenario']}")
    return "\n".join(lines)


def _change(was: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    def words(outcome: Any, grade: Any, connection: Any) -> str:
        return f"{grade} ({outcome}" + (f", {connection})" if connection else ")")

    connection = (record.get("facts") or {}).get("connection")
    before = words(was.get("outcome"), was.get("grade"), was.get("connection"))
    return f"{before} -> {words(record['outcome'], record['grade'], connection)}"


def _reason(reason: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {_short(value)}" for key, value in reason.items() if key != "rule")
    return f"{reason.get('rule', '?')}" + (f" ({rest})" if rest else "")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:119] + "…"


def properties(record: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    """What goes into JUnit beside the result."""
    facts = record.get("facts") or {}
    yield "outcome", str(record["outcome"])
    yield "grade", str(record["grade"])
    for name in ("told", "connection"):
        if facts.get(name):
            yield name, str(facts[name])
    if record["traits"]:
        yield "traits", str(record["traits"])
    if record["requirements"]:
        yield "requirements", " ".join(record["requirements"])
    if record["evidence"]:
        yield "evidence", str(record["evidence"])
