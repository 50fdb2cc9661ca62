# SPDX-License-Identifier: MIT
"""The committed results -> Report: what is published is made of what is committed and of nothing
else, so that anybody can make the same pages again.

A results file holds what was found of a row; what the row and its scenarios are called, and what is
required, is read from the manifests and the catalogue as they are now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interimspec import VERSION
from interimspec.catalogue import Catalogue
from interimspec.manifest import Manifest
from interimspec.scenario import Scenario

from .model import (
    GRADES,
    Case,
    Client,
    ColumnId,
    Report,
    ReportError,
    Requirement,
    RowId,
    Run,
    ScenarioInfo,
    StackItem,
)
from .told_words import words_of

if TYPE_CHECKING:  # results.py uses this package
    from interimspec.results import RowResults

_NOTED = 5  # scenarios that are named in notes
_FACTS = ("connection", "told", "delivered", "resent")


def report_of_results(
    folder: Path,
    rows: Mapping[str, RowResults],
    catalogue: Catalogue,
    manifests: Mapping[str, Manifest],
) -> Report:
    """Everything in reports/results/, which `rows` was read from. ReportError where a file does not
    fit the checkout."""
    if not rows:
        raise ReportError(f"{folder}: holds no results; `interimspec accept` writes them")
    clients: list[Client] = []
    cases: dict[tuple[RowId, ColumnId], Case] = {}
    changed: set[str] = set()
    for row in rows.values():
        head = row.head
        row_id = RowId(str(head["client"]), str(head["version"]), str(head.get("variant") or ""))
        where = f"{folder / (row.row + '.json')}"
        manifest = manifests.get(row_id.client)
        if manifest is None:
            raise ReportError(
                f"{where}: there is no client {row_id.client!r}; remove the file, or give its "
                "manifest back"
            )
        clients.append(_client(row_id, manifest, head))
        for name, cell in row.cells.items():
            scenario_id, _, rest = name.partition("[")
            scenario = catalogue.by_id.get(scenario_id)
            if scenario is None:
                raise ReportError(
                    f"{where}: there is no scenario {scenario_id!r}; `interimspec accept` of a run "
                    "of this client drops what is gone"
                )
            column = ColumnId(scenario_id, rest.removesuffix("]"))
            cases[row_id, column] = _case(where, row_id, column, scenario, cell)
            if cell.get("scenario_sha256") != scenario.sha256:
                changed.add(scenario_id)
    clients.sort(key=lambda client: (client.language.lower(), client.row.sort_key()))
    scenarios = {column.scenario: catalogue.by_id[column.scenario] for _, column in cases}
    return Report(
        runs=(_as_run(folder, len(cases)),),
        clients=tuple(clients),
        columns=tuple(
            sorted(
                {column for _, column in cases},
                key=lambda c: (scenarios[c.scenario].family, c.scenario, c.transport),
            )
        ),
        scenarios={name: _scenario(scenario) for name, scenario in scenarios.items()},
        requirements={
            name: Requirement(
                id=one.id,
                rfc=one.rfc,
                section=one.section,
                level=one.level,
                binds=one.binds,
                text=one.text,
                link=one.link,
            )
            for name, one in catalogue.requirements.items()
        },
        cases=cases,
        skipped=(),
        notes=_edited(sorted(changed)),
    )


def _edited(names: list[str]) -> tuple[str, ...]:
    """One note for each scenario while they are few, and one for all of them."""
    if len(names) <= _NOTED:
        return tuple(
            f"The scenario {one} was edited after its results were accepted." for one in names
        )
    return (
        f"{len(names)} scenarios were edited after their results were accepted: "
        f"{', '.join(names[:_NOTED])} and {len(names) - _NOTED} more.",
    )


def _as_run(folder: Path, count: int) -> Run:
    return Run(
        path=folder,
        id="committed results",
        started="",
        interimspec=VERSION,
        machine={},
        server={},
        complete=True,
        partial_because=None,
        end={},
        cases=count,
    )


def _client(row: RowId, manifest: Manifest, head: Mapping[str, Any]) -> Client:
    variant = manifest.variants.get(row.variant)
    facts = variant or manifest.per_version.get(row.version) or manifest
    return Client(
        row=row,
        title=manifest.title,
        language=manifest.language,
        kind=manifest.kind,
        homepage=manifest.homepage,
        interim_api=facts.interim_api,
        notes=manifest.notes,
        stack=tuple(
            StackItem(str(item["name"]), str(item["version"])) for item in head.get("stack") or ()
        ),
        what=variant.what if variant else "",
    )


def _scenario(scenario: Scenario) -> ScenarioInfo:
    return ScenarioInfo(
        id=scenario.id,
        title=scenario.title,
        family=scenario.family,
        class_=scenario.expect.class_,
        why=scenario.why,
        dispute=scenario.dispute or "",
        compare_with=scenario.compare_with or "",
        requirements=scenario.requirements,
        probe=scenario.probe,
        text=scenario.text,
    )


def _case(
    where: str, row: RowId, column: ColumnId, scenario: Scenario, cell: Mapping[str, Any]
) -> Case:
    grade = str(cell.get("grade"))
    if grade not in GRADES:
        raise ReportError(f"{where}: {column}: {grade!r} is no grade")
    case = Case(
        row=row,
        column=column,
        family=scenario.family,
        class_=scenario.expect.class_,
        outcome=cell.get("outcome"),
        grade=grade,
        sentence="",
        facts={name: cell[name] for name in _FACTS if name in cell},
        reasons=tuple(cell.get("reasons") or ()),
        traits=cell.get("traits") or {},
        requirements=tuple(cell.get("requirements") or ()),
        unstable=False,
        repeats=(),
        attempts=1,
        duration_ms=0.0,
        baseline=None,
        stack=(),
        evidence=None,
        source=f"{where}: {column}",
        under_embargo=grade == "withheld",
    )
    words = words_of(case)
    return replace(case, sentence=words[:1].upper() + words[1:] + "." if words else "")
