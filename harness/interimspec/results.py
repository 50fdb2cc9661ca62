# SPDX-License-Identifier: MIT
"""The committed results: reports/results/<client>@<version>.json, one file per row, sorted.

They hold what was found, never when or where: no times, ports or tokens, so that a changed line is
news. `accept` is the only writer. Of findings a short, normalised piece of evidence is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interimspec import timeline
from interimspec.cases import FINDINGS, TELLING, UNDECIDED, connection_class
from interimspec.errors import ResultsFault, UsageError
from interimspec.run_folder import row_id_of

FORMAT = 1
EVIDENCE_LIMIT = 4096
_FACTS = ("connection", "told", "delivered", "resent")
_TIMES = re.compile(r"(_ms|_at|^at|^t|^due|^left|^elapsed|^run|^port|^late.*|^timer_factor)$")

Cell = dict[str, Any]
Covers = Callable[[str, str, str, str], bool]  # client, scenario, transport, variant


@dataclass
class RowResults:
    """One file."""

    row: str
    head: dict[str, Any]
    cells: dict[str, Cell] = field(default_factory=dict)

    def to_text(self) -> str:
        """The file's text: one line per fact, in a fixed order."""
        data = {**self.head, "cells": {name: self.cells[name] for name in sorted(self.cells)}}
        return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def load(folder: Path) -> dict[str, RowResults]:
    """All rows of a results folder; empty when there is none."""
    found = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["v"] != FORMAT:
                raise ResultsFault(f"{path}: format {data['v']!r}; this interimspec reads {FORMAT}")
            cells = data.pop("cells")
            row = row_id_of(data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsFault(
                f"{path}: is no results file ({error}); restore it from version control, or remove "
                "it and type `interimspec accept`"
            ) from error
        found[row] = RowResults(row, data, cells)
    return found


def cell_of(record: Mapping[str, Any]) -> Cell:
    """What is worth keeping of a record."""
    facts = record.get("facts") or {}
    cell: Cell = {"outcome": record["outcome"], "grade": record["grade"]}
    for name in _FACTS:
        if name in facts:
            cell[name] = stable(facts[name])
    if record.get("traits"):
        cell["traits"] = stable(record["traits"])
    cell["reasons"] = stable(record.get("reasons") or [])
    if record.get("requirements"):
        cell["requirements"] = list(record["requirements"])
    cell["scenario_sha256"] = record["hashes"]["scenario"]
    return cell


def stable(value: Any) -> Any:
    """`value` without what differs from run to run."""
    if isinstance(value, Mapping):
        return {
            str(key): stable(inner) for key, inner in value.items() if not _TIMES.search(str(key))
        }
    if isinstance(value, list | tuple):
        return [stable(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 1)
    return value


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two cells say the same about the client, for a baseline."""
    return (
        one.get("outcome"),
        one.get("grade"),
        connection_class(one.get("connection")),
    ) == (other.get("outcome"), other.get("grade"), connection_class(other.get("connection")))


#: Where a client gives up may depend on how the octets fall into reads, or on how much of a stack
#: is compiled yet: such a limit moves by so large a part of itself from run to run, and is no news.
_LIMIT_MOVES = 1 / 3
_EXACT_TO = 128  # small limits are numbers that somebody chose: there every change is news
#: What is too much for a timer depends on how fast the machine is, and on what else it does.
_SLOW_LIMIT_MOVES = 3


def same_trait(one: Any, other: Any) -> bool:
    """Whether two values of one trait say the same about the client."""
    match one, other:
        case (
            {"good_to": int(good), "bad_from": int(bad), "then": then},
            {"good_to": int(other_good), "bad_from": int(other_bad), "then": other_then},
        ):
            moves = _SLOW_LIMIT_MOVES if then == "timeout" else _LIMIT_MOVES
            near = max(good, other_good) <= min(bad, other_bad) * (1 + moves)
            exact = min(good, other_good) <= _EXACT_TO and good != other_good
            return bool(then == other_then and near and not exact)
    return bool(one == other)


@dataclass(frozen=True)
class Accepted:
    """What `accept` did."""

    files: tuple[Path, ...]
    cells: int
    changed: tuple[str, ...]
    left_out: tuple[str, ...]  # undecided or unstable cells, which are no results


def accept(
    run: Path,
    records: Iterable[Mapping[str, Any]],
    folder: Path,
    *,
    withheld: Covers,
    known_scenarios: frozenset[str],
) -> Accepted:
    """Write the records into the results folder. Cells that the run does not hold stay."""
    rows = load(folder)
    touched: dict[str, RowResults] = {}
    changed: list[str] = []
    left_out: list[str] = []
    count = 0
    for record in records:
        row_id = row_id_of(record)
        name = f"{record['scenario']}[{record['transport']}]"
        if record["grade"] in UNDECIDED or record.get("unstable"):
            left_out.append(f"{row_id}::{name}")
            continue
        row = rows.setdefault(row_id, RowResults(row_id, {}))
        _update_head(row, record)
        touched[row_id] = row
        if _is_not_spoken(record):
            row.cells.pop(name, None)
            continue
        before = row.cells.get(name)
        cell = _cell(run, record, before, withheld)
        if before is None or not same(before, cell):
            changed.append(f"{row_id}::{name}")
        row.cells[name] = cell
        count += 1
    files = []
    for row in touched.values():
        row.cells = {
            name: cell
            for name, cell in row.cells.items()
            if name.split("[")[0] in known_scenarios and not _is_not_spoken(cell)
        }
        files.append(_write(folder, row))
    return Accepted(tuple(files), count, tuple(sorted(changed)), tuple(sorted(left_out)))


def _is_not_spoken(record: Mapping[str, Any]) -> bool:
    """Whether the client speaks no such protocol at all: that is said once, by its manifest."""
    first: Mapping[str, Any] = next(iter(record.get("reasons") or ()), {})
    what = str(first.get("what", ""))
    return bool(first.get("declared")) and (what == "TLS" or what.startswith("HTTP/"))


def _update_head(row: RowResults, record: Mapping[str, Any]) -> None:
    stack = record.get("stack") or row.head.get("stack") or []
    row.head = {
        "v": FORMAT,
        "client": record["client"],
        "version": record["version"],
        "variant": record.get("variant"),
        "stack": stack,
        "adapter_sha256": record["hashes"]["adapter"],
    }


def _cell(
    run: Path, record: Mapping[str, Any], before: Mapping[str, Any] | None, withheld: Covers
) -> Cell:
    where = (
        str(record["client"]),
        str(record["scenario"]),
        str(record["transport"]),
        str(record.get("variant") or ""),
    )
    if record["grade"] in TELLING and withheld(*where):
        return {
            "outcome": None,
            "grade": "withheld",
            "reasons": [],
            "scenario_sha256": record["hashes"]["scenario"],
        }
    cell = cell_of(record)
    known = (before or {}).get("traits") or {}
    for name, value in cell.get("traits", {}).items():
        if name in known and same_trait(known[name], value):
            cell["traits"][name] = known[name]
    if record["grade"] not in FINDINGS or not record.get("evidence"):
        return cell
    if before is not None and same(before, cell) and before.get("evidence"):
        return {**cell, "evidence": before["evidence"]}  # no news: keep the text that is there
    try:
        evidence = json.loads((run / record["evidence"]).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsFault(f"{run / record['evidence']}: cannot be read: {error}") from error
    cell["evidence"] = timeline.normalised(evidence, EVIDENCE_LIMIT)
    return cell


def _write(folder: Path, row: RowResults) -> Path:
    path = folder / f"{row.row}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".new")
        partial.write_text(row.to_text(), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ResultsFault(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def require_results(folder: Path) -> None:
    """For commands that need committed results."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; `interimspec accept` makes it")
