"""How webhooks are doing, in figures: for `/metrics` and the doctor. What is open is counted along partial indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min

from backoffice.partners.models import Delivery, Webhook

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Webhooks:
    """Events still to be told and the oldest of them, those given up within a day, webhooks that are paused."""

    open: int
    oldest: datetime | None
    failed: int
    paused: int


def webhooks(now: datetime) -> Webhooks:
    """Four queries: each state has an index of its own."""
    counts, moments = [], []
    for state in (Delivery.State.NEW, Delivery.State.QUEUED):
        found = Delivery.objects.filter(state=state).order_by().aggregate(count=Count("pk"), oldest=Min("created_at"))
        counts.append(found["count"])
        moments.append(found["oldest"])
    return Webhooks(
        open=sum(counts),
        oldest=min((moment for moment in moments if moment is not None), default=None),
        failed=Delivery.objects.filter(created_at__gte=now - DAY, state=Delivery.State.FAILED).count(),
        paused=Webhook.objects.filter(is_active=True, paused_at__isnull=False, source__is_active=True).count(),
    )
