# SPDX-License-Identifier: MIT
"""`report`, `accept`, `merge`, `diff`: from runs to what is published."""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from interimspec import paths, records, results, run_folder
from interimspec.errors import ResultsFault, UsageError
from interimspec.matrix import catalogue_of, load_matrix
from interimspec.report import load_embargo, print_terminal, reminders, write_reports
from interimspec.session import default_runs

EMBARGO = paths.ROOT / "reports" / "embargo.toml"


def add(commands: Any) -> None:
    """The parsers."""
    report = commands.add_parser("report", help="terminal table, COMPATIBILITY.md, HTML page")
    report.add_argument("run", nargs="*", help="runs (ids or folders); default: the newest")
    report.add_argument("--format", action="append", choices=("terminal", "markdown", "html"))
    report.add_argument("--out", type=Path, metavar="DIR", help="where files are written")
    report.add_argument("--public", action="store_true", help="withhold what is under embargo")
    report.add_argument("--width", type=int, help="columns of the terminal; 0: cut nothing")
    report.set_defaults(call=call_report)

    accept = commands.add_parser(
        "accept",
        help="make a run the new baseline",
        description="Writes reports/results/ from a run. Undecided and unstable cells are left as "
        "they are.",
    )
    accept.add_argument("run", nargs="?", help="a run's id or folder; default: the newest")
    accept.add_argument("--client", action="append", default=[], metavar="GLOB")
    accept.add_argument("--scenario", action="append", default=[], metavar="GLOB")
    accept.add_argument("--matrix", type=Path, default=paths.MATRIX)
    accept.set_defaults(call=call_accept)

    merge = commands.add_parser("merge", help="one run from many (of shards)")
    merge.add_argument("run", nargs="+", help="runs: ids or folders")
    merge.add_argument("--into", type=Path, required=True, metavar="DIR", help="a new folder")
    merge.set_defaults(call=call_merge)

    diff = commands.add_parser("diff", help="what differs between two runs")
    diff.add_argument("old", help="a run, or `baseline`")
    diff.add_argument("new", nargs="?", help="a run; default: the newest")
    diff.add_argument("--matrix", type=Path, default=paths.MATRIX)
    diff.set_defaults(call=call_diff)


def call_report(arguments: argparse.Namespace) -> int:
    """From results files alone."""
    runs = default_runs()
    folders = [run_folder.find_run(runs, name) for name in arguments.run or [None]]
    formats = set(arguments.format or ("terminal", "markdown", "html"))
    embargo = EMBARGO if EMBARGO.exists() else None
    if "terminal" in formats:
        width = arguments.width
        if width is None:
            width = shutil.get_terminal_size((100, 40)).columns
        print_terminal(folders, sys.stdout, width, embargo=embargo)
    files = formats - {"terminal"}
    if files:
        out = arguments.out or paths.ROOT / "reports" / "site"
        for path in write_reports(
            folders, out, embargo=embargo, local=not arguments.public, formats=files
        ):
            print(f"written: {path}")
    return 0


def call_accept(arguments: argparse.Namespace) -> int:
    """The run becomes the baseline."""
    matrix = load_matrix(arguments.matrix)
    if matrix.results is None:
        raise UsageError(f"{matrix.path}: names no results folder to accept into")
    run = run_folder.find_run(default_runs(), arguments.run)
    _, found, end = run_folder.read_run(run)
    if end is None or not end.get("complete"):
        print("This run is partial: only the cells that it holds are accepted.", file=sys.stderr)
    chosen = [
        record
        for record in found.values()
        if _wanted(arguments.client, str(record["client"]), run_folder.row_id_of(record))
        and _wanted(arguments.scenario, str(record["scenario"]))
    ]
    if not chosen:
        raise UsageError(f"{run}: holds no cell that is meant")
    embargo = load_embargo(EMBARGO if EMBARGO.exists() else None)
    done = results.accept(
        run,
        chosen,
        matrix.results,
        withheld=lambda *cell: any(entry.covers(*cell) for entry in embargo),
        known_scenarios=frozenset(catalogue_of(matrix).by_id),
    )
    for key in done.changed[:40]:
        print(f"changed: {key}")
    if len(done.changed) > 40:
        print(f"… and {len(done.changed) - 40} more")
    for key in done.left_out:
        print(f"left out (undecided or unstable): {key}", file=sys.stderr)
    for sentence in reminders(embargo, date.today()):
        print(f"reminder: {sentence}", file=sys.stderr)
    print(f"{done.cells} cells in {len(done.files)} files, {len(done.changed)} changed")
    return 0


