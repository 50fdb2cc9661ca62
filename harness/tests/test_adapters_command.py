# SPDX-License-Identifier: MIT
"""Command-line tools through the generic adapter: real ones, and small ones that misbehave."""

from __future__ import annotations

import base64
import re
import shutil
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from adapter_bench import (
    CLIENTS,
    FIN,
    INTERIM,
    RST,
    SILENCE,
    Action,
    AdapterRun,
    drive,
    drive_row,
    ok,
    plan,
    raw_peer,
    request,
    row_of,
)

from interimspec.clients import TomlError

sys.path.insert(0, str(CLIENTS / "_python"))
sys.path.insert(0, str(CLIENTS / "_command"))
from tool import MARK, load_tool

ADAPTER = str(CLIENTS / "_command" / "adapter.py")
ANSWERS: dict[str, list[Action]] = {
    "ok": [ok()],
    "probe": [ok(b"probe body\n")],
    "empty": [ok(b"")],
    "404": [b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"],
    "truncated": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", FIN],
    "reset": [RST],
    "silence": [SILENCE],
    "interim": [INTERIM, 0.2, ok()],
    "interim-fin": [INTERIM, FIN],
    "garbage": [INTERIM + b'{"a":1}', FIN],
    "fields": [ok(extra=b"X-Twice: first\r\nX-Empty:\r\nX-Twice: second\r\n")],
}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
needs_wget = pytest.mark.skipif(shutil.which("wget") is None, reason="no wget here")


def body_of(end: dict[str, Any]) -> bytes:
    return base64.b64decode(end["body_b64"] or "")


def told(run: AdapterRun, name: str = "main") -> tuple[str, str | None, bytes]:
    end = run.end(name)
    return end["told"], (end["error"] or {}).get("kind"), body_of(end)


# ---------------------------------------------------------------- curl


@needs_curl
@pytest.mark.parametrize(
    ("path", "expected", "statuses"),
    [
        ("ok", ("ok", None, b"final body\n"), [200]),
        ("empty", ("ok", None, b""), [200]),
        ("404", ("ok", None, b"no\n"), [404]),
        ("truncated", ("failed", "closed", b"12345"), []),
        ("reset", ("failed", "closed", b""), []),
        ("interim", ("ok", None, b"final body\n"), [200]),
        ("interim-fin", ("failed", "closed", b""), []),
        ("garbage", ("failed", "protocol", b""), []),
    ],
)
def test_curl_tells_each_transfer(
    path: str, expected: tuple[str, str | None, bytes], statuses: list[int]
) -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row_of("curl"), plan(request(peer, path), request(peer, "probe", "probe")))
    assert told(run) == expected, run
    assert [e["status"] for e in run.of("response")] == statuses
    assert told(run, "probe") == ("ok", None, b"probe body\n")
    interims = [e["status"] for e in run.of("interim")]
    assert interims == ([102] if path.startswith(("interim", "garbage")) else [])


@needs_curl
def test_curl_shows_an_interim_response_when_it_comes() -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row_of("curl"), plan(request(peer, "interim")))
    assert run.end()["at"] - run.of("interim")[0]["at"] > 100


@needs_curl
def test_a_status_after_a_failure_is_a_detail() -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row_of("curl"), plan(request(peer, "interim-fin")))
    assert run.end()["error"]["detail"] == {"status": 102}


@needs_curl
def test_curl_timers_reuse_and_late_requests() -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(
            row_of("curl"),
            plan(request(peer, "silence"), timers={"total_ms": 400}),
            plan(request(peer, "ok"), request(peer, "probe", "probe", not_before_ms=500)),
        )
        late = [r for r in peer.requests if r["path"] != "/silence"]
    assert run.of("end")[0]["error"]["kind"] == "timeout"
    assert 380 <= run.of("end")[0]["at"] - run.of("end")[0]["started"] <= 1000
    assert late[0]["connection"] == late[1]["connection"]
    assert late[1]["at"] - late[0]["at"] >= 490


