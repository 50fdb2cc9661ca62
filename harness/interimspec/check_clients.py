# SPDX-License-Identifier: MIT
"""`interimspec clients check NAME`: the controls against one or more clients, for who adds one."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from interimspec import paths
from interimspec.clients import Row, TomlError, load_manifests, rows_of, select
from interimspec.control_table import CONTROLS
from interimspec.controls import AdapterPlayer, ControlResult, run_controls
from interimspec.errors import InterimspecError
from interimspec.install import NotInstalled, ensure
from interimspec.server import Options, Server

PASSED, FAILED, HARNESS, USAGE = 0, 1, 3, 4


def main(arguments: Sequence[str]) -> int:
    """The command: 0 all pass, 1 a control fails, 3 a fault of the harness, 4 usage."""
    parser = argparse.ArgumentParser(
        prog="interimspec clients check",
        description="Play the controls, in which no interim response occurs, against clients.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="as in requests, urllib3@1.*")
    parser.add_argument(
        "--control", action="append", choices=CONTROLS, help="only this one; may be given again"
    )
    parser.add_argument(
        "--clients", type=Path, default=paths.HARNESS / "clients", metavar="DIR",
        help="where the clients are",
    )  # fmt: skip
    try:
        options = parser.parse_args(arguments)
    except SystemExit as error:
        return USAGE if error.code else PASSED
    try:
        rows = [row for m in load_manifests(options.clients) for row in rows_of(m)]
    except (TomlError, OSError) as error:
        print(error)
        return USAGE
    chosen = select(rows, options.names)
    if not chosen:
        known = ", ".join(sorted({row.name for row in rows}))
        print(f"no client matches {' '.join(options.names)}; known: {known}")
        return USAGE
    try:
        return asyncio.run(_check(chosen, tuple(options.control or CONTROLS)))
    except InterimspecError as error:
        print(error)
        return HARNESS


async def _check(rows: Sequence[Row], names: tuple[str, ...]) -> int:
    with tempfile.TemporaryDirectory(prefix="interimspec-check-") as folder:
        place = Path(folder)
        server = Server(Options(catalogue=paths.SCENARIOS / "controls"))
        await server.start()
        try:
            states = [await _check_row(row, server, place, names) for row in rows]
        finally:
            await server.stop()
    return max(states)


async def _check_row(row: Row, server: Server, place: Path, names: tuple[str, ...]) -> int:
    try:
        environment = await asyncio.to_thread(ensure, row, paths.BUILD, print)
    except NotInstalled as error:
        print(f"{row.id}: {error}")
        return HARNESS
    player = AdapterPlayer(environment, place / "scratch")
    print(row.id)
    try:
        results = await run_controls(
            row, server.control, player, names=names, token="c" + secrets.token_hex(3), report=_show
        )
    finally:
        await player.close()
    return PASSED if all(result.passed for result in results) else FAILED


def _show(result: ControlResult) -> None:
    if result.skipped:
        print(f"  {result.name:<15} skipped  {result.skipped}")
    elif result.passed:
        print(f"  {result.name:<15} passed")
    else:
        print(f"  {result.name:<15} FAILED   " + "; ".join(result.problems))


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
