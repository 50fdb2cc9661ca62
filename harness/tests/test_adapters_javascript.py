# SPDX-License-Identifier: MIT
"""Each JavaScript adapter against a peer of raw octets: it tells what its client told, and no more.

A client whose environment cannot be had here is skipped, with the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from adapter_bench import installed
from adapter_checks import Seen, check_all, rows

from interimspec.clients import Row

SEEN = {
    "axios": Seen(status_fails=True),
    "bun": Seen(),
    "deno": Seen(),
    "got": Seen(status_fails=True),
    "ky": Seen(status_fails=True, shows_refused=False),
    "needle": Seen(follows=False),
    "node-fetch": Seen(),
    "node-fetch-builtin": Seen(),
    "node-http": Seen(follows=False),
    "request": Seen(),
    "superagent": Seen(status_fails=True),
    "undici": Seen(follows=False),
}
# The peer speaks HTTP/1.1 alone.
ROWS = [row for row in rows("JavaScript") if "1.1" in row.can.http]


def test_every_client_is_in_the_table() -> None:
    assert {row.name for row in ROWS} == set(SEEN)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_it_tells_what_its_client_told(row: Row) -> None:
    check_all(installed(row), SEEN[row.name])
