# SPDX-License-Identifier: MIT
"""What an HTTP/2 connection carried, as a text that the rules for octets can read.

The judge asks whose octets a client delivered and what stood where in what was sent. On HTTP/2 the
octets of the wire answer neither: heads are compressed, and every frame has a head of its own. So
each send becomes what it means: a field section is a status line with its fields, DATA is its
payload, all else is nothing. Order, times, exchanges and classes stay those of the frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_FRAME_HEAD = 9  # octets before a frame's payload, RFC 9113, section 4.1
_SECTION = ("HEADERS", "CONTINUATION")

Json = Mapping[str, Any]


def is_h2(raw: Json) -> bool:
    """Whether this send carried frames."""
    return "frames" in raw


def as_text(raw: Json, offset: int) -> dict[str, Any]:
    """The same send with the octets that it means, beginning at `offset` of that text."""
    octets = bytearray()
    spans: list[list[Any]] = []
    known = True
    for kind, text, length in _meanings(raw):
        if length:
            spans.append([len(octets), len(octets) + length, kind])
        known = known and len(text) == length
        octets += text + bytes(length - len(text))
    times = max(1, int(raw.get("times") or 1))
    meant = {key: value for key, value in raw.items() if key not in ("bytes", "frames")}
    meant |= {"offset": offset, "len": len(octets) * times, "unit_len": len(octets)}
    meant["spans"] = spans
    if known:
        meant["bytes"] = octets.decode("latin-1")
    return meant


def _meanings(raw: Json) -> Iterator[tuple[str, bytes, int]]:
    """Class, octets as far as they were kept, and length of what each frame means."""
    frames = raw["frames"]
    for index, frame in enumerate(frames):
        if frame["type"] == "HEADERS":
            kind = _class_at(raw, int(frame["at"]))
            if kind != "framing":  # trailers, and what concerns other streams
                text = _head(frame, ends=_section_ends(frames[index:]))
                yield kind, text, len(text)
        elif frame["type"] == "CONTINUATION" and index == 0 and _has_flag(frame, "END_HEADERS"):
            # The end of a field section that an earlier send has begun.
            kind = _class_at(raw, int(frame["at"]))
            if kind != "framing":
                yield kind, b"\r\n", 2
        elif frame["type"] == "DATA":
            yield _data(raw, frame)


def _data(raw: Json, frame: Json) -> tuple[str, bytes, int]:
    start = int(frame["at"]) + _FRAME_HEAD + _has_flag(frame, "PADDED")
    length = int(frame["data_len"])
    octets = str(raw.get("bytes", "")).encode("latin-1")[start : start + length]
    return _class_at(raw, start), octets, length


def _class_at(raw: Json, at: int) -> str:
    for start, end, kind in raw["spans"]:
        if start <= at < end:
            return str(kind)
    return "framing"


def _section_ends(frames: Sequence[Json]) -> bool:
    """Whether the field section that the first of these frames begins ends among them."""
    for frame in frames:
        if frame["type"] not in _SECTION:
            return False
        if _has_flag(frame, "END_HEADERS"):
            return True
    return False


def _has_flag(frame: Json, flag: str) -> bool:
    return flag in frame.get("flags", ())


def _head(frame: Json, *, ends: bool) -> bytes:
    """A status line and fields. A second `:status`, or one in the wrong place, is a field."""
    fields = [(str(name), str(value)) for name, value in frame.get("fields", ())]
    status = next((value for name, value in fields if name == ":status"), "")
    if status:
        fields.remove((":status", status))
    lines = [f"HTTP/2.0 {status}", *(f"{name}: {value}" for name, value in fields)]
    text = "".join(f"{line}\r\n" for line in lines) + ("\r\n" if ends else "")
    return text.encode("latin-1", "replace")


def stream_ends(raw: Json) -> bool:
    """Whether this send ends the stream of its exchange."""
    stream = raw.get("stream")
    return any(
        frame["type"] in ("HEADERS", "DATA")
        and frame.get("stream") == stream
        and _has_flag(frame, "END_STREAM")
        for frame in raw["frames"]
    )


def reset_code(raw: Json) -> str | None:
    """The error code with which this send resets the stream of its exchange, if it does."""
    stream = raw.get("stream")
    for frame in raw["frames"]:
        if frame["type"] == "RST_STREAM" and frame.get("stream") == stream:
            return str(frame["error"])
    return None


def goaway_code(raw: Json) -> str | None:
    """The error code of a GOAWAY in this send, if it holds one."""
    return next((str(f["error"]) for f in raw["frames"] if f["type"] == "GOAWAY"), None)


__all__ = ["as_text", "goaway_code", "is_h2", "reset_code", "stream_ends"]
