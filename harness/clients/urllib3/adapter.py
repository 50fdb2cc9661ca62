# SPDX-License-Identifier: MIT
"""urllib3: one PoolManager per plan, request() with its defaults (three retries, content read)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import urllib3
from urllib3 import exceptions


def play(plan):
    options = {"ca_certs": plan.ca_file} if plan.ca_file else {}
    if plan.proxy:
        manager = urllib3.ProxyManager(plan.proxy, **options)
    else:
        manager = urllib3.PoolManager(**options)
    with manager:
        for request, report in plan:
            timers = request.set_timers()
            extra = {"timeout": urllib3.Timeout(**timers)} if timers else {}
            if request.headers:
                extra["headers"] = request.header_dict()
            if request.body is not None:
                extra["body"] = request.content()
            with report:
                response = manager.request(request.method, request.url, **extra)
                report.response(response.status, response.reason, response.headers.items())
                report.body(response.data)


adapterkit.main(
    client="urllib3",
    version=urllib3.__version__,
    stack=[{"name": "http.client", "version": sys.version.split()[0]}, adapterkit.runtime()],
    can={
        "tls": True,
        "proxy": True,
        "timers": ["connect_ms", "read_ms", "total_ms"],
        "second_request": "pooled",
        "body_stream": True,
    },
    play=play,
    kinds=[
        (exceptions.NewConnectionError, "refused?"),
        (exceptions.TimeoutError, "timeout"),
        (exceptions.SSLError, "tls?"),
        (exceptions.IncompleteRead, "closed"),
        (exceptions.ProtocolError, "protocol?"),
        (exceptions.DecodeError, "protocol"),
        (exceptions.ResponseError, "limit"),
        (exceptions.HTTPError, "other?"),
    ],
)
