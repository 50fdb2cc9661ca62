# SPDX-License-Identifier: MIT
"""Frames of HTTP/2 for tests that speak it over a raw socket."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(**values: int) -> bytes:
    numbers = {"MAX_CONCURRENT_STREAMS": 3, "INITIAL_WINDOW_SIZE": 4}
    pairs = (struct.pack(">HI", numbers[name], value) for name, value in values.items())
    return frame(SETTINGS, payload=b"".join(pairs))


def _literal(name: str, value: str) -> bytes:
    def text(octets: bytes) -> bytes:
        assert len(octets) < 127
        return bytes([len(octets)]) + octets

    return b"\0" + text(name.encode()) + text(value.encode())


def request(path: str, stream: int = 1, method: str = "GET", ends: bool = True) -> bytes:
    """HEADERS that ask for a path; without the dynamic table and without Huffman coding."""
    fields = {":method": method, ":scheme": "http", ":path": path, ":authority": "test"}
    block = b"".join(_literal(name, value) for name, value in fields.items())
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, block)


def frames(octets: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, stream and payload of the whole frames in the octets."""
    at = 0
    while at + 9 <= len(octets):
        length = int.from_bytes(octets[at : at + 3], "big")
        if at + 9 + length > len(octets):
            return
        kind, flags, stream = struct.unpack(">BBI", octets[at + 3 : at + 9])
        yield kind, flags, stream, octets[at + 9 : at + 9 + length]
        at += 9 + length
