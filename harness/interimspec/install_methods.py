# SPDX-License-Identifier: MIT
"""How an environment is built, by the method that a manifest names.

A method works in a folder that holds the manifest's `files`, and raises NotInstalled with the
installer's last words. It touches nothing of the user's: pip installs into the environment's own
interpreter, everything else happens in the copied folder. What can be shared between clients (npm
packages of one lock file, compiled crates) stands beside the environments and is shared by content.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interimspec.clients import Row

_DEADLINE_SECONDS = 1800.0  # crates and Haskell packages take their time on a small machine
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
    "MAVEN_ARGS",
    "CARGO_TARGET_DIR",
    "RUSTFLAGS",
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
)
# Files in which {version} is replaced as they are copied.
_TEMPLATES = (".txt", ".json", ".mod", ".xml", ".toml")


class NotInstalled(Exception):
    """A row that cannot be run here: `reason` says why, `how` what a person can do about it."""

    def __init__(self, reason: str, how: str = "") -> None:
        super().__init__(f"{reason}; {how}" if how else reason)
        self.reason = reason
        self.how = how


@dataclass(frozen=True)
class Building:
    """An environment under construction: in `work`, to be renamed to `target`."""

    row: Row
    work: Path
    target: Path

    @property
    def shared(self) -> Path:
        """Where the environments stand; names that begin with a dot are shared between them."""
        return self.target.parent

    @property
    def options(self) -> list[str]:
        return [self.row.expand(option, self.work) for option in self.row.manifest.install.options]

    def require(self, name: str) -> Path:
        path = self.work / name
        if not path.exists():
            raise NotInstalled(f"{self.row.manifest.path}: [install] files must hold a {name}")
        return path

    def call(
        self,
        command: list[str],
        *,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Runs an installer in its own process group, in `folder` (default: the work folder)."""
        _call(self.row, command, folder or self.work, env or {})


# ---------------------------------------------------------------- sources


def sources(row: Row) -> Iterator[tuple[Path, str]]:
    """The manifest's `files`: where each is, and its name in the environment."""
    for text in row.manifest.install.files:
        name = row.expand(text, Path())
        path = Path(name) if Path(name).is_absolute() else row.manifest.here / name
        if not path.exists():
            raise NotInstalled(f"{row.manifest.path}: [install] files names {name!r}: no such file")
        yield path, path.name


