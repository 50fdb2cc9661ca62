# SPDX-License-Identifier: MIT
"""Whether the fields a client shows are those of the final response.

The fields of the final response, as sent, must be among those that the client shows, and none of
an interim response may be. Names are compared without case, values after trimming and with all
lines of a name combined by ", " (RFC 9110, section 5.3), in any order: clients split and join them
as they like. A media type may be spelled anew (section 8.3.1), as Jetty does with common
ones. What a client adds of its own is its business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..observation import Json
from ..transcript import Exchange, Final

#: Fields that a correct client may leave out of what it shows, or change.
NOT_COMPARED: Mapping[str, str] = {
    # RFC 9110, section 7.6.1: they concern one connection, and whoever handles it consumes them.
    "connection": "concerns one connection",
    "keep-alive": "concerns one connection",
    "proxy-connection": "concerns one connection",
    "te": "concerns one connection",
    "trailer": "concerns one connection",
    "transfer-encoding": "concerns one connection",
    "upgrade": "concerns one connection",
    # Clients that undo the coding of the content remove what describes the coded octets.
    "content-encoding": "removed with the coding it names",
    "content-length": "removed or replaced where content is decoded or joined",
    "content-md5": "removed with the coding it was made of",
    # Cookies may go to a store and be kept from the application: the Fetch standard demands it.
    "set-cookie": "goes to the cookie store",
    "set-cookie2": "goes to the cookie store",
}


def differences(shown: Json | None, final: Final, exchange: Exchange) -> list[str]:
    """Names of fields of the final response that are missing or changed, and, with a "+", of those
    that came from an interim response. Empty where the client shows no fields at all."""
    listed = None if shown is None else shown.get("fields")
    if not listed or not final.head.kept:
        return []
    has = _combined(listed)
    sent = _combined(final.head.fields)
    missing = [name for name in sent if set(sent[name]) - set(has.get(name, ()))]
    surplus = {name: has[name] - sent.get(name, Counter()) for name in has}
    if not any(surplus.values()):
        return missing  # there may be thousands of interim responses to look through
    interim = _combined(field for head in exchange.interims for field in head.fields)
    leaked = [f"+{name}" for name in interim if surplus.get(name, Counter()) & interim[name]]
    return missing + leaked


def _combined(fields: Iterable[Sequence[str]]) -> dict[str, Counter[str]]:
    """Members of the combined value, by name; names without any member are left out: an empty
    value says nothing that could be lost."""
    combined: dict[str, Counter[str]] = {}
    for name, value in fields:
        key = name.strip().lower()
        members = [" ".join(member.split()) for member in _octets_of(value).split(",")]
        if key in NOT_COMPARED or not any(members):
            continue
        if key == "content-type":
            members = [_media_type(member) for member in members]
        combined.setdefault(key, Counter()).update(member for member in members if member)
    return combined


def _media_type(text: str) -> str:
    """Without space around parameters, and in small letters all that has no case."""
    kind, *parameters = (part.strip() for part in text.split(";"))
    written = [kind.lower()]
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        name = name.lower()
        written.append(name + equals + (value.strip('"').lower() if name == "charset" else value))
    return ";".join(written)


def _octets_of(value: str) -> str:
    """One character per octet, as in the transcript; adapters may have decoded UTF-8."""
    if value.isascii() or max(value) <= "\xff":  # megabytes of it, where limits are searched
        return value
    return value.encode("utf-8", "surrogateescape").decode("latin-1")