@needs_curl
def test_curl_requests_may_differ() -> None:
    content = base64.b64encode(b"some content").decode()
    with raw_peer(ANSWERS) as peer:
        main = request(
            peer, "ok", method="POST", body_b64=content, headers=[["X-Mine", "yes"]],
            expect_continue=True,
        )  # fmt: skip
        run = drive_row(row_of("curl"), plan(main, request(peer, "probe", "probe", method="HEAD")))
        post, head = peer.requests
    assert (post["method"], post["body"], post["fields"]["x-mine"]) == (
        "POST",
        b"some content",
        "yes",
    )
    assert post["fields"]["expect"] == "100-continue"
    assert [e.get("status") for e in run.of("interim")] == [100]
    assert (head["method"], "x-mine" in head["fields"]) == ("HEAD", False)
    assert run.end("probe")["body_len"] == 0


# ---------------------------------------------------------------- wget


@needs_wget
@pytest.mark.parametrize(
    ("path", "expected", "statuses"),
    [
        ("ok", ("ok", None, b"final body\n"), [200]),
        ("empty", ("ok", None, b""), [200]),
        ("404", ("failed", "status", b""), []),
        ("truncated", ("failed", "closed", b"12345"), []),
        ("reset", ("failed", "closed", b""), []),
        ("interim", ("ok", None, b"final body\n"), [200]),
        ("interim-fin", ("failed", "closed", b""), []),
        ("garbage", ("ok", None, b'{"a":1}'), [None]),
    ],
)
def test_wget_with_one_try_tells_each_url(
    path: str, expected: tuple[str, str | None, bytes], statuses: list[int | None]
) -> None:
    row = row_of("wget", variant="once")
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row, plan(request(peer, path), request(peer, "probe", "probe")))
    assert told(run) == expected, run
    assert [e["status"] for e in run.of("response")] == statuses
    assert told(run, "probe") == ("ok", None, b"probe body\n")
    assert run.of("interim") == []


@needs_wget
def test_wget_keeps_its_default_of_many_tries() -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row_of("wget"), plan(request(peer, "reset")), deadline=3.5)
        assert run.of("end") == []
        assert len(peer.requests) >= 2


@needs_wget
def test_wget_timer_reuse_fields_and_late_requests() -> None:
    row = row_of("wget", variant="once")
    with raw_peer(ANSWERS) as peer:
        run = drive_row(
            row,
            plan(request(peer, "silence"), timers={"read_ms": 400}, plan="silent"),
            plan(request(peer, "fields"), request(peer, "probe", "probe", not_before_ms=300)),
        )
        late = [r for r in peer.requests if r["path"] != "/silence"]
    silent = next(e for e in run.of("end") if e["plan"] == "silent")
    assert silent["error"]["kind"] == "timeout"
    assert late[0]["connection"] == late[1]["connection"]
    assert late[1]["at"] - late[0]["at"] >= 295
    fields = run.of("response")[0]["fields"]
    assert ["X-Empty", ""] in fields
    assert [value for name, value in fields if name == "X-Twice"] == ["first", "second"]


@needs_wget
def test_wget_requests_that_differ_are_processes_of_their_own() -> None:
    content = base64.b64encode(b"some content").decode()
    with raw_peer(ANSWERS) as peer:
        main = request(peer, "ok", method="POST", body_b64=content)
        run = drive_row(row_of("wget"), plan(main, request(peer, "probe", "probe")))
        post, get = peer.requests
    assert (post["method"], post["body"], get["method"]) == ("POST", b"some content", "GET")
    assert post["connection"] != get["connection"]
    assert told(run)[0] == told(run, "probe")[0] == "ok"


