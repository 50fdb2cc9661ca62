# SPDX-License-Identifier: MIT
"""Reports from results files alone. Nothing here grades, runs or measures anything.

load -> Report -> (embargo) -> terminal, markdown, html
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from . import html, markdown
from .embargo import Embargo, check_published, due, load_embargo, mark, redact, reminders
from .load import load_report
from .model import Report, ReportError
from .terminal import Terminal, wants_color

__all__ = [
    "FORMATS",
    "Embargo",
    "Report",
    "ReportError",
    "check_published",
    "due",
    "load_embargo",
    "load_report",
    "print_terminal",
    "redact",
    "reminders",
    "write_reports",
]

FORMATS: dict[str, str] = {"markdown": "COMPATIBILITY.md", "html": "index.html"}


def write_reports(
    run_dirs: Sequence[Path],
    out: Path,
    *,
    embargo: Path | None,
    local: bool,
    formats: set[str] | frozenset[str] = frozenset(FORMATS),
) -> list[Path]:
    """Write the named formats into the folder `out`; returns what was written, in order.

    COMPATIBILITY.md is made to be published, so what is under embargo is withheld from it always.
    The page withholds it too, unless `local` says that it stays on this machine.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        known = ", ".join(FORMATS)
        raise ReportError(f"unknown report format {unknown[0]!r}; there are {known}")
    entries = load_embargo(embargo)
    report = load_report(run_dirs)
    published = redact(report, entries)
    texts: list[tuple[str, str]] = []
    if "markdown" in formats:
        texts.append((FORMATS["markdown"], markdown.render(published)))
    if "html" in formats:
        shown = mark(report, entries) if local else published
        texts.append((FORMATS["html"], html.render(shown, local=local)))
    return [_write(out / name, text) for name, text in texts]


def _write(path: Path, text: str) -> Path:
    """Whole or not at all: a report that was cut off would read like a result."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ReportError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def print_terminal(
    run_dirs: Sequence[Path],
    stream: TextIO,
    width: int,
    color: bool | None = None,
    *,
    embargo: Path | None = None,
) -> None:
    """The report as a person at a terminal reads it. `width` 0 cuts nothing off; `color` None
    decides by the stream and NO_COLOR. It is local by nature: what is under embargo is shown, and
    marked as such when the file is named."""
    report = mark(load_report(run_dirs), load_embargo(embargo))
    Terminal(stream, width, wants_color(stream) if color is None else color).write(report)
