# SPDX-License-Identifier: MIT
"""The matrix: scenarios as rows by family, clients as columns by language, with its filters."""

from __future__ import annotations

from itertools import groupby

from .. import summary
from ..model import (
    FINDINGS,
    GRADES,
    UNDECIDED,
    Case,
    Client,
    ColumnId,
    Report,
    RowId,
    worst,
)
from ..words import CLASS_WORDS, CONNECTION_WORDS, GRADE_WORDS, OUTCOME_WORDS
from .markup import Html, el
from .names import address, badge, column_key, row_key


def section(report: Report) -> Html:
    return el(
        "section",
        el("h2", "The matrix"),
        el(
            "p",
            "A row is one scenario, a column is one client. Open a cell for the bytes, the times "
            "and what the client's user was told. A family opens and closes at its name; its own "
            "row shows the worst grade and how often. Arrow keys move between cells.",
            class_="small",
        ),
        _filters(report),
        _legend(report),
        el(
            "noscript",
            el("p", "Only families are shown: without its script a page this large has no cells."),
        )
        if _is_large(report)
        else None,
        el("p", id="shown", class_="small", role="status"),
        el(
            "div",
            _table(report),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label="Results matrix",
        ),
        id="matrix",
    )


#: Of more cells the table holds none; the script makes those of a family when it is opened.
LARGE = 12_000


def _is_large(report: Report) -> bool:
    return len(report.cases) > LARGE


def _filters(report: Report) -> Html:
    counts = summary.totals(report)
    languages = sorted({client.language for client in report.clients}, key=str.lower)
    transports = sorted({column.transport for column in report.columns})
    older = sum(not report.is_newest(client.row) for client in report.clients)
    grades = [
        el(
            "label",
            el("input", type="checkbox", name="grade", value=grade, disabled=True),
            badge(grade),
            el("span", f" {counts[grade]}", class_="small"),
        )
        for grade in GRADES
        if counts.get(grade)
    ]
    return el(
        "form",
        el("label", "Client ", el("input", type="search", name="client", disabled=True)),
        el("label", "Scenario ", el("input", type="search", name="scenario", disabled=True)),
        el("label", "Language ", _select("language", languages)),
        el("label", "Family ", _select("family", report.families())),
        el("label", "Transport ", _select("transport", transports)) if transports[1:] else None,
        el(
            "label",
            el("input", type="checkbox", name="older", value="yes", disabled=True),
            f"older versions ({older})",
        )
        if older
        else None,
        el("fieldset", el("legend", "Only with"), grades),
        el("button", "Show all", type="reset", disabled=True),
        el("button", "Open all families", type="button", id="open-all", disabled=True),
        el("button", "Close all", type="button", id="close-all", disabled=True),
        id="filters",
    )


def _select(name: str, values: list[str]) -> Html:
    options = [el("option", "all", value="")]
    options += [el("option", value, value=value) for value in values]
    return el("select", options, name=name, disabled=True)


def _legend(report: Report) -> Html:
    present = summary.totals(report)
    grades = [
        el("div", el("dt", badge(grade)), el("dd", GRADE_WORDS[grade].meaning))
        for grade in GRADES
        if present.get(grade) or grade in FINDINGS | {"pass"}
    ]
    outcomes = [el("div", el("dt", name), el("dd", words)) for name, words in OUTCOME_WORDS.items()]
    connection = [
        el("div", el("dt", name), el("dd", words)) for name, words in CONNECTION_WORDS.items()
    ]
    classes = [el("div", el("dt", name), el("dd", words)) for name, words in CLASS_WORDS.items()]
    marks = [
        el(
            "div",
            el("dt", el("span", "D", class_="mark poisoned g-danger")),
            el("dd", "a solid corner: poisoned. ", CONNECTION_WORDS["poisoned"]),
        ),
        el(
            "div",
            el("dt", el("span", "F", class_="mark broken g-fail")),
            el("dd", "an open corner: broken. ", CONNECTION_WORDS["broken"]),
        ),
    ]
    return el(
        "details",
        el("summary", "What the signs mean"),
        el("h3", "Grades"),
        el("dl", grades),
        el("h3", "Marks"),
        el("dl", marks),
        el("h3", "Outcomes: what happened"),
        el("dl", outcomes),
        el("h3", "Connection: what the next request on the same client got"),
        el("dl", connection),
        el("h3", "Classes: what kind of question a scenario asks"),
        el("dl", classes),
        class_="legend",
    )


