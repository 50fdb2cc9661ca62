# SPDX-License-Identifier: MIT
"""The kill matrix: which mutants each scenario catches, from the records of one run.

    kill      the mutant is graded warn, fail or danger where the reference is not
    differs   neither is, but outcome or traits are others: a measuring scenario tells them apart

A family should have a mutant that nothing else catches, a scenario should catch one or say why not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .catalogue import Catalogue
from .mutants import REFERENCE, REFERENCE_H2

_FOUND = ("warn", "fail", "danger")
_NO_VERDICT = ("error", "inconclusive", "unsupported")
#: Classes that measure; their scenarios need not catch anything.
MEASURING = ("trait", "control")


@dataclass(frozen=True)
class Kills:
    mutants: tuple[str, ...]  # in the order of the run, without the reference
    kills: Mapping[str, frozenset[str]]  # scenario, with its transport unless h1 -> mutants
    differs: Mapping[str, frozenset[str]]
    family: Mapping[str, str]  # scenario -> family, its first folder

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.family.values())))

    def families_of(self, mutant: str) -> frozenset[str]:
        """Where it is caught."""
        return frozenset(self.family[s] for s, killed in self.kills.items() if mutant in killed)

    def told_apart(self) -> tuple[str, ...]:
        """Mutants that break no rule, and that some scenario shows to be different."""
        different = frozenset[str]().union(*self.differs.values())
        return tuple(m for m in self.mutants if not self.families_of(m) and m in different)

    def survivors(self) -> tuple[str, ...]:
        """Mutants that no scenario catches or tells apart."""
        known = self.told_apart()
        return tuple(m for m in self.mutants if not self.families_of(m) and m not in known)

    def only(self, family: str) -> tuple[str, ...]:
        """Mutants that this family catches and no other."""
        return tuple(name for name in self.mutants if self.families_of(name) == {family})

    def count(self, mutant: str, family: str) -> int:
        return sum(
            mutant in killed
            for scenario, killed in self.kills.items()
            if self.family[scenario] == family
        )


def from_records(records: Iterable[Mapping[str, Any]]) -> Kills:
    """From the cases of a run with --mutants; the references must be among them."""
    by_client: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    family: dict[str, str] = {}
    for record in records:
        scenario = str(record["scenario"])
        if record.get("transport", "h1") != "h1":
            scenario += f"[{record['transport']}]"
        by_client[str(record["client"])][scenario] = record
        family[scenario] = str(record["family"]).split("/")[0]
    reference: dict[str, Mapping[str, Any]] = {}
    for name in (REFERENCE, REFERENCE_H2):
        cells = by_client.pop(name, {})
        reference |= {key: cell for key, cell in cells.items() if cell["grade"] != "unsupported"}
    kills: dict[str, set[str]] = {scenario: set() for scenario in reference}
    differs: dict[str, set[str]] = {scenario: set() for scenario in reference}
    for mutant, cells in by_client.items():
        for scenario, record in cells.items():
            good = reference.get(scenario)
            if good is None or good["grade"] in (*_FOUND, *_NO_VERDICT):
                continue
            if record["grade"] in _FOUND:
                kills[scenario].add(mutant)
            elif record["grade"] not in _NO_VERDICT and _answer(record) != _answer(good):
                differs[scenario].add(mutant)
    return Kills(
        tuple(by_client),
        {name: frozenset(found) for name, found in kills.items()},
        {name: frozenset(found) for name, found in differs.items()},
        family,
    )


def _answer(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record["outcome"], record.get("traits") or {}


def unexplained(kills: Kills, catalogue: Catalogue) -> tuple[str, ...]:
    """Scenarios that were run, catch nothing on any transport, measure nothing, and do not say
    why."""
    catching = {_scenario_of(key) for key, killed in kills.kills.items() if killed}
    return tuple(
        scenario
        for scenario in sorted({_scenario_of(key) for key in kills.kills})
        if scenario not in catching
        and scenario in catalogue
        and catalogue[scenario].mutant_free is None
        and catalogue[scenario].expect.class_ not in MEASURING
    )


def needless_reasons(kills: Kills, catalogue: Catalogue) -> tuple[str, ...]:
    """Scenarios that say why they catch nothing, and do catch something."""
    return tuple(
        scenario
        for scenario in sorted({_scenario_of(key) for key, killed in kills.kills.items() if killed})
        if scenario in catalogue and catalogue[scenario].mutant_free is not None
    )


def _scenario_of(key: str) -> str:
    return key.partition("[")[0]


def lines(
    kills: Kills, reasons: Mapping[str, str], catalogue: Catalogue, *, wide: bool
) -> list[str]:
    """The matrix for people: mutants by families, or by scenarios where `wide`."""
    text = _by_family(kills)
    if wide:
        text += ["", "Caught by scenario"]
        for scenario in sorted(kills.kills, key=lambda s: (kills.family[s], s)):
            names = sorted(kills.kills[scenario]) or [_why_none(kills, scenario, catalogue)]
            text.append(f"  {kills.family[scenario]}/{scenario}: {', '.join(names)}")
    text += ["", "Caught by one family alone"]
    for family in kills.families:
        only = ", ".join(kills.only(family)) or reasons.get(family) or "NOTHING"
        text.append(f"  {family:<14} {only}")
    apart = ", ".join(kills.told_apart()) or "none"
    text += ["", f"Told apart only, as no rule is broken: {apart}"]
    text.append(f"Caught by no scenario: {', '.join(kills.survivors()) or 'none'}")
    bare = unexplained(kills, catalogue)
    text.append(f"Scenarios that catch nothing and do not say why: {', '.join(bare) or 'none'}")
    needless = needless_reasons(kills, catalogue)
    if needless:
        text.append(f"Scenarios whose mutant_free is no longer true: {', '.join(needless)}")
    return text


def _why_none(kills: Kills, scenario: str, catalogue: Catalogue) -> str:
    if kills.differs[scenario]:
        return f"(tells apart: {', '.join(sorted(kills.differs[scenario]))})"
    scenario = _scenario_of(scenario)
    why = catalogue[scenario].mutant_free if scenario in catalogue else None
    return f"({' '.join(why.split())})" if why else "-"


def _by_family(kills: Kills) -> list[str]:
    """One row per mutant, one column per family: how many of its scenarios catch it."""
    width = max((len(name) for name in kills.mutants), default=6)
    families = kills.families
    marks = [chr(ord("A") + index) for index in range(len(families))]
    text = [f"{mark} {family}" for mark, family in zip(marks, families, strict=True)]
    text += ["", " " * width + "".join(f"{mark:>4}" for mark in marks)]
    for mutant in kills.mutants:
        counts = [kills.count(mutant, family) for family in families]
        text.append(f"{mutant:<{width}}" + "".join(f"{count or '.':>4}" for count in counts))
    return text
