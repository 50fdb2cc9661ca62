# SPDX-License-Identifier: MIT
"""A script: its steps, and which may follow which.

The same rules, in the same order and with the same words, as mockserver/scenario_script.c. What
the harness makes of a script is in scenario_timeline.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .scenario_frames import Frame, read_frames, read_window
from .scenario_reader import (
    MAX_SIZE,
    MAX_TIMES,
    NO_TIME,
    ONE,
    ZERO,
    Duration,
    Field,
    IntValue,
    Reader,
    ScenarioError,
)
from .scenario_respond import Respond, read_respond, status_of
from .yaml_subset import LIST, MAP, Node

VERBS = (
    "wait",
    "respond",
    "body",
    "end-body",
    "send",
    "sleep",
    "release",
    "stall",
    "reading",
    "close",
    "reset",
    "frames",
    "window",
)
STEP_KEYS = (*VERBS, "times", "every", "split", "limit", "as")
WAITS = ("head", "request", "next-request", "client-fin")
CLASSES_OF_OCTETS = ("head", "interim-content", "framing", "content", "surplus")

_DEFAULT_LIMIT_NS = 30 * 1000 * 1000 * 1000
_WITH_OCTETS = ("respond", "body", "send")


@dataclass(frozen=True)
class Split:
    """Where a step's octets are cut; no offsets: after each octet."""

    at: tuple[IntValue, ...] = ()


@dataclass(frozen=True)
class Step:
    """`verb` says which of the values below are meant."""

    verb: str
    line: int
    column: int
    times: IntValue = ONE
    forever: bool = False
    every: Duration = NO_TIME
    split: Split | None = None
    respond: Respond | None = None
    octets: bytes = b""  # send, body
    octet_class: str | None = None  # send: as
    trailers: tuple[Field, ...] = ()  # end-body
    wait: str | None = None  # one of WAITS, or body
    wait_octets: IntValue = ZERO
    limit_ns: int = _DEFAULT_LIMIT_NS
    sleep: Duration = NO_TIME
    close: str | None = None  # fin, abrupt
    reading: str | None = None  # off, on
    frames: tuple[Frame, ...] = ()
    window: IntValue = ZERO


Script = tuple[Step, ...]

# --- the other verbs ---


def _wait(reader: Reader, value: Node) -> tuple[str, IntValue]:
    octets = ZERO
    if value.kind == MAP:
        reader.check_keys(value, ("body",), "wait")
        octets = reader.size(reader.require(value, "body", "wait"), MAX_SIZE, "body")
        word = "body"
    else:
        word = reader.choice(value, WAITS, "wait")
    if reader.in_on_connect and word not in ("next-request", "client-fin"):
        raise reader.error(
            value,
            "on-connect plays before any request: it can wait for next-request or client-fin only",
        )
    return word, octets


def _send(reader: Reader, key: Node, value: Node) -> bytes:
    if not set(reader.transports) <= {"h1", "h1s"}:
        raise reader.error(
            key,
            "send is for the transports h1 and h1s alone; use respond, or list only those",
        )
    parts = value.items if value.kind == LIST else (value,)
    octets = b"".join(reader.octets(part, "send") for part in parts)
    if not octets:
        raise reader.error(value, "send has no octets")
    return octets


def _body_step(reader: Reader, value: Node) -> bytes:
    octets = reader.octets(value, "body")
    if not octets:
        raise reader.error(value, "body has no octets")
    return octets


def _end_body(reader: Reader, value: Node) -> tuple[Field, ...]:
    if value.kind != MAP:
        reader.yes(value, "end-body")
        return ()
    reader.check_keys(value, ("trailers",), "end-body")
    return reader.fields(reader.require(value, "trailers", "end-body"), "trailers")


def _close(reader: Reader, value: Node) -> str:
    how = reader.choice(value, ("fin", "abrupt"), "close")
    if how == "abrupt" and not {"h1s", "h2"} & set(reader.transports):
        raise reader.error(
            value,
            "close: abrupt leaves out TLS's farewell; it needs the transport h1s or h2",
        )
    return how


