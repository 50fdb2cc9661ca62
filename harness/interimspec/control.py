# SPDX-License-Identifier: MIT
"""The client of the mock server's control socket: plain HTTP over a Unix socket, JSON inside.

One connection per question: that is cheap on a Unix socket and leaves no state to go wrong.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interimspec.errors import HarnessFault, ServerFault

ANSWER_SECONDS = 15.0
MAX_ANSWER = 256 * 1024 * 1024


class ServerGone(ServerFault):
    """Nobody listens on the control socket any more, or the connection broke."""


class Refused(ServerFault):
    """The server answered, and the answer is no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Lease:
    """A run that the server has made."""

    run: str
    scenario: str
    port: int
    url: str
    ca_file: str | None = None  # the certificate to trust, for TLS on this port or in a tunnel


@dataclass(frozen=True)
class Summary:
    """What the server has seen of a run so far."""

    requests: int
    probe_requests: int
    connections: int


class Control:
    """Asks the server. Safe to use from many tasks at once."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def make_run(
        self,
        scenario: str,
        run: str,
        transport: str,
        *,
        port: bool = True,
        params: dict[str, int] | None = None,
        life_ms: int = 60_000,
    ) -> Lease:
        """A run of `scenario` under the token `run`, with a port of its own."""
        answer = await self._ask(
            "POST",
            "/runs",
            {
                "scenario": scenario,
                "run": run,
                "transport": transport,
                "port": port,
                "params": params or {},
                "life_ms": life_ms,
            },
        )
        try:
            return Lease(
                answer["run"],
                answer["scenario"],
                answer["port"],
                answer["url"],
                answer.get("ca_file"),
            )
        except (KeyError, TypeError) as error:
            raise ServerFault(f"the server's answer to POST /runs lacks {error}") from error

    async def summary(self, run: str) -> Summary:
        """How many requests have arrived so far."""
        answer = await self._ask("GET", f"/runs/{run}?summary")
        return Summary(
            int(answer.get("requests", 0)),
            int(answer.get("probe_requests", 0)),
            int(answer.get("connections", 0)),
        )

    async def end_run(self, run: str) -> dict[str, Any]:
        """End the run; its transcript."""
        return await self._ask("DELETE", f"/runs/{run}")

    async def end_run_unread(self, run: str) -> bytes:
        """End the run; its transcript as the server wrote it."""
        return await self._payload("DELETE", f"/runs/{run}")

    async def status(self) -> dict[str, Any]:
        """The server's own state."""
        return await self._ask("GET", "/status")

    async def _ask(self, method: str, target: str, body: object = None) -> dict[str, Any]:
        payload = await self._payload(method, target, body)
        return _parse(payload, f"{method} {target}") if payload else {}

    async def _payload(self, method: str, target: str, body: object = None) -> bytes:
        try:
            status, payload = await asyncio.wait_for(
                self._exchange(method, target, body), ANSWER_SECONDS
            )
        except TimeoutError as error:
            raise ServerGone(
                f"no answer to {method} {target} within {ANSWER_SECONDS:.0f} s"
            ) from error
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ServerGone(f"the control connection broke: {error or type(error)}") from error
        if status >= 300:
            said = _parse(payload, f"{method} {target}").get("error", f"status {status}")
            raise Refused(status, f"{method} {target}: {said}")
        return payload

    async def _exchange(self, method: str, target: str, body: object) -> tuple[int, bytes]:
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {target} HTTP/1.1\r\nHost: control\r\nConnection: close\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        loop = asyncio.get_running_loop()
        transport, answer = await loop.create_unix_connection(_Answer, str(self.socket))
        try:
            transport.write(head.encode() + b"\r\n" + content)
            return await answer.whole
        finally:
            transport.close()


class _Answer(asyncio.Protocol):
    """One answer, read to its end. Streams would cost as much as all else of a case together."""

    def __init__(self) -> None:
        self.whole: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._data = bytearray()
        self._body_at: int | None = None  # where the content begins, once the head is whole
        self._end: int | None = None  # where it ends, where the head says so
        self._status = 0
        self._chunked = False

    def data_received(self, data: bytes) -> None:
        self._data += data
        try:
            if self._body_at is None:
                self._read_head()
            if self._end is not None and len(self._data) >= self._end:
                self._finish(self._end)
        except (HarnessFault, ServerFault) as error:
            self._fail(error)

    def _read_head(self) -> None:
        at = self._data.find(b"\r\n\r\n")
        if at < 0:
            return
        self._status, fields = _parse_head(bytes(self._data[: at + 4]))
        self._body_at = at + 4
        self._chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        length = fields.get("content-length")
        if not self._chunked and length is not None:
            if not length.isdigit() or int(length) > MAX_ANSWER:
                raise HarnessFault(f"the control answer claims {length} octets")
            self._end = self._body_at + int(length)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.whole.done():
            return
        if exc is not None or self._body_at is None or self._end is not None:
            self._fail(exc or asyncio.IncompleteReadError(bytes(self._data[-80:]), None))
            return
        try:
            self._finish(len(self._data))
        except ValueError:
            self._fail(asyncio.IncompleteReadError(bytes(self._data[-80:]), None))

    def _finish(self, end: int) -> None:
        if self.whole.done():
            return
        content = bytes(self._data[self._body_at : end])
        self.whole.set_result((self._status, _unchunked(content) if self._chunked else content))

    def _fail(self, error: Exception) -> None:
        if not self.whole.done():
            self.whole.set_exception(error)


def _parse(payload: bytes, question: str) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except ValueError as error:
        raise ServerFault(f"{question}: the answer is no JSON: {error}") from error
    if not isinstance(answer, dict):
        raise ServerFault(f"{question}: the answer is no JSON object")
    return answer


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        raise ServerFault(f"the control answer begins with {lines[0]!r}")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return int(parts[1]), fields


def _unchunked(data: bytes) -> bytes:
    """The content of a chunked answer; ValueError where it is not whole."""
    parts, at = [], 0
    while size := int(data[at : data.index(b"\r\n", at)].split(b";")[0], 16):
        start = data.index(b"\r\n", at) + 2
        if start + size > len(data):
            raise ValueError("a chunk that is cut off")
        parts.append(data[start : start + size])
        at = start + size + 2
    return b"".join(parts)
