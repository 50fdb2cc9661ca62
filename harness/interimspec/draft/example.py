# SPDX-License-Identifier: MIT
"""The client by itself: a few lines that use it as its adapter does, one file per client.

harness/clients/_examples/<client>.<suffix>, or <client>+<variant>.<suffix>; <client>-post.<suffix>
and <client>-expect.<suffix> for findings that only such a request shows. The first comment line
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
    kind: str = ""  # it makes this kind of request, and no other: post, expect


def find_example(
    folder: Path, client: str, version: str, variant: str = "", kind: str = ""
) -> Example | None:
    """None where nobody has written one: that of the default configuration would not show what was
    found in a variant. `kind` is post or expect; without one of that kind it is the usual one."""
    name = f"{client}+{variant}" if variant else client
    for wanted in (f"{name}-{kind}", name) if kind else (name,):
        for path in sorted(folder.glob(f"{client}*")):
            if path.stem == wanted:
                return _read(path, version, kind if wanted != name else "")
    return None


def _read(path: Path, version: str, kind: str = "") -> Example:
    lines = path.read_text(encoding="utf-8").splitlines()
    command = ""
    methods = ["POST"] if kind else ["GET"]
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
    language = _LANGUAGES.get(suffix, suffix)
    return Example(name, command, text, language, tuple(methods), kind)
