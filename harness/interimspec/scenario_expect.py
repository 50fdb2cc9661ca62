# SPDX-License-Identifier: MIT
"""The half of a scenario file that only the harness reads: the request, the timers, what is
expected; and whether that fits the script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .scenario_frames import ERROR_CODES
from .scenario_reader import MAX_SIZE, ParamSpec, Reader, ScenarioError, show
from .scenario_script import Script
from .scenario_timeline import FinalSent, moments_of
from .yaml_subset import LIST, MAP, TEXT, Node

CLASSES = (
    "serve",
    "limit",
    "timer",
    "unfinished",
    "garbage",
    "surplus",
    "odd",
    "malformed",
    "trait",
    "control",
)
OUTCOMES = (
    "final",
    "interim",
    "foreign",
    "damaged",
    "silent",
    "error",
    "timeout",
    "hang",
    "crash",
)
GRADES = ("pass", "warn", "fail", "danger", "info")
PROBES = ("at-once", "late", "both", "together", "none")
PROBE_KEYS = ("when", "method", "fields", "body")
#: What `facts` may name, and the words each may say; None: a number.
FACTS: Mapping[str, tuple[str, ...] | None] = {
    "resent": None,
    "request_body": ("none", "once", "partial", "twice"),
    "before_100": ("yes", "no"),
    "connection": ("reused", "fresh", "poisoned", "broken", "untested"),
    "client_reset": ("none", *ERROR_CODES),
    "client_goaway": ("none", *ERROR_CODES),
}
REQUEST_KEYS = (
    "method", "resource", "fields", "body", "body_pauses", "expect_continue", "tunnel",
)  # fmt: skip
TIMER_KEYS = ("read", "total")
EXPECT_KEYS = ("class", "grades", "because", "facts")

DEFAULT_TIMER_MS = 5000  # where nobody asks about timers

#: Classes in which a client is expected to deliver a final response.
_WITH_FINAL = ("serve", "limit", "timer", "surplus", "odd")
_ENDED_SOMEHOW = ("timer", "unfinished")
_SHORTEST_TIMER_MS = 100
_MOST_RESENT = 1000
#: Around a timer, in multiples of it: nothing that decides a verdict may happen in the band, a
#: drip stays well below it, and what is later is much later.
_BAND = (0.65, 1.35)
_DRIP = 0.4
_LATER = 2.5

_METHOD = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESOURCE = re.compile("[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,199}")


@dataclass(frozen=True)
class RequestSpec:
    method: str = "GET"
    resource: str | None = None  # appended to the run's path
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    body_pauses: tuple[tuple[int, int], ...] = ()  # after so many octets wait so many ms
    expect_continue: bool = False
    tunnel: bool = False  # over TLS, through a tunnel that a CONNECT asks for first

    @property
    def offered_protocols(self) -> frozenset[str]:
        """What the Upgrade fields name, in lower case."""
        values = [value for name, value in self.fields if name.lower() == "upgrade"]
        return frozenset(part.strip().lower() for value in values for part in value.split(","))


@dataclass(frozen=True)
class TimerSpec:
    """Which of the client's timers are set; `asked`: the scenario is about them."""

    read_ms: int | None = DEFAULT_TIMER_MS
    total_ms: int | None = DEFAULT_TIMER_MS
    asked: bool = False

    def all_ms(self) -> tuple[int, ...]:
        return tuple(ms for ms in (self.read_ms, self.total_ms) if ms is not None)


@dataclass(frozen=True)
class ExpectSpec:
    class_: str
    grades: Mapping[str, str]  # outcome -> grade, where the class's table is overridden
    because: str | None
    facts: Mapping[str, str | int]


@dataclass(frozen=True)
class VarySpec:
    """One case, many runs: `kind` search (bisect between low and high for the last value whose
    outcome is in `good`) or sweep (every value from low to high)."""

    param: str
    kind: str
    low: int
    high: int
    good: tuple[str, ...] = ()


class HasScript(Protocol):
    """The part of Scenario that is compared with its script."""

    @property
    def resources(self) -> Mapping[str, tuple[Script, ...]]: ...
    @property
    def params(self) -> Mapping[str, ParamSpec]: ...
    @property
    def timers(self) -> TimerSpec: ...
    @property
    def expect(self) -> ExpectSpec: ...
    @property
    def probe(self) -> str: ...
    @property
    def has_final(self) -> bool: ...
    @property
    def server_ends(self) -> bool: ...


# --- reading ---


