# SPDX-License-Identifier: MIT
"""The mock server over real sockets: scripts, turns, segments, endings."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_kit import SINGLE, Client, MockServer, check_transcript, events, names, serving

SCRIPTS = {
    "single": SINGLE,
    "late-final": """
  - respond: {status: 102}
  - sleep: 150ms
  - respond: {status: 200}
""",
    "split": """
  - send: "HTTP/1.1 102 Processing\\r\\n\\r\\n"
    split: [8, 15]
  - sleep: 20ms
  - respond: {status: 200}
""",
    "each-byte": """
  - send: "HTTP/1.1 102 Processing\\r\\n\\r\\n"
    split: each-byte
  - respond: {status: 200}
""",
    "many": """params: {n: {default: 1000, min: 1, max: 20000}}
script:
  - respond: {status: 102}
    times: n
  - respond: {status: 200}
""",
    "forever": """
  - respond: {status: 102}
    times: forever
    every: 20ms
""",
    "spread": """
  - respond: {status: 102}
    times: 5
    every: 40ms
  - sleep: 40ms
  - respond: {status: 200}
""",
    "fin": """
  - respond: {status: 102}
  - close: fin
""",
    "rst": """
  - respond: {status: 102}
  - reset: yes
""",
    "unsolicited": """
  - respond: {status: 200}
  - release: yes
  - sleep: 60ms
  - respond: {status: 102}
""",
    "released-drip": """
  - respond: {status: 200}
  - release: yes
  - respond: {status: 102}
    times: 6
    every: 30ms
""",
    "after-next": """
  - respond: {status: 102}
  - wait: next-request
  - sleep: 30ms
  - respond: {status: 200}
""",
    "stall": """
  - respond: {status: 102}
  - stall: yes
""",
    "never-final": """
  - respond: {status: 102}
""",
    "upload": """
  - wait: {body: 4}
  - respond: {status: 102}
  - wait: request
  - sleep: 10ms
  - respond: {status: 201}
""",
    "unread-upload": """
  - wait: head
  - reading: off
  - respond: {status: 102}
  - sleep: 100ms
  - reading: on
  - wait: request
  - respond: {status: 201}
""",
    "limit": """
  - respond: {status: 102}
  - wait: next-request
    limit: 60ms
""",
    "head-final": """
  - respond: {status: 102}
  - sleep: 10ms
  - respond: {status: 200, fields: ["X-Kept: yes"], length: 5}
""",
    "challenge": """resources:
  start:
    - [{respond: {status: 401, fields: ["WWW-Authenticate: Basic realm=x"]}}]
    - [{respond: {status: 102}}, {respond: {status: 200}}]
  moved:
    - [{respond: {status: 203}}]
""",
    "redirect": """resources:
  start:
    - [{respond: {status: 302, location: moved, set_cookie: "a=b"}}]
  moved:
    - [{respond: {status: 102}}, {respond: {status: 200}}]
""",
    "greeting": """on-connect:
  - respond: {status: 102}
script:
  - respond: {status: 200}
""",
    "chunks": """
  - respond: {status: 102}
  - respond: {status: 200, framing: chunked, body: later}
  - body: "one"
  - sleep: 20ms
  - body: "three"
  - end-body: {trailers: ["X-Sum: 8"]}
""",
    "large": """params: {n: {default: 8388608, min: 1, max: 16777216}}
script:
  - respond: {status: 102}
  - respond: {status: 200, body: {size: n, fill: octets}}
