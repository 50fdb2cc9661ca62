# SPDX-License-Identifier: MIT
"""aiohttp: one ClientSession per plan, `async with session.request(...)` and then read()."""

import asyncio
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import aiohttp


def timeout_of(request):
    """Timers that are set, over aiohttp's documented defaults."""
    timers = request.set_timers()
    if not timers:
        return {}
    names = {"connect": "sock_connect", "read": "sock_read", "total": "total"}
    return {"timeout": aiohttp.ClientTimeout(**{names[key]: timers[key] for key in timers})}


async def body_stream(request):
    for piece, pause in request.body_pieces():
        if piece:
            yield piece
        if pause:
            await asyncio.sleep(pause)


def options_of(plan, request, trust):
    options = timeout_of(request)
    if request.pauses:
        options["data"] = body_stream(request)
    elif request.body is not None:
        options["data"] = request.body
    if request.expect_continue:
        options["expect100"] = True
    if plan.proxy:
        options["proxy"] = plan.proxy
    if trust:
        options["ssl"] = trust
    return options


async def play_async(plan):
    # One context: aiohttp uses a connection again for requests with the same one only.
    trust = ssl.create_default_context(cafile=plan.ca_file) if plan.ca_file else None
    async with aiohttp.ClientSession() as session:
        for request in plan.requests:
            await asyncio.sleep(plan.wait_before(request))
            report = plan.report(request)
            with report:
                async with session.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    **options_of(plan, request, trust),
                ) as response:
                    report.response(response.status, response.reason, response.headers.items())
                    report.body(await response.read())


def play(plan):
    asyncio.run(play_async(plan))


def parser():
    """Which of aiohttp's two parsers is in use is a layer of its own."""
    from aiohttp import http_parser

    compiled = http_parser.HttpResponseParser is not http_parser.HttpResponseParserPy
    return {"name": "aiohttp parser", "version": "llhttp" if compiled else "python"}


adapterkit.main(
    client="aiohttp",
    version=aiohttp.__version__,
    stack=[parser(), adapterkit.runtime()],
    can={
        "tls": True,
        "proxy": True,
        "timers": ["connect_ms", "read_ms", "total_ms"],
        "second_request": "pooled",
        "phases": True,
        "expect_continue": True,
        "body_stream": True,
    },
    play=play,
    kinds=[
        (asyncio.TimeoutError, "timeout"),
        (aiohttp.TooManyRedirects, "limit"),
        (aiohttp.ClientConnectorSSLError, "tls"),
        (aiohttp.ClientConnectorCertificateError, "tls"),
        (aiohttp.ClientConnectorError, "refused?"),
        (aiohttp.ServerDisconnectedError, "closed"),
        (aiohttp.ClientOSError, "closed"),
        (aiohttp.ClientPayloadError, "closed?"),
        (aiohttp.ClientResponseError, "protocol"),
        (aiohttp.ClientError, "other?"),
    ],
)
