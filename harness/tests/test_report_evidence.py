# SPDX-License-Identifier: MIT
"""What an opened cell shows: the picture, the octets, what the user was told."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from interimspec.report import load_report
from interimspec.report.html.evidence import EVENT_OCTETS, TOTAL_OCTETS, view
from interimspec.report.html.picture import TIMELINE_ITEMS
from interimspec.report.model import Case, ColumnId, RowId
from tests import report_factory as factory

REQUESTS, SINGLE = factory.STORIES[1], factory.SCRIPTS[1]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    report = load_report([factory.write_run(tmp_path, (REQUESTS,), (SINGLE,))])
    found = report.case(RowId("requests", "2.34.2"), ColumnId("single-102", "h1"))
    assert found is not None
    return found


def evidence(**changes: Any) -> dict[str, Any]:
    return factory.evidence_of(REQUESTS, SINGLE, **changes)


def with_events(*events: dict[str, Any]) -> dict[str, Any]:
    result = evidence()
    result["transcript"]["events"] = list(events)
    return result


def send(at: float, data: str, **more: Any) -> dict[str, Any]:
    base = {"t": at, "conn": 1, "exchange": 0, "event": "send", "left": at, "due": at}
    return {**base, "len": len(data), "bytes": data, "spans": [[0, len(data), "head"]], **more}


def test_the_picture_is_in_order_and_on_one_clock(case: Case) -> None:
    shown = view(case, evidence(), None)
    story = [(item["from"], item["to"], item["text"]) for item in shown["timeline"]]
    assert story == [
        ("user", "client", "asks"),
        ("client", "server", "connects"),
        ("client", "server", "GET (start)"),
        ("server", "client", "102 Processing"),
        ("client", "user", "response 102 Processing"),
        ("client", "user", "done, 0 octets of content"),
        ("user", "client", "asks"),
        ("client", "server", "GET (probe)"),
        ("client", "server", "FIN"),
        ("server", "client", "FIN"),
        ("server", "client", "200 OK, 37 octets of content"),
        ("server", "client", "200 OK, 37 octets of content"),
        ("client", "user", "response 200 OK"),
        ("client", "user", "done, 37 octets of content"),
    ]
    times = [item["t"] for item in shown["timeline"]]
    assert times == sorted(times)
    assert times[0] == 0
    assert shown["timeline"][3]["t"] == pytest.approx(1.84, abs=0.01)
    assert [i["wrong"] for i in shown["timeline"] if i["kind"] == "response"] == [True, False]
    assert [i["final"] for i in shown["timeline"] if i["kind"] == "send"] == [False, True, True]


def test_octets_carry_their_class_and_their_exchange(case: Case) -> None:
    shown = view(case, evidence(), None)
    (connection,) = shown["sent"]
    first, second, _ = connection["items"]
    assert first["parts"] == [{"class": "head", "text": factory.HEAD_102}]
    assert [part["class"] for part in second["parts"]] == ["head", "content"]
    assert (second["x"], second["name"]) == (0, "start")
    (back,) = shown["received"]
    assert back["items"][0]["text"].startswith("GET /single-102/r7f3 HTTP/1.1\r\n")


def test_delivered_octets_are_found_where_they_were_sent(case: Case) -> None:
    main, probe = view(case, evidence(), None)["user"]
    assert main["body"]["len"] == 0
    assert probe["body"]["text"] == "interimspec single-102 r7f3 start #0\n"
    assert probe["body"]["same"] == "content #0"


def test_octets_over_the_edge_of_two_classes(case: Case) -> None:
    changed = evidence()
    sends = [e for e in changed["transcript"]["events"] if e["event"] == "send"]
    final = sends[-1]["bytes"]
    octets = base64.b64encode(final[10:].encode("latin-1")).decode()
    changed["events"][-2] |= {"body_b64": octets, "body_len": len(final) - 10}
    assert view(case, changed, None)["user"][1]["body"]["same"] == "head #1, content #1"
    changed["events"][-2]["body_b64"] = base64.b64encode(b"an own page").decode()
    assert view(case, changed, None)["user"][1]["body"]["same"] == ""


def test_rules_and_facts_are_words(case: Case) -> None:
    shown = view(case, evidence(), None)
    assert shown["reasons"][0] == {
        "rule": "O2",
        "words": "A response with a 1xx status was handed to the application.",
        "data": "status 102",
    }
    assert ["connection", "poisoned"] in shown["facts"]
    assert shown["delivered"] == ["nothing"]


def test_errors_processes_and_commands(case: Case) -> None:
    story, script = factory.STORIES[4], SINGLE
    shown = view(case, factory.evidence_of(story, script), None)
    end = shown["user"][0]["events"][-1]
    assert end["error"]["type"] == "RemoteProtocolError"
    assert shown["process"]["stderr_tail"] == "warning: something\n"
    assert shown["repro"]["by_hand"].startswith("curl -v ")
    assert json.loads(shown["plan"])["requests"][1]["name"] == "probe"


def test_a_client_that_was_stopped(case: Case) -> None:
    shown = view(case, factory.evidence_of(factory.STORIES[5], SINGLE), None)
    assert shown["timeline"][-1]["text"] == "stopped at the deadline"
    assert shown["user"] == []


def test_long_content_is_cut_in_the_middle_and_says_so(case: Case) -> None:
    data = "a" * 50_000 + "z" * 50_000
    shown = view(case, with_events(*(send(n, data) for n in range(30))), None)
    items = shown["sent"][0]["items"]
    part = items[0]["parts"][0]
    assert part["text"].startswith("a")
    assert part["tail"].endswith("z")
    assert len(part["text"]) + len(part["tail"]) == EVENT_OCTETS
    assert part["cut"] == 100_000 - EVENT_OCTETS
    kept = sum(len(i["parts"][0]["text"]) + len(i["parts"][0]["tail"]) for i in items)
    assert kept <= TOTAL_OCTETS + 30 * 64
    assert len(json.dumps(shown)) < 100_000


def test_octets_that_the_transcript_did_not_keep(case: Case) -> None:
    event = send(1, "")
    del event["bytes"]
    shown = view(case, with_events(event | {"len": 1_000_000}), None)
    assert shown["sent"][0]["items"][0]["parts"] == [{"class": "", "gone": 1_000_000}]
    assert shown["timeline"][-6]["text"] or shown["timeline"]


def test_repetitions_and_pieces_are_one_line(case: Case) -> None:
    repeated = send(1, factory.HEAD_102, times=1000, first_left=1.0, last_left=90.0)
    pieces = [send(900 + n, "H", piece=n + 1, pieces=40) for n in range(40)]
    shown = view(case, with_events(repeated, *pieces), None)
    texts = [item["text"] for item in shown["timeline"] if item["kind"] == "send"]
    assert texts == ["1000 × 102 Processing", "40 pieces"]


def test_a_picture_of_thousands_of_events_is_thinned(case: Case) -> None:
    # Told apart by their connection, so that they do not become one line.
    events = [send(n, factory.HEAD_102, conn=n % 2) for n in range(5000)]
    shown = view(case, with_events(*events), None)
    assert len(shown["timeline"]) <= TIMELINE_ITEMS + 1
    assert any("further events, not drawn" in item["text"] for item in shown["timeline"])


@pytest.mark.parametrize(
    "changes",
    [
        {"transcript": None},
        {"events": None, "process": None, "repro": None, "plan": None},
        {"transcript": {"events": [{"event": "send"}, {"event": "accept"}, 7]}},
        {"events": [{"event": "bad-line", "text": "\x1b[2J{"}, {"event": "end", "at": 1}]},
    ],
)
def test_gaps_in_the_evidence_are_no_disaster(case: Case, changes: dict[str, Any]) -> None:
    shown = view(case, evidence(**changes), None)
    assert "problem" not in shown
    assert "\x1b" not in json.dumps(shown)


def test_evidence_in_a_wrong_shape_costs_its_cell_and_says_why(case: Case) -> None:
    broken = with_events(send(1, "x", spans=[["a", "b", "head"]]))
    assert "is not in the shape" in view(case, broken, None)["problem"]
    assert view(case, None, "It is gone.")["problem"] == "It is gone."
