# SPDX-License-Identifier: MIT
"""Which Debian packages this machine has; on other systems nothing is known or missing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cache

_SECONDS = 30.0


def missing(packages: Iterable[str]) -> tuple[str, ...]:
    """Those of `packages` that are not installed; empty where there is no dpkg to ask."""
    installed = _installed()
    return () if installed is None else tuple(name for name in packages if name not in installed)


def forget() -> None:
    """Ask anew: packages have been installed since."""
    _installed.cache_clear()


@cache
def _installed() -> frozenset[str] | None:
    try:
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    pairs = (line.split() for line in done.stdout.splitlines())
    return frozenset(pair[0] for pair in pairs if len(pair) == 2 and pair[1] == "installed")


__all__ = ["forget", "missing"]