@pytest.mark.parametrize(("name", "variant"), [("curl", None), ("wget", None), ("wget", "once")])
def test_the_hello_is_the_manifest(name: str, variant: str | None) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    row = row_of(name, variant=variant)
    hello = drive_row(row).events[0]
    assert (hello["client"], hello["version"]) == (name, row.version)
    assert hello["can"] == row.can.to_json()
    assert [layer["name"] for layer in hello["stack"]][:1] == (
        ["libcurl"] if name == "curl" else []
    )


# ---------------------------------------------------------------- anything with a URL


def script(folder: Path, text: str) -> str:
    path = folder / "my-client"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def drive_command(command: list[str], *plans: dict[str, Any]) -> AdapterRun:
    return drive([sys.executable, ADAPTER, "--", *command], list(plans))


def test_a_command_with_a_url_is_told_by_its_exit_status(tmp_path: Path) -> None:
    fetch = (
        "import sys, urllib.request\n"
        "sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())\n"
    )
    with raw_peer(ANSWERS) as peer:
        run = drive_command(
            [script(tmp_path, fetch), "{url}"],
            plan(request(peer, "ok"), plan="good"),
            plan(request(peer, "404"), plan="bad"),
        )
    good, bad = run.of("end")
    assert (good["told"], body_of(good)) == ("ok", b"final body\n")
    assert bad["told"] == "failed"
    assert bad["error"]["type"] == "exit 1"
    assert "HTTP Error 404" in bad["error"]["message"]


SHOWS_102 = """
import sys
if "--version" in sys.argv:
    print("GNU Wget2 1.0")
for status in (301, 102):
    print(f"HTTP response {status} [http://x/]", file=sys.stderr)
"""


def test_words_on_standard_error_may_show_the_status(tmp_path: Path) -> None:
    manifest = str(CLIENTS / "wget2" / "client.toml")
    command = [sys.executable, ADAPTER, manifest, "--program", script(tmp_path, SHOWS_102)]
    main = {"name": "main", "method": "GET", "url": "http://127.0.0.1:9/main"}
    run = drive(command, [plan(main)])
    assert run.of("response")[0]["status"] == 102
    assert run.end()["told"] == "ok"


def test_a_second_request_is_a_process_of_its_own(tmp_path: Path) -> None:
    count = "import os, sys\nprint(os.getpid(), sys.argv[1])\n"
    main = {"name": "main", "method": "GET", "url": "http://127.0.0.1:9/main"}
    late = {**main, "name": "probe", "url": "http://127.0.0.1:9/probe", "not_before_ms": 300}
    run = drive_command([script(tmp_path, count), "{url}"], plan(main, late))
    assert run.events[0]["can"]["second_request"] == "new-connection"
    first, second = body_of(run.end()).split(), body_of(run.end("probe")).split()
    assert (first[1], second[1]) == (b"http://127.0.0.1:9/main", b"http://127.0.0.1:9/probe")
    assert first[0] != second[0]
    assert run.end("probe")["started"] - run.end()["started"] >= 295


def test_a_tool_that_crashes_takes_the_adapter_along(tmp_path: Path) -> None:
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    run = drive_command(
        [script(tmp_path, crash), "{url}"],
        plan({"name": "main", "method": "GET", "url": "http://127.0.0.1:9/"}),
    )
    assert run.code == -signal.SIGSEGV
    assert [e["event"] for e in run.events] == ["hello"]


def test_a_tool_that_talks_a_lot_does_not_block(tmp_path: Path) -> None:
    chatty = "import sys\nsys.stderr.write('x' * 3000000)\nsys.stdout.write('y' * 3000000)\n"
    run = drive_command(
        [script(tmp_path, chatty), "{url}"],
        plan({"name": "main", "method": "GET", "url": "http://127.0.0.1:9/"}),
    )
    assert run.end()["body_len"] == 3000000


def test_a_tool_that_is_not_there_is_named(tmp_path: Path) -> None:
    run = drive_command(
        ["./no-such-client", "{url}"],
        plan({"name": "main", "method": "GET", "url": "http://127.0.0.1:9/"}),
    )
    assert run.code == 1
    assert "./no-such-client: cannot be started" in run.stderr


