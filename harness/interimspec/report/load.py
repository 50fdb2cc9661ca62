# SPDX-License-Identifier: MIT
"""Results files -> Report. The only place that reads them, and the only one that doubts them.

A run is a folder with `cases.jsonl` (a head line, one line per case, an end line) and the evidence
files that the cases name. Without its end line a run is partial: it is reported, and marked. A last
line that was cut off by whatever ended the run is part of being partial; anything else that is
wrong in the file is an error that names file and line, because a report made from half-understood
results would be published as if it were true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .model import (
    CLASSES,
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
    Skipped,
    StackItem,
)
from .safe import clip

CASES_NAME = "cases.jsonl"
VERSION = 1
EVIDENCE_LIMIT = 64 * 1024 * 1024
SENTENCE_LIMIT = 500  # more is a client's own words; the evidence has them all


class Fields:
    """A JSON object with its place in a file: typed access, and errors that say where."""

    def __init__(self, where: str, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise ReportError(f"{where}: {what} must be a JSON object, not {_kind(value)}")
        self.where = where
        self.what = what
        self.raw: dict[str, Any] = value

    def _wrong(self, key: str, wanted: str) -> ReportError:
        if key not in self.raw:
            return ReportError(f'{self.where}: {self.what} has no "{key}" ({wanted} expected)')
        kind = _kind(self.raw[key])
        return ReportError(f'{self.where}: "{key}" of {self.what} must be {wanted}, not {kind}')

    def text(self, key: str, default: str | None = None) -> str:
        value = self.raw.get(key, default)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, "a string")
        return value

    def maybe_text(self, key: str) -> str | None:
        value = self.raw.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "a string or null")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.raw.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.raw.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return value

    def items(self, key: str) -> list[Any]:
        value = self.raw.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return value

    def objects(self, key: str, what: str) -> Iterator[Fields]:
        for item in self.items(key):
            yield Fields(self.where, item, what)

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.items(key)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of strings")
        return tuple(values)


def _kind(value: object) -> str:
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)


@dataclass
class _Lines:
    """The lines of one cases.jsonl, parsed; `cut` if the last was broken off."""

    path: Path
    objects: list[Fields]
    cut: bool


def _read_lines(path: Path) -> _Lines:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    if not data.strip():
        raise ReportError(f"{path}: is empty; the run that made it never started")
    lines = data.split(b"\n")
    ends_with_newline = lines[-1] == b""
    objects: list[Fields] = []
    cut = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not ends_with_newline and number > 1:
                cut = True
                break
            raise ReportError(f"{where}: is not JSON: {error}") from error
        objects.append(Fields(where, value, "the record"))
    return _Lines(path, objects, cut)


def find_cases_file(path: Path) -> Path:
    """The cases.jsonl that a run folder, or the file itself, stands for."""
    if path.is_file():
        return path
    if not path.exists():
        raise ReportError(f"{path}: no such run folder or cases.jsonl")
    candidate = path / CASES_NAME
    if candidate.is_file():
        return candidate
    inner = sorted(p.parent.name for p in path.glob(f"*/{CASES_NAME}"))
    hint = f"; it holds the runs {', '.join(inner[:5])}: name one of them" if inner else ""
    raise ReportError(f"{path}: holds no {CASES_NAME}, so it is no run folder{hint}")


def _stack(owner: Fields) -> tuple[StackItem, ...]:
    return tuple(
        StackItem(item.text("name"), item.text("version"))
        for item in owner.objects("stack", "an item of the stack")
    )


def _scenario(where: str, scenario_id: str, value: object) -> ScenarioInfo:
    fields = Fields(where, value, f'scenario "{scenario_id}" of the head')
    class_ = fields.text("class")
    if class_ not in CLASSES:
        raise ReportError(f'{where}: scenario "{scenario_id}" has the unknown class "{class_}"')
    return ScenarioInfo(
        id=scenario_id,
        title=fields.text("title"),
        family=fields.text("family"),
        class_=class_,
        why=fields.text("why", ""),
        dispute=fields.text("dispute", ""),
        compare_with=fields.text("compare_with", ""),
        requirements=fields.texts("requirements"),
        probe=fields.text("probe", ""),
        text=fields.text("text", ""),
    )


def _requirement(where: str, req_id: str, value: object) -> Requirement:
    fields = Fields(where, value, f'requirement "{req_id}" of the head')
    binds = fields.raw.get("binds", "")
    return Requirement(
        id=req_id,
        rfc=str(fields.raw.get("rfc", "")),
        section=str(fields.raw.get("section", "")),
        level=fields.text("level", ""),
        binds=", ".join(map(str, binds)) if isinstance(binds, list) else str(binds),
        text=fields.text("text"),
        link=fields.text("link", ""),
    )


@dataclass
class _LoadedRun:
    run: Run
    scenarios: dict[str, ScenarioInfo]
    requirements: dict[str, Requirement]
    clients: dict[str, Fields]
    skipped: list[Skipped]
    cases: list[Case]
    notes: list[str]


def _case(fields: Fields, folder: Path) -> Case:
    grade = fields.text("grade")
    if grade not in GRADES or grade == "withheld":
        raise ReportError(f'{fields.where}: "{grade}" is no grade')
    evidence = fields.maybe_text("evidence")
    baseline = fields.raw.get("baseline")
    if baseline is not None and not isinstance(baseline, dict):
        raise ReportError(f'{fields.where}: "baseline" must be an object or null')
    reasons = tuple(reason.raw for reason in fields.objects("reasons", "a reason"))
    return Case(
        row=RowId(
            fields.text("client"), fields.text("version"), fields.maybe_text("variant") or ""
        ),
        column=ColumnId(fields.text("scenario"), fields.text("transport")),
        family=fields.text("family"),
        class_=fields.text("class"),
        outcome=fields.maybe_text("outcome"),
        grade=grade,
        sentence=clip(fields.text("sentence", ""), SENTENCE_LIMIT),
        facts=fields.mapping("facts"),
        reasons=reasons,
        traits=fields.mapping("traits"),
        requirements=fields.texts("requirements"),
        unstable=fields.flag("unstable", False),
        repeats=tuple(repeat.raw for repeat in fields.objects("repeats", "a repeat")),
        attempts=int(fields.number("attempts", 1)),
        duration_ms=fields.number("duration_ms", 0.0),
        baseline=baseline,
        stack=_stack(fields),
        evidence=_inside(fields.where, folder, evidence) if evidence else None,
        source=fields.where,
    )


def _inside(where: str, folder: Path, name: str) -> Path:
    """A results file may be somebody else's: it may not make us read outside its folder."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or "\0" in name:
        raise ReportError(f'{where}: the evidence "{name}" lies outside the run folder')
    return folder / relative


