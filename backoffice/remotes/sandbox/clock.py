"""Time of the sandbox: the real clock, or a test's, moved on by what `tick` adds. Always GMT (seed line 30)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

FORMAT = "%Y-%m-%d %H:%M:%S"


class Clock:
    def __init__(self, source: Callable[[], datetime] | None = None) -> None:
        self._source = source or (lambda: datetime.now(UTC))
        self._offset = timedelta()

    def set_ahead(self, seconds: float) -> None:
        """So far ahead of the source, whatever it was before."""
        self._offset = timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._source() + self._offset

    def stamp(self) -> str:
        """Now as the wire has it: "YYYY-MM-DD HH:MM:SS"."""
        return self.now().strftime(FORMAT)
