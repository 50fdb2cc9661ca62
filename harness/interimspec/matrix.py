# SPDX-License-Identifier: MIT
"""Which cases there are: matrix.toml, the selection options, and what the machine has.

Matrix       what matrix.toml says
Selection    patterns for clients, scenarios, families and transports; `!` excludes
Selected     the cases, and the clients that are left out with the reason
"""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interimspec import paths
from interimspec.cases import Case
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.clients import (
    Row,
    TomlError,
    detect_row,
    load_manifest,
    load_manifests,
    look_up_versions,
    rows_of,
)
from interimspec.errors import UsageError
from interimspec.install import Environment, NotInstalled, ensure
from interimspec.mutants import load_mutants
from interimspec.scenario import TRANSPORTS, Scenario
from interimspec.toml_table import read

INSTALLS_AT_ONCE = 3
DEFAULT_TRANSPORT = "h1"


@dataclass(frozen=True)
class Matrix:
    """What matrix.toml says; all paths are absolute."""

    path: Path
    scenarios: Path
    clients: tuple[Path, ...]
    mutants: tuple[Path, ...]
    results: Path | None
    known: Path | None
    default: tuple[str, ...]  # patterns for row ids: what runs when no client is asked for


def load_matrix(path: Path) -> Matrix:
    """Read matrix.toml; UsageError with file and line."""
    try:
        top = read(path)
        table = top.table("interimspec")
        top.finish()
        here = path.resolve().parent

        def place(text: str) -> Path:
            return (here / text).resolve()

        results = table.optional_text("results")
        known = table.optional_text("known")
        matrix = Matrix(
            path=path.resolve(),
            scenarios=place(table.text("scenarios")),
            clients=tuple(place(text) for text in table.texts("clients")),
            mutants=tuple(place(text) for text in table.texts("mutants", ())),
            results=place(results) if results else None,
            known=place(known) if known else None,
            default=table.texts("default", ("*",)),
        )
        table.finish()
    except TomlError as error:
        raise UsageError(str(error)) from error
    return matrix


@dataclass(frozen=True)
class Patterns:
    """Shell patterns over one kind of name. Without an including one everything is included."""

    kind: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, wanted: Iterable[str], unwanted: Iterable[str] = ()) -> Patterns:
        """From option values: each may be a list with commas, `!` in front excludes."""
        include: list[str] = []
        exclude: list[str] = [part for text in unwanted for part in text.split(",") if part]
        for text in wanted:
            for part in text.split(","):
                if part.startswith("!"):
                    exclude.append(part[1:])
                elif part:
                    include.append(part)
        return cls(kind, tuple(include), tuple(exclude))

    def match(self, *names: str) -> bool:
        """Whether something of these names is meant."""

        def any_of(patterns: Sequence[str]) -> bool:
            return any(fnmatch.fnmatchcase(name, p) for name in names for p in patterns)

        return (not self.include or any_of(self.include)) and not any_of(self.exclude)

    def check(self, names: Iterable[str]) -> None:
        """A pattern that means nothing is a typing error, not an empty run."""
        known = sorted(set(names))
        for pattern in (*self.include, *self.exclude):
            if not any(fnmatch.fnmatchcase(name, pattern) for name in known):
                near = _near(pattern, known)
                raise UsageError(f"no {self.kind} matches {pattern!r}; {near}")


