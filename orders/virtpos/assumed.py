"""Addresses that the document does not tell, but settings do (CONTRACT)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backoffice.remotes.errors import Config, Refused

NOT_FOUND = 404


@contextmanager
def assumed(setting: str) -> Iterator[None]:
    """An address that is not there is a refusal of what was asked for, and no reason to pause all of VirtPos."""
    try:
        yield
    except Config as error:
        if error.status != NOT_FOUND:
            raise
        raise Refused(f"{error.message} ({setting})", status=error.status) from error
