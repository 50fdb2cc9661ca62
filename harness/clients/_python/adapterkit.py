# SPDX-License-Identifier: MIT
"""What all Python adapters share: plans in, events out, and how an exception is told.

An adapter has a function that plays one plan with one fresh client object:

    def play(plan):
        with client.Session() as session:
            for request, report in plan:
                with report:
                    answer = session.request(request.method, request.url, timeout=...)
                    report.response(answer.status, answer.reason, answer.headers.items())
                    report.body(answer.content)

    adapterkit.main(client="...", version=..., stack=[...], can={...}, play=play, kinds=KINDS)

`with report` ends the request: told ok where the block ends, told failed where it raises. What an
ordinary program does not catch (SystemExit, KeyboardInterrupt, CancelledError) passes through and
ends the process. Only the standard library is used, and nothing newer than Python 3.9.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import platform
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Fields = Iterable[tuple[Any, Any]]
Kinds = Sequence[tuple[Any, str]]

_PLAN_KEYS = {"v", "plan", "http", "timers", "ca_file", "proxy", "body_limit", "requests"}
_REQUEST_KEYS = {
    "name",
    "method",
    "url",
    "headers",
    "body_b64",
    "body_pause_ms",
    "expect_continue",
    "start",
    "not_before_ms",
    "timers",
}
_USUAL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_TIMER_KEYS = ("connect_ms", "read_ms", "total_ms")

# Exceptions of the standard library, for what the client's own types leave open.
_STANDARD_KINDS: Kinds = (
    (ConnectionRefusedError, "refused"),
    (http.client.IncompleteRead, "closed"),
    (http.client.RemoteDisconnected, "closed"),
    ((ConnectionResetError, BrokenPipeError, ConnectionAbortedError), "closed"),
    (http.client.HTTPException, "protocol"),
    (ssl.SSLEOFError, "closed"),
    (ssl.SSLError, "tls"),
    ((TimeoutError, socket.timeout), "timeout"),
)


def runtime() -> dict[str, str]:
    """The interpreter, as the lowest layer of `stack`."""
    return {"name": platform.python_implementation().lower(), "version": platform.python_version()}


def now_ms() -> float:
    return time.time() * 1000.0


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class Channel:
    """The events' way out: INTERIMSPEC_OUT where it is set, marked lines on stdout elsewhere."""

    def __init__(self) -> None:
        path = os.environ.get("INTERIMSPEC_OUT")
        self._out = Path(path).open("w", encoding="utf-8") if path else sys.stdout  # noqa: SIM115
        self._mark = "" if path else "@interimspec "

    def put(self, event: dict[str, Any]) -> None:
        self._out.write(self._mark + json.dumps({"v": 1, **event}) + "\n")
        self._out.flush()


