# SPDX-License-Identifier: MIT
"""Who survives 102, and but for what: the counting behind every headline."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from interimspec.report import load_report, markdown, print_terminal, write_reports
from interimspec.report.committed import _edited
from interimspec.report.model import Case, Client, ColumnId, Report, RowId, ScenarioInfo
from interimspec.report.summary import Standing, by_edge, standing
from tests import report_factory as factory

ROW = RowId("tool", "1.0")
TWO = "  - respond: {status: 102}\n  - respond: {status: 102}\n"
# id: (family, what it is compared with, text)
SCENARIOS = {
    "no-interim": ("control-none", "", "  - respond: {status: 200}\n"),
    "429-alone": ("control-none", "", "  - respond: {status: 429}\n"),
    "single-102": ("single", "no-interim", "  - respond: {status: 102}\n"),
    "429": ("finals", "429-alone", "  - respond: {status: 102}\n"),
    "twice": ("repeated", "no-interim", TWO),
    "long-poll": ("realistic", "no-interim", TWO),
    "once": ("realistic", "no-interim", "  - respond: {status: 102}\n"),
    "connect": ("tunnel", "no-interim", "  - respond: {status: 102}\n"),
    "hints": ("single", "no-interim", "  - respond: {status: 103}\n"),
    "asked-not-sent": ("expect", "", "  - respond: {status: 200}\n"),
}


def case(scenario: str, transport: str, what: str) -> Case:
    """`what`: a grade, an outcome, or `poisoned`; by default as an ideal client does."""
    grades = {"error": "fail", "interim": "fail", "foreign": "danger", "poisoned": "pass"}
    outcome = what if what in grades and what != "poisoned" else "final"
    return Case(
        row=ROW,
        column=ColumnId(scenario, transport),
        family=SCENARIOS[scenario][0],
        class_="serve",
        outcome=outcome,
        grade=grades.get(what, what),
        sentence="",
        facts={"connection": "poisoned" if what == "poisoned" else "reused"},
        reasons=(),
        traits={},
        requirements=(),
        unstable=False,
        repeats=(),
        attempts=1,
        duration_ms=1.0,
        baseline=None,
        stack=(),
        evidence=None,
        source="test",
    )


def stands(transports: str = "h1", **differs: str) -> Standing:
    """The standing of a client that does all right but for `scenario=what`, or where it matters
    `scenario__transport=what`."""
    cases = {}
    for name in SCENARIOS:
        for transport in transports.split():
            key = name.replace("-", "_")
            what = differs.get(f"{key}__{transport}", differs.get(key, "pass"))
            if what != "not run":
                cases[ROW, ColumnId(name, transport)] = case(name, transport, what)
    client = Client(ROW, "Tool", "C", "", "", "", "", ())
    report = Report(
        runs=(),
        clients=(client,),
        columns=tuple(sorted(column for _, column in cases)),
        scenarios={
            name: ScenarioInfo(name, name, family, "serve", "", "", (), "at-once", text, other)
            for name, (family, other, text) in SCENARIOS.items()
        },
        requirements={},
        cases=cases,
        skipped=(),
        notes=(),
    )
    return standing(report, client)


def edges(found: Standing) -> dict[str, tuple[str, ...]]:
    return {edge.words: edge.scenarios for edge in found.edges}


def test_who_does_all_right_survives() -> None:
    found = stands()
    assert (found.bucket, found.served, found.serve_cases, found.edges) == ("survives", 6, 6, ())


def test_what_sends_no_102_decides_nothing() -> None:
    assert stands(asked_not_sent="error").bucket == "survives"
    assert stands(hints="interim").bucket == "survives"
    assert stands(no_interim="error").bucket == "survives"


def test_who_fails_the_plain_102_does_not_survive_it() -> None:
    found = stands(single_102="error", twice="error")
    assert (found.bucket, found.served, found.serve_cases) == ("fails", 4, 6)
    assert found.edges == ()


def test_nothing_is_said_of_a_plain_102_that_was_not_sent() -> None:
    assert stands(single_102="not run", hints="not run", twice="error").bucket == "undecided"
    assert stands(single_102="not run", hints="not run", twice="foreign").bucket == "poisoned"


def test_who_survives_the_plain_102_has_edges_with_names() -> None:
    found = stands(**{"429": "error"})
    assert (found.bucket, found.served, found.serve_cases) == ("edges", 5, 6)
    assert edges(found) == {"before certain final responses": ("429",)}
    assert edges(stands(connect="error")) == {"before the answer to CONNECT": ("connect",)}


def test_what_fails_without_a_102_too_is_not_counted() -> None:
    found = stands(**{"429": "error", "429_alone": "error"})
    assert (found.bucket, found.served, found.serve_cases) == ("survives", 5, 5)
    assert found.not_counted == 1


def test_what_goes_well_is_counted_whatever_happens_without() -> None:
    found = stands(**{"429_alone": "error"})
    assert (found.bucket, found.served, found.not_counted) == ("survives", 6, 0)


@pytest.mark.parametrize("alone", ["pass", "warn", "inconclusive", "unsupported", "not run"])
def test_only_a_failure_without_a_102_excuses_one_with_it(alone: str) -> None:
    found = stands(**{"429": "error", "429_alone": alone})
    assert (found.bucket, found.not_counted) == ("edges", 0)


def test_a_102_that_is_handed_over_as_the_answer_always_counts() -> None:
    assert stands(**{"429": "interim", "429_alone": "error"}).bucket == "edges"


@pytest.mark.parametrize("what", ["foreign", "poisoned"])
def test_wrong_answers_are_excused_by_wrong_answers_alone(what: str) -> None:
    assert stands(**{"429": what}).bucket == "poisoned"
    assert stands(**{"429": what, "429_alone": "error"}).bucket == "poisoned"
    assert stands(**{"429": what, "429_alone": what}).bucket == "survives"


def test_another_transport_excuses_nothing() -> None:
    over_tls = {"429__h1": "error", "429_alone__h1s": "error"}
    assert stands("h1 h1s", **over_tls).bucket == "edges"
    same = {"429__h1": "error", "429_alone__h1": "error"}
    assert stands("h1 h1s", **same).bucket == "survives"


def test_a_client_that_fails_without_any_102_is_not_decided() -> None:
    broken = {name.replace("-", "_"): "error" for name in SCENARIOS}
    found = stands(**broken)
    assert (found.bucket, found.serve_cases, found.not_counted) == ("undecided", 0, 6)


def test_a_protocol_over_which_the_plain_102_fails_is_an_edge() -> None:
    found = stands("h1 h2", single_102__h2="error", connect__h2="error")
    assert found.bucket == "edges"
    assert edges(found) == {"over HTTP/2": ("connect", "single-102")}
    assert stands("h1 h2", single_102="error").bucket == "fails"
    assert stands("h2", single_102="error").bucket == "fails"


def test_failures_behind_several_102s_are_one_edge_where_several_are_the_reason() -> None:
    found = stands(twice="error", long_poll="error")
    assert edges(found) == {"more than one of them": ("long-poll", "twice")}
    found = stands(twice="error", once="error")
    assert edges(found) == {
        "more than one of them": ("twice",),
        "in certain whole exchanges": ("once",),
    }
    assert edges(stands(long_poll="error")) == {"in certain whole exchanges": ("long-poll",)}


def test_edges_stand_in_one_order() -> None:
    every = stands("h1 h2", single_102__h2="error", once="error", connect="error", twice="error")
    assert [words for words, _ in by_edge([every])] == [
        "over HTTP/2",
        "more than one of them",
        "before the answer to CONNECT",
        "in certain whole exchanges",
    ]


# --- every report says the same ---

EDGE = "more than one of them"


def run_with_an_edge(tmp_path: Path) -> Path:
    changes = {("curl", "repeat-5"): {"grade": "fail", "outcome": "error"}}
    scripts = tuple(
        factory.Script(
            one.id,
            "repeated" if one.id == "repeat-5" else one.family,
            one.class_,
            one.title,
            one.sends,
            one.final_at,
        )
        for one in factory.SCRIPTS
    )
    return factory.write_run(tmp_path / "run", scripts=scripts, cases=changes)


def test_the_terminal_names_the_edge(tmp_path: Path) -> None:
    out = io.StringIO()
    print_terminal(load_report([run_with_an_edge(tmp_path)]), out, 60)
    head = out.getvalue().split("Clients by families")[0].split("Who survives")[1]
    assert max(map(len, head.splitlines())) <= 60
    text = " ".join(out.getvalue().split())
    assert f"Survive a plain 102, but not every one (1): not {EDGE} (1): curl 7.88.1 F" in text


def test_the_terminal_says_what_is_not_counted(tmp_path: Path) -> None:
    failed = {"grade": "fail", "outcome": "error"}
    changes = {("curl", "repeat-5"): failed, ("curl", "no-interim"): failed}
    out = io.StringIO()
    print_terminal(load_report([factory.write_run(tmp_path, cases=changes)]), out, 100)
    assert "Not counted: 1 failure, as the same fails without any 102" in out.getvalue()


def test_the_published_page_names_the_edge(tmp_path: Path) -> None:
    text = markdown.pages(load_report([run_with_an_edge(tmp_path)]))["COMPATIBILITY.md"]
    assert "**~ Survive a plain 102, but not every one (1).**" in text
    line = next(line for line in text.splitlines() if EDGE in line)
    link = "[`repeat-5`](./families/repeated.md#repeat-5)"
    assert line == f"  - not {EDGE} (1): [curl 7.88.1](./clients/curl.md) ({link})"
    assert "| [curl 7.88.1](./clients/curl.md) | C | ~ 3 of 4 |" in text


def test_the_html_page_names_the_edge(tmp_path: Path) -> None:
    report = load_report([run_with_an_edge(tmp_path)])
    written = write_reports(report, tmp_path / "out", embargo=None, local=True, formats={"html"})
    page = next(path for path in written if path.suffix == ".html")
    text = page.read_text(encoding="utf-8")
    assert "1 survives a plain one, but not every one." in text
    assert f"not {EDGE}" in text


def test_a_client_page_says_what_fails_without_a_102_too(tmp_path: Path) -> None:
    failed = {"grade": "fail", "outcome": "error"}
    changes = {("curl", "repeat-5"): failed, ("curl", "no-interim"): failed}
    made = markdown.pages(load_report([factory.write_run(tmp_path, cases=changes)]))
    assert "1 not counted" in made["COMPATIBILITY.md"]
    page = made["clients/curl.md"]
    line = next(i for i, line in enumerate(page.splitlines()) if "fails without 102 too" in line)
    assert "repeat-5" in page.splitlines()[line + 1]
    assert "no-interim" not in page.splitlines()[line + 1]


def test_many_edited_scenarios_are_one_note() -> None:
    few = _edited(["a", "b"])
    assert [note.split()[2] for note in few] == ["a", "b"]
    many = _edited([f"s{number}" for number in range(9)])
    assert len(many) == 1
    assert many[0].startswith("9 scenarios were edited")
    assert many[0].endswith("s4 and 4 more.")


@pytest.mark.parametrize(("rule", "title"), [("V4", "Not concerned"), ("V3", "Not decided")])
def test_a_client_of_http10_is_not_concerned(tmp_path: Path, rule: str, title: str) -> None:
    refused = {"grade": "unsupported", "outcome": None, "reasons": [{"rule": rule}]}
    changes = {("curl", script.id): refused for script in factory.SCRIPTS}
    folder = factory.write_run(tmp_path / "run", cases=changes)
    text = markdown.pages(load_report([folder]))["COMPATIBILITY.md"]
    (line,) = [one for one in text.splitlines() if one.startswith("- ") and title in one]
    assert "(1).**" in line
    after = text.splitlines()[text.splitlines().index(line) + 1]
    assert "curl" in after
