#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the mock server beside a bare libev program, in interleaved rounds.

Prints medians beside the goals. A missed goal is a figure, not a failure: the exit status is 1 only
when something did not work. See README.md in this folder.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

HERE = Path(__file__).resolve().parent
QUESTIONS = ("throughput", "lateness", "memory", "h2", "tls")
INTERIMS_OF_LATENESS = 3  # in scenarios/bench-lateness.yaml


class Malfunction(Exception):
    """Something did not work; the text says what."""


@dataclass(frozen=True)
class Throughput:
    per_second: float
    cpu_us: float  # processor time of the server per request


LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """In a child before it becomes its program: however the bench ends, nothing stays behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program that is stopped when it is no longer needed. Ours say one line of JSON when they
    are ready and end with their input; others just run."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self.name = Path(command[0]).name
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.popen = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        assert self.popen.stdout is not None
        os.set_blocking(self.popen.stdout.fileno(), False)
        self.pending = b""

    def line(self, seconds: float) -> dict[str, Any]:
        assert self.popen.stdout is not None
        until = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.popen.stdout], [], [], left)[0]:
                raise Malfunction(f"{self.name}: no line within {seconds:.0f} s{self.errors()}")
            piece = os.read(self.popen.stdout.fileno(), 65536)
            if not piece:
                raise Malfunction(f"{self.name}: ended without its line{self.errors()}")
            self.pending += piece
        line, self.pending = self.pending.split(b"\n", 1)
        return cast(dict[str, Any], json.loads(line))

    def errors(self) -> str:
        self.log.seek(0)
        text = self.log.read().decode(errors="replace").strip()
        return f"; it said: {text}" if text else ""

    def end_input(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.close()

    def stop(self) -> None:
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGTERM)
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
                self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout, self.log):
            if stream is not None:
                stream.close()

    def schedstat(self) -> tuple[int, int]:
        """Nanoseconds on a processor, and waiting for one."""
        on_cpu, waiting, _ = Path(f"/proc/{self.popen.pid}/schedstat").read_text().split()
        return int(on_cpu), int(waiting)

    def memory(self) -> tuple[int, int]:
        """Resident and proportional set size, in octets."""
        sizes = {}
        for line in Path(f"/proc/{self.popen.pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, size, _ = line.split()
            sizes[name] = int(size) * 1024
        return sizes["Rss:"], sizes["Pss:"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Server(Process):
    def __init__(self, build: Path, folder: Path, *options: str) -> None:
        self.control = str(folder / f"control-{time.monotonic_ns()}")
        catalogue = HERE / "scenarios"
        program = build / "release/mockserver"
        super().__init__([program, "--catalogue", catalogue, "--control", self.control, *options])
        self.ready = self.line(10)
        self.port = int(self.ready["h1"]["port"])

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        connection = UnixConnection(self.control)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status not in (200, 201):
            raise Malfunction(f"{method} {path}: {response.status} {text[:200]!r}")
        return cast(dict[str, Any], json.loads(text))

    def new_run(self, scenario: str, run: str) -> str:
        body = {"scenario": scenario, "run": run, "life_ms": 600_000}
        return str(self.ask("POST", "/runs", body)["path"])


@contextlib.contextmanager
def running(process: Process) -> Iterator[None]:
    try:
        yield
    finally:
        process.stop()


def load(arguments: argparse.Namespace, server: Process, port: int, path: str) -> Throughput:
    before, _ = server.schedstat()
    loader = Process(
        [arguments.build / "bench/load", str(port), path, "64", str(arguments.seconds)]
    )
    with running(loader):
        result = loader.line(arguments.seconds * 2 + 10)
    used = server.schedstat()[0] - before
    return Throughput(result["per_second"], used / 1000 / result["all_answers"])


def load_mockserver(arguments: argparse.Namespace, server: Server, run: str) -> Throughput:
    """One run per connection, so that none of their transcripts reaches its cap."""
    for i in range(64):
        server.new_run("bench-single", f"{run}{i}")
    result = load(arguments, server, server.port, f"/bench-single/{run}")
    for i in range(64):
        transcript = server.ask("DELETE", f"/runs/{run}{i}")
        if transcript.get("dropped_events", 0):
            raise Malfunction(f"run {run}{i} dropped events: use fewer --seconds")
    return result


def throughput(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Throughput]]:
    bare = Process([arguments.build / "bench/bare"])
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(bare))
        bare_port = int(bare.line(5)["port"])
        # Under the same scheduling as the bare program.
        off = Server(arguments.build, folder, "--no-realtime", "--no-transcripts")
        stack.enter_context(running(off))
        on = Server(arguments.build, folder, "--no-realtime")
        stack.enter_context(running(on))
        found: dict[str, list[Throughput]] = {"bare": [], "off": [], "on": []}
        for number in range(arguments.rounds):
            order = ["bare", "off", "on"]
            for which in order[number % 3 :] + order[: number % 3]:
                if which == "bare":
                    result = load(arguments, bare, bare_port, "/x")
                else:
                    server = off if which == "off" else on
                    result = load_mockserver(arguments, server, f"{which}{number}c")
                found[which].append(result)
            latest = ", ".join(f"{k} {v[-1].per_second:,.0f}/s" for k, v in found.items())
            print(f"  round {number + 1}: {latest}", flush=True)
    return found


def median(values: Sequence[Throughput], name: str) -> float:
    return statistics.median(cast(float, getattr(value, name)) for value in values)


def print_throughput(found: dict[str, list[Throughput]]) -> None:
    bare = found["bare"]
    goals = {"bare": "", "off": "goal >= 0.90", "on": "goal >= 0.85"}
    titles = {
        "bare": "bare libev program",
        "off": "mock server, transcripts off",
        "on": "mock server, transcripts on",
    }
    for which, values in found.items():
        pairs = list(zip(values, bare, strict=True))
        share = statistics.median(value.per_second / base.per_second for value, base in pairs)
        extra = statistics.median(value.cpu_us - base.cpu_us for value, base in pairs)
        print(
            f"{titles[which]:30} {median(values, 'per_second'):9,.0f} requests/s"
            f"   share {share:4.2f}   {median(values, 'cpu_us'):5.2f} us of processor time each"
            f" ({extra:+.2f})   {goals[which]}"
        )


H2_STREAMS = 100
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4" + bytes(5)


def h2_request(path: str, stream: int) -> bytes:
    """HEADERS that ask for a path: literals, without Huffman coding."""
    fields = {":method": "GET", ":scheme": "http", ":path": path, ":authority": "bench"}
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )
    return len(block).to_bytes(3, "big") + b"\1\5" + stream.to_bytes(4, "big") + block


def h2_load(arguments: argparse.Namespace, process: Process, url: str) -> Throughput:
    """h2load counts a response of 102 and 200 as one request, whatever it says of its status."""
    count = arguments.requests
    before, _ = process.schedstat()
    done = subprocess.run(
        ["h2load", "-n", str(count), "-c", "1", "-m", str(H2_STREAMS), url],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=end_with_parent,
    )
    used = process.schedstat()[0] - before
    rate = re.search(r"finished in [^,]*, ([0-9.]+) req/s", done.stdout)
    if rate is None or f"{count} succeeded" not in done.stdout:
        raise Malfunction(f"h2load: {done.stdout.strip()[-300:]} {done.stderr.strip()[-300:]}")
    return Throughput(float(rate[1]), used / 1000 / count)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def h2_throughput(arguments: argparse.Namespace, folder: Path) -> None:
    nghttpd = shutil.which("nghttpd") or shutil.which("nghttpd", path="/usr/sbin")
    if nghttpd is None or shutil.which("h2load") is None:
        print("h2: not measured; apt-get install nghttp2-client nghttp2-server")
        return
    (folder / "index.html").write_text("interimspec bench-single h2 start #0\n")
    port = free_port()
    other = Process([nghttpd, "--no-tls", "-n", "1", "-d", folder, str(port)])
    off = Server(arguments.build, folder, "--no-realtime", "--no-transcripts")
    on = Server(arguments.build, folder, "--no-realtime")
    found: dict[str, list[Throughput]] = {"nghttpd": [], "off": [], "on": []}
    with running(other), running(off), running(on):
        time.sleep(0.3)
        for number in range(arguments.rounds):
            run = f"h2-{number}"
            for server in (off, on):
                server.new_run("bench-single", run)
            found["nghttpd"].append(
                h2_load(arguments, other, f"http://127.0.0.1:{port}/index.html")
            )
            for name, server in (("off", off), ("on", on)):
                url = f"http://127.0.0.1:{server.port}/bench-single/{run}"
                found[name].append(h2_load(arguments, server, url))
                server.ask("DELETE", f"/runs/{run}")
    titles = {
        "nghttpd": "nghttpd, a 200 alone",
        "off": "mock server, h2, transcripts off",
        "on": "mock server, h2, transcripts on",
    }
    for which, values in found.items():
        print(
            f"{titles[which]:34} {median(values, 'per_second'):9,.0f} requests/s on one connection"
            f"   {median(values, 'cpu_us'):5.2f} us of processor time each"
        )


def h2_memory(arguments: argparse.Namespace, folder: Path) -> None:
    server = Server(arguments.build, folder, "--no-transcripts")
    count = arguments.connections // 50
    with running(server), contextlib.ExitStack() as stack:
        path = server.new_run("bench-waiting", "wait")
        clients = []
        before = server.memory()
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(H2_PREFACE)
            clients.append(client)
        time.sleep(0.5)
        idle = server.memory()
        for client in clients:
            client.sendall(b"".join(h2_request(path, 2 * i + 1) for i in range(H2_STREAMS)))
        time.sleep(1.0)
        busy = server.memory()
        for client in clients:
            interims = client.recv(1 << 16).count(b"102")
            if interims != H2_STREAMS:
                raise Malfunction(f"memory: {interims} interim responses, not {H2_STREAMS}")
    connection = (idle[0] - before[0]) / count
    stream = (busy[0] - idle[0]) / count / H2_STREAMS
    print(f"memory per connection at rest, h2: {connection:.0f} octets (Rss)")
    print(f"memory per waiting stream, h2: {stream:.0f} octets (Rss)")


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def lateness_of(transcript: dict[str, Any]) -> list[float]:
    late: list[float] = []
    for event in transcript["events"]:
        if event["event"] != "send":
            continue
        if "first" in event:
            late.extend(left - due for due, left in event["first"])
        else:
            late.append(event["left"] - event["due"])
    return sorted(late)


def lateness(arguments: argparse.Namespace, folder: Path, number: int) -> list[float]:
    server = Server(arguments.build, folder)
    count = arguments.connections
    with running(server):
        path = server.new_run("bench-lateness", "late")
        _, before = server.schedstat()
        waiters = Process(
            [arguments.build / "bench/waiters", str(server.port), path, str(count), "2"]
        )
        with running(waiters):
            waiters.line(60)
            result = waiters.line(60)
        waited = (server.schedstat()[1] - before) / 1e6
        transcript = server.ask("DELETE", "/runs/late")
    expected = {"interims": INTERIMS_OF_LATENESS * count, "finals": count, "closed": 0}
    if result != expected:
        raise Malfunction(f"lateness: the clients saw {result}, not {expected}")
    if transcript["dropped_events"]:
        raise Malfunction("lateness: the transcript dropped events")
    late = lateness_of(transcript)
    if len(late) != (INTERIMS_OF_LATENESS + 1) * count:
        raise Malfunction(f"lateness: {len(late)} sends in the transcript, not 4 x {count}")
    half, tail = percentile(late, 0.5), percentile(late, 0.99)
    print(
        f"  round {number + 1}: p50 {half:.3f} ms, p99 {tail:.3f} ms,"
        f" worst {late[-1]:.1f} ms; scheduling {server.ready['scheduling']}, in the run queue"
        f" {waited:.1f} ms in all",
        flush=True,
    )
    return late


def print_lateness(rounds: Sequence[list[float]], count: int) -> None:
    halves = [percentile(late, 0.5) for late in rounds]
    tails = [percentile(late, 0.99) for late in rounds]
    print(
        f"lateness of {4 * count:,} sends on {count:,} connections: "
        f"p50 {statistics.median(halves):.3f} ms (goal < 0.1), "
        f"p99 {statistics.median(tails):.3f} ms (goal < 2)"
    )


def memory(arguments: argparse.Namespace, folder: Path, title: str, *options: str) -> None:
    server = Server(arguments.build, folder, *options)
    count = arguments.connections
    with running(server):
        path = server.new_run("bench-waiting", "wait")
        before = server.memory()
        waiters = Process(
            [arguments.build / "bench/waiters", str(server.port), path, str(count), "2"]
        )
        with running(waiters):
            waiters.line(60)
            time.sleep(0.5)
            after = server.memory()
            waiters.end_input()
            result = waiters.line(10)
    if result != {"interims": count, "finals": 0, "closed": 0}:
        raise Malfunction(f"memory: the clients saw {result}, not {count} interim responses")
    rss, pss = ((after[i] - before[i]) / count for i in (0, 1))
    goal = "   goal < 1024" if "--no-transcripts" in options else ""
    print(f"memory per waiting connection, {title}: {rss:.0f} octets (Rss), {pss:.0f} (Pss){goal}")


def shake_hands(server: Server, context: ssl.SSLContext) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", server.ready["h1s"]["port"]), timeout=20)
    return context.wrap_socket(sock, server_hostname="localhost")


def tls(arguments: argparse.Namespace, folder: Path) -> None:
    """The client is as slow as Python; the processor time of the server is what counts."""
    server = Server(arguments.build, folder, "--no-transcripts")
    count = arguments.handshakes
    with running(server), contextlib.ExitStack() as stack:
        context = ssl.create_default_context(cafile=server.ready["ca_file"])
        shake_hands(server, context).close()
        memory, cpu, started = server.memory(), server.schedstat()[0], time.monotonic()
        for _ in range(count):
            stack.enter_context(shake_hands(server, context))
        seconds = time.monotonic() - started
        each = (server.schedstat()[0] - cpu) / count / 1000
        time.sleep(0.5)
        rss, pss = ((after - memory[i]) / count for i, after in enumerate(server.memory()))
    print(
        f"TLS 1.3 handshakes: {count / seconds:.0f}/s from one client, one after the other; "
        f"{each:.0f} us of the server's processor time each"
    )
    print(f"memory per idle TLS connection: {rss:.0f} octets (Rss), {pss:.0f} (Pss)")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=HERE / "../../build/mockserver")
    parser.add_argument("--rounds", type=int, default=15, help="of throughput (15)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of load per turn (0.5)")
    parser.add_argument("--lateness-rounds", type=int, default=3, help="of 10 s each (3)")
    parser.add_argument("--connections", type=int, default=10_000, help="that wait (10000)")
    parser.add_argument("--requests", type=int, default=20_000, help="per turn on h2 (20000)")
    parser.add_argument("--handshakes", type=int, default=2000, help="of TLS (2000)")
    parser.add_argument("--only", choices=QUESTIONS, action="append", default=[])
    return parser.parse_args()


def bench(arguments: argparse.Namespace, folder: Path) -> None:
    chosen = arguments.only or QUESTIONS
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}")
    if "throughput" in chosen:
        print_throughput(throughput(arguments, folder))
    if "lateness" in chosen:
        rounds = [lateness(arguments, folder, i) for i in range(arguments.lateness_rounds)]
        print_lateness(rounds, arguments.connections)
    if "memory" in chosen:
        memory(arguments, folder, "transcripts off", "--no-transcripts")
        memory(arguments, folder, "transcripts on")
    if "h2" in chosen:
        h2_throughput(arguments, folder)
        h2_memory(arguments, folder)
    if "tls" in chosen:
        tls(arguments, folder)


def stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, stop)  # so that what is running is stopped, and files removed
    with tempfile.TemporaryDirectory(prefix="interimspec-bench-") as folder:
        try:
            bench(arguments, Path(folder))
        except (Malfunction, OSError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
