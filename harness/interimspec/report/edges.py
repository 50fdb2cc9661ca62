# SPDX-License-Identifier: MIT
"""Where a client that survives a plain 102 does not survive one: the edges, in words.

A failure belongs to the edge of its scenario's family. One behind several 102s belongs to those,
where the client fails them already when nothing else is special.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .model import Case, Report

#: The family of the plain 102: one of them, and a plain 200.
PLAIN = "single"
_SEVERAL = "repeated"

PROTOCOLS = {"h1": "HTTP/1.1", "h1s": "HTTP/1.1", "h2c": "HTTP/2", "h2": "HTTP/2", "h3": "HTTP/3"}

#: Family, or the first folders of it -> what completes "survives a plain 102, but not ...". In the
#: order of the reports: what a reader is likeliest to meet comes first.
_WORDS: tuple[tuple[str, str], ...] = (
    (_SEVERAL, "more than one of them"),
    ("bodies", "with Content-Length or Transfer-Encoding"),
    ("fields", "with certain fields"),
    ("odd", "with an odd reason phrase, or odd octets"),
    ("segments", "cut in pieces by the network"),
    ("desync", "when the final response is late, or one to HEAD"),
    ("finals", "before certain final responses"),
    ("methods", "after certain methods"),
    ("expect", "when the request expects a 100"),
    ("upload", "while content is sent"),
    ("tunnel", "before the answer to CONNECT"),
    ("endings", "when TLS ends without close_notify"),
    ("h2/between", "with another HTTP/2 frame behind it"),
    ("h2/endings", "near a GOAWAY or RST_STREAM of HTTP/2"),
    ("h2/flow", "while HTTP/2 flow control holds content back"),
    ("h2/heads", "in certain frames of HTTP/2"),
    ("h2/streams", "beside another stream of HTTP/2"),
)
_WHOLE_EXCHANGES = "in certain whole exchanges"


@dataclass(frozen=True)
class Edge:
    words: str
    scenarios: tuple[str, ...]  # that fail, sorted


def protocol_of(case: Case) -> str:
    return PROTOCOLS.get(case.column.transport, case.column.transport)


def not_plain(cases: Iterable[Case], failed: Iterable[Case]) -> tuple[frozenset[str], bool]:
    """The protocols over which a plain 102 fails, and whether those are all it was sent over."""
    asked = {protocol_of(case) for case in cases if case.family == PLAIN}
    fails = frozenset(protocol_of(case) for case in failed if case.family == PLAIN)
    return fails, bool(fails) and asked == fails


def edges_of(report: Report, cases: Iterable[Case], failed: Iterable[Case]) -> tuple[Edge, ...]:
    """`failed`: those of `cases` that count against 102."""
    failed = list(failed)
    protocols, _ = not_plain(cases, failed)
    several = any(case.family == _SEVERAL for case in failed)
    found: dict[str, set[str]] = {}
    for case in failed:
        if protocol_of(case) in protocols:
            words = f"over {protocol_of(case)}"
        elif several and report.scenarios[case.column.scenario].sends_several:
            words = _words_of(_SEVERAL)
        else:
            words = _words_of(case.family)
        found.setdefault(words, set()).add(case.column.scenario)
    edges = [Edge(words, tuple(sorted(ids))) for words, ids in found.items()]
    return tuple(sorted(edges, key=lambda edge: order(edge.words)))


def order(words: str) -> tuple[int, str]:
    """How edges are sorted in every report."""
    known = [text for _, text in _WORDS]
    if words in known:
        return 1 + known.index(words), words
    return (0 if words.startswith("over ") else 1 + len(known)), words


def _words_of(family: str) -> str:
    for prefix, words in _WORDS:
        if family == prefix or family.startswith(prefix + "/"):
            return words
    return _WHOLE_EXCHANGES
