# SPDX-License-Identifier: MIT
"""Runs, ports, pages, bad requests and bad options of the mock server, over real sockets."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_kit import (
    SINGLE,
    Client,
    MockServer,
    check_transcript,
    events,
    finish,
    names,
    serving,
    write_scenarios,
)

from interimspec import paths

SCRIPTS = {
    "single": SINGLE,
    "slow": """
  - respond: {status: 102}
  - sleep: 2s
  - respond: {status: 200}
""",
    "late-200": """
  - sleep: 60ms
  - respond: {status: 200}
""",
    "plain": """
  - respond: {status: 200}
""",
    "many": """params: {n: {default: 5, min: 1, max: 100}}
script:
  - respond: {status: 102}
    times: n
  - respond: {status: 200}
""",
    "h2-only": """transports: [h2]
script:
  - respond: {status: 200}
""",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    with serving(tmp_path_factory.mktemp("server"), SCRIPTS) as running:
        yield running


def test_ready_line(server: MockServer) -> None:
    ready = server.ready
    assert ready["ready"] is True
    assert ready["pid"] == server.process.pid
    assert ready["scenarios"] == len(SCRIPTS)
    assert len(set(ready["h1"]["ports"])) == 8
    assert ready["control"] == str(server.control)
    assert ready["scheduling"] in ("rr", "nice", "normal")
    assert ready["unread_check"] in ("netlink", "unknown")
    assert ready["limits"]["files"] >= 256
    assert ready["pace"] == 1


def test_both_loopback_addresses(server: MockServer) -> None:
    if not Path("/proc/net/if_inet6").exists() or not Path("/proc/net/if_inet6").read_text():
        pytest.skip("this host has no IPv6")
    port = server.run("single", "v6")["port"]
    with Client(port, "::1") as client:
        client.get("/single/v6")
        client.read_until(b"single v6 start #0\n")
    assert events(server.end("v6"), "accept")[0]["peer"].startswith("[::1]:")


def test_catalogue_page_and_call(server: MockServer) -> None:
    head, content = server.get("/")
    assert b"Content-Type: text/html" in head
    for name in SCRIPTS:
        assert f'href="/{name}/me"'.encode() in content
    status, listed = server.call("GET", "/catalogue")
    assert status == 200
    assert [entry["id"] for entry in listed] == sorted(SCRIPTS)
    many = next(entry for entry in listed if entry["id"] == "many")
    assert many["params"] == {"n": {"default": 5, "min": 1, "max": 100}}
    head, content = server.get("/many")
    assert b"?n=5" in content


def test_unknown_path_names_the_nearest(server: MockServer) -> None:
    head, content = server.get("/singel/me")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert content.index(b"/single/<run>") < content.index(b"/slow/<run>")
    head, content = server.get("/<script>/me")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"Content-Type: text/plain" in head
    head, _ = server.get("/h2-only/me")
    assert head.startswith(b"HTTP/1.1 404 ")
    head, _ = server.get("/single/bad+name")
    assert head.startswith(b"HTTP/1.1 404 ")


def test_posting_runs(server: MockServer) -> None:
    def error(status: int, **order: object) -> str:
        got, answer = server.call("POST", "/runs", order)
        assert got == status, answer
        return str(answer["error"])

    assert "scenario is missing" in error(400)
    assert "no scenario" in error(404, scenario="nothing")
    assert "not for h1" in error(400, scenario="h2-only", transport="h1")
    assert "1 to 100" in error(400, scenario="many", params={"n": 101})
    assert "no parameter m" in error(400, scenario="many", params={"m": 1})
    assert "integer" in error(400, scenario="many", params={"n": "x"})
    assert "unknown member" in error(400, scenario="many", prots=True)
    assert "h3 " in error(400, scenario="single", transport="h3").replace('"', " ")
    assert "letters" in error(400, scenario="single", run="a/b")
    assert "life_ms" in error(400, scenario="single", life_ms=0)
    server.run("single", "twice", port=False)
    assert "exists" in error(409, scenario="single", run="twice")
    server.end("twice")
    assert "not used again" in error(409, scenario="single", run="twice")
    status, made = server.call("POST", "/runs", {"scenario": "single"})
    assert status == 201
    assert re.fullmatch(r"r[0-9a-f]{10}", made["run"])
    assert made["port"] == server.port
    assert made["url"] == f"http://127.0.0.1:{server.port}/single/{made['run']}"
    server.end(made["run"])


def test_control_refuses_what_it_does_not_know(server: MockServer) -> None:
    assert server.call("GET", "/nothing")[0] == 404
    assert server.call("GET", "/runs/nothing")[0] == 404
    assert server.call("PUT", "/runs")[0] == 405
    assert server.call("DELETE", "/runs/nothing")[0] == 404
    for body in (b"{", b"[]", b"nonsense", b'{"scenario": {"a": 1}}', b"\xff\xfe", b'{"run": []}'):
        request = b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert b" 400 " in raw_control(server, request + body).split(b"\r\n")[0]
    too_long = b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999
    assert b" 413 " in raw_control(server, too_long).split(b"\r\n")[0]
    assert b" 400 " in raw_control(server, b"rubbish\r\n\r\n").split(b"\r\n")[0]
    status = server.call("GET", "/status")[1]
    assert status["accepting"] is True
    assert status["cpu_ms"] > 0


def raw_control(server: MockServer, octets: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(server.control))
        sock.sendall(octets)
        return sock.recv(65536)


def test_summary_and_transcript_of_a_live_run(server: MockServer) -> None:
    port = server.run("slow", "live")["port"]
    assert server.call("GET", "/runs/live?summary")[1] == {
        "requests": 0,
        "probe_requests": 0,
        "connections": 0,
        "last_request_at": None,
    }
    with Client(port) as client:
        client.get("/slow/live")
        client.read_until(b"102 Processing\r\n\r\n")
        client.get("/slow/live/probe")
        time.sleep(0.05)
        summary = server.call("GET", "/runs/live?summary")[1]
        assert (summary["requests"], summary["probe_requests"]) == (2, 1)
        assert abs(summary["last_request_at"] - time.time() * 1000) < 2000
        transcript = server.call("GET", "/runs/live")[1]
        check_transcript(transcript)
        assert not transcript["complete"]
        assert "send" in names(transcript)
        begun = time.monotonic()
        assert server.end("live")["complete"]
        assert time.monotonic() - begun < 0.3
        assert client.read_to_end(1) == "fin"


def test_ended_runs_are_gone_and_late_requests_counted(server: MockServer) -> None:
    server.run("single", "gone", port=False)
    server.end("gone")
    before = server.call("GET", "/status")[1]["late_requests"]
    head, content = server.get("/single/gone")
    assert head.startswith(b"HTTP/1.1 410 Gone")
    assert b"gone has ended" in content
    assert server.call("GET", "/status")[1]["late_requests"] == before + 1
    status, answer = server.call("DELETE", "/runs/gone")
    assert status == 410
    assert "1 requests" in answer["error"]


def test_end_reads_what_was_received(server: MockServer) -> None:
    """A client's last octets and its FIN count, even when they came a moment before the end."""
    port = server.run("single", "last")["port"]
    client = Client(port)
    client.get("/single/last")
    client.read_until(b"start #0\n")
    client.send(b"GET /single/last/probe HTTP/1.1\r\n")
    client.close()
    transcript = server.end("last")
    assert events(transcript, "client-fin", "client-rst")
    assert len(events(transcript, "received")) == 2


