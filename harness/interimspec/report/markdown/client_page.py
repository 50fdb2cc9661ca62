# SPDX-License-Identifier: MIT
"""A page for each client: its versions side by side, what was found in words, and how to see it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..model import FINDINGS, GRADES, Case, Client, ColumnId, Report, RowId
from ..questions import QUESTIONS, by_question
from ..safe import code_markdown, escape_markdown, safe_link
from ..summary import WITHOUT_102, fails_without_102
from ..told_words import words_of
from ..words import count_of, limit_in_words, plain
from .parts import (
    MARK,
    TRANSPORT_WORDS,
    counted,
    not_measured,
    over,
    requirement_links,
    scenario_link,
    tally,
    transport_rank,
    transports_of,
    version_name,
)

_BASE = "../"
_IN_WORDS = ("danger", "fail", "warn", "info", "unsupported")
_REQUIREMENTS = 3
_ADDRESS = re.compile(r"https?://[^\s<>()\"'`]+[^\s<>()\"'`.,;:]")


def render(report: Report, name: str) -> str:
    """`name` is the client's; all its versions and variants are on the page."""
    clients = sorted(
        (client for client in report.clients if client.row.client == name),
        key=lambda client: client.row.sort_key(),
        reverse=True,
    )
    clients.sort(key=lambda client: client.row.variant)  # the default configuration first
    lines = [MARK]
    lines += _head(report, clients)
    lines += _side_by_side(report, clients)
    lines += _findings(report, clients)
    lines += _traits(report, clients)
    lines += _notes(clients[0])
    lines += _try_it(report, clients)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(report: Report, clients: Sequence[Client]) -> Iterator[str]:
    first = clients[0]
    yield f"# {escape_markdown(first.title)} and interim responses"
    yield ""
    facts = ", ".join(escape_markdown(word) for word in (first.language, first.kind) if word)
    home = safe_link(first.homepage)
    yield f"{facts}{f', <{home}>' if home else ''}. [All clients]({_BASE}COMPATIBILITY.md)"
    yield ""
    shown: dict[str, list[Client]] = {}
    for client in clients:
        shown.setdefault(client.interim_api or "not known", []).append(client)
    for api, who in shown.items():
        versions = "" if len(shown) == 1 else f" ({', '.join(map(version_name, who))})"
        told = "nothing shows them" if api == "none" else escape_markdown(api)
        yield f"- Interim responses are shown to the application by{versions}: {told}"
    for client in clients:
        stack = ", ".join(escape_markdown(f"{item.name} {item.version}") for item in client.stack)
        what = f": {escape_markdown(client.what)}" if client.what else ""
        made = f" Made of {stack}." if stack else ""
        yield f"- **{version_name(client)}**{what}. {counted(report.cases_of(client.row))}.{made}"
    yield ""


def _side_by_side(report: Report, clients: Sequence[Client]) -> Iterator[str]:
    cases = {client.row: report.cases_of(client.row) for client in clients}
    transports = transports_of(case for found in cases.values() for case in found)
    yield "## Version by version"
    yield ""
    for transport in transports:
        yield f"### {TRANSPORT_WORDS.get(transport, transport)}"
        yield ""
        yield f"| Question | {' | '.join(version_name(client) for client in clients)} |"
        yield "|---" * (len(clients) + 1) + "|"
        sorted_out = {
            row: by_question(report, (c for c in found if c.column.transport == transport))
            for row, found in cases.items()
        }
        for question in QUESTIONS:
            cells = [tally(sorted_out[client.row].get(question.key, ())) for client in clients]
            if any(cells):
                yield f"| {question.asks} | {' | '.join(cells)} |"
        yield ""
    missing = {version_name(client): not_measured(report, client) for client in clients}
    if any(missing.values()):
        words = ", ".join(f"{name}: {count}" for name, count in missing.items() if count)
        yield f"Cells without a result, as they could not be measured, or not twice alike: {words}."
        yield ""
    yield f"[What the signs mean]({_BASE}COMPATIBILITY.md#how-to-read-the-table)"
    yield ""


@dataclass
class _Finding:
    """Cells that got the same grade for the same thing."""

    grade: str
    words: str
    without_102: bool = False  # it is found in the same exchanges without a 102 too
    where: dict[str, dict[str, set[RowId]]] = field(default_factory=dict)  # scenario, transport
    requirements: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case) -> None:
        scenario = self.where.setdefault(case.column.scenario, {})
        scenario.setdefault(case.column.transport, set()).add(case.row)
        self.requirements.update(case.requirements)


def _findings(report: Report, clients: Sequence[Client]) -> Iterator[str]:
    """By grade, then by what happened, most frequent first; under it the versions, and the
    scenarios of each set of versions."""
    found: dict[tuple[str, str, bool], _Finding] = {}
    hidden: dict[str, set[str]] = {}
    for client in clients:
        for case in report.cases_of(client.row):
            if case.grade == "withheld":
                hidden.setdefault(case.column.scenario, set()).add(case.column.transport)
            if case.grade in _IN_WORDS:
                words = words_of(case) or case.outcome or "no words"
                key = case.grade, words, fails_without_102(report, case)
                found.setdefault(key, _Finding(*key)).add(case)
    yield "## What was found"
    yield ""
    if not found and not hidden:
        yield "Nothing but passes."
        yield ""
    for grade in GRADES:
        mine = [one for one in found.values() if one.grade == grade]
        if mine:
            yield f"### {grade}"
            yield ""
            for one in sorted(mine, key=lambda one: (one.without_102, -len(one.where), one.words)):
                yield from _finding(report, one, clients)
            yield ""
    if hidden:
        yield "### withheld"
        yield ""
        yield "Not public yet: the maintainers are to hear of it first."
        yield ""
        yield f"- {_scenarios(report, hidden)}"
        yield ""