""",
}

TURN_MS = 20
OWN = b"interimspec %s %s %s #%d\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    with serving(tmp_path_factory.mktemp("server"), SCRIPTS) as running:
        yield running


def own(scenario: str, run: str, exchange: int, resource: str = "start") -> bytes:
    return OWN % (scenario.encode(), run.encode(), resource.encode(), exchange)


def test_interim_and_final_leave_in_one_write(server: MockServer) -> None:
    server.run("single", "one")
    port = server.run("single", "two")["port"]
    with Client(port) as client:
        client.get("/single/two")
        client.read_until(own("single", "two", 0))
        assert len(client.reads) == 1
        assert client.data.startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n")
    transcript = server.end("two")
    assert names(transcript) == [
        *("accept", "received", "request", "request-end", "turn"),
        *("send", "send", "script-end", "client-fin", "close"),
    ]
    first, second = events(transcript, "send")
    assert first["left"] == second["left"]
    assert (first["offset"], second["offset"]) == (0, 27)
    assert first["spans"] == [[0, 27, "head"]]
    assert [span[2] for span in second["spans"]] == ["head", "content"]
    assert (first["step"], second["step"]) == (0, 1)
    assert second["line"] == first["line"] + 1
    request = events(transcript, "request")[0]
    assert request["fields"] == [["Host", "test"]]
    assert request["first_on_connection"]
    assert not request["queued"]
    assert transcript["complete"]
    assert transcript["leased"]
    assert transcript["port"] == port
    assert not events(server.end("one"), "accept")


def test_queued_request_gets_its_turn_after_a_pause(server: MockServer) -> None:
    port = server.run("late-final", "turn")["port"]
    with Client(port) as client:
        client.get("/late-final/turn")
        client.read_until(b"102 Processing\r\n\r\n")
        client.get("/late-final/turn/probe")
        client.read_until(own("late-final", "turn", 1, "probe"))
        assert len(client.reads) == 3
    transcript = server.end("turn")
    second = next(e for e in events(transcript, "request") if e["resource"] == "probe")
    assert second["queued"]
    assert not second["first_on_connection"]
    turns = events(transcript, "turn")
    last = [e for e in events(transcript, "send") if e["exchange"] == 0][-1]
    assert TURN_MS <= turns[1]["t"] - last["left"] < 60


def test_without_a_queue_there_is_no_pause(server: MockServer) -> None:
    port = server.run("single", "quick")["port"]
    with Client(port) as client:
        begun = time.monotonic()
        for number in range(20):
            client.get("/single/quick")
            client.read_until(own("single", "quick", number))
        assert time.monotonic() - begun < 20 * TURN_MS / 1000
    transcript = server.end("quick")
    assert not any(event["queued"] for event in events(transcript, "request"))


def test_pipelined_requests_are_answered_in_order_and_never_joined(server: MockServer) -> None:
    port = server.run("single", "pipe")["port"]
    with Client(port) as client:
        request = b"GET /single/pipe HTTP/1.1\r\nHost: x\r\n\r\n"
        client.send(request * 4)
        client.read_until(own("single", "pipe", 3))
        assert len(client.reads) == 4
    transcript = server.end("pipe")
    finals = [e["left"] for e in events(transcript, "send") if e["step"] == 1]
    turns = [e["t"] for e in events(transcript, "turn")]
    gaps = [turn - final for final, turn in zip(finals, turns[1:], strict=False)]
    assert all(TURN_MS <= gap < 60 for gap in gaps), gaps
    assert [e["queued"] for e in events(transcript, "request")] == [False, True, True, True]
    assert len(events(transcript, "received")) == 1


@pytest.mark.parametrize(("scenario", "cuts"), [("split", [8, 15, 27]), ("each-byte", None)])
def test_pieces_are_read_alone(server: MockServer, scenario: str, cuts: list[int] | None) -> None:
    run = f"pieces-{scenario}"
    port = server.run(scenario, run)["port"]
    with Client(port) as client:
        client.get(f"/{scenario}/{run}")
        client.read_until(own(scenario, run, 0))
        ends: list[int] = []
        for _, data in client.reads:
            ends.append((ends[-1] if ends else 0) + len(data))
    pieces = [e for e in events(server.end(run), "send") if "piece" in e]
    expected = cuts or list(range(1, 28))
    # The last piece of `each-byte` has no pause before the final response.
    seen = expected if cuts else expected[:-1]
    assert ends[: len(seen)] == seen
    assert [piece["piece"] for piece in pieces] == list(range(len(expected)))
    assert {piece["pieces"] for piece in pieces} == {len(expected)}
    if server.ready["unread_check"] == "netlink":
        assert [piece["alone"] for piece in pieces] == ["yes"] * (len(pieces) - 1) + ["n/a"]
        assert [piece["unread_before"] for piece in pieces] == [None] + [0] * (len(pieces) - 1)
    gaps = [b["left"] - a["left"] for a, b in itertools.pairwise(pieces)]
    assert all(2 <= gap < 55 for gap in gaps), gaps


def test_piece_that_is_not_read_is_told(server: MockServer) -> None:
    port = server.run("split", "unread")["port"]
    with Client(port) as client:
        client.get("/split/unread")
        time.sleep(0.3)
    pieces = [e for e in events(server.end("unread"), "send") if "piece" in e]
    if server.ready["unread_check"] == "netlink":
        assert [piece["alone"] for piece in pieces] == ["no", "no", "n/a"]
        assert [piece["unread_before"] for piece in pieces] == [None, 8, 15]
    assert 49 < pieces[1]["left"] - pieces[0]["left"] < 70


def test_a_waiting_request_shortens_the_pause_between_pieces(server: MockServer) -> None:
    port = server.run("split", "waits")["port"]
    with Client(port) as client:
        client.send(b"GET /split/waits HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        time.sleep(0.3)
    pieces = [e for e in events(server.end("waits"), "send") if "piece" in e]
    gaps = [b["left"] - a["left"] for a, b in itertools.pairwise(pieces[:3])]
    assert all(2 <= gap < 20 for gap in gaps), gaps


def test_a_thousand_interims_leave_in_one_write(server: MockServer) -> None:
    port = server.run("many", "thousand")["port"]
    with Client(port) as client:
        client.get("/many/thousand")
        client.read_until(own("many", "thousand", 0))
        assert client.data.count(b"HTTP/1.1 102 Processing\r\n\r\n") == 1000
    first, final = events(server.end("thousand"), "send")
    assert (first["times"], first["unit_len"], first["len"]) == (1000, 27, 27000)
    assert first["first_left"] == first["last_left"] == final["left"]
    assert first["bytes"] == "HTTP/1.1 102 Processing\r\n\r\n"
    assert len(first["first"]) == 32
    assert final["offset"] == 27000


def test_parameters_come_from_the_run_or_from_the_query(server: MockServer) -> None:
    port = server.run("many", "seven", params={"n": 7})["port"]
    with Client(port) as client:
        client.get("/many/seven?n=9")
        client.read_until(own("many", "seven", 0))
        assert client.data.count(b" 102 ") == 7
    assert server.end("seven")["params"] == {"n": 7}
    with Client(server.port) as client:
        client.get("/many/by-hand?n=3")
        client.read_until(own("many", "by-hand", 0))
        assert client.data.count(b" 102 ") == 3
        client.get("/many/by-hand?n=20001")
        client.read_until(b"must be an integer from 1 to 20000")
    transcript = server.call("GET", "/runs/by-hand")[1]
    check_transcript(transcript)
    assert not transcript["complete"]
    assert not transcript["leased"]
    assert events(transcript, "request")[0]["params"] == {"n": 3}
    assert [e["times"] for e in events(transcript, "send") if "times" in e] == [3]


def test_repetition_keeps_its_schedule(server: MockServer) -> None:
    port = server.run("spread", "spread")["port"]
    with Client(port) as client:
        client.get("/spread/spread")
        client.read_until(own("spread", "spread", 0))
        assert len(client.reads) == 6
    first, final = events(server.end("spread"), "send")
    dues = [due - first["due"] for due, _, _ in first["first"]]
    assert dues == pytest.approx([0, 40, 80, 120, 160], abs=0.01)
    assert final["due"] - first["due"] == pytest.approx(200, abs=0.01)
    assert first["worst_late"] < 20


def test_endless_repetition_ends_with_the_run(server: MockServer) -> None:
    port = server.run("forever", "forever")["port"]
    with Client(port) as client:
        client.get("/forever/forever")
        client.read_for(0.15)
        begun = time.monotonic()
        transcript = server.end("forever")
        assert time.monotonic() - begun < 0.2
        assert client.read_to_end(1) == "fin"
    repeated = events(transcript, "send")[0]
    assert 5 <= repeated["times"] <= 12
    assert repeated["len"] == 27 * repeated["times"]
    assert not events(transcript, "script-end", "close")


def test_fin_and_rst(server: MockServer) -> None:
    for scenario, end, close in (("fin", "fin", "fin"), ("rst", "rst", "rst")):
        port = server.run(scenario, f"end-{end}")["port"]
        with Client(port) as client:
            client.get(f"/{scenario}/end-{end}")
            assert client.read_to_end() == end
            assert client.data == b"HTTP/1.1 102 Processing\r\n\r\n"
        transcript = server.end(f"end-{end}")
        closes = events(transcript, "close")
        assert [(e["by"], e["how"]) for e in closes] == [("server", close)]


def test_fin_waits_for_unread_octets_of_the_request(server: MockServer) -> None:
    """close() with octets unread would be a reset, and take the 102 with it."""
    port = server.run("fin", "more")["port"]
    with Client(port) as client:
        client.send(b"GET /fin/more HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /x HTTP/1.1\r\n" * 500)
        assert client.read_to_end() == "fin"
        assert b"102 Processing" in client.data
        client.send(b"more")
        time.sleep(0.05)
    transcript = server.end("more")
    assert not events(transcript, "client-rst")
    assert events(transcript, "received")[-1]["bytes"].endswith("more")


def test_unsolicited_interim_on_the_idle_connection(server: MockServer) -> None:
    port = server.run("unsolicited", "idle")["port"]
    with Client(port) as client:
        client.get("/unsolicited/idle")
        client.read_until(own("unsolicited", "idle", 0))
        client.read_until(b"102 Processing\r\n\r\n")
        assert client.reads[1][0] - client.reads[0][0] > 0.055
    transcript = server.end("idle")
    _final, stray = events(transcript, "send")
    assert stray["spans"] == [[0, 27, "surplus"]]
    assert stray["exchange"] == 0
    assert names(transcript).index("release") < transcript["events"].index(stray)


def test_released_octets_are_not_joined_to_the_next_exchange(server: MockServer) -> None:
    port = server.run("released-drip", "drip")["port"]
    with Client(port) as client:
        client.get("/released-drip/drip")
        client.read_until(own("released-drip", "drip", 0))
        client.get("/released-drip/drip/probe")
        client.read_until(own("released-drip", "drip", 1, "probe"))
        client.read_for(0.25)
        assert client.data.count(b" 102 ") == 6
    sends = events(server.end("drip"), "send")
    lefts = sorted((e["left"], e["exchange"]) for e in sends)
    for (before, one), (after, other) in itertools.pairwise(lefts):
        assert one == other or after - before >= 2


def test_final_after_the_next_request(server: MockServer) -> None:
    port = server.run("after-next", "next")["port"]
    with Client(port) as client:
        client.get("/after-next/next")
        client.read_for(0.1)
        assert client.data == b"HTTP/1.1 102 Processing\r\n\r\n"
        client.get("/after-next/next/probe")
        client.read_until(own("after-next", "next", 1, "probe"))
        assert own("after-next", "next", 0) in client.data
    transcript = server.end("next")
    turns = events(transcript, "turn")
    final = [e for e in events(transcript, "send") if e["exchange"] == 0][-1]
    assert turns[1]["t"] - final["left"] >= TURN_MS


def test_a_stall_holds_the_turn(server: MockServer) -> None:
    port = server.run("stall", "stall")["port"]
    with Client(port) as client:
        client.get("/stall/stall")
        client.get("/stall/stall/probe")
        client.read_for(0.2)
        assert client.data == b"HTTP/1.1 102 Processing\r\n\r\n"
        transcript = server.end("stall")
    assert len(events(transcript, "turn")) == 1
    assert events(transcript, "stall")


def test_a_script_without_final_passes_the_turn(server: MockServer) -> None:
    port = server.run("never-final", "never")["port"]
    with Client(port) as client:
        client.get("/never-final/never", "Connection: close")
        client.read_for(0.1)
        assert client.data == b"HTTP/1.1 102 Processing\r\n\r\n"
        assert client.ended is None
        client.get("/never-final/never/probe")
        client.read_until(own("never-final", "never", 1, "probe"))


def test_upload_steps_wait_for_octets(server: MockServer) -> None:
    port = server.run("upload", "upload")["port"]
    with Client(port) as client:
        client.get("/upload/upload", "Content-Length: 8", method="POST")
        client.send(b"ab")
        assert not client.read_once(0.1)
        client.send(b"cd")
        client.read_until(b"102 Processing\r\n\r\n")
        assert not client.read_once(0.1)
        client.send(b"efgh")
        client.read_until(b" 201 Created")
    transcript = server.end("upload")
    end = events(transcript, "request-end")[0]
    assert (end["body"], end["body_len"]) == ("abcdefgh", 8)
    assert end["body_sha256"].startswith("9c56cc51")
    assert [e["len"] for e in events(transcript, "received")][-2:] == [2, 4]


def test_reading_off_blocks_the_client(server: MockServer) -> None:
    port = server.run("unread-upload", "off")["port"]
    size = 16 * 1024 * 1024
    with Client(port) as client:
        client.get("/unread-upload/off", f"Content-Length: {size}", method="POST")
        begun = time.monotonic()
        client.send(bytes(size))
        assert time.monotonic() - begun > 0.08
        client.read_until(b" 201 Created")
    end = events(server.end("off"), "request-end")[0]
    assert end["body_len"] == size
    assert "body" not in end
    assert end["body_sha256"].startswith("080acf35")


def test_a_wait_has_a_limit(server: MockServer) -> None:
    port = server.run("limit", "limit")["port"]
    with Client(port) as client:
        client.get("/limit/limit")
        assert client.read_to_end() == "fin"
    transcript = server.end("limit")
    assert events(transcript, "wait-limit")[0]["step"] == 1


def test_head_then_get(server: MockServer) -> None:
    port = server.run("head-final", "head")["port"]
    with Client(port) as client:
        client.get("/head-final/head", method="HEAD")
        client.read_until(b"X-Kept: yes")
        client.read_for(0.05)
        assert client.data.endswith(b"Content-Length: 5\r\n\r\n")
        client.get("/head-final/head/probe")
        client.read_until(own("head-final", "head", 1, "probe"))
    sends = events(server.end("head"), "send")
    assert [span[2] for send in sends[:2] for span in send["spans"]] == ["head", "head"]


def test_visits_and_resources(server: MockServer) -> None:
    port = server.run("challenge", "visits")["port"]
    for path, status in (("", 401), ("/file.txt", 200), ("/moved", 203), ("", 200)):
        with Client(port) as client:
            client.get(f"/challenge/visits{path}", "Connection: close")
            assert client.read_to_end() == "fin"
            assert f" {status} ".encode() in client.data
    requests = events(server.end("visits"), "request")
    assert [(e["resource"], e["visit"]) for e in requests] == [
        *(("start", 1), ("start", 2), ("moved", 1), ("start", 3)),
    ]


def test_redirect_is_rendered_by_the_server(server: MockServer) -> None:
    head, content = server.get("/redirect/by-hand")
    assert b"\r\nLocation: /redirect/by-hand/moved\r\n" in head
    assert b"\r\nSet-Cookie: a=b; Path=/redirect/by-hand\r\n" in head
    assert content == own("redirect", "by-hand", 0)
    assert server.get("/redirect/by-hand/moved")[1] == own("redirect", "by-hand", 1, "moved")


def test_on_connect_plays_on_leased_ports_only(server: MockServer) -> None:
    port = server.run("greeting", "hello")["port"]
    with Client(port) as client:
        client.read_until(b"102 Processing\r\n\r\n")
        client.get("/greeting/hello")
        client.read_until(own("greeting", "hello", 0))
    transcript = server.end("hello")
    first = events(transcript, "send")[0]
    assert "exchange" not in first
    assert first["spans"] == [[0, 27, "head"]]
    with Client(server.port) as client:
        client.get("/greeting/by-hand", "Connection: close")
        assert client.read_to_end() == "fin"
        assert client.data.startswith(b"HTTP/1.1 200 ")


def test_chunks_and_trailers(server: MockServer) -> None:
    port = server.run("chunks", "chunks")["port"]
    with Client(port) as client:
        client.get("/chunks/chunks")
        client.read_until(b"X-Sum: 8\r\n\r\n")
        assert client.data.endswith(
            b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\nX-Sum: 8\r\n\r\n"
        )
        assert len(client.reads) == 2
    classes = [[s[2] for s in e["spans"]] for e in events(server.end("chunks"), "send")]
    assert classes == [
        ["head"],
        ["head"],
        ["framing", "content", "framing"],
        ["framing", "content", "framing"],
        ["framing"],
    ]


def test_a_slow_reader_stops_only_itself(server: MockServer) -> None:
    port = server.run("large", "large")["port"]
    with Client(port, receive_buffer=4096) as slow, Client(server.port) as other:
        slow.get("/large/large")
        time.sleep(0.1)
        begun = time.monotonic()
        other.get("/single/other")
        other.read_until(own("single", "other", 0))
        assert time.monotonic() - begun < 0.2
        content = slow.read_for(0) or b""
        until = time.monotonic() + 10
        while len(content) < 8388608 and time.monotonic() < until:
            slow.read_once(1)
            content = slow.data
        slow.read_for(0.1)
        head, _, body = slow.data.partition(b"octet")
        assert slow.data.endswith(bytes(range(256)) * 4), (len(slow.data), head[:80], len(body))
    transcript = server.end("large")
    assert events(transcript, "blocked")
    assert events(transcript, "drained")
    final = events(transcript, "send")[-1]
    assert "bytes" not in final
    assert len(final["sha256"]) == 64
    assert final["content_len"] == 8388608


def test_no_script_holds_up_another_connection(server: MockServer) -> None:
    """Ten connections at once, each with a script of its own length."""
    results: list[tuple[bytes, float]] = []

    def one(number: int) -> None:
        scenario = ("late-final", "split", "spread", "single", "each-byte")[number % 5]
        with Client(server.port) as client:
            begun = time.monotonic()
            client.get(f"/{scenario}/many-{number}", "Connection: close")
            client.read_to_end()
            results.append((client.data, time.monotonic() - begun))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(10)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - begun < 1
    assert len(results) == 10
    assert all(b"HTTP/1.1 200 OK" in data for data, _ in results)


def test_repeated_fields_and_pace(tmp_path: Path) -> None:
    with serving(tmp_path, SCRIPTS, "--pace", "0.1") as quick:
        port = quick.run("late-final", "pace")["port"]
        with Client(port) as client:
            client.get("/late-final/pace")
            client.read_until(own("late-final", "pace", 0))
        transcript = quick.end("pace")
        first, final = events(transcript, "send")
        assert transcript["pace"] == 0.1
        assert final["due"] - first["due"] == pytest.approx(15, abs=0.01)


def test_tls_inside_a_tunnel(tmp_path: Path) -> None:
    """102, then 200 to a CONNECT; what follows is TLS, to the same server."""
    scripts = {
        "tunnel": """resources:
  start:
    - - respond: {status: 102}
      - respond: {status: 200}
    - - respond: {status: 200}
"""
    }
    with serving(tmp_path, scripts) as server:
        run = server.run("tunnel", "r")
        with socket.create_connection(("127.0.0.1", run["port"]), timeout=10) as plain:
            plain.sendall(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
            answer = b""
            while answer.count(b"\r\n\r\n") < 2:
                answer += plain.recv(4096)
            assert answer.startswith(b"HTTP/1.1 102 ")
            assert b"\r\n\r\nHTTP/1.1 200 " in answer
            context = ssl.create_default_context(cafile=run["ca_file"])
            with context.wrap_socket(plain, server_hostname="localhost") as inner:
                inner.sendall(b"GET /tunnel/r HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert inner.recv(4096).startswith(b"HTTP/1.1 200 ")
        transcript = server.end("r")
    check_transcript(transcript)
    requests = events(transcript, "request")
    assert [request["method"] for request in requests] == ["CONNECT", "GET"]
    assert requests[1]["offset"] == requests[0]["head_len"]
    assert "tls" in names(transcript)
