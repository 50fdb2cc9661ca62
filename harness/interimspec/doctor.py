# SPDX-License-Identifier: MIT
"""What this machine has for interimspec, what it lacks, and how to get it: a table for people.

examine()   looks, and returns findings; it installs nothing and changes nothing
render()    the table
status()    the exit status: 0 where cases can be run, 3 where they cannot
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from interimspec import clients, install, paths

OK, LATER, LACKS, BROKEN = "ok", "later", "lacks", "broken"
MARKS = {OK: "ok", LATER: "to install", LACKS: "missing", BROKEN: "broken"}
_NETLINK_SOCK_DIAG = 4
_SECONDS = 10.0
_LEAST_FILES = 1024

_TOOLCHAINS = (
    # command, arguments for its version, what it is for, how to get it
    ("cc", ("--version",), "builds the mock server", "apt-get install gcc"),
    ("make", ("--version",), "builds the mock server", "apt-get install make"),
    ("node", ("--version",), "clients in JavaScript", "apt-get install nodejs"),
    ("npm", ("--version",), "installs clients in JavaScript", "apt-get install npm"),
    ("go", ("version",), "builds clients in Go", "apt-get install golang-go"),
    ("javac", ("-version",), "builds clients in Java", "apt-get install default-jdk"),
    ("mvn", ("--version",), "gets libraries for the JVM", "apt-get install maven"),
    ("cargo", ("--version",), "builds clients in Rust", "apt-get install cargo"),
)


@dataclass(frozen=True)
class Finding:
    area: str  # harness, server, toolchains, clients
    name: str
    state: str  # one of OK, LATER, LACKS, BROKEN
    text: str
    how: str = ""
    needed: bool = False  # without it no case can be run


def examine(clients_dirs: Sequence[Path], build_dir: Path = paths.BUILD) -> tuple[Finding, ...]:
    """Everything, in the order in which a person would put it right."""
    return (
        *_harness(),
        *_server(paths.server_binary()),
        *_toolchains(),
        *_clients(clients_dirs, build_dir),
    )


def render(findings: Iterable[Finding]) -> str:
    """A table with a heading for each area; what is missing says how to get it."""
    findings = tuple(findings)
    width = max((len(finding.name) for finding in findings), default=0)
    lines: list[str] = []
    area = None
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += ["", area] if lines else [area]
        lines.append(
            f"  {finding.name:<{width}}  {MARKS[finding.state]:<10}  {finding.text}".rstrip()
        )
        if finding.how and finding.state in (LACKS, BROKEN):
            lines.append(f"  {'':<{width}}  {'':<10}  -> {finding.how}")
    return "\n".join(lines) + "\n"


def status(findings: Iterable[Finding]) -> int:
    """0 where all that every case needs is there, else 3 (a fault of the harness)."""
    return 3 if any(f.needed and f.state in (LACKS, BROKEN) for f in findings) else 0


def main(arguments: Sequence[str]) -> int:
    """The command; `arguments` are what follows `interimspec doctor`."""
    parser = argparse.ArgumentParser(
        prog="interimspec doctor",
        description="Show what this machine has for interimspec, what it lacks, and how to get it.",
    )
    parser.add_argument(
        "--clients",
        action="append",
        type=Path,
        metavar="DIR",
        help="a folder of clients (default: those of this checkout); may be given again",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each finding")
    options = parser.parse_args(arguments)
    folders = options.clients or [paths.HARNESS / "clients"]
    for folder in folders:
        if not folder.is_dir():
            parser.error(f"{folder}: no such folder")
    findings = examine(folders)
    if options.json:
        for finding in findings:
            print(json.dumps(asdict(finding)))
    else:
        print(render(findings), end="")
    return status(findings)


# ---------------------------------------------------------------- harness


def _harness() -> list[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    python = Finding(
        "harness",
        "Python",
        OK if sys.version_info >= (3, 11) else BROKEN,
        version,
        "install Python 3.11 or newer and make the environment again",
        needed=True,
    )
    inside = sys.prefix != sys.base_prefix
    venv = Finding(
        "harness",
        "environment",
        OK if inside else LACKS,
        "one of its own" if inside else "this Python is not in a virtual environment",
        "make venv",
    )
    supervisor = paths.supervisor_binary()
    there = os.access(supervisor, os.X_OK)
    return [
        python,
        venv,
        Finding(
            "harness",
            "supervisor",
            OK if there else LACKS,
            "kills adapters with all their children" if there else f"no {supervisor}",
            "make",
            needed=True,
        ),
        _files(),
    ]


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard >= _LEAST_FILES
    return Finding(
        "harness",
        "open files",
        OK if enough else BROKEN,
        f"{soft}, may be raised to {hard}",
        f"raise the hard limit to at least {_LEAST_FILES} (ulimit -Hn)",
    )


# ---------------------------------------------------------------- server


def _server(binary: Path) -> list[Finding]:
    if not os.access(binary, os.X_OK):
        return [Finding("server", "mockserver", LACKS, f"no {binary}", "make", needed=True)]
    ready, words = _ready_line(binary)
    if ready is None:
        return [
            Finding("server", "mockserver", BROKEN, words, "make clean && make", needed=True),
            _netlink(),
        ]
    found = [Finding("server", "mockserver", OK, f"version {ready.get('version')}", needed=True)]
    scheduling = str(ready.get("scheduling"))
    meaning = {
        "rr": "real-time: sends leave when they are due",
        "nice": "raised priority; a busy machine can make sends late",
        "normal": "ordinary priority; a busy machine can make sends late",
    }
    found.append(
        Finding(
            "server",
            "scheduling",
            OK if scheduling == "rr" else LATER,
            f"{scheduling} ({meaning.get(scheduling, 'unknown')})",
        )
    )
    unread = str(ready.get("unread_check"))
    if unread == "netlink":
        text = "netlink: pieces are known to have been read alone"
        found.append(Finding("server", "unread check", OK, text))
    else:
        found.append(_netlink())
    return found


def _ready_line(binary: Path) -> tuple[dict[str, Any] | None, str]:
    """Starts the server for a moment; its ready line, else its words."""
    with tempfile.TemporaryDirectory(prefix="interimspec-doctor-") as folder:
        process = subprocess.Popen(
            [str(binary), "--catalogue", str(paths.SCENARIOS), "--control", f"{folder}/control"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            line = _first_line(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    try:
        ready = json.loads(line)
    except ValueError:
        return None, f"{binary} said {line.strip()[:200]!r} in place of its ready line"
    return (ready, "") if isinstance(ready, dict) else (None, f"{binary} said {line[:200]!r}")


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    until, data = time.monotonic() + _SECONDS, b""
    while time.monotonic() < until and b"\n" not in data:
        more = process.stdout.read()
        if more == b"":
            break
        data += more or b""
        time.sleep(0.01)
    process.stdout.close()
    return data.split(b"\n")[0].decode("utf-8", "replace")


def _netlink() -> Finding:
    """Whether this machine lets a program ask the kernel for unread octets of a socket."""
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG).close()
    except (OSError, AttributeError) as error:
        return Finding(
            "server",
            "unread check",
            LATER,
            f"barred here ({error}): whether pieces are read alone stays unknown",
        )
    return Finding("server", "unread check", OK, "netlink may be asked")


# ---------------------------------------------------------------- toolchains and clients


def _toolchains() -> list[Finding]:
    found = []
    for command, arguments, purpose, how in _TOOLCHAINS:
        where = shutil.which(command)
        if where is None:
            found.append(Finding("toolchains", command, LACKS, purpose, how))
            continue
        version = _version([where, *arguments])
        found.append(
            Finding(
                "toolchains",
                command,
                OK if version else BROKEN,
                f"{version or 'says no version'} ({purpose})",
                how,
            )
        )
    return found


def _version(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = re.search(r"\d+(?:\.\d+)+[^\s,)]*", done.stdout.decode("utf-8", "replace"))
    return text.group(0) if text else None


def _clients(clients_dirs: Sequence[Path], build_dir: Path) -> list[Finding]:
    found = []
    for folder in clients_dirs:
        for path in sorted(folder.glob("*/client.toml")):
            if not path.parent.name.startswith(("_", ".")):
                found += _client(path, build_dir)
    return found


def _client(path: Path, build_dir: Path) -> list[Finding]:
    try:
        manifest = clients.load_manifest(path)
    except clients.TomlError as error:
        return [Finding("clients", path.parent.name, BROKEN, str(error), "correct the manifest")]
    return [of_row(row, build_dir) for row in clients.rows_of(manifest)]


def of_row(row: clients.Row, build_dir: Path) -> Finding:
    detection = clients.detect_row(row)
    if not detection.present:
        return Finding("clients", row.id, LACKS, ", ".join(detection.missing), detection.how)
    if not row.manifest.install.builds:
        return Finding("clients", row.id, OK, "on this machine")
    try:
        ready = install.is_ready(row, build_dir)
    except install.NotInstalled as error:
        return Finding("clients", row.id, BROKEN, error.reason, error.how)
    if ready:
        return Finding("clients", row.id, OK, "installed")
    shown = row.manifest.install.shown
    return Finding("clients", row.id, LATER, f"the first run installs it ({shown})")
