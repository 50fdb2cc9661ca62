# SPDX-License-Identifier: MIT
"""What is made of an adapter that refuses every control."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from driver_kit import MakeRow

from interimspec import proof
from interimspec.catalogue import load_catalogue
from interimspec.controls import ControlResult
from interimspec.install import Environment
from interimspec.proof import Proofs, _all_refused
from interimspec.server import Options, Server

NAMES = ("200", "404", "refused", "silence", "two-requests")


def refused(name: str, what: str = "http") -> ControlResult:
    event = {"event": "unsupported", "plan": name, "what": what, "value": "2 without TLS"}
    return ControlResult(name, ("the server saw 0 requests",), None, (event,))


def test_a_client_without_this_http_refuses_every_control() -> None:
    assert _all_refused([refused(name) for name in NAMES])


def test_what_refuses_for_another_reason_or_only_now_and_then_is_not_believed() -> None:
    assert not _all_refused([])
    assert not _all_refused([refused(name, "timers") for name in NAMES])
    assert not _all_refused([refused(name) for name in NAMES if name != "200"])
    crashed = ControlResult("404", ("nothing was told of the request 'main'",))
    assert not _all_refused([*(refused(name) for name in NAMES if name != "404"), crashed])


@pytest.mark.parametrize(("deaths", "problem"), [(1, None), (3, "server: ")])
def test_a_server_that_dies_under_the_controls_is_no_fault_of_the_adapter(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_row: MakeRow,
    server_binary: Path,
    deaths: int,
    problem: str | None,
) -> None:
    row = make_row()
    killed: list[int] = []

    async def prove() -> tuple[str, ...]:
        server = Server(Options(ports=4))
        await server.start()

        async def dying(row: Any, control: Any, player: Any, **more: Any) -> list[ControlResult]:
            pid = (await control.status())["pid"]
            if len(killed) < 2 * deaths:  # what fails is played twice
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)
                while True:
                    await control.status()
            return [ControlResult("200")]

        monkeypatch.setattr(proof, "run_controls", dying)
        try:
            proofs = Proofs(server, load_catalogue(Options().catalogue), tmp_path)
            return await proofs.problems(Environment(row, tmp_path), "h1")
        finally:
            await server.stop()

    monkeypatch.setattr(Proofs, "_note", lambda self, row, transport: tmp_path / "note")
    problems = asyncio.run(prove())
    assert len(set(killed)) == 2 * deaths
    assert (problems == ()) is (problem is None)
    assert problem is None or problems[0].startswith(problem)
