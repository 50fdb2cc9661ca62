# SPDX-License-Identifier: MIT
"""`interimspec kills`: which mutants each scenario catches."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from interimspec import kill_matrix, paths, run_folder
from interimspec.cli import run
from interimspec.errors import ResultsFault
from interimspec.matrix import Matrix, catalogue_of, load_matrix
from interimspec.mutants import REFERENCE, REFERENCE_H2, families_without, load_mutants
from interimspec.session import default_runs

#: What takes many runs for one answer, and what has no interim response, tells mutants apart as
#: well, and costs more than all the rest.
LEFT_OUT = ("--not-family", "controls", "--not-family", "limits", "--not-scenario", "every-*")


def add(commands: Any) -> None:
    """The parser."""
    kills = commands.add_parser(
        "kills",
        help="which mutants each scenario catches",
        description="Runs the reference client and its mutants through the catalogue and prints "
        "what catches what. Status 1 when a family has no mutant of its own and no reason, a "
        "mutant is caught by nothing, or a scenario catches nothing and does not say why.",
    )
    kills.add_argument("--run", help="a run's id or folder; default: run the mutants now")
    kills.add_argument("--wide", action="store_true", help="also scenario by scenario")
    kills.add_argument("--matrix", type=Path, default=paths.MATRIX)
    kills.set_defaults(call=call_kills)


def call_kills(arguments: argparse.Namespace) -> int:
    """Play, then print."""
    matrix = load_matrix(arguments.matrix)
    folder = run_folder.find_run(default_runs(), arguments.run) if arguments.run else play(matrix)
    _, records, _ = run_folder.read_run(folder)
    found = kill_matrix.from_records(records.values())
    if not found.kills:
        raise ResultsFault(f"{folder}: holds no case of the {REFERENCE} client; run with --mutants")
    reasons = {name: why for path in matrix.mutants for name, why in families_without(path).items()}
    catalogue = catalogue_of(matrix)
    print("\n".join(kill_matrix.lines(found, reasons, catalogue, wide=arguments.wide)))
    bare = [name for name in found.families if not found.only(name) and name not in reasons]
    unexplained = kill_matrix.unexplained(found, catalogue)
    return 1 if bare or unexplained or found.survivors() else 0


def play(matrix: Matrix) -> Path:
    """The clients' faults only: an adapter's fault says nothing about a scenario."""
    mutants = [mutant for folder in matrix.mutants for mutant in load_mutants(folder)]
    names = [
        REFERENCE,
        REFERENCE_H2,
        *(m.name for m in mutants if m.kind == "client" and m.everywhere),
    ]
    words = [
        "--mutants",
        "--transport",
        "h1,h2c",
        "--no-baseline",
        "--no-confirm",
        "--matrix",
        str(matrix.path),
        *LEFT_OUT,
    ]
    for name in (REFERENCE, REFERENCE_H2, *names):
        words += ["--client", name]
    before = set(default_runs().glob(f"*/{run_folder.CASES}"))
    run.call(run.parse_run(words))  # findings are what this is about
    made = set(default_runs().glob(f"*/{run_folder.CASES}")) - before
    if not made:
        raise ResultsFault("the run of the mutants left no results; what it said stands above")
    return max(made, key=lambda path: path.stat().st_mtime).parent
