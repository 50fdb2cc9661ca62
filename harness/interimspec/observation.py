# SPDX-License-Identifier: MIT
"""What the adapter told about one plan, and the schemas that plans and events obey.

The events of an adapter are kept as they were read. A line that is no event is kept too, as
`{"event": "bad-line", "text": ...}`: the judge, not the reader, decides what it is worth.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from interimspec import quick_schema

Json = Mapping[str, Any]

_SCHEMAS = Path(__file__).parent / "schemas"
_BAD_LINE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How the adapter's process stood when the plan was over.

    done: it said so and lives; exited: it ended by itself, whatever it had said; deadline: the
    harness stopped it.
    """

    state: Literal["done", "exited", "deadline"]
    exit_code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What client.toml declares: the `can` object of the contract, and how it tells of failure."""

    can: Json = field(default_factory=dict)
    told: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    plan: Json
    hello: Json | None
    events: tuple[Json, ...]
    process: ProcessEnd
    harness_late_ms: float = 0.0
    manifest: ClientFacts = field(default_factory=ClientFacts)

    def can(self, key: str) -> Any:
        """A capability: as the manifest declares it, else as the adapter says it; else None."""
        if key in self.manifest.can:
            return self.manifest.can[key]
        said = (self.hello or {}).get("can")
        return said.get(key) if isinstance(said, Mapping) else None

    def made_up(self, status: int | None) -> bool:
        """The manifest says that the client gives this status, or none, to what it cannot read."""
        if status is None:
            return bool(self.manifest.told.get("no_status"))
        return status in self.manifest.told.get("made_up", ())


def parse_line(line: str) -> dict[str, Any]:
    """One line of an adapter's event channel; never raises."""
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return _bad_line(line)
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        return _bad_line(line)
    if value["event"] == "bad-line":  # nobody but us says that
        return _bad_line(line)
    return value


def _bad_line(line: str) -> dict[str, Any]:
    return {"event": "bad-line", "text": line[:_BAD_LINE_LIMIT]}


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)  # json.loads would make one for each line


def plan_problem(plan: Json) -> str | None:
    """What is wrong with a plan, or None."""
    return _problem(_plan_validator(), plan)


def event_problem(event: Json) -> str | None:
    """What is wrong with an event, or None."""
    if event.get("event") == "bad-line":
        return f"not a JSON object with an event: {event.get('text', '')!r}"
    validators = _event_validators()
    validator = validators.get(str(event.get("event")))
    if validator is None:
        return f"unknown event {event.get('event')!r}; known are {', '.join(sorted(validators))}"
    if not _event_checks()[str(event.get("event"))](event):
        problem = _problem(validator, event)
        if problem is not None:
            return problem
    for key in ("at", "started"):
        if not math.isfinite(event.get(key, 0.0)):
            return f"{key} is not a time"
    return _body_problem(event) if event["event"] == "end" else None


def first_problem(events: Iterable[Json]) -> str | None:
    """What is wrong with the first event that is not one, or None."""
    like: dict[str, Any] | None = None
    for event in events:
        shape = {key: value for key, value in event.items() if key != "at"}
        at = event.get("at")
        # Thousands of interim responses differ in nothing but their time.
        if shape == like and isinstance(at, float) and math.isfinite(at):
            continue
        problem = event_problem(event)
        if problem is not None:
            return f"{event.get('event')}: {problem}"
        like = shape if "at" in event else None
    return None


def delivered(end: Json) -> bytes:
    """The octets of content that an `end` event hands over: the first, if there are many."""
    text = end.get("body_b64")
    return base64.b64decode(text, validate=True) if text else b""


def delivered_length(end: Json) -> int:
    length = end.get("body_len")
    return len(delivered(end)) if length is None else int(length)


def _body_problem(end: Json) -> str | None:
    try:
        octets = delivered(end)
    except (binascii.Error, ValueError) as error:
        return f"body_b64 is not base64: {error}"
    length = end.get("body_len")
    if length is not None and (length < len(octets) or length < 0):
        return f"body_len is {length}, but body_b64 holds {len(octets)} octets"
    return None


def _problem(validator: Draft202012Validator, value: Json) -> str | None:
    if validator.is_valid(value):
        return None
    error = best_match(validator.iter_errors(value))
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message}" if where else str(error.message)


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return schema


@cache
def _plan_validator() -> Draft202012Validator:
    return Draft202012Validator(_schema("plan"))


@cache
def _event_validators() -> dict[str, Draft202012Validator]:
    """One validator per event, with the references written out: trying all branches of `oneOf`
    for each event costs six times as much, and complains about every branch but the right one."""
    schema = _schema("events")
    definitions = schema.pop("$defs")
    return {
        branch["properties"]["event"]["const"]: Draft202012Validator(
            {
                **branch,
                "required": [*schema["required"], *branch["required"]],
                "properties": {**_inlined(branch["properties"], definitions), "v": {"const": 1}},
            }
        )
        for branch in schema["oneOf"]
    }


@cache
def _event_checks() -> dict[str, quick_schema.Check]:
    return {name: quick_schema.compiled(one.schema) for name, one in _event_validators().items()}


def _inlined(value: Any, definitions: Json) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(definitions[value["$ref"].removeprefix("#/$defs/")], definitions)
        return {key: _inlined(item, definitions) for key, item in value.items()}
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    return value