def _load_run(path: Path) -> _LoadedRun:
    lines = _read_lines(find_cases_file(path))
    head = lines.objects[0]
    if head.raw.get("kind") != "head":
        raise ReportError(f"{head.where}: the first line of a run must be its head")
    cases: list[Case] = []
    notes: list[str] = []
    end: Mapping[str, Any] | None = None
    for fields in lines.objects:
        if fields.raw.get("v") != VERSION:
            found = fields.raw.get("v")
            raise ReportError(
                f"{fields.where}: version {found!r} of the results format; this interimspec "
                f"reads version {VERSION}"
            )
        kind = fields.raw.get("kind")
        if kind == "case":
            cases.append(_case(fields, lines.path.parent))
        elif kind == "end":
            end = fields.raw
        elif kind == "head":
            if fields is not head:
                raise ReportError(f"{fields.where}: a second head in one run")
        else:
            raise ReportError(f"{fields.where}: unknown kind of record {kind!r}")
    partial = None
    if end is None:
        partial = "it has no end line: it was interrupted"
        partial += ", in the middle of writing a case" if lines.cut else ""
    elif end.get("complete") is not True:
        because = end.get("reason")
        partial = str(because) if because else "it says itself that it is not complete"
    elif lines.cut:
        raise ReportError(f"{lines.path}: has a broken line after its end line")
    run = Run(
        path=lines.path.parent,
        id=head.text("run"),
        started=head.text("started", ""),
        interimspec=head.text("interimspec", ""),
        machine=head.mapping("machine"),
        server=head.mapping("server"),
        complete=partial is None,
        partial_because=partial,
        end=end or {},
        cases=len(cases),
    )
    return _LoadedRun(
        run=run,
        scenarios={
            key: _scenario(head.where, key, value)
            for key, value in head.mapping("scenarios").items()
        },
        requirements={
            key: _requirement(head.where, key, value)
            for key, value in head.mapping("requirements").items()
        },
        clients={
            key: Fields(head.where, value, f'client "{key}" of the head')
            for key, value in head.mapping("clients").items()
        },
        skipped=[
            Skipped(item.text("client"), item.text("why"), item.text("how", ""))
            for item in head.objects("skipped", "a skipped client")
        ],
        cases=cases,
        notes=notes,
    )


