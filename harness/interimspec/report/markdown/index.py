# SPDX-License-Identifier: MIT
"""COMPATIBILITY.md: one line for each client, and where to read on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import summary
from ..model import Client, Report, RowId
from ..questions import QUESTIONS, by_question
from ..safe import escape_markdown
from ..words import GRADE_WORDS, count_of
from .parts import (
    MARK,
    SIGNS,
    TRANSPORT_WORDS,
    client_link,
    family_file,
    grades_present,
    group,
    not_measured,
    scenario_link,
    speakers,
    tally,
    transports_of,
)

_VERDICTS = {
    "survives": "✓",
    "edges": "~",
    "fails": "**F**",
    "poisoned": "**D**",
    "undecided": "?",
    "http10": "–",
    "withheld": "x",
}
_WORDS = {
    "survives": "right",
    "edges": "not every one",
    "fails": "fails",
    "poisoned": "wrong answers",
    "undecided": "not decided",
    "http10": "HTTP/1.0",
    "withheld": "not public yet",
}
_WITHOUT_102 = "not counted"
_BASE = "./"
_NAMED = 2  # scenarios of an edge that are named; of more there is a count


def render(report: Report) -> str:
    lines: list[str] = [MARK]
    for part in (_intro, _short, _how_to_read, _table, _families, _skipped):
        lines.extend(part(report))
    return "\n".join(lines).rstrip("\n") + "\n"


def _intro(report: Report) -> Iterator[str]:
    versions = sorted({run.interimspec for run in report.runs if run.interimspec})
    by = f" (interimspec {', '.join(map(escape_markdown, versions))})" if versions else ""
    clients = count_of(len({client.row.client for client in report.clients}), "client")
    rows = count_of(len(report.clients), "version or configuration", "versions or configurations")
    scenarios = count_of(len({column.scenario for column in report.columns}), "scenario")
    names = [TRANSPORT_WORDS.get(name, name) for name in transports_of(report.cases.values())]
    yield "# What HTTP clients do with interim responses"
    yield ""
    yield (
        "A server may send interim (1xx) responses before its final one, 102 Processing among "
        "them, and every client must be able to read them, even if it expects none "
        "([RFC 9110, section 15.2](https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2)). "
        f"This is what {clients} in {rows} did with them in {scenarios} over "
        f"{', '.join(names)}: {len(report.cases)} cells{by}."
    )
    yield ""
    if report.partial:
        yield "> **PARTIAL.** A run did not finish. A cell that is missing is not a pass."
        yield ""
    if report.notes:
        yield f"> {count_of(len(report.notes), 'note')} about what was read:"
        yield ">"
        for note in report.notes[:20]:
            yield f"> - {escape_markdown(note)}"
        if len(report.notes) > 20:
            yield f"> - and {len(report.notes) - 20} more"
        yield ""


def _bucket(report: Report, standing: summary.Standing) -> str:
    if standing.bucket == "undecided" and summary.speaks_http10_only(report, standing.client):
        return "http10"
    if standing.bucket == "undecided" and standing.withheld:
        return "withheld"
    return standing.bucket


def _short(report: Report) -> Iterator[str]:
    yield "## Who survives 102 Processing"
    yield ""
    meanings = {
        **summary.BUCKET_MEANINGS,
        "undecided": "Too little could be measured.",
        "http10": "Their requests say HTTP/1.0, and no 1xx may be sent to that (RFC 9110, section "
        "15.2), so there is nothing to ask.",
        "withheld": "Something was found that is not public yet, and its maintainers are to hear "
        "of it first; what did well is shown.",
    }
    titles = {**summary.BUCKET_TITLES, "withheld": "Not public yet", "http10": "Not concerned"}
    found: dict[str, list[summary.Standing]] = {}
    for client in speakers(report):
        standing = summary.standing(report, client)
        found.setdefault(_bucket(report, standing), []).append(standing)
    for bucket in ("survives", "edges", "fails", "poisoned", "withheld", "http10", "undecided"):
        if bucket not in found:
            continue
        title = f"{_VERDICTS[bucket]} {titles[bucket]} ({len(found[bucket])})"
        yield f"- **{title.replace('**', '')}.** {meanings[bucket]}"
        if bucket == "edges":
            yield from _edges(report, found[bucket])
        else:
            yield f"  {', '.join(map(_named, found[bucket]))}"
    yield ""
    yield (
        "In brackets: in so many of so many such exchanges the final response was delivered; or "
        "where it was not. An exchange that the client fails over the same transport without any "
        "interim response as well is not counted."
    )
    yield ""


def _named(standing: summary.Standing) -> str:
    name = client_link(standing.client, _BASE)
    if standing.bucket in ("fails", "poisoned"):
        name += f" ({standing.served} of {standing.serve_cases})"
    return name


def _edges(report: Report, standings: list[summary.Standing]) -> Iterator[str]:
    """A line for each edge, with who does not survive it; one or two scenarios by their names."""
    for words, found in summary.by_edge(standings):
        names = []
        for standing, edge in found:
            what = ", ".join(scenario_link(report, one, _BASE) for one in edge.scenarios)
            if edge.scenarios[_NAMED:]:
                what = count_of(len(edge.scenarios), "scenario")
            names.append(f"{client_link(standing.client, _BASE)} ({what})")
        yield f"  - not {words} ({len(found)}): {', '.join(names)}"


def _how_to_read(report: Report) -> Iterator[str]:
    yield "## How to read the table"
    yield ""
    yield (
        "Each client has one line, for its newest version in its default configuration, and one "
        "for each variant of it. *Since* says which versions stand alike on 102, and how older "
        "ones stood. A client's page has every version side by side, each finding in words, and "
        "how to see one for yourself in a minute. A page of a family says what each scenario asks, "
        "why, and who does what. A sign with a number: so many cells have that grade. What is best "
        "is left out where there is worse, except for how many passed."
    )
    yield ""
    for grade in grades_present(report.cases.values()):
        yield f"- {SIGNS[grade]} *{grade}*: {GRADE_WORDS[grade].meaning}"
    yield ""
    yield "The questions, one for each column:"
    yield ""
    present = by_question(report, report.cases.values())
    for question in QUESTIONS:
        if question.key in present:
            yield f"- *{question.title}*: {question.asks}"
    yield "- *?*: so many cells have no result: could not be measured, or not twice alike."
    yield ""


def _table(report: Report) -> Iterator[str]:
    """One column for 102 over each transport, since a client has code of its own for each; the
    other questions once."""
    transports = transports_of(report.cases.values())
    present = by_question(report, report.cases.values())
    others = [q for q in QUESTIONS[1:] if q.key in present]
    yield "## Client by client"
    yield ""
    heads = [f"102 {name}" for name in transports] if len(transports) > 1 else ["102"]
    heads = ["Client", "Language", *heads, "Since", *(q.title for q in others), "?"]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    every = {client.row: summary.standing(report, client) for client in report.clients}
    for client in speakers(report):
        mine = by_question(report, report.cases_of(client.row))
        cells = [
            client_link(client, _BASE),
            escape_markdown(client.language),
            *(_about_102(report, client, name) for name in transports),
            _since(report, client.row, every),
            *(tally(mine.get(question.key, ())) for question in others),
            str(not_measured(report, client) or ""),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield (
        "*102* counts the correct exchanges in which nothing but 102 responses comes before the "
        "final one: in so many of so many it was delivered (~: in all in which one 102 comes "
        "before a plain 200). Not counted is what fails over the same transport without a 102 too."
    )
    yield ""


def _about_102(report: Report, client: Client, transport: str) -> str:
    standing = summary.standing(report, client, transport)
    if not standing.serve_cases and not standing.withheld:
        return ""
    hidden = f", {standing.withheld} not shown" if standing.withheld else ""
    bucket = _VERDICTS[_bucket(report, standing)]
    if standing.not_counted:
        hidden += f", {standing.not_counted} {_WITHOUT_102}"
    return f"{bucket} {standing.served} of {standing.serve_cases}{hidden}"


def _since(report: Report, row: RowId, every: Mapping[RowId, summary.Standing]) -> str:
    """`7.0`, and what it was before: `3.8.6 to 3.10.11: fails`."""
    older = report.older(row)
    if not older:
        return ""
    spans: list[tuple[str, list[str]]] = [(_bucket(report, every[row]), [row.version])]
    for one in older:  # newest first; versions in a row that stand alike are one span
        bucket = _bucket(report, every[one])
        if spans[-1][0] != bucket:
            spans.append((bucket, []))
        spans[-1][1].append(one.version)
    words: list[str] = []
    for number, (bucket, versions) in enumerate(spans):
        if number == 0:
            words.append(escape_markdown(versions[-1]) + (" or before" if len(spans) == 1 else ""))
            continue
        span = versions[0] if len(versions) == 1 else f"{versions[-1]} to {versions[0]}"
        words.append(f"{escape_markdown(span)}: {_WORDS[bucket]}")
    return "; ".join(words)


def _families(report: Report) -> Iterator[str]:
    yield "## Scenario by scenario"
    yield ""
    counts: dict[str, set[str]] = {}
    for column in report.columns:
        family = report.scenarios[column.scenario].family
        counts.setdefault(group(family), set()).add(column.scenario)
    for name in sorted(counts):
        link = f"[{escape_markdown(name)}]({_BASE}{family_file(name)})"
        yield f"- {link}: {count_of(len(counts[name]), 'scenario')}"
    yield ""


def _skipped(report: Report) -> Iterator[str]:
    if not report.skipped:
        return
    yield "## Not tested here"
    yield ""
    for entry in report.skipped:
        yield f"- {escape_markdown(entry.client)}: {escape_markdown(entry.why)}"
