# SPDX-License-Identifier: MIT
"""Whether what a plan asks to be sent reaches the server: methods, content, fields.

    questions(row)      a request for each method that `can.methods` claims, with content where the
                        method has it, and for `expect_continue`, `body_stream` and `proxy`
    check_sent          what came of it, against what a plain peer read from its socket
    Recorder            that peer: it answers every request with 200, and keeps what was sent

The controls ask with GET alone. An adapter that claims PATCH and sends POST, or loses the content
of a PUT, would have its client blamed for it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interimspec.clients import Row

Event = Mapping[str, Any]

CONTENT_METHODS = ("POST", "PUT", "PATCH", "PROPFIND")
CONTENT = b"all octets: " + bytes(range(256)) + b"\r\n\r\n0\r\n\r\n"
FIELD = ("X-Interimspec-Asked", 'for "this"; q=1')
CONTENT_TYPE = ("Content-Type", "application/octet-stream")
#: Content with a pause is longer than what clients keep back in order to send it at once.
LONG_CONTENT = CONTENT * 1000
PAUSE_AFTER, PAUSE_MS = len(LONG_CONTENT) // 2, 500
#: What is still in buffers when the pause begins is read during it.
PAUSE_TOLERANCE_MS = 250.0
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
)
ANSWER_CONTENT = b"ok\n"
LONGEST = 1 << 20
PEER_SECONDS = 15.0
_PROXY_HOST = "server.invalid"  # never to be found, so that only a proxy can have been asked


@dataclass(frozen=True)
class Question:
    """A request to be made, and what has to reach the server beside its method."""

    what: str
    method: str
    content: bytes | None = None
    expect_continue: bool = False
    pause: bool = False
    proxy: bool = False
    fields: bool = True  # a tool whose command line has no words for fields sends none

    def plan(self, base: Mapping[str, Any], port: int) -> dict[str, Any]:
        """The plan to give to the adapter; `base` has what all plans have."""
        host = _PROXY_HOST if self.proxy else f"127.0.0.1:{port}"
        fields = [list(FIELD)] if self.fields else []
        request: dict[str, Any] = {"name": "main", "method": self.method}
        request["url"] = f"http://{host}/sent/{self.method.lower()}"
        if self.content is not None:
            fields.append(list(CONTENT_TYPE))
            request["body_b64"] = base64.b64encode(self.content).decode()
        request["headers"] = fields
        if self.expect_continue:
            request["expect_continue"] = True
        if self.pause:
            request["body_pause_ms"] = [[PAUSE_AFTER, PAUSE_MS]]
        proxy = f"http://127.0.0.1:{port}" if self.proxy else None
        return {**base, "proxy": proxy, "requests": [request]}


def questions(row: Row) -> tuple[Question, ...]:
    """All that this row claims to be able to send."""
    can = row.can
    fields = _sends_fields(row)
    found = [
        Question(f"{method}, with content", method, CONTENT, fields=fields)
        if method in CONTENT_METHODS
        else Question(method, method, fields=fields)
        for method in can.methods
    ]
    with_content = next((one for one in CONTENT_METHODS if one in can.methods), None)
    if with_content and can.expect_continue:
        what = f"{with_content} with Expect: 100-continue"
        found.append(Question(what, with_content, CONTENT, expect_continue=True))
    if with_content and can.body_stream:
        what = f"{with_content} with a pause in its content"
        found.append(Question(what, with_content, LONG_CONTENT, pause=True))
    if can.proxy and "GET" in can.methods:
        found.append(Question("GET by way of a proxy", "GET", proxy=True, fields=False))
    return tuple(found)


def _sends_fields(row: Row) -> bool:
    if not row.manifest.has_tool:
        return True
    return "header" in tomllib.loads(row.manifest.path.read_text(encoding="utf-8"))["tool"]


# ---------------------------------------------------------------- the peer


@dataclass
class Sent:
    """A request as it came from the socket."""

    method: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    content: bytes = b""
    complete: bool = False
    before_100: bool = False  # content came before the 100 that the client asked for
    pause_ms: float = 0.0  # the longest wait for more of the content

    def values(self, name: str) -> list[str]:
        return [value for one, value in self.fields if one.lower() == name.lower()]


class Recorder:
    """Answers every request with 200 and keeps what was sent; one connection, one request."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Recorder:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(PEER_SECONDS):
                await self._answer(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")  # a connection without a request asks nothing
        sent = _read_head(head)
        self.requests.append(sent)
        if [value.lower() for value in sent.values("expect")] == ["100-continue"]:
            with contextlib.suppress(TimeoutError):
                early = await asyncio.wait_for(reader.readexactly(1), 0.2)
                sent.before_100 = True
                sent.content += early
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await _read_content(reader, sent)
        sent.complete = True
        writer.write(ANSWER if sent.method == "HEAD" else ANSWER + ANSWER_CONTENT)
        await writer.drain()


def _read_head(head: bytes) -> Sent:
    line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method = line.partition(" ")[0]
    pairs = (one.partition(":") for one in lines)
    fields = [(name, value.strip()) for name, _, value in pairs]
    return Sent(method, fields)


async def _read_content(reader: asyncio.StreamReader, sent: Sent) -> None:
    if [value.lower() for value in sent.values("transfer-encoding")] == ["chunked"]:
        taken, sent.content = sent.content, b""  # the first octet of the first chunk's length
        while True:
            size = int((taken + await _timed(reader.readline(), sent)).split(b";")[0], 16)
            taken = b""
            if not size:
                break
            sent.content += await _timed(reader.readexactly(size), sent)
            await _timed(reader.readexactly(2), sent)  # some send it with the next chunk only
        while (await reader.readline()).strip():
            pass  # trailers
        return
    length = int((sent.values("content-length") or ["0"])[0])
    while len(sent.content) < length:
        piece = await _timed(reader.read(length - len(sent.content)), sent)
        if not piece:
            raise EOFError
        sent.content += piece


async def _timed(reading: Any, sent: Sent) -> bytes:
    began = time.monotonic()
    octets: bytes = await reading
    if sent.content:  # how long the first octets took is no pause
        sent.pause_ms = max(sent.pause_ms, (time.monotonic() - began) * 1000)
    return octets


# ---------------------------------------------------------------- judging


def check_sent(question: Question, requests: Sequence[Sent], events: Sequence[Event]) -> list[str]:
    """The problems of one question; none means that all of it reached the server, once."""
    ends = [event for event in events if event.get("event") == "end"]
    if any(event.get("event") == "unsupported" for event in events):
        what = next(event for event in events if event.get("event") == "unsupported")
        return [f"claimed, but answered unsupported: {what.get('what')} = {what.get('value')!r}"]
    if len(requests) != 1:
        return [f"the server saw {len(requests)} requests, expected 1{_how(ends)}"]
    sent = requests[0]
    problems = []
    if question.proxy and sent.method == "CONNECT":
        return []  # some ask for a tunnel for http, too; what matters is that the proxy was asked
    if sent.method != question.method:
        problems.append(f"the server saw the method {sent.method}")
    if question.fields and sent.values(FIELD[0]) != [FIELD[1]]:
        problems.append(f"the field {FIELD[0]} came as {sent.values(FIELD[0])!r}")
    return problems + _check_content(question, sent)


def _check_content(question: Question, sent: Sent) -> list[str]:
    wanted = question.content or b""
    problems = []
    if not sent.complete:
        problems.append(f"{len(sent.content)} octets of the content came, and no end of it")
    elif sent.content != wanted:
        same = next(
            (at for at, (a, b) in enumerate(zip(sent.content, wanted, strict=False)) if a != b),
            min(len(sent.content), len(wanted)),
        )
        problems.append(
            f"{len(sent.content)} octets of content came, {len(wanted)} were given; "
            f"they differ from octet {same} on"
        )
    if question.content is not None and CONTENT_TYPE[1] not in sent.values(CONTENT_TYPE[0]):
        problems.append(f"Content-Type came as {sent.values(CONTENT_TYPE[0])!r}")
    if question.expect_continue and [v.lower() for v in sent.values("expect")] != ["100-continue"]:
        problems.append(f"Expect came as {sent.values('expect')!r}")
    if question.pause and sent.pause_ms < PAUSE_MS - PAUSE_TOLERANCE_MS:
        problems.append(
            f"the longest wait within the content was {sent.pause_ms:.0f} ms, "
            f"the plan has a pause of {PAUSE_MS}"
        )
    return problems


def _how(ends: Sequence[Event]) -> str:
    if not ends:
        return "; nothing was told"
    error = ends[-1].get("error") or {}
    if ends[-1].get("told") == "ok":
        return "; told ok"
    return f"; told {error.get('kind')} ({error.get('type')}: {error.get('message')})"[:300]
