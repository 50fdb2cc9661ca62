# SPDX-License-Identifier: MIT
"""Whether an adapter keeps the contract of harness/clients/README.md, beyond the controls.

    refusals(row)       plans that this client must answer with `unsupported`, and no request
    check_refusal       what it answered
    check_timer         each timer that is claimed, set alone, against a peer that keeps silent:
                        whether that timer, and no other, ended the wait
    inspect             plays all of it, and says what is wrong and where the rule stands

The controls set all timers at once, so that one that is claimed and never set hides behind
another; here each is alone. What must reach the server is asked for in contract_sends.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from interimspec import contract_sends
from interimspec.clients import Row
from interimspec.controls import NOTHING_SECONDS, expected_of
from interimspec.manifest import HTTP_VERSIONS, TIMERS
from interimspec.observation import event_problem

Event = Mapping[str, Any]

REFUSAL_SECONDS = 10.0
TIMER_MS = 2000  # some runtimes have timers of half a second only
CONNECT_TIMER_MS = 1500  # beyond the second after which Linux sends a SYN again
TIMER_SECONDS = 25.0
SENDS_SECONDS = 20.0
_README = "harness/clients/README.md"


@dataclass(frozen=True)
class Rule:
    """A rule of the contract: its name here, and the heading under which it stands."""

    name: str
    heading: str

    def __str__(self) -> str:
        return f"{_README}, {self.heading!r}"


REFUSES = Rule("refuses", "A plan")
SCHEMA = Rule("events", "Events")
TIMER = Rule("timer", "A plan")
SENDS = Rule("sends", "A plan")


@dataclass(frozen=True)
class Verdict:
    """One question that was asked of an adapter; no problem means that it kept the rule."""

    rule: Rule
    question: str
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems


class Player(Protocol):
    """Gives a plan to the adapter; `interimspec.controls.AdapterPlayer` has it."""

    async def play(self, plan: Mapping[str, Any], seconds: float) -> tuple[Event, ...]: ...


# ---------------------------------------------------------------- what must be refused


@dataclass(frozen=True)
class Refusal:
    """A change to a plain plan that the client cannot, or must not, go along with."""

    what: str
    plan: Mapping[str, Any]  # keys that the plan has besides, or otherwise
    request: Mapping[str, Any]  # the same for its request
    second: bool = False  # whether it asks for a second request


def refusals(row: Row) -> tuple[Refusal, ...]:
    """All that this row's `can` leaves out, and keys and values that nobody knows."""
    can = row.can
    found = [
        Refusal("a key of a plan that nobody knows", {"no-such-key": 1}, {}),
        Refusal("a key of a request that nobody knows", {}, {"no-such-key": 1}),
        Refusal("a timer that nobody knows", {"timers": {"idle_ms": 1000}}, {}),
        Refusal("a version of the plan that nobody knows", {"v": 2}, {}),
        Refusal("an HTTP version that nobody knows", {"http": "0.9"}, {}),
    ]
    for version in HTTP_VERSIONS:
        if version not in can.http:
            found.append(
                Refusal(f"HTTP/{version}, which `can.http` leaves out", {"http": version}, {})
            )
    for timer in TIMERS:
        if timer not in can.timers:
            left_out = f"{timer}, which `can.timers` leaves out"
            found.append(Refusal(left_out, {"timers": {timer: 1000}}, {}))
            found.append(Refusal(f"{left_out}, on a request", {}, {"timers": {timer: 1000}}))
    if not can.proxy:
        found.append(Refusal("a proxy, without `can.proxy`", {"proxy": "http://127.0.0.1:9/"}, {}))
    if not can.expect_continue:
        found.append(
            Refusal(
                "Expect: 100-continue, without `can.expect_continue`",
                {},
                {"method": "POST", "body_b64": "eA==", "expect_continue": True},
            )
        )
    if not can.body_stream:
        found.append(
            Refusal(
                "content with pauses, without `can.body_stream`",
                {},
                {"method": "POST", "body_b64": "eHk=", "body_pause_ms": [[1, 10]]},
            )
        )
    if not can.not_before:
        found.append(
            Refusal("a time for the request, without `can.not_before`", {}, {"not_before_ms": 50})
        )
    if can.second_request == "none":
        found.append(Refusal("a second request, without `can.second_request`", {}, {}, second=True))
    return tuple(found)


