"""Rows of an answer that cannot be read: whether one is missing from what was read matters to whoever looks in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backoffice.remotes.errors import BadRow


@contextmanager
def keeping_bad_rows(client: Any) -> Iterator[list[BadRow]]:
    """What cannot be read within, told as ever and kept beside."""
    kept: list[BadRow] = []
    tell = client.on_bad_row

    def keep(row: BadRow) -> None:
        kept.append(row)
        tell(row)

    client.on_bad_row = keep
    try:
        yield kept
    finally:
        client.on_bad_row = tell
