"""What a receipt of an order is about: lines, VAT by rate, money by its form. iRECA tells none of it with the receipt
(seed 002:1216-1251), so it is that of the order as it is known now; who shows it says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fiscal.models import Receipt
from fiscal.vat import Rate, rate_of
from orders.models import Order

# By the kind at the register (`closeTypeId`): the tag under which a receipt has the sum, and its name there.
FORMS: dict[int | None, tuple[int, Any]] = {
    1: (1031, gettext_lazy("cash")),
    2: (1081, gettext_lazy("cashless")),
    3: (1215, gettext_lazy("prepayment set off")),
}
PREFETCH = ("lines__tax", "lines__good__tax", "payments__payment_type", "receipts")
PREFETCH_OF_RETURN = ("refund__payments__payment_type", "refund__goods__good__tax")


@dataclass(frozen=True)
class Item:
    """A line of a receipt. `sum` is after its discount, `rate` None where the title of its tax says no known one."""

    title: str
    count: Decimal | None
    sum: Decimal
    tax_title: str
    rate: Rate | None

    @property
    def price(self) -> Decimal | None:
        return self.sum / self.count if self.count else None

    @property
    def vat(self) -> Decimal | None:
        return self.rate.within(self.sum) if self.rate is not None else None


@dataclass(frozen=True)
class VatSum:
    """The lines of one rate together; the tax is that of their sum, as a register rounds it."""

    title: Any
    rate: Rate | None
    gross: Decimal

    @property
    def vat(self) -> Decimal | None:
        return self.rate.within(self.gross) if self.rate is not None else None


@dataclass(frozen=True)
class MoneySum:
    """Money of one form; `tag` is None for a kind that the law's list does not have."""

    tag: int | None
    title: Any
    sum: Decimal


@dataclass(frozen=True)
class Figures:
    """All of it. `total` is that of the lines, `paid` that of the payments: they may differ."""

    items: Sequence[Item]
    money: Sequence[MoneySum]

    @property
    def total(self) -> Decimal:
        return sum((item.sum for item in self.items), Decimal(0))

    @property
    def paid(self) -> Decimal:
        return sum((form.sum for form in self.money), Decimal(0))

    @property
    def vat(self) -> list[VatSum]:
        return vat_sums((item.tax_title, item.rate, item.sum) for item in self.items)

    def at_rate(self, rate: Rate | None) -> Figures:
        """The same with all lines at one rate; as they are without one."""
        if rate is None:
            return self
        items = [replace(item, rate=rate, tax_title=str(rate.title)) for item in self.items]
        return replace(self, items=items)


def figures(order: Order, kind: str) -> Figures:
    """Of a receipt of that kind. Reads what PREFETCH and, for a return of a part, PREFETCH_OF_RETURN name."""
    if kind == Receipt.Kind.SALE or order.is_refund:
        items = [
            _item(
                line.title or str(line.good or "–"),
                line.count,
                line.total + line.discount_total,
                line.tax or (line.good.tax if line.good is not None else None),
            )
            for line in order.lines.all()
        ]
        return Figures(items, _money((each.payment_type, each.price) for each in order.payments.all()))
    refund = getattr(order, "refund", None)
    if refund is None:
        return Figures([], [])
    taxes = {line.good_id: line.tax for line in order.lines.all() if line.tax is not None}
    items = [
        _item(
            str(part.good or "–"),
            part.count,
            part.sum or Decimal(0),
            taxes.get(part.good_id) or (part.good.tax if part.good is not None else None),
        )
        for part in refund.goods.all()
    ]
    return Figures(items, _money((each.payment_type, each.sum) for each in refund.payments.all()))


def vat_sums(parts: Iterable[tuple[str, Rate | None, Decimal]]) -> list[VatSum]:
    """Sums by rate; what no rate is known for is kept apart by its title."""
    sums: dict[tuple[int | None, str], Decimal] = defaultdict(Decimal)
    rates: dict[int | None, Rate | None] = {}
    for title, rate, gross in parts:
        code = rate.code if rate is not None else None
        rates[code] = rate
        sums[code, "" if rate is not None else title] += gross
    found = []
    for (code, title), gross in sorted(sums.items(), key=lambda item: (item[0][0] or 99, item[0][1])):
        rate = rates[code]
        found.append(VatSum(rate.title if rate is not None else title or _("rate not known"), rate, gross))
    return found


def _item(title: str, count: Decimal | None, sum_: Decimal, tax: Any) -> Item:
    name = tax.title if tax is not None else ""
    return Item(title, count, sum_, name, rate_of(name))


def _money(payments: Iterable[tuple[Any, Decimal | None]]) -> list[MoneySum]:
    sums: dict[tuple[int | None, str], Decimal] = defaultdict(Decimal)
    for type_, price in payments:
        close_type = type_.close_type if type_ is not None else None
        name = "" if close_type in FORMS else str(type_ or "")
        sums[close_type, name] += abs(price or Decimal(0))
    return [
        MoneySum(*FORMS[code], sum_) if code in FORMS else MoneySum(None, name or _("form not known"), sum_)
        for (code, name), sum_ in sorted(sums.items(), key=lambda item: (item[0][0] or 99, item[0][1]))
    ]
