# SPDX-License-Identifier: MIT
"""The steps of HTTP/2: `frames` and `window`, and what the server says of itself.

The same rules, in the same order and with the same words, as mockserver/scenario_frames.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .scenario_reader import MAX_SIZE, ZERO, IntValue, Reader, show
from .yaml_subset import LIST, MAP, TEXT, Node

FRAME_KINDS = (
    "headers",
    "push_promise",
    "data",
    "rst_stream",
    "goaway",
    "ping",
    "window_update",
    "settings",
    "unknown",
    "raw",
)
FRAME_KEYS = (*FRAME_KINDS, "stream", "end_stream", "pad")
SECTION_KEYS = ("status", "fields", "split", "unfinished")
H2_KEYS = ("initial_window", "max_streams")
ERROR_CODES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)
SETTINGS = (
    "HEADER_TABLE_SIZE",
    "ENABLE_PUSH",
    "MAX_CONCURRENT_STREAMS",
    "INITIAL_WINDOW_SIZE",
    "MAX_FRAME_SIZE",
    "MAX_HEADER_LIST_SIZE",
)

_MAX_U31 = 2**31 - 1
_MAX_U32 = 2**32 - 1
_MAX_TABLE = 1000000
_OF_CONNECTION = ("goaway", "ping", "settings")
_H2 = {"h2c", "h2"}


@dataclass(frozen=True)
class FrameField:
    """A field as it is written into a field block, right or wrong."""

    name: bytes = b""
    value: bytes = b""
    pad: IntValue = ZERO
    adds: bool = False  # the client puts it into its table
    indexed: int = 0  # the field that has this number in the client's tables


@dataclass(frozen=True)
class Frame:
    """`kind` says which of the values below are meant."""

    kind: str
    stream: int | None  # None: that of the request
    end_stream: bool = False
    pad: int | None = None
    status: IntValue | None = None
    fields: tuple[FrameField, ...] = ()
    split: tuple[int, ...] = ()
    unfinished: bool = False
    octets: bytes = b""  # data, ping, unknown, raw; debug data of goaway
    own: bool = False  # data: the line that names the exchange
    code: int = 0  # rst_stream, goaway
    number: int | None = None  # promised, last, increment, type
    flags: int = 0
    settings: tuple[tuple[int, int], ...] = ()

    def values_of(self, name: bytes) -> list[bytes]:
        return [field.value for field in self.fields if field.name == name]


@dataclass(frozen=True)
class H2Settings:
    initial_window: int | None = None
    max_streams: int | None = None


def _is_number(node: Node) -> bool:
    return node.kind == TEXT and node.text.isascii() and node.text.isdigit()


def _named(
    reader: Reader, node: Node, names: Sequence[str], first: int, most: int, what: str
) -> int:
    """A name among `names` (the first one means `first`), or a number."""
    if _is_number(node):
        return reader.literal(node, 0, most, what)
    return first + names.index(reader.choice(node, names, what))


def _code(reader: Reader, node: Node, what: str) -> int:
    return _named(reader, node, ERROR_CODES, 0, _MAX_U32, what)


# --- fields ---


def _any_name(reader: Reader, node: Node) -> bytes:
    """In double quotes its octets, else what stands there."""
    if node.kind == TEXT and not node.quoted:
        return node.text.encode()
    return reader.octets(node, "name")


def _field_map(reader: Reader, node: Node) -> FrameField:
    keys = ("name", "value", "pad", "table", "indexed")
    only = next(iter(node.values)) if len(node.values) == 1 else None
    # YAML reads [a: b] as a list that holds a map.
    if only is not None and only not in keys and node.values[only].kind == TEXT:
        raise reader.error(node.keys[only], f'fields: "{show(only)}: ..." must be in double quotes')
    reader.check_keys(node, keys, "fields")
    indexed = node.get("indexed")
    if indexed is not None and len(node.values) > 1:
        raise reader.error(
            node.keys["indexed"], "indexed stands for a whole field; leave out the rest"
        )
    if indexed is not None:
        return FrameField(indexed=reader.literal(indexed, 1, _MAX_TABLE, "indexed"))
    name = _any_name(reader, reader.require(node, "name", "fields"))
    value, pad, table = node.get("value"), node.get("pad"), node.get("table")
    octets = b"" if value is None else reader.octets(value, "value")
    padding = ZERO if pad is None else reader.size(pad, MAX_SIZE, "pad")
    if table is not None:
        reader.choice(table, ("add",), "table")
    return FrameField(name, octets, padding, table is not None)


def _field_line(reader: Reader, node: Node) -> FrameField:
    """ "name: value"; the colon that a name may begin with is part of it."""
    octets = reader.octets(node, "fields")
    colon = octets.find(b":", 1)
    if colon < 0:
        raise reader.error(node, f'fields: "{show(node.text)}" has no colon; write "name: value"')
    return FrameField(octets[:colon], octets[colon + 1 :].lstrip(b" "))


def _fields(reader: Reader, node: Node) -> tuple[FrameField, ...]:
    reader.expect(node, LIST, "fields")
    return tuple(
        _field_map(reader, item) if item.kind == MAP else _field_line(reader, item)
        for item in node.items
    )


def _block_split(reader: Reader, node: Node) -> tuple[int, ...]:
    if node.kind != LIST or not node.items:
        raise reader.error(
            node, "split must be a list of offsets into the field block such as [1, 8]"
        )
    offsets: list[int] = []
    for item in node.items:
        at = reader.literal(item, 1, MAX_SIZE, "split")
        if at <= (offsets[-1] if offsets else 0):
            raise reader.error(item, "the offsets of split must ascend")
        offsets.append(at)
    return tuple(offsets)


# --- kinds ---


def _section(reader: Reader, kind: str, node: Node) -> dict[str, object]:
    is_push = kind == "push_promise"
    reader.map(node, ("promised", *SECTION_KEYS[1:]) if is_push else SECTION_KEYS, kind)
    values: dict[str, object] = {}
    if is_push:
        promised = reader.require(node, "promised", kind)
        values["number"] = reader.literal(promised, 0, _MAX_U31, "promised")
    status, fields = node.get("status"), node.get("fields")
    split, unfinished = node.get("split"), node.get("unfinished")
    if status is not None:
        values["status"] = reader.integer(status, 0, 999, "status")
    if fields is not None:
        values["fields"] = _fields(reader, fields)
    if split is not None:
        values["split"] = _block_split(reader, split)
    if unfinished is not None:
        reader.yes(unfinished, "unfinished")
        values["unfinished"] = True
    return values


def _data(reader: Reader, node: Node) -> dict[str, object]:
    if node.kind == TEXT and not node.quoted and node.text == "own":
        return {"own": True}
    return {"octets": reader.octets(node, "data")}


def _goaway(reader: Reader, node: Node) -> dict[str, object]:
    if node.kind != MAP:
        return {"code": _code(reader, node, "goaway")}
    reader.check_keys(node, ("code", "last", "debug"), "goaway")
    values: dict[str, object] = {
        "code": _code(reader, reader.require(node, "code", "goaway"), "code")
    }
    last, debug = node.get("last"), node.get("debug")
    if last is not None and not last.says("this"):
        values["number"] = reader.literal(last, 0, _MAX_U31, "last")
    if debug is not None:
        values["octets"] = reader.octets(debug, "debug")
    return values


def _ping(reader: Reader, node: Node) -> dict[str, object]:
    octets = reader.octets(node, "ping")
    if len(octets) != 8:
        raise reader.error(node, f"ping takes eight octets, not {len(octets)}")
    return {"octets": octets}


def _settings(reader: Reader, node: Node) -> dict[str, object]:
    reader.expect(node, MAP, "settings")
    pairs = []
    for name, value in node.values.items():
        key = _named(reader, node.keys[name], SETTINGS, 1, 2**16 - 1, "a setting")
        pairs.append((key, reader.literal(value, 0, _MAX_U32, "the value of a setting")))
    return {"settings": tuple(pairs)}


def _unknown(reader: Reader, node: Node) -> dict[str, object]:
    reader.map(node, ("type", "flags", "payload"), "unknown")
    number = reader.literal(reader.require(node, "type", "unknown"), 0, 255, "type")
    flags, payload = node.get("flags"), node.get("payload")
    bits = 0 if flags is None else reader.literal(flags, 0, 255, "flags")
    octets = b"" if payload is None else reader.octets(payload, "payload")
    return {"number": number, "flags": bits, "octets": octets}


def _raw(reader: Reader, node: Node) -> dict[str, object]:
    octets = reader.octets(node, "raw")
    if not octets:
        raise reader.error(node, "raw has no octets")
    return {"octets": octets}


def _kind_values(reader: Reader, kind: str, node: Node) -> dict[str, object]:
    if kind in ("headers", "push_promise"):
        return _section(reader, kind, node)
    if kind == "data":
        return _data(reader, node)
    if kind == "rst_stream":
        return {"code": _code(reader, node, "rst_stream")}
    if kind == "goaway":
        return _goaway(reader, node)
    if kind == "ping":
        return _ping(reader, node)
    if kind == "window_update":
        return {"number": reader.literal(node, 0, _MAX_U31, "window_update")}
    if kind == "settings":
        return _settings(reader, node)
    if kind == "unknown":
        return _unknown(reader, node)
    return _raw(reader, node)


# --- modifiers ---


def _stream(reader: Reader, kind: str, node: Node | None) -> int | None:
    if node is None:
        return 0 if kind in _OF_CONNECTION else None
    if node.says("this"):
        return None
    if node.says("connection"):
        return 0
    if not _is_number(node):
        raise reader.error(node, "stream must be this, connection or a number")
    return reader.literal(node, 0, _MAX_U31, "stream")


def _modifiers(reader: Reader, node: Node, kind: str) -> dict[str, object]:
    has_both = kind in ("headers", "data")
    if "stream" in node.keys and kind == "raw":
        raise reader.error(node.keys["stream"], "raw is put on the connection; it has no stream")
    for key in ("end_stream", "pad"):
        if key in node.keys and not has_both:
            raise reader.error(node.keys[key], f"{key} goes with headers and data only")
    stream = _stream(reader, kind, node.get("stream"))
    end_stream, pad = node.get("end_stream"), node.get("pad")
    if end_stream is not None:
        reader.yes(end_stream, "end_stream")
    octets = None if pad is None else reader.literal(pad, 0, 255, "pad")
    return {"stream": stream, "end_stream": end_stream is not None, "pad": octets}


# --- frames ---


def _find_kind(reader: Reader, node: Node) -> str:
    reader.map(node, FRAME_KEYS, "a frame")
    kinds = [key for key in node.keys if key in FRAME_KINDS]
    if not kinds:
        raise reader.error(
            node,
            "a frame must be one of headers, push_promise, data, rst_stream, goaway, ping, "
            "window_update, settings, unknown and raw",
        )
    if len(kinds) > 1:
        raise reader.error(
            node.keys[kinds[1]], f"a frame is one thing, this one already is {kinds[0]}"
        )
    return kinds[0]


def _frame(reader: Reader, node: Node) -> Frame:
    kind = _find_kind(reader, node)
    values = _kind_values(reader, kind, node.values[kind])
    values |= _modifiers(reader, node, kind)
    return Frame(kind, **values)  # type: ignore[arg-type]


def _check_transports(reader: Reader, key: Node, verb: str) -> None:
    if not set(reader.transports) <= _H2:
        raise reader.error(key, f"{verb} is for the transports h2c and h2 alone; list only those")


def read_frames(reader: Reader, key: Node, node: Node) -> tuple[Frame, ...]:
    _check_transports(reader, key, "frames")
    reader.expect(node, LIST, "frames")
    if not node.items:
        raise reader.error(node, "frames names none")
    return tuple(_frame(reader, item) for item in node.items)


def read_window(reader: Reader, key: Node, node: Node) -> IntValue:
    _check_transports(reader, key, "window")
    window = reader.size(node, MAX_SIZE, "window")
    if window.param is None and window.literal == 0:
        raise reader.error(node, "window must give at least one octet")
    return window


def read_h2_settings(reader: Reader, key: Node, node: Node) -> H2Settings:
    if not set(reader.transports) & _H2:
        raise reader.error(key, "h2 needs the transport h2c or h2")
    reader.map(node, H2_KEYS, "h2")
    window, streams = node.get("initial_window"), node.get("max_streams")
    initial = None if window is None else reader.literal(window, 0, _MAX_U31, "initial_window")
    most = None if streams is None else reader.literal(streams, 1, 256, "max_streams")
    return H2Settings(initial, most)
