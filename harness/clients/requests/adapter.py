# SPDX-License-Identifier: MIT
"""Requests: one Session per plan, session.request() with its defaults (content read, no retry)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import requests
import urllib3


def timeout_of(request):
    """(connect, read) as the documentation has it; None where no timer is to be set."""
    if not request.set_timers():
        return {}
    return {"timeout": (request.seconds("connect_ms"), request.seconds("read_ms"))}


def trust(plan):
    return {"verify": plan.ca_file} if plan.ca_file else {}


def play(plan):
    with requests.Session() as session:
        if plan.proxy:
            session.proxies = {"http": plan.proxy, "https": plan.proxy}
        for request, report in plan:
            with report:
                response = session.request(
                    request.method,
                    request.url,
                    headers=request.header_dict(),
                    data=request.content(),
                    **timeout_of(request),
                    **trust(plan),
                )
                report.response(response.status_code, response.reason, response.headers.items())
                report.body(response.content)


adapterkit.main(
    client="requests",
    version=requests.__version__,
    stack=[
        {"name": "urllib3", "version": urllib3.__version__},
        {"name": "http.client", "version": sys.version.split()[0]},
        adapterkit.runtime(),
    ],
    can={
        "tls": True,
        "proxy": True,
        "timers": ["connect_ms", "read_ms"],
        "second_request": "pooled",
        "body_stream": True,
    },
    play=play,
    kinds=[
        (requests.exceptions.Timeout, "timeout"),
        (requests.exceptions.TooManyRedirects, "limit"),
        (requests.exceptions.SSLError, "tls?"),
        (requests.exceptions.ChunkedEncodingError, "protocol?"),
        (requests.exceptions.ContentDecodingError, "protocol"),
        (requests.exceptions.ConnectionError, "closed?"),
        (requests.exceptions.RequestException, "other?"),
        (urllib3.exceptions.NewConnectionError, "refused?"),
        (urllib3.exceptions.TimeoutError, "timeout"),
        (urllib3.exceptions.IncompleteRead, "closed"),
        (urllib3.exceptions.ProtocolError, "protocol?"),
    ],
)
