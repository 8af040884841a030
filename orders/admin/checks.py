"""What is wrong with an order, a line or a client, in words for a person.

The forms refuse a problem only where it concerns something the person typed. What came from a remote is shown with its
problems and stays as it is: refusing it would keep a dispatcher from mending anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from stdnum.ru import inn

from orders.models import Client, DeliveryStatus, Line, Order
from orders.phones import e164

KOPECK = Decimal("0.01")


@dataclass(frozen=True)
class Problem:
    """A problem, shown at `field`. Who changed one of `concerns` (when empty: the field itself) has made it."""

    field: str
    text: str
    concerns: tuple[str, ...] = ()

    def concerns_any(self, names: Iterable[str]) -> bool:
        return not {*(self.concerns or (self.field,))}.isdisjoint(names)


def of_order(order: Order) -> Iterator[Problem]:
    """iRECA requires the window, the payment type and where to deliver (seed 002:86-116)."""
    for name, missing in (
        ("delivery_time_from", order.delivery_time_from is None),
        ("delivery_time_to", order.delivery_time_to is None),
        ("payment_type", order.payment_type_id is None),
    ):
        if missing:
            yield Problem(name, _("iRECA requires it."))
    if order.delivery_time_from and order.delivery_time_to and order.delivery_time_to < order.delivery_time_from:
        window = ("delivery_time_from", "delivery_time_to")
        yield Problem("delivery_time_to", _("The window ends before it starts."), window)
    for name in ("to_city", "to_street", "to_home"):
        if not getattr(order, name):
            yield Problem(name, _("Without it the courier does not know where to go."))
    if order.delivery_status == DeliveryStatus.CANCELLED and order.return_reason_id is None:
        yield Problem("return_reason", _("A cancelled order needs a reason."), ("return_reason", "delivery_status"))
    yield from _person(order, "client_inn")


def of_client(client: Client) -> Iterator[Problem]:
    if not (client.title or client.firstname or client.lastname):
        names = ("title", "firstname", "lastname")
        yield Problem("title", _("A client needs a name or a company."), names)
    yield from _person(client, "inn")


def of_line(line: Line) -> Iterator[Problem]:
    if line.count is not None and line.count <= 0:
        yield Problem("count", _("The count must be above zero."))
    if None not in (line.count, line.price, line.total) and abs(line.count * line.price - line.total) > KOPECK:
        expected = (line.count * line.price).quantize(KOPECK)
        text = _("Count times price is %(expected)s.") % {"expected": expected}
        yield Problem("total", text, ("count", "price", "total"))


def _person(row: Any, inn_field: str) -> Iterator[Problem]:
    value = getattr(row, inn_field)
    if value and not inn.is_valid(value):
        yield Problem(inn_field, _("This is no INN: 10 or 12 digits, the last of which check the others."))
    if row.phone and not e164(row.phone):
        yield Problem("phone", _("This cannot be read as a phone number."))
