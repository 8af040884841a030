"""History of who changed what, the same for every mirrored model."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from simple_history.models import HistoricalRecords

BOOKKEEPING = ["remote_data", "synced_at", "sync_state", "sync_error", "sync_conflict", "updated_at"]


def records(*also_excluded: str, **kwargs: Any) -> HistoricalRecords:
    """History without the bookkeeping of sync, which is not an edit, and without secrets."""
    return HistoricalRecords(excluded_fields=[*BOOKKEEPING, *also_excluded], **kwargs)


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
