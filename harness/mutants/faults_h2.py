# SPDX-License-Identifier: MIT
"""Mutants over HTTP/2: the reference client with one fault each, by their names in mutants.toml."""

from __future__ import annotations

import h2.config
import h2.events
import h2.exceptions
from reference import Failure, Fields, Head, Timers
from reference_h2 import FRAME_HEAD, Exchange, H2Client, H2Connection

CLIENTS: dict[str, type[H2Client]] = {"reference-h2": H2Client}

_DATA, _HEADERS, _CONTINUATION = 0, 1, 9
_END_HEADERS = 4


def fault(name: str):  # type: ignore[no-untyped-def]
    def add(client: type[H2Client]) -> type[H2Client]:
        CLIENTS[name] = client
        return client

    return add


@fault("h2-takes-102-as-final")
class TakesInterimAsFinal(H2Client):
    def on_interim(self, exchange: Exchange, head: Head) -> None:
        exchange.head = head
        exchange.ended = True
        self.watcher.response(head)


@fault("h2-refuses-any-1xx")
class RefusesAnyInterim(H2Client):
    def on_interim(self, exchange: Exchange, head: Head) -> None:
        raise Failure("protocol", f"unexpected status {head.status}")


@fault("h2-takes-end-on-102-for-success")
class TakesEndOnInterimForSuccess(H2Client):
    """h2 refuses END_STREAM on an interim response; this one hears of it and is content."""

    def turn(
        self, connection: H2Connection, exchange: Exchange, until: float | None = None
    ) -> bool:
        try:
            return super().turn(connection, exchange, until)
        except Failure as failure:
            if "END_STREAM" not in str(failure):
                raise
            exchange.head = Head(0, 200, "", [])
            exchange.ended = True
            connection.ended = True
            self.watcher.response(None)
            return True


@fault("h2-validates-no-fields")
class ValidatesNoFields(H2Client):
    def config(self) -> h2.config.H2Configuration:
        return h2.config.H2Configuration(
            client_side=True, header_encoding="latin-1", validate_inbound_headers=False
        )


@fault("h2-validates-no-status")
class ValidatesNoStatus(H2Client):
    """What begins with a 1 is an interim response, whatever else it says."""

    def head(self, connection: H2Connection, exchange: Exchange, fields: Fields) -> Head:
        status = dict(fields).get(":status", "")
        known = status.isdigit() and len(status) == 3
        others = [(name, value) for name, value in fields if not name.startswith(":")]
        return Head(0, int(status) if known else 102, "", others)


@fault("h2-refuses-in-silence")
class RefusesInSilence(H2Client):
    """Tells its user and not the server, and takes another connection."""

    def refuse(self, connection: H2Connection, error: Exception) -> None:
        connection.state.clear_outbound_data_buffer()
        connection.going_away = True
        raise Failure("other", str(error))

    def idle(self, where: tuple[str, int]) -> H2Connection | None:
        kept = self.pool.get(where)
        if kept is not None and kept.going_away:
            self.left.append(self.pool.pop(where))
        return super().idle(where)

    def give_up(self, connection: H2Connection, exchange: Exchange) -> None:
        connection.state.clear_outbound_data_buffer()

    def close(self) -> None:
        for connection in (*self.left, *self.pool.values()):
            connection.sock.close()

    def __init__(self, timers: Timers) -> None:
        super().__init__(timers)
        self.left: list[H2Connection] = []


@fault("h2-gives-up-at-goaway")
class GivesUpAtGoaway(H2Client):
    def on_goaway(self, connection: H2Connection, exchange: Exchange) -> None:
        if not exchange.ended:
            raise Failure("closed", "the server went away")


@fault("h2-reset-takes-the-response-away")
class ResetTakesTheResponseAway(H2Client):
    """Looks at what came behind the end of the response before it hands it over."""

    def on_end(self, connection: H2Connection, exchange: Exchange) -> None:
        super().on_end(connection, exchange)
        connection.sock.settimeout(0.05)
        try:
            octets = connection.sock.recv(65536)
        except OSError:
            return
        for frame in connection.frames(octets):
            for event in self.read(connection, frame):
                self.take(connection, exchange, event)

    def on_reset(
        self, connection: H2Connection, exchange: Exchange, event: h2.events.StreamReset
    ) -> None:
        raise Failure("closed", "the server reset the stream")


@fault("h2-takes-reset-for-an-empty-answer")
class TakesResetForAnEmptyAnswer(H2Client):
    def on_reset(
        self, connection: H2Connection, exchange: Exchange, event: h2.events.StreamReset
    ) -> None:
        if exchange.head is None:
            self.watcher.response(None)
        exchange.ended = True


@fault("h2-content-of-interim-length")
class BelievesLengthOfInterim(H2Client):
    """Keeps the first Content-Length of the stream."""

    def on_interim(self, exchange: Exchange, head: Head) -> None:
        super().on_interim(exchange, head)
        for name, value in head.fields:
            if name == "content-length" and int(value) == 0:
                exchange.head = Head(0, 200, "", [])
                exchange.ended = True
                self.watcher.response(None)


@fault("h2-waits-for-window-only")
class WaitsForWindowOnly(H2Client):
    """While its content is held back, a head of any kind is the answer."""

    def on_interim(self, exchange: Exchange, head: Head) -> None:
        if not exchange.left:
            super().on_interim(exchange, head)
            return
        exchange.head = head
        exchange.ended = True
        self.watcher.response(head)


class _Filters(H2Client):
    """Looks at the frames before h2 does."""

    def read(self, connection: H2Connection, frame: bytes) -> list[h2.events.Event]:
        kept = self.filtered(frame)
        return super().read(connection, kept) if kept else []

    def filtered(self, frame: bytes) -> bytes:
        raise NotImplementedError

    def is_interim(self, frame: bytes) -> bool:
        """Whether a field block begins with a status of 1xx, its name by index, in plain text."""
        return frame[FRAME_HEAD + 1 : FRAME_HEAD + 3] == b"\x031"


@fault("h2-drops-102-undecoded")
class DropsInterimUndecoded(_Filters):
    """Skips the field block without telling the decoder."""

    dropping = False

    def filtered(self, frame: bytes) -> bytes:
        if frame[3] == _HEADERS:
            self.dropping = self.is_interim(frame)
        elif frame[3] != _CONTINUATION:
            return frame
        return b"" if self.dropping else frame


@fault("h2-cannot-continue")
class CannotContinue(_Filters):
    """Takes a HEADERS frame for a whole field section."""

    def filtered(self, frame: bytes) -> bytes:
        if frame[3] == _HEADERS and not frame[4] & _END_HEADERS:
            raise h2.exceptions.ProtocolError("the field section is cut")
        return frame


@fault("h2-fails-at-unknown-frames")
class FailsAtUnknownFrames(_Filters):
    def filtered(self, frame: bytes) -> bytes:
        if frame[3] > _CONTINUATION:
            raise h2.exceptions.ProtocolError(f"frame type {frame[3]}")
        return frame


@fault("h2-drops-data-before-final")
class DropsDataBeforeFinal(_Filters):
    def filtered(self, frame: bytes) -> bytes:
        if frame[3] != _DATA or self.current.head is not None:
            return frame
        self.on_early_data(frame[FRAME_HEAD:])
        return b""

    def on_early_data(self, octets: bytes) -> None:
        pass


@fault("h2-delivers-data-before-final")
class DeliversDataBeforeFinal(DropsDataBeforeFinal):
    def on_early_data(self, octets: bytes) -> None:
        self.current.content += octets
