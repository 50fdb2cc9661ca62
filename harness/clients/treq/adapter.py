# SPDX-License-Identifier: MIT
"""treq: one HTTPClient with a connection pool of its own per plan, request() and then content().

Twisted's reactor runs in the main thread, as it must; plans are read in another, which asks the
reactor to play them (blockingCallFromThread).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import treq
import twisted
from treq.client import HTTPClient
from twisted.internet import defer, error, reactor, task, threads
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    PartialDownloadError,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.error import PageRedirect


async def play_async(plan):
    pool = HTTPConnectionPool(reactor)
    agents = {}
    try:
        for request in plan.requests:
            await task.deferLater(reactor, plan.wait_before(request))
            connect = request.seconds("connect_ms")
            if connect not in agents:
                agents[connect] = HTTPClient(Agent(reactor, connectTimeout=connect, pool=pool))
            report = plan.report(request)
            with report:
                response = await agents[connect].request(
                    request.method,
                    request.url,
                    headers=request.header_dict(),
                    data=request.body,
                    timeout=request.seconds("total_ms"),
                )
                fields = [
                    (name, value)
                    for name, values in response.headers.getAllRawHeaders()
                    for value in values
                ]
                report.response(response.code, response.phrase, fields)
                report.body(await response.content())
    finally:
        await pool.closeCachedConnections()


def play(plan):
    threads.blockingCallFromThread(reactor, lambda: defer.ensureDeferred(play_async(plan)))


def reasons(failure):
    """ResponseFailed and its kind carry the failures that led to them."""
    for reason in getattr(failure, "reasons", ()):
        yield reason.value
        yield from reasons(reason.value)


def refused_redirect(failure):
    """A 307 or 308 to a POST, which the redirect agent does not follow by its policy."""
    return next((one for one in reasons(failure) if isinstance(one, PageRedirect)), None)


def status_of(failure):
    redirect = refused_redirect(failure)
    return {"status": int(redirect.status)} if redirect is not None else {}


def kind_of_reasons(failure):
    if refused_redirect(failure) is not None:
        return "status"
    for cause in reasons(failure):
        kind = adapterkit.kind_of(cause, KINDS)
        if kind != "other":
            return kind
    return None


KINDS = [
    (ResponseNeverReceived, "closed?"),
    (PartialDownloadError, "closed"),
    (ResponseFailed, "protocol?"),
    (defer.CancelledError, "timeout"),  # how treq tells that its timeout has passed
    ((error.TimeoutError, defer.TimeoutError), "timeout"),
    (error.ConnectionRefusedError, "refused"),
    ((error.ConnectionLost, error.ConnectionDone), "closed"),
    (error.ConnectError, "refused?"),
]


def read_plans():
    try:
        adapterkit.main(
            client="treq",
            version=treq.__version__,
            stack=[
                {"name": "twisted", "version": twisted.__version__},
                adapterkit.runtime(),
            ],
            can={
                "tls": False,
                "timers": ["connect_ms", "total_ms"],
                "second_request": "pooled",
                "phases": True,
            },
            play=play,
            kinds=KINDS,
            detail=status_of,
            kind_by_value=kind_of_reasons,
        )
    finally:
        reactor.callFromThread(reactor.stop)


reactor.callInThread(read_plans)
reactor.run()
