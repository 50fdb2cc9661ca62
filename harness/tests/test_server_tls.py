# SPDX-License-Identifier: MIT
"""The mock server over TLS, seen by Python's ssl with the octets of the records in the open."""

from __future__ import annotations

import random
import select
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .server_kit import MockServer, events, names, serving

SCRIPTS = {
    "single": "\n  - respond: {status: 102}\n  - respond: {status: 200}",
    "apart": "\n  - respond: {status: 102}\n  - sleep: 30ms\n  - respond: {status: 200}",
    "cut": 'transports: [h1s]\nscript:\n  - send: "HTTP/1.1 102 Processing\\r\\n\\r\\n"\n'
    "    split: [9, 12]\n  - respond: {status: 200}",
    "whole": "transports: [h1s]\nscript:\n  - respond: {status: 200, framing: close}\n"
    "  - close: fin",
    "torn": "transports: [h1s]\nscript:\n  - respond: {status: 200, framing: close}\n"
    "  - close: abrupt",
    "stranger": "transports: [h1s]\ntls: {certificate: unknown-ca}\nscript:\n"
    "  - respond: {status: 200}",
    "large": "\n  - wait: request\n  - respond: {status: 200, body: {size: 4MiB}}",
    "plain-only": "transports: [h1]\nscript:\n  - respond: {status: 200}",
}
APPLICATION_DATA = 23


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    with serving(tmp_path_factory.mktemp("server"), SCRIPTS) as running:
        yield running


