# SPDX-License-Identifier: MIT
"""The adapter of every command-line tool, driven by the [tool] table of its manifest alone.

    adapter.py CLIENT.TOML [--variant NAME] [--program PATH]     a described tool
    adapter.py -- ./my-client {url}             anything that takes a URL and exits

A tool that dies by a signal has crashed; this process then ends by the same signal, as it would
if the client were a library.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_python"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import adapterkit
from command_line import Launch, launches
from results import READERS, Reader, Told
from tool import Tool, load_tool, tool_of_command

from interimspec.clients import Manifest, load_manifest
from interimspec.toml_table import TomlError

_VERSION_SECONDS = 20.0

# A command with a URL makes one request, so a second one is a process and a connection of its own.
OWN_CAN = {"methods": ["GET"], "second_request": "new-connection"}


def run(launch: Launch, reader: Reader, folder: Path) -> None:
    """Runs one process to its end and feeds the reader with what it prints."""
    environ = {**os.environ, "HOME": str(folder), "LC_ALL": "C"}
    environ.pop("INTERIMSPEC_OUT", None)
    try:
        process = subprocess.Popen(
            launch.argv,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        sys.exit(f"{launch.argv[0]}: cannot be started: {error.strerror}")
    assert process.stdout is not None
    assert process.stderr is not None
    pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
    streams = (process.stdout.fileno(), process.stderr.fileno())
    pump = threading.Thread(target=collect, args=(*streams, pieces), daemon=True)
    pump.start()
    while (piece := pieces.get()) is not None:
        reader.at = piece.at
        if piece.is_error:
            sys.stderr.buffer.write(piece.octets)  # kept as evidence
            sys.stderr.buffer.flush()
            reader.feed_stderr(piece.octets)
        else:
            reader.feed_stdout(piece.octets)
    pump.join()
    code = process.wait()
    process.stdout.close()
    process.stderr.close()
    if code < 0:
        sys.stdout.flush()
        sys.stderr.flush()
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    reader.at = adapterkit.now_ms()
    reader.close(code)


class Piece(NamedTuple):
    """What was read at once from one of a tool's outputs, and when (Unix ms)."""

    at: float
    is_error: bool
    octets: bytes


def collect(out: int, err: int, pieces: queue.SimpleQueue[Piece | None]) -> None:
    """Reads both outputs as they come. In a thread of its own, so that what is read has the time
    at which it came, however long the reader is busy with what came before."""
    with selectors.DefaultSelector() as selector:
        for stream in (out, err):
            os.set_blocking(stream, False)
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = {key.fd for key, _ in selector.select()}
            # A report on standard error speaks of what was printed before it: read that first.
            for stream in (out, err):
                if stream in ready or stream == out:
                    drain(selector, stream, stream == err, pieces)
    pieces.put(None)


def drain(
    selector: Any, stream: int, is_error: bool, pieces: queue.SimpleQueue[Piece | None]
) -> None:
    while stream in selector.get_map():
        try:
            octets = os.read(stream, 65536)
        except BlockingIOError:
            return
        if not octets:
            selector.unregister(stream)
            return
        pieces.put(Piece(adapterkit.now_ms(), is_error, octets))


def player(tool: Tool, told: Told) -> Any:
    def play(plan: Any) -> None:
        if "h2c" not in tool.http:
            plan.refuse_h2c()
        with tempfile.TemporaryDirectory(prefix="interimspec-") as name:
            folder = Path(name)
            for launch in launches(tool, plan, folder):
                if len(plan.requests) > len(launch.requests):
                    adapterkit.time.sleep(plan.wait_before(launch.requests[0]))
                run(launch, READERS[tool.result.kind](tool, plan, launch, told), folder)

    return play


def version_of(tool: Tool) -> tuple[str, list[dict[str, str]]]:
    """The tool's own word about its version and the layers below it."""
    if not tool.version:
        return "unknown", []
    try:
        done = subprocess.run(
            [tool.program, *tool.version],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_VERSION_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"{tool.program}: cannot be asked for its version: {error}")
    text = done.stdout.decode("utf-8", "replace")
    found = re.search(tool.version_pattern, text)
    if not found:
        sys.exit(f"{tool.program}: no version in the output of {' '.join(tool.version)}")
    stack = []
    for name, pattern in tool.stack.items():
        layer = re.search(pattern, text)
        if layer:
            stack.append({"name": name, "version": layer.group(1)})
    return found.group(1), stack


def main(arguments: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if arguments[:1] == ["--"] and len(arguments) > 1:
        tool, told = tool_of_command(arguments[1:]), Told((), {})
        name, can = Path(arguments[1]).name, dict(OWN_CAN)
    else:
        options = parse(arguments)
        tool, manifest, told = described(options.manifest, options.variant)
        if options.program:
            tool = replace(tool, program=options.program)
        name, can = manifest.name, manifest_can(manifest, options.variant)
    version, stack = version_of(tool)
    adapterkit.main(client=name, version=version, stack=stack, can=can, play=player(tool, told))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="adapter.py")
    parser.add_argument("manifest", type=Path, metavar="CLIENT.TOML")
    parser.add_argument("--variant", help="a variant of the manifest")
    parser.add_argument("--program", help="where the tool is, if not on PATH")
    return parser.parse_args(arguments)


def described(path: Path, variant: str | None = None) -> tuple[Tool, Manifest, Told]:
    try:
        manifest = load_manifest(path)
        tool = load_tool(path, variant)
    except TomlError as error:
        sys.exit(str(error))
    told = manifest.variants[variant].told if variant else manifest.told
    return tool, manifest, Told(told.status_exits, dict(told.exits))


def manifest_can(manifest: Manifest, variant: str | None = None) -> dict[str, Any]:
    return (manifest.variants[variant].can if variant else manifest.can).to_json()


if __name__ == "__main__":
    main(sys.argv[1:])
