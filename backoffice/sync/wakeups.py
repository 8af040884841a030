"""Tells a broker, if there is one, that something may be due, so that workers need not wait for their next look.

The rows are the truth: a message that is lost, late or doubled costs seconds at most, never a change (decisions 001 and
010). So whoever saves does not even talk to the broker: `ring` notes a name after the commit, and a thread of this
process sends what was noted, each name at most once in EVERY. A broker that is down slows nobody and fails nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two messages of one name
AGAIN = 10.0  # seconds until a broker that did not answer is tried again; beat looks in the meantime


def ring(loop: str) -> None:
    """After the commit, let workers look at what this loop has to do. Does nothing where no broker is set."""
    if settings.CELERY_BROKER_URL:
        transaction.on_commit(lambda: _sender().note(loop), robust=True)


class Sender(threading.Thread):
    """Sends what was noted. It dies with the process: what it had not sent then, beat finds."""

    def __init__(self) -> None:
        super().__init__(name="wakeups", daemon=True)
        self.pid = os.getpid()
        self._noted: set[str] = set()
        self._sent_at: dict[str, float] = {}
        self._something = threading.Condition()

    def note(self, loop: str) -> None:
        with self._something:
            self._noted.add(loop)
            self._something.notify()

    def run(self) -> None:
        try:
            from backoffice.celery import send
        except ImportError as error:
            log.error("CELERY_BROKER_URL is set, but Celery is not installed (extra `celery`): %s", error)
            return
        while True:
            loop = self._next()
            try:
                send(loop)
            except Exception as error:  # noqa: BLE001  of whatever transport: each has its own
                log.warning("the broker was not told of %s: %s", loop, error)
                time.sleep(AGAIN)

    def _next(self) -> str:
        """Wait for a name whose turn it is."""
        with self._something:
            while True:
                now = time.monotonic()
                turns = {loop: self._sent_at.get(loop, -EVERY) + EVERY for loop in self._noted}
                loop = min(turns, key=turns.__getitem__, default=None)
                if loop is not None and turns[loop] <= now:
                    self._noted.remove(loop)
                    self._sent_at[loop] = now
                    return loop
                self._something.wait(None if loop is None else turns[loop] - now)


_lock = threading.Lock()
_current: Sender | None = None


def _sender() -> Sender:
    """This process's own: one that was there before a fork has no thread here."""
    global _current
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = Sender()
            _current.start()
        return _current
