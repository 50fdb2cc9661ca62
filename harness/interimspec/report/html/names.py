# SPDX-License-Identifier: MIT
"""Names, addresses and badges: what every part of the page calls things by.

Addresses: #client@version/scenario, #client@version, #/scenario
"""

from __future__ import annotations

from urllib.parse import quote

from ..model import Client, ColumnId, RowId
from ..safe import visible
from ..words import GRADE_WORDS
from .markup import Html, el


def row_key(row: RowId) -> str:
    return visible(str(row))


def column_key(column: ColumnId) -> str:
    suffix = "" if column.transport == "h1" else f".{column.transport}"
    return visible(column.scenario + suffix)


def address(row: str, column: str = "") -> str:
    return "#" + quote(row, safe="@+") + ("/" + quote(column, safe="") if column else "")


def client_name(client: Client) -> str:
    name = f"{client.title} {client.row.version}"
    return f"{name} ({client.row.variant})" if client.row.variant else name


def badge(grade: str) -> Html:
    return el("span", el("b", GRADE_WORDS[grade].sign), " ", grade, class_=f"badge g-{grade}")