class Request:
    """One request of a plan."""

    def __init__(self, plan: Plan, values: dict[str, Any]) -> None:
        self.values = values
        self.name: str = values["name"]
        self.method: str = values["method"]
        self.url: str = values["url"]
        self.headers: list[tuple[str, str]] = [(n, v) for n, v in values.get("headers") or []]
        encoded = values.get("body_b64")
        self.body: bytes | None = None if encoded is None else base64.b64decode(encoded)
        self.pauses: list[tuple[int, int]] = [
            (n, ms) for n, ms in values.get("body_pause_ms") or []
        ]
        self.expect_continue: bool = values.get("expect_continue", False)
        self.not_before_ms: int = values.get("not_before_ms", 0)
        self.with_previous: bool = values.get("start") == "with-previous"
        own = values.get("timers") or {}
        shared = plan.values.get("timers") or {}
        self.timers = {key: own.get(key, shared.get(key)) for key in _TIMER_KEYS}

    def header_dict(self) -> dict[str, str]:
        """For clients that take a mapping; a repeated name is one line with a comma."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found[name] = found[name] + ", " + value if name in found else value
        return found

    def seconds(self, timer: str) -> float | None:
        """The timer in seconds, None where it is not to be set."""
        value = self.timers[timer]
        return None if value is None else value / 1000.0

    def set_timers(self) -> dict[str, float]:
        """Only the timers that are to be set, in seconds, by their names without `_ms`."""
        return {
            key[: -len("_ms")]: value / 1000.0
            for key, value in self.timers.items()
            if value is not None
        }

    def body_pieces(self) -> Iterator[tuple[bytes, float]]:
        """The body cut where it pauses: each piece with the pause in seconds that follows it."""
        body, start = self.body or b"", 0
        for octets, pause_ms in self.pauses:
            yield body[start:octets], pause_ms / 1000.0
            start = octets
        if body[start:]:
            yield body[start:], 0.0

    def body_stream(self) -> Iterator[bytes]:
        """The body as a generator that sleeps where the plan says that it is still under way."""
        for piece, pause in self.body_pieces():
            if piece:
                yield piece
            if pause:
                time.sleep(pause)

    def content(self) -> Any:
        """What to give to the client: nothing, the octets, or a generator where the body pauses."""
        return self.body_stream() if self.pauses else self.body


class Report:
    """What the user of the client is told about one request, written out as it happens."""

    def __init__(self, plan: Plan, request: Request) -> None:
        self._plan = plan
        self._request = request
        self.started = now_ms()
        self._phase: str | None = "head" if plan.kit.can.get("phases") else None
        self._kept = bytearray()
        self._len = 0
        self._hash = hashlib.sha256()
        self._has_body = False
        self.detail: dict[str, Any] = {}
        self.told: str | None = None
        self.at: float | None = None  # when it happened, where that is known better than now

    def __enter__(self) -> Report:
        self.started = now_ms()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        self.finish(error)
        return True

    def finish(self, error: Exception | None) -> None:
        """For clients whose requests end in another place than they begin; else `with report`."""
        described = error and self._plan.kit.describe(error, self._phase, self.detail)
        self.end(described or None)

    def _now(self) -> float:
        return now_ms() if self.at is None else self.at

    def interim(self, status: int | None = None, fields: Fields | None = None) -> None:
        event: dict[str, Any] = {"at": self._now()}
        if status is not None:
            event["status"] = int(status)
        if fields is not None:
            event["fields"] = [[_text(name), _text(value)] for name, value in fields]
        self._put("interim", event)

    def response(self, status: int | None, reason: Any, fields: Fields) -> None:
        """The client handed over a head as the response."""
        self._put(
            "response",
            {
                "at": self._now(),
                "status": None if status is None else int(status),
                "reason": None if reason is None else _text(reason),
                "fields": [[_text(name), _text(value)] for name, value in fields],
            },
        )
        if self._phase is not None:
            self._phase = "body"

    def body(self, octets: bytes) -> None:
        """Content that the client handed over; may be called many times."""
        self._has_body = True
        self._len += len(octets)
        self._hash.update(octets)
        room = self._plan.body_limit - len(self._kept)
        if room > 0:
            self._kept += octets[:room]

    def end(self, error: dict[str, Any] | None) -> None:
        """The last event of the request. `with report` calls it; a tool's adapter does itself."""
        self.told = "ok" if error is None else "failed"
        self._put(
            "end",
            {
                "started": self.started,
                "at": self._now(),
                "told": self.told,
                "body_b64": base64.b64encode(bytes(self._kept)).decode()
                if self._has_body
                else None,
                "body_len": self._len if self._has_body else None,
                "body_sha256": self._hash.hexdigest() if self._has_body else None,
                "error": error,
            },
        )

    def _put(self, event: str, values: dict[str, Any]) -> None:
        self._plan.kit.channel.put(
            {"event": event, "plan": self._plan.id, "request": self._request.name, **values}
        )


class Plan:
    """A plan; iterating gives each request with its report, no sooner than the plan says."""

    def __init__(self, kit: Kit, values: dict[str, Any]) -> None:
        self.kit = kit
        self.values = values
        self.id: str = values["plan"]
        self.http: str = values["http"]
        self.ca_file: str | None = values.get("ca_file")
        self.proxy: str | None = values.get("proxy")
        self.body_limit: int = values.get("body_limit", 65536)
        self.requests = [Request(self, request) for request in values["requests"]]
        self._first_at: float | None = None

    @property
    def is_h2c(self) -> bool:
        """Whether it asks for HTTP/2 without TLS."""
        return self.http == "2" and self.requests[0].url.startswith("http:")

    def refuse_h2c(self) -> None:
        """For clients that speak HTTP/2 over TLS only."""
        if self.is_h2c:
            raise Unsupported("http", "2 without TLS")

    def wait_before(self, request: Request) -> float:
        """How many seconds `request` must still wait."""
        if self._first_at is None:
            self._first_at = now_ms()
        return max(0.0, (self._first_at + request.not_before_ms - now_ms()) / 1000.0)

    def __iter__(self) -> Iterator[tuple[Request, Report]]:
        for request in self.requests:
            wait = self.wait_before(request)
            if wait:
                time.sleep(wait)
            yield request, Report(self, request)

    def report(self, request: Request) -> Report:
        """For adapters with an event loop of their own, which wait by themselves."""
        return Report(self, request)

    async def play_on_loop(self, send: Callable[[Request, Report], Awaitable[None]]) -> None:
        """For clients on asyncio that are `concurrent`: a request that starts with the one before
        is sent while that may still be under way."""
        import asyncio  # no other adapter is to wait for it at its start

        async def exchange(request: Request) -> None:
            with self.report(request) as report:
                await send(request, report)

        running: list[asyncio.Task[None]] = []
        for request in self.requests:
            if not request.with_previous:
                await asyncio.gather(*running)
                running.clear()
            await asyncio.sleep(self.wait_before(request))
            running.append(asyncio.create_task(exchange(request)))
        await asyncio.gather(*running)


class Unsupported(Exception):
    """Raised by `play` before any request, where `can` does not say what the client cannot do."""

    def __init__(self, what: str, value: Any) -> None:
        super().__init__(what, value)
        self.what = what
        self.value = value


