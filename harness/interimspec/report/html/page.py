# SPDX-License-Identifier: MIT
"""The HTML matrix: one file, no network, evidence inside.

The table is plain markup, so it reads without the script. What a cell opens lies beside it as
compressed blocks, one per row, and is unpacked when somebody asks. The page's own policy allows its
one script and one style sheet by their hashes and nothing else: no network, no inline handler, no
markup made from strings (`require-trusted-types-for`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import resources
from typing import Any

from .. import summary
from ..model import FINDINGS, GRADES, UNDECIDED, Case, Report
from ..words import GRADE_WORDS, count_of, plain
from . import data, matrix
from .embed import json_block, source_hash
from .markup import Html, el, join, raw
from .names import address, badge, client_name, column_key, row_key

#: In the order in which the page runs them, as one script.
SCRIPTS = ("dom.js", "evidence.js", "picture.js", "panels.js", "matrix.js")


def render(report: Report, *, local: bool) -> str:
    style = _resource("page.css")
    script = "".join(map(_resource, SCRIPTS))
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
            matrix.section(report),
            _findings(report),
            _undecided(report),
            _skipped(report),
            _about(report),
        ),
        _dialog(),
        el("div", id="tip", hidden=True),
        json_block("data", data.data(report)),
        join(data.evidence_blocks(report)),
        el("script", raw(script)),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _policy_meta(policy: str) -> Html:
    return raw(f'<meta http-equiv="Content-Security-Policy" content="{policy}">')


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _header(report: Report, local: bool) -> list[Html | None]:
    versions = ", ".join(sorted({run.interimspec for run in report.runs if run.interimspec}))
    dates = sorted({run.started[:10] for run in report.runs if run.started})
    when = dates[0] if len(dates) == 1 else " to ".join(dates[:1] + dates[-1:])
    embargoed = sum(case.under_embargo for case in report.cases.values())
    facts = [
        report.who(),
        report.asked(),
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
    standings = [s for s in summary.standings(report) if report.is_newest(s.client.row)]
    standings.sort(key=lambda s: s.client.row.sort_key())
    older = len(report.clients) - len(standings)
    groups = {b: [s for s in standings if s.bucket == b] for b in summary.BUCKETS}
    total = len(standings)
    survivors = len(groups["survives"])
    every = count_of(total, "client")
    if any(s.client.row.variant for s in standings):
        every += " and variants"
    sentences = [f"{survivors} of {every} survive 102 Processing."]
    if survivors == 1:
        sentences = [f"1 of {every} survives 102 Processing."]
    if groups["edges"]:
        n = len(groups["edges"])
        sentences.append(
            f"{n} {'survives' if n == 1 else 'survive'} a plain one, but not every one."
        )
    if groups["fails"]:
        n = len(groups["fails"])
        sentences.append(f"{n} {'does' if n == 1 else 'do'} not.")
    if groups["poisoned"]:
        n = len(groups["poisoned"])
        sentences.append(f"{n} {'hands' if n == 1 else 'hand'} out wrong answers.")
    note = None
    if older:
        words = f"This counts the newest version of each. The matrix has {older} older ones."
        note = el("p", words, class_="small")
    cards = [
        _card(bucket, groups[bucket])
        for bucket in ("survives", "edges", "fails", "poisoned", "undecided")
        if groups[bucket]
    ]
    return el(
        "section",
        el("h2", "Who survives 102?"),
        el("p", " ".join(sentences), class_="answer"),
        note,
        el("div", cards, class_="cards"),
        class_="headline",
    )


_LONG = 24  # more names scroll within their card, so that the matrix is not pages away


def _card(bucket: str, members: list[summary.Standing]) -> Html:
    return el(
        "article",
        el("h3", el("span", str(len(members)), class_="n"), " ", summary.BUCKET_TITLES[bucket]),
        el("p", summary.BUCKET_MEANINGS[bucket], class_="small"),
        el("ul", (_chip(s) for s in members), class_="chips long" if members[_LONG:] else "chips"),
        class_=f"card b-{bucket}",
    )


def _chip(standing: summary.Standing) -> Html:
    client = standing.client
    extra: list[Html | str] = []
    if standing.bucket in ("fails", "poisoned"):
        words = f" {standing.served} of {standing.serve_cases}"
        extra.append(el("span", words, class_="small", title="final responses delivered"))
    elsewhere = {"danger": standing.danger_elsewhere, "fail": standing.fail_elsewhere}
    words = ", ".join(f"{number} {grade}" for grade, number in elsewhere.items() if number)
    if standing.bucket == "survives" and words:
        title = "with other statuses than 102, or when the server breaks the rules"
        extra.append(el("span", f" elsewhere: {words}", class_="small else", title=title))
    if standing.edges:
        words = "; ".join(f"not {edge.words}" for edge in standing.edges)
        scenarios = ", ".join(one for edge in standing.edges for one in edge.scenarios)
        extra.append(el("span", f" {words}", class_="small", title=scenarios))
    if standing.not_counted:
        title = "the same exchange without any interim response fails as well"
        words = f" {standing.not_counted} not counted"
        extra.append(el("span", words, class_="small", title=title))
    target = address(row_key(client.row))
    if standing.lead is not None and standing.bucket in ("edges", "fails", "poisoned"):
        target = address(row_key(client.row), column_key(standing.lead.column))
    return el("li", el("a", client_name(client), href=target), extra)


_LISTED = 600  # findings that the page writes out; of more it says how many each client has
_OPEN_UP_TO = 15  # findings of one client that are shown without being asked for


def _findings(report: Report) -> Html:
    cases = [case for case in report.sorted_cases() if case.grade in FINDINGS]
    empty = el("p", "None: no client failed a scenario.") if not cases else None
    return el(
        "section",
        el("h2", f"Findings ({len(cases)})"),
        empty,
        _by_client(report, cases, _OPEN_UP_TO),
        id="findings",
    )


def _by_client(report: Report, cases: list[Case], open_up_to: int) -> list[Html]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(str(case.row), []).append(case)
    names = {str(client.row): client_name(client) for client in report.clients}
    if len(cases) > _LISTED:
        return [_counts_by_client(names, groups)]
    parts = []
    for key, found in groups.items():
        counts = Counter(case.grade for case in found)
        badges = [
            el("span", el("b", GRADE_WORDS[g].sign), f" {counts[g]} {g}", class_=f"badge g-{g}")
            for g in GRADES
            if counts[g]
        ]
        spaced = [piece for badge in badges for piece in (" ", badge)]
        parts.append(
            el(
                "details",
                el("summary", el("b", names[key]), spaced),
                _case_list(found),
                open=len(found) <= open_up_to,
                class_="client",
            )
        )
    return parts


def _counts_by_client(names: Mapping[str, str], groups: Mapping[str, list[Case]]) -> Html:
    """Where there are thousands, nobody reads a list of all: a client's own panel has them."""
    rows = []
    for found in groups.values():
        row = found[0].row
        counts = Counter(case.grade for case in found)
        badges = [
            [" ", el("span", el("b", GRADE_WORDS[g].sign), f" {counts[g]}", class_=f"badge g-{g}")]
            for g in GRADES
            if counts[g]
        ]
        name = names[str(row)]
        rows.append(el("li", el("a", name, href=address(row_key(row))), badges))
    hint = el("p", "Each client opens with all of its cells in words, worst first.", class_="small")
    return el("div", hint, el("ul", rows, class_="chips"))


def _case_list(cases: list[Case]) -> Html:
    return el(
        "ul",
        (
            el(
                "li",
                badge(case.grade),
                " ",
                el(
                    "a",
                    column_key(case.column),
                    href=address(row_key(case.row), column_key(case.column)),
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
    return el(
        "section",
        el("h2", f"Not measured ({len(cases)})"),
        el(
            "p",
            "The harness, the server, an adapter or the machine is to blame for these. They say "
            "nothing about the client.",
        ),
        _by_client(report, cases, _OPEN_UP_TO),
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
            el("button", "Close", type="button", id="close", autofocus=True),
            class_="bar",
        ),
        el("div", id="panel"),
        id="dialog",
        aria_labelledby="where",
    )
