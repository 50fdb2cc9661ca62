# SPDX-License-Identifier: MIT
"""The report on a terminal: it fits, it is loud where it must be, and it obeys NO_COLOR."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from interimspec.report import load_report, print_terminal
from interimspec.report.safe import width_of
from interimspec.report.terminal import wants_color
from tests import report_factory as factory

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def printed(folder: Path, width: int = 120, color: bool = False, **options: Path) -> str:
    stream = io.StringIO()
    print_terminal(load_report([folder]), stream, width, color, **options)
    return stream.getvalue()


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("size", [(6, 10), (14, 160)])
def test_tables_and_findings_fit(tmp_path: Path, width: int, size: tuple[int, int]) -> None:
    stories, scripts = factory.many(*size)
    scripts = tuple(
        factory.Script(s.id, f"family-{n % 18}", s.class_, s.title, s.sends, s.final_at)
        for n, s in enumerate(scripts)
    )
    text = printed(factory.write_run(tmp_path / "r", stories, scripts), width)
    assert "Clients by families" in text
    for line in text.splitlines():
        if str(tmp_path) not in line:
            assert width_of(line) <= width, line
    for number in range(min(size[1], 18)):
        assert f"family-{number}" in text


def test_findings_come_worst_first_with_their_command(tmp_path: Path) -> None:
    text = printed(factory.write_run(tmp_path))
    findings = text[text.index("Findings (") :].splitlines()
    assert "interimspec explain requests@2.34.2 final-after-next-request" in "\n".join(findings)
    signs = [line[0] for line in findings if line[:2] in ("D ", "F ")]
    assert signs == sorted(signs)
    assert signs[0] == "D"
    row = next(line for line in findings if line.startswith("D requests@2.34.2  single-102 "))
    assert "Handed the 102 over as the answer" in row


def test_the_headline_says_who_survives(tmp_path: Path) -> None:
    text = printed(factory.write_run(tmp_path))
    head = text[: text.index("Clients by families")]
    assert re.search(r"Survive 102 \(3\):\n +curl 7.88.1, httpx 0.28.1, node-http 22.11.0", head)
    assert re.search(r"wrong answers after a 102 \(1\):\n +requests 2.34.2 \(0/4\)", head)


def test_danger_on_broken_servers_is_not_hidden_by_surviving(tmp_path: Path) -> None:
    changes = {("curl", "body-naked"): {"grade": "danger", "outcome": "foreign"}}
    text = printed(factory.write_run(tmp_path, cases=changes))
    assert "curl 7.88.1*" in text
    assert "* but takes wrong data for right in other scenarios" in text


def test_other_statuses_decide_nothing_about_102(tmp_path: Path) -> None:
    early_hints = factory.Script(
        "103-early-hints",
        "codes",
        "serve",
        "A 103 is skipped",
        (factory.Send(1, (("head", "HTTP/1.1 103 Early Hints\r\n\r\n"),)),),
    )
    changes = {("curl", "103-early-hints"): {"grade": "fail", "outcome": "error"}}
    run = factory.write_run(tmp_path, scripts=(*factory.SCRIPTS, early_hints), cases=changes)
    text = printed(run)
    assert "curl 7.88.1, httpx 0.28.1, node-http 22.11.0" in text
    assert "requests 2.34.2 (0/4)" in text


def test_partial_and_not_measured_are_loud(tmp_path: Path) -> None:
    changes = {
        ("curl", "single-102"): {"grade": "error", "outcome": None, "sentence": "No hello."},
        ("axios", "repeat-5"): {"grade": "inconclusive", "outcome": None, "sentence": "Late."},
    }
    text = printed(factory.write_run(tmp_path, cases=changes, end=False))
    assert text.count("PARTIAL") == 2
    assert "a cell that is missing is not a pass" in text
    part = text[text.index("NOT MEASURED (2)") :]
    assert re.search(r"^E curl@7.88.1 +single-102 +No hello\.$", part, re.MULTILINE)
    assert "E curl" not in text[text.index("Findings") : text.index("NOT MEASURED")]
    assert "Not decided (1)" in text


def test_skipped_clients_say_how_to_get_them(tmp_path: Path) -> None:
    text = printed(factory.write_run(tmp_path))
    assert "guzzle: php is not installed: apt-get install php-cli" in text


def test_totals_come_last(tmp_path: Path) -> None:
    text = printed(factory.write_run(tmp_path))
    assert text.rstrip().splitlines()[-1].strip() == "4 danger, 18 fail, 3 warn, 1 info, 34 pass"


def test_colours_only_on_a_terminal_and_never_against_no_color() -> None:
    assert wants_color(Tty(), {})
    assert wants_color(Tty(), {"NO_COLOR": ""})
    assert not wants_color(Tty(), {"NO_COLOR": "1"})
    assert not wants_color(Tty(), {"TERM": "dumb"})
    assert not wants_color(io.StringIO(), {})


def test_colour_adds_nothing_but_colour(tmp_path: Path) -> None:
    folder = factory.write_run(tmp_path)
    colored, plain = printed(folder, color=True), printed(folder, color=False)
    assert "\x1b[" in colored
    assert "\x1b" not in plain
    assert ANSI.sub("", colored) == plain


def test_a_client_cannot_move_the_cursor(tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07 \u202egnirts\u202c \u2028 \ud800"
    changes = {("requests", "single-102"): {"sentence": evil}}
    stories = (*factory.STORIES, factory.Story("evil\x1b[31m", "1\r2", "C", "hangs"))
    text = printed(factory.write_run(tmp_path, stories, cases=changes), width=0)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", text)
    assert "\\u{1b}[2J" in text
    assert "evil\\u{1b}[31m@1\\r2" in text


def test_a_terminal_that_knows_only_ascii(tmp_path: Path) -> None:
    changes = {("requests", "single-102"): {"sentence": "Handed über."}}
    folder = factory.write_run(tmp_path, cases=changes)
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii", errors="strict")
    print_terminal(load_report([folder]), stream, 80, color=False)
    stream.flush()
    text = buffer.getvalue().decode("ascii")
    assert "6 clients x 10 scenarios" in text
    assert "Handed \\xfcber." in text


def test_what_is_under_embargo_is_shown_here_and_marked(tmp_path: Path) -> None:
    folder = factory.write_run(tmp_path / "run")
    embargo = tmp_path / "embargo.toml"
    embargo.write_text(factory.embargo_toml("requests", "single-*"), encoding="utf-8")
    text = printed(folder, embargo=embargo)
    assert text.count("[embargo]") == 2
    assert "D requests@2.34.2  single-102 " in text


def test_of_many_rows_the_newest_versions_stand_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = tuple(
        factory.Story("curl", version, "C", "takes") for version in ("1.0", "1.9", "1.10")
    )
    run = factory.write_run(tmp_path, stories)
    whole = printed(run, 100)
    assert whole.count("\ncurl@1.") >= 3
    monkeypatch.setattr("interimspec.report.terminal._ROWS_SHOWN", 2)
    monkeypatch.setattr("interimspec.report.terminal._CASES_SHOWN", 5)
    short = printed(run, 100)
    table = short[short.index("Clients by families") : short.index("Findings (")]
    assert re.findall(r"^curl@\S+", table, re.MULTILINE) == ["curl@1.10"]
    assert "2 older versions left out here and above" in table
    findings = short[short.index("Findings (") : short.index("Totals")]
    lines = re.findall(r"^curl@1\.\S+ +D\d.*", findings, re.MULTILINE)
    assert len(lines) == 3
    assert all(len(line) <= 100 for line in short.splitlines())
