# SPDX-License-Identifier: MIT
"""Environments: `build/clients/<name>@<version>/`, each holding one client at one version.

An environment is built in a folder of its own and renamed into place, so what is there is whole.
A stamp inside says what it was made from; where that still holds nothing is done. What is built
never touches the user's own packages: pip installs into the environment's interpreter, npm and go
and javac work in a copied folder. Nothing is ever installed on the machine itself (method `deb`
only looks).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interimspec.clients import Detection, Row, detect_row

Progress = Callable[[str], None]

_STAMP = ".interimspec.json"
_LAYOUT = 1  # part of every stamp: raise it when environments must be made anew
_DEADLINE_SECONDS = 900.0
_UNWANTED_ENV = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
    "PIP_ROOT",
    "VIRTUAL_ENV",
    "NODE_PATH",
    "NODE_OPTIONS",
    "CLASSPATH",
    "GOFLAGS",
    "GOBIN",
    "JAVA_TOOL_OPTIONS",
)


class NotInstalled(Exception):
    """A row that cannot be run here: `reason` says why, `how` what a person can do about it."""

    def __init__(self, reason: str, how: str = "") -> None:
        super().__init__(f"{reason}; {how}" if how else reason)
        self.reason = reason
        self.how = how


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
    if row.manifest.install.method in ("none", "deb") or _is_current(row, target):
        return Environment(row, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / f".{row.env_name}.lock"):
        if not _is_current(row, target):
            _build(row, target, progress)
    return Environment(row, target)


def _build(row: Row, target: Path, progress: Progress) -> None:
    method = row.manifest.install.method
    started = time.monotonic()
    progress(f"{row.env_name}: installing ({method}) …")
    work = target.parent / f".{row.env_name}.new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        {"pip": _pip, "npm": _npm, "go": _go, "javac": _javac}[method](row, work, target)
        stamp = {"made_from": _made_from(row), "method": method, "version": row.version}
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
        install.method,
        row.version,
        *install.options,
        *(f"{key}={value}" for key, value in sorted(install.env.items())),
    ]
    if install.method == "pip":
        facts.append(_python_of(row))
    for fact in facts:
        digest.update(fact.encode() + b"\0")
    for source, name in _sources(row):
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and "__pycache__" not in path.parts:
                inner = path.relative_to(source) if source.is_dir() else ""
                digest.update(f"{name}/{inner}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(row: Row) -> Iterator[tuple[Path, str]]:
    """The manifest's `files`: where each is, and its name in the environment."""
    for text in row.manifest.install.files:
        name = row.expand(text, Path())
        path = Path(name) if Path(name).is_absolute() else row.manifest.here / name
        if not path.exists():
            raise NotInstalled(f"{row.manifest.path}: [install] files names {name!r}: no such file")
        yield path, path.name


def _options(row: Row) -> list[str]:
    return [row.expand(option, Path()) for option in row.manifest.install.options]


def _copy_sources(row: Row, work: Path) -> None:
    for path, name in _sources(row):
        if path.is_dir():
            shutil.copytree(path, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            text = path.read_bytes()
            if b"{version}" in text and path.suffix in (".txt", ".json", ".mod"):
                text = text.replace(b"{version}", row.version.encode())
            (work / name).write_bytes(text)


# ---------------------------------------------------------------- methods


def _python_of(row: Row) -> str:
    """The interpreter a pip environment is made from."""
    wanted = row.manifest.install.python
    if wanted is None:
        return str(getattr(sys, "_base_executable", None) or sys.executable)
    found = shutil.which(row.expand(wanted, Path()))
    if found is None:
        raise NotInstalled(f"no interpreter {wanted!r} on PATH", row.manifest.needs.how)
    return found


def _pip(row: Row, work: Path, target: Path) -> None:
    """A virtual environment with exactly what the requirements pin, nothing pulled in besides."""
    _copy_sources(row, work)
    _call(row, [_python_of(row), "-m", "venv", "--without-pip", str(work)], work)
    python = str(work / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python]
    requirements = [
        part
        for _, name in _sources(row)
        if name.endswith(".txt")
        for part in ("-r", str(work / name))
    ]
    _call(
        row,
        [
            *pip,
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--no-deps",
            *_options(row),
            *requirements,
        ],
        work,
    )
    _call(row, [*pip, "check", "--disable-pip-version-check"], work)
    _fix_scripts(work, target)


def _fix_scripts(work: Path, target: Path) -> None:
    """Console scripts name their interpreter by its full path, which the rename changes."""
    before, after = f"#!{work}".encode(), f"#!{target}".encode()
    for path in (work / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if content.startswith(before):
                path.write_bytes(after + content[len(before) :])


def _npm(row: Row, work: Path, target: Path) -> None:
    """What the lock file names, no scripts of packages run."""
    _copy_sources(row, work)
    for name in ("package.json", "package-lock.json"):
        if not (work / name).exists():
            raise NotInstalled(f"{row.manifest.path}: [install] files must hold a {name}")
    _call(
        row,
        [
            "npm",
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            *_options(row),
        ],
        work,
    )


def _go(row: Row, work: Path, target: Path) -> None:
    """`go build` of the copied folder into {env}/adapter; go.mod and go.sum must be complete."""
    _copy_sources(row, work)
    if not (work / "go.mod").exists():
        raise NotInstalled(f"{row.manifest.path}: [install] files must hold a go.mod")
    _call(
        row,
        [
            "go",
            "build",
            "-mod=readonly",
            "-buildvcs=false",
            "-o",
            "adapter",
            *_options(row),
            ".",
        ],
        work,
    )


def _javac(row: Row, work: Path, target: Path) -> None:
    """All .java files of the copied folder, compiled into {env}/classes."""
    _copy_sources(row, work)
    sources = sorted(str(path.relative_to(work)) for path in work.rglob("*.java"))
    if not sources:
        raise NotInstalled(f"{row.manifest.path}: [install] files must hold .java files")
    compiler = "javac"
    for command in row.manifest.needs.commands:
        command = command.replace("{version}", row.version)
        if Path(command).name == "javac":
            compiler = command
    _call(row, [compiler, "-d", "classes", *_options(row), *sources], work)


# ---------------------------------------------------------------- processes


def _call(row: Row, command: list[str], work: Path) -> None:
    """Runs an installer in its own process group; NotInstalled with its last words if it fails."""
    env = {key: value for key, value in os.environ.items() if key not in _UNWANTED_ENV}
    env["PYTHONNOUSERSITE"] = "1"
    env.update({key: row.expand(value, work) for key, value in row.manifest.install.env.items()})
    shown = Path(command[0]).name
    try:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise NotInstalled(
            f"{shown} cannot be started: {error.strerror}", row.manifest.needs.how
        ) from error
    try:
        output, _ = process.communicate(timeout=_DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotInstalled(
            f"{shown} did not end within {_DEADLINE_SECONDS:.0f} s", "try again later"
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
        words = [line for line in lines if line and not line.startswith("WARNING")]
        errors = [line for line in words if "error" in line.lower()] or words[-3:]
        raise NotInstalled(
            f"{shown} ended with {process.returncode}: " + " | ".join(errors[:3]),
            "the whole command: " + " ".join(command).replace(str(work), "ENV"),
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


__all__ = ["Detection", "Environment", "NotInstalled", "ensure", "env_path", "is_ready"]
