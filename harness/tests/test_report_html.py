# SPDX-License-Identifier: MIT
"""The page: self-contained, safe, whole, and opened once in a real browser where there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from interimspec.report import load_report, write_reports
from interimspec.report.html import data
from interimspec.report.html.embed import safe_json
from interimspec.report.html.markup import el, raw
from tests import report_factory as factory

VOID = {"meta", "input", "br", "hr", "col", "link"}
EVIL = (
    "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    "\"'><svg onload=alert(1)>\x00\x1b[2J\u202eevil\u2028\u2029\ud800 ]]> <!-- {{7*7}} ${7*7}"
)


class Page(HTMLParser):
    """What a browser's parser would find, and whether the tags balance."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.scripts.append((self.tags[-1][1] | {"tag": self.open[-1]}, data))
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def written(run: Path, out: Path, **options: Any) -> str:
    options = {"embargo": None, "local": False} | options
    (path,) = write_reports(load_report([run]), out, formats={"html"}, **options)
    return path.read_text(encoding="utf-8")


def data_of(page: Page) -> dict[str, Any]:
    (text,) = [text for attributes, text in page.scripts if attributes.get("id") == "data"]
    data = json.loads(text)
    assert isinstance(data, dict)
    return data


def evidence_of(page: Page, number: int) -> dict[str, Any]:
    (text,) = [t for attributes, t in page.scripts if attributes.get("id") == f"evidence-{number}"]
    data = json.loads(zlib.decompress(base64.b64decode(text)))
    assert isinstance(data, dict)
    return data


def hostile_run(folder: Path, name: str = "evil" + EVIL, version: str = "1" + EVIL) -> Path:
    """Every place a client or the network can put text into, filled with the same attack."""
    stories = factory.STORIES
    evil = factory.Story(name, version, "C" + EVIL, "refuses", title=EVIL)
    changes: dict[str, Any] = {
        "sentence": EVIL,
        "traits": {EVIL: EVIL},
        "reasons": [{"rule": EVIL, EVIL: EVIL}],
        "facts": {EVIL: [EVIL], "connection": EVIL, "told": EVIL},
        "repeats": [{"outcome": EVIL, "grade": EVIL}],
        "evidence": "evidence/evil.json",
        "baseline": {"state": EVIL},
        "outcome": EVIL,
    }
    scripts = factory.SCRIPTS[:2]
    head = factory.head_record((*stories, evil), scripts)
    head["skipped"] = [{"client": EVIL, "why": EVIL, "how": EVIL}]
    head["machine"] = {EVIL: EVIL}
    head["clients"][evil.key] |= {"homepage": "javascript:alert(1)", "notes": EVIL}
    head["requirements"]["rfc9110-15.2-parse"] |= {"link": "javascript:alert(1)", "text": EVIL}
    for name in ("title", "why", "dispute", "text"):
        head["scenarios"]["single-102"][name] = EVIL
    head["scenarios"]["single-102"]["family"] = EVIL
    records = [factory.case_record(evil, script, **changes) for script in scripts]
    records += [factory.case_record(stories[0], script) for script in scripts]
    factory.write_lines(folder, [head, *records, factory.END])
    evidence = factory.evidence_of(evil, scripts[1])
    evidence["events"] += [{"event": EVIL, "request": EVIL, "text": EVIL, "at": 1.0}]
    error = {"kind": EVIL, "type": EVIL, "message": EVIL, "detail": {EVIL: EVIL}}
    evidence["events"][0] |= {"error": error}
    evidence["events"][0]["body_b64"] = base64.b64encode(bytes(range(256))).decode()
    evidence["process"] |= {"stdout_tail": EVIL, "stderr_tail": EVIL, "signal": EVIL}
    evidence["repro"] = {EVIL: EVIL, "by_hand": EVIL}
    octets = EVIL.encode("latin-1", "replace").decode("latin-1")
    evidence["transcript"]["events"][1]["bytes"] = octets
    evidence["transcript"]["events"].append(
        {"t": 2.0, "conn": 1, "event": "bad-request", "reason": EVIL}
    )
    factory.write_evidence(folder, "evidence/evil.json", evidence)
    return folder


