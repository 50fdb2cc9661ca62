# SPDX-License-Identifier: MIT
"""A new client runs at once and passes nothing that it should not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from adapter_bench import CLIENTS

from interimspec import check_clients, cli
from interimspec.clients import load_manifest, load_manifests, rows_of
from interimspec.control_table import CONTROLS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("_python", "_command", "_lines", "requests", "curl"):
        shutil.copytree(CLIENTS / name, tmp_path / "clients" / name)
    return tmp_path / "clients"


@pytest.mark.parametrize("words", [["--language", "Zed"], ["--language", "Python"], ["--tool"]])
def test_a_skeleton_is_a_client(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["clients", "new", "some-client", "--clients", str(folder), *words]) == 0
    said = capsys.readouterr().out
    manifest = load_manifest(folder / "some-client" / "client.toml")
    assert manifest.name == "some-client"
    assert "@" not in (folder / "some-client" / "client.toml").read_text()
    assert len(load_manifests(folder)) == 3
    if words == ["--tool"]:
        assert "neighbours to learn from: curl" in said
    if words[-1] == "Python":
        assert "neighbours to learn from: requests" in said
        assert "_python" in said


def test_it_runs_and_fails_every_control(
    folder: Path, server_binary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["clients", "new", "mine", "--language", "Zed", "--clients", str(folder)]) == 0
    lines: list[str] = []
    row = rows_of(load_manifest(folder / "mine" / "client.toml"))[0]
    assert check_clients.check([row], lines.append) == check_clients.FAILED
    states = {
        line.split()[0]: line.split()[1] for line in lines if line.startswith("  ") and line.split()
    }
    assert states["hello"] == "passed"
    assert states["refuses"] == "passed"
    assert {states[name] for name in CONTROLS} == {"FAILED", "skipped"}
    assert any("'Controls: proof before blame'" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "words"), [("requests", "is there already"), ("Bad Name", "is no name")]
)
def test_what_cannot_be_made_is_said(
    folder: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["clients", "new", name, "--clients", str(folder)]) == 4
    assert words in capsys.readouterr().err
