# SPDX-License-Identifier: MIT
"""The [tool] table of a manifest: how a command line says what a plan asks for.

Read strictly, by the same reader as the rest of the manifest. harness/clients/README.md documents
every key for people who describe a tool of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from interimspec.toml_table import Table, read

TOGETHER = ("groups", "urls", "each")
RESULTS = ("json-lines", "log", "exit")
BODIES = ("file", "stdout")
MARK = b"\x1eend of transfer\x1e\n"  # what {mark} stands for


Kinds = tuple[tuple[re.Pattern[str], str], ...]


@dataclass(frozen=True)
class LogRules:
    """How a tool's log on standard error reads; every pattern is searched in one line."""

    begin: re.Pattern[str]  # a retrieval begins; group `url`
    ok: re.Pattern[str]  # the retrieval ended well
    failed: re.Pattern[str]  # it ended badly; group `status` where the server's answer is why
    head: re.Pattern[str] | None  # a line of the answer's head; group `line`
    file: re.Pattern[str] | None  # where the content is saved; group `file`
    kinds: Kinds  # words that tell an error's kind


@dataclass(frozen=True)
class Result:
    kind: str = "exit"
    body: str = "stdout"  # where the content is: a {body} file, or standard output
    log: LogRules | None = None
    kinds: Kinds = ()  # "exit": words on standard error that tell an error's kind
    status: re.Pattern[str] | None = None  # "exit": words that show the status of a success


@dataclass(frozen=True)
class Tool:
    program: str
    together: str = "each"
    args: tuple[str, ...] = ()  # once, first
    request: tuple[str, ...] = ()  # for each request ("groups"), or once ("urls", "each")
    separator: tuple[str, ...] = ()  # between requests ("groups")
    url: tuple[str, ...] = ("{url}",)
    url_first: bool = False  # fields and content come after the URL
    header: tuple[str, ...] = ()
    http: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "1.1", "2", "h2c"
    methods: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: tuple[str, ...] = ()  # {file}
    expect_continue: tuple[str, ...] = ()
    timers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # {seconds}
    not_before: tuple[str, ...] = ()  # {seconds} or {per_hour}
    ca_file: tuple[str, ...] = ()
    proxy: tuple[str, ...] = ()
    no_content: tuple[str, ...] = ()  # methods for which the output is no content
    version: tuple[str, ...] = ("--version",)
    version_pattern: str = r"(\d+(?:\.\d+)+\S*)"
    stack: Mapping[str, str] = field(default_factory=dict)  # layer -> pattern in the version text
    result: Result = Result()


def load_tool(manifest: Path, variant: str | None = None) -> Tool:
    """The tool that client.toml describes, with a variant's further words; raises TomlError."""
    top = read(manifest)
    tool = _read_tool(top.table("tool"))
    if variant:
        variants = top.table("variants")
        if variant not in variants:
            raise variants.error(None, f"has no variant {variant!r}")
        table = variants.table(variant).table("tool")
        tool = replace(
            tool,
            args=tool.args + table.texts("args", ()),
            request=tool.request + table.texts("request", ()),
        )
        table.finish()
    return tool


def tool_of_command(words: list[str]) -> Tool:
    """For `./my-client {url}`: one process per request, content on standard output, exit status."""
    return Tool(program=words[0], args=tuple(words[1:]), url=(), version=())


def _read_tool(table: Table) -> Tool:
    tool = Tool(
        program=table.text("program"),
        together=table.choice("together", TOGETHER, "each"),
        args=table.texts("args", ()),
        request=table.texts("request", ()),
        separator=table.texts("separator", ()),
        url=table.texts("url", ("{url}",)),
        url_first=table.flag("url_first", False),
        header=table.texts("header", ()),
        http=_words(table.table("http")),
        methods=_words(table.table("methods")),
        body=table.texts("body", ()),
        expect_continue=table.texts("expect_continue", ()),
        timers=_words(table.table("timers")),
        not_before=table.texts("not_before", ()),
        ca_file=table.texts("ca_file", ()),
        proxy=table.texts("proxy", ()),
        no_content=table.texts("no_content", ()),
        version=table.texts("version", ("--version",)),
        version_pattern=table.text("version_pattern", r"(\d+(?:\.\d+)+\S*)"),
        stack=table.text_map("stack"),
        result=_read_result(table.table("result")),
    )
    table.finish()
    return tool


def _words(table: Table) -> dict[str, tuple[str, ...]]:
    return {key: table.texts(key) for key in list(table.keys())}


def _read_result(table: Table) -> Result:
    kind = table.choice("kind", RESULTS, "exit")
    body = table.choice("body", BODIES, "stdout")
    log = None
    if kind == "log":
        log = LogRules(
            begin=_pattern(table, "begin", "url"),
            ok=_pattern(table, "ok"),
            failed=_pattern(table, "failed"),
            head=_pattern(table, "head", "line") if "head" in table else None,
            file=_pattern(table, "file", "file") if "file" in table else None,
            kinds=_kinds(table),
        )
    kinds = _kinds(table) if kind == "exit" else ()
    shows_status = kind == "exit" and "status" in table
    status = _pattern(table, "status", "status") if shows_status else None
    table.finish()
    return Result(kind, body, log, kinds, status)


def _kinds(table: Table) -> Kinds:
    return tuple((re.compile(words), name) for words, name in table.text_map("kinds").items())


def _pattern(table: Table, key: str, group: str | None = None) -> re.Pattern[str]:
    try:
        pattern = re.compile(table.text(key))
    except re.error as error:
        raise table.error(key, f"{key!r} is no regular expression: {error}") from error
    if group and group not in pattern.groupindex:
        raise table.error(key, f"{key!r} has no group (?P<{group}>…)")
    return pattern
