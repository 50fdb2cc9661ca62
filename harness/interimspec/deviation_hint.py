# SPDX-License-Identifier: MIT
"""What would have to stand in a manifest for a control that failed to pass, ready to be pasted.

It is a proposal for who has found out that the client, not the adapter, does so: the reason is left
to be written, and without one a manifest is refused.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from interimspec.clients import Row
from interimspec.control_table import BODIES, CONTROLS
from interimspec.controls import ControlResult, expected_of, problems_with


def deviation_hint(row: Row, result: ControlResult) -> str | None:
    """A table of client.toml in one line; None where no deviation could let the control pass."""
    if result.name not in CONTROLS or result.passed:
        return None
    fields = (None, "any") if expected_of(result.name, row).fields != "any" else (None,)
    for field_rule, body in product(fields, (None, *BODIES)):
        changes = _changes(row, result)
        if body is not None:
            changes["body"] = body
        if field_rule is not None:
            changes["fields"] = field_rule
        if changes and not problems_with(row, result, changes):
            prefix = f"variants.{row.variant.name}.controls" if row.variant else "controls"
            said = ", ".join(f"{key} = {_toml(value)}" for key, value in changes.items())
            return f'[{prefix}.{result.name}] {said}, because = "..."'
    return None


def _changes(row: Row, result: ControlResult) -> dict[str, Any]:
    """What was told and seen, where it is not what is expected."""
    control, expected = CONTROLS[result.name], expected_of(result.name, row)
    mine = [event for event in result.events if event.get("request") == control.subject]
    end = next((event for event in mine if event.get("event") == "end"), None)
    if end is None:
        return {"told": ("nothing",)}
    changes: dict[str, Any] = {}
    told = str(end.get("told"))
    if told not in expected.told:
        changes["told"] = (told,)
    kind = (end.get("error") or {}).get("kind")
    if told == "failed" and kind not in expected.kinds:
        changes["kinds"] = (str(kind),)
    status = next((e.get("status") for e in mine if e.get("event") == "response"), None)
    if told == "ok" and isinstance(status, int) and status != expected.status:
        changes["status"] = status
    if control.scenario is not None:
        resource = control.second or "start"
        count = sum(
            1
            for event in (result.transcript or {}).get("events", ())
            if event.get("event") == "request" and event.get("resource") == resource
        )
        if not expected.attempts[0] <= count <= expected.attempts[1]:
            changes["attempts"] = count
    return changes


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
