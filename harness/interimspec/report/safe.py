# SPDX-License-Identifier: MIT
"""Text from clients and networks, made safe to print: one function per destination.

Error messages, header values and versions come from programs under test. On a terminal they could
move the cursor, in Markdown build a link, in a page run a script; bidirectional controls could make
any of them read as something else.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Controls (C0, DEL, C1), line and paragraph separators, bidirectional and invisible format
# characters, lone surrogates, non-characters. Tab and newline too: a report line is a line.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#|~!+])")


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return _SHORT.get(char) or f"\\u{{{ord(char):x}}}"


def visible(text: str) -> str:
    """The text with everything that does not print as itself spelled out."""
    return _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """As `visible`, but newlines and tabs stay what they are."""
    return _UNSAFE.sub(lambda m: m.group() if m.group() in "\n\t" else _escape(m), text)


def escape_html(text: str) -> str:
    """For HTML text and quoted attribute values."""
    return html.escape(visible(text), quote=True)


def escape_markdown(text: str) -> str:
    """For running text and table cells in GitHub's Markdown: reads as typed, builds nothing."""
    text = _MARKDOWN.sub(r"\\\1", visible(text))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A bare address would become a link, and an @name would notify somebody.
    return text.replace("://", ":&#8203;//").replace("@", "&#64;")


def code_markdown(text: str) -> str:
    """For a code span: the fence is longer than any run of backticks inside."""
    text = visible(text).replace("|", "\\|")
    runs = [len(run) for run in re.findall(r"`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def safe_link(url: str) -> str | None:
    """The address if it is an ordinary web address, else None: never javascript: or data:."""
    if re.fullmatch(r"https?://[^\s\"'<>\\^`{|}()\[\]]+", url) and visible(url) == url:
        return url
    return None


def width_of(text: str) -> int:
    """Columns that a terminal gives to the text."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    combining = sum(unicodedata.combining(c) != 0 for c in text)
    return len(text) + wide - combining


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """At most `width` columns; what was cut is marked."""
    if width_of(text) <= width:
        return text
    kept = ""
    for char in text:
        if width_of(kept + char) > width - width_of(ellipsis):
            break
        kept += char
    return kept + ellipsis
