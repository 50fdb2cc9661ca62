# SPDX-License-Identifier: MIT
"""Adapters that break the contract, or try the patience of the harness: each a function that makes
a subclass of the good adapter, by its name in mutants.toml."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from reference import Client, Failure, Request, Response, Watcher

ADAPTERS: dict[str, Callable[[Any], type]] = {}


def adapter_fault(name: str) -> Callable[[Callable[[Any], type]], Callable[[Any], type]]:
    def add(make: Callable[[Any], type]) -> Callable[[Any], type]:
        ADAPTERS[name] = make
        return make

    return add


@adapter_fault("lies-about-interims")
def _lies_about_interims(good: Any) -> type:
    class Lies(good):  # type: ignore[misc]
        """Shows two interim responses for each."""

        def tell(self, event: str, **more: Any) -> None:
            super().tell(event, **more)
            if event == "interim":
                super().tell(event, **more)

    return Lies


@adapter_fault("swallows-exceptions")
def _swallows_exceptions(good: Any) -> type:
    class Swallows(good):  # type: ignore[misc]
        def ask(self, client: Client, request: Request, watcher: Watcher) -> Response:
            try:
                return client.request(request, watcher)
            except Failure:
                return Response(None)

    return Swallows


@adapter_fault("retries")
def _retries(good: Any) -> type:
    class Retries(good):  # type: ignore[misc]
        def ask(self, client: Client, request: Request, watcher: Watcher) -> Response:
            try:
                return client.request(request, watcher)
            except Failure:
                return client.request(request, watcher)

    return Retries


@adapter_fault("reports-only-at-the-end")
def _reports_only_at_the_end(good: Any) -> type:
    class Reports(good):  # type: ignore[misc]
        """Keeps its events, and gives them all the time at which it tells them."""

        def play(self, plan: Mapping[str, Any]) -> None:
            self.kept: list[tuple[str, dict[str, Any]]] = []
            super().play(plan)
            at = time.time() * 1000
            for event, more in self.kept:
                super().tell(event, **(more | {"at": at} if "at" in more else more))

        def tell(self, event: str, **more: Any) -> None:
            if event == "hello":
                super().tell(event, **more)
            else:
                self.kept.append((event, more))

    return Reports


@adapter_fault("tells-interims-last")
def _tells_interims_last(good: Any) -> type:
    class Tells(good):  # type: ignore[misc]
        """Reads interim responses off the object that the final one came with, and tells them then:
        nothing says any more whether they were shown in time."""

        def play(self, plan: Mapping[str, Any]) -> None:
            self.kept: list[dict[str, Any]] = []
            super().play(plan)

        def tell(self, event: str, **more: Any) -> None:
            if event == "interim":
                self.kept.append(more)
                return
            super().tell(event, **more)
            if event == "response":
                for interim in self.kept:
                    super().tell("interim", **interim)
                self.kept = []

    return Tells


@adapter_fault("passes-own-page")
def _passes_own_page(good: Any) -> type:
    class Passes(good):  # type: ignore[misc]
        """A failure becomes a page of its own, as browsers show it."""

        def ask(self, client: Client, request: Request, watcher: Watcher) -> Response:
            try:
                return client.request(request, watcher)
            except Failure as failure:
                return Response(None, f"<h1>Cannot show this page</h1><p>{failure}".encode())

    return Passes


@adapter_fault("garbage-events")
def _garbage_events(good: Any) -> type:
    class Garbage(good):  # type: ignore[misc]
        def tell(self, event: str, **more: Any) -> None:
            if event == "end":
                self.out.write('{"v":1,"event":"end","plan":\n\x00\xffnonsense\n')
            super().tell(event, **more)

    return Garbage


@adapter_fault("silent-exit")
def _silent_exit(good: Any) -> type:
    class Silent(good):  # type: ignore[misc]
        def tell(self, event: str, **more: Any) -> None:
            if event in ("response", "end"):
                os._exit(0)
            super().tell(event, **more)

    return Silent


@adapter_fault("floods-stdout")
def _floods_stdout(good: Any) -> type:
    class Floods(good):  # type: ignore[misc]
        """No fault: a runtime may print what it likes."""

        def play(self, plan: Mapping[str, Any]) -> None:
            for stream in (sys.stdout, sys.stderr):
                stream.write(("all work and no play " * 50 + "\n") * 400)
                stream.flush()
            super().play(plan)

    return Floods


@adapter_fault("leaves-children")
def _leaves_children(good: Any) -> type:
    class Leaves(good):  # type: ignore[misc]
        """No fault of the client: but the harness must find them."""

        def play(self, plan: Mapping[str, Any]) -> None:
            command = [sys.executable, "-c", "import time; time.sleep(300)", "mutant-left-child"]
            subprocess.Popen(command, start_new_session=True)
            super().play(plan)

    return Leaves


@adapter_fault("unsupported-without-saying")
def _unsupported_without_saying(good: Any) -> type:
    class Unsupported(good):  # type: ignore[misc]
        """Finds a plan too hard that its manifest says it can play."""

        def unsupported(self, plan: Mapping[str, Any]) -> str | None:
            return "timers.read_ms"

    return Unsupported
