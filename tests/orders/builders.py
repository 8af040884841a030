"""Rows for the tests of orders, complete enough for iRECA."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from backoffice.sync.enqueue import untracked
from catalog.models import Good
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import kept, marking
from orders.models import Client, DeliveryStatus, Line, Order, Payment, ReturnReason


def at(hour: int, day: int = 0) -> datetime:
    """A whole hour of today, or so many days later, in local time."""
    return timezone.localtime().replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=day)


def known(model: Any, ireca_id: str, **fields: Any) -> Any:
    """A row that iRECA knows and that is in sync."""
    with untracked():
        return model.objects.create(ireca_id=ireca_id, remote_data={}, synced_at=timezone.now(), **fields)


def courier(title: str = "Ivanov", ireca_id: str = "55752") -> Courier:
    return known(Courier, ireca_id, title=title)


def reason(title: str = "Changed mind", ireca_id: str = "7") -> ReturnReason:
    return known(ReturnReason, ireca_id, title=title)


def order(nth: int = 1, **fields: Any) -> Order:
    """An order of today that iRECA knows."""
    payment_type = PaymentType.objects.filter(ireca_id="1").first() or known(PaymentType, "1", title="Cash")
    defaults = {
        "number": f"N-{nth}",
        "delivery_time_from": at(10),
        "delivery_time_to": at(12),
        "payment_type": payment_type,
        "amount_to_pay": Decimal(100),
        "to_city": "Moscow",
        "to_street": "Arbat",
        "to_home": str(nth),
        "phone": "+79161234567",
    }
    return known(Order, str(200_000 + nth), **{**defaults, **fields})


def orders(count: int, **fields: Any) -> list[Order]:
    return [order(nth, **fields) for nth in range(1, count + 1)]


def discount(row: Order, of_each_line: Decimal | int) -> None:
    """As iRECA tells it."""
    with untracked():
        row.lines.update(discount_total=of_each_line)
    kept.keep([row.pk])
    row.refresh_from_db(fields=["discounts"])


def pay(row: Order, price: Decimal | int, payment_type: PaymentType | None = None) -> None:
    """As iRECA tells it."""
    Payment.objects.create(order=row, price=price, payment_type=payment_type)
    kept.keep([row.pk])


def with_lines(row: Order, count: int) -> Order:
    start = Good.objects.count()
    for position in range(count):
        number = start + position
        good = known(Good, f"g{number}", title=f"Good {number}", price=Decimal(50))
        with untracked():
            Line.objects.create(
                order=row, good=good, title=good.title, position=position, count=2, price=50, total=100, unit="pcs"
            )
    return row


def client(**fields: Any) -> Client:
    return known(Client, fields.pop("ireca_id", "c1"), **{"lastname": "Petrov", "firstname": "Petr", **fields})


def mark(serial: str, goods: str = "460000000001") -> str:
    """A marking code of a piece, whole and right."""
    digits = goods.zfill(13)
    return f"01{digits}{marking.check_digit(digits)}21{serial}{marking.GS}91EE08{marking.GS}92{'Q' * 44}"


CLOSED = {"delivery_status": DeliveryStatus.CLOSED.value, "status": 1}
CANCELLED = {"delivery_status": DeliveryStatus.CANCELLED.value}
