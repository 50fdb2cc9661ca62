# SPDX-License-Identifier: MIT
"""Who grades the grader: the reference passes everything, and every mutant is caught by what is
meant to catch it, through the real server, the real engine and the real judge."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from interimspec import mutants, paths
from interimspec.cases import Case
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.install import Environment
from interimspec.judge import GRADES, OUTCOMES
from interimspec.matrix import Matrix, Selected
from interimspec.mutants import Catch, Mutant, load_mutants
from interimspec.session import RunSession

FOLDER = Path(__file__).resolve().parents[1] / "mutants"
MUTANTS = load_mutants(FOLDER)
REFERENCE = MUTANTS[0]
REFERENCE_H2 = next(mutant for mutant in MUTANTS if mutant.name == mutants.REFERENCE_H2)
CATCHES = [(mutant, catch) for mutant in MUTANTS for catch in mutant.caught_by]
#: A run that the machine was too busy for is made again.
TRIES = 3

Records = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(paths.SCENARIOS)


@dataclass(frozen=True)
class Bench:
    """Runs cases, each until it is decided as expected, at most TRIES times."""

    catalogue: Catalogue
    runs: Path

    def run(self, cases: Sequence[Case], good: Callable[[str, Mapping[str, Any]], bool]) -> Records:
        records: dict[str, Mapping[str, Any]] = {}
        left = list(cases)
        for _ in range(TRIES):
            records.update(self._once(left))
            left = [case for case in left if not good(case.key, records[case.key])]
            if not left:
                break
        return records

    def _once(self, cases: Sequence[Case]) -> Records:
        rows = {case.row.id: case.row for case in cases}
        scenarios = {case.scenario.id: case.scenario for case in cases}
        matrix = Matrix(Path("matrix.toml"), paths.SCENARIOS, (), (), None, None, True)
        selected = Selected(
            matrix=matrix,
            catalogue=self.catalogue,
            rows=tuple(rows.values()),
            scenarios=tuple(scenarios.values()),
            cases=tuple(cases),
            skipped=(),
            environments={name: Environment(row, self.runs) for name, row in rows.items()},
        )
        session = RunSession(selected, self.runs, baseline=None, confirm=False)
        session.open()
        try:
            outcome = session.execute(cases)
        finally:
            session.close(None)
        assert not outcome.interrupted
        return outcome.records


@pytest.fixture(scope="module")
def bench(
    catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory, server_binary: Path
) -> Bench:
    return Bench(catalogue, tmp_path_factory.mktemp("mutants"))


def cases_of(
    catalogue: Catalogue, mutant: Mutant, ids: Iterable[str], transport: str | None = None
) -> list[Case]:
    """On `transport` (default: the mutant's own), or where a scenario has not got it, on its first
    one."""
    transport = transport or mutant.transport
    known = {scenario.id: scenario for scenario in catalogue.scenarios}
    on = {
        name: transport if transport in one.transports else one.transports[0]
        for name, one in known.items()
    }
    return [Case(mutant.row, known[name], on[name]) for name in ids]


@pytest.fixture(scope="module")
def caught(bench: Bench, catalogue: Catalogue) -> Records:
    """All that the table of mutants names, in one run."""
    expected = {}
    cases = []
    for mutant, catch in CATCHES:
        (case,) = cases_of(catalogue, mutant, [catch.scenario])
        expected[case.key] = catch
        cases.append(case)
    return bench.run(cases, lambda key, record: not problems(expected[key], record))


def problems(catch: Catch, record: Mapping[str, Any]) -> list[str]:
    """How a record differs from what was to be found."""
    facts = {
        **record["facts"],
        **{f"interim_seen.{k}": v for k, v in (record["facts"].get("interim_seen") or {}).items()},
    }
    wanted: dict[str, Any] = {"outcome": catch.outcome, "grade": catch.grade}
    got: dict[str, Any] = {"outcome": record["outcome"], "grade": record["grade"]}
    if catch.connection is not None:
        wanted["connection"], got["connection"] = catch.connection, facts.get("connection")
    wanted |= catch.facts
    got |= {name: str(facts.get(name)) for name in catch.facts}
    rules = [reason["rule"] for reason in record["reasons"]]
    wrong = [f"{key}: {got[key]}, not {wanted[key]}" for key in wanted if got[key] != wanted[key]]
    if catch.rule is not None and catch.rule not in rules:
        wrong.append(f"rules {rules} without {catch.rule}")
    return wrong


@pytest.mark.parametrize(
    ("mutant", "catch"), CATCHES, ids=[f"{m.name}-{c.scenario}" for m, c in CATCHES]
)
def test_each_mutant_is_caught(
    mutant: Mutant, catch: Catch, caught: Records, catalogue: Catalogue
) -> None:
    (case,) = cases_of(catalogue, mutant, [catch.scenario])
    record = caught[case.key]
    assert not problems(catch, record), f"{record['sentence']} {record['reasons']}"


@pytest.mark.parametrize(
    ("reference", "transport"),
    [(REFERENCE, "h1"), (REFERENCE, "h1s"), (REFERENCE_H2, "h2c")],
    ids=["h1", "h1s", "h2c"],
)
def test_the_reference_passes_everything(
    bench: Bench, catalogue: Catalogue, reference: Mutant, transport: str
) -> None:
    # The certificate nobody vouches for is refused, so that there is nothing to judge.
    # What is measured by many runs is measured once. It makes one request at a time, and no tunnel.
    ids = [
        s.id
        for s in catalogue.scenarios
        if transport in s.transports
        and not s.unknown_ca
        and (transport == "h1" or not s.vary)
        and s.probe != "together"
        and not s.request.tunnel
    ]
    cases = cases_of(catalogue, reference, ids, transport)
    records = bench.run(cases, lambda key, record: record["grade"] in ("pass", "info"))
    bad = [
        f"{key}: {record['outcome']} {record['grade']}: {record['sentence']}"
        for key, record in records.items()
        if record["grade"] not in ("pass", "info")
    ]
    assert not bad, "\n".join(bad)
    by_class: dict[str, set[str]] = {}
    for record in records.values():
        by_class.setdefault(record["class"], set()).add(record["grade"])
    # Where something is required, it is not only tolerated.
    required = ("serve", "surplus", "unfinished", "garbage", "malformed")
    assert by_class.keys() >= {"serve", "surplus", "unfinished"}
    assert all(by_class.get(name, {"pass"}) == {"pass"} for name in required)


def test_every_outcome_grade_and_connection_is_reached(caught: Records) -> None:
    records = caught.values()
    assert {record["outcome"] for record in records} == {*OUTCOMES, None}
    assert {record["grade"] for record in records} == set(GRADES)
    # "error", a failure of our own side, is reached in the tests of the judge.
    assert {record["facts"]["connection"] for record in records} == {
        "reused",
        "fresh",
        "poisoned",
        "broken",
        "untested",
    }


def test_children_that_were_left_behind_are_gone(
    caught: Records, alive: Callable[[str], list[int]]
) -> None:
    assert not alive("mutant-left-child")


# ---------------------------------------------------------------- the table itself


def module_of(name: str) -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location(f"mutant_{name}", FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(FOLDER))


def test_the_table_names_every_fault_and_no_other() -> None:
    in_clients = {
        name
        for module in ("faults", "faults_by_family", "faults_h2")
        for name in module_of(module).CLIENTS
    }
    in_adapters = set(module_of("adapter_faults").ADAPTERS)
    assert REFERENCE.fault is None
    assert {mutant.fault for mutant in MUTANTS[1:]} == in_clients | in_adapters
    assert not in_clients & in_adapters
    clients = [mutant for mutant in MUTANTS if mutant.kind == "client"]
    assert len(clients) >= 24


def test_the_table_speaks_of_what_there_is(catalogue: Catalogue) -> None:
    known = {scenario.id for scenario in catalogue.scenarios}
    for mutant, catch in CATCHES:
        assert catch.scenario in known, mutant.name
        assert catch.outcome is None or catch.outcome in OUTCOMES
        assert catch.grade in GRADES
    assert all(mutant.caught_by for mutant in MUTANTS)
