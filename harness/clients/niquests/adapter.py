# SPDX-License-Identifier: MIT
"""Niquests: one Session per plan, session.request() with its defaults and early_response."""

import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import niquests

try:
    import urllib3_future
except ModuleNotFoundError:  # before 2.1 it took the name, and the place, of urllib3
    import urllib3 as urllib3_future

HAS_EARLY_RESPONSE = "early_response" in niquests.hooks.HOOKS
HAS_HTTP_CHOICE = "disable_http1" in inspect.signature(niquests.Session).parameters


def timeout_of(request):
    """(connect, read) as the documentation has it; the client's default where none is to be set."""
    if not request.set_timers():
        return {}
    return {"timeout": (request.seconds("connect_ms"), request.seconds("read_ms"))}


def trust(plan):
    return {"verify": plan.ca_file} if plan.ca_file else {}


def versions_of_http(plan):
    """Over TLS the client offers HTTP/2 by itself; without TLS it must be told not to speak 1.1."""
    if not HAS_HTTP_CHOICE:
        return {}
    if plan.http == "1.1":
        return {"disable_http2": True, "disable_http3": True}
    return {"disable_http1": True} if plan.requests[0].url.startswith("http:") else {}


def play(plan):
    with niquests.Session(**versions_of_http(plan)) as session:
        if plan.proxy:
            session.proxies = {"http": plan.proxy, "https": plan.proxy}
        for request, report in plan:

            def early(response, *args, report=report, **kwargs):
                report.interim(response.status_code, response.headers.items())

            with report:
                response = session.request(
                    request.method,
                    request.url,
                    headers=request.header_dict(),
                    data=request.content(),
                    hooks={"early_response": [early]} if HAS_EARLY_RESPONSE else None,
                    **timeout_of(request),
                    **trust(plan),
                )
                report.response(response.status_code, response.reason, response.headers.items())
                report.body(response.content)


adapterkit.main(
    client="niquests",
    version=niquests.__version__,
    stack=[
        {"name": "urllib3.future", "version": urllib3_future.__version__},
        adapterkit.runtime(),
    ],
    can={
        "http": ["1.1", "2"] if HAS_HTTP_CHOICE else ["1.1"],
        # Without the choice HTTP/2 is spoken over TLS wherever the server offers it.
        "tls": HAS_HTTP_CHOICE,
        "proxy": True,
        "timers": ["connect_ms", "read_ms"],
        "second_request": "pooled",
        "interim": "fields" if HAS_EARLY_RESPONSE else "none",
        "body_stream": True,
    },
    play=play,
    kinds=[
        (niquests.exceptions.Timeout, "timeout"),
        (niquests.exceptions.TooManyRedirects, "limit"),
        (niquests.exceptions.SSLError, "tls?"),
        (niquests.exceptions.ChunkedEncodingError, "protocol?"),
        (niquests.exceptions.ContentDecodingError, "protocol"),
        (niquests.exceptions.ConnectionError, "closed?"),
        (niquests.exceptions.RequestException, "other?"),
        (urllib3_future.exceptions.NewConnectionError, "refused?"),
        (urllib3_future.exceptions.TimeoutError, "timeout"),
        (urllib3_future.exceptions.IncompleteRead, "closed"),
        (urllib3_future.exceptions.ProtocolError, "protocol?"),
    ],
)
