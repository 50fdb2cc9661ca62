# SPDX-License-Identifier: MIT
"""What the pages share: names, links, signs and counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..model import GRADES, Case, Client, Report, grade_rank
from ..safe import code_markdown, escape_markdown, safe_link

#: The first line of every page that is made: what bears it may be replaced or removed.
MARK = "<!-- Made by `interimspec report`. Do not edit: the next report would undo it. -->"

CLIENTS = "clients"
FAMILIES = "families"

SIGNS = {
    "danger": "**D**",
    "fail": "**F**",
    "error": "E",
    "inconclusive": "?",
    "warn": "w",
    "info": "i",
    "unsupported": "–",
    "withheld": "x",
    "pass": "✓",
}

TRANSPORT_WORDS = {
    "h1": "HTTP/1.1",
    "h1s": "HTTP/1.1 over TLS",
    "h2c": "HTTP/2 without TLS",
    "h2": "HTTP/2",
    "h3": "HTTP/3",
}
_ORDER = {name: number for number, name in enumerate(TRANSPORT_WORDS)}

# In a cell of a table these come first, and are always named; the rest is what is left over.
_NOTABLE = ("danger", "fail", "warn", "withheld", "error", "inconclusive")


def client_file(name: str) -> str:
    return f"{CLIENTS}/{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.md"


def family_file(family: str) -> str:
    """One page for a family and those inside it: frameworks/go and frameworks/php are one page."""
    return f"{FAMILIES}/{re.sub(r'[^A-Za-z0-9._-]', '-', group(family))}.md"


def group(family: str) -> str:
    return family.split("/", 1)[0]


def version_name(client: Client) -> str:
    text = escape_markdown(client.row.version)
    return text + (f" ({escape_markdown(client.row.variant)})" if client.row.variant else "")


def client_link(client: Client, base: str) -> str:
    """`base` leads from the page to the folder of COMPATIBILITY.md."""
    name = f"{escape_markdown(client.title)} {version_name(client)}"
    return f"[{name}]({base}{client_file(client.row.client)})"


def scenario_link(report: Report, scenario_id: str, base: str) -> str:
    page = family_file(report.scenarios[scenario_id].family)
    anchor = re.sub(r"[^\w -]", "", scenario_id)  # as forges make it of the heading
    return f"[{code_markdown(scenario_id)}]({base}{page}#{anchor})"


def speakers(report: Report) -> list[Client]:
    """One for each client and configuration: its newest version."""
    newest = [client for client in report.clients if report.is_newest(client.row)]
    return sorted(newest, key=lambda client: client.row.sort_key())


def transports_of(cases: Iterable[Case]) -> list[str]:
    return sorted({case.column.transport for case in cases}, key=transport_rank)


def transport_rank(name: str) -> int:
    return _ORDER.get(name, len(_ORDER))


def over(transports: Iterable[str]) -> str:
    """` (h1, h2)`; nothing where it is plain HTTP/1.1 alone, which is where everything is asked."""
    names = sorted(set(transports), key=transport_rank)
    return "" if names == ["h1"] else f" ({', '.join(names)})"


def tally(cases: Sequence[Case]) -> str:
    """`**D** 3, **F** 2, ✓ 130`: what is notable worst first, then how many did well."""
    counts = Counter(case.grade for case in cases)
    shown = [grade for grade in _NOTABLE if counts[grade]]
    rest = [grade for grade in ("pass", "info", "unsupported") if counts[grade]]
    # Where something was delivered well, what has no right answer is not worth a reader's time.
    shown += rest[:1] if "pass" in rest else rest
    return ", ".join(f"{SIGNS[grade]} {counts[grade]}" for grade in shown)


def counted(cases: Iterable[Case]) -> str:
    counts = Counter(case.grade for case in cases)
    return ", ".join(f"{counts[g]} {g}" for g in sorted(counts, key=grade_rank))


def grades_present(cases: Iterable[Case]) -> list[str]:
    present = {case.grade for case in cases}
    return [grade for grade in GRADES if grade in present]


def requirement_links(report: Report, ids: Iterable[str]) -> str:
    """Each section once."""
    links = []
    for req_id in ids:
        known = report.requirements.get(req_id)
        if known is None:
            links.append(escape_markdown(req_id))
            continue
        name = escape_markdown(known.name)
        url = safe_link(known.link)
        links.append(f"[{name}]({url})" if url else name)
    return ", ".join(dict.fromkeys(links))


def not_measured(report: Report, client: Client) -> int:
    """Undecided cells, and those without a result although others of their transport have one."""
    cases = report.cases_of(client.row)
    asked = {case.column.transport for case in cases}
    wanted = sum(column.transport in asked for column in report.columns)
    return wanted - sum(case.grade not in ("error", "inconclusive") for case in cases)