def _wanted(patterns: Sequence[str], *names: str) -> bool:
    return not patterns or any(
        fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in names
    )


def call_merge(arguments: argparse.Namespace) -> int:
    """Heads joined, records side by side, evidence copied; the later run's cell counts."""
    runs = default_runs()
    folders = [run_folder.find_run(runs, name) for name in arguments.run]
    if arguments.into.exists() and any(arguments.into.iterdir()):
        raise UsageError(f"{arguments.into}: is not empty; name a new folder")
    parts = sorted(
        ((folder, *run_folder.read_run(folder)) for folder in folders),
        key=lambda part: str(part[1].get("started")),
    )
    head = dict(parts[0][1])
    head["run"] = arguments.into.name
    for key in ("scenarios", "requirements", "clients"):
        head[key] = {name: value for part in parts for name, value in part[1].get(key, {}).items()}
    head["skipped"] = _skipped([part[1] for part in parts], set(head["clients"]))
    folder = run_folder.RunFolder(arguments.into)
    folder.create()
    folder.append(head)
    merged: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for path, _, cells, _ in parts:
        merged.update({key: (path, record) for key, record in cells.items()})
    for path, record in merged.values():
        if record.get("evidence"):
            target = arguments.into / str(record["evidence"])
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path / str(record["evidence"]), target)
            except OSError as error:
                raise ResultsFault(f"{target}: cannot be copied: {error.strerror}") from error
        folder.append(record)
    whole = all(end is not None and end.get("complete") for _, _, _, end in parts)
    wall = max(float((end or {}).get("wall_ms", 0)) for _, _, _, end in parts)
    reason = None if whole else "one of the merged runs is partial"
    folder.append(records.end(whole, {"wall_ms": wall}, reason))
    folder.close()
    print(f"{len(merged)} cells of {len(parts)} runs: {arguments.into}")
    return 0


def _skipped(heads: Sequence[Mapping[str, Any]], present: set[str]) -> list[dict[str, Any]]:
    found = {str(entry["client"]): entry for head in heads for entry in head.get("skipped", [])}
    return [entry for client, entry in sorted(found.items()) if client not in present]


def call_diff(arguments: argparse.Namespace) -> int:
    """One line per cell that differs; 1 when there is one."""
    runs = default_runs()
    if arguments.old == "baseline":
        matrix = load_matrix(arguments.matrix)
        if matrix.results is None:
            raise UsageError(f"{matrix.path}: names no results folder")
        results.require_results(matrix.results)
        old: dict[str, Mapping[str, Any]] = {
            f"{row}::{name}": cell
            for row, data in results.load(matrix.results).items()
            for name, cell in data.cells.items()
        }
    else:
        old = _cells(run_folder.find_run(runs, arguments.old))
    new = _cells(run_folder.find_run(runs, arguments.new))
    changed = 0
    for key in sorted(old.keys() & new.keys()):
        if not results.same(old[key], new[key]):
            changed += 1
            print(f"{key}: {_words(old[key])} -> {_words(new[key])}")
    only_old, only_new = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    print(
        f"{changed} changed, {len(old.keys() & new.keys()) - changed} as before, "
        f"{len(only_old)} only in the old, {len(only_new)} only in the new"
    )
    return 1 if changed else 0


def _cells(run: Path) -> dict[str, Mapping[str, Any]]:
    _, found, _ = run_folder.read_run(run)
    return {
        key: {
            "outcome": record["outcome"],
            "grade": record["grade"],
            "connection": (record.get("facts") or {}).get("connection"),
        }
        for key, record in found.items()
    }


def _words(cell: Mapping[str, Any]) -> str:
    connection = cell.get("connection")
    return f"{cell['grade']} ({cell['outcome']}" + (f", {connection})" if connection else ")")
