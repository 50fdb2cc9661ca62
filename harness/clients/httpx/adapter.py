# SPDX-License-Identifier: MIT
"""HTTPX: one Client per plan, client.request() with its defaults (content read, no redirects)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import h2
import h11
import httpcore
import httpx

version = tuple(int(word) for word in httpx.__version__.split(".")[:2])


def timeout_of(request):
    """Timers that are set, over HTTPX's documented default of five seconds for each."""
    timers = request.set_timers()
    return {"timeout": httpx.Timeout(5.0, **timers)} if timers else {}


def client_options(plan):
    options = {"verify": plan.ca_file} if plan.ca_file else {}
    if plan.proxy:
        # The option was renamed in 0.26.
        options["proxies" if version < (0, 26) else "proxy"] = plan.proxy
    if plan.http == "2":
        options["http2"] = True
        if plan.requests[0].url.startswith("http:"):
            options["http1"] = False  # prior knowledge
    return options


def play(plan):
    with httpx.Client(**client_options(plan)) as client:
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
        {"name": "h2", "version": h2.__version__},
        adapterkit.runtime(),
    ],
    can={
        "http": ["1.1", "2"],
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
