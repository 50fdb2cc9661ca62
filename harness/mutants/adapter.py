# SPDX-License-Identifier: MIT
"""The adapter of the reference client and of its mutants: `adapter.py [--fault NAME]`."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import adapter_faults
import faults
import faults_by_family
import faults_h2
from reference import Client, Failure, Head, Request, Response, Timers, Watcher

MAX_VALUE = 256
METHODS = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT",
    "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
]  # fmt: skip
CAN = {
    "http": ["1.1"],
    "tls": True,
    "proxy": False,
    "timers": ["connect_ms", "read_ms", "total_ms"],
    "second_request": "pooled",
    "not_before": True,
    "interim": "fields",
    "phases": True,
    "expect_continue": True,
    "body_stream": True,
    "methods": METHODS,
}


class Adapter:
    """Plans on standard input, events on the channel named in INTERIMSPEC_OUT."""

    def __init__(self, client: type[Client]) -> None:
        self.client = client
        path = os.environ.get("INTERIMSPEC_OUT")
        self.out = open(path, "w", encoding="utf-8") if path else sys.stdout  # noqa: SIM115, PTH123
        self.prefix = "" if path else "@interimspec "

    def run(self) -> None:
        self.tell("hello", client="reference", version="1", stack=STACK, can=CAN)
        for line in sys.stdin:
            self.play(json.loads(line))

    def tell(self, event: str, **more: Any) -> None:
        """Hook."""
        text = json.dumps({"v": 1, "event": event, **more}, separators=(",", ":"))
        self.out.write(f"{self.prefix}{text}\n")
        self.out.flush()

    def play(self, plan: Mapping[str, Any]) -> None:
        """Hook."""
        what = self.unsupported(plan)
        if what is not None:
            self.tell("unsupported", plan=plan["plan"], what=what)
        else:
            start = time.time()
            client = self.client(timers_of(plan["timers"]))
            client.ca_file = plan.get("ca_file")
            for entry in plan["requests"]:
                wait = start + entry.get("not_before_ms", 0) / 1000 - time.time()
                if wait > 0:
                    time.sleep(wait)
                client.timers = timers_of({**plan["timers"], **entry.get("timers", {})})
                self.one(plan, entry, client)
            client.close()
        self.tell("done", plan=plan["plan"])

    def unsupported(self, plan: Mapping[str, Any]) -> str | None:
        if plan["http"] not in CAN["http"]:
            return "http"
        return "proxy" if plan.get("proxy") is not None else None

    def one(self, plan: Mapping[str, Any], entry: Mapping[str, Any], client: Client) -> None:
        who = {"plan": plan["plan"], "request": entry["name"]}
        told: dict[str, Any] = {"started": now()}
        limit = int(plan.get("body_limit", 65536))

        def interim(head: Head) -> None:
            self.tell("interim", **who, at=now(), status=head.status, fields=shown(head))

        def response(head: Head | None) -> None:
            status = None if head is None else head.status
            reason, fields = (None, []) if head is None else (head.reason, shown(head))
            self.tell("response", **who, at=now(), status=status, reason=reason, fields=fields)

        try:
            answer = self.ask(client, request_of(entry), Watcher(interim, response))
        except Failure as failure:
            error: dict[str, Any] = {
                "kind": failure.kind,
                "phase": failure.phase,
                "type": type(failure).__name__,
                "message": str(failure),
            }
            if failure.status is not None:
                error["status"] = failure.status
            self.tell("end", **who, **told, at=now(), told="failed", error=error)
            return
        content = answer.content
        told |= {
            "at": now(),
            "told": "ok",
            "body_b64": base64.b64encode(content[:limit]).decode(),
            "body_len": len(content),
            "body_sha256": hashlib.sha256(content).hexdigest(),
            "error": None,
        }
        self.tell("end", **who, **told)

    def ask(self, client: Client, request: Request, watcher: Watcher) -> Response:
        """Hook."""
        return client.request(request, watcher)


STACK = [{"name": "cpython", "version": sys.version.split()[0]}]


def now() -> float:
    return time.time() * 1000


def shown(head: Head) -> list[tuple[str, str]]:
    """The fields, but for values that are too long to be repeated."""
    return [(name, value) for name, value in head.fields if len(value) <= MAX_VALUE]


def timers_of(given: Mapping[str, int | None]) -> Timers:
    def seconds(name: str) -> float | None:
        value = given.get(name)
        return None if value is None else value / 1000

    return Timers(seconds("connect_ms"), seconds("read_ms"), seconds("total_ms"))


def request_of(entry: Mapping[str, Any]) -> Request:
    url = urlsplit(entry["url"])
    body = entry.get("body_b64")
    target = url.path or "/"
    return Request(
        method=entry["method"],
        host=url.hostname or "",
        port=url.port or (443 if url.scheme == "https" else 80),
        target=f"{target}?{url.query}" if url.query else target,
        fields=[(name, value) for name, value in entry.get("headers") or []],
        body=None if body is None else base64.b64decode(body),
        pauses=[(after, wait / 1000) for after, wait in entry.get("body_pause_ms") or []],
        expect_continue=bool(entry.get("expect_continue", False)),
        tls=url.scheme == "https",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    adapters = adapter_faults.ADAPTERS
    clients = {**faults.CLIENTS, **faults_by_family.CLIENTS, **faults_h2.CLIENTS}
    known = sorted({*clients, *adapters})
    parser.add_argument("--fault", choices=known, help="which mutant; default: the reference")
    fault = parser.parse_args().fault
    client = clients.get(fault, Client)
    if fault in faults_h2.CLIENTS:
        CAN["http"] = ["2"]
    adapter = adapters[fault](Adapter) if fault in adapters else Adapter
    adapter(client).run()


if __name__ == "__main__":
    main()
