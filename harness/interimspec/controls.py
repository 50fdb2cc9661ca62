# SPDX-License-Identifier: MIT
"""Controls: an adapter's claims are proved before anything is blamed on its client.

    check_hello     what the adapter says of itself, against the manifest
    check_control   the events of one control and the server's transcript, against the table

Both are pure and return problems, sentences for people; no problem means that the control passed.
`run_controls` plays all of them by means of a server and a player that the caller gives.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from interimspec.adapter_process import AdapterProcess
from interimspec.clients import Row
from interimspec.control import Lease
from interimspec.control_table import CONTROLS, Control, Expected, deviate
from interimspec.install import Environment
from interimspec.plan import HTTP_OF_TRANSPORT, TLS_TRANSPORTS

Event = Mapping[str, Any]

DEADLINE_SECONDS = 12.0
NOTHING_SECONDS = 3.0  # where a manifest says that nothing will be told: how long that is awaited
_SCHEMES = {"h1": "http", "h1s": "https", "h2c": "http", "h2": "https", "h3": "https"}
PHASE_MARGIN_MS = 100.0  # the body leaves 300 ms after the head


# ---------------------------------------------------------------- judging, without I/O


def check_hello(row: Row, hello: Event | None) -> list[str]:
    """What the adapter says of itself must be what the manifest says."""
    if hello is None:
        return ["no hello: the adapter never said what it drives"]
    problems = []
    if hello.get("client") != row.name:
        problems.append(f"hello says client {hello.get('client')!r}, not {row.name!r}")
    if hello.get("version") != row.version:
        problems.append(
            f"hello says version {hello.get('version')!r}, but the row is {row.version!r}"
        )
    said, declared = hello.get("can"), row.can.to_json()
    if not isinstance(said, Mapping):
        return [*problems, "hello has no `can`"]
    for key in sorted({*said, *declared}):
        mine, theirs = declared.get(key), said.get(key)
        if isinstance(mine, list) and isinstance(theirs, list):
            mine, theirs = sorted(mine), sorted(theirs)
        if mine != theirs:
            problems.append(f"hello says {key} = {theirs!r}, but the manifest says {mine!r}")
    return problems


def skipped(name: str, row: Row, transport: str = "h1") -> str | None:
    """Why a control cannot be asked of this client over a transport; None when it can."""
    control = CONTROLS[name]
    if control.needs_tls and transport not in TLS_TRANSPORTS:
        return "is about TLS"
    if control.second and row.can.second_request == "none":
        return "makes one request only"
    if name == "silence" and not {"read_ms", "total_ms"} & set(row.can.timers):
        return "has no timer for an answer"
    return None


def expected_of(name: str, row: Row, transport: str = "h1") -> Expected:
    """The standard expectation with the manifest's deviations."""
    return deviate(name, _changes_of(name, row, transport))


def _changes_of(name: str, row: Row, transport: str) -> Mapping[str, Any]:
    deviation = row.controls.get(name)
    if deviation and deviation.over_h2 and _is_h2(transport):
        deviation = deviation.over_h2
    return deviation.changes if deviation else {}


def check_control(
    name: str, row: Row, events: Sequence[Event], transcript: Mapping[str, Any] | None
) -> list[str]:
    """The problems of one control; `transcript` is None for `refused`, where no server is.

    Deviations are found and declared on HTTP/1.1. On HTTP/2 the same client may do as the standard
    table says, so both are right there, but where a deviation is declared of HTTP/2 itself.
    """
    transport = _transport_of(transcript)
    expected = expected_of(name, row, transport)
    problems = _problems(CONTROLS[name], expected, row, events, transcript or {})
    declared = row.controls.get(name)
    if problems and declared and not declared.over_h2 and _is_h2(transport):
        standard = CONTROLS[name].expected
        problems = _problems(CONTROLS[name], standard, row, events, transcript or {}) and problems
    return problems


def problems_with(row: Row, result: ControlResult, changes: Mapping[str, Any]) -> list[str]:
    """The problems of a control that was played, if a manifest had these changes beside its own."""
    own = _changes_of(result.name, row, _transport_of(result.transcript))
    expected = deviate(result.name, {**own, **changes})
    return _problems(CONTROLS[result.name], expected, row, result.events, result.transcript or {})


def _transport_of(transcript: Mapping[str, Any] | None) -> str:
    return str((transcript or {}).get("transport", "h1"))


def _is_h2(transport: str) -> bool:
    return transport in ("h2", "h2c")


