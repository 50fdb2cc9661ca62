# SPDX-License-Identifier: MIT
"""What the adapters of several languages are all asked, by one process each: see `check_all`.

The octets come from a peer of this test, so what is told can be compared with what was sent. What a
client does with a 102 is part of the table that the caller gives: a change there is news.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema
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
    ok,
    plan,
    raw_peer,
    request,
)

from interimspec.clients import Row, load_manifests, rows_of

SCHEMAS = CLIENTS.parent / "interimspec" / "schemas"
TIMER_MS = 500
OCTETS = bytes(range(256)) * 400
UPLOAD = b"one two three"
ANSWERS: dict[str, list[Action]] = {
    "ok": [ok()],
    "probe": [ok(b"probe body\n")],
    "404": [b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"],
    "reset": [RST],
    "silence": [SILENCE],
    "at-once": [INTERIM + ok()],
    "spread": [INTERIM, 0.2, ok()],
    "ended": [INTERIM, 0.1, FIN],
    "head": [INTERIM + b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"],
    "upload": [INTERIM + ok()],
    "paused": [INTERIM + ok()],
    "moved": [b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"],
    "octets": [ok(OCTETS)],
    "late": [ok()],
    "slow": [0.6, ok()],
    "phases": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 0.3, b"abc"],
}
# When the second request starts, where it is not at once after the first.
STARTS: dict[str, dict[str, Any]] = {
    "late": {"not_before_ms": 300},
    "slow": {"start": "with-previous", "not_before_ms": 100},
}


@dataclass(frozen=True)
class Seen:
    """How a client was seen to behave, where clients differ."""

    # "answer": a 102 is handed over as the response; "unsteady": or the head that follows it is,
    # but never its content
    interim: str = "skipped"
    follows: bool = True  # redirects, by default
    status_fails: bool = False  # a 404 is told as a failure of kind `status`
    shows_refused: bool = True  # the content of such a 404 is handed over


def rows(language: str) -> list[Row]:
    """The default version of every client of a language."""
    found = [one for one in load_manifests(CLIENTS) if one.language == language]
    return [rows_of(one, all_versions=False)[0] for one in found]


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / "events.json").read_text()))


def plans_for(row: Row, peer: RawPeer) -> list[dict[str, Any]]:
    timer = next(name for name in ("read_ms", "total_ms") if name in row.can.timers)
    encoded = base64.b64encode(UPLOAD).decode()
    more: dict[str, dict[str, Any]] = {
        "head": {"method": "HEAD"},
        "upload": {"method": "POST", "body_b64": encoded},
        "late": {},
    }
    if row.can.body_stream:
        more["paused"] = {"method": "POST", "body_b64": encoded, "body_pause_ms": [[4, 150]]}
    # The first request of a process may take long: a JVM loads and compiles for seconds.
    plans = [plan(request(peer, "ok"), timers={timer: 10_000}, plan="warm-up")]
    for name in ANSWERS:
        if name == "probe" or (name == "paused" and name not in more):
            continue
        plans.append(
            plan(
                request(peer, name, **more.get(name, {})),
                request(peer, "probe", "probe", timers={timer: 3000}, **STARTS.get(name, {})),
                timers={timer: 3000 if name == "slow" else TIMER_MS},
                plan=name,
            )
        )
    plans.append(plan(request(peer, "ok", wrong=1), plan="unknown-key"))
    plans.append(plan(request(peer, "ok"), plan="unknown-http", http="3"))
    return plans


def play_all(row: Row) -> tuple[AdapterRun, RawPeer]:
    with raw_peer(ANSWERS) as peer:
        plans = plans_for(row, peer)
        run = drive_row(row, *plans, deadline=60.0)
    for event in run.events:
        validator().validate(event)
    assert run.events[0]["event"] == "hello", run
    done = [e["plan"] for e in run.events if e["event"] == "done"]
    assert done == [p["plan"] for p in plans], run
    assert run.code == 0, run
    return run, peer


def of_plan(run: AdapterRun, name: str) -> AdapterRun:
    return AdapterRun([e for e in run.events if e.get("plan") == name], run.code, run.stderr)


def content(end: dict[str, Any]) -> bytes:
    return base64.b64decode(end["body_b64"] or "")


def check_all(row: Row, seen: Seen) -> None:
    run, peer = play_all(row)
    hello = run.events[0]
    assert (hello["client"], hello["version"]) == (row.name, row.version)
    assert hello["can"] == row.can.to_json()
    assert all(layer["version"] for layer in hello["stack"])
    check_plain(run, peer, row, seen)
    check_failures(run, peer)
    check_uploads(run, peer, row)
    check_interim(run, row, seen)
    check_beside(of_plan(run, "slow"), row)
    for name in ("unknown-key", "unknown-http"):
        assert [e["event"] for e in of_plan(run, name).events] == ["unsupported", "done"], name


def check_plain(run: AdapterRun, peer: RawPeer, row: Row, seen: Seen) -> None:
    end = of_plan(run, "ok").end()
    assert (end["told"], content(end)) == ("ok", b"final body\n"), run
    assert end["body_sha256"] == hashlib.sha256(b"final body\n").hexdigest()
    assert [e["status"] for e in of_plan(run, "ok").of("response")] == [200]
    end = of_plan(run, "octets").end()
    assert end["body_len"] == len(OCTETS)
    assert content(end) == OCTETS[:65536]
    assert end["body_sha256"] == hashlib.sha256(OCTETS).hexdigest()
    end = of_plan(run, "404").end()
    if seen.status_fails:
        assert (end["error"]["kind"], end["error"]["status"]) == ("status", 404), run
        assert of_plan(run, "404").of("response") == []
    else:
        assert end["told"] == "ok"
        assert [e["status"] for e in of_plan(run, "404").of("response")] == [404]
    assert content(end) == (b"no\n" if seen.shows_refused else b"")
    if seen.follows or not seen.status_fails:
        moved = of_plan(run, "moved").of("response")
        assert [e["status"] for e in moved] == [200 if seen.follows else 302]
    late = of_plan(run, "late")
    assert late.end("probe")["started"] - late.end()["started"] >= 299.0
    phases = of_plan(run, "phases")
    apart = phases.end()["at"] - phases.of("response")[0]["at"]
    assert (apart > 200.0) == row.can.phases, f"head and end are {apart} ms apart"


def check_failures(run: AdapterRun, peer: RawPeer) -> None:
    assert of_plan(run, "reset").end()["error"]["kind"] in ("closed", "protocol"), run
    end = of_plan(run, "silence").end()
    assert end["error"]["kind"] == "timeout", run
    attempts = [r["path"] for r in peer.requests].count("/silence")
    # Those that try again by default also pause in between.
    assert 0.9 * TIMER_MS <= (end["at"] - end["started"]) / attempts <= 2.0 * TIMER_MS + 600
    for name in ("ok", "404", "reset", "silence"):
        probe = of_plan(run, name).end("probe")
        assert (probe["told"], content(probe)) == ("ok", b"probe body\n"), f"{name}: {probe}"


def check_uploads(run: AdapterRun, peer: RawPeer, row: Row) -> None:
    for name in ("upload", "paused"):
        sent = [r for r in peer.requests if r["path"] == f"/{name}"]
        if name == "upload" or row.can.body_stream:
            assert [(r["method"], r["body"]) for r in sent] == [("POST", UPLOAD)], name
    if row.can.body_stream:
        sent = [r for r in peer.requests if r["path"] == "/paused"]
        took = sent[0]["at"] - of_plan(run, "paused").end()["started"]
        assert took >= 145.0, f"the upload took {took} ms"  # timers of some runtimes run ahead


def check_interim(run: AdapterRun, row: Row, seen: Seen) -> None:
    for name in ("at-once", "spread", "head", "upload"):
        part = of_plan(run, name)
        statuses = [e["status"] for e in part.of("response")]
        expected = {"skipped": (200,), "answer": (102,), "unsteady": (102, 200)}[seen.interim]
        assert len(statuses) == 1, f"{name}: {part}"
        assert statuses[0] in expected, f"{name}: {part}"
        if seen.interim == "skipped":
            assert part.end()["told"] == "ok"
            assert content(part.end()) == (b"" if name == "head" else b"final body\n")
        else:
            assert content(part.end()) != b"final body\n"
        if row.can.interim in ("status", "fields") and seen.interim == "skipped":
            assert [e["status"] for e in part.of("interim")] == [102]
    ended = of_plan(run, "ended")
    if seen.interim == "skipped":
        assert ended.end()["error"]["kind"] in ("closed", "protocol"), ended
        assert ended.of("response") == []


def check_beside(run: AdapterRun, row: Row) -> None:
    """A second request is answered while the first still waits."""
    if row.can.concurrent:
        assert [run.end(name)["told"] for name in ("main", "probe")] == ["ok", "ok"], run
        assert run.end("probe")["at"] < run.end("main")["at"], run
