# SPDX-License-Identifier: MIT
"""What belongs to another protocol, or to none, on a port of every kind: it is answered in the
words of the protocol that was spoken or the port's, written down, and over at once."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_kit import Client, MockServer, check_transcript, events, serving

from interimspec import paths

SCRIPTS = {
    "single": "transports: [h1, h1s, h2c, h2]\nscript:\n"
    "  - respond: {status: 102}\n  - respond: {status: 200}\n"
}


def hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1", "h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INPUTS = {
    "get": b"GET /single/r HTTP/1.1\r\nHost: x\r\n\r\n",
    "preface": PREFACE + b"\0\0\0\4\0\0\0\0\0",
    "hello": hello(),
    "alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "sslv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40),
    "nonsense": b"\x00\xff" * 200,
    "huge-record": b"\x16\x03\x01\xff\xff" + b"a" * 70_000,
}
#: Octets that begin the answer, and the event that says what came: its name and a member of it.
GOAWAY = (b"\x00\x00\x0c\x04", "protocol-error", "error", "PROTOCOL_ERROR")
PLAIN = (b"HTTP/1.1 400", "tls-failed", "reason", "plain text on a port that speaks TLS")
MALFORMED = (b"HTTP/1.1 400", "bad-request", "status", 400)
NO_RECORD = (b"\x15\x03", "tls-failed", "by", "server")
ANSWERS: dict[tuple[str, str], tuple[bytes, str, str, Any]] = {
    ("h1", "preface"): MALFORMED,
    ("h1", "hello"): (b"", "tls-hello", "reason", "TLS hello on a port that speaks no TLS"),
    ("h1", "alert"): MALFORMED,
    ("h1", "sslv2"): MALFORMED,
    ("h1", "nonsense"): MALFORMED,
    ("h1", "huge-record"): (b"", "tls-hello", "reason", "TLS hello on a port that speaks no TLS"),
    ("h1s", "get"): PLAIN,
    ("h1s", "preface"): PLAIN,
    ("h1s", "alert"): (b"", "tls-failed", "alert", "handshake_failure"),
    ("h1s", "sslv2"): NO_RECORD,
    ("h1s", "nonsense"): NO_RECORD,
    ("h1s", "huge-record"): (b"\x15\x03", "tls-failed", "alert", "record_overflow"),
    ("h2c", "get"): GOAWAY,
    ("h2c", "hello"): GOAWAY,
    ("h2c", "alert"): GOAWAY,
    ("h2c", "sslv2"): GOAWAY,
    ("h2c", "nonsense"): GOAWAY,
    ("h2c", "huge-record"): GOAWAY,
    ("h2", "get"): PLAIN,
    ("h2", "preface"): PLAIN,
    ("h2", "nonsense"): NO_RECORD,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    with serving(tmp_path_factory.mktemp("server"), SCRIPTS) as server:
        yield server


def leased(server: MockServer, transport: str, run: str) -> int:
    order = {"scenario": "single", "run": run, "port": True, "transport": transport}
    status, made = server.call("POST", "/runs", order)
    assert status == 201, made
    return int(made["port"])


@pytest.mark.parametrize(("transport", "name"), ANSWERS)
def test_it_is_answered_and_over_at_once(server: MockServer, transport: str, name: str) -> None:
    begins, event, member, value = ANSWERS[transport, name]
    port = leased(server, transport, f"{transport}-{name}")
    with Client(port) as client:
        client.send(INPUTS[name])
        assert client.read_to_end(5) in ("fin", "rst")
        assert client.data.startswith(begins)
        assert bool(client.data) is bool(begins)
    transcript = server.end(f"{transport}-{name}")
    check_transcript(transcript)
    (said,) = events(transcript, event)
    assert said[member] == value
    assert not events(transcript, "request")


@pytest.mark.parametrize("transport", ["h1", "h1s", "h2c", "h2"])
@pytest.mark.parametrize("begun", [b"", b"\x16", hello()[:40], PREFACE[:2], PREFACE[:12]])
def test_what_was_only_begun_ends_with_the_client(
    server: MockServer, transport: str, begun: bytes
) -> None:
    run = f"begun-{transport}-{len(begun)}"
    with Client(leased(server, transport, run)) as client:
        if begun:
            client.send(begun)
        client.read_for(0.05)
        client.sock.shutdown(socket.SHUT_WR)
        assert client.read_to_end(5) in ("fin", "rst")
    transcript = server.end(run)
    check_transcript(transcript)
    assert transcript["complete"]
    assert not events(transcript, "request")


def memory_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def test_memory_comes_back(server: MockServer) -> None:
    """Five rounds of connections that mean nothing, on both ports for people: after the first,
    which fills the pools, nothing is added."""
    if b"__asan_init" in paths.server_binary().read_bytes():
        pytest.skip("the sanitizer keeps what was freed")
    pid = server.call("GET", "/status")[1]["pid"]
    after = []
    for _ in range(5):
        opened = []
        for port in (server.port, server.ready["h1s"]["port"]):
            for data in list(INPUTS.values()) * 15:
                sock = socket.create_connection(("127.0.0.1", port), timeout=5)
                sock.sendall(data[:4096])
                opened.append(sock)
        time.sleep(0.1)
        for sock in opened:
            sock.close()
        until = time.monotonic() + 10
        while server.call("GET", "/status")[1]["open_connections"] > 0:
            assert time.monotonic() < until
            time.sleep(0.02)
        after.append(memory_kib(pid))
    assert after[-1] - after[0] < 1024