def read_requirements(reader: Reader, root: Node, known: Collection[str] | None) -> tuple[str, ...]:
    node = root.get("requirements")
    if node is None:
        return ()
    reader.expect(node, LIST, "requirements")
    ids: list[str] = []
    for item in node.items:
        reader.expect(item, TEXT, "a requirement")
        if item.text in ids:
            raise reader.error(item, f"requirement {show(item.text)} stands twice")
        if known is not None and item.text not in known:
            raise reader.error(item, f'requirement "{show(item.text)}" is not in requirements.yaml')
        ids.append(item.text)
    return tuple(ids)


def _read_resource(reader: Reader, node: Node) -> str:
    reader.expect(node, TEXT, "resource")
    if _RESOURCE.fullmatch(node.text) is None:
        raise reader.error(
            node,
            f'resource "{show(node.text)}" must be a relative path such as sample.pdf or '
            "container/",
        )
    first = node.text.split("/")[0]
    if first == "probe" or first in reader.resources[1:]:
        raise reader.error(
            node,
            f'resource "{first}" has a script of its own; the first request must lead to start',
        )
    return node.text


def _read_request_fields(reader: Reader, node: Node) -> tuple[tuple[str, str], ...]:
    fields = reader.fields(node, "fields")
    for item in node.items:
        reader.expect(item, TEXT, "fields")
    return tuple((field.name, field.value.decode("latin-1").strip()) for field in fields)


