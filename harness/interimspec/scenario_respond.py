# SPDX-License-Identifier: MIT
"""The step `respond`: a head by its meaning, and its content.

The same rules, in the same order and with the same words, as mockserver/scenario_respond.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .scenario_reader import MAX_INTEGER, MAX_SIZE, ZERO, Field, IntValue, Reader, show
from .yaml_subset import MAP, TEXT, Node

RESPOND_KEYS = (
    "status",
    "reason",
    "version",
    "fields",
    "location",
    "set_cookie",
    "framing",
    "length",
    "body",
    "trailers",
)
FRAMINGS = ("length", "chunked", "close", "none")
FILLS = ("text", "octets")

_VERSION = re.compile("[0-9.]{1,8}")


@dataclass(frozen=True)
class Respond:
    status: IntValue
    reason: bytes | None = None  # None: the registered phrase
    version: str = "1.1"
    fields: tuple[Field, ...] = ()
    location: str | None = None  # the name of a resource
    set_cookie: bytes = b""
    framing: str | None = None  # None: as befits the status
    length: IntValue | None = None  # what Content-Length says, whatever is sent
    body: str = "none"  # none, own, bytes, sized or later
    content: bytes = b""  # bytes
    size: IntValue = ZERO  # sized
    fill: str = "text"  # sized
    trailers: tuple[Field, ...] = ()


def status_of(reader: Reader, respond: Respond) -> int:
    """The status, or the default of the parameter that gives it."""
    return respond.status.value(reader.params)


def has_no_content(status: int) -> bool:
    """RFC 9110 6.4.1: 1xx, 204 and 304 have no content."""
    return status < 200 or status in (204, 304)


def _reason(reader: Reader, node: Node) -> bytes:
    if node.kind != TEXT or node.quoted or "\\" in node.text:
        return reader.line(node, "reason")
    return reader.line(Node(TEXT, node.line, node.column, node.text, quoted=True), "reason")


def _version(reader: Reader, node: Node) -> str:
    reader.expect(node, TEXT, "version")
    if _VERSION.fullmatch(node.text) is None:
        raise reader.error(node, f'version "{show(node.text)}" must be 1 to 8 of 0-9 and "."')
    return node.text


def _location(reader: Reader, node: Node) -> str:
    reader.expect(node, TEXT, "location")
    if node.text != "probe" and node.text not in reader.resources:
        raise reader.error(
            node,
            f'location "{show(node.text)}" names no resource of this scenario; declare it under '
            "resources",
        )
    return node.text


def _set_cookie(reader: Reader, node: Node) -> bytes:
    cookie = reader.line(node, "set_cookie")
    if cookie.find(b"=") < 1:
        raise reader.error(node, f'set_cookie "{show(node.text)}" must be "name=value"')
    return cookie


def _body(reader: Reader, node: Node) -> tuple[str, bytes, IntValue, str]:
    """Source, content, size and fill."""
    if node.kind == MAP:
        reader.check_keys(node, ("size", "fill"), "body")
        size = reader.size(reader.require(node, "size", "body"), MAX_SIZE, "size")
        fill = node.get("fill")
        word = "text" if fill is None else reader.choice(fill, FILLS, "fill")
        return "sized", b"", size, word
    if node.kind == TEXT and node.quoted:
        return "bytes", reader.octets(node, "body"), ZERO, "text"
    if node.kind == TEXT and node.text in ("own", "none", "later"):
        return node.text, b"", ZERO, "text"
    raise reader.error(node, "body must be own, none, later, octets in double quotes or {size: N}")


def _framing(reader: Reader, node: Node) -> tuple[str | None, IntValue | None, tuple[Field, ...]]:
    framing = node.get("framing")
    word = None if framing is None else reader.choice(framing, FRAMINGS, "framing")
    length_node = node.get("length")
    length = None
    if length_node is not None:
        length = reader.size(length_node, MAX_INTEGER, "length")
        if word not in (None, "length"):
            raise reader.error(
                node.keys["length"], f"length goes with framing: length, not with {word}"
            )
    trailers_node = node.get("trailers")
    trailers: tuple[Field, ...] = ()
    if trailers_node is not None:
        trailers = reader.fields(trailers_node, "trailers")
        if word != "chunked":
            raise reader.error(node.keys["trailers"], "trailers need framing: chunked")
    return word, length, trailers


def _check_respond(reader: Reader, node: Node, respond: Respond) -> None:
    later = respond.body == "later"
    if later and "trailers" in node.keys:
        raise reader.error(
            node.keys["trailers"],
            "trailers of a body that comes later belong to the step end-body",
        )
    if later and respond.framing in (None, "length") and respond.length is None:
        raise reader.error(
            node.keys["body"],
            "body: later needs framing: chunked, close or none, or a length",
        )
    if not reader.in_on_connect:
        return
    at = node.get("body") or node
    if respond.body == "own":
        raise reader.error(
            at,
            "on-connect has no exchange for an own body to name; write another body or none",
        )
    if respond.body == "sized" and respond.fill == "text":
        raise reader.error(
            at, "on-connect has no exchange for a text body to name; use fill: octets"
        )


def read_respond(reader: Reader, node: Node) -> Respond:
    reader.map(node, RESPOND_KEYS, "respond")
    status = reader.integer(reader.require(node, "status", "respond"), 100, 999, "status")
    reason = node.get("reason")
    reason_octets = None if reason is None else _reason(reader, reason)
    version = node.get("version")
    version_text = "1.1" if version is None else _version(reader, version)
    fields = node.get("fields")
    field_list = () if fields is None else reader.fields(fields, "fields")
    location = node.get("location")
    target = None if location is None else _location(reader, location)
    cookie = node.get("set_cookie")
    cookie_octets = b"" if cookie is None else _set_cookie(reader, cookie)
    source = "none" if has_no_content(status.value(reader.params)) else "own"
    content, size, fill = b"", ZERO, "text"
    body = node.get("body")
    if body is not None:
        source, content, size, fill = _body(reader, body)
    framing, length, trailers = _framing(reader, node)
    respond = Respond(
        status,
        reason_octets,
        version_text,
        field_list,
        target,
        cookie_octets,
        framing,
        length,
        source,
        content,
        size,
        fill,
        trailers,
    )
    _check_respond(reader, node, respond)
    return respond