def _client(row: RowId, known: Mapping[str, Fields], stack: tuple[StackItem, ...]) -> Client:
    for key in (str(row), f"{row.client}@{row.version}", row.client):
        if key in known:
            fields = known[key]
            break
    else:
        return Client(row, row.client, "unknown", "", "", "", "", stack)
    return Client(
        row=row,
        title=fields.text("title", row.client),
        language=fields.text("language", "unknown"),
        kind=fields.text("kind", ""),
        homepage=fields.text("homepage", ""),
        interim_api=fields.text("interim_api", ""),
        notes=fields.text("notes", ""),
        stack=stack or _stack(fields),
        what=fields.text("what", "") if row.variant else "",
    )


def load_report(paths: Sequence[Path]) -> Report:
    """Read runs; where two hold the same case, the run that started later has the last word."""
    if not paths:
        raise ReportError("no run to report on: name a run folder or a cases.jsonl")
    loaded = sorted((_load_run(path) for path in paths), key=lambda item: item.run.started)
    scenarios: dict[str, ScenarioInfo] = {}
    requirements: dict[str, Requirement] = {}
    known: dict[str, Fields] = {}
    skipped: dict[str, Skipped] = {}
    cases: dict[tuple[RowId, ColumnId], Case] = {}
    notes: list[str] = []
    for item in loaded:
        for scenario_id, info in item.scenarios.items():
            before = scenarios.get(scenario_id)
            if before is not None and before.text != info.text:
                notes.append(
                    f"The scenario {scenario_id} is not the same in all runs; that of run "
                    f"{item.run.id} is shown."
                )
            scenarios[scenario_id] = info
        requirements.update(item.requirements)
        known.update(item.clients)
        skipped.update({entry.client: entry for entry in item.skipped})
        for case in item.cases:
            if case.column.scenario not in item.scenarios:
                raise ReportError(
                    f'{case.source}: the scenario "{case.column.scenario}" is not in the head'
                )
            cases[(case.row, case.column)] = case
        notes.extend(item.notes)
    stacks = {row: case.stack for (row, _), case in cases.items() if case.stack}
    rows = sorted({row for row, _ in cases}, key=RowId.sort_key)
    clients = [_client(row, known, stacks.get(row, ())) for row in rows]
    clients.sort(key=lambda c: (c.language.lower(), c.row.sort_key()))
    graded = {row.client for row in rows}
    columns = sorted(
        {column for _, column in cases},
        key=lambda c: (scenarios[c.scenario].family, c.scenario, c.transport),
    )
    return Report(
        runs=tuple(item.run for item in loaded),
        clients=tuple(clients),
        columns=tuple(columns),
        scenarios=scenarios,
        requirements=requirements,
        cases=cases,
        skipped=tuple(s for name, s in sorted(skipped.items()) if name not in graded),
        notes=tuple(dict.fromkeys(notes)),
    )


def load_evidence(case: Case) -> tuple[Mapping[str, Any] | None, str | None]:
    """The evidence of a case, or why there is none. A missing file costs one cell, not a report."""
    if case.evidence is None:
        return None, "No evidence was kept for this case."
    try:
        if case.evidence.stat().st_size > EVIDENCE_LIMIT:
            return None, f"{case.evidence.name} is larger than 64 MiB and was not read."
        value = json.loads(case.evidence.read_bytes())
    except OSError as error:
        return None, f"{case.evidence.name} cannot be read: {error.strerror}."
    except (ValueError, RecursionError) as error:
        return None, f"{case.evidence.name} is not JSON: {error}."
    if not isinstance(value, dict):
        return None, f"{case.evidence.name} holds no evidence."
    return value, None
