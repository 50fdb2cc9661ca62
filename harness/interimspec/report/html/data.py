# SPDX-License-Identifier: MIT
"""What the script of the page reads: names and results at once, evidence when a cell is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..load import load_evidence
from ..model import (
    FINDINGS,
    GRADES,
    Case,
    Client,
    ColumnId,
    Report,
    Requirement,
    RowId,
    ScenarioInfo,
)
from ..safe import safe_link, visible_lines
from ..words import BYTE_CLASS_WORDS, CLASS_WORDS, CONNECTION_WORDS, GRADE_WORDS, OUTCOME_WORDS
from . import evidence as evidence_view
from .embed import packed_block
from .markup import Html
from .names import client_name, column_key, row_key


def data(report: Report) -> dict[str, Any]:
    """All that the page needs before a cell is opened. Sentences are listed once, and so is what
    cells say: most cells of a large matrix share a few."""
    sentences: dict[str, int] = {}
    kinds: dict[tuple[int, str, int, str, int], int] = {}
    rows = []
    for number, client in enumerate(report.clients):
        cells: list[int] = []  # of each column, which of `kinds`; -1 where there is no case
        for column in report.columns:
            case = report.case(client.row, column)
            if case is None:
                cells.append(-1)
                continue
            kind = (
                GRADES.index(case.grade),
                case.outcome or "",
                sentences.setdefault(case.sentence, len(sentences)),
                case.connection or "",
                int(case.unstable) + 2 * int(case.under_embargo),
            )
            cells.append(kinds.setdefault(kind, len(kinds)))
        newest = report.is_newest(client.row)
        more = {"block": f"evidence-{number}", "newest": newest, "cells": cells}
        rows.append(_client(client) | more)
    shown = {column.scenario for column in report.columns}
    result = {
        "grades": {g: {"sign": w.sign, "meaning": w.meaning} for g, w in GRADE_WORDS.items()},
        "gradeOrder": list(GRADES),
        "outcomes": OUTCOME_WORDS,
        "connections": CONNECTION_WORDS,
        "classes": CLASS_WORDS,
        "byteClasses": BYTE_CLASS_WORDS,
        "sentences": list(sentences),
        "kinds": [list(kind) for kind in kinds],
        "columns": [
            {"key": column_key(c), "scenario": c.scenario, "transport": c.transport}
            for c in report.columns
        ],
        "scenarios": {s.id: _scenario(s) for s in report.scenarios.values() if s.id in shown},
        "requirements": {r.id: _requirement(r) for r in report.requirements.values()},
        "rows": rows,
    }
    cleaned = _printable(result)
    assert isinstance(cleaned, dict)
    return cleaned


def _printable(value: object) -> object:
    """Every text in it, made to print as it reads."""
    if isinstance(value, str):
        return visible_lines(value)
    if isinstance(value, Mapping):
        return {visible_lines(str(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value


def _scenario(scenario: ScenarioInfo) -> dict[str, Any]:
    return {
        "title": scenario.title,
        "family": scenario.family,
        "class": scenario.class_,
        "why": scenario.why.strip(),
        "dispute": scenario.dispute.strip(),
        "requirements": list(scenario.requirements),
        "text": scenario.text,
    }


def _requirement(requirement: Requirement) -> dict[str, Any]:
    return {
        "name": requirement.name,
        "level": requirement.level,
        "binds": requirement.binds,
        "text": requirement.text,
        "link": safe_link(requirement.link) or "",
    }


def _client(client: Client) -> dict[str, Any]:
    return {
        "key": row_key(client.row),
        "client": client.row.client,
        "name": client_name(client),
        "language": client.language,
        "kind": client.kind,
        "homepage": safe_link(client.homepage) or "",
        "interim": client.interim_api,
        "notes": client.notes,
        "stack": [f"{item.name} {item.version}" for item in client.stack],
    }


PAGE_OCTETS = 10_000_000  # what a page may weigh
CELL_OCTETS = 40  # of the data, for each cell; measured, as the next
EVIDENCE_OCTETS = 800  # of the packed evidence of a cell
LEAST_WITH_EVIDENCE = 2000


def with_evidence(report: Report) -> frozenset[tuple[RowId, ColumnId]]:
    """The cells whose evidence goes into the page: all, or those that tell most where all would
    make the page too large to open. `interimspec explain` shows the others."""
    room = (PAGE_OCTETS - CELL_OCTETS * len(report.cases)) // EVIDENCE_OCTETS
    room = max(room, LEAST_WITH_EVIDENCE)
    chosen = [case for case in report.cases.values() if case.grade != "withheld"]
    for tells in (_is_no_pass, _is_news, _is_finding_of_newest):
        if len(chosen) <= room:
            break
        chosen = [case for case in chosen if tells(report, case)]
    chosen.sort(key=lambda case: (GRADES.index(case.grade), case.row.sort_key(), case.column))
    return frozenset((case.row, case.column) for case in chosen[:room])


def _is_no_pass(report: Report, case: Case) -> bool:
    return case.grade not in ("pass", "unsupported")


def _is_news(report: Report, case: Case) -> bool:
    """Not what the newest version does as well."""
    newest = report.case(report.newest(case.row), case.column)
    return newest is None or newest is case or newest.outcome != case.outcome


def _is_finding_of_newest(report: Report, case: Case) -> bool:
    return case.grade in FINDINGS and report.is_newest(case.row)


def evidence_blocks(report: Report) -> list[Html]:
    blocks = []
    chosen = with_evidence(report)
    for number, client in enumerate(report.clients):
        cases = (
            (column_key(case.column), case, *load_evidence(case))
            for case in report.cases_of(client.row)
            if (case.row, case.column) in chosen
        )
        blocks.append(packed_block(f"evidence-{number}", evidence_view.columns_views(cases)))
    return blocks
