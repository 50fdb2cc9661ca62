# SPDX-License-Identifier: MIT
"""One scenario file as the harness sees it.

    load_catalogue(path)  every scenario below a folder, or one file
    load_scenario(path)   one file
    Scenario              what the other parts read; frozen

The half of the file that the server reads is checked first, by the same rules as the server's, so
that both name the same line and column. Then the harness's half: scenario_expect.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import scenario_expect, scenario_timeline
from .scenario_expect import ExpectSpec, RequestSpec, TimerSpec, VarySpec
from .scenario_frames import H2Settings, read_h2_settings
from .scenario_reader import MAX_INTEGER, ParamSpec, Reader, ScenarioError, show
from .scenario_script import Script, read_script
from .scenario_transports import default_transports
from .yaml_subset import LIST, MAP, TEXT, Node, SubsetError, parse_octets

if TYPE_CHECKING:
    from .catalogue import Catalogue

KEYS = (
    "id",
    "title",
    "requirements",
    "transports",
    "tls",
    "params",
    "request",
    "h2",
    "timers",
    "script",
    "resources",
    "on-connect",
    "probe",
    "expect",
    "vary",
    "compare_with",
    "why",
    "dispute",
    "mutant_free",
)
CERTIFICATES = ("trusted", "unknown-ca")
TRANSPORTS = ("h1", "h1s", "h2c", "h2", "h3")

_PARAM_NAME = re.compile("[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Scenario:
    id: str
    title: str
    family: str  # the folder below the catalogue's, slashes for nested ones
    why: str
    dispute: str | None
    mutant_free: str | None
    requirements: tuple[str, ...]
    transports: tuple[str, ...]
    unknown_ca: bool  # its certificate is signed by an authority that clients are not told of
    request: RequestSpec
    timers: TimerSpec
    probe: str  # at-once, late, both, together, none
    probe_request: RequestSpec  # what it asks, of the resource `probe`
    expect: ExpectSpec
    vary: VarySpec | None
    compare_with: str | None  # the scenario that asks the same without an interim response
    params: Mapping[str, ParamSpec]
    resources: Mapping[str, tuple[Script, ...]]  # "start" first; one script per visit
    on_connect: Script | None
    h2: H2Settings | None  # what the server says of itself on HTTP/2
    script_ms: int | None  # how long start's first script lasts by itself; None: it does not end
    has_final: bool  # start's first script sends a complete final response
    server_ends: bool  # start's first script closes or resets the connection
    path: Path
    text: str  # the whole file
    sha256: str  # of what it plays and how that is judged, see _digest


# --- the server's half, in the order of mockserver/scenario.c ---


def _read_param(reader: Reader, key: Node, node: Node) -> ParamSpec:
    name = key.text
    if _PARAM_NAME.fullmatch(name) is None:
        raise reader.error(
            key,
            f'parameter "{show(name)}" must be 1 to 32 of a-z, 0-9 and "_", and begin with a '
            "letter",
        )
    if name == "forever":
        raise reader.error(key, '"forever" is a word of times and cannot name a parameter')
    reader.map(node, ("default", "min", "max"), "a parameter")
    default, low, high = (
        reader.literal(reader.require(node, limit, "a parameter"), 0, MAX_INTEGER, limit)
        for limit in ("default", "min", "max")
    )
    if not low <= default <= high:
        raise reader.error(
            node,
            f'parameter "{name}" needs min <= default <= max, not {low}, {default}, {high}',
        )
    return ParamSpec(name, default, low, high)


def _read_transports(reader: Reader, node: Node) -> tuple[str, ...]:
    reader.expect(node, LIST, "transports")
    if not node.items:
        raise reader.error(node, "transports names none; leave the key out for the default")
    transports: list[str] = []
    for item in node.items:
        transport = reader.choice(item, TRANSPORTS, "transport")
        if transport in transports:
            raise reader.error(item, f"transport {transport} stands twice")
        transports.append(transport)
    return tuple(transports)


def _read_tls(reader: Reader, node: Node) -> bool:
    """Whether the certificate is signed by an authority that clients are not told of."""
    reader.expect(node, MAP, "tls")
    reader.check_keys(node, ("certificate",), "tls")
    if not set(reader.transports) <= {"h1s", "h2"}:
        raise reader.error(node, "tls is for the transports h1s and h2 alone; list only those")
    certificate = reader.require(node, "certificate", "tls")
    return reader.choice(certificate, CERTIFICATES, "certificate") == "unknown-ca"


def _name_resources(reader: Reader, root: Node) -> None:
    script, resources = root.get("script"), root.get("resources")
    if resources is not None:
        reader.expect(resources, MAP, "resources")
    start = None if resources is None else resources.get("start")
    if script is not None and resources is not None and start is not None:
        raise reader.error(
            resources.keys["start"], "script already says what start does; keep one of them"
        )
    if script is None and start is None:
        raise reader.error(root, 'a scenario needs the key "script", or "start" under resources')
    reader.resources.append("start")
    for name, key in {} if resources is None else resources.keys.items():
        if name == "start":
            continue
        reader.name(key, "resource")
        if name == "probe":
            raise reader.error(key, 'resource "probe" is built in and cannot be declared')
        reader.resources.append(name)


def _read_visits(reader: Reader, node: Node) -> tuple[Script, ...]:
    reader.expect(node, LIST, "a resource")
    if not node.items:
        raise reader.error(node, "a resource needs a script for its first visit")
    visits: list[Script] = []
    for visit in node.items:
        if visit.kind != LIST:
            raise reader.error(
                visit,
                "a resource is a list of visits and a visit a list of steps; write [[step, step]]",
            )
        visits.append(read_script(reader, visit, "a visit"))
    return tuple(visits)


def _read_resources(reader: Reader, root: Node) -> dict[str, tuple[Script, ...]]:
    _name_resources(reader, root)
    script, resources = root.get("script"), root.get("resources")
    scripts: dict[str, tuple[Script, ...]] = {}
    if script is not None:
        scripts["start"] = (read_script(reader, script, "script"),)
    for name, node in {} if resources is None else resources.values.items():
        scripts[name] = _read_visits(reader, node)
    return {name: scripts[name] for name in reader.resources}


def _file_name_fits(path: Path | str, scenario_id: str) -> bool:
    return Path(path).name == f"{scenario_id}.yaml"


@dataclass(frozen=True)
class _ServerHalf:
    id: str
    title: str
    unknown_ca: bool
    resources: dict[str, tuple[Script, ...]]
    on_connect: Script | None
    h2: H2Settings | None


def _read_server_half(reader: Reader, root: Node) -> _ServerHalf:
    reader.map(root, KEYS, "a scenario")
    id_node = reader.require(root, "id", "a scenario")
    scenario_id = reader.name(id_node, "id")
    title = reader.require(root, "title", "a scenario")
    reader.expect(title, TEXT, "title")
    if not title.text:
        raise reader.error(title, "title is empty; say what is asked, in one sentence")
    transports = root.get("transports")
    if transports is not None:
        reader.transports = _read_transports(reader, transports)
    tls = root.get("tls")
    unknown_ca = tls is not None and _read_tls(reader, tls)
    params = root.get("params")
    if params is not None:
        reader.expect(params, MAP, "params")
        for name, node in params.values.items():
            reader.params[name] = _read_param(reader, params.keys[name], node)
    h2 = root.get("h2")
    settings = None if h2 is None else read_h2_settings(reader, root.keys["h2"], h2)
    resources = _read_resources(reader, root)
    on_connect_node = root.get("on-connect")
    on_connect = None
    if on_connect_node is not None:
        reader.in_on_connect = True
        if not set(reader.transports) <= {"h1", "h1s"}:
            raise reader.error(
                root.keys["on-connect"],
                "on-connect is for the transports h1 and h1s alone; list only those",
            )
        on_connect = read_script(reader, on_connect_node, "on-connect")
    if params is not None:
        for name, key in params.keys.items():
            if name not in reader.params_used:
                raise reader.error(key, f'parameter "{name}" is used by no step')
    if transports is None:
        scripts = [visit for visits in resources.values() for visit in visits]
        reader.transports = (
            ("h1",) if on_connect is not None else default_transports(reader, scripts)
        )
    if not _file_name_fits(reader.path, scenario_id):
        raise reader.error(id_node, f'id "{scenario_id}" must be the file\'s name without .yaml')
    return _ServerHalf(scenario_id, title.text, unknown_ca, resources, on_connect, settings)


# --- the whole file ---


def _optional_text(reader: Reader, root: Node, key: str) -> str | None:
    node = root.get(key)
    return None if node is None else reader.text(node, key)


#: What people read, and what says where else and beside what it is played.
_NOT_PLAYED = frozenset(
    ("title", "why", "dispute", "mutant_free", "requirements", "transports", "compare_with")
)


def _digest(root: Node) -> str:
    """Tells whether results of another day are results of this scenario: the same octets at the
    same times, the same question, judged by the same keys. Prose and comments do not count."""
    played = [(key, _plain(value)) for key, value in root.values.items() if key not in _NOT_PLAYED]
    return hashlib.sha256(json.dumps(sorted(played)).encode()).hexdigest()


def _plain(node: Node) -> object:
    if node.kind == MAP:
        return {"map": sorted((key, _plain(value)) for key, value in node.values.items())}
    if node.kind == LIST:
        return [_plain(item) for item in node.items]
    return (node.text, node.quoted)


def parse_scenario(
    path: Path | str,
    octets: bytes,
    family: str = "",
    requirements: Collection[str] | None = None,
) -> Scenario:
    """The scenario in these octets; `path` gives its name. `requirements`: the ids that exist;
    None leaves them unchecked. Raises ScenarioError."""
    try:
        root = parse_octets(octets)
    except SubsetError as error:
        raise ScenarioError(path, error.line, error.column, error.message) from None
    reader = Reader(path)
    half = _read_server_half(reader, root)
    reader.in_on_connect = False
    start = half.resources["start"][0]
    required = scenario_expect.read_requirements(reader, root, requirements)
    request = scenario_expect.read_request(reader, root)
    timers = scenario_expect.read_timers(reader, root)
    probe, probe_request = scenario_expect.read_probe(reader, root)
    expect = scenario_expect.read_expect(reader, root)
    vary = scenario_expect.read_vary(reader, root)
    compare_with = root.get("compare_with")
    why = reader.text(reader.require(root, "why", "a scenario"), "why")
    finals = scenario_timeline.finals_of(
        start, reader.params, request.method, request.offered_protocols
    )
    scenario = Scenario(
        id=half.id,
        title=half.title.strip(),
        family=family,
        why=why,
        dispute=_optional_text(reader, root, "dispute"),
        mutant_free=_optional_text(reader, root, "mutant_free"),
        requirements=required,
        transports=reader.transports,
        unknown_ca=half.unknown_ca,
        request=request,
        timers=timers,
        probe=probe,
        probe_request=probe_request,
        expect=expect,
        vary=vary,
        compare_with=None if compare_with is None else reader.name(compare_with, "compare_with"),
        params=reader.params,
        resources=half.resources,
        on_connect=half.on_connect,
        h2=half.h2,
        script_ms=scenario_timeline.script_ms(start, reader.params),
        has_final=any(final.complete for final in finals),
        server_ends=scenario_timeline.server_ends(start),
        path=Path(path),
        text=octets.decode(),
        sha256=_digest(root),
    )
    scenario_expect.check_class(reader, root, scenario, finals)
    scenario_expect.check_timers(reader, root, scenario, finals)
    return scenario


def load_scenario(
    path: Path, family: str = "", requirements: Collection[str] | None = None
) -> Scenario:
    """The same for a file."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise ScenarioError(path, 1, 1, f"cannot read the file: {error.strerror}") from None
    return parse_scenario(path, octets, family, requirements)


def load_catalogue(path: Path) -> Catalogue:
    """Every scenario below a folder, or the one of a file; see catalogue.py."""
    from .catalogue import load_catalogue as load

    return load(path)


__all__ = [
    "ExpectSpec",
    "ParamSpec",
    "RequestSpec",
    "Scenario",
    "ScenarioError",
    "TimerSpec",
    "VarySpec",
    "load_catalogue",
    "load_scenario",
    "parse_scenario",
]