def test_ports_are_leased_to_one_run(server: MockServer) -> None:
    runs = [server.run("single", f"lease-{number}") for number in range(8)]
    assert len({run["port"] for run in runs}) == 8
    status, answer = server.call("POST", "/runs", {"scenario": "single", "port": True})
    assert status == 503
    assert "--ports" in answer["error"]
    for number, run in enumerate(runs):
        with Client(run["port"]) as client:
            client.get(f"/single/lease-{number}")
            client.read_until(f"lease-{number} start #0\n".encode())
    ended = [server.end(f"lease-{number}") for number in range(8)]
    assert all(len(events(transcript, "accept")) == 1 for transcript in ended)
    again = server.run("single", "again")
    # The port that has rested for longest.
    assert again["port"] == runs[0]["port"]
    assert names(server.end("again")) == []


def test_a_leased_port_takes_any_target(server: MockServer) -> None:
    port = server.run("plain", "proxy")["port"]
    for request in (
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://www.example/some/where HTTP/1.1\r\nHost: www.example\r\n\r\n",
        b"GET http://127.0.0.1:1/plain/proxy/probe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with Client(port) as client:
            client.send(request)
            client.read_until(b"\r\n\r\n")
    requests = events(server.end("proxy"), "request")
    assert [event["resource"] for event in requests] == ["start", "start", "probe", None]


def test_connect_makes_a_tunnel(server: MockServer) -> None:
    port = server.run("single", "tunnel")["port"]
    with Client(port) as client:
        client.send(b"CONNECT www.example:80 HTTP/1.1\r\nHost: www.example:80\r\n\r\n")
        client.read_until(b" 200 OK\r\n\r\n")
        assert b"Content-Length" not in client.data
        client.get("/single/tunnel/probe")
        client.read_until(b"single tunnel probe #1\n")
    transcript = server.end("tunnel")
    assert events(transcript, "tunnel")
    assert [event["method"] for event in events(transcript, "request")] == ["CONNECT", "GET"]


def test_upgrade_is_ignored(server: MockServer) -> None:
    port = server.run("single", "upgrade")["port"]
    with Client(port) as client:
        client.get(
            "/single/upgrade",
            *("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
        )
        client.read_until(b"single upgrade start #0\n")
        client.get("/single/upgrade")
        client.read_until(b"single upgrade start #1\n")
    assert len(events(server.end("upgrade"), "upgrade-ignored")) == 1


@pytest.mark.parametrize(
    ("octets", "status", "reason"),
    [
        (b"QUERY / HTTP/1.1\r\nHost: x\r\n\r\n", 501, "unknown method"),
        (b"nonsense\r\n\r\n", 400, "not a request line"),
        (b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400, ""),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, ""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/2"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70000 + b"\r\n\r\n", 431, "large"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_bad_requests(
    server: MockServer, octets: bytes, status: int, reason: str, whole: bool
) -> None:
    run = f"bad-{status}-{abs(hash(octets))}-{whole}"
    port = server.run("single", run)["port"]
    with Client(port) as client:
        step = len(octets) if whole else max(1, len(octets) // 40)
        try:
            for start in range(0, len(octets), step):
                client.send(octets[start : start + step])
        except ConnectionError:
            assert status == 431  # refused before its end
        assert client.read_to_end() in ("fin", "rst")
        assert client.data.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nConnection: close\r\n" in client.data
    bad = events(server.end(run), "bad-request")[0]
    assert bad["status"] == status
    assert reason in bad["reason"]
    assert (bad.get("method") == "QUERY") == (status == 501)


def test_bad_request_waits_for_its_turn(server: MockServer) -> None:
    port = server.run("late-200", "order")["port"]
    with Client(port) as client:
        client.send(b"GET /late-200/order HTTP/1.1\r\nHost: x\r\n\r\nFOO / HTTP/1.1\r\n\r\n")
        assert client.read_to_end() == "fin"
        assert client.data.index(b" 200 OK") < client.data.index(b" 501 Not Implemented")
    server.end("order")


def test_tls_hello_is_named(server: MockServer) -> None:
    port = server.run("single", "tls")["port"]
    with Client(port) as client:
        client.send(bytes.fromhex("16030100c8010000c40303") + bytes(40))
        assert client.read_to_end() == "fin"
        assert client.data == b""
    transcript = server.end("tls")
    assert "TLS" in events(transcript, "tls-hello")[0]["reason"]


def test_http_1_0_gets_no_interim_response(server: MockServer) -> None:
    port = server.run("single", "old")["port"]
    with Client(port) as client:
        client.get("/single/old", version="1.0")
        assert client.read_to_end() == "fin"
        assert client.data.startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        assert client.data.endswith(b"single old start #0\n")
    transcript = server.end("old")
    assert events(transcript, "http10")
    assert events(transcript, "request")[0]["version"] == "1.0"
    port = server.run("plain", "old-plain")["port"]
    with Client(port) as client:
        client.get("/plain/old-plain", "Connection: keep-alive", version="1.0")
        client.read_until(b"start #0\n")
    assert not events(server.end("old-plain"), "http10")


def test_a_connection_that_serves_two_runs(server: MockServer) -> None:
    server.run("single", "mix-a", port=False)
    server.run("single", "mix-b", port=False)
    with Client(server.port) as client:
        client.get("/single/mix-a")
        client.read_until(b"mix-a start #0\n")
        client.get("/single/mix-b")
        client.read_until(b"mix-b start #0\n")
    for run in ("mix-a", "mix-b"):
        transcript = server.end(run)
        assert events(transcript, "mixed-runs")
        assert len(events(transcript, "request")) == 1


def test_what_came_before_the_first_request_is_kept(server: MockServer) -> None:
    server.run("single", "early", port=False)
    with Client(server.port) as client:
        time.sleep(0.03)
        for octet in b"\r\nGET /single/early HTTP/1.1\r\nHost: x\r\n\r\n":
            client.send(bytes([octet]))
            time.sleep(0.001)
        client.read_until(b"early start #0\n")
    transcript = server.end("early")
    received = events(transcript, "received")
    text = "".join(event["bytes"] for event in received)
    assert text == "\r\nGET /single/early HTTP/1.1\r\nHost: x\r\n\r\n"
    assert len(received) > 20
    assert events(transcript, "accept")[0]["t"] <= received[0]["t"] <= received[-1]["t"]
    assert events(transcript, "request")[0]["offset"] == 2
    assert events(transcript, "request")[0]["t"] == received[-1]["t"]


def test_a_run_ends_with_its_life(server: MockServer) -> None:
    server.run("single", "short", port=False, life_ms=80)
    time.sleep(0.3)
    assert server.call("GET", "/runs/short")[0] == 410


def test_a_waiting_caller_may_leave(server: MockServer) -> None:
    port = server.run("slow", "left")["port"]
    with Client(port) as client:
        client.get("/slow/left")
        client.read_until(b"102 Processing\r\n\r\n")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(server.control))
            sock.sendall(b"DELETE /runs/left HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.01)
        assert client.read_to_end(1) == "fin"
    assert server.call("GET", "/runs/left")[0] == 410


def test_no_transcripts(tmp_path: Path) -> None:
    with serving(tmp_path, SCRIPTS, "--no-transcripts") as quiet:
        port = quiet.run("single", "quiet")["port"]
        with Client(port) as client:
            client.get("/single/quiet")
            client.read_until(b"quiet start #0\n")
        transcript = quiet.end("quiet")
        assert transcript["events"] == []
        assert transcript["complete"] is False


def test_live_transcript(tmp_path: Path) -> None:
    with serving(tmp_path, SCRIPTS, "--transcript") as live, Client(live.port) as client:
        client.get("/single/me")
        client.read_until(b"me start #0\n")
        log = (tmp_path / "log").read_text()
    assert "single/me" in log
    assert '"HTTP/1.1 102 Processing\\r\\n' in log
    assert '"GET /single/me' in log


def test_out_of_descriptors_accepting_pauses(tmp_path: Path) -> None:
    script = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60));"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    catalogue = write_scenarios(tmp_path, {"single": SINGLE})
    command = [
        *("python3", "-c", script, str(paths.server_binary()), "--catalogue", str(catalogue)),
        *("--ports", "2", "--no-realtime"),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        port = int(re.findall(rb'"port":(\d+)', line)[0])
        clients = [Client(port) for _ in range(70)]
        time.sleep(0.1)
        before = os.times()
        used = cpu_seconds(process.pid)
        time.sleep(0.5)
        assert cpu_seconds(process.pid) - used < 0.1, "it spins"
        assert os.times().elapsed > before.elapsed
        last = clients.pop()
        for client in clients:
            client.close()
        last.get("/single/me")
        last.read_until(b"me start #0\n")
        last.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert b"accepting pauses" in process.stderr.read()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_bad_options_and_files(tmp_path: Path) -> None:
    good = write_scenarios(tmp_path, {"single": SINGLE})
    for args, message in (
        (["--pace", "0"], "--pace 0"),
        (["--ports", "x"], "--ports x"),
        (["--listen", "nowhere:1"], "not an IPv4"),
        (["--listen", "127.0.0.1:99999"], "--listen"),
        (["--nonsense"], "unknown option --nonsense"),
        (["--pace"], "--pace needs a value"),
        (["more"], "unexpected argument more"),
    ):
        done = finish("--catalogue", str(good), *args)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stdout == ""
    bad = tmp_path / "bad.yaml"
    bad.write_text("id: bad\nsript: []\n")
    done = finish("--catalogue", str(tmp_path), "--check")
    assert done.returncode == 2
    assert re.search(r"bad\.yaml:2:\d+: ", done.stderr)
    bad.unlink()
    assert finish("--catalogue", str(tmp_path), "--check").returncode == 0
    assert finish("--version").stdout.startswith("mockserver ")
    assert "--catalogue" in finish("--help").stdout


def test_taken_ports_and_paths(tmp_path: Path) -> None:
    catalogue = write_scenarios(tmp_path, {"single": SINGLE}) / "single.yaml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = finish("--catalogue", str(catalogue), "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    (tmp_path / "file").write_text("mine")
    done = finish("--catalogue", str(catalogue), "--control", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "no socket" in done.stderr
    assert (tmp_path / "file").read_text() == "mine"
    done = finish("--catalogue", str(catalogue), "--control", str(tmp_path / ("x" * 120)))
    assert done.returncode == 2
    assert "too long" in done.stderr
    folder = tmp_path / "more"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "control"))
    with serving(folder, catalogue) as live:
        done = finish("--catalogue", str(catalogue), "--control", str(live.control))
        assert done.returncode == 2
        assert "another server listens there" in done.stderr
        assert live.call("GET", "/status")[0] == 200


def test_a_ready_line_that_cannot_be_written_ends_the_server() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [paths.server_binary(), "--ports", "0", "--catalogue", str(paths.SCENARIOS)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            check=False,
        )
    assert (ended.returncode, "ready line" in ended.stderr) == (2, True)
