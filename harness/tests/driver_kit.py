# SPDX-License-Identifier: MIT
"""What the tests of the driver share beside the fixtures of conftest.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from interimspec.clients import Row
from interimspec.scenario import Scenario

ADAPTERS = Path(__file__).parent / "adapters"

MakeRow = Callable[..., Row]
MakeScenario = Callable[..., Scenario]
