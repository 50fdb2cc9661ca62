# SPDX-License-Identifier: MIT
"""Manifests: what is shipped loads, and what is wrong is named with file and line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from interimspec import clients
from interimspec.clients import TomlError, load_manifest, load_manifests, rows_of, select

SHIPPED = Path(__file__).resolve().parents[1] / "clients"

GOOD = """\
name = "sample"
title = "Sample"
language = "Python"
kind = "library"
homepage = "https://example.org/"
versions = ["2.0", "1.0"]

[install]
method = "pip"
files = ["requirements.txt"]

[needs]
commands = ["sh"]
how = "install a shell"

[run]
command = ["{env}/bin/python", "{here}/adapter.py", "{version}", "{helpers}"]
processes = 3

[can]
timers = ["read_ms"]
second_request = "pooled"

[controls.404]
told = ["failed"]
kinds = ["status"]
because = "its documentation says that a 404 is raised"

[notes]
text = "none"

[variants.fast]
what = "runs faster"
args = ["--fast"]
[variants.fast.can]
interim = "count"
"""


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "requirements.txt").write_text("sample=={version}\n")
    (folder / "client.toml").write_text(GOOD)
    return folder / "client.toml"


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_rows_are_versions_then_variants(sample: Path) -> None:
    rows = rows_of(load_manifest(sample))
    assert [row.id for row in rows] == [
        "sample@2.0",
        "sample@1.0",
        "sample@2.0+fast",
        "sample@1.0+fast",
    ]
    first = rows_of(load_manifest(sample), all_versions=False)
    assert [row.id for row in first] == ["sample@2.0", "sample@2.0+fast"]


def test_a_command_has_its_placeholders_filled(sample: Path) -> None:
    row = rows_of(load_manifest(sample))[2]
    command = row.command(Path("/envs/sample@2.0"))
    assert command == [
        "/envs/sample@2.0/bin/python",
        f"{sample.parent}/adapter.py",
        "2.0",
        f"{sample.parent.parent}/_python",
        "--fast",
    ]
    assert row.env_name == "sample@2.0"


def test_a_variant_inherits_and_overrides(sample: Path) -> None:
    plain, fast = (row for row in rows_of(load_manifest(sample)) if row.version == "2.0")
    assert plain.can.interim == "none"
    assert fast.can.interim == "count"
    assert fast.can.timers == ("read_ms",)
    assert "404" in fast.controls


def test_a_version_may_differ(sample: Path) -> None:
    with sample.open("a") as text:
        text.write('[per_version."1.0".can]\nsecond_request = "new-connection"\n')
    rows = {row.id: row for row in rows_of(load_manifest(sample))}
    assert rows["sample@2.0"].can.second_request == "pooled"
    assert rows["sample@1.0"].can.second_request == "new-connection"
    assert rows["sample@1.0"].can.timers == ("read_ms",)
    assert "404" in rows["sample@1.0"].controls
    with sample.open("a") as text:
        text.write('[per_version."0.9".can]\ntls = true\n')
    with pytest.raises(TomlError, match=r"'0\.9' is none of the versions"):
        load_manifest(sample)


def test_a_missing_command_says_how_to_get_it(sample: Path) -> None:
    changed(sample, '["sh"]', '["no-such-command-{version}"]')
    row = rows_of(load_manifest(sample))[0]
    found = clients.detect_row(row)
    assert not found.present
    assert found.missing == ("no-such-command-2.0",)
    assert found.how == "install a shell"


def test_a_system_version_is_looked_up(sample: Path) -> None:
    changed(sample, '["2.0", "1.0"]', '["system"]')
    changed(
        sample,
        'commands = ["sh"]',
        f"commands = []\nversion = ['{sys.executable}', '-c', 'print(\"sample 7.8.9 built\")']",
    )
    rows = rows_of(load_manifest(sample))
    assert rows[0].id == "sample@7.8.9"
    assert clients.detect_row(rows[0]).present


def test_a_system_version_that_is_not_there_keeps_the_row(sample: Path) -> None:
    changed(sample, '["2.0", "1.0"]', '["system"]')
    changed(sample, 'commands = ["sh"]', 'commands = []\nversion = ["no-such-command"]')
    rows = rows_of(load_manifest(sample))
    assert rows[0].id == "sample@system"
    assert "no-such-command" in clients.detect_row(rows[0]).reason


def test_selection_by_name_version_and_variant(sample: Path) -> None:
    rows = rows_of(load_manifest(sample))
    assert len(select(rows, ["sample"])) == 4
    assert [row.id for row in select(rows, ["sample@1.0+*"])] == ["sample@1.0+fast"]
    assert select(rows, ["other"]) == ()


def test_the_hash_of_an_adapter_follows_its_files(sample: Path) -> None:
    row = rows_of(load_manifest(sample))[0]
    before = row.adapter_sha256()
    assert before == row.adapter_sha256()
    (sample.parent / "adapter.py").write_text("# new\n")
    changed_once = row.adapter_sha256()
    assert changed_once != before
    (sample.parent.parent / "_python").mkdir()
    (sample.parent.parent / "_python" / "kit.py").write_text("# new\n")
    assert row.adapter_sha256() != changed_once


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('kind = "library"', 'kind = "gizmo"', 4, "must be one of library, tool"),
        ("processes = 3", "processs = 3", 18, "has no key 'processs'; known are"),
        ("processes = 3", "processes = 0", 18, "must be at least 1"),
        ('timers = ["read_ms"]', 'timers = ["read"]', 21, "only connect_ms, read_ms, total_ms"),
        ('timers = ["read_ms"]', 'timers = "read_ms"', 21, "must be a list"),
        ('["{env}/bin', '["{venv}/bin', 17, "holds {venv}; known are"),
        ('name = "sample"', 'name = "other"', 1, "the folder is called 'sample'"),
        ('name = "sample"', 'title = "twice"', 2, "is not TOML"),
        ("requirements.txt", "absent.txt", 10, "'absent.txt', which is not in"),
        ('versions = ["2.0", "1.0"]', "versions = []", 6, "is empty"),
        ('how = "install a shell"', "", 12, "no 'how'"),
        ("[controls.404]", "[controls.teapot]", 24, "no control is called 'teapot'"),
        ('told = ["failed"]', 'tell = ["failed"]', 25, "has no key 'tell'"),
        ('told = ["failed"]', 'told = ["maybe"]', 25, "'told' may hold"),
        ("because =", "reason =", 24, "has no 'because'"),
        ('what = "runs faster"', "", 32, "has no 'what'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    sample: Path, old: str, new: str, line: int, words: str
) -> None:
    changed(sample, old, new)
    with pytest.raises(TomlError) as caught:
        load_manifest(sample)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{sample}:{line}: ")


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TomlError, match=re.escape(str(tmp_path / "client.toml"))):
        load_manifest(tmp_path / "client.toml")


def test_all_shipped_manifests_load() -> None:
    manifests = load_manifests(SHIPPED)
    assert {"curl", "wget", "requests", "urllib3", "http.client", "httpx", "aiohttp"} <= {
        manifest.name for manifest in manifests
    }
    for manifest in manifests:
        assert manifest.notes, f"{manifest.name}: say in [notes] what a reader should know"
        assert manifest.homepage.startswith("https://"), manifest.name
        if manifest.kind != "tool":
            assert manifest.here.joinpath("adapter.py").exists() or manifest.language != "Python"
