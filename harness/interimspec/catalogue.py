# SPDX-License-Identifier: MIT
"""Every scenario below a folder, by the same rules as mockserver/catalogue.c: *.yaml files at any
depth, names that begin with "_" or "." skipped, requirements.yaml of the folder itself no scenario,
the family of a scenario the path of its folder. All bad files are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from .comparison import what_differs
from .errors import UsageError
from .requirements import FILE_NAME, Requirement, find_requirements, load_requirements
from .scenario import Scenario, ScenarioError, load_scenario

_MAX_DEPTH = 8  # of folders: a link to a folder above would never end


class CatalogueError(UsageError):
    """A catalogue that cannot be used; `messages` has one line for each thing to mend."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = tuple(messages)


@dataclass(frozen=True)
class Catalogue:
    path: Path
    scenarios: tuple[Scenario, ...]  # sorted by id
    requirements: Mapping[str, Requirement]

    @cached_property
    def by_id(self) -> Mapping[str, Scenario]:
        return {scenario.id: scenario for scenario in self.scenarios}

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    def __contains__(self, scenario_id: object) -> bool:
        return scenario_id in self.by_id

    def __getitem__(self, scenario_id: str) -> Scenario:
        return self.by_id[scenario_id]

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted({scenario.family for scenario in self.scenarios}))

    def near(self, scenario_id: str) -> list[str]:
        """Ids that were probably meant, nearest first."""
        return get_close_matches(scenario_id, self.by_id, n=3)


def _files(folder: Path, family: str, depth: int, errors: list[str]) -> Iterator[tuple[Path, str]]:
    if depth > _MAX_DEPTH:
        errors.append(f"{folder}: too many folders inside each other")
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name.encode())
    except OSError as error:
        errors.append(f"{folder}: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir():
            below = f"{family}/{entry.name}" if family else entry.name
            yield from _files(entry, below, depth + 1, errors)
        elif entry.suffix == ".yml":
            errors.append(f"{entry}: the name of a scenario file ends with .yaml")
        elif entry.suffix == ".yaml" and not (depth == 0 and entry.name == FILE_NAME):
            yield entry, family


def _comparisons(scenarios: list[Scenario]) -> Iterator[str]:
    """What is wrong with what scenarios are compared with."""
    by_id = {scenario.id: scenario for scenario in scenarios}
    for scenario in scenarios:
        if scenario.compare_with is None:
            continue
        other = by_id.get(scenario.compare_with)
        where = f"{scenario.path}:1:1: compare_with {scenario.compare_with!r}"
        if other is None:
            near = get_close_matches(scenario.compare_with, by_id, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"{where} is no scenario of this catalogue{hint}"
        elif (difference := what_differs(scenario, other)) is not None:
            yield f"{where} {difference}"


def load_catalogue(path: Path) -> Catalogue:
    """Reads a folder, or one file. Raises CatalogueError with everything that is wrong."""
    errors: list[str] = []
    requirements: Mapping[str, Requirement] = {}
    if not path.exists():
        raise CatalogueError([f"{path}: No such file or directory"])
    requirements_path = find_requirements(path)
    if requirements_path is not None:
        try:
            requirements = load_requirements(requirements_path)
        except ScenarioError as error:
            errors.append(str(error))
    files = _files(path, "", 0, errors) if path.is_dir() else iter([(path, "")])
    scenarios: list[Scenario] = []
    for file, family in files:
        try:
            scenarios.append(load_scenario(file, family, requirements))
        except ScenarioError as error:
            errors.append(str(error))
    scenarios.sort(key=lambda scenario: (scenario.id, str(scenario.path)))
    for first, second in pairwise(scenarios):
        if first.id == second.id:
            errors.append(f'{second.path}:1:1: id "{second.id}" is already that of {first.path}')
    if path.is_dir():
        errors.extend(_comparisons(scenarios))
    if not scenarios and not errors:
        errors.append(f"{path}: no scenario (*.yaml) in this folder")
    if errors:
        raise CatalogueError(errors)
    return Catalogue(path, tuple(scenarios), requirements)
