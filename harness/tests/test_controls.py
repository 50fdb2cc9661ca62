# SPDX-License-Identifier: MIT
"""Controls find adapters that lie; an adapter that tells the truth passes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from interimspec.catalogue import load_catalogue
from interimspec.clients import Row, load_manifest, rows_of
from interimspec.control_table import CONTROLS, OCTETS, BadDeviation, deviate
from interimspec.controls import check_control, check_hello, plan_of, run_controls, skipped
from interimspec.toml_table import TomlError

ROOT = Path(__file__).resolve().parents[2]
T0 = 1_000_000.0
MANIFEST = """\
name = "sample"
title = "Sample"
language = "Python"
kind = "library"
versions = ["1.0"]
[run]
command = ["sample"]
[can]
timers = ["read_ms"]
second_request = "pooled"
phases = true
"""


@pytest.fixture
def row(tmp_path: Path) -> Row:
    return row_with(tmp_path)


def row_with(folder: Path, more: str = "", **changes: str) -> Row:
    path = folder / "sample" / "client.toml"
    path.parent.mkdir(exist_ok=True)
    text = MANIFEST
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text + more)
    return rows_of(load_manifest(path))[0]


def transcript(name: str, *requests: tuple[str, int], body_left: float = 0.0) -> dict[str, Any]:
    """A transcript with these (resource, connection) requests, each answered."""
    events: list[dict[str, Any]] = []
    for number, (resource, conn) in enumerate(requests):
        events.append(
            {"t": 1.0, "conn": conn, "exchange": number, "event": "request", "resource": resource}
        )
        spans = [[0, 10, "head"], [10, 20, "content"]]
        events.append({"event": "send", "exchange": number, "left": body_left, "spans": spans})
    return {
        "run": "r1",
        "scenario": f"control-{name}",
        "clock": {"realtime_ms": T0},
        "events": events,
    }


def own(name: str, resource: str = "start", exchange: int = 0) -> bytes:
    return f"interimspec control-{name} r1 {resource} #{exchange}\n".encode()


def response(status: int | None = 200, request: str = "main", **more: Any) -> dict[str, Any]:
    return {
        "v": 1, "event": "response", "plan": "p", "request": request, "at": T0 + 5,
        "status": status, "reason": "OK", "fields": [], **more,
    }  # fmt: skip


def end(body: bytes | None = None, request: str = "main", **more: Any) -> dict[str, Any]:
    return {
        "v": 1, "event": "end", "plan": "p", "request": request, "started": T0, "at": T0 + 6,
        "told": "ok", "body_len": None if body is None else len(body),
        "body_sha256": None if body is None else hashlib.sha256(body).hexdigest(),
        "error": None, **more,
    }  # fmt: skip


def failed(kind: str, request: str = "main", **more: Any) -> dict[str, Any]:
    status = more.pop("status", None)
    error = {"kind": kind, "type": "x.Error", "message": "words", "status": status}
    return end(request=request, told="failed", error=error, **more)


FIELDS = [["X-Twice", "first"], ["X-Empty", ""], ["X-Twice", "second"], ["X-Once", "only"]]
TRUTH: dict[str, tuple[list[dict[str, Any]], dict[str, Any] | None]] = {
    "200": ([response(), end(own("200"))], transcript("200", ("start", 1))),
    "404": ([response(404), end(own("404"))], transcript("404", ("start", 1))),
    "500": ([response(500), end(own("500"))], transcript("500", ("start", 1))),
    "empty": ([response(), end(b"")], transcript("empty", ("start", 1))),
    "octets": ([response(), end(OCTETS)], transcript("octets", ("start", 1))),
    "fields": (
        [response(fields=FIELDS), end(own("fields"))],
        transcript("fields", ("start", 1)),
    ),
    "truncated": ([response(), failed("closed")], transcript("truncated", ("start", 1))),
    "reset": ([failed("closed")], transcript("reset", ("start", 1))),
    "refused": ([failed("refused")], None),
    "unknown-ca": ([failed("tls")], transcript("unknown-ca")),
    "silence": (
        [failed("timeout", at=T0 + 1010)],
        transcript("silence", ("start", 1)),
    ),
    "head-then-body": (
        [response(), end(b"twelve bytes", at=T0 + 310)],
        transcript("head-then-body", ("start", 1), body_left=301.0),
    ),
    "two-requests": (
        [
            response(),
            end(own("two-requests")),
            response(request="again"),
            end(own("two-requests", "probe", 1), "again"),
        ],
        transcript("two-requests", ("start", 1), ("probe", 1)),
    ),
    "dropped": (
        [response(), end(own("dropped")), failed("closed", "again")],
        transcript("dropped", ("start", 1), ("dropped", 1)),
    ),
}


def test_every_control_has_a_scenario_of_its_class() -> None:
    catalogue = load_catalogue(ROOT / "scenarios")
    known = {scenario.id: scenario for scenario in catalogue.scenarios}
    for control in CONTROLS.values():
        if control.scenario:
            assert known[control.scenario].expect.class_ == "control"
            assert known[control.scenario].probe == "none"


@pytest.mark.parametrize("name", CONTROLS)
def test_the_truth_passes(name: str, row: Row) -> None:
    events, seen = TRUTH[name]
    assert check_control(name, row, events, seen) == []


LIES: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any] | None, str]] = {
    "maps a status": (
        "404", [response(200), end(own("404"))], TRUTH["404"][1], "showed status 200",
    ),
    "shows no status": ("200", [response(None), end(own("200"))], TRUTH["200"][1], "status None"),
    "shows a page of its own": (
        "404", [response(404), end(b"<h1>Not found</h1>")], TRUTH["404"][1], "not the",
    ),
    "hides a failure": ("reset", [response(), end(b"")], TRUTH["reset"][1], "told ok"),
    "hides the end of the content": (
        "truncated", [response(), end(b"12345\0\0\0\0\0")], TRUTH["truncated"][1], "10 octets",
    ),
    "tries again": (
        "reset", [failed("closed")], transcript("reset", ("start", 1), ("start", 2)),
        "saw 2 requests, expected 1",
    ),
    "takes any certificate": (
        "unknown-ca", [response(), end(own("unknown-ca"))],
        transcript("unknown-ca", ("start", 1)), "told ok",
    ),
    "tells nothing": ("reset", [], TRUTH["reset"][1], "nothing was told"),
    "reports only at the end": (
        "head-then-body", [response(at=T0 + 302), end(b"twelve bytes")],
        TRUTH["head-then-body"][1], "declares phases",
    ),
    "has no head": ("200", [end(own("200"))], TRUTH["200"][1], "without a response"),
    "fires early": (
        "silence", [failed("timeout", at=T0 + 300)], TRUTH["silence"][1], "0.30 of the timer",
    ),
    "fires late": (
        "silence", [failed("timeout", at=T0 + 6000)], TRUTH["silence"][1], "6.00 of the timer",
    ),
    "calls a timeout by another name": (
        "silence", [failed("other", at=T0 + 1000)], TRUTH["silence"][1], "expected kind timeout",
    ),
    "drops an empty field": (
        "fields", [response(fields=[f for f in FIELDS if f[1]]), end(own("fields"))],
        TRUTH["fields"][1], "an empty field",
    ),
    "drops a repeated field": (
        "fields", [response(fields=FIELDS[1:]), end(own("fields"))],
        TRUTH["fields"][1], "a repeated field",
    ),
    "decodes the content": (
        "octets", [response(), end(OCTETS.decode("latin-1").encode())], TRUTH["octets"][1],
        "not the 102400",
    ),
    "opens a connection for each": (
        "two-requests", TRUTH["two-requests"][0],
        transcript("two-requests", ("start", 1), ("probe", 2)), "used a new connection",
    ),
    "makes up an interim response": (
        "200", [{"event": "interim", "request": "main"}, *TRUTH["200"][0]], TRUTH["200"][1],
        "the server sent none",
    ),
    "goes on after the end": (
        "200", [*TRUTH["200"][0], response()], TRUTH["200"][1], "after its end",
    ),
    "answers twice": (
        "200", [response(), *TRUTH["200"][0]], TRUTH["200"][1], "two responses",
    ),
    "prints rubbish": (
        "200", [{"event": "bad-line", "text": "oops"}, *TRUTH["200"][0]], TRUTH["200"][1], "oops",
    ),
    "cannot after all": (
        "200", [{"event": "unsupported", "what": "http", "value": "1.1"}], TRUTH["200"][1],
        "unsupported: http",
    ),
    "says a refused port was fine": ("refused", [response(), end(b"")], None, "told ok"),
    "fails the first of two": (
        "dropped", [failed("other"), failed("closed", "again")], TRUTH["dropped"][1],
        "the first request failed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_an_adapter_that_lies_is_found_out(lie: str, row: Row) -> None:
    name, events, seen, words = LIES[lie]
    problems = check_control(name, row, events, seen)
    assert any(words in problem for problem in problems), problems


def test_a_process_that_starts_slowly_does_not_make_the_timer_late(row: Row) -> None:
    seen = transcript("silence", ("start", 1))
    seen["events"][0]["t"] = 4000.0
    assert check_control("silence", row, [failed("timeout", at=T0 + 5100)], seen) == []
    problems = check_control("silence", row, [failed("timeout", at=T0 + 5700)], seen)
    assert "told after 1.70 of the timer" in problems[0]


def test_a_deviation_with_a_reason_changes_the_table(tmp_path: Path) -> None:
    more = (
        '[controls.404]\ntold = ["failed"]\nkinds = ["status"]\nbecause = "it raises"\n'
        '[controls.reset]\nattempts = [2, 3]\nbecause = "it tries again"\n'
    )
    row = row_with(tmp_path, more)
    seen = TRUTH["404"][1]
    assert check_control("404", row, [failed("status", status=404)], seen) == []
    assert check_control("404", row, [failed("status", status=400)], seen) != []
    assert check_control("404", row, TRUTH["404"][0], seen) != []
    assert check_control("reset", row, *TRUTH["reset"]) == [
        "the server saw 1 requests, expected 2 to 3"
    ]


def test_a_deviation_may_be_of_http2_alone(tmp_path: Path) -> None:
    more = '[controls.reset.h2]\ntold = ["nothing"]\nbecause = "it never sees the end"\n'
    row = row_with(tmp_path, more)
    events, seen = TRUTH["reset"]
    over_h2 = {**seen, "transport": "h2c"}
    assert check_control("reset", row, events, seen) == []
    assert check_control("reset", row, [], seen) == ["nothing was told of the request 'main'"]
    assert check_control("reset", row, [], over_h2) == []
    assert "expected nothing" in check_control("reset", row, events, over_h2)[0]


def test_a_deviation_over_http2_stands_beside_the_one_of_both(tmp_path: Path) -> None:
    more = (
        '[controls.reset]\nattempts = 3\nbecause = "it tries again"\n'
        '[controls.reset.h2]\nattempts = 2\nbecause = "there it tries less often"\n'
    )
    row = row_with(tmp_path, more)
    events, seen = TRUTH["reset"]
    once = "the server saw 1 requests, expected"
    assert check_control("reset", row, events, seen) == [f"{once} 3"]
    over_h2 = {**seen, "transport": "h2"}
    assert check_control("reset", row, events, over_h2) == [f"{once} 2"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[controls.reset.h2]\ntold = ["nothing"]\n', "[controls.reset.h2] has no 'because'"),
        ('[controls.reset.h2]\nbecause = "so"\n', "[controls.reset.h2] changes nothing"),
    ],
)
def test_a_deviation_of_http2_needs_a_reason_and_a_change(
    tmp_path: Path, more: str, words: str
) -> None:
    with pytest.raises(TomlError, match=re.escape(words)):
        row_with(tmp_path, more)


def test_a_deviation_that_means_nothing_is_refused() -> None:
    for name, changes in (
        ("teapot", {"told": ("ok",)}),
        ("200", {"mood": "good"}),
        ("200", {"told": ("perhaps",)}),
        ("200", {"body": "half"}),
        ("200", {"attempts": "two"}),
        ("200", {"attempts": (1, 2, 3)}),
        ("200", {"status": "200"}),
        ("200", {"kinds": "closed"}),
    ):
        with pytest.raises(BadDeviation):
            deviate(name, changes)


def test_a_tool_may_show_no_status(tmp_path: Path) -> None:
    row = row_with(tmp_path, library="tool")
    assert check_control("200", row, [response(None), end(own("200"))], TRUTH["200"][1]) == []


def test_phases_are_checked_in_both_directions(tmp_path: Path) -> None:
    row = row_with(tmp_path, **{"phases = true": "phases = false"})
    events, seen = TRUTH["head-then-body"]
    assert "declares no phases" in check_control("head-then-body", row, events, seen)[0]


def test_what_a_client_cannot_do_is_skipped(tmp_path: Path) -> None:
    row = row_with(tmp_path, pooled="none", **{'["read_ms"]': "[]"})
    assert skipped("two-requests", row) == "makes one request only"
    assert skipped("dropped", row) == "makes one request only"
    assert skipped("silence", row) == "has no timer for an answer"
    assert skipped("200", row) is None
    assert skipped("unknown-ca", row) == "is about TLS"
    assert skipped("unknown-ca", row, "h1s") is None


def test_hello_is_compared_with_the_manifest(row: Row) -> None:
    hello = {"client": "sample", "version": "1.0", "can": row.can.to_json()}
    assert check_hello(row, hello) == []
    assert check_hello(row, None) != []
    assert "version '2.0'" in check_hello(row, {**hello, "version": "2.0"})[0]
    can = {**row.can.to_json(), "phases": False}
    assert check_hello(row, {**hello, "can": can}) == [
        "hello says phases = False, but the manifest says True"
    ]


class FakeServer:
    """Gives runs, and the transcripts of the truth."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.ended: list[str] = []

    async def make_run(self, scenario: str, run: str, transport: str) -> Any:
        self.runs.append(run)

        class Lease:
            ca_file = None
            url = f"http://127.0.0.1:9/{scenario}/{run}"

        lease = Lease()
        lease.run = run  # type: ignore[attr-defined]
        return lease

    async def end_run(self, run: str) -> dict[str, Any]:
        self.ended.append(run)
        seen = TRUTH[run.removeprefix("c-")][1]
        assert seen is not None
        return seen


