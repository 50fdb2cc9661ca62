# SPDX-License-Identifier: MIT
"""Processes that are started below the supervisor program, and how they end.

The supervisor (harness/supervisor/supervise.c) kills until no child is left when its control pipe
closes, which also happens when this process dies in whatever way. All pipes are read by the event
loop at all times; a process that talks too much never blocks and never fills our memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from interimspec import paths
from interimspec.errors import HarnessFault

GONE_SECONDS = 12.0  # a little more than the supervisor itself allows for a kill

Sink = Callable[[bytes], None]


@dataclass(frozen=True)
class Exit:
    """How the main child ended: by `code` or by `signal`; both None when nobody saw it."""

    code: int | None
    signal: int | None


class Tail:
    """The last octets of an output that may be endless."""

    def __init__(self, limit: int = 64 * 1024) -> None:
        self._limit = limit
        self._data = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Append, forgetting what lies before the limit."""
        self.total += len(data)
        self._data += data
        if len(self._data) > 2 * self._limit:
            del self._data[: -self._limit]

    def take(self) -> bytes:
        """What is kept, and start again from nothing."""
        data = bytes(self._data[-self._limit :])
        self._data.clear()
        self.total = 0
        return data


class Lines:
    """Cuts a stream into lines, with a bound on each; what is longer arrives in pieces."""

    def __init__(self, on_line: Sink, limit: int = 8 * 1024 * 1024) -> None:
        self._on_line = on_line
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was read and hand on every line that is complete."""
        self._rest += data
        if b"\n" in data:
            *complete, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
            for line in complete:
                self._on_line(line)
        elif len(self._rest) > self._limit:
            self.flush()

    def flush(self) -> None:
        """Hand on what is left without a line end."""
        if self._rest:
            line, self._rest = bytes(self._rest), bytearray()
            self._on_line(line)


class _PipeProtocol(asyncio.Protocol):
    def __init__(self, sink: Sink, on_end: Callable[[], None]) -> None:
        self._sink = sink
        self._on_end = on_end

    def data_received(self, data: bytes) -> None:
        self._sink(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end()


async def _read_pipe(fd: int, sink: Sink, on_end: Callable[[], None]) -> asyncio.BaseTransport:
    file = os.fdopen(fd, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: _PipeProtocol(sink, on_end), file
    )
    return transport


class Supervised:
    """One command below a supervisor. Made by `start`; `stop` or `close` ends it."""

    def __init__(self, process: subprocess.Popen[bytes], control: int) -> None:
        self._process = process
        self._control: int | None = control
        self._stdin: asyncio.StreamWriter | None = None
        self._transports: list[asyncio.BaseTransport] = []
        self._ended = asyncio.Event()
        self._on_end: list[Callable[[], None]] = []
        self._gone = asyncio.Event()
        self.failure: str | None = None
        self.exit: Exit | None = None
        self.cpu_ms = 0.0
        self.left_behind = 0  # processes that outlived the command and were killed
        self.pid: int | None = None

    @property
    def supervisor_pid(self) -> int:
        """The process id of the supervisor itself."""
        return self._process.pid

    def on_report(self, line: bytes) -> None:
        """One line of the supervisor's report."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind = event.get("event")
        if kind == "started":
            self.pid = int(event["pid"])
        elif kind == "failed":
            self.failure = str(event["message"])
        elif kind == "exit":
            self.exit = Exit(event["code"], event["signal"])
            self.cpu_ms = float(event["cpu_ms"])
            self._has_ended()
        elif kind == "gone":
            self.cpu_ms = float(event["cpu_ms"])
            self.left_behind = int(event["killed"])

    def on_report_end(self) -> None:
        """The supervisor is gone, with or without a word."""
        self._has_ended()
        self._gone.set()

    def on_end(self, call: Callable[[], None]) -> None:
        """Call this when the main child ends, or now if it has."""
        if self._ended.is_set():
            call()
        else:
            self._on_end.append(call)

    def _has_ended(self) -> None:
        self._ended.set()
        calls, self._on_end = self._on_end, []
        for call in calls:
            call()

    @property
    def has_ended(self) -> bool:
        """Whether the main child has ended."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Return when the main child has ended; the rest of its tree may still be dying."""
        await self._ended.wait()

    def write(self, data: bytes) -> None:
        """Send to standard input; a command that has closed it is no error here."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(data)

    def close_stdin(self) -> None:
        """End of file for the command."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.close()

    async def close(self, grace: float) -> Exit | None:
        """Let the command end by itself (end of file on its input), then stop what is left."""
        self.close_stdin()
        try:
            await asyncio.wait_for(self._ended.wait(), grace)
        except TimeoutError:
            pass
        return await self.stop()

    async def stop(self) -> Exit | None:
        """Kill the whole tree and wait until it is gone."""
        self._close_control()
        try:
            await asyncio.wait_for(self._gone.wait(), GONE_SECONDS)
        except TimeoutError:
            os.kill(self._process.pid, signal.SIGKILL)
        self._finish()
        return self.exit

    def terminate(self) -> None:
        """Ask the command itself to end."""
        if self.pid is not None and not self.has_ended:
            try:
                os.kill(self.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def abandon(self) -> None:
        """Stop without waiting: for the way out, when nobody may wait any more."""
        self._close_control()

    def _close_control(self) -> None:
        if self._control is not None:
            os.close(self._control)
            self._control = None

    def _finish(self) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.transport.abort()
        for transport in self._transports:
            transport.close()
        try:
            self._process.wait(timeout=GONE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def require_supervisor() -> Path:
    """The supervisor program, or a message that says how to get it."""
    binary = paths.supervisor_binary()
    if not os.access(binary, os.X_OK):
        raise HarnessFault(f"{binary}: the supervisor is not built; type `make setup`")
    return binary


async def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdout: Sink,
    stderr: Sink | IO[bytes],
    out: Sink | None = None,
    out_fd: int = 3,
) -> Supervised:
    """Start `command`. `out`, when given, receives what it writes to descriptor `out_fd`."""
    binary = require_supervisor()
    opened: list[int] = []

    def pipe() -> tuple[int, int]:
        ends = os.pipe()
        opened.extend(ends)
        return ends

    try:
        stdin_read, stdin_write = pipe()
        stdout_read, stdout_write = pipe()
        control_read, control_write = pipe()
        report_read, report_write = pipe()
        err_read, err_write = (-1, stderr.fileno()) if not callable(stderr) else pipe()
        out_read, out_write = pipe() if out is not None else (-1, -1)
        passed = [control_read, report_write]
        options = ["--control", str(control_read), "--report", str(report_write)]
        if out is not None:
            options += ["--fd", f"{out_fd}={out_write}"]
            passed.append(out_write)
        process = subprocess.Popen(  # noqa: ASYNC220  (returns when exec has succeeded)
            [str(binary), *options, "--", *command],
            stdin=stdin_read,
            stdout=stdout_write,
            stderr=err_write,
            pass_fds=passed,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        for fd in opened:
            os.close(fd)
        raise HarnessFault(f"cannot start {command[0]}: {error.strerror or error}") from error
    for fd in (stdin_read, stdout_write, control_read, report_write, out_write):
        if fd >= 0:
            os.close(fd)
    supervised = Supervised(process, control_write)
    report = Lines(supervised.on_report)
    await _attach(supervised, report_read, report.feed, supervised.on_report_end)
    await _attach(supervised, stdout_read, stdout)
    if callable(stderr):
        os.close(err_write)
        await _attach(supervised, err_read, stderr)
    if out is not None:
        await _attach(supervised, out_read, out)
    await _attach_stdin(supervised, stdin_write)
    return supervised


async def _attach(
    supervised: Supervised, fd: int, sink: Sink, on_end: Callable[[], None] = lambda: None
) -> None:
    supervised._transports.append(await _read_pipe(fd, sink, on_end))


async def _attach_stdin(supervised: Supervised, fd: int) -> None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(fd, "wb", buffering=0)
    )
    supervised._stdin = asyncio.StreamWriter(transport, protocol, None, loop)
