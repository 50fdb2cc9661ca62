# SPDX-License-Identifier: MIT
"""HTTP/2 transcripts: what frames mean, and what the judge makes of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from interimspec import timeline
from interimspec.judge import Verdict, judge
from interimspec.observation import ClientFacts, Observation, ProcessEnd
from interimspec.report.html.picture import note_words, send_words, status_of
from interimspec.transcript import Transcript

OWN = b"interimspec own r1 start #0\n"
PROBE = b"interimspec own r1 probe #1\n"
T0 = 1_800_000_000_000.0


class H2Wire:
    """A server's transcript of one HTTP/2 connection, event by event."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = [{"t": 0.0, "conn": 1, "event": "accept"}]
        self.offset = 0
        self.send(0.1, None, None, [frame("SETTINGS", 0)], b"\0" * 9, [[0, 9, "framing"]])

    def request(self, number: int, t: float, resource: str = "start", **more: Any) -> None:
        stream = 2 * number + 1
        head = {
            "t": t, "conn": 1, "exchange": number, "event": "request", "stream": stream,
            "resource": resource, "visit": 1, "method": "GET", "target": f"/own/r1/{resource}",
            "version": "2", "fields": [[":method", "GET"]], "queued": False,
            "first_on_connection": number == 0, "offset": 24, "head_len": 30,
        }  # fmt: skip
        end = {"t": t, "conn": 1, "exchange": number, "event": "request-end", "body_len": 0}
        self.events += [{**head, **more}, end]

    def send(
        self, t: float, number: int | None, stream: int | None, frames: list[dict[str, Any]],
        octets: bytes, spans: list[list[Any]], **more: Any,
    ) -> None:  # fmt: skip
        event = {
            "t": t, "conn": 1, "event": "send", "step": 0, "due": t, "left": t,
            "offset": self.offset, "len": len(octets), "bytes": octets.decode("latin-1"),
            "spans": spans, "frames": frames, "alone": "n/a", "unread_before": None, **more,
        }  # fmt: skip
        if number is None:
            event["step"] = None
        else:
            event |= {"exchange": number, "stream": stream}
        self.offset += len(octets)
        self.events.append(event)

    def head(
        self, number: int, t: float, *fields: tuple[str, str], end: bool = False, kind: str = "head"
    ) -> None:
        flags = ["END_HEADERS", *(["END_STREAM"] if end else [])]
        made = frame("HEADERS", 2 * number + 1, flags=flags, fields=[list(f) for f in fields])
        self.send(t, number, 2 * number + 1, [made], b"\x01" * 20, [[0, 20, kind]])

    def data(
        self, number: int, t: float, octets: bytes, *, end: bool = False, kind: str = "content"
    ) -> None:
        made = frame(
            "DATA", 2 * number + 1, flags=["END_STREAM"] if end else [],
            len=len(octets), data_len=len(octets),
        )  # fmt: skip
        spans = [[0, 9, "framing"], [9, 9 + len(octets), kind]]
        self.send(t, number, 2 * number + 1, [made], b"\0" * 9 + octets, spans)

    def answer(self, number: int, t: float, content: bytes, status: str = "200") -> None:
        self.head(number, t, (":status", status), ("content-length", str(len(content))))
        self.data(number, t, content, end=True)

    def reset(self, number: int, t: float, code: str) -> None:
        made = frame("RST_STREAM", 2 * number + 1, error=code, len=4)
        self.send(t, number, 2 * number + 1, [made], b"\0" * 13, [[0, 13, "framing"]])

    def client_reset(self, number: int, t: float, code: str) -> None:
        at = {"t": t, "conn": 1, "exchange": number, "stream": 2 * number + 1}
        self.events.append({**at, "event": "client-reset", "error": code})

    def client_goaway(self, t: float, code: str) -> None:
        self.events.append({
            "t": t, "conn": 1, "event": "frame", "type": "GOAWAY", "stream": 0, "flags": [],
            "len": 8, "last_stream": 0, "error": code,
        })  # fmt: skip

    def client_closes(self, t: float) -> None:
        self.events.append({"t": t, "conn": 1, "event": "client-fin"})

    def transcript(self) -> Transcript:
        return Transcript.from_json({
            "v": 1, "run": "r1", "scenario": "own", "transport": "h2c", "complete": True,
            "clock": {"realtime_ms": T0, "monotonic_ms": 0}, "events": self.events,
        })  # fmt: skip


def frame(kind: str, stream: int, **more: Any) -> dict[str, Any]:
    return {"at": 0, "type": kind, "stream": stream, "flags": [], "len": 0, **more}


@dataclass
class Request:
    method: str = "GET"
    body_pauses: tuple[Any, ...] = ()


@dataclass
class Timers:
    read_ms: int | None = None
    total_ms: int | None = None
    asked: bool = False