class Kit:
    def __init__(self, can: dict[str, Any], kinds: Kinds, detail: Any, kind_by_value: Any) -> None:
        self.channel = Channel()
        self.can = can
        self._kinds = kinds
        self._detail = detail
        self._kind_by_value = kind_by_value

    def describe(
        self, error: Exception, phase: str | None, detail: dict[str, Any]
    ) -> dict[str, Any]:
        """The `error` of an end event: its kind by type, its type's full name, its words."""
        by_value = self._kind_by_value(error) if self._kind_by_value is not None else None
        kind = by_value or kind_of(error, self._kinds)
        found = dict(detail)
        if self._detail is not None:
            found.update(self._detail(error))
        described: dict[str, Any] = {
            "kind": kind,
            "phase": phase,
            "type": f"{type(error).__module__}.{type(error).__qualname__}",
            "message": str(error)[:2000],
        }
        status = found.pop("status", None)
        if kind == "status":
            described["status"] = status
        elif status is not None:
            found["status"] = status
        if found:
            described["detail"] = found
        return described

    def unsupported(self, values: dict[str, Any]) -> tuple[str, Any] | None:
        """The first thing in a plan that this client cannot do, by its own `can`."""
        for key in values:
            if key not in _PLAN_KEYS:
                return key, values[key]
        if values.get("v") != 1:
            return "v", values.get("v")
        if values["http"] not in self.can["http"]:
            return "http", values["http"]
        if values.get("proxy") is not None and not self.can["proxy"]:
            return "proxy", values["proxy"]
        for request in values["requests"]:
            found = self._unsupported_request(values, request)
            if found:
                return found
        if len(values["requests"]) > 1 and self.can["second_request"] == "none":
            return "second_request", len(values["requests"])
        return None

    def _unsupported_request(
        self, plan: dict[str, Any], request: dict[str, Any]
    ) -> tuple[str, Any] | None:
        for key in request:
            if key not in _REQUEST_KEYS:
                return key, request[key]
        timers = {**(plan.get("timers") or {}), **(request.get("timers") or {})}
        for name, value in timers.items():
            if value is not None and name not in self.can["timers"]:
                return name, value
        if request["method"] not in self.can["methods"]:
            return "method", request["method"]
        if request["url"].startswith("https:") and not self.can["tls"]:
            return "tls", True
        if request.get("expect_continue") and not self.can["expect_continue"]:
            return "expect_continue", True
        if request.get("body_pause_ms") and not self.can["body_stream"]:
            return "body_pause_ms", request["body_pause_ms"]
        if request.get("not_before_ms") and not self.can["not_before"]:
            return "not_before_ms", request["not_before_ms"]
        starts = ("after-previous", *(("with-previous",) if self.can.get("concurrent") else ()))
        if request.get("start", "after-previous") not in starts:
            return "start", request["start"]
        return None


def kind_of(error: BaseException, kinds: Kinds) -> str:
    """The kind of the nearest cause whose type says one; the client's own types come first.

    A kind that ends in `?` is what a wrapping type stands for where its causes say nothing better.
    """
    fallback = "other"
    for cause in causes(error):
        for types, kind in (*kinds, *_STANDARD_KINDS):
            if isinstance(cause, types):
                if not kind.endswith("?"):
                    return kind
                if fallback == "other":
                    fallback = kind[:-1]
                break
    return fallback


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from or carries, nearest first."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        item = queue.pop(0)
        if not isinstance(item, BaseException) or any(item is other for other in seen):
            continue
        seen.append(item)
        yield item
        queue += [getattr(item, "reason", None), *item.args, item.__cause__]
        if not item.__suppress_context__:
            queue.append(item.__context__)


def main(
    *,
    client: str,
    version: str,
    stack: list[dict[str, str]],
    can: dict[str, Any],
    play: Callable[[Plan], Any],
    kinds: Kinds = (),
    detail: Callable[[Exception], dict[str, Any]] | None = None,
    kind_by_value: Callable[[Exception], str | None] | None = None,
) -> None:
    """Says hello, then plays the plans of stdin one at a time, until its end.

    `kinds`: the client's exception types with the kind each means, most special first.
    `detail`: more facts about an exception; `status` is the one its own type carries.
    `kind_by_value`: for a client whose one exception type tells kinds apart by a code.
    """
    full = {
        "http": ["1.1"],
        "tls": False,
        "proxy": False,
        "timers": [],
        "second_request": "none",
        "not_before": True,
        "interim": "none",
        "phases": False,
        "expect_continue": False,
        "body_stream": False,
        "methods": [*_USUAL_METHODS, "PROPFIND", "MKCOL", "COPY"],
        **can,
    }
    kit = Kit(full, kinds, detail, kind_by_value)
    kit.channel.put(
        {"event": "hello", "client": client, "version": version, "stack": stack, "can": full}
    )
    for line in sys.stdin:
        values = json.loads(line)
        try:
            found = kit.unsupported(values)
            if found:
                raise Unsupported(*found)
            play(Plan(kit, values))
        except Unsupported as refused:
            kit.channel.put(
                {
                    "event": "unsupported",
                    "plan": values["plan"],
                    "what": refused.what,
                    "value": refused.value,
                }
            )
        kit.channel.put({"event": "done", "plan": values["plan"]})
