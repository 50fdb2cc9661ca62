# SPDX-License-Identifier: MIT
"""A page for each family: what each scenario asks and why, and which clients do what."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import FINDINGS, GRADES, Case, ColumnId, Report, RowId, ScenarioInfo
from ..safe import escape_markdown
from ..told_words import words_of
from ..words import CLASS_WORDS
from .parts import MARK, client_link, group, over, requirement_links, speakers

_BASE = "../"
# Of these only how many is worth a line.
_COUNTED = ("pass", "unsupported", "error", "inconclusive")


def render(report: Report, family: str) -> str:
    """`family` may be one of several that share a page."""
    name = group(family)
    columns: dict[str, list[ColumnId]] = {}
    for column in report.columns:
        if group(report.scenarios[column.scenario].family) == name:
            columns.setdefault(column.scenario, []).append(column)
    lines = [
        MARK,
        f"# Scenarios: {escape_markdown(name)}",
        "",
        "What the newest version of each client does, in its default configuration and in each "
        f"variant. [All clients]({_BASE}COMPATIBILITY.md)",
        "",
    ]
    sections = sorted(columns, key=lambda one: (report.scenarios[one].family, one))
    family = name
    for scenario_id in sections:
        scenario = report.scenarios[scenario_id]
        if scenario.family != family:
            family = scenario.family
            lines += [f"## {escape_markdown(family)}", ""]
        lines += _scenario(report, scenario)
        lines += _results(report, columns[scenario_id])
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _scenario(report: Report, scenario: ScenarioInfo) -> Iterator[str]:
    yield f"### {scenario.id}"
    yield ""
    yield f"{escape_markdown(scenario.title)}."
    yield ""
    why = " ".join(scenario.why.split())
    if why:
        yield f"{escape_markdown(why)}"
        yield ""
    links = requirement_links(report, scenario.requirements)
    meaning = CLASS_WORDS.get(scenario.class_, "")
    yield f"*{scenario.class_}*: {meaning}" + (f" {links}" if links else "")
    yield ""
    dispute = " ".join(scenario.dispute.split())
    if dispute:
        yield f"Disputed: {escape_markdown(dispute)}"
        yield ""


def _results(report: Report, columns: list[ColumnId]) -> Iterator[str]:
    clients = speakers(report)
    found: dict[tuple[int, str], dict[RowId, list[str]]] = {}
    counts: dict[str, int] = {}
    for client in clients:
        for column in columns:
            case = report.case(client.row, column)
            if case is None:
                continue
            counts[case.grade] = counts.get(case.grade, 0) + 1
            if case.grade not in _COUNTED:
                key = (GRADES.index(case.grade), _words(case))
                found.setdefault(key, {}).setdefault(client.row, []).append(column.transport)
    named = {client.row: client_link(client, _BASE) for client in clients}
    for rank, words in sorted(found):
        rows = found[rank, words]
        who = ", ".join(named[row] + over(rows[row]) for row in named if row in rows)
        said = f", {escape_markdown(words)}" if words else ""
        yield f"- **{GRADES[rank]}**{said} ({len(rows)}): {who}"
    rest = [f"{counts[grade]} {grade}" for grade in _COUNTED if grade in counts]
    if rest:
        yield f"- {', '.join(rest)}"


def _words(case: Case) -> str:
    """A finding in full; of the rest only what the client told, so that a line speaks of many."""
    words = words_of(case)
    return words if case.grade in (*FINDINGS, "warn") else words.split(";")[0]
