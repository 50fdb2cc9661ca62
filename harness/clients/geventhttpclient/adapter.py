# SPDX-License-Identifier: MIT
"""geventhttpclient: one HTTPClient per plan, request() with its defaults, and then read()."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import gevent
import geventhttpclient
from geventhttpclient import response as responses


def options_of(plan):
    """Timers belong to the client object, and to the sockets that it opens."""
    options = {}
    first = plan.requests[0].set_timers()
    if "connect" in first:
        options["connection_timeout"] = first["connect"]
    if "read" in first:
        options["network_timeout"] = first["read"]
    if plan.ca_file:
        options["ssl_options"] = {"ca_certs": plan.ca_file}
    return options


def play(plan):
    url = geventhttpclient.URL(plan.requests[0].url)
    client = geventhttpclient.HTTPClient.from_url(url, **options_of(plan))
    try:
        for request, report in plan:
            with report:
                response = client.request(
                    request.method,
                    geventhttpclient.URL(request.url).request_uri,
                    body=request.body or b"",
                    headers=request.header_dict(),
                )
                report.response(response.get_code(), response.status_message, response.items())
                report.body(response.read())
    finally:
        client.close()


adapterkit.main(
    client="geventhttpclient",
    version=geventhttpclient.__version__,
    stack=[{"name": "gevent", "version": gevent.__version__}, adapterkit.runtime()],
    can={
        "tls": True,
        "timers": ["connect_ms", "read_ms"],
        "second_request": "pooled",
        "phases": True,
    },
    play=play,
    kinds=[
        (responses.HTTPConnectionClosed, "closed"),
        (responses.HTTPParseError, "protocol"),
    ],
)
