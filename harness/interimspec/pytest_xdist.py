# SPDX-License-Identifier: MIT
"""The controller's part under xdist: one server and one run for all workers, scope = row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from interimspec.errors import InterimspecError
from interimspec.pytest_run import MatrixRun


class Controller:
    """Opens the run when the first worker is about to start."""

    def __init__(
        self,
        prepare: Callable[[pytest.Config, Path], MatrixRun],
        key: pytest.StashKey[MatrixRun],
        matrix: Path,
    ) -> None:
        self._prepare = prepare
        self._key = key
        self._matrix = matrix

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config) -> None:
        """Before any worker exists: what goes wrong here is told once."""
        run = self._prepare(config, self._matrix)
        try:
            run.open()
        except InterimspecError as error:
            pytest.exit(str(error), returncode=error.exit_status)

    def pytest_configure_node(self, node: Any) -> None:
        """Hand the server and the folder to a worker."""
        run = node.config.stash[self._key]
        assert run.session is not None
        node.workerinput["interimspec"] = {
            "run": str(run.session.folder.path),
            "socket": str(run.session.socket),
            "ready": run.session.ready,
        }

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """A row's cases stay together: its processes, its timing, its memory of ports."""
        return LoadScopeScheduling(config, log)
