# SPDX-License-Identifier: MIT
"""On which transports a scenario plays that names none: on all where its script is told by meaning
alone. The same rule as mockserver/scenario_transports.c; scenarios/README.md says it to authors.
"""

from __future__ import annotations

from collections.abc import Iterable

from .scenario_reader import Reader
from .scenario_respond import Respond, status_of
from .scenario_script import Script, Step

_H1 = frozenset({"h1"})
_HTTP1 = _H1 | {"h1s"}
_ALL = _HTTP1 | {"h2c", "h2"}
_ORDER = ("h1", "h1s", "h2c", "h2")

# RFC 9113 8.2.2: fields of one connection of HTTP/1.1, which HTTP/2 forbids.
_CONNECTION_SPECIFIC = frozenset(
    ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade")
)


def _says_what_h2_cannot(reader: Reader, respond: Respond) -> bool:
    status = status_of(reader, respond)
    return (
        respond.reason is not None
        or respond.version != "1.1"
        or respond.framing is not None
        or respond.length is not None
        or status == 101
        or (status < 200 and respond.body != "none")
        or any(field.name.lower() in _CONNECTION_SPECIFIC for field in respond.fields)
        # On HTTP/2 what that is worth is another question (RFC 9113 8.1.1).
        or (status < 200 and any(f.name.lower() == "content-length" for f in respond.fields))
    )


def _of_step(reader: Reader, step: Step) -> frozenset[str]:
    if step.split is not None or step.verb in ("send", "reading", "frames", "window"):
        return _H1
    if step.verb == "release" or step.wait == "next-request":
        return _HTTP1
    if step.respond is not None and _says_what_h2_cannot(reader, step.respond):
        return _HTTP1
    return _ALL


def default_transports(reader: Reader, scripts: Iterable[Script]) -> tuple[str, ...]:
    """`scripts`: of every resource and visit."""
    transports = _ALL
    for script in scripts:
        for step in script:
            transports &= _of_step(reader, step)
    return tuple(transport for transport in _ORDER if transport in transports)
