# SPDX-License-Identifier: MIT
"""`interimspec run -- ./my-client {url}`: a client without an adapter.

The generic command adapter drives it: exit status 0 is "told ok", standard output is what was
delivered. A second request is a second process, so that the connection is a new one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from interimspec import paths
from interimspec.cases import FINDINGS, UNDECIDED, Case
from interimspec.clients import Can, Install, Manifest, Needs, Row, Run, Told
from interimspec.errors import UsageError
from interimspec.install import Environment
from interimspec.matrix import (
    Patterns,
    Selected,
    Selection,
    catalogue_of,
    family_names,
    load_matrix,
    parse_shard,
    transports_of,
)
from interimspec.matrix import without_results as plain
from interimspec.server import Options
from interimspec.session import RunSession, default_runs

SIGNS = {"pass": "ok  ", "info": "info", "warn": "WARN", "fail": "FAIL", "danger": "DANGER"}


def run(words: list[str], arguments: argparse.Namespace) -> int:
    """Run the selected scenarios against the command; 0, 1, 2 or 3."""
    selected = select(words, arguments)
    runs = arguments.runs.resolve() if arguments.runs else default_runs()
    session = RunSession(
        selected,
        runs,
        baseline=None,
        options=Options(pace=arguments.pace or 1.0),
        max_processes=arguments.processes,
        confirm=not arguments.no_confirm,
        prove=False,  # nothing is claimed for it
    )
    session.open()
    try:
        outcome = session.execute(selected.cases, lambda record: False)
    except BaseException:
        session.abandon()
        raise
    session.close("interrupted" if outcome.interrupted else None)
    family = ""
    counts: dict[str, int] = {}
    for case in selected.cases:
        record = outcome.records.get(case.key)
        if record is None:
            continue
        if record["family"] != family:
            family = record["family"]
            print(f"\n{family}")
        grade = record["grade"]
        counts[grade] = counts.get(grade, 0) + 1
        print(f"  {SIGNS.get(grade, grade):<12} {case.scenario.id}: {case.scenario.title}")
        if grade in (*FINDINGS, *UNDECIDED, "warn"):
            print(f"  {'':<12} {record['sentence']}")
    print()
    print(", ".join(f"{count} {grade}" for grade, count in sorted(counts.items())))
    print(f"Evidence: interimspec explain {selected.rows[0].name} SCENARIO")
    print(f"Results:  {session.folder.path}")
    if outcome.interrupted:
        return 2
    if any(grade in counts for grade in UNDECIDED):
        return 3
    return 1 if any(grade in counts for grade in FINDINGS) else 0


def select(words: list[str], arguments: argparse.Namespace) -> Selected:
    """The cases for a command line."""
    if not words:
        raise UsageError("run --: no command; write it as you would type it, with {url} in it")
    if not any("{url}" in word for word in words):
        raise UsageError("run --: no {url} in the command; it is replaced by the URL to fetch")
    program = shutil.which(words[0])
    if program is None:
        raise UsageError(f"run --: {words[0]}: no such program")
    matrix = plain(load_matrix(Path(arguments.matrix)))
    catalogue = catalogue_of(matrix)
    row = row_of_command([str(Path(program).absolute()), *words[1:]])
    selection = Selection(
        scenario=Patterns.of("scenario", arguments.scenario, arguments.not_scenario),
        family=Patterns.of("family", arguments.family, arguments.not_family),
        transport=Patterns.of("transport", arguments.transport, arguments.not_transport),
        shard=parse_shard(arguments.shard or "1/1"),
    )
    selection.scenario.check(catalogue.by_id)
    selection.family.check(name for scenario in catalogue for name in family_names(scenario))
    scenarios = tuple(
        scenario
        for scenario in sorted(catalogue, key=lambda s: (s.family, s.id))
        if selection.scenario.match(scenario.id) and selection.family.match(*family_names(scenario))
    )
    cases = tuple(
        Case(row, scenario, transport)
        for scenario in scenarios
        for transport in transports_of(scenario, selection)
    )
    environment = Environment(row, paths.BUILD)
    return Selected(matrix, catalogue, (row,), scenarios, cases, (), {row.id: environment})


def row_of_command(words: list[str]) -> Row:
    """A row that no file describes."""
    adapter = paths.HARNESS / "clients" / "_command" / "adapter.py"
    manifest = Manifest(
        name=_name(words[0]),
        title=" ".join(words),
        language="unknown",
        kind="tool",
        homepage="",
        interim_api="unknown",
        versions=("own",),
        install=Install(("none",), (), {}, (), None),
        needs=Needs((), (), r"(\S+)", ""),
        run=Run((sys.executable, str(adapter), "--", *words), {}, 4, 0),
        can=Can(second_request="new-connection", methods=("GET",)),
        told=Told(),
        controls={},
        notes="",
        variants={},
        has_tool=True,
        path=adapter.parent / "client.toml",
    )
    return Row(manifest, "own")


def _name(program: str) -> str:
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in Path(program).name.lower())
    return name.strip("._-")[:48] or "client"
