# SPDX-License-Identifier: MIT
"""What must not be published yet.

`embargo.toml` names findings that their maintainers know of and the public does not:

    [[embargo]]                     # one finding, in all clients that share its cause
    reason = "No public report was found; looked up on 2026-11-01 in its tracker."
    reported = 2026-11-02           # or "not yet"
    publish_after = 2027-02-01      # needed once it has been reported, and counted from then
    draft = "example-reuse"         # needed until it has been reported: what is ready to be sent
    contact = "security@example.org"
    transports = ["h2", "h2c"]      # if not over all of them
    [embargo.cells]                 # clients, in all their versions; shell patterns over scenarios
    example = ["chunked-*"]
    "example.on.top" = ["chunked-*", "single-102"]
    "example+keep-alive" = ["surplus-*"]    # one variant alone

`redact` takes such cells out of a Report before any renderer sees them: neither grade nor sentence
nor evidence is left to leak, and no total counts them. The notes of such a client go too, since
they name causes; only their links to what is public stay. A cell stays withheld until its entry is
removed by hand; a date that has passed is a reminder (`due`), not a trigger, because publication
should be somebody's decision.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from interimspec.cases import TELLING
from interimspec.scenario import TRANSPORTS

from .model import Case, Report, ReportError

_TEXTS = ("reason", "contact")
_KEYS = (*_TEXTS, "cells", "transports", "reported", "publish_after", "draft")
NOT_YET = "not yet"
NOTES_WITHHELD = "Notes withheld: they would tell what is not yet published about this client."


@dataclass(frozen=True)
class Embargo:
    cells: Mapping[str, tuple[str, ...]]  # patterns over scenarios, by client
    reason: str
    contact: str
    transports: tuple[str, ...]  # none: all
    reported: date | None  # None: not yet
    publish_after: date | None
    draft: str

    def covers(self, client: str, scenario: str, transport: str, variant: str | None = "") -> bool:
        """`variant` None asks for any of them, for readers who cannot tell which is meant."""
        return (not self.transports or transport in self.transports) and any(
            fnmatchcase(scenario, pattern)
            for name, patterns in self.cells.items()
            if name in _names(client, variant) or (variant is None and client_of(name) == client)
            for pattern in patterns
        )

    @property
    def clients(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(client_of(name) for name in self.cells))


def client_of(name: str) -> str:
    """Names in `cells` are clients, or clients with a variant."""
    return name.partition("+")[0]


def _names(client: str, variant: str | None) -> tuple[str, ...]:
    return (client, f"{client}+{variant}") if variant else (client,)


def load_embargo(path: Path | None) -> tuple[Embargo, ...]:
    """The entries of the file; none if no file was named. A named file must exist: a typing error
    in its path would publish what it protects."""
    if path is None:
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: {error}") from error
    unknown = sorted(set(data) - {"embargo"})
    if unknown:
        raise ReportError(f"{path}: unknown key {unknown[0]!r}; entries are [[embargo]] tables")
    entries = data.get("embargo", [])
    if not isinstance(entries, list):
        raise ReportError(f"{path}: embargo must be a list of tables: write [[embargo]]")
    return tuple(_entry(path, number, item) for number, item in enumerate(entries, start=1))


def _entry(path: Path, number: int, item: object) -> Embargo:
    where = f"{path}: entry {number}"
    if not isinstance(item, dict):
        raise ReportError(f"{where} is not a table: write [[embargo]]")
    for key in item:
        if key not in _KEYS:
            raise ReportError(f"{where}: unknown key {key!r}; there are {', '.join(_KEYS)}")
    for key in (*_TEXTS, "cells", "reported"):
        if key not in item:
            raise ReportError(f"{where}: {key!r} is missing")
    for key in (*_TEXTS, "draft"):
        if not isinstance(item.get(key, "-"), str) or item.get(key) == "":
            raise ReportError(f"{where}: {key!r} must be a string that is not empty")
    transports = item.get("transports", [])
    # A transport that is mistyped would cover nothing, and so publish what it is to protect.
    if not isinstance(transports, list) or not all(one in TRANSPORTS for one in transports):
        known = ", ".join(TRANSPORTS)
        raise ReportError(f"{where}: 'transports' must be a list of some of {known}")
    reported = item["reported"]
    after = item.get("publish_after")
    if reported != NOT_YET and (not isinstance(reported, date) or reported.year == date.max.year):
        raise ReportError(f"{where}: 'reported' must be a date (2027-02-01) or {NOT_YET!r}")
    if after is not None and not isinstance(after, date):
        raise ReportError(f"{where}: 'publish_after' must be a date (2027-02-01)")
    if reported == NOT_YET and "draft" not in item:
        raise ReportError(f"{where}: not yet reported, so 'draft' must name the report to be sent")
    if reported != NOT_YET and after is None:
        raise ReportError(f"{where}: 'publish_after' is missing; count it from {reported}")
    return Embargo(
        cells=_cells(where, item["cells"]),
        reason=item["reason"],
        contact=item["contact"],
        transports=tuple(transports),
        reported=None if reported == NOT_YET else reported,
        publish_after=after,
        draft=item.get("draft", ""),
    )


def _cells(where: str, value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise ReportError(f"{where}: 'cells' must be a table of clients: write [embargo.cells]")
    for client, patterns in value.items():
        # An unquoted name with a dot is a table within a table.
        if not isinstance(patterns, list) or not all(_is_text(one) for one in patterns):
            raise ReportError(
                f"{where}: cells of {client!r} must be a list of patterns over scenarios; "
                "a client's name with a dot stands in quotes"
            )
        if not patterns:
            raise ReportError(f"{where}: cells of {client!r} are none: remove the line")
    return {client: tuple(patterns) for client, patterns in value.items()}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_covered(
    entries: Sequence[Embargo],
    client: str,
    scenario: str,
    transport: str,
    variant: str | None = "",
) -> bool:
    return any(entry.covers(client, scenario, transport, variant) for entry in entries)


def due(entries: Sequence[Embargo], today: date) -> list[Embargo]:
    """Entries whose date has passed: somebody should publish and remove them."""
    return [
        entry
        for entry in entries
        if entry.reported and entry.publish_after and entry.publish_after < today
    ]


def unreported(entries: Sequence[Embargo]) -> list[str]:
    """The drafts that somebody should send."""
    return sorted({entry.draft for entry in entries if entry.reported is None})


def reminders(entries: Sequence[Embargo], today: date) -> list[str]:
    """What is somebody's to do, in sentences."""
    found = [
        f"the embargo on {', '.join(entry.cells)} ({entry.reason.strip()}) ended on "
        f"{entry.publish_after}: "
        "publish it, and remove the entry"
        for entry in due(entries, today)
    ]
    drafts = unreported(entries)
    if drafts:
        found.append(f"under embargo and not yet reported to anybody: {', '.join(drafts)}")
    return found


