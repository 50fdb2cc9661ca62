# SPDX-License-Identifier: MIT
"""The supervisor program and its Python side: nothing survives, and how it ended is known."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from interimspec import paths, supervisor
from interimspec.errors import HarnessFault
from interimspec.supervisor import Lines, Supervised, Tail

Alive = Callable[[str], list[int]]

TREE = """
import os, subprocess, sys, time
mark = sys.argv[1]
sleeper = [sys.executable, "-c", "import time; time.sleep(300)", mark]
subprocess.Popen(sleeper)
subprocess.Popen(sleeper, start_new_session=True)
if os.fork() == 0:                      # a daemon: its parent is gone at once
    os.setsid()
    if os.fork() == 0:
        os.execv(sleeper[0], sleeper)
    os._exit(0)
print("ready", flush=True)
time.sleep(300 if len(sys.argv) < 3 else float(sys.argv[2]))
"""


async def start(
    tmp_path: Path, *command: str, out: list[bytes] | None = None, **more: object
) -> Supervised:
    kept: list[bytes] = [] if out is None else out
    return await supervisor.start(
        command or (sys.executable, "-c", "pass"),
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        stdout=kept.append,
        stderr=kept.append,
    )


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


def test_reports_exit_code_and_cpu_time(tmp_path: Path) -> None:
    async def run() -> None:
        burn = "import time\nwhile time.process_time() < 0.2: pass\nraise SystemExit(7)"
        process = await start(tmp_path, sys.executable, "-c", burn)
        await process.wait_ended()
        await process.stop()
        assert process.exit == supervisor.Exit(7, None)
        assert process.cpu_ms >= 200

    asyncio.run(run())


def test_reports_the_signal(tmp_path: Path) -> None:
    async def run() -> None:
        code = "import os; os.kill(os.getpid(), 11)"
        process = await start(tmp_path, sys.executable, "-c", code)
        await process.wait_ended()
        await process.stop()
        assert process.exit == supervisor.Exit(None, 11)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["stop", "exit"])
def test_kills_the_whole_tree(tmp_path: Path, alive: Alive, how: str) -> None:
    mark = f"mark-{uuid.uuid4().hex}"

    async def run() -> None:
        out: list[bytes] = []
        lasts = ["0.3"] if how == "exit" else []
        process = await start(tmp_path, sys.executable, "-c", TREE, mark, *lasts, out=out)
        await until(lambda: b"ready" in b"".join(out))
        await until(lambda: len(alive(mark)) >= 4)
        if how == "exit":
            await process.wait_ended()
        await process.stop()
        assert process.left_behind >= 3
        assert alive(mark) == []

    asyncio.run(run())


def test_kills_everything_when_the_harness_dies(tmp_path: Path, alive: Alive) -> None:
    mark = f"mark-{uuid.uuid4().hex}"
    harness = f"""
import asyncio, os, sys
sys.path.insert(0, {str(paths.HARNESS)!r})
from pathlib import Path
from interimspec import supervisor
async def main():
    await supervisor.start([sys.executable, "-c", {TREE!r}, {mark!r}], env=dict(os.environ),
        cwd=Path({str(tmp_path)!r}), stdout=lambda d: print(d.decode(), flush=True),
        stderr=lambda d: None)
    await asyncio.sleep(100)
asyncio.run(main())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", harness], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert b"ready" in process.stdout.readline()
    assert len(alive(mark)) >= 3
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    process.stdout.close()
    asyncio.run(until(lambda: alive(mark) == []))


def test_a_killed_supervisor_takes_its_command_along(tmp_path: Path, alive: Alive) -> None:
    mark = f"mark-{uuid.uuid4().hex}"

    async def run() -> None:
        code = "import time; time.sleep(300)"
        process = await start(tmp_path, sys.executable, "-c", code, mark)
        await until(lambda: bool(alive(mark)))
        os.kill(process.supervisor_pid, signal.SIGKILL)
        await process.wait_ended()
        await until(lambda: alive(mark) == [])
        assert await process.stop() is None

    asyncio.run(run())


def test_says_why_a_command_cannot_be_started(tmp_path: Path) -> None:
    async def run() -> None:
        process = await start(tmp_path, str(tmp_path / "nothing-here"))
        await process.wait_ended()
        await process.stop()
        assert process.failure == "No such file or directory"

    asyncio.run(run())


def test_hands_over_a_descriptor_under_its_number(tmp_path: Path) -> None:
    async def run() -> bytes:
        got: list[bytes] = []
        code = (
            "import os; os.write(3, b'on three'); open('/dev/fd/3', 'w').write(', reopened');"
            "left = sorted(int(n) for n in os.listdir('/proc/self/fd'));"
            "os.write(3, f' {left[:4]} {len(left)}'.encode())"
        )
        process = await supervisor.start(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"]},
            cwd=tmp_path,
            stdout=lambda data: None,
            stderr=got.append,
            out=got.append,
        )
        await process.wait_ended()
        await process.stop()
        return b"".join(got)

    # The fifth descriptor is the one that listdir has open.
    assert asyncio.run(run()) == b"on three, reopened [0, 1, 2, 3] 5"


def test_output_never_blocks_the_command(tmp_path: Path) -> None:
    async def run() -> None:
        tail = Tail(1000)
        code = "import sys; [sys.stdout.write('x' * 100000) for _ in range(100)]; print('end')"
        process = await supervisor.start(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"]},
            cwd=tmp_path,
            stdout=tail.feed,
            stderr=tail.feed,
        )
        await asyncio.wait_for(process.wait_ended(), 20)
        await process.stop()
        await until(lambda: tail.total == 10_000_004)
        kept = tail.take()
        assert len(kept) == 1000
        assert kept.endswith(b"end\n")

    asyncio.run(run())


def test_a_missing_supervisor_is_a_clear_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERIMSPEC_SUPERVISE", str(tmp_path / "none"))
    with pytest.raises(HarnessFault, match="make setup"):
        asyncio.run(start(tmp_path))


@pytest.mark.parametrize(
    "words",
    [[], ["--control"], ["--fd", "3", "--", "true"], ["--bad", "1", "--", "true"], ["--"]],
)
def test_usage_errors_end_with_4(words: list[str]) -> None:
    done = subprocess.run(
        [str(paths.supervisor_binary()), *words], capture_output=True, timeout=10, check=False
    )
    assert done.returncode == 4
    assert b"usage: supervise" in done.stderr


def test_lines_come_whole_whatever_the_pieces() -> None:
    text = b"one\ntwo\n\nthree"
    for size in range(1, len(text) + 1):
        got: list[bytes] = []
        lines = Lines(got.append)
        for at in range(0, len(text), size):
            lines.feed(text[at : at + size])
        assert got == [b"one", b"two", b""]
        lines.flush()
        assert got[-1] == b"three"


def test_a_line_without_end_is_cut() -> None:
    got: list[bytes] = []
    lines = Lines(got.append, limit=10)
    lines.feed(b"x" * 25)
    assert got == [b"x" * 25]
    lines.feed(b"rest\n")
    assert got == [b"x" * 25, b"rest"]
