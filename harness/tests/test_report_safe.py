# SPDX-License-Identifier: MIT
"""Text from clients, made safe for each place it is printed in."""

from __future__ import annotations

import html

import pytest

from interimspec.report import safe

HOSTILE = [
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "\x00\x07\x1b[2J\x7f\x9b31m",
    "left\u202eright\u2066\u2069\u200b\u00ad\ufeff",
    "a\u2028b\u2029c\u0085d",
    "\ud800 lone \udfff",
    "| cell | `code` [link](javascript:alert(1)) **bold** @someone #1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_unprintable_is_left(text: str) -> None:
    shown = safe.visible(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert safe.visible(shown) == shown


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Größe: 100 % – 東京 ✓ (a\\b)"
    assert safe.visible(text) == text
    assert safe.visible_lines("a\n\tb\r") == "a\n\tb\\r"


@pytest.mark.parametrize("text", HOSTILE)
def test_html_holds_no_markup_of_theirs(text: str) -> None:
    escaped = safe.escape_html(text)
    assert not set("<>\"'") & set(escaped)
    assert html.unescape(escaped) == safe.visible(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_builds_nothing(text: str) -> None:
    escaped = safe.escape_markdown(text)
    assert "<" not in escaped
    for char in "|`[]*_#":
        assert escaped.count(char) == escaped.count("\\" + char) + ("#64;" in escaped) * (
            char == "#"
        )
    assert "://" not in safe.escape_markdown("see https://example.org")
    assert "@" not in escaped


def test_markdown_code_cannot_end_early() -> None:
    assert safe.code_markdown("a``b`") == "``` a``b` ```"
    assert safe.code_markdown("plain") == "`plain`"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2", True),
        ("http://example.org/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://example.org/\u202e", False),
        ('https://example.org/">', False),
        ("https://example.org/)[x](", False),
        ("//example.org", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(url: str, good: bool) -> None:
    assert (safe.safe_link(url) == url) is good


def test_clipping_counts_columns() -> None:
    assert safe.clip("abc", 3) == "abc"
    assert safe.clip("abcd", 3) == "ab…"
    assert safe.clip("東京都", 5) == "東京…"
    assert safe.width_of("東e\u0301") == 3
