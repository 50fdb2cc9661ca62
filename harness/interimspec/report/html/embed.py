# SPDX-License-Identifier: MIT
"""Data inside the page: JSON that cannot end its <script>, and compressed JSON for the evidence."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

from .markup import Html, el, raw

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def safe_json(value: object) -> str:
    """ASCII only (so no U+2028 and no lone surrogate), and nothing that HTML could take for markup:
    within JSON these characters occur in strings only, where the escape means the same."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for char, escape in _UNSAFE.items():
        text = text.replace(char, escape)
    return text


def json_block(element_id: str, value: object) -> Html:
    return el("script", raw(safe_json(value)), type="application/json", id=element_id)


def packed_block(element_id: str, value: object) -> Html:
    """The page unpacks it with DecompressionStream('deflate') when somebody opens a cell."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    packed = base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")
    return el("script", raw(packed), type="text/plain", id=element_id)


def source_hash(text: str) -> str:
    """The form in which a Content-Security-Policy names an inline script or style sheet."""
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
