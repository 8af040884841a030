"""What couriers do: status changes with places, sessions, positions, errors of devices; random, by the given chance."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from backoffice.reports import days
from couriers.models import Courier, License, Location
from fiscal.models import RegistrarError, TerminalError
from orders.delivered import note_delivered
from orders.models import DeliveryStatus, Order

DAYS = 12
REACHED: dict[int, tuple[int, ...]] = {
    DeliveryStatus.TAKEN: (7,),
    DeliveryStatus.DELIVERED: (7, 9),
    DeliveryStatus.CLOSED: (7, 9, 10),
    DeliveryStatus.CANCELLED: (7, 11),
}


def happen(row: Order, chance: random.Random) -> None:
    """An address, mostly with its place, and the changes that led to the order's state, mostly told."""
    row.to_postindex = chance.choice(("", "101000", "300000"))
    if chance.random() < 0.8:
        row.to_latitude, row.to_longitude = _place(chance, 0.2)
    row.save(update_fields=["to_postindex", "to_latitude", "to_longitude"])
    at = (row.delivery_time_from or timezone.now()) - timedelta(minutes=chance.randint(0, 60))
    for status in REACHED.get(row.delivery_status, ()):
        at += timedelta(minutes=chance.randint(1, 150), seconds=chance.randint(0, 59))
        if chance.random() < 0.85:
            latitude, longitude = _near(row, chance) if chance.random() < 0.8 else (None, None)
            row.status_changes.create(
                delivery_status=status, created_at=at, latitude=latitude, longitude=longitude, accuracy=10
            )
    note_delivered([row.pk])


def shifts(couriers: Sequence[Courier], chance: random.Random) -> None:
    """Some days of the couriers, and what is counted of them."""
    now = timezone.now()
    for courier in couriers:
        for back in range(DAYS):
            start = timezone.localtime(now).replace(hour=9, minute=chance.randint(0, 59)) - timedelta(days=back)
            if chance.random() < 0.7:
                License.objects.create(
                    device_id=f"device-{courier.pk}-{back}",
                    courier=courier,
                    is_open=False,
                    session_start_at=start,
                    session_finish_at=start + timedelta(minutes=chance.randint(10, 700)),
                )
            if chance.random() < 0.7:
                Location.objects.bulk_create(
                    Location(
                        courier=courier,
                        created_at=start + timedelta(minutes=minute),
                        latitude=Decimal("55.7") + Decimal(chance.randint(0, 9999)) / 100_000,
                        longitude=Decimal("37.6"),
                        accuracy=5,
                    )
                    for minute in range(0, 60, chance.choice((3, 15)))
                )
            for model in (RegistrarError, TerminalError):
                if chance.random() < 0.3:
                    model.objects.create(
                        ireca_id=f"{courier.pk}-{back}", courier=courier, error_code="7", **{model.TIME: start}
                    )
    today = timezone.localdate(now)
    for _day in days.count_between(today - timedelta(days=DAYS), today, now):
        pass


def _place(chance: random.Random, spread: float) -> tuple[Decimal, Decimal]:
    latitude, longitude = (round(centre + chance.uniform(-spread, spread), 6) for centre in (55.75, 37.62))
    return Decimal(str(latitude)), Decimal(str(longitude))


def _near(row: Order, chance: random.Random) -> tuple[Decimal, Decimal]:
    """Up to a kilometre from the address."""
    if row.to_latitude is None or row.to_longitude is None:
        return _place(chance, 0.2)
    away = [Decimal(str(round(chance.uniform(-0.006, 0.006), 6))) for _axis in range(2)]
    return row.to_latitude + away[0], row.to_longitude + away[1]
