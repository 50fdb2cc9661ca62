# SPDX-License-Identifier: MIT
"""The words and the thinning of the timeline picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...transcript_h2 import as_text, is_h2
from ..safe import visible
from ..words import count_of

TIMELINE_ITEMS = 90

Json = dict[str, Any]


def status_of(event: Mapping[str, Any]) -> int:
    """The last status among the heads that this send carries, 0 if none."""
    status = 0
    if is_h2(event):
        event = as_text(event, 0)
    data = event.get("bytes")
    if isinstance(data, str):
        for start, end, name in event.get("spans") or []:
            line = data[int(start) : int(end)].split("\r\n", 1)[0].split(" ", 2)
            if name == "head" and len(line) > 1 and line[0].startswith("HTTP/"):
                status = int(line[1]) if line[1].isdigit() and line[1].isascii() else status
    return status


def send_words(event: Mapping[str, Any]) -> str:
    """`102 Processing`, `200 OK, 31 octets of content`, `1000 x 102 Processing`."""
    if is_h2(event):
        return _frame_words(event)
    data = event.get("bytes")
    if event.get("pieces") is not None:
        number = int(event.get("piece", 0)) + 1
        octets = count_of(int(event.get("len", 0)), "octet")
        return f"piece {number} of {event['pieces']}, {octets}"
    if not isinstance(data, str):
        return count_of(int(event.get("len", 0)), "octet")
    words: list[str] = []
    sizes: dict[str, int] = {}
    for start, end, name in event.get("spans") or [[0, len(data), "octets"]]:
        text = data[int(start) : int(end)]
        if name == "head" and text.startswith("HTTP/") and " " in text:
            words.append(visible(text.splitlines()[0].split(" ", 1)[1].strip())[:40])
        else:
            sizes[name] = sizes.get(name, 0) + len(text)
    if len(words) > 3:
        words = [words[0], f"… {len(words) - 2} more …", words[-1]]
    labels = {"content": "of content", "head": "of a head", "octets": "in all"}
    words += [
        f"{count_of(size, 'octet')} {labels.get(name, 'of ' + name)}"
        for name, size in sizes.items()
    ]
    text = ", ".join(words) or "nothing"
    if event.get("times") is not None:
        text = f"{event['times']} × {text}"
    return text


def _frame_words(event: Mapping[str, Any]) -> str:
    """What the frames mean, then those that mean something else than a head or content."""
    others = [
        " ".join(str(frame[key]) for key in ("type", "error") if key in frame)
        for frame in event["frames"]
        if frame["type"] not in ("HEADERS", "CONTINUATION", "DATA")
    ]
    meant = as_text(event, 0)
    if meant["len"]:
        others.insert(0, send_words(meant))
    return visible(", ".join(others)) or "nothing"


def note_words(event: Mapping[str, Any]) -> str | None:
    kind = event.get("event")
    simple = {
        "accept": "connects",
        "client-fin": "FIN",
        "client-rst": "RST",
        "stall": "holds the turn",
        "release": "passes the turn",
        "http10": "HTTP/1.0: plain answer",
        "tls-hello": "a TLS hello on a plain port",
        "mixed-runs": "two runs on one connection",
        "wait-limit": "waited in vain: script ended",
    }
    if kind in simple:
        return simple[str(kind)]
    if kind == "client-reset":
        return visible(f"RST_STREAM {event.get('error', '')}")
    if kind == "frame" and event.get("type") == "GOAWAY":
        return visible(f"GOAWAY {event.get('error', '')}")
    if kind == "protocol-error":
        return "the client broke a rule: " + visible(str(event.get("reason", "")))
    if kind == "close":
        return "RST" if event.get("how") == "rst" else "FIN"
    if kind == "bad-request":
        return "bad request: " + visible(str(event.get("reason", "")))
    return None


def joined(items: list[Json]) -> list[Json]:
    """Many small sends in a row become one line of the picture."""
    result: list[Json] = []
    for item in items:
        last = result[-1] if result else None
        if last is not None and _alike(last, item):
            last["count"] = int(last.get("count", 1)) + 1
            last["until"] = item.get("until", item["t"])
            continue
        result.append(dict(item))
    for item in result:
        if item.get("count", 1) > 1:
            what = "pieces" if item.get("pieces") else f"× {item['text']}"
            item["text"] = f"{item['count']} {what}"
    return result


def _alike(one: Json, other: Json) -> bool:
    if one["kind"] != "send" or other["kind"] != "send":
        return False
    if (one["x"], one["conn"], one["final"]) != (other["x"], other["conn"], other["final"]):
        return False
    pieces = one.get("pieces")
    if pieces:
        return bool(pieces == other.get("pieces") and pieces > 6)
    return bool(one["text"] == other["text"])


def thinned(items: list[Json]) -> list[Json]:
    if len(items) <= TIMELINE_ITEMS:
        return items
    half = TIMELINE_ITEMS // 2
    gone = len(items) - 2 * half
    note = {
        "t": items[half]["t"],
        "kind": "gap",
        "from": "server",
        "to": "server",
        "text": f"{gone} further events, not drawn",
    }
    return [*items[:half], note, *items[-half:]]