class FakePlayer:
    """Tells the truth, except where it is told to say something else."""

    def __init__(self, hello: Mapping[str, Any], lies: Mapping[str, list[dict[str, Any]]]) -> None:
        self.hello = hello
        self.lies = lies
        self.plans: list[Mapping[str, Any]] = []

    async def play(self, plan: Mapping[str, Any], seconds: float) -> tuple[Any, ...]:
        self.plans.append(plan)
        name = plan["plan"].removeprefix("c-")
        return tuple(self.lies.get(name, TRUTH[name][0]))


def run(
    row: Row, lies: Mapping[str, list[dict[str, Any]]] | None = None, transport: str = "h1s"
) -> dict[str, Any]:
    import asyncio

    hello = {"client": "sample", "version": "1.0", "can": row.can.to_json()}
    server, player = FakeServer(), FakePlayer(hello, lies or {})
    results = asyncio.run(run_controls(row, server, player, transport=transport))
    assert server.runs == server.ended
    asked = [name for name in CONTROLS if skipped(name, row, transport) is None]
    assert [plan["plan"].removeprefix("c-") for plan in player.plans] == asked
    return {result.name: result for result in results}


def test_all_controls_are_run_and_the_hello_is_checked(row: Row) -> None:
    results = run(row)
    assert skipped("unknown-ca", row, "h1s") is None
    assert set(results) == {*CONTROLS, "hello"}
    assert all(result.passed for result in results.values())


def test_a_failing_control_is_reported_by_name(row: Row) -> None:
    results = run(row, {"404": [response(200), end(own("404"))]})
    assert [name for name, result in results.items() if not result.passed] == ["404"]


def test_plans_hold_what_the_contract_asks(row: Row) -> None:
    schema = ROOT / "harness" / "interimspec" / "schemas" / "plan.json"
    import jsonschema

    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    for control in CONTROLS.values():
        validator.validate(plan_of(control, row, f"c-{control.name}", "http://127.0.0.1:9/x/r"))
