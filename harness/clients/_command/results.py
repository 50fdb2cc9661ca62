# SPDX-License-Identifier: MIT
"""From a tool's output to what its user was told, request by request, as the octets arrive.

A reader is fed standard output and standard error while the process runs, and closed with its exit
status. It is told of failure by exit status or, where a process makes several requests, by the
report that the tool prints for each; a status line that a failed transfer has shown is a detail of
the error and never a response.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from command_line import Launch
from tool import MARK, LogRules, Tool


class Told:
    """[told] of the manifest: exit statuses by their documented meaning."""

    def __init__(self, status_exits: tuple[int, ...], exits: dict[int, str]) -> None:
        self._status_exits = status_exits
        self._exits = exits

    def kind(self, code: int) -> str:
        return "status" if code in self._status_exits else self._exits.get(code, "other")


class Reader:
    """What the readers share: the request at hand, and how one is ended."""

    def __init__(self, tool: Tool, plan: Any, launch: Launch, told: Told) -> None:
        self.tool = tool
        self.told = told
        self.launch = launch
        self._plan = plan
        self._number = 0
        self.report = plan.report(launch.requests[0])
        self.head: list[str] = []  # the lines of the last head seen
        self.at = self.report.started  # when what is being fed was read

    @property
    def done(self) -> bool:
        return self._number >= len(self.launch.requests)

    @property
    def request(self) -> Any:
        return self.launch.requests[self._number]

    @property
    def body_file(self) -> Path:
        return self.launch.bodies[self._number]

    def feed_stdout(self, octets: bytes) -> None:
        """Standard output as it comes."""

    def feed_stderr(self, octets: bytes) -> None:
        """Standard error as it comes."""

    def close(self, code: int) -> None:
        """The process has ended; requests that are still open end here."""
        raise NotImplementedError

    def succeed(self, status: int | None, body: bytes | None) -> None:
        reason, fields = _parse_head(self.head)
        self.report.at = self.at
        self.report.response(status, reason, fields)
        self._deliver(body)
        self._finish(None)

    def fail(
        self, kind: str, type_: str, message: str, body: bytes | None, status: int | None = None
    ) -> None:
        error: dict[str, Any] = {
            "kind": kind,
            "phase": None,
            "type": type_,
            "message": message[:2000],
        }
        if kind == "status":
            error["status"] = status
        elif status is not None:
            error["detail"] = {"status": status}
        self._deliver(body)
        self._finish(error)

    def _deliver(self, body: bytes | None) -> None:
        if self.request.method in self.tool.no_content:
            self.report.body(b"")
        elif body is not None:
            self.report.body(body)

    def _finish(self, error: dict[str, Any] | None) -> None:
        self.report.at = self.at
        self.report.end(error)
        self._number += 1
        self.head = []
        if not self.done:
            self.report = self._plan.report(self.request)
            self.report.started = self.at


def _parse_head(lines: list[str]) -> tuple[str | None, list[tuple[str, str]]]:
    if not lines:
        return None, []
    words = lines[0].split(" ", 2)
    fields = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines[1:])]
    return (words[2] if len(words) > 2 else ""), fields


def _status_of(lines: list[str]) -> int | None:
    words = lines[0].split(" ", 2) if lines else []
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def _content(path: Path) -> bytes:
    """What the tool saved; a file that it did not make is empty content."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


class JsonLines(Reader):
    """curl: heads on standard output, and for each transfer one line of JSON on standard error.

    The mark on standard output parts the heads of one transfer from those of the next; when it
    comes does not matter, as it is the JSON that ends a transfer.
    """

    _HEAD_END = re.compile(rb"\r?\n\r?\n")

    def __init__(self, tool: Tool, plan: Any, launch: Launch, told: Told) -> None:
        super().__init__(tool, plan, launch, told)
        self._heads = bytearray()
        self._marks = 0  # how many have been read past
        self._lines = b""

    def feed_stdout(self, octets: bytes) -> None:
        self._heads += octets
        self._read_heads()

    def _read_heads(self) -> None:
        """All heads of the transfer at hand, no further than the mark that ends it."""
        start = 0
        while not self.done:
            end = self._HEAD_END.search(self._heads, start)
            mark = self._heads.find(MARK, start, end.end() if end else len(self._heads))
            if mark >= 0:
                if self._marks >= self._number:
                    break  # its JSON has not been read yet
                self._marks += 1
                start = mark + len(MARK)
            elif end:
                self._head(bytes(self._heads[start : end.start()]))
                start = end.end()
            else:
                break
        del self._heads[:start]

    def _head(self, octets: bytes) -> None:
        text = octets.decode("latin-1").replace("\r", "").strip("\n")
        if not text:
            return
        self.head = text.split("\n")
        status = _status_of(self.head)
        if status is not None and 100 <= status <= 199:
            self.report.at = self.at
            self.report.interim(status, _parse_head(self.head)[1])

    def feed_stderr(self, octets: bytes) -> None:
        *lines, self._lines = (self._lines + octets).split(b"\n")
        for line in lines:
            if line.startswith(b"{") and not self.done:
                self._end_transfer(json.loads(line))
                self._read_heads()

    def _end_transfer(self, said: dict[str, Any]) -> None:
        code, status = int(said["exitcode"]), int(said["http_code"]) or None
        body = _content(self.body_file)
        if code == 0:
            self.succeed(status, body)
        else:
            message = said.get("errormsg") or f"exit status {code}"
            self.fail(self.told.kind(code), f"exit {code}", message, body, status)

    def close(self, code: int) -> None:
        while not self.done:
            kind = self.told.kind(code)
            self.fail(kind, f"exit {code}", "ended without a word about this transfer", None)


