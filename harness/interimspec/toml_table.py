# SPDX-License-Identifier: MIT
"""Strict reading of TOML: keys are known, types are right, and a complaint names file:line.

`tomllib` keeps no positions, so the line of a key is found again in the text; that is exact for
keys on a line of their own, and falls back to the line of the table's header.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_REQUIRED = object()
_HEADER = re.compile(r"^\s*\[+\s*([^\[\]]+?)\s*\]+\s*(?:#.*)?$")
_KEY = re.compile(
    r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*="
)
_TYPE_NAMES = {
    str: "text",
    bool: "true or false",
    int: "an integer",
    list: "a list",
    dict: "a table",
}


class TomlError(Exception):
    """A file that cannot be used; the text is `file:line: what is wrong and what to write`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line
        self.message = message


def _split_path(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in re.findall(r'"[^"]*"|[^.]+', text))


def find_line(text: str, table: tuple[str, ...], key: str | None) -> int:
    """The line of `key` in `table`, else of the table's header, else 1."""
    current: tuple[str, ...] = ()
    header_line = 1
    inside_text = False
    for number, line in enumerate(text.splitlines(), start=1):
        quotes = line.count('"""') + line.count("'''")
        if inside_text:
            inside_text = quotes % 2 == 0
            continue
        header = _HEADER.match(line)
        if header:
            current = _split_path(header.group(1))
            if current == table[: len(current)]:
                header_line = number
        else:
            found = _KEY.match(line)
            if found:
                full = current + _split_path(found.group(1))
                if key is not None and full == (*table, key):
                    return number
                if full == table[: len(full)]:
                    header_line = number
        inside_text = quotes % 2 == 1
    return header_line


class Table:
    """One table of a file, read key by key; `finish` refuses what nobody asked for."""

    def __init__(
        self, path: Path, text: str, values: dict[str, Any], where: tuple[str, ...] = ()
    ) -> None:
        self.path = path
        self.where = where
        self._text = text
        self._values = values
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> Iterable[str]:
        return self._values.keys()

    def error(self, key: str | None, message: str) -> TomlError:
        name = ".".join(self.where)
        prefix = f"[{name}] " if name else ""
        return TomlError(self.path, find_line(self._text, self.where, key), prefix + message)

    def _take(self, key: str, kind: type[T], default: Any) -> T:
        self._asked.add(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise self.error(None, f"has no {key!r}; it must be {_TYPE_NAMES[kind]}")
            return default  # type: ignore[no-any-return]
        value = self._values[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(key, f"{key!r} is {value!r}, but must be {_TYPE_NAMES[kind]}")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        return self._take(key, str, default)

    def optional_text(self, key: str) -> str | None:
        return self._take(key, str, None)

    def flag(self, key: str, default: Any = _REQUIRED) -> bool:
        return self._take(key, bool, default)

    def integer(self, key: str, default: Any = _REQUIRED, *, least: int = 0) -> int:
        value = self._take(key, int, default)
        if value < least:
            raise self.error(key, f"{key!r} is {value}, but must be at least {least}")
        return value

    def choice(self, key: str, known: Iterable[str], default: Any = _REQUIRED) -> str:
        value = self.text(key, default)
        allowed = tuple(known)
        if value not in allowed:
            raise self.error(key, f"{key!r} is {value!r}, but must be one of {', '.join(allowed)}")
        return value

    def texts(
        self, key: str, default: Any = _REQUIRED, *, known: Iterable[str] | None = None
    ) -> tuple[str, ...]:
        values = self._take(key, list, list(default) if default is not _REQUIRED else _REQUIRED)
        allowed = None if known is None else tuple(known)
        for value in values:
            if not isinstance(value, str):
                raise self.error(key, f"{key!r} holds {value!r}, but must be a list of text")
            if allowed is not None and value not in allowed:
                raise self.error(
                    key, f"{key!r} holds {value!r}, but only {', '.join(allowed)} are known"
                )
        return tuple(values)

    def choices(self, key: str, known: Iterable[str], default: str) -> tuple[str, ...]:
        """One of `known`, or a list of some."""
        if isinstance(self._values.get(key, default), list):
            found = self.texts(key, known=known)
            if not found:
                raise self.error(key, f"{key!r} is empty")
            return found
        return (self.choice(key, known, default),)

    def integers(self, key: str, default: Any = _REQUIRED) -> tuple[int, ...]:
        values = self._take(key, list, list(default) if default is not _REQUIRED else _REQUIRED)
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool):
                raise self.error(key, f"{key!r} holds {value!r}, but must be a list of integers")
        return tuple(values)

    def text_map(self, key: str) -> dict[str, str]:
        """A table of text, empty where there is none."""
        values = self._take(key, dict, {})
        for name, value in values.items():
            if not isinstance(value, str):
                raise self.error(key, f"{key}.{name} is {value!r}, but must be text")
        return dict(values)

    def table(self, key: str) -> Table:
        """The table named `key`; an empty one where there is none."""
        return Table(self.path, self._text, self._take(key, dict, {}), (*self.where, key))

    def tables(self, key: str) -> list[Table]:
        """A list of tables."""
        found = []
        for number, value in enumerate(self._take(key, list, [])):
            if not isinstance(value, dict):
                raise self.error(key, f"{key!r} holds {value!r}, but must be a list of tables")
            found.append(Table(self.path, self._text, value, (*self.where, key, str(number))))
        return found

    def finish(self) -> None:
        for key in self._values:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise self.error(key, f"has no key {key!r}; known are: {known}")


def read(path: Path) -> Table:
    """The whole file as a table; raises TomlError, also for a file that is not there."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TomlError(path, 1, f"cannot be read: {error}") from error
    try:
        return Table(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else len(text.splitlines())
        raise TomlError(path, max(line, 1), f"is not TOML: {error}") from error
