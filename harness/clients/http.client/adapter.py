# SPDX-License-Identifier: MIT
"""http.client: one HTTPConnection per plan, request() and getresponse()."""

import http.client
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
from urllib.parse import urlsplit

import adapterkit


def connect(plan, request):
    url = urlsplit(request.url)
    options = {}
    if request.seconds("read_ms") is not None:
        options["timeout"] = request.seconds("read_ms")
    if url.scheme == "https":
        options["context"] = ssl.create_default_context(cafile=plan.ca_file)
        return http.client.HTTPSConnection(url.hostname, url.port, **options)
    return http.client.HTTPConnection(url.hostname, url.port, **options)


def set_timeout(connection, request):
    """The object's timer is its attribute; an open connection has it on its socket."""
    if request.seconds("read_ms") is not None:
        connection.timeout = request.seconds("read_ms")
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)


def play(plan):
    connection = connect(plan, plan.requests[0])
    try:
        for request, report in plan:
            url = urlsplit(request.url)
            target = url.path + ("?" + url.query if url.query else "")
            with report:
                set_timeout(connection, request)
                connection.request(
                    request.method, target, body=request.content(), headers=request.header_dict()
                )
                response = connection.getresponse()
                report.response(response.status, response.reason, response.getheaders())
                report.body(response.read())
            if report.told == "failed":
                connection.close()  # an exchange that failed leaves the object unfit for another
    finally:
        connection.close()


adapterkit.main(
    client="http.client",
    version=sys.version.split()[0],
    stack=[adapterkit.runtime()],
    can={
        "tls": True,
        "timers": ["read_ms"],
        "second_request": "pooled",
        "phases": True,
        "body_stream": True,
    },
    play=play,
)
