# SPDX-License-Identifier: MIT
"""Each Python adapter against a peer of raw octets: it tells what its client told, and no more.

A client whose environment cannot be had here is skipped, with the reason.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
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
    RawPeer,
    drive_row,
    installed,
    ok,
    plan,
    raw_peer,
    request,
)

from interimspec.clients import Row, load_manifests, rows_of

SCHEMAS = CLIENTS.parent / "interimspec" / "schemas"
TIMER_MS = 400
ANSWERS: dict[str, list[Action]] = {
    "ok": [ok(extra=b"X-Mark: yes\r\n")],
    "probe": [ok(b"probe body\n")],
    "404": [b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"],
    "truncated": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", FIN],
    "reset": [RST],
    "silence": [SILENCE],
    "interim": [INTERIM, 0.2, ok()],
    "octets": [ok(bytes(range(256)) * 400)],
    "fields": [ok(extra=b"X-Twice: first\r\nX-Empty:\r\nX-Twice: second\r\n")],
}

# What each was seen to do with 102, a pause, 200; a change here is news.
# A client that is not in this table may do as it likes here: its scenarios judge it.
INTERIM_SEEN = {
    "aiohttp": "final",
    "curl_cffi": "final",
    "geventhttpclient": "final",
    "h11": "final",
    "http.client": "interim",
    "httplib2": "interim",
    "httpx": "final",
    "niquests": "final",
    "niquests@3.0.2": "failed",
    "pycurl": "final",
    "requests": "interim",
    "tornado": "final",
    "treq": "final",
    "urllib.request": "status",
    "urllib3": "interim",
}
RAISES_STATUS = {"tornado", "urllib.request"}


def python_rows() -> list[list[Row]]:
    return [
        rows_of(manifest)
        for manifest in load_manifests(CLIENTS)
        if manifest.language == "Python" and not manifest.has_tool
    ]


FIRST = [rows[0] for rows in python_rows()]
# Adapters bridge the differences between versions: the newest and the oldest show whether they do.
ROWS = [row for rows in python_rows() for row in rows if row in (rows[0], rows[-1])]


@pytest.fixture(params=ROWS, ids=lambda row: row.id)
def any_row(request: pytest.FixtureRequest) -> Row:
    return installed(request.param)


@pytest.fixture(params=FIRST, ids=lambda row: row.id)
def row(request: pytest.FixtureRequest) -> Row:
    """The default version; older ones share the adapter."""
    return installed(request.param)


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / "events.json").read_text()))


def timers(row: Row) -> dict[str, int]:
    name = next(name for name in ("read_ms", "total_ms") if name in row.can.timers)
    return {name: TIMER_MS}


def check_events(run: AdapterRun, plans: int) -> None:
    for event in run.events:
        validator().validate(event)
    assert run.events[0]["event"] == "hello", run
    assert [e["event"] for e in run.events].count("done") == plans, run
    assert run.code == 0, run


def of_plan(run: AdapterRun, name: str) -> AdapterRun:
    return AdapterRun([e for e in run.events if e.get("plan") == name], run.code, run.stderr)


def body_of(end: dict[str, Any]) -> bytes:
    return base64.b64decode(end["body_b64"] or "")


def test_many_plans_in_one_process(any_row: Row) -> None:
    """Success, policy, failures and time, each told as the client tells it."""
    row = any_row
    with raw_peer(ANSWERS) as peer:
        plans = [
            plan(
                request(peer, name),
                request(peer, "probe", "probe"),
                timers=timers(row) if name == "silence" else {},
                plan=name,
            )
            for name in ("ok", "404", "truncated", "reset", "silence", "interim")
        ]
        run = drive_row(row, *plans)
        check_events(run, len(plans))
        hello = run.events[0]
        assert hello["client"] == row.name
        assert hello["version"] == row.version
        assert hello["can"] == row.can.to_json()
        assert_success(of_plan(run, "ok"))
        assert_status(of_plan(run, "404"), row)
        cut_off = of_plan(run, "truncated").end()  # older ones hand over what came
        assert cut_off["told"] == "failed" or body_of(cut_off) == b"12345"
        assert of_plan(run, "reset").end()["error"]["kind"] in ("closed", "protocol")
        assert_timeout(of_plan(run, "silence"), peer)
        assert_interim(of_plan(run, "interim"), row)
        for name in ("ok", "404", "truncated", "reset", "silence"):
            probe = of_plan(run, name).end("probe")
            assert (probe["told"], body_of(probe)) == ("ok", b"probe body\n"), f"{name}: {run}"


def assert_success(run: AdapterRun) -> None:
    end = run.end()
    assert end["told"] == "ok"
    assert body_of(end) == b"final body\n"
    assert end["body_len"] == 11
    assert end["body_sha256"] == hashlib.sha256(b"final body\n").hexdigest()
    assert [e["status"] for e in run.of("response")] == [200]
    fields = [(name.lower(), value) for name, value in run.of("response")[0]["fields"]]
    assert ("x-mark", "yes") in fields


def assert_status(run: AdapterRun, row: Row) -> None:
    end = run.end()
    if row.name in RAISES_STATUS:
        assert end["told"] == "failed"
        assert (end["error"]["kind"], end["error"]["status"]) == ("status", 404)
        assert run.of("response") == []
    else:
        assert end["told"] == "ok"
        assert [e["status"] for e in run.of("response")] == [404]


def assert_timeout(run: AdapterRun, peer: RawPeer) -> None:
    end = run.end()
    assert end["error"]["kind"] == "timeout", run
    attempts = [r["path"] for r in peer.requests].count("/silence")
    took = (end["at"] - end["started"]) / attempts
    assert 0.9 * TIMER_MS <= took <= 2.0 * TIMER_MS


def assert_interim(run: AdapterRun, row: Row) -> None:
    seen = INTERIM_SEEN.get(row.id, INTERIM_SEEN.get(row.name))
    statuses = [e["status"] for e in run.of("response")]
    if seen == "final":
        assert statuses == [200]
        assert body_of(run.end()) == b"final body\n"
    elif seen == "interim":
        assert statuses == [102]
        assert body_of(run.end()) == b""
    elif seen == "failed":
        assert run.end()["error"]["kind"] in ("closed", "protocol")
    elif seen == "status":
        assert statuses == []
        assert run.end()["error"]["status"] == 102
    if row.can.interim in ("status", "fields"):
        assert [e["status"] for e in run.of("interim")] == [102]


def test_content_past_the_limit_is_counted_and_hashed(row: Row) -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row, plan(request(peer, "octets"), body_limit=1000))
    end = run.end()
    octets = bytes(range(256)) * 400
    assert body_of(end) == octets[:1000]
    assert end["body_len"] == len(octets)
    assert end["body_sha256"] == hashlib.sha256(octets).hexdigest()


def test_all_fields_are_handed_over(row: Row) -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(row, plan(request(peer, "fields")))
    fields = [(name.lower(), value) for name, value in run.of("response")[0]["fields"]]
    assert ("x-empty", "") in fields
    assert ", ".join(value for name, value in fields if name == "x-twice") == "first, second"


def test_a_request_waits_until_it_may_start(row: Row) -> None:
    with raw_peer(ANSWERS) as peer:
        run = drive_row(
            row, plan(request(peer, "ok"), request(peer, "probe", "probe", not_before_ms=300))
        )
        probe = peer.requests[1]
    assert 299 <= run.end("probe")["started"] - run.end()["started"] <= 2000
    assert probe["at"] - run.end()["started"] >= 299


def test_methods_fields_and_content_are_sent(row: Row) -> None:
    content = base64.b64encode(b"some content").decode()
    with raw_peer(ANSWERS) as peer:
        run = drive_row(
            row,
            plan(request(peer, "ok", method="HEAD"), plan="head"),
            plan(
                request(
                    peer, "ok", method="POST", body_b64=content,
                    headers=[["Content-Type", "text/x-test"], ["X-Mine", "yes"]],
                ),
                plan="post",
            ),
        )  # fmt: skip
        check_events(run, 2)
        post = next(r for r in peer.requests if r["method"] == "POST")
        methods = [r["method"] for r in peer.requests]
    assert "HEAD" in methods
    assert post["body"] == b"some content"
    assert post["fields"]["content-type"] == "text/x-test"
    assert post["fields"]["x-mine"] == "yes"
    assert of_plan(run, "post").end()["told"] == "ok"


def test_content_can_pause_where_the_client_streams(row: Row) -> None:
    if not row.can.body_stream:
        pytest.skip("sends content whole")
    content = base64.b64encode(b"some content").decode()
    with raw_peer(ANSWERS) as peer:
        run = drive_row(
            row,
            plan(
                request(
                    peer, "ok", method="POST", body_b64=content, body_pause_ms=[[4, 200]],
                    headers=[["Content-Length", "12"]] if row.name == "tornado" else [],
                )
            ),
        )  # fmt: skip
        assert run.end()["told"] == "ok", run
        assert peer.requests[0]["body"] == b"some content"
        assert run.end()["at"] - run.end()["started"] >= 200


def test_expectations_are_sent_where_the_client_can(row: Row) -> None:
    if not row.can.expect_continue:
        pytest.skip("does not wait for 100")
    content = base64.b64encode(b"some content").decode()
    with raw_peer(ANSWERS) as peer:
        sent = request(peer, "ok", method="POST", body_b64=content, expect_continue=True)
        run = drive_row(row, plan(sent))
        assert run.end()["told"] == "ok", run
        assert peer.requests[0]["fields"]["expect"].lower() == "100-continue"
        assert peer.requests[0]["body"] == b"some content"


def test_every_declared_gap_is_unsupported_and_sends_nothing(row: Row) -> None:
    with raw_peer(ANSWERS) as peer:
        gaps: dict[str, dict[str, Any]] = {
            "http": plan(request(peer, "ok"), http="3"),
            "method": plan(request(peer, "ok", method="BREW")),
            "start": plan(request(peer, "ok", start="with-previous")),
            "colour": plan(request(peer, "ok"), colour="blue"),
            "shape": plan(request(peer, "ok", shape="round")),
        }
        for timer in ("connect_ms", "read_ms", "total_ms"):
            if timer not in row.can.timers:
                gaps[timer] = plan(request(peer, "ok"), timers={timer: 1000})
        if not row.can.expect_continue:
            gaps["expect_continue"] = plan(request(peer, "ok", expect_continue=True))
        if not row.can.body_stream:
            sent = request(peer, "ok", body_b64="eHg=", body_pause_ms=[[1, 1]])
            gaps["body_pause_ms"] = plan(sent)
        if not row.can.proxy:
            gaps["proxy"] = plan(request(peer, "ok"), proxy="http://127.0.0.1:9")
        run = drive_row(row, *({**one, "plan": f"gap-{name}"} for name, one in gaps.items()))
        check_events(run, len(gaps))
        for name in gaps:
            events = of_plan(run, f"gap-{name}").events
            assert [e["event"] for e in events] == ["unsupported", "done"], events
            assert events[0]["what"] == name
        assert peer.requests == []


def test_methods_beyond_the_usual_are_sent_where_declared(row: Row) -> None:
    with raw_peer(ANSWERS) as peer:
        methods = [m for m in row.can.methods if m in ("PATCH", "PROPFIND", "MKCOL", "COPY")]
        plans = [plan(request(peer, "ok", method=m), plan=m.lower()) for m in methods]
        run = drive_row(row, *plans)
        check_events(run, len(plans))
        assert [r["method"] for r in peer.requests] == methods, run
    assert {end["told"] for end in run.of("end")} == {"ok"}
