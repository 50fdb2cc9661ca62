# SPDX-License-Identifier: MIT
"""Environments: `build/clients/<name>@<version>/`, each holding one client at one version.

An environment is built in a folder of its own and renamed into place, so what is there is whole.
A stamp inside says what it was made from; where that still holds nothing is done. How each method
builds is in install_methods.py. Nothing here installs anything on the machine itself.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interimspec.clients import Detection, Row, detect_row
from interimspec.install_methods import (
    METHODS,
    Building,
    NotInstalled,
    copy_sources,
    locked,
    python_of,
    sources,
)

Progress = Callable[[str], None]

_STAMP = ".interimspec.json"
_LAYOUT = 2  # part of every stamp: raise it when environments must be made anew


@dataclass(frozen=True)
class Environment:
    """A row that is ready to run."""

    row: Row
    path: Path

    def command(self) -> list[str]:
        return self.row.command(self.path)

    def environ(self) -> dict[str, str]:
        return self.row.environ(self.path)


def env_path(row: Row, build_dir: Path) -> Path:
    return build_dir / "clients" / row.env_name


def is_ready(row: Row, build_dir: Path) -> bool:
    """Whether the environment is there and made from what the manifest says today."""
    return _is_current(row, env_path(row, build_dir))


def ensure(row: Row, build_dir: Path, progress: Progress = lambda line: None) -> Environment:
    """The row's environment, built if need be; raises NotInstalled with the reason and the way out.

    Safe to call from several processes: one builds, the others wait for it.
    """
    found = detect_row(row)
    if not found.present:
        raise NotInstalled(found.reason, found.how)
    target = env_path(row, build_dir)
    if not row.manifest.install.builds or _is_current(row, target):
        return Environment(row, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / f".{row.env_name}.lock"):
        if not _is_current(row, target):
            _build(row, target, progress)
    return Environment(row, target)


def _build(row: Row, target: Path, progress: Progress) -> None:
    install = row.manifest.install
    started = time.monotonic()
    progress(f"{row.env_name}: installing ({install.shown}) …")
    work = target.parent / f".{row.env_name}.new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        copy_sources(row, work)
        for method in install.methods:
            METHODS[method](Building(row, work, target))
        stamp = {"made_from": _made_from(row), "method": install.shown, "version": row.version}
        (work / _STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    except NotInstalled as error:
        progress(f"{row.env_name}: not to be had: {error.reason}")
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress(f"{row.env_name}: installed in {time.monotonic() - started:.1f} s")


def _is_current(row: Row, target: Path) -> bool:
    try:
        stamp = json.loads((target / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stamp, dict) and stamp.get("made_from") == _made_from(row)


def _made_from(row: Row) -> str:
    """A hash of everything that an environment depends on."""
    install = row.manifest.install
    digest = hashlib.sha256()
    facts = [
        str(_LAYOUT),
        *install.methods,
        row.version,
        *install.options,
        *(f"{key}={value}" for key, value in sorted(install.env.items())),
    ]
    if "pip" in install.methods:
        facts.append(python_of(row))
    for fact in facts:
        digest.update(fact.encode() + b"\0")
    for source, name in sources(row):
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and "__pycache__" not in path.parts:
                inner = path.relative_to(source) if source.is_dir() else ""
                digest.update(f"{name}/{inner}\0".encode() + path.read_bytes())
    return digest.hexdigest()


__all__ = ["Detection", "Environment", "NotInstalled", "ensure", "env_path", "is_ready"]
