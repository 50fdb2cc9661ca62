# SPDX-License-Identifier: MIT
"""What `harness/clients/<name>/client.toml` says, read strictly.

A wrong key or type is a TomlError with file and line; what was read is immutable. The format is
documented in harness/clients/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from interimspec.control_table import BadDeviation, deviate
from interimspec.toml_table import Table, read

KINDS = ("library", "tool", "reference", "mutant")
# What makes an environment; "none" and "deb" make none.
BUILD_METHODS = ("pip", "npm", "go", "javac", "maven", "cargo", "make")
INSTALL_METHODS = ("none", "deb", *BUILD_METHODS)
_USUAL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
METHODS = (*_USUAL_METHODS, "PROPFIND", "MKCOL", "COPY")
TIMERS = ("connect_ms", "read_ms", "total_ms")
ERROR_KINDS = ("timeout", "protocol", "closed", "refused", "limit", "status", "tls", "other")
INTERIM_LEVELS = ("none", "count", "status", "fields")
SECOND_REQUESTS = ("pooled", "new-connection", "none")
HTTP_VERSIONS = ("1.1", "2", "3")
SYSTEM_VERSION = "system"
PLACEHOLDERS = ("env", "here", "version", "helpers", "clients", "python", "variant")
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,47}$")
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Install:
    methods: tuple[str, ...]  # done in this order, in the same folder
    files: tuple[str, ...]  # copied (or, for pip, read as requirements); may hold {version}
    env: Mapping[str, str]  # set while installing, beside the user's own; may hold {version}
    options: tuple[str, ...]  # further arguments for the installer
    python: str | None  # pip only: the interpreter the environment is made from
    packages: tuple[str, ...] = ()  # of Debian, that must be on the machine; may hold {version}

    @property
    def builds(self) -> bool:
        """Whether there is an environment to make."""
        return any(method in BUILD_METHODS for method in self.methods)

    @property
    def shown(self) -> str:
        return " + ".join(self.methods)


@dataclass(frozen=True)
class Needs:
    commands: tuple[str, ...]  # names on PATH or absolute paths; may hold {version}
    version: tuple[str, ...]  # a command that prints the version of a "system" client
    version_pattern: str  # its first group is the version
    how: str  # what a person does to get what is missing


@dataclass(frozen=True)
class Run:
    command: tuple[str, ...]
    env: Mapping[str, str]
    processes: int  # at most so many at once
    plans_per_process: int  # 0: no limit


@dataclass(frozen=True)
class Can:
    """What the client can be asked to do; the same object as `can` in the adapter's hello."""

    http: tuple[str, ...] = ("1.1",)
    tls: bool = False
    proxy: bool = False
    timers: tuple[str, ...] = ()
    second_request: str = "none"
    not_before: bool = False
    interim: str = "none"
    phases: bool = False
    expect_continue: bool = False
    body_stream: bool = False
    methods: tuple[str, ...] = METHODS
    concurrent: bool = False  # requests at the same time on one client object

    def to_json(self) -> dict[str, Any]:
        said = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(self).items()
        }
        if not self.concurrent:  # left out of hello by those who cannot
            del said["concurrent"]
        return said


@dataclass(frozen=True)
class Told:
    """How a tool's exit statuses read, and how a client tells a failure as if it were an answer."""

    status_exits: tuple[int, ...] = ()  # documented as "the server answered 4xx or 5xx"
    exits: Mapping[int, str] = field(default_factory=dict)  # other documented ones -> error kind
    made_up: tuple[int, ...] = ()  # statuses that the client gives to what it cannot read
    no_status: bool = False  # it gives it none at all, while a response that it reads has one

    def kind_of_exit(self, code: int) -> str:
        return "status" if code in self.status_exits else self.exits.get(code, "other")


@dataclass(frozen=True)
class Deviation:
    """Where a control may end otherwise than the standard table says, and why that is honest."""

    because: str
    changes: Mapping[str, Any]  # key of the expectation -> value; read by controls.py
    over_h2: Deviation | None = None  # in its place over HTTP/2; None: this one, or none at all


@dataclass(frozen=True)
class Variant:
    """A documented configuration that is not the default; it has a row of its own."""

    name: str
    what: str  # a sentence: what is configured
    args: tuple[str, ...]  # appended to the command
    env: Mapping[str, str]
    can: Can
    told: Told
    controls: Mapping[str, Deviation]
    versions: tuple[str, ...]
    interim_api: str


@dataclass(frozen=True)
class Override:
    """What holds for one version only; a variant is not touched by it."""

    can: Can
    told: Told
    controls: Mapping[str, Deviation]
    interim_api: str


