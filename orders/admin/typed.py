"""An order's form as it stands while somebody types: what its lines and sums come to, by the rules that saving has.

Nothing is written here, and what cannot be read as a number is left to the form's own checks. Three queries, however
many lines there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from backoffice.values import row_key
from catalog.models import Good
from fiscal.models import Tax
from orders.admin import checks
from orders.models import Line, Order
from orders.models.line import MOST_LINES
from orders.sums import Before, Item, Sums, amount_of, total_of

LARGEST = Decimal("1e11")  # roubles or pieces; more fits no column
NOTHING = Decimal(0)


@dataclass(frozen=True)
class TypedLine:
    """A line of the form. `item` is None where count or price cannot be read."""

    prefix: str
    item: Item | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Typed:
    """The form. `follows`: the sum to pay is taken from the lines, other than what its field shows."""

    lines: list[TypedLine]
    sums: Sums
    problems: tuple[str, ...]
    follows: bool


def read(data: Mapping[str, str], order: Order | None) -> Typed:
    """What the posted fields come to; `order` is the stored one, None where it is being made."""
    rows = {line.pk: line for line in order.lines.select_related("good__tax", "tax")} if order is not None else {}
    prefixes = list(_prefixes(data))
    goods = _by_key(Good.objects.select_related("tax"), (data.get(f"{prefix}-good", "") for prefix in prefixes))
    taxes = _by_key(Tax.objects.all(), (data.get(f"{prefix}-tax", "") for prefix in prefixes))
    day = _day(data.get("delivery_time_from_0", ""))
    lines, named = [], set()
    for prefix in prefixes:
        row = rows.get(row_key(data.get(f"{prefix}-id", "")))
        if row is not None:
            named.add(row.pk)
        if not data.get(f"{prefix}-DELETE") and (row is not None or _is_begun(data, prefix)):
            lines.append(_line(data, prefix, row, goods, taxes, day))
    others = [row for pk, row in rows.items() if pk not in named]  # that somebody added meanwhile
    items = [*(line.item for line in lines if line.item is not None), *(checks.item_of(row) for row in others)]
    stored = order.amount_to_pay if order is not None else NOTHING
    before = sum((row.total for row in rows.values()), NOTHING)
    typed = number(data.get("amount_to_pay", ""))
    amount = amount_of(typed, stored, before, sum((item.total for item in items), NOTHING))
    prepaid = number(data.get("prepayment_sum", "")) or NOTHING
    prices = list(order.payments.values_list("price", flat=True)) if order is not None else []
    paid = sum((price or NOTHING for price in prices), NOTHING) if prices else None
    whole = Sums(items, amount, prepaid, number(data.get("cash", "")), paid)
    return Typed(lines, whole, tuple(problem.text for problem in checks.of_sums(whole)), amount != (typed or NOTHING))


def of_stored(order: Order | None) -> Typed:
    """An order as it is stored, for a page that is opened."""
    names = ("amount_to_pay", "prepayment_sum", "cash")
    return read({name: str(getattr(order, name)) for name in names} if order is not None else {}, order)


def _line(
    data: Mapping[str, str], prefix: str, row: Line | None, goods: dict[int, Good], taxes: dict[int, Tax], day: date
) -> TypedLine:
    good = goods.get(row_key(data.get(f"{prefix}-good", "")))
    count, price, typed, discount = (
        number(data.get(f"{prefix}-{name}", "")) for name in ("count", "price", "total", "discount_total")
    )
    if price is None and not data.get(f"{prefix}-price"):
        price = (good and good.price) or NOTHING
    if count is None or price is None:
        return TypedLine(prefix, None, ())
    total = total_of(count, price, typed, Before(row.count, row.price, row.total) if row is not None else None)
    tax = taxes.get(row_key(data.get(f"{prefix}-tax", ""))) or (good.tax if good is not None else None)
    item = Item(count, price, total, discount or NOTHING, tax.title if tax is not None else "")
    found = [*checks.of_amounts(count, price, total, item.discount), *checks.of_tax(item, day)]
    return TypedLine(prefix, item, tuple(problem.text for problem in found))


def _prefixes(data: Mapping[str, str]) -> Iterator[str]:
    for nth in range(min(row_key(data.get("lines-TOTAL_FORMS", "")), MOST_LINES)):
        yield f"lines-{nth}"


def _is_begun(data: Mapping[str, str], prefix: str) -> bool:
    """Whether there is something in a new line that was not there when it was added."""
    return any(data.get(f"{prefix}-{name}") for name in ("good", "price", "total"))


def _by_key(rows: Any, texts: Iterator[str]) -> dict[int, Any]:
    keys = {key for text in texts if (key := row_key(text))}
    return rows.in_bulk(keys) if keys else {}


def number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < LARGEST else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return timezone.localdate()
