# SPDX-License-Identifier: MIT
"""The mock server as a process: started, watched, started again on the same port when it dies.

`Server` lives in an event loop; `ServerThread` gives it a loop and a thread of its own, for callers
that have no loop (pytest with xdist, whose controller only waits).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from interimspec import paths, supervisor
from interimspec.control import Control, ServerGone
from interimspec.errors import HarnessFault, ServerFault

READY_SECONDS = 15.0
STOP_SECONDS = 3.0
MAX_RESTARTS = 25


@dataclass(frozen=True)
class Options:
    """How the mock server is to be started."""

    catalogue: Path = paths.SCENARIOS
    log: Path | None = None
    ports: int = 512
    listen: str = "127.0.0.1:0"
    pace: float = 1.0
    binary: Path = field(default_factory=paths.server_binary)
    extra: tuple[str, ...] = ()


class Server:
    """The one mock server of a session."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # A Unix socket's path is at most 107 octets: a run folder may be too deep for it.
        self._folder = Path(tempfile.mkdtemp(prefix="interimspec-"))
        self.control = Control(self._folder / "control")
        self.ready: dict[str, Any] = {}
        self.restarts = 0
        self.cpu_ms = 0.0
        self._process: supervisor.Supervised | None = None
        self._log: _Log | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._closing = False
        self._up = asyncio.Event()
        self._given_up: str | None = None

    async def start(self) -> dict[str, Any]:
        """Start it and return its ready line; raises ServerFault with its last words."""
        try:
            self._log = _Log(self._options.log)
            await self._launch(self._options)
        except BaseException:
            await self.stop()
            raise
        self._watcher = asyncio.create_task(self._watch())
        return self.ready

    async def _launch(self, options: Options) -> None:
        binary = options.binary
        if not os.access(binary, os.X_OK):
            raise HarnessFault(f"{binary}: the mock server is not built; type `make setup`")
        newer = paths.newer_server_source(binary)
        if newer is not None:  # its transcripts might say what this harness no longer reads so
            raise HarnessFault(f"{binary}: built before {newer} was changed; type `make setup`")
        (self._folder / "control").unlink(missing_ok=True)
        command = [
            str(binary),
            *("--catalogue", str(options.catalogue)),
            *("--listen", options.listen),
            *("--ports", str(options.ports)),
            *("--control", str(self.control.socket)),
        ]
        if options.pace != 1.0:
            command += ["--pace", repr(options.pace)]
        command += options.extra
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def on_line(line: bytes) -> None:
            if not answer.done():
                answer.set_result(line)

        words = supervisor.Tail(4096)

        def on_words(data: bytes) -> None:
            words.feed(data)
            if self._log is not None:
                self._log.add(data)

        process = await supervisor.start(
            command,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            cwd=self._folder,
            stdout=supervisor.Lines(on_line).feed,
            stderr=on_words,
        )
        self._process = process
        ended = asyncio.create_task(process.wait_ended())
        try:
            waited: set[asyncio.Future[Any]] = {answer, ended}
            await asyncio.wait(waited, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                in_time = ended.done()
                exit_ = await process.stop()
                said = words.take().decode("utf-8", "replace").strip()
                how = f"ended with {exit_.code}" if exit_ and exit_.code is not None else "ended"
                if not in_time:
                    how = f"gave no ready line within {READY_SECONDS:.0f} s"
                raise ServerFault(
                    f"the mock server {how}: {said or process.failure or '(no word)'}"
                )
        finally:
            ended.cancel()
        try:
            ready = json.loads(answer.result())
            ready["h1"]["port"]
        except (ValueError, KeyError, TypeError) as error:
            await process.stop()
            raise ServerFault(
                f"the mock server's ready line cannot be read: {answer.result()[:200]!r}"
            ) from error
        self.ready = ready
        self._up.set()

    async def _watch(self) -> None:
        while True:
            process = self._process
            assert process is not None
            await process.wait_ended()
            self._up.clear()
            exit_ = await process.stop()
            self.cpu_ms += process.cpu_ms
            if self._closing:
                return
            self.restarts += 1
            if self._log is not None:
                self._log.add(f"-- the mock server died: {exit_}; starting again\n".encode())
            if self.restarts > MAX_RESTARTS:
                self._given_up = f"the mock server died {self.restarts} times; given up"
                self._up.set()
                return
            h1 = self.ready["h1"]
            same = replace(self._options, listen=f"{h1.get('host', '127.0.0.1')}:{h1['port']}")
            try:
                await self._launch_again(same)
            except (ServerFault, HarnessFault) as error:
                self._given_up = str(error)
                self._up.set()
                return

    async def _launch_again(self, options: Options) -> None:
        """The old connections may hold the port for a moment, in TIME_WAIT or in the kernel."""
        for attempt in range(5):
            try:
                await self._launch(options)
                return
            except ServerFault:
                if attempt == 4:
                    raise
                await asyncio.sleep(0.2 * (attempt + 1))

    async def wait_up(self) -> None:
        """Return when the server answers (again); raises ServerFault when it never will."""
        until = time.monotonic() + READY_SECONDS + STOP_SECONDS
        while True:
            await self._up.wait()
            if self._given_up:
                raise ServerFault(self._given_up)
            try:
                await self.control.status()
                return
            except ServerGone:  # it has died, and the watcher has not seen it yet
                if time.monotonic() > until:
                    raise ServerFault("the mock server runs, and does not answer") from None
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop it for good."""
        self._closing = True
        process = self._process
        if process is not None:
            if self._watcher is None:
                await process.stop()
            else:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait_ended(), STOP_SECONDS)
                except TimeoutError:
                    process.abandon()
                await self._watcher
        if self._log is not None:
            self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Log:
    """The server's words. On a full disk they are lost, and nothing else: what is being measured
    goes on, and the results say themselves that there is no room."""

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO | None = None
        if path is not None:
            with contextlib.suppress(OSError):
                self._file = path.open("ab", buffering=0)

    def add(self, words: bytes) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.write(words)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class RemoteServer:
    """A server that another process runs (the controller of an xdist session)."""

    def __init__(self, socket: Path, ready: dict[str, Any]) -> None:
        self.control = Control(socket)
        self.ready = ready

    async def wait_up(self) -> None:
        """Return when the control socket answers; the controller restarts what has died."""
        until = time.monotonic() + READY_SECONDS + 5
        while True:
            try:
                await self.control.status()
                return
            except ServerGone:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)


class ServerThread:
    """A `Server` with a thread and a loop of its own."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="mock server", daemon=True)
        self.server: Server | None = None

    def start(self) -> dict[str, Any]:
        """Start the server; its ready line."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        assert self.server is not None
        return self.server.ready

    def stop(self) -> None:
        """Stop the server and the thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=supervisor.GONE_SECONDS + 5)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.server = Server(self._options)
        await self.server.start()
        self._started.set()
        await self._stop.wait()
        await self.server.stop()
