# SPDX-License-Identifier: MIT
"""The adapter of clients whose language has no kit yet: it speaks JSON with the harness, and plain
lines with a small program in the client's language.

    adapter.py [--variant=NAME] CLIENT.TOML PROGRAM [ARGUMENT...]

The lines are in harness/clients/README.md, "Plain lines". Plans, what the manifest does not claim,
the clock, Base64 and SHA-256 are done here; the program reads words and uses the client. A program
that dies by a signal has crashed; this process then ends by the same signal.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))

import adapterkit

from interimspec.clients import Manifest, load_manifest
from interimspec.toml_table import TomlError

KINDS = ("timeout", "protocol", "closed", "refused", "limit", "status", "tls", "other")
FAULT = 70  # of the program's lines; says nothing about the client


class Program:
    """The running program: blocks of lines in, lines that begin with `@` out."""

    def __init__(self, argv: list[str]) -> None:
        environ = {**os.environ}
        environ.pop("INTERIMSPEC_OUT", None)
        try:
            self._process = subprocess.Popen(
                argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            sys.exit(f"{argv[0]}: cannot be started: {error.strerror}")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin
        self._out = self._process.stdout

    def send(self, verb: str, *lines: str) -> None:
        """One block: its verb, a line for each fact, an empty line."""
        block = "".join(line + "\n" for line in (verb, *lines, ""))
        try:
            self._in.write(block.encode("latin-1"))
            self._in.flush()
        except BrokenPipeError:
            self._died()

    def read(self) -> tuple[str, str]:
        """The next word that begins with `@`, and what follows it; other lines are evidence."""
        for line in self._out:
            text = line.rstrip(b"\r\n").decode("latin-1")
            if text.startswith("@"):
                word, _, rest = text[1:].partition(" ")
                return word, rest
            print(text, flush=True)
        return self._died()

    def close(self) -> None:
        self._in.close()
        self._process.wait()

    def fault(self, what: str) -> NoReturn:
        """The program does not keep to the lines: its author is told, nobody is graded."""
        self._process.kill()
        print(f"the program's lines: {what}; see 'Plain lines' in README.md", file=sys.stderr)
        sys.exit(FAULT)

    def _died(self) -> NoReturn:
        code = self._process.wait()
        sys.stdout.flush()
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        print(f"the program ended with exit status {code} before it was asked to", file=sys.stderr)
        sys.exit(code)


def hello(program: Program) -> tuple[str, list[dict[str, str]]]:
    """The version and the layers below, as the program tells them before `@ready`."""
    version, stack = "", []
    while True:
        word, rest = program.read()
        if word == "version" and rest:
            version = rest
        elif word == "layer" and " " in rest:
            name, _, number = rest.partition(" ")
            stack.append({"name": name, "version": number})
        elif word == "ready" and version:
            return version, stack
        else:
            program.fault(
                f"'@{word} {rest}' before '@ready': wanted are '@version VERSION', "
                "then '@layer NAME VERSION' for each layer below, then '@ready'"
            )


def settings(plan: Any) -> list[str]:
    found = [f"http {plan.http}"]
    if plan.ca_file is not None:
        found.append(f"ca_file {plan.ca_file}")
    if plan.proxy is not None:
        found.append(f"proxy {plan.proxy}")
    return found + timers(plan.requests[0])


def timers(request: Any) -> list[str]:
    return [f"{name} {value}" for name, value in request.timers.items() if value is not None]


def facts(request: Any) -> list[str]:
    found = [f"method {request.method}", f"url {request.url}", *timers(request)]
    found += [f"field {name}: {value}" for name, value in request.headers]
    if request.body is not None:
        found.append(f"content {request.body.hex()}")
    if request.expect_continue:
        found.append("expect_continue")
    return found


def relay(program: Program, report: Any) -> None:
    """What the program tells of one request, until it is over."""
    fields: list[tuple[str, str]] = []
    detail: dict[str, Any] = {}
    while True:
        word, rest = program.read()
        if word == "field" and ":" in rest:
            name, _, value = rest.partition(":")
            fields.append((name, value.strip(" \t")))
        elif word == "interim" and (rest.isdigit() or not rest):
            report.interim(int(rest) if rest else None, fields if rest else None)
            fields = []
        elif word == "response" and is_status(rest.partition(" ")[0]):
            status, _, reason = rest.partition(" ")
            report.response(int(status), reason, fields)
            fields = []
        elif word == "content":
            try:
                report.body(bytes.fromhex(rest))
            except ValueError:
                program.fault(f"'@content {rest[:20]}...' is not in hexadecimal digits")
        elif word == "status" and is_status(rest):
            detail["status"] = int(rest)
        elif word == "ok" and not rest:
            report.end(None)
            return
        elif word == "failed" and rest.split(" ")[0] in KINDS and rest.count(" ") >= 1:
            report.end(error_of(rest, detail))
            return
        else:
            program.fault(
                f"'@{word} {rest}'"[:200] + " during a request: wanted are '@field NAME: VALUE' "
                "for each field, then '@response STATUS REASON' or '@interim STATUS'; "
                "'@content HEX'; '@status STATUS'; and at the end '@ok' or "
                f"'@failed KIND TYPE MESSAGE', where KIND is one of {', '.join(KINDS)}"
            )


def is_status(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def error_of(text: str, detail: dict[str, Any]) -> dict[str, Any]:
    kind, _, rest = text.partition(" ")
    type_name, _, message = rest.partition(" ")
    error: dict[str, Any] = {
        "kind": kind,
        "phase": None,
        "type": type_name,
        "message": message[:2000],
    }
    if kind == "status":
        error["status"] = detail.get("status")
    elif detail:
        error["detail"] = detail
    return error


def player(program: Program) -> Any:
    def play(plan: Any) -> None:
        program.send("open", *settings(plan))
        for request, report in plan:
            report.started = adapterkit.now_ms()
            program.send("request", *facts(request))
            relay(program, report)
        program.send("close")
        word, rest = program.read()
        if (word, rest) != ("closed", ""):
            program.fault(f"'@{word} {rest}'"[:200] + " where '@closed' was wanted")

    return play


def claims(manifest: Manifest, variant: str, version: str) -> dict[str, Any]:
    """What the manifest says that the client can do; the lines have words for no more."""
    if variant:
        can = manifest.variants[variant].can
    elif version in manifest.per_version:
        can = manifest.per_version[version].can
    else:
        can = manifest.can
    if can.body_stream or can.concurrent:
        sys.exit("client.toml: [can] body_stream and concurrent have no words in plain lines")
    return can.to_json()


def main() -> None:
    parser = argparse.ArgumentParser(prog="adapter.py")
    parser.add_argument("manifest", type=Path, metavar="CLIENT.TOML")
    parser.add_argument("--variant", default="", help="a variant of the manifest")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM")
    options = parser.parse_args()
    if not options.program:
        parser.error("no PROGRAM")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        manifest = load_manifest(options.manifest)
    except TomlError as error:
        sys.exit(str(error))
    program = Program(options.program)
    version, stack = hello(program)
    can = claims(manifest, options.variant, version)
    adapterkit.main(
        client=manifest.name, version=version, stack=stack, can=can, play=player(program)
    )
    program.close()


if __name__ == "__main__":
    main()
