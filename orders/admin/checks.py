"""What is wrong with an order, a line or a client, in words for a person.

The forms refuse a problem only where it concerns something the person typed. What came from a remote is shown with its
problems and stays as it is: refusing it would keep a dispatcher from mending anything else. What is only missing may be
saved as long as the order is held here, and a doubt always may: both are told before and after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stdnum.ru import inn

from backoffice.values import YEARS
from orders import conditions, marking
from orders.models import Client, DeliveryStatus, Hold, Line, Order
from orders.phones import e164
from orders.sums import Item, Sums, total_of

NAMED = 5  # orders, or lines, that one text names
LONGEST_TITLE = 128  # characters of a line on a receipt (tag 1030)
LONGEST_DECLARATION = 32  # tag 1231


class Grade(Enum):
    """What a problem does to who made it."""

    WRONG = "wrong"  # is refused
    MISSING = "missing"  # is refused, unless the order is held here
    DOUBT = "doubt"  # is told


@dataclass(frozen=True)
class Problem:
    """A problem, shown at `field`. Who changed one of `concerns` (when empty: the field itself) has made it."""

    field: str
    text: str
    concerns: tuple[str, ...] = ()
    grade: Grade = Grade.WRONG

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
            yield Problem(name, _("iRECA requires it."), grade=Grade.MISSING)
    for name in ("delivery_time_from", "delivery_time_to"):
        if (moment := getattr(order, name)) is not None and moment.year not in YEARS:
            yield Problem(name, _("There is nothing so far from today."))
    if order.delivery_time_from and order.delivery_time_to and order.delivery_time_to < order.delivery_time_from:
        window = ("delivery_time_from", "delivery_time_to")
        yield Problem("delivery_time_to", _("The window ends before it starts."), window)
    exact = ("to_city", "to_street", "to_home")
    if order.has_only_line:
        yield Problem("to_street", _("The address is known in one line only, iRECA has told no parts of it."), exact)
    for name in () if order.has_only_line or order.hold == Hold.PICKUP else exact:
        if not getattr(order, name):
            yield Problem(name, _("Without it the courier does not know where to go."), grade=Grade.MISSING)
    pickup = ("from_city", "from_street", "from_home")
    if any(getattr(order, name) for name in (*pickup, "from_postindex", "from_apartment")):
        # iRECA takes such an address whole or not at all (seed 002:97-99).
        for name in pickup:
            if not getattr(order, name):
                yield Problem(name, _("An address needs a city, a street and a house."), pickup)
    if order.delivery_status == DeliveryStatus.CANCELLED and order.return_reason_id is None:
        yield Problem("return_reason", _("A cancelled order needs a reason."), ("return_reason", "delivery_status"))
    for side in ("from", "to"):
        yield from _of_place(order, side)
    if order.supplier is not None and not inn.is_valid(order.supplier.inn):
        text = _("A receipt of the agent scheme names the supplier's INN, and this one has none that is right.")
        yield Problem("supplier", text, grade=Grade.DOUBT)
    if not order.phone and (order.client is None or not order.client.phone):
        text = _("Neither the order nor its client has a phone: the courier can call nobody.")
        yield Problem("phone", text, ("phone", "client"), Grade.DOUBT)
    is_awaited = conditions.is_awaited(order.delivery_status)
    if is_awaited and order.delivery_time_to and order.delivery_time_to < timezone.now():
        yield Problem("delivery_time_to", _("The window is over already."), grade=Grade.DOUBT)
    for name in ("amount_to_pay", "prepayment_sum", "cash"):
        if (getattr(order, name) or 0) < 0:
            yield Problem(name, _("A sum cannot be negative."))
    yield from _person(order, "client_inn", "client_email")


def _of_place(order: Order, side: str) -> Iterator[Problem]:
    """Coordinates come in pairs; the seed itself mixes up their names (002:40-41), as people do."""
    names = (f"{side}_latitude", f"{side}_longitude")
    latitude, longitude = (getattr(order, name) for name in names)
    if (latitude is None) != (longitude is None):
        yield Problem(names[latitude is not None], _("Latitude and longitude belong together."), names)
    if latitude is not None and abs(latitude) > 90:
        yield Problem(names[0], _("A latitude lies between −90 and 90."), names)
    if longitude is not None and abs(longitude) > 180:
        yield Problem(names[1], _("A longitude lies between −180 and 180."), names)


def of_sums(sums: Sums) -> Iterator[Problem]:
    """What makes lines, discounts, prepayment, banknote and payments of an order disagree."""
    if sums.difference:
        text = _("The lines cost %(goods)s, so %(difference)s is to be paid for nothing that is listed.")
        if sums.difference < 0:
            text = _("The lines cost %(goods)s, so %(difference)s of them is paid by nobody.")
        figures = {"goods": formats.localize(sums.goods), "difference": formats.localize(abs(sums.difference))}
        yield Problem("amount_to_pay", text % figures, grade=Grade.DOUBT)
    if sums.payable < 0:
        yield Problem("amount_to_pay", _("The discounts are more than what is to be paid."), grade=Grade.DOUBT)
    if sums.prepayment > max(sums.payable, Decimal(0)):
        figures = {"payable": formats.localize(sums.payable)}
        text = _("More is prepaid than the order costs after its discounts: %(payable)s.") % figures
        yield Problem("prepayment_sum", text, ("prepayment_sum", "amount_to_pay"))
    if sums.change is not None and sums.change < 0:
        figures = {"due": formats.localize(sums.due)}
        yield Problem("cash", _("The banknote is less than what is left to pay: %(due)s.") % figures, grade=Grade.DOUBT)
    if sums.paid is not None and sums.paid != sums.payable:
        figures = {"paid": formats.localize(sums.paid), "payable": formats.localize(sums.payable)}
        text = _("The payments make %(paid)s, the order costs %(payable)s after its discounts.") % figures
        yield Problem("amount_to_pay", text, grade=Grade.DOUBT)


def of_tax(item: Item, day: date) -> Iterator[Problem]:
    """What a register says of a line's rate; `day` is that of the sale."""
    if not item.tax_title:
        text = _("Neither the line nor its good has a tax rate: no register prints a receipt for it.")
        yield Problem("tax", text, ("tax", "good"), Grade.DOUBT)
    elif item.rate is None:
        text = _("“%(rate)s” is no rate of the law, so its tax is not computed.") % {"rate": item.tax_title}
        yield Problem("tax", text, ("tax", "good"), Grade.DOUBT)
    elif item.rate.is_doubtful(day):
        text = _("On %(day)s a sale is hardly taxed at %(rate)s.")
        figures = {"day": formats.date_format(day, "SHORT_DATE_FORMAT"), "rate": item.rate.title}
        yield Problem("tax", text % figures, ("tax", "good"), Grade.DOUBT)


