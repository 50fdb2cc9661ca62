# SPDX-License-Identifier: MIT
"""aiosonic: one HTTPClient per plan, request() with its defaults, and then content()."""

import asyncio
import ssl
import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import aiosonic
import h2
from aiosonic import exceptions
from aiosonic.timeout import Timeouts


def timeouts_of(request):
    """Timers that are set, over aiosonic's documented defaults."""
    names = {"connect": "sock_connect", "read": "sock_read", "total": "request_timeout"}
    timers = request.set_timers()
    if not timers:
        return {}
    return {"timeouts": Timeouts(**{names[key]: value for key, value in timers.items()})}


def trust(plan):
    return {"ssl": ssl.create_default_context(cafile=plan.ca_file)} if plan.ca_file else {}


async def body_stream(request):
    for piece, pause in request.body_pieces():
        if piece:
            yield piece
        if pause:
            await asyncio.sleep(pause)


async def play_async(plan):
    async with aiosonic.HTTPClient() as client:
        for request in plan.requests:
            await asyncio.sleep(plan.wait_before(request))
            report = plan.report(request)
            with report:
                response = await client.request(
                    request.url,
                    request.method,
                    headers=request.header_dict(),
                    data=body_stream(request) if request.pauses else request.body,
                    **timeouts_of(request),
                    **trust(plan),
                )
                report.response(response.status_code, response.reason, response.raw_headers)
                report.body(await response.content())


def play(plan):
    asyncio.run(play_async(plan))


adapterkit.main(
    client="aiosonic",
    version=metadata.version("aiosonic"),
    stack=[{"name": "h2", "version": h2.__version__}, adapterkit.runtime()],
    can={
        "tls": True,
        "timers": ["connect_ms", "read_ms", "total_ms"],
        "second_request": "pooled",
        "body_stream": True,
    },
    play=play,
    kinds=[
        (exceptions.BaseTimeout, "timeout"),
        (exceptions.MaxRedirects, "limit"),
        (exceptions.ConnectionDisconnected, "closed"),
        (exceptions.HttpParsingError, "protocol"),
        (asyncio.IncompleteReadError, "closed"),
        (exceptions.AiosonicError, "other?"),
    ],
)