def _problems(
    control: Control,
    expected: Expected,
    row: Row,
    events: Sequence[Event],
    transcript: Mapping[str, Any],
) -> list[str]:
    seen = _Seen(control, events, transcript)
    problems = _check_order(events)
    if control.second:
        problems += _check_first(seen)
    problems += _check_attempts(seen, expected)
    if seen.end is None:
        if "nothing" not in expected.told:
            problems.append(f"nothing was told of the request {control.subject!r}")
        return problems
    problems += _check_told(seen, expected, is_tool=row.manifest.kind == "tool")
    problems += _check_body(seen, expected)
    if seen.end.get("told") == "ok":
        problems += _check_head(seen, expected, is_tool=row.manifest.kind == "tool")
    if expected.elapsed:
        problems += _check_elapsed(seen, expected.elapsed, control.timer_ms)
    if control.phases:
        problems += _check_phases(seen, declared=row.can.phases)
    if expected.connection != "any":
        problems += _check_connection(seen, expected.connection, row.can.second_request)
    return problems


class _Seen:
    """The two witnesses of a control, looked up once."""

    def __init__(
        self, control: Control, events: Sequence[Event], transcript: Mapping[str, Any]
    ) -> None:
        self.control = control
        self.events = [event for event in events if event.get("request") == control.subject]
        self.transcript = transcript
        self.response = _only(self.events, "response")
        self.end = _only(self.events, "end")
        self.first = [event for event in events if event.get("request") == "main"]
        self.first_end = _only(self.first, "end")
        resource = control.second or "start"
        self.requests = [r for r in self._server("request") if r.get("resource") == resource]
        self.first_requests = [r for r in self._server("request") if r.get("resource") == "start"]

    def _server(self, event: str) -> list[Mapping[str, Any]]:
        return [e for e in self.transcript.get("events", ()) if e.get("event") == event]

    def own_content(self) -> bytes:
        """What the last answer to the subject held."""
        if self.control.content is not None:
            return self.control.content
        last = self.requests[-1] if self.requests else {}
        run, scenario = self.transcript.get("run"), self.transcript.get("scenario")
        line = f"interimspec {scenario} {run} {last.get('resource')} #{last.get('exchange')}\n"
        return line.encode()

    def first_request_came(self) -> float | None:
        """When the server read the first request for the subject, in Unix ms."""
        if not self.requests or "clock" not in self.transcript:
            return None
        return float(self.transcript["clock"]["realtime_ms"]) + float(self.requests[0]["t"])

    def body_left(self) -> float | None:
        """When the last content left the server, in Unix ms."""
        clock = float(self.transcript.get("clock", {}).get("realtime_ms", 0.0))
        times = [
            clock + float(send["left"])
            for send in self._server("send")
            if any(span[2] == "content" for span in send.get("spans", ()))
        ]
        return max(times, default=None)


def _only(events: Iterable[Event], kind: str) -> Event | None:
    found = [event for event in events if event.get("event") == kind]
    return found[-1] if found else None


def _check_order(events: Sequence[Event]) -> list[str]:
    problems = []
    ended: set[str] = set()
    answered: set[str] = set()
    for event in events:
        kind, request = event.get("event"), str(event.get("request"))
        if kind == "bad-line":
            problems.append(f"a line that is no event: {event.get('text')!r:.200}")
        elif kind == "unsupported":
            problems.append(f"unsupported: {event.get('what')} = {event.get('value')!r}")
        elif kind == "interim":
            problems.append("an interim response was reported; the server sent none")
        elif kind in ("response", "end") and request in ended:
            problems.append(f"{kind} of {request!r} after its end")
        elif kind == "response" and request in answered:
            problems.append(f"two responses for {request!r}")
        if kind == "response":
            answered.add(request)
        if kind == "end":
            ended.add(request)
    return problems


def _check_first(seen: _Seen) -> list[str]:
    end = seen.first_end
    if end is None:
        return ["nothing was told of the first request"]
    if end.get("told") != "ok":
        return [f"the first request failed: {_error_text(end)}"]
    return []


def _check_attempts(seen: _Seen, expected: Expected) -> list[str]:
    if seen.control.scenario is None:
        return []
    least, most = expected.attempts
    count = len(seen.requests)
    if least <= count <= most:
        return []
    wanted = str(least) if least == most else f"{least} to {most}"
    return [f"the server saw {count} requests, expected {wanted}"]


