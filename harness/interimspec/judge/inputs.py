# SPDX-License-Identifier: MIT
"""What the judge reads, brought into the shape its rules speak of.

    Case    scenario + transcript + observation, and what follows from them directly

Everything here is looked up, nothing is judged.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..observation import Json, Observation
from ..transcript import Connection, Exchange, Final, Transcript
from .delivered import equals_final
from .told import Told

#: Adapters and the server read the same clock; some adapters read it in whole milliseconds.
CLOCK_TOLERANCE_MS = 5.0

MAIN = "main"
PROBE = "probe"


class RequestLike(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def body_pauses(self) -> Sequence[Any]: ...


class TimersLike(Protocol):
    @property
    def read_ms(self) -> int | None: ...
    @property
    def total_ms(self) -> int | None: ...
    @property
    def asked(self) -> bool: ...


class ExpectLike(Protocol):
    @property
    def class_(self) -> str: ...
    @property
    def grades(self) -> Mapping[str, str]: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


class ScenarioLike(Protocol):
    """The part of interimspec.scenario.Scenario that the judge reads."""

    @property
    def id(self) -> str: ...
    @property
    def request(self) -> RequestLike: ...
    @property
    def timers(self) -> TimersLike: ...
    @property
    def probe(self) -> str: ...
    @property
    def expect(self) -> ExpectLike: ...
    @property
    def script_ms(self) -> int | None: ...
    @property
    def has_final(self) -> bool: ...
    @property
    def server_ends(self) -> bool: ...


@dataclass(frozen=True)
class Case:
    scenario: ScenarioLike
    transcript: Transcript
    observation: Observation

    # ---- what the client was asked

    @cached_property
    def requests(self) -> Mapping[str, Json]:
        requests = self.observation.plan.get("requests") or ()
        return {str(request.get("name")): request for request in requests}

    @cached_property
    def first_name(self) -> str:
        """The request under test is the first one, whatever its name."""
        return next(iter(self.requests), MAIN)

    @property
    def probe_planned(self) -> bool:
        return PROBE in self.requests and self.first_name != PROBE

    @cached_property
    def body(self) -> bytes:
        text = self.requests.get(self.first_name, {}).get("body_b64")
        try:
            return base64.b64decode(text) if text else b""
        except (binascii.Error, ValueError):
            return b""

    @cached_property
    def expects_continue(self) -> bool:
        return bool(self.requests.get(self.first_name, {}).get("expect_continue", False))

    # ---- what the adapter told

    @cached_property
    def main(self) -> Told:
        return self._told(self.first_name)

    @cached_property
    def probe(self) -> Told:
        return self._told(PROBE)

    def _told(self, name: str) -> Told:
        mine = [event for event in self.observation.events if event.get("request") == name]
        return Told(
            name,
            tuple(event for event in mine if event["event"] == "interim"),
            _only(event for event in mine if event["event"] == "response"),
            _only(event for event in mine if event["event"] == "end"),
        )

    @cached_property
    def made_up_status(self) -> int | None:
        """The status of a response that the client made of a malformed field section (HTTP/2):
        until it was told no head with this one had left, but a section with none, or with two. A
        code of four digits is not made up: it stood there."""
        status, response = self.main.status, self.main.response
        if status is None or not 200 <= status <= 999 or response is None:
            return None
        until = float(response["at"]) + CLOCK_TOLERANCE_MS
        heads = [
            head
            for exchange in self.chain
            if exchange.stream is not None
            for head in exchange.heads
            if head.began <= until
        ]
        if any(head.status == status for head in heads):
            return None
        # A pseudo-header field that is there twice, or in the wrong place, has no name here.
        malformed = any(head.values("") or (head.status is None and head.kept) for head in heads)
        return status if malformed else None

    # ---- what the server saw

    @cached_property
    def chain(self) -> tuple[Exchange, ...]:
        """The exchanges of the main request: redirects followed, challenges met, re-sendings."""
        return tuple(
            e
            for e in self.transcript.exchanges
            if e.resource != PROBE and not (e.method == "CONNECT" and self._tunnel_of_probe(e))
        )

    def _tunnel_of_probe(self, connect: Exchange) -> bool:
        """Asked for when the main request is over, or carrying nothing but the probe: what a tool
        tells of the end of a request may be read when it has begun the next."""
        until = self.main.ended
        if until is not None and connect.at > until:
            return True
        exchanges = self.transcript.exchanges
        carried = [e for e in exchanges if e.conn == connect.conn and e.method != "CONNECT"]
        return (
            connect.number != exchanges[0].number
            and bool(carried)
            and all(e.resource == PROBE for e in carried)
        )

    @cached_property
    def probes(self) -> tuple[Exchange, ...]:
        return tuple(e for e in self.transcript.exchanges if e.resource == PROBE)

    @cached_property
    def carried(self) -> frozenset[int]:
        """The connections, by number, on which the main request was made."""
        return frozenset(exchange.conn for exchange in self.chain)

    @cached_property
    def connections_of_probes_first(self) -> tuple[Connection, ...]:
        """All of them, in the order in which to look for what the probe was given."""
        asked = {exchange.conn for exchange in self.probes}
        everywhere = self.transcript.connections.values()
        return tuple(sorted(everywhere, key=lambda one: one.number not in asked))

    @cached_property
    def main_connections(self) -> tuple[Connection, ...]:
        numbers = dict.fromkeys(exchange.conn for exchange in self.chain)
        return tuple(self.transcript.connections[number] for number in numbers)

    @cached_property
    def finals(self) -> tuple[Exchange, ...]:
        """Exchanges whose final response the client could have handed over: it had begun to leave
        before the user was told how the request ended, and it did not only ask for another
        request that the client then made. The last one first."""
        until = self.main.ended
        return tuple(
            exchange
            for exchange in reversed(self.chain)
            if exchange.final is not None
            and (exchange is self.chain[-1] or not asks_again(exchange))
            and self._led_to(exchange)
            and (until is None or exchange.final.head.began <= until + CLOCK_TOLERANCE_MS)
        )

    def _led_to(self, exchange: Exchange) -> bool:
        """The request was asked for: by the user, or by a final response with a Location. What an
        interim response points to is nobody's answer."""
        if exchange.resource == self.chain[0].resource:
            return True
        return any(
            exchange.target.endswith(place) or place.endswith(exchange.target)
            for before in self.chain[: self.chain.index(exchange)]
            if before.final is not None
            for place in before.final.head.values("location")
        )

    @cached_property
    def final_exchange(self) -> Exchange | None:
        """The exchange whose final response the client was to hand over.

        That is the last one of the chain: the target of a redirect if it was followed, the answer
        to the credentials if it answered the challenge. A request that was sent again may have
        several right answers; the one that was handed over counts.
        """
        for exchange in self.finals:
            if self._handed_over(exchange):
                return exchange
        return next(iter(self.finals), None)

    def _handed_over(self, exchange: Exchange) -> bool:
        assert exchange.final is not None
        status = self.main.status if self.main.status is not None else self.main.error_status
        if not exchange.final.may_be(status):
            return False
        return not self.main.ok or equals_final(self.main, exchange)

    @property
    def final(self) -> Final | None:
        """F: None if none had been sent when the client told its user how the request ended."""
        return None if self.final_exchange is None else self.final_exchange.final

    @property
    def scripted_final(self) -> Final | None:
        """The same, but sent at any time, even after the client had gone."""
        if self.final is not None:
            return self.final
        return next((e.final for e in reversed(self.chain) if e.final is not None), None)

    # ---- time

    @cached_property
    def timers(self) -> Mapping[str, int]:
        """The timers in force for the main request that can end a wait for a response."""
        plan = self.observation.plan
        given = {
            **(plan.get("timers") or {}),
            **(self.requests.get(self.first_name, {}).get("timers") or {}),
        }
        can = self.observation.can("timers")
        return {
            name: int(given[name])
            for name in ("read_ms", "total_ms")
            if given.get(name) and (can is None or name in can)
        }

    @cached_property
    def timer_ms(self) -> int | None:
        return max(self.timers.values(), default=None)

    @cached_property
    def attempts(self) -> int:
        return max(1, len(self.chain))

    @cached_property
    def limit_ms(self) -> float | None:
        """L: what lies beyond is no timeout but a hang. None without a timer."""
        if self.timer_ms is None:
            return None
        pauses = sum(int(pause[1]) for pause in self.scenario.request.body_pauses)
        script = (self.scenario.script_ms or 0) + pauses
        return max(3 * self.timer_ms, script) * self.attempts + 1000.0

    @cached_property
    def elapsed_ms(self) -> float | None:
        if self.main.started is None or self.main.ended is None:
            return None
        return self.main.ended - self.main.started

    @cached_property
    def octet_times(self) -> tuple[tuple[float, float], ...]:
        """When octets left for the main request (not before, and not after), before its end."""
        until = self.main.ended
        numbers = {exchange.number for exchange in self.chain}
        times = {
            (run.began, run.left if until is None else min(run.left, until))
            for connection in self.main_connections
            for run in connection.runs
            if run.exchange is None or run.exchange in numbers
        }
        return tuple(sorted(time for time in times if until is None or time[0] <= until))


#: Statuses whose answer a client may read as "ask again", each by its definition in RFC 9110,
#: section 15, or RFC 8470 (425) and RFC 6585 (429).
_ASK_AGAIN = frozenset((401, 407, 408, 417, 421, 425, 429, 503))


def asks_again(exchange: Exchange) -> bool:
    """The final response of this exchange invites the client to make another request."""
    final = exchange.final
    if final is None:
        return False
    status = final.status or 0
    if exchange.method == "CONNECT" and 200 <= status <= 299:
        return True  # a tunnel, for the request itself
    return status in _ASK_AGAIN or (300 <= status <= 399 and bool(final.head.values("location")))


def _only(events: Iterable[Json]) -> Json | None:
    return next(iter(events), None)
