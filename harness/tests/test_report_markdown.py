# SPDX-License-Identifier: MIT
"""The published pages: a diff is news, nothing in them builds what it should not, and every link
in them leads somewhere."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interimspec import paths, results
from interimspec.report import ReportError, load_report, markdown, write_reports
from interimspec.report.model import Case
from interimspec.report.questions import QUESTIONS, question_of
from interimspec.report.words import plain
from tests import report_factory as factory

INDEX = "COMPATIBILITY.md"


def pages(folder: Path) -> dict[str, str]:
    return markdown.pages(load_report([folder]))


def test_a_line_for_each_client(tmp_path: Path) -> None:
    made = pages(factory.write_run(tmp_path))
    text = made[INDEX]
    assert "**✓ Survive 102 (3).**" in text
    assert "[curl 7.88.1](./clients/curl.md), [httpx 0.28.1](./clients/httpx.md)" in text
    assert "**D Hand out wrong answers after a 102 (1).**" in text
    row = next(line for line in text.splitlines() if line.startswith("| [requests 2.34.2]"))
    assert row.startswith(
        "| [requests 2.34.2](./clients/requests.md) | Python | **D** 0 of 4 |  | ✓ 1 |"
    )
    assert {name for name in made if name.startswith("clients/")} == {
        f"clients/{story.name}.md" for story in factory.STORIES
    }
    assert {name for name in made if name.startswith("families/")} == {
        f"families/{script.family}.md" for script in factory.SCRIPTS
    }


def test_a_client_page_says_what_was_found_in_words(tmp_path: Path) -> None:
    text = pages(factory.write_run(tmp_path))["clients/requests.md"]
    assert "# requests and interim responses" in text
    danger = text.split("### danger")[1].split("### ")[0]
    assert "- Handed the 102 to the application as the response; then answered the next" in danger
    assert "[RFC 9110 15.2](https://www.rfc-editor.org/rfc/rfc9110.html#section-15.2)" in danger
    assert "  - 2.34.2: " in danger
    assert "[`single-102`](../families/single.md#single-102)" in danger
    assert "Made of urllib3 2.7.0." in text
    assert factory.notes_of("requests") in text
    assert "interimspec run --client requests@2.34.2 --scenario single-102\n" in text


def test_a_family_page_says_who_does_what(tmp_path: Path) -> None:
    text = pages(factory.write_run(tmp_path))["families/single.md"]
    section = text.split("### single-102\n")[1].split("### ")[0]
    assert "One 102 before the 200 is skipped." in section
    assert re.search(
        r"^- \*\*danger\*\*, handed the 102 .* \(1\): \[requests 2.34.2\]\(\S+/requests.md\)$",
        section,
        re.MULTILINE,
    )
    assert "- 3 pass" in section


def test_every_case_belongs_to_one_question_and_every_question_is_asked(tmp_path: Path) -> None:
    report = load_report([factory.write_run(tmp_path)])
    found = {question_of(report, case).key for case in report.cases.values()}
    assert {"102", "plain", "limit", "end", "garbage", "surplus"} <= found
    assert found <= {question.key for question in QUESTIONS}


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(factory.write_run(tmp_path / "run"), out)
    assert broken_links(out) == []
    (out / "clients" / "curl.md").unlink()
    assert any("clients/curl.md" in problem for problem in broken_links(out))


def test_what_is_committed_belongs_together() -> None:
    """A page for each client that has results and for no other, of a size that a forge shows."""
    reports = paths.ROOT / "reports"
    clients = {str(row.head["client"]) for row in results.load(paths.RESULTS).values()}
    assert {path.stem for path in (reports / "clients").glob("*.md")} == clients
    assert broken_links(reports) == []
    made = [path for part in ("clients", "families") for path in (reports / part).glob("*.md")]
    for page in [reports / INDEX, *made]:
        assert page.read_text(encoding="utf-8").startswith(markdown.MARK), page
        limit = 150_000 if page.name == INDEX else 400_000
        assert page.stat().st_size < limit, page


def test_the_order_of_the_records_changes_nothing(tmp_path: Path) -> None:
    before = pages(factory.write_run(tmp_path / "a"))
    path = factory.write_run(tmp_path / "b") / "cases.jsonl"
    head, *cases, end = path.read_text(encoding="utf-8").splitlines()
    random.Random(102).shuffle(cases)
    path.write_text("\n".join([head, *cases, end]) + "\n", encoding="utf-8")
    assert pages(tmp_path / "b") == before


def test_what_differs_from_run_to_run_is_not_in_it(tmp_path: Path) -> None:
    """The same findings on another day, another machine, other ports: the same files."""
    sentence = (
        'Took {0} s: Get "http://127.0.0.1:{1}/single-102/r{1}/x": port={1} <x at 0x7f00{1}>.'
    )
    changes: list[dict[tuple[str, str], dict[str, Any]]] = [
        {
            ("axios", "single-102"): {
                "sentence": sentence.format(time, port),
                "duration_ms": float(port),
                "facts": {"told": "failed", "timer_factor": time},
            },
            ("axios", "repeat-5"): {
                "grade": "inconclusive",
                "sentence": f"The harness was {port} ms late.",
            },
        }
        for time, port in ((1.03, 41007), (1.1, 55555))
    ]
    other = {
        "run": "another",
        "started": "2027-01-01T00:00:00Z",
        "machine": {"os": "Other", "cpus": 64},
        "server": {"pid": 77},
    }
    first = pages(factory.write_run(tmp_path / "a", cases=changes[0]))
    second = pages(factory.write_run(tmp_path / "b", cases=changes[1], head=other))
    assert first == second
    for forbidden in ("41007", "r7f3", "2026", "20261121"):
        assert not any(forbidden in text for text in first.values())


def test_one_changed_cell_is_a_short_diff(tmp_path: Path) -> None:
    before = pages(factory.write_run(tmp_path / "a"))
    change = {
        ("httpx", "body-naked"): {
            "grade": "fail",
            "outcome": "hang",
            "reasons": [{"rule": "O3"}],
            "sentence": "Hung.",
        }
    }
    after = pages(factory.write_run(tmp_path / "b", cases=change))
    news = {
        name: [line for line in text.splitlines() if line not in before[name].splitlines()]
        for name, text in after.items()
        if text != before[name]
    }
    assert set(news) == {INDEX, "clients/httpx.md", "families/bodies.md"}
    assert len(news[INDEX]) == 1
    assert any(
        "Never came to an end, and was stopped." in line for line in news["clients/httpx.md"]
    )
    assert sum(map(len, news.values())) < 14


def test_partial_results_say_so(tmp_path: Path) -> None:
    assert "> **PARTIAL.**" in pages(factory.write_run(tmp_path, end=False))[INDEX]


def test_client_text_builds_no_markup(tmp_path: Path) -> None:
    evil = "x | y\n# Title\n<img src=x onerror=alert(1)> [a](javascript:alert(1)) `b` @all"
    changes = {
        ("requests", "single-102"): {
            "sentence": evil,
            "traits": {"x|y": evil},
            "reasons": [{"rule": "O2", "status": evil}],
        }
    }
    story = factory.Story("evil", "1|2", "C", "hangs", title="E<b>vil</b>\n# x")
    made = pages(factory.write_run(tmp_path, (*factory.STORIES, story), cases=changes))
    for text in made.values():
        assert "<img" not in text
        assert "<b>" not in text
        assert "](javascript:" not in text.replace("\\]\\(", "")
        assert not [line for line in text.splitlines() if line.startswith(("# x", "# Title"))]
        widths = 0
        for line in text.splitlines():
            if not line.startswith("|"):
                widths = 0
                continue
            width = len(re.findall(r"(?<!\\)\|", line))
            assert widths in (0, width), line
            widths = width


def write(run: Path, out: Path, **options: Any) -> list[Path]:
    options = {"embargo": None, "local": False, "formats": {"markdown"}} | options
    return write_reports(load_report([run]), out, **options)


def broken_links(folder: Path) -> list[str]:
    """Links to files and headings that are not there."""
    problems = []
    headings: dict[Path, set[str]] = {}
    for page in [folder / INDEX, *folder.glob("clients/*.md"), *folder.glob("families/*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((\.[^)#]*(?:#[^)]*)?)\)", text):
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve()
            if path not in headings:
                there = path.read_text(encoding="utf-8") if path.is_file() else ""
                found = re.findall(r"^#+ (.*)$", there, re.MULTILINE)
                headings[path] = {slug(heading) for heading in found}
            if not path.is_file() or (anchor and anchor not in headings[path]):
                problems.append(f"{page.name}: {target}")
    return problems


def slug(heading: str) -> str:
    """The anchor that a forge gives a heading."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    run = factory.write_run(tmp_path / "run")
    out = tmp_path / "out"
    written = write(run, out)
    assert written[0] == out / INDEX
    assert sorted(written) == sorted(path for path in out.rglob("*") if path.is_file())
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ReportError, match=r"file/x/COMPATIBILITY\.md: cannot be written"):
        write(run, blocked / "x")
    with pytest.raises(ReportError, match="unknown report format 'pdf'; there are html, markdown"):
        write(run, out, formats={"pdf"})


