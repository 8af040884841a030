"""Cash as it came and went, payment by payment: what `CashEntry` is gathered from, and when.

Cash is a payment of the register's kind 1 (seed 002:2785). It is the cash of the courier whom its order has.

- Collected: payments of orders that are no returns. When: as the register says (`paidIn`, seed 002:463), else when the
  order's window begins, else when the order came here.
- Returned: payments of orders that are returns and not cancelled. When: as the return receipt says, else when the
  return was delivered, else when its window begins (a return made here copies the moments of the payments that it gives
  back). And what iRECA tells as given back in the app, except where it thereby tells of a return that was made here
  (`refunds.MADE_HERE`).

Entries are written again inside the transaction of whatever changed their order (`orders/kept.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Set
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery

from fiscal.models import PaymentType, Receipt
from orders.models import CashEntry, DeliveryStatus, Order, Payment, RefundPayment
from orders.refunds import MADE_HERE

# order, courier, when, collected, returned
_Entry = tuple[int, int | None, datetime, Decimal, Decimal]
_NOTHING = Decimal(0)
# Most orders that change have none yet, and had none: seen with one statement in place of four.
_MAY_HAVE = Q(refund_of__isnull=False) | reduce(
    or_,
    (
        Q(Exists(model._base_manager.filter(**{order: OuterRef("pk")})))
        for model, order in ((Payment, "order"), (RefundPayment, "refund__order"), (CashEntry, "order"))
    ),
)


def gather(ids: Collection[int]) -> set[int]:
    """Write the entries of these orders as their payments are now. Returns of which orders they were not so.

    Also of the orders that they return: whether a return was made here decides what counts of what iRECA tells.
    """
    some = dict(Order._base_manager.filter(_MAY_HAVE, pk__among=frozenset(ids)).values_list("pk", "refund_of"))
    if not some:
        return set()
    ids = {*some, *filter(None, some.values())}
    with transaction.atomic():
        now: dict[int, Counter[_Entry]] = {}
        for entry in _entries(ids):
            now.setdefault(entry[0], Counter())[entry] += 1
        before: dict[int, Counter[_Entry]] = {}
        there = CashEntry.objects.filter(order__among=ids).order_by()
        for entry in there.values_list("order", "courier", "at", "collected", "returned"):
            before.setdefault(entry[0], Counter())[entry] += 1
        stale = {order for order in ids if now.get(order) != before.get(order)}
        if stale:
            CashEntry.objects.filter(order__among=frozenset(stale)).delete()
            names = ("order_id", "courier_id", "at", "collected", "returned")
            CashEntry.objects.bulk_create(
                CashEntry(**dict(zip(names, entry, strict=True)))
                for order in stale
                for entry in now.get(order, Counter()).elements()
            )
    return stale


def _entries(ids: Set[int]) -> Iterator[_Entry]:
    paid = Payment.objects.filter(order__among=ids, payment_type__close_type=PaymentType.CASH).exclude(price=None)
    sales = paid.filter(order__is_refund=False).order_by()
    for order, courier, at, window, created, price in sales.values_list(
        *("order", "order__courier", "paid_in", "order__delivery_time_from", "order__created_at", "price"),
    ):
        yield order, courier, at or window or created, price, _NOTHING
    printed = Receipt._base_manager.filter(order=OuterRef("order"), kind=Receipt.Kind.RETURN)
    first = Subquery(
        printed.exclude(date_time_receipt=None).order_by("date_time_receipt").values("date_time_receipt")[:1]
    )
    returns = paid.filter(order__is_refund=True).exclude(order__delivery_status=DeliveryStatus.CANCELLED).order_by()
    for order, courier, price, *moments in returns.values_list(
        *("order", "order__courier", "price"),
        *(first, "order__delivered_at", "order__delivery_time_from", "paid_in", "order__created_at"),
    ):
        yield order, courier, next(filter(None, moments)), _NOTHING, abs(price)
    given = RefundPayment.objects.filter(
        ~Q(Exists(MADE_HERE)), refund__order__among=ids, payment_type__close_type=PaymentType.CASH
    )
    for order, courier, at, told, window, created, sum_ in given.exclude(sum=None).values_list(
        *("refund__order", "refund__order__courier", "created_at", "refund__created_at"),
        *("refund__order__delivery_time_from", "refund__order__created_at", "sum"),
    ):
        yield order, courier, at or told or window or created, _NOTHING, abs(sum_)
