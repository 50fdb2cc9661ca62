# SPDX-License-Identifier: MIT
"""Debian packages for clients, all in one call of apt-get. Only `clients install` comes here.

What apt-get is doing is never cut off: an interrupt is passed on, and its end is awaited, so that
no package is left half unpacked.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence

from interimspec import debian

Say = Callable[[str], None]

_LOCK_SECONDS = 600  # another apt-get may be at work
_ENVIRON = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


def install(packages: Sequence[str], say: Say) -> dict[str, str]:
    """Installs those that are missing; why each of the others could not be had."""
    missing = debian.missing(sorted(set(packages)))
    if not missing:
        return {}
    if shutil.which("apt-get") is None:
        return dict.fromkeys(missing, "this machine has no apt-get")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            return dict.fromkeys(missing, "apt-get needs root, and there is no sudo")
        prefix = ["sudo"]
    unknown = without_candidate(missing)
    if unknown:
        say(f"apt-get update: {len(unknown)} of {len(missing)} packages are not in its lists")
        _call(prefix, ["apt-get", "update"])
        unknown = without_candidate(missing)
    failed = {name: "this release packages no " + name for name in unknown}
    wanted = [name for name in missing if name not in failed]
    if wanted:
        say(f"apt-get install: {len(wanted)} packages: {' '.join(wanted)}")
        lock = f"DPkg::Lock::Timeout={_LOCK_SECONDS}"
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", lock]
        words = _call(prefix, [*command, *wanted])
        debian.forget()
        for name in debian.missing(wanted):
            failed[name] = f"apt-get did not install {name}: {words}"
    return failed


def without_candidate(packages: Sequence[str]) -> tuple[str, ...]:
    """Those that apt-get could not install, because its lists have no version of them."""
    try:
        done = subprocess.run(
            ["apt-cache", "policy", *packages],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **_ENVIRON},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(name for name in packages if name not in candidates(done.stdout))


def candidates(policy: str) -> frozenset[str]:
    """The packages of an `apt-cache policy` that have a version to install."""
    found = re.findall(r"^(\S+):\n(?:  .*\n)*?  Candidate: (?!\(none\))", policy, re.MULTILINE)
    return frozenset(found)


def _call(prefix: Sequence[str], command: Sequence[str]) -> str:
    """Runs it to its end; what it complained of, empty where it ended well."""
    # sudo passes on nothing of our environment, so it is named on the command line.
    process = subprocess.Popen(
        [*prefix, "env", *(f"{key}={value}" for key, value in _ENVIRON.items()), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        try:
            process.send_signal(signal.SIGINT)
        except PermissionError:
            pass  # sudo's; the terminal has told it
        process.communicate()
        raise
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    complaints = [line for line in lines if line.startswith("E:")] or lines[-2:]
    return "" if process.returncode == 0 else " | ".join(complaints[:3])


__all__ = ["candidates", "install", "without_candidate"]
