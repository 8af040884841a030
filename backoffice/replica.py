"""Reports and exports read from a copy of the database, where one is set (REPLICA_URL): theirs are the long queries.

    with replica.reading() as source:  # where there is a replica that is fresh enough, all reads in here go there
        ...                            # source.as_of: when what is read was written

A replica that is down, or further behind than REPLICA_MAX_LAG, is left alone for a while and everything is read from
the main database. Writes never go to it, nor do reads of what a page has just written (`OWN`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connections, models
from django.db.models import Max
from django.utils import timezone

from backoffice.database import is_recovery_conflict

log = logging.getLogger(__name__)

ALIAS = "replica"
ASK_EVERY = 2.0  # seconds for which what was found of the replica holds
# Rows that a person changes and looks at in the same breath, by label of the model or of its app.
OWN = {"auth", "sessions", "contenttypes", "admin", "reports", "orders.savedview", "sync.exportlog"}

_reading: ContextVar[bool] = ContextVar("reading from the replica", default=False)
_known: tuple[float, datetime | None] = (float("-inf"), None)  # when it was asked, and as of when it is

Item = TypeVar("Item")


@dataclass(frozen=True)
class Source:
    """Where is read from. `as_of` None: from the main database, as of now."""

    as_of: datetime | None

    @property
    def is_replica(self) -> bool:
        return self.as_of is not None


class Router:
    """Django's database router."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        if not _reading.get() or model._meta.app_label in OWN or model._meta.label_lower in OWN:
            return None
        return ALIAS

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True  # they are the same rows

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == ALIAS else None


def is_set() -> bool:
    return bool(settings.REPLICA_URL)


@contextmanager
def reading() -> Iterator[Source]:
    """Read from the replica in this block, if there is one that can be read from."""
    source = Source(_as_of() if is_set() else None)
    token = _reading.set(source.is_replica)
    try:
        yield source
    finally:
        _reading.reset(token)


def has_failed(error: Exception) -> bool:
    """Whether this error is of a replica that does not answer any more, or that had to end a query. It is then left
    alone for a moment, and who only reads may begin again: all is read from the main database.
    """
    global _known
    if not is_set():
        return False
    connection = connections[ALIAS]
    if is_recovery_conflict(error):
        log.warning("the replica ended a query, the main database is read: %s", error)
        _known = (time.monotonic(), None)
        return True
    try:
        connection.ensure_connection()
    except (DatabaseError, OSError) as reason:
        log.warning("the replica does not answer any more, the main database is read: %s", reason)
    else:
        if connection.is_usable():
            return False
        log.warning("the replica has gone away, the main database is read")
        connection.close()
    _known = (time.monotonic(), None)
    return True


def streamed(items: Iterator[Item]) -> Iterator[Item]:
    """The items, each read from where this was called for: a download is made when its page is long done."""
    return _streamed(items, _reading.get())


def _streamed(items: Iterator[Item], is_chosen: bool) -> Iterator[Item]:
    while True:
        token = _reading.set(is_chosen)
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            _reading.reset(token)
        yield item


def _as_of() -> datetime | None:
    """How fresh the replica is; None when it cannot be used. Asked every few seconds only."""
    global _known
    asked_at, found = _known
    if time.monotonic() - asked_at > ASK_EVERY:
        try:
            found = _replayed_until()
        except (DatabaseError, OSError) as error:
            log.warning("the replica does not answer, the main database is read: %s", error)
            found = None
        if found is not None and timezone.now() - found > timedelta(seconds=settings.REPLICA_MAX_LAG):
            log.warning("the replica is at %s, too far behind: the main database is read", found)
            found = None
        _known = (time.monotonic(), found)
    return found


def _replayed_until() -> datetime | None:
    """When the last change that the replica has was made. Workers write every few seconds, so there always is one.

    A copy that no standby keeps (logical replication) tells it by the last heartbeat of a worker.
    """
    connection = connections[ALIAS]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp()")
            is_standby, moment = cursor.fetchone()
        if is_standby:
            found: datetime | None = moment
            return found
    from backoffice.sync.models import Worker  # models stand on routers

    beat: datetime | None = Worker.objects.using(ALIAS).aggregate(at=Max("beat_at"))["at"]
    return beat
