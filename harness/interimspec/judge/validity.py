# SPDX-License-Identifier: MIT
"""Whether the case can be judged at all: V1 to V6. (V7, witnesses that contradict each other, is
witness.py.) The first that applies gives a grade and no outcome, and never blames the client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..observation import Json, first_problem
from ..transcript import Send
from .inputs import CLOCK_TOLERANCE_MS, PROBE, Case

#: A send may leave so late, or a tenth of the pause before it, whatever is more.
LATE_MS = 20.0
LATE_SHARE = 0.1
#: The harness's own event loop: a sign that processes of this machine had to wait. Where a
#: scenario asks about timers, what lies within the guard band of the shortest is harmless.
HEARTBEAT_MS = 50.0
#: No gap between octets may come this near to a timer (share of the timer, both sides).
GUARD_BAND = 0.35
#: An at-once probe leaves within milliseconds; what takes longer was kept from running.
AT_ONCE_MS = 50.0
#: Surplus octets must have lain in the client's socket so long before a late probe.
STRAY_LEAD_MS = 50.0

_OF_ORDER = {"interim": 0, "response": 1, "end": 2}


_ANSWERED_FIELDS = frozenset(("range", "if-none-match", "if-match"))


@dataclass(frozen=True)
class Invalid:
    rule: str
    grade: str  # error, unsupported, inconclusive
    about: str  # server, adapter, environment, witness, http10, timing, declared, asked
    what: str
    repeat: bool = False

    def reason(self) -> dict[str, Any]:
        return {"rule": self.rule, "about": self.about, "what": self.what}


def check(case: Case) -> Invalid | None:
    checks: tuple[Callable[[Case], Invalid | None], ...] = (
        _server,
        _adapter,
        _unsupported,
        _http10,
        _fields,
        _no_request,
        _timing,
    )
    for rule in checks:
        invalid = rule(case)
        if invalid is not None:
            return invalid
    return None


def _server(case: Case) -> Invalid | None:
    """V1: the server did not play its part to the end, or does not know what it did."""
    transcript = case.transcript
    what = None
    if not transcript.complete:
        what = "the server's transcript is not complete"
    elif transcript.dropped_events:
        what = f"the server dropped {transcript.dropped_events} events of its transcript"
    elif transcript.named("mixed-runs"):
        what = "one connection served this run and another one"
    else:
        what = _vain_wait(case)
    return None if what is None else Invalid("V1", "error", "server", what, repeat=True)


def _vain_wait(case: Case) -> str | None:
    """The server waited for something that a client need not do, and gave up the script.

    That a client does not send the content it announced is its own doing and is judged. A limit
    that passes when the client is long done aborts nothing that it could see."""
    until = case.main.ended
    for event in case.transcript.named("wait-limit"):
        owed = any(
            exchange.number == event.exchange
            and (exchange.ended is None or exchange.ended > event.at)
            for exchange in case.chain
        )
        if not owed and (until is None or event.at <= until):
            return f"the server waited in vain and gave up the script (step {event.data['step']})"
    return None


def _adapter(case: Case) -> Invalid | None:
    """V2: the adapter broke its contract."""
    what = _broken_contract(case)
    return None if what is None else Invalid("V2", "error", "adapter", what)


def _broken_contract(case: Case) -> str | None:
    observation = case.observation
    if observation.hello is None and not any(
        event.get("event") == "hello" for event in observation.events
    ):
        return "no hello"
    hello = () if observation.hello is None else (observation.hello,)
    problem = first_problem((*hello, *observation.events))
    if problem is not None:
        return problem
    return _out_of_order(case) or _unfinished(case)


def _out_of_order(case: Case) -> str | None:
    plan = case.observation.plan.get("plan")
    stage: dict[str, int] = {}
    last_at = float("-inf")
    done = False
    for index, event in enumerate(case.observation.events):
        name = str(event["event"])
        if name == "hello":
            if index > 0:
                return "hello after other events"
            continue
        if event.get("plan") != plan:
            return f"{name} for plan {event.get('plan')!r}, which is not the one under way"
        if done:
            return f"{name} after done"
        done = name == "done"
        if name not in _OF_ORDER:
            continue
        request = str(event["request"])
        if request not in case.requests:
            return f"{name} for {request!r}, which is no request of the plan"
        before = stage.get(request, -1)
        if _OF_ORDER[name] < before or (name != "interim" and _OF_ORDER[name] == before):
            return f"{name} of {request} after its {_name_of(before)}"
        stage[request] = _OF_ORDER[name]
        problem, last_at = _time_problem(event, last_at)
        if problem is not None:
            return problem
    return None


def _name_of(stage: int) -> str:
    return next(name for name, number in _OF_ORDER.items() if number == stage)


def _time_problem(event: Json, last_at: float) -> tuple[str | None, float]:
    at = float(event["at"])
    what = f"{event['event']} of {event['request']}"
    if at < last_at - CLOCK_TOLERANCE_MS:
        return f"{what} at {at:.1f}, earlier than the event before it", last_at
    if event["event"] == "end" and float(event["started"]) > at + CLOCK_TOLERANCE_MS:
        return f"{what} before it started", last_at
    return None, max(at, last_at)


def _unfinished(case: Case) -> str | None:
    observation = case.observation
    names = [str(event["event"]) for event in observation.events]
    if "unsupported" in names:
        return None
    if "done" in names or observation.process.state == "done":
        for request in case.requests:
            told = case.main if request == case.first_name else case._told(request)
            if told.end is None:
                return f"done, but the end of {request} is missing"
        return None if "done" in names else "the plan is over without done"
    process = observation.process
    if process.state == "exited" and process.signal is None and not process.exit_code:
        return "the process left with exit status 0 in the middle of a plan"
    return None


def _unsupported(case: Case) -> Invalid | None:
    """V3: what the manifest declares is honest; what comes as a surprise is a fault of it."""
    event = next((e for e in case.observation.events if e["event"] == "unsupported"), None)
    if event is None:
        return None
    what = f"{event['what']} {event['value']!r}" if "value" in event else str(event["what"])
    if case.chain:
        return Invalid(
            "V3", "error", "adapter", f"{what} is unsupported, said after a request was made"
        )
    if _declared(case, str(event["what"]), event.get("value")):
        return Invalid("V3", "unsupported", "declared", what)
    return Invalid("V3", "error", "adapter", f"{what} is unsupported, which is not declared")


def _declared(case: Case, what: str, value: Any) -> bool:
    """Whether the manifest says that the client cannot do it."""
    can = case.observation.manifest.can or (case.observation.hello or {}).get("can", {})
    what = what.rpartition(".")[2]
    if what.endswith("_ms") and what != "not_before_ms" and what != "body_pause_ms":
        return what not in can.get("timers", ())
    if what in ("http", "method", "methods"):
        listed = can.get("methods" if what.startswith("method") else "http")
        return listed is not None and value not in listed
    if what in ("requests", "second_request", PROBE):
        return bool(can.get("second_request", "none") == "none")
    keys = {"not_before_ms": "not_before", "body_pause_ms": "body_stream", "ca_file": "tls"}
    key = keys.get(what, what)
    return key in ("tls", "proxy", "not_before", "expect_continue", "body_stream") and not can.get(
        key, False
    )


def _http10(case: Case) -> Invalid | None:
    """V4: a client that says HTTP/1.0 must not be sent any 1xx (RFC 9110, section 15.2), nor a
    Transfer-Encoding (RFC 9112, section 6.1)."""
    for event in case.transcript.named("http10"):
        if event.exchange is None or any(e.number == event.exchange for e in case.chain):
            return Invalid("V4", "unsupported", "http10", "its request says HTTP/1.0")
    for exchange in case.chain:
        final = exchange.final
        if exchange.version == "1.0" and final and final.head.values("transfer-encoding"):
            return Invalid("V4", "unsupported", "http10", "its request says HTTP/1.0")
    return None


def _fields(case: Case) -> Invalid | None:
    """V3: a 206, 304 or 412 answers a field of the request (RFC 9110, 15.3.7, 15.4.5, 15.5.13). A
    client that cannot send it was not asked the question; that one that can does so is for its
    contract to prove, see contract_sends.py."""
    asked = [str(name) for name, _ in case.observation.plan["requests"][0].get("headers", ())]
    for name in asked if case.chain else ():
        needed = name.lower() in _ANSWERED_FIELDS
        if needed and not any(exchange.has_field(name.lower()) for exchange in case.chain):
            return Invalid("V3", "unsupported", "asked", f"its request has no {name} field")
    return None


def _no_request(case: Case) -> Invalid | None:
    """V5. A connection on which the script spoke first may rightly end without a request.

    Over HTTP/2 the server always speaks first, with its SETTINGS, which no step sends."""
    if case.chain:
        return None
    bad = case.transcript.named("bad-request")
    handshakes = case.transcript.named("tls-failed")
    connections = case.transcript.connections.values()
    sends = [send for connection in connections for send in connection.sends]
    if not bad and any(send.exchange is None and send.step is not None for send in sends):
        return None
    what = "no request for the scenario reached the server"
    if handshakes:
        what += f"; {_tls_failure(handshakes[-1].data)}"
    elif bad:
        what += f"; it refused one: {bad[0].data.get('reason')}"
    return Invalid("V5", "error", "environment", what, repeat=True)


def _tls_failure(event: Json) -> str:
    """An adapter that does not hand over the certificate to trust, and a client that speaks no such
    version, look alike from here: neither is anything about interim responses."""
    if event.get("alert") is None:
        return f"TLS failed: {event.get('reason')}"
    return f"TLS failed: the {event.get('by')} sent the alert {event['alert']}"


def _timing(case: Case) -> Invalid | None:
    """V6: the question was not asked as the scenario asks it."""
    what = (
        _joined_pieces(case)
        or _late_send(case)
        or _guard_band(case)
        or _late_harness(case)
        or _probe_held_up(case)
        or _stray_too_late(case)
    )
    return None if what is None else Invalid("V6", "inconclusive", "timing", what, repeat=True)


def _sends(case: Case) -> list[Send]:
    """What was sent for the main request before its user had an answer of any kind."""
    numbers = {exchange.number for exchange in case.chain}
    until = case.main.answered
    return [
        send
        for connection in case.main_connections
        for send in connection.sends
        if send.exchange in numbers and (until is None or send.began < until)
    ]


def _gave_up_waiting(case: Case) -> bool:
    """The client never answered, or only by its timer: it may well have stopped reading, and then
    unread octets are the finding and not the fault of the machine."""
    return case.main.end is None or case.main.kind == "timeout"


def _joined_pieces(case: Case) -> str | None:
    if _gave_up_waiting(case):
        return None
    for send in _sends(case):
        if send.piece and (send.unread_before or 0) > 0:
            return (
                f"piece {send.piece} of step {send.step} left when the client had not read "
                f"{send.unread_before} octets before it"
            )
    return None


def _depends_on_time(case: Case) -> bool:
    return case.scenario.timers.asked


def _late_send(case: Case) -> str | None:
    """Pieces have a gate of their own and no schedule; without timers, late is as good as due."""
    if not _depends_on_time(case):
        return None
    blocked = [event.at for event in case.transcript.named("blocked", "window-blocked")]
    before: dict[int | None, float] = {e.number: e.turn or e.at for e in case.chain}
    for send in _sends(case):
        due = send.due if send.due is not None else send.left
        pause = max(send.interval, due - before.get(send.exchange, due))
        before[send.exchange] = due
        # A client that does not read stops the schedule itself.
        if send.piece is not None or any(at <= send.last_left for at in blocked):
            continue
        if send.late > max(LATE_MS, LATE_SHARE * pause):
            return f"step {send.step} left {send.late:.0f} ms late"
    return None


def _guard_band(case: Case) -> str | None:
    """A gap that was to be clearly shorter than the read timer, and was not."""
    read = case.timers.get("read_ms")
    if not _depends_on_time(case) or read is None:
        return None
    limit = (1 - GUARD_BAND) * read
    sends = sorted(_sends(case), key=lambda send: send.left)
    for one, two in pairwise(sends):
        if one.due is None or two.due is None or one.exchange != two.exchange:
            continue
        longest, shortest = two.left - one.last_began, two.began - one.last_left
        if two.due - one.due < limit < longest and shortest < (1 + GUARD_BAND) * read:
            return f"{longest:.0f} ms between two steps, too near to the timer of {read} ms"
    return None


def _late_harness(case: Case) -> str | None:
    late = case.observation.harness_late_ms
    unproved = any(send.piece and send.unread_before is None for send in _sends(case))
    if unproved and late > HEARTBEAT_MS:
        return f"the harness was {late:.0f} ms late, and whether pieces were read alone is unknown"
    shortest = min(case.timers.values(), default=0)
    if _depends_on_time(case) and shortest and late > max(HEARTBEAT_MS, GUARD_BAND * shortest):
        return f"the harness was {late:.0f} ms late"
    return None


def _probe_held_up(case: Case) -> str | None:
    """P2: at once means before the server's next octets. A client that was kept from sending its
    probe until they had come does something else with the connection than it would have done."""
    ended = case.main.ended
    if ended is None or not case.probes or case.requests.get(PROBE, {}).get("not_before_ms"):
        return None
    if case.observation.manifest.can.get("second_request") != "pooled":
        return None  # a process for each request takes its time, and keeps no connection
    probe = case.probes[0]
    delay = probe.at - ended
    if delay <= AT_ONCE_MS:
        return None
    # A tunnel of its own is a part of the probe.
    own = {probe.number, *(e.number for e in case.transcript.exchanges if e.method == "CONNECT")}
    between = any(
        ended < run.left
        and run.began < probe.at
        and run.exchange not in own
        and run.kind != "surplus"
        for connection in case.transcript.connections.values()
        for run in connection.runs
    )
    return f"the probe came {delay:.0f} ms after the answer, not at once" if between else None


def _stray_too_late(case: Case) -> str | None:
    """P3: a late probe is fair only if the surplus had long been there to be seen."""
    if case.scenario.expect.class_ != "surplus" or not case.probes:
        return None
    probe = case.probes[0]
    if not case.requests.get(PROBE, {}).get("not_before_ms"):
        return None
    strays = [
        run.left
        for run in case.transcript.connection_of(probe).runs
        if run.kind == "surplus" and run.exchange != probe.number
    ]
    if strays and probe.at - max(strays) < STRAY_LEAD_MS:
        lead = probe.at - max(strays)
        return f"the probe came {lead:.0f} ms after the surplus octets, too early to be fair"
    return None
