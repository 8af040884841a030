"""What is kept beside the lines and payments of orders so that nobody adds it up each time: the sums of each order and
the entries of couriers' cash. Written inside the transaction of whatever changed the order.

What is written past `rows_changed` needs `keep` by hand, or `manage.py recount`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from backoffice.sync.enqueue import chunks
from fiscal.models import PaymentType
from orders import cash_entries, order_sums
from orders.models import Order, Payment, RefundPayment

SLICE = 2000  # orders of a full run that are read at once
FEW = 20  # orders by which it is seen whether a payment type became another


def heard(sender: type[Any], ids: Collection[int], **_kwargs: Any) -> None:
    """Orders changed, or what a payment type is at the register."""
    if sender is Order:
        for batch in chunks(ids):
            keep(batch)
    elif sender is PaymentType:
        for type_ in ids:
            _type_changed(type_)


def keep(ids: Collection[int]) -> int:
    """Keep what these orders' lines and payments say now. Returns of how many orders something was not so."""
    with transaction.atomic():
        return len(order_sums.keep(ids) | cash_entries.gather(ids))


def recount(since: datetime | None = None) -> Iterator[tuple[int, int]]:
    """The same for all orders, or those changed since, slice by slice: (how many were looked at, how many wrong)."""
    orders = Order._base_manager.order_by("pk")
    if since is not None:
        orders = orders.filter(updated_at__gte=since)
    last = 0
    while ids := list(orders.filter(pk__gt=last).values_list("pk", flat=True)[:SLICE]):
        last = ids[-1]
        yield len(ids), keep(ids)


def _type_changed(type_: int) -> None:
    """A payment type that becomes cash, or no longer is, takes what is kept of all its orders with it."""
    payments = Payment.objects.filter(payment_type=type_).exclude(price=None).exclude(price=0)
    paid = payments.order_by().values_list("order", flat=True)
    told = RefundPayment.objects.filter(payment_type=type_).order_by().values_list("refund__order", flat=True)
    if keep([*paid[:FEW], *told[:FEW]]):
        for batch in chunks({*paid, *told}):
            keep(batch)
