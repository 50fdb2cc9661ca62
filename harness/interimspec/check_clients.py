# SPDX-License-Identifier: MIT
"""Whether adapters keep the contract beyond words: all that contract.py asks, for who adds one.

`interimspec clients check NAME` comes here. Each line says what was asked; what failed says why,
and where in harness/clients/README.md the rule stands.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from interimspec import contract, paths
from interimspec.clients import Row
from interimspec.control_table import CONTROLS
from interimspec.controls import AdapterPlayer, ControlResult, run_controls
from interimspec.deviation_hint import deviation_hint
from interimspec.install import NotInstalled, ensure
from interimspec.plan import missing_transport
from interimspec.server import Options, Server

Say = Callable[[str], None]

PASSED, FAILED, HARNESS = 0, 1, 3

_PLACE_OF_CONTROLS = "harness/clients/README.md, 'Controls: proof before blame'"
_PLACE_OF_HELLO = "harness/clients/README.md, 'Events' (hello) and 'client.toml' ([can])"


def check(
    rows: Sequence[Row],
    say: Say = print,
    *,
    controls: Sequence[str] = tuple(CONTROLS),
    contract_too: bool = True,
    transport: str | None = None,
) -> int:
    """Checks each row: 0 all keep it, 1 one does not, 3 one could not be asked.

    Without a transport the plainest of each client; what asks beyond the controls needs that one.
    """
    asked = _Asked(tuple(controls), contract_too, transport)
    return asyncio.run(_check(rows, say, asked))


@dataclass(frozen=True)
class _Asked:
    """What the caller wants to know."""

    controls: tuple[str, ...]
    contract_too: bool
    transport: str | None


async def _check(rows: Sequence[Row], say: Say, asked: _Asked) -> int:
    with tempfile.TemporaryDirectory(prefix="interimspec-check-") as folder:
        server = Server(Options(catalogue=paths.SCENARIOS / "controls"))
        await server.start()
        try:
            states = [await _check_row(row, server, Path(folder), say, asked) for row in rows]
        finally:
            await server.stop()
    return max(states)


async def _check_row(row: Row, server: Server, place: Path, say: Say, wanted: _Asked) -> int:
    transport = wanted.transport or _plainest_of(row)
    lacks = missing_transport(transport, row.can)
    if lacks:
        say(f"{row.id}: cannot be asked over {transport}: its manifest does not claim {lacks}")
        return HARNESS
    try:
        environment = await asyncio.to_thread(ensure, row, paths.BUILD, say)
    except NotInstalled as error:
        say(f"{row.id}: {error}")
        return HARNESS
    player = AdapterPlayer(environment, place / "scratch")
    token = "c" + secrets.token_hex(3)
    say(row.id)
    failed: list[str] = []
    asked: Counter[contract.Rule] = Counter()
    wrong: set[contract.Rule] = set()

    def tell_control(result: ControlResult) -> None:
        place = _PLACE_OF_HELLO if result.name == "hello" else _PLACE_OF_CONTROLS
        if _tell(say, result.name, result.skipped, result.problems, place):
            failed.append(result.name)
            hint = deviation_hint(row, result)
            if hint:
                say(f"  {'':<15}          if its documentation or source says so, declare: {hint}")

    def tell_rule(verdict: contract.Verdict) -> None:
        asked[verdict.rule] += 1
        if not verdict.passed:
            problems = [f"{verdict.question}: {problem}" for problem in verdict.problems]
            _tell(say, verdict.rule.name, None, problems, str(verdict.rule))
            failed.append(verdict.question)
            wrong.add(verdict.rule)

    try:
        await run_controls(
            row,
            server.control,
            player,
            transport=transport,
            names=wanted.controls,
            token=token,
            report=tell_control,
        )
        if wanted.contract_too and transport == "h1":
            await contract.inspect(row, player, token, tell_rule)
            for rule, count in asked.items():
                if rule not in wrong:
                    say(f"  {rule.name:<15} passed   {count} asked")
    finally:
        await player.close()
    words = player.stderr_tail.decode("utf-8", "replace").strip().splitlines()
    if failed and words:
        say("  its last words on standard error:")
        for line in words[-5:]:
            say(f"    {line[:200]}")
    whole = wanted.contract_too and len(wanted.controls) == len(CONTROLS)
    kept = "keeps the contract" if whole and transport == _plainest_of(row) else "passed"
    say(f"{row.id}: {len(failed)} problems" if failed else f"{row.id}: {kept}")
    return FAILED if failed else PASSED


def _plainest_of(row: Row) -> str:
    """The plainest transport that the client has; what asks beyond the controls speaks HTTP/1.1."""
    if "1.1" in row.can.http:
        return "h1"
    return "h2" if row.can.tls else "h2c"


def _tell(say: Say, name: str, skipped: str | None, problems: Sequence[str], place: str) -> bool:
    if skipped:
        say(f"  {name:<15} skipped  {skipped}")
    elif not problems:
        say(f"  {name:<15} passed")
    else:
        say(f"  {name:<15} FAILED   " + "; ".join(problems))
        say(f"  {'':<15}          see {place}")
    return bool(problems)


if __name__ == "__main__":
    import sys

    from interimspec.cli import main

    sys.exit(main(["clients", "check", *sys.argv[1:]]))