def test_pages_of_what_is_gone_are_removed_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(factory.write_run(tmp_path / "all"), out)
    (out / "clients" / "mine.md").write_text("# Written by hand\n")
    (out / "clients" / "curl.md").rename(out / "clients" / "gone.md")
    write(factory.write_run(tmp_path / "few", stories=factory.STORIES[:2]), out)
    assert {path.name for path in (out / "clients").iterdir()} == {
        "curl.md",
        "mine.md",
        "requests.md",
    }


def test_versions_stand_side_by_side(tmp_path: Path) -> None:
    stories = tuple(
        factory.Story("curl", version, "C", takes)
        for version, takes in (("1.9", "skips"), ("1.0", "takes"), ("1.10", "skips"))
    )
    made = pages(factory.write_run(tmp_path, stories=stories))
    assert "what 1 client in 3 versions or configurations did" in made[INDEX]
    rows = [line for line in made[INDEX].splitlines() if line.startswith("| [curl")]
    assert len(rows) == 1
    assert rows[0].startswith("| [curl 1.10](./clients/curl.md) |")
    assert "| 1.9; 1.0: wrong answers |" in rows[0]
    page = made["clients/curl.md"]
    assert "| Question | 1.10 | 1.9 | 1.0 |" in page
    danger = page.split("### danger")[1].split("### ")[0]
    assert re.search(r"^  - 1\.0: .*`single-102`", danger, re.MULTILINE)
    assert "no-interim" not in danger


