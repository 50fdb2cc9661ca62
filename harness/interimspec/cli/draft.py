# SPDX-License-Identifier: MIT
"""`interimspec draft CLIENT[@VERSION] [SCENARIO]`: the report that can be sent upstream."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from interimspec import paths, run_folder
from interimspec.draft.causes import EASIEST_FIRST, Cause, causes_of, key_of, led_by
from interimspec.draft.document import Draft, render, title_of
from interimspec.draft.example import Example, find_example
from interimspec.draft.replay import NoReplay, replay_of, script_of
from interimspec.errors import HarnessFault, ResultsFault, UsageError
from interimspec.manifest import Manifest, load_manifest
from interimspec.matrix import Matrix, load_matrix
from interimspec.report import load_embargo, load_report
from interimspec.report.embargo import Embargo
from interimspec.report.load import load_evidence
from interimspec.report.model import FINDINGS, Case, Report, RowId
from interimspec.report.withheld import load_withheld
from interimspec.session import default_runs

EMBARGO = paths.ROOT / "reports" / "embargo.toml"


def add(commands: Any) -> None:
    """The parser."""
    draft = commands.add_parser(
        "draft",
        help="the report on a finding, ready to be sent to a client's maintainers",
        description="Writes Markdown from a run's results and evidence: what happened, what is "
        "required, what was sent, what the client told, and a script that shows it without "
        "interimspec. Cells with one cause are one report; without SCENARIO it is the worst.",
    )
    draft.add_argument("client", metavar="CLIENT[@VERSION]")
    draft.add_argument("scenario", nargs="?", help="the report on the finding that this cell shows")
    draft.add_argument("--transport", help="of the cell; default: h1 if it has the finding")
    draft.add_argument("--run", help="a run's id or folder; default: the newest that holds it")
    draft.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write every finding of the client here, each as a report and its script",
    )
    draft.add_argument("--matrix", type=Path, default=paths.MATRIX)
    draft.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """One report on standard output, or all of a client into a folder."""
    folder, row_id = _find(arguments)
    report = load_report([folder])
    row = next(one.row for one in report.clients if str(one.row) == row_id)
    causes = causes_of(report, row)
    if arguments.scenario is not None:
        causes = [_cause_of(report, row, causes, arguments.scenario, arguments.transport)]
    if not causes:
        raise UsageError(f"{folder}: {row} has no finding there, so there is nothing to report")
    matrix = load_matrix(arguments.matrix)
    embargo = EMBARGO if EMBARGO.exists() else None
    entries = load_embargo(embargo)
    withheld = load_withheld(embargo)
    if arguments.out is None:
        draft = _draft(report, row, causes[0], matrix, entries, withheld)
        print(render(draft), end="")
        for cause in causes[1:]:
            print(
                f"also: {len(cause.cases)} x {cause.lead.grade}, "
                f"interimspec draft {row} {cause.lead.column.scenario}",
                file=sys.stderr,
            )
        return 0
    for cause in causes:
        draft = _draft(report, row, cause, matrix, entries, withheld)
        name = re.sub(r"[^A-Za-z0-9@._+-]", "-", f"{row}-{cause.lead.column.scenario}")
        _write(arguments.out / f"{name}.md", render(draft))
        if draft.script is not None:
            _write(arguments.out / f"{name}.py", draft.script)
        print(f"{arguments.out / name}.md: {len(cause.cases)} cells, {title_of(draft)}")
    return 0


def _find(arguments: argparse.Namespace) -> tuple[Path, str]:
    """The run, and the row in it that is meant: without a version the newest."""
    runs = default_runs()
    if arguments.run is not None:
        folders = [run_folder.find_run(runs, arguments.run)]
    else:
        folders = sorted(
            (path.parent for path in runs.glob(f"*/{run_folder.CASES}")),
            key=lambda path: path.stat().st_mtime,
            reverse=True,
        )
    for folder in folders:
        rows = {
            RowId(str(r["client"]), str(r["version"]), str(r.get("variant") or ""))
            for r in _records(folder, arguments.client.partition("@")[0])
            if arguments.client in (str(r["client"]), run_folder.row_id_of(r))
            and arguments.scenario in (None, r["scenario"])
        }
        if rows:
            plain = [row for row in rows if not row.variant] or list(rows)
            return folder, str(max(plain, key=RowId.sort_key))
    scenario = f" --scenario '{arguments.scenario}'" if arguments.scenario else ""
    where = f"{folders[0]} does not hold" if arguments.run and folders else "no run holds"
    raise UsageError(
        f"{where} {arguments.client}{' with ' + arguments.scenario if scenario else ''}; make one: "
        f"interimspec run --client '{arguments.client}'{scenario}"
    )


def _records(folder: Path, client: str) -> Iterator[dict[str, Any]]:
    """The cases of a client. A run may have hundreds of thousands of others, which are not read."""
    named = json.dumps(client).encode()
    try:
        path = folder / run_folder.CASES if folder.is_dir() else folder
        with path.open("rb") as file:
            for line in file:
                if named not in line or not line.endswith(b"\n"):
                    continue
                record = json.loads(line)
                if record.get("kind") == "case":
                    yield record
    except (OSError, ValueError) as error:
        raise ResultsFault(f"{folder}: cannot be read: {error}") from error


def _cause_of(
    report: Report, row: RowId, causes: Sequence[Cause], scenario: str, transport: str | None
) -> Cause:
    cells = [case for case in report.cases_of(row) if case.column.scenario == scenario]
    if transport is not None:
        cells = [case for case in cells if case.column.transport == transport]
        if not cells:
            raise UsageError(f"{row} has no result of {scenario} over {transport} in that run")
    for case in sorted(cells, key=lambda case: EASIEST_FIRST.index(case.column.transport)):
        if case.grade in FINDINGS:
            cause = next(one for one in causes if one.key == key_of(case))
            return led_by(cause, case)
    grades = ", ".join(sorted({case.grade for case in cells}))
    raise UsageError(f"{row} with {scenario} is no finding but {grades}: nothing to report")


def _draft(
    report: Report,
    row: RowId,
    cause: Cause,
    matrix: Matrix,
    entries: Sequence[Embargo],
    withheld: Mapping[str, str],
) -> Draft:
    case = cause.lead
    evidence, why_not = load_evidence(case)
    if evidence is None:
        raise ResultsFault(f"{case.source}: {why_not} Run it again: interimspec repro {row} …")
    client = next(one for one in report.clients if one.row == row)
    script, no_script = None, ""
    try:
        about = f"{client.title} {row.version}: {report.scenarios[case.column.scenario].title}."
        script = script_of(replay_of(evidence.get("transcript") or {}), about)
    except NoReplay as error:
        no_script = str(error)
    manifest = _manifest(matrix, row.client)
    examples = manifest.clients_dir / "_examples" if manifest else None
    entry = _embargo(entries, cause.cases)
    return Draft(
        report=report,
        client=client,
        manifest=manifest,
        cause=cause,
        evidence=evidence,
        script=script,
        no_script=no_script,
        example=_example(examples, row, evidence) if examples else None,
        embargo=entry,
        withheld=_withheld(row.client, entry, withheld),
    )


def _example(folder: Path, row: RowId, evidence: Mapping[str, Any]) -> Example | None:
    """One that makes the request that showed the finding, where somebody has written it."""
    requests = (evidence.get("plan") or {}).get("requests") or [{}]
    first = requests[0]
    expect = bool(first.get("expect_continue"))
    kind = "expect" if expect else "post" if first.get("method") == "POST" else ""
    return find_example(folder, row.client, row.version, row.variant, kind)


def _embargo(entries: Sequence[Embargo], cases: Sequence[Case]) -> Embargo | None:
    """An entry that covers any of the cells: a report speaks of all of them."""
    for case in cases:
        row, column = case.row, case.column
        for entry in entries:
            if entry.covers(row.client, column.scenario, column.transport, row.variant):
                return entry
    return None


def _withheld(client: str, entry: Embargo | None, withheld: Mapping[str, str]) -> str:
    """What is known of the cause: of the client itself, or else of what it stands on."""
    if entry is None:
        return ""
    names = [client] if client in withheld else sorted(entry.clients)
    return "\n\n".join(withheld[name] for name in names if name in withheld)


def _manifest(matrix: Matrix, client: str) -> Manifest | None:
    for folder in matrix.clients:
        path = folder / client / "client.toml"
        if path.is_file():
            return load_manifest(path)
    return None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HarnessFault(f"{path}: cannot be written: {error.strerror}") from error
