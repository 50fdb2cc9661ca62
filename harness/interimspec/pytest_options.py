# SPDX-License-Identifier: MIT
"""The options of the pytest plugin, and the Selection they come to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from interimspec.matrix import Patterns, Selection, parse_shard

SELECTORS = ("client", "scenario", "family", "transport")


def add_options(parser: pytest.Parser) -> None:
    """Register them; the names are those of `interimspec run`."""
    group = parser.getgroup("interimspec", "interimspec: HTTP clients and interim responses")
    for name in SELECTORS:
        group.addoption(
            f"--{name}",
            action="append",
            default=[],
            metavar="GLOB",
            help=f"only {name}s that match (repeat, or separate with commas); !GLOB excludes",
        )
        group.addoption(
            f"--not-{name}",
            action="append",
            default=[],
            metavar="GLOB",
            help=f"no {name}s that match",
        )
    group.addoption(
        "--mutants", action="store_true", help="the reference client and its mutants instead"
    )
    group.addoption(
        "--all",
        action="store_true",
        dest="everything",
        help="every client at every version, not only the default of matrix.toml",
    )
    group.addoption("--shard", default="1/1", metavar="I/N", help="the I-th of N parts of the work")
    group.addoption("--runs", default=None, metavar="DIR", help="where run folders are made")
    group.addoption(
        "--no-baseline", action="store_true", help="compare with nothing: every finding is new"
    )
    group.addoption(
        "--no-confirm",
        action="store_true",
        help="do not repeat doubtful cases; quicker, and not to be published",
    )
    group.addoption(
        "--processes",
        type=int,
        default=None,
        metavar="N",
        help="at most so many adapter processes at once, over all clients",
    )
    group.addoption(
        "--pace", type=float, default=1.0, metavar="F", help="stretch every pause of the server"
    )


def _transport(asked: Patterns, arguments: list[str]) -> Patterns:
    """A node id names its transport: `...::single-102[h1s]`."""
    named = {match[1] for arg in arguments if (match := re.search(r"::[^:]*\[(\w+)\]$", arg))}
    if named and not (asked.include or asked.exclude):
        return Patterns("transport", tuple(sorted(named)))
    return asked


def selection_of(config: pytest.Config) -> Selection:
    """What the options ask for; UsageError when they make no sense."""

    def patterns(name: str) -> Patterns:
        wanted: list[Any] = config.getoption(f"--{name}")
        unwanted: list[Any] = config.getoption(f"--not-{name}")
        return Patterns.of(name, wanted, unwanted)

    client = patterns("client")
    named = [arg.split("::")[1] for arg in config.args if arg.count("::") > 1]
    if named and not client.include:
        client = Patterns("client", tuple(named), client.exclude)
    return Selection(
        client=client,
        scenario=patterns("scenario"),
        family=patterns("family"),
        transport=_transport(patterns("transport"), config.args),
        mutants=bool(config.getoption("--mutants")),
        everything=bool(config.getoption("everything")),
        shard=parse_shard(str(config.getoption("--shard"))),
    )
