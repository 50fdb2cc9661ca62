# SPDX-License-Identifier: MIT
"""What is published for people: COMPATIBILITY.md, a page per client, a page per scenario family.

Written so that a diff is news: no times, ports, run ids or tokens; everything is sorted; words are
made of outcomes and reasons, never of what a client printed. A line that changes is a client that
changed. Every page stays small enough for a forge to show it.
"""

from __future__ import annotations

from ..model import Report
from . import client_page, family_page, index
from .parts import CLIENTS, FAMILIES, MARK, client_file, family_file

__all__ = ["CLIENTS", "FAMILIES", "INDEX", "MARK", "pages"]

INDEX = "COMPATIBILITY.md"


def pages(report: Report) -> dict[str, str]:
    """Every page by its name, relative to the folder that they are written to."""
    found = {INDEX: index.render(report)}
    for name in sorted({client.row.client for client in report.clients}):
        found[client_file(name)] = client_page.render(report, name)
    for family in report.families():
        found[family_file(family)] = family_page.render(report, family)
    return found
