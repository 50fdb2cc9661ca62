# SPDX-License-Identifier: MIT
"""Transcripts and observations made by hand: for tests of the judge, and to try a rule out.

    wire = Wire()
    conn = wire.connect()
    first = conn.request(t=1)
    conn.head(first, 102, t=2)
    conn.answer(first, 200, b"content", t=300)
    told = Teller(wire).ok("main", 200, b"content", at=301)
    verdict = judge(Question("serve"), wire.transcript(), told.observation())

Times are milliseconds from the start of the run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .observation import ClientFacts, Observation, ProcessEnd
from .transcript import Transcript

EPOCH = 1795212784000.0
PLAN = "client-scenario-r1"
REASONS = {100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
           200: "OK", 204: "No Content", 207: "Multi-Status", 302: "Found", 304: "Not Modified",
           401: "Unauthorized", 404: "Not Found", 417: "Expectation Failed"}  # fmt: skip

ALL = {
    "http": ["1.1"],
    "tls": True,
    "proxy": True,
    "timers": ["connect_ms", "read_ms", "total_ms"],
    "second_request": "pooled",
    "not_before": True,
    "interim": "fields",
    "phases": True,
    "expect_continue": True,
    "body_stream": True,
    "methods": ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"],
}


# ---------------------------------------------------------------- the scenario


@dataclass(frozen=True)
class Request:
    method: str = "GET"
    body_pauses: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Timers:
    read_ms: int | None = 10_000
    total_ms: int | None = 10_000
    asked: bool = False


@dataclass(frozen=True)
class Expect:
    class_: str = "serve"
    grades: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What the judge reads of a scenario."""

    class_: str = "serve"
    id: str = "scenario"
    request: Request = Request()
    timers: Timers = Timers()
    probe: str = "at-once"
    grades: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    script_ms: int | None = 300
    has_final: bool = True
    server_ends: bool = False

    @property
    def expect(self) -> Expect:
        return Expect(self.class_, self.grades, self.facts)


# ---------------------------------------------------------------- the server


