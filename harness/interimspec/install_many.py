# SPDX-License-Identifier: MIT
"""Many environments at once: what `interimspec clients install` does.

    packages of Debian    all in one call of apt-get, before anything is built
    environments          side by side, as each is apart from the others

What is there already is left as it is, and what is finished stays when the rest is interrupted, so
that the next call goes on from there.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from interimspec import apt, clients, install_methods
from interimspec.clients import Row
from interimspec.install import NotInstalled, ensure, is_ready

Say = Callable[[str], None]

THERE, MADE, LACKS = "there", "installed", "not to be had"


@dataclass(frozen=True)
class Result:
    """What came of one client at one version."""

    name: str
    state: str  # one of THERE, MADE, LACKS
    why: str = ""
    how: str = ""
    seconds: float = 0.0


def install_all(
    load: Callable[[], Sequence[Row]], build_dir: Path, say: Say, *, jobs: int | None = None
) -> tuple[Result, ...]:
    """Everything that the rows of `load` need; asked again after apt-get, as versions appear then.

    On KeyboardInterrupt all installers are killed before it goes on its way.
    """
    refused = _packages(load(), say)
    rows = _one_per_environment(load())
    todo: list[Row] = []
    results: dict[str, Result] = {}
    for row in rows:
        state = _before(row, build_dir, refused)
        if state is None:
            todo.append(row)
        else:
            results[row.env_name] = state
    for result in results.values():
        if result.state == LACKS:
            say(f"{result.name}: {LACKS}: {result.why}")
    if todo:
        for made in _build(spread(todo), build_dir, say, jobs or 2 * (os.cpu_count() or 1)):
            results[made.name] = made
    return tuple(results[row.env_name] for row in rows)


def _packages(rows: Sequence[Row], say: Say) -> dict[str, str]:
    names = {
        name.replace("{version}", row.version)
        for row in rows
        for name in row.manifest.install.packages
    }
    refused = apt.install(sorted(names), say)
    clients.forget_what_was_found()
    return refused


def _one_per_environment(rows: Iterable[Row]) -> list[Row]:
    """Variants share an environment, so one row speaks for all of them."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.env_name, row)
    return list(found.values())


def _before(row: Row, build_dir: Path, refused: dict[str, str]) -> Result | None:
    """What is known without building anything; None where something is to be built."""
    needed = [name.replace("{version}", row.version) for name in row.manifest.install.packages]
    reasons = [refused[name] for name in needed if name in refused]
    found = clients.detect_row(row)
    if not found.present:
        return Result(row.env_name, LACKS, "; ".join(reasons) or found.reason, found.how)
    if not row.manifest.install.builds:
        return Result(row.env_name, THERE)
    try:
        return Result(row.env_name, THERE) if is_ready(row, build_dir) else None
    except NotInstalled as error:
        return Result(row.env_name, LACKS, error.reason, error.how)


def spread(rows: Sequence[Row]) -> list[Row]:
    """Methods take turns: some wait for one another, and would fill every place that there is."""
    by_method: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_method[row.manifest.install.methods].append(row)
    turns = zip_longest(*by_method.values())
    return [row for turn in turns for row in turn if row is not None]


def _build(rows: Sequence[Row], build_dir: Path, say: Say, jobs: int) -> Iterable[Result]:
    def one(row: Row) -> Result:
        started = time.monotonic()
        try:
            ensure(row, build_dir)
        except NotInstalled as error:
            return Result(row.env_name, LACKS, error.reason, error.how)
        return Result(row.env_name, MADE, seconds=time.monotonic() - started)

    done = 0
    say(f"building {len(rows)} environments, {min(jobs, len(rows))} at a time")
    with ThreadPoolExecutor(jobs) as pool:
        waiting: list[Future[Result]] = [pool.submit(one, row) for row in rows]
        try:
            for future in as_completed(waiting):
                result = future.result()
                done += 1
                took = f" in {result.seconds:.1f} s" if result.state == MADE else f": {result.why}"
                say(f"[{done}/{len(rows)}] {result.name}: {result.state}{took}")
                yield result
        except BaseException:
            for future in waiting:
                future.cancel()
            install_methods.stop_all()
            say(f"stopped; {done} of {len(rows)} are whole, the next call goes on from there")
            raise


def summary(results: Sequence[Result]) -> str:
    """A table for people: counts, then what could not be had, why, and the way out."""
    counts = {
        state: sum(1 for one in results if one.state == state) for state in (THERE, MADE, LACKS)
    }
    lines = [", ".join(f"{count} {state}" for state, count in counts.items() if count)]
    for result in results:
        if result.state == LACKS:
            lines.append(f"  {result.name}: {result.why}")
            if result.how:
                lines.append(f"      -> {result.how}")
    return "\n".join(lines)
