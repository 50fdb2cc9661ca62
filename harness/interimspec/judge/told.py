# SPDX-License-Identifier: MIT
"""What the adapter told about one request of the plan."""

from __future__ import annotations

from dataclasses import dataclass

from ..observation import Json, delivered, delivered_length


@dataclass(frozen=True)
class Told:
    """The events of one request of the plan."""

    name: str
    interims: tuple[Json, ...]
    response: Json | None
    end: Json | None

    @property
    def started(self) -> float | None:
        return None if self.end is None else float(self.end["started"])

    @property
    def ended(self) -> float | None:
        return None if self.end is None else float(self.end["at"])

    @property
    def told(self) -> str:
        """ok, failed, or nothing."""
        return "nothing" if self.end is None else str(self.end["told"])

    @property
    def ok(self) -> bool:
        return self.told == "ok"

    @property
    def failed(self) -> bool:
        return self.told == "failed"

    @property
    def error(self) -> Json:
        error = None if self.end is None else self.end.get("error")
        return error or {}

    @property
    def kind(self) -> str | None:
        kind = self.error.get("kind")
        return None if kind is None else str(kind)

    @property
    def error_status(self) -> int | None:
        status = self.error.get("status") if self.kind == "status" else None
        return None if status is None else int(status)

    @property
    def status(self) -> int | None:
        """The status of what the client handed over as the response."""
        status = None if self.response is None else self.response.get("status")
        return None if status is None else int(status)

    @property
    def answered(self) -> float | None:
        """When the client's user first had an answer of any kind."""
        if self.response is not None:
            return float(self.response["at"])
        return self.ended

    @property
    def content(self) -> bytes:
        return b"" if self.end is None else delivered(self.end)

    @property
    def content_length(self) -> int:
        return 0 if self.end is None else delivered_length(self.end)

    @property
    def content_sha256(self) -> str | None:
        digest = None if self.end is None else self.end.get("body_sha256")
        return None if digest is None else str(digest).lower()
