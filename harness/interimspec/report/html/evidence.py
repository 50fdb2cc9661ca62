# SPDX-License-Identifier: MIT
"""The evidence of one case, as the page draws it.

What a person looks at is decided here, in Python and under test; the script of the page only lays
it out. Times are milliseconds after the first thing that happened. Octets stay Latin-1 text, one
code point each, and the page spells out those that do not print. All other text from outside has
gone through `visible`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ...octet_text import frame as frame_text
from ...transcript_h2 import is_h2
from ..model import Case
from ..safe import visible, visible_lines
from ..words import DELIVERED_WORDS, count_of, plain, rule_words
from .picture import joined, note_words, send_words, status_of, thinned

# A page holds thousands of cells: what is cut here is whole in the evidence file.
EVENT_OCTETS = 3072
TOTAL_OCTETS = 48 * 1024
OUTPUT_CHARS = 4000
PLAN_CHARS = 6000

Json = dict[str, Any]


def view(case: Case, evidence: Mapping[str, Any] | None, problem: str | None) -> Json:
    """Everything the opened cell shows beyond the matrix's own data."""
    result: Json = {
        "facts": facts(case.facts),
        "traits": facts(case.traits),
        "reasons": [reason(item) for item in case.reasons],
        "repeats": [visible(plain(item)) for item in case.repeats],
        "attempts": case.attempts,
        "baseline": visible(plain(case.baseline)) if case.baseline else None,
    }
    if evidence is None:
        return result | {"problem": visible(problem or "No evidence was kept.")}
    try:
        return result | _View(evidence).json()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # One cell's evidence in a shape of its own must not cost the whole page.
        name = case.evidence.name if case.evidence else "evidence"
        text = f"{name} is not in the shape this report reads: {type(error).__name__}: {error}"
        return result | {"problem": visible(text)}


