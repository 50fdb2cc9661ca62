# SPDX-License-Identifier: MIT
"""`list`, `explain`, `coverage`, `doctor`: what there is, what was found, and why."""

from __future__ import annotations

import argparse
import fnmatch
import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill, indent
from typing import Any

from interimspec import coverage, paths, run_folder, timeline
from interimspec.catalogue import load_catalogue
from interimspec.clients import detect_row
from interimspec.errors import ResultsFault, UsageError
from interimspec.matrix import Matrix, all_rows, catalogue_of, load_matrix
from interimspec.report.safe import visible
from interimspec.session import default_runs

WIDTH = 96


def add(commands: Any) -> None:
    """The parsers."""
    lister = commands.add_parser("list", help="what scenarios and clients there are")
    lister.add_argument(
        "what", nargs="?", choices=("scenarios", "clients", "families"), default="scenarios"
    )
    lister.add_argument("pattern", nargs="?", default="*", help="shell pattern")
    lister.add_argument("--matrix", type=Path, default=paths.MATRIX)
    lister.add_argument("--json", action="store_true", help="for programs")
    lister.set_defaults(call=call_list)

    explain = commands.add_parser(
        "explain",
        help="all that is known of one cell",
        description="Prints what the server sent and when, what came back, what the client's user "
        "was told, what is required, and how to try it by hand.",
    )
    explain.add_argument("client", help="a client or row: requests, requests@2.34.2")
    explain.add_argument("scenario", help="a scenario id, or a shell pattern")
    explain.add_argument("--run", help="a run's id or folder; default: the newest that holds it")
    explain.set_defaults(call=call_explain)

    covering = commands.add_parser(
        "coverage", help="requirements without a scenario, scenarios without a requirement"
    )
    covering.add_argument("--matrix", type=Path, default=paths.MATRIX)
    covering.set_defaults(call=call_coverage)

    doctor = commands.add_parser("doctor", help="what is installed, what is missing, how to get it")
    doctor.add_argument("rest", nargs=argparse.REMAINDER)
    doctor.set_defaults(call=call_doctor)


# ---------------------------------------------------------------- list


def call_list(arguments: argparse.Namespace) -> int:
    """Scenarios, families or clients."""
    matrix = load_matrix(arguments.matrix)
    if arguments.what == "clients":
        return _list_clients(matrix, arguments)
    catalogue = catalogue_of(matrix)
    found = [s for s in catalogue if fnmatch.fnmatchcase(s.id, arguments.pattern)]
    if arguments.what == "families":
        found = [s for s in catalogue if fnmatch.fnmatchcase(s.family, arguments.pattern)]
    found.sort(key=lambda s: (s.family, s.id))
    if not found:
        raise UsageError(f"nothing matches {arguments.pattern!r}")
    if arguments.json:
        keys = ("id", "title", "family", "requirements", "transports", "probe")
        rows = [{**{key: getattr(s, key) for key in keys}, "class": s.expect.class_} for s in found]
        print(json.dumps(rows, indent=1))
        return 0
    family = None
    for scenario in found:
        if scenario.family != family:
            family = scenario.family
            print(f"\n{family}" if arguments.what == "scenarios" else family)
        if arguments.what == "scenarios":
            print(f"  {scenario.id:<44} {scenario.expect.class_:<10} {scenario.title}")
    return 0


def _list_clients(matrix: Matrix, arguments: argparse.Namespace) -> int:
    rows = [
        row
        for row in all_rows(matrix)
        if any(fnmatch.fnmatchcase(name, arguments.pattern) for name in (row.name, row.id))
    ]
    if not rows:
        raise UsageError(f"no client matches {arguments.pattern!r}")
    found = [(row, detect_row(row)) for row in rows]
    if arguments.json:
        print(
            json.dumps(
                [
                    {
                        "row": row.id,
                        "title": row.manifest.title,
                        "language": row.manifest.language,
                        "kind": row.manifest.kind,
                        "present": state.present,
                        "how": state.how,
                    }
                    for row, state in found
                ],
                indent=1,
            )
        )
        return 0
    for row, state in found:
        note = "" if state.present else f"  ({state.reason}; {state.how})"
        print(f"{row.id:<34} {row.manifest.language:<12} {row.manifest.title}{note}")
    return 0