def redact(report: Report, entries: Sequence[Embargo]) -> Report:
    """The report as it may be published."""
    clients = tuple(
        replace(client, notes="\n\n".join([NOTES_WITHHELD, *_public(client.notes)]))
        if client.notes and any(client.row.client in entry.clients for entry in entries)
        else client
        for client in report.clients
    )
    return replace(_replace_cases(report, entries, _withheld), clients=clients)


def _public(notes: str) -> list[str]:
    """The paragraphs that link what is public: `Public: LINK`."""
    paragraphs = re.split(r"\n\s*\n", notes)
    return [one.strip() for one in paragraphs if one.lstrip().startswith("Public: ")]


def mark(report: Report, entries: Sequence[Embargo]) -> Report:
    """The report as it may be read here, with what is under embargo marked as such."""
    return _replace_cases(report, entries, lambda case: replace(case, under_embargo=True))


def _replace_cases(
    report: Report, entries: Sequence[Embargo], change: Callable[[Case], Case]
) -> Report:
    cases = {
        key: change(case) if _covers_case(entries, case) else case
        for key, case in report.cases.items()
    }
    return replace(report, cases=cases)


def _covers_case(entries: Sequence[Embargo], case: Case) -> bool:
    row, column = case.row, case.column
    return is_covered(entries, row.client, column.scenario, column.transport, row.variant)


def _withheld(case: Case) -> Case:
    """An entry covers every version of a client; those that do well are no secret."""
    if case.grade not in TELLING:
        return case
    return replace(
        case,
        outcome=None,
        grade="withheld",
        sentence="Withheld until the client's maintainers have had time; not yet published.",
        facts={},
        reasons=(),
        traits={},
        unstable=False,
        repeats=(),
        attempts=1,
        duration_ms=0.0,
        baseline=None,
        evidence=None,
        under_embargo=True,
    )