def refusal_plan(refusal: Refusal, name: str, url: str) -> dict[str, Any]:
    """The plan to give to the adapter."""
    request = {"name": "main", "method": "GET", "url": url, **refusal.request}
    requests = [request]
    if refusal.second:
        requests.append({"name": "again", "method": "GET", "url": url})
    return {**_plain(name), "requests": requests, **refusal.plan}


def check_refusal(events: Sequence[Event]) -> list[str]:
    """`unsupported`, then `done`, and nothing else: no request may have been made."""
    kinds = [str(event.get("event")) for event in events]
    if kinds == ["unsupported", "done"]:
        return []
    if not kinds:
        return ["no answer; expected `unsupported`, then `done`"]
    told = ", ".join(f"`{kind}`" for kind in kinds[:6])
    return [f"answered {told}; expected `unsupported`, then `done`"]


# ---------------------------------------------------------------- timers


def check_timer(
    row: Row,
    timer: str,
    timer_ms: int,
    connects: int,
    events: Sequence[Event],
    sent_at: float | None = None,
) -> list[str]:
    """Whether the timer ended the wait, not before its time; `connects` is how often it tried.

    `sent_at` (Unix ms) is when the first request reached its peer: what came before, such as the
    start of a tool's process on a busy machine, makes no timer late.
    """
    silence = expected_of("silence", row)
    ends = [event for event in events if event.get("event") == "end"]
    if not ends:
        if "nothing" in silence.told:
            return []  # by its own default it goes on: a variant that does not is what shows it
        return [
            f"{timer} is claimed, but with it set alone nothing was told in {TIMER_SECONDS:.0f} s"
        ]
    end = ends[-1]
    error = end.get("error") or {}
    kinds = silence.kinds or ("timeout",)
    by_success = end.get("told") == "ok" and "ok" in silence.told  # a tool that ends with 0 always
    if not by_success and (end.get("told") != "failed" or error.get("kind") not in kinds):
        how = f"{error.get('kind')} ({error.get('type')}: {error.get('message')})"[:300]
        said = f"failed: {how}" if end.get("told") == "failed" else str(end.get("told"))
        return [
            f"with {timer} set alone told {said}; expected failed, "
            f"{' or '.join(kinds)} (what [controls.silence] declares holds here too)"
        ]
    told, started = float(end["at"]), float(end["started"])
    factor = (told - started) / timer_ms / max(connects, 1)
    late = (told - max(started, sent_at or started)) / timer_ms / max(connects, 1)
    least, most = silence.elapsed or (0.9, 1.5)
    if timer == "connect_ms":
        # How often a connection was tried cannot be seen: only that it was given up, by the timer.
        factor = late = (told - started) / timer_ms
        least, most = 0.9, TIMER_SECONDS * 1000 / timer_ms
    if least <= factor and late <= most:
        return []
    seen = factor if factor < least else late
    return [f"with {timer} set alone told after {seen:.2f} of it; expected {least} to {most:.1f}"]


