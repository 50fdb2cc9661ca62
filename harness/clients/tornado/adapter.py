# SPDX-License-Identifier: MIT
"""Tornado: its default AsyncHTTPClient, one of its own per plan, fetch() with its defaults."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import tornado
from tornado import httpclient, simple_httpclient
from tornado.httputil import HTTPInputError
from tornado.iostream import StreamClosedError


def options_of(plan, request, seen):
    options = {"headers": request.header_dict(), "header_callback": seen.line}
    timers = request.set_timers()
    if "connect" in timers:
        options["connect_timeout"] = timers["connect"]
    if "total" in timers:
        options["request_timeout"] = timers["total"]
    if request.expect_continue:
        options["expect_100_continue"] = True
    if plan.ca_file:
        options["ca_certs"] = plan.ca_file
    if request.pauses:
        options["body_producer"] = producer(request)
    elif request.body is not None:
        options["body"] = request.body
    elif request.method in ("POST", "PUT", "PATCH"):
        options["body"] = b""
    return options


def producer(request):
    async def produce(write):
        for piece, pause in request.body_pieces():
            if piece:
                await write(piece)
            if pause:
                await asyncio.sleep(pause)

    return produce


class Heads:
    """header_callback gets every line of every head; a head ends with an empty line."""

    def __init__(self, report):
        self.report = report
        self.lines = []

    def line(self, text):
        text = text.rstrip("\r\n")
        if text:
            self.lines.append(text)
            return
        head, self.lines = self.lines, []
        status = head[0].split()[1] if head and len(head[0].split()) > 1 else ""
        if status.isdigit() and 100 <= int(status) <= 199:
            pairs = [line.partition(":") for line in head[1:]]
            self.report.interim(int(status), [(name, value.strip()) for name, _, value in pairs])


async def play_async(plan):
    client = httpclient.AsyncHTTPClient(force_instance=True)
    try:
        for request in plan.requests:
            await asyncio.sleep(plan.wait_before(request))
            report = plan.report(request)
            with report:
                response = await client.fetch(
                    request.url,
                    method=request.method,
                    **options_of(plan, request, Heads(report)),
                )
                report.response(response.code, response.reason, response.headers.get_all())
                report.body(response.body)
    finally:
        client.close()


def play(plan):
    asyncio.run(play_async(plan))


def detail(error):
    if isinstance(error, httpclient.HTTPClientError):
        return {"status": error.code}
    return {}


adapterkit.main(
    client="tornado",
    version=tornado.version,
    stack=[adapterkit.runtime()],
    can={
        "tls": True,
        "timers": ["connect_ms", "total_ms"],
        "second_request": "new-connection",
        "interim": "fields",
        "expect_continue": True,
        "body_stream": True,
        "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    },
    play=play,
    kinds=[
        (simple_httpclient.HTTPTimeoutError, "timeout"),
        (simple_httpclient.HTTPStreamClosedError, "closed"),
        (httpclient.HTTPClientError, "status"),
        (StreamClosedError, "closed?"),
        (HTTPInputError, "protocol"),
    ],
    detail=detail,
)
