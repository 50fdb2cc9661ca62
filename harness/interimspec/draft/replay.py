# SPDX-License-Identifier: MIT
"""What the server sent in one case, as a Python script of plain sockets.

It plays the octets of the recorded exchange to every request for `/`, at the recorded times, and
answers every other request with a 200 that names it; so an answer that a client takes for that of
another request is seen for what it is. On HTTP/2 without TLS (prior knowledge) it plays the frames
of the first stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

DEFAULT_PORT = 8102
_OCTETS_LIMIT = 16_000  # more is no reading matter
_LINE = 72
_FIRST_STREAM = 1
_SETTINGS_ACK = b"\0\0\0\x04\x01\0\0\0\0"


@dataclass(frozen=True)
class Step:
    after_ms: float  # since the request, or since the connection was opened
    octets: bytes
    times: int = 1


@dataclass(frozen=True)
class Replay:
    """What was sent to the first request."""

    greeting: tuple[Step, ...]  # before any request
    steps: tuple[Step, ...]
    end: str  # "", "fin" or "rst"
    end_after_ms: float
    http2: bool = False


class NoReplay(Exception):
    """Why a case cannot be played by a script; the text is for the report."""


def replay_of(transcript: Json) -> Replay:
    """The first exchange of a case, as it was played. NoReplay where a script would not do."""
    if transcript.get("transport") not in ("h1", "h2c"):
        raise NoReplay("It was found over TLS, which plain sockets do not speak; interimspec does.")
    http2 = transcript["transport"] == "h2c"
    events = list(transcript.get("events") or ())
    first = next((event for event in events if event.get("event") == "turn"), None)
    if first is None:
        raise NoReplay("No request came, so there is nothing to answer.")
    conn, exchange, turn = first.get("conn"), first.get("exchange"), float(first["t"])
    mine = [event for event in events if event.get("conn") == conn]
    if any(event.get("event") in ("tunnel", "tls") for event in mine):
        raise NoReplay("It needs a proxy and a tunnel, which interimspec plays.")
    opened = next((float(e["t"]) for e in mine if e.get("event") == "accept"), turn)
    greeting: list[Step] = []
    steps: list[Step] = []
    for event in mine:
        if event.get("event") != "send":
            continue
        if event.get("exchange") == exchange:
            if http2 and event.get("stream") != _FIRST_STREAM:
                raise NoReplay("Its frames are for a stream that the next client may not use.")
            steps.append(_step(event, turn))
        elif event.get("exchange") is None and float(event["t"]) <= turn:
            step = _step(event, opened)
            if step.octets != _SETTINGS_ACK:  # which the script sends when it is due
                greeting.append(step)
    steps = _joined(steps)
    total = sum(len(step.octets) for step in (*greeting, *steps))
    if total > _OCTETS_LIMIT:
        raise NoReplay(f"Its {total} octets are too many to print; interimspec plays them.")
    how, at = _ending(mine, exchange, turn)
    return Replay(tuple(greeting), tuple(steps), how, at, http2)


def _step(event: Json, since: float) -> Step:
    times = int(event.get("times") or 1)
    octets = str(event.get("bytes") or "").encode("latin-1")
    length = int(event.get("unit_len") or event.get("len") or 0) if times > 1 else event.get("len")
    if len(octets) != length:
        raise NoReplay("It has too many octets to print; interimspec plays them.")
    due = event.get("due")
    at = float(due if isinstance(due, int | float) else event["t"])
    return Step(max(0.0, at - since), octets, times)


def _joined(steps: list[Step]) -> list[Step]:
    """What was due at once left in one write, and a client may well see it in one read."""
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if last and last.after_ms == step.after_ms and last.times == step.times == 1:
            found[-1] = Step(last.after_ms, last.octets + step.octets)
        else:
            found.append(step)
    return found


def _ending(mine: list[Json], exchange: object, turn: float) -> tuple[str, float]:
    """How the server ended the connection, if it did before another request had its turn."""
    for event in mine:
        if event.get("event") == "turn" and event.get("exchange") != exchange:
            return "", 0.0
        if event.get("event") in ("client-fin", "client-rst"):
            return "", 0.0
        if event.get("event") == "close" and event.get("by") == "server":
            return str(event.get("how")), max(0.0, float(event["t"]) - turn)
    return "", 0.0


def script_of(replay: Replay, title: str) -> str:
    """`title` says in a sentence what is played."""
    settings = [
        "# (seconds, octets): sent so long after a connection is opened, before any request",
        "GREETING = " + _listed(replay.greeting),
        "# (seconds, octets): sent so long after the request has come",
        "ANSWER = " + _listed(replay.steps),
        f"END = {replay.end!r}  # how the server then ends the connection; '': it does not",
        f"END_AFTER = {_seconds(replay.end_after_ms)}",
    ]
    about = title.replace("\\", "/").replace('"""', "'''")
    script = _SCRIPT.replace("@SERVE@", _SERVE_2 if replay.http2 else _SERVE_1)
    return script.replace("@ABOUT@", about).replace("@SETTINGS@", "\n".join(settings))


def _seconds(ms: float) -> str:
    return f"{round(ms) / 1000:g}"


