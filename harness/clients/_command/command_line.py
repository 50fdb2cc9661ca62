# SPDX-License-Identifier: MIT
"""From requests to a command line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tool import MARK, Tool


@dataclass(frozen=True)
class Launch:
    """One process that makes one or more requests, in order."""

    argv: list[str]
    requests: list[Any]
    bodies: list[Path]  # where {body} of each request points


def launches(tool: Tool, plan: Any, folder: Path) -> list[Launch]:
    """The processes of a plan. Requests that one command line can hold share a process."""
    requests = plan.requests
    together = tool.together == "groups" or (
        tool.together == "urls" and all(_same(requests[0], other) for other in requests[1:])
    )
    groups = [requests] if together else [[request] for request in requests]
    return [_launch(tool, plan, group, folder) for group in groups]


def _same(one: Any, other: Any) -> bool:
    """Whether two requests differ by no more than their URLs (and what no option can say)."""
    keys = ("method", "headers", "body", "expect_continue")
    return all(getattr(one, key) == getattr(other, key) for key in keys)


def _launch(tool: Tool, plan: Any, requests: list[Any], folder: Path) -> Launch:
    bodies = [folder / f"{request.name}.out" for request in requests]
    wait_ms = max(request.not_before_ms for request in requests) if len(requests) > 1 else 0
    argv = [tool.program, *tool.args]
    if wait_ms:
        argv += _fill(tool.not_before, _wait_values(wait_ms))
    if tool.together == "groups":
        for number, request in enumerate(requests):
            argv += tool.separator if number else ()
            argv += _words_of(tool, plan, [request], bodies[number], folder)
    else:
        argv += _words_of(tool, plan, requests, bodies[0], folder)
    if not tool.url:
        argv = _fill(tuple(argv), {"url": requests[0].url})
    return Launch(argv, requests, bodies)


def _timer_values(timer_ms: int) -> dict[str, str]:
    whole = math.ceil(timer_ms / 1000)
    return {
        "seconds": f"{timer_ms / 1000:.3f}",
        "whole_seconds": str(whole),
        "milliseconds": str(timer_ms),
    }


def _wait_values(wait_ms: int) -> dict[str, str]:
    return {"seconds": f"{wait_ms / 1000:.3f}", "per_hour": str(math.floor(3_600_000 / wait_ms))}


def _words_of(tool: Tool, plan: Any, requests: list[Any], body: Path, folder: Path) -> list[str]:
    """Options, then what the request holds, then the URLs; or the URLs before what it holds."""
    places = {"body": str(body)}
    urls = [
        word for request in requests for word in _fill(tool.url, {**places, "url": request.url})
    ]
    held = _held(tool, requests[0], folder)
    options = _options(tool, plan, requests[0], body, folder)
    return [*options, *urls, *held] if tool.url_first else [*options, *held, *urls]


def _options(tool: Tool, plan: Any, request: Any, body: Path, folder: Path) -> list[str]:
    places = {"body": str(body), "folder": str(folder), "mark": MARK.decode()}
    argv = _fill(tool.request, places)
    argv += tool.http.get("h2c" if plan.is_h2c else plan.http, ())
    for key, words in tool.timers.items():
        if request.timers[key] is not None:
            argv += _fill(words, _timer_values(request.timers[key]))
    if request.expect_continue:
        argv += tool.expect_continue
    if plan.ca_file:
        argv += _fill(tool.ca_file, {"file": plan.ca_file})
    if plan.proxy:
        argv += _fill(tool.proxy, {"proxy": plan.proxy})
    # Last, next to the URL: some tools (HTTPie) take the method as an argument, not as an option.
    argv += _fill(tool.methods.get(request.method, ()), {"method": request.method})
    return argv


def _held(tool: Tool, request: Any, folder: Path) -> list[str]:
    """Fields and content."""
    argv = []
    for name, value in request.headers:
        argv += _fill(tool.header, {"name": name, "value": value})
    if request.body is not None:
        path = folder / f"{request.name}.in"
        path.write_bytes(request.body)
        argv += _fill(tool.body, {"file": str(path)})
    return argv


def _fill(words: tuple[str, ...], values: dict[str, str]) -> list[str]:
    filled = []
    for word in words:
        for key, value in values.items():
            word = word.replace("{" + key + "}", value)
        filled.append(word)
    return filled
