"""Writing a JSON value of many rows, each its own: one statement for all on PostgreSQL, one prepared one on SQLite.

Django's bulk_update says the same with a CASE of hundreds of branches, which took more than a third of a push.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection, models

from backoffice.sync import clock
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push


def write_states(model: type[models.Model], states: dict[int, dict[str, Any]], *, is_clean: bool) -> None:
    """Store `remote_data` by our key, and that it is agreed since now.

    :param is_clean: whether nothing of these rows is left to be told.
    """
    sets: dict[str, Any] = {"synced_at = %s": models.DateTimeField().get_db_prep_value(clock.now(), connection)}
    if is_clean:
        sets |= {"sync_state = %s": SyncState.CLEAN.value, "sync_error = %s": ""}
    _write(model, "remote_data", states, list(sets), list(sets.values()))


def write_payloads(payloads: dict[int, Any]) -> None:
    """Count an attempt and store what it and those before it say, by the push's key."""
    _write(Push, "payload", payloads, ["attempts = attempts + 1"])


def restore_payloads(payloads: dict[int, Any]) -> None:
    """Store what requests say that may have been carried out, without the last: it was not. An attempt it was."""
    _write(Push, "payload", payloads)


def _write(
    model: type[models.Model],
    name: str,
    values: Mapping[int, Any],
    others: Sequence[str] = (),
    params: Sequence[Any] = (),
) -> None:
    if not values:
        return
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # As one text: psycopg quotes each text of an array by a regular expression.
            rows = msgspec.json.encode([{"id": key, "value": value} for key, value in values.items()]).decode()
            cursor.execute(
                f"UPDATE {table} SET {', '.join([f'{name} = new.value', *others])} "  # noqa: S608  # names of our own tables and columns; values are parameters
                f"FROM jsonb_to_recordset(%s) AS new(id bigint, value jsonb) WHERE {table}.id = new.id",
                [*params, rows],
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET {', '.join([f'{name} = %s', *others])} WHERE id = %s",  # noqa: S608  # likewise
                [(None if value is None else json.dumps(value), *params, key) for key, value in values.items()],
            )