@dataclass
class Expect:
    class_: str
    grades: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Question:
    expect: Expect
    id: str = "own"
    request: Request = field(default_factory=Request)
    timers: Timers = field(default_factory=Timers)
    probe: str = "at-once"
    script_ms: int | None = 100
    has_final: bool = True
    server_ends: bool = False


def told(main: dict[str, Any], probe: bytes | None = None) -> Observation:
    def response(name: str, status: int, at: float) -> dict[str, Any]:
        return {
            "v": 1, "event": "response", "plan": "p", "request": name, "at": T0 + at,
            "status": status, "reason": None, "fields": [],
        }  # fmt: skip

    def end(name: str, started: float, at: float, content: bytes, **more: Any) -> dict[str, Any]:
        return {
            "v": 1, "event": "end", "plan": "p", "request": name, "started": T0 + started,
            "at": T0 + at, "told": "ok", "body_b64": base64.b64encode(content).decode(),
            "body_len": len(content), "body_sha256": None, "error": None, **more,
        }  # fmt: skip

    events: list[dict[str, Any]] = []
    if "status" in main:
        events.append(response("main", main["status"], main["at"]))
    failed = main.get("error")
    more = {} if failed is None else {"told": "failed", "error": failed}
    events.append(end("main", 0.5, main["at"], main.get("content", b""), **more))
    requests = [{"name": "main", "method": "GET", "url": "http://127.0.0.1/own/r1"}]
    if probe is not None:
        requests.append({"name": "probe", "method": "GET", "url": "http://127.0.0.1/own/r1/probe"})
        events.append(response("probe", 200, main["at"] + 5))
        events.append(end("probe", main["at"] + 1, main["at"] + 5, probe))
    events.append({"v": 1, "event": "done", "plan": "p"})
    can = {"http": ["2"], "second_request": "pooled", "timers": ["total_ms"]}
    hello = {"v": 1, "event": "hello", "client": "c", "version": "1", "stack": [], "can": can}
    plan = {"v": 1, "plan": "p", "http": "2", "timers": {"total_ms": 5000}, "requests": requests}
    return Observation(
        plan=plan, hello=hello, events=tuple(events), process=ProcessEnd("done"),
        manifest=ClientFacts(can=can), harness_late_ms=0.0,
    )  # fmt: skip


def verdict(wire: H2Wire, observation: Observation, class_: str = "serve") -> Verdict:
    return judge(Question(Expect(class_)), wire.transcript(), observation)


REFUSED = {"kind": "protocol", "phase": "head", "type": "ProtocolError", "message": "malformed"}


def test_an_exchange_is_made_out_of_interleaved_streams() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.request(1, 2, resource="probe")
    wire.head(0, 3, (":status", "102"))
    wire.head(1, 4, (":status", "200"))
    wire.head(0, 5, (":status", "200"), ("x-a", "b"))
    wire.data(1, 6, PROBE[:5])
    wire.data(0, 7, OWN[:10])
    wire.data(1, 8, PROBE[5:], end=True)
    wire.data(0, 9, OWN[10:], end=True)
    first, second = wire.transcript().exchanges
    assert [head.status for head in first.interims] == [102]
    assert first.final is not None
    assert second.final is not None
    assert (first.final.status, first.final.content, first.final.complete) == (200, OWN, True)
    assert first.final.head.values("x-a") == ["b"]
    assert first.final.completed == T0 + 9
    assert (second.final.content, second.final.complete) == (PROBE, True)
    assert (first.stream, second.stream) == (1, 3)


def test_without_end_stream_a_response_is_not_complete() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "200"), ("content-length", "5"))
    wire.data(0, 3, b"12345")
    final = wire.transcript().exchanges[0].final
    assert final is not None
    assert not final.complete


def test_padding_is_no_content() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "200"))
    padded = frame("DATA", 1, flags=["PADDED", "END_STREAM"], len=8, data_len=4)
    octets = b"\0" * 9 + b"\x03" + b"four" + b"\0" * 3
    spans = [[0, 10, "framing"], [10, 14, "content"], [14, 17, "framing"]]
    wire.send(3, 0, 1, [padded], octets, spans)
    final = wire.transcript().exchanges[0].final
    assert final is not None
    assert final.content == b"four"


def test_repeated_heads_are_one_each() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    made = frame("HEADERS", 1, flags=["END_HEADERS"], fields=[[":status", "102"]])
    wire.send(
        2, 0, 1, [made], b"\x01" * 14, [[0, 14, "head"]],
        times=3, unit_len=14, len=42, first=[[2, 2], [12, 12], [22, 22]], last_left=22,
    )  # fmt: skip
    wire.offset += 28
    wire.answer(0, 30, OWN)
    exchange = wire.transcript().exchanges[0]
    assert [head.status for head in exchange.interims] == [102, 102, 102]
    assert [head.left - T0 for head in exchange.interims] == [2, 12, 22]


