# SPDX-License-Identifier: MIT
"""HTTPX: one Client per plan, client.request() with its defaults (content read, no redirects)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import h11
import httpcore
import httpx


def timeout_of(request):
    """Timers that are set, over HTTPX's documented default of five seconds for each."""
    timers = request.set_timers()
    return {"timeout": httpx.Timeout(5.0, **timers)} if timers else {}


def play(plan):
    options = {"verify": plan.ca_file} if plan.ca_file else {}
    if plan.proxy:
        options["proxy"] = plan.proxy
    with httpx.Client(**options) as client:
        for request, report in plan:
            with report:
                response = client.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    content=request.content(),
                    **timeout_of(request),
                )
                report.response(
                    response.status_code, response.reason_phrase, response.headers.multi_items()
                )
                report.body(response.content)


adapterkit.main(
    client="httpx",
    version=httpx.__version__,
    stack=[
        {"name": "httpcore", "version": httpcore.__version__},
        {"name": "h11", "version": h11.__version__},
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
        (httpx.TimeoutException, "timeout"),
        (httpx.ConnectError, "refused?"),
        (httpx.NetworkError, "closed"),
        (httpx.ProtocolError, "protocol"),
        (httpx.DecodingError, "protocol"),
        (httpx.TooManyRedirects, "limit"),
        (httpx.HTTPStatusError, "status"),
        (httpx.HTTPError, "other"),
    ],
)
