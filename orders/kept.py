"""What is kept beside the lines and payments of orders so that nobody adds it up each time: the sums of each order and
the entries of couriers' cash. Written inside the transaction of whatever changed the order.

What is written past `rows_changed` needs `keep` by hand, or `manage.py recount`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from backoffice.sync.enqueue import chunks
from fiscal.models import PaymentType
from orders import cash_entries, order_sums
from orders.models import Order, Payment, RefundPayment

SLICE = 2000  # orders of a full run that are read at once
FEW = 5  # orders by which it is seen whether a payment type became another
# What is counted, of all that a remote says of an order.
COUNTED = frozenset(
    {
        *("goods", "payments", "returned_order", "is_refund"),
        *("courier_id", "delivery_status_id", "delivery_time_from"),
    }
)


def heard(sender: type[Any], ids: Collection[int], taken: Mapping[int, Set[str]] | None = None, **_kwargs: Any) -> None:
    """Orders changed, or what a payment type is at the register."""
    if sender is Order:
        for batch in chunks(pk for pk in ids if taken is None or taken[pk] & COUNTED):
            keep(batch)
    elif sender is PaymentType:
        _types_changed(ids)


def keep(ids: Collection[int]) -> int:
    """Keep what these orders' lines and payments say now. Returns of how many orders something was not so."""
    with transaction.atomic():
        if connection.features.has_select_for_update:
            # Locked before anything is counted: a statement that waited for an edit would count what was there before.
            rows = Order._base_manager.filter(pk__among=frozenset(ids)).order_by("pk")
            list(rows.select_for_update().values_list("pk"))
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


def _types_changed(ids: Collection[int]) -> None:
    """A payment type that becomes cash, or no longer is, takes what is kept of all its orders with it."""
    paid, told = _by_type(Payment, "order", "price"), _by_type(RefundPayment, "refund__order", "sum")
    turned = []
    for type_ in ids:
        # In an order with payments of two types that became each other nothing shows.
        others = Payment._base_manager.filter(payment_type__in={*ids} - {type_}).order_by().values("order")
        some = list(paid(type_).exclude(order__in=others)[:FEW])
        if not some or order_sums.wrong(some):
            turned.append(type_)
    for type_ in turned:
        for batch in chunks(sorted({*paid(type_), *told(type_)})):
            keep(batch)


def _by_type(model: type[Any], order: str, sum_: str) -> Callable[[int], QuerySet]:
    """The orders of payments of a type that come to anything."""
    payments = model._base_manager.exclude(**{sum_: None}).exclude(**{sum_: 0}).order_by()
    return lambda type_: payments.filter(payment_type=type_).values_list(order, flat=True)