class _Silent:
    """A peer that accepts and reads, and never answers; it counts the requests.

    Plain sockets and callbacks: whatever was accepted is known at once, so that closing it leaves
    nothing behind, whenever a client chose to connect again.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._seen: dict[socket.socket, bytes] = {}
        self.requests = 0
        self.first_at: float | None = None  # Unix ms
        self.port: int = self._listener.getsockname()[1]
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it may have gone again
            peer, _ = self._listener.accept()
            peer.setblocking(False)
            self._seen[peer] = b""
            self._loop.add_reader(peer, self._read, peer)

    def _read(self, peer: socket.socket) -> None:
        try:
            octets = peer.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self._drop(peer)
            return
        # An adapter that sends a request again on the same connection counts twice.
        before = self._seen[peer].count(b"\r\n\r\n")
        self._seen[peer] += octets
        self.requests += self._seen[peer].count(b"\r\n\r\n") - before
        if self.requests and self.first_at is None:
            self.first_at = time.time() * 1000

    def _drop(self, peer: socket.socket) -> None:
        del self._seen[peer]
        self._loop.remove_reader(peer)
        peer.close()

    def close(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for peer in list(self._seen):
            self._drop(peer)


@contextlib.contextmanager
def unanswering_port() -> Iterator[int]:
    """A loopback port whose SYNs go unanswered: it listens, and its queue is kept full."""
    fillers: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        try:
            for _ in range(4):
                filler = socket.socket()
                fillers.append(filler)
                filler.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    filler.connect(("127.0.0.1", port))
            yield port
        finally:
            for filler in fillers:
                filler.close()


# ---------------------------------------------------------------- playing


async def inspect(
    row: Row, player: Player, token: str, report: Callable[[Verdict], None] = lambda one: None
) -> tuple[Verdict, ...]:
    """All questions, one after the other; `token` begins the names of the plans."""
    verdicts: list[Verdict] = []

    def add(verdict: Verdict) -> None:
        verdicts.append(verdict)
        report(verdict)

    seen: list[Event] = []
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it; nobody listens
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        for number, refusal in enumerate(refusals(row)):
            plan = refusal_plan(refusal, f"{token}-r{number}", url)
            events = await player.play(plan, REFUSAL_SECONDS)
            seen += events
            add(Verdict(REFUSES, refusal.what, tuple(check_refusal(events))))
    for timer in row.can.timers:
        name = f"{token}-{timer.split('_')[0]}"
        events, problems = await _play_timer(row, player, timer, name)
        seen += events
        if problems:
            # The first request of a process pays for all that its runtime loads and compiles.
            events, problems = await _play_timer(row, player, timer, f"{name}-again")
            seen += events
        add(Verdict(TIMER, f"{timer} ends a wait", tuple(problems)))
    for number, question in enumerate(contract_sends.questions(row)):
        name = f"{token}-s{number}"
        events, problems = await _play_sends(player, question, name)
        seen += events
        if problems:  # a process that was started anew may have been too slow
            events, problems = await _play_sends(player, question, f"{name}-again")
            seen += events
        add(Verdict(SENDS, question.what, tuple(problems)))
    add(Verdict(SCHEMA, "events are as events.json says", tuple(_schema_problems(seen))))
    return tuple(verdicts)


async def _play_sends(
    player: Player, question: contract_sends.Question, name: str
) -> tuple[tuple[Event, ...], list[str]]:
    async with contract_sends.Recorder() as peer:
        plan = question.plan(_plain(name), peer.port)
        events = await player.play(plan, SENDS_SECONDS)
    return events, contract_sends.check_sent(question, peer.requests, events)


async def _play_timer(
    row: Row, player: Player, timer: str, name: str
) -> tuple[tuple[Event, ...], list[str]]:
    tells = "nothing" not in expected_of("silence", row).told
    seconds = TIMER_SECONDS if tells else NOTHING_SECONDS
    if timer == "connect_ms":
        with unanswering_port() as port:
            plan = _timer_plan(name, port, timer, CONNECT_TIMER_MS)
            events = await player.play(plan, seconds)
        return events, check_timer(row, timer, CONNECT_TIMER_MS, 1, events)
    with contextlib.closing(_Silent()) as peer:
        events = await player.play(_timer_plan(name, peer.port, timer, TIMER_MS), seconds)
        requests, sent_at = peer.requests, peer.first_at
    return events, check_timer(row, timer, TIMER_MS, requests, events, sent_at)


def _timer_plan(name: str, port: int, timer: str, timer_ms: int) -> dict[str, Any]:
    request = {"name": "main", "method": "GET", "url": f"http://127.0.0.1:{port}/"}
    return {**_plain(name), "timers": {timer: timer_ms}, "requests": [request]}


def _plain(name: str) -> dict[str, Any]:
    return {
        "v": 1,
        "plan": name,
        "http": "1.1",
        "timers": {},
        "ca_file": None,
        "proxy": None,
        "body_limit": 65536,
    }


def _schema_problems(events: Sequence[Event]) -> list[str]:
    problems = []
    for event in events:
        problem = (
            f"a line that is no event: {event.get('text')!r:.200}"
            if event.get("event") == "bad-line"
            else event_problem(event)
        )
        if problem and problem not in problems:
            problems.append(problem)
    return problems[:10]
