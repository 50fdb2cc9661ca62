# SPDX-License-Identifier: MIT
"""Single values of a scenario file: numbers, sizes, times, octets, fields.

The same rules, in the same order and with the same words, as mockserver/scenario_values.c and
scenario_fields.c. `what` is always the value's name in messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import UsageError
from .yaml_subset import LIST, MAP, TEXT, Node

MAX_TIMES = 20000
MAX_MS = 10 * 60 * 1000
MAX_SIZE = 16 * 1024 * 1024
MAX_INTEGER = 999_999_999_999_999

_SHOWN_MAX = 60
_MAX_NAME = 64
_MAX_DIGITS = 15
_NEAR = 2
_LONGEST_KEY = 32
_KIND_WORDS = {TEXT: "a single value", LIST: "a list", MAP: "a map"}
_DIGITS = re.compile("[0-9]+")
_NAME = re.compile("[a-z0-9][a-z0-9.-]{0,63}")
_TOKEN = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WITH_UNIT = re.compile("([0-9]+)([A-Za-z]*)")
_SIZES = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}
_TIMES = {"us": 1000, "ms": 1000 * 1000, "s": 1000 * 1000 * 1000}


class ScenarioError(UsageError):
    """A scenario file that cannot be used; the text is `path:line:column: message`."""

    def __init__(self, path: Path | str, line: int, column: int, message: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {message}")
        self.path = Path(path)
        self.line = line
        self.column = column
        self.message = message


@dataclass(frozen=True)
class ParamSpec:
    name: str
    default: int
    min: int
    max: int


@dataclass(frozen=True)
class IntValue:
    """An integer that is written in the file, or comes from a parameter of the run."""

    literal: int = 0
    param: str | None = None

    def value(self, params: Mapping[str, ParamSpec]) -> int:
        """The literal, or the parameter's default."""
        return self.literal if self.param is None else params[self.param].default


@dataclass(frozen=True)
class Duration:
    """A length of time; a parameter counts milliseconds."""

    ns: int = 0
    param: str | None = None

    def ms(self, params: Mapping[str, ParamSpec]) -> float:
        return self.ns / 1e6 if self.param is None else float(params[self.param].default)


ZERO = IntValue()
ONE = IntValue(1)
NO_TIME = Duration()


@dataclass(frozen=True)
class Field:
    """A header or trailer field; `pad` appends so many octets of "x" to the value."""

    name: str
    value: bytes
    pad: IntValue = ZERO


def show(text: str) -> str:
    """Text of the file made fit for a message: printable ASCII, not too long."""
    shown = ""
    for character in text:
        plain = " " <= character < "\x7f"
        if len(shown) + (1 if plain else 8) > _SHOWN_MAX:
            return shown + "..."
        shown += character if plain else f"\\u{ord(character):04x}"
    return shown


