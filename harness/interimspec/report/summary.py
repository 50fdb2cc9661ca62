# SPDX-License-Identifier: MIT
"""Who survives 102, and but for what, who does not, who gets poisoned: the counting behind every
headline.

The answer rests on the scenarios of class `serve` that send no interim response but 102: conforming
bytes, with a final response that follows. A client survives if it delivered that response in every
one of them; where a plain 102 is survived and others are not, those have names (edges.py). What it
does with other statuses, and when the server breaks the rules, is counted beside it, never mixed
into it.

A failure that has nothing to do with the 102 counts neither for the client nor against it: the same
exchange without any interim response, over the same transport, went no better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .edges import PLAIN, Edge, edges_of, not_plain, order
from .model import UNDECIDED, Case, Client, Report, grade_rank

# Worst first, as in the lists of the reports.
BUCKETS: tuple[str, ...] = ("poisoned", "fails", "undecided", "edges", "survives")

BUCKET_TITLES: dict[str, str] = {
    "survives": "Survive 102",
    "edges": "Survive a plain 102, but not every one",
    "fails": "Do not survive a plain 102",
    "poisoned": "Hand out wrong answers after a 102",
    "undecided": "Not decided",
}

BUCKET_MEANINGS: dict[str, str] = {
    "survives": "Every correct exchange with 102 responses ended with its final response.",
    "edges": "The final response behind one plain 102 was delivered, and was not where the 102 "
    "came as named here; the application could tell.",
    "fails": "The final response behind one plain 102 did not reach the application, or not "
    "whenever it came; the application could tell.",
    "poisoned": "In a correct exchange with 102 responses the application took wrong data for "
    "right, or the next request got the answer of an earlier one.",
    "undecided": "Too little could be measured, or the result is not published yet.",
}

#: What is said of a failure that is not counted.
WITHOUT_102 = "fails without 102 too"


@dataclass(frozen=True)
class Standing:
    """What one row comes to."""

    client: Client
    bucket: str
    served: int  # cases about 102 that ended well
    serve_cases: int  # cases about 102 that could be graded and count
    counts: dict[str, int]  # every grade of the row
    danger_elsewhere: int  # with other statuses, or when the server breaks the rules
    fail_elsewhere: int
    poisoned_cases: int
    lead: Case | None  # the worst case that put it in its bucket
    withheld: int = 0  # cases about 102 that are not published yet
    edges: tuple[Edge, ...] = ()  # of the bucket `edges`: where it does not survive
    not_counted: int = 0  # cases about 102 that fail without one as well


def is_poisoned(case: Case) -> bool:
    return case.connection == "poisoned"


def _harm(case: Case) -> int:
    if case.grade == "danger" or is_poisoned(case):
        return 2
    return 1 if case.grade == "fail" else 0


def fails_without_102(report: Report, case: Case) -> bool:
    """Whether a failure has nothing to do with the 102. One that was handed over as the answer
    always has, and so has wrong data where the other exchange only failed."""
    other = report.without_102(case)
    if other is None or case.outcome == "interim":
        return False
    return 0 < _harm(case) <= _harm(other)


def speaks_http10_only(report: Report, client: Client) -> bool:
    """Whether nothing about 102 could be asked, as its requests say HTTP/1.0 (rule V4): to that no
    1xx may be sent (RFC 9110, 15.2)."""
    asked = [case for case in report.cases_of(client.row) if report.about_102(case)]
    http10 = any(reason.get("rule") == "V4" for case in asked for reason in case.reasons)
    return http10 and all(case.grade == "unsupported" for case in asked)


def standing(report: Report, client: Client, transport: str | None = None) -> Standing:
    """Over all that the row was asked over; or over one transport, and then without what comes
    before the answer to a CONNECT, which is a question of its own."""
    cases = report.cases_of(client.row)
    if transport is not None:
        cases = [case for case in cases if case.column.transport == transport]
    asked = [c for c in cases if report.about_102(c)]
    if transport is None:
        asked += [c for c in cases if report.about_connect(c)]
    counts = dict(Counter(case.grade for case in cases))
    serve = [c for c in asked if not fails_without_102(report, c)]
    graded = [c for c in serve if c.grade not in UNDECIDED | {"unsupported", "withheld"}]
    failed = [c for c in graded if _harm(c) > 0]
    worst = [c for c in failed if _harm(c) > 1]
    open_ = [c for c in serve if c.grade in UNDECIDED | {"withheld"}]
    edges: tuple[Edge, ...] = ()
    if worst:
        bucket, leads = "poisoned", worst
    elif failed and not_plain(graded, failed)[1]:
        bucket, leads = "fails", failed
    elif failed and not any(c.family == PLAIN for c in graded):
        bucket, leads = "undecided", failed  # nobody knows of the plain 102
    elif failed:
        bucket, leads, edges = "edges", failed, edges_of(report, graded, failed)
    elif open_ or not graded:
        bucket, leads = "undecided", open_
    else:
        bucket, leads = "survives", []
    elsewhere = [c for c in cases if c not in asked]
    leads = sorted(leads, key=lambda c: (grade_rank(c.grade), c.column))
    return Standing(
        client=client,
        bucket=bucket,
        served=len(graded) - len(failed),
        serve_cases=len(graded),
        counts=counts,
        danger_elsewhere=sum(c.grade == "danger" for c in elsewhere),
        fail_elsewhere=sum(c.grade == "fail" for c in elsewhere),
        poisoned_cases=sum(is_poisoned(c) for c in cases),
        lead=leads[0] if leads else None,
        withheld=sum(c.grade == "withheld" for c in serve),
        edges=edges,
        not_counted=len(asked) - len(serve),
    )


def standings(report: Report) -> list[Standing]:
    return [standing(report, client) for client in report.clients]


def by_edge(standings: Iterable[Standing]) -> list[tuple[str, list[tuple[Standing, Edge]]]]:
    """Who does not survive a 102 where, in the order of the reports; a client may stand in several
    places."""
    found: dict[str, list[tuple[Standing, Edge]]] = {}
    for one in standings:
        for edge in one.edges:
            found.setdefault(edge.words, []).append((one, edge))
    return sorted(found.items(), key=lambda item: order(item[0]))


def totals(report: Report) -> dict[str, int]:
    return dict(Counter(case.grade for case in report.cases.values()))


def missing_cases(report: Report) -> int:
    """Cells of the matrix without a record: not selected, or not reached by a partial run."""
    return len(report.clients) * len(report.columns) - len(report.cases)
