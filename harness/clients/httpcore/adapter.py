# SPDX-License-Identifier: MIT
"""HTTP Core: one ConnectionPool per plan, pool.request() with its defaults."""

import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import h2
import h11
import httpcore


def pool_options(plan):
    options = {}
    if plan.ca_file:
        options["ssl_context"] = ssl.create_default_context(cafile=plan.ca_file)
    if plan.proxy:
        options["proxy"] = httpcore.Proxy(plan.proxy)
    if plan.http == "2":
        options["http2"] = True
        options["http1"] = not plan.is_h2c  # without TLS: prior knowledge
    return options


def play(plan):
    with httpcore.ConnectionPool(**pool_options(plan)) as pool:
        for request, report in plan:
            timers = request.set_timers()
            with report:
                response = pool.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    content=request.content(),
                    extensions={"timeout": timers} if timers else {},
                )
                report.response(
                    response.status, response.extensions.get("reason_phrase"), response.headers
                )
                report.body(response.content)


adapterkit.main(
    client="httpcore",
    version=httpcore.__version__,
    stack=[
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
        (httpcore.TimeoutException, "timeout"),
        (httpcore.ConnectError, "refused?"),
        (httpcore.NetworkError, "closed"),
        (httpcore.ProtocolError, "protocol"),
    ],
)
