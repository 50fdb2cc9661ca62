# SPDX-License-Identifier: MIT
"""The report on a terminal: who survives, clients by families, the findings, the totals last.

Totals come last because that is what stays on the screen. The two columns of a finding are the two
arguments of `interimspec explain`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TextIO

from . import summary
from .model import FINDINGS, GRADES, UNDECIDED, Case, Client, Report
from .safe import clip, visible, width_of
from .words import GRADE_WORDS, count_of

# One look at a cell: what is shown of a family, at most two grades, worst first.
_NOTABLE = ("danger", "fail", "error", "inconclusive", "warn")
_COLORS = {
    "danger": "1;97;41",
    "fail": "31",
    "error": "1;30;43",
    "inconclusive": "33",
    "warn": "33",
    "info": "36",
    "unsupported": "2",
    "withheld": "2",
    "pass": "32",
    "title": "1",
}
_BUCKET_GRADE = {
    "survives": "pass",
    "edges": "warn",
    "fails": "fail",
    "poisoned": "danger",
    "undecided": "error",
}
_BUCKET_SIGNS = {"edges": "~", "undecided": "?"}
_NAME_MAX = 38
# A terminal shows what a person scrolls through; of more there are counts, and the page has all.
_ROWS_SHOWN = 60
_CASES_SHOWN = 200
_GAP = 2


def wants_color(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Colours on a terminal only, and never against NO_COLOR (https://no-color.org)."""
    environ = os.environ if environ is None else environ
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