def test_a_head_in_two_sends_is_complete_with_the_second() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    begun = frame("HEADERS", 1, fields=[[":status", "200"]])
    wire.send(2, 0, 1, [begun], b"\x01" * 11, [[0, 11, "head"]])
    assert wire.transcript().exchanges[0].final is None
    rest = frame("CONTINUATION", 1, flags=["END_HEADERS"])
    wire.send(5, 0, 1, [rest], b"\x01" * 12, [[0, 12, "head"]])
    wire.data(0, 6, OWN, end=True)
    final = wire.transcript().exchanges[0].final
    assert final is not None
    assert (final.head.began, final.head.left) == (T0 + 2, T0 + 5)


def test_a_client_that_skips_the_102_passes_on_one_connection() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"))
    wire.answer(0, 50, OWN)
    wire.request(1, 53, resource="probe")
    wire.answer(1, 54, PROBE)
    found = verdict(wire, told({"status": 200, "content": OWN, "at": 52}, probe=PROBE))
    assert (found.outcome, found.grade) == ("final", "pass")
    assert found.facts["connection"] == "reused"
    assert found.facts["client_reset"] == "none"


def test_a_client_that_takes_the_102_is_not_poisoned_on_streams_of_their_own() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"))
    wire.request(1, 5, resource="probe")
    wire.answer(1, 6, PROBE)
    wire.answer(0, 50, OWN)
    found = verdict(wire, told({"status": 102, "at": 3}, probe=PROBE))
    assert (found.outcome, found.grade) == ("interim", "fail")
    assert found.facts["connection"] == "reused"


def malformed(client: str | None) -> H2Wire:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"))
    wire.data(0, 3, b"early", kind="interim-content")
    if client == "reset":
        wire.client_reset(0, 4, "PROTOCOL_ERROR")
    elif client == "goaway":
        wire.client_goaway(4, "PROTOCOL_ERROR")
    elif client == "fin":
        wire.client_closes(4)
    wire.answer(0, 103, OWN)
    return wire


@pytest.mark.parametrize(
    ("client", "grade", "reset", "goaway"),
    [
        ("reset", "pass", "PROTOCOL_ERROR", "none"),
        ("goaway", "pass", "none", "PROTOCOL_ERROR"),
        ("fin", "pass", "none", "none"),
    ],
)
def test_a_malformed_response_is_answered(client: str, grade: str, reset: str, goaway: str) -> None:
    found = verdict(malformed(client), told({"error": REFUSED, "at": 5}), "malformed")
    assert (found.outcome, found.grade) == ("error", grade)
    assert (found.facts["client_reset"], found.facts["client_goaway"]) == (reset, goaway)


def test_a_malformed_response_that_is_refused_in_silence_leaves_the_stream_open() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"))
    wire.data(0, 3, b"early", kind="interim-content")
    wire.client_closes(900)
    found = verdict(wire, told({"error": REFUSED, "at": 5}), "malformed")
    assert (found.outcome, found.grade) == ("error", "warn")
    assert {"rule": "G10"} in found.reasons
    assert "left the stream open" in found.sentence


def test_a_malformed_response_is_not_to_be_accepted() -> None:
    accepted = told({"status": 200, "content": OWN, "at": 105})
    assert verdict(malformed(None), accepted, "malformed").grade == "fail"
    leaked = told({"status": 200, "content": b"early", "at": 105})
    found = verdict(malformed(None), leaked, "malformed")
    assert (found.outcome, found.grade) == ("foreign", "danger")
    assert "octets that followed an interim response" in found.sentence
    wire = H2Wire()
    wire.request(0, 1)
    wire.data(0, 3, b"early", kind="interim-content")
    wire.answer(0, 103, OWN)
    found = verdict(wire, leaked, "malformed")
    assert found.grade == "danger"
    assert "octets that came before any response head" in found.sentence


def test_the_end_of_a_stream_is_the_servers() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"))
    reset = frame("RST_STREAM", 1, error="INTERNAL_ERROR", len=4)
    wire.send(10, 0, 1, [reset], b"\0" * 13, [[0, 13, "framing"]])
    exchange = wire.transcript().exchanges[0]
    assert exchange.server_ended == (T0 + 10, "rst_stream INTERNAL_ERROR")
    error = {"kind": "closed", "phase": "head", "type": "StreamReset", "message": "reset"}
    question = Question(Expect("unfinished"), has_final=False, server_ends=True)
    found = judge(question, wire.transcript(), told({"error": error, "at": 11}))
    assert (found.outcome, found.grade) == ("error", "pass")
    assert found.facts["closed_first"] == {"by": "server", "how": "rst_stream INTERNAL_ERROR"}


