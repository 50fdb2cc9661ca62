# SPDX-License-Identifier: MIT
"""Starts the real mock server with scenarios of a test's own, and talks to it over raw sockets."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interimspec import paths

SINGLE = """
  - respond: {status: 102}
  - respond: {status: 200}
"""


def write_scenarios(folder: Path, scripts: dict[str, str]) -> Path:
    """A catalogue with one file for each script; what begins with a line break is just `script`."""
    for name, text in scripts.items():
        body = "script:" + text if text.startswith("\n  -") else text
        (folder / f"{name}.yaml").write_text(
            f"id: {name}\ntitle: {name}\nrequirements: []\n{body}\n"
            "expect: {class: trait}\nwhy: A test of the server.\n"
        )
    return folder


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("control", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """A connected socket that notes when what arrived."""

    def __init__(self, port: int, host: str = "127.0.0.1", receive_buffer: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(10)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reads: list[tuple[float, bytes]] = []
        self.ended: str | None = None

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def get(self, path: str, *fields: str, method: str = "GET", version: str = "1.1") -> None:
        lines = [f"{method} {path} HTTP/{version}", "Host: test", *fields, "", ""]
        self.send("\r\n".join(lines).encode())

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.reads)

    def read_once(self, seconds: float) -> bool:
        """One read; False when nothing came in time, or the connection has ended."""
        if self.ended or not select.select([self.sock], [], [], seconds)[0]:
            return False
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionError:
            self.ended = "rst"
            return False
        if not data:
            self.ended = "fin"
            return False
        self.reads.append((time.monotonic(), data))
        return True

    def read_for(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended:
            self.read_once(left)
        return self.data

    def read_until(self, end: bytes, seconds: float = 5) -> bytes:
        until = time.monotonic() + seconds
        while end not in self.data and not self.ended and time.monotonic() < until:
            self.read_once(until - time.monotonic())
        assert end in self.data, f"{end!r} did not come, but {self.data!r} ({self.ended})"
        return self.data

    def read_to_end(self, seconds: float = 5) -> str | None:
        self.read_for(seconds)
        return self.ended

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class MockServer:
    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    control: Path

    @property
    def port(self) -> int:
        return int(self.ready["h1"]["port"])

    def call(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        connection = _UnixConnection(self.control)
        body = None if value is None else json.dumps(value)
        connection.request(method, path, body)
        response = connection.getresponse()
        data = json.loads(response.read())
        connection.close()
        return response.status, data

    def run(self, scenario: str, run: str, port: bool = True, **more: object) -> dict[str, Any]:
        order = {"scenario": scenario, "run": run, "port": port, **more}
        status, made = self.call("POST", "/runs", order)
        assert status == 201, made
        assert made["path"] == f"/{scenario}/{run}"
        return dict(made)

    def end(self, run: str) -> dict[str, Any]:
        status, transcript = self.call("DELETE", f"/runs/{run}")
        assert status == 200, transcript
        check_transcript(transcript)
        return dict(transcript)

    def get(self, path: str, *fields: str, method: str = "GET") -> tuple[bytes, bytes]:
        """Head and content of the last response on a fresh connection that closes."""
        with Client(self.port) as client:
            client.get(path, "Connection: close", *fields, method=method)
            assert client.read_to_end() == "fin"
            head, _, content = client.data.rpartition(b"\r\n\r\n")
            return head, content


def check_transcript(transcript: dict[str, Any]) -> None:
    """What holds for every transcript: times never before the request, spans without gaps, and the
    octets sent on a connection without gaps either."""
    sent: dict[int, int] = {}
    for event in transcript["events"]:
        if event["event"] != "send":
            continue
        conn = event["conn"]
        assert event["offset"] == sent.get(conn, 0), event
        sent[conn] = event["offset"] + event["len"]
        assert event["left"] >= event["began"] >= event["due"] - 0.001, event
        unit = event.get("unit_len", event["len"])
        at = 0
        for start, end, kind in event["spans"]:
            assert start == at, event
            assert end > start, event
            assert kind in ("head", "interim-content", "framing", "content", "surplus")
            at = end
        assert at == unit, event
        if "bytes" in event:
            assert len(event["bytes"]) == unit


def events(transcript: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    return [event for event in transcript["events"] if event["event"] in names]


def names(transcript: dict[str, Any]) -> list[str]:
    return [event["event"] for event in transcript["events"]]


@contextmanager
def serving(folder: Path, scripts: dict[str, str] | Path, *options: str) -> Iterator[MockServer]:
    catalogue = scripts if isinstance(scripts, Path) else folder / "scenarios"
    if not isinstance(scripts, Path):
        catalogue.mkdir()
        write_scenarios(catalogue, scripts)
    control = folder / "control"
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [
            paths.server_binary(),
            *("--catalogue", str(catalogue)),
            *("--control", str(control)),
            *("--ports", "8"),
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        yield MockServer(process, json.loads(line), control)
        # Sanitizers speak at the end, and by the exit status.
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
        assert status == 0, (folder / "log").read_text()
        assert not control.exists()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        log.close()


def finish(*args: str) -> subprocess.CompletedProcess[str]:
    """Runs the server with options that make it end by itself."""
    return subprocess.run(
        [str(paths.server_binary()), *args], capture_output=True, text=True, timeout=20, check=False
    )
