# SPDX-License-Identifier: MIT
"""What a plan asks to be sent must reach the server; an adapter that loses some of it is found."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest
from driver_kit import MakeRow

from interimspec import contract, contract_sends
from interimspec.contract_sends import CONTENT, FIELD, LONG_CONTENT, Question, Recorder
from interimspec.observation import plan_problem

Event = dict[str, Any]
BASE = {
    "v": 1, "plan": "p", "http": "1.1", "timers": {}, "ca_file": None, "proxy": None,
    "body_limit": 65536,
}  # fmt: skip
POST = Question("POST, with content", "POST", CONTENT)


async def honest(plan: Mapping[str, Any], **lies: Any) -> tuple[Event, ...]:
    """Sends what the plan says over a plain socket, but for the lies."""
    (request,) = plan["requests"]
    port = int((plan["proxy"] or request["url"]).split(":")[2].split("/")[0])
    content = base64.b64decode(request.get("body_b64", ""))
    content = lies.get("content", lambda octets: octets)(content)
    method = lies.get("method", request["method"])
    target = request["url"] if plan["proxy"] else "/" + request["url"].split("/", 3)[3]
    fields = [one for one in request["headers"] if one[0] not in lies.get("without", ())]
    if request.get("expect_continue") and "Expect" not in lies.get("without", ()):
        fields.append(["Expect", "100-continue"])
    head = [f"{method} {target} HTTP/1.1", "Host: x"]
    head += [f"{name}: {value}" for name, value in fields]
    head += [f"Content-Length: {lies.get('length', len(content))}", "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join(head).encode())
    for after, pause_ms in lies.get("pauses", request.get("body_pause_ms", [])):
        writer.write(content[:after])
        content = content[after:]
        await asyncio.sleep(pause_ms / 1000)
    writer.write(content)
    if "length" in lies:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    told = lies.get("told", "ok" if b" 200 OK\r\n" in answer else "failed")
    error = {"kind": "other", "type": "T", "message": "m"} if told == "failed" else None
    return ({"event": "end", "told": told, "error": error}, {"event": "done"})


def problems_of(question: Question, **lies: Any) -> list[str]:
    async def ask() -> list[str]:
        async with Recorder() as peer:
            events = await honest(question.plan(BASE, peer.port), **lies)
        return contract_sends.check_sent(question, peer.requests, events)

    return asyncio.run(ask())


def test_a_row_is_asked_for_all_that_it_claims_to_send(make_row: MakeRow) -> None:
    row = make_row(
        methods=("GET", "HEAD", "POST", "MKCOL"), proxy=True, expect_continue=True, body_stream=True
    )
    asked = contract_sends.questions(row)
    assert [one.what for one in asked] == [
        "GET", "HEAD", "POST, with content", "MKCOL", "POST with Expect: 100-continue",
        "POST with a pause in its content", "GET by way of a proxy",
    ]  # fmt: skip
    for question in asked:
        assert plan_problem(question.plan(BASE, 1)) is None
    assert [one.what for one in contract_sends.questions(make_row(methods=("GET",)))] == ["GET"]


@pytest.mark.parametrize(
    "question",
    [
        Question("GET", "GET"),
        Question("HEAD", "HEAD"),
        POST,
        Question("expecting", "PUT", CONTENT, expect_continue=True),
        Question("pausing", "PUT", LONG_CONTENT, pause=True),
        Question("by way of a proxy", "GET", proxy=True),
    ],
    ids=lambda question: question.what,
)
def test_what_was_sent_whole_passes(question: Question) -> None:
    assert problems_of(question) == []


def lost_half(octets: bytes) -> bytes:
    return octets[: len(octets) // 2]


def as_text(octets: bytes) -> bytes:
    return octets.decode("latin-1").encode()


@pytest.mark.parametrize(
    ("question", "lies", "words"),
    [
        (POST, {"method": "PUT"}, "saw the method PUT"),
        (POST, {"content": lost_half}, "they differ from octet"),
        (POST, {"content": as_text}, "they differ from octet"),
        (POST, {"content": lambda octets: b""}, "0 octets of content came"),
        (POST, {"content": lost_half, "length": len(CONTENT)}, "no end of it"),
        (Question("GET", "GET"), {"content": lambda octets: b"x"}, "1 octets of content came"),
        (POST, {"without": [FIELD[0]]}, f"{FIELD[0]} came as []"),
        (POST, {"without": ["Content-Type"]}, "Content-Type came as []"),
        (
            Question("expecting", "POST", CONTENT, expect_continue=True),
            {"without": ["Expect"]},
            "Expect came as []",
        ),
        (
            Question("pausing", "POST", LONG_CONTENT, pause=True),
            {"pauses": []},
            "the longest wait within the content",
        ),
    ],
)
def test_what_is_lost_on_the_way_is_found(
    question: Question, lies: Mapping[str, Any], words: str
) -> None:
    problems = problems_of(question, **lies)
    assert any(words in problem for problem in problems), problems


def test_a_request_that_does_not_go_to_the_proxy_is_found() -> None:
    question = Question("by way of a proxy", "GET", proxy=True)
    failed = {"event": "end", "told": "failed", "error": {"kind": "other"}}
    (problem,) = contract_sends.check_sent(question, [], [failed])
    assert problem.startswith("the server saw 0 requests, expected 1; told other")
    tunnel = contract_sends.Sent("CONNECT", complete=True)
    assert contract_sends.check_sent(question, [tunnel], [failed]) == []


def test_a_claim_that_is_refused_is_found() -> None:
    refusal = {"event": "unsupported", "what": "method", "value": "POST"}
    problems = contract_sends.check_sent(POST, [], [refusal, {"event": "done"}])
    assert problems == ["claimed, but answered unsupported: method = 'POST'"]


def test_a_chunked_request_is_read_to_its_end() -> None:
    async def ask(octets: bytes) -> list[contract_sends.Sent]:
        async with Recorder() as peer:
            reader, writer = await asyncio.open_connection("127.0.0.1", peer.port)
            writer.write(octets)
            await reader.read()
            writer.close()
        return peer.requests

    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    (sent,) = asyncio.run(ask(head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n"))
    assert sent.complete
    assert sent.content == b"abcde"


def test_the_contract_asks_it_of_a_row(make_row: MakeRow) -> None:
    class Player:
        """Keeps the contract but for one thing: it makes every POST a PUT."""

        async def play(self, plan: Mapping[str, Any], seconds: float) -> tuple[Event, ...]:
            if "/sent/" not in plan["requests"][0]["url"]:
                return ({"event": "unsupported"}, {"event": "done"})
            return await honest(plan, method="PUT")

    row = make_row(methods=("PUT", "POST"), timers=())
    verdicts = asyncio.run(contract.inspect(row, Player(), "t"))
    sends = {one.question: one.problems for one in verdicts if one.rule == contract.SENDS}
    assert sends == {
        "PUT, with content": (),
        "POST, with content": ("the server saw the method PUT",),
    }
