# SPDX-License-Identifier: MIT
"""urllib.request: urlopen(), which sends Connection: close and opens a connection per request."""

import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit


def play(plan):
    for request, report in plan:
        options = {}
        if request.seconds("read_ms") is not None:
            options["timeout"] = request.seconds("read_ms")
        if request.url.startswith("https:"):
            options["context"] = ssl.create_default_context(cafile=plan.ca_file)
        with report:
            asked = urllib.request.Request(
                request.url,
                data=request.content(),
                headers=request.header_dict(),
                method=request.method,
            )
            with urllib.request.urlopen(asked, **options) as response:
                report.response(response.status, response.reason, response.getheaders())
                report.body(response.read())


def detail(error):
    if isinstance(error, urllib.error.HTTPError):
        return {"status": error.code}
    return {}


adapterkit.main(
    client="urllib.request",
    version=sys.version.split()[0],
    stack=[{"name": "http.client", "version": sys.version.split()[0]}, adapterkit.runtime()],
    can={
        "tls": True,
        "timers": ["read_ms"],
        "second_request": "new-connection",
        "phases": True,
        "body_stream": True,
    },
    play=play,
    kinds=[(urllib.error.HTTPError, "status"), (urllib.error.URLError, "other?")],
    detail=detail,
)
