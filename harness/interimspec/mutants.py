# SPDX-License-Identifier: MIT
"""The mutants that grade the grader: harness/mutants/mutants.toml as rows of the matrix.

    load_mutants(folder) -> Mutant 1--1 Row     the reference first, then one row per fault

A mutant is the reference client with one fault, or with an adapter that breaks the contract. For
each the file names the scenarios that must catch it and what they must find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interimspec.clients import Can, Install, Manifest, Needs, Row, Run, Told
from interimspec.toml_table import Table, read

FILE = "mutants.toml"
REFERENCE = "reference"
REFERENCE_H2 = "reference-h2"
TRANSPORTS = ("h1", "h2c")
CLASSES = ("client", "adapter", "none")


@dataclass(frozen=True)
class Catch:
    """What one scenario must find."""

    scenario: str
    outcome: str | None  # None: no verdict
    grade: str
    connection: str | None  # None: not asked
    rule: str | None  # one that must be among the reasons
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mutant:
    """One fault."""

    name: str
    what: str  # a sentence
    fault: str | None  # what adapter.py is told; None: the reference
    kind: str  # whose fault it is: client, adapter, or none where nothing may be found
    caught_by: tuple[Catch, ...]
    row: Row
    transport: str = "h1"  # what it speaks
    everywhere: bool = True  # it can be run against the whole catalogue in a reasonable time


def load_mutants(folder: Path) -> tuple[Mutant, ...]:
    """Every mutant of `folder`/mutants.toml; raises TomlError with file and line."""
    top = read(folder / FILE)
    version = top.text("version")
    methods = top.texts("methods")
    top.text_map("families")
    table = top.table("mutants")
    top.finish()
    return tuple(
        _mutant(name, table.table(name), folder, version, methods) for name in list(table.keys())
    )


def families_without(folder: Path) -> Mapping[str, str]:
    """Families that need no mutant of their own, each with the reason."""
    return read(folder / FILE).text_map("families")


def _mutant(
    name: str, entry: Table, folder: Path, version: str, methods: tuple[str, ...]
) -> Mutant:
    what = entry.text("what")
    kind = entry.choice("kind", CLASSES, "client")
    caught = entry.table("caught_by")
    catches = tuple(_catch(scenario, caught.table(scenario)) for scenario in list(caught.keys()))
    processes = entry.integer("processes", 2, least=1)
    transport = entry.choice("transport", TRANSPORTS, "h1")
    everywhere = entry.flag("everywhere", True)
    entry.finish()
    fault = None if name == REFERENCE else name
    command = ("{python}", "{clients}/adapter.py", *(("--fault", fault) if fault else ()))
    manifest = Manifest(
        name=name,
        title=what,
        language="Python",
        kind="reference" if name in (REFERENCE, REFERENCE_H2) else "mutant",
        homepage="",
        interim_api="a callback",
        versions=(version,),
        install=Install(("none",), (), {}, (), None),
        needs=Needs((), (), r"(\S+)", ""),
        run=Run(command, {}, processes, 0),
        can=_can(methods, transport),
        told=Told(),
        controls={},
        notes=what,
        variants={},
        has_tool=False,
        path=folder / name / "client.toml",  # {clients} is then the folder itself
    )
    return Mutant(name, what, fault, kind, catches, Row(manifest, version), transport, everywhere)


def _can(methods: tuple[str, ...], transport: str) -> Can:
    return Can(
        http=("1.1",) if transport == "h1" else ("2",),
        timers=("connect_ms", "read_ms", "total_ms"),
        second_request="pooled",
        not_before=True,
        interim="fields",
        phases=True,
        expect_continue=True,
        body_stream=True,
        tls=True,
        methods=methods,
    )


def _catch(scenario: str, entry: Table) -> Catch:
    catch = Catch(
        scenario=scenario,
        outcome=entry.optional_text("outcome"),
        grade=entry.text("grade"),
        connection=entry.optional_text("connection"),
        rule=entry.optional_text("rule"),
        facts=entry.text_map("facts"),
    )
    entry.finish()
    return catch
