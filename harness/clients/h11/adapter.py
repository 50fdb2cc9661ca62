# SPDX-License-Identifier: MIT
"""h11 used directly, with the loop of its own example client: a socket, next_event() until the end.

After EndOfMessage the documented start_next_cycle() readies the connection for the next request;
where h11 says that it cannot be kept, or after an error, a new one is opened.
"""

import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import h11


class Connection:
    def __init__(self, plan, url, connect_seconds):
        self.sock = socket.create_connection((url.hostname, url.port), timeout=connect_seconds)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=plan.ca_file)
            self.sock = context.wrap_socket(self.sock, server_hostname=url.hostname)
        self.h11 = h11.Connection(our_role=h11.CLIENT)

    def send(self, event):
        data = self.h11.send(event)
        if data is not None:
            self.sock.sendall(data)

    def next_event(self):
        while True:
            event = self.h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.h11.receive_data(self.sock.recv(65536))

    def is_reusable(self):
        _, is_closed = self.h11.trailing_data
        if is_closed:
            return False
        if self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE:
            self.h11.start_next_cycle()
        return self.h11.our_state is h11.IDLE

    def close(self):
        self.sock.close()


def exchange(connection, request, report):
    url = urlsplit(request.url)
    headers = [("Host", url.netloc), *request.headers]
    if request.pauses:
        headers.append(("Transfer-Encoding", "chunked"))
    elif request.body is not None:
        headers.append(("Content-Length", str(len(request.body))))
    target = url.path + ("?" + url.query if url.query else "")
    connection.send(h11.Request(method=request.method, target=target, headers=headers))
    for piece in request.body_stream():
        connection.send(h11.Data(data=piece))
    connection.send(h11.EndOfMessage())
    while True:
        event = connection.next_event()
        if isinstance(event, h11.InformationalResponse):
            report.interim(event.status_code, event.headers)
        elif isinstance(event, h11.Response):
            report.response(event.status_code, event.reason, event.headers)
        elif isinstance(event, h11.Data):
            report.body(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            report.body(b"")
            return
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise h11.RemoteProtocolError(f"no answer: {event!r}")


def play(plan):
    connection = None
    try:
        for request, report in plan:
            with report:
                if connection is None:
                    url = urlsplit(request.url)
                    connection = Connection(plan, url, request.seconds("connect_ms"))
                connection.sock.settimeout(request.seconds("read_ms"))
                exchange(connection, request, report)
            if connection is not None and not connection.is_reusable():
                connection.close()
                connection = None
    finally:
        if connection is not None:
            connection.close()


adapterkit.main(
    client="h11",
    version=h11.__version__,
    stack=[adapterkit.runtime()],
    can={
        "tls": True,
        "timers": ["connect_ms", "read_ms"],
        "second_request": "pooled",
        "interim": "fields",
        "phases": True,
        "body_stream": True,
    },
    play=play,
    kinds=[
        (h11.LocalProtocolError, "other"),
        (h11.RemoteProtocolError, "protocol"),
    ],
)
