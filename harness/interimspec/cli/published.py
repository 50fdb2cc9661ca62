# SPDX-License-Identifier: MIT
"""`report`, `accept`, `merge`, `diff`: from runs to what is published."""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from interimspec import changes, paths, records, results, run_folder
from interimspec.errors import InterimspecError, ResultsFault, UsageError
from interimspec.manifest import load_manifests
from interimspec.matrix import catalogue_of, load_matrix
from interimspec.report import (
    Report,
    load_embargo,
    load_report,
    print_terminal,
    reminders,
    report_of_results,
    write_reports,
)
from interimspec.report.withheld import load_withheld, without_cause
from interimspec.session import default_runs

EMBARGO = paths.ROOT / "reports" / "embargo.toml"


def add(commands: Any) -> None:
    """The parsers."""
    report = commands.add_parser(
        "report",
        help="terminal table, COMPATIBILITY.md and its pages, HTML page",
        description="What is published is made from the committed results: `interimspec report "
        "baseline --format markdown --out reports` writes COMPATIBILITY.md, clients/ and "
        "families/, and removes the pages of clients and families that are gone.",
    )
    report.add_argument(
        "run",
        nargs="*",
        help="runs (ids or folders), or `baseline`: the committed results; default: the newest run",
    )
    report.add_argument("--format", action="append", choices=("terminal", "markdown", "html"))
    report.add_argument("--out", type=Path, metavar="DIR", help="where files are written")
    report.add_argument("--public", action="store_true", help="withhold what is under embargo")
    report.add_argument("--width", type=int, help="columns of the terminal; 0: cut nothing")
    report.add_argument("--matrix", type=Path, default=paths.MATRIX)
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

    diff = commands.add_parser(
        "diff",
        help="what changed between two results or two versions, in words",
        description="OLD and NEW are each a run (its id or folder), a results folder or file, "
        "`baseline` (the committed results), or a row of the newest run or else of the baseline: "
        "`interimspec diff undici@7.30.2 undici@8.12.4`. Exit status 1 where something changed.",
    )
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW", nargs="?", help="default: the newest run")
    diff.add_argument("--cells", action="store_true", help="name every cell")
    diff.add_argument("--matrix", type=Path, default=paths.MATRIX)
    diff.set_defaults(call=call_diff)


def call_report(arguments: argparse.Namespace) -> int:
    """From results files alone."""
    formats = set(arguments.format or ("terminal", "markdown", "html"))
    embargo = EMBARGO if EMBARGO.exists() else None
    report = _report(arguments.run, arguments.matrix)
    if "terminal" in formats:
        width = arguments.width
        if width is None:
            width = shutil.get_terminal_size((100, 40)).columns
        print_terminal(report, sys.stdout, width, embargo=embargo)
    files = formats - {"terminal"}
    if files:
        out = arguments.out or paths.ROOT / "reports" / "site"
        folders: Counter[Path] = Counter()
        for path in write_reports(
            report, out, embargo=embargo, local=not arguments.public, formats=files
        ):
            if path.parent == out:
                print(f"written: {path}")
            else:
                folders[path.parent] += 1
        for folder, count in sorted(folders.items()):
            print(f"written: {folder}/ ({count} pages)")
    return 0


