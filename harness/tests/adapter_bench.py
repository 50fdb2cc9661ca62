# SPDX-License-Identifier: MIT
"""For the adapter tests: a raw-socket peer that plays byte lists, and a way to drive one adapter.

Apart from the mock server on purpose: what an adapter tells is checked here against octets that the
test itself wrote.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interimspec import clients, install, matrix, paths

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "harness" / "clients"
BUILD = ROOT / "build"
MATRIX = matrix.load_matrix(paths.MATRIX)

FIN, RST, SILENCE = "fin", "rst", "silence"
Action = bytes | float | str


class RawPeer:
    """Answers each path with a list of actions: octets are sent, a number is slept (s), FIN, RST
    and SILENCE end the connection or hold it until the client goes."""

    def __init__(self, answers: dict[str, list[Action]]) -> None:
        self.answers = answers
        self.requests: list[dict[str, Any]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stop = threading.Event()
        self._connections = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        self._stop.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        self._listener.settimeout(0.1)
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._connections += 1
            thread = threading.Thread(
                target=self._serve, args=(sock, self._connections), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        pending = b""
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while not self._stop.is_set():
                    request, pending = self._read(sock, pending)
                    if request is None:
                        return
                    request["connection"] = number
                    self.requests.append(request)
                    name = request["path"].strip("/").split("?")[0]
                    if not self._play(sock, self.answers[name]):
                        return
            except OSError:
                return

    def _play(self, sock: socket.socket, actions: list[Action]) -> bool:
        for action in actions:
            if isinstance(action, bytes):
                sock.sendall(action)
            elif isinstance(action, float):
                self._stop.wait(action)
            elif action == FIN:
                sock.shutdown(socket.SHUT_WR)
                self._drain(sock)
                return False
            elif action == RST:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            else:
                self._drain(sock)
                return False
        return True

    def _drain(self, sock: socket.socket) -> None:
        sock.settimeout(0.1)
        while not self._stop.is_set():
            try:
                if not sock.recv(65536):
                    return
            except TimeoutError:
                continue

    def _more(self, sock: socket.socket) -> bytes:
        while not self._stop.is_set():
            if select.select([sock], [], [], 0.1)[0]:
                return sock.recv(65536)
        return b""

    def _read(self, sock: socket.socket, data: bytes) -> tuple[dict[str, Any] | None, bytes]:
        while b"\r\n\r\n" not in data:
            more = self._more(sock)
            if not more:
                return None, b""
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        if fields.get("expect", "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in fields.get("transfer-encoding", ""):
            body, rest = self._read_chunked(sock, rest)
        else:
            length = int(fields.get("content-length", "0"))
            while len(rest) < length:
                rest += self._more(sock)
            body, rest = rest[:length], rest[length:]
        method, path, version = lines[0].split(" ")
        return {
            "method": method,
            "path": path,
            "version": version,
            "fields": fields,
            "body": body,
            "at": time.time() * 1000,
        }, rest

    def _read_chunked(self, sock: socket.socket, data: bytes) -> tuple[bytes, bytes]:
        body = b""
        while True:
            while b"\r\n" not in data:
                data += self._more(sock)
            size, _, data = data.partition(b"\r\n")
            length = int(size.split(b";")[0], 16)
            while len(data) < length + 2:
                data += self._more(sock)
            body, data = body + data[:length], data[length + 2 :]
            if length == 0:
                return body, data


@contextmanager
def raw_peer(answers: dict[str, list[Action]]) -> Iterator[RawPeer]:
    peer = RawPeer(answers)
    try:
        yield peer
    finally:
        peer.close()


def ok(body: bytes = b"final body\n", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (extra, len(body), body)


INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"


def request(peer: RawPeer, path: str, name: str = "main", **more: Any) -> dict[str, Any]:
    return {"name": name, "method": "GET", "url": peer.url(path), **more}


def plan(
    *requests: dict[str, Any], timers: dict[str, int] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "v": 1,
        "plan": "test-plan",
        "http": "1.1",
        "timers": timers or {},
        "requests": list(requests),
        **more,
    }


def clean_environ(extra: dict[str, str]) -> dict[str, str]:
    """What the harness gives to an adapter: a path, a home without files, no proxies."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        **extra,
    }


class AdapterRun:
    def __init__(self, events: list[dict[str, Any]], code: int | None, stderr: str) -> None:
        self.events = events
        self.code = code
        self.stderr = stderr

    def of(self, event: str, name: str = "main") -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == event and e.get("request", name) == name]

    def end(self, name: str = "main") -> dict[str, Any]:
        ends = self.of("end", name)
        assert len(ends) == 1, f"{len(ends)} ends for {name}: {self}"
        return ends[0]

    def __str__(self) -> str:
        lines = [json.dumps(event) for event in self.events]
        return "\n".join([*lines, f"exit {self.code}", self.stderr[-3000:]])


def drive(
    command: list[str],
    plans: list[dict[str, Any]],
    environ: dict[str, str] | None = None,
    deadline: float = 20.0,
) -> AdapterRun:
    """Start the adapter, give it the plans, return what it wrote; kill it at the deadline."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environ({**(environ or {}), "INTERIMSPEC_OUT": f"/dev/fd/{writer}"}),
        pass_fds=(writer,),
        start_new_session=True,
    )
    os.close(writer)
    collected: list[str] = []

    def collect() -> None:
        with os.fdopen(reader, encoding="utf-8") as lines:
            collected.extend(lines)

    thread = threading.Thread(target=collect)
    thread.start()
    text = "".join(json.dumps(one) + "\n" for one in plans).encode()
    try:
        _, stderr = process.communicate(text, timeout=deadline)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        _, stderr = process.communicate()
    thread.join(10)
    events = [json.loads(line) for line in collected]
    return AdapterRun(events, process.returncode, stderr.decode("utf-8", "replace"))


def row_of(name: str, version: str | None = None, variant: str | None = None) -> clients.Row:
    manifest = clients.load_manifest(CLIENTS / name / "client.toml")
    for row in clients.rows_of(manifest):
        named = row.variant.name if row.variant else None
        if named == variant and version in (None, row.version):
            return row
    raise LookupError(f"{name} {version} {variant}")


def installed(row: clients.Row) -> clients.Row:
    """The row with its environment. Building one takes seconds to minutes, so of the clients that
    matrix.toml does not run by default only those are tested that somebody has installed;
    INTERIMSPEC_TEST_ALL_CLIENTS=1 tests every one."""
    costs_nothing = not row.manifest.install.builds or install.is_ready(row, BUILD)
    wanted = matrix.default_rows(MATRIX, [row]) or os.environ.get("INTERIMSPEC_TEST_ALL_CLIENTS")
    if not (wanted or costs_nothing):
        pytest.skip(f"{row.id} is not installed: interimspec run --client {row.id}")
    try:
        install.ensure(row, BUILD)
    except install.NotInstalled as error:
        pytest.skip(str(error))
    return row


def drive_row(row: clients.Row, *plans: dict[str, Any], deadline: float = 20.0) -> AdapterRun:
    env = install.ensure(row, BUILD)
    return drive(env.command(), list(plans), env.environ(), deadline)
