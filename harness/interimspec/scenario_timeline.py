# SPDX-License-Identifier: MIT
"""What a script amounts to: how long it lasts, whether it sends a complete final response, and
when. Worked out from the file alone, parameters at their defaults.

    moments_of()   script -> when octets leave, and when the server ends the connection
    finals_of()    script -> the final responses in it, complete or not

Time counts from the moment the script begins, in ms. A wait for something only the client decides
(its FIN, its next request) ends the timeline: what follows has no time of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .scenario_frames import Frame
from .scenario_reader import Field, ParamSpec
from .scenario_respond import Respond, has_no_content
from .scenario_script import Script, Step

_WITH_OCTETS = ("respond", "body", "send", "end-body", "frames", "window")
_WAITS_FOR_CLIENT = ("next-request", "client-fin")
_RAW_LIMIT = 4 * 1024 * 1024  # of a repeated raw step, when looking for a final in it
_LEAST_OWN_BODY = 20  # a body made by the server is never shorter

# As a forgiving reader would find it: any version, no reason phrase needed, LF alone is enough.
_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3})(?:[ \t][^\r\n]*)?\r?\n", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n")
_LINE_END = re.compile(rb"\r?\n")


@dataclass(frozen=True)
class Moment:
    """Octets leave, or the server ends the connection or the stream."""

    step: Step
    at_ms: float
    last_ms: float  # of a repeated step: when its last repetition leaves
    every_ms: float  # 0: not repeated with a pause
    ends: bool  # close, reset, or RST_STREAM


@dataclass(frozen=True)
class FinalSent:
    step: Step  # where its status line begins
    complete: bool


def moments_of(script: Script, params: Mapping[str, ParamSpec]) -> tuple[tuple[Moment, ...], bool]:
    """The moments, and whether the timeline reaches the end of the script."""
    moments: list[Moment] = []
    now = 0.0
    for step in script:
        if step.verb == "wait" and step.wait in _WAITS_FOR_CLIENT:
            return tuple(moments), False
        if step.verb == "sleep":
            now += step.sleep.ms(params)
        elif step.verb in ("close", "reset"):
            moments.append(Moment(step, now, now, 0.0, True))
        elif step.verb in _WITH_OCTETS:
            count = step.times.value(params)
            every = step.every.ms(params) if step.forever or count > 1 else 0.0
            last = now if step.forever else now + (count - 1) * every
            moments.append(Moment(step, now, last, every, _resets_stream(step)))
            now = last
    return tuple(moments), True


def script_ms(script: Script, params: Mapping[str, ParamSpec]) -> int | None:
    """How long the script lasts by itself: sleeps and the pauses between repetitions. None: it
    does not end."""
    total = 0.0
    for step in script:
        if step.forever:
            return None
        if step.verb == "sleep":
            total += step.sleep.ms(params)
        total += (step.times.value(params) - 1) * step.every.ms(params)
    return round(total)


def _resets_stream(step: Step) -> bool:
    return any(frame.kind == "rst_stream" and frame.stream is None for frame in step.frames)


def server_ends(script: Script) -> bool:
    """Whether the script itself ends the connection, or resets the stream of its request."""
    return any(step.verb in ("close", "reset") or _resets_stream(step) for step in script)


# --- finals ---


def _field(fields: tuple[Field, ...], name: str) -> bytes | None:
    for field in fields:
        if field.name.lower() == name:
            return field.value
    return None


def _switches(status: int, upgrade: bytes | None, offered: frozenset[str]) -> bool:
    """RFC 9110 7.8: a 101 ends the exchange when it names a protocol the client has offered."""
    if status != 101 or upgrade is None:
        return False
    return upgrade.decode("latin-1").strip().lower() in offered


@dataclass
class _Finals:
    method: str
    offered: frozenset[str]  # protocols in the request's Upgrade field, lower case
    closes: bool  # the script ends the connection with a FIN
    params: Mapping[str, ParamSpec]

    def respond(self, step: Step, respond: Respond, ended: bool) -> FinalSent | None:
        """`ended`: a body that comes later is ended by a later step."""
        status = respond.status.value(self.params)
        if status < 200:
            upgrade = _field(respond.fields, "upgrade")
            return FinalSent(step, True) if _switches(status, upgrade, self.offered) else None
        return FinalSent(step, self._is_complete(respond, status, ended))

    def _is_complete(self, respond: Respond, status: int, ended: bool) -> bool:
        if self.method == "HEAD" or has_no_content(status):
            return True
        if respond.framing in ("close", "none"):
            return self.closes
        if respond.body == "later":
            return ended
        if respond.length is None:
            return True
        sent = {
            "none": 0,
            "own": _LEAST_OWN_BODY,
            "bytes": len(respond.content),
            "sized": respond.size.value(self.params),
        }[respond.body]
        return sent >= respond.length.value(self.params)

    def frames(self, step: Step, later: Script) -> FinalSent | None:
        """`later`: the steps from this one on; END_STREAM in any of them ends the response."""
        if not any(_is_final(frame, self.params) for frame in step.frames):
            return None
        ended = any(
            frame.end_stream and frame.stream is None for one in later for frame in one.frames
        )
        return FinalSent(step, ended or any(one.verb == "end-body" for one in later))

    def raw(self, stream: bytes) -> tuple[int, bool] | None:
        """Where the first final in raw octets begins, and whether it is complete."""
        at = 0
        while (line := _STATUS_LINE.search(stream, at)) is not None:
            end = _HEAD_END.search(stream, line.end() - 2)
            head_end = len(stream) if end is None else end.end()
            head = stream[line.end() : head_end]
            fields = {m[1].lower(): m[2].strip() for m in _FIELD.finditer(head)}
            status = int(line[1])
            if _switches(status, fields.get(b"upgrade"), self.offered):
                return line.start(), end is not None
            if status >= 200:
                whole = end is not None and self._has_content(status, fields, stream[head_end:])
                return line.start(), whole
            at = head_end
        return None

    def _has_content(self, status: int, fields: dict[bytes, bytes], rest: bytes) -> bool:
        if self.method == "HEAD" or has_no_content(status):
            return True
        if fields.get(b"transfer-encoding", b"").lower().endswith(b"chunked"):
            return _has_chunks(rest)
        length = fields.get(b"content-length", b"")
        if length.isdigit():
            return len(rest) >= int(length)
        return self.closes


def _is_final(frame: Frame, params: Mapping[str, ParamSpec]) -> bool:
    """Whether a HEADERS on the request's stream has one :status, and that of a final response."""
    if frame.kind != "headers" or frame.stream is not None:
        return False
    named = frame.values_of(b":status")
    if frame.status is not None:
        named.insert(0, b"%03d" % frame.status.value(params))
    return len(named) == 1 and len(named[0]) == 3 and named[0].isdigit() and named[0] >= b"200"


