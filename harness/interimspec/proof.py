# SPDX-License-Identifier: MIT
"""Whether a row keeps its promises: the controls, run before anything is blamed on its client.

A row that fails a control over a transport gets no verdicts there: all its cases are `error`, with
what went wrong. A row
that has passed is not asked again until its adapter, its environment, the server or the controls
change: what it passed with is noted in build/proved/.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from pathlib import Path

from interimspec import VERSION, control_table, controls, paths
from interimspec.case_runner import AnyServer
from interimspec.catalogue import Catalogue
from interimspec.clients import Row
from interimspec.control import Refused, ServerGone
from interimspec.control_table import CONTROLS
from interimspec.controls import AdapterPlayer, ControlResult, run_controls
from interimspec.install import Environment

AT_ONCE = 4
#: So often the server may die under the controls of a row before it is one of them that kills it.
SERVER_DEATHS = 3

#: The one problem of a client that speaks HTTP/2 over TLS alone. No manifest says so; its adapter
#: refuses every plan that asks for it, before any request.
NO_PRIOR_KNOWLEDGE = "HTTP/2 without TLS"


class Proofs:
    """The controls of each row over each transport, played at most once per run."""

    def __init__(self, server: AnyServer, catalogue: Catalogue, scratch: Path) -> None:
        self._server = server
        self._scratch = scratch
        self._width = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[str, str], asyncio.Task[tuple[str, ...]]] = {}
        named = [one.scenario for one in CONTROLS.values() if one.scenario is not None]
        # A catalogue of one's own need not have them; nothing can be proved with it then.
        self._possible = all(name in catalogue.by_id for name in named)
        texts = "".join(catalogue.by_id[name].sha256 for name in named) if self._possible else ""
        code = "".join(Path(str(one.__file__)).read_text() for one in (controls, control_table))
        binary = hashlib.sha256(paths.server_binary().read_bytes()).hexdigest()
        self._base = "\n".join((VERSION, texts, code, binary))

    async def problems(self, environment: Environment, transport: str) -> tuple[str, ...]:
        """What the row's controls found over a transport; nothing means that it may be judged."""
        if not self._possible:
            return ()
        key = (environment.row.id, transport)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._prove(environment, transport))
        return await asyncio.shield(self._tasks[key])

    async def close(self) -> None:
        """Stop what is still being proved."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _prove(self, environment: Environment, transport: str) -> tuple[str, ...]:
        row = environment.row
        note, passed_with = self._note(row, transport), self._key(row)
        if note.exists() and note.read_text() == passed_with:
            return ()
        async with self._width:
            failed = await self._play(environment, transport, tuple(CONTROLS))
            if transport == "h2c" and _all_refused(failed):
                return (NO_PRIOR_KNOWLEDGE,)
            if failed:
                # A busy machine fails a control that is about time: only what fails twice counts.
                names = tuple(one.name for one in failed if one.name in CONTROLS)
                failed = await self._play(environment, transport, names or tuple(CONTROLS))
        if failed:
            return tuple(f"{one.name}: {problem}" for one in failed for problem in one.problems)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(passed_with)
        return ()

    async def _play(
        self, environment: Environment, transport: str, names: tuple[str, ...]
    ) -> list[ControlResult]:
        failure = ""
        for _ in range(SERVER_DEATHS):
            player = AdapterPlayer(environment, self._scratch)
            try:
                results = await run_controls(
                    environment.row,
                    self._server.control,
                    player,
                    transport=transport,
                    names=names,
                    token="c" + secrets.token_hex(4),
                )
            except ServerGone as error:  # which is no fault of the adapter's
                failure = str(error)
                await self._server.wait_up()
            except Refused as error:
                return [ControlResult("server", (str(error),))]
            else:
                return [one for one in results if not one.passed]
            finally:
                await asyncio.shield(player.close())
        return [ControlResult("server", (failure,))]

    def _note(self, row: Row, transport: str) -> Path:
        return paths.BUILD / "proved" / f"{row.id.replace('/', '_')}[{transport}]"

    def _key(self, row: Row) -> str:
        parts = "\n".join((self._base, row.id, row.adapter_sha256()))
        return hashlib.sha256(parts.encode()).hexdigest()


def _all_refused(failed: list[ControlResult]) -> bool:
    """Whether nothing at all could be played, since the adapter has no such HTTP."""
    return {"200", "refused", "two-requests"} <= {one.name for one in failed} and all(
        any(
            event.get("event") == "unsupported" and event.get("what") == "http"
            for event in one.events
        )
        for one in failed
    )
