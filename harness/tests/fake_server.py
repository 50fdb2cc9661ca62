#!/usr/bin/env python3
"""Stands in for the mock server where a test needs one that misbehaves.

FAKE_SERVER says how: nothing (well-behaved), silent, garbage, ends, refuses, hangs (on the control
socket), cut (a control answer that stops in the middle), chunked, slow-death (SIGTERM is ignored).
"""

import json
import os
import signal
import socket
import socketserver
import sys
import time

MODE = os.environ.get("FAKE_SERVER") or next(
    (word.removeprefix("mode=") for word in sys.argv if word.startswith("mode=")), ""
)


def option(name, default=""):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


class Control(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        length = 0
        while (field := self.rfile.readline().strip()) != b"":
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        body = self.rfile.read(length)
        method, target, _ = line.split(" ")
        if MODE == "hangs":
            time.sleep(60)
        if MODE == "refuses":
            return self.answer(503, {"error": "no port is free"})
        if method == "POST":
            asked = json.loads(body)
            path = f"/{asked['scenario']}/{asked['run']}"
            made = {"run": asked["run"], "scenario": asked["scenario"], "port": 1, "path": path}
            return self.answer(201, {**made, "url": f"http://127.0.0.1:1{path}"})
        if target.endswith("?summary"):
            return self.answer(200, {"requests": 3, "probe_requests": 1, "connections": 2})
        return self.answer(200, {"target": target, "pid": os.getpid()})

    def answer(self, status, value):
        text = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n"
        if MODE == "chunked":
            half = len(text) // 2
            parts = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (text[:half], text[half:]))
            self.wfile.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
            self.wfile.write(parts + b"0\r\n\r\n")
            return
        head += f"Content-Length: {len(text)}\r\n\r\n"
        self.wfile.write(head.encode() + (text[:5] if MODE == "cut" else text))


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main():
    if MODE == "silent":
        time.sleep(60)
    if MODE == "ends":
        sys.exit('scenarios/bad.yaml:3:1: unknown key "sript"')
    if MODE == "slow-death":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    host, _, port = option("--listen", "127.0.0.1:0").rpartition(":")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen()
    control = option("--control")
    server = Server(control, Control)
    ready = {"ready": True, "version": "fake", "pid": os.getpid(), "control": control}
    ready["h1"] = {"host": "127.0.0.1", "port": listener.getsockname()[1], "ports": []}
    print("not a ready line" if MODE == "garbage" else json.dumps(ready), flush=True)
    server.serve_forever()


main()
