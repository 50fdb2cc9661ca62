# SPDX-License-Identifier: MIT
"""The baseline: what is committed as known, with reasons. Better and worse are both news.

reports/results/*.json    what was found (results.py)
reports/known.toml        why a finding is lived with:

    [[known]]
    client = "requests"          # shell pattern over the client's name or row
    scenario = "single-102*"     # shell pattern over scenario ids
    reason = "http.client skips 100 only"
    link = "https://…"           # optional: where it was reported
    since = 2026-11-21           # optional
    until = 2027-05-01           # optional: after this day it is a finding again
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from interimspec import results
from interimspec.cases import FINDINGS, GRADE_RANK, TELLING, UNDECIDED, Attempt, Case
from interimspec.errors import UsageError
from interimspec.toml_table import Table, TomlError, read

STATES = ("equal", "better", "worse", "new")


@dataclass(frozen=True)
class Known:
    """One entry of known.toml."""

    client: str
    scenario: str
    reason: str
    link: str
    since: date | None
    until: date | None

    def covers(self, case: Case) -> bool:
        """Whether it speaks of this case."""
        names = (case.row.name, case.row.id)
        return any(fnmatch.fnmatchcase(name, self.client) for name in names) and (
            fnmatch.fnmatchcase(case.scenario.id, self.scenario)
        )

    def holds(self, today: date) -> bool:
        """Whether its time is not over."""
        return self.until is None or today <= self.until


class Baseline:
    """Compares what was found with what is known."""

    def __init__(
        self,
        rows: Mapping[str, results.RowResults],
        known: tuple[Known, ...],
        today: date | None = None,
    ) -> None:
        self._rows = rows
        self._known = known
        self._today = today or date.today()

    def compare(self, case: Case, found: Attempt) -> dict[str, Any]:
        """`{"state": equal|better|worse|new, "was": …}` and the reason, where one is given."""
        row = self._rows.get(case.row.id)
        was = row.cells.get(case.name) if row else None
        answer: dict[str, Any] = {"state": "new", "was": None}
        if was is not None:
            answer = {
                "state": self._state(was, found),
                "was": {key: was.get(key) for key in ("outcome", "grade", "connection")},
            }
            if was.get("scenario_sha256") not in (None, case.scenario.sha256):
                answer["scenario_changed"] = True
        for entry in self._known:
            if not entry.covers(case):
                continue
            if entry.holds(self._today):
                answer["reason"] = entry.reason + (f" ({entry.link})" if entry.link else "")
                answer.pop("expired", None)
                break
            answer["expired"] = f"{entry.reason}: known until {entry.until}, which is over"
        return answer

    @staticmethod
    def _state(was: Mapping[str, Any], found: Attempt) -> str:
        if was["grade"] == "withheld":
            return "equal" if found.grade in TELLING else "better"
        now = {"outcome": found.outcome, "grade": found.grade, "connection": found.connection}
        if results.same(was, now):
            return "equal"
        if found.grade in UNDECIDED:
            return "worse"
        before, after = GRADE_RANK.get(was["grade"], 0), GRADE_RANK[found.grade]
        if after != before:
            return "better" if after < before else "worse"
        # The same grade for another reason. Where nothing is wrong that is no news.
        return "worse" if found.grade in FINDINGS else "equal"


def load(results_dir: Path | None, known_file: Path | None) -> Baseline | None:
    """The baseline of a folder; None when no folder is given."""
    if results_dir is None:
        return None
    return Baseline(results.load(results_dir), load_known(known_file))


def load_known(path: Path | None) -> tuple[Known, ...]:
    """The entries of known.toml; none when there is no file."""
    if path is None or not path.exists():
        return ()
    try:
        top = read(path)
        entries = tuple(_entry(table) for table in top.tables("known"))
        top.finish()
    except TomlError as error:
        raise UsageError(str(error)) from error
    return entries


def _entry(table: Table) -> Known:
    entry = Known(
        client=table.text("client"),
        scenario=table.text("scenario"),
        reason=table.text("reason"),
        link=table.text("link", ""),
        since=_day(table, "since"),
        until=_day(table, "until"),
    )
    table.finish()
    return entry


def _day(table: Table, key: str) -> date | None:
    if key not in table:
        return None
    value = table._values[key]
    table._asked.add(key)
    if not isinstance(value, date):
        raise table.error(key, f"{key!r} is {value!r}, but must be a day, like 2026-11-21")
    return value
