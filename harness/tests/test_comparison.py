# SPDX-License-Identifier: MIT
"""What a scenario may be compared with, and what the loader says where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from interimspec.catalogue import Catalogue, CatalogueError, load_catalogue
from interimspec.comparison import needs_comparison, sends_interim, what_differs
from interimspec.scenario import Scenario, parse_scenario

PLAIN = "  - respond: {status: 200}\n"


def scenario(name: str, script: str, more: str = "", class_: str = "serve") -> str:
    return f"id: {name}\ntitle: T\n{more}script:\n{script}expect: {{class: {class_}}}\nwhy: W\n"


def parsed(script: str, more: str = "", class_: str = "serve") -> Scenario:
    return parse_scenario("one.yaml", scenario("one", script, more, class_).encode())


@pytest.mark.parametrize(
    ("script", "more"),
    [
        ("  - respond: {status: 102}\n" + PLAIN, ""),
        ('  - send: "HTTP/1.1 102 Processing\\r\\n\\r\\n"\n' + PLAIN, ""),
        ('  - send: "HTTP/1.1 1"\n  - sleep: 1ms\n  - send: "02 X\\r\\n\\r\\n"\n' + PLAIN, ""),
        ("  - frames: [{headers: {status: 103}}]\n" + PLAIN, "transports: [h2]\n"),
        ('  - frames: [{headers: {fields: [":status: 102"]}}]\n' + PLAIN, "transports: [h2]\n"),
        (PLAIN, 'on-connect:\n  - send: "HTTP/1.1 102 Processing\\r\\n\\r\\n"\n'),
        (
            PLAIN,
            "resources:\n  moved:\n    - [{respond: {status: 102}}, {respond: {status: 200}}]\n",
        ),
    ],
)
def test_an_interim_response_is_found_however_it_is_said(script: str, more: str) -> None:
    assert sends_interim(parsed(script, more))
    assert needs_comparison(parsed(script, more))


def test_none_is_found_where_there_is_none() -> None:
    assert not sends_interim(parsed(PLAIN))
    assert not sends_interim(parsed('  - respond: {status: 200, body: "HTTP/1.1 102 X"}\n'))
    assert not needs_comparison(parsed("  - respond: {status: 102}\n" + PLAIN, class_="trait"))


@pytest.mark.parametrize(
    ("script", "more", "class_", "said"),
    [
        ("  - respond: {status: 102}\n" + PLAIN, "", "serve", "sends an interim response itself"),
        (PLAIN, "transports: [h1]\n", "serve", "does not play over h1s, h2c, h2"),
        (PLAIN, "", "trait", "is of class trait, not serve"),
        (PLAIN, "request: {method: HEAD}\n", "serve", "has another request: method"),
        (PLAIN, 'request: {body: "x"}\n', "serve", "has another request: body"),
        (PLAIN, "transports: [h1, h1s, h2c, h2]\nh2: {initial_window: 9}\n", "serve", "HTTP/2"),
        ("  - respond: {status: 404}\n", "", "serve", "is answered with 404, not 200"),
    ],
)
def test_what_asks_something_else_is_refused(
    script: str, more: str, class_: str, said: str
) -> None:
    mine = parsed("  - respond: {status: 102}\n" + PLAIN)
    difference = what_differs(mine, parsed(script, more, class_))
    assert difference is not None
    assert said in difference


def test_the_last_visit_repeats() -> None:
    twice = "resources:\n  start:\n    - - respond: {status: 200}\n    - - respond: {status: 200}\n"
    visits = f"id: one\ntitle: T\n{twice}expect: {{class: serve}}\nwhy: W\n"
    assert what_differs(parsed(PLAIN), parse_scenario("one.yaml", visits.encode())) is None


def folder(tmp_path: Path, compare_with: str) -> Path:
    with_102 = "  - respond: {status: 102}\n" + PLAIN
    more = f"compare_with: {compare_with}\n"
    (tmp_path / "a.yaml").write_text(scenario("a", with_102, more))
    (tmp_path / "plain.yaml").write_text(scenario("plain", PLAIN))
    (tmp_path / "head.yaml").write_text(scenario("head", PLAIN, "request: {method: HEAD}\n"))
    return tmp_path


def test_the_loader_reads_it(tmp_path: Path) -> None:
    catalogue: Catalogue = load_catalogue(folder(tmp_path, "plain"))
    assert catalogue["a"].compare_with == "plain"
    assert catalogue["plain"].compare_with is None


def test_the_loader_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"'plane' is no scenario .* did you mean 'plain'"):
        load_catalogue(folder(tmp_path, "plane"))


def test_the_loader_refuses_what_asks_something_else(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="'head' has another request: method"):
        load_catalogue(folder(tmp_path, "head"))


def test_one_file_alone_is_read_without_the_other(tmp_path: Path) -> None:
    assert len(load_catalogue(folder(tmp_path, "plain") / "a.yaml")) == 1
