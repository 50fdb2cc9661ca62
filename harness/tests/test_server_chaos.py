# SPDX-License-Identifier: MIT
"""Clients that do anything at any time, while runs are made and ended: the server goes on."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from pathlib import Path

from server_kit import Client, MockServer, serving
from test_server_exchanges import SCRIPTS

SECONDS = 2.0
THREADS = 8


def disturb(server: MockServer, seed: int, until: float) -> None:
    dice = random.Random(seed)
    number = 0
    while time.monotonic() < until:
        number += 1
        scenario = dice.choice(list(SCRIPTS))
        run = f"chaos-{seed}-{number}"
        port = server.port
        if dice.random() < 0.6:
            status, made = server.call(
                "POST", "/runs", {"scenario": scenario, "run": run, "port": dice.random() < 0.7}
            )
            assert status in (201, 503), made
            port = made.get("port", port)
        with contextlib.suppress(OSError):
            misbehave(dice, port, scenario, run)
        if dice.random() < 0.9:
            status, transcript = server.call("DELETE", f"/runs/{run}")
            assert status in (200, 404), transcript
            assert status == 404 or transcript["complete"]


def misbehave(dice: random.Random, port: int, scenario: str, run: str) -> None:
    requests = [
        f"GET /{scenario}/{run} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"HEAD /{scenario}/{run}/moved HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /{scenario}/{run}/probe?n=3 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"POST /{scenario}/{run} HTTP/1.1\r\nContent-Length: 8\r\n\r\nabcd",
        f"POST /{scenario}/{run} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
        "0\r\n\r\n",
        f"GET /{scenario}/{run} HTTP/1.0\r\n\r\n",
        f"GET /{scenario}/other-{run} HTTP/1.1\r\nConnection: close\r\n\r\n",
        f"CONNECT {scenario}:80 HTTP/1.1\r\n\r\n",
        "QUERY / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01",
        "abcd",
    ]
    with Client(port) as client:
        for _ in range(dice.randint(0, 5)):
            data = dice.choice(requests).encode("latin-1")
            cut = dice.randint(0, len(data))
            client.send(data[:cut])
            if dice.random() < 0.5:
                client.read_once(dice.random() * 0.02)
            client.send(data[cut:])
            client.read_once(dice.random() * 0.05)
        how = dice.random()
        if how < 0.3:
            linger = struct.pack("ii", 1, 0)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif how < 0.6:
            client.sock.shutdown(socket.SHUT_WR)
            client.read_once(0.02)


def test_the_server_survives_its_clients(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    with serving(tmp_path, SCRIPTS) as server:
        until = time.monotonic() + SECONDS

        def work(seed: int) -> None:
            try:
                disturb(server, seed, until)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 30)
        assert not failures, failures[0]
        with Client(server.port) as client:
            client.get("/single/after")
            client.read_until(b"single after start #0\n")
        assert server.call("GET", "/status")[1]["connections"] > THREADS
