# SPDX-License-Identifier: MIT
"""PycURL: one Curl handle per plan, reset between requests, which keeps its connections.

With --multi it is one CurlMulti, which has the connections, and a Curl handle for each request.
"""

import sys
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
import adapterkit
import pycurl

is_multi = "--multi" in sys.argv[1:]

KINDS = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "refused",
    pycurl.E_GOT_NOTHING: "closed",
    pycurl.E_PARTIAL_FILE: "closed",
    pycurl.E_RECV_ERROR: "closed",
    pycurl.E_SEND_ERROR: "closed",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_SSL_CACERT: "tls",
    pycurl.E_HTTP2: "protocol",
    92: "protocol",  # CURLE_HTTP2_STREAM, which PycURL has no name for
    pycurl.E_TOO_MANY_REDIRECTS: "limit",
    pycurl.E_UNSUPPORTED_PROTOCOL: "protocol",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "protocol",
    pycurl.E_BAD_CONTENT_ENCODING: "protocol",
}


class Heads:
    """HEADERFUNCTION gets every line of every head; a head ends with an empty line."""

    def __init__(self, report):
        self.report = report
        self.lines = []
        self.is_ended = False

    def line(self, octets):
        text = octets.decode("latin-1").rstrip("\r\n")
        if self.is_ended and text:
            self.lines, self.is_ended = [], False
        if text:
            self.lines.append(text)
        elif not self.is_ended:
            self.is_ended = True
            if self.status and 100 <= self.status <= 199:
                self.report.interim(self.status, self.fields)

    @property
    def status(self):
        words = self.lines[0].split() if self.lines else []
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else None

    @property
    def reason(self):
        words = self.lines[0].split(" ", 2) if self.lines else []
        return words[2] if len(words) > 2 else ""

    @property
    def fields(self):
        pairs = [line.partition(":") for line in self.lines[1:]]
        return [(name, value.strip()) for name, _, value in pairs]


def version_of_http(plan, request):
    """Over TLS libcurl offers HTTP/2 by itself; without TLS it speaks it where it is told to."""
    if plan.http == "1.1":
        return pycurl.CURL_HTTP_VERSION_1_1
    if request.url.startswith("https:"):
        return pycurl.CURL_HTTP_VERSION_2TLS
    return pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE


def set_up(curl, plan, request):
    curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.HTTP_VERSION, version_of_http(plan, request))
    timers = request.timers
    if timers["connect_ms"] is not None:
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, timers["connect_ms"])
    if timers["total_ms"] is not None:
        curl.setopt(pycurl.TIMEOUT_MS, timers["total_ms"])
    lines = [f"{name}: {value}" for name, value in request.headers]
    if request.expect_continue:
        lines.append("Expect: 100-continue")
    if lines:
        curl.setopt(pycurl.HTTPHEADER, lines)
    if request.body is not None:
        curl.setopt(pycurl.POSTFIELDS, request.body)  # COPYPOSTFIELDS takes no octet 0
    if request.method == "HEAD":
        curl.setopt(pycurl.NOBODY, True)
    elif request.method != "GET":
        curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if plan.ca_file:
        curl.setopt(pycurl.CAINFO, plan.ca_file)
    if plan.proxy:
        curl.setopt(pycurl.PROXY, plan.proxy)


def tell_response(curl, report, heads):
    report.response(curl.getinfo(pycurl.RESPONSE_CODE) or None, heads.reason, heads.fields)
    report.body(b"")


def play_easy(plan):
    curl = pycurl.Curl()
    try:
        for request, report in plan:
            heads = Heads(report)
            with report:
                curl.reset()
                set_up(curl, plan, request)
                curl.setopt(pycurl.HEADERFUNCTION, heads.line)
                curl.setopt(pycurl.WRITEFUNCTION, report.body)
                try:
                    curl.perform()
                except pycurl.error:
                    report.detail["status"] = curl.getinfo(pycurl.RESPONSE_CODE)
                    raise
                tell_response(curl, report, heads)
    finally:
        curl.close()


class Transfers:
    """What a CurlMulti has under way, driven as PycURL's documentation shows."""

    def __init__(self, plan):
        self.plan = plan
        self.multi = pycurl.CurlMulti()
        self.running = {}  # handle: its report and heads

    def begin(self, request):
        curl, report = pycurl.Curl(), self.plan.report(request)
        heads = Heads(report)
        set_up(curl, self.plan, request)
        curl.setopt(pycurl.HEADERFUNCTION, heads.line)
        curl.setopt(pycurl.WRITEFUNCTION, report.body)
        self.running[curl] = (report, heads)
        self.multi.add_handle(curl)

    def drive(self, longest):
        """Waits for something to do, `longest` seconds at most, and does it."""
        timer_ms = self.multi.timeout()
        wait = min(longest, timer_ms / 1000.0) if timer_ms >= 0 else longest
        if wait:
            self.multi.select(wait)
        while self.multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        more = True
        while more:
            more, succeeded, failed = self.multi.info_read()
            for curl in succeeded:
                self.end(curl, None)
            for curl, code, words in failed:
                self.end(curl, pycurl.error(code, words))

    def end(self, curl, error):
        report, heads = self.running.pop(curl)
        if error:
            report.detail["status"] = curl.getinfo(pycurl.RESPONSE_CODE)
        else:
            tell_response(curl, report, heads)
        report.finish(error)
        self.multi.remove_handle(curl)
        curl.close()


def play_multi(plan):
    transfers, waiting = Transfers(plan), deque(plan.requests)
    try:
        while waiting or transfers.running:
            longest = 1.0
            if waiting and (waiting[0].with_previous or not transfers.running):
                longest = min(longest, plan.wait_before(waiting[0]))
                if not longest:
                    transfers.begin(waiting.popleft())
            if transfers.running:
                transfers.drive(longest)
            else:
                time.sleep(longest)
    finally:
        transfers.multi.close()


def kind_by_code(error):
    """pycurl.error is (code, message); an application tells its kinds apart by the code."""
    return KINDS.get(error.args[0], "other") if isinstance(error, pycurl.error) else None


def stack():
    words = pycurl.version.split()
    layers = [word.split("/", 1) for word in words if "/" in word]
    named = [{"name": name.lower(), "version": version} for name, version in layers]
    wanted = ("libcurl", "openssl", "nghttp2")
    return [layer for layer in named if layer["name"] in wanted] + [adapterkit.runtime()]


adapterkit.main(
    client="pycurl",
    version=pycurl.version.split()[0].split("/")[1],
    stack=stack(),
    can={
        "http": ["1.1", "2"],
        "tls": True,
        "proxy": True,
        "timers": ["connect_ms", "total_ms"],
        "second_request": "pooled",
        **({"concurrent": True} if is_multi else {}),
        "interim": "fields",
        "expect_continue": True,
    },
    play=play_multi if is_multi else play_easy,
    kind_by_value=kind_by_code,
)
