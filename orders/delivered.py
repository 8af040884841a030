"""When an order was taken and delivered, and where it was delivered: kept on the order, from its status changes.

Reports ask this of a month's orders at once. Looked up in the status changes each time, it would cost three lookups an
order and figure; on the order it costs none. Whoever writes status changes calls `note_delivered`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from backoffice.sync.enqueue import chunks
from orders.models import DeliveryStatus, Order, StatusChange


def note_delivered(ids: Collection[int]) -> None:
    """Keep the times and the place on these orders. Idempotent; no change that anybody is told of."""
    for batch in chunks(ids):
        Order._base_manager.filter(pk__in=batch).update(**outcome(StatusChange._base_manager.all()))


def outcome(changes: QuerySet) -> dict[str, Any]:
    """The columns of an order as its status changes give them.

    Taken is the first change to 7; delivered the first to 9, or to 10 where there is no 9, and there is the place.
    """
    mine = changes.filter(order=OuterRef("pk"), created_at__isnull=False)
    taken = mine.filter(delivery_status=DeliveryStatus.TAKEN).order_by("created_at", "pk")
    delivered = mine.filter(delivery_status__in=(DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED))
    first = delivered.order_by("delivery_status", "created_at", "pk")
    return {
        "taken_at": Subquery(taken.values("created_at")[:1]),
        "delivered_at": Subquery(first.values("created_at")[:1]),
        "delivered_latitude": Subquery(first.values("latitude")[:1]),
        "delivered_longitude": Subquery(first.values("longitude")[:1]),
    }
