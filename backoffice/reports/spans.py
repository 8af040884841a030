"""How long something took, in the words of both databases: the time between two moments, and its 95th percentile."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.backends.signals import connection_created
from django.db.backends.sqlite3 import _functions  # type: ignore[attr-defined]  # unknown to the stubs
from django.db.models import Aggregate, Func, IntegerField

_SQLITE_NAME = "REPORTS_PERCENTILE"
SHARE = 95
MOMENTS = 16_384  # that are remembered by each function


class Milliseconds(Func):
    """`Milliseconds(end, start)`: whole milliseconds from start to end; NULL where one of them is."""

    output_field = IntegerField()
    arity = 2

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(ROUND((JULIANDAY(%(expressions)s)) * 86400000) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") - JULIANDAY(", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "ROUND(EXTRACT(EPOCH FROM (%(expressions)s)) * 1000)::bigint"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)


class Percentile(Aggregate):
    """The value that 95 of 100 values do not exceed (nearest rank), of whole numbers."""

    name = "Percentile"
    output_field = IntegerField()
    template = f"PERCENTILE_DISC({SHARE / 100}) WITHIN GROUP (ORDER BY %(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # A template that is passed on would meet the one that a filter makes of it.
        called = self.copy()
        called.template = f"{_SQLITE_NAME}(%(expressions)s)"
        return called.as_sql(compiler, connection, **context)


class _Percentile:
    """What SQLite, which has no percentiles, calls for them."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def step(self, value: int | None) -> None:
        if value is not None:
            self.values.append(value)

    def finalize(self) -> int | None:
        if not self.values:
            return None
        self.values.sort()
        return self.values[-(-len(self.values) * SHARE // 100) - 1]


# Django's functions for days, weeks and hours of a time zone, which Python reckons for each row. Windows begin at few
# moments, so that most are known already.
_REMEMBERED = {
    "django_datetime_cast_date": (3, lru_cache(MOMENTS)(_functions._sqlite_datetime_cast_date)),
    "django_datetime_extract": (4, lru_cache(MOMENTS)(_functions._sqlite_datetime_extract)),
    "django_datetime_trunc": (4, lru_cache(MOMENTS)(_functions._sqlite_datetime_trunc)),
}


def _register(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate(_SQLITE_NAME, 1, _Percentile)
        for name, (arguments, function) in _REMEMBERED.items():
            connection.connection.create_function(name, arguments, function, deterministic=True)


def connect() -> None:
    """Teach SQLite percentiles, and to remember days, on every connection."""
    connection_created.connect(_register, dispatch_uid=_SQLITE_NAME)
