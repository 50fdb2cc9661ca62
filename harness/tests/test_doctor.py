# SPDX-License-Identifier: MIT
"""The doctor says what is there, what is missing, and how to get it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interimspec import doctor, paths
from interimspec.doctor import BROKEN, LACKS, LATER, OK, Finding, examine, render, status

MANIFEST = """\
name = "{name}"
title = "Sample"
language = "Python"
kind = "library"
versions = ["1.0"]
[install]
method = "{method}"
files = {files}
[needs]
commands = ["{command}"]
how = "apt-get install {command}"
[run]
command = {run}
"""


def client(folder: Path, name: str, **values: str) -> None:
    path = folder / name
    path.mkdir(parents=True)
    defaults = {"method": "none", "files": "[]", "command": "sh", "run": '["sh"]'}
    text = MANIFEST
    for key, value in {**defaults, **values, "name": name}.items():
        text = text.replace("{" + key + "}", value)
    (path / "client.toml").write_text(text)


def server(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def by_name(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_clients_are_there_to_come_or_missing(tmp_path: Path) -> None:
    clients = tmp_path / "clients"
    client(clients, "here")
    client(clients, "absent", command="no-such-tool")
    client(clients, "later", method="pip", files='["r.txt"]', run='["{env}/bin/python"]')
    client(clients, "broken", method="magic")
    (clients / "later" / "r.txt").write_text("later==1.0\n")
    found = by_name(examine([clients], tmp_path / "build"))
    assert found["here@1.0"].state == OK
    assert found["absent@1.0"].state == LACKS
    assert found["absent@1.0"].how == "apt-get install no-such-tool"
    assert found["later@1.0"].state == LATER
    assert found["broken"].state == BROKEN
    assert "client.toml:7: [install] 'method' is 'magic'" in found["broken"].text
    assert not (tmp_path / "build").exists()


def test_a_server_that_was_not_built_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERIMSPEC_SERVER", str(tmp_path / "mockserver"))
    findings = examine([], tmp_path)
    assert by_name(findings)["mockserver"].state == LACKS
    assert by_name(findings)["mockserver"].how == "make"
    assert status(findings) == 3


def test_the_ready_line_tells_scheduling_and_unread_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = {"ready": True, "version": "9.9", "scheduling": "nice", "unread_check": "netlink"}
    binary = server(tmp_path / "mockserver", f"echo '{json.dumps(ready)}'; exec sleep 30")
    monkeypatch.setenv("INTERIMSPEC_SERVER", str(binary))
    found = by_name(examine([], tmp_path))
    assert found["mockserver"].text == "version 9.9"
    assert found["scheduling"].state == LATER
    assert "nice" in found["scheduling"].text
    assert found["unread check"].state == OK


def test_a_server_that_cannot_start_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = server(tmp_path / "mockserver", "echo 'scenarios/x.yaml:3: unknown key' >&2; exit 2")
    monkeypatch.setenv("INTERIMSPEC_SERVER", str(binary))
    found = by_name(examine([], tmp_path))
    assert found["mockserver"].state == BROKEN
    assert "scenarios/x.yaml:3: unknown key" in found["mockserver"].text


def test_the_real_server_is_well(tmp_path: Path) -> None:
    if not paths.server_binary().exists():
        pytest.skip("the mock server has not been built")
    found = by_name(examine([], tmp_path))
    assert found["mockserver"].state == OK, found["mockserver"].text
    assert found["scheduling"].text.split()[0] in ("rr", "nice", "normal")


def test_the_table_has_a_heading_and_a_way_out() -> None:
    findings = (
        Finding("server", "mockserver", LACKS, "not built", "make", needed=True),
        Finding("clients", "curl@8", OK, "on this machine", "never shown"),
    )
    text = render(findings)
    assert text == (
        "server\n"
        "  mockserver  missing     not built\n"
        "                          -> make\n"
        "\n"
        "clients\n"
        "  curl@8      ok          on this machine\n"
    )
    assert status(findings) == 3
    assert status(findings[1:]) == 0


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client(tmp_path, "here")
    doctor.main(["--clients", str(tmp_path), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["name"] == "here@1.0"
    with pytest.raises(SystemExit) as caught:
        doctor.main(["--clients", str(tmp_path / "nowhere")])
    assert caught.value.code == 2
    assert "no such folder" in capsys.readouterr().err
