"""How long it is kept where couriers were (LOCATION_DAYS): personal data, and the longest table of all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from backoffice.sync.retention import KINDS, Kind
from couriers.models import Courier, Location


def _locations(before: datetime) -> Iterator[QuerySet]:
    """Courier by courier, along the index that shows a courier's day."""
    for pk in Courier.objects.values_list("pk", flat=True):
        yield Location.objects.filter(courier=pk, created_at__lt=before).order_by("created_at")


KINDS.append(Kind("locations", "LOCATION_DAYS", _locations))
