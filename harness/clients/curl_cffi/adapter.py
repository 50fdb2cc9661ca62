# SPDX-License-Identifier: MIT
"""curl_cffi: one Session per plan, session.request() with its defaults, nobody impersonated."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import curl_cffi
from curl_cffi import CurlHttpVersion
from curl_cffi.requests import Session, exceptions


def version_of_http(plan):
    """Over TLS libcurl offers HTTP/2 by itself; without TLS it speaks it where it is told to."""
    if plan.http == "1.1":
        return CurlHttpVersion.V1_1
    if plan.requests[0].url.startswith("https:"):
        return CurlHttpVersion.V2TLS
    return CurlHttpVersion.V2_PRIOR_KNOWLEDGE


def play(plan):
    options = {"verify": plan.ca_file} if plan.ca_file else {}
    options["http_version"] = version_of_http(plan)
    if plan.proxy:
        options["proxy"] = plan.proxy
    with Session(**options) as session:
        for request, report in plan:
            total = request.seconds("total_ms")
            timer = {} if total is None else {"timeout": total}
            with report:
                response = session.request(
                    request.method,
                    request.url,
                    headers=request.header_dict(),
                    data=request.body,
                    **timer,
                )
                report.response(
                    response.status_code, response.reason, response.headers.multi_items()
                )
                report.body(response.content)


def stack():
    words = curl_cffi.__curl_version__.split()
    layers = [word.split("/", 1) for word in words if "/" in word]
    named = [{"name": name.lower(), "version": version} for name, version in layers]
    wanted = ("libcurl", "boringssl", "nghttp2")
    return [layer for layer in named if layer["name"] in wanted] + [adapterkit.runtime()]


adapterkit.main(
    client="curl_cffi",
    version=curl_cffi.__version__,
    stack=stack(),
    can={
        "http": ["1.1", "2"],
        "tls": True,
        "proxy": True,
        "timers": ["total_ms"],
        "second_request": "pooled",
    },
    play=play,
    kinds=[
        (exceptions.Timeout, "timeout"),
        (exceptions.TooManyRedirects, "limit"),
        (exceptions.SSLError, "tls"),
        (exceptions.CertificateVerifyError, "tls"),
        (exceptions.IncompleteRead, "closed"),
        (exceptions.ConnectionError, "closed?"),
        (exceptions.RequestException, "other"),
    ],
)
