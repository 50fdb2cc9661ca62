# SPDX-License-Identifier: MIT
"""`interimspec draft`: a report that a maintainer can act on, and a script that plays it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interimspec import cli, paths
from interimspec.draft.causes import causes_of, key_of
from interimspec.draft.document import severity
from interimspec.draft.example import find_example
from interimspec.draft.replay import NoReplay, replay_of, script_of
from interimspec.manifest import load_manifests
from interimspec.report import load_report
from interimspec.report.model import FINDINGS
from tests import report_factory as factory

EXAMPLES = paths.HARNESS / "clients" / "_examples"
TAKES = factory.STORIES[1]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = factory.write_run(tmp_path / "run")
    for story in factory.STORIES:
        for script in factory.SCRIPTS:
            evidence = factory.evidence_of(story, script)
            factory.write_evidence(folder, factory.evidence_name(story, script), evidence)
    return folder


def draft(run: Path, *words: str) -> list[str]:
    return ["draft", *words, "--run", str(run)]


def test_the_report_has_all_that_a_maintainer_needs(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(draft(run, "requests", "single-102")) == 0
    text = capsys.readouterr().out
    assert text.startswith("# requests 2.34.2: handed the 102 to the application as the response;")
    for heading in ("Summary", "Client", "What is required", "What was sent", "To see it"):
        assert f"\n## {heading}" in text
    assert "The answer to one request is handed over as the answer to another" in text
    assert "With urllib3 2.7.0" in text
    assert "- Installed by pip" in text
    assert "[RFC 9110 15.2 \\(MUST\\)](https://www.rfc-editor.org/rfc/rfc9110.html" in text
    assert "A client parses one or more interim responses" in text
    assert "HTTP/1.1 102 Processing\\r\\n\\r\\n" in text
    assert "main: response 102 Processing" in text
    assert "interimspec run --client 'requests@2.34.2' --scenario single-102\n" in text
    assert "session.request(" in text
    assert factory.notes_of("requests") in text
    assert "`single-102-with-fields`" in text.split("## The same in other exchanges")[1]
    assert "r7f3" not in text.split("## To see it")[0]


@pytest.mark.parametrize("alone", ["fail", "pass"])
def test_a_failure_that_needs_no_interim_response_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: str
) -> None:
    story = factory.STORIES[0]
    failed = {"grade": "fail", "outcome": "error"}
    changes = {(story.name, "single-102"): failed}
    changes[story.name, "no-interim"] = {**failed, "grade": alone}
    folder = factory.write_run(tmp_path / "run", cases=changes)
    script = next(one for one in factory.SCRIPTS if one.id == "single-102")
    evidence = factory.evidence_of(story, script)
    factory.write_evidence(folder, factory.evidence_name(story, script), evidence)
    assert cli.main(draft(folder, story.name, "single-102")) == 0
    said = "The same exchange without one (`no-interim`) fails as well." in capsys.readouterr().out
    assert said == (alone == "fail")


def test_cells_with_one_cause_are_one_report(run: Path) -> None:
    report = load_report([run])
    for client in report.clients:
        causes = causes_of(report, client.row)
        held = [case for cause in causes for case in cause.cases]
        assert len(held) == len(set(map(id, held)))
        assert {id(case) for case in held} == {
            id(case) for case in report.cases_of(client.row) if case.grade in FINDINGS
        }
        for cause in causes:
            assert {key_of(case) for case in cause.cases} == {cause.key}
    takes = next(client.row for client in report.clients if client.row.client == TAKES.name)
    first = causes_of(report, takes)[0]
    assert first.key == ("interim taken",)
    assert first.lead.column.scenario == "single-102"
    assert len(first.cases) > 3


def test_without_a_scenario_it_is_the_worst_and_the_rest_is_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(draft(run, "requests")) == 0
    told = capsys.readouterr()
    assert told.out.count("\n## Summary") == 1
    for line in told.err.splitlines():
        assert re.fullmatch(
            r"also: \d+ x (danger|fail), interimspec draft requests@2.34.2 \S+", line
        )


def test_every_finding_of_a_client_into_a_folder(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "drafts"
    assert cli.main(draft(run, "requests@2.34.2", "--out", str(out))) == 0
    report = load_report([run])
    row = next(client.row for client in report.clients if client.row.client == "requests")
    assert len(list(out.glob("*.md"))) == len(causes_of(report, row))
    for script in out.glob("*.py"):
        compile(script.read_text(encoding="utf-8"), str(script), "exec")
    assert (out / "requests@2.34.2-single-102.py").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("requests", "no-interim"), "is no finding but pass"),
        (("nobody",), "does not hold nobody"),
        (("curl",), "has no finding there"),
        (("requests", "single-102", "--transport", "h2"), "no result of single-102 over h2"),
    ],
)
def test_what_cannot_be_reported_is_said(
    run: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], error: str
) -> None:
    assert cli.main(draft(run, *words)) == 4
    assert error in capsys.readouterr().err


def test_a_report_on_what_is_not_public_says_where_to_send_it(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "embargo.toml"
    path.write_text(factory.embargo_toml("requests", "repeat-*"), encoding="utf-8")
    monkeypatch.setattr("interimspec.cli.draft.EMBARGO", path)
    assert cli.main(draft(run, "requests", "single-102")) == 0
    text = capsys.readouterr().out
    assert "> **Not public.**" in text.split("## Summary")[0]
    assert "security&#64;example.org" in text


def test_what_the_client_printed_builds_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "```\n# Title\n<img src=x>\x1b[31m"
    run = factory.write_run(
        tmp_path / "run", cases={("requests", "single-102"): {"sentence": evil}}
    )
    evidence = factory.evidence_of(TAKES, factory.SCRIPTS[1])
    evidence["process"]["stderr_tail"] = evil
    factory.write_evidence(run, factory.evidence_name(TAKES, factory.SCRIPTS[1]), evidence)
    assert cli.main(draft(run, "requests", "single-102")) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "````\n```\n# Title" in text  # inside a longer fence
    assert "<img" not in text.split("## What was sent")[0]


def test_severity_is_by_what_happened(run: Path) -> None:
    report = load_report([run])
    told = {
        (case.row.client, case.column.scenario): severity(case) for case in report.cases.values()
    }
    assert "cannot notice" in told["requests", "single-102"]
    assert "has no answer" in told["axios", "single-102"]
    assert "waits for ever" in told["hurl", "single-102"]


def test_a_request_that_is_sent_twice_is_severe_though_the_failure_is_told(run: Path) -> None:
    case = next(iter(load_report([run]).cases.values()))
    twice = replace(case, class_="unfinished", outcome="error", reasons=({"rule": "G4"},))
    assert "an order is placed again" in severity(twice)
    assert "does not end such an exchange" in severity(replace(twice, reasons=()))


# ---------------------------------------------------------------- the script


def transcript(script_id: str) -> dict[str, Any]:
    script = next(one for one in factory.SCRIPTS if one.id == script_id)
    return factory.transcript_of(TAKES, script)


def test_the_script_plays_the_octets_at_their_times(tmp_path: Path) -> None:
    replay = replay_of(transcript("single-102"))
    path = tmp_path / "server.py"
    path.write_text(script_of(replay, 'One """102""" \\ before the 200'), encoding="utf-8")
    with subprocess.Popen([sys.executable, path, "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(re.search(r":(\d+)/", server.stdout.readline()).group(1))  # type: ignore[union-attr]
            with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
                began = time.monotonic()
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(4096) == b"HTTP/1.1 102 Processing\r\n\r\n"
                final = client.recv(4096)
                took = (time.monotonic() - began) * 1000
                client.sendall(b"PUT /next HTTP/1.1\r\nContent-Length: 2\r\n\r\nab")
                other = client.recv(4096)
        finally:
            server.terminate()
    assert final == replay.steps[-1].octets
    assert final.startswith(b"HTTP/1.1 200 OK\r\n")
    assert took >= replay.steps[-1].after_ms - 5
    assert other.endswith(b"This is the answer to PUT /next.\n")


def test_the_script_plays_frames_over_http2(tmp_path: Path) -> None:
    head = "\0\0\5\1\4\0\0\0\1\x08\x03102"
    final = "\0\0\1\1\5\0\0\0\1\x88"
    settings, ack = "\0\0\0\4\0\0\0\0\0", "\0\0\0\4\1\0\0\0\0"
    sends = [
        {"t": 0.1, "bytes": settings, "due": 0.1},
        {"t": 0.2, "bytes": ack, "due": 0.2},
        {"t": 1.0, "bytes": head, "due": 1.0, "exchange": 0, "stream": 1},
        {"t": 51.0, "bytes": final, "due": 51.0, "exchange": 0, "stream": 1},
    ]
    events = [{"t": 0.1, "conn": 1, "event": "accept"}]
    events += [{"conn": 1, "event": "send", "len": len(str(s["bytes"])), **s} for s in sends[:2]]
    events += [{"t": 1.0, "conn": 1, "exchange": 0, "event": "turn"}]
    events += [{"conn": 1, "event": "send", "len": len(str(s["bytes"])), **s} for s in sends[2:]]
    path = tmp_path / "server.py"
    replay = replay_of({"transport": "h2c", "events": events})
    path.write_text(script_of(replay, "A 102"), encoding="utf-8")
    request = b"\0\0\3\1\5\0\0\0"
    with subprocess.Popen([sys.executable, path, "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().split(":")[2].split("/")[0])
            with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
                preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings.encode("latin-1")
                client.sendall(preface + request + b"\1\x82\x86\x84")
                with closing(client.makefile("rb")) as read:
                    assert read.read(9) == settings.encode("latin-1")
                    assert read.read(9) == ack.encode("latin-1")
                    assert read.read(len(head)) == head.encode("latin-1")
                    assert read.read(len(final)) == final.encode("latin-1")
                    client.sendall(request + b"\3\x82\x86\x84")
                    assert read.read(10) == b"\0\0\1\1\4\0\0\0\3\x88"
                    length = int.from_bytes(read.read(9)[:3], "big")
                    assert read.read(length).endswith(b"on stream 3.\n")
        finally:
            server.terminate()


def test_what_was_due_at_once_is_one_write() -> None:
    events = transcript("single-102")["events"]
    first = next(event for event in events if event["event"] == "send")
    for event in events:
        if event["event"] == "send" and event.get("exchange") == 0:
            event["due"] = first["due"]
    (step,) = replay_of({"transport": "h1", "events": events}).steps
    assert b"102 Processing" in step.octets
    assert b"200 OK" in step.octets


def test_repeated_sends_are_not_written_out() -> None:
    replay = replay_of(transcript("repeat-1000"))
    assert replay.steps[0].times == 1000
    assert len(script_of(replay, "x")) < 8000


@pytest.mark.parametrize(
    ("change", "words"),
    [({"transport": "h2"}, "over TLS"), ({"events": []}, "No request came")],
)
def test_what_a_script_cannot_show_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(NoReplay, match=words):
        replay_of(transcript("single-102") | change)


def test_what_is_too_long_to_print_is_no_script() -> None:
    data = transcript("single-102")
    send = next(event for event in data["events"] if event["event"] == "send")
    send["bytes"] = "x" * 20_000
    send["len"] = 20_000
    with pytest.raises(NoReplay, match="too many"):
        replay_of(data)
    del send["bytes"]  # left out of a transcript that is too long
    with pytest.raises(NoReplay, match="too many"):
        replay_of(data)


# ---------------------------------------------------------------- the examples


def test_every_example_is_of_a_client_and_says_how_to_run_it() -> None:
    names = {manifest.name: manifest for manifest in load_manifests(paths.HARNESS / "clients")}
    files = sorted(EXAMPLES.iterdir())
    assert files
    for path in files:
        name, kind = path.stem, ""
        for one in ("post", "expect"):
            if name.endswith(f"-{one}"):
                name, kind = name.removesuffix(f"-{one}"), one
        client, _, variant = name.partition("+")
        assert client in names, path
        assert not variant or variant in names[client].variants, path
        example = find_example(EXAMPLES, client, "1.0", variant, kind)
        assert example is not None
        assert example.kind == kind
        if path.suffix == ".sh":
            assert '"$@"' in example.text or '"$url"' in example.text
            assert names[client].kind == "tool"
        else:
            assert example.command, path
        assert "SPDX" not in example.text
        assert "Run:" not in example.text
    assert find_example(EXAMPLES, "nobody", "1.0") is None
    assert find_example(EXAMPLES, "http.rb", "1.0") != find_example(
        EXAMPLES, "http.rb", "1.0", "persistent"
    )
    assert find_example(EXAMPLES, "requests", "1.0", "no-such-variant") is None


def test_an_example_makes_the_request_that_showed_the_finding() -> None:
    post = find_example(EXAMPLES, "wget", "1.0", kind="post")
    usual = find_example(EXAMPLES, "wget", "1.0")
    assert post is not None
    assert usual is not None
    assert "--post-data" in post.text
    assert post.methods == ("POST",)
    assert "--post-data" not in usual.text
    # What is written for an Expect is not shown for a POST without one.
    assert find_example(EXAMPLES, "wget", "1.0", kind="expect") == usual
