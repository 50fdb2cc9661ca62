# SPDX-License-Identifier: MIT
"""The folder of a new client: a manifest and an adapter that run at once and claim nothing yet.

The texts are in skeletons/: one for Python, one for command-line tools, and one for every other
language, whose adapter is a shell script to be replaced. Each answers so that the controls fail:
nothing can be mistaken for a client that has been tried.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from interimspec.clients import TomlError, load_manifest, load_manifests
from interimspec.errors import UsageError

_SKELETONS = Path(__file__).parent / "skeletons"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")


@dataclass(frozen=True)
class Made:
    """What was written, and what a person looks at next."""

    folder: Path
    files: tuple[Path, ...]
    neighbours: tuple[str, ...]  # clients in the same language
    helpers: Path | None  # what adapters of this language share


def make(clients_dir: Path, name: str, language: str, *, tool: bool, version: str) -> Made:
    """Writes the folder `clients_dir/name`; UsageError where there is one, or the name is none."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name: small letters, digits, '.', '_' and '-'")
    folder = clients_dir / name
    if folder.exists():
        raise UsageError(f"{folder}: is there already; choose another name")
    if not clients_dir.is_dir():
        raise UsageError(f"{clients_dir}: no such folder")
    kind = "tool" if tool else "python" if language.lower() == "python" else "other"
    folder.mkdir()
    files = []
    try:
        for source in sorted((_SKELETONS / kind).iterdir()):
            target = folder / source.name.removesuffix(".in")
            text = source.read_text(encoding="utf-8")
            for key, value in (("NAME", name), ("LANGUAGE", language), ("VERSION", version)):
                text = text.replace(f"@{key}@", value)
            target.write_text(text, encoding="utf-8")
            files.append(target)
        manifest = load_manifest(folder / "client.toml")
    except BaseException:
        shutil.rmtree(folder)
        raise
    helpers = manifest.helpers if manifest.helpers.is_dir() else None
    return Made(folder, tuple(files), _neighbours(clients_dir, name, language, tool), helpers)


def _neighbours(clients_dir: Path, name: str, language: str, tool: bool) -> tuple[str, ...]:
    try:
        manifests = load_manifests(clients_dir)
    except TomlError:
        return ()  # somebody else's mistake
    return tuple(
        one.name
        for one in manifests
        if one.name != name
        and (
            one.has_tool if tool else not one.has_tool and one.language.lower() == language.lower()
        )
    )