def context_for(server: MockServer, **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.ready["ca_file"])
    context.set_alpn_protocols(options.get("alpn", ["http/1.1"]))
    version = options.get("version")
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class TlsClient:
    """TLS in memory over a socket, so that every record that arrives can be seen."""

    def __init__(
        self, port: int, context: ssl.SSLContext, name: str = "localhost", host: str = "127.0.0.1"
    ) -> None:
        self.sock = socket.create_connection((host, port), timeout=10)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.records: list[int] = []  # types, since the handshake
        self.left = b""
        self.data = b""
        self.ended: str | None = None  # close-notify or eof

    def __enter__(self) -> TlsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def pump(self, seconds: float = 5.0) -> bool:
        """One read from the socket; False when nothing came in time."""
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())
        if not select.select([self.sock], [], [], seconds)[0]:
            return False
        octets = self.sock.recv(1 << 16)
        if not octets:
            self.incoming.write_eof()
            return False
        self.left += octets
        while len(self.left) >= 5 and len(self.left) >= 5 + int.from_bytes(self.left[3:5], "big"):
            self.records.append(self.left[0])
            self.left = self.left[5 + int.from_bytes(self.left[3:5], "big") :]
        self.incoming.write(octets)
        return True

    def shake_hands(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                assert self.pump(), "the server is silent"
            except ssl.SSLError:
                self.sock.sendall(self.outgoing.read())  # our alert
                raise
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())
        self.records.clear()

    def get(self, path: str, body: bytes = b"") -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n"
        self.tls.write(head.encode() + body)
        self.sock.sendall(self.outgoing.read())

    def read_for(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        while self.ended is None and (left := until - time.monotonic()) > 0:
            try:
                octets = self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self.pump(left)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
                self.ended = "eof" if isinstance(error, ssl.SSLEOFError) else "close-notify"
            else:
                self.ended = None if octets else "close-notify"
                self.data += octets
        return self.data


def run_of(server: MockServer, scenario: str, name: str) -> dict[str, Any]:
    return server.run(scenario, name, transport="h1s")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_run_over_tls(server: MockServer, version: ssl.TLSVersion, name: str) -> None:
    token = f"v{version.value}-{name.replace(':', '')}"
    made = run_of(server, "single", token)
    assert made["url"] == f"https://localhost:{made['port']}/single/{token}"
    assert made["ca_file"] == server.ready["ca_file"]
    with TlsClient(made["port"], context_for(server, version=version), name) as client:
        client.shake_hands()
        client.get(made["path"])
        assert client.read_for(0.3).startswith(
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n"
        )
        # Consecutive steps are one write, and one write is one record.
        assert client.records == [APPLICATION_DATA]
    transcript = server.end(token)
    assert transcript["transport"] == "h1s"
    assert names(transcript)[:3] == ["accept", "tls", "received"]
    (tls,) = events(transcript, "tls")
    assert tls["version"] == {"TLSv1_2": "TLS1.2", "TLSv1_3": "TLS1.3"}[version.name]
    assert (tls["alpn"], tls["resumed"]) == ("http/1.1", False)
    # RFC 6066, section 3: an address is never sent as a name.
    assert tls["server_name"] == ("localhost" if name == "localhost" else None)
    # Offsets count the octets of HTTP, not those of records.
    assert events(transcript, "request")[0]["offset"] == 0
    assert events(transcript, "send")[0]["offset"] == 0


def test_nothing_comes_behind_a_handshake(server: MockServer) -> None:
    """Session tickets would be records that no script sends, on the idle connection."""
    made = run_of(server, "single", "quiet")
    with TlsClient(made["port"], context_for(server)) as client:
        client.shake_hands()
        assert not client.pump(0.3)
        assert client.tls.session is None or not client.tls.session.has_ticket
    server.end("quiet")


def test_a_pause_is_a_boundary_of_records(server: MockServer) -> None:
    made = run_of(server, "apart", "pause")
    with TlsClient(made["port"], context_for(server)) as client:
        client.shake_hands()
        client.get(made["path"])
        client.read_for(0.4)
        assert client.records == [APPLICATION_DATA] * 2
    server.end("pause")


def test_pieces_are_records_that_were_read_alone(server: MockServer) -> None:
    made = run_of(server, "cut", "pieces")
    with TlsClient(made["port"], context_for(server)) as client:
        client.shake_hands()
        client.get(made["path"])
        client.read_for(0.4)
        assert client.records == [APPLICATION_DATA] * 3
    pieces = [send for send in events(server.end("pieces"), "send") if "piece" in send]
    assert [(piece["offset"], piece["len"]) for piece in pieces] == [(0, 9), (9, 3), (12, 15)]
    if server.ready["unread_check"] == "netlink":
        assert [piece["unread_before"] for piece in pieces] == [None, 0, 0]


@pytest.mark.parametrize(("scenario", "end"), [("whole", "close-notify"), ("torn", "eof")])
def test_the_end(server: MockServer, scenario: str, end: str) -> None:
    made = run_of(server, scenario, scenario)
    with TlsClient(made["port"], context_for(server)) as client:
        client.shake_hands()
        client.get(made["path"])
        client.read_for(2)
        assert client.ended == end
    (closed,) = events(server.end(scenario), "close")
    assert closed["how"] == {"whole": "fin", "torn": "abrupt"}[scenario]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_trusts_nobody_says_so(server: MockServer, version: ssl.TLSVersion) -> None:
    token = f"distrust-{version.value}"
    made = run_of(server, "single", token)
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    with (
        TlsClient(made["port"], context) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client.shake_hands()
    time.sleep(0.1)
    transcript = server.end(token)
    (failed,) = events(transcript, "tls-failed")
    assert (failed["alert"], failed["by"]) == ("unknown_ca", "client")
    assert not events(transcript, "tls", "received", "request")


def test_the_unknown_authority_is_not_in_the_file(server: MockServer) -> None:
    made = run_of(server, "stranger", "stranger")
    with (
        TlsClient(made["port"], context_for(server)) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        client.shake_hands()
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with TlsClient(made["port"], careless) as client:
        client.shake_hands()
        client.get(made["path"])
        assert b"200 OK" in client.read_for(0.3)
    assert len(events(server.end("stranger"), "request")) == 1


def test_a_protocol_that_is_not_served_is_refused(server: MockServer) -> None:
    made = run_of(server, "single", "alpn")
    with (
        TlsClient(made["port"], context_for(server, alpn=["h3"])) as client,
        pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"),
    ):
        client.shake_hands()
    (failed,) = events(server.end("alpn"), "tls-failed")
    assert (failed["alert"], failed["by"]) == ("no_application_protocol", "server")


def test_plain_text_is_answered_in_plain_text(server: MockServer) -> None:
    made = run_of(server, "single", "plain")
    with socket.create_connection(("127.0.0.1", made["port"]), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        answer = b""
        while octets := sock.recv(4096):
            answer += octets
    assert answer.startswith(b"HTTP/1.1 400 ")
    transcript = server.end("plain")
    assert "plain text" in events(transcript, "tls-failed")[0]["reason"]
    assert events(transcript, "bad-request")[0]["status"] == 400
    assert not events(transcript, "request")


def test_what_is_no_handshake_ends(server: MockServer) -> None:
    made = run_of(server, "single", "junk")
    with socket.create_connection(("127.0.0.1", made["port"]), timeout=5) as sock:
        sock.sendall(b"\x16\x03\x01\x00\x04\x63\x00\x00\x00")  # of no known type
        answer = b""
        while octets := sock.recv(4096):
            answer += octets
        assert answer[:1] == b"\x15"  # an alert
    with socket.create_connection(("127.0.0.1", made["port"]), timeout=5) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")  # and no more of the hello
    time.sleep(0.1)
    transcript = server.end("junk")
    failed = events(transcript, "tls-failed")
    assert len(failed) == 2
    assert failed[0]["by"] == "server"
    assert "closed before" in failed[1]["reason"]
    assert failed[1]["alert"] is None


def test_a_handshake_has_its_time(server: MockServer) -> None:
    made = run_of(server, "single", "slow")
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", made["port"]), timeout=20) as sock:
        sock.sendall(b"\x16\x03\x01")
        with_end = sock.recv(1)
    assert with_end == b""
    assert 9.5 < time.monotonic() - started < 15
    assert "10 seconds" in events(server.end("slow"), "tls-failed")[0]["reason"]


def test_large_content_both_ways_and_a_slow_reader(server: MockServer) -> None:
    made = run_of(server, "large", "large")
    context = context_for(server)
    sock = socket.create_connection(("127.0.0.1", made["port"]), timeout=20)
    with context.wrap_socket(sock, server_hostname="localhost") as secured:
        head = f"PUT {made['path']} HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n"
        secured.sendall(head.encode() + b"x" * 10**6)
        time.sleep(0.5)
        data = b""
        while len(data.partition(b"\r\n\r\n")[2]) < 4 << 20:
            octets = secured.recv(1 << 16)
            assert octets
            data += octets
    transcript = server.end("large")
    assert events(transcript, "request-end")[0]["body_len"] == 10**6
    assert events(transcript, "blocked", "drained")


def test_on_the_shared_port(server: MockServer) -> None:
    port = server.ready["h1s"]["port"]
    with TlsClient(port, context_for(server)) as client:
        client.shake_hands()
        client.get("/single/by-hand")
        assert b"200 OK" in client.read_for(0.3)
    _, transcript = server.call("GET", "/runs/by-hand")
    assert names(transcript)[:3] == ["accept", "tls", "received"]
    assert (transcript["transport"], transcript["port"]) == ("h1s", port)
    with TlsClient(port, context_for(server)) as client:
        client.shake_hands()
        client.get("/plain-only/me")
        assert b"404" in client.read_for(0.3)


def test_http2_by_alpn(server: MockServer) -> None:
    made = server.run("single", "h2", transport="h2")
    with TlsClient(made["port"], context_for(server, alpn=["h2", "http/1.1"])) as client:
        client.shake_hands()
        assert client.tls.selected_alpn_protocol() == "h2"
    made = run_of(server, "single", "not-h2")
    with TlsClient(made["port"], context_for(server, alpn=["h2", "http/1.1"])) as client:
        client.shake_hands()
        assert client.tls.selected_alpn_protocol() == "http/1.1"
    server.end("h2")
    server.end("not-h2")


def test_nothing_that_clients_do_stops_it(server: MockServer) -> None:
    """Handshakes cut short or altered anywhere, and records of nonsense behind good ones."""
    chance = random.Random(102)
    made = run_of(server, "single", "chaos")
    context = context_for(server)
    hello_in, hello_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(hello_in, hello_out, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = hello_out.read()
    for _ in range(150):
        octets = bytearray(hello[: chance.randrange(1, len(hello) + 1)])
        for _ in range(chance.randrange(3)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        with socket.create_connection(("127.0.0.1", made["port"]), timeout=5) as sock:
            sock.sendall(octets)
    for _ in range(20):
        with TlsClient(made["port"], context) as client:
            client.shake_hands()
            client.sock.sendall(bytes([23, 3, 3, 0, 40]) + chance.randbytes(40))
            client.pump(0.05)
    with TlsClient(made["port"], context) as client:
        client.shake_hands()
        client.get(made["path"])
        assert b"200 OK" in client.read_for(1)
    transcript = server.end("chaos")
    assert events(transcript, "tls-failed")


def test_the_certificate_to_trust_is_a_file_while_it_runs(
    server: MockServer, tmp_path: Path
) -> None:
    with serving(tmp_path, {"single": SCRIPTS["single"]}) as other:
        path = Path(other.ready["ca_file"])
        assert path == tmp_path / "control.ca.pem"
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert b"PRIVATE" not in path.read_bytes()
        # Every server has an authority of its own.
        assert path.read_bytes() != Path(server.ready["ca_file"]).read_bytes()
    assert not path.exists()


def test_secrets_are_logged_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with serving(tmp_path, {"single": SCRIPTS["single"]}) as server:
        monkeypatch.delenv("SSLKEYLOGFILE")
        with TlsClient(server.ready["h1s"]["port"], context_for(server)) as client:
            client.shake_hands()
    labels = {line.split()[0] for line in log.read_text().splitlines() if line[:1] != "#"}
    assert {"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"} <= labels