class Log(Reader):
    """wget: a log on standard error that names each URL, and says how its retrieval ended."""

    def __init__(self, tool: Tool, plan: Any, launch: Launch, told: Told) -> None:
        super().__init__(tool, plan, launch, told)
        assert tool.result.log is not None
        self._rules: LogRules = tool.result.log
        self._folder = launch.bodies[0].parent
        self._rest = b""
        self._begun = 0  # how many requests have begun
        self._forget()

    def _forget(self) -> None:
        self._file: Path | None = None
        self._kind: str | None = None
        self._last = ""

    def feed_stderr(self, octets: bytes) -> None:
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "replace").rstrip("\r"))

    def _line(self, line: str) -> None:
        begin = self._rules.begin.search(line)
        if begin:
            self._begin(begin["url"])
        elif not self.done and self._number < self._begun:
            self._inside(line)

    def _begin(self, url: str) -> None:
        """A try begins. One for the next URL means that the request before it is over."""
        self.head = []
        requests = self.launch.requests
        if self._begun < len(requests) and url == requests[self._begun].url:
            if self._number < self._begun:
                self._give_up()
            self._begun += 1
            self._forget()

    def _inside(self, line: str) -> None:
        rules = self._rules
        if rules.head and (found := rules.head.search(line)):
            if found["line"].startswith("HTTP/"):
                self.head = []
            self.head.append(found["line"])
            return
        if rules.file and (found := rules.file.search(line)):
            self._file = self._folder / found["file"]
        if line.strip():
            self._last = line.strip()
        for pattern, kind in rules.kinds:
            if pattern.search(line):
                self._kind = kind
        if rules.ok.search(line):
            self.succeed(_status_of(self.head), self._body() or b"")
        elif found := rules.failed.search(line):
            status = found.groupdict().get("status")
            if status or self._kind == "status":
                shown = int(status) if status else _status_of(self.head)
                self.fail("status", "server error", line.strip(), self._body(), shown)
            else:
                self._give_up()

    def _give_up(self) -> None:
        self.fail(self._kind or "other", "retrieval", self._last, self._body())

    def _body(self) -> bytes | None:
        return None if self._file is None else _content(self._file)

    def close(self, code: int) -> None:
        while not self.done:
            if code == 0:
                self.succeed(_status_of(self.head), self._body() or b"")
            else:
                kind = self._kind or self.told.kind(code)
                self.fail(kind, f"exit {code}", self._last or f"exit status {code}", self._body())
            self._forget()


class Exit(Reader):
    """One request, one process: its exit status says all, but for what `kinds` finds in its words.

    Some tools (w3m, wget2) end with 0 whatever happened, and tell their user in words alone.
    """

    def __init__(self, tool: Tool, plan: Any, launch: Launch, told: Told) -> None:
        super().__init__(tool, plan, launch, told)
        self._out = bytearray()
        self._err = bytearray()

    def feed_stdout(self, octets: bytes) -> None:
        self._out += octets

    def feed_stderr(self, octets: bytes) -> None:
        self._err += octets

    def close(self, code: int) -> None:
        in_file = self.tool.result.body == "file"
        body = _content(self.body_file) if in_file else bytes(self._out)
        words = self._err.decode("utf-8", "replace").strip().splitlines()
        kind, status = self._said(words)
        if code == 0 and kind is None:
            self.succeed(self._shown(words), body)
        else:
            message = words[-1] if words else f"exit status {code}"
            self.fail(kind or self.told.kind(code), f"exit {code}", message, body, status)

    def _shown(self, words: list[str]) -> int | None:
        """The status that the tool's words show last, where they show one at all."""
        pattern = self.tool.result.status
        found = [match for line in words if pattern and (match := pattern.search(line))]
        return int(found[-1]["status"]) if found else None

    def _said(self, words: list[str]) -> tuple[str | None, int | None]:
        """The first of `kinds` that any line holds, the last lines first; and a status it names."""
        for pattern, kind in self.tool.result.kinds:
            for line in reversed(words):
                if found := pattern.search(line):
                    status = found.groupdict().get("status")
                    return kind, int(status) if status else None
        return None, None


READERS = {"json-lines": JsonLines, "log": Log, "exit": Exit}
