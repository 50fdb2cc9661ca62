# SPDX-License-Identifier: MIT
"""What is known of causes that are under embargo: the folder `withheld/` beside embargo.toml.

A manifest's notes are published with the manifest, so the cause of a finding that is under
embargo stands in `withheld/<client>.md` instead, and moves into the notes on the day it may be
shown. Reports that stay on this machine and drafts to maintainers read it; nothing that is
published does. The folder is left out of `git archive` (.gitattributes): a checkout without it is
a complete one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .embargo import Embargo
from .model import Report, ReportError

FOLDER = "withheld"
ABOUT = "README.md"
HEADING = "Not yet published:"
# Shorter sentences ("Not found reported as of …") may stand anywhere.
_TELLING_LENGTH = 50


def load_withheld(embargo: Path | None) -> dict[str, str]:
    """The text of each client; none where the folder is not there."""
    folder = embargo.parent / FOLDER if embargo is not None else None
    if folder is None or not folder.is_dir():
        return {}
    try:
        return {
            path.stem: path.read_text(encoding="utf-8").strip()
            for path in sorted(folder.glob("*.md"))
            if path.name != ABOUT
        }
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{folder}: cannot be read: {error}") from error


def add_withheld(report: Report, withheld: Mapping[str, str]) -> Report:
    """The report as it may be read here: what is withheld follows the notes."""
    clients = tuple(
        replace(
            client,
            notes="\n\n".join(filter(None, [client.notes.strip(), HEADING, text])),
        )
        if (text := withheld.get(client.row.client))
        else client
        for client in report.clients
    )
    return replace(report, clients=clients)


def without_cause(entries: Sequence[Embargo], withheld: Mapping[str, str]) -> list[str]:
    """The drafts of findings for none of whose clients a cause is written down."""
    return sorted(
        {one.draft or one.contact for one in entries if not any(c in withheld for c in one.clients)}
    )


def without_entry(entries: Sequence[Embargo], withheld: Mapping[str, str]) -> list[str]:
    """Clients whose text has nothing left to wait for: it belongs into their notes."""
    return sorted(
        client for client in withheld if not any(client in entry.clients for entry in entries)
    )


def leaks_of(withheld: Mapping[str, str], published: str) -> list[str]:
    """The sentences that a text says although they are withheld."""
    there = _plain(published)
    return [
        f"{client}: {sentence}"
        for client, text in sorted(withheld.items())
        for sentence in re.split(r"(?<=[.:;])\s+", _plain(text))
        if len(sentence) >= _TELLING_LENGTH and sentence in there
    ]


def _plain(text: str) -> str:
    return " ".join(text.split())