def facts(values: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for name, value in values.items():
        if value is None or value == []:
            continue
        rows.append([visible(name.replace("_", " ")), visible(plain(value))])
    return rows


def reason(item: Mapping[str, Any]) -> Json:
    rule = str(item.get("rule", "?"))
    data = {key: value for key, value in item.items() if key != "rule"}
    return {
        "rule": visible(rule),
        "words": rule_words(rule),
        "data": visible(plain(data)) if data else "",
    }


def _began(event: Mapping[str, Any]) -> float:
    """When a send may have been seen at the earliest: what it led to stands behind it."""
    for key in ("began", "first_left", "left", "t"):
        if isinstance(event.get(key), int | float):
            return float(event[key])
    return 0.0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


class _View:
    def __init__(self, evidence: Mapping[str, Any]) -> None:
        self._evidence = evidence
        self._transcript = _mapping(evidence.get("transcript"))
        self._events = _objects(self._transcript.get("events"))
        self._told = _objects(evidence.get("events"))
        clock = _mapping(self._transcript.get("clock"))
        self._epoch = float(clock.get("realtime_ms", 0.0))
        self._names = self._exchange_names()
        self._zero = self._first_moment()
        self._budget = TOTAL_OCTETS

    def json(self) -> Json:
        params = _mapping(self._transcript.get("params"))
        return {
            "timeline": self._timeline(),
            "sent": self._per_connection("send", self._sent),
            "received": self._per_connection("received", self._received),
            "user": self._user(),
            "delivered": self._delivered(),
            "process": self._process(),
            "params": visible(plain(params)) if params else "",
            "lost": int(self._transcript.get("dropped_events", 0) or 0),
            **self._reproduce(),
        }

    # Names and times

    def _exchange_names(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for event in self._events:
            if event.get("event") == "request":
                names[int(event["exchange"])] = visible(str(event.get("resource", "")))
        return names

    def _first_moment(self) -> float:
        times = [float(event["t"]) for event in self._events if "t" in event]
        for event in self._told:
            for key in ("started", "at"):
                if key in event and self._epoch:
                    times.append(float(event[key]) - self._epoch)
        return min(times, default=0.0)

    def _server_time(self, value: float) -> float:
        return round(float(value) - self._zero, 3)

    def _client_time(self, value: float) -> float:
        return round(float(value) - self._epoch - self._zero, 3)

    # The picture

    def _timeline(self) -> list[Json]:
        items = [item for event in self._events for item in self._server_item(event)]
        items += [item for event in self._told for item in self._user_item(event)]
        items.sort(key=lambda item: float(item["t"]))
        process = _mapping(self._evidence.get("process"))
        if process.get("state") in ("deadline", "exited"):
            last = float(items[-1]["t"]) if items else 0.0
            words = (
                "stopped at the deadline" if process["state"] == "deadline" else "the process ended"
            )
            items.append(
                {"t": last, "kind": "stopped", "from": "user", "to": "user", "text": words}
            )
        return thinned(joined(items))

    def _server_item(self, event: Mapping[str, Any]) -> list[Json]:
        kind = event.get("event")
        exchange = event.get("exchange")
        name = self._names.get(exchange, "") if isinstance(exchange, int) else ""
        item: Json = {"x": exchange, "conn": event.get("conn"), "name": name}
        if kind == "send" and event.get("step") is None and is_h2(event):
            return []  # the server's own SETTINGS and acknowledgements
        if kind == "send":
            item |= {"kind": "send", "from": "server", "to": "client", "text": send_words(event)}
            item["t"] = self._server_time(_began(event))
            item["final"] = status_of(event) >= 200
            item["pieces"] = event.get("pieces")
            if "last_left" in event:
                item["until"] = self._server_time(event["last_left"])
            return [item]
        item["t"] = self._server_time(event.get("t", 0.0))
        if kind == "request":
            method = visible(str(event.get("method", "")))
            text = f"{method} ({name})" if name else method
            return [item | {"kind": "request", "from": "client", "to": "server", "text": text}]
        if kind == "request-end" and event.get("body_len"):
            text = f"request body, {count_of(int(event['body_len']), 'octet')}"
            return [item | {"kind": "request", "from": "client", "to": "server", "text": text}]
        words = note_words(event)
        if words is None:
            return []
        if kind in ("client-fin", "client-rst", "client-reset", "frame", "accept"):
            return [item | {"kind": "note", "from": "client", "to": "server", "text": words}]
        if kind == "close":
            return [item | {"kind": "note", "from": "server", "to": "client", "text": words}]
        return [item | {"kind": "note", "from": "server", "to": "server", "text": words}]

    def _user_item(self, event: Mapping[str, Any]) -> list[Json]:
        kind = event.get("event")
        if kind not in ("interim", "response", "end") or "at" not in event:
            return []
        name = visible(str(event.get("request", "")))
        item: Json = {"from": "client", "to": "user", "name": name, "request": name}
        item["t"] = self._client_time(event["at"])
        if kind == "interim":
            return [
                item | {"kind": "interim", "text": f"interim {event.get('status', '')}".strip()}
            ]
        if kind == "response":
            status = event.get("status")
            item["wrong"] = isinstance(status, int) and 100 <= status <= 199
            return [item | {"kind": "response", "text": f"response {_status_words(event)}"}]
        items = []
        if "started" in event:
            start = {"from": "user", "to": "client", "kind": "start", "text": "asks"}
            items.append(item | start | {"t": self._client_time(event["started"])})
        told = event.get("told")
        error = _mapping(event.get("error"))
        if told == "ok":
            text = f"done, {count_of(int(event.get('body_len') or 0), 'octet')} of content"
        else:
            named = [error.get("kind"), error.get("type")]
            text = "failed: " + visible(" ".join(str(word) for word in named if word))
        return [*items, item | {"kind": "ok" if told == "ok" else "failed", "text": text}]

    # Octets

    def _per_connection(self, kind: str, make: Any) -> list[Json]:
        connections: dict[int, list[Json]] = {}
        for event in self._events:
            if event.get("event") == kind:
                connections.setdefault(int(event.get("conn", 0)), []).append(make(event))
        return [{"conn": conn, "items": items} for conn, items in sorted(connections.items())]

    def _sent(self, event: Mapping[str, Any]) -> Json:
        item: Json = {
            "t": self._server_time(_began(event)),
            "x": event.get("exchange"),
            "name": self._names.get(event.get("exchange", -1), ""),
            "len": event.get("len", 0),
            "parts": self._parts(event),
        }
        for key in ("step", "line", "times", "piece", "pieces", "alone"):
            if event.get(key) is not None:
                item[key] = event[key]
        if "last_left" in event:
            item["until"] = self._server_time(event["last_left"])
        due, left = event.get("due"), event.get("left")
        if isinstance(due, int | float) and isinstance(left, int | float):
            item["late"] = round(left - due, 3)
        return item

    def _parts(self, event: Mapping[str, Any]) -> list[Json]:
        data = event.get("bytes")
        if is_h2(event):
            return [
                {"class": "", **self._octets(frame_text(frame, data, EVENT_OCTETS))}
                for frame in event["frames"]
            ]
        if not isinstance(data, str):
            return [{"class": "", "gone": int(event.get("len", 0) or 0)}]
        spans = event.get("spans") or [[0, len(data), ""]]
        return [
            {"class": str(name), **self._octets(data[int(start) : int(end)])}
            for start, end, name in spans
        ]

    def _octets(self, data: str) -> Json:
        """As much of it as the page may hold: the beginning and the end say most."""
        allowed = max(min(EVENT_OCTETS, self._budget), 64)
        self._budget -= min(len(data), allowed)
        if len(data) <= allowed:
            return {"text": data}
        tail = allowed // 4
        return {"text": data[: allowed - tail], "cut": len(data) - allowed, "tail": data[-tail:]}

    def _received(self, event: Mapping[str, Any]) -> Json:
        data = event.get("bytes")
        item: Json = {"t": self._server_time(event.get("t", 0.0)), "len": event.get("len", 0)}
        if isinstance(data, str):
            return item | self._octets(data)
        return item | {"gone": int(event.get("len", 0) or 0)}

    # What the user of the client saw

    def _user(self) -> list[Json]:
        requests: dict[str, Json] = {}
        for event in self._told:
            name = visible(str(event.get("request", "")))
            kind = str(event.get("event"))
            if kind in ("hello", "done"):
                continue
            entry = requests.setdefault(name, {"request": name, "events": []})
            entry["events"].append(self._told_event(kind, event))
            if kind == "end":
                entry["body"] = self._body(event)
        return list(requests.values())

    def _told_event(self, kind: str, event: Mapping[str, Any]) -> Json:
        item: Json = {"event": visible(kind)}
        if isinstance(event.get("at"), int | float):
            item["t"] = self._client_time(event["at"])
        if kind in ("interim", "response"):
            item["text"] = _status_words(event)
            fields = event.get("fields")
            if isinstance(fields, list):
                item["fields"] = [
                    visible(": ".join(map(str, field)) if isinstance(field, list) else str(field))
                    for field in fields[:60]
                ]
        elif kind == "end":
            item["text"] = "told ok" if event.get("told") == "ok" else "told failed"
            error = _mapping(event.get("error"))
            if error:
                item["error"] = {
                    key: visible_lines(str(error[key]))[:2000]
                    for key in ("kind", "phase", "type", "message")
                    if error.get(key) is not None
                }
                detail = error.get("detail")
                if detail:
                    item["error"]["detail"] = visible(plain(detail))[:2000]
        else:
            rest = {k: v for k, v in event.items() if k not in ("v", "event", "plan", "request")}
            item["text"] = visible(plain(rest))[:2000]
        return item

    def _body(self, event: Mapping[str, Any]) -> Json | None:
        length = event.get("body_len")
        packed = event.get("body_b64")
        if not isinstance(packed, str):
            return None if length is None else {"len": length, "gone": length}
        try:
            data = base64.b64decode(packed, validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            return {"len": length, "text": "", "bad": True}
        body = {"len": length if length is not None else len(data), "same": self._place(data)}
        return body | self._octets(data)

    def _place(self, data: str) -> str:
        """Where among the sent octets the same ones are found: `content #0`. For the reader's eye;
        the verdict rests on the judge's own search."""
        for stream in self._streams() if data else ():
            first = "".join(text for text, _ in stream).find(data)
            if first < 0:
                continue
            names: list[str] = []
            position = 0
            for text, name in stream:
                if position < first + len(data) and position + len(text) > first:
                    names.append(name)
                position += len(text)
            return ", ".join(dict.fromkeys(names))
        return ""

    def _streams(self) -> list[list[tuple[str, str]]]:
        """Per connection, what was sent, in pieces of one class and exchange."""
        streams: dict[int, list[tuple[str, str]]] = {}
        for event in self._events:
            if event.get("event") != "send" or not isinstance(event.get("bytes"), str):
                continue
            data = event["bytes"]
            pieces = streams.setdefault(int(event.get("conn", 0)), [])
            for start, end, name in event.get("spans") or [[0, len(data), "octets"]]:
                words = f"{name} #{event['exchange']}" if "exchange" in event else str(name)
                pieces.append((data[int(start) : int(end)], words))
        return list(streams.values())

    def _delivered(self) -> list[str]:
        value = _mapping(_mapping(self._evidence.get("verdict")).get("facts")).get("delivered")
        items = value if isinstance(value, list) else [value] if value else []
        return [_delivered_words(item) for item in items]

    # The rest

    def _process(self) -> Json:
        process = _mapping(self._evidence.get("process"))
        words = {"done": "went on", "exited": "ended by itself", "deadline": "was stopped"}
        result: Json = {
            "state": words.get(str(process.get("state")), str(process.get("state", "")))
        }
        for key in ("exit_code", "signal"):
            if process.get(key) is not None:
                result[key] = visible(str(process[key]))
        for key in ("stdout_tail", "stderr_tail"):
            text = process.get(key)
            if isinstance(text, str) and text:
                result[key] = visible_lines(text[-OUTPUT_CHARS:])
        return result

    def _reproduce(self) -> Json:
        repro = _mapping(self._evidence.get("repro"))
        plan = self._evidence.get("plan")
        text = json.dumps(plan, ensure_ascii=False, indent=1) if plan else ""
        return {
            "repro": {visible(str(k)): visible_lines(str(v)) for k, v in repro.items() if v},
            "plan": visible_lines(text[:PLAN_CHARS]),
        }


def _delivered_words(item: object) -> str:
    if isinstance(item, Mapping):
        name = str(item.get("class", item.get("what", "")))
        rest = {k: v for k, v in item.items() if k not in ("class", "what")}
        words = DELIVERED_WORDS.get(name, name)
        return visible(f"{words} ({plain(rest)})" if rest else words)
    name = str(item)
    stem = name.split("(", 1)[0]
    if stem not in DELIVERED_WORDS:
        return visible(name)
    words = DELIVERED_WORDS[stem]
    return visible(words if stem == name else f"{words} [{name}]")


def _status_words(event: Mapping[str, Any]) -> str:
    status = event.get("status")
    reason_phrase = event.get("reason")
    if status is None:
        return "with no status shown"
    return visible(f"{status} {reason_phrase or ''}".strip())


def columns_views(cases: Iterable[tuple[str, Case, Mapping[str, Any] | None, str | None]]) -> Json:
    """The evidence of one row, by column."""
    return {key: view(case, evidence, problem) for key, case, evidence, problem in cases}
