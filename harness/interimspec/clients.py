# SPDX-License-Identifier: MIT
"""Clients: the rows of the matrix that manifests make, and whether they can be run here.

    Manifest 1--* Row          a row is one client at one version, default or a named variant

Nothing here starts a client; `install.py` makes environments, the engine runs rows.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from interimspec import debian
from interimspec.manifest import (
    PLACEHOLDER,
    SYSTEM_VERSION,
    Can,
    Deviation,
    Install,
    Manifest,
    Needs,
    Override,
    Run,
    Told,
    Variant,
    load_manifest,
    load_manifests,
)
from interimspec.toml_table import TomlError

_PROBE_SECONDS = 20.0
_PROBES_AT_ONCE = 8
_SHARED_FOLDER = re.compile(r"\{clients\}/(_[a-z]+)/")


@dataclass(frozen=True)
class Row:
    """One row of the matrix. `version` is exact: the version of a "system" client was looked up."""

    manifest: Manifest
    version: str
    variant: Variant | None = None

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def id(self) -> str:
        """`requests@2.34.2`, or `curl@7.88.1+http2` for a variant."""
        suffix = f"+{self.variant.name}" if self.variant else ""
        return f"{self.name}@{self.version}{suffix}"

    @property
    def env_name(self) -> str:
        """The name of the environment: variants share the default row's."""
        return f"{self.name}@{self.version}"

    @property
    def _facts(self) -> Variant | Override | Manifest:
        return self.variant or self.manifest.per_version.get(self.version) or self.manifest

    @property
    def can(self) -> Can:
        return self._facts.can

    @property
    def told(self) -> Told:
        return self._facts.told

    @property
    def controls(self) -> Mapping[str, Deviation]:
        return self._facts.controls

    @property
    def interim_api(self) -> str:
        return self._facts.interim_api

    @property
    def processes(self) -> int:
        return self.manifest.run.processes

    @property
    def plans_per_process(self) -> int:
        return self.manifest.run.plans_per_process

    def expand(self, text: str, env_dir: Path) -> str:
        """`text` with its placeholders filled in."""
        values = {
            "env": str(env_dir),
            "here": str(self.manifest.here),
            "version": self.version,
            "helpers": str(self.manifest.helpers),
            "clients": str(self.manifest.clients_dir),
            "python": sys.executable,
            "variant": self.variant.name if self.variant else "",
        }
        return PLACEHOLDER.sub(lambda found: values.get(found.group(1), found.group(0)), text)

    def command(self, env_dir: Path) -> list[str]:
        """The adapter's command line; `env_dir` is build/clients/<env_name>/."""
        parts = self.manifest.run.command + (self.variant.args if self.variant else ())
        return [self.expand(part, env_dir) for part in parts]

    def environ(self, env_dir: Path) -> dict[str, str]:
        """What the manifest sets in the adapter's environment, on top of the clean one."""
        values = dict(self.manifest.run.env)
        if self.variant:
            values.update(self.variant.env)
        return {key: self.expand(value, env_dir) for key, value in values.items()}

    def adapter_sha256(self) -> str:
        """A hash of all that makes the adapter: its folder, and the helpers it shares."""
        digest = hashlib.sha256()
        folders = [self.manifest.here, self.manifest.helpers]
        if self.manifest.has_tool:
            folders.append(self.manifest.clients_dir / "_command")
        for part in self.manifest.run.command:
            shared = _SHARED_FOLDER.match(part)
            if shared:
                folders.append(self.manifest.clients_dir / shared.group(1))
        for name in self.manifest.install.files:
            if name.startswith("../"):  # Kotlin and Scala borrow from Java
                folders.append(self.manifest.here.parent / name.removeprefix("../"))
        for folder in dict.fromkeys(folders):
            for path in sorted(folder.rglob("*")) if folder.is_dir() else (folder,):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(f"{path.relative_to(folder.parent)}\0".encode())
                    digest.update(path.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Detection:
    """Whether a row can be run here: what the machine must have, not what we install ourselves."""

    present: bool
    missing: tuple[str, ...] = ()
    how: str = ""
    version: str | None = None  # of a "system" client, as it was found

    @property
    def reason(self) -> str:
        return "" if self.present else "not installed: " + ", ".join(self.missing)


# ---------------------------------------------------------------- rows


def detect(manifest: Manifest, version: str) -> Detection:
    """Looks for what the machine must have for this version; starts the version command, if any."""
    missing = []
    for command in manifest.needs.commands:
        command = command.replace("{version}", version)
        if shutil.which(command) is None:
            missing.append(command)
    packages = [name.replace("{version}", version) for name in manifest.install.packages]
    lacking = debian.missing(packages)
    how = manifest.needs.how.replace("{version}", version)
    if packages and not how:
        how = "apt-get install " + " ".join(lacking or packages)
    if missing or lacking:
        return Detection(False, (*missing, *lacking), how)
    if version != SYSTEM_VERSION:
        return Detection(True)
    found = _probe_version(manifest.needs)
    if found is None:
        shown = " ".join(manifest.needs.version)
        return Detection(False, (f"a version from `{shown}`",), how)
    return Detection(True, version=found)


def forget_what_was_found() -> None:
    """Look anew: something has been installed on this machine since."""
    debian.forget()
    _probe_version.cache_clear()


def look_up_versions(manifests: Iterable[Manifest]) -> None:
    """Asks all "system" clients for their versions at once; `rows_of` then knows the answers."""
    asked = {
        manifest.needs
        for manifest in manifests
        if SYSTEM_VERSION in manifest.versions
        and all(shutil.which(command) for command in manifest.needs.commands)
    }
    with ThreadPoolExecutor(_PROBES_AT_ONCE) as pool:
        list(pool.map(_probe_version, asked))


@cache
def _probe_version(needs: Needs) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable if part == "{python}" else part for part in needs.version],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PROBE_SECONDS,
            start_new_session=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(needs.version_pattern, done.stdout.decode("utf-8", "replace"), re.MULTILINE)
    return found.group(1) if found else None


