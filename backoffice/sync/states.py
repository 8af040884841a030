"""Writing a JSON value of many rows, each its own: one statement for all on PostgreSQL, one prepared one on SQLite.

Django's bulk_update says the same with a CASE of hundreds of branches, which took more than a third of a push.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection, models
from django.utils import timezone

from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push


def write_states(model: type[models.Model], states: dict[int, dict[str, Any]], *, is_clean: bool) -> None:
    """Store `remote_data` by our key, and that it is agreed since now.

    :param is_clean: whether nothing of these rows is left to be told.
    """
    sets = {"synced_at = %s": models.DateTimeField().get_db_prep_value(timezone.now(), connection)}
    if is_clean:
        sets |= {"sync_state = %s": SyncState.CLEAN.value, "sync_error = %s": ""}
    _write(model, "remote_data", states, ", ".join(sets), list(sets.values()))


def write_payloads(payloads: dict[int, dict[str, Any]]) -> None:
    """Count an attempt and store what it says, by the push's key."""
    _write(Push, "payload", payloads, "attempts = attempts + 1", ())


def _write(
    model: type[models.Model],
    name: str,
    values: dict[int, dict[str, Any]],
    sets: str,
    params: Sequence[Any],
) -> None:
    if not values:
        return
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # As one text: psycopg quotes each text of an array by a regular expression.
            rows = msgspec.json.encode([{"id": key, "value": value} for key, value in values.items()]).decode()
            cursor.execute(
                f"UPDATE {table} SET {name} = new.value, {sets} "  # noqa: S608  # names of our own tables and columns; values are parameters
                f"FROM jsonb_to_recordset(%s) AS new(id bigint, value jsonb) WHERE {table}.id = new.id",
                [*params, rows],
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET {name} = %s, {sets} WHERE id = %s",  # noqa: S608  # likewise
                [(json.dumps(value), *params, key) for key, value in values.items()],
            )
