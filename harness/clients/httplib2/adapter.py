# SPDX-License-Identifier: MIT
"""httplib2: one Http object per plan, request() with its defaults."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import httplib2


def play(plan):
    first = plan.requests[0].seconds("read_ms")
    options = {"ca_certs": plan.ca_file} if plan.ca_file else {}
    http = httplib2.Http(timeout=first, **options)
    try:
        for request, report in plan:
            http.timeout = request.seconds("read_ms")
            for connection in http.connections.values():
                connection.timeout = http.timeout
                if connection.sock is not None:
                    connection.sock.settimeout(http.timeout)
            with report:
                response, content = http.request(
                    request.url, request.method, body=request.body, headers=request.header_dict()
                )
                fields = [
                    (k, v) for k, v in response.items() if k not in ("status", "content-location")
                ]
                report.response(response.status, response.reason, fields)
                report.body(content)
    finally:
        http.close()


adapterkit.main(
    client="httplib2",
    version=httplib2.__version__,
    stack=[{"name": "http.client", "version": sys.version.split()[0]}, adapterkit.runtime()],
    can={"tls": True, "timers": ["read_ms"], "second_request": "pooled"},
    play=play,
    kinds=[
        (httplib2.RedirectLimit, "limit"),
        (httplib2.ServerNotFoundError, "refused?"),
        (httplib2.HttpLib2Error, "protocol?"),
    ],
)
