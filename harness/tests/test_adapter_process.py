# SPDX-License-Identifier: MIT
"""One adapter process: whatever it does, the plan ends and what it wrote is there."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driver_kit import MakeRow

from interimspec.adapter_process import AdapterProcess, PlanResult, clean_env
from interimspec.supervisor import Exit

PLAN = {
    "v": 1,
    "plan": "p1",
    "http": "1.1",
    "timers": {"total_ms": 500},
    # Nobody listens there: refused at once.
    "requests": [{"name": "main", "method": "GET", "url": "http://127.0.0.1:1/any/p1"}],
}


async def no_more(main_ended: bool) -> float | None:
    return None


async def with_adapter(
    row: Any, tmp_path: Path, work: Callable[[AdapterProcess], Any], env: Any = None
) -> Any:
    process = AdapterProcess(row.command(tmp_path), env or {}, tmp_path / "scratch")
    await process.start(hello_seconds=10)
    try:
        return await work(process)
    finally:
        await process.close()


def run_one(row: Any, tmp_path: Path, seconds: float = 5.0) -> tuple[PlanResult, AdapterProcess]:
    kept: list[AdapterProcess] = []

    async def work(process: AdapterProcess) -> PlanResult:
        kept.append(process)
        return await process.run_plan(PLAN, time.monotonic() + seconds, no_more)

    return asyncio.run(with_adapter(row, tmp_path, work)), kept[0]


def names(result: PlanResult) -> list[str]:
    return [str(event["event"]) for event in result.events]


def test_hello_then_events_then_done(make_row: MakeRow, tmp_path: Path) -> None:
    result, process = run_one(make_row(), tmp_path)
    assert process.hello is not None
    assert process.hello["client"] == "plain"
    assert result.state == "done"
    assert names(result) == ["end", "done"]
    assert result.events[0]["error"]["kind"] == "closed"
    assert b"hello on stdout" not in result.stdout_tail  # that was before the plan


def test_many_plans_in_one_process(make_row: MakeRow, tmp_path: Path) -> None:
    async def work(process: AdapterProcess) -> list[str]:
        states = []
        for number in range(20):
            plan = {**PLAN, "plan": f"p{number}"}
            result = await process.run_plan(plan, time.monotonic() + 5, no_more)
            assert all(event["plan"] == f"p{number}" for event in result.events)
            states.append(result.state)
        return states

    assert asyncio.run(with_adapter(make_row(), tmp_path, work)) == ["done"] * 20


def test_events_as_marked_lines_on_stdout(make_row: MakeRow, tmp_path: Path) -> None:
    result, process = run_one(make_row("stdout_only"), tmp_path)
    assert process.hello is not None
    assert names(result) == ["done"]
    assert b"noise without end" in result.stdout_tail


def test_a_hang_ends_at_the_deadline(make_row: MakeRow, tmp_path: Path) -> None:
    started = time.monotonic()
    result, process = run_one(make_row("plain", "hang"), tmp_path, seconds=0.3)
    assert result.state == "deadline"
    assert time.monotonic() - started < 5
    assert not process.alive


def test_the_deadline_may_move(make_row: MakeRow, tmp_path: Path) -> None:
    asked: list[bool] = []

    async def later(main_ended: bool) -> float | None:
        asked.append(main_ended)
        return time.monotonic() + 0.2 if len(asked) < 3 else None

    async def work(process: AdapterProcess) -> PlanResult:
        return await process.run_plan(PLAN, time.monotonic() + 0.1, later)

    result = asyncio.run(with_adapter(make_row("plain", "hang"), tmp_path, work))
    assert result.state == "deadline"
    assert asked == [False, False, False]
    assert 400 <= result.duration_ms < 3000


@pytest.mark.parametrize(
    ("word", "end"), [("dies", Exit(None, 11)), ("exits", Exit(7, None)), ("forks", Exit(0, None))]
)
def test_how_it_ended_is_known(
    make_row: MakeRow, tmp_path: Path, word: str, end: Exit, alive: Callable[[str], list[int]]
) -> None:
    mark = f"mark-{uuid.uuid4().hex}"
    result, process = run_one(make_row("plain", word, mark), tmp_path)
    assert result.state == "exited"
    assert result.exit == end
    assert not process.alive
    assert alive(mark) == []


def test_a_flood_is_bounded(make_row: MakeRow, tmp_path: Path) -> None:
    result, _ = run_one(make_row("plain", "floods"), tmp_path, seconds=30)
    assert result.flooded
    assert result.state == "deadline"
    assert all(len(str(event)) < 3000 for event in result.events)


def test_chatter_does_not_block(make_row: MakeRow, tmp_path: Path) -> None:
    result, _ = run_one(make_row("plain", "chatters"), tmp_path)
    assert result.state == "done"
    assert len(result.stdout_tail) == 64 * 1024
    assert len(result.stderr_tail) == 64 * 1024


def test_garbage_is_kept_as_such(make_row: MakeRow, tmp_path: Path) -> None:
    result, _ = run_one(make_row("plain", "garbage"), tmp_path)
    assert names(result) == ["bad-line", "bad-line", "bad-line", "end", "done"]


def test_no_hello_says_why(make_row: MakeRow, tmp_path: Path) -> None:
    async def work(process: AdapterProcess) -> str:
        assert not process.alive
        return process.failure

    said = asyncio.run(with_adapter(make_row("plain", "no-hello"), tmp_path, work))
    assert said == "the adapter ended with 1 before its hello: no hello today"


def test_a_missing_program_says_so(tmp_path: Path) -> None:
    async def run() -> str:
        process = AdapterProcess([str(tmp_path / "gone")], {}, tmp_path)
        await process.start(hello_seconds=5)
        await process.close()
        return process.failure

    assert "No such file or directory" in asyncio.run(run())


def test_the_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unwanted = (
        "http_proxy", "HTTPS_PROXY", "all_proxy", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "LD_PRELOAD",
        "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PYTHONPATH", "CURL_HOME", "WGETRC",
    )  # fmt: skip
    for name in unwanted:
        monkeypatch.setenv(name, "x")
    env = clean_env(tmp_path, {"EXTRA": "1"})
    assert not set(unwanted) & set(env)
    assert env["HOME"] == str(tmp_path)
    assert env["EXTRA"] == "1"
    assert env["INTERIMSPEC_OUT"] == "/dev/fd/3"


def test_the_scratch_folder_goes_away(make_row: MakeRow, tmp_path: Path) -> None:
    run_one(make_row(), tmp_path)
    assert list((tmp_path / "scratch").iterdir()) == []
