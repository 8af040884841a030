"""How long something took, in the words of both databases: the time between two moments, and its 95th percentile."""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created
from django.db.models import Aggregate, Func, IntegerField

_SQLITE_NAME = "REPORTS_PERCENTILE"
SHARE = 95


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


def _register(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate(_SQLITE_NAME, 1, _Percentile)


def connect() -> None:
    """Teach SQLite percentiles, on every connection."""
    connection_created.connect(_register, dispatch_uid=_SQLITE_NAME)