@dataclass(frozen=True)
class Manifest:
    name: str
    title: str
    language: str
    kind: str
    homepage: str
    interim_api: str
    versions: tuple[str, ...]
    install: Install
    needs: Needs
    run: Run
    can: Can
    told: Told
    controls: Mapping[str, Deviation]
    notes: str
    variants: Mapping[str, Variant]
    has_tool: bool  # driven by the generic command adapter, from the manifest's [tool]
    path: Path
    per_version: Mapping[str, Override] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        return self.path.parent

    @property
    def clients_dir(self) -> Path:
        return self.path.parent.parent

    @property
    def helpers(self) -> Path:
        """The folder that the adapters of this language share."""
        return self.clients_dir / ("_" + self.language.lower())


# ---------------------------------------------------------------- reading


def load_manifest(path: Path) -> Manifest:
    """The manifest in `path` (a client.toml); raises TomlError."""
    top = read(path)
    name = top.text("name")
    if not _NAME.match(name):
        raise top.error("name", f"{name!r} is no name: small letters, digits, '.', '_' and '-'")
    if name != path.parent.name:
        raise top.error("name", f"is {name!r}, but the folder is called {path.parent.name!r}")
    kind = top.choice("kind", KINDS)
    has_tool = "tool" in top
    top.table("tool")  # read and checked by the generic command adapter
    can = _read_can(top.table("can"), None)
    told = _read_told(top.table("told"), None)
    controls = _read_controls(top.table("controls"))
    notes_table = top.table("notes")
    notes = notes_table.text("text", "")
    notes_table.finish()
    install = _read_install(top.table("install"), path.parent)
    manifest = Manifest(
        name=name,
        title=top.text("title"),
        language=top.text("language"),
        kind=kind,
        homepage=top.text("homepage", ""),
        interim_api=top.text("interim_api", "none"),
        versions=top.texts("versions"),
        install=install,
        needs=_read_needs(top.table("needs"), has_packages=bool(install.packages)),
        run=_read_run(top.table("run"), has_tool=has_tool),
        can=can,
        told=told,
        controls=controls,
        notes=notes.strip(),
        variants={},
        has_tool=has_tool,
        path=path,
    )
    manifest = replace(
        manifest,
        variants=_read_variants(top.table("variants"), manifest),
        per_version=_read_per_version(top.table("per_version"), manifest),
    )
    top.finish()
    _check(top, manifest)
    return manifest


def load_manifests(clients_dir: Path) -> tuple[Manifest, ...]:
    """Every client of `clients_dir`, by name; folders with a leading '_' are shared code."""
    found = []
    for folder in sorted(clients_dir.iterdir()):
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            path = folder / "client.toml"
            if path.exists():
                found.append(load_manifest(path))
    return tuple(found)


def _read_install(table: Table, here: Path) -> Install:
    methods = table.choices("method", INSTALL_METHODS, "none")
    files = table.texts("files", ())
    for name in files:
        if "{" not in name and not (here / name).exists():
            raise table.error("files", f"names {name!r}, which is not in {here}")
    for method in methods:
        if method in BUILD_METHODS and not files:
            raise table.error("files", f"is empty, but method {method!r} installs from files")
        if method not in BUILD_METHODS and len(methods) > 1:
            raise table.error("method", f"has {method!r}, which is alone or not at all")
    install = Install(
        methods,
        files,
        table.text_map("env"),
        table.texts("options", ()),
        table.optional_text("python"),
        table.texts("packages", ()),
    )
    table.finish()
    return install


def _read_needs(table: Table, *, has_packages: bool) -> Needs:
    pattern = table.text("version_pattern", r"(\d+(?:\.\d+)+\S*)")
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise table.error("version_pattern", f"is no regular expression: {error}") from error
    if groups < 1:
        raise table.error("version_pattern", "has no group; the first group is the version")
    needs = Needs(
        table.texts("commands", ()), table.texts("version", ()), pattern, table.text("how", "")
    )
    table.finish()
    if needs.commands and not needs.how and not has_packages:
        raise table.error(None, "names commands but no 'how': say how a person gets them")
    return needs


def _read_run(table: Table, *, has_tool: bool) -> Run:
    generic = ("{python}", "{clients}/_command/adapter.py", "{here}/client.toml")
    command = table.texts("command", generic) if has_tool else table.texts("command")
    for part in command:
        for name in PLACEHOLDER.findall(part):
            if name not in PLACEHOLDERS:
                known = ", ".join("{" + known + "}" for known in PLACEHOLDERS)
                raise table.error("command", f"holds {{{name}}}; known are {known}")
    if not command:
        raise table.error("command", "is empty; it is the adapter's command line")
    run = Run(
        command,
        table.text_map("env"),
        table.integer("processes", 2, least=1),
        table.integer("plans_per_process", 0),
    )
    table.finish()
    return run


