# SPDX-License-Identifier: MIT
"""The cells of a client that are one finding: a maintainer mends causes, not cells.

Two cells have one cause when the same thing was told in the same kind of scenario. What it leads to
(whether a second request met the connection) may differ, and so may the grade.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from interimspec.report.model import FINDINGS, Case, Report, RowId, grade_rank

# Told as the response, or as its status: the kind of scenario does not matter.
_TAKEN = ("O2", "O5")
# Of a final response that was delivered, this is what is wrong.
_BESIDE = ("K2", "K3", "K5", "G3", "G4", "G6", "G7", "G8", "facts")
EASIEST_FIRST = ("h1", "h2c", "h1s", "h2", "h3")  # transports, by how easy they are to show


@dataclass(frozen=True)
class Cause:
    """At least one case, all of one row; the first is the one that shows it best."""

    key: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def lead(self) -> Case:
        return self.cases[0]

    @property
    def worst(self) -> str:
        return min((case.grade for case in self.cases), key=grade_rank)


def key_of(case: Case) -> tuple[str, ...]:
    """What cases of one cause have in common."""
    rules = {str(reason.get("rule")): reason for reason in case.reasons}
    told = next((rule for rule in rules if rule.startswith("O")), "")
    if told in _TAKEN:
        return ("interim taken",)
    if case.outcome == "final":
        return ("final", *(rule for rule in _BESIDE if rule in rules))
    detail = rules.get(told, {})
    what = str(detail.get("kind") or detail.get("part") or "")
    return (case.class_, case.outcome or "", told, what)


def causes_of(report: Report, row: RowId) -> list[Cause]:
    """The findings of a row, worst first, then by how many cells they have."""
    groups: dict[tuple[str, ...], list[Case]] = {}
    for case in report.cases_of(row):
        if case.grade in FINDINGS:
            groups.setdefault(key_of(case), []).append(case)
    causes = [
        Cause(key, tuple(sorted(cases, key=lambda case: _order(report, case))))
        for key, cases in groups.items()
    ]
    return sorted(causes, key=lambda one: (grade_rank(one.worst), -len(one.cases), one.key))


def led_by(cause: Cause, case: Case) -> Cause:
    """The same cause, shown by the case that somebody asked for."""
    return Cause(cause.key, (case, *(other for other in cause.cases if other != case)))


def rows_with(report: Report, client: str, key: tuple[str, ...]) -> dict[RowId, int]:
    """How many cells of each row of the client have the cause, and of how many it could be seen."""
    return {
        row: sum(case.grade in FINDINGS and key_of(case) == key for case in report.cases_of(row))
        for row in rows_of(report, client)
    }


def rows_of(report: Report, client: str) -> Iterable[RowId]:
    return sorted(
        (one.row for one in report.clients if one.row.client == client), key=RowId.sort_key
    )


def _order(report: Report, case: Case) -> tuple[object, ...]:
    """What is required comes before what is only measured; then worst first; of those, what is
    shown by the shortest script of all."""
    scenario = report.scenarios[case.column.scenario]
    return (
        case.class_ == "trait",
        grade_rank(case.grade),
        case.unstable,
        EASIEST_FIRST.index(case.column.transport),
        not report.about_102(case),
        case.family != "single",
        # A pause says that nothing hangs on what comes in one segment.
        "sleep: 300ms" not in scenario.text,
        len(scenario.text),
        case.column,
    )
