"""What is wrong with an order, a line or a client, in words for a person.

The forms refuse a problem only where it concerns something the person typed. What came from a remote is shown with its
problems and stays as it is: refusing it would keep a dispatcher from mending anything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stdnum.ru import inn

from orders import marking
from orders.models import Client, DeliveryStatus, Hold, Line, Order
from orders.phones import e164

KOPECK = Decimal("0.01")
NAMED = 5  # orders that one text names


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
    exact = ("to_city", "to_street", "to_home")
    if order.has_only_line:
        yield Problem("to_street", _("The address is known in one line only, iRECA has told no parts of it."), exact)
    for name in () if order.has_only_line or order.hold == Hold.PICKUP else exact:
        if not getattr(order, name):
            yield Problem(name, _("Without it the courier does not know where to go."))
    pickup = ("from_city", "from_street", "from_home")
    if any(getattr(order, name) for name in (*pickup, "from_postindex", "from_apartment")):
        # iRECA takes such an address whole or not at all (seed 002:97-99).
        for name in pickup:
            if not getattr(order, name):
                yield Problem(name, _("An address needs a city, a street and a house."), pickup)
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
    if line.mark_code:
        yield from _of_mark(line)


MARKS = ("mark_binary_value", "mark_value")
FLAWS = {
    marking.Flaw.START: gettext_lazy("A marking code begins with 01, 14 digits and 21."),
    marking.Flaw.GTIN: gettext_lazy("The check digit of the code's GTIN is wrong: it was read or typed badly."),
    marking.Flaw.SERIAL: gettext_lazy(
        "The serial number in the code is empty, too long or has characters it cannot have."
    ),
    marking.Flaw.SEPARATOR: gettext_lazy("The separator behind the serial number is missing: the scanner left it out."),
    marking.Flaw.CHECK: gettext_lazy(
        "The check part of the code (91 and 92, or 93) is missing or of the wrong length."
    ),
}


def _of_mark(line: Line) -> Iterator[Problem]:
    """One code is one piece, sold once, and can be read (CONTRACT, "Russian fiscal facts")."""
    field = MARKS[0] if line.mark_binary_value else MARKS[1]
    flaws = marking.parse(line.mark_code).flaws
    if found := [str(text) for flaw, text in FLAWS.items() if flaw in flaws]:
        yield Problem(field, " ".join(found), MARKS)
    if line.count is not None and line.count != 1:
        yield Problem("count", _("A marking code is one piece: the count must be 1."), ("count", *MARKS))
    others = Line.objects.sold().filter(mark_key=marking.key(line.mark_code)).exclude(pk=line.pk)
    if names := [str(other.order) for other in others.select_related("order")[:NAMED]]:
        text = _("This code is sold already, in order %(orders)s.") % {"orders": ", ".join(names)}
        yield Problem(field, text, MARKS)


def marks_of(order: Order) -> list[str]:
    """Which lines of an order have a marking code that is sold under another line too; two queries at most."""
    twice = list(order.lines.marked_twice())
    if not twice:
        return []
    others: dict[str, list[Line]] = defaultdict(list)
    for line in Line.objects.sold().filter(mark_key__in={line.mark_key for line in twice}).select_related("order"):
        others[line.mark_key].append(line)
    return [
        _("%(line)s: its marking code is sold in order %(orders)s, too.")
        % {
            "line": line,
            "orders": ", ".join(str(other.order) for other in others[line.mark_key] if other.pk != line.pk),
        }
        for line in twice
    ]


def is_reopened(before: int, order: Order) -> bool:
    """Whether a cancelled return would be opened again: what it held may be in another return by now."""
    cancelled = DeliveryStatus.CANCELLED
    return order.is_refund and before == cancelled and order.delivery_status != cancelled


def _person(row: Any, inn_field: str) -> Iterator[Problem]:
    value = getattr(row, inn_field)
    if value and not inn.is_valid(value):
        yield Problem(inn_field, _("This is no INN: 10 or 12 digits, the last of which check the others."))
    if row.phone and not e164(row.phone):
        yield Problem("phone", _("This cannot be read as a phone number."))
