"""Writing the agreed state of many rows: one prepared statement for all, since each row has a value of its own."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection, models
from django.utils import timezone


def write_states(model: type[models.Model], states: dict[int, dict[str, Any]]) -> None:
    """Store `remote_data` by our key, and that it is agreed since now.

    Django's bulk_update says the same with a CASE of hundreds of branches, which took more than a third of a push.
    """
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    pk, data, at = (
        quote(model._meta.get_field(name).column) for name in (model._meta.pk.name, "remote_data", "synced_at")
    )
    column = model._meta.get_field("remote_data")
    now = model._meta.get_field("synced_at").get_db_prep_value(timezone.now(), connection)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {data} = %s, {at} = %s WHERE {pk} = %s",
            [(_adapted(column, state), now, key) for key, state in states.items()],
        )


def _adapted(column: Any, state: dict[str, Any]) -> Any:
    return column.get_db_prep_save(state, connection) if connection.vendor == "postgresql" else json.dumps(state)
