"""Writing a JSON value of many rows: one prepared statement for all, since each row has a value of its own.

Django's bulk_update says the same with a CASE of hundreds of branches, which took more than a third of a push.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection, models
from django.utils import timezone

from backoffice.sync.models import Push


def write_states(model: type[models.Model], states: dict[int, dict[str, Any]]) -> None:
    """Store `remote_data` by our key, and that it is agreed since now."""
    now = models.DateTimeField().get_db_prep_value(timezone.now(), connection)
    _write(model, "remote_data", states, synced_at=now)


def write_payloads(payloads: dict[int, dict[str, Any]]) -> None:
    """Store what is about to be sent, by the push's key."""
    _write(Push, "payload", payloads)


def _write(model: type[models.Model], name: str, values: dict[int, dict[str, Any]], **also: Any) -> None:
    quote = connection.ops.quote_name
    assignments = ", ".join(f"{quote(column)} = %s" for column in (name, *also))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {quote(model._meta.db_table)} SET {assignments} WHERE id = %s",  # noqa: S608  # names of our own tables and columns; values are parameters
            [(_adapted(value), *also.values(), key) for key, value in values.items()],
        )


def _adapted(value: dict[str, Any]) -> Any:
    return (
        models.JSONField().get_db_prep_save(value, connection)
        if connection.vendor == "postgresql"
        else json.dumps(value)
    )
