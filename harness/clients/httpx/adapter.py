# SPDX-License-Identifier: MIT
"""HTTPX: one Client per plan, client.request() with its defaults (content read, no redirects).

With --async it is an AsyncClient, on asyncio.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import h2
import h11
import httpcore
import httpx

is_async = "--async" in sys.argv[1:]
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


def play_blocking(plan):
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


async def content_on_loop(request):
    for piece, pause in request.body_pieces():
        if piece:
            yield piece
        if pause:
            await asyncio.sleep(pause)


async def play_on_loop(plan):
    async with httpx.AsyncClient(**client_options(plan)) as client:

        async def send(request, report):
            response = await client.request(
                request.method,
                request.url,
                headers=request.headers,
                content=content_on_loop(request) if request.pauses else request.body,
                **timeout_of(request),
            )
            report.response(
                response.status_code, response.reason_phrase, response.headers.multi_items()
            )
            report.body(response.content)

        await plan.play_on_loop(send)


def play(plan):
    if is_async:
        asyncio.run(play_on_loop(plan))
    else:
        play_blocking(plan)


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
        **({"concurrent": True} if is_async else {}),
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
