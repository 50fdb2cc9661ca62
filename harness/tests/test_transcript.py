# SPDX-License-Identifier: MIT
"""The server's JSON becomes a Transcript, and nothing else does."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from interimspec.testing import EPOCH, Wire, head_octets
from interimspec.transcript import Transcript, TranscriptError

H102 = head_octets(102)


def kinds(transcript: Transcript, conn: int = 1) -> list[tuple[str, int]]:
    return [(run.kind, run.end - run.start) for run in transcript.connections[conn].runs]


def test_every_octet_has_its_class_and_exchange() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    conn.answer(first, 200, b"hello", t=300)
    transcript = wire.transcript()
    connection = transcript.connections[1]
    assert connection.stream.startswith(H102 + b"HTTP/1.1 200 OK\r\n")
    assert [kind for kind, _ in kinds(transcript)] == ["head", "head", "content"]
    assert {run.exchange for run in connection.runs} == {0}
    exchange = transcript.exchanges[0]
    assert [head.status for head in exchange.heads] == [102, 200]
    assert [head.status for head in exchange.interims] == [102]
    final = exchange.final
    assert final is not None
    assert final.complete
    assert (final.status, final.content, final.completed) == (200, b"hello", EPOCH + 300)


def test_repetitions_are_written_out() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(
        first, 102, t=10, times=4, unit_len=len(H102), first=[[10, 10], [20, 21]], last_left=40
    )
    conn.answer(first, 200, t=50)
    transcript = wire.transcript()
    assert transcript.connections[1].stream.startswith(H102 * 4)
    heads = transcript.exchanges[0].interims
    assert len(heads) == 4
    assert [head.left - EPOCH for head in heads] == [10, 21, 30.5, 40]
    assert heads[3].start == 3 * len(H102)


def test_a_head_in_pieces_is_one_head() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    for index, part in enumerate((H102[:8], H102[8:12], H102[12:])):
        conn.send(first, [("head", part)], t=10 + index, piece=index, pieces=3)
    conn.answer(first, 200, t=50)
    heads = wire.transcript().exchanges[0].heads
    assert [head.status for head in heads] == [102, 200]
    assert (heads[0].began - EPOCH, heads[0].left - EPOCH) == (10, 12)


def test_two_heads_in_one_send_are_two() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", H102), ("head", H102), ("head", head_octets(204))], t=5)
    assert [head.status for head in wire.transcript().exchanges[0].heads] == [102, 102, 204]


def test_what_follows_a_complete_final_is_surplus() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.answer(first, 200, b"first", t=5)
    conn.send(first, [("head", head_octets(200)), ("content", b"second")], t=6)
    transcript = wire.transcript()
    assert [kind for kind, _ in kinds(transcript)] == ["head", "content", "surplus", "surplus"]
    final = transcript.exchanges[0].final
    assert final is not None
    assert final.content == b"first"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 102 Processing\r\n\r\n", 102),
        (b"HTTP/1.1 102 \r\n\r\n", 102),
        (b"HTTP/1.1 102\r\n\r\n", 102),
        (b"HTTP/1.1 102 Processing\n\n", 102),
        (b"HTTP/1.0 102 Processing\r\n\r\n", 102),
        (b"\r\nHTTP/1.1 102 Processing\r\n\r\n", 102),
        (b"HTTP/1.1 1020 Processing\r\n\r\n", None),
        (b"HTTP/1.1 099 Processing\r\n\r\n", None),
        (b"HTTP/1.1 1O2 Processing\r\n\r\n", None),
    ],
)
def test_status_lines(line: bytes, status: int | None) -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", line)], t=5)
    conn.answer(first, 200, t=6)
    exchange = wire.transcript().exchanges[0]
    assert exchange.heads[0].status == status
    assert exchange.final is not None
    assert exchange.final.status == 200


def test_fields_with_obs_fold() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", b"HTTP/1.1 200 OK\r\nA: one\r\n two\r\nB :x\r\n\r\n")], t=5)
    assert wire.transcript().exchanges[0].heads[0].fields == (("A", "one two"), ("B", "x"))


@pytest.mark.parametrize(
    ("fields", "parts", "complete"),
    [
        (["Content-Length: 5"], [("content", b"hello")], True),
        (["Content-Length: 9"], [("content", b"hello")], False),
        (["Transfer-Encoding: chunked"], [("framing", b"5\r\n"), ("content", b"hello")], False),
        (
            ["Transfer-Encoding: chunked"],
            [("framing", b"5\r\n"), ("content", b"hello"), ("framing", b"\r\n0\r\n\r\n")],
            True,
        ),
        (
            ["Transfer-Encoding: chunked"],
            [("framing", b"5\r\n"), ("content", b"hello"), ("framing", b"\r\n0\r\nA: b\r\n\r\n")],
            True,
        ),
        ([], [("content", b"hello")], False),
    ],
)
def test_whether_a_final_is_complete(
    fields: list[str], parts: list[tuple[str, bytes]], complete: bool
) -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(first, [("head", head_octets(200, fields)), *parts], t=5)
    final = wire.transcript().exchanges[0].final
    assert final is not None
    assert (final.content, final.complete) == (b"hello", complete)


def test_content_until_close_is_complete_after_fin_only() -> None:
    for how, complete in (("fin", True), ("rst", False)):
        wire = Wire()
        conn = wire.connect()
        first = conn.request()
        conn.send(first, [("head", head_octets(200)), ("content", b"hello")], t=5)
        conn.server_closes(6, how)
        final = wire.transcript().exchanges[0].final
        assert final is not None
        assert final.complete is complete


def test_no_content_for_head_and_204() -> None:
    for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304)):
        wire = Wire()
        conn = wire.connect()
        first = conn.request(method)
        conn.head(first, status, ["Content-Length: 10"], t=5)
        final = wire.transcript().exchanges[0].final
        assert final is not None
        assert final.complete


def test_a_101_ends_the_exchange_only_where_it_answers_an_offer() -> None:
    for offered, given, final in (("h2c", "websocket", False), ("h2c", "h2c", True)):
        wire = Wire()
        conn = wire.connect()
        first = conn.request(fields=[("Upgrade", offered)])
        conn.head(first, 101, [f"Upgrade: {given}"], t=5)
        assert (wire.transcript().exchanges[0].final is not None) is final


def test_octets_the_server_did_not_keep() -> None:
    content = bytes(range(256)) * 1000
    digest = hashlib.sha256(content).hexdigest()
    head = head_octets(200, [f"Content-Length: {len(content)}"])
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.send(
        first,
        [("head", head), ("content", content)],
        t=5,
        bytes=(head + content)[:65536].decode("latin-1"),
        content_sha256=digest,
    )
    transcript = wire.transcript()
    final = transcript.exchanges[0].final
    assert final is not None
    assert final.complete
    assert not final.content_known
    assert final.content == content[: 65536 - len(head)]
    assert (final.content_length, final.content_sha256) == (len(content), digest)
    assert not transcript.connections[1].known(0, 70000)
    assert transcript.connections[1].known(0, 65536)


def test_a_head_the_server_did_not_keep() -> None:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=2)
    parts = [("head", head_octets(200, ["Content-Length: 70000"])), ("content", b"x" * 70_000)]
    conn.send(first, parts, t=5, bytes=None, content_sha256="0" * 64)
    exchange = wire.transcript().exchanges[0]
    final = exchange.final
    assert final is not None
    assert (final.status, final.complete, final.content_length) == (None, True, 70_000)
    assert final.content_sha256 == "0" * 64
    assert final.may_be(200)
    assert [head.status for head in exchange.interims] == [102]


def test_the_request_and_what_the_client_sent() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.request("POST", body=b"content", fields=[("Expect", "100-continue")])
    conn.client_closes(9, "rst")
    transcript = wire.transcript()
    exchange = transcript.exchanges[0]
    assert (exchange.method, exchange.body, exchange.body_length) == ("POST", b"content", 7)
    assert exchange.has_field("expect")
    connection = transcript.connections[1]
    assert connection.received_between(exchange.head_length) == b"content"
    assert connection.received_between(exchange.head_length + 3, exchange.head_length + 5) == b"te"
    assert connection.client_closed == (EPOCH + 9, "rst")


def test_events_without_a_type_are_kept() -> None:
    wire = Wire()
    conn = wire.connect()
    conn.request()
    wire.event("wait-limit", 30000, conn=1, exchange=0, step=2)
    event = wire.transcript().named("wait-limit")[0]
    assert (event.at, event.conn, event.data["step"]) == (EPOCH + 30000, 1, 2)


def test_missing_is_not_complete() -> None:
    assert not Transcript.missing("r1", "scenario").complete


def broken(**changes: Any) -> dict[str, Any]:
    wire = Wire()
    conn = wire.connect()
    first = conn.request()
    conn.head(first, 102, t=5)
    data = wire.json()
    data["events"][-1].update(changes)
    return data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "clock"),
        ({"clock": {"realtime_ms": 1}, "events": [{"t": 1}]}, "event"),
        (broken(offset=3), "offset"),
        (broken(spans=[[0, 5, "head"]]), "cover"),
        (broken(spans=[[0, 27, "nonsense"]]), "nonsense"),
        (broken(spans=[[1, 27, "head"]]), "follow"),
        (broken(bytes=[1, 2]), "not text"),
    ],
)
def test_what_is_no_transcript(data: dict[str, Any], says: str) -> None:
    with pytest.raises(TranscriptError, match=says):
        Transcript.from_json(data)
