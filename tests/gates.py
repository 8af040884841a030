"""A remote that takes so many requests and lets those after them wait, so that whoever sent them is in the middle."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backoffice.remotes.sandbox.recording import Recorded, Reply

PATIENCE = 120.0  # seconds for which a request is held, should nobody open


class Gate:
    """Lets `passes` through, and holds whoever comes after them until it is opened."""

    def __init__(self, passes: int) -> None:
        self._passes = passes
        self._came = itertools.count()
        self._opened = threading.Event()
        self._changed = threading.Condition()
        self._held = 0
        self.reached = threading.Event()  # somebody is held

    @contextmanager
    def passed(self) -> Iterator[None]:
        """What is done on the other side."""
        is_held = next(self._came) >= self._passes
        if not is_held:
            yield
            return
        with self._changed:
            self._held += 1
        self.reached.set()
        self._opened.wait(PATIENCE)
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                self._changed.notify_all()

    def open(self) -> None:
        """Let all through. Returns when those that were held are at their end."""
        self._opened.set()
        with self._changed:
            assert self._changed.wait_for(lambda: not self._held, PATIENCE)


def hold(service: Recorded, patch: pytest.MonkeyPatch, method: str, path: str, *, after: int) -> Gate:
    """Requests of this method under this path wait before they are carried out, once so many were."""
    gate, honest = Gate(after), service.handle

    def handle(called: str, where: str, *arguments: Any) -> Reply:
        if called != method or not where.startswith(path):
            return honest(called, where, *arguments)
        with gate.passed():
            return honest(called, where, *arguments)

    patch.setattr(service, "handle", handle)
    return gate
