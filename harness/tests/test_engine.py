# SPDX-License-Identifier: MIT
"""The engine on the real mock server with small adapters: order, repeats, deaths, cancellation."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from driver_kit import MakeRow

from interimspec import run_folder
from interimspec.baseline import Baseline
from interimspec.cases import Case
from interimspec.catalogue import Catalogue, load_catalogue
from interimspec.clients import Row
from interimspec.engine import Engine, Settings
from interimspec.errors import ResultsFault
from interimspec.install import Environment
from interimspec.results import RowResults
from interimspec.run_folder import RunFolder
from interimspec.server import Options, Server

HEAD = "title: A test\nrequirements: []\nwhy: To test.\n"
FILES = {
    "no-interim": "script:\n  - respond: {status: 200}\nexpect: {class: control}\n",
    "one": "script:\n  - respond: {status: 102}\n  - respond: {status: 200}\n"
    "expect: {class: serve}\n",
    "slow": "script:\n  - respond: {status: 102}\n  - sleep: 300ms\n  - respond: {status: 200}\n"
    "expect: {class: serve}\n",
    "silent": "timers: {read: 200ms, total: 200ms}\n"
    "script:\n  - respond: {status: 102}\n  - stall: yes\nexpect: {class: unfinished}\n",
    "count": "params: {n: {default: 1, min: 1, max: 40}}\n"
    "script:\n  - respond: {status: 102}\n    times: n\n  - respond: {status: 200}\n"
    "vary: {n: {search: [1, 40], good: [final]}}\nexpect: {class: trait}\n",
    "both": "script:\n  - respond: {status: 102}\n  - respond: {status: 200}\n"
    "probe: both\nexpect: {class: serve}\n",
    "upload": 'request: {method: PUT, body: "abc", expect_continue: yes}\n'
    "script:\n  - respond: {status: 200}\nexpect: {class: serve}\n",
}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("scenarios") / "tests"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(f"id: {name}\n{HEAD}{text}")
    return load_catalogue(folder.parent)


class Listener:
    def __init__(self, stop_after: int = 10**9) -> None:
        self.seen: list[tuple[str, str, bool]] = []
        self.stop_after = stop_after

    def on_record(self, case: Case, record: Mapping[str, Any], final: bool) -> None:
        self.seen.append((case.key, record["grade"], final))

    def should_stop(self) -> bool:
        return len(self.seen) >= self.stop_after


class Bench:
    """Runs cases and keeps what came of it."""

    def __init__(self, tmp_path: Path, catalogue: Catalogue) -> None:
        self.tmp_path = tmp_path
        self.catalogue = catalogue
        self.listener = Listener()
        self.baseline: Baseline | None = None
        self.durations: dict[str, float] = {}
        self.engine: Engine | None = None
        self.folder = RunFolder(tmp_path / "run")
        self.server: Server | None = None

    def cases(self, rows: Sequence[Row], *names: str) -> list[Case]:
        return [Case(row, self.catalogue[name], "h1") for row in rows for name in names]

    def run(
        self,
        cases: Sequence[Case],
        beside: Callable[[Bench], Any] | None = None,
        **settings: Any,
    ) -> dict[str, dict[str, Any]]:
        asyncio.run(self._run(cases, beside, settings))
        self.folder.close()
        path = self.folder.path / run_folder.CASES
        path.write_bytes(b'{"v":1,"kind":"head","run":"r"}\n' + path.read_bytes())
        return run_folder.read_run(path)[1]

    async def _run(
        self, cases: Sequence[Case], beside: Callable[[Bench], Any] | None, settings: Any
    ) -> None:
        self.folder.create()
        self.server = Server(Options(self.catalogue.path, self.tmp_path / "server.log"))
        await self.server.start()
        environments = {case.row.id: Environment(case.row, self.tmp_path) for case in cases}
        self.engine = Engine(
            Settings(self.tmp_path / "scratch", **settings),
            self.server,
            self.catalogue,
            environments,
            self.folder,
            self.listener,
            baseline=self.baseline,
            durations=self.durations,
        )
        helper = asyncio.create_task(beside(self)) if beside else None
        try:
            await self.engine.run(cases)
        finally:
            if helper is not None:
                if helper.done():
                    helper.result()
                helper.cancel()
            await self.server.stop()


@pytest.fixture
def bench(tmp_path: Path, catalogue: Catalogue) -> Iterator[Bench]:
    made = Bench(tmp_path, catalogue)
    yield made
    made.folder.close()


def test_one_case_from_end_to_end(bench: Bench, make_row: MakeRow) -> None:
    found = bench.run(bench.cases([make_row()], "one"))
    record = found["plain@1.0::one[h1]"]
    assert (record["outcome"], record["grade"]) == ("final", "pass")
    assert record["facts"]["connection"] == "reused"
    assert record["stack"] == [{"name": "python", "version": "3"}]
    evidence = json.loads((bench.folder.path / record["evidence"]).read_text())
    assert [event["event"] for event in evidence["events"]][-1] == "done"
    assert evidence["transcript"]["scenario"] == "one"
    assert evidence["plan"]["requests"][0]["url"].endswith("/one/" + evidence["transcript"]["run"])
    assert "interimspec serve one" in evidence["repro"]["serve"]
    assert [path.name for path in (bench.folder.path / "evidence" / "plain@1.0").iterdir()] == [
        "one.h1.json"
    ]


def test_a_finding_of_danger_is_confirmed(bench: Bench, make_row: MakeRow) -> None:
    found = bench.run(bench.cases([make_row("plain", "takes-102")], "slow"))
    record = found["plain@1.0::slow[h1]"]
    assert (record["outcome"], record["grade"]) == ("interim", "danger")
    assert record["facts"]["connection"] == "poisoned"
    assert [repeat["grade"] for repeat in record["repeats"]] == ["danger", "danger"]
    assert record["unstable"] is False
    assert [final for _, _, final in bench.listener.seen] == [False, True]


def test_what_the_baseline_knows_is_not_repeated(bench: Bench, make_row: MakeRow) -> None:
    row = make_row("plain", "takes-102")
    cell = {"outcome": "interim", "grade": "danger", "connection": "poisoned"}
    bench.baseline = Baseline({row.id: RowResults(row.id, {}, {"slow[h1]": cell})}, ())
    record = bench.run(bench.cases([row], "slow"))["plain@1.0::slow[h1]"]
    assert record["repeats"] == []
    assert record["baseline"]["state"] == "equal"


@pytest.mark.parametrize(
    ("word", "rule"), [("hang", None), ("dies", None), ("exits", "V5"), ("forks", "V2")]
)
def test_misbehaviour_costs_one_case(
    bench: Bench, make_row: MakeRow, word: str, rule: str | None
) -> None:
    good, bad = make_row(), make_row("plain", word, version="2.0")
    cases = bench.cases([good], "one", "slow") + bench.cases([bad], "silent")
    found = bench.run(cases)
    assert {found[case.key]["grade"] for case in cases[:2]} == {"pass"}
    record = found["plain@2.0::silent[h1]"]
    # It never asked for anything, so nothing can be said about how it reads an answer.
    assert record["grade"] in ("error", "fail")
    if rule is not None:
        assert record["reasons"][0]["rule"] == rule


def test_an_adapter_without_hello_is_an_error_that_says_why(
    bench: Bench, make_row: MakeRow
) -> None:
    record = bench.run(bench.cases([make_row("plain", "no-hello")], "one"))["plain@1.0::one[h1]"]
    assert record["grade"] == "error"
    assert "no hello today" in record["sentence"]


def test_unsupported_is_not_run(bench: Bench, make_row: MakeRow) -> None:
    record = bench.run(bench.cases([make_row()], "upload"))["plain@1.0::upload[h1]"]
    assert record["grade"] == "unsupported"
    assert "Expect: 100-continue" in record["sentence"]
    assert record["evidence"] is None
    assert bench.engine is not None
    assert [account.started for account in bench.engine.accounts.values()] == [0]


def test_a_search_finds_the_edge(bench: Bench, make_row: MakeRow) -> None:
    rows = [make_row(), make_row("plain", "takes-102", version="2.0")]
    found = bench.run(bench.cases(rows, "count"), confirm=False)
    assert found["plain@1.0::count[h1]"]["traits"]["n"] == {"at_least": 40}
    assert found["plain@2.0::count[h1]"]["traits"]["n"] == {"below": 1}


def test_both_probes_are_two_runs_and_one_record(bench: Bench, make_row: MakeRow) -> None:
    found = bench.run(bench.cases([make_row()], "both"))
    assert found["plain@1.0::both[h1]"]["grade"] == "pass"
    assert len(list((bench.folder.path / "evidence" / "plain@1.0").iterdir())) == 1


def test_cases_run_side_by_side_and_processes_are_kept(bench: Bench, make_row: MakeRow) -> None:
    rows = [make_row(version=f"{number}.0") for number in range(1, 5)]
    started = time.monotonic()
    found = bench.run(bench.cases(rows, "slow", "both", "silent", "one"), max_processes=4)
    assert Counter(record["grade"] for record in found.values()) == {"pass": 16}
    assert bench.engine is not None
    accounts = bench.engine.accounts.values()
    assert sum(account.started for account in accounts) <= 8
    assert time.monotonic() - started < sum(account.chain_ms for account in accounts) / 1e3 + 10


def test_longest_first(bench: Bench, make_row: MakeRow) -> None:
    cases = bench.cases([make_row()], "one", "slow", "no-interim")
    bench.durations = {case.key: value for case, value in zip(cases, (50, 10, 99), strict=True)}
    bench.run(cases, max_processes=1)
    assert [key.split("::")[1] for key, _, _ in bench.listener.seen] == [
        "no-interim[h1]",
        "one[h1]",
        "slow[h1]",
    ]


def test_it_stops_when_told(bench: Bench, make_row: MakeRow) -> None:
    bench.listener = Listener(stop_after=1)
    found = bench.run(bench.cases([make_row()], "one", "slow", "both"), max_processes=1)
    assert len(found) < 3  # the second has begun while the first was being judged


def test_a_dead_server_costs_no_result(bench: Bench, make_row: MakeRow) -> None:
    async def kill_once(bench: Bench) -> None:
        while len(bench.listener.seen) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert bench.server is not None
        os.kill(bench.server.ready["pid"], signal.SIGKILL)

    rows = [make_row(version=f"{number}.0") for number in range(1, 4)]
    found = bench.run(bench.cases(rows, "slow", "one", "both"), beside=kill_once)
    assert bench.server is not None
    assert bench.server.restarts == 1
    assert Counter(record["grade"] for record in found.values()) == {"pass": 9}


def test_a_case_that_kills_the_server_twice_is_the_error(
    bench: Bench, make_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kill_always(bench: Bench) -> None:
        while bench.server is None or not bench.server.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        server, make_run = bench.server, bench.server.control.make_run

        async def made(scenario: str, *words: Any, **more: Any) -> Any:
            lease = await make_run(scenario, *words, **more)
            if scenario == "slow":
                os.kill(server.ready["pid"], signal.SIGKILL)
            return lease

        monkeypatch.setattr(server.control, "make_run", made)

    key = "plain@1.0::slow[h1]"
    found = bench.run(bench.cases([make_row()], "slow", "one"), beside=kill_always)
    assert found[key]["grade"] == "error"
    assert found[key]["reasons"][0]["rule"] == "V1"
    assert found["plain@1.0::one[h1]"]["grade"] == "pass"


def test_cancellation_leaves_no_process(
    bench: Bench, make_row: MakeRow, alive: Callable[[str], list[int]]
) -> None:
    rows = [make_row("plain", "hang", f"mark-{os.getpid()}", version=f"{n}.0") for n in (1, 2)]

    async def run() -> None:
        task = asyncio.create_task(bench._run(bench.cases(rows, "one", "slow"), None, {}))
        while not bench.engine or len(bench.engine.progress.in_flight) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert alive(f"mark-{os.getpid()}") == []
    assert alive(str(bench.tmp_path)) == []


def test_full_disk_under_the_evidence_ends_the_run(bench: Bench, make_row: MakeRow) -> None:
    if os.geteuid() == 0 and not Path("/dev/full").exists():
        pytest.skip("no way to make a folder unwritable")
    bench.folder.path.mkdir()
    (bench.folder.path / "evidence").write_text("not a folder")
    with pytest.raises(ResultsFault, match="evidence"):
        bench.run(bench.cases([make_row()], "one"))
