# SPDX-License-Identifier: MIT
"""The quick check says yes to what adapters send, and never where the validator says no."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from interimspec.observation import _event_checks, _event_validators
from interimspec.quick_schema import compiled

ERROR = {"kind": "timeout", "phase": None, "type": "T", "message": "m", "detail": {"status": 1}}
COMMON = {"v": 1, "plan": "p", "request": "main", "at": 2.5}
EVENTS: list[dict[str, Any]] = [
    {"v": 1, "event": "done", "plan": "p"},
    {"v": 1, "event": "unsupported", "plan": "p", "what": "http", "value": {"any": [1]}},
    {**COMMON, "event": "interim", "status": 102, "fields": [["a", "b"]]},
    {**COMMON, "event": "response", "status": None, "reason": None, "fields": []},
    {**COMMON, "event": "end", "started": 1, "told": "ok", "body_b64": "eA==", "body_len": 1},
    {**COMMON, "event": "end", "started": 1, "told": "failed", "error": ERROR},
    {
        "v": 1,
        "event": "hello",
        "client": "c",
        "version": "1",
        "stack": [{"name": "n", "version": "v"}],
        "can": {"http": ["1.1"], "tls": True, "timers": ["read_ms"], "second_request": "pooled"},
    },
]
ODD: list[Any] = [None, True, 0, 1, 1.0, -1, "", "ok", "failed", "x" * 3000, [], [1], {}, {"a": 1}]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event["event"]))
def test_what_adapters_send_is_seen_to_be_valid(event: dict[str, Any]) -> None:
    assert _event_checks()[event["event"]](event)


def mutated(value: Any, dice: random.Random) -> Any:
    """A copy with one thing changed, anywhere in it."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        new = dict(value)
        key = dice.choice(sorted(new))
        action = dice.randrange(4)
        if action == 0:
            del new[key]
        elif action == 1:
            new["other"] = dice.choice(ODD)
        else:
            new[key] = mutated(new[key], dice)
        return new
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return [*value[:at], mutated(value[at], dice), *value[at + 1 :]]
    return copy.deepcopy(dice.choice(ODD))


def test_a_yes_is_never_wrong() -> None:
    dice = random.Random(102)
    yes = 0
    for _ in range(4000):
        event = dice.choice(EVENTS)
        changed = mutated(event, dice)
        if isinstance(changed, dict) and dice.random() < 0.3:
            changed = mutated(changed, dice)
        if _event_checks()[event["event"]](changed):
            yes += 1
            assert _event_validators()[event["event"]].is_valid(changed), changed
    assert yes > 200


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^a"},
        {"additionalProperties": False},
        {"if": {"required": ["a"]}, "then": False, "else": True},
        {"if": {"properties": {"a": {"const": 1}}}, "then": False, "else": True},
    ],
)
def test_what_it_does_not_know_is_left_to_the_validator(schema: dict[str, Any]) -> None:
    check, validator = compiled(schema), Draft202012Validator(schema)
    for value in [*ODD, {"a": 1.0}, {"a": True}, "abc"]:
        assert not check(value) or validator.is_valid(value)
