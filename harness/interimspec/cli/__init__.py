# SPDX-License-Identifier: MIT
"""The command `interimspec`. One module per group of subcommands; each adds its own parser."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from interimspec import VERSION
from interimspec.errors import InterimspecError

EPILOG = """exit status: 0 as the baseline; 1 findings beyond it; 2 interrupted; 3 fault of harness,
server or adapter; 4 usage or a bad file; 5 nothing selected; 6 only unexpected passes"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from interimspec.cli import browse, clients, draft, kills, published, run, serve

    top = argparse.ArgumentParser(
        prog="interimspec",
        description="What do HTTP clients do when a server sends interim (1xx) responses?",
        epilog=EPILOG,
    )
    top.add_argument("--version", action="version", version=f"interimspec {VERSION}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (run, serve, browse, draft, clients, kills, published):
        module.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; its exit status. SIGTERM is a Ctrl-C: what was started is stopped."""
    with _sigterm_interrupts():
        try:
            return _main(list(sys.argv[1:] if argv is None else argv))
        except KeyboardInterrupt:
            print("interimspec: interrupted", file=sys.stderr)
            return 2
        except BrokenPipeError:
            # The reader of our output has left (`| head`): nothing to say, and nobody to say it to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _main(words: list[str]) -> int:
    # Here, as an interrupt may come before all of it has been read.
    from interimspec.report import ReportError

    options, own = _split(words)
    top = parser()
    try:
        arguments = top.parse_args(options)
    except SystemExit as error:
        return 4 if error.code == 2 else int(error.code or 0)
    arguments.own = own
    try:
        return int(arguments.call(arguments))
    except InterimspecError as error:
        print(f"interimspec: {error}", file=sys.stderr)
        return error.exit_status
    except ReportError as error:
        print(f"interimspec: {error}", file=sys.stderr)
        return 3


def _split(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What follows `--` in `run -- ./my-client {url}` belongs to the client."""
    if words[:1] == ["run"] and "--" in words and "--pytest" not in words:
        at = words.index("--")
        return words[:at], words[at + 1 :]
    return words, None


if __name__ == "__main__":
    sys.exit(main())