def of_client(client: Client) -> Iterator[Problem]:
    if not (client.title or client.firstname or client.lastname):
        names = ("title", "firstname", "lastname")
        yield Problem("title", _("A client needs a name or a company."), names)
    yield from _person(client, "inn", "email")


def of_amounts(
    count: Decimal | None, price: Decimal | None, total: Decimal | None, discount: Decimal | None
) -> Iterator[Problem]:
    """The figures of a line; None where one cannot be read, which its field says."""
    if count is not None and count <= 0:
        yield Problem("count", _("The count must be above zero."))
    if price is not None and price < 0:
        yield Problem("price", _("A price cannot be negative."))
    if count is None or price is None or total is None:
        return
    item = Item(count, price, total, discount or Decimal(0))
    if not item.is_exact:
        text = _("Count times price is %(expected)s.") % {"expected": total_of(count, price, None)}
        yield Problem("total", text, ("count", "price", "total"))
    elif item.payable < 0:
        text = _("The discount is more than the line costs.")
        yield Problem("discount_total", text, ("count", "price", "total", "discount_total"))


def of_title(line: Line) -> Iterator[Problem]:
    """iRECA is told of a line which good it is, and no name (seed 002:117-150)."""
    if line.good is None:
        text = _("Without a good the line has no name in the courier's app and on the receipt.")
        yield Problem("good", text, grade=Grade.DOUBT)
    elif len(line.good.title) > LONGEST_TITLE:
        text = _("Its title has more than the %(count)s characters that a receipt takes.") % {"count": LONGEST_TITLE}
        yield Problem("good", text, grade=Grade.DOUBT)


def of_line(line: Line) -> Iterator[Problem]:
    yield from of_amounts(line.count, line.price, line.total, line.discount_total)
    yield from of_title(line)
    if line.country_code and not (line.country_code.isdigit() and len(line.country_code) == 3):
        yield Problem("country_code", _("A country is three digits, as 643 for Russia."))
    if len(line.custom_declaration_code) > LONGEST_DECLARATION:
        text = _("A customs declaration has no more than %(count)s characters.") % {"count": LONGEST_DECLARATION}
        yield Problem("custom_declaration_code", text)
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


def flags_of(order: Order) -> list[str]:
    """All that is wrong with a stored order, its lines, sums and marking codes, for a person to read."""
    own = [f"{_label(order, problem.field)}: {problem.text}" for problem in of_order(order)]
    return [*own, *of_whole(order), *marks_of(order)]


def of_whole(order: Order) -> list[str]:
    """What lines and sums of a stored order say, for the top of its form; three queries, however many lines."""
    lines = list(order.lines.select_related("good__tax", "tax"))
    prices = list(order.payments.values_list("price", flat=True))
    paid = sum((price or Decimal(0) for price in prices), Decimal(0)) if prices else None
    items = [item_of(line) for line in lines]
    sums = Sums(items, order.amount_to_pay, order.prepayment_sum, order.cash, paid)
    found = [f"{_label(order, problem.field)}: {problem.text}" for problem in of_sums(sums)]
    if not lines and not order.is_closed:
        found.append(_("The order has no lines."))
    day = timezone.localdate(order.delivery_time_from) if order.delivery_time_from else timezone.localdate()
    by_text: dict[str, list[str]] = defaultdict(list)
    for line, item in zip(lines, items, strict=True):
        amounts = of_amounts(line.count, line.price, line.total, line.discount_total)
        taxes = of_tax(item, day) if not order.is_closed else ()
        for problem in (*amounts, *of_title(line), *taxes):
            by_text[problem.text].append(str(line))
    return [*found, *(f"{_some(names)}: {text}" for text, names in by_text.items())]


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED])
    return _("%(lines)s and %(count)s more") % {"lines": shown, "count": more} if more > 0 else shown


def item_of(line: Line) -> Item:
    """A line as the sums have it; reads its good's tax where it has none itself."""
    tax = line.tax or (line.good.tax if line.good is not None else None)
    return Item(line.count, line.price, line.total, line.discount_total, tax.title if tax is not None else "")


def _label(row: Any, name: str) -> str:
    return capfirst(str(row._meta.get_field(name).verbose_name))


def _person(row: Any, inn_field: str, email_field: str) -> Iterator[Problem]:
    value = getattr(row, inn_field)
    if value and not inn.is_valid(value):
        yield Problem(inn_field, _("This is no INN: 10 or 12 digits, the last of which check the others."))
    if row.phone and not e164(row.phone):
        yield Problem("phone", _("This cannot be read as a phone number."))
    if email := getattr(row, email_field):
        try:
            validate_email(email)
        except ValidationError:
            yield Problem(email_field, _("No receipt reaches this e-mail address."))