def _check_told(seen: _Seen, expected: Expected, *, is_tool: bool) -> list[str]:
    assert seen.end is not None
    told = seen.end.get("told")
    if told not in expected.told:
        how = f": {_error_text(seen.end)}" if told == "failed" else ""
        return [f"told {told}{how}, expected {' or '.join(expected.told)}"]
    if told == "failed":
        error = seen.end.get("error") or {}
        kind = error.get("kind")
        if kind not in expected.kinds:
            return [f"failed: {_error_text(seen.end)}; expected kind {' or '.join(expected.kinds)}"]
        status = error.get("status")
        if kind == "status" and status != expected.status and not (is_tool and status is None):
            return [f"failed with status {status}, expected {expected.status}"]
    return []


def _error_text(end: Event) -> str:
    error = end.get("error") or {}
    return f"{error.get('kind')} ({error.get('type')}: {error.get('message')})"[:300]


def _check_head(seen: _Seen, expected: Expected, *, is_tool: bool) -> list[str]:
    if seen.response is None:
        return ["told ok without a response event"]
    problems = []
    status = seen.response.get("status")
    if status != expected.status and not (is_tool and status is None):
        problems.append(f"showed status {status}, expected {expected.status}")
    return problems + _check_fields(seen.response, expected.fields)


def _check_fields(response: Event, rule: str) -> list[str]:
    if rule == "any":
        return []
    fields = [(str(name).lower(), value) for name, value in response.get("fields", ())]
    if rule == "none":
        return ["fields were shown, but the manifest says that none are"] if fields else []
    twice = [value for name, value in fields if name == "x-twice"]
    wanted = [["first, second"], ["first,second"]]
    if rule != "joined":
        wanted.append(["first", "second"])
    problems = []
    if twice not in wanted:
        problems.append(f"a repeated field was shown as {twice!r}")
    if ("x-empty", "") not in fields:
        problems.append("an empty field was not shown")
    if ("x-once", "only") not in fields:
        problems.append("a field that occurs once was not shown")
    return problems


def _check_body(seen: _Seen, expected: Expected) -> list[str]:
    assert seen.end is not None
    if expected.body == "any":
        return []
    length = seen.end.get("body_len")
    own = seen.own_content()
    if not length:
        if expected.body == "empty" or seen.end.get("told") == "failed":
            return []
        return [f"no content was delivered, expected {len(own)} octets"]
    if expected.body == "empty":
        return [f"{length} octets were delivered, expected none"]
    if seen.end.get("told") == "failed" and expected.body == "own":
        return []  # a client that fails by policy need not hand over the content
    if length != len(own) or seen.end.get("body_sha256") != hashlib.sha256(own).hexdigest():
        return [f"{length} octets were delivered that are not the {len(own)} that were sent"]
    return []


def _check_elapsed(seen: _Seen, factors: tuple[float, float], timer_ms: int) -> list[str]:
    assert seen.end is not None
    attempts = max(len(seen.requests), 1)
    per_attempt = timer_ms * attempts
    told = float(seen.end["at"])
    # Never too early, counted from the call. Whether it is too late is counted from the request on
    # the wire: a tool's process has to start first, which takes seconds on a busy machine.
    from_call = (told - float(seen.end["started"])) / per_attempt
    sent = seen.first_request_came()
    from_request = from_call if sent is None else min(from_call, (told - sent) / per_attempt)
    if from_call >= factors[0] and from_request <= factors[1]:
        return []
    factor = from_call if from_call < factors[0] else from_request
    return [
        f"told after {factor:.2f} of the timer for each of {attempts} attempts, "
        f"expected {factors[0]} to {factors[1]}"
    ]


def _check_phases(seen: _Seen, *, declared: bool) -> list[str]:
    left = seen.body_left()
    if seen.response is None or left is None:
        return []
    early = left - float(seen.response["at"])
    if declared and early < PHASE_MARGIN_MS:
        return [
            f"declares phases, but the head was told {early:.0f} ms before the body was sent; "
            "it left 300 ms before"
        ]
    if not declared and early > PHASE_MARGIN_MS:
        return [f"declares no phases, but the head was told {early:.0f} ms before the body"]
    return []


def _check_connection(seen: _Seen, rule: str, second_request: str) -> list[str]:
    if not seen.first_requests or not seen.requests:
        return []
    same = seen.first_requests[-1].get("conn") == seen.requests[0].get("conn")
    wanted = rule
    if rule == "declared":
        wanted = "same" if second_request == "pooled" else "new"
    if (wanted == "same") == same:
        return []
    used = "the same connection" if same else "a new connection"
    return [f"the second request used {used}, expected {wanted} (second_request {second_request})"]


# ---------------------------------------------------------------- playing


