# SPDX-License-Identifier: MIT
"""The controls: what is asked of every client without any interim response, and what must come.

Each is a scenario of scenarios/controls/ (`refused` needs none: the harness binds a port and closes
it). The standard expectation is here; a manifest may deviate in its [controls], with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

TOLD = ("ok", "failed", "nothing")
BODIES = ("own", "part", "empty", "any")
CONNECTIONS = ("declared", "same", "new", "any")
FIELDS = ("shown", "joined", "none", "any")

SILENCE_TIMER_MS = 1000
OCTETS = bytes(range(256)) * 400
TEN_OF = b"12345"
TWELVE = b"twelve bytes"


@dataclass(frozen=True)
class Expected:
    """How the request that a control is about must end."""

    told: tuple[str, ...] = ("ok",)
    kinds: tuple[str, ...] = ()  # where it failed: one of these
    status: int | None = 200  # shown, or carried by a failure of kind `status`
    body: str = "own"
    attempts: tuple[int, int] = (1, 1)  # requests for the resource that the server sees
    elapsed: tuple[float, float] | None = None  # of the timer, for each attempt
    connection: str = "any"  # of the second request; `declared` is what `second_request` says
    fields: str = "any"


@dataclass(frozen=True)
class Control:
    name: str
    question: str
    expected: Expected
    second: str | None = None  # the resource of a second request, which then is the subject
    content: bytes | None = None  # None: the server's own line
    timer_ms: int = 10_000
    needs_tls: bool = False
    phases: bool = False  # when the head was told is compared with when the body was sent

    @property
    def scenario(self) -> str | None:
        return None if self.name == "refused" else f"control-{self.name}"

    @property
    def subject(self) -> str:
        """The name of the request that the expectation is about."""
        return "again" if self.second else "main"


CONTROLS: Mapping[str, Control] = {
    control.name: control
    for control in (
        Control("200", "Is a plain answer delivered?", Expected()),
        Control("404", "Is a 404 told as one?", Expected(status=404)),
        Control("500", "Is a 500 told as one, after one request?", Expected(status=500)),
        Control("empty", "Is an empty answer told as a success?", Expected(body="empty")),
        Control("octets", "Do all octet values arrive?", Expected(), content=OCTETS),
        Control("fields", "Are repeated and empty fields shown?", Expected(fields="shown")),
        Control(
            "truncated",
            "Is content that ends early told as failed, or as what came?",
            Expected(
                told=("failed", "ok"),
                kinds=("closed", "protocol", "other"),
                body="part",
            ),
            content=TEN_OF,
        ),
        Control(
            "reset",
            "Is a reset before the answer told as a failure, after one request?",
            Expected(
                told=("failed",), kinds=("closed", "protocol", "other"), status=None, body="empty"
            ),
        ),
        Control(
            "refused",
            "Is a port where nobody listens told as a failure?",
            Expected(
                told=("failed",),
                kinds=("refused", "closed", "other"),
                status=None,
                body="empty",
                attempts=(0, 0),
            ),
        ),
        Control(
            "unknown-ca",
            "Is a server refused whose certificate nobody vouches for?",
            Expected(
                told=("failed",),
                kinds=("tls", "other"),
                status=None,
                body="empty",
                attempts=(0, 0),
            ),
            needs_tls=True,
        ),
        Control(
            "silence",
            "Is silence told as a timeout, on time?",
            Expected(
                told=("failed",),
                kinds=("timeout",),
                status=None,
                body="empty",
                elapsed=(0.9, 1.5),
            ),
            timer_ms=SILENCE_TIMER_MS,
        ),
        Control(
            "head-then-body",
            "Is the head told before the body is sent, as declared?",
            Expected(),
            content=TWELVE,
            phases=True,
        ),
        Control(
            "two-requests",
            "Does a second request use the connection as declared?",
            Expected(connection="declared"),
            second="probe",
        ),
        Control(
            "dropped",
            "Is a kept connection that ends without an answer told as a failure?",
            Expected(
                told=("failed",), kinds=("closed", "protocol", "other"), status=None, body="empty"
            ),
            second="dropped",
        ),
    )
}


class BadDeviation(ValueError):
    """A deviation that means nothing; `key` is None where the control itself is unknown."""

    def __init__(self, key: str | None, message: str) -> None:
        super().__init__(message)
        self.key = key


def deviate(name: str, changes: Mapping[str, Any]) -> Expected:
    """The standard expectation of a control with a manifest's changes; raises BadDeviation."""
    if name not in CONTROLS:
        raise BadDeviation(None, f"no control is called {name!r}; known: {', '.join(CONTROLS)}")
    values = {key: _read(key, value) for key, value in changes.items()}
    return replace(CONTROLS[name].expected, **values)


def _read(key: str, value: Any) -> Any:
    words = {"body": BODIES, "connection": CONNECTIONS, "fields": FIELDS}
    if key in words:
        if value not in words[key]:
            raise BadDeviation(key, f"{key!r} must be one of {', '.join(words[key])}")
        return value
    if key in ("told", "kinds"):
        if not isinstance(value, tuple) or not all(isinstance(word, str) for word in value):
            raise BadDeviation(key, f"{key!r} must be a list of text")
        if key == "told" and not set(value) <= set(TOLD):
            raise BadDeviation(key, f"'told' may hold {', '.join(TOLD)}")
        return value
    if key in ("attempts", "elapsed"):
        pair = value if isinstance(value, tuple) else (value, value)
        if len(pair) != 2 or not all(isinstance(item, int | float) for item in pair):
            raise BadDeviation(
                key, f"{key!r} must be a number, or a list of the least and the most"
            )
        return pair
    if key == "status":
        if not isinstance(value, int):
            raise BadDeviation(key, "'status' must be an integer")
        return value
    known = "told, kinds, status, body, attempts, elapsed, connection, fields"
    raise BadDeviation(key, f"has no key {key!r}; known are: {known}")
