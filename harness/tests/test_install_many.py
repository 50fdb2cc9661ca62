# SPDX-License-Identifier: MIT
"""Many environments at once: all or a reason, again without work, and whole after an interrupt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from interimspec import apt, cli, debian, install_many, paths
from interimspec.clients import Row, load_manifests, rows_of
from interimspec.install_many import LACKS, MADE, THERE, Result

MANIFEST = """\
name = "{name}"
title = "Sample"
language = "C"
kind = "library"
versions = ["1.0"]
[install]
method = "{method}"
files = {files}
packages = {packages}
[needs]
commands = ["sh"]
how = "install a shell"
[run]
command = ["sh"]
[variants.other]
what = "another configuration"
"""


def client(folder: Path, name: str, recipe: str | None = None, packages: str = "[]") -> None:
    here = folder / name
    here.mkdir(parents=True)
    values = {"name": name, "method": "none", "files": "[]", "packages": packages}
    if recipe is not None:
        (here / "Makefile").write_text(f"adapter:\n\t{recipe}\n")
        values.update(method="make", files='["Makefile"]')
    text = MANIFEST
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    (here / "client.toml").write_text(text)


def rows(folder: Path) -> list[Row]:
    return [row for manifest in load_manifests(folder) for row in rows_of(manifest)]


def by_name(results: tuple[Result, ...]) -> dict[str, Result]:
    return {one.name.split("@")[0]: one for one in results}


def test_each_is_made_or_has_a_reason_and_nothing_is_done_twice(tmp_path: Path) -> None:
    folder, lines = tmp_path / "clients", list[str]()
    client(folder, "plain")
    client(folder, "good", "echo yes >adapter")
    client(folder, "bad", "@echo 'error: no such header' >&2; exit 1")
    found = by_name(install_many.install_all(lambda: rows(folder), tmp_path, lines.append, jobs=2))
    assert {name: one.state for name, one in found.items()} == {
        "plain": THERE,
        "good": MADE,
        "bad": LACKS,
    }
    assert "error: no such header" in found["bad"].why
    assert lines[0] == "building 2 environments, 2 at a time"
    assert {line.split("]")[0] for line in lines[1:]} == {"[1/2", "[2/2"}
    again = by_name(install_many.install_all(lambda: rows(folder), tmp_path, lines.append))
    assert again["good"].state == THERE
    text = install_many.summary(tuple(again.values()))
    assert text.splitlines()[0] == "2 there, 1 not to be had"
    assert "bad@1.0: make ended with" in text


def test_packages_are_asked_for_once_and_a_refusal_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(tmp_path, "one", packages='["no-such-package-one"]')
    client(tmp_path, "two", packages='["no-such-package-two", "no-such-package-one"]')
    calls: list[list[str]] = []

    def refuse(packages: list[str], say: Callable[[str], None]) -> dict[str, str]:
        calls.append(packages)
        return {"no-such-package-two": "this release packages no no-such-package-two"}

    monkeypatch.setattr(apt, "install", refuse)
    found = by_name(install_many.install_all(lambda: rows(tmp_path), tmp_path, calls.append))
    assert calls[0] == ["no-such-package-one", "no-such-package-two"]
    if debian.missing(["no-such-package-one"]):
        assert found["two"].why == "this release packages no no-such-package-two"
        assert found["one"].why == "not installed: no-such-package-one"


def test_the_methods_take_turns(tmp_path: Path) -> None:
    for name in "abc":
        client(tmp_path, name, "true")
    client(tmp_path, "z")
    order = install_many.spread([row for row in rows(tmp_path) if row.variant is None])
    assert [row.name for row in order] == ["a", "z", "b", "c"]


def test_the_candidates_of_apt() -> None:
    policy = (
        "curl:\n  Installed: (none)\n  Candidate: 7.88.1-10\n  Version table:\n"
        "     7.88.1-10 500\n        500 http://deb stable/main amd64 Packages\n"
        "virtual:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
        "wget:\n  Installed: 1.21\n  Candidate: 1.21\n  Version table:\n"
    )
    assert apt.candidates(policy) == {"curl", "wget"}


def test_without_root_and_sudo_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "missing", lambda names: tuple(names))
    monkeypatch.setattr(apt.shutil, "which", lambda name: None if name == "sudo" else name)
    monkeypatch.setattr(apt.os, "geteuid", lambda: 1000)
    assert apt.install(["x"], print) == {"x": "apt-get needs root, and there is no sudo"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_kills_installers_and_keeps_what_is_whole(
    tmp_path: Path, number: signal.Signals, alive: Callable[[str], list[int]]
) -> None:
    mark = f"{60 + os.getpid() / 1e7:.7f}"
    client(tmp_path / "clients", "fast", "touch adapter")
    client(tmp_path / "clients", "slow", f"sleep {mark}")
    program = (
        "import signal, sys; from pathlib import Path; from interimspec import cli, paths\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"paths.BUILD = Path({str(tmp_path / 'build')!r})\n"
        f"sys.exit(cli.main(['clients', 'install', '--clients', {str(tmp_path / 'clients')!r}]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        until = time.monotonic() + 30
        while not (alive(mark) and (tmp_path / "build/clients/fast@1.0").exists()):
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 2, output
    assert "the next call goes on from there" in output
    assert alive(mark) == []
    left = {path.name for path in (tmp_path / "build/clients").iterdir() if path.is_dir()}
    assert left == {"fast@1.0"}


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    client(tmp_path / "clients", "good", "touch adapter")
    client(tmp_path / "clients", "bad", "exit 7")
    where = ["--clients", str(tmp_path / "clients")]
    assert cli.main(["clients", "install", "good@1.0", *where]) == 0
    assert cli.main(["clients", "install", *where]) == 1
    assert "bad@1.0" in capsys.readouterr().out
    assert cli.main(["clients", "install", "nobody", *where]) == 4
    assert "no client matches nobody; known: bad, good" in capsys.readouterr().err
    assert cli.main(["clients", "list", "--json", *where]) == 0
    states = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["client"]: one["state"] for one in states} == {
        "bad@1.0": "later",
        "bad@1.0+other": "later",
        "good@1.0": "ok",
        "good@1.0+other": "ok",
    }
