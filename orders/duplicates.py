"""Possible duplicates: one visit that came from two sources, as when a client orders in a shop and at the register too.

Orders are twins when they have the same phone, the same sum before discounts and the same delivery window, come from
different sources (no source at all is one of its own), and neither is cancelled or a return. They are pointed out, and
nothing is done about them: two neighbours with one phone may well have ordered the same. An order without a phone, or
with an open window, has no twins, for it would have too many.

The phone is in two tables (an order without one is reached by its client's), so no index holds all that is compared.
`order_twins` leads to the few orders of the same window and sum; their phones are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Max, Min, Q, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce

from orders.models import DeliveryStatus, Order

SHARED = ("delivery_time_from", "delivery_time_to", "amount_to_pay")
SHOWN = 20  # twins that the page of an order names

_PHONE = Case(When(phone="", then=Coalesce(F("client__phone_e164"), Value(""))), default=F("phone_e164"))
_SOURCE = Coalesce(F("source_id"), Value(0))


def since(moment: datetime) -> Q:
    """Orders whose windows begin at `moment` or later, and which have a twin among them."""
    recent = _comparable().filter(delivery_time_from__gte=moment)
    # Said once more of the orders themselves, so that no engine goes through all of them.
    return Q(delivery_time_from__gte=moment, pk__in=_twins(recent).values("pk"))


def among(orders: Collection[Order]) -> set[int]:
    """The keys of those of a page's orders that have a twin, on the page or not. One query."""
    sums_of: dict[Any, set[Decimal]] = {}
    for order in filter(_is_comparable, orders):
        sums_of.setdefault((order.delivery_time_from, order.delivery_time_to), set()).add(order.amount_to_pay)
    if not sums_of:
        return set()
    alike = Q()
    for (begin, end), sums in sums_of.items():
        alike |= Q(delivery_time_from=begin, delivery_time_to=end, amount_to_pay__in=sums)
    return {order.pk for order in orders} & set(_twins(_comparable().filter(alike)).values_list("pk", flat=True))


def of(order: Order) -> list[Order]:
    """The twins of an order with their sources, the first `SHOWN` of them."""
    phone = order.phone_e164 if order.phone or order.client is None else order.client.phone_e164
    if not phone or not _is_comparable(order):
        return []
    alike = _comparable().filter(**{name: getattr(order, name) for name in SHARED}).annotate(reached=_PHONE)
    others = alike.filter(reached=phone).annotate(told_by=_SOURCE).exclude(told_by=order.source_id or 0)
    return list(others.select_related("source").order_by("pk")[:SHOWN])


def _comparable() -> QuerySet[Order]:
    rows = Order.objects.filter(is_refund=False, delivery_time_from__isnull=False, delivery_time_to__isnull=False)
    return rows.exclude(delivery_status=DeliveryStatus.CANCELLED).order_by()


def _is_comparable(order: Order) -> bool:
    is_sale = not order.is_refund and order.delivery_status != DeliveryStatus.CANCELLED
    return is_sale and None not in (order.delivery_time_from, order.delivery_time_to)


def _twins(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Those of `orders` that have a twin among them, in one pass over them: a join would compare each with each."""
    visit: dict[str, Any] = {"partition_by": [F("reached"), *map(F, SHARED)]}
    reached = orders.annotate(reached=_PHONE).exclude(reached="")
    sources = reached.annotate(first=Window(Min(_SOURCE), **visit), last=Window(Max(_SOURCE), **visit))
    return sources.filter(first__lt=F("last"))
