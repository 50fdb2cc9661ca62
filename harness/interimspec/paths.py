# SPDX-License-Identifier: MIT
"""Where things lie in a checkout. Nothing else in the package spells a path of the repository."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "harness"
BUILD = ROOT / "build"
RUNS = BUILD / "runs"
MATRIX = HARNESS / "matrix.toml"
SCENARIOS = ROOT / "scenarios"
RESULTS = ROOT / "reports" / "results"


def server_binary() -> Path:
    """The mock server: INTERIMSPEC_SERVER, else the release build of this checkout."""
    named = os.environ.get("INTERIMSPEC_SERVER")
    return Path(named) if named else BUILD / "mockserver" / "release" / "mockserver"


def newer_server_source(binary: Path) -> Path | None:
    """A source of the mock server that was changed after `binary` was built from it. None where all
    is well, or where INTERIMSPEC_SERVER names the binary: what that was built from is unknown."""
    if "INTERIMSPEC_SERVER" in os.environ or not binary.exists():
        return None
    sources = (ROOT / "mockserver").glob("*.[ch]")
    newest = max(sources, key=lambda path: path.stat().st_mtime, default=None)
    built = binary.stat().st_mtime
    return newest if newest is not None and newest.stat().st_mtime > built else None


def supervisor_binary() -> Path:
    """The program that kills whole process trees: INTERIMSPEC_SUPERVISE, else our build of it."""
    named = os.environ.get("INTERIMSPEC_SUPERVISE")
    return Path(named) if named else BUILD / "supervise"
