# SPDX-License-Identifier: MIT
from __future__ import annotations

import pytest

from interimspec.yaml_subset import (
    LIST,
    MAP,
    MAX_DEPTH,
    MAX_NODES,
    MAX_OCTETS,
    TEXT,
    SubsetError,
    parse,
    parse_octets,
)


def refusal(octets: bytes) -> tuple[int, int, str]:
    with pytest.raises(SubsetError) as caught:
        parse_octets(octets)
    return caught.value.line, caught.value.column, caught.value.message


def test_every_scalar_is_text() -> None:
    root = parse("a: 0102\nb: [no, ~, 1.5, 2026-01-01, <<]\nc:\n")
    assert root.kind == MAP
    assert root.values["a"].text == "0102"
    assert [item.text for item in root.values["b"].items] == ["no", "~", "1.5", "2026-01-01", "<<"]
    assert root.values["c"].text == ""
    assert root.values["c"].kind == TEXT


def test_nodes_know_their_place_and_style() -> None:
    root = parse("a: b\nlist: [x, \"y\", 'z']\n")
    items = root.values["list"].items
    assert (root.line, root.column) == (1, 1)
    assert (root.keys["list"].line, root.keys["list"].column) == (2, 1)
    assert (root.values["list"].kind, root.values["list"].column) == (LIST, 7)
    assert [item.column for item in items] == [8, 11, 16]
    assert [item.quoted for item in items] == [False, True, False]


def test_escapes_make_octets() -> None:
    assert parse('"\\x00\\xff\\r\\n\\t\\"\\\\"').text == '\x00\xff\r\n\t"\\'


def test_reads_json() -> None:
    root = parse('{"a":[1,true,null],"b":{"c":"\\u00e9\\/"}}')
    assert [item.text for item in root.values["a"].items] == ["1", "true", "null"]
    assert root.values["b"].values["c"].text == "é/"


def test_get_and_says() -> None:
    root = parse("a: b\nc: [d]\n")
    a = root.get("a")
    assert a is not None
    assert a.says("b")
    assert not a.says("c")
    assert root.get("x") is None
    assert a.get("b") is None
    assert not root.values["c"].says("")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: &x 1\n", (1, 4), "anchors"),
        ("- *x\n", (1, 3), "aliases"),
        ("a: !x 1\n", (1, 4), "tags"),
        ("a: ! 1\n", (1, 4), "tags"),
        ("a: 1\nb: 2\na: 3\n", (3, 1), "first in line 1"),
        ("? {a: b}\n: c\n", (1, 3), "a key must be text"),
        ("%TAG ! !x\n---\na: b\n", (1, 1), "directives"),
        ("a: b\n---\nc: d\n", (2, 1), "second document"),
        ("", (1, 1), "holds nothing"),
        ("# only this\n", (2, 1), "holds nothing"),
        ("a: b: c\n", (1, 5), "mapping values are not allowed"),
    ],
)
def test_refuses_what_is_not_in_the_subset(text: str, place: tuple[int, int], words: str) -> None:
    line, column, message = refusal(text.encode())
    assert (line, column) == place
    assert words in message


@pytest.mark.parametrize(
    ("octets", "place", "words"),
    [
        (b"a: \x00\n", (1, 4), "U+0000"),
        (b"\xef\xbb\xbfa: b\n", (1, 1), "U+FEFF"),
        (b"a: b\rc: d\n", (1, 5), "U+000D"),
        (b"a: b\r", (1, 5), "U+000D"),
        (b"a:\n- \xff\n", (2, 3), "0xff is not UTF-8"),
        (b"a: \xed\xbf\xbf", (1, 4), "0xed"),
        (b"a: \xe2\x82", (1, 4), "0xe2"),
        ("é: \u2028\n".encode(), (1, 4), "U+2028"),
        (b"a\x00: \xff\n", (1, 2), "U+0000"),  # the first thing wrong, of whatever kind
        ("a: b\n".encode("utf-16"), (1, 1), "0xff is not UTF-8"),
    ],
)
def test_refuses_octets(octets: bytes, place: tuple[int, int], words: str) -> None:
    line, column, message = refusal(octets)
    assert (line, column) == place
    assert words in message


def test_limits() -> None:
    assert len(parse("[" + "x," * (MAX_NODES - 1) + "]").items) == MAX_NODES - 1
    assert refusal(b"[" + b"x," * MAX_NODES + b"]")[2].startswith("more than 10000 values")
    assert parse("- " * MAX_DEPTH + "x\n").kind == LIST
    assert refusal(b"- " * (MAX_DEPTH + 1) + b"x\n")[:2] == (1, 33)
    assert refusal(b"[" * MAX_OCTETS)[:2] == (1, 17)
    assert refusal(b"#" * (MAX_OCTETS + 1))[2] == "more than 262144 octets in one file"
