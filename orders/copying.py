"""An order again, and an order in two.

A copy is a new order of the same client: nobody's, unpaid, for today, and held until a dispatcher lets it go. A split
takes lines, or pieces of them, into a second order. Sums, discounts and the prepayment of both together are those of
the one before, to the kopeck; so what is paid, taken, closed or summed up by a register
service is not split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from orders.models import DeliveryStatus, Hold, Line, LineSpecificity, LineWarehouse, Order, Origin, PaymentStatus
from orders.refunds import COPIED, COPIED_OF_LINE
from orders.sums import spread

NOTHING = Decimal(0)
ALSO_COPIED = ("payment_type", "description")
MARKS = ("mark_value", "mark_binary_value")  # of one piece, which is in one order
BEGUN = (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED)


class NotPossible(Exception):
    """An order cannot be copied or split; the text says why, in the active language."""


def why_no_copy(order: Order) -> str:
    """Why no copy of the order is made, or an empty text."""
    return _("A return is made of the order that it returns.") if order.is_refund else ""


def copy(order: Order, window: tuple[datetime, datetime]) -> Order:
    """A new order with the same lines. Raises NotPossible."""
    if why := why_no_copy(order):
        raise NotPossible(why)
    with transaction.atomic():
        made = _like(order, window, hold=Hold.WAITS, amount_to_pay=order.amount_to_pay)
        for line in _lines(order):
            if line.count > 0:
                again = _line_like(line, made, line.count, line.total, line.discount_total, marks=False)
                _store(again, [(part, part.count) for part in line.warehouses.all()], line.specificities.all())
    return made


def why_no_split(order: Order) -> str:
    """Why the order is not split, or an empty text."""
    if order.is_refund:
        return _("The lines of a return belong to the payments that it gives back.")
    if order.is_closed:
        return _("The order is closed or cancelled.")
    if order.delivery_status in BEGUN:
        return _("The courier has taken the order already.")
    if order.status == PaymentStatus.PAID or order.payments.exists():
        return _("The order is paid: what was paid cannot be divided. Return a part of it instead.")
    if Origin.objects.filter(order=order).exists():
        return _("The order belongs to a register service, which knows it as one. Split it there.")
    if not any(line.count > 0 for line in order.lines.all()):
        return _("The order has no lines.")
    return ""


def split(order_id: int, counts: Mapping[int, Decimal]) -> Order:
    """Take pieces of lines (`counts` by key of the line) into a second order, and return it. Raises NotPossible.

    1. the order is locked and looked at again: somebody may have paid or taken it since;
    2. each line is divided, its total and discount by pieces, its warehouses in their order;
    3. the sum to pay follows the lines, what it held beyond them stays with the first order; the prepayment is divided
       by what both cost.
    """
    with transaction.atomic():
        order = lock(order_id)
        if why := why_no_split(order):
            raise NotPossible(why)
        lines = _lines(order)
        _check(lines, counts)
        divided = [_Divided.of(line, counts[line.pk]) for line in lines if counts.get(line.pk)]
        amount = sum((one.total for one in divided), NOTHING)
        goes = amount + sum((one.discount for one in divided), NOTHING)
        stays = order.amount_to_pay + sum((line.discount_total for line in lines), NOTHING) - goes
        prepaid = spread(order.prepayment_sum, [goes, stays])[0]
        window = order.delivery_time_from, order.delivery_time_to
        sums = {"amount_to_pay": amount, "prepayment_sum": prepaid}
        second = _like(order, window, hold=order.hold, number=_number(order), **sums)
        for one in divided:
            _move(one, second)
        order.amount_to_pay -= amount
        order.prepayment_sum -= prepaid
        order.save(update_fields=["amount_to_pay", "prepayment_sum"])
    return second


def lock(order_id: int) -> Order:
    """The order as it is now, until the end of the transaction. Raises NotPossible."""
    orders = Order.objects.filter(pk=order_id)
    # SQLite's transactions are immediate: whoever is in one is alone.
    if connection.features.has_select_for_update:
        orders = orders.select_for_update()
    order = orders.first()
    if order is None:
        raise NotPossible(_("The order is not there any more."))
    return order


def _check(lines: Sequence[Line], counts: Mapping[int, Decimal]) -> None:
    known = {line.pk: line for line in lines}
    if not counts.keys() <= known.keys():
        raise NotPossible(_("The order was changed meanwhile. Look at it again."))
    if not any(counts.values()):
        raise NotPossible(_("Choose what goes to the second order."))
    for pk, count in counts.items():
        line = known[pk]
        if not 0 <= count <= max(line.count, NOTHING):
            figures = {"line": line, "count": f"{line.count.normalize():f}"}
            raise NotPossible(_("Of “%(line)s” there are %(count)s.") % figures)
        if line.mark_code and count not in (0, line.count):
            raise NotPossible(_("“%(line)s” has a marking code: it goes as a whole.") % {"line": line})
    if all(counts.get(line.pk, NOTHING) == line.count for line in lines if line.count > 0):
        raise NotPossible(_("Everything would go: leave something in the first order."))


def _like(order: Order, window: tuple[datetime | None, datetime | None], **fields: Any) -> Order:
    """A new order to the same client at the same place; no courier, not paid, not agreed."""
    made = Order(
        **{name: getattr(order, name) for name in (*COPIED, *ALSO_COPIED)},
        delivery_time_from=window[0],
        delivery_time_to=window[1],
        **fields,
    )
    made.save()
    return made


def _lines(order: Order) -> list[Line]:
    parts = Prefetch("warehouses", LineWarehouse.objects.order_by("pk")), "specificities"
    return list(order.lines.select_related("good").prefetch_related(*parts))


def _line_like(line: Line, order: Order, count: Decimal, total: Decimal, discount: Decimal, *, marks: bool) -> Line:
    names = [name for name in COPIED_OF_LINE if marks or name not in MARKS]
    said = {name: getattr(line, name) for name in names}
    return Line(**said, order=order, count=count, total=total, discount_total=discount)


def _store(made: Line, warehouses: Iterable[tuple[LineWarehouse, Decimal]], parts: Iterable[LineSpecificity]) -> None:
    """A line with its warehouses, so much from each, and its characteristics."""
    made.save()
    LineWarehouse.objects.bulk_create(
        LineWarehouse(line=made, warehouse_id=part.warehouse_id, count=count) for part, count in warehouses if count
    )
    LineSpecificity.objects.bulk_create(
        LineSpecificity(line=made, specificity_id=part.specificity_id, price=part.price, count=part.count)
        for part in parts
    )


@dataclass(frozen=True)
class _Divided:
    """A line of which `count` pieces go, with what they cost; `left` is the money that stays."""

    line: Line
    count: Decimal
    total: Decimal
    discount: Decimal
    left: tuple[Decimal, Decimal]

    @classmethod
    def of(cls, line: Line, count: Decimal) -> _Divided:
        pieces = [count, line.count - count]
        total, total_left = spread(line.total, pieces)
        discount, discount_left = spread(line.discount_total, pieces)
        return cls(line, count, total, discount, (total_left, discount_left))


def _move(one: _Divided, second: Order) -> None:
    line, left = one.line, one.count
    made = _line_like(line, second, one.count, one.total, one.discount, marks=True)
    warehouses, parts, taken = list(line.warehouses.all()), list(line.specificities.all()), []
    for part in warehouses:
        taken.append((part, min(max(part.count, NOTHING), left)))
        left -= taken[-1][1]
    if one.count == line.count:
        line.delete()  # first, for a marking code is sold once
        _store(made, taken, parts)
        return
    _store(made, taken, parts)
    for part, count in taken:
        if count == part.count:
            part.delete()
        elif count:
            part.count -= count
            part.save(update_fields=["count"])
    line.count -= one.count
    line.total, line.discount_total = one.left
    line.save(update_fields=["count", "total", "discount_total"])


def _number(order: Order) -> str:
    """The next free of N/2, N/3 …"""
    begins = f"{order}/"
    numbers = Order.objects.filter(number__gte=begins, number__lt=f"{order}0")  # 0 comes behind the stroke
    taken = set(numbers.values_list("number", flat=True))
    return next(name for nth in range(2, len(taken) + 3) if (name := f"{begins}{nth}") not in taken)
