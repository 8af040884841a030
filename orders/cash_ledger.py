"""Couriers' cash over a period: what they began with, took, gave back, handed in and are left with; entry by entry.

A period is two moments, the first in it and the second not. Money is `Decimal` roubles. What was collected is handed in
or given back oldest first, so that what is in hand is the money collected last: from that follows how old it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from couriers.models import Courier
from fiscal.models import CashHandover
from orders import cash
from orders.cash import kopecks
from orders.models import CashEntry

NOBODY = 0  # the key of what has no courier
RECENT = timedelta(days=31)  # most money in hand is younger
_ZERO = Decimal(0)


@dataclass
class Balance:
    """The cash of one courier, or of nobody. `now` is what he has in hand today, whatever the period."""

    courier: Courier | None
    opening: Decimal = _ZERO
    collected: Decimal = _ZERO
    returned: Decimal = _ZERO
    handed_in: Decimal = _ZERO
    later: Decimal = _ZERO  # collected after the period
    now: Decimal = _ZERO
    since: date | None = None  # the day on which the oldest money in hand was collected

    @property
    def closing(self) -> Decimal:
        return self.opening + self.collected - self.returned - self.handed_in

    @property
    def left(self) -> Decimal:
        """Of the money collected in the period, what is still in hand today."""
        return max(min(self.collected, self.now - self.later), _ZERO)

    @property
    def limit(self) -> Decimal | None:
        return cash.limit(self.courier) if self.courier is not None else None

    def is_over(self, sum_: Decimal) -> bool:
        return self.limit is not None and sum_ > self.limit

    @property
    def is_empty(self) -> bool:
        return not (self.opening or self.collected or self.returned or self.handed_in or self.now)


def balances(start: datetime, end: datetime, couriers: Collection[int] | None = None) -> list[Balance]:
    """Of all couriers, or of some (NOBODY among them for what has none). Five queries at most.

    Who has had no cash at all is left out.
    """
    of = _among(couriers)
    before, within, after = Q(at__lt=start), Q(at__gte=start, at__lt=end), Q(at__gte=end)
    found: dict[int, Balance] = defaultdict(lambda: Balance(None))
    gathered: Any = (
        CashEntry.objects.filter(of)
        .order_by()
        .values("courier")
        .annotate(
            opening_in=Sum("collected", filter=before),
            opening_out=Sum("returned", filter=before),
            in_=Sum("collected", filter=within),
            out=Sum("returned", filter=within),
            later_in=Sum("collected", filter=after),
            later_out=Sum("returned", filter=after),
            planned=Sum("returned", filter=Q(at__gt=timezone.now())),  # is to be given back, and in hand until then
        )
    )
    for row in gathered:
        sums = {name: kopecks(row[name]) for name in row if name != "courier"}
        each = found[row["courier"] or NOBODY]
        each.opening = sums["opening_in"] - sums["opening_out"]
        each.collected, each.returned, each.later = sums["in_"], sums["out"], sums["later_in"]
        each.now = each.opening + sums["in_"] - sums["out"] + sums["later_in"] - sums["later_out"] + sums["planned"]
    acts = CashHandover.objects.filter(of).order_by().values("courier")
    handed: Any = acts.annotate(
        before=Sum("amount", filter=before), within=Sum("amount", filter=within), all=Sum("amount")
    )
    for row in handed:
        each = found[row["courier"]]
        each.opening -= kopecks(row["before"])
        each.handed_in = kopecks(row["within"])
        each.now -= kopecks(row["all"])
    people = Courier._base_manager.in_bulk([key for key in found if key != NOBODY])
    for key, each in found.items():
        each.courier = people.get(key)
    for key, day in _oldest({key: each.now for key, each in found.items() if key != NOBODY}).items():
        found[key].since = day
    return [each for each in found.values() if not each.is_empty]


def _among(couriers: Collection[int] | None) -> Q:
    if couriers is None:
        return Q()
    nobody = Q(courier__isnull=True) if NOBODY in couriers else Q(pk__in=())
    return Q(courier__in=[key for key in couriers if key != NOBODY]) | nobody


def _oldest(in_hand: Mapping[int, Decimal]) -> dict[int, date]:
    """The days on which the oldest money in hand was collected: from today back until the days make it up.

    Recent days first; of all years only for those whose money is older.
    """
    left = {key: sum_ for key, sum_ in in_hand.items() if sum_ > 0}
    found: dict[int, date] = {}
    for since in (Q(at__gte=timezone.now() - RECENT), Q()):
        if not left:
            break
        days = CashEntry.objects.filter(since, courier__in=left).order_by().values("courier", day=TruncDate("at"))
        gathered: dict[int, Decimal] = defaultdict(Decimal)
        # The first day of the recent ones may be cut: it serves only where the days after it do not do.
        for row in sorted(days.annotate(sum=Sum("collected")), key=lambda row: row["day"], reverse=True):
            key = row["courier"]
            if key in left and key not in found:
                gathered[key] += kopecks(row["sum"])
                if gathered[key] >= left[key]:
                    found[key] = row["day"]
        left = {key: sum_ for key, sum_ in left.items() if key not in found}
    return found


@dataclass(frozen=True)
class Entry:
    """A line of a ledger: an order's cash, or an act. `balance` is what the courier had after it."""

    at: datetime
    collected: Decimal
    returned: Decimal
    handed_in: Decimal
    balance: Decimal
    order_id: int | None = None
    order: str = ""
    act: CashHandover | None = None


@dataclass
class Ledger:
    """The entries of one courier in a period, in order."""

    balance: Balance
    entries: list[Entry] = field(default_factory=list)


def ledger(courier: int, start: datetime, end: datetime) -> Ledger:
    """Of one courier, or of NOBODY. Seven queries at most."""
    found = balances(start, end, [courier])
    balance = found[0] if found else Balance(Courier._base_manager.filter(pk=courier).first())
    within = _among([courier]) & Q(at__gte=start, at__lt=end)
    rows: list[tuple[datetime, int, int, dict[str, Any]]] = []
    told = CashEntry.objects.filter(within).order_by()
    for pk, at, came, went, order, number in told.values_list(
        "pk", "at", "collected", "returned", "order_id", "order__number"
    ):
        rows.append(
            (at, 0, pk, {"collected": came, "returned": went, "order_id": order, "order": number or str(order)})
        )
    acts = CashHandover.objects.filter(within).select_related("recorded_by", "reverses").order_by()
    rows += [(act.at, 1, act.pk, {"handed_in": act.amount, "act": act}) for act in acts]
    return Ledger(balance, list(_running(rows, balance.opening)))


def _running(rows: list[tuple[datetime, int, int, dict[str, Any]]], balance: Decimal) -> Iterable[Entry]:
    for at, _kind, _pk, said in sorted(rows, key=lambda row: row[:3]):
        sums = {name: said.pop(name, _ZERO) for name in ("collected", "returned", "handed_in")}
        balance += sums["collected"] - sums["returned"] - sums["handed_in"]
        yield Entry(at=at, **sums, balance=balance, **said)
