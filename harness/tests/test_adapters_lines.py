# SPDX-License-Identifier: MIT
"""Plain lines: programs of a few lines through the generic adapter, good ones and faulty ones."""

from __future__ import annotations

import base64
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from adapter_bench import CLIENTS, AdapterRun, drive, plan

ADAPTER = str(CLIENTS / "_lines" / "adapter.py")

MANIFEST = """
name = "mine"
title = "Mine"
language = "Zed"
kind = "library"
homepage = ""
interim_api = "none"
versions = ["1.0"]
[install]
method = "none"
[run]
command = ["{python}", "{clients}/_lines/adapter.py", "{here}/client.toml", "zed"]
[can]
timers = ["read_ms"]
expect_continue = true
interim = "fields"
not_before = true
second_request = "pooled"
methods = ["GET", "POST"]
[variants.quick]
what = "quick"
[variants.quick.can]
methods = ["GET"]
[notes]
text = "none"
"""
# Reads blocks; `answer(verb, lines)` prints what is to be told.
FRAME = """
import os, signal, sys
def say(*words): print(*words, flush=True)
say("@version 1.0"); say("@layer zed 7.1 beta"); say("@ready")
{answer}
verb, lines = None, []
for line in sys.stdin:
    line = line.rstrip("\\n")
    if verb is None: verb, lines = line, []
    elif line: lines.append(line)
    else:
        answer(verb, lines)
        if verb == "close": say("@closed")
        verb = None
"""
ASKED = """
def answer(verb, lines):
    print("seen", [verb, *lines], file=sys.stderr)
    if verb == "request": say("@ok")
"""
MAIN: dict[str, Any] = {"name": "main", "method": "GET", "url": "http://127.0.0.1:9/"}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "client.toml"
    path.write_text(MANIFEST)
    return path


def play(manifest: Path, answer: str, *plans: dict[str, Any], options: tuple[str, ...] = ()) -> Any:
    program = manifest.parent / "program.py"
    program.write_text(FRAME.format(answer=answer))
    words = [sys.executable, ADAPTER, *options, str(manifest), sys.executable, str(program)]
    return drive(words, list(plans))


def test_what_is_asked_arrives_as_words(manifest: Path) -> None:
    first = {**MAIN, "headers": [["X-A", "b: c"], ["X-Empty", ""]]}
    second = {
        **MAIN,
        "name": "probe",
        "method": "POST",
        "body_b64": base64.b64encode(b"\x00\xffhi").decode(),
        "timers": {"read_ms": 70},
        "expect_continue": True,
    }
    run = play(manifest, ASKED, plan(first, second, timers={"read_ms": 900}))
    assert [line for line in run.stderr.splitlines() if line.startswith("seen")] == [
        "seen ['open', 'http 1.1', 'read_ms 900']",
        "seen ['request', 'method GET', 'url http://127.0.0.1:9/', 'read_ms 900', "
        "'field X-A: b: c', 'field X-Empty: ']",
        "seen ['request', 'method POST', 'url http://127.0.0.1:9/', 'read_ms 70', "
        "'content 00ff6869', 'expect_continue']",
        "seen ['close']",
    ]
    hello = run.events[0]
    assert (hello["client"], hello["version"]) == ("mine", "1.0")
    assert hello["stack"] == [{"name": "zed", "version": "7.1 beta"}]
    assert hello["can"]["interim"] == "fields"
    assert [e["event"] for e in run.events] == ["hello", "end", "end", "done"]


TELLS = """
def answer(verb, lines):
    if verb != "request": return
    say("@field Link: </a>; rel=preload"); say("@interim 103")
    say("@interim")
    say("@field X: y"); say("@field Empty:"); say("@response 200 Quite OK")
    say("@content 6162"); say("@content "); say("@content 63")
    say("@ok")
"""


def test_what_is_told_leaves_as_events(manifest: Path) -> None:
    run = play(manifest, TELLS, plan(MAIN))
    _, early, bare, response, end, _ = run.events
    assert (early["status"], early["fields"]) == (103, [["Link", "</a>; rel=preload"]])
    assert not {"status", "fields"} & set(bare)
    assert (response["status"], response["reason"]) == (200, "Quite OK")
    assert response["fields"] == [["X", "y"], ["Empty", ""]]
    assert (end["told"], base64.b64decode(end["body_b64"]), end["body_len"]) == ("ok", b"abc", 3)
    assert end["started"] <= early["at"] <= response["at"] <= end["at"]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (
            ["@failed timeout Zed.TimeOut it took too long"],
            {"kind": "timeout", "type": "Zed.TimeOut", "message": "it took too long"},
        ),
        (
            ["@status 404", "@failed status Zed.Bad"],
            {"kind": "status", "type": "Zed.Bad", "message": "", "status": 404},
        ),
        (
            ["@status 102", "@failed closed Zed.End gone"],
            {"kind": "closed", "type": "Zed.End", "message": "gone", "detail": {"status": 102}},
        ),
    ],
)
def test_failures(manifest: Path, lines: list[str], error: dict[str, Any]) -> None:
    body = "".join(f"    say({line!r})\n" for line in lines)
    run = play(
        manifest, "def answer(verb, lines):\n    if verb != 'request': return\n" + body, plan(MAIN)
    )
    assert run.end()["told"] == "failed"
    assert run.end()["error"] == {"phase": None, **error}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("@whatever", "'@whatever ' during a request"),
        ("@failed broken Zed.Error", "KIND is one of timeout, protocol"),
        ("@content 6", "'@content 6...' is not in hexadecimal digits"),
        ("@response OK", "'@response STATUS REASON'"),
    ],
)
def test_a_program_that_breaks_the_rules_is_told_which(
    manifest: Path, line: str, words: str
) -> None:
    run = play(
        manifest, f"def answer(verb, lines):\n    if verb == 'request': say({line!r})\n", plan(MAIN)
    )
    assert run.code == 70
    assert words in run.stderr
    assert [e["event"] for e in run.events] == ["hello"]


def test_a_program_that_crashes_takes_the_adapter_along(manifest: Path) -> None:
    crash = (
        "def answer(verb, lines):\n    if verb == 'request': os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    run: AdapterRun = play(manifest, crash, plan(MAIN))
    assert run.code == -signal.SIGSEGV
    assert [e["event"] for e in run.events] == ["hello"]


def test_a_program_that_gives_up_ends_the_adapter_with_its_status(manifest: Path) -> None:
    run = play(
        manifest, "def answer(verb, lines):\n    if verb == 'request': sys.exit(3)\n", plan(MAIN)
    )
    assert run.code == 3
    assert "exit status 3 before it was asked to" in run.stderr


def test_what_the_manifest_does_not_claim_never_reaches_the_program(manifest: Path) -> None:
    post = {**MAIN, "method": "POST"}
    run = play(manifest, ASKED, plan(post), options=("--variant=quick",))
    assert [e["event"] for e in run.events] == ["hello", "unsupported", "done"]
    assert "seen" not in run.stderr
    assert run.events[0]["can"]["methods"] == ["GET"]


def test_a_program_that_is_not_there_is_named(manifest: Path) -> None:
    run = drive([sys.executable, ADAPTER, str(manifest), "./no-such-program"], [])
    assert run.code == 1
    assert "./no-such-program: cannot be started" in run.stderr