def test_frames_are_shown_as_a_person_reads_them() -> None:
    wire = malformed("reset")
    evidence = {"transcript": {"clock": {"realtime_ms": T0}, "events": wire.events}, "events": []}
    shown = [line.split(None, 2)[2] for line in timeline.lines(evidence)]
    assert "conn 1 #0    sent     HEADERS stream 1 END_HEADERS [:status: 102]" in shown
    assert "conn 1 #0    sent     DATA stream 1 5 octets: early" in shown
    assert "conn 1 #0    client reset stream 1 (PROTOCOL_ERROR)" in shown
    assert any("SETTINGS" in line for line in shown)
    assert not any("SETTINGS" in line for line in timeline.normalised(evidence, 4096))


def test_the_page_draws_frames() -> None:
    events = malformed("reset").events
    sends = [event for event in events if event["event"] == "send"]
    assert [send_words(event) for event in sends[:3]] == [
        "SETTINGS",
        "102",
        "5 octets of interim-content",
    ]
    assert [status_of(event) for event in sends] == [0, 102, 0, 200, 0]
    reset = next(event for event in events if event["event"] == "client-reset")
    assert note_words(reset) == "RST_STREAM PROTOCOL_ERROR"


@pytest.mark.parametrize(
    ("code", "grade"), [("REFUSED_STREAM", "info"), ("INTERNAL_ERROR", "danger")]
)
def test_a_post_is_repeated_safely_only_where_the_server_has_refused_it(
    code: str, grade: str
) -> None:
    """RFC 9113, section 8.7."""
    wire = H2Wire()
    wire.request(0, 1, method="POST")
    wire.head(0, 2, (":status", "102"))
    wire.reset(0, 50, code)
    wire.request(1, 53, method="POST", visit=2)
    wire.answer(1, 54, OWN)
    found = verdict(wire, told({"status": 200, "content": OWN, "at": 56}), "trait")
    assert found.grade == grade
    assert ({"rule": "G4"} in found.reasons) == (grade == "danger")


def test_a_section_with_two_statuses_may_be_read_as_either() -> None:
    """The 200 that the client tells of stood beside the 102: no witness is wrong."""
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"), (":status", "200"))
    wire.answer(0, 150, OWN)
    told_early = told({"status": 200, "content": OWN, "at": 152})
    response = {**told_early.events[0], "at": T0 + 5}
    early = replace(told_early, events=(response, *told_early.events[1:]))
    found = verdict(wire, early, "malformed")
    assert (found.outcome, found.grade) == ("final", "fail")


def test_a_status_that_the_client_made_up_is_its_fault_and_no_contradiction() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, ("x-progress", "10"))
    wire.answer(0, 100, OWN)
    failed = told({"status": 200, "at": 5, "error": REFUSED})
    found = verdict(wire, failed, "malformed")
    assert (found.outcome, found.grade) == ("error", "fail")
    assert found.sentence.startswith("Handed over a 200 for a malformed field section; ")
    # Until it was told, the status had left, or there was nothing to make it of: as ever.
    late = verdict(wire, told({"status": 200, "at": 101, "content": OWN}), "malformed")
    assert [reason["rule"] for reason in late.reasons] == ["O10"]
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"))
    wire.answer(0, 100, OWN)
    assert [reason["rule"] for reason in verdict(wire, failed, "malformed").reasons] == ["V7b"]


def test_the_second_of_two_statuses_is_none_that_was_sent() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", "102"), (":status", "200"))
    wire.answer(0, 100, OWN)
    found = verdict(wire, told({"status": 200, "at": 5, "error": REFUSED}), "malformed")
    assert (found.outcome, found.grade) == ("error", "fail")


def test_a_made_up_status_where_no_final_response_is_sent() -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, ("x-progress", "10"), end=True)
    found = verdict(wire, told({"status": 200, "at": 5}), "malformed")
    assert (found.outcome, found.grade) == ("silent", "danger")


@pytest.mark.parametrize("status", [10, 1020])
def test_a_code_that_no_final_response_has_is_handed_over_for_all_to_see(status: int) -> None:
    wire = H2Wire()
    wire.request(0, 1)
    wire.head(0, 2, (":status", str(status)))
    wire.answer(0, 50, OWN)
    found = verdict(wire, told({"status": status, "content": OWN, "at": 52}), "malformed")
    assert (found.outcome, found.grade) == ("interim", "fail")
    # RFC 9110, section 15, has such a code processed like a 5xx; the head behind it is refused.
    found = verdict(wire, told({"status": status, "at": 5, "error": REFUSED}), "malformed")
    assert (found.outcome, found.grade) == ("interim", "warn")
    assert "G13" not in [reason["rule"] for reason in found.reasons]
