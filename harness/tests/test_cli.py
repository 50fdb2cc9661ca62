# SPDX-License-Identifier: MIT
"""The command itself: browsing, serving by hand, and clients without an adapter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from interimspec import cli, paths, records
from interimspec.catalogue import load_catalogue

ONE = (
    "id: one\ntitle: A 102 is skipped\nrequirements: [rfc9110-15.2-parse]\nscript:\n"
    "  - respond: {status: 102}\n  - respond: {status: 200}\nexpect: {class: serve}\n"
    "why: To test.\n"
)


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """A matrix with one scenario and no clients."""
    (tmp_path / "scenarios" / "some").mkdir(parents=True)
    (tmp_path / "clients").mkdir()
    (tmp_path / "scenarios" / "some" / "one.yaml").write_text(ONE)
    requirements = (paths.SCENARIOS / "requirements.yaml").read_text()
    (tmp_path / "scenarios" / "requirements.yaml").write_text(requirements)
    path = tmp_path / "matrix.toml"
    path.write_text('[interimspec]\nscenarios = "scenarios"\nclients = ["clients"]\n')
    return path


def command(*words: str, **env: str) -> list[str]:
    return [sys.executable, "-m", "interimspec.cli", *words]


def test_list_for_people_and_programs(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--matrix", str(matrix)]) == 0
    assert "A 102 is skipped" in capsys.readouterr().out
    assert cli.main(["list", "scenarios", "o*", "--matrix", str(matrix), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["class"] == "serve"
    assert cli.main(["list", "families", "--matrix", str(matrix)]) == 0
    assert capsys.readouterr().out == "some\n"
    assert cli.main(["list", "scenarios", "none", "--matrix", str(matrix)]) == 4


def test_coverage_names_what_nobody_tests(matrix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["coverage", "--matrix", str(matrix)]) == 1
    out = capsys.readouterr().out
    assert "rfc9110-15.2-parse" in out
    assert "NO SCENARIO" in next(line for line in out.splitlines() if "9110-15.2-ignore" in line)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "curl", "one"], "holds no run"),
        (["report"], "holds no run"),
        (["serve", "on"], "near it"),
        (["run", "--", "curl"], "no {url}"),
        (["run", "--", "no-such-program", "{url}"], "no such program"),
        (["merge", "a", "--into", "/tmp"], "no such run"),
    ],
)
def test_what_cannot_be_done_is_said(
    matrix: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("INTERIMSPEC_RUNS", str(tmp_path / "runs"))
    if words[0] == "serve":
        words = [*words, "--catalogue", str(matrix.parent / "scenarios")]
    if words[0] == "run":
        words = ["run", "--matrix", str(matrix), *words[1:]]
    assert cli.main(words) in (3, 4)
    assert said in capsys.readouterr().err


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 4
    assert cli.main(["--version"]) == 0
    assert "interimspec 0" in capsys.readouterr().out


def test_serve_says_how_and_leaves_nothing(
    matrix: Path, server_binary: Path, alive: Callable[[str], list[int]]
) -> None:
    catalogue = matrix.parent / "scenarios"
    process = subprocess.Popen(
        command("serve", "one", "--catalogue", str(catalogue)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines: list[str] = []
    while not (lines and "or any client" in lines[-1]):
        lines.append(process.stdout.readline().decode())
        assert lines[-1], lines
    url = lines[-1].split()[-1]
    assert any("curl -v" in line for line in lines)
    with urllib.request.urlopen(url + "probe", timeout=5) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert alive(str(catalogue)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_before_anything_has_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    def slow_start() -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cli, "parser", slow_start)
    assert cli.main(["run"]) == 2
    assert capsys.readouterr().err == "interimspec: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_serve_that_is_killed_leaves_nothing_either(
    matrix: Path, server_binary: Path, alive: Callable[[str], list[int]]
) -> None:
    catalogue = matrix.parent / "scenarios"
    process = subprocess.Popen(
        command("serve", "--catalogue", str(catalogue)), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert b"Serving 1 scenarios" in process.stdout.readline()
    process.kill()
    process.communicate(timeout=15)
    until = time.monotonic() + 10
    while alive(str(catalogue)):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("print(urllib.request.urlopen(sys.argv[1]).read().decode(), end='')", 1, "FAIL"),
        ("print('made up', end='')", 3, "error"),
        ("sys.exit(3)", 3, "error"),
    ],
)
def test_a_client_without_adapter(
    matrix: Path, tmp_path: Path, server_binary: Path, body: str, status: int, said: str
) -> None:
    script = tmp_path / "my-client"
    script.write_text(f"#!{sys.executable}\nimport sys, urllib.request\n{body}\n")
    script.chmod(0o755)
    done = subprocess.run(
        command("run", "--matrix", str(matrix), "--", "./my-client", "{url}"),
        cwd=tmp_path,
        env={**os.environ, "INTERIMSPEC_RUNS": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
    assert "one: A 102 is skipped" in done.stdout


def test_by_hand_commands_are_ready_to_paste(tmp_path: Path) -> None:
    path = tmp_path / "post.yaml"
    path.write_text(
        ONE.replace("id: one", "id: post").replace(
            "script:", 'request: {method: POST, fields: ["X: it\'s"], body: "a b"}\nscript:'
        )
    )
    (tmp_path / "requirements.yaml").write_text((paths.SCENARIOS / "requirements.yaml").read_text())
    scenario = load_catalogue(tmp_path)["post"]
    assert records.by_hand(scenario, {"n": 5}) == (
        "curl -v --raw --max-time 10 -X POST -H 'X: it'\"'\"'s' --data-binary 'a b' "
        "'http://127.0.0.1:PORT/post/me/?n=5'"
    )
