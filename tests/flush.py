"""Emptying the database between tests that commit: only the tables with rows, and content types and rights stay.

Django's own way truncates every table and makes all content types and rights anew, after each such test. There are a
thousand of them, and that was a quarter of their time.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.test import TransactionTestCase

KEPT = frozenset({"django_content_type", "auth_permission", "django_migrations"})


def filled(connection: Any) -> list[str]:
    """The tables that have rows, of every model but KEPT."""
    quote = connection.ops.quote_name
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quote(name)})" for name in tables)
        )
        return [name for (name,) in cursor.fetchall()]


def empty(alias: str) -> None:
    """Delete the rows of every table of a model but KEPT, whatever refers to them."""
    connection = connections[alias]
    # Every foreign key is checked when the transaction ends, so the order does not matter.
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        for name in filled(connection):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(name)}")


def install() -> None:
    """Make it the way of all tests that commit."""

    def teardown(self: Any) -> None:
        for alias in self._databases_names(include_mirrors=False):
            empty(alias)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
