# SPDX-License-Identifier: MIT
"""Who survives 102, who does not, who gets poisoned: the counting behind every headline.

The answer rests on the scenarios of class `serve` that send no interim response but 102: conforming
bytes, with a final response that follows. A client survives if it delivered that response in every
one of them. What it does with other statuses, and when the server breaks the rules, is counted
beside it, never mixed into it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .model import UNDECIDED, Case, Client, Report, grade_rank

# Worst first, as in the lists of the reports.
BUCKETS: tuple[str, ...] = ("poisoned", "fails", "undecided", "survives")

BUCKET_TITLES: dict[str, str] = {
    "survives": "Survive 102",
    "fails": "Do not survive 102",
    "poisoned": "Hand out wrong answers after a 102",
    "undecided": "Not decided",
}

BUCKET_MEANINGS: dict[str, str] = {
    "survives": "Every correct exchange with 102 responses ended with its final response.",
    "fails": "At least one correct exchange with 102 responses did not end with its final "
    "response, and the application could tell.",
    "poisoned": "In a correct exchange with 102 responses the application took wrong data for "
    "right, or the next request got the answer of an earlier one.",
    "undecided": "Too little could be measured, or the result is not published yet.",
}


@dataclass(frozen=True)
class Standing:
    """What one row comes to."""

    client: Client
    bucket: str
    served: int  # cases about 102 that ended well
    serve_cases: int  # cases about 102 that could be graded
    counts: dict[str, int]  # every grade of the row
    danger_elsewhere: int  # with other statuses, or when the server breaks the rules
    fail_elsewhere: int
    poisoned_cases: int
    lead: Case | None  # the worst case that put it in its bucket
    withheld: int = 0  # cases about 102 that are not published yet


def is_poisoned(case: Case) -> bool:
    return case.connection == "poisoned"


def standing(report: Report, client: Client, transport: str | None = None) -> Standing:
    """Over one transport, or over all that the row was asked over."""
    cases = report.cases_of(client.row)
    if transport is not None:
        cases = [case for case in cases if case.column.transport == transport]
    serve = [case for case in cases if report.about_102(case)]
    counts = dict(Counter(case.grade for case in cases))
    graded = [c for c in serve if c.grade not in UNDECIDED | {"unsupported", "withheld"}]
    bad = [c for c in graded if c.grade == "fail"]
    worst = [c for c in graded if c.grade == "danger" or is_poisoned(c)]
    open_ = [c for c in serve if c.grade in UNDECIDED | {"withheld"}]
    if worst:
        bucket, leads = "poisoned", worst
    elif bad:
        bucket, leads = "fails", bad
    elif open_ or not graded:
        bucket, leads = "undecided", open_
    else:
        bucket, leads = "survives", []
    elsewhere = [c for c in cases if c not in serve]
    leads = sorted(leads, key=lambda c: (grade_rank(c.grade), c.column))
    return Standing(
        client=client,
        bucket=bucket,
        served=sum(c.grade not in ("fail", "danger") and not is_poisoned(c) for c in graded),
        serve_cases=len(graded),
        counts=counts,
        danger_elsewhere=sum(c.grade == "danger" for c in elsewhere),
        fail_elsewhere=sum(c.grade == "fail" for c in elsewhere),
        poisoned_cases=sum(is_poisoned(c) for c in cases),
        lead=leads[0] if leads else None,
        withheld=sum(c.grade == "withheld" for c in serve),
    )


def standings(report: Report) -> list[Standing]:
    return [standing(report, client) for client in report.clients]


def totals(report: Report) -> dict[str, int]:
    return dict(Counter(case.grade for case in report.cases.values()))


def missing_cases(report: Report) -> int:
    """Cells of the matrix without a record: not selected, or not reached by a partial run."""
    return len(report.clients) * len(report.columns) - len(report.cases)
