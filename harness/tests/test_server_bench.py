# SPDX-License-Identifier: MIT
"""The server's bench leaves nothing running, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interimspec import paths

BENCH = paths.ROOT / "mockserver" / "bench"

STARTS_ONE = """
import sys, time
sys.path.insert(0, sys.argv[1])
import run
print(run.Process(["sleep", "60"]).popen.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_the_bench_has_started_ends_with_it(how: signal.Signals) -> None:
    bench = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(BENCH)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert bench.stdout is not None
    with bench.stdout as said:
        pid = int(said.readline())
    assert is_running(pid)
    bench.send_signal(how)
    bench.wait(10)
    until = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < until, f"process {pid} has outlived the bench"
        time.sleep(0.02)
