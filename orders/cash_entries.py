"""Cash as it came and went, payment by payment: what `CashEntry` is gathered from, and when.

Cash is a payment of the register's kind 1 (seed 002:2785). It is the cash of the courier whom its order has.

- Collected: payments of orders that are no returns. When: as the register says (`paidIn`, seed 002:463), else when the
  order's window begins, else when the order came here.
- Returned: payments of orders that are returns and not cancelled, when their window begins (a return made here copies
  the moments of what it gives back); and what iRECA tells as given back in the app, except where it thereby tells of a
  return that was made here (`refunds.MADE_HERE`).

Entries are written again inside the transaction of whatever changed their order. What is written past `rows_changed`
needs `gather` by hand, or `manage.py cash_entries`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Set
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Exists, Q

from backoffice.sync.enqueue import chunks
from fiscal.models import PaymentType
from orders.models import CashEntry, DeliveryStatus, Order, Payment, RefundPayment
from orders.refunds import MADE_HERE

CASH = 1
SLICE = 2000  # orders of a full run that are read at once

# order, courier, when, collected, returned
_Entry = tuple[int, int | None, datetime, Decimal, Decimal]
_NOTHING = Decimal(0)


def heard(sender: type[Any], ids: Collection[int], **_kwargs: Any) -> None:
    """Orders changed, or what a payment type is at the register."""
    if sender is Order:
        for batch in chunks(ids):
            gather(batch)
    elif sender is PaymentType:
        _types_changed(ids)


def gather(ids: Collection[int]) -> int:
    """Write the entries of these orders as their payments are now. Returns of how many orders they were not so.

    Also of the orders that they return: whether a return was made here decides what counts of what iRECA tells.
    """
    returns = Order._base_manager.filter(pk__among=frozenset(ids), refund_of__isnull=False)
    ids = {*ids, *(pk for pk in returns.values_list("refund_of", flat=True) if pk is not None)}
    with transaction.atomic():
        now: dict[int, Counter[_Entry]] = {}
        for entry in _entries(ids):
            now.setdefault(entry[0], Counter())[entry] += 1
        before: dict[int, Counter[_Entry]] = {}
        there = CashEntry.objects.filter(order__among=ids).order_by()
        for entry in there.values_list("order", "courier", "at", "collected", "returned"):
            before.setdefault(entry[0], Counter())[entry] += 1
        stale = [order for order in ids if now.get(order) != before.get(order)]
        if stale:
            CashEntry.objects.filter(order__among=frozenset(stale)).delete()
            names = ("order_id", "courier_id", "at", "collected", "returned")
            CashEntry.objects.bulk_create(
                CashEntry(**dict(zip(names, entry, strict=True)))
                for order in stale
                for entry in now.get(order, Counter()).elements()
            )
    return len(stale)


def gather_all() -> Iterator[tuple[int, int]]:
    """The same for all orders, slice by slice: (how many were looked at, of how many the entries were wrong)."""
    last = 0
    while ids := list(Order._base_manager.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:SLICE]):
        last = ids[-1]
        yield len(ids), gather(ids)


def _entries(ids: Set[int]) -> Iterator[_Entry]:
    paid = Payment.objects.filter(order__among=ids, payment_type__close_type=CASH).exclude(price=None).order_by()
    for order, courier, is_refund, status, at, window, created, price in paid.values_list(
        *("order", "order__courier", "order__is_refund", "order__delivery_status"),
        *("paid_in", "order__delivery_time_from", "order__created_at", "price"),
    ):
        if not is_refund:
            yield order, courier, at or window or created, price, _NOTHING
        elif status != DeliveryStatus.CANCELLED:
            yield order, courier, window or at or created, _NOTHING, abs(price)
    given = RefundPayment.objects.filter(~Q(Exists(MADE_HERE)), refund__order__among=ids, payment_type__close_type=CASH)
    for order, courier, at, told, window, created, sum_ in given.exclude(sum=None).values_list(
        *("refund__order", "refund__order__courier", "created_at", "refund__created_at"),
        *("refund__order__delivery_time_from", "refund__order__created_at", "sum"),
    ):
        yield order, courier, at or told or window or created, _NOTHING, abs(sum_)


def _types_changed(ids: Collection[int]) -> None:
    """A payment type that becomes cash, or no longer is, takes the entries of all its orders with it."""
    for type_ in PaymentType._base_manager.filter(pk__in=ids):
        paid = Payment.objects.filter(payment_type=type_).order_by()
        some = paid.values_list("order", flat=True)[:1]
        is_gathered = CashEntry.objects.filter(order__in=list(some)).exists()
        if not some or is_gathered == (type_.close_type == CASH):
            continue
        told = RefundPayment.objects.filter(payment_type=type_).order_by().values_list("refund__order", flat=True)
        for batch in chunks({*paid.values_list("order", flat=True), *told}):
            gather(batch)