def head_octets(status: int, fields: Iterable[str] = (), reason: str | None = None) -> bytes:
    phrase = REASONS.get(status, "Unnamed") if reason is None else reason
    lines = [f"HTTP/1.1 {status} {phrase}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


class Wire:
    """The server's side of one run, event by event."""

    def __init__(self, scenario: str = "scenario", run: str = "r1") -> None:
        self.scenario = scenario
        self.run = run
        self.events: list[dict[str, Any]] = []
        self.connections = 0
        self.exchanges = 0
        self.complete = True
        self.head: dict[str, Any] = {}

    def connect(self, t: float = 0.5) -> Conn:
        self.connections += 1
        self.event("accept", t, conn=self.connections, peer="127.0.0.1:50514")
        return Conn(self, self.connections)

    def event(self, name: str, t: float, **more: Any) -> None:
        self.events.append({"t": t, "event": name, **more})

    def json(self) -> dict[str, Any]:
        return {
            "v": 1,
            "run": self.run,
            "scenario": self.scenario,
            "transport": "h1",
            "params": {},
            "clock": {"realtime_ms": EPOCH, "monotonic_ms": 1.0},
            "complete": self.complete,
            "dropped_events": 0,
            "late_requests": 0,
            "events": sorted(self.events, key=lambda event: event["t"]),
            **self.head,
        }

    def transcript(self) -> Transcript:
        return Transcript.from_json(self.json())


class Conn:
    """One connection of it."""

    def __init__(self, wire: Wire, number: int) -> None:
        self.wire = wire
        self.number = number
        self.received = 0
        self.sent = 0
        self.step = 0

    def request(
        self,
        method: str = "GET",
        resource: str = "start",
        *,
        t: float = 1.0,
        body: bytes | None = None,
        sent: bytes | None = None,
        fields: Sequence[tuple[str, str]] = (),
        visit: int = 1,
        version: str = "1.1",
    ) -> int:
        """A request of `body`; `sent` is what came instead of it, None for all of it."""
        number = self.wire.exchanges
        self.wire.exchanges += 1
        target = f"/{self.wire.scenario}/{self.wire.run}"
        target += "" if resource == "start" else f"/{resource}"
        all_fields = [("Host", "127.0.0.1:41007"), *fields]
        if body is not None and not any(n.lower() == "transfer-encoding" for n, _ in fields):
            all_fields.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} HTTP/{version}", *(f"{n}: {v}" for n, v in all_fields)]
        octets = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        offset = self.received
        self.receive(octets, t)
        self.wire.event(
            "request",
            t,
            conn=self.number,
            exchange=number,
            resource=resource,
            visit=visit,
            method=method,
            target=target,
            version=version,
            fields=[list(pair) for pair in all_fields],
            queued=False,
            first_on_connection=offset == 0,
            offset=offset,
            head_len=len(octets),
        )
        came = body if sent is None else sent
        if came:
            self.receive(came, t)
        if body is None or (came is not None and len(came) >= len(body)):
            content = (came or b"")[: len(body or b"")]
            self.wire.event(
                "request-end",
                t,
                conn=self.number,
                exchange=number,
                body_len=len(content),
                body_sha256=hashlib.sha256(content).hexdigest() if content else None,
                body=content.decode("latin-1"),
            )
        self.wire.event("turn", t, conn=self.number, exchange=number)
        return number

    def receive(self, octets: bytes, t: float) -> None:
        self.wire.event(
            "received",
            t,
            conn=self.number,
            offset=self.received,
            len=len(octets),
            bytes=octets.decode("latin-1"),
        )
        self.received += len(octets)

    def send(
        self, exchange: int | None, parts: Sequence[tuple[str, bytes]], t: float, **more: Any
    ) -> None:
        """One write; `parts` are octets by class. `t` is when it was over; `began` may be told."""
        octets = b"".join(part for _, part in parts)
        spans, at = [], 0
        for kind, part in parts:
            spans.append([at, at + len(part), kind])
            at += len(part)
        times = int(more.get("times", 1))
        self.wire.event(
            "send",
            t,
            **{
                "conn": self.number,
                "exchange": exchange,
                "step": self.step,
                "line": 7,
                "due": t,
                "left": t,
                "offset": self.sent,
                "len": len(octets) * times,
                "bytes": octets.decode("latin-1"),
                "spans": spans,
                "alone": "n/a",
                "unread_before": 0,
                **more,
            },
        )
        self.sent += len(octets) * times
        self.step += 1

    def head(
        self,
        exchange: int | None,
        status: int,
        fields: Iterable[str] = (),
        *,
        t: float,
        kind: str = "head",
        **more: Any,
    ) -> None:
        self.send(exchange, [(kind, head_octets(status, fields))], t, **more)

    def answer(
        self,
        exchange: int,
        status: int,
        content: bytes = b"",
        fields: Sequence[str] = (),
        *,
        t: float,
        length: int | None = None,
        **more: Any,
    ) -> None:
        """A final response with Content-Length."""
        listed = [*fields, f"Content-Length: {len(content) if length is None else length}"]
        parts = [("head", head_octets(status, listed))]
        if content:
            parts.append(("content", content))
        self.send(exchange, parts, t, **more)

    def probe(
        self, t: float, answer: float | None = None, content: bytes | None = None, **more: Any
    ) -> bytes:
        """A probe and the answer to it; gives the content of the answer."""
        number = self.request(resource="probe", t=t)
        octets = f"interimspec probe #{number}\n".encode() if content is None else content
        self.answer(number, 200, octets, t=t + 0.5 if answer is None else answer, **more)
        return octets

    def client_closes(self, t: float, how: str = "fin") -> None:
        self.wire.event(f"client-{how}", t, conn=self.number)

    def server_closes(self, t: float, how: str = "fin") -> None:
        self.wire.event("close", t, conn=self.number, by="server", how=how)


# ---------------------------------------------------------------- the adapter


