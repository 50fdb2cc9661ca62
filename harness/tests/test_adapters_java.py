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

# Those that differ from the usual; the default version of each.
SEEN = {
    "armeria": Seen(follows=False),
    "java-net-http": Seen(follows=False),
    "jetty-client-9": Seen(interim="answer"),
    "jetty-client-11": Seen(interim="unsteady"),
    "reactor-netty": Seen(follows=False, interim="answer"),
    "vertx": Seen(follows=False, interim="answer"),
}
ROWS = rows("Java")


def test_the_table_names_clients() -> None:
    assert set(SEEN) <= {row.name for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_it_tells_what_its_client_told(row: Row) -> None:
    check_all(installed(row), SEEN.get(row.name, Seen()))
