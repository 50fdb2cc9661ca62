# SPDX-License-Identifier: MIT
"""Evidence as lines for people: what the server sent and when, what came back, what the user saw.

`lines` tells it in the order of time, for a terminal; `normalised` tells it without anything that
differs from run to run, for committed results. Octets are shown escaped, never raw.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

from interimspec.octet_text import SHOWN_OCTETS, frame, octets
from interimspec.report.safe import visible

Json = Mapping[str, Any]


def lines(evidence: Json) -> list[str]:
    """Both witnesses in one list, by time; milliseconds count from the first request."""
    transcript = evidence.get("transcript") or {}
    epoch = float((transcript.get("clock") or {}).get("realtime_ms", 0.0))
    told: list[tuple[float, str, str]] = []
    for event in transcript.get("events") or ():
        text = _server_line(event)
        if text:
            told.append((epoch + _time_of(event), _where(event), text))
    for event in evidence.get("events") or ():
        text = _client_line(event)
        at = event.get("at")
        if text:
            last = told[-1][0] if told else epoch
            told.append((float(at) if isinstance(at, int | float) else last, "client", text))
    told.sort(key=lambda item: item[0])
    zero = next((at for at, _, text in told if text.startswith("request ")), None)
    if zero is None:
        zero = told[0][0] if told else 0.0
    return [f"{at - zero:+10.1f} ms  {where:<12} {text}" for at, where, text in told]


def normalised(evidence: Json, limit: int) -> list[str]:
    """The same without times, ports and tokens; pauses are those of the script."""
    transcript = evidence.get("transcript") or {}
    found: list[tuple[int, str]] = []
    anchors: dict[int, float] = {}
    for event in transcript.get("events") or ():
        if event.get("event") == "turn":
            anchors[int(event.get("exchange", 0))] = float(event["t"])
        text = _server_line(event, short=True)
        if text:
            pause = _scheduled(event, anchors)
            found.append((int(event.get("conn") or 0), f"{_where(event)} {pause}{text}"))
    found.sort(key=lambda item: item[0])
    told = [text for _, text in found]
    told += [
        f"client {text}" for event in evidence.get("events") or () if (text := _client_line(event))
    ]
    clean = [_mask(line, transcript) for line in told]
    kept: list[str] = []
    size = 0
    for line in clean:
        size += len(line.encode()) + 8  # quotes, comma, indentation
        if size > limit - 40:
            kept.append(f"… {len(clean) - len(kept)} more lines")
            break
        kept.append(line)
    return kept


def _mask(line: str, transcript: Json) -> str:
    run, port = transcript.get("run"), transcript.get("port")
    if run:
        line = line.replace(str(run), "RUN")
    if port:
        line = re.sub(rf"\b{port}\b", "PORT", line)
    line = re.sub(r"(127\.0\.0\.1|\[::1\]|localhost):\d+", r"\1:PORT", line)
    line = re.sub(r"0x[0-9a-f]{6,}", "0x…", line)
    # Perl and others say in which file they died; where a checkout lies is nobody's business.
    line = re.sub(r"/[^\s\"']*/(?=(?:harness|build)/clients/)", "", line)
    return re.sub(r"\d+\.\d{3,}", "…", line)


def _time_of(event: Json) -> float:
    for key in ("began", "left", "first_left", "t"):
        if isinstance(event.get(key), int | float):
            return float(event[key])
    return 0.0


def _scheduled(event: Json, anchors: Mapping[int, float]) -> str:
    due, exchange = event.get("due"), event.get("exchange")
    if event.get("event") != "send" or not isinstance(due, int | float):
        return ""
    if not isinstance(exchange, int) or exchange not in anchors:
        return ""
    return f"+{max(0, round(due - anchors[exchange]))} ms "


def _where(event: Json) -> str:
    conn, exchange = event.get("conn"), event.get("exchange")
    text = f"conn {conn}" if conn is not None else "server"
    return text + (f" #{exchange}" if exchange is not None else "")


def _server_line(event: Json, *, short: bool = False) -> str | None:
    kind = event.get("event")
    limit = 160 if short else SHOWN_OCTETS
    if kind == "accept":
        return "connection opened"
    if kind == "request":
        again = "" if event.get("first_on_connection", True) else " (same connection)"
        queued = ", waits for its turn" if event.get("queued") else ""
        target = octets(str(event.get("target")), limit)
        return f"request  {event.get('method')} {target}{again}{queued}"
    if kind == "request-end":
        size = event.get("body_len") or 0
        return f"request ends, {size} octets of content" if size else None
    if kind == "frame":
        # What a client says of itself (SETTINGS, windows, PING) differs from run to run.
        if short and event.get("type") not in ("RST_STREAM", "GOAWAY"):
            return None
        return f"received {frame(event, None, limit)}"
    if kind == "send" and "frames" in event:
        if short and event.get("step") is None:
            return None
        return _sent_frames(event, limit)
    if kind == "send":
        times = event.get("times")
        count = f"{times} x " if isinstance(times, int) and times > 1 else ""
        size = event.get("unit_len") if count else event.get("len")
        return f"sent     {count}{size} octets: {octets(str(event.get('bytes') or ''), limit)}"
    if kind == "close":
        return f"closed by the {event.get('by')} ({event.get('how')})"
    named = {
        "stall": "the script stalls: nothing more is sent",
        "release": "the turn passes; the script goes on",
        "client-fin": "client closed its side (FIN)",
        "client-rst": "client reset the connection (RST)",
        "http10": "the request said HTTP/1.0: no interim response was sent",
        "tls-hello": "a TLS hello arrived on the plain port",
        "mixed-runs": "the connection served two runs",
        "blocked": "the client does not read: sending waits",
        "window-blocked": "the client's flow-control window holds content back",
        "window-open": "the client's flow-control window is open again",
    }
    if kind in named:
        return named[kind]
    if kind == "wait-limit":
        return f"the script waited too long (step {event.get('step')}) and was given up"
    if kind == "client-reset":
        return f"client reset stream {event.get('stream')} ({event.get('error')})"
    if kind == "protocol-error":
        return f"the client broke a rule: {event.get('reason')} ({event.get('error')})"
    if kind == "bad-request":
        return f"not a request: {event.get('reason')}"
    return None


def _sent_frames(event: Json, limit: int) -> str:
    times = event.get("times")
    count = f"{times} x " if isinstance(times, int) and times > 1 else ""
    sent = str(event.get("bytes") or "")
    frames = " | ".join(frame(one, sent, limit) for one in event.get("frames") or ())
    return f"sent     {count}{frames}"


def _client_line(event: Json) -> str | None:
    kind, request = event.get("event"), event.get("request", "")
    if kind == "interim":
        return f"{request}: interim {visible(str(event.get('status', '')))}".rstrip()
    if kind == "response":
        reason = visible(str(event.get("reason") or ""))
        return f"{request}: response {event.get('status')} {reason}".rstrip()
    if kind == "end":
        return f"{request}: {_end_line(event)}"
    if kind == "unsupported":
        return f"unsupported: {visible(str(event.get('what')))}"
    if kind == "bad-line":
        return f"wrote what is no event: {visible(str(event.get('text')))[:160]}"
    return None


def _end_line(event: Json) -> str:
    error = event.get("error") or {}
    if event.get("told") == "failed":
        message = visible(str(error.get("message") or ""))[:200]
        text = (
            f"told failed: {error.get('kind')}, {visible(str(error.get('type') or ''))}: {message}"
        )
    else:
        text = "told ok"
    try:
        body = base64.b64decode(str(event.get("body_b64") or ""))
    except (ValueError, binascii.Error):
        body = b""
    if body:
        size = event.get("body_len") or len(body)
        text += f"; delivered {size} octets: {octets(body.decode('latin-1'), 160)}"
    elif event.get("told") == "ok":
        text += "; delivered nothing"
    return text


def indent(text: Iterable[str], by: str = "  ") -> list[str]:
    """Every line moved to the right."""
    return [by + line for line in text]