def _read_verb(reader: Reader, verb: str, key: Node, value: Node) -> dict[str, object]:
    """The values of Step that the verb gives."""
    if verb == "wait":
        word, octets = _wait(reader, value)
        return {"wait": word, "wait_octets": octets}
    if verb == "respond":
        return {"respond": read_respond(reader, value)}
    if verb == "body":
        return {"octets": _body_step(reader, value)}
    if verb == "end-body":
        return {"trailers": _end_body(reader, value)}
    if verb == "send":
        return {"octets": _send(reader, key, value)}
    if verb == "sleep":
        return {"sleep": reader.duration(value, "sleep")}
    if verb == "reading":
        return {"reading": reader.choice(value, ("off", "on"), "reading")}
    if verb == "close":
        return {"close": _close(reader, value)}
    if verb == "frames":
        return {"frames": read_frames(reader, key, value)}
    if verb == "window":
        return {"window": read_window(reader, key, value)}
    reader.yes(value, verb)
    return {}


# --- modifiers ---


def _check_modifiers_fit(reader: Reader, node: Node, verb: str) -> None:
    octets = "respond, body and send"
    repeated = "respond, body, send and frames"
    fits = (
        ("times", verb in (*_WITH_OCTETS, "frames"), repeated),
        ("every", verb in (*_WITH_OCTETS, "frames"), repeated),
        ("split", verb in _WITH_OCTETS, octets),
        ("limit", verb == "wait", "wait"),
        ("as", verb == "send", "send"),
    )
    for key, fit, whose in fits:
        if key in node.keys and not fit:
            raise reader.error(node.keys[key], f"{key} goes with {whose} only")


def _repetition(reader: Reader, node: Node) -> dict[str, object]:
    times, every = node.get("times"), node.get("every")
    count, pause, forever = ONE, NO_TIME, False
    if times is not None:
        forever = times.says("forever")
        if not forever:
            count = reader.integer(times, 1, MAX_TIMES, "times")
    if every is not None:
        pause = reader.duration(every, "every")
        if times is None:
            raise reader.error(node.keys["every"], "every needs times: how often, or forever")
    if times is not None and forever and pause == NO_TIME:
        raise reader.error(
            times,
            "times: forever needs every with a pause, so as not to starve other runs",
        )
    return {"times": count, "every": pause, "forever": forever}


def _split(reader: Reader, value: Node, length: int) -> Split:
    """`length`: the number of octets of the step where the file says it, or 0."""
    if value.says("each-byte"):
        return Split()
    if value.kind != LIST or not value.items:
        raise reader.error(value, "split must be each-byte or a list of offsets such as [8, 15]")
    offsets: list[IntValue] = []
    before = 0
    for item in value.items:
        at = reader.integer(item, 1, MAX_SIZE, "split")
        highest = at.literal if at.param is None else reader.params[at.param].max
        if length and highest >= length:
            raise reader.error(
                item,
                f"split at {highest} leaves no second piece: the step has {length} octets",
            )
        if at.param is None and at.literal <= before:
            raise reader.error(item, "the offsets of split must ascend")
        before = at.literal if at.param is None else before
        offsets.append(at)
    return Split(tuple(offsets))


def _modifiers(reader: Reader, node: Node, verb: str, known_length: int) -> dict[str, object]:
    _check_modifiers_fit(reader, node, verb)
    values = _repetition(reader, node)
    split, limit, octet_class = node.get("split"), node.get("limit"), node.get("as")
    if split is not None:
        if not set(reader.transports) <= {"h1", "h1s"}:
            raise reader.error(
                node.keys["split"], "split is for the transports h1 and h1s alone; list only those"
            )
        values["split"] = _split(reader, split, known_length)
    if limit is not None:
        values["limit_ns"] = reader.fixed_duration(limit, "limit")
    if octet_class is not None:
        values["octet_class"] = reader.choice(octet_class, CLASSES_OF_OCTETS, "as")
    return values