def _near(pattern: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(pattern, known, n=5, cutoff=0.4)
    if close:
        return "near it: " + ", ".join(close)
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"known are: {shown or 'none'}"


@dataclass(frozen=True)
class Selection:
    """What the options ask for."""

    client: Patterns = Patterns("client")
    scenario: Patterns = Patterns("scenario")
    family: Patterns = Patterns("family")
    transport: Patterns = Patterns("transport")
    mutants: bool = False
    everything: bool = False  # every client at every version, not just matrix.toml's default
    shard: tuple[int, int] = (1, 1)


def parse_shard(text: str) -> tuple[int, int]:
    """`2/4` -> (2, 4)."""
    number, slash, count = text.partition("/")
    if slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise UsageError(f"--shard {text!r}: write i/n with 1 <= i <= n, like 2/4")


@dataclass(frozen=True)
class Selected:
    """The cases of a run, and who is left out."""

    matrix: Matrix
    catalogue: Catalogue
    rows: tuple[Row, ...]
    scenarios: tuple[Scenario, ...]
    cases: tuple[Case, ...]
    skipped: tuple[dict[str, str], ...]
    environments: dict[str, Environment]


def all_rows(matrix: Matrix, *, mutants: bool = False) -> tuple[Row, ...]:
    """Every row that the manifests make."""
    rows: list[Row] = []
    for folder in matrix.mutants if mutants else matrix.clients:
        if not folder.is_dir():
            raise UsageError(f"{matrix.path}: {folder} is no folder")
        try:
            if mutants:
                rows += [mutant.row for mutant in load_mutants(folder)]
                continue
            manifests = load_manifests(folder)
            look_up_versions(manifests)
            for manifest in manifests:
                rows += rows_of(manifest)
        except TomlError as error:
            raise UsageError(str(error)) from error
    return tuple(sorted(rows, key=lambda row: row.id))


def default_rows(matrix: Matrix, rows: Sequence[Row]) -> list[Row]:
    """Those that matrix.toml names. A name without a version means the first version that the
    manifest lists, without variants."""
    first = {}
    for row in rows:
        if (
            row.variant is None
            and row.version == rows_of(row.manifest, all_versions=False)[0].version
        ):
            first[row.id] = row.name
    names = Patterns("client", matrix.default)
    return [
        row for row in rows if names.match(row.id, *([first[row.id]] if row.id in first else []))
    ]


def row_of_manifest(path: Path) -> Row:
    """The first row of a single client.toml."""
    try:
        return rows_of(load_manifest(path), all_versions=False)[0]
    except TomlError as error:
        raise UsageError(str(error)) from error


def catalogue_of(matrix: Matrix) -> Catalogue:
    """The catalogue; a bad file is a UsageError that names file, line and column."""
    return load_catalogue(matrix.scenarios)


def select(
    matrix: Matrix,
    selection: Selection,
    *,
    prepare: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> Selected:
    """The cases that are meant. `prepare` makes environments; what cannot be made is skipped."""
    catalogue = catalogue_of(matrix)
    known = all_rows(matrix, mutants=selection.mutants)
    selection.client.check(name for row in known for name in (row.name, row.env_name, row.id))
    scenarios = _scenarios(catalogue, selection)
    rows = [row for row in known if selection.client.match(row.name, row.env_name, row.id)]
    if not (selection.everything or selection.mutants or selection.client.include):
        rows = default_rows(matrix, rows)
    skipped: list[dict[str, str]] = []
    environments: dict[str, Environment] = {}
    present = []
    for row in rows:
        found = detect_row(row)
        if found.present:
            present.append(row)
        else:
            skipped.append({"client": row.id, "why": found.reason, "how": found.how})
    if prepare:
        environments, more = _prepare(present, progress)
        skipped += more
        present = [row for row in present if row.id in environments]
    cases = [
        Case(row, scenario, transport)
        for row in present
        for scenario in scenarios
        for transport in transports_of(scenario, selection)
    ]
    cases = _shard(cases, present, selection.shard)
    kept = {case.row.id for case in cases}
    return Selected(
        matrix=matrix,
        catalogue=catalogue,
        rows=tuple(row for row in present if row.id in kept),
        scenarios=scenarios,
        cases=tuple(cases),
        skipped=tuple(skipped),
        environments=environments,
    )


def transports_of(scenario: Scenario, selection: Selection) -> tuple[str, ...]:
    """Where a scenario is to be played. Without a word about it on HTTP/1.1 without TLS, which is
    quick and asks everything once; a scenario that was asked for by name and has no `h1` is played
    wherever it can be."""
    wanted = selection.transport
    if wanted.include or wanted.exclude:
        return tuple(name for name in scenario.transports if wanted.match(name, "all"))
    if DEFAULT_TRANSPORT in scenario.transports:
        return (DEFAULT_TRANSPORT,)
    asked = bool(selection.scenario.include or selection.family.include)
    return scenario.transports if asked else ()


def _scenarios(catalogue: Catalogue, selection: Selection) -> tuple[Scenario, ...]:
    known = sorted(catalogue.scenarios, key=lambda s: (s.family, s.id))
    selection.scenario.check(scenario.id for scenario in known)
    selection.family.check(name for scenario in known for name in family_names(scenario))
    selection.transport.check((*TRANSPORTS, "all"))
    # The controls are played for every row by themselves (proof.py); asked for, they are cases.
    asked = bool(selection.scenario.include or selection.family.include)
    return tuple(
        scenario
        for scenario in known
        if selection.scenario.match(scenario.id)
        and selection.family.match(*family_names(scenario))
        and (asked or scenario.expect.class_ != "control")
    )


def family_names(scenario: Scenario) -> tuple[str, ...]:
    """`frameworks/node` and the families it lies in: `frameworks`."""
    parts = scenario.family.split("/")
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))


def _prepare(
    rows: Sequence[Row], progress: Callable[[str], None]
) -> tuple[dict[str, Environment], list[dict[str, str]]]:
    environments: dict[str, Environment] = {}
    skipped: list[dict[str, str]] = []

    def one(row: Row) -> Environment | NotInstalled:
        try:
            return ensure(row, paths.BUILD, progress)
        except NotInstalled as error:
            return error

    with ThreadPoolExecutor(INSTALLS_AT_ONCE) as pool:
        for row, answer in zip(rows, pool.map(one, rows), strict=True):
            if isinstance(answer, Environment):
                environments[row.id] = answer
            else:
                skipped.append({"client": row.id, "why": answer.reason, "how": answer.how})
    return environments, skipped


def _shard(cases: list[Case], rows: Sequence[Row], shard: tuple[int, int]) -> list[Case]:
    """Whole rows while there are enough of them: a client is then prepared on one machine only."""
    number, count = shard
    if count == 1:
        return cases
    if count <= len(rows):
        mine = {row.id for index, row in enumerate(rows) if index % count == number - 1}
        return [case for case in cases if case.row.id in mine]
    return [case for case in cases if zlib.crc32(case.key.encode()) % count == number - 1]


def without_results(matrix: Matrix) -> Matrix:
    """The same matrix with nothing to compare with."""
    return replace(matrix, results=None, known=None)


def describe(selected: Selected) -> dict[str, Any]:
    """Counts, for messages."""
    return {
        "clients": len(selected.rows),
        "scenarios": len({case.scenario.id for case in selected.cases}),
        "cases": len(selected.cases),
    }
