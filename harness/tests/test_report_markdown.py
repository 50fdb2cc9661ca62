# SPDX-License-Identifier: MIT
"""COMPATIBILITY.md: a diff is news, and nothing in it builds what it should not."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from interimspec.report import ReportError, load_report, markdown, write_reports
from tests import report_factory as factory


def page(folder: Path) -> str:
    return markdown.render(load_report([folder]))


def test_the_summary_comes_first(tmp_path: Path) -> None:
    text = page(factory.write_run(tmp_path))
    head = text[: text.index("## Grades")]
    assert "- **Survive 102 (3):** [curl 7.88.1](#curl@7.88.1), [httpx 0.28.1]" in head
    assert "- **Hand out wrong answers after a 102 (1):** [requests 2.34.2]" in head
    assert re.search(
        r"\| \[requests 2.34.2\].* \| Python \| \*\*wrong answers\*\* \|  \| 0 of 4 \|", head
    )


def test_a_matrix_per_family_and_a_section_per_client(tmp_path: Path) -> None:
    text = page(factory.write_run(tmp_path))
    for family in ("bodies", "control", "desync", "repeat", "single", "timeout"):
        assert f"\n### {family}\n" in text
    assert "| Client | `single-102` | `single-102-with-fields` |" in text
    assert "| [requests 2.34.2](#requests@2.34.2) | **D** | **D** |" in text
    assert '### requests 2.34.2 <a id="requests@2.34.2"></a>' in text
    assert "- Stack: urllib3 2.7.0" in text
    assert (
        ": Handed the 102 over as the answer, and gave the next request "
        "the answer of this one. ([RFC 9110 15.2](https://www.rfc-editor.org/rfc/rfc9110.html"
        "#section-15.2))" in text
    )


def test_the_order_of_the_records_changes_nothing(tmp_path: Path) -> None:
    before = page(factory.write_run(tmp_path / "a"))
    path = factory.write_run(tmp_path / "b") / "cases.jsonl"
    head, *cases, end = path.read_text(encoding="utf-8").splitlines()
    random.Random(102).shuffle(cases)
    path.write_text("\n".join([head, *cases, end]) + "\n", encoding="utf-8")
    assert page(tmp_path / "b") == before


def test_what_differs_from_run_to_run_is_not_in_it(tmp_path: Path) -> None:
    """The same findings on another day, another machine, other ports: the same file."""
    sentence = (
        "Gave up with a timeout after {0} times its timer; took {0} s; {1} milliseconds; "
        'Get "http://127.0.0.1:{1}/single-102/r{1}/x": port={1} <x at 0x7f00{1}>.'
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
    first = page(factory.write_run(tmp_path / "a", cases=changes[0]))
    second = page(factory.write_run(tmp_path / "b", cases=changes[1], head=other))
    assert first == second
    assert 'Get "http:&#8203;//127.0.0.1:PORT/single-102/RUN/x"' in first
    for forbidden in ("41007", "r7f3", "2026", "20261121"):
        assert forbidden not in first


def test_one_changed_cell_is_a_short_diff(tmp_path: Path) -> None:
    before = page(factory.write_run(tmp_path / "a")).splitlines()
    change = {("httpx", "body-naked"): {"grade": "fail", "outcome": "hang", "sentence": "Hung."}}
    after = page(factory.write_run(tmp_path / "b", cases=change)).splitlines()
    news = [line for line in after if line not in before]
    assert len(news) == 4  # the summary row, the matrix row, the counts, the finding
    assert "- **fail** `body-naked`: Hung\\. " in news[-1] or "`body-naked`: Hung." in news[-1]


def test_partial_results_say_so(tmp_path: Path) -> None:
    assert "> **PARTIAL.**" in page(factory.write_run(tmp_path, end=False))


def test_client_text_builds_no_markup(tmp_path: Path) -> None:
    evil = "x | y\n# Title\n<img src=x onerror=alert(1)> [a](javascript:alert(1)) `b` @all"
    changes = {("requests", "single-102"): {"sentence": evil}}
    story = factory.Story("evil", "1|2", "C", "hangs", title="E<b>vil</b>\n# x")
    text = page(factory.write_run(tmp_path, (*factory.STORIES, story), cases=changes))
    assert "<img" not in text
    assert "<b>" not in text
    assert "](javascript:" not in text.replace("\\]\\(", "")
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    for line in tables:
        assert len(re.findall(r"(?<!\\)\|", line)) in {3, 4, 10}, line
    assert not [line for line in text.splitlines() if line.startswith("# x")]


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    run = factory.write_run(tmp_path / "run")
    out = tmp_path / "out"
    written = write_reports([run], out, embargo=None, local=False, formats={"markdown"})
    assert written == [out / "COMPATIBILITY.md"]
    assert [path.name for path in out.iterdir()] == ["COMPATIBILITY.md"]
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ReportError, match=r"file/x/COMPATIBILITY\.md: cannot be written"):
        write_reports([run], blocked / "x", embargo=None, local=False, formats={"markdown"})
    with pytest.raises(ReportError, match="unknown report format 'pdf'; there are markdown, html"):
        write_reports([run], out, embargo=None, local=False, formats={"pdf"})


def test_older_versions_stand_behind_the_newest(tmp_path: Path) -> None:
    stories = tuple(
        factory.Story("curl", version, "C", takes)
        for version, takes in (("1.9", "skips"), ("1.0", "takes"), ("1.10", "skips"))
    )
    text = page(factory.write_run(tmp_path, stories=stories))
    assert "What 1 client in 3 versions or configurations" in text
    rows = [line for line in text.splitlines() if line.startswith("| [curl")]
    assert all(line.startswith("| [curl 1.10](#curl@1.10) |") for line in rows)
    assert "| survives | the same since 1.9; 1.0: **wrong answers** |" in rows[0]
    assert "<summary>curl 1.9: 0 cells are not as in 1.10</summary>" in text
    old = text.split('<a id="curl@1.0"></a>')[1].split("</details>")[0]
    assert re.search(r"^- \*\*danger\*\* .*`single-102`", old, re.MULTILINE)
    assert "no-interim" not in old  # as in the newest
    assert text.index('<a id="curl@1.9"></a>') < text.index('<a id="curl@1.0"></a>')