# --- which may follow which ---


class _SoFar:
    """What the steps read so far leave behind, as far as later steps depend on it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.open: Step | None = None  # the respond whose body comes later
        self._released = False
        self.ended_by: str | None = None
        self._ended_line = 0

    def add(self, at: Node, step: Step) -> None:
        """Checks that the step may stand here; `at` is its verb."""
        error = self._reader.error
        if self.ended_by is not None:
            raise error(at, f"nothing can follow {self.ended_by} in line {self._ended_line}")
        if step.verb == "respond":
            self._respond(at, step)
        elif step.verb in ("body", "end-body"):
            self._body(at, step)
        elif step.verb in ("stall", "release"):
            self._turn(at, step.verb)
        if step.forever or step.verb in ("stall", "close", "reset"):
            self.ended_by = "times: forever" if step.forever else step.verb
            self._ended_line = step.line

    def _respond(self, at: Node, step: Step) -> None:
        assert step.respond is not None
        later = step.respond.body == "later"
        final = status_of(self._reader, step.respond) >= 200
        if self.open is not None and (final or later):
            raise self._reader.error(
                at,
                f"the body of the respond in line {self.open.line} is still open; end it with "
                "end-body",
            )
        if later:
            self.open = step

    def _body(self, at: Node, step: Step) -> None:
        if self.open is None:
            raise self._reader.error(at, f"{step.verb} needs a respond with body: later before it")
        if step.verb == "body":
            return
        assert self.open.respond is not None
        if step.trailers and self.open.respond.framing != "chunked":
            raise self._reader.error(
                at,
                f"trailers need framing: chunked in the respond of line {self.open.line}",
            )
        self.open = None

    def _turn(self, at: Node, verb: str) -> None:
        if self._reader.in_on_connect:
            raise self._reader.error(at, f"on-connect has no turn: {verb} has no meaning there")
        if self._released:
            raise self._reader.error(
                at, f"{verb} comes after release, when the turn has passed already"
            )
        self._released = verb == "release"


# --- steps ---


def _find_verb(reader: Reader, node: Node) -> str:
    if node.kind != MAP:
        raise reader.error(node, f'a step must be a map such as "sleep: 50ms", not {node.kind}')
    reader.check_keys(node, STEP_KEYS, "a step")
    verbs: Sequence[str] = [key for key in node.keys if key in VERBS]
    if not verbs:
        raise reader.error(
            node,
            "a step needs something to do: wait, respond, body, end-body, send, sleep, release, "
            "stall, reading, close, reset, frames or window",
        )
    if len(verbs) > 1:
        raise reader.error(
            node.keys[verbs[1]],
            f"a step does one thing, this one already says {verbs[0]}; begin a new step with "
            f'"- {verbs[1]}:"',
        )
    return verbs[0]


def _read_step(reader: Reader, node: Node, so_far: _SoFar) -> Step:
    verb = _find_verb(reader, node)
    key = node.keys[verb]
    values = _read_verb(reader, verb, key, node.values[verb])
    octets = values.get("octets", b"")
    assert isinstance(octets, bytes)
    values |= _modifiers(reader, node, verb, len(octets))
    step = Step(verb, key.line, key.column, **values)  # type: ignore[arg-type]
    so_far.add(key, step)
    return step


def read_script(reader: Reader, node: Node, what: str) -> Script:
    """The steps of a list, or ScenarioError."""
    so_far = _SoFar(reader)
    reader.expect(node, LIST, what)
    if not node.items:
        raise reader.error(node, f'{what} has no steps; for silence write "- stall: yes"')
    script = tuple(_read_step(reader, item, so_far) for item in node.items)
    if so_far.open is not None and so_far.ended_by is None:
        raise reader.error(
            node,
            f"the body of the respond in line {so_far.open.line} never ends: add end-body, close, "
            "reset or stall",
        )
    return script


__all__ = ["Respond", "ScenarioError", "Script", "Split", "Step", "read_script", "status_of"]
