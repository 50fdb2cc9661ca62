# SPDX-License-Identifier: MIT
"""Synthetic runs for the tests of the reports: the shapes of real ones, made without a server.

A `Story` is what one client does with every scenario; the transcript, the events and the record are
built from it by one small model of an exchange, so that times, offsets and spans agree with each
other as they do in a real run.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REALTIME = 1795212784000.0
HEAD_102 = "HTTP/1.1 102 Processing\r\n\r\n"
OK = "ok"

REQUIREMENTS: dict[str, Any] = {
    "rfc9110-15.2-parse": {
        "rfc": "9110",
        "section": "15.2",
        "level": "MUST",
        "binds": "client",
        "text": "A client parses one or more interim responses before the final one, even if it "
        "expects none.",
        "link": "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2",
    },
    "rfc9112-6.3-no-content": {
        "rfc": "9112",
        "section": "6.3",
        "level": "rule",
        "binds": "recipient",
        "text": "An interim response ends with the first empty line after its fields, whatever "
        "the fields say.",
        "link": "https://www.rfc-editor.org/rfc/rfc9112.html#section-6.3",
    },
    "rfc9112-9.2-match": {
        "rfc": "9112",
        "section": "9.2",
        "level": "MUST",
        "binds": "client",
        "text": "A client gives each response to the first request that has no final response yet.",
        "link": "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.2",
    },
}


@dataclass(frozen=True)
class Send:
    """Octets of one step: when, what, and the class of every piece."""

    at: float
    parts: tuple[tuple[str, str], ...]  # (class, bytes)
    times: int = 1

    @property
    def data(self) -> str:
        return "".join(text for _, text in self.parts)

    def spans(self) -> list[list[Any]]:
        spans, start = [], 0
        for name, text in self.parts:
            spans.append([start, start + len(text), name])
            start += len(text)
        return spans


@dataclass(frozen=True)
class Script:
    id: str
    family: str
    class_: str
    title: str
    sends: tuple[Send, ...]
    final_at: float | None = 100.0
    requirements: tuple[str, ...] = ("rfc9110-15.2-parse",)
    why: str = "Clients that know only 100 take any other interim response for the answer."
    dispute: str = ""
    compare_with: str = ""

    def text(self) -> str:
        lines = [f"id: {self.id}", f"title: {self.title}", "script:"]
        for send in self.sends:
            lines.append(f"  - send: {json.dumps(send.data)}")
        if self.final_at is not None:
            lines.append("  - respond: {status: 200, body: own}")
        return "\n".join([*lines, f"expect: {{class: {self.class_}}}", ""])


def interim(at: float, times: int = 1) -> Send:
    return Send(at, (("head", HEAD_102),), times)


SCRIPTS: tuple[Script, ...] = (
    Script("no-interim", "control", "control", "A plain 200 is delivered", ()),
    Script("single-102", "single", "serve", "One 102 before the 200 is skipped", (interim(1),)),
    Script(
        "single-102-with-fields",
        "single",
        "serve",
        "A 102 with fields of its own is skipped",
        (Send(1, (("head", "HTTP/1.1 102 Processing\r\nStatus-URI: 404 <x>\r\n\r\n"),)),),
    ),
    Script("repeat-5", "repeat", "serve", "Five 102s in one segment", (interim(1, 5),)),
    Script("repeat-1000", "repeat", "limit", "A thousand 102s", (interim(1, 1000),), 450.0),
    Script(
        "drip-then-silence",
        "timeout",
        "unfinished",
        "102s that come faster than the timer, and then nothing",
        tuple(interim(t) for t in (1, 400, 800, 1200)),
        None,
        dispute="A client may well count every 102 as a sign of life.",
    ),
    Script(
        "body-naked",
        "bodies",
        "garbage",
        "A 102 with a body that no field announces",
        (Send(1, (("head", HEAD_102), ("interim-content", '{"message":"Processing"}'))),),
        None,
        ("rfc9112-6.3-no-content",),
    ),
    Script(
        "body-chunked",
        "bodies",
        "garbage",
        "A 102 that is followed by a chunked body",
        (
            Send(
                1,
                (
                    ("head", "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n"),
                    ("framing", "5\r\n"),
                    ("interim-content", "hello"),
                    ("framing", "\r\n0\r\n\r\n"),
                ),
            ),
        ),
        300.0,
        ("rfc9112-6.3-no-content",),
    ),
    Script(
        "final-after-next-request",
        "desync",
        "serve",
        "The final response comes after the next request was sent",
        (interim(1),),
        300.0,
        ("rfc9110-15.2-parse", "rfc9112-9.2-match"),
    ),
    Script("idle-102", "desync", "surplus", "A 102 on the idle connection", (interim(200),), 1.0),
)


@dataclass(frozen=True)
class Story:
    """A client and how it takes a 102: `skips`, `takes` (as the answer), `hangs` or `refuses`."""

    name: str
    version: str
    language: str
    takes_102: str = "skips"
    variant: str | None = None
    stack: tuple[tuple[str, str], ...] = (("cpython", "3.11.7"),)
    messages: dict[str, str] = field(default_factory=dict)  # scenario -> error message
    title: str = ""

    @property
    def key(self) -> str:
        return f"{self.name}@{self.version}" + (f"+{self.variant}" if self.variant else "")


STORIES: tuple[Story, ...] = (
    Story("curl", "7.88.1", "C", "skips", stack=(("libcurl", "7.88.1"), ("gnutls", "3.7.9"))),
    Story("requests", "2.34.2", "Python", "takes", stack=(("urllib3", "2.7.0"),)),
    Story("httpx", "0.28.1", "Python", "skips", stack=(("httpcore", "1.0.9"), ("h11", "0.16"))),
    Story("node-http", "22.11.0", "JavaScript", "skips"),
    Story("axios", "1.9.0", "JavaScript", "refuses"),
    Story("hurl", "1.10.0", "Java", "hangs"),
)


@dataclass
class _Verdict:
    outcome: str | None
    grade: str
    sentence: str
    reasons: list[dict[str, Any]]
    facts: dict[str, Any]


def verdict_of(story: Story, script: Script) -> _Verdict:
    facts: dict[str, Any] = {
        "told": "ok",
        "delivered": ["own"],
        "connection": "reused",
        "shown_status": 200,
        "resent": [],
        "request_body": "none",
        "interim_seen": {"what": "none", "count": 0, "early": False},
    }
    served = script.final_at is not None
    if not script.sends or (story.takes_102 == "skips" and served):
        grade = "info" if script.class_ == "trait" else "pass"
        if script.id == "body-chunked":
            grade = "warn"
        return _Verdict(
            "final",
            grade,
            "Delivered the final response.",
            [{"rule": "O10"}, {"rule": "K4"}],
            facts,
        )
    if story.takes_102 in ("skips", "refuses"):
        facts |= {"told": "failed", "delivered": ["empty"], "connection": "fresh"}
        grade = {"serve": "fail", "limit": "info"}.get(script.class_, "pass")
        return _Verdict("error", grade, "Reported an error.", [{"rule": "O8"}], facts)
    if story.takes_102 == "hangs":
        facts |= {"told": "nothing", "delivered": ["empty"], "connection": "untested"}
        return _Verdict(
            "hang", "fail", "Said nothing by the deadline and was stopped.", [{"rule": "O3"}], facts
        )
    facts |= {"delivered": ["empty"], "shown_status": 102}
    if served and script.class_ == "serve":
        facts["connection"] = "poisoned"
        return _Verdict(
            "interim",
            "danger",
            "Handed the 102 over as the answer, and gave the next request the answer of this one.",
            [
                {"rule": "O2", "status": 102},
                {"rule": "K2", "probe": "probe", "got": "content(0)"},
                {"rule": "G2"},
            ],
            facts,
        )
    sentence = "Handed the 102 over as the answer."
    return _Verdict("interim", "fail", sentence, [{"rule": "O2", "status": 102}], facts)


def _own(script: Script, exchange: int, resource: str = "start") -> str:
    return f"interimspec {script.id} r7f3 {resource} #{exchange}\n"


def _final(body: str) -> tuple[tuple[str, str], ...]:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: text/plain\r\n\r\n"
    return (("head", head), ("content", body))


def _request(exchange: int, at: float, target: str, offset: int) -> list[dict[str, Any]]:
    text = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:41007\r\nAccept: */*\r\n\r\n"
    return [
        {
            "t": at,
            "conn": 1,
            "event": "received",
            "offset": offset,
            "len": len(text),
            "bytes": text,
        },
        {
            "t": at,
            "conn": 1,
            "exchange": exchange,
            "event": "request",
            "resource": "probe" if exchange else "start",
            "visit": 1,
            "method": "GET",
            "target": target,
            "version": "1.1",
            "fields": [["Host", "127.0.0.1:41007"]],
            "queued": False,
            "first_on_connection": exchange == 0,
            "offset": offset,
            "head_len": len(text),
        },
        {
            "t": at,
            "conn": 1,
            "exchange": exchange,
            "event": "request-end",
            "body_len": 0,
            "body_sha256": None,
            "body": "",
        },
        {"t": at, "conn": 1, "exchange": exchange, "event": "turn"},
    ]


def transcript_of(story: Story, script: Script) -> dict[str, Any]:
    path = f"/{script.id}/r7f3"
    events: list[dict[str, Any]] = [
        {"t": 0.9, "conn": 1, "event": "accept", "peer": "127.0.0.1:50514"}
    ]
    events += _request(0, 1.0, path, 0)
    probe_at = 5.0 if story.takes_102 == "takes" else (script.final_at or 1500.0) + 3
    offset = 0
    sends = [(0, send) for send in script.sends]
    if script.final_at is not None:
        sends.append((0, Send(script.final_at, _final(_own(script, 0)))))
    sends.append((1, Send(max(probe_at, (script.final_at or 0) + 22), _final(_own(script, 1)))))
    for step, (exchange, send) in enumerate(sends):
        event: dict[str, Any] = {
            "t": 1.0 + send.at,
            "conn": 1,
            "exchange": exchange,
            "event": "send",
            "step": step,
            "line": 7 + step,
            "due": 1.0 + send.at,
            "left": 1.04 + send.at,
            "offset": offset,
            "len": len(send.data) * send.times,
            "bytes": send.data,
            "spans": send.spans(),
            "alone": "n/a",
            "unread_before": 0,
        }
        if send.times > 1:
            event |= {
                "times": send.times,
                "unit_len": len(send.data),
                "first_left": event["left"],
                "last_left": event["left"] + 3,
                "worst_late": 0.2,
                "first": [[1.0, 1.04]] * min(send.times, 32),
            }
        offset += event["len"]
        events.append(event)
    events += _request(1, 1.0 + probe_at, f"{path}/probe", 77)
    events.append({"t": 1.0 + probe_at + 50, "conn": 1, "event": "client-fin"})
    events.append(
        {"t": 1.0 + probe_at + 51, "conn": 1, "event": "close", "by": "server", "how": "fin"}
    )
    events.sort(key=lambda event: event["t"])
    return {
        "v": 1,
        "run": "r7f3",
        "scenario": script.id,
        "transport": "h1",
        "params": {},
        "port": 41007,
        "leased": True,
        "clock": {"realtime_ms": REALTIME, "monotonic_ms": 12345.678},
        "pace": 1.0,
        "complete": True,
        "dropped_events": 0,
        "late_requests": 0,
        "events": events,
    }


def events_of(story: Story, script: Script, verdict: _Verdict) -> list[dict[str, Any]]:
    plan = f"{story.name}-{script.id}-r7f3"

    def event(name: str, request: str, at: float, **more: Any) -> dict[str, Any]:
        base = {"v": 1, "event": name, "plan": plan, "request": request, "at": REALTIME + at}
        return base | more

    def end(
        request: str, started: float, at: float, body: str, error: Any = None
    ) -> dict[str, Any]:
        return event(
            "end",
            request,
            at,
            started=REALTIME + started,
            told="failed" if error else "ok",
            body_b64=base64.b64encode(body.encode("latin-1")).decode(),
            body_len=len(body),
            body_sha256=None,
            error=error,
        )

    final_at = 2.5 + (script.final_at or 0)
    fields = [["Content-Type", "text/plain"]]
    if verdict.outcome == "final":
        main = [
            event("response", "main", final_at, status=200, reason="OK", fields=fields),
            end("main", 0.2, final_at + 0.4, _own(script, 0)),
        ]
        probe_body = _own(script, 1)
    elif verdict.outcome == "interim":
        main = [
            event("response", "main", 2.4, status=102, reason="Processing", fields=[]),
            end("main", 0.2, 2.6, ""),
        ]
        probe_body = _own(script, 0)
    elif verdict.outcome == "hang":
        return []
    else:
        error = {
            "kind": "protocol",
            "phase": "head",
            "type": "RemoteProtocolError",
            "message": story.messages.get(script.id, "illegal status line"),
        }
        main = [end("main", 0.2, final_at, "", error)]
        probe_body = _own(script, 1)
    probe = [
        event("response", "probe", final_at + 30, status=200, reason="OK", fields=fields),
        end("probe", 5.0, final_at + 31, probe_body),
    ]
    done = {"v": 1, "event": "done", "plan": plan}
    return [*main, *probe, done]


def plan_of(story: Story, script: Script) -> dict[str, Any]:
    url = f"http://127.0.0.1:41007/{script.id}/r7f3"
    return {
        "v": 1,
        "plan": f"{story.name}-{script.id}-r7f3",
        "http": "1.1",
        "timers": {"connect_ms": 2000, "read_ms": 10000},
        "ca_file": None,
        "proxy": None,
        "requests": [
            {"name": "main", "method": "GET", "url": url},
            {"name": "probe", "method": "GET", "url": f"{url}/probe", "not_before_ms": 0},
        ],
    }


def evidence_name(story: Story, script: Script) -> str:
    return f"evidence/{story.key}/{script.id}.h1.json"


def case_record(story: Story, script: Script, **changes: Any) -> dict[str, Any]:
    verdict = verdict_of(story, script)
    return {
        "v": 1,
        "kind": "case",
        "client": story.name,
        "version": story.version,
        "variant": story.variant,
        "stack": [{"name": name, "version": version} for name, version in story.stack],
        "scenario": script.id,
        "family": script.family,
        "transport": "h1",
        "class": script.class_,
        "outcome": verdict.outcome,
        "grade": verdict.grade,
        "facts": verdict.facts,
        "reasons": verdict.reasons,
        "sentence": verdict.sentence,
        "traits": {},
        "requirements": list(script.requirements),
        "unstable": False,
        "repeats": [],
        "attempts": 1,
        "duration_ms": 123.4,
        "hashes": {"adapter": "a1", "scenario": "b2"},
        "baseline": None,
        "evidence": evidence_name(story, script),
    } | changes


def evidence_of(story: Story, script: Script, **changes: Any) -> dict[str, Any]:
    verdict = verdict_of(story, script)
    stack = [{"name": name, "version": version} for name, version in story.stack]
    return {
        "v": 1,
        "plan": plan_of(story, script),
        "hello": {
            "v": 1,
            "event": "hello",
            "client": story.name,
            "version": story.version,
            "stack": stack,
            "can": {"http": ["1.1"]},
        },
        "events": events_of(story, script, verdict),
        "process": {
            "state": "deadline" if verdict.outcome == "hang" else "done",
            "exit_code": None,
            "signal": None,
            "stdout_tail": "",
            "stderr_tail": "warning: something\n" if story.takes_102 == "refuses" else "",
        },
        "transcript": transcript_of(story, script),
        "verdict": {
            "outcome": verdict.outcome,
            "grade": verdict.grade,
            "facts": verdict.facts,
            "reasons": verdict.reasons,
            "sentence": verdict.sentence,
            "traits": {},
            "repeat": None,
        },
        "repro": {
            "serve": f"interimspec serve --only {script.id}",
            "by_hand": f"curl -v http://127.0.0.1:8102/{script.id}/me",
        },
    } | changes


def head_record(
    stories: tuple[Story, ...] = STORIES, scripts: tuple[Script, ...] = SCRIPTS, **changes: Any
) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "head",
        "run": "20261121-030000",
        "started": "2026-11-21T03:00:00Z",
        "interimspec": "0.1.0",
        "machine": {"os": "Debian GNU/Linux 12", "kernel": "6.1", "cpus": 2, "python": "3.11.7"},
        "server": {"ready": True, "version": "0.1.0", "scheduling": "rr", "pace": 1.0},
        "scenarios": {
            script.id: {
                "title": script.title,
                "family": script.family,
                "class": script.class_,
                "why": script.why,
                "dispute": script.dispute,
                "compare_with": script.compare_with or ("no-interim" * (script.class_ == "serve")),
                "requirements": list(script.requirements),
                "probe": "at-once",
                "text": script.text(),
            }
            for script in scripts
        },
        "requirements": copy.deepcopy(REQUIREMENTS),
        "clients": {
            story.key: {
                "name": story.name,
                "version": story.version,
                "title": story.title or story.name,
                "language": story.language,
                "kind": "library",
                "homepage": "https://example.org/" + story.name,
                "interim_api": "none",
                "notes": notes_of(story.name),
            }
            for story in stories
        },
        "skipped": [
            {"client": "guzzle", "why": "php is not installed", "how": "apt-get install php-cli"}
        ],
    } | changes


END: dict[str, Any] = {
    "v": 1,
    "kind": "end",
    "complete": True,
    "wall_ms": 21000.0,
    "longest_chain_ms": 18000.0,
    "server_cpu_ms": 900.0,
    "harness_cpu_ms": 4100.0,
    "adapters_cpu_ms": 9000.0,
}


def write_lines(folder: Path, records: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cases.jsonl"
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(text, encoding="utf-8")
    return path


def write_evidence(folder: Path, name: str, evidence: dict[str, Any]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(evidence), encoding="utf-8")


def write_run(
    folder: Path,
    stories: tuple[Story, ...] = STORIES,
    scripts: tuple[Script, ...] = SCRIPTS,
    *,
    end: bool = True,
    cases: dict[tuple[str, str], dict[str, Any]] | None = None,
    head: dict[str, Any] | None = None,
) -> Path:
    """A whole run; `cases` holds changes to single records by (client, scenario)."""
    records = [head_record(stories, scripts, **(head or {}))]
    for story in stories:
        for script in scripts:
            changes = (cases or {}).get((story.name, script.id), {})
            records.append(case_record(story, script, **changes))
            write_evidence(folder, evidence_name(story, script), evidence_of(story, script))
    if end:
        records.append(END)
    write_lines(folder, records)
    return folder


def many(clients: int, scenarios: int) -> tuple[tuple[Story, ...], tuple[Script, ...]]:
    """A matrix of any size, of the stories and scripts above over and over."""
    stories = tuple(
        Story(
            f"{base.name}-{n:02}" if n >= len(STORIES) else base.name,
            base.version,
            base.language,
            base.takes_102,
            stack=base.stack,
        )
        for n in range(clients)
        for base in [STORIES[n % len(STORIES)]]
    )
    scripts = tuple(
        Script(
            f"{base.id}-{n:03}" if n >= len(SCRIPTS) else base.id,
            base.family,
            base.class_,
            base.title,
            base.sends,
            base.final_at,
            base.requirements,
        )
        for n in range(scenarios)
        for base in [SCRIPTS[n % len(SCRIPTS)]]
    )
    return stories, scripts


def notes_of(client: str) -> str:
    return f"What was found in the source of {client}."


def embargo_toml(client: str, scenario: str, **changes: str) -> str:
    values = {
        "reason": '"Wrong answers; no public report was found."',
        "reported": "2026-11-02",
        "publish_after": "2027-02-01",
        "contact": '"security@example.org"',
    } | changes
    cells = f'"{client}" = ["{scenario}"]'
    lines = [f"{key} = {value}" for key, value in values.items() if value]
    return "\n".join(["[[embargo]]", *lines, "[embargo.cells]", cells]) + "\n"
