# SPDX-License-Identifier: MIT
"""Each JVM adapter against a peer of raw octets: it tells what its client told, and no more.

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
    "java-httpurlconnection": Seen(interim="answer"),
    "java-httpurlconnection-jdk25": Seen(),
    "java-net-http": Seen(follows=False),
    "java-net-http-jdk25": Seen(follows=False),
}
ROWS = rows("Java")


def test_every_client_is_in_the_table() -> None:
    assert {row.name for row in ROWS} == set(SEEN)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_it_tells_what_its_client_told(row: Row) -> None:
    check_all(installed(row), SEEN[row.name])