def _distance(a: bytes, b: bytes) -> int:
    """Levenshtein's distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a):
        diagonal, row[0] = row[0], i + 1
        for j, right in enumerate(b):
            best = min(diagonal + (left != right), row[j] + 1, row[j + 1] + 1)
            diagonal, row[j + 1] = row[j + 1], best
    return row[-1]


def _nearest(text: str, names: Sequence[str]) -> str | None:
    octets = text.encode()
    best, best_distance = None, _NEAR + 1
    for name in names:
        if len(octets) > _LONGEST_KEY or len(name) > _LONGEST_KEY:
            continue
        distance = _distance(octets, name.encode())
        if distance < best_distance and distance < len(name):
            best, best_distance = name, distance
    return best


@dataclass
class Reader:
    """What is known while a file is read. Every method raises ScenarioError at the first error."""

    path: Path | str
    params: dict[str, ParamSpec] = field(default_factory=dict)
    params_used: set[str] = field(default_factory=set)
    resources: list[str] = field(default_factory=list)
    transports: tuple[str, ...] = ("h1",)
    in_on_connect: bool = False

    def error(self, at: Node, message: str) -> ScenarioError:
        return ScenarioError(self.path, at.line, at.column, message)

    # --- maps and choices ---

    def expect(self, node: Node, kind: str, what: str) -> None:
        if node.kind != kind:
            raise self.error(node, f"{what} must be {_KIND_WORDS[kind]}, not {node.kind}")

    def _unknown(self, at: Node, names: Sequence[str], lead: str, known: str) -> ScenarioError:
        near = _nearest(at.text, names)
        if near is not None:
            return self.error(at, f'{lead}; did you mean "{near}"?')
        return self.error(at, f"{lead}; {known}: {', '.join(names)}")

    def check_keys(self, node: Node, known: Sequence[str], what: str) -> None:
        for name, key in node.keys.items():
            if name not in known:
                lead = f'unknown key "{show(name)}" in {what}'
                raise self._unknown(key, known, lead, "known keys")

    def map(self, node: Node, known: Sequence[str], what: str) -> Node:
        """The node itself, a map with no other keys than these."""
        self.expect(node, MAP, what)
        self.check_keys(node, known, what)
        return node

    def require(self, node: Node, key: str, what: str) -> Node:
        value = node.get(key)
        if value is None:
            raise self.error(node, f'{what} needs the key "{key}"')
        return value

    def choice(self, node: Node, names: Sequence[str], what: str) -> str:
        self.expect(node, TEXT, what)
        if node.text in names:
            return node.text
        lead = f'{what} cannot be "{show(node.text)}"'
        raise self._unknown(node, names, lead, "it is one of")

    def yes(self, node: Node, what: str) -> None:
        if not node.says("yes"):
            raise self.error(node, f"{what} takes the value yes; leave the step out for no")

    def name(self, node: Node, what: str) -> str:
        self.expect(node, TEXT, what)
        if _NAME.fullmatch(node.text) is None:
            raise self.error(
                node,
                f'{what} "{show(node.text)}" must be 1 to {_MAX_NAME} of a-z, 0-9, "." and "-", '
                "and begin with a letter or digit",
            )
        return node.text

    def text(self, node: Node, what: str) -> str:
        """Words for people: not empty, white space at the ends removed."""
        self.expect(node, TEXT, what)
        if not node.text.strip():
            raise self.error(node, f"{what} is empty")
        return node.text.strip()

    # --- numbers ---

    def _digits(
        self, node: Node, digits: str, unit: tuple[str, int], low: int, high: int, what: str
    ) -> int:
        if len(digits) > 1 and digits[0] == "0":
            raise self.error(
                node,
                f'{what} "{show(node.text)}" begins with a zero; numbers are decimal here',
            )
        suffix, size = unit
        number = int(digits) if len(digits) <= _MAX_DIGITS else None
        if number is None or not low // size <= number <= high // size:
            raise self.error(
                node,
                f'{what} "{show(node.text)}" is out of range: {low // size} to '
                f"{high // size}{suffix}",
            )
        return number * size

    def _param(self, node: Node, low: int, high: int, what: str) -> str | None:
        param = self.params.get(node.text)
        if param is None:
            return None
        self.params_used.add(param.name)
        if param.min < low or param.max > high:
            raise self.error(
                node,
                f'parameter "{param.name}" goes from {param.min} to {param.max}, but {what} takes '
                f"{low} to {high}",
            )
        return param.name

    def literal(self, node: Node, low: int, high: int, what: str) -> int:
        self.expect(node, TEXT, what)
        if _DIGITS.fullmatch(node.text) is None:
            raise self.error(node, f'{what} must be a number, not "{show(node.text)}"')
        return self._digits(node, node.text, ("", 1), low, high, what)

    def integer(self, node: Node, low: int, high: int, what: str) -> IntValue:
        self.expect(node, TEXT, what)
        if _DIGITS.fullmatch(node.text) is not None:
            return IntValue(self._digits(node, node.text, ("", 1), low, high, what))
        param = self._param(node, low, high, what)
        if param is None:
            raise self.error(
                node,
                f'{what} must be a number or a declared parameter, not "{show(node.text)}"',
            )
        return IntValue(param=param)

    def size(self, node: Node, high: int, what: str) -> IntValue:
        """An integer with an optional KiB or MiB."""
        self.expect(node, TEXT, what)
        match = _WITH_UNIT.fullmatch(node.text)
        if match is not None and match[2] in _SIZES:
            unit = (match[2], _SIZES[match[2]])
            return IntValue(self._digits(node, match[1], unit, 0, high, what))
        param = self._param(node, 0, high, what)
        if param is None:
            raise self.error(
                node,
                f"{what} must be a size such as 100, 64KiB or 1MiB, or a declared parameter, "
                f'not "{show(node.text)}"',
            )
        return IntValue(param=param)

    def _no_duration(self, node: Node, what: str, or_param: str) -> ScenarioError:
        shown = show(node.text)
        if _DIGITS.fullmatch(node.text) is not None:
            return self.error(node, f'{what} "{shown}" needs a unit: us, ms or s')
        return self.error(
            node, f'{what} must be a time such as 50ms, 2s or 1500us{or_param}, not "{shown}"'
        )

    def fixed_duration(self, node: Node, what: str) -> int:
        """Nanoseconds; no parameter can give it."""
        self.expect(node, TEXT, what)
        match = _WITH_UNIT.fullmatch(node.text)
        if match is None or match[2] not in _TIMES:
            raise self._no_duration(node, what, "")
        unit = (match[2], _TIMES[match[2]])
        return self._digits(node, match[1], unit, 0, MAX_MS * 1_000_000, what)

    def duration(self, node: Node, what: str) -> Duration:
        self.expect(node, TEXT, what)
        match = _WITH_UNIT.fullmatch(node.text)
        if match is not None and match[2] in _TIMES:
            return Duration(self.fixed_duration(node, what))
        param = self._param(node, 0, MAX_MS, what)
        if param is None:
            raise self._no_duration(node, what, " or a declared parameter")
        return Duration(param=param)

    # --- octets ---

    def octets(self, node: Node, what: str) -> bytes:
        """Double-quoted text; one code point is one octet."""
        self.expect(node, TEXT, what)
        if not node.quoted:
            raise self.error(
                node, f"{what} must be in double quotes, where \\r, \\n and \\xNN work"
            )
        for character in node.text:
            if character > "\xff":
                raise self.error(
                    node,
                    f"{what} holds U+{ord(character):04X}, which is no octet; write its octets as "
                    "\\xNN",
                )
        return node.text.encode("latin-1")

    def line(self, node: Node, what: str) -> bytes:
        """The same without CR, LF and NUL."""
        octets = self.octets(node, what)
        if any(octet in b"\r\n\0" for octet in octets):
            raise self.error(node, f"{what} holds CR, LF or NUL; use the step send for raw octets")
        return octets

    # --- fields ---

    def _no_token(self, node: Node, what: str) -> ScenarioError:
        return self.error(
            node,
            f'{what}: the field name in "{show(node.text)}" is no token; use the step send for it',
        )

    def _field(self, node: Node, what: str) -> Field:
        if node.kind == MAP:
            keys = ("name", "value", "pad")
            only = next(iter(node.values)) if len(node.values) == 1 else None
            # YAML reads [A: b] as a list that holds a map.
            if only is not None and only not in keys and node.values[only].kind == TEXT:
                raise self.error(
                    node.keys[only], f'{what}: "{show(only)}: ..." must be in double quotes'
                )
            self.check_keys(node, keys, what)
            name = self.require(node, "name", what)
            self.expect(name, TEXT, "name")
            if _TOKEN.fullmatch(name.text) is None:
                raise self._no_token(name, what)
            value = node.get("value")
            octets = b"" if value is None else self.line(value, "value")
            pad = node.get("pad")
            padding = ZERO if pad is None else self.size(pad, MAX_SIZE, "pad")
            return Field(name.text, octets, padding)
        octets = self.line(node, what)
        before, colon, after = octets.partition(b":")
        if not colon:
            raise self.error(node, f'{what}: "{show(node.text)}" has no colon; write "Name: value"')
        if _TOKEN.fullmatch(before.decode("latin-1")) is None:
            raise self._no_token(node, what)
        return Field(before.decode("latin-1"), after.lstrip(b" "))

    def fields(self, node: Node, what: str) -> tuple[Field, ...]:
        self.expect(node, LIST, what)
        return tuple(self._field(item, what) for item in node.items)
