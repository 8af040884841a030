"""In which order rows are locked, so that of two who need several of them each gets all, one after the other.

Owners before their parts, rows before their pushes; rows by their keys, and pushes by those of the rows that they are
of, as an edit opens them. A statement that changes many rows locks them in whatever order its plan has, and of two that
wait for each other PostgreSQL ends one. So whoever changes many that others change as well locks them first, here.

SQLite has one writer at a time.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import QuerySet


def locked(queryset: QuerySet[Any]) -> list[Any]:
    """What the queryset finds, its rows locked until the transaction ends."""
    queryset = queryset.order_by(*_order(queryset))
    return list(queryset.select_for_update(of=("self",)) if connection.features.has_select_for_update else queryset)


def lock(queryset: QuerySet[Any]) -> None:
    """Lock rows that are about to be changed."""
    if connection.features.has_select_for_update:
        locked(queryset.values_list("pk"))


def unlocked(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Of these rows those that nobody has locked at the moment, locked: for who need not wait for the others."""
    if not connection.features.has_select_for_update_skip_locked:
        return queryset
    free = queryset.order_by().select_for_update(skip_locked=True, of=("self",))
    return queryset.model._base_manager.filter(pk__in=list(free.values_list("pk", flat=True)))


def _order(queryset: QuerySet[Any]) -> tuple[str, ...]:
    from backoffice.sync.models import Push

    return ("object_id", "pk") if queryset.model is Push else ("pk",)
