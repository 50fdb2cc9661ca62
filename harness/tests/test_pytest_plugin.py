# SPDX-License-Identifier: MIT
"""The plugin in real pytest sessions on the real server: ids, JUnit, baseline, exit statuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from driver_kit import ADAPTERS

from interimspec import run_folder

CLIENT = """
name = "{name}"
title = "Test client {name}"
language = "Python"
kind = "library"
versions = ["1.0"]
[run]
command = ["{{python}}", "{{here}}/../plain.py", {words}]
processes = 1
[can]
timers = ["connect_ms", "read_ms", "total_ms"]
second_request = "pooled"
not_before = true
interim = "fields"
phases = true
"""
SCENARIO = "id: {id}\ntitle: A test\nrequirements: []\nwhy: To test.\n{rest}"
SERVE = "script:\n  - respond: {status: 102}\n  - respond: {status: 200}\nexpect: {class: serve}\n"
SLOW = SERVE.replace("  - respond: {status: 200}", "  - sleep: 5s\n  - respond: {status: 200}")
NEEDS = 'request: {method: POST, body: "a", expect_continue: yes}\n' + SERVE


class Project:
    """A matrix of its own, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "scenarios" / "some").mkdir(parents=True)
        (root / "clients").mkdir()
        shutil.copy(ADAPTERS / "plain.py", root / "clients" / "plain.py")
        (root / "matrix.toml").write_text(
            '[interimspec]\nscenarios = "scenarios"\nclients = ["clients"]\n'
            'results = "results"\nknown = "known.toml"\n'
        )
        self.scenario("one", SERVE)
        self.scenario("needs", NEEDS)
        self.client("good")

    def scenario(self, name: str, rest: str) -> None:
        path = self.root / "scenarios" / "some" / f"{name}.yaml"
        path.write_text(SCENARIO.format(id=name, rest=rest))

    def client(self, name: str, *words: str) -> None:
        folder = self.root / "clients" / name
        folder.mkdir(exist_ok=True)
        listed = ", ".join(f'"{word}"' for word in words)
        (folder / "client.toml").write_text(CLIENT.format(name=name, words=listed))

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "INTERIMSPEC_RUNS": str(self.root / "runs")}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`interimspec` with this matrix."""
        return subprocess.run(
            [sys.executable, "-m", "interimspec.cli", *words],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.command("run", "--matrix", "matrix.toml", *words)

    def pytest(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_green_is_0(project: Project) -> None:
    done = project.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 skipped" in done.stdout
    head, records, end = run_folder.read_run(run_folder.newest_run(project.root / "runs"))
    assert set(records) == {"good@1.0::one[h1]", "good@1.0::needs[h1]"}
    assert head["clients"]["good@1.0"]["title"] == "Test client good"
    assert end is not None
    assert end["complete"] is True
    assert end["longest_chain_ms"] > 0
    assert end["server_cpu_ms"] >= 0
    assert end["rows"]["good@1.0"]["started"] == 1
    assert 0 < end["ideal_ms"] <= end["wall_ms"]
    assert "x the ideal" in done.stdout


def test_findings_are_1_then_known_then_worse_and_better(project: Project) -> None:
    project.client("bad", "takes-102")
    done = project.run("--pytest", "--tb=short")
    assert done.returncode == 1
    assert ": Handed the 102 to the application as the response" in done.stdout
    assert "interimspec explain 'bad@1.0' one" in done.stdout

    accepted = project.command("accept", "--matrix", "matrix.toml")
    assert accepted.returncode == 0, accepted.stderr
    again = project.run()
    assert again.returncode == 0, again.stdout
    assert "1 xfailed" in again.stdout

    project.client("bad")  # mended
    better = project.run()
    assert better.returncode == 6
    assert "better than the baseline" in better.stdout

    project.client("good", "takes-102")  # broken
    worse = project.run("--pytest", "--tb=short")
    assert worse.returncode == 1
    assert re.search(r"worse than the baseline: pass \(final, \w+\) -> \w+ \(interim", worse.stdout)


def test_a_reason_makes_a_new_finding_known(project: Project) -> None:
    project.client("bad", "takes-102")
    (project.root / "known.toml").write_text(
        '[[known]]\nclient = "bad"\nscenario = "*"\nreason = "told upstream"\n'
    )
    assert project.run().returncode == 0


def test_faults_of_ours_are_3_and_win(project: Project) -> None:
    project.client("bad", "takes-102")
    project.client("mute", "no-hello")
    done = project.run("--junitxml", "out.xml")
    assert done.returncode == 3
    assert "no hello today" in done.stdout
    suite = ElementTree.parse(project.root / "out.xml").getroot()[0]
    kinds = {
        (case.get("classname"), case.get("name")): [child.tag for child in case]
        for case in suite.iter("testcase")
    }
    assert kinds[("matrix.toml.good@1.0", "one[h1]")] == ["properties"]
    assert "failure" in kinds[("matrix.toml.bad@1.0", "one[h1]")]
    assert "error" in kinds[("matrix.toml.mute@1.0", "one[h1]")]
    assert "skipped" in kinds[("matrix.toml.good@1.0", "needs[h1]")]
    values = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert {"outcome", "grade", "connection"} <= set(values)
    assert all(float(case.get("time", "0")) < 5 for case in suite.iter("testcase"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--client", "nobody"], "no client matches 'nobody'"),
        (["--scenario", "on"], "near it: one"),
        (["--shard", "3/2"], "write i/n"),
        (["--matrix", "none.toml"], "no such file"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_usage_errors_are_4(project: Project, words: list[str], said: str) -> None:
    done = project.run(*words)
    assert done.returncode == 4
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_bad_scenario_is_4_with_its_place(project: Project) -> None:
    project.scenario("bad", SERVE.replace("status: 102", "sttus: 102"))
    done = project.run()
    assert done.returncode == 4
    assert "some/bad.yaml:6:" in done.stdout + done.stderr


def test_nothing_selected_is_5(project: Project) -> None:
    assert project.run("--transport", "h3").returncode == 5
    assert project.run("-k", "nothing_of_this_name").returncode == 5


def test_a_missing_server_is_3(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERIMSPEC_SERVER", str(project.root / "gone"))
    done = project.run()
    assert done.returncode == 3
    assert "make setup" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_node_ids_k_and_selection(project: Project) -> None:
    project.client("other")
    listed = project.pytest("matrix.toml", "--collect-only", "-q").stdout.splitlines()
    assert "matrix.toml::good@1.0::one[h1]" in listed
    assert "matrix.toml::other@1.0::needs[h1]" in listed
    one = project.pytest("matrix.toml::good@1.0::one[h1]", "-q")
    assert one.returncode == 0
    assert "1 passed" in one.stdout
    assert "1 passed" in project.run("-k", "one and good").stdout
    assert "1 passed" in project.run("good@1.0::one[h1]").stdout
    assert "1 passed" in project.run("--client", "!other", "--scenario", "o*").stdout
    assert "1 passed" in project.run("--not-client", "oth*", "--not-scenario", "needs").stdout


def test_stop_at_the_first_finding(project: Project) -> None:
    project.client("good", "takes-102")
    for number in range(5):
        project.scenario(f"more{number}", SLOW if number else SERVE)
    started = time.monotonic()
    done = project.run("-x", "--no-confirm", "--processes", "1", "--not-scenario", "more[1-4]")
    assert done.returncode == 1
    assert time.monotonic() - started < 30
    _, records, end = run_folder.read_run(run_folder.newest_run(project.root / "runs"))
    assert len(records) < 3
    assert end is not None
    assert end["complete"] is False


def test_last_failed(project: Project) -> None:
    project.client("bad", "takes-102")
    words = (
        "matrix.toml",
        "-q",
        "-o",
        f"cache_dir={project.root / 'cache'}",
        "-p",
        "cacheprovider",
    )
    base = [sys.executable, "-m", "pytest", *words]
    for more, said in (([], "1 failed, 1 passed"), (["--lf"], "1 failed")):
        done = subprocess.run(
            [*base, *more], cwd=project.root, env=project.env, capture_output=True, text=True,
            timeout=100, check=False,
        )  # fmt: skip
        assert said in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1]


def test_xdist_gives_each_row_to_one_worker(project: Project) -> None:
    project.client("bad", "takes-102")
    project.client("other")
    done = project.run("-n", "2", "--junitxml", "out.xml")
    assert done.returncode == 1, done.stdout + done.stderr
    _, records, end = run_folder.read_run(run_folder.newest_run(project.root / "runs"))
    assert len(records) == 6
    assert end is not None
    assert end["complete"] is True
    assert len(list((project.root / "runs").glob("*/cases.jsonl"))) == 1
    suite = ElementTree.parse(project.root / "out.xml").getroot()[0]
    assert {case.get("classname") for case in suite.iter("testcase")} == {
        "matrix.toml.good@1.0",
        "matrix.toml.bad@1.0",
        "matrix.toml.other@1.0",
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_keeps_what_is_there(
    project: Project, alive: Callable[[str], list[int]], number: signal.Signals
) -> None:
    project.scenario("slow", SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "interimspec.cli", "run", "--matrix", "matrix.toml"],
        cwd=project.root,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    until = time.monotonic() + 30
    found: list[Path] = []
    while not (found and alive(str(project.root / "clients"))):
        found = list((project.root / "runs").glob("*/cases.jsonl"))
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2, out.decode()
    _, _, end = run_folder.read_run(found[0])
    assert end is not None
    assert end["complete"] is False
    assert end["reason"] == "interrupted"
    assert alive(str(project.root)) == []


def test_a_full_disk_says_so(project: Project) -> None:
    (project.root / "runs").write_text("not a folder")
    done = project.run()
    assert done.returncode == 3
    assert "runs" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_shards_cover_everything_once_and_merge(project: Project) -> None:
    project.client("other")
    for part in ("1/2", "2/2"):
        assert project.run("--shard", part).returncode == 0
    runs = sorted(path.parent.name for path in (project.root / "runs").glob("*/cases.jsonl"))
    assert len(runs) == 2
    merged = project.command("merge", *runs, "--into", "whole")
    assert merged.returncode == 0, merged.stderr
    head, records, end = run_folder.read_run(project.root / "whole")
    assert len(records) == 4
    assert set(head["clients"]) == {"good@1.0", "other@1.0"}
    assert end is not None
    assert end["complete"] is True
    evidence = records["good@1.0::one[h1]"]["evidence"]
    assert json.loads((project.root / "whole" / evidence).read_text())["v"] == 1


def test_explain_tells_the_whole_cell(project: Project) -> None:
    project.client("bad", "takes-102")
    project.run("--client", "bad")
    done = project.command("explain", "bad", "one")
    assert done.returncode == 0, done.stderr
    for part in (
        "bad@1.0  one[h1]",
        "Handed the 102",
        "sent     27 octets: HTTP/1.1 102 Processing\\r\\n\\r\\n",
        "client       main: response 102",
        "interimspec serve one",
        "curl -v",
        "Why it matters",
    ):
        assert part in done.stdout
    assert project.command("explain", "bad", "none-such").returncode == 4


def test_diff_names_what_changed(project: Project) -> None:
    project.run()
    first = run_folder.newest_run(project.root / "runs").name
    project.client("good", "takes-102")
    project.run()
    done = project.command("diff", first)
    assert done.returncode == 1
    assert "good 1.0: 1 worse, " in done.stdout
    assert "now handed an interim response over as the answer" in done.stdout
    assert "before: delivered the final response (pass)\n      one\n" in done.stdout
    assert project.command("diff", first, first).returncode == 0
