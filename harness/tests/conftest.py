# SPDX-License-Identifier: MIT
"""Fixtures shared by the tests of the driver."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from driver_kit import ADAPTERS, MakeRow, MakeScenario

from interimspec import paths
from interimspec.clients import Can, Install, Manifest, Needs, Row, Run, Told
from interimspec.scenario import Scenario, load_scenario

# Where the tests are started in the background SIGINT is ignored, and so would be every Ctrl-C that
# a test gives to a program of ours.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def make_row() -> MakeRow:
    """A row whose adapter is a small script of harness/tests/adapters."""

    def make(name: str = "plain", *words: str, version: str = "1.0", **can: object) -> Row:
        values = {
            "timers": ("connect_ms", "read_ms", "total_ms"),
            "second_request": "pooled",
            "not_before": True,
            **can,
        }
        manifest = Manifest(
            name=name,
            title=f"test adapter {name}",
            language="Python",
            kind="library",
            homepage="",
            interim_api="none",
            versions=(version,),
            install=Install("none", (), {}, (), None),
            needs=Needs((), (), r"(\S+)", ""),
            run=Run(("{python}", str(ADAPTERS / f"{name}.py"), *words), {}, 2, 0),
            can=Can(**values),  # type: ignore[arg-type]
            told=Told(),
            controls={},
            notes="",
            variants={},
            has_tool=False,
            path=ADAPTERS / name / "client.toml",
        )
        return Row(manifest, version)

    return make


@pytest.fixture
def make_scenario(tmp_path: Path) -> MakeScenario:
    """A scenario from lines of YAML; the rest of the file is filled in."""

    def make(text: str = "", scenario_id: str = "made", script: str | None = None) -> Scenario:
        path = tmp_path / f"{scenario_id}.yaml"
        if script is None:
            script = "  - respond: {status: 102}\n  - respond: {status: 200}\n"
        head = [f"id: {scenario_id}", "title: A test", "requirements: []", "script:"]
        whole = "\n".join(head) + "\n" + script + text
        for key, value in (("expect:", "{class: serve}"), ("why:", "To test.")):
            if f"\n{key}" not in whole:
                whole += f"{key} {value}\n"
        path.write_text(whole)
        return load_scenario(path, "tests", None)

    return make


@pytest.fixture
def alive() -> Callable[[str], list[int]]:
    """Processes whose command line holds a mark."""

    def find(mark: str) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    words = (entry / "cmdline").read_bytes()
                    state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
                except OSError:
                    continue
                if mark.encode() in words and state != "Z":
                    found.append(int(entry.name))
        return found

    return find


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """The real mock server; `make test` builds it first."""
    binary = paths.server_binary()
    assert os.access(binary, os.X_OK), f"{binary}: build it: make server"
    return binary