def _read_request_body(reader: Reader, node: Node) -> bytes:
    if node.kind != MAP:
        return reader.octets(node, "body")
    reader.check_keys(node, ("size",), "body")
    size_node = reader.require(node, "size", "body")
    size = reader.size(size_node, MAX_SIZE, "size")
    if size.param is not None:
        raise reader.error(size_node, "the size of a request's body cannot be a parameter")
    lines = -(-size.literal // 16)
    return b"".join(b"%015d\n" % (16 * line) for line in range(lines))[: size.literal]


def _read_body_pauses(
    reader: Reader, node: Node, body: bytes | None
) -> tuple[tuple[int, int], ...]:
    reader.expect(node, LIST, "body_pauses")
    if body is None:
        raise reader.error(node, "body_pauses needs a body")
    pauses: list[tuple[int, int]] = []
    for item in node.items:
        if item.kind != LIST or len(item.items) != 2:
            raise reader.error(item, "a pause must be [octets, time], such as [4, 200ms]")
        at = reader.literal(item.items[0], 0, len(body), "octets")
        if pauses and at <= pauses[-1][0]:
            raise reader.error(item.items[0], "the offsets of body_pauses must ascend")
        pauses.append((at, _whole_ms(reader, item.items[1], "pause")))
    return tuple(pauses)


def _whole_ms(reader: Reader, node: Node, what: str) -> int:
    ns = reader.fixed_duration(node, what)
    if ns % 1_000_000:
        raise reader.error(node, f"{what} must be a whole number of ms")
    return ns // 1_000_000


def _read_yes_no(reader: Reader, node: Node, what: str) -> bool:
    return reader.choice(node, ("yes", "no"), what) == "yes"


def _read_method(reader: Reader, node: Node) -> str:
    method = node.get("method")
    if method is None:
        return "GET"
    reader.expect(method, TEXT, "method")
    if _METHOD.fullmatch(method.text) is None:
        raise reader.error(method, f'method "{show(method.text)}" is no token')
    return method.text


def read_request(reader: Reader, root: Node) -> RequestSpec:
    node = root.get("request")
    if node is None:
        return RequestSpec()
    reader.map(node, REQUEST_KEYS, "request")
    method = _read_method(reader, node)
    resource, fields, body_node = node.get("resource"), node.get("fields"), node.get("body")
    path = None if resource is None else _read_resource(reader, resource)
    field_list = () if fields is None else _read_request_fields(reader, fields)
    body = None if body_node is None else _read_request_body(reader, body_node)
    pauses = node.get("body_pauses")
    pause_list = () if pauses is None else _read_body_pauses(reader, pauses, body)
    expects = node.get("expect_continue")
    continues = False if expects is None else _read_yes_no(reader, expects, "expect_continue")
    if continues and not body:
        raise reader.error(
            node.keys["expect_continue"],
            "expect_continue needs a body: without content the expectation is not allowed "
            "(RFC 9110 10.1.1)",
        )
    tunnel_node = node.get("tunnel")
    tunnel = False if tunnel_node is None else _read_yes_no(reader, tunnel_node, "tunnel")
    if tunnel and reader.transports != ("h1",):
        raise reader.error(
            node.keys["tunnel"], "tunnel is for transports: [h1]: the tunnel itself is plain"
        )
    return RequestSpec(method, path, field_list, body, pause_list, continues, tunnel)


def read_timers(reader: Reader, root: Node) -> TimerSpec:
    node = root.get("timers")
    if node is None:
        return TimerSpec()
    reader.map(node, TIMER_KEYS, "timers")
    if not node.values:
        raise reader.error(node, "timers names none: read, total or both")
    values: dict[str, int] = {}
    for name, value in node.values.items():
        values[name] = _whole_ms(reader, value, name)
        if values[name] < _SHORTEST_TIMER_MS:
            raise reader.error(value, f"{name} must be at least {_SHORTEST_TIMER_MS}ms")
    return TimerSpec(values.get("read"), values.get("total"), asked=True)


def read_probe(reader: Reader, root: Node) -> tuple[str, RequestSpec]:
    """When the probe follows, and what it is: a plain GET unless the scenario says otherwise."""
    node = root.get("probe")
    if node is None:
        return "at-once", RequestSpec()
    if node.kind != MAP:
        return reader.choice(node, PROBES, "probe"), RequestSpec()
    reader.map(node, PROBE_KEYS, "probe")
    when_node = node.get("when")
    when = "at-once" if when_node is None else reader.choice(when_node, PROBES, "when")
    if when == "none":
        raise reader.error(node, "a probe that does not follow has neither method nor body")
    body_node, fields = node.get("body"), node.get("fields")
    return when, RequestSpec(
        _read_method(reader, node),
        None,
        () if fields is None else _read_request_fields(reader, fields),
        None if body_node is None else _read_request_body(reader, body_node),
    )


def _read_grades(reader: Reader, node: Node) -> dict[str, str]:
    reader.map(node, OUTCOMES, "grades")
    return {
        outcome: reader.choice(value, GRADES, "a grade") for outcome, value in node.values.items()
    }


def _read_facts(reader: Reader, node: Node) -> dict[str, str | int]:
    reader.map(node, tuple(FACTS), "facts")
    facts: dict[str, str | int] = {}
    for name, value in node.values.items():
        words = FACTS[name]
        if words is None:
            facts[name] = reader.literal(value, 0, _MOST_RESENT, name)
        else:
            facts[name] = reader.choice(value, words, name)
    return facts


def read_expect(reader: Reader, root: Node) -> ExpectSpec:
    node = reader.require(root, "expect", "a scenario")
    reader.map(node, EXPECT_KEYS, "expect")
    class_ = reader.choice(reader.require(node, "class", "expect"), CLASSES, "class")
    grades, because, facts = node.get("grades"), node.get("because"), node.get("facts")
    grade_map = {} if grades is None else _read_grades(reader, grades)
    reason = None if because is None else reader.text(because, "because")
    if grade_map and reason is None:
        raise reader.error(
            node.keys["grades"], "grades needs because: why the class's table is overridden"
        )
    if reason is not None and not grade_map:
        raise reader.error(node.keys["because"], "because explains grades, and there are none")
    fact_map = {} if facts is None else _read_facts(reader, facts)
    return ExpectSpec(class_, grade_map, reason, fact_map)


def _read_search(reader: Reader, node: Node, param: ParamSpec) -> VarySpec:
    search = reader.require(node, "search", "a search")
    if search.kind != LIST or len(search.items) != 2:
        raise reader.error(search, "search must be [lowest, highest], such as [1, 20000]")
    low, high = (reader.literal(item, param.min, param.max, "search") for item in search.items)
    if low >= high:
        raise reader.error(search, "search must go from a lower to a higher value")
    good = reader.require(node, "good", "a search")
    reader.expect(good, LIST, "good")
    if not good.items:
        raise reader.error(good, "good names no outcome")
    outcomes = tuple(reader.choice(item, OUTCOMES, "an outcome") for item in good.items)
    return VarySpec(param.name, "search", low, high, outcomes)


def read_vary(reader: Reader, root: Node) -> VarySpec | None:
    node = root.get("vary")
    if node is None:
        return None
    reader.expect(node, MAP, "vary")
    if len(node.values) != 1:
        raise reader.error(node, "vary names one parameter")
    ((name, value),) = node.values.items()
    param = reader.params.get(name)
    if param is None:
        raise reader.error(node.keys[name], f'vary: "{show(name)}" is no declared parameter')
    reader.map(value, ("search", "good", "sweep"), "vary")
    sweep = value.get("sweep")
    if sweep is None:
        return _read_search(reader, value, param)
    if len(value.values) > 1:
        raise reader.error(value, "sweep stands alone")
    reader.choice(sweep, ("each-byte",), "sweep")
    return VarySpec(name, "sweep", param.min, param.max)


# --- does it fit the script? ---


def check_class(
    reader: Reader, root: Node, scenario: HasScript, finals: Sequence[FinalSent]
) -> None:
    """What the class says of an ideal client must be possible with this script."""
    expect = root.values["expect"]
    at = expect.values["class"]
    class_ = scenario.expect.class_
    if class_ in _WITH_FINAL and not scenario.has_final:
        raise reader.error(
            at,
            f"class {class_} expects a final response, and the script sends no complete one; "
            "a script without one is unfinished or garbage",
        )
    if class_ == "unfinished" and scenario.has_final:
        raise reader.error(
            at, f"class unfinished, yet line {finals[0].step.line} sends a final response"
        )
    if "final" in scenario.expect.grades and not finals:
        raise reader.error(
            expect.values["grades"].keys["final"],
            "final cannot be the outcome: the script sends no final response",
        )
    if class_ in _ENDED_SOMEHOW and not scenario.timers.asked and not scenario.server_ends:
        raise reader.error(
            at,
            f"class {class_} needs an end: timers, or a script that closes or resets the "
            "connection",
        )
    if class_ == "timer" and not scenario.timers.asked:
        raise reader.error(at, "class timer asks about timers: say which under timers")
    if class_ == "malformed" and not set(reader.transports) <= {"h2c", "h2"}:
        raise reader.error(
            at, "class malformed is one of HTTP/2: transports must be h2c, h2 or both"
        )
    if class_ == "surplus" and scenario.probe == "at-once":
        raise reader.error(
            at,
            "class surplus needs probe: late (or both): a probe at once leaves before the surplus "
            "octets arrive",
        )


def _in_band(ms: float, timer: int) -> bool:
    return _BAND[0] * timer < ms < _BAND[1] * timer


def _check_gap(fail: Callable[[str], ScenarioError], gap: float, read: int | None) -> None:
    if read is not None and _in_band(gap, read):
        raise fail(
            f"a silence of {gap:g} ms before this step is too near the read timer of {read} ms; "
            f"stay below {_BAND[0] * read:g} ms or above {_BAND[1] * read:g} ms"
        )


def _check_decisive(fail: Callable[[str], ScenarioError], at_ms: float, timer: int) -> None:
    if _BAND[0] * timer < at_ms < _LATER * timer:
        raise fail(
            f"this step decides the outcome at {at_ms:g} ms, too near a timer of {timer} ms; "
            f"stay below {_BAND[0] * timer:g} ms or wait until {_LATER * timer:g} ms"
        )


def _check_drip(fail: Callable[[str], ScenarioError], every: float, timer: int) -> None:
    if every and _DRIP * timer < every < _LATER * timer:
        raise fail(
            f"a drip every {every:g} ms is too near a timer of {timer} ms; use at most "
            f"{_DRIP * timer:g} ms, or {_LATER * timer:g} ms and more"
        )


def check_timers(
    reader: Reader, root: Node, scenario: HasScript, finals: Sequence[FinalSent]
) -> None:
    """The guard band: a verdict must not depend on which of two things came a little earlier."""
    timers = scenario.timers
    if not timers.asked:
        return
    moments, _ = moments_of(scenario.resources["start"][0], scenario.params)
    deciding = {id(final.step) for final in finals}
    before, latest_final = 0.0, None
    for moment in moments:
        step = moment.step

        def fail(message: str, line: int = step.line, column: int = step.column) -> ScenarioError:
            return ScenarioError(reader.path, line, column, message)

        _check_gap(fail, moment.at_ms - before, timers.read_ms)
        for timer in timers.all_ms():
            _check_drip(fail, moment.every_ms, timer)
            if moment.ends or id(step) in deciding:
                _check_decisive(fail, moment.at_ms, timer)
        if id(step) in deciding:
            latest_final = moment.at_ms
        before = moment.last_ms
    if scenario.expect.class_ == "timer" and (latest_final or 0) < min(timers.all_ms()):
        raise reader.error(
            root.values["expect"].values["class"],
            "class timer needs a final response that comes later than a timer",
        )
