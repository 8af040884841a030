"""What is printed: route sheets by courier with an act of the cash, labels, the form that goes with an order.

Only what the pages need is computed here; how they look is in `templates/print/`. Money is `Decimal` roubles. A QR code
leads to the order in this back office; a barcode is its iRECA id, which the search of the list finds.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import cos, inf, radians

import barcode
import segno
from barcode.writer import SVGWriter
from django.conf import settings
from django.db.models import F
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString, mark_safe

from couriers.models import Courier
from fiscal.models import PaymentType
from orders.models import Line, Order, PaymentStatus, RouteStop

SKETCH = (640, 320)  # units of the sketch's own coordinates
MARGIN = 24


@dataclass
class Stop:
    """One order on paper. `number` is its place on the sheet."""

    order: Order
    lines: Sequence[Line]
    number: int = 0

    @property
    def is_paid(self) -> bool:
        return self.order.status == PaymentStatus.PAID

    @property
    def due(self) -> Decimal:
        """What the courier is to take."""
        return Decimal(0) if self.is_paid else self.order.due

    @property
    def is_cash(self) -> bool:
        """Whether its register takes cash for it (seed 002:2785), as the sums of payments have it."""
        kind = self.order.payment_type
        return kind is not None and kind.close_type == PaymentType.CASH

    @property
    def items(self) -> int:
        """How many things he carries; what is weighed or measured is one."""
        return sum(int(line.count) if line.count == int(line.count) else 1 for line in self.lines)

    @property
    def change(self) -> Decimal:
        """What he must have ready when the client pays with the banknote that he named."""
        banknote = self.order.cash or Decimal(0)
        return max(banknote - self.due, Decimal(0)) if self.due and banknote else Decimal(0)

    @cached_property
    def qr(self) -> SafeString:
        url = settings.PUBLIC_URL + reverse("admin:orders_order_change", args=[self.order.pk])
        return mark_safe(segno.make(url, error="m", micro=False).svg_inline(scale=2, border=2, light="#fff"))  # noqa: S308  # an address of ours, as squares

    @cached_property
    def barcode(self) -> SafeString | str:
        """Code 128; empty where the id has characters that it does not know."""
        text = str(self.order.ireca_id or "")
        if not text.isascii() or not text:
            return ""
        written = io.BytesIO()
        options = {"write_text": False, "module_height": 9, "module_width": 0.3, "quiet_zone": 3}
        barcode.Code128(text, writer=SVGWriter()).write(written, options)
        svg = written.getvalue().decode()
        return mark_safe(svg[svg.index("<svg") :])  # noqa: S308  # digits and letters of ours, drawn as rectangles


@dataclass
class Sheet:
    """The orders of one courier, as an accepted route has them; the others where their windows put them."""

    courier: Courier | None
    stops: list[Stop] = field(default_factory=list)

    @property
    def due(self) -> Decimal:
        return sum((stop.due for stop in self.stops), Decimal(0))

    @property
    def due_in_cash(self) -> Decimal:
        return sum((stop.due for stop in self.stops if stop.is_cash), Decimal(0))

    @property
    def due_otherwise(self) -> Decimal:
        return self.due - self.due_in_cash

    @property
    def items(self) -> int:
        return sum(stop.items for stop in self.stops)

    @property
    def change(self) -> Decimal:
        return sum((stop.change for stop in self.stops), Decimal(0))

    @property
    def cash_taken(self) -> Decimal:
        """Cash that the registers took for these orders so far."""
        return sum((stop.order.cash_taken for stop in self.stops), Decimal(0))

    @property
    def paid_in_cash(self) -> list[Stop]:
        return [stop for stop in self.stops if stop.order.cash_taken]

    @cached_property
    def sketch(self) -> list[tuple[int, int, int]]:
        """Where the stops lie to each other: (number, x, y) in the sketch's coordinates, to scale, north above.

        Stops without coordinates are left out.
        """
        places = [
            (stop.number, float(stop.order.to_longitude), float(stop.order.to_latitude))
            for stop in self.stops
            if stop.order.to_latitude is not None and stop.order.to_longitude is not None
        ]
        if not places:
            return []
        west, east = min(x for _n, x, _y in places), max(x for _n, x, _y in places)
        south, north = min(y for _n, _x, y in places), max(y for _n, _x, y in places)
        # A degree of longitude is shorter than one of latitude: at 60° half as long.
        squeeze = cos(radians((south + north) / 2))
        width, height = SKETCH[0] - 2 * MARGIN, SKETCH[1] - 2 * MARGIN
        scale = min(width / max((east - west) * squeeze, 1e-4), height / max(north - south, 1e-4))
        left = (SKETCH[0] - (east - west) * squeeze * scale) / 2
        top = (SKETCH[1] - (north - south) * scale) / 2
        return [
            (number, round(left + (x - west) * squeeze * scale), round(top + (north - y) * scale))
            for number, x, y in places
        ]


def sheets(ids: Collection[int]) -> list[Sheet]:
    """Route sheets of these orders, a sheet for each courier by name; last those that nobody has."""
    found: dict[int | None, Sheet] = {}
    planned: dict[tuple[int, int | None], datetime | None] = {
        (stop.order_id, stop.courier_id): stop.begins_at for stop in RouteStop.objects.filter(order__in=ids).order_by()
    }

    def begins(stop: Stop) -> float:
        at = planned.get((stop.order.pk, stop.order.courier_id), stop.order.delivery_time_from)
        return inf if at is None else at.timestamp()

    for stop in sorted(stops(ids), key=begins):
        sheet = found.setdefault(stop.order.courier_id, Sheet(stop.order.courier))
        sheet.stops.append(stop)
        stop.number = len(sheet.stops)
    return sorted(found.values(), key=lambda sheet: (sheet.courier is None, str(sheet.courier or "")))


def stops(ids: Collection[int]) -> Iterator[Stop]:
    """Orders for paper, by their windows. Two queries, however many they are."""
    orders = (
        Order.objects.filter(pk__in=ids)
        .select_related("courier", "client", "payment_type", "source", "supplier")
        .defer("remote_data", "sync_conflict")
        .order_by(F("delivery_time_from").asc(nulls_last=True), "delivery_time_to", "pk")
    )
    lines: dict[int, list[Line]] = {}
    for line in Line.objects.filter(order__in=ids).select_related("good", "tax").order_by("position", "id"):
        lines.setdefault(line.order_id, []).append(line)
    for order in orders:
        yield Stop(order, lines.get(order.pk, []))