class Server(Protocol):
    """What is needed of the server; `interimspec.control.Control` has it."""

    async def make_run(self, scenario: str, run: str, transport: str) -> Lease: ...

    async def end_run(self, run: str) -> dict[str, Any]: ...


class Player(Protocol):
    """Gives a plan to the client and waits for `done`, its end, or the deadline."""

    async def play(self, plan: Mapping[str, Any], seconds: float) -> tuple[Event, ...]: ...

    @property
    def hello(self) -> Event | None: ...


class AdapterPlayer:
    """A player with one adapter process, started anew after one that had to be killed."""

    def __init__(self, environment: Environment, scratch: Path) -> None:
        self._environment = environment
        self._scratch = scratch
        self._process: AdapterProcess | None = None
        self._hello: Event | None = None
        self.stderr_tail = b""

    @property
    def hello(self) -> Event | None:
        return self._hello

    async def play(self, plan: Mapping[str, Any], seconds: float) -> tuple[Event, ...]:
        if self._process is None or not self._process.alive:
            await self.close()
            self._process = AdapterProcess(
                self._environment.command(), self._environment.environ(), self._scratch
            )
            await self._process.start()
            if not self._process.alive:
                return ({"event": "bad-line", "text": self._process.failure},)
            self._hello = self._process.hello

        async def no_later(main_ended: bool) -> float | None:
            return None

        result = await self._process.run_plan(plan, time.monotonic() + seconds, no_later)
        self.stderr_tail = result.stderr_tail
        return result.events

    async def close(self) -> None:
        if self._process is not None:
            await self._process.close()
            self._process = None


@dataclass(frozen=True)
class ControlResult:
    name: str
    problems: tuple[str, ...] = ()
    skipped: str | None = None
    events: tuple[Event, ...] = ()
    transcript: Mapping[str, Any] | None = None

    @property
    def passed(self) -> bool:
        return not self.problems


async def run_controls(
    row: Row,
    server: Server,
    player: Player,
    *,
    transport: str = "h1",
    names: Iterable[str] = tuple(CONTROLS),
    token: str = "c",
    report: Callable[[ControlResult], None] = lambda result: None,
) -> tuple[ControlResult, ...]:
    """Plays the controls one after the other; a result for each, and one named `hello`.

    `token` begins the run tokens and must be unlike that of any other run of the server.
    """
    results: list[ControlResult] = []
    for name in names:
        reason = skipped(name, row, transport)
        if reason:
            result = ControlResult(name, skipped=reason)
        else:
            run = f"{token}-{name}"
            result = await _run_control(CONTROLS[name], row, server, player, run, transport)
        results.append(result)
        report(result)
    hello = ControlResult("hello", tuple(check_hello(row, player.hello)))
    report(hello)
    return (*results, hello)


async def _run_control(
    control: Control, row: Row, server: Server, player: Player, run: str, transport: str
) -> ControlResult:
    expected = expected_of(control.name, row, transport)
    seconds = NOTHING_SECONDS if expected.told == ("nothing",) else DEADLINE_SECONDS
    if control.scenario is None:
        with _closed_port() as port:
            url = f"{_SCHEMES[transport]}://127.0.0.1:{port}/"
            plan = plan_of(control, row, run, url, transport=transport)
            events = await player.play(plan, seconds)
        transcript = None
    else:
        lease = await server.make_run(control.scenario, run, transport)
        plan = plan_of(control, row, run, lease.url, transport=transport, ca_file=lease.ca_file)
        events = await player.play(plan, seconds)
        transcript = await server.end_run(lease.run)
    problems = check_control(control.name, row, events, transcript)
    return ControlResult(control.name, tuple(problems), None, events, transcript)


def plan_of(
    control: Control,
    row: Row,
    run: str,
    url: str,
    *,
    transport: str = "h1",
    ca_file: str | None = None,
) -> dict[str, Any]:
    """The plan of one control."""
    timers = {name: 2000 if name == "connect_ms" else control.timer_ms for name in row.can.timers}
    requests: list[dict[str, Any]] = [{"name": "main", "method": "GET", "url": url}]
    if control.second:
        again = f"{url.rstrip('/')}/{control.second}"
        requests.append({"name": "again", "method": "GET", "url": again})
    return {
        "v": 1,
        "plan": run,
        "http": HTTP_OF_TRANSPORT[transport],
        "timers": timers,
        "ca_file": ca_file if transport in TLS_TRANSPORTS else None,
        "proxy": None,
        "body_limit": 65536,
        "requests": requests,
    }


class _closed_port:
    """A loopback port where nobody listens; it stays bound, so that nobody else gets it."""

    def __enter__(self) -> int:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
