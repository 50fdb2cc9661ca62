# SPDX-License-Identifier: MIT
"""Niquests: one Session per plan, session.request() with its defaults and early_response."""

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


def timeout_of(request):
    """(connect, read) as the documentation has it; the client's default where none is to be set."""
    if not request.set_timers():
        return {}
    return {"timeout": (request.seconds("connect_ms"), request.seconds("read_ms"))}


def play(plan):
    with niquests.Session() as session:
        if plan.ca_file:
            session.verify = plan.ca_file
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
        "tls": True,
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
