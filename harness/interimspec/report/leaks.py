# SPDX-License-Identifier: MIT
"""Whether the published files say what the embargo forbids: read from the files as anybody reads
them, so that a mistake in what makes them is found as well."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from interimspec.cases import TELLING

from .embargo import Embargo, is_covered, load_embargo
from .markdown import CLIENTS, FAMILIES
from .model import ReportError

_HEADING = re.compile(r"^### (\S+)$")
_SCENARIO = re.compile(r"\[`([^`]+)`\]\([^)]*\)(?: \(([a-z0-9, ]+)\))?")
_GRADE = re.compile(r"^- \*\*([a-z]+)\*\*")
_VERSIONS = re.compile(r"^  - ([^\[]+): \[")
_VARIANT = re.compile(r" \(([^()]+)\)$")
_CLIENT = re.compile(rf"\[([^\]]*)\]\(\.\./{CLIENTS}/([^)]+)\.md\)(?: \(([a-z0-9, ]+)\))?")


def check_published(embargo: Path | None, reports: Path) -> list[str]:
    """What the committed files say that the embargo forbids; empty if all is well.

    Reads results/*.json and the pages of clients and families below `reports`; COMPATIBILITY.md
    names no cell.
    """
    entries = load_embargo(embargo)
    problems: list[str] = []
    if not entries:
        return problems
    for path in sorted(reports.glob("results/*.json")):
        problems += _check_results(path, entries)
    for folder, told in ((CLIENTS, _told_of_client), (FAMILIES, _told_of_family)):
        for page in sorted(reports.glob(f"{folder}/*.md")):
            problems += [
                f"{page}:{number}: {client} {scenario}[{transport}] is under embargo, and the page "
                f"says {grade}"
                for number, grade, client, scenario, transport, variant in told(page)
                if grade in TELLING and is_covered(entries, client, scenario, transport, variant)
            ]
    return problems


def _check_results(path: Path, entries: Sequence[Embargo]) -> list[str]:
    try:
        data = json.loads(path.read_bytes())
        client, cells = str(data["client"]), dict(data["cells"])
        variant = str(data.get("variant") or "")
        grades = {str(name): str(cell["grade"]) for name, cell in cells.items()}
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path}: is no results file: {error!r}") from error
    return [
        f"{path}: {client} {name} is under embargo, and the file says {grade}"
        for name, grade in grades.items()
        if grade in TELLING and is_covered(entries, client, *_cell(name), variant)
    ]


def _cell(name: str) -> tuple[str, str]:
    scenario, _, rest = name.partition("[")
    return scenario, rest.removesuffix("]")


# Line, grade, client, scenario, transport, variant; None where the line is about several rows.
Told = tuple[int, str, str, str, str, str | None]


def _told_of_client(page: Path) -> Iterator[Told]:
    """Headings are grades; below each stand the scenarios that got it."""
    grade = ""
    for number, line in _lines(page):
        heading = _HEADING.match(line)
        if line.startswith("#"):
            grade = heading.group(1) if heading else ""
        rows = _VERSIONS.match(line)
        variant = _variant(rows.group(1)) if rows else None
        for scenario, transports in _SCENARIO.findall(line):
            for transport in _transports(transports):
                yield number, grade, page.stem, scenario, transport, variant


def _told_of_family(page: Path) -> Iterator[Told]:
    """Headings are scenarios; each line below is a grade and the clients that got it."""
    scenario = ""
    for number, line in _lines(page):
        heading = _HEADING.match(line)
        if line.startswith("#"):
            scenario = heading.group(1) if heading else ""
        grade = _GRADE.match(line)
        if grade:
            for name, client, transports in _CLIENT.findall(line):
                for transport in _transports(transports):
                    yield number, grade.group(1), client, scenario, transport, _variant(name)


def _variant(versions: str) -> str | None:
    """Of `1.0` none, of `1.0 (keep-alive)` that one; of several rows it cannot be told."""
    if versions == "every version" or ", " in versions:
        return None
    found = _VARIANT.search(versions.replace("\\", ""))
    return found.group(1) if found else ""


def _lines(page: Path) -> Iterator[tuple[int, str]]:
    try:
        return enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    except OSError as error:
        raise ReportError(f"{page}: cannot be read: {error.strerror}") from error


def _transports(text: str) -> list[str]:
    return text.split(", ") if text else ["h1"]