def rows_of(manifest: Manifest, *, all_versions: bool = True) -> tuple[Row, ...]:
    """The rows of one client, default version first, then its variants.

    "system" becomes the version that was found; where none is, the row keeps the word.
    """
    rows: list[Row] = []
    exact: dict[str, str] = {}

    def add(version: str, variant: Variant | None) -> None:
        if version not in exact:
            found = detect(manifest, version).version if version == SYSTEM_VERSION else None
            exact[version] = found or version
        row = Row(manifest, exact[version], variant)
        if row.id not in {other.id for other in rows}:
            rows.append(row)

    for version in manifest.versions if all_versions else manifest.versions[:1]:
        add(version, None)
    for variant in manifest.variants.values():
        for version in variant.versions if all_versions else variant.versions[:1]:
            add(version, variant)
    return tuple(rows)


def detect_row(row: Row) -> Detection:
    """`detect` for a row, whose version may have come from the machine."""
    listed = row.version in row.manifest.versions
    return detect(row.manifest, row.version if listed else SYSTEM_VERSION)


def select(rows: Iterable[Row], patterns: Iterable[str]) -> tuple[Row, ...]:
    """The rows whose name, id or environment matches one of `patterns` (shell wildcards)."""
    wanted = tuple(patterns)
    return tuple(
        row
        for row in rows
        if any(
            fnmatch.fnmatchcase(text, pattern)
            for pattern in wanted
            for text in (row.name, row.env_name, row.id)
        )
    )


__all__ = [
    "Can",
    "Detection",
    "Deviation",
    "Install",
    "Manifest",
    "Needs",
    "Row",
    "Run",
    "Told",
    "TomlError",
    "Variant",
    "detect",
    "detect_row",
    "forget_what_was_found",
    "load_manifest",
    "load_manifests",
    "look_up_versions",
    "rows_of",
    "select",
]
