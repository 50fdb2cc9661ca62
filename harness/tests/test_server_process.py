# SPDX-License-Identifier: MIT
"""The mock server as a process, seen through a stand-in that misbehaves in every way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interimspec import control as controls
from interimspec import paths
from interimspec import server as servers
from interimspec.control import Refused, ServerGone
from interimspec.errors import HarnessFault, ServerFault
from interimspec.server import Options, RemoteServer, Server, ServerThread

FAKE = Path(__file__).parent / "fake_server.py"


def options(tmp_path: Path, mode: str = "") -> Options:
    return Options(
        catalogue=tmp_path,
        log=tmp_path / "server.log",
        binary=Path(sys.executable),
        extra=(f"mode={mode}",),
    )


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`python --catalogue …` makes no sense: a wrapper puts the script in front."""
    wrapper = tmp_path / "server"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(wrapper))


def with_server(tmp_path: Path, work: Callable[[Server], Awaitable[Any]], mode: str = "") -> Any:
    async def run() -> Any:
        server = Server(options(tmp_path, mode))
        await server.start()
        try:
            return await work(server)
        finally:
            await server.stop()

    return asyncio.run(run())


def test_runs_are_made_watched_and_ended(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        lease = await server.control.make_run("single-102", "r1", "h1")
        assert (lease.run, lease.port) == ("r1", 1)
        assert lease.url.endswith("/single-102/r1")
        seen = await server.control.summary("r1")
        assert (seen.requests, seen.probe_requests, seen.connections) == (3, 1, 2)
        assert (await server.control.end_run("r1"))["target"] == "/runs/r1"

    with_server(tmp_path, work)


def test_chunked_answers_are_read(tmp_path: Path) -> None:
    async def work(server: Server) -> Any:
        return await server.control.status()

    assert with_server(tmp_path, work, "chunked")["target"] == "/status"


def test_a_refusal_carries_the_servers_words(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        with pytest.raises(Refused, match="no port is free") as caught:
            await server.control.make_run("a", "b", "h1")
        assert caught.value.status == 503

    with_server(tmp_path, work, "refuses")


@pytest.mark.parametrize("mode", ["hangs", "cut"])
def test_an_answer_that_does_not_come_is_a_dead_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(controls, "ANSWER_SECONDS", 0.3)

    async def work(server: Server) -> None:
        with pytest.raises(ServerGone):
            await server.control.status()

    with_server(tmp_path, work, mode)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("ends", r"bad\.yaml:3:1: unknown key"),
        ("silent", "no ready line"),
        ("garbage", "not a ready line"),
    ],
)
def test_a_start_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, said: str
) -> None:
    monkeypatch.setattr(servers, "READY_SECONDS", 1.0)

    async def work(server: Server) -> None:
        pytest.fail("it must not start")

    with pytest.raises(ServerFault, match=said):
        with_server(tmp_path, work, mode)


def test_a_missing_binary_says_what_to_type(tmp_path: Path) -> None:
    async def run() -> None:
        await Server(Options(catalogue=tmp_path, binary=tmp_path / "gone")).start()

    with pytest.raises(HarnessFault, match="make setup"):
        asyncio.run(run())


def test_a_binary_older_than_its_sources_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transcripts might mean something else than the harness reads in them."""
    monkeypatch.delenv("INTERIMSPEC_SERVER", raising=False)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    source, binary = tmp_path / "mockserver" / "conn.c", tmp_path / "server"
    source.parent.mkdir()
    source.touch()
    binary.touch(0o755)
    os.utime(source, (1000, 1000))
    assert paths.newer_server_source(binary) is None
    os.utime(binary, (999, 999))

    async def run() -> None:
        await Server(Options(catalogue=tmp_path, binary=binary)).start()

    with pytest.raises(HarnessFault, match=r"conn\.c was changed; type `make setup`"):
        asyncio.run(run())


def test_a_dead_server_is_started_again_on_its_port(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        port = server.ready["h1"]["port"]
        for deaths in (1, 2):
            pid = (await server.control.status())["pid"]
            os.kill(pid, signal.SIGKILL)
            while server.restarts < deaths:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await server.wait_up()
            assert (await server.control.status())["pid"] != pid
            assert server.ready["h1"]["port"] == port

    with_server(tmp_path, work)
    assert b"died" in (tmp_path / "server.log").read_bytes()


def test_a_log_on_a_full_disk_costs_the_log_and_nothing_else(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(replace(options(tmp_path), log=Path("/dev/full")))
        await server.start()
        folder = server.control.socket.parent
        pid = (await server.control.status())["pid"]
        os.kill(pid, signal.SIGKILL)
        while server.restarts == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.wait_for(server.wait_up(), 10)
        assert (await server.control.status())["pid"] != pid
        await server.stop()
        assert not folder.exists()

    asyncio.run(run())


def test_one_that_keeps_dying_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "MAX_RESTARTS", 0)

    async def work(server: Server) -> None:
        os.kill((await server.control.status())["pid"], signal.SIGKILL)
        while server.restarts == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with pytest.raises(ServerFault, match="given up"):
            await server.wait_up()

    with_server(tmp_path, work)


def test_one_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.2)
    pids: list[int] = []

    async def work(server: Server) -> None:
        pids.append((await server.control.status())["pid"])

    started = time.monotonic()
    with_server(tmp_path, work, "slow-death")
    assert time.monotonic() - started < 5
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_thread_of_its_own(tmp_path: Path) -> None:
    thread = ServerThread(options(tmp_path))
    ready = thread.start()
    assert thread.server is not None
    socket = thread.server.control.socket

    async def ask() -> Any:
        remote = RemoteServer(socket, ready)
        await remote.wait_up()
        return await remote.control.status()

    assert asyncio.run(ask())["pid"] == ready["pid"]
    thread.stop()
    assert not socket.exists()
    with pytest.raises(ServerGone):
        asyncio.run(RemoteServer(socket, ready).control.status())


def test_a_thread_hands_on_what_went_wrong(tmp_path: Path) -> None:
    with pytest.raises(ServerFault, match="unknown key"):
        ServerThread(options(tmp_path, "ends")).start()
