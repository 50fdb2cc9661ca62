# SPDX-License-Identifier: MIT
"""What is made of an adapter that refuses every control."""

from __future__ import annotations

from interimspec.controls import ControlResult
from interimspec.proof import _all_refused

NAMES = ("200", "404", "refused", "silence", "two-requests")


def refused(name: str, what: str = "http") -> ControlResult:
    event = {"event": "unsupported", "plan": name, "what": what, "value": "2 without TLS"}
    return ControlResult(name, ("the server saw 0 requests",), None, (event,))


def test_a_client_without_this_http_refuses_every_control() -> None:
    assert _all_refused([refused(name) for name in NAMES])


def test_what_refuses_for_another_reason_or_only_now_and_then_is_not_believed() -> None:
    assert not _all_refused([])
    assert not _all_refused([refused(name, "timers") for name in NAMES])
    assert not _all_refused([refused(name) for name in NAMES if name != "200"])
    crashed = ControlResult("404", ("nothing was told of the request 'main'",))
    assert not _all_refused([*(refused(name) for name in NAMES if name != "404"), crashed])
