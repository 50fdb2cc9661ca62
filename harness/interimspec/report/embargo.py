# SPDX-License-Identifier: MIT
"""What must not be published yet.

`embargo.toml` names findings that their maintainers know of and the public does not:

    [[embargo]]
    client = "example"              # the client's name; applies to all its versions
    scenario = "chunked-*"          # a shell pattern over scenario ids
    reason = "Response of another user delivered; no public report was found."
    reported = 2026-11-02
    publish_after = 2027-02-01
    contact = "security@example.org"

`redact` takes such cells out of a Report before any renderer sees them: neither grade nor sentence
nor evidence is left to leak, and no total counts them. A cell stays withheld until its entry is
removed by hand; a date that has passed is a reminder (`due`), not a trigger, because publication
should be somebody's decision.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from .model import Case, Report, ReportError

_KEYS = ("client", "scenario", "reason", "reported", "publish_after", "contact")


@dataclass(frozen=True)
class Embargo:
    client: str
    scenario: str
    reason: str
    reported: date
    publish_after: date
    contact: str

    def covers(self, client: str, scenario: str) -> bool:
        return client == self.client and fnmatchcase(scenario, self.scenario)


def load_embargo(path: Path | None) -> tuple[Embargo, ...]:
    """The entries of the file; none if no file was named. A named file must exist: a typing error
    in its path would publish what it protects."""
    if path is None:
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: {error}") from error
    unknown = sorted(set(data) - {"embargo"})
    if unknown:
        raise ReportError(f"{path}: unknown key {unknown[0]!r}; entries are [[embargo]] tables")
    entries = data.get("embargo", [])
    if not isinstance(entries, list):
        raise ReportError(f"{path}: embargo must be a list of tables: write [[embargo]]")
    return tuple(_entry(path, number, item) for number, item in enumerate(entries, start=1))


def _entry(path: Path, number: int, item: object) -> Embargo:
    where = f"{path}: entry {number}"
    if not isinstance(item, dict):
        raise ReportError(f"{where} is not a table: write [[embargo]]")
    for key in item:
        if key not in _KEYS:
            raise ReportError(f"{where}: unknown key {key!r}")
    for key in _KEYS:
        wanted = date if key in ("reported", "publish_after") else str
        if key not in item:
            raise ReportError(f"{where}: {key!r} is missing")
        if not isinstance(item[key], wanted) or item[key] == "":
            kind = "a date (2027-02-01)" if wanted is date else "a string that is not empty"
            raise ReportError(f"{where}: {key!r} must be {kind}")
    return Embargo(*(item[key] for key in _KEYS))


def is_covered(entries: Sequence[Embargo], client: str, scenario: str) -> bool:
    return any(entry.covers(client, scenario) for entry in entries)


def due(entries: Sequence[Embargo], today: date) -> list[Embargo]:
    """Entries whose date has passed: somebody should publish and remove them."""
    return [entry for entry in entries if entry.publish_after < today]


def redact(report: Report, entries: Sequence[Embargo]) -> Report:
    """The report as it may be published."""
    return _replace_cases(report, entries, _withheld)


def mark(report: Report, entries: Sequence[Embargo]) -> Report:
    """The report as it may be read here, with what is under embargo marked as such."""
    return _replace_cases(report, entries, lambda case: replace(case, under_embargo=True))


def _replace_cases(
    report: Report, entries: Sequence[Embargo], change: Callable[[Case], Case]
) -> Report:
    cases = {
        key: change(case) if is_covered(entries, case.row.client, case.column.scenario) else case
        for key, case in report.cases.items()
    }
    return replace(report, cases=cases)


def _withheld(case: Case) -> Case:
    """An entry covers every version of a client; those that do well are no secret."""
    if case.grade not in _TELLING:
        return case
    return replace(
        case,
        outcome=None,
        grade="withheld",
        sentence="Withheld until the client's maintainers have had time; not yet published.",
        facts={},
        reasons=(),
        traits={},
        unstable=False,
        repeats=(),
        attempts=1,
        duration_ms=0.0,
        baseline=None,
        evidence=None,
        under_embargo=True,
    )


_SECTION = re.compile(r"^### .*<a id=\"([^\"]+)\"></a>")
_FINDING = re.compile(r"^- \*\*(\w+)\*\* `([^`]+)`")
_ROW = re.compile(r"^\| \[[^\]]*\]\(#([^@)]+)@[^)]*\) \| (.*) \|$")
_TELLING = frozenset({"danger", "fail", "warn"})


def check_published(embargo: Path | None, reports: Path) -> list[str]:
    """What the committed files say that the embargo forbids; empty if all is well.

    Reads COMPATIBILITY.md and results/*.json below `reports`.
    """
    entries = load_embargo(embargo)
    problems: list[str] = []
    if not entries:
        return problems
    for path in sorted(reports.glob("results/*.json")):
        problems += _check_results(path, entries)
    page = reports / "COMPATIBILITY.md"
    if page.is_file():
        problems += _check_page(page, entries)
    return problems


def _check_results(path: Path, entries: Sequence[Embargo]) -> list[str]:
    try:
        data = json.loads(path.read_bytes())
        client, cells = str(data["client"]), dict(data["cells"])
        grades = {str(name): str(cell["grade"]) for name, cell in cells.items()}
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path}: is no results file: {error!r}") from error
    return [
        f"{path}: {client} {name} is under embargo, and the file says {grade}"
        for name, grade in grades.items()
        if grade in _TELLING and is_covered(entries, client, name.split("[", 1)[0])
    ]


def _check_page(page: Path, entries: Sequence[Embargo]) -> list[str]:
    problems = []
    client = ""
    columns: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        section = _SECTION.match(line)
        if section:
            client = section.group(1).split("@", 1)[0]
        finding = _FINDING.match(line)
        told: list[tuple[str, str, str]] = []
        if finding:
            told.append((client, finding.group(2), finding.group(1)))
        elif line.startswith("| Client | `"):
            columns = [cell.strip(" `") for cell in line.strip("|").split("|")[1:]]
        elif row := _ROW.match(line):
            signs = [cell.strip() for cell in row.group(2).split("|")]
            told += [(row.group(1), name, sign) for name, sign in zip(columns, signs, strict=False)]
        else:
            columns = columns if line.startswith("|") else []
        problems += [
            f"{page}:{number}: {name} {column} is under embargo, and the line says {grade}"
            for name, column, grade in told
            if grade.strip("*") in _TELLING | {"D", "F", "w"}
            and is_covered(entries, name, column.split("[", 1)[0])
        ]
    return problems