def _has_chunks(rest: bytes) -> bool:
    """Whether the octets hold a whole chunked body. An interim response between two chunks breaks
    the framing and yet takes nothing from the body: it is stepped over."""
    at = 0
    while True:
        intruder = _STATUS_LINE.match(rest, at)
        if intruder is not None:
            end = _HEAD_END.search(rest, intruder.end() - 2)
            if end is None:
                return False
            at = end.end()
            continue
        size = _CHUNK.match(rest, at)
        if size is None:
            return False
        if int(size[1], 16) == 0:
            return _HEAD_END.search(rest, size.end() - 2) is not None
        after = _LINE_END.match(rest, size.end() + int(size[1], 16))
        if after is None:
            return False
        at = after.end()


def finals_of(
    script: Script,
    params: Mapping[str, ParamSpec],
    method: str = "GET",
    offered: frozenset[str] = frozenset(),
) -> tuple[FinalSent, ...]:
    """The final responses that the script sends, in order; of octets that are sent raw without a
    `respond` between them, the first one."""
    closes = any(step.verb == "close" and step.close == "fin" for step in script)
    finder = _Finals(method, offered, closes, params)
    finals: list[FinalSent] = []
    raw: list[tuple[int, Step]] = []
    stream = b""

    def take_raw() -> None:
        nonlocal stream
        found = finder.raw(stream)
        if found is not None:
            begins = max((begin for begin in raw if begin[0] <= found[0]), key=lambda b: b[0])
            finals.append(FinalSent(begins[1], found[1]))
        raw.clear()
        stream = b""

    for number, step in enumerate(script):
        if step.verb == "send":
            most = max(1, _RAW_LIMIT // len(step.octets))
            count = 1 if step.forever else step.times.value(params)
            raw.append((len(stream), step))
            stream += step.octets * min(count, most)
        elif step.frames:
            sent = finder.frames(step, script[number:])
            if sent is not None:
                finals.append(sent)
        elif step.respond is not None:
            take_raw()
            ended = any(later.verb == "end-body" for later in script[number:])
            final = finder.respond(step, step.respond, ended)
            if final is not None:
                finals.append(final)
    take_raw()
    return tuple(finals)
