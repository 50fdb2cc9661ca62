# SPDX-License-Identifier: MIT
"""`interimspec clients`: what clients there are, getting them, checking and adding them."""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interimspec import check_clients, doctor, install_many, paths, skeleton
from interimspec.clients import Row, TomlError, load_manifests, rows_of, select
from interimspec.control_table import CONTROLS
from interimspec.errors import UsageError
from interimspec.plan import HTTP_OF_TRANSPORT

INCOMPLETE = 1


def add(commands: Any) -> None:
    """The parsers."""
    clients = commands.add_parser(
        "clients",
        help="list, install, check and add clients",
        description="NAME is a client, NAME@VERSION one version of it, NAME@VERSION+VARIANT a row; "
        "shell patterns are possible.",
    )
    actions = clients.add_subparsers(dest="action", metavar="ACTION", required=True)

    lister = actions.add_parser("list", help="what clients there are, and their state here")
    lister.add_argument("--json", action="store_true", help="one JSON object for each row")
    lister.set_defaults(call=call_list)

    install = actions.add_parser(
        "install",
        help="get clients, or all of them",
        description="Installs missing Debian packages in one call of apt-get (by sudo where you "
        "are not root), then builds environments below build/clients/. What is there already is "
        "left alone; what was interrupted goes on. Exit status 1 where something could not be had.",
    )
    install.add_argument("--jobs", type=int, metavar="N", help="so many at a time")
    install.set_defaults(call=call_install)

    check = actions.add_parser(
        "check",
        help="whether an adapter keeps the contract",
        description="Plays the controls, in which no interim response occurs; then asks for what "
        "the client cannot do, which must be refused, sets each timer alone, and asks for what "
        "it claims to send, which must reach the server.",
    )
    check.add_argument(
        "--control",
        action="append",
        choices=tuple(CONTROLS),
        help="only this control; may be given again",
    )
    check.add_argument(
        "--transport",
        choices=tuple(one for one in HTTP_OF_TRANSPORT if one != "h3"),
        help="the controls over this transport; default: the plainest that the client has",
    )
    check.set_defaults(call=call_check)

    for parser, least in ((lister, "*"), (install, "*"), (check, "+")):
        parser.add_argument(
            "names", nargs=least, metavar="NAME", help="as in requests, urllib3@2.*"
        )
    new = actions.add_parser(
        "new",
        help="write the skeleton of a client",
        description="Writes a folder with a manifest and an adapter that runs at once, and passes "
        "no control before you have made it use the client.",
    )
    new.add_argument("name", metavar="NAME")
    new.add_argument("--language", default="Python", metavar="L", help="default: Python")
    new.add_argument(
        "--tool", action="store_true", help="a command-line tool: no adapter is needed"
    )
    new.add_argument("--version", default="0", metavar="V", help="the version to begin with")
    new.set_defaults(call=call_new)
    for parser in (lister, install, check, new):
        parser.add_argument(
            "--clients",
            type=Path,
            default=paths.HARNESS / "clients",
            metavar="DIR",
            help="where the clients are",
        )


def _rows(folder: Path, names: Sequence[str]) -> tuple[Row, ...]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    try:
        rows = [row for manifest in load_manifests(folder) for row in rows_of(manifest)]
    except TomlError as error:
        raise UsageError(str(error)) from error
    for name in names:
        if not select(rows, [name]):
            known = ", ".join(sorted({row.name for row in rows}))
            raise UsageError(f"no client matches {name}; known: {known}")
    return select(rows, names) if names else tuple(rows)


def call_list(arguments: argparse.Namespace) -> int:
    """A line for each row."""
    rows = _rows(arguments.clients, arguments.names)
    found = [(row, doctor.of_row(row, paths.BUILD)) for row in rows]
    if arguments.json:
        for row, finding in found:
            facts = {"client": row.id, "language": row.manifest.language, "kind": row.manifest.kind}
            print(json.dumps({**facts, "state": finding.state, "text": finding.text}))
        return 0
    width = max((len(row.id) for row in rows), default=0)
    speech = max((len(row.manifest.language) for row in rows), default=0)
    for row, finding in found:
        state = f"{doctor.MARKS[finding.state]:<10}  {finding.text}"
        print(f"{row.id:<{width}}  {row.manifest.language:<{speech}}  {state}")
    here = sum(1 for _, finding in found if finding.state == doctor.OK)
    print(f"{len(rows)} rows of {len({row.name for row in rows})} clients; {here} are ready here")
    return 0


def call_install(arguments: argparse.Namespace) -> int:
    """0 where all that was asked for is there."""
    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: at least 1")
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = install_many.install_all(
            lambda: _rows(arguments.clients, _of_any_version(arguments)),
            paths.BUILD,
            lambda line: print(line, flush=True),
            jobs=arguments.jobs,
        )
    finally:
        signal.signal(signal.SIGTERM, previous)
    print(install_many.summary(results))
    return INCOMPLETE if any(one.state == install_many.LACKS for one in results) else 0


def _of_any_version(arguments: argparse.Namespace) -> list[str]:
    """A "system" client that was not here may be asked for by that word, and gets its version."""
    return [name.removesuffix("@system") for name in arguments.names]


def call_check(arguments: argparse.Namespace) -> int:
    """0 all keep the contract, 1 one does not, 3 one could not be asked."""
    rows = _rows(arguments.clients, arguments.names)
    return check_clients.check(
        rows,
        lambda line: print(line, flush=True),
        controls=arguments.control or tuple(CONTROLS),
        contract_too=not arguments.control,
        transport=arguments.transport,
    )


def call_new(arguments: argparse.Namespace) -> int:
    """The folder, and what comes next."""
    made = skeleton.make(
        arguments.clients,
        arguments.name,
        arguments.language,
        tool=arguments.tool,
        version=arguments.version,
    )
    for path in made.files:
        print(f"written: {path}")
    if made.neighbours:
        print(f"neighbours to learn from: {', '.join(made.neighbours[:8])}")
    if made.helpers is not None and not arguments.tool:
        print(f"what adapters in {arguments.language} share, to begin with: {made.helpers}")
    elif not arguments.tool:
        print("nobody uses this language yet: the adapter speaks the plain lines of")
        print(f"  {arguments.clients / 'README.md'}, and is a shell script to be replaced")
    print(f"next: make it use the client, say in {made.folder / 'client.toml'} what it can do,")
    print(f"  interimspec clients install {arguments.name}")
    print(f"  interimspec clients check {arguments.name}    until it keeps the contract")
    print(f"  interimspec run --client {arguments.name}")
    return 0
