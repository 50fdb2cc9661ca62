# SPDX-License-Identifier: MIT
"""Environments: built once, whole or not at all, made anew when their sources change.

No registry is asked: the package is a wheel that the test makes.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from interimspec import install
from interimspec.clients import Row, load_manifest, rows_of
from interimspec.install import NotInstalled

MANIFEST = """\
name = "sample"
title = "Sample"
language = "{language}"
kind = "library"
versions = ["1.0"]
[install]
method = "{method}"
files = {files}
{more}
[run]
command = {command}
"""


def row_with(folder: Path, **values: str) -> Row:
    folder.mkdir(exist_ok=True)
    defaults = {"language": "Python", "more": "", "command": '["{env}/bin/python"]'}
    text = MANIFEST
    for key, value in {**defaults, **values}.items():
        text = text.replace("{" + key + "}", value)
    (folder / "client.toml").write_text(text)
    return rows_of(load_manifest(folder / "client.toml"))[0]


def wheel(folder: Path, version: str = "1.0") -> None:
    info = f"sample-{version}.dist-info"
    with zipfile.ZipFile(folder / f"sample-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("sample.py", f"VERSION = {version!r}\ndef main(): print(VERSION)\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: sample\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nsample = sample:main\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def pip_row(tmp_path: Path) -> Row:
    folder = tmp_path / "sample"
    folder.mkdir()
    wheel(folder)
    (folder / "requirements.txt").write_text("sample=={version}\n")
    return row_with(
        folder,
        method="pip",
        files='["requirements.txt"]',
        more='options = ["--no-index", "--find-links", "{here}"]',
    )


def test_a_pip_environment_is_built_once_and_is_apart(pip_row: Row, tmp_path: Path) -> None:
    lines: list[str] = []
    build = tmp_path / "build"
    assert not install.is_ready(pip_row, build)
    env = install.ensure(pip_row, build, lines.append)
    assert env.path == build / "clients" / "sample@1.0"
    assert lines[0].startswith("sample@1.0: installing (pip)")
    assert "installed in" in lines[1]
    python = env.command()[0]
    done = subprocess.run(
        [python, "-c", "import sample, sys; print(sample.VERSION, sys.prefix)"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1.0", str(env.path)]
    again: list[str] = []
    install.ensure(pip_row, build, again.append)
    assert again == []
    assert install.is_ready(pip_row, build)


def test_a_console_script_survives_the_rename(pip_row: Row, tmp_path: Path) -> None:
    env = install.ensure(pip_row, tmp_path / "build")
    done = subprocess.run(
        [str(env.path / "bin" / "sample")], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "1.0\n"


def test_changed_requirements_make_it_anew(pip_row: Row, tmp_path: Path) -> None:
    build = tmp_path / "build"
    install.ensure(pip_row, build)
    (pip_row.manifest.here / "requirements.txt").write_text("# a remark\nsample=={version}\n")
    assert not install.is_ready(pip_row, build)
    lines: list[str] = []
    install.ensure(pip_row, build, lines.append)
    assert len(lines) == 2


def test_what_cannot_be_had_says_why_and_leaves_the_old_one(pip_row: Row, tmp_path: Path) -> None:
    build = tmp_path / "build"
    env = install.ensure(pip_row, build)
    (pip_row.manifest.here / "requirements.txt").write_text("sample==9.9\n")
    with pytest.raises(NotInstalled) as caught:
        install.ensure(pip_row, build)
    assert "sample==9.9" in caught.value.reason
    assert (env.path / "bin" / "python").exists()
    assert [path.name for path in (build / "clients").iterdir() if path.is_dir()] == ["sample@1.0"]


def test_incomplete_requirements_are_refused(pip_row: Row, tmp_path: Path) -> None:
    path = pip_row.manifest.here / "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["sample-1.0.dist-info/METADATA"] += b"Requires-Dist: something-else\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(NotInstalled, match="something-else"):
        install.ensure(pip_row, tmp_path / "build")


def test_a_missing_command_is_told_before_anything_is_built(tmp_path: Path) -> None:
    row = row_with(
        tmp_path / "sample",
        method="none",
        files="[]",
        command='["no-such-tool"]',
        more='[needs]\ncommands = ["no-such-tool"]\nhow = "apt-get install no-such-tool"',
    )
    with pytest.raises(NotInstalled) as caught:
        install.ensure(row, tmp_path / "build")
    assert caught.value.reason == "not installed: no-such-tool"
    assert caught.value.how == "apt-get install no-such-tool"
    assert not (tmp_path / "build").exists()


@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here")
def test_java_sources_are_compiled(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "Adapter.java").write_text(
        'class Adapter { public static void main(String[] a) { System.out.println("plays"); } }\n'
    )
    row = row_with(
        folder,
        language="Java",
        method="javac",
        files='["Adapter.java"]',
        command='["java", "-cp", "{env}/classes", "Adapter"]',
    )
    env = install.ensure(row, tmp_path / "build")
    done = subprocess.run(env.command(), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "plays\n"
    (folder / "Adapter.java").write_text("class Adapter { nonsense }\n")
    with pytest.raises(NotInstalled, match=r"javac ended with 1: .*Adapter.java:1: error"):
        install.ensure(row, tmp_path / "build")


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
def test_npm_needs_a_lock_and_runs_no_scripts(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    folder.mkdir()
    package = '{"name": "sample", "version": "1.0.0", "scripts": {"install": "touch ran"}}'
    (folder / "package.json").write_text(package)
    values = {"language": "Node", "method": "npm", "command": '["node", "{here}/adapter.js"]'}
    row = row_with(folder, files='["package.json"]', **values)
    with pytest.raises(NotInstalled, match=r"must hold a package-lock\.json"):
        install.ensure(row, tmp_path / "build")
    (folder / "package-lock.json").write_text(
        '{"name": "sample", "version": "1.0.0", "lockfileVersion": 3, "requires": true,'
        ' "packages": {"": {"name": "sample", "version": "1.0.0"}}}'
    )
    row = row_with(folder, files='["package.json", "package-lock.json"]', **values)
    env = install.ensure(row, tmp_path / "build")
    assert (env.path / "package.json").exists()
    assert not (env.path / "ran").exists()
