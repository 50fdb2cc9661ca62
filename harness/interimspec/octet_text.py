# SPDX-License-Identifier: MIT
"""Octets and frames as one printable line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN_OCTETS = 400

Json = Mapping[str, Any]


def octets(text: str, limit: int = SHOWN_OCTETS) -> str:
    """A Latin-1 string of octets as one printable line."""
    cut = text[:limit]
    shown = cut.encode("latin-1", "backslashreplace").decode("latin-1")
    shown = "".join(_octet(char) for char in shown)
    return shown + (f"… ({len(text)} octets)" if len(text) > limit else "")


def _octet(char: str) -> str:
    named = {"\r": "\\r", "\n": "\\n", "\t": "\\t", "\\": "\\\\"}
    if char in named:
        return named[char]
    return char if 0x20 <= ord(char) < 0x7F else f"\\x{ord(char):02x}"


def frame(one: Json, sent: str | None, limit: int) -> str:
    """A frame of HTTP/2 as a person reads it; `sent` are the octets of the send it is part of."""
    kind, stream = str(one.get("type")), one.get("stream")
    words = [kind]
    if stream:
        words.append(f"stream {stream}")
    words += [str(flag) for flag in one.get("flags") or ()]
    if one.get("fields"):
        fields = "; ".join(f"{name}: {value}" for name, value in one["fields"])
        words.append(f"[{octets(fields, limit)}]")
    for key in ("error", "last_stream", "increment", "promised"):
        if key in one:
            words.append(str(one[key]) if key == "error" else f"{key}={one[key]}")
    if one.get("settings"):
        words.append(" ".join(f"{name}={value}" for name, value in one["settings"]))
    if one.get("debug"):
        words.append(f"debug {octets(str(one['debug']), limit)}")
    if kind == "DATA":
        length = int(one.get("data_len") or 0)
        words.append(f"{length} octets")
        if sent:
            start = int(one.get("at") or 0) + 9 + ("PADDED" in (one.get("flags") or ()))
            words[-1] += f": {octets(sent[start : start + length], limit)}"
    return " ".join(words)
