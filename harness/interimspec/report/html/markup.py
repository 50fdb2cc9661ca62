# SPDX-License-Identifier: MIT
"""HTML built from Python values, so that escaping is not something to remember.

`el("td", "a < b", class_="x")` escapes every string, child or attribute; only another `Html` goes
in as it is, and only `el` and `raw` make one. A template engine would bring a second language for
one page and the same promise with more ways around it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..safe import escape_html

_VOID = frozenset({"meta", "input", "br", "hr", "col", "link"})


class Html(str):
    """Text that is already markup."""

    __slots__ = ()


def raw(markup: str) -> Html:
    """For text that this package itself wrote: its style sheet, its script, its JSON blocks."""
    return Html(markup)


def _flatten(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return str.__str__(child)
    if isinstance(child, str):
        return escape_html(child)
    if isinstance(child, Iterable):
        return "".join(_flatten(item) for item in child)
    raise TypeError(f"no markup can be made of {type(child).__name__}")


def el(tag: str, *children: object, **attributes: str | int | bool | None) -> Html:
    """One element. `class_` and `for_` lose their underscore, other underscores become hyphens;
    True writes the bare attribute, False and None leave it out."""
    text = f"<{tag}"
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        text += f" {name}" if value is True else f' {name}="{escape_html(str(value))}"'
    if tag in _VOID:
        return Html(text + ">")
    return Html(f"{text}>{_flatten(children)}</{tag}>")


def join(parts: Iterable[Html]) -> Html:
    return Html("".join(str.__str__(part) for part in parts))