def copy_sources(row: Row, work: Path) -> None:
    for path, name in sources(row):
        if path.is_dir():
            shutil.copytree(path, work / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            text = path.read_bytes()
            if b"{version}" in text and path.suffix in _TEMPLATES:
                text = text.replace(b"{version}", row.version.encode())
            (work / name).write_bytes(text)


# ---------------------------------------------------------------- methods


def python_of(row: Row) -> str:
    """The interpreter a pip environment is made from."""
    wanted = row.manifest.install.python
    if wanted is None:
        return str(getattr(sys, "_base_executable", None) or sys.executable)
    found = shutil.which(row.expand(wanted, Path()))
    if found is None:
        raise NotInstalled(f"no interpreter {wanted!r} on PATH", row.manifest.needs.how)
    return found


def _pip(building: Building) -> None:
    """A virtual environment with exactly what the requirements pin, nothing pulled in besides."""
    work = building.work
    building.call([python_of(building.row), "-m", "venv", "--without-pip", str(work)])
    pip = [sys.executable, "-m", "pip", "--python", str(work / "bin" / "python")]
    requirements = [
        part
        for _, name in sources(building.row)
        if name.endswith(".txt")
        for part in ("-r", str(work / name))
    ]
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
    building.call([*pip, "install", *quiet, *building.options, *requirements])
    building.call([*pip, "check", "--disable-pip-version-check"])
    _fix_scripts(work, building.target)


def _fix_scripts(work: Path, target: Path) -> None:
    """Console scripts name their interpreter by its full path, which the rename changes."""
    before, after = f"#!{work}".encode(), f"#!{target}".encode()
    for path in (work / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if content.startswith(before):
                path.write_bytes(after + content[len(before) :])


def _npm(building: Building) -> None:
    """What the lock file names, no scripts of packages run.

    The packages of one lock file are installed once, whatever client needs them and however often
    its adapter changes: {env}/node_modules leads there.
    """
    lock = [building.require(name) for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256("\0".join(building.options).encode())
    for path in lock:
        digest.update(b"\0" + path.read_bytes())
    packages = building.shared / ".npm" / digest.hexdigest()[:24]
    packages.parent.mkdir(exist_ok=True)
    with locked(packages.with_suffix(".lock")):
        if not packages.exists():
            new = packages.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for path in lock:
                shutil.copy(path, new)
            quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
            building.call(["npm", "ci", "--ignore-scripts", *quiet, *building.options], folder=new)
            (new / "node_modules").mkdir(exist_ok=True)  # npm makes none where it has no package
            new.rename(packages)
    (building.work / "node_modules").symlink_to(packages / "node_modules")


def _go(building: Building) -> None:
    """`go build` of the copied folder into {env}/adapter; go.mod and go.sum must be complete."""
    building.require("go.mod")
    command = ["go", "build", "-mod=readonly", "-buildvcs=false", "-o", "adapter"]
    building.call([*command, *building.options, "."])


def _javac(building: Building) -> None:
    """All .java files of the copied folder, compiled into {env}/classes."""
    work = building.work
    found = sorted(str(path.relative_to(work)) for path in work.rglob("*.java"))
    if not found:
        raise NotInstalled(f"{building.row.manifest.path}: [install] files must hold .java files")
    compiler = "javac"
    for command in building.row.manifest.needs.commands:
        command = command.replace("{version}", building.row.version)
        if Path(command).name == "javac":
            compiler = command
    jars = ["-cp", "lib/*"] if (work / "lib").is_dir() else []
    building.call([compiler, "-d", "classes", *jars, *building.options, *found])


_MAVEN_GOALS = (
    "compile",
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
)

# Maven is over before the second compiler of the JVM would pay.
_MAVEN_ENV = {"MAVEN_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def _maven(building: Building) -> None:
    """pom.xml: jars into {env}/lib, classes into {env}/target/classes."""
    building.require("pom.xml")
    fixed = [
        "mvn", "-B", "-ntp", "-q", "-Dstyle.color=never",
        "-DincludeScope=runtime", f"-DoutputDirectory={building.work / 'lib'}",
    ]  # fmt: skip
    # Maven's own repository does not bear two writers.
    with locked(building.shared / ".maven.lock"):
        building.call([*fixed, *(building.options or _MAVEN_GOALS)], env=_MAVEN_ENV)


def _cargo(building: Building) -> None:
    """`cargo build --locked` of the package `adapter`, its binary into {env}/adapter.

    Lock files here name no registry. Which one this machine's cargo means is what it writes into a
    lock file of its own making, and is put back from there.
    """
    building.require("Cargo.toml")
    lock = building.require("Cargo.lock")
    pinned = lock.read_text(encoding="utf-8")
    built = building.shared / ".cargo-target"
    # A release build, but not optimised: that takes a third of the time, and nobody measures speed.
    env = {"CARGO_TARGET_DIR": str(built), "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0"}
    with locked(building.shared / ".cargo.lock"):
        if "checksum" in pinned:
            with tempfile.TemporaryDirectory(dir=building.shared) as fresh:
                shutil.copytree(building.work, Path(fresh) / "new", dirs_exist_ok=True)
                (Path(fresh) / "new" / "Cargo.lock").unlink()
                building.call(["cargo", "generate-lockfile", "--quiet"], folder=Path(fresh) / "new")
                made = (Path(fresh) / "new" / "Cargo.lock").read_text(encoding="utf-8")
            lock.write_text(with_sources(pinned, made), encoding="utf-8")
        building.call(
            ["cargo", "build", "--release", "--locked", "--quiet", *building.options], env=env
        )
        shutil.copy2(built / "release" / "adapter", building.work / "adapter")


def with_sources(pinned: str, made: str) -> str:
    """`pinned` with the `source` that `made` gives its packages, for all that have a checksum."""
    source = re.search(r"^source = .*$", made, re.MULTILINE)
    if source is None:
        raise NotInstalled("cargo generate-lockfile named no registry in its lock file")
    return re.sub(r"^(?=checksum = )", source.group() + "\n", pinned, flags=re.MULTILINE)


def _make(building: Building) -> None:
    """`make adapter` in the copied folder, which is told VERSION."""
    building.require("Makefile")
    version = f"VERSION={building.row.version}"
    building.call(["make", "-s", "adapter", version, *building.options])


METHODS: Mapping[str, Callable[[Building], None]] = {
    "pip": _pip,
    "npm": _npm,
    "go": _go,
    "javac": _javac,
    "maven": _maven,
    "cargo": _cargo,
    "make": _make,
}


# ---------------------------------------------------------------- processes

_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()


def stop_all() -> None:
    """Kills every installer that runs, and lets none begin: for who is interrupted."""
    _stopping.set()
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _call(row: Row, command: list[str], folder: Path, more: Mapping[str, str]) -> None:
    env = {key: value for key, value in os.environ.items() if key not in _UNWANTED_ENV}
    env["PYTHONNOUSERSITE"] = "1"
    env.update(more)
    env.update({key: row.expand(value, folder) for key, value in row.manifest.install.env.items()})
    shown = Path(command[0]).name
    if _stopping.is_set():
        raise NotInstalled("interrupted")
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
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
    _running.add(process)
    if _stopping.is_set():
        _kill(process)
    try:
        output, _ = process.communicate(timeout=_DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotInstalled(
            f"{shown} did not end within {_DEADLINE_SECONDS:.0f} s", "try again later"
        ) from None
    finally:
        if process.poll() is None:
            _kill(process)
            process.wait()
        _running.discard(process)
    if process.returncode != 0:
        lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
        words = [line for line in lines if line and not line.startswith("WARNING")]
        errors = [line for line in words if "error" in line.lower()] or words[-3:]
        raise NotInstalled(
            f"{shown} ended with {process.returncode}: " + " | ".join(errors[:3]),
            "the whole command: " + " ".join(command).replace(str(folder), "ENV"),
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file `path`, waiting for whoever has it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


__all__ = [
    "METHODS",
    "Building",
    "NotInstalled",
    "copy_sources",
    "locked",
    "python_of",
    "sources",
    "stop_all",
    "with_sources",
]
