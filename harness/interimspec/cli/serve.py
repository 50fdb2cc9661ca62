# SPDX-License-Identifier: MIT
"""`interimspec serve [SCENARIO]`: the mock server in the foreground, for use by hand."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from interimspec import paths, records
from interimspec.catalogue import load_catalogue
from interimspec.errors import HarnessFault, ServerFault, UsageError
from interimspec.supervisor import GONE_SECONDS, require_supervisor

READY_SECONDS = 15.0


def add(commands: Any) -> None:
    """The parser."""
    serve = commands.add_parser(
        "serve",
        help="start the server and point anything at it",
        description="Starts the mock server in the foreground; what happens is printed as it does. "
        "Stop it with Ctrl-C.",
    )
    serve.add_argument("scenario", nargs="?", help="how to try this one is printed")
    serve.add_argument("--catalogue", type=Path, default=paths.SCENARIOS, metavar="DIR|FILE")
    serve.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    serve.add_argument("--pace", type=float, metavar="F", help="stretch every pause")
    serve.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    """Until Ctrl-C."""
    catalogue = load_catalogue(arguments.catalogue)
    scenario = None
    if arguments.scenario is not None:
        if arguments.scenario not in catalogue:
            near = ", ".join(catalogue.near(arguments.scenario)) or "see `interimspec list`"
            raise UsageError(f"no scenario {arguments.scenario!r}; near it: {near}")
        scenario = catalogue[arguments.scenario]
    binary = paths.server_binary()
    if not os.access(binary, os.X_OK):
        raise HarnessFault(f"{binary}: the mock server is not built; type `make setup`")
    command = [str(binary), "--catalogue", str(arguments.catalogue), "--transcript"]
    command += ["--listen", arguments.listen]
    if arguments.pace is not None:
        command += ["--pace", str(arguments.pace)]
    # Below the supervisor, so that the server goes when we do, in whatever way.
    control_read, control_write = os.pipe()
    process = subprocess.Popen(
        [str(require_supervisor()), "--control", str(control_read), "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[control_read],
        start_new_session=True,
    )
    os.close(control_read)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    watchdog = threading.Timer(READY_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise ServerFault(f"the mock server ended with {process.wait()}")
        address = json.loads(line)["h1"]
        base = f"http://{address['host']}:{address['port']}"
        print(f"Serving {len(catalogue)} scenarios at {base}/ (Ctrl-C stops)", flush=True)
        if scenario is not None:
            print(f"\n{scenario.title}\n\n  {records.by_hand(scenario, {}, base)}\n")
            print(f"  or any client: {base}/{scenario.id}/me/", flush=True)
        else:
            print(f"Point a client at {base}/<scenario>/me/, for example", flush=True)
            print(f"  curl -v {base}/{catalogue.scenarios[0].id}/me/", flush=True)
        for rest in process.stdout:
            sys.stdout.buffer.write(rest)
            sys.stdout.flush()
        return 0 if process.wait() == 0 else 3
    except KeyboardInterrupt:
        return 0
    finally:
        watchdog.cancel()
        os.close(control_write)
        process.wait(timeout=GONE_SECONDS)