# ---------------------------------------------------------------- explain


def call_explain(arguments: argparse.Namespace) -> int:
    """From the named run, or from the newest one that holds the cell."""
    runs = default_runs()
    if arguments.run is not None:
        print_cells(run_folder.find_run(runs, arguments.run), arguments.client, arguments.scenario)
        return 0
    folders = sorted(
        (path.parent for path in runs.glob(f"*/{run_folder.CASES}")),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    if not folders:
        raise ResultsFault(f"{runs}: holds no run; make one with `interimspec run`")
    for folder in folders:
        _, records, _ = run_folder.read_run(folder)
        if _matching(records, arguments.client, arguments.scenario):
            print_cells(folder, arguments.client, arguments.scenario)
            return 0
    raise UsageError(
        f"no run holds {arguments.client} with {arguments.scenario}; make one: "
        f"interimspec run --client '{arguments.client}' --scenario '{arguments.scenario}'"
    )


def _matching(
    records: Mapping[str, Mapping[str, Any]], client: str, scenario: str
) -> list[Mapping[str, Any]]:
    return [
        record
        for record in records.values()
        if any(
            fnmatch.fnmatchcase(name, client)
            for name in (str(record["client"]), run_folder.row_id_of(record))
        )
        and fnmatch.fnmatchcase(str(record["scenario"]), scenario.split("[")[0])
    ]


def print_cells(run: Path, client: str, scenario: str) -> None:
    """Every cell of a run that matches."""
    head, records, end = run_folder.read_run(run)
    found = _matching(records, client, scenario)
    if not found:
        raise UsageError(f"{run}: holds no cell for {client} with {scenario}")
    for number, record in enumerate(found):
        if number:
            print("\n" + "=" * WIDTH + "\n")
        print("\n".join(cell_text(run, head, record)))
    if end is None or not end.get("complete"):
        print("\n(This run is partial.)")


def cell_text(run: Path, head: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """All that is known of one cell."""
    scenario = head.get("scenarios", {}).get(record["scenario"], {})
    lines = [
        f"{run_folder.row_id_of(record)}  {record['scenario']}[{record['transport']}]",
        f"{scenario.get('title', '')}",
        "",
        f"grade    {record['grade']}" + ("  (UNSTABLE)" if record["unstable"] else ""),
        f"outcome  {record['outcome']}  (class {record['class']})",
        fill(
            visible(record["sentence"]),
            WIDTH,
            subsequent_indent="         ",
            initial_indent="         ",
        ),
    ]
    if scenario.get("compare_with"):
        lines.append(f"compare  {scenario['compare_with']}: the same without an interim response")
    if record["stack"]:
        stack = ", ".join(f"{visible(s['name'])} {visible(s['version'])}" for s in record["stack"])
        lines.append(f"stack    {stack}")
    lines += ["", "Facts"]
    lines += [
        f"  {name:<14} {visible(json.dumps(value, ensure_ascii=False))}"
        for name, value in record["facts"].items()
        if value not in (None, [], {})
    ]
    for name, value in (record.get("traits") or {}).items():
        lines.append(f"  {name:<14} {visible(json.dumps(value, ensure_ascii=False))}  (trait)")
    lines += ["", "Rules applied"]
    lines += [
        f"  {visible(json.dumps(reason, ensure_ascii=False))}" for reason in record["reasons"]
    ]
    if record["repeats"]:
        lines += ["", "Repeated"] + [
            f"  {r['grade']} ({r['outcome']}, {r.get('connection')})" for r in record["repeats"]
        ]
    baseline = record.get("baseline")
    if baseline:
        was = baseline.get("was")
        lines += ["", f"Baseline {baseline['state']}" + (f": was {json.dumps(was)}" if was else "")]
        if baseline.get("reason"):
            lines.append(f"  {baseline['reason']}")
    lines += _evidence(run, record)
    lines += _required(head, record, scenario)
    return lines


def _evidence(run: Path, record: Mapping[str, Any]) -> list[str]:
    if not record.get("evidence"):
        return ["", "It was not run: no evidence."]
    try:
        evidence = json.loads((run / str(record["evidence"])).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return ["", f"The evidence cannot be read: {error}"]
    lines = ["", "What happened (ms from the first request)"]
    lines += timeline.indent(timeline.lines(evidence))
    process = evidence.get("process") or {}
    if process.get("state") != "done":
        lines += [
            "",
            f"Process  {process.get('state')}, exit {process.get('exit_code')}, "
            f"signal {process.get('signal')}",
        ]
    for name in ("stdout_tail", "stderr_tail"):
        text = str(process.get(name) or "").strip()
        if text:
            lines += ["", f"{name.removesuffix('_tail')} (its end)"]
            lines += [f"  {visible(line[:300])}" for line in text.splitlines()[-15:]]
    repro = evidence.get("repro") or {}
    lines += ["", "By hand"]
    lines += [f"  {repro[name]}" for name in ("serve", "by_hand", "again") if repro.get(name)]
    lines += ["", f"Evidence {run / str(record['evidence'])}"]
    return lines


def _required(
    head: Mapping[str, Any], record: Mapping[str, Any], scenario: Mapping[str, Any]
) -> list[str]:
    lines: list[str] = []
    for name in record["requirements"]:
        requirement = head.get("requirements", {}).get(name)
        if not requirement:
            continue
        place = (
            f"RFC {requirement['rfc']}, section {requirement['section']} ({requirement['level']})"
        )
        lines += ["", f"Required by {place}"]
        lines.append(indent(fill(requirement["text"].strip(), WIDTH - 2), "  "))
        lines.append(f"  {requirement['link']}")
    if scenario.get("why"):
        lines += ["", "Why it matters", indent(fill(scenario["why"].strip(), WIDTH - 2), "  ")]
    if scenario.get("dispute"):
        lines += ["", "Disputed", indent(fill(scenario["dispute"].strip(), WIDTH - 2), "  ")]
    return lines


# ---------------------------------------------------------------- coverage, doctor


def call_coverage(arguments: argparse.Namespace) -> int:
    """Both ways: each requirement with the scenarios that test it, and the scenarios that are about
    none. 1 when there is one without a reason."""
    catalogue = load_catalogue(load_matrix(arguments.matrix).scenarios)
    covered = coverage.by_requirement(catalogue)
    for name, requirement in catalogue.requirements.items():
        found = covered[name]
        print(
            f"{name:<36} {requirement.level:<10} {requirement.binds:<10} {len(found):>3}  ", end=""
        )
        if found:
            print(", ".join(found[:3]) + (", …" if len(found) > 3 else ""))
        else:
            print(requirement.without_scenario or "NO SCENARIO AND NO REASON")
    print("\nScenarios about no requirement")
    for class_, ids in coverage.about_none(catalogue).items():
        note = "" if class_ in coverage.NEED_NONE else "  NAME A REQUIREMENT"
        print(f"  {class_:<10} {', '.join(ids)}{note}")
    missing, unfounded = coverage.missing(catalogue), coverage.unfounded(catalogue)
    reasons = sum(not found for found in covered.values()) - len(missing)
    print(
        f"\n{len(covered)} requirements: {reasons} with a reason in place of a scenario, "
        f"{len(missing)} with neither. {len(catalogue)} scenarios: {len(unfounded)} that neither "
        "name a requirement nor measure a trait."
    )
    return 1 if missing or unfounded else 0


def call_doctor(arguments: argparse.Namespace) -> int:
    """The doctor has options of its own."""
    from interimspec import doctor

    return int(doctor.main(arguments.rest))
