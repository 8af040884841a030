"""What the map of orders shows: where each order is, how far it is, whether it is late, and who has it.

Couriers on the same map come from `couriers/map.py`; the page itself is `admin/map.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import pgettext_lazy

from backoffice.sync import dictionaries
from orders import conditions
from orders.models import DeliveryStatus, Hold, Order

MOST = 3000  # orders at once: with more, a browser is slow and a person sees a carpet

# What stands in a marker: colour alone tells some people nothing.
LETTERS = {
    DeliveryStatus.NEW: pgettext_lazy("letter on the map", "N"),
    DeliveryStatus.PREPARED: pgettext_lazy("letter on the map", "P"),
    DeliveryStatus.TAKEN: pgettext_lazy("letter on the map", "T"),
    DeliveryStatus.DELIVERED: pgettext_lazy("letter on the map", "D"),
    DeliveryStatus.CLOSED: pgettext_lazy("letter on the map", "C"),
    DeliveryStatus.CANCELLED: pgettext_lazy("letter on the map", "X"),
}
UNKNOWN = "?"

COLUMNS = (
    *("pk", "number", "ireca_id", "to_latitude", "to_longitude", "delivery_status", "hold", "courier_id"),
    *("courier__title", "delivery_time_from", "delivery_time_to"),
    *("to_city", "to_street", "to_home", "to_apartment", "to_line"),
)


@dataclass(frozen=True)
class Pins:
    """The orders of a map, and how many the filter has in all."""

    pins: list[dict[str, Any]]
    total: int

    @property
    def is_capped(self) -> bool:
        return self.total > len(self.pins)


def of_today(now: datetime) -> Q:
    """What a dispatcher looks at first: open, due today, and somebody is to bring it."""
    return conditions.IS_OPEN & conditions.of_day(timezone.localdate(now)) & ~Q(hold=Hold.PICKUP)


def pins(orders: QuerySet[Order], now: datetime) -> Pins:
    """Orders as the map draws them, at most MOST of them, the latest windows; one query, two where there are more."""
    rows = list(
        orders.order_by("-delivery_time_from", "-pk").select_related(None).values_list(*COLUMNS, named=True)[: MOST + 1]
    )
    total = orders.order_by().count() if len(rows) > MOST else len(rows)
    return Pins([_pin(row, now) for row in rows[:MOST]], total)


def _pin(row: Any, now: datetime) -> dict[str, Any]:
    is_open = row.delivery_status not in (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)
    address = ", ".join(filter(None, [row.to_street, row.to_home, row.to_apartment])) or row.to_line or row.to_city
    known = row.to_latitude is not None and row.to_longitude is not None
    return {
        "id": row.pk,
        "number": row.number or str(row.ireca_id),
        "place": [float(row.to_latitude), float(row.to_longitude)] if known else None,
        "state": row.delivery_status,
        "haste": haste(row.delivery_time_to, now) if conditions.is_awaited(row.delivery_status) else "",
        "courier": row.courier_id,
        "name": row.courier__title or "",
        "window": _window(row.delivery_time_from, row.delivery_time_to),
        "address": address,
        # Neither what is closed nor what its client picks up is given to a courier.
        "free": is_open and row.hold != Hold.PICKUP,
    }


def haste(end: datetime | None, now: datetime) -> str:
    """ "late", "risk" or nothing, of an awaited order whose window ends then (the same bounds as `conditions`)."""
    if end is None or end >= now + conditions.RISK:
        return ""
    return "late" if end < now else "risk"


def _window(start: datetime | None, end: datetime | None) -> str:
    return "–".join(f"{timezone.localtime(moment):%H:%M}" if moment else "" for moment in (start, end))


def legend(found: Pins) -> list[dict[str, Any]]:
    """Each state that the map may show with its letter and the number of its orders."""
    counts = Counter(pin["state"] for pin in found.pins)
    states = [*LETTERS, *sorted(code for code in counts if code not in LETTERS)]
    return [
        {
            "code": int(code),
            "letter": str(LETTERS.get(code, UNKNOWN)),
            "title": dictionaries.label("orderDeliveryStatuses", code, DeliveryStatus),
            "count": counts.get(code, 0),
        }
        for code in states
    ]
