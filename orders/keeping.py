"""How long iRECA's journal of orders is kept (JOURNAL_DAYS).

What a person asks for again is read from iRECA again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from backoffice.sync.retention import KINDS, Kind
from orders.models import JournalEntry


def _journal(before: datetime) -> Iterator[QuerySet]:
    yield JournalEntry.objects.filter(created_at__lt=before).order_by("created_at")


KINDS.append(Kind("journal", "JOURNAL_DAYS", _journal))
