# SPDX-License-Identifier: MIT
"""Reads the strict YAML subset that scenario files are written in into a tree of nodes.

The same rules, in the same order and with the same words, as mockserver/yaml_reader.c: one UTF-8
document of maps, lists and text; no anchors, aliases, tags, directives or duplicate keys; every
scalar is text, and whoever asks for it gives it a type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_OCTETS = 256 * 1024
MAX_DEPTH = 16  # maps and lists inside each other, the root included
MAX_NODES = 10000  # keys count too

TEXT, LIST, MAP = "text", "a list", "a map"

#: What may not stand unescaped: control characters, a lone CR, NEL, LS, PS, BOM, non-characters.
_REFUSED = re.compile(
    "\r(?!\n)|[^\t\n\r\x20-\x7e\u00a0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class SubsetError(Exception):
    """What is wrong with a text, and where; lines and columns count from 1."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"{line}:{column}: {message}")
        self.line = line
        self.column = column
        self.message = message


@dataclass(frozen=True)
class Node:
    """A value with its place. `kind` is TEXT, LIST or MAP, which are also its names in messages."""

    kind: str
    line: int
    column: int
    text: str = ""
    quoted: bool = False  # TEXT: was written in double quotes
    items: tuple[Node, ...] = ()  # LIST
    keys: Mapping[str, Node] = field(default_factory=dict)  # MAP: the key's own node, by its text
    values: Mapping[str, Node] = field(default_factory=dict)  # MAP, in the order of the file

    def get(self, key: str) -> Node | None:
        """The value of a key; None when this is no map or has no such key."""
        return self.values.get(key)

    def says(self, text: str) -> bool:
        """Whether this is text and exactly that text."""
        return self.kind == TEXT and self.text == text


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1


def decode(octets: bytes) -> str:
    """The text of a file, or SubsetError at the first octet that may not stand there."""
    if len(octets) > MAX_OCTETS:
        raise SubsetError(1, 1, f"more than {MAX_OCTETS} octets in one file")
    bad: int | None = None
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = octets[error.start]
        text = octets[: error.start].decode("utf-8")
    refused = _REFUSED.search(text)
    if refused is not None:
        code = ord(refused[0])
        raise SubsetError(
            *_place(text, refused.start()),
            f"character U+{code:04X} may not stand here; inside double quotes write an escape",
        )
    if bad is not None:
        raise SubsetError(
            *_place(text, len(text)),
            f"octet 0x{bad:02x} is not UTF-8; inside double quotes write \\x{bad:02x}",
        )
    return text


class _Reading:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CBaseLoader)
        self._nodes = 0

    def next(self) -> Any:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            lead = f"{error.context}: " if error.context else ""
            raise SubsetError(line, column, f"{lead}{error.problem or 'not YAML'}") from None

    def document(self) -> Node:
        self.next()  # the start of the stream
        event = self.next()
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.StreamEndEvent):
            raise SubsetError(line, column, "the file holds nothing")
        if event.version is not None or event.tags:
            raise SubsetError(line, column, "directives (%YAML, %TAG) are not part of this format")
        root = self._node(self.next(), 1)
        self.next()  # the end of the document
        event = self.next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise SubsetError(
                event.start_mark.line + 1,
                event.start_mark.column + 1,
                "a second document begins here; one file holds one",
            )
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        refused = _refusal(event)
        if refused is not None:
            raise SubsetError(line, column, refused)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise SubsetError(line, column, f"more than {MAX_NODES} values in one file")
        if isinstance(event, yaml.ScalarEvent):
            return Node(TEXT, line, column, event.value, event.style == '"')
        if depth > MAX_DEPTH:
            raise SubsetError(
                line, column, f"more than {MAX_DEPTH} maps and lists inside each other"
            )
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(LIST, line, column, items=tuple(self._items(depth)))
        keys: dict[str, Node] = {}
        values: dict[str, Node] = {}
        for key, value_event in self._pairs(keys, depth):
            values[key] = self._node(value_event, depth + 1)
        return Node(MAP, line, column, keys=keys, values=values)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _pairs(self, keys: dict[str, Node], depth: int) -> Iterator[tuple[str, Any]]:
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if key.kind != TEXT:
                raise SubsetError(key.line, key.column, f"a key must be text, not {key.kind}")
            if key.text in keys:
                raise SubsetError(
                    key.line,
                    key.column,
                    f"this key stands twice in one map, first in line {keys[key.text].line}",
                )
            keys[key.text] = key
            yield key.text, self.next()


def _refusal(event: Any) -> str | None:
    """What a value may not be or have in the subset, or None."""
    if isinstance(event, yaml.AliasEvent):
        return "aliases (*name) are not part of this format; write the value out"
    if event.anchor is not None:
        return "anchors (&name) are not part of this format; write the value out each time"
    if event.tag is not None:
        return "tags (!name) are not part of this format; the key says what a value is"
    return None


def parse(text: str) -> Node:
    """The root of the one document in the text, or SubsetError."""
    return _Reading(text).document()


def parse_octets(octets: bytes) -> Node:
    """The same for a file's octets."""
    return parse(decode(octets))
