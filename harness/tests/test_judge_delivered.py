# SPDX-License-Identifier: MIT
"""Classes of delivered octets, by their place in what was sent."""

from __future__ import annotations

import hashlib

import pytest

from interimspec.judge.delivered import Delivery, classify
from interimspec.judge.inputs import Case
from interimspec.testing import Question, Teller, Wire, head_octets

JUNK = b'{"message": "Processing"}'
CHUNKS = b"a\r\nin the way\r\n4\r\nmore\r\n0\r\n\r\n"


def wire() -> Wire:
    """102, octets, 200 in chunks, surplus; then the answer to another request."""
    made = Wire()
    conn = made.connect()
    first = conn.request()
    conn.send(first, [("head", head_octets(102)), ("interim-content", JUNK + CHUNKS)], t=2)
    parts = [
        ("head", head_octets(200, ["Transfer-Encoding: chunked"])),
        ("framing", b"6\r\n"),
        ("content", b"first-"),
        ("framing", b"\r\n6\r\n"),
        ("content", b"second"),
        ("framing", b"\r\n0\r\n\r\n"),
        ("surplus", b"stray octets"),
    ]
    conn.send(first, parts, t=100)
    conn.probe(200, content=b"the answer to the probe")
    return made


def delivery(content: bytes, made: Wire | None = None) -> Delivery:
    told = Teller().ok("main", 200, content, at=301)
    case = Case(Question(), (made or wire()).transcript(), told.observation())
    connections = case.transcript.connections.values()
    return classify(case.main, case.chain, connections, case.final_exchange)


@pytest.mark.parametrize(
    ("content", "classes", "whole"),
    [
        (b"first-second", "own", True),
        (b"first-sec", "own partial", False),
        (b"t-s", "own partial", False),
        (b"", "empty", False),
        (JUNK, "interim-content", False),
        (b"in the way", "interim-content", False),
        (b"in the waymore", "interim-content", False),
        (JUNK + CHUNKS, "interim-content", False),
        (b"HTTP/1.1 2", "head-bytes", False),
        (head_octets(102), "head-bytes", False),
        (b"6\r\nfirst-\r\n6\r\nsecond\r\n0\r\n\r\n", "framing own partial", False),
        (b"second\r\n0\r\n\r\nstray", "framing own partial surplus", False),
        (b"first-secondstray octets", "own partial surplus", False),
        (b"stray octets", "surplus", False),
        (b"the answer to the probe", "other", False),
        (b"answer to", "other", False),
        (b"<html>page of my own</html>", "unattributed", False),
        (b"first-second and more", "unattributed", False),
        (b"ab", "unattributed", False),
    ],
)
def test_classes(content: bytes, classes: str, whole: bool) -> None:
    found = delivery(content)
    assert found.sorted_classes() == sorted(classes.split())
    assert found.whole is whole


def test_whose_octets_they_were() -> None:
    assert delivery(b"the answer to").got == ("content(1)",)
    assert delivery(JUNK).got == ("interim-content(0)",)
    assert delivery(b"stray").got == ("surplus",)
    assert delivery(b"HTTP/1.1 102").got == ("head(0)",)
    assert delivery(b"first-second").got == ("content(0)",)


def test_a_long_delivery_is_proved_by_its_hash() -> None:
    content = bytes(index % 251 for index in range(200_000))
    made = Wire()
    conn = made.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, content, t=5)
    assert delivery(content, made).whole
    assert delivery(content[:-1], made).sorted_classes() == ["own", "partial"]
    assert delivery(content[:-1] + b"?", made).unattributed
    # Raw, with its head in front.
    whole = made.transcript().connections[1].stream[27:]
    assert delivery(whole, made).sorted_classes() == ["head-bytes", "own", "partial"]


@pytest.mark.parametrize("hashed", [True, False])
def test_content_the_server_did_not_keep(hashed: bool) -> None:
    content = bytes(index % 251 for index in range(200_000))
    head = head_octets(200, [f"Content-Length: {len(content)}"])
    made = Wire()
    conn = made.connect()
    first = conn.request()
    more = {"content_sha256": hashlib.sha256(content).hexdigest()} if hashed else {}
    kept = (head + content)[:65536].decode("latin-1")
    conn.send(first, [("head", head), ("content", content)], t=5, bytes=kept, **more)
    assert delivery(content, made).whole
    assert delivery(content[:100_000], made).sorted_classes() == ["own", "partial"]
    assert delivery(content[:50], made).sorted_classes() == ["own", "partial"]
    changed = b"?" + content[1:]
    assert delivery(changed, made).unattributed
    if hashed:
        assert delivery(content[:-1] + b"?", made).unattributed


def test_no_content_is_found_in_what_is_not_known() -> None:
    made = Wire()
    conn = made.connect()
    first = conn.request()
    head = head_octets(200, ["Content-Length: 100000"])
    conn.send(
        first,
        [("head", head), ("content", b"x" * 100_000)],
        t=5,
        bytes=head.decode("latin-1"),
    )
    assert delivery(b"\0" * 100_001, made).unattributed


def test_content_of_a_client_that_gives_up_its_chunks() -> None:
    """A 102 where a chunk should begin: from there on it delivers what comes as it comes, and one
    octet of content came before."""
    made = Wire()
    conn = made.connect()
    parts = [
        ("head", head_octets(200, ["Transfer-Encoding: chunked"])),
        ("framing", b"1\r\n"),
        ("content", b"x"),
        ("framing", b"\r\n"),
        ("framing", head_octets(102)),
        ("framing", b"1\r\ny\r\n0\r\n\r\n"),
    ]
    conn.send(conn.request(), parts, t=2)
    raw = head_octets(102) + b"1\r\ny\r\n0\r\n\r\n"
    found = delivery(b"x" + raw, made)
    assert found.classes == {"own", "partial", "framing"}
    # Octets of nobody stay octets of nobody, before and behind.
    assert delivery(b"z" + raw, made).unattributed
    assert delivery(b"x" + raw + b"z", made).unattributed