def _report(names: Sequence[str], matrix_path: Path) -> Report:
    if names and "baseline" not in names:
        return load_report([run_folder.find_run(default_runs(), name) for name in names])
    if not names:
        return load_report([run_folder.find_run(default_runs(), None)])
    if len(names) > 1:
        raise UsageError("baseline stands alone: a run is made part of it by `interimspec accept`")
    matrix = load_matrix(matrix_path)
    if matrix.results is None:
        raise UsageError(f"{matrix.path}: names no results folder")
    results.require_results(matrix.results)
    manifests = {
        manifest.name: manifest for folder in matrix.clients for manifest in load_manifests(folder)
    }
    return report_of_results(
        matrix.results, results.load(matrix.results), catalogue_of(matrix), manifests
    )


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
    place = EMBARGO if EMBARGO.exists() else None
    embargo = load_embargo(place)
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
    causes = load_withheld(place)
    unknown = without_cause(embargo, causes) if causes else []
    if unknown:
        print(
            f"reminder: under embargo, and no cause is written down: {', '.join(unknown)}",
            file=sys.stderr,
        )
    print(f"{done.cells} cells in {len(done.files)} files, {len(done.changed)} changed")
    if matrix.results == paths.RESULTS:
        print("pages: interimspec report baseline --format markdown --out reports --public")
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
    """What changed, row by row; 1 where something did."""
    old = _results(arguments.old, arguments.matrix)
    new = _results(arguments.new, arguments.matrix)
    named = all(name and "@" in name for name in (arguments.old, arguments.new))
    pairs = changes.pairs(list(old), list(new))
    if not pairs and len(old) == 1 and len(new) == 1:
        pairs = [(next(iter(old)), next(iter(new)))]  # asked for one by one
    found = [changes.compare(one, other, old[one], new[other]) for one, other in pairs]
    for change in found:
        for line in changes.render(change, every_cell=arguments.cells):
            print(line)
    if not named:
        for words, rows in (
            ("only in the old", old.keys() - {one for one, _ in pairs}),
            ("only in the new", new.keys() - {other for _, other in pairs}),
        ):
            if rows:
                print(f"{words}: {', '.join(sorted(rows))}")
    changed = sum(1 for change in found if change.changed)
    print(f"{len(found)} rows compared, {changed} changed")
    return 1 if changed else 0


def _results(name: str | None, matrix_path: Path) -> changes.Rows:
    """The rows that an argument of `diff` means."""
    place = Path(name) if name else None
    if name == "baseline":
        matrix = load_matrix(matrix_path)
        if matrix.results is None:
            raise UsageError(f"{matrix.path}: names no results folder")
        results.require_results(matrix.results)
        return _of_folder(matrix.results)
    if place is not None and place.is_file():
        return _of_folder(place.parent, place.stem)
    if place is not None and place.is_dir() and not (place / "cases.jsonl").exists():
        return _of_folder(place)
    if name is not None and "@" in name:
        return _of_row(name, matrix_path)
    return _of_run(run_folder.find_run(default_runs(), name))


def _of_folder(folder: Path, only: str | None = None) -> changes.Rows:
    rows = {row: data.cells for row, data in results.load(folder).items() if only in (None, row)}
    if not rows:
        raise UsageError(f"{folder}: holds no results" + (f" of {only}" if only else ""))
    return rows


def _of_row(row: str, matrix_path: Path) -> changes.Rows:
    known: set[str] = set()
    try:
        found = _of_run(run_folder.find_run(default_runs(), None))
        if row in found:
            return {row: found[row]}
        known.update(found)
    except InterimspecError:
        pass  # no run yet: the committed results may have it
    matrix = load_matrix(matrix_path)
    if matrix.results is not None and matrix.results.is_dir():
        committed = results.load(matrix.results)
        if row in committed:
            return {row: committed[row].cells}
        known.update(committed)
    like = sorted(one for one in known if one.split("@")[0] == row.split("@")[0]) or sorted(known)
    raise UsageError(f"{row}: neither the newest run nor the baseline has it; {', '.join(like)}")


def _of_run(run: Path) -> changes.Rows:
    _, found, _ = run_folder.read_run(run)
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for record in found.values():
        rows.setdefault(run_folder.row_id_of(record), {})[
            f"{record['scenario']}[{record['transport']}]"
        ] = {
            "outcome": record["outcome"],
            "grade": record["grade"],
            "connection": (record.get("facts") or {}).get("connection"),
            "scenario_sha256": (record.get("hashes") or {}).get("scenario"),
        }
    return rows
