# SPDX-License-Identifier: MIT
"""The shared set of files, on which both loaders must agree, and what the harness makes of a file.

The server's loader is built here from its sources by the C compiler, without the server.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from interimspec.judge.facts import FACT_KEYS
from interimspec.requirements import load_requirements
from interimspec.scenario import Scenario, ScenarioError, load_scenario, parse_scenario
from interimspec.scenario_expect import FACTS, RequestSpec, TimerSpec
from interimspec.yaml_subset import MAX_NODES, MAX_OCTETS

ROOT = Path(__file__).parents[2]
SHARED_SET = Path(__file__).parent / "format"
GOOD = sorted((SHARED_SET / "good").iterdir())
BAD = sorted((SHARED_SET / "bad").iterdir())
BAD_HARNESS = sorted((SHARED_SET / "bad-harness").iterdir())
REQUIREMENTS = load_requirements(ROOT / "scenarios" / "requirements.yaml")
SOURCES = ("yaml_reader", "catalogue", "buf", "xmalloc")

EXPECTATION = re.compile(r"# expect (\d+):(\d+) (.+)")

CLoader = Callable[[list[Path]], list[str]]


def name_of(path: Path) -> str:
    return path.stem


def says(path: Path) -> str:
    """What the harness says of a file, in the form of check_scenario."""
    try:
        loaded = load_scenario(path)
    except ScenarioError as error:
        return str(error)
    return " ".join(("ok", *loaded.transports))


@pytest.fixture(scope="module")
def c_loader(tmp_path_factory: pytest.TempPathFactory) -> CLoader:
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/yaml.h").exists():
        pytest.skip("needs a C compiler and libyaml: apt-get install gcc libyaml-dev")
    program = tmp_path_factory.mktemp("c") / "check_scenario"
    folder = ROOT / "mockserver"
    sources = [folder / f"{name}.c" for name in SOURCES]
    sources += [folder / "tests" / "loader" / "check_scenario.c", *folder.glob("scenario*.c")]
    command = [compiler, "-std=c11", "-D_GNU_SOURCE", "-O1", "-o", str(program)]
    subprocess.run([*command, *map(str, sources), "-lyaml"], check=True, timeout=120)

    def run(paths: list[Path]) -> list[str]:
        done = subprocess.run(
            [str(program), *map(str, paths)], check=True, timeout=60, capture_output=True
        )
        return done.stdout.decode().splitlines()

    return run


# --- the shared set ---


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_good(path: Path) -> None:
    loaded = load_scenario(path, "family", REQUIREMENTS)
    assert loaded.id == path.stem
    assert loaded.family == "family"


@pytest.mark.parametrize("path", BAD + BAD_HARNESS, ids=name_of)
def test_bad(path: Path) -> None:
    first = path.read_bytes().splitlines()[0].decode()
    expectation = EXPECTATION.fullmatch(first)
    assert expectation is not None, f"{path} must begin with # expect LINE:COLUMN words"
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, "", REQUIREMENTS)
    error = caught.value
    assert str(error) == f"{path}:{error.line}:{error.column}: {error.message}"
    assert (error.line, error.column) == (int(expectation[1]), int(expectation[2])), error
    assert expectation[3] in error.message


def test_both_loaders_say_the_same(c_loader: CLoader) -> None:
    """Line, column and words."""
    paths = GOOD + BAD
    assert dict(zip(paths, c_loader(paths), strict=True)) == {path: says(path) for path in paths}


def test_the_server_does_not_read_the_harness_s_half(c_loader: CLoader) -> None:
    assert {line.split(" ")[0] for line in c_loader(BAD_HARNESS)} == {"ok"}


def test_both_loaders_accept_the_catalogue(c_loader: CLoader) -> None:
    paths = sorted((ROOT / "scenarios").glob("*/**/*.yaml"))
    assert len(paths) > 30
    wanted = c_loader(paths)
    assert {line.split(" ")[0] for line in wanted} == {"ok"}
    assert [says(path) for path in paths] == wanted


def test_both_loaders_say_the_same_of_large_files(c_loader: CLoader, tmp_path: Path) -> None:
    texts = {
        "nodes": "script: [" + "x, " * MAX_NODES + "]\n",
        "octets": "#" * (MAX_OCTETS + 1),
        "hostile": "[" * MAX_OCTETS,
        "keys": "".join(f"key{i}: x\n" for i in range(4000)),
        "long": 'id: "' + "\\u20ac" * 200 + '"\ntitle: T\n',
        "steps": "id: steps\ntitle: T\nscript:\n" + "  - sleep: 1ms\n" * 3000,
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    # A cut anywhere, and an octet that is another: most of these nobody has thought of.
    for name in ("every-step", "frames-of-every-kind"):
        whole = (SHARED_SET / "good" / f"{name}.yaml").read_bytes()
        for at in range(0, len(whole), 7):
            (tmp_path / f"cut-{name}-{at}.yaml").write_bytes(whole[:at])
            swapped = whole[:at] + b":{}[]\"'-#&*!\x01\xff\n\t x0"[at % 19 : at % 19 + 1]
            (tmp_path / f"swapped-{name}-{at}.yaml").write_bytes(swapped + whole[at + 1 :])
    paths = sorted(tmp_path.iterdir())
    wanted = c_loader([*paths, tmp_path / "none.yaml", tmp_path])
    got = [says(path) for path in [*paths, tmp_path / "none.yaml"]]
    # The harness's half is missing from these, which only the harness can say.
    for path, c_says, python_says in zip(paths, wanted, got, strict=False):
        if c_says.startswith("ok "):
            assert 'needs the key "expect"' in python_says or python_says == c_says, path
        else:
            assert python_says == c_says
    assert wanted[-2] == got[-1]


# --- what the harness makes of it ---

HEAD = "id: x\ntitle: T\n"
TAIL = "why: W\n"


def load(body: str) -> Scenario:
    return parse_scenario("x.yaml", (HEAD + body + TAIL).encode())


def script(*steps: str, request: str = "", class_: str = "trait") -> Scenario:
    listed = "".join(f"  - {step}\n" for step in steps)
    return load(f"{request}script:\n{listed}expect: {{class: {class_}}}\n")


def test_defaults() -> None:
    loaded = script("respond: {status: 200}")
    assert loaded.title == "T"
    assert loaded.why == "W"
    assert loaded.dispute is None
    assert loaded.requirements == ()
    assert loaded.transports == ("h1", "h1s", "h2c", "h2")
    assert loaded.request == RequestSpec("GET", None, (), None, (), False)
    assert loaded.timers == TimerSpec(5000, 5000, asked=False)
    assert loaded.probe == "at-once"
    assert loaded.vary is None
    assert loaded.params == {}
    assert loaded.expect.class_ == "trait"
    assert loaded.expect.grades == {}
    assert loaded.expect.facts == {}
    assert loaded.text.startswith(HEAD)
    assert len(loaded.sha256) == 64
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.id = "y"  # type: ignore[misc]


def test_harness_half() -> None:
    loaded = load_scenario(SHARED_SET / "good" / "harness-half.yaml", "", REQUIREMENTS)
    assert loaded.requirements == ("rfc9110-15.2-parse", "rfc9112-9.2-association")
    assert loaded.request.method == "PROPFIND"
    assert loaded.request.resource == "container/a%20b.pdf"
    assert loaded.request.fields == (("Depth", "1"), ("Content-Type", "application/xml"))
    assert loaded.request.body is not None
    assert len(loaded.request.body) == 100
    assert loaded.request.body.startswith(b"000000000000000\n000000000000016\n")
    assert loaded.probe == "both"
    assert loaded.vary is not None
    assert (loaded.vary.param, loaded.vary.kind) == ("n", "search")
    assert (loaded.vary.low, loaded.vary.high) == (1, 20000)
    assert loaded.vary.good == ("final", "error")
    assert loaded.params["n"].max == 20000
    assert loaded.expect.grades == {"hang": "warn", "crash": "danger"}
    assert loaded.expect.because == "Only to show the key."
    assert loaded.expect.facts == {
        "resent": 0,
        "request_body": "once",
        "before_100": "no",
        "connection": "reused",
    }
    assert loaded.dispute == "None."
    assert loaded.mutant_free == "No mutant counts."


def test_request_body_and_pauses() -> None:
    loaded = load_scenario(SHARED_SET / "good" / "every-step.yaml")
    assert loaded.request.body == b"0123456789"
    assert loaded.request.body_pauses == ((4, 200),)
    assert loaded.request.expect_continue
    assert list(loaded.resources) == ["start", "moved"]
    assert len(loaded.resources["moved"]) == 2


def test_timers() -> None:
    loaded = load("timers: {read: 1500ms}\nscript:\n  - stall: yes\nexpect: {class: unfinished}\n")
    assert loaded.timers == TimerSpec(1500, None, asked=True)


def test_facts_are_those_the_judge_knows() -> None:
    assert set(FACTS) == set(FACT_KEYS)


@pytest.mark.parametrize(
    ("steps", "milliseconds"),
    [
        (("respond: {status: 200}",), 0),
        (("sleep: 50ms", "respond: {status: 200}", "sleep: 2s"), 2050),
        (("{respond: {status: 102}, times: 5, every: 100ms}", "respond: {status: 200}"), 400),
        (("sleep: 400us", "sleep: 400us"), 1),
        (("wait: next-request", "sleep: 20ms", "respond: {status: 200}"), 20),
        (("{respond: {status: 102}, times: forever, every: 1s}",), None),
    ],
)
def test_script_ms(steps: tuple[str, ...], milliseconds: int | None) -> None:
    assert script(*steps).script_ms == milliseconds


def test_script_ms_uses_defaults_of_parameters() -> None:
    loaded = load(
        "params: {n: {default: 3, min: 1, max: 9}, t: {default: 20, min: 0, max: 90}}\n"
        "script:\n  - sleep: t\n  - {respond: {status: 102}, times: n, every: 10ms}\n"
        "expect: {class: trait}\n"
    )
    assert loaded.script_ms == 40


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        (("respond: {status: 200}",), False),
        (("respond: {status: 102}", "close: fin"), True),
        (("respond: {status: 102}", "reset: yes"), True),
        (("stall: yes",), False),
    ],
)
def test_server_ends(steps: tuple[str, ...], ends: bool) -> None:
    assert script(*steps).server_ends is ends


UPGRADE = 'request: {fields: ["Upgrade: chat"]}\n'
HEAD_REQUEST = "request: {method: HEAD}\n"
SWITCH = 'send: "HTTP/1.1 101 S\\r\\nUpgrade: chat\\r\\n\\r\\n"'
CHUNKED = "Transfer-Encoding: chunked\\r\\n\\r\\n"


@pytest.mark.parametrize(
    ("steps", "request_", "final"),
    [
        # by meaning
        (("respond: {status: 200}",), "", True),
        (("respond: {status: 102}", "stall: yes"), "", False),
        (("respond: {status: 599, body: none}",), "", True),
        (("respond: {status: 200, framing: close}", "close: fin"), "", True),
        (("respond: {status: 200, framing: close}", "reset: yes"), "", False),
        (("respond: {status: 200, framing: close}",), "", False),
        (("respond: {status: 200, framing: close}",), HEAD_REQUEST, True),
        (('respond: {status: 200, length: 4, body: "half"}',), "", True),
        (('respond: {status: 200, length: 5, body: "half"}',), "", False),
        (("respond: {status: 200, length: 5, body: none}",), HEAD_REQUEST, True),
        (("respond: {status: 304, length: 5}",), "", True),
        (("respond: {status: 200, framing: chunked, body: later}", "end-body: yes"), "", True),
        (("respond: {status: 200, framing: chunked, body: later}", "stall: yes"), "", False),
        # an interim response inside the content
        (
            (
                "respond: {status: 200, framing: chunked, body: later}",
                'body: "x"',
                "respond: {status: 102}",
                "end-body: yes",
            ),
            "",
            True,
        ),
        # raw
        (('send: "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"',), "", True),
        (('send: "HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nok"',), "", False),
        (('send: "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n"',), "", False),
        (('send: "HTTP/1.1 2"', "sleep: 50ms", 'send: "04\\r\\n\\r\\n"'), "", True),
        (('send: "HTTP/1.1 200 OK\\nContent-Length: 0\\n\\n"',), "", True),
        (('send: "HTTP/1.1 200 OK\\r\\n\\r\\nok"', "close: fin"), "", True),
        (('send: "HTTP/1.1 200 OK\\r\\n\\r\\nok"',), "", False),
        (('send: "HTTP/1.1 2000 OK\\r\\n\\r\\n"', "close: fin"), "", False),
        (('send: "HTTP/1.1 102 P\\r\\n\\r\\nHTTP/1.1 204 N\\r\\n\\r\\n"',), "", True),
        (('send: "HTTP/1.1 102 P\\r\\nContent-Length: 500\\r\\n\\r\\n"',), "", False),
        (('send: "HTTP/1.1 102 P\\r\\n\\r\\n{}HTTP/1.1 204 N\\r\\n\\r\\n"',), "", True),
        ((f'send: "HTTP/1.1 200 OK\\r\\n{CHUNKED}2\\r\\nok\\r\\n0\\r\\n\\r\\n"',), "", True),
        ((f'send: "HTTP/1.1 200 OK\\r\\n{CHUNKED}0\\r\\nT: u\\r\\n\\r\\n"',), "", True),
        ((f'send: "HTTP/1.1 200 OK\\r\\n{CHUNKED}2\\r\\nok\\r\\n"',), "", False),
        ((f'send: "HTTP/1.1 200 OK\\r\\n{CHUNKED}5\\r\\nok\\r\\n0\\r\\n\\r\\n"',), "", False),
        (
            (
                f'send: "HTTP/1.1 200 OK\\r\\n{CHUNKED}2\\r\\nok\\r\\n"',
                'send: "HTTP/1.1 102 P\\r\\n\\r\\n0\\r\\n\\r\\n"',
            ),
            "",
            True,
        ),
        (
            (
                'send: "HTTP/1.1 200 OK\\r\\nContent-Length: 60\\r\\n\\r\\n"',
                '{send: "123456", times: 10}',
            ),
            "",
            True,
        ),
        (
            (
                'send: "HTTP/1.1 200 OK\\r\\nContent-Length: 61\\r\\n\\r\\n"',
                '{send: "123456", times: 10}',
            ),
            "",
            False,
        ),
        # 101 is an end only where the client has asked for that protocol
        ((SWITCH, "stall: yes"), "", False),
        ((SWITCH, "stall: yes"), UPGRADE, True),
        ((SWITCH, "stall: yes"), UPGRADE.replace("chat", "h2c"), False),
        (('respond: {status: 101, fields: ["Upgrade: Chat"]}',), UPGRADE, True),
        (("respond: {status: 101}",), UPGRADE, False),
    ],
)
def test_has_final(steps: tuple[str, ...], request_: str, final: bool) -> None:
    assert script(*steps, request=request_).has_final is final


@pytest.mark.parametrize(
    ("timers", "steps", "good"),
    [
        ("{read: 1s}", ("sleep: 600ms", "respond: {status: 102}", "stall: yes"), True),
        ("{read: 1s}", ("sleep: 700ms", "respond: {status: 102}", "stall: yes"), False),
        ("{read: 1s}", ("sleep: 1300ms", "respond: {status: 102}", "stall: yes"), False),
        ("{read: 1s}", ("sleep: 1400ms", "respond: {status: 102}", "stall: yes"), True),
        ("{total: 1s}", ("sleep: 1s", "respond: {status: 102}", "stall: yes"), True),
        ("{read: 1s}", ("{respond: {status: 102}, times: 9, every: 400ms}", "stall: yes"), True),
        ("{read: 1s}", ("{respond: {status: 102}, times: 9, every: 450ms}", "stall: yes"), False),
        ("{total: 1s}", ("respond: {status: 102}", "sleep: 1s", "close: fin"), False),
        ("{total: 1s}", ("respond: {status: 102}", "sleep: 500ms", "reset: yes"), True),
        ("{total: 1s}", ("respond: {status: 102}", "sleep: 2500ms", "close: fin"), True),
        # what waits for the client has no time of its own
        ("{total: 1s}", ("wait: client-fin", "sleep: 1s", "close: fin"), True),
    ],
)
def test_guard_band(timers: str, steps: tuple[str, ...], good: bool) -> None:
    listed = "".join(f"  - {step}\n" for step in steps)
    body = f"timers: {timers}\nscript:\n{listed}expect: {{class: unfinished}}\n"
    if good:
        assert load(body).timers.asked
    else:
        with pytest.raises(ScenarioError, match="too near"):
            load(body)


def test_requirements_are_not_looked_up_without_a_list() -> None:
    text = HEAD + "requirements: [none]\nscript:\n  - stall: yes\nexpect: {class: trait}\n" + TAIL
    assert parse_scenario("x.yaml", text.encode()).requirements == ("none",)
    with pytest.raises(ScenarioError, match='requirement "none" is not in'):
        parse_scenario("x.yaml", text.encode(), "", {})


PLAYED = """id: x
title: A title
script:
  - respond: {status: 102}
  - sleep: 100ms
  - respond: {status: 200}
expect: {class: serve}
why: Because.
"""


@pytest.mark.parametrize(
    ("was", "becomes", "same"),
    [
        ("title: A title", "title: Another", True),
        ("why: Because.", "why: Because.\ndispute: It might be said.", True),
        ("script:\n", "# A remark.\nscript:\n", True),
        ("title: A title", "title: A title\ntransports: [h1, h1s]", True),
        ("sleep: 100ms", "sleep: 101ms", False),
        ("status: 102", "status: 103", False),
        ("class: serve", "class: trait", False),
        ("title: A title", "title: A title\nprobe: none", False),
        ("title: A title", "title: A title\nrequest: {method: POST}", False),
    ],
)
def test_results_are_of_a_scenario_while_it_plays_and_asks_the_same(
    was: str, becomes: str, same: bool
) -> None:
    assert was in PLAYED
    before = parse_scenario("x.yaml", PLAYED.encode())
    after = parse_scenario("x.yaml", PLAYED.replace(was, becomes).encode())
    assert (before.sha256 == after.sha256) is same