def _listed(steps: tuple[Step, ...]) -> str:
    if not steps:
        return "[]"
    lines = []
    for step in steps:
        pieces = _literals(step.octets)
        octets = pieces[0] if len(pieces) == 1 else "(" + "\n      ".join(pieces) + ")"
        times = f" * {step.times}" if step.times > 1 else ""
        lines.append(f"    ({_seconds(step.after_ms)}, {octets}{times}),")
    return "[\n" + "\n".join(lines) + "\n]"


def _literals(octets: bytes) -> list[str]:
    """A line of the message to a line of the script, as far as lines are short."""
    pieces: list[str] = []
    for line in octets.splitlines(keepends=True) or [b""]:
        pieces += [repr(line[at : at + _LINE]) for at in range(0, len(line), _LINE)] or ["b''"]
    return pieces


_SCRIPT = '''#!/usr/bin/env python3
"""@ABOUT@

Plays what is in ANSWER to each request for `/` (on HTTP/2: on stream 1), and answers every other
request with a 200 that names it. Start it, then ask for http://127.0.0.1:8102/ and then for
http://127.0.0.1:8102/next.
"""
import socket
import struct
import sys
import threading
import time

@SETTINGS@
STARTED = time.monotonic()


def say(number, text):
    print(f"{time.monotonic() - STARTED:8.3f} s  connection {number}  {text}", flush=True)


def send(number, client, steps, since):
    for after, octets in steps:
        time.sleep(max(0.0, since + after - time.monotonic()))
        client.sendall(octets)
        shown = repr(octets[:200])[1:] + ("..." if len(octets) > 200 else "")
        say(number, f"sent {len(octets)} octets: {shown}")


@SERVE@


def connection(number, client):
    try:
        serve(number, client)
    except (OSError, ValueError) as error:
        say(number, f"ended: {error}")


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8102
    with socket.create_server(("127.0.0.1", port)) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}/ (Ctrl-C stops)", flush=True)
        for number in range(1, 1000):
            client, _ = server.accept()
            threading.Thread(target=connection, args=(number, client), daemon=True).start()


try:
    main()
except KeyboardInterrupt:
    pass
'''

_SERVE_1 = '''def read_request(reader):
    """The request line, whether the connection ends after the answer, and what is left to read."""
    line = reader.readline()
    fields = {}
    while line and (field := reader.readline().strip()):
        name, _, value = field.partition(b":")
        fields[name.lower()] = value.strip().lower()
    last = fields.get(b"connection") == b"close" or b"HTTP/1.0" in line
    return line.decode("latin-1").strip(), last, fields


def read_content(number, reader, fields):
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        while (size := int(reader.readline().split(b";")[0] or b"0", 16)) > 0:
            reader.read(size + 2)
        reader.readline()
    elif content := reader.read(int(fields.get(b"content-length", 0))):
        say(number, f"content of the request: {repr(content[:200])[1:]}")


def serve(number, client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = client.makefile("rb")
    say(number, "opened")
    send(number, client, GREETING, time.monotonic())
    while True:
        line, last, fields = read_request(reader)
        if not line:
            break
        began = time.monotonic()
        say(number, f"request {line}")
        if len(line.split()) != 3:
            say(number, "that is no request line")
            break
        method, target = line.split()[:2]
        if target == "/":
            send(number, client, ANSWER, began)
            if END:
                time.sleep(max(0.0, began + END_AFTER - time.monotonic()))
                if END == "rst":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                break
            read_content(number, reader, fields)
        else:
            read_content(number, reader, fields)
            content = f"This is the answer to {method} {target}.\\n".encode()
            head = f"HTTP/1.1 200 OK\\r\\nContent-Length: {len(content)}\\r\\n\\r\\n".encode()
            if method == "HEAD":
                content = b""
            send(number, client, [(0, head + content)], began)
            if last:
                break
    if END != "rst":
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    reader.close()
    client.close()
    say(number, "closed")'''

_SERVE_2 = """def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def serve(number, client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = client.makefile("rb")
    say(number, "opened")
    send(number, client, GREETING, time.monotonic())
    reader.read(24)  # the preface, PRI * HTTP/2.0
    while len(head := reader.read(9)) == 9:
        began = time.monotonic()
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        payload = reader.read(int.from_bytes(head[:3], "big"))
        if kind == 4 and not flags & 1:  # SETTINGS
            client.sendall(frame(4, 1, 0))
        elif kind == 6 and not flags & 1:  # PING
            client.sendall(frame(6, 1, 0, payload))
        elif kind in (3, 7):  # RST_STREAM, GOAWAY
            say(number, f"received {'RST_STREAM' if kind == 3 else 'GOAWAY'}, stream {stream}")
        elif kind == 1:  # HEADERS
            say(number, f"request on stream {stream}")
            if stream == 1:
                send(number, client, ANSWER, began)
                if END:
                    time.sleep(max(0.0, began + END_AFTER - time.monotonic()))
                    break
            else:
                content = f"This is the answer to the request on stream {stream}.\\n".encode()
                answer = frame(1, 4, stream, bytes([0x88])) + frame(0, 1, stream, content)
                send(number, client, [(0, answer)], began)
    reader.close()
    client.close()
    say(number, "closed")"""
