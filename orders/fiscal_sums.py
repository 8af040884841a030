"""Money, VAT and couriers of many receipts at once, for the accountant's view of shifts.

Receipts carry no sum, so each counts with the payments of its order. Of an order with several receipts of one kind it
cannot be told which of them was for what: those receipts are left out of every sum here and counted as `undivided`.
All sums are roubles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Abs

from fiscal.models import Receipt
from fiscal.shifts import Shift
from fiscal.vat import Rate, rate_of
from orders.fiscal_figures import FORMS, VatSum, vat_sums
from orders.models import Line, Payment, RefundGood, RefundPayment


@dataclass
class Amount:
    """What came in and what was given back."""

    sold: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.sold - self.returned


@dataclass
class Money:
    """The money of a shift by its form: cash, cashless, set off, anything else."""

    forms: dict[int | None, Amount] = field(default_factory=lambda: defaultdict(Amount))
    undivided: int = 0
    couriers: list[str] = field(default_factory=list)

    @property
    def total(self) -> Amount:
        amounts = self.forms.values()
        return Amount(
            sum((amount.sold for amount in amounts), Decimal(0)),
            sum((amount.returned for amount in amounts), Decimal(0)),
        )

    @property
    def cash(self) -> Amount:
        return self.forms.get(1, Amount())

    @property
    def cashless(self) -> Amount:
        return self.forms.get(2, Amount())

    @property
    def other(self) -> Amount:
        total = self.total
        return Amount(
            total.sold - self.cash.sold - self.cashless.sold,
            total.returned - self.cash.returned - self.cashless.returned,
        )


# Receipts of which it cannot be told what they were for: their order has others of their kind.
UNDIVIDED = Q(kind=Receipt.Kind.SALE, order__sale_receipts__gt=1) | Q(
    kind=Receipt.Kind.RETURN, order__return_receipts__gt=1
)


def _of_order(rows: QuerySet, sum_: Any, by: str) -> Subquery:
    """Of the order of a receipt."""
    return Subquery(rows.filter(**{by: OuterRef("order")}).order_by().values(by).annotate(sum=sum_).values("sum"))


# The money of one receipt; None where it is of the other kind, or cannot be told.
SOLD = Case(
    When(~UNDIVIDED & Q(kind=Receipt.Kind.SALE), then=_of_order(Payment.objects.all(), Sum("price"), "order")),
)
RETURNED = Case(
    When(
        ~UNDIVIDED & Q(kind=Receipt.Kind.RETURN, order__is_refund=True),
        then=Abs(_of_order(Payment.objects.all(), Sum("price"), "order")),
    ),
    When(
        ~UNDIVIDED & Q(kind=Receipt.Kind.RETURN, order__is_refund=False),
        then=_of_order(RefundPayment.objects.all(), Sum(Abs("sum")), "refund__order"),
    ),
)


def by_shift(shifts: Sequence[Shift]) -> dict[tuple[str, str], Money]:
    """The money of each shift, in five queries."""
    found: dict[tuple[str, str], Money] = {shift.key: Money() for shift in shifts}
    if not shifts:
        return found
    receipts = Receipt.objects.filter(
        date_time_receipt__gte=min(shift.since for shift in shifts),
        date_time_receipt__lte=max(shift.last for shift in shifts),
    ).order_by()
    for row, is_return in payments(receipts, "fn", "shift_number", type="close_type"):
        if (money := found.get((row["fn"], row["shift_number"]))) is not None:
            amount = money.forms[row["type"] if row["type"] in FORMS else None]
            if is_return:
                amount.returned += abs(row["sum"])
            else:
                amount.sold += row["sum"]
    shared = receipts.filter(UNDIVIDED).values("fn", "shift_number").annotate(count=Count("pk"))
    for fn, shift, count in shared.values_list("fn", "shift_number", "count"):
        if (money := found.get((fn, shift))) is not None:
            money.undivided = count
    named = receipts.filter(order__courier__isnull=False).distinct().order_by("order__courier__title")
    for fn, shift, title in named.values_list("fn", "shift_number", "order__courier__title"):
        if (money := found.get((fn, shift))) is not None:
            money.couriers.append(title)
    return found


def undivided(receipts: QuerySet[Receipt]) -> int:
    """How many of the receipts have another one of their kind at their order."""
    return receipts.filter(UNDIVIDED).count()


def payments(receipts: QuerySet[Receipt], *groups: str, type: str) -> list[tuple[dict[str, Any], bool]]:
    """Sums of the payments behind receipts, by groups and by a column of the payment type, each with whether it was
    given back. Three queries: sales, returns that are orders of their own, returns of a part of an order.
    """
    alone = receipts.filter(~UNDIVIDED)
    found: list[tuple[dict[str, Any], bool]] = []
    for rows, path, column, is_return in (
        (alone.filter(kind=Receipt.Kind.SALE), "order__payments", "price", False),
        (alone.filter(kind=Receipt.Kind.RETURN, order__is_refund=True), "order__payments", "price", True),
        (alone.filter(kind=Receipt.Kind.RETURN, order__is_refund=False), "order__refund__payments", "sum", True),
    ):
        sums = rows.values(*groups, type=F(f"{path}__payment_type__{type}")).annotate(sum=Sum(f"{path}__{column}"))
        found += [(row, is_return) for row in sums if row["sum"] is not None]
    return found


@dataclass(frozen=True)
class TypeSum:
    """The money of one payment type."""

    title: str
    amount: Amount


def by_type(receipts: QuerySet[Receipt]) -> list[TypeSum]:
    """The money of receipts by payment type, in three queries."""
    amounts: dict[str, Amount] = defaultdict(Amount)
    for row, is_return in payments(receipts, type="title"):
        amount = amounts[row["type"] or ""]
        if is_return:
            amount.returned += abs(row["sum"])
        else:
            amount.sold += row["sum"]
    return [TypeSum(title, amount) for title, amount in sorted(amounts.items())]


@dataclass(frozen=True)
class VatRow:
    """A rate with what was sold and returned at it; tax rounded receipt by receipt, as registers do. Where the rate is
    not known, neither is the tax.
    """

    title: Any
    rate: Rate | None
    sold: Decimal
    sold_vat: Decimal | None
    returned: Decimal
    returned_vat: Decimal | None
    is_doubtful: bool

    @property
    def sums(self) -> tuple[Decimal | None, ...]:
        return self.sold, self.sold_vat, self.returned, self.returned_vat


@dataclass(frozen=True)
class VatTable:
    """Rates, and their sums together. `is_incomplete`: a tax that is not known is in no sum."""

    rows: Sequence[VatRow]

    @property
    def is_incomplete(self) -> bool:
        return any(row.rate is None for row in self.rows)

    @property
    def total(self) -> list[Decimal]:
        """As `VatRow.sums`."""
        columns = zip(*(row.sums for row in self.rows), strict=True)
        return [sum((sum_ or Decimal(0) for sum_ in column), Decimal(0)) for column in columns]


def by_rate(receipts: QuerySet[Receipt], day: date) -> VatTable:
    """VAT of receipts from the lines of their orders, in four queries; `day` tells which rates are doubtful."""
    alone = receipts.filter(~UNDIVIDED)
    sales = alone.filter(kind=Receipt.Kind.SALE).values("order")
    returns = alone.filter(kind=Receipt.Kind.RETURN)
    in_app = returns.filter(order__is_refund=False).values("order")
    gross = F("total") + F("discount_total")

    def of_lines(orders: Any) -> list[tuple[int, str, Decimal]]:
        rows = Line.objects.filter(order__in=orders).order_by()
        sums = rows.values_list("order", "tax__title", "good__tax__title").annotate(sum=Sum(gross))
        return [(order, own or of_good or "", sum_) for order, own, of_good, sum_ in sums]

    parts = RefundGood.objects.filter(refund__order__in=in_app).order_by()
    taken_back = parts.values_list("refund__order", "good", "good__tax__title").annotate(sum=Sum("sum"))
    # A good that is taken back in the app has the rate at which its line was sold, as on the card of the receipt.
    lines = Line.objects.filter(order__in=in_app, tax__isnull=False)
    sold_at = {(order, good): title for order, good, title in lines.values_list("order", "good", "tax__title")}
    sold = _rounded(of_lines(sales))
    returned = _rounded(
        [
            *of_lines(returns.filter(order__is_refund=True).values("order")),
            *(
                (order, sold_at.get((order, good)) or of_good or "", sum_ or Decimal(0))
                for order, good, of_good, sum_ in taken_back
            ),
        ]
    )
    found = []
    for key in sorted({*sold, *returned}, key=lambda key: (key[0] or 99, key[1])):
        (sum_in, vat_in, one), (sum_out, vat_out, other) = sold.get(key, _NOTHING), returned.get(key, _NOTHING)
        named = one or other
        if named is None:
            continue
        doubtful = one is not None and one.rate is not None and one.rate.is_doubtful(day)
        taxes = (vat_in, vat_out) if named.rate is not None else (None, None)
        found.append(VatRow(named.title, named.rate, sum_in, taxes[0], sum_out, taxes[1], doubtful))
    return VatTable(found)


_Rounded = tuple[Decimal, Decimal, VatSum | None]
_NOTHING: _Rounded = (Decimal(0), Decimal(0), None)


def _rounded(parts: Sequence[tuple[int, str, Decimal]]) -> dict[tuple[int | None, str], _Rounded]:
    """Gross and tax by rate, the tax of each order rounded by itself."""
    orders: dict[int, list[tuple[str, Rate | None, Decimal]]] = defaultdict(list)
    for order, title, gross in parts:
        orders[order].append((title, rate_of(title), gross))
    found: dict[tuple[int | None, str], _Rounded] = {}
    for lines in orders.values():
        for vat in vat_sums(lines):
            key = (vat.rate.code if vat.rate is not None else None, "" if vat.rate is not None else str(vat.title))
            gross, tax, _named = found.get(key, _NOTHING)
            found[key] = (gross + vat.gross, tax + (vat.vat or Decimal(0)), vat)
    return found
