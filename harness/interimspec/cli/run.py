# SPDX-License-Identifier: MIT
"""`interimspec run` (pytest under the hood) and `interimspec repro`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pytest

from interimspec import paths, run_folder
from interimspec.cli import own_client
from interimspec.errors import UsageError
from interimspec.pytest_options import SELECTORS
from interimspec.session import default_runs


def add(commands: Any) -> None:
    """The parsers."""
    run = commands.add_parser(
        "run",
        help="run scenarios against clients",
        description="Runs the matrix: every selected scenario against every selected client. "
        "Selections are shell patterns; repeat them or separate with commas; !GLOB excludes. "
        "With `-- ./my-client {url}` any command is tested, without an adapter.",
    )
    for name in SELECTORS:
        run.add_argument(f"--{name}", action="append", default=[], metavar="GLOB")
        run.add_argument(f"--not-{name}", action="append", default=[], metavar="GLOB")
    run.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        help="every client at every version, not only the default of matrix.toml",
    )
    run.add_argument("--mutants", action="store_true", help="harness/mutants instead of clients")
    run.add_argument("--matrix", type=Path, default=paths.MATRIX, help="another matrix.toml")
    run.add_argument("--shard", metavar="I/N", help="the I-th of N parts of the work")
    run.add_argument("--runs", type=Path, metavar="DIR", help="where the run's folder is made")
    run.add_argument("--no-baseline", action="store_true", help="compare with nothing")
    run.add_argument("--no-confirm", action="store_true", help="do not repeat doubtful cases")
    run.add_argument("--processes", type=int, metavar="N", help="adapter processes at once")
    run.add_argument("--pace", type=float, metavar="F", help="stretch every pause of the server")
    run.add_argument("--junitxml", type=Path, metavar="FILE", help="also write JUnit XML")
    run.add_argument("-x", "--exitfirst", action="store_true", help="stop at the first finding")
    run.add_argument("-k", metavar="EXPR", help="as pytest's -k")
    run.add_argument("--lf", action="store_true", help="only what failed last time")
    run.add_argument("-v", "--verbose", action="store_true", help="a line for each case")
    run.add_argument("-n", metavar="N", help="xdist workers (not needed: cases run at once anyway)")
    run.add_argument("ids", nargs="*", help="node ids, as pytest prints them")
    run.add_argument(
        "--pytest", nargs=argparse.REMAINDER, default=[], help="the rest is handed to pytest"
    )
    run.set_defaults(call=call)

    repro = commands.add_parser(
        "repro",
        help="run one cell again, by itself, and tell everything",
        description="Runs one cell of a run again and prints what `explain` prints.",
    )
    repro.add_argument("client", help="a client or row, like requests or requests@2.34.2")
    repro.add_argument("scenario")
    repro.set_defaults(call=call_repro)


def call(arguments: argparse.Namespace) -> int:
    """pytest with our plugin, or the caller's own client."""
    if arguments.own is not None:
        return own_client.run(arguments.own, arguments)
    return _pytest(pytest_words(arguments))


def pytest_words(arguments: argparse.Namespace) -> list[str]:
    """The command line for pytest."""
    matrix = Path(arguments.matrix).resolve()
    if not matrix.is_file():
        raise UsageError(f"{matrix}: no such file; a matrix.toml names scenarios and clients")
    words = [
        *("-c", str(paths.ROOT / "pyproject.toml")),
        *("--rootdir", str(matrix.parent)),
        *("-o", f"cache_dir={paths.BUILD / '.pytest_cache'}"),
        *("-W", "default"),
        *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # we are imported: this is us
        # Items only report what the engine has found: there is nothing to capture, and doing it
        # three times for each of thousands of items takes longer than running some clients.
        *("-p", "no:logging", "--capture=no"),
    ]
    rest = list(arguments.pytest)
    if not arguments.verbose:
        words.append("-q")
    if not any(word.startswith("--tb") for word in rest):
        words.append("--tb=no")
    if not any(word.startswith("-r") for word in rest):
        words.append("-rN")
    for name in SELECTORS:
        for pattern in getattr(arguments, name):
            words.append(f"--{name}={pattern}")
        for pattern in getattr(arguments, f"not_{name}"):
            words.append(f"--not-{name}={pattern}")
    for flag in ("mutants", "no_baseline", "no_confirm", "exitfirst", "lf"):
        if getattr(arguments, flag):
            words.append("--" + flag.replace("_", "-"))
    if arguments.everything:
        words.append("--all")
    for option in ("shard", "processes", "pace"):
        if getattr(arguments, option) is not None:
            words.append(f"--{option}={getattr(arguments, option)}")
    if arguments.runs is not None:
        words.append(f"--runs={arguments.runs.resolve()}")
    if arguments.junitxml is not None:
        words.append(f"--junitxml={arguments.junitxml.resolve()}")
    if arguments.k is not None:
        words += ["-k", arguments.k]
    if arguments.n is not None:
        words += ["-n", arguments.n]
    words += rest
    words += [_node(matrix, text) for text in arguments.ids] or [str(matrix)]
    return words


def _node(matrix: Path, text: str) -> str:
    """`matrix.toml::row::cell`, or without the file, as an argument that pytest finds anywhere."""
    return f"{matrix}::" + text.removeprefix("matrix.toml::").removeprefix(f"{matrix}::")


def _pytest(words: list[str]) -> int:
    here = Path.cwd()
    try:
        return int(pytest.main(words))
    finally:
        os.chdir(here)


def call_repro(arguments: argparse.Namespace) -> int:
    """One cell, then its evidence."""
    from interimspec.cli import browse

    words = parse_run(["--client", arguments.client, "--scenario", arguments.scenario])
    status = _pytest(pytest_words(words))
    if status in (0, 1, 3, 6):
        run = run_folder.newest_run(default_runs())
        browse.print_cells(run, arguments.client, arguments.scenario)
    return status


def parse_run(words: list[str]) -> argparse.Namespace:
    """The arguments of `run`, from words."""
    from interimspec.cli import parser

    arguments = parser().parse_args(["run", *words])
    arguments.own = None
    return arguments