# ---------------------------------------------------------------- the [tool] table

TOOL = """\
name = "x"
[tool]
program = "x"
[tool.result]
kind = "log"
begin = '^get (?P<url>.*)$'
ok = "^done"
failed = "^failed"
"""


def test_a_tool_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    path.write_text(TOOL)
    tool = load_tool(path)
    assert tool.result.log is not None
    assert tool.result.log.begin.search("get http://x") is not None


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('kind = "log"', 'kind = "oracle"', 5, "must be one of json-lines, log, exit"),
        ("(?P<url>.*)", "(.*)", 6, "has no group (?P<url>"),
        ('"^done"', '"^(done"', 7, "is no regular expression"),
        ('failed = "^failed"', "", 4, "has no 'failed'"),
        ('program = "x"', 'programme = "x"', 2, "has no 'program'"),
        ('program = "x"', 'program = "x"\ncolour = "blue"', 4, "has no key 'colour'"),
    ],
)
def test_a_wrong_tool_table_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    path = tmp_path / "client.toml"
    path.write_text(TOOL.replace(old, new))
    with pytest.raises(TomlError, match=re.escape(words)) as caught:
        load_tool(path)
    assert caught.value.line == line


# ---------------------------------------------------------------- reading what comes late


def read_by_pieces(stdout: bytes, stderr: list[bytes], *, late_mark: bool) -> list[dict[str, Any]]:
    """The events of curl's reader when all heads are there before the first report is read."""
    import adapterkit
    from command_line import Launch
    from results import JsonLines, Told

    events: list[dict[str, Any]] = []
    kit = adapterkit.Kit({"phases": False}, (), None, None)
    kit.channel.put = events.append
    values = plan(
        {"name": "main", "method": "GET", "url": "http://127.0.0.1:9/"},
        {"name": "probe", "method": "GET", "url": "http://127.0.0.1:9/probe"},
    )
    one = adapterkit.Plan(kit, values)
    tool = load_tool(CLIENTS / "curl" / "client.toml")
    launch = Launch([], one.requests, [Path("/nonexistent/a"), Path("/nonexistent/b")])
    reader = JsonLines(tool, one, launch, Told((), {}))
    first, second = stdout.split(b"|")
    if late_mark:
        reader.feed_stdout(first)
        reader.feed_stderr(stderr[0])
        reader.feed_stdout(MARK + second + MARK)
        reader.feed_stderr(stderr[1])
    else:
        reader.feed_stdout(first + MARK + second + MARK)
        reader.feed_stderr(stderr[0] + stderr[1])
    reader.close(0)
    return [event for event in events if event["event"] == "response"]


@pytest.mark.parametrize("late_mark", [True, False])
def test_heads_of_a_late_transfer_are_not_those_of_the_one_before(late_mark: bool) -> None:
    said = [
        b'{"exitcode": 0, "http_code": %d, "time_total": 0.1, "errormsg": null}\n' % code
        for code in (207, 200)
    ]
    heads = b"HTTP/1.1 207 Multi\r\nX-Of: main\r\n\r\n|HTTP/1.1 200 OK\r\nX-Of: probe\r\n\r\n"
    main, probe = read_by_pieces(heads, said, late_mark=late_mark)
    assert (main["status"], main["fields"]) == (207, [["X-Of", "main"]])
    assert (probe["status"], probe["fields"]) == (200, [["X-Of", "probe"]])


@needs_curl
def test_a_thousand_interim_responses_do_not_make_the_end_late() -> None:
    with raw_peer({**ANSWERS, "many": [INTERIM * 5000 + ok()]}) as peer:
        run = drive_row(
            row_of("curl"), plan(request(peer, "many"), request(peer, "probe", "probe"))
        )
        probe = peer.requests[1]["at"]
    assert len(run.of("interim")) == 5000
    assert run.end()["at"] - probe < 50
