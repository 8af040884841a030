"""The sums of an order: one rule for what the form shows while one types, what saving writes, and what is flagged.

`amount_to_pay` is what all lines cost before their discounts; a negative `discount_total` is a discount (T71, seed
002:93, 123-124). So a right order has Σ total = amount to pay, and Σ (total + discount) = what is paid. All sums are
roubles; nothing here reads the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from fiscal.vat import KOPECK, Rate, rate_of
from orders.fiscal_figures import VatSum, vat_sums

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Before:
    """What a line held when it was read."""

    count: Decimal
    price: Decimal
    total: Decimal


@dataclass(frozen=True)
class Item:
    """A line as far as sums go. `total` is before the discount."""

    count: Decimal
    price: Decimal
    total: Decimal
    discount: Decimal = NOTHING
    tax_title: str = ""

    @property
    def payable(self) -> Decimal:
        return self.total + self.discount

    @property
    def is_exact(self) -> bool:
        """Whether the total is count × price within a kopeck."""
        return abs(self.count * self.price - self.total) <= KOPECK

    @property
    def rate(self) -> Rate | None:
        return rate_of(self.tax_title)

    @property
    def vat(self) -> Decimal | None:
        """The tax within what is paid for the line; None where its rate is not known."""
        return self.rate.within(self.payable) if self.rate is not None else None


@dataclass(frozen=True)
class Sums:
    """The sums of an order. `amount` is to pay before discounts, `paid` what payments tell, None without any."""

    items: Sequence[Item]
    amount: Decimal
    prepayment: Decimal = NOTHING
    cash: Decimal | None = None
    paid: Decimal | None = None

    @property
    def goods(self) -> Decimal:
        return sum((item.total for item in self.items), NOTHING)

    @property
    def discounts(self) -> Decimal:
        return sum((item.discount for item in self.items), NOTHING)

    @property
    def payable(self) -> Decimal:
        """What the client pays for the order, the prepayment included."""
        return self.amount + self.discounts

    @property
    def due(self) -> Decimal:
        """What is left to pay on delivery."""
        return self.payable - self.prepayment

    @property
    def change(self) -> Decimal | None:
        """To give back from the banknote; None without one, negative where the banknote is too small."""
        return self.cash - self.due if self.cash else None

    @property
    def difference(self) -> Decimal:
        """How much more is to be paid than the lines cost. An order without lines has nothing to compare."""
        return self.amount - self.goods if self.items else NOTHING

    @property
    def vat(self) -> list[VatSum]:
        return vat_sums((item.tax_title, item.rate, item.payable) for item in self.items)


def total_of(count: Decimal, price: Decimal, typed: Decimal | None, before: Before | None = None) -> Decimal:
    """The total of a line: what was typed, or count × price where nobody typed one, or it follows them."""
    if typed is None or (
        before is not None and typed == before.total and (count, price) != (before.count, before.price)
    ):
        return (count * price).quantize(KOPECK, ROUND_HALF_UP)
    return typed


def amount_of(typed: Decimal | None, stored: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """What is to be paid before discounts.

    `typed` is what stands in the field, `stored` what the order held when it was read; `before` and `after` are what
    its lines cost then and cost now. A new sum stands as it was typed, an emptied field is that of the lines. One that
    nobody touched goes with the lines if it was theirs; if it differed, somebody meant it.
    """
    if typed is None:
        return after
    if typed != stored:
        return typed
    return after if stored == before else stored


def spread(sum_: Decimal, totals: Sequence[Decimal]) -> list[Decimal]:
    """A sum over lines by what they cost, to the kopeck: the parts make the whole. Nothing where they cost nothing."""
    whole = sum(totals, NOTHING)
    parts, reached, given = [], NOTHING, NOTHING
    for total in totals:
        reached += total
        upto = (sum_ * reached / whole).quantize(KOPECK, ROUND_HALF_UP) if whole else NOTHING
        parts.append(upto - given)
        given = upto
    return parts
