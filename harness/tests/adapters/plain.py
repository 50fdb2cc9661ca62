"""A well-behaved client on raw sockets: skips every interim response, one connection per plan.

Words on the command line make it misbehave in one way; the tests say which.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse

WORDS = sys.argv[1:]
OUT = open(os.environ["INTERIMSPEC_OUT"], "w")  # noqa: PTH123, SIM115


def put(**event):
    OUT.write(json.dumps({"v": 1, **event}) + "\n")
    OUT.flush()


def now():
    return time.time() * 1000


class Connection:
    def __init__(self, host, port, timeout):
        self.socket = socket.create_connection((host, port), timeout=2)
        self.socket.settimeout(timeout)
        self.data = b""

    def more(self):
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("closed by the server")
        self.data += got

    def head(self):
        while b"\r\n\r\n" not in self.data:
            self.more()
        text, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        if not version.startswith("HTTP/1.") or not status.isdigit() or len(status) != 3:
            raise ValueError(f"not a status line: {lines[0]!r}")
        fields = [[n.strip(), v.strip()] for n, v in (line.split(":", 1) for line in lines[1:])]
        return int(status), "".join(reason), fields

    def body(self, length):
        while len(self.data) < length:
            self.more()
        body, self.data = self.data[:length], self.data[length:]
        return body


def play(plan):
    connection = None
    first = time.monotonic()
    for request in plan["requests"]:
        wait = request.get("not_before_ms", 0) / 1e3 - (time.monotonic() - first)
        if wait > 0:
            time.sleep(wait)
        started = now()
        same = {"plan": plan["plan"], "request": request["name"]}
        timers = {**plan["timers"], **request.get("timers", {})}
        error = None
        body = b""
        try:
            url = urllib.parse.urlsplit(request["url"])
            if connection is None:
                connection = Connection(url.hostname, url.port, timers.get("total_ms", 10000) / 1e3)
            connection.socket.settimeout(timers.get("total_ms", 10000) / 1e3)
            sent = base64.b64decode(request.get("body_b64") or "")
            head = f"{request['method']} {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            for name, value in request.get("headers", []):
                head += f"{name}: {value}\r\n"
            if sent:
                head += f"Content-Length: {len(sent)}\r\n"
            connection.socket.sendall(head.encode() + b"\r\n" + sent)
            status, reason, fields = connection.head()
            while 100 <= status < 200 and not ("takes-102" in WORDS and status == 102):
                put(event="interim", **same, at=now(), status=status, fields=fields)
                status, reason, fields = connection.head()
            put(event="response", **same, at=now(), status=status, reason=reason, fields=fields)
            length = next((int(v) for n, v in fields if n.lower() == "content-length"), 0)
            body = connection.body(length if request["method"] != "HEAD" else 0)
        except Exception as caught:
            kind = "timeout" if isinstance(caught, TimeoutError) else "closed"
            if isinstance(caught, ValueError):
                kind = "protocol"
            error = {"kind": kind, "type": type(caught).__name__, "message": str(caught)}
            if connection is not None:
                connection.socket.close()
            connection = None
        put(
            event="end",
            **same,
            started=started,
            at=now(),
            told="failed" if error else "ok",
            body_b64=base64.b64encode(body).decode(),
            body_len=len(body),
            body_sha256=None,
            error=error,
        )
    if connection is not None:
        connection.socket.close()
    put(event="done", plan=plan["plan"])


def main():
    if "no-hello" in WORDS:
        sys.exit("no hello today")
    print("hello on stdout is not an event")
    put(
        event="hello",
        client="plain",
        version="1.0",
        stack=[{"name": "python", "version": "3"}],
        can={
            "http": ["1.1"],
            "timers": ["connect_ms", "read_ms", "total_ms"],
            "second_request": "pooled",
            "not_before": True,
            "interim": "fields",
            "phases": True,
        },
    )
    for line in sys.stdin:
        plan = json.loads(line)
        scenario = urllib.parse.urlsplit(plan["requests"][0]["url"]).path.split("/")[1]
        special = scenario != "no-interim"  # the warm-up stays clean
        if special and "hang" in WORDS:
            time.sleep(600)
        if special and "dies" in WORDS:
            os.kill(os.getpid(), 11)
        if special and "exits" in WORDS:
            sys.exit(7)
        if special and "floods" in WORDS:
            while True:
                OUT.write("x" * 100000 + "\n")
        if special and "chatters" in WORDS:
            for _ in range(200):
                print("y" * 10000)
                print("z" * 10000, file=sys.stderr)
        if special and "forks" in WORDS:
            subprocess.Popen(
                [sys.executable, "-c", "import time; time.sleep(600)", WORDS[-1]],
                start_new_session=True,
            )
            sys.exit(0)
        if special and "garbage" in WORDS:
            OUT.write("\x00\xff not json\n[1]\n{}\n")
        play(plan)


main()
