"""History of who changed what, the same for every mirrored model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models
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
