# SPDX-License-Identifier: MIT
"""The HTML matrix: one file, no network, evidence inside.

The table is plain markup, so it reads without the script. What a cell opens lies beside it as
compressed blocks, one per row, and is unpacked when somebody asks. The page's own policy allows its
one script and one style sheet by their hashes and nothing else: no network, no inline handler, no
markup made from strings (`require-trusted-types-for`).
"""

from __future__ import annotations

from importlib import resources
from itertools import groupby
from typing import Any
from urllib.parse import quote

from .. import summary
from ..load import load_evidence
from ..model import FINDINGS, GRADES, UNDECIDED, Case, Client, ColumnId, Report
from ..safe import safe_link, visible, visible_lines
from ..words import (
    BYTE_CLASS_WORDS,
    CLASS_WORDS,
    CONNECTION_WORDS,
    GRADE_WORDS,
    OUTCOME_WORDS,
    count_of,
    plain,
)
from . import evidence as evidence_view
from .embed import json_block, packed_block, source_hash
from .markup import Html, el, join, raw


def render(report: Report, *, local: bool) -> str:
    style, script = _resource("page.css"), _resource("page.js")
    policy = (
        f"default-src 'none'; script-src {source_hash(script)}; style-src {source_hash(style)}; "
        "img-src 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        _policy_meta(policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", "What HTTP clients do with interim responses"),
        el("style", raw(style)),
    )
    body = el(
        "body",
        el("a", "Skip to the matrix", href="#matrix", class_="skip"),
        el("header", _header(report, local), class_="top"),
        el(
            "main",
            _headline(report),
            _matrix_section(report),
            _findings(report),
            _undecided(report),
            _skipped(report),
            _about(report),
        ),
        _dialog(),
        el("div", id="tip", hidden=True),
        json_block("data", _data(report)),
        join(_evidence_blocks(report)),
        el("script", raw(script)),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _policy_meta(policy: str) -> Html:
    return raw(f'<meta http-equiv="Content-Security-Policy" content="{policy}">')


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


# Addresses: #client@version/scenario, #client@version, #/scenario


def row_key(client: Client) -> str:
    return str(client.row)


def column_key(column: ColumnId) -> str:
    return column.scenario + ("" if column.transport == "h1" else f".{column.transport}")


def address(row: str, column: str = "") -> str:
    return "#" + quote(row, safe="@+") + ("/" + quote(column, safe="") if column else "")


# Words


def _client_name(client: Client) -> str:
    name = f"{client.title} {client.row.version}"
    return f"{name} ({client.row.variant})" if client.row.variant else name


def _badge(grade: str) -> Html:
    return el(
        "span", el("b", GRADE_WORDS[grade].sign), " ", grade, class_=f"badge g-{grade}"
    )


def _header(report: Report, local: bool) -> list[Html | None]:
    versions = ", ".join(sorted({run.interimspec for run in report.runs if run.interimspec}))
    dates = sorted({run.started[:10] for run in report.runs if run.started})
    when = dates[0] if len(dates) == 1 else " to ".join(dates[:1] + dates[-1:])
    embargoed = sum(case.under_embargo for case in report.cases.values())
    facts = [
        count_of(len(report.clients), "client"),
        count_of(len(report.columns), "scenario"),
        count_of(len(report.cases), "case"),
        f"interimspec {versions}" if versions else "",
        when,
    ]
    return [
        el("p", "interimspec", class_="brand"),
        el("h1", "What HTTP clients do with interim responses"),
        el("p", " · ".join(fact for fact in facts if fact), class_="meta"),
        *(_partial(run.id, run.partial_because or "") for run in report.runs if not run.complete),
        el(
            "p",
            el("strong", "Local report."),
            f" It shows {count_of(embargoed, 'cell')} under embargo. Do not publish it.",
            class_="banner",
        )
        if local and embargoed
        else None,
        *(el("p", note, class_="banner note") for note in report.notes),
    ]


def _partial(run: str, because: str) -> Html:
    return el(
        "p",
        el("strong", "Partial result."),
        f" The run {run} did not finish: {because}. A cell that is missing is not a pass.",
        class_="banner",
    )


def _headline(report: Report) -> Html:
    standings = summary.standings(report)
    groups = {b: [s for s in standings if s.bucket == b] for b in summary.BUCKETS}
    total = len(standings)
    survivors = len(groups["survives"])
    sentences = [f"{survivors} of {count_of(total, 'client')} survive 102 Processing."]
    if survivors == 1:
        sentences = [f"1 of {count_of(total, 'client')} survives 102 Processing."]
    if groups["fails"]:
        n = len(groups["fails"])
        sentences.append(f"{n} {'does' if n == 1 else 'do'} not.")
    if groups["poisoned"]:
        n = len(groups["poisoned"])
        sentences.append(f"{n} {'hands' if n == 1 else 'hand'} out wrong answers.")
    cards = [
        _card(bucket, groups[bucket])
        for bucket in ("survives", "fails", "poisoned", "undecided")
        if groups[bucket]
    ]
    return el(
        "section",
        el("h2", "Who survives 102?"),
        el("p", " ".join(sentences), class_="answer"),
        el("div", cards, class_="cards"),
        class_="headline",
    )


def _card(bucket: str, members: list[summary.Standing]) -> Html:
    return el(
        "article",
        el("h3", el("span", str(len(members)), class_="n"), " ", summary.BUCKET_TITLES[bucket]),
        el("p", summary.BUCKET_MEANINGS[bucket], class_="small"),
        el("ul", (_chip(s) for s in members), class_="chips"),
        class_=f"card b-{bucket}",
    )


def _chip(standing: summary.Standing) -> Html:
    client = standing.client
    extra: list[Html | str] = []
    if standing.bucket in ("fails", "poisoned"):
        words = f" {standing.served} of {standing.serve_cases}"
        extra.append(el("span", words, class_="small", title="final responses delivered"))
    if standing.bucket == "survives" and standing.danger_elsewhere:
        words = f" {standing.danger_elsewhere} danger elsewhere"
        title = "takes wrong data for right when the server breaks the rules"
        extra.append(el("span", words, class_="small else", title=title))
    target = address(row_key(client))
    if standing.lead is not None and standing.bucket in ("fails", "poisoned"):
        target = address(row_key(client), column_key(standing.lead.column))
    return el("li", el("a", _client_name(client), href=target), extra)


# The matrix


def _matrix_section(report: Report) -> Html:
    return el(
        "section",
        el("h2", "The matrix"),
        el(
            "p",
            "A cell is one client in one scenario. Open it for the bytes, the times and what the "
            "client's user was told. Arrow keys move between cells.",
            class_="small",
        ),
        _filters(report),
        _legend(report),
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


def _filters(report: Report) -> Html:
    counts = summary.totals(report)
    languages = sorted({client.language for client in report.clients}, key=str.lower)
    grades = [
        el(
            "label",
            el("input", type="checkbox", name="grade", value=grade, disabled=True),
            _badge(grade),
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
        el("fieldset", el("legend", "Only with"), grades),
        el("button", "Show all", type="reset", disabled=True),
        id="filters",
    )


def _select(name: str, values: list[str]) -> Html:
    options = [el("option", "all", value="")]
    options += [el("option", value, value=value) for value in values]
    return el("select", options, name=name, disabled=True)


def _legend(report: Report) -> Html:
    present = summary.totals(report)
    grades = [
        el("div", el("dt", _badge(grade)), el("dd", GRADE_WORDS[grade].meaning))
        for grade in GRADES
        if present.get(grade) or grade in FINDINGS | {"pass"}
    ]
    outcomes = [
        el("div", el("dt", name), el("dd", words)) for name, words in OUTCOME_WORDS.items()
    ]
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
    families = [
        (family, list(columns))
        for family, columns in groupby(
            report.columns, key=lambda c: report.scenarios[c.scenario].family
        )
    ]
    top = el(
        "tr",
        el("th", "Client", rowspan=2, scope="col", class_="corner"),
        (
            el("th", family, colspan=len(columns), scope="colgroup", data_family=family)
            for family, columns in families
        ),
    )
    firsts = {columns[0] for _, columns in families}
    names = el(
        "tr",
        (
            el(
                "th",
                el("a", column_key(column), href=address("", column_key(column))),
                scope="col",
                class_="first" if column in firsts else None,
            )
            for column in report.columns
        ),
    )
    bodies = [
        _language_rows(report, language, list(clients), firsts)
        for language, clients in groupby(report.clients, key=lambda c: c.language)
    ]
    return el("table", el("thead", top, names), bodies)


def _language_rows(
    report: Report, language: str, clients: list[Client], firsts: set[ColumnId]
) -> Html:
    label = el("span", language)
    heading = el(
        "tr",
        el("th", label, colspan=len(report.columns) + 1, scope="rowgroup"),
        class_="language",
    )
    rows = [_row(report, client, firsts) for client in clients]
    return el("tbody", heading, rows, data_language=language)


def _row(report: Report, client: Client, firsts: set[ColumnId]) -> Html:
    key = row_key(client)
    version = client.row.version + (f" {client.row.variant}" if client.row.variant else "")
    name = el(
        "th",
        el("a", client.title, " ", el("span", version, class_="version"), href=address(key)),
        scope="row",
    )
    cells = [
        _cell(key, column, report.case(client.row, column), column in firsts)
        for column in report.columns
    ]
    return el("tr", name, cells, data_row=key)


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


# Lists


def _findings(report: Report) -> Html:
    cases = [case for case in report.sorted_cases() if case.grade in FINDINGS]
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(str(case.row), []).append(case)
    clients = {str(client.row): client for client in report.clients}
    parts = []
    for key, found in groups.items():
        counts = [
            (grade, sum(case.grade == grade for case in found)) for grade in ("danger", "fail")
        ]
        badges = [
            el("span", GRADE_WORDS[g].sign, f" {n} {g}", class_=f"badge g-{g}")
            for g, n in counts
            if n
        ]
        parts.append(
            el(
                "details",
                el("summary", el("b", _client_name(clients[key])), " ", badges),
                _case_list(found),
            )
        )
    empty = el("p", "None: no client failed a scenario.") if not parts else None
    return el("section", el("h2", f"Findings ({len(cases)})"), empty, parts, id="findings")


def _case_list(cases: list[Case]) -> Html:
    return el(
        "ul",
        (
            el(
                "li",
                _badge(case.grade),
                " ",
                el(
                    "a",
                    column_key(case.column),
                    href=address(str(case.row), column_key(case.column)),
                ),
                " ",
                case.sentence,
                el("em", " Not the same in every repetition.") if case.unstable else None,
                el("em", " Under embargo.") if case.under_embargo else None,
            )
            for case in cases
        ),
        class_="cases",
    )


def _undecided(report: Report) -> Html | None:
    cases = [case for case in report.sorted_cases() if case.grade in UNDECIDED]
    if not cases:
        return None
    rows = [
        el("li", el("b", str(case.row)), _case_list([case])) for case in cases
    ]
    return el(
        "section",
        el("h2", f"Not measured ({len(cases)})"),
        el(
            "p",
            "The harness, the server, an adapter or the machine is to blame for these. They say "
            "nothing about the client.",
        ),
        el("ul", rows, class_="plain"),
        class_="banner",
        id="not-measured",
    )


def _skipped(report: Report) -> Html | None:
    if not report.skipped:
        return None
    rows = [
        el(
            "li",
            el("b", entry.client),
            f": {entry.why}. " if entry.why else " ",
            el("code", entry.how) if entry.how else None,
        )
        for entry in report.skipped
    ]
    return el("section", el("h2", f"Skipped ({len(rows)})"), el("ul", rows), id="skipped")


def _about(report: Report) -> Html:
    rows = []
    for run in report.runs:
        facts = {
            "started": run.started,
            "interimspec": run.interimspec,
            "cases": str(run.cases),
            "machine": plain(run.machine),
            "server": plain(
                {k: run.server[k] for k in ("version", "scheduling", "pace") if k in run.server}
            ),
            "times": _times(run.end),
        }
        items = [el("div", el("dt", k), el("dd", v)) for k, v in facts.items() if v]
        rows.append(el("article", el("h3", f"Run {run.id}"), el("dl", items)))
    return el("section", el("h2", "How this was made"), rows, id="about", class_="legend")


def _times(end: Any) -> str:
    parts = []
    for key, value in dict(end).items():
        if key.endswith("_ms") and isinstance(value, int | float):
            parts.append(f"{key.removesuffix('_ms').replace('_', ' ')} {value / 1000:.1f} s")
    return ", ".join(parts)


def _dialog() -> Html:
    return el(
        "dialog",
        el(
            "div",
            el("button", "‹", type="button", id="previous", aria_label="previous scenario"),
            el("button", "›", type="button", id="next", aria_label="next scenario"),
            el("span", class_="grow", id="where"),
            el("button", "Close", type="button", id="close"),
            class_="bar",
        ),
        el("div", id="panel"),
        id="dialog",
        aria_labelledby="where",
    )


# Data for the script


def _data(report: Report) -> dict[str, Any]:
    sentences: dict[str, int] = {}
    column_index = {column: n for n, column in enumerate(report.columns)}
    rows = []
    for number, client in enumerate(report.clients):
        cells: dict[str, list[Any]] = {}
        for case in report.cases_of(client.row):
            text = visible(case.sentence)
            index = sentences.setdefault(text, len(sentences))
            cells[str(column_index[case.column])] = [
                GRADES.index(case.grade),
                case.outcome or "",
                index,
                case.connection or "",
                int(case.unstable) + 2 * int(case.under_embargo),
            ]
        rows.append(_client_data(client) | {"block": f"evidence-{number}", "cells": cells})
    return {
        "grades": {g: {"sign": w.sign, "meaning": w.meaning} for g, w in GRADE_WORDS.items()},
        "gradeOrder": list(GRADES),
        "outcomes": OUTCOME_WORDS,
        "connections": CONNECTION_WORDS,
        "classes": CLASS_WORDS,
        "byteClasses": BYTE_CLASS_WORDS,
        "sentences": list(sentences),
        "columns": [
            {"key": column_key(c), "scenario": c.scenario, "transport": c.transport}
            for c in report.columns
        ],
        "scenarios": {
            s.id: {
                "title": visible(s.title),
                "family": s.family,
                "class": s.class_,
                "why": visible(s.why.strip()),
                "dispute": visible(s.dispute.strip()),
                "requirements": list(s.requirements),
                "text": visible_lines(s.text),
            }
            for s in report.scenarios.values()
            if any(column.scenario == s.id for column in report.columns)
        },
        "requirements": {
            r.id: {
                "name": f"{r.rfc if r.rfc.upper().startswith('RFC') else 'RFC ' + r.rfc} "
                f"{r.section}",
                "level": r.level,
                "binds": r.binds,
                "text": visible(r.text),
                "link": safe_link(r.link) or "",
            }
            for r in report.requirements.values()
        },
        "rows": rows,
    }


def _client_data(client: Client) -> dict[str, Any]:
    return {
        "key": row_key(client),
        "client": client.row.client,
        "name": visible(_client_name(client)),
        "language": visible(client.language),
        "kind": visible(client.kind),
        "homepage": safe_link(client.homepage) or "",
        "interim": visible(client.interim_api),
        "notes": visible_lines(client.notes),
        "stack": [visible(f"{item.name} {item.version}") for item in client.stack],
    }


def _evidence_blocks(report: Report) -> list[Html]:
    blocks = []
    for number, client in enumerate(report.clients):
        cases = (
            (column_key(case.column), case, *load_evidence(case))
            for case in report.cases_of(client.row)
            if case.grade != "withheld"
        )
        blocks.append(packed_block(f"evidence-{number}", evidence_view.columns_views(cases)))
    return blocks
