# SPDX-License-Identifier: MIT
"""HTTP/2 on the real server: streams side by side, windows, and clients that break the rules."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from h2_kit import (
    ACK,
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    frames,
    request,
    settings,
)
from server_kit import Client, MockServer, check_transcript, events, serving

from interimspec.transcript import Transcript

SCRIPTS = {
    "single": """
  - respond: {status: 102}
  - respond: {status: 200}
""",
    "slow": """
  - {respond: {status: 102}, times: 4, every: 50ms}
  - sleep: 50ms
  - respond: {status: 200}
""",
    "large": """
  - respond: {status: 200, body: {size: 1000}}
""",
    "vast": """
  - respond: {status: 102, fields: [{name: X-Vast, value: "", pad: 16000000}]}
  - respond: {status: 200}
""",
    "silent": """
  - respond: {status: 102}
  - stall: yes
""",
    "held-upload": """transports: [h2c]
h2: {initial_window: 4}
script:
  - wait: {body: 4}
  - respond: {status: 102}
  - window: 100
  - wait: request
  - respond: {status: 200}
""",
    "shutdown": """transports: [h2c]
script:
  - frames: [{headers: {status: 102}}, {goaway: NO_ERROR}, {rst_stream: CANCEL}]
""",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    with serving(tmp_path_factory.mktemp("catalogue"), SCRIPTS) as running:
        yield running


def connected(server: MockServer, scenario: str, run: str, *first: bytes) -> Client:
    client = Client(server.run(scenario, run, transport="h2c")["port"])
    client.send(PREFACE + b"".join(first or (settings(),)))
    return client


def sent(client: Client, kind: int) -> list[tuple[int, bytes]]:
    """Stream and payload of all frames of a type that the client got."""
    return [(stream, payload) for k, _, stream, payload in frames(client.data) if k == kind]


def noted(transcript: dict[str, Any]) -> bytes:
    """All octets that the transcript says were sent, which follow one another."""
    octets = b""
    for event in sorted(events(transcript, "send"), key=lambda event: event["offset"]):
        assert event["offset"] == len(octets)
        octets += event["bytes"].encode("latin-1")
    return octets


def read_frames(client: Client, kind: int, count: int, seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while len(sent(client, kind)) < count:
        assert time.monotonic() < until, f"{count} frames of type {kind} did not come"
        client.read_once(0.1)
        assert client.ended is None or len(sent(client, kind)) >= count


def test_everything_is_in_the_transcript(server: MockServer) -> None:
    with connected(server, "single", "whole") as client:
        client.send(frame(SETTINGS, ACK) + request("/single/whole"))
        read_frames(client, DATA, 1)
        octets = client.data
    transcript = server.end("whole")
    check_transcript(transcript)
    whole = Transcript.from_json(transcript)
    assert noted(transcript) == octets
    assert [head.status for head in whole.exchanges[0].heads] == [102, 200]
    assert whole.exchanges[0].final is not None
    assert whole.exchanges[0].final.content == b"interimspec single whole start #0\n"
    assert [e["type"] for e in events(transcript, "frame")] == ["SETTINGS", "SETTINGS", "HEADERS"]
    own = [e for e in events(transcript, "send") if e["step"] is None]
    assert [f["type"] for e in own for f in e["frames"]] == ["SETTINGS", "SETTINGS"]


def test_what_came_before_the_first_request_is_told(server: MockServer) -> None:
    """On the shared port nobody knows the run before the request."""
    with Client(server.port) as client:
        client.send(PREFACE + settings())
        read_frames(client, SETTINGS, 2)
        client.send(request("/nothing/here", stream=1))
        read_frames(client, DATA, 1)
        client.send(request("/single/shared", stream=3))
        read_frames(client, DATA, 2)
        octets = client.data
        status, transcript = server.call("GET", "/runs/shared")
    assert status == 200
    assert noted(transcript) == octets


def test_streams_play_side_by_side(server: MockServer) -> None:
    with connected(server, "slow", "both") as client:
        client.send(request("/slow/both", 1))
        time.sleep(0.12)
        client.send(request("/slow/both/probe", 3))
        read_frames(client, DATA, 2)
    assert [stream for stream, _ in sent(client, DATA)] == [3, 1]
    assert [stream for stream, _ in sent(client, HEADERS)].index(3) in (2, 3, 4)
    transcript = server.end("both")
    check_transcript(transcript)
    assert [e.final.status for e in Transcript.from_json(transcript).exchanges if e.final] == [
        200,
        200,
    ]


def test_many_streams_drip(server: MockServer) -> None:
    count = 100
    with connected(server, "slow", "many") as client:
        client.send(b"".join(request("/slow/many", 2 * i + 1) for i in range(count)))
        read_frames(client, DATA, count)
    assert len(sent(client, HEADERS)) == 5 * count
    transcript = server.end("many")
    check_transcript(transcript)
    exchanges = Transcript.from_json(transcript).exchanges
    assert len(exchanges) == count
    assert all(len(exchange.interims) == 4 for exchange in exchanges)


def test_windows_hold_content_back(server: MockServer) -> None:
    with connected(server, "large", "held", settings(INITIAL_WINDOW_SIZE=300)) as client:
        client.send(request("/large/held"))
        read_frames(client, DATA, 2)
        client.read_for(0.2)
        assert sum(len(payload) for _, payload in sent(client, DATA)) == 300
        client.send(request("/large/held/probe", 3))
        read_frames(client, DATA, 3)
        client.send(frame(WINDOW_UPDATE, 0, 1, (700).to_bytes(4, "big")))
        read_frames(client, DATA, 8)
    transcript = server.end("held")
    check_transcript(transcript)
    assert [e["event"] for e in events(transcript, "window-blocked", "window-open")] == [
        "window-blocked",
        "window-open",
    ]
    parts = [e for e in events(transcript, "send") if e.get("exchange") == 0]
    assert [e["from"] for e in parts] == [0, parts[0]["len"]]
    content = b"".join(payload for stream, payload in sent(client, DATA) if stream == 1)
    final = Transcript.from_json(transcript).exchanges[0].final
    assert final is not None
    assert final.complete
    assert final.content == content
    assert len(content) == 1000


def test_a_script_gives_window(server: MockServer) -> None:
    with connected(server, "held-upload", "given") as client:
        read_frames(client, SETTINGS, 2)
        client.send(frame(SETTINGS, ACK) + request("/held-upload/given", method="PUT", ends=False))
        client.send(frame(DATA, 0, 1, b"abcd"))
        read_frames(client, WINDOW_UPDATE, 2)
        client.send(frame(DATA, 1, 1, b"efgh"))
        read_frames(client, DATA, 1)
    assert (1, (100).to_bytes(4, "big")) in sent(client, WINDOW_UPDATE)
    transcript = server.end("given")
    check_transcript(transcript)
    assert events(transcript, "request-end")[0]["body"] == "abcdefgh"


def test_a_stream_that_the_client_resets_is_over(server: MockServer) -> None:
    with connected(server, "slow", "reset") as client:
        client.send(request("/slow/reset"))
        read_frames(client, HEADERS, 1)
        client.send(frame(RST_STREAM, 0, 1, (1).to_bytes(4, "big")))
        client.send(request("/slow/reset/probe", 3))
        client.read_for(0.5)
    assert [stream for stream, _ in sent(client, HEADERS)].count(1) <= 2
    assert sent(client, DATA)[0][0] == 3
    transcript = server.end("reset")
    check_transcript(transcript)
    told = events(transcript, "client-reset")
    assert [(e["exchange"], e["stream"], e["error"]) for e in told] == [(0, 1, "PROTOCOL_ERROR")]


def test_what_the_socket_has_not_taken_stays_with_its_stream(server: MockServer) -> None:
    """The client resets the stream while its octets wait for the socket, and asks for another."""
    with connected(server, "vast", "waiting") as client:
        client.send(request("/vast/waiting"))
        time.sleep(0.3)
        client.send(frame(RST_STREAM, 0, 1, (8).to_bytes(4, "big")))
        client.send(request("/vast/waiting/probe", 3))
        time.sleep(0.3)
        read_frames(client, DATA, 1, 20)
    transcript = server.end("waiting")
    lengths = {0: 0, 1: 0}
    for event in events(transcript, "send"):
        if event["step"] is not None:
            lengths[event["exchange"]] += event["len"]
    assert lengths[0] > 16_000_000
    assert 0 < lengths[1] < 1000


def test_frames_say_what_the_file_says(server: MockServer) -> None:
    with connected(server, "shutdown", "bye") as client:
        client.send(request("/shutdown/bye"))
        read_frames(client, RST_STREAM, 1)
    assert sent(client, GOAWAY) == [(0, b"\0\0\0\1\0\0\0\0")]
    transcript = server.end("bye")
    check_transcript(transcript)
    shown = [f for e in events(transcript, "send") if e["step"] == 0 for f in e["frames"]]
    assert [f["type"] for f in shown] == ["HEADERS", "GOAWAY", "RST_STREAM"]
    assert shown[1]["last_stream"] == 1
    assert shown[2]["error"] == "CANCEL"


def test_a_run_ends_while_streams_are_open(server: MockServer) -> None:
    with connected(server, "silent", "open") as client:
        client.send(request("/silent/open", 1) + request("/silent/open", 3))
        read_frames(client, HEADERS, 2)
        transcript = server.end("open")
        assert client.read_to_end() is not None
    check_transcript(transcript)
    assert len(events(transcript, "stall")) == 2


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PROTOCOL_ERROR"),
        (PREFACE + frame(PING, payload=b"12345678"), "PROTOCOL_ERROR"),
        (PREFACE + settings() + frame(DATA, 0, 1, b"x"), "PROTOCOL_ERROR"),
        (PREFACE + settings() + frame(HEADERS, 5, 1, b"\xff" * 8), "COMPRESSION_ERROR"),
        (PREFACE + settings() + b"\xff\xff\xff\0\0\0\0\0\1", "FRAME_SIZE_ERROR"),
        (PREFACE + settings() + frame(PING, payload=b"12345678") * 10001, "ENHANCE_YOUR_CALM"),
    ],
)
def test_a_broken_connection_is_told_and_closed(
    server: MockServer, octets: bytes, error: str
) -> None:
    run = f"broken-{abs(hash(octets))}"
    with Client(server.run("single", run, transport="h2c")["port"]) as client:
        client.send(octets)
        assert client.read_to_end() is not None
    assert sent(client, GOAWAY)
    transcript = server.end(run)
    told = events(transcript, "protocol-error")
    assert [(e["stream"], e["error"]) for e in told] == [(0, error)]


def flood(client: Client, path: str, seconds: float) -> int:
    """Opens streams until nothing more is taken; the number of the last one. Streams beyond the
    limit are refused, which the server says each time."""
    until = time.monotonic() + seconds
    for first in itertools.count(1, 100):
        assert time.monotonic() < until, "the server reads on and on"
        try:
            client.send(b"".join(request(path, first + 2 * i) for i in range(50)))
        except TimeoutError:
            return first
    return 0


def test_a_client_that_does_not_read_is_read_no_more(server: MockServer) -> None:
    """What waits to be said is bounded: reading pauses."""
    run = server.run("silent", "deaf", transport="h2c")
    with Client(run["port"], receive_buffer=4096) as client:
        client.send(PREFACE + settings())
        client.sock.settimeout(1)
        last = flood(client, "/silent/deaf", 20)
        assert last > 1000
    server.end("deaf")


@pytest.mark.parametrize("cuts", [(1,), (2,), (3,), (1, 2, 3), (1, 2, 3, 5, 23)])
def test_the_preface_may_come_in_pieces(server: MockServer, cuts: tuple[int, ...]) -> None:
    """On the port for all plain HTTP, where its first octets may be those of a PUT as well."""
    run = "pieces-" + "-".join(map(str, cuts))
    with Client(server.port) as client:
        for start, end in itertools.pairwise((0, *cuts)):
            client.send(PREFACE[start:end])
            time.sleep(0.05)
        client.send(PREFACE[cuts[-1] :] + settings() + request(f"/single/{run}", 1))
        read_frames(client, HEADERS, 2)
    assert server.end(run)["transport"] == "h2c"


@pytest.mark.parametrize("first", [b"P", b"PU", b"PR", b"PRI", b"PRI ", b"X"])
def test_octets_like_those_of_the_preface_begin_http_1_too(
    server: MockServer, first: bytes
) -> None:
    with Client(server.port) as client:
        client.send(first)
        time.sleep(0.05)
        client.send(b"T /single/first HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.read_to_end() is not None
    if first == b"PRI ":  # no method of HTTP/1.1
        assert sent(client, GOAWAY)
    else:
        assert client.data.startswith(b"HTTP/1.1 ")


def test_the_beginning_of_a_preface_and_no_more_holds_nothing_up(server: MockServer) -> None:
    with Client(server.port) as client:
        client.send(PREFACE[:3])
        client.sock.shutdown(socket.SHUT_WR)
        assert client.read_to_end() is not None