class Terminal:
    """Writes one report to one stream. Text goes through `visible`, styles around it."""

    def __init__(self, stream: TextIO, width: int, color: bool) -> None:
        self._stream = stream
        self._width = width if width > 0 else 1_000_000
        self._color = color
        self._unicode = _can_encode(stream, "✓–⊘…×·")
        self._ellipsis = "…" if self._unicode else "..."

    def write(self, report: Report) -> None:
        self._heading(report)
        self._survivors(report)
        self._table(report)
        self._findings(report)
        self._undecided(report)
        self._skipped(report)
        self._totals(report)

    # Pieces

    def _line(self, text: str = "") -> None:
        if not self._unicode:
            encoding = self._stream.encoding or "ascii"
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(text.rstrip() + "\n")

    def _style(self, text: str, style: str) -> str:
        if not self._color or not text:
            return text
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m"

    def _sign(self, grade: str) -> str:
        words = GRADE_WORDS[grade]
        return words.sign if self._unicode else words.ascii

    def _clip(self, text: str, width: int) -> str:
        return clip(text, max(width, 1), self._ellipsis)

    def _title(self, text: str) -> None:
        self._line()
        self._line(self._style(text, "title"))

    def _wrapped(self, prefix: str, words: Iterable[str], indent: int) -> None:
        line, used = prefix, width_of(prefix)
        items = list(words)
        for number, word in enumerate(items):
            text = visible(word) + ("," if number < len(items) - 1 else "")
            if used + 1 + width_of(text) > self._width and used > indent:
                self._line(line)
                line, used = " " * indent, indent
            line += (" " if used > 0 else "") + text
            used += 1 + width_of(text)
        self._line(line)

    # Sections

    def _heading(self, report: Report) -> None:
        by = "×" if self._unicode else "x"
        head = (
            f"interimspec: {report.who()} {by} "
            f"{report.asked()}, {count_of(len(report.cases), 'case')}"
        )
        self._line(self._style(head, "title"))
        for run in report.runs:
            self._line(self._clip(f"run {visible(run.id)}, {visible(str(run.path))}", self._width))
        for run in report.runs:
            if not run.complete:
                self._line()
                text = f" PARTIAL: run {visible(run.id)} did not finish: {run.partial_because}."
                self._line(self._style(self._clip(visible(text), self._width), "error"))
                self._line(
                    " What follows is what it had found; a cell that is missing is not a pass."
                )
        for note in report.notes:
            self._line(f" Note: {visible(note)}")

    def _survivors(self, report: Report) -> None:
        self._title("Who survives 102")
        standings = sorted(
            (summary.standing(report, client) for client in _speakers(report)),
            key=lambda s: s.client.row.sort_key(),
        )
        for bucket in reversed(summary.BUCKETS):
            members = [s for s in standings if s.bucket == bucket]
            if not members:
                continue
            grade = _BUCKET_GRADE[bucket]
            sign = self._style(_BUCKET_SIGNS.get(bucket) or self._sign(grade), grade)
            title = f"{summary.BUCKET_TITLES[bucket]} ({len(members)}):"
            self._line(f"  {sign} {title}")
            if bucket == "edges":
                for words, found in summary.by_edge(members):
                    head = f"{' ' * 5} not {words} ({len(found)}):"
                    self._wrapped(head, [_name(s.client) for s, _ in found], 9)
            else:
                self._wrapped(" " * 5, [_named(s) for s in members], 5)
        not_counted = sum(s.not_counted for s in standings)
        if not_counted:
            failing = count_of(not_counted, "failure")
            self._line(f"  Not counted: {failing}, as the same fails without any 102")
        if any(s.danger_elsewhere and s.bucket == "survives" for s in standings):
            self._line("  * but takes wrong data for right in other scenarios")

    def _table(self, report: Report) -> None:
        families = sorted({_group(family) for family in report.families()})
        clients = _speakers(report)
        if not clients or not families:
            return
        names = [self._clip(visible(str(c.row)), _NAME_MAX) for c in clients]
        first = max(width_of(name) for name in names) + _GAP
        heads = [self._clip(visible(family), 14) for family in families]
        cells = [self._cells(report, client, families) for client in clients]
        widths = [
            max([width_of(head)] + [width_of(_plain(row[i])) for row in cells]) + _GAP
            for i, head in enumerate(heads)
        ]
        self._title("Clients by families (worst grades first; how many)")
        for block in _blocks(widths, self._width - first):
            head = " " * first + "".join(_pad(heads[i], widths[i]) for i in block)
            self._line(self._style(head.rstrip(), "title"))
            for name, row in zip(names, cells, strict=True):
                line = _pad(name, first)
                for i in block:
                    styled = " ".join(self._style(text, grade) for grade, text in row[i])
                    line += styled + " " * (widths[i] - width_of(_plain(row[i])))
                self._line(line)
            if block[-1] != len(heads) - 1:
                self._line()
        older = len(report.clients) - len(clients)
        if older:
            self._line()
            self._line(f" {count_of(older, 'older version')} left out here and above; the page has")
            self._line(" them, and `interimspec diff OLD NEW` says what changed.")
        self._legend(report)

    def _cells(
        self, report: Report, client: Client, families: list[str]
    ) -> list[list[tuple[str, str]]]:
        counts: dict[str, Counter[str]] = {family: Counter() for family in families}
        for case in report.cases_of(client.row):
            counts[_group(report.scenarios[case.column.scenario].family)][case.grade] += 1
        return [self._cell(counts[family]) for family in families]

    def _cell(self, counts: Counter[str]) -> list[tuple[str, str]]:
        """At most two grades of a family, worst first, and how often."""
        if not counts:
            return [("unsupported", "·" if self._unicode else "")]
        shown = [grade for grade in _NOTABLE if counts[grade]][:2]
        if not shown:
            shown = [grade for grade in ("pass", *GRADES) if counts[grade]][:1]
        return [(grade, f"{self._sign(grade)}{counts[grade]}") for grade in shown]

    def _legend(self, report: Report) -> None:
        present = summary.totals(report)
        words = [f"{self._sign(grade)} {grade}" for grade in GRADES if present.get(grade)]
        self._line()
        self._wrapped(" ", words, 1)

    def _findings(self, report: Report) -> None:
        cases = [case for case in report.sorted_cases() if case.grade in FINDINGS]
        if not cases:
            return
        first = cases[0]
        self._title(f"Findings ({len(cases)})")
        self._line("Bytes and times behind each: interimspec explain CLIENT SCENARIO, as in")
        self._line(
            f"  interimspec explain {_pasted(str(first.row))} {_pasted(first.column.scenario)}"
        )
        self._line()
        self._cases(cases)

    def _cases(self, cases: list[Case]) -> None:
        if len(cases) > _CASES_SHOWN:
            self._counts(cases)
            return
        rows = [self._clip(visible(str(case.row)), _NAME_MAX) for case in cases]
        columns = [visible(_column_name(case)) for case in cases]
        first = max(map(width_of, rows)) + _GAP
        second = min(max(map(width_of, columns)), max(self._width // 3, 24)) + _GAP
        for case, row, column in zip(cases, rows, columns, strict=True):
            sign = self._style(self._sign(case.grade), case.grade)
            text = _pad(row, first) + _pad(self._clip(column, second - _GAP), second)
            marks = " [embargo]" if case.under_embargo else ""
            marks += " [unstable]" if case.unstable else ""
            sentence = visible(case.sentence) or (case.outcome or "")
            room = self._width - 2 - width_of(text) - len(marks)
            self._line(f"{sign} {text}{self._clip(sentence, room)}{marks}")

    def _counts(self, cases: list[Case]) -> None:
        """A line for each row: how many, and the first of the worst."""
        rows: dict[str, list[Case]] = {}
        for case in cases:
            rows.setdefault(visible(str(case.row)), []).append(case)
        first = max(min(width_of(row), _NAME_MAX) for row in rows) + _GAP
        for row, found in rows.items():
            counts = Counter(case.grade for case in found)
            parts = [(g, f"{self._sign(g)}{counts[g]}") for g in GRADES if counts[g]]
            shown = " ".join(self._style(text, grade) for grade, text in parts)
            used = first + max(len(_plain(parts)), 10) + 1
            gap = " " * max(10 - len(_plain(parts)) + 1, 1)
            example = f"{_column_name(found[0])}: {found[0].sentence or found[0].outcome}"
            room = self._width - used
            text = self._clip(visible(example), room) if room > 12 else ""
            self._line(_pad(self._clip(row, _NAME_MAX), first) + shown + gap + text)

    def _undecided(self, report: Report) -> None:
        cases = [case for case in report.sorted_cases() if case.grade in UNDECIDED]
        if not cases:
            return
        self._line()
        self._line(
            self._style(
                f" NOT MEASURED ({len(cases)}): these say nothing about the client ", "error"
            )
        )
        self._cases(cases)

    def _skipped(self, report: Report) -> None:
        if not report.skipped:
            return
        self._title(f"Skipped ({len(report.skipped)})")
        for entry in report.skipped:
            how = f": {entry.how}" if entry.how else ""
            self._line(f"  {visible(entry.client)}: {visible(entry.why)}{visible(how)}")

    def _totals(self, report: Report) -> None:
        counts = summary.totals(report)
        self._title("Totals")
        parts = [
            self._style(f"{counts[grade]} {grade}", grade) for grade in GRADES if counts.get(grade)
        ]
        line = "  " + ", ".join(parts)
        missing = summary.missing_cases(report)
        if missing:
            line += f"; {missing} not run"
        self._line(line)
        worst = [run.id for run in report.runs if not run.complete]
        if worst:
            self._line(self._style(f" PARTIAL: {', '.join(map(visible, worst))} ", "error"))


def _speakers(report: Report) -> list[Client]:
    """The rows that are shown one by one: of many clients only the newest version of each."""
    if len(report.clients) <= _ROWS_SHOWN:
        return list(report.clients)
    return [client for client in report.clients if report.is_newest(client.row)]


def _name(client: Client) -> str:
    row = client.row
    return f"{row.client} {row.version}" + (f"+{row.variant}" if row.variant else "")


def _named(standing: summary.Standing) -> str:
    mark = "*" if standing.bucket == "survives" and standing.danger_elsewhere else ""
    text = _name(standing.client)
    if standing.bucket in ("fails", "poisoned"):
        text += f" ({standing.served}/{standing.serve_cases})"
    return text + mark


def _group(family: str) -> str:
    """frameworks/go and frameworks/php are one column."""
    return family.split("/", 1)[0]


def _column_name(case: Case) -> str:
    suffix = "" if case.column.transport == "h1" else f"[{case.column.transport}]"
    return case.column.scenario + suffix


def _pasted(text: str) -> str:
    """For a line that somebody may paste into a shell."""
    text = visible(text)
    plain = all(c.isalnum() or c in "@%+=:,./_-" for c in text) and text.isascii()
    return text if plain else "'" + text.replace("'", "'\\''") + "'"


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _plain(cell: list[tuple[str, str]]) -> str:
    return " ".join(text for _, text in cell)


def _pad(text: str, width: int) -> str:
    return text + " " * max(width - width_of(text), 0)


def _blocks(widths: list[int], room: int) -> list[list[int]]:
    """The columns, in as many tables as it takes to fit."""
    blocks: list[list[int]] = []
    used = 0
    for index, width in enumerate(widths):
        if not blocks or used + width - _GAP > room:
            blocks.append([])
            used = 0
        blocks[-1].append(index)
        used += width
    return blocks