def _read_can(table: Table, base: Can | None) -> Can:
    start = base or Can()
    can = Can(
        http=table.texts("http", start.http, known=HTTP_VERSIONS),
        tls=table.flag("tls", start.tls),
        proxy=table.flag("proxy", start.proxy),
        timers=table.texts("timers", start.timers, known=TIMERS),
        second_request=table.choice("second_request", SECOND_REQUESTS, start.second_request),
        not_before=table.flag("not_before", start.not_before),
        interim=table.choice("interim", INTERIM_LEVELS, start.interim),
        phases=table.flag("phases", start.phases),
        expect_continue=table.flag("expect_continue", start.expect_continue),
        body_stream=table.flag("body_stream", start.body_stream),
        methods=table.texts("methods", start.methods),
        concurrent=table.flag("concurrent", start.concurrent),
    )
    table.finish()
    return can


def _read_told(table: Table, base: Told | None) -> Told:
    start = base or Told()
    exits: dict[int, str] = dict(start.exits)
    for code, kind in table.text_map("exits").items():
        if not code.isdigit() or kind not in ERROR_KINDS:
            raise table.error(
                "exits",
                f"has {code!r} = {kind!r}; write an exit status and one of "
                + ", ".join(ERROR_KINDS),
            )
        exits[int(code)] = kind
    told = Told(
        table.integers("status_exits", start.status_exits),
        exits,
        table.integers("made_up", start.made_up),
        table.flag("no_status", start.no_status),
    )
    for status in told.made_up:
        if 1 <= status <= 399:
            raise table.error(
                "made_up", f"holds {status}, by which nobody could tell a failure: use 0, or 400 on"
            )
    table.finish()
    return told


def _read_controls(table: Table) -> dict[str, Deviation]:
    found = {}
    for name in list(table.keys()):
        entry = table.table(name)
        over_h2 = _read_deviation(name, entry.table("h2")) if "h2" in entry else None
        if over_h2 and list(entry.keys()) == ["h2"]:
            found[name] = Deviation(over_h2.because, {}, over_h2)
        else:
            found[name] = replace(_read_deviation(name, entry), over_h2=over_h2)
    return found


def _read_deviation(name: str, entry: Table) -> Deviation:
    because = entry.text("because")
    changes: dict[str, Any] = {}
    for key in list(entry.keys()):
        if key not in ("because", "h2"):
            value = entry._values[key]
            entry._asked.add(key)
            changes[key] = tuple(value) if isinstance(value, list) else value
    if not changes:
        raise entry.error(None, "changes nothing; say what may end otherwise")
    try:
        deviate(name, changes)
    except BadDeviation as error:
        raise entry.error(error.key, str(error)) from error
    return Deviation(because, changes)


def _read_variants(table: Table, manifest: Manifest) -> dict[str, Variant]:
    found = {}
    for name in list(table.keys()):
        if not _NAME.match(name):
            raise table.error(name, f"{name!r} is no name for a variant")
        entry = table.table(name)
        controls = dict(manifest.controls)
        controls.update(_read_controls(entry.table("controls")))
        found[name] = Variant(
            name=name,
            what=entry.text("what"),
            args=entry.texts("args", ()),
            env=entry.text_map("env"),
            can=_read_can(entry.table("can"), manifest.can),
            told=_read_told(entry.table("told"), manifest.told),
            controls=controls,
            versions=entry.texts("versions", manifest.versions),
            interim_api=entry.text("interim_api", manifest.interim_api),
        )
        entry.table("tool")  # further words for the generic command adapter, which checks them
        entry.finish()
    return found


def _read_per_version(table: Table, manifest: Manifest) -> dict[str, Override]:
    found = {}
    for version in list(table.keys()):
        entry = table.table(version)
        if version not in manifest.versions and SYSTEM_VERSION not in manifest.versions:
            raise table.error(version, f"{version!r} is none of the versions above")
        controls = dict(manifest.controls)
        controls.update(_read_controls(entry.table("controls")))
        found[version] = Override(
            can=_read_can(entry.table("can"), manifest.can),
            told=_read_told(entry.table("told"), manifest.told),
            controls=controls,
            interim_api=entry.text("interim_api", manifest.interim_api),
        )
        entry.finish()
    return found


def _check(top: Table, manifest: Manifest) -> None:
    if not manifest.versions:
        raise top.error("versions", "is empty; the first version is the default row")
    if len(set(manifest.versions)) != len(manifest.versions):
        raise top.error("versions", "names a version twice")
    if SYSTEM_VERSION in manifest.versions and not manifest.needs.version:
        raise top.error(
            "versions", "holds \"system\", so [needs] must have 'version': a command that prints it"
        )
    uses_env = any("{env}" in part for part in manifest.run.command)
    if uses_env and not manifest.install.builds:
        raise top.error(
            "install",
            f"method {manifest.install.shown!r} makes no environment, but the command uses {{env}}",
        )
    if "pip" in manifest.install.methods and not uses_env:
        raise top.error("run", "the command must use {env}, where pip installs the client")
