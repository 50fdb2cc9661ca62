# SPDX-License-Identifier: MIT
"""A server that loses its processor around a write does not know when the octets left: what it
notes must be true all the same."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from server_kit import Client, check_transcript, events, serving

SCRIPTS = {
    "plain": """
  - respond: {status: 102}
  - sleep: 30ms
  - respond: {status: 200, body: own}
""",
    "repeated": """
  - respond: {status: 102}
    times: 3
    every: 20ms
  - respond: {status: 200, body: own}
""",
    "split": """
  - send: "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n42"
    split: [9]
""",
}
LOST_MS = 60.0


def own(scenario: str, exchange: int) -> bytes:
    return f"interimspec {scenario} r1 start #{exchange}\n".encode()


@pytest.fixture(scope="module")
def slow_send(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("slow") / "slow_send.so"
    source = Path(__file__).parent / "slow_send.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def seen(reads: list[tuple[float, bytes]], transcript: dict[str, Any]) -> list[tuple[float, int]]:
    """When the client had read up to which octet, on the transcript's clock."""
    ahead = transcript["clock"]["monotonic_ms"]
    total, times = 0, []
    for at, data in reads:
        total += len(data)
        times.append((at * 1000 - ahead, total))
    return times


@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
@pytest.mark.parametrize("scenario", sorted(SCRIPTS))
def test_octets_leave_between_two_readings_of_the_clock(
    tmp_path: Path, slow_send: Path, monkeypatch: pytest.MonkeyPatch, scenario: str, when: str
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(slow_send))
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")
    monkeypatch.setenv(f"SLOW_SEND_{when}_MS", f"{LOST_MS:.0f}")
    with serving(tmp_path, SCRIPTS) as server:
        port = server.run(scenario, "r1")["port"]
        with Client(port) as client:
            client.get(f"/{scenario}/r1")
            client.read_until(b"42" if scenario == "split" else own(scenario, 0))
            reads = client.reads
        time.sleep(LOST_MS / 1000)
        transcript = server.end("r1")
    check_transcript(transcript)
    times = seen(reads, transcript)
    for event in events(transcript, "send"):
        assert event["left"] - event["began"] >= LOST_MS
        # The first octet cannot have been seen before its write began. That it was seen before the
        # write was over is what a server cannot know.
        first_seen = next(at for at, total in times if total > event["offset"])
        assert first_seen >= event["began"]
        if when == "AFTER":
            assert first_seen < event["left"]
        for due, left, began in event.get("first", []):
            assert due <= began
            assert left - began >= LOST_MS - 0.01


def test_a_request_is_noted_behind_what_it_answers(
    tmp_path: Path, slow_send: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client asks again, on another connection, while the server still stands behind the write
    of what it answers."""
    monkeypatch.setenv("LD_PRELOAD", str(slow_send))
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")
    monkeypatch.setenv("SLOW_SEND_AFTER_MS", f"{LOST_MS:.0f}")
    with serving(tmp_path, SCRIPTS) as server:
        port = server.run("plain", "r1")["port"]
        with Client(port) as first, Client(port) as second:
            first.get("/plain/r1")
            first.read_until(b"\r\n\r\n")
            second.get("/plain/r1")
            second.read_until(own("plain", 1))
        transcript = server.end("r1")
    left = min(event["left"] for event in events(transcript, "send") if event["exchange"] == 0)
    again = next(event for event in events(transcript, "request") if event["exchange"] == 1)
    assert again["t"] >= left