def test_real_table_semantics(tmp_path: Path) -> None:
    page = Page(written(factory.write_run(tmp_path / "run"), tmp_path / "out"))
    heads = page.all("th")
    assert all(head.get("scope") in ("col", "row", "colgroup", "rowgroup") for head in heads)
    assert sum(head["scope"] == "row" for head in heads) == len(factory.SCRIPTS)
    assert sum(head["scope"] == "col" for head in heads) == len(factory.STORIES) + 1
    links = [a for a in page.all("a") if (a.get("aria-label") or "").startswith("danger")]
    assert len(links) == 4
    assert all(link["aria-label"] == "danger, poisoned" for link in links)
    assert {"href": "#requests@2.34.2/single-102", "aria-label": "danger, poisoned"} in links
    labels = [i for i in page.all("input") if i.get("type") == "search"]
    assert len(labels) == 2


def test_the_headline_answers_the_question(tmp_path: Path) -> None:
    text = written(factory.write_run(tmp_path / "run"), tmp_path / "out")
    assert "3 of 6 clients survive 102 Processing. 2 do not. 1 hands out wrong answers." in text


def test_nothing_is_fetched_and_only_our_script_may_run(tmp_path: Path) -> None:
    text = written(factory.write_run(tmp_path / "run"), tmp_path / "out")
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form-action")
        assert not {"src", "srcset", "style", "action", "background"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "https://", "http://"))
    (policy,) = [
        str(meta["content"])
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    for attributes, body in page.scripts:
        kind = attributes.get("type")
        if attributes["tag"] == "script" and kind in ("application/json", "text/plain"):
            continue
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_every_cell_has_its_evidence(tmp_path: Path) -> None:
    page = Page(written(factory.write_run(tmp_path / "run"), tmp_path / "out"))
    data = data_of(page)
    assert len(data["rows"]) == 6
    for number, row in enumerate(data["rows"]):
        views = evidence_of(page, number)
        assert len(views) == len(row["cells"]) == 10
        assert all("timeline" in view for view in views.values())
    cell = data["kinds"][data["rows"][5]["cells"][6]]
    column = data["columns"][6]
    assert (data["rows"][5]["key"], column["key"]) == ("requests@2.34.2", "repeat-5")
    assert data["gradeOrder"][cell[0]] == "danger"
    assert data["sentences"][cell[2]].startswith("Handed the 102 over")


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = factory.write_run(tmp_path / "a", scripts=factory.SCRIPTS[:2])
    clean = Page(written(run, tmp_path / "a"))
    text = written(hostile_run(tmp_path / "b"), tmp_path / "b")
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert len(page.all("script")) == 2 + len(data_of(page)["rows"])
    assert "<img" not in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text)
    assert "javascript:" not in text
    words = "".join(page.words)
    assert "</script><script>document.title='owned'</script>" in words
    row = next(n for n, r in enumerate(data_of(page)["rows"]) if r["client"].startswith("evil"))
    shown = json.dumps(evidence_of(page, row), ensure_ascii=False)
    assert "onerror=alert(1)" in shown
    told = json.dumps(data_of(page), ensure_ascii=False)
    for text in (shown, told):
        assert not re.search("[\x00-\x1f\u2028\u202e\ud800]", text)


def test_partial_missing_and_undecided(tmp_path: Path) -> None:
    records = [factory.head_record()]
    story = factory.STORIES[0]
    records += [factory.case_record(story, script) for script in factory.SCRIPTS[:3]]
    records += [
        factory.case_record(
            factory.STORIES[2],
            factory.SCRIPTS[1],
            grade="error",
            outcome=None,
            sentence="No hello.",
        )
    ]
    factory.write_lines(tmp_path / "run", records)
    text = written(tmp_path / "run", tmp_path / "out")
    assert "Partial result." in text
    assert "A cell that is missing is not a pass." in text
    assert "Not measured (1)" in text
    assert (
        text.count('<td class="none') == 2 + 1
    )  # two cells without a case, one family without any


def test_a_large_matrix_stays_small_and_quick(tmp_path: Path) -> None:
    """60 x 180 would take the test too long; the growth is linear, so a part tells."""
    stories, scripts = factory.many(12, 60)
    text = written(factory.write_run(tmp_path / "run", stories, scripts), tmp_path / "out")
    assert len(text) / (12 * 60) < 1500


VERSIONS = tuple(
    factory.Story("curl", version, "C", takes)
    for version, takes in (("1.0", "takes"), ("1.10", "skips"), ("1.9", "skips"))
)


def test_the_headline_counts_the_newest_version_of_each(tmp_path: Path) -> None:
    text = written(factory.write_run(tmp_path / "run", VERSIONS), tmp_path / "out")
    assert "1 client in 3 versions · 10 scenarios" in text
    assert "1 of 1 client survives 102 Processing." in text
    assert "This counts the newest version of each. The matrix has 2 older ones." in text
    assert [row["newest"] for row in data_of(Page(text))["rows"]] == [False, False, True]


