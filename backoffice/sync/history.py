"""History of who changed what, the same for every mirrored model."""

from typing import Any

from simple_history.models import HistoricalRecords

BOOKKEEPING = ["remote_data", "synced_at", "sync_state", "sync_error", "sync_conflict"]


def records(*also_excluded: str, **kwargs: Any) -> HistoricalRecords:
    """History without the bookkeeping of sync, which is not an edit, and without secrets."""
    return HistoricalRecords(excluded_fields=[*BOOKKEEPING, *also_excluded], **kwargs)
