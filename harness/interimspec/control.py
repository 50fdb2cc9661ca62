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
    ca_file: str | None = None  # the certificate to trust, where the run speaks TLS


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
        reader, writer = await asyncio.open_unix_connection(str(self.socket))
        try:
            writer.write(head.encode() + b"\r\n" + content)
            await writer.drain()
            status, fields = _parse_head(await reader.readuntil(b"\r\n\r\n"))
            length = fields.get("content-length")
            if fields.get("transfer-encoding", "").lower() == "chunked":
                return status, await _read_chunked(reader)
            if length is None:
                return status, await reader.read(-1)
            if not length.isdigit() or int(length) > MAX_ANSWER:
                raise HarnessFault(f"the control answer claims {length} octets")
            return status, await reader.readexactly(int(length))
        finally:
            writer.close()


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


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    return b"".join(parts)
