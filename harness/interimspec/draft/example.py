# SPDX-License-Identifier: MIT
"""The client by itself: a few lines that use it as its adapter does, one file per client.

harness/clients/_examples/<client>.<suffix>, or <client>+<variant>.<suffix>. The first comment line
that begins with `Run:` is the command; `{version}` in it is the version that was tested. A program
takes addresses, and asks for one after the other with one client object; where a line `Methods:`
names some, the first argument may be one of them. What ends with .sh is the command itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_METHODS = re.compile(r"^\W*Methods: ([A-Z ]+?)(?: ?\*/| ?\*\))?$")
_RUN = re.compile(r"^\W*Run: (.+?)(?: ?\*/| ?\*\)| ?-->)?$")
_LANGUAGES = {"py": "python", "mjs": "js", "ml": "ocaml", "rb": "ruby"}


@dataclass(frozen=True)
class Example:
    name: str  # to save it under: never that of a module that it uses
    command: str
    text: str
    language: str  # for a code block
    methods: tuple[str, ...] = ("GET",)


def find_example(folder: Path, client: str, version: str, variant: str = "") -> Example | None:
    """None where nobody has written one: that of the default configuration would not show what was
    found in a variant."""
    name = f"{client}+{variant}" if variant else client
    for path in sorted(folder.glob(f"{client}*")):
        if path.stem == name:
            return _read(path, version)
    return None


def _read(path: Path, version: str) -> Example:
    lines = path.read_text(encoding="utf-8").splitlines()
    command = ""
    methods = ["GET"]
    kept = []
    for line in lines:
        found = _RUN.match(line)
        if found and not command:
            command = found.group(1).replace("{version}", version)
        elif found := _METHODS.match(line):
            methods += found.group(1).split()
        elif "SPDX-License-Identifier" not in line:
            kept.append(line)
    suffix = path.suffix.removeprefix(".")
    text = "\n".join(kept).strip("\n") + "\n"
    name = "Client.java" if suffix == "java" else f"client.{suffix}"
    return Example(name, command, text, _LANGUAGES.get(suffix, suffix), tuple(methods))