def _finding(report: Report, one: _Finding, clients: Sequence[Client]) -> Iterator[str]:
    words = one.words[:1].upper() + one.words[1:]
    if one.without_102:
        words += f" ({WITHOUT_102})"
    yield f"- {escape_markdown(words)}.{_breaks(report, one)}"
    spans: dict[frozenset[RowId], dict[str, set[str]]] = {}
    for scenario, by_transport in one.where.items():
        for transport, which in by_transport.items():
            spans.setdefault(frozenset(which), {}).setdefault(scenario, set()).add(transport)
    for rows in sorted(spans, key=lambda rows: [client.row not in rows for client in clients]):
        found = spans[rows]
        # What cannot be asked is no news about one scenario or another.
        what = (
            count_of(len(found), "scenario")
            if one.grade == "unsupported"
            else _scenarios(report, found)
        )
        yield f"  - {_versions(rows, clients)}: {what}"


def _breaks(report: Report, one: _Finding) -> str:
    """The requirements that most of its scenarios are about; a family page has those of each."""
    if one.grade not in FINDINGS:
        return ""
    often = sorted(one.requirements, key=lambda name: (-one.requirements[name], name))
    links = requirement_links(report, often[:_REQUIREMENTS])
    return f" ({links})" if links else ""


def _versions(rows: frozenset[RowId], clients: Sequence[Client]) -> str:
    if len(clients) == 1:
        return version_name(clients[0])
    if len(rows) == len(clients):
        return "every version"
    return ", ".join(version_name(client) for client in clients if client.row in rows)


def _scenarios(report: Report, found: Mapping[str, Iterable[str]]) -> str:
    return ", ".join(
        scenario_link(report, scenario, _BASE) + over(found[scenario]) for scenario in sorted(found)
    )


def _traits(report: Report, clients: Sequence[Client]) -> Iterator[str]:
    """A line for each thing that was measured and each answer; scenarios that agree share one."""
    values: dict[tuple[str, ColumnId], dict[RowId, str]] = {}
    for client in clients:
        for case in report.cases_of(client.row):
            for name, value in case.traits.items():
                if limit_in_words(value):  # named by the question, not by what was varied
                    name = report.scenarios[case.column.scenario].title
                values.setdefault((name, case.column), {})[client.row] = plain(value)
    if not values:
        return
    lines: dict[tuple[str, tuple[str, ...]], dict[str, list[str]]] = {}
    for (name, column), of_rows in values.items():
        answers = tuple(of_rows.get(client.row, "") for client in clients)
        scenarios = lines.setdefault((name, answers), {})
        scenarios.setdefault(column.scenario, []).append(column.transport)
    yield "## What it does where nothing is required"
    yield ""
    yield f"| | {' | '.join(version_name(client) for client in clients)} | Scenarios |"
    yield "|---" * (len(clients) + 2) + "|"
    for name, answers in sorted(lines):
        cells = [escape_markdown(name.replace("_", " ")), *map(escape_markdown, answers)]
        yield f"| {' | '.join(cells)} | {_scenarios(report, lines[name, answers])} |"
    yield ""


def _notes(client: Client) -> Iterator[str]:
    """As the manifest has them, with the addresses in them as links."""
    if not client.notes:
        return
    yield "## Notes"
    yield ""
    for paragraph in re.split(r"\n\s*\n", client.notes):
        yield _linked(" ".join(paragraph.split()))
        yield ""


def _linked(text: str) -> str:
    parts: list[str] = []
    at = 0
    for match in _ADDRESS.finditer(text):
        url = safe_link(match.group())
        if url is None:
            continue
        parts += [escape_markdown(text[at : match.start()]), f"<{url}>"]
        at = match.end()
    return "".join([*parts, escape_markdown(text[at:])])


def _try_it(report: Report, clients: Sequence[Client]) -> Iterator[str]:
    """The worst cell of the first row that has a finding, else any."""
    case = _telling(report, clients)
    if case is None:
        return
    row = shlex.quote(str(case.row))
    scenario = case.column.scenario
    over_ = "" if case.column.transport == "h1" else f" --transport {case.column.transport}"
    yield "## See it yourself"
    yield ""
    yield f"In a checkout of interimspec, after `make setup`, for {code_markdown(scenario)}:"
    yield ""
    yield "```sh"
    yield f"build/venv/bin/interimspec run --client {row} --scenario {scenario}{over_}"
    yield f"build/venv/bin/interimspec explain {row} {scenario}"
    if case.grade in FINDINGS:
        yield f"build/venv/bin/interimspec draft {row} {scenario}  # a report, with a script"
    yield "```"
    yield ""
    yield (
        "The second command shows the octets that were sent and when, what came back, and what the "
        f"client told. By hand: `build/venv/bin/interimspec serve {scenario}`, and the client "
        "against the address that it prints."
    )


def _telling(report: Report, clients: Sequence[Client]) -> Case | None:
    """The simplest scenario with the worst grade, of the first row that has one worth showing."""
    for grades in (("danger",), ("fail",), ("warn",), ("pass", "info")):
        for client in clients:
            found = [case for case in report.cases_of(client.row) if case.grade in grades]
            if found:
                return min(
                    found,
                    key=lambda case: (
                        transport_rank(case.column.transport),
                        not report.about_102(case),
                        case.family != "single",
                        len(report.scenarios[case.column.scenario].text),
                        case.column,
                    ),
                )
    return None
