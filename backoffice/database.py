"""What an error of the database says of the database.

Whoever goes on after an outage looks for OperationalError. Django calls it so in all cases but two, which `outages`
puts right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import InternalError, OperationalError, ProgrammingError
from django.db.backends.signals import connection_created

READ_ONLY = "25006"  # the server has become a standby, or is one that is not yet the main database
MISSING = {"42P01", "42703"}  # a table, a column
ENDED = {"57P01", "57P02", "57P03", "53300"}  # told to end, by a crash, not ready yet, no place for one more


def is_gone(error: BaseException) -> bool:
    """Whether it cannot be reached, has ended our connection or is busy, which passes by itself: not what was asked.

    PostgreSQL tells by SQLSTATE, where anybody was there to tell; SQLite by name.
    """
    cause = error.__cause__ or error
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    state = getattr(cause, "sqlstate", None)
    return state is None or state == READ_ONLY or state in ENDED or state.startswith("08")


def is_recovery_conflict(error: BaseException) -> bool:
    """Whether a standby ended a query because of what the main database had removed meanwhile."""
    return getattr(error.__cause__ or error, "sqlstate", None) == "40001"


def explained(error: BaseException) -> str | None:
    """What an operator is told in place of a traceback; None where it is no matter of the database's but of ours."""
    cause = error.__cause__ or error
    first = str(error).strip().partition("\n")[0]
    if getattr(cause, "sqlstate", None) in MISSING or first.startswith(("no such table", "no such column")):
        return f"The database is not as this release needs it: {first}. Run: manage.py migrate"
    if not isinstance(error, OperationalError):
        return None
    return f"The database does not answer as it should: {first}. See to it, or correct DATABASE_URL; nothing is lost."


@contextmanager
def outages(connection: Any) -> Iterator[None]:
    """Call an outage by its name: a server that takes no writes, which in a failover passes, and a connection that
    ended right before a COPY, which the driver takes for a mistake of ours.
    """
    try:
        yield
    except (InternalError, ProgrammingError) as error:
        is_read_only = getattr(error.__cause__, "sqlstate", None) == READ_ONLY
        if is_read_only:
            _look_elsewhere(connection)
        if is_read_only or connection.connection is None or getattr(connection.connection, "broken", False):
            raise OperationalError(*error.args) from error.__cause__
        raise


def _look_elsewhere(connection: Any) -> None:
    """The next request or round is to find the main database."""
    connection.close_at = time.monotonic()
    if connection.pool is not None:
        connection.pool.drain()  # else it would give the same connection again: a standby answers its health check


def _execute(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    with outages(context["connection"]):
        return execute(sql, params, many, context)


def _watch(connection: Any, **_kwargs: Any) -> None:
    if connection.vendor == "postgresql" and _execute not in connection.execute_wrappers:
        # The first is the outermost, and no other that comes for a while is taken off in its place.
        connection.execute_wrappers.insert(0, _execute)


def connect_signals() -> None:
    connection_created.connect(_watch, dispatch_uid="outages")