def _table(report: Report) -> Html:
    languages = [(n, list(group)) for n, group in groupby(report.clients, lambda c: c.language)]
    firsts = {clients[0].row for _, clients in languages}
    top = el(
        "tr",
        el("th", "Scenario", rowspan=2, scope="col", class_="corner"),
        (
            el("th", el("span", n), colspan=len(group), scope="colgroup", data_language=n)
            for n, group in languages
        ),
    )
    names = el("tr", (_client_head(client, client.row in firsts) for client in report.clients))
    bodies = [
        _family_rows(report, number, family, list(columns), firsts)
        for number, (family, columns) in enumerate(
            groupby(report.columns, lambda c: report.scenarios[c.scenario].family)
        )
    ]
    classes = ["many"] if len(report.clients) > 24 else []
    if any(len(group) * 2 < len(n) / 2 for n, group in languages):
        classes.append("tall")  # a name does not fit across its columns
    return el("table", el("thead", top, names), bodies, class_=" ".join(classes) or None)


def _client_head(client: Client, first: bool) -> Html:
    version = client.row.version + (f" {client.row.variant}" if client.row.variant else "")
    link = el(
        "a",
        client.title,
        " ",
        el("span", version, class_="version"),
        href=address(row_key(client.row)),
        title=f"{client.title} {version}",
    )
    return el("th", link, scope="col", class_="first" if first else None)


def _family_rows(
    report: Report, number: int, family: str, columns: list[ColumnId], firsts: set[RowId]
) -> Html:
    """A heading that sums the family up for each client, then a row for each scenario."""
    name = el(
        "th",
        el("button", family, type="button", aria_expanded="true", disabled=True),
        el("span", f" {len(columns)}", class_="small"),
        scope="rowgroup",
    )
    sums = [
        _family_sum(
            [case for column in columns if (case := report.case(client.row, column)) is not None],
            client.row in firsts,
        )
        for client in report.clients
    ]
    rows = [_scenario_row(report, column, firsts) for column in columns]
    heading = el("tr", name, sums, class_="family")
    return el("tbody", heading, rows, data_family=family, id=f"family-{number}")


def _family_sum(cases: list[Case], first: bool) -> Html:
    grade = worst([case.grade for case in cases])
    border = " first" if first else ""
    if grade is None:
        return el("td", class_=f"none{border}")
    if grade not in FINDINGS | UNDECIDED | {"warn", "withheld"} and any(
        case.grade == "pass" for case in cases
    ):
        grade = "pass"
    number = sum(case.grade == grade for case in cases)
    title = f"{number} of {len(cases)} {grade}"
    sign = el("span", f"{GRADE_WORDS[grade].sign}{number}", title=title)
    return el("td", sign, class_=f"sum g-{grade}{border}", aria_label=title)


def _scenario_row(report: Report, column: ColumnId, firsts: set[RowId]) -> Html:
    key = column_key(column)
    title = report.scenarios[column.scenario].title
    name = el(
        "th",
        el("a", column.scenario, href=address("", key), title=title),
        el("span", column.transport, class_="transport") if column.transport != "h1" else None,
        el("span", title, class_="question"),
        scope="row",
    )
    cells = [
        _cell(row_key(client.row), column, report.case(client.row, column), client.row in firsts)
        for client in ([] if _is_large(report) else report.clients)
    ]
    return el("tr", name, cells, data_column=key)


def _cell(key: str, column: ColumnId, case: Case | None, first: bool) -> Html:
    if case is None:
        return el("td", class_="none first" if first else "none")
    label = case.grade
    classes = f"g-{case.grade}"
    if case.connection in ("poisoned", "broken"):
        classes += f" {case.connection}"
        label += f", {case.connection}"
    if case.unstable:
        label += ", unstable"
        classes += " unstable"
    if first:
        classes += " first"
    sign = GRADE_WORDS[case.grade].sign
    link = el("a", sign, href=address(key, column_key(column)), aria_label=label)
    return el("td", link, class_=classes)
