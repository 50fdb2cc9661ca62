# SPDX-License-Identifier: MIT
"""JSON Schema compiled to closures: says yes at a fortieth of the time of the full validator.

Every event of every case is checked, which was half of the judge's time. Only a yes counts: what
is not plainly valid, and a schema with a keyword that is not known here, is left to the validator,
which also has the words for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_TYPES: Mapping[str, Check] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def compiled(schema: Any) -> Check:
    """A check that is true only of what is valid under `schema`, whose references are inlined."""
    if schema is True or schema == {}:
        return lambda value: True
    if schema is False:
        return lambda value: False
    checks: list[Check] = []
    for keyword, rule in schema.items():
        if keyword in ("description", "default", "$schema", "additionalProperties", "items"):
            continue  # the last two go with `properties` and `prefixItems`
        if keyword not in _KEYWORDS:
            return lambda value: False
        checks.append(_KEYWORDS[keyword](rule, schema))
    if "additionalProperties" in schema and "properties" not in schema:
        return lambda value: False
    if "items" in schema and "prefixItems" not in schema:
        checks.append(_items([], schema))
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _type(rule: Any, schema: Any) -> Check:
    if isinstance(rule, str):
        return _TYPES[rule]
    kinds = [_TYPES[name] for name in rule]
    return lambda value: any(kind(value) for kind in kinds)


def _const(rule: Any, schema: Any) -> Check:
    return lambda value: type(value) is type(rule) and value == rule


def _enum(rule: Any, schema: Any) -> Check:
    return lambda value: any(type(value) is type(one) and value == one for one in rule)


def _required(rule: Any, schema: Any) -> Check:
    return lambda value: not isinstance(value, dict) or all(key in value for key in rule)


def _properties(rule: Any, schema: Any) -> Check:
    inner = {key: compiled(one) for key, one in rule.items()}
    others = compiled(schema.get("additionalProperties", True))

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        return all(inner.get(key, others)(one) for key, one in value.items())

    return check


def _items(rule: Any, schema: Any) -> Check:
    first = [compiled(one) for one in rule]
    rest = compiled(schema.get("items", True))

    def check(value: Any) -> bool:
        if not isinstance(value, list):
            return True
        return all(one(item) for one, item in zip(first, value, strict=False)) and all(
            rest(item) for item in value[len(first) :]
        )

    return check


def _min_items(rule: Any, schema: Any) -> Check:
    return lambda value: not isinstance(value, list) or len(value) >= rule


def _max_length(rule: Any, schema: Any) -> Check:
    return lambda value: not isinstance(value, str) or len(value) <= rule


def _if(rule: Any, schema: Any) -> Check:
    # `rule` may say no to what is valid, as everything here; then neither branch is sure.
    condition = compiled(rule)
    then, otherwise = compiled(schema.get("then", True)), compiled(schema.get("else", True))
    decides = set(rule) <= {"properties"} and all(
        set(one) == {"const"} and isinstance(one["const"], str)
        for one in rule.get("properties", {}).values()
    )

    def check(value: Any) -> bool:
        if condition(value):
            return then(value)
        return decides and otherwise(value)

    return check


_KEYWORDS: Mapping[str, Callable[[Any, Any], Check]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "prefixItems": _items,
    "minItems": _min_items,
    "maxLength": _max_length,
    "if": _if,
    "then": lambda rule, schema: lambda value: True,
    "else": lambda rule, schema: lambda value: True,
}