def test_a_large_page_lists_no_finding_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = factory.write_run(tmp_path / "run")
    small = written(run, tmp_path / "out")
    monkeypatch.setattr("interimspec.report.html.page._LISTED", 3)
    monkeypatch.setattr("interimspec.report.html.matrix.LARGE", 3)
    large = written(run, tmp_path / "out")
    told = "Handed the 102 over as the answer"
    in_data = len([one for one in data_of(Page(large))["sentences"] if told in one])
    assert small.count(told) > large.count(told) == in_data
    assert '<li><a href="#requests@2.34.2">requests 2.34.2</a>' in large
    assert large.count("<td") == 6 * len({script.family for script in factory.SCRIPTS})
    assert "<noscript>" in large
    assert "<noscript>" not in small


def test_escaping_builders() -> None:
    assert el("a", "<b>", raw("<i>"), ["x", None, el("br")], href='"&', hidden=True) == (
        '<a href="&quot;&amp;" hidden>&lt;b&gt;<i>x<br></a>'
    )
    with pytest.raises(TypeError):
        el("a", 7)
    text = safe_json({"a": "</script><!--\u2028&\ud800"})
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == {"a": "</script><!--\u2028&\ud800"}


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def browsed(page: Path, fragment: str, profile: Path) -> str:
    """The document as a browser has it after the script ran."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-extensions",
        f"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom",
        f"file://{page}{fragment}",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, start_new_session=True
    )
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_deep_link_opens_the_evidence_in_a_browser(tmp_path: Path) -> None:
    written(factory.write_run(tmp_path / "run"), tmp_path)
    dom = browsed(tmp_path / "index.html", "#requests@2.34.2/single-102", tmp_path / "profile")
    panel = dom[dom.index('id="panel"') :]
    assert "What happened, and when" in panel
    assert "<svg" in panel
    assert "interimspec single-102 r7f3 start #0" in panel
    assert "delivered; sent as content #0" in panel
    assert "A later request got the answer of an earlier one" in panel
    assert "curl -v http://127.0.0.1:8102/single-102/me" in panel


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_cells_of_a_large_page_are_made_in_the_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interimspec.report.html.matrix.LARGE", 3)
    written(factory.write_run(tmp_path / "run", VERSIONS), tmp_path)
    dom = browsed(tmp_path / "index.html", "", tmp_path / "profile")
    row = dom[dom.index('data-column="single-102"') :].split("</tr>")[0]
    assert '<a href="#curl@1.10/single-102" ' in row
    assert 'aria-label="danger, poisoned"' in row
    assert 'class="g-danger poisoned first" hidden=""' in row  # 1.0: older versions are hidden
    assert "Shown: 1 of 3 clients, 10 of 10 scenarios, 10 cells." in dom


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_hostile_text_does_nothing_in_a_browser(tmp_path: Path) -> None:
    written(hostile_run(tmp_path / "run", "evil", "1"), tmp_path)
    dom = browsed(tmp_path / "index.html", "#evil@1/single-102", tmp_path / "profile")
    assert "<title>What HTTP clients do with interim responses</title>" in dom
    panel = dom[dom.index('id="panel"') :]
    assert "What happened, and when" in panel
    assert "onerror=alert(1)" in panel
    assert "<img" not in dom
    assert len(re.findall(r"<svg[ >]", dom)) == 1


def test_a_page_that_would_be_too_large_holds_the_evidence_that_tells_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = tuple(
        factory.Story("curl", version, "C", takes)
        for version, takes in (("1.0", "takes"), ("1.10", "takes"), ("1.9", "skips"))
    )
    report = load_report([factory.write_run(tmp_path, stories=stories)])
    assert data.with_evidence(report) == set(report.cases)
    findings = [case for case in report.cases.values() if case.grade in ("danger", "fail")]
    newest = {(c.row, c.column) for c in findings if c.row.version == "1.10"}
    assert newest
    monkeypatch.setattr(data, "PAGE_OCTETS", 0)
    monkeypatch.setattr(data, "LEAST_WITH_EVIDENCE", len(newest))
    assert data.with_evidence(report) == newest
    monkeypatch.setattr(data, "LEAST_WITH_EVIDENCE", 1)
    ((row, column),) = data.with_evidence(report)
    assert (report.cases[row, column].grade, row.version) == ("danger", "1.10")
