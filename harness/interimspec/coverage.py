# SPDX-License-Identifier: MIT
"""Requirements and scenarios, both ways: what no scenario tests, and what tests no requirement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from .catalogue import Catalogue

#: Classes whose scenarios need no requirement: a trait has no right answer, and a control has no
#: interim response. Where no interim response is sent there is nothing to require either.
NEED_NONE = ("trait", "control")


def by_requirement(catalogue: Catalogue) -> Mapping[str, tuple[str, ...]]:
    """Every requirement with the ids of its scenarios, in the order of the file."""
    found: dict[str, list[str]] = {name: [] for name in catalogue.requirements}
    for scenario in catalogue:
        for name in scenario.requirements:
            found[name].append(scenario.id)
    return {name: tuple(ids) for name, ids in found.items()}


def missing(catalogue: Catalogue) -> tuple[str, ...]:
    """Requirements with neither a scenario nor a reason."""
    return tuple(
        name
        for name, ids in by_requirement(catalogue).items()
        if not ids and catalogue.requirements[name].without_scenario is None
    )


def needless_reasons(catalogue: Catalogue) -> tuple[str, ...]:
    """Requirements with a scenario and with a reason why there is none."""
    return tuple(
        name
        for name, ids in by_requirement(catalogue).items()
        if ids and catalogue.requirements[name].without_scenario is not None
    )


def about_none(catalogue: Catalogue) -> Mapping[str, tuple[str, ...]]:
    """Scenarios that name no requirement, by class."""
    found: dict[str, list[str]] = defaultdict(list)
    for scenario in catalogue:
        if not scenario.requirements:
            found[scenario.expect.class_].append(scenario.id)
    return {class_: tuple(ids) for class_, ids in sorted(found.items())}


def unfounded(catalogue: Catalogue) -> tuple[str, ...]:
    """Scenarios that neither name a requirement nor measure a trait."""
    return tuple(
        name
        for class_, ids in about_none(catalogue).items()
        if class_ not in NEED_NONE
        for name in ids
    )
