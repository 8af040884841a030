"""The sums of an order's lines and payments, kept on the order: reports add up a month's orders from one table.

- `discounts`: of all lines.
- `paid_cash`, `paid_cashless`: what its payments tell; of a return what was given back, so never negative. Cash is a
  payment of the register's kind 1 (seed 002:2785), all others are not.

They are counted again inside the transaction of whatever changed an order (`orders/kept.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Case, DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Abs, Coalesce, Round

from fiscal.models import PaymentType
from orders.models import Line, Order, Payment

_MONEY = Order._meta.get_field("discounts")
_IS_CASH = Q(payment_type__close_type=PaymentType.CASH)
_PRICE = Case(When(order__is_refund=True, then=Abs("price")), default=F("price"))


def _sum(rows: QuerySet, of: Any) -> Coalesce:
    # SQLite adds decimals up as floats; what was added has no more places than this.
    sum_ = Round(Sum(of), precision=_MONEY.decimal_places)
    found = rows.filter(order=OuterRef("pk")).order_by().values("order").annotate(sum=sum_).values("sum")
    return Coalesce(Subquery(found, output_field=DecimalField()), Value(0), output_field=DecimalField())


SUMS = {
    "discounts": _sum(Line._base_manager.all(), "discount_total"),
    "paid_cash": _sum(Payment._base_manager.filter(_IS_CASH), _PRICE),
    "paid_cashless": _sum(Payment._base_manager.exclude(_IS_CASH), _PRICE),
}


def wrong(ids: Collection[int]) -> set[int]:
    """Of these orders those whose sums are not what their lines and payments say now."""
    orders = Order._base_manager.filter(pk__among=frozenset(ids))
    now = {f"now_{name}": sum_ for name, sum_ in SUMS.items()}
    right = Q(**{name: F(f"now_{name}") for name in SUMS})
    return set(orders.alias(**now).exclude(right).values_list("pk", flat=True))


def keep(ids: Collection[int]) -> set[int]:
    """Keep the sums of these orders as their lines and payments are now. Returns of which they were not so."""
    stale = wrong(ids)
    if stale:
        Order._base_manager.filter(pk__among=frozenset(stale)).update(**SUMS)
    return stale
