# SPDX-License-Identifier: MIT
"""COMPATIBILITY.md: the published result, written so that its diff is news.

No times, ports, run ids or tokens; everything is sorted; a line speaks of one cell. A line that
changes is a client that changed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping

from . import summary
from .model import (
    FINDINGS,
    GRADES,
    UNDECIDED,
    Case,
    Client,
    ColumnId,
    Report,
    RowId,
    ScenarioInfo,
)
from .safe import code_markdown, escape_markdown, safe_link
from .words import CLASS_WORDS, CONNECTION_WORDS, GRADE_WORDS, OUTCOME_WORDS, count_of, plain

# What differs from run to run although nothing has changed, should a sentence carry it: addresses
# with their ports, measured times (a timer is a whole number of seconds), addresses in memory.
_VARYING: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(127\.0\.0\.1|::1\]?|localhost)([^0-9A-Za-z]{1,4})[0-9]{2,5}\b"), r"\1\2PORT"),
    (re.compile(r"\b(port[= ]+)[0-9]{2,5}\b"), r"\1PORT"),
    (re.compile(r" after [0-9.]+ times its timer"), ""),
    (re.compile(r"\b[0-9]+(\.[0-9]+)? ?(ms|milliseconds)\b"), "some time"),
    (re.compile(r"\b[0-9]+\.[0-9]+ ?(s|seconds)\b"), "some time"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "0x…"),
)

_MATRIX_SIGNS = {
    "danger": "**D**",
    "fail": "**F**",
    "error": "E",
    "inconclusive": "?",
    "warn": "w",
    "info": "i",
    "unsupported": "–",
    "withheld": "withheld",
    "pass": "✓",
}


_VERDICTS = {
    "survives": "survives",
    "fails": "**fails**",
    "poisoned": "**wrong answers**",
    "undecided": "not decided",
}

#: So many scenarios are named where one sentence stands for more.
_NAMED = 8


def render(report: Report) -> str:
    lines: list[str] = []
    for part in (_intro, _survivors, _legend, _matrices, _clients, _skipped):
        lines.extend(part(report))
    return "\n".join(lines).rstrip("\n") + "\n"


def stable(text: str, scenario: str = "") -> str:
    """Without what is different in every run."""
    if scenario:
        text = re.sub(rf"(/{re.escape(scenario)})/[0-9A-Za-z_-]+", r"\1/RUN", text)
    for pattern, words in _VARYING:
        text = pattern.sub(words, text)
    return text


def anchor(client: Client) -> str:
    return re.sub(r"[^A-Za-z0-9@._+-]", "-", str(client.row))


def _name(client: Client) -> str:
    text = escape_markdown(f"{client.title} {client.row.version}")
    if client.row.variant:
        text += f" ({escape_markdown(client.row.variant)})"
    return text


def _link(client: Client) -> str:
    return f"[{_name(client)}](#{anchor(client)})"


def _by_name(report: Report) -> list[Client]:
    """One row for each client and configuration: its newest version."""
    newest = [client for client in report.clients if report.is_newest(client.row)]
    return sorted(newest, key=lambda client: client.row.sort_key())


def _column_code(column: ColumnId) -> str:
    suffix = "" if column.transport == "h1" else f"[{column.transport}]"
    return code_markdown(column.scenario + suffix)


def _intro(report: Report) -> Iterator[str]:
    versions = sorted({run.interimspec for run in report.runs if run.interimspec})
    by = f" (interimspec {', '.join(map(escape_markdown, versions))})" if versions else ""
    yield "# What HTTP clients do with interim responses"
    yield ""
    yield (
        f"What {count_of(len({one.row.client for one in report.clients}), 'client')} in "
        f"{count_of(len(report.clients), 'version or configuration', 'versions or configurations')}"
        " did with interim (1xx) responses, 102 Processing above all, in "
        f"{report.asked()}{by}. Tables show the newest version; what "
        "was different in older ones stands with each client. Made from results by "
        "`interimspec report`; do not edit."
    )
    yield ""
    if report.partial:
        yield "> **PARTIAL.** A run did not finish. A cell that is missing is not a pass."
        yield ""


def _survivors(report: Report) -> Iterator[str]:
    every = {s.client.row: s for s in summary.standings(report)}
    standings = [every[client.row] for client in _by_name(report)]
    yield "## Who survives 102 Processing"
    yield ""
    for bucket in reversed(summary.BUCKETS):
        names = [_link(s.client) for s in standings if s.bucket == bucket]
        if names:
            title = summary.BUCKET_TITLES[bucket]
            yield f"- **{title} ({len(names)}):** {', '.join(names)}"
    yield ""
    yield (
        "| Client | Language | 102 | Older versions | Finals delivered | Poisoned | danger | fail "
        "| not measured |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for s in standings:
        undecided = sum(s.counts.get(grade, 0) for grade in UNDECIDED)
        cells = [
            _link(s.client),
            escape_markdown(s.client.language),
            _VERDICTS[s.bucket],
            _older(report, s.client.row, every),
            f"{s.served} of {s.serve_cases}",
            str(s.poisoned_cases),
            str(s.counts.get("danger", 0)),
            str(s.counts.get("fail", 0)),
            str(undecided),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield (
        "*Finals delivered* counts the correct exchanges in which nothing but 102 responses comes "
        "before the final one. *Poisoned* counts the scenarios of all kinds after which the next "
        "request got an answer that was not its own."
    )
    yield ""


def _older(report: Report, row: RowId, every: Mapping[RowId, summary.Standing]) -> str:
    """How older versions stand: `the same since 7.0`, and what it was before."""
    older = report.older(row)
    if not older:
        return ""
    spans: list[tuple[str, list[str]]] = []  # newest first; versions in a row that stand alike
    for one in older:
        bucket = every[one].bucket
        if not spans or spans[-1][0] != bucket:
            spans.append((bucket, []))
        spans[-1][1].append(one.version)
    words: list[str] = []
    for bucket, versions in spans:
        span = versions[0] if len(versions) == 1 else f"{versions[-1]} to {versions[0]}"
        if bucket == every[row].bucket and bucket == spans[0][0] and not words:
            words.append(f"the same since {escape_markdown(versions[-1])}")
        else:
            words.append(f"{escape_markdown(span)}: {_VERDICTS[bucket]}")
    return "; ".join(words)


def _legend(report: Report) -> Iterator[str]:
    present = summary.totals(report)
    yield "## Grades"
    yield ""
    for grade in GRADES:
        if present.get(grade):
            yield f"- {_MATRIX_SIGNS[grade]} *{grade}*: {GRADE_WORDS[grade].meaning}"
    yield ""


def _matrices(report: Report) -> Iterator[str]:
    yield "## Results by family"
    yield ""
    clients = _by_name(report)
    for family in report.families():
        columns = report.columns_of(family)
        yield f"### {escape_markdown(family)}"
        yield ""
        for column in columns:
            yield _scenario_line(report, report.scenarios[column.scenario], column)
        yield ""
        yield f"| Client | {' | '.join(_column_code(column) for column in columns)} |"
        yield "|---" * (len(columns) + 1) + "|"
        for client in clients:
            cases = [report.case(client.row, column) for column in columns]
            signs = [_MATRIX_SIGNS[case.grade] if case else "" for case in cases]
            yield f"| {_link(client)} | {' | '.join(signs)} |"
        yield ""


def _scenario_line(report: Report, scenario: ScenarioInfo, column: ColumnId) -> str:
    links = _requirement_links(report, scenario.requirements)
    text = f"- {_column_code(column)}: {escape_markdown(scenario.title)}"
    text += f" *({scenario.class_})*" if scenario.class_ in CLASS_WORDS else ""
    return f"{text} {links}" if links else text


def _requirement_links(report: Report, ids: tuple[str, ...]) -> str:
    links = []
    for req_id in ids:
        known = report.requirements.get(req_id)
        if known is None:
            links.append(escape_markdown(req_id))
            continue
        name = escape_markdown(known.name)
        url = safe_link(known.link)
        links.append(f"[{name}]({url})" if url else name)
    return ", ".join(links)


def _clients(report: Report) -> Iterator[str]:
    yield "## Client by client"
    yield ""
    for client in _by_name(report):
        yield f'### {_name(client)} <a id="{anchor(client)}"></a>'
        yield ""
        yield from _about(client)
        cases = sorted(report.cases_of(client.row), key=lambda case: case.column)
        counts = {g: sum(c.grade == g for c in cases) for g in GRADES}
        yield "- Results: " + ", ".join(f"{n} {grade}" for grade, n in counts.items() if n)
        for case in cases:
            for name, value in sorted(case.traits.items()):
                words = escape_markdown(f"{name}: {stable(plain(value))}")
                yield f"- {words} ({_column_code(case.column)})"
        shown = [
            case for case in cases if case.grade in FINDINGS | UNDECIDED | {"warn", "withheld"}
        ]
        if shown:
            yield ""
            order = sorted(shown, key=lambda c: (GRADES.index(c.grade), c.column))
            yield from _findings(report, order)
        yield ""
        for row in report.older(client.row):
            yield from _older_version(report, row)


def _older_version(report: Report, row: RowId) -> Iterator[str]:
    """An older version, folded: only where it is not as the newest."""
    client = next(one for one in report.clients if one.row == row)
    newest = report.newest(row)
    cases = sorted(report.cases_of(row), key=lambda case: case.column)
    counts = {g: sum(c.grade == g for c in cases) for g in GRADES}
    other = [case for case in cases if not _alike(case, report.case(newest, case.column))]
    shown = [c for c in other if c.grade in FINDINGS | {"warn", "withheld"}]
    well = [
        case
        for case in other
        if case.grade in ("pass", "info")
        and (new := report.case(newest, case.column)) is not None
        and new.grade in FINDINGS | {"warn"}
    ]
    yield "<details>"
    title = html.escape(f"{client.title} {row.version}")
    differ = "1 cell is" if len(other) == 1 else f"{len(other)} cells are"
    yield f"<summary>{title}: {differ} not as in {html.escape(newest.version)}</summary>"
    yield ""
    yield f'#### {_name(client)} <a id="{anchor(client)}"></a>'
    yield ""
    yield "- Results: " + ", ".join(f"{n} {grade}" for grade, n in counts.items() if n)
    if client.stack:
        names = (f"{item.name} {item.version}" for item in client.stack)
        yield f"- Stack: {', '.join(escape_markdown(name) for name in names)}"
    if well:
        codes = ", ".join(_column_code(case.column) for case in well)
        yield f"- Well in this version, and not in {escape_markdown(newest.version)}: {codes}"
    order = sorted(shown, key=lambda c: (GRADES.index(c.grade), c.column))
    yield from _findings(report, order)
    yield ""
    yield "</details>"
    yield ""


def _alike(case: Case, other: Case | None) -> bool:
    """Whether two versions did the same, as far as that is known of both."""
    if other is None:
        return False
    if case.grade in UNDECIDED or other.grade in UNDECIDED:
        return True
    return (case.grade, case.outcome, case.connection) == (
        other.grade,
        other.outcome,
        other.connection,
    )


def _about(client: Client) -> Iterator[str]:
    facts = [client.language, client.kind]
    words = ", ".join(escape_markdown(word) for word in facts if word)
    home = safe_link(client.homepage)
    yield f"- {words}" + (f", <{home}>" if home else "")
    if client.stack:
        names = (f"{item.name} {item.version}" for item in client.stack)
        yield f"- Stack: {', '.join(escape_markdown(name) for name in names)}"
    if client.interim_api:
        yield f"- Interim responses are shown by: {escape_markdown(client.interim_api)}"


def _findings(report: Report, cases: Iterable[Case]) -> Iterator[str]:
    """A line for each thing that was found, with the scenarios that found it; the tables have all
    of them."""
    found: dict[tuple[str, str], list[str]] = {}
    for case in cases:
        key = (case.grade, _finding(report, case))
        found.setdefault(key, []).append(_column_code(case.column))
    for (grade, words), codes in found.items():
        named = ", ".join(codes[:_NAMED])
        if len(codes) > _NAMED:
            named += f" and {len(codes) - _NAMED} more"
        yield f"- **{grade}** {named}" + (f": {words}" if words else "")


def _finding(report: Report, case: Case) -> str:
    if case.grade in UNDECIDED:
        return ""  # why it could not be measured is no news about the client
    sentence = stable(case.sentence, case.column.scenario) or OUTCOME_WORDS.get(
        case.outcome or "", ""
    )
    text = escape_markdown(sentence)
    if case.grade in FINDINGS and case.connection in ("poisoned", "broken"):
        said = CONNECTION_WORDS[case.connection]
        text += "" if case.connection == "poisoned" and "G2" in _rules(case) else f" {said}"
    if case.unstable:
        text += " *Not the same in every repetition.*"
    links = _requirement_links(report, case.requirements) if case.grade in FINDINGS else ""
    return f"{text} ({links})" if links else text


def _rules(case: Case) -> set[str]:
    return {str(reason.get("rule")) for reason in case.reasons}


def _skipped(report: Report) -> Iterator[str]:
    if not report.skipped:
        return
    yield "## Not tested here"
    yield ""
    for entry in report.skipped:
        yield f"- {escape_markdown(entry.client)}: {escape_markdown(entry.why)}"
