"""History of who changed what, the same for every mirrored model."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.db.models import Value
from django.utils import timezone
from simple_history.models import HistoricalRecords

BOOKKEEPING = ["remote_data", "synced_at", "sync_state", "sync_error", "sync_conflict", "updated_at"]


class Records(HistoricalRecords):
    """A history that is found by its object and its date, and so has no other index: a version of an order had to be
    entered in nineteen.

    :param found_by: foreign keys by which versions are looked for, too.
    """

    def __init__(self, *, found_by: Sequence[str] = (), **kwargs: Any) -> None:
        self.found_by = found_by
        super().__init__(**kwargs)

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        fields: dict[str, Any] = super().copy_fields(model)
        for name, field in fields.items():
            field.db_index = name in (model._meta.pk.name, *self.found_by)
        return fields


def records(*also_excluded: str, **kwargs: Any) -> Records:
    """History without the bookkeeping of sync, which is not an edit, and without secrets."""
    return Records(excluded_fields=[*BOOKKEEPING, *also_excluded], **kwargs)


def keep(model: type[Any], keys: Collection[int], *, kind: str = "~", user: Any = None, reason: str = "") -> None:
    """Keep a version of each of these rows, as they are stored at this moment.

    What is kept is what `bulk_history_create` keeps, by one statement in which no row leaves the database.

    :param kind: "+" for rows that are new, "~" for changed ones.
    :param user: who did it; None for whoever is logged in, if this is a web request.
    """
    if not keys or not getattr(settings, "SIMPLE_HISTORY_ENABLED", True):
        return
    versions = model.history.model
    user = user or versions.get_default_history_user(model())
    about = {
        "history_date": timezone.now(),
        "history_user_id": user.pk if user is not None else None,
        "history_change_reason": reason,
        "history_type": kind,
    }
    tracked = [field.attname for field in versions.tracked_fields]
    fields = [versions._meta.get_field(name) for name in (*tracked, *about)]
    rows = model._base_manager.filter(pk__among=frozenset(keys)).order_by("pk")
    said = [Value(value, versions._meta.get_field(name)) for name, value in about.items()]
    sql, params = rows.values_list(*tracked, *said).query.sql_with_params()
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(field.column) for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quoted(versions._meta.db_table)} ({columns}) {sql}", params)


_actor: ContextVar[Any] = ContextVar("actor", default=None)
_reason: ContextVar[str] = ContextVar("reason", default="")


@contextmanager
def by(user: Any = None, reason: str = "") -> Iterator[None]:
    """Bulk changes in this block are the user's, or of whom `reason` names. Within a web request the user is known
    without saying.
    """
    tokens = _actor.set(user), _reason.set(reason[:100])
    try:
        yield
    finally:
        _actor.reset(tokens[0])
        _reason.reset(tokens[1])


def actor() -> Any:
    return _actor.get()


def reason() -> str:
    return _reason.get()