class Teller:
    """The adapter's side, event by event."""

    def __init__(
        self,
        *,
        method: str = "GET",
        body: bytes | None = None,
        expect_continue: bool = False,
        probe: bool = True,
        not_before: int = 0,
        timers: Mapping[str, int] | None = None,
        can: Mapping[str, Any] | None = None,
        made_up: Sequence[int] = (),
        no_status: bool = False,
    ) -> None:
        url = "http://127.0.0.1:41007/scenario/r1"
        main: dict[str, Any] = {"name": "main", "method": method, "url": url}
        if body is not None:
            main["body_b64"] = base64.b64encode(body).decode()
        if expect_continue:
            main["expect_continue"] = True
        requests = [main]
        if probe:
            entry: dict[str, Any] = {"name": "probe", "method": "GET", "url": f"{url}/probe"}
            if not_before:
                entry["not_before_ms"] = not_before
            requests.append(entry)
        self.plan: dict[str, Any] = {
            "v": 1,
            "plan": PLAN,
            "http": "1.1",
            "timers": {"read_ms": 10_000, "total_ms": 10_000} if timers is None else dict(timers),
            "requests": requests,
        }
        self.can = {**ALL, **(can or {})}
        self.manifest_told = {"made_up": list(made_up), "no_status": no_status}
        self.hello: dict[str, Any] | None = {
            "v": 1, "event": "hello", "client": "c", "version": "1", "stack": [], "can": self.can,
        }  # fmt: skip
        self.events: list[dict[str, Any]] = []

    def tell(self, name: str, **more: Any) -> Teller:
        self.events.append({"v": 1, "event": name, "plan": PLAN, **more})
        return self

    def interim(self, request: str, status: int | None, *, at: float, **more: Any) -> Teller:
        given = {} if status is None else {"status": status}
        return self.tell("interim", request=request, at=EPOCH + at, **given, **more)

    def response(
        self, request: str, status: int | None, *, at: float, fields: Iterable[Any] = ()
    ) -> Teller:
        return self.tell(
            "response", request=request, at=EPOCH + at, status=status, reason=None,
            fields=[list(pair) for pair in fields],
        )  # fmt: skip

    def ok(
        self,
        request: str,
        status: int | None,
        content: bytes = b"",
        *,
        at: float,
        started: float = 0.0,
        fields: Iterable[Any] = (),
        responded: float | None = None,
        show: bool = True,
    ) -> Teller:
        if show:
            moment = at if responded is None else responded
            self.response(request, status, at=moment, fields=fields)
        return self.end(request, "ok", content, at=at, started=started)

    def failed(
        self,
        request: str,
        kind: str,
        content: bytes = b"",
        *,
        at: float,
        started: float = 0.0,
        status: int | None = None,
        phase: str | None = None,
        message: str = "it broke",
    ) -> Teller:
        error: dict[str, Any] = {
            "kind": kind,
            "type": "Broken",
            "message": message,
            "phase": phase,
        }
        if status is not None:
            error["status"] = status
        return self.end(request, "failed", content, at=at, started=started, error=error)

    def end(
        self,
        request: str,
        told: str,
        content: bytes,
        *,
        at: float,
        started: float,
        error: Mapping[str, Any] | None = None,
    ) -> Teller:
        return self.tell(
            "end",
            request=request,
            started=EPOCH + started,
            at=EPOCH + at,
            told=told,
            body_b64=base64.b64encode(content[:65536]).decode(),
            body_len=len(content),
            body_sha256=hashlib.sha256(content).hexdigest(),
            error=None if error is None else dict(error),
        )

    def observation(
        self,
        state: str = "done",
        *,
        exit_code: int | None = None,
        signal: int | None = None,
        harness_late_ms: float = 0.0,
        done: bool | None = None,
    ) -> Observation:
        events = list(self.events)
        if state == "done" if done is None else done:
            events.append({"v": 1, "event": "done", "plan": PLAN})
        return Observation(
            plan=self.plan,
            hello=self.hello,
            events=tuple(events),
            process=ProcessEnd(state, exit_code, signal),  # type: ignore[arg-type]
            harness_late_ms=harness_late_ms,
            manifest=ClientFacts(can=self.can, told=self.manifest_told),
        )
