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

from interimspec import install, install_methods
from interimspec.clients import Row, TomlError, load_manifest, rows_of
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


def test_maven_is_told_where_jars_go_and_finds_the_version_in_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in: what Maven itself does needs a registry.
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "mvn").write_text(
        '#!/bin/sh\necho "$@" > told; grep -q "<version>1.0<" pom.xml || exit 3\n'
        "mkdir -p lib target/classes\n"
    )
    (bin_dir / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "Adapter.java").write_text("")
    values = {"language": "Java", "method": "maven", "command": '["java", "-cp", "{env}/lib/*"]'}
    row = row_with(folder, files='["Adapter.java"]', **values)
    with pytest.raises(NotInstalled, match=r"must hold a pom\.xml"):
        install.ensure(row, tmp_path / "build")
    (folder / "pom.xml").write_text("<project><version>{version}</version></project>")
    row = row_with(folder, files='["pom.xml", "Adapter.java"]', **values)
    env = install.ensure(row, tmp_path / "build")
    told = (env.path / "told").read_text().split()
    assert "compile" in told
    assert any(word.startswith("-DoutputDirectory=") and word.endswith("/lib") for word in told)
    (folder / "pom.xml").write_text("<project><version>2.0</version></project>")
    with pytest.raises(NotInstalled, match=r"mvn ended with 3"):
        install.ensure(row, tmp_path / "build")


def test_what_an_adapter_borrows_is_part_of_its_hash(tmp_path: Path) -> None:
    borrowed = tmp_path / "_java"
    borrowed.mkdir()
    (borrowed / "Adapter.java").write_text("class Adapter {}\n")
    row = row_with(
        tmp_path / "sample",
        language="Kotlin",
        method="maven",
        files='["../_java"]',
        command='["java", "-cp", "{env}/lib/*"]',
    )
    before = row.adapter_sha256()
    (borrowed / "Adapter.java").write_text("class Adapter { int x; }\n")
    assert row.adapter_sha256() != before


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


def test_packages_of_one_lock_are_shared_and_survive_a_changed_adapter(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("no npm here")
    rows = []
    for name in ("one", "two"):
        folder = tmp_path / name / "sample"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"name": "sample", "version": "1.0.0"}')
        (folder / "package-lock.json").write_text(
            '{"name": "sample", "version": "1.0.0", "lockfileVersion": 3, "requires": true,'
            ' "packages": {"": {"name": "sample", "version": "1.0.0"}}}'
        )
        (folder / "adapter.js").write_text("// first\n")
        rows.append(
            row_with(
                folder,
                language="Node",
                method="npm",
                command='["node", "{env}/adapter.js"]',
                files='["package.json", "package-lock.json", "adapter.js"]',
            )
        )
    build = tmp_path / "build"
    first = (install.ensure(rows[0], build).path / "node_modules").resolve()
    changed = first / "mark"
    changed.write_text("still there")
    (rows[0].manifest.here / "adapter.js").write_text("// second\n")
    again = install.ensure(rows[0], build)
    assert (again.path / "adapter.js").read_text() == "// second\n"
    assert (again.path / "node_modules" / "mark").read_text() == "still there"
    assert (install.ensure(rows[1], build).path / "node_modules").resolve() == first


def test_make_builds_the_adapter_and_is_told_the_version(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "Makefile").write_text("adapter:\n\techo 'echo $(VERSION)' > $@ && chmod +x $@\n")
    row = row_with(folder, method="make", files='["Makefile"]', command='["sh", "{env}/adapter"]')
    env = install.ensure(row, tmp_path / "build")
    done = subprocess.run(env.command(), capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "1.0\n"
    (folder / "Makefile").write_text("adapter:\n\t@echo 'error: nothing fits' >&2; exit 3\n")
    with pytest.raises(NotInstalled, match="make ended with 2: error: nothing fits"):
        install.ensure(row, tmp_path / "build")


def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("no Debian here")
    row = row_with(
        tmp_path / "sample",
        method="deb",
        files="[]",
        command='["true"]',
        more='packages = ["dpkg", "no-such-package"]',
    )
    with pytest.raises(NotInstalled) as caught:
        install.ensure(row, tmp_path / "build")
    assert caught.value.reason == "not installed: no-such-package"
    assert caught.value.how == "apt-get install no-such-package"


def test_a_method_that_builds_nothing_stands_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "Makefile").write_text("")
    text = MANIFEST.replace('"{method}"', '["make", "none"]').replace("{files}", '["Makefile"]')
    text = text.replace("{language}", "C").replace("{more}", "").replace("{command}", '["true"]')
    (folder / "client.toml").write_text(text)
    with pytest.raises(TomlError, match="'none', which is alone"):
        load_manifest(folder / "client.toml")


def test_a_lock_file_of_crates_gets_its_registry_back() -> None:
    pinned = (
        '[[package]]\nname = "adapter"\nversion = "0.0.0"\n\n'
        '[[package]]\nname = "itoa"\nversion = "1.0.0"\nchecksum = "abc"\n'
    )
    made = '[[package]]\nname = "itoa"\nversion = "1.0.9"\nsource = "registry+there"\n'
    assert install_methods.with_sources(pinned, made) == pinned.replace(
        'checksum = "abc"', 'source = "registry+there"\nchecksum = "abc"'
    )
    with pytest.raises(NotInstalled, match="named no registry"):
        install_methods.with_sources(pinned, "")
