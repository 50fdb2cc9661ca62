# SPDX-License-Identifier: MIT
"""A script: its steps, and which may follow which.

The same rules, in the same order and with the same words, as mockserver/scenario_script.c and
scenario_respond.c. What the harness makes of a script is in scenario_timeline.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .scenario_reader import (
    MAX_INTEGER,
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
    show,
)
from .yaml_subset import LIST, MAP, TEXT, Node

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
)
STEP_KEYS = (*VERBS, "times", "every", "split", "limit", "as")
RESPOND_KEYS = (
    "status",
    "reason",
    "version",
    "fields",
    "location",
    "set_cookie",
    "framing",
    "length",
    "body",
    "trailers",
)
WAITS = ("head", "request", "next-request", "client-fin")
FRAMINGS = ("length", "chunked", "close", "none")
FILLS = ("text", "octets")
CLASSES_OF_OCTETS = ("head", "interim-content", "framing", "content", "surplus")

_DEFAULT_LIMIT_NS = 30 * 1000 * 1000 * 1000
_WITH_OCTETS = ("respond", "body", "send")
_VERSION = re.compile("[0-9.]{1,8}")


@dataclass(frozen=True)
class Respond:
    status: IntValue
    reason: bytes | None = None  # None: the registered phrase
    version: str = "1.1"
    fields: tuple[Field, ...] = ()
    location: str | None = None  # the name of a resource
    set_cookie: bytes = b""
    framing: str | None = None  # None: as befits the status
    length: IntValue | None = None  # what Content-Length says, whatever is sent
    body: str = "none"  # none, own, bytes, sized or later
    content: bytes = b""  # bytes
    size: IntValue = ZERO  # sized
    fill: str = "text"  # sized
    trailers: tuple[Field, ...] = ()


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


Script = tuple[Step, ...]

# --- respond ---


def status_of(reader: Reader, respond: Respond) -> int:
    """The status, or the default of the parameter that gives it."""
    return respond.status.value(reader.params)


def has_no_content(status: int) -> bool:
    """RFC 9110 6.4.1: 1xx, 204 and 304 have no content."""
    return status < 200 or status in (204, 304)


def _reason(reader: Reader, node: Node) -> bytes:
    if node.kind != TEXT or node.quoted or "\\" in node.text:
        return reader.line(node, "reason")
    return reader.line(Node(TEXT, node.line, node.column, node.text, quoted=True), "reason")


def _version(reader: Reader, node: Node) -> str:
    reader.expect(node, TEXT, "version")
    if _VERSION.fullmatch(node.text) is None:
        raise reader.error(node, f'version "{show(node.text)}" must be 1 to 8 of 0-9 and "."')
    return node.text


def _location(reader: Reader, node: Node) -> str:
    reader.expect(node, TEXT, "location")
    if node.text != "probe" and node.text not in reader.resources:
        raise reader.error(
            node,
            f'location "{show(node.text)}" names no resource of this scenario; declare it under '
            "resources",
        )
    return node.text


def _set_cookie(reader: Reader, node: Node) -> bytes:
    cookie = reader.line(node, "set_cookie")
    if cookie.find(b"=") < 1:
        raise reader.error(node, f'set_cookie "{show(node.text)}" must be "name=value"')
    return cookie


def _body(reader: Reader, node: Node) -> tuple[str, bytes, IntValue, str]:
    """Source, content, size and fill."""
    if node.kind == MAP:
        reader.check_keys(node, ("size", "fill"), "body")
        size = reader.size(reader.require(node, "size", "body"), MAX_SIZE, "size")
        fill = node.get("fill")
        word = "text" if fill is None else reader.choice(fill, FILLS, "fill")
        return "sized", b"", size, word
    if node.kind == TEXT and node.quoted:
        return "bytes", reader.octets(node, "body"), ZERO, "text"
    if node.kind == TEXT and node.text in ("own", "none", "later"):
        return node.text, b"", ZERO, "text"
    raise reader.error(node, "body must be own, none, later, octets in double quotes or {size: N}")


def _framing(reader: Reader, node: Node) -> tuple[str | None, IntValue | None, tuple[Field, ...]]:
    framing = node.get("framing")
    word = None if framing is None else reader.choice(framing, FRAMINGS, "framing")
    length_node = node.get("length")
    length = None
    if length_node is not None:
        length = reader.size(length_node, MAX_INTEGER, "length")
        if word not in (None, "length"):
            raise reader.error(
                node.keys["length"], f"length goes with framing: length, not with {word}"
            )
    trailers_node = node.get("trailers")
    trailers: tuple[Field, ...] = ()
    if trailers_node is not None:
        trailers = reader.fields(trailers_node, "trailers")
        if word != "chunked":
            raise reader.error(node.keys["trailers"], "trailers need framing: chunked")
    return word, length, trailers


def _check_respond(reader: Reader, node: Node, respond: Respond) -> None:
    later = respond.body == "later"
    if later and "trailers" in node.keys:
        raise reader.error(
            node.keys["trailers"],
            "trailers of a body that comes later belong to the step end-body",
        )
    if later and respond.framing in (None, "length") and respond.length is None:
        raise reader.error(
            node.keys["body"],
            "body: later needs framing: chunked, close or none, or a length",
        )
    if not reader.in_on_connect:
        return
    at = node.get("body") or node
    if respond.body == "own":
        raise reader.error(
            at,
            "on-connect has no exchange for an own body to name; write another body or none",
        )
    if respond.body == "sized" and respond.fill == "text":
        raise reader.error(
            at, "on-connect has no exchange for a text body to name; use fill: octets"
        )


def _read_respond(reader: Reader, node: Node) -> Respond:
    reader.map(node, RESPOND_KEYS, "respond")
    status = reader.integer(reader.require(node, "status", "respond"), 100, 999, "status")
    reason = node.get("reason")
    reason_octets = None if reason is None else _reason(reader, reason)
    version = node.get("version")
    version_text = "1.1" if version is None else _version(reader, version)
    fields = node.get("fields")
    field_list = () if fields is None else reader.fields(fields, "fields")
    location = node.get("location")
    target = None if location is None else _location(reader, location)
    cookie = node.get("set_cookie")
    cookie_octets = b"" if cookie is None else _set_cookie(reader, cookie)
    source = "none" if has_no_content(status.value(reader.params)) else "own"
    content, size, fill = b"", ZERO, "text"
    body = node.get("body")
    if body is not None:
        source, content, size, fill = _body(reader, body)
    framing, length, trailers = _framing(reader, node)
    respond = Respond(
        status,
        reason_octets,
        version_text,
        field_list,
        target,
        cookie_octets,
        framing,
        length,
        source,
        content,
        size,
        fill,
        trailers,
    )
    _check_respond(reader, node, respond)
    return respond


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
        return {"respond": _read_respond(reader, value)}
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
    reader.yes(value, verb)
    return {}


# --- modifiers ---


def _check_modifiers_fit(reader: Reader, node: Node, verb: str) -> None:
    octets = "respond, body and send"
    fits = (
        ("times", verb in _WITH_OCTETS, octets),
        ("every", verb in _WITH_OCTETS, octets),
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
    if "frames" in node.keys:
        raise reader.error(
            node.keys["frames"],
            "frames is reserved for raw h2 and h3 and not supported yet; use respond",
        )
    reader.check_keys(node, STEP_KEYS, "a step")
    verbs: Sequence[str] = [key for key in node.keys if key in VERBS]
    if not verbs:
        raise reader.error(
            node,
            "a step needs something to do: wait, respond, body, end-body, send, sleep, release, "
            "stall, reading, close or reset",
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