def test_transports_stand_side_by_side(tmp_path: Path) -> None:
    """A client that is right on one transport and wrong on another says so at first sight."""
    run = factory.write_run(tmp_path)
    path = run / "cases.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    h2 = [
        {**line, "transport": "h2", "grade": "pass", "outcome": "final", "reasons": []}
        for line in lines
        if line["kind"] == "case" and line["client"] == "requests"
    ]
    lines[-1:-1] = h2
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    made = pages(run)
    assert "| Client | Language | 102 h1 | 102 h2 | Since |" in made[INDEX]
    row = next(line for line in made[INDEX].splitlines() if line.startswith("| [requests"))
    assert "| **D** 0 of 4 |" in row
    assert "### HTTP/1.1\n" in made["clients/requests.md"]
    assert "### HTTP/2\n" in made["clients/requests.md"]
    danger = made["families/single.md"].split("### single-102\n")[1].split("- **fail")[0]
    assert "(h2)" not in danger


def test_what_was_accepted_makes_the_same_pages(tmp_path: Path) -> None:
    """Words are made of what the committed results keep: nothing on a page needs the run."""
    report = load_report([factory.write_run(tmp_path)])
    kept = ("connection", "told", "delivered", "resent")

    def committed(case: Case) -> Case:
        facts = {name: case.facts[name] for name in kept if name in case.facts}
        return replace(case, sentence="", facts=facts, duration_ms=0.0, evidence=None)

    bare = replace(report, cases={key: committed(case) for key, case in report.cases.items()})
    assert markdown.pages(bare) == markdown.pages(report)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"at_least": 20000}, "20,000 and more"),
        ({"below": 1}, "not even 1"),
        ({"good_to": 9345, "bad_from": 9400, "then": "error"}, "9,345; from 9,400 on: error"),
        ({"other": 1}, "other 1"),
    ],
)
def test_what_a_search_found_is_said_in_words(found: dict[str, object], words: str) -> None:
    assert plain(found) == words
