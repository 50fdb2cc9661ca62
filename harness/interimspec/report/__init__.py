# SPDX-License-Identifier: MIT
"""Reports from results files alone. Nothing here grades, runs or measures anything.

load, committed -> Report -> (embargo) -> terminal, markdown, html
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TextIO

from . import html, markdown
from .committed import report_of_results
from .embargo import Embargo, due, load_embargo, mark, redact, reminders
from .leaks import check_published
from .load import load_report
from .model import Report, ReportError
from .terminal import Terminal, wants_color
from .withheld import add_withheld, load_withheld

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
    "report_of_results",
    "write_reports",
]

FORMATS: frozenset[str] = frozenset({"markdown", "html"})
HTML = "index.html"


def write_reports(
    report: Report,
    out: Path,
    *,
    embargo: Path | None,
    local: bool,
    formats: set[str] | frozenset[str] = FORMATS,
) -> list[Path]:
    """Write the named formats into the folder `out`; returns what was written, in order.

    The Markdown pages are made to be published, so what is under embargo is withheld from them
    always. The HTML page withholds it too, unless `local` says that it stays on this machine.
    """
    unknown = sorted(set(formats) - FORMATS)
    if unknown:
        known = ", ".join(sorted(FORMATS))
        raise ReportError(f"unknown report format {unknown[0]!r}; there are {known}")
    entries = load_embargo(embargo)
    published = redact(report, entries)
    texts: dict[str, str] = {}
    if "markdown" in formats:
        texts.update(markdown.pages(published))
    if "html" in formats:
        shown = add_withheld(mark(report, entries), load_withheld(embargo)) if local else published
        texts[HTML] = html.render(shown, local=local)
    written = [_write(out / name, text) for name, text in texts.items()]
    if "markdown" in formats:
        _remove_stale(out, set(texts))
    return written


def _remove_stale(out: Path, names: set[str]) -> None:
    """Pages of clients and families that are gone. Only what a report has made is removed."""
    for folder in (markdown.CLIENTS, markdown.FAMILIES):
        for path in sorted((out / folder).glob("*.md")):
            try:
                if f"{folder}/{path.name}" not in names and _is_made(path):
                    path.unlink()
            except OSError as error:
                raise ReportError(f"{path}: cannot be removed: {error.strerror}") from error


def _is_made(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n") == markdown.MARK


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
    report: Report,
    stream: TextIO,
    width: int,
    color: bool | None = None,
    *,
    embargo: Path | None = None,
) -> None:
    """The report as a person at a terminal reads it. `width` 0 cuts nothing off; `color` None
    decides by the stream and NO_COLOR. It is local by nature: what is under embargo is shown, and
    marked as such when the file is named."""
    shown = mark(report, load_embargo(embargo))
    Terminal(stream, width, wants_color(stream) if color is None else color).write(shown)
