"""Cash of couriers, couriers one by one: whose cash in which days, and what the table says of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.reports import formats
from backoffice.reports.access import Reader
from backoffice.reports.cube import MONEY
from backoffice.reports.exports import Noted, Table
from backoffice.reports.filters import ReportFilters
from backoffice.reports.report import Page
from couriers.models import Courier
from orders import cash_ledger
from orders.cash_ledger import Balance
from orders.conditions import day_start
from orders.models import CashEntry

PAGE = Page(
    "cash",
    gettext_lazy("Cash of couriers"),
    gettext_lazy("Who collected how much cash, handed in how much, and has how much in hand since when."),
    "payments",
    "view_fiscal",
)
USUAL = "left"


class CashFilters(ReportFilters):
    """The period; a courier has his own page."""

    TIME = "at"


@dataclass(frozen=True)
class Figure:
    """A column of the couriers' table, and a figure of its totals."""

    name: str
    title: Any
    of: Callable[[Balance], Any]
    kind: str = MONEY
    help: Any = ""

    def is_alarming(self, balance: Balance) -> bool:
        return self.name in ("closing", "now") and balance.is_over(self.of(balance))


FIGURES = (
    Figure("opening", gettext_lazy("In hand at first"), lambda each: each.opening),
    Figure(
        "collected",
        gettext_lazy("Collected in cash"),
        lambda each: each.collected,
        help=gettext_lazy(
            "Cash payments of orders that iRECA told, with the courier whom the order has, at the moment when the "
            "register took them; where it does not say when, as the order's window begins."
        ),
    ),
    Figure(
        "returned",
        gettext_lazy("Given back in cash"),
        lambda each: each.returned,
        help=gettext_lazy(
            "By returns that are not cancelled, as their receipt says, else when they were delivered or their window "
            "begins, and what the courier gave back in his app."
        ),
    ),
    Figure(
        "handed_in",
        gettext_lazy("Handed in"),
        lambda each: each.handed_in,
        help=gettext_lazy("By acts, as of the moment that they name; counter entries take away."),
    ),
    Figure("closing", gettext_lazy("In hand at the end"), lambda each: each.closing),
    Figure(
        USUAL,
        gettext_lazy("Of it still in hand"),
        lambda each: each.left,
        help=gettext_lazy(
            "Of what was collected in the period, what is in hand today: money that was collected first is handed in "
            "and given back first."
        ),
    ),
    Figure(
        "now",
        gettext_lazy("In hand now"),
        lambda each: each.now,
        help=gettext_lazy("What a return is to give back later is in hand until then."),
    ),
)
SINCE = Figure(
    "since",
    gettext_lazy("Oldest money since"),
    lambda each: each.since,
    formats.DAY,
    gettext_lazy("The day on which the oldest money that is in hand today was collected."),
)
LIMIT = Figure("limit", gettext_lazy("Limit"), lambda each: each.limit, MONEY, gettext_lazy("What is above it is red."))
COLUMNS = (*FIGURES, SINCE, LIMIT)
COURIER = gettext_lazy("Courier")


@dataclass
class Asked:
    """Whose cash in which days. Days, and what follows from them, of valid filters only."""

    reader: Reader
    query: QueryDict

    report = PAGE

    @cached_property
    def filters(self) -> CashFilters:
        return CashFilters(self.query, CashEntry.objects.none(), self.reader)

    @property
    def is_valid(self) -> bool:
        return self.filters.is_valid()

    @property
    def days(self) -> tuple[date, date]:
        """Who sees his shift only sees no earlier days."""
        first, last = self.filters.days
        return (max(first, self.reader.since), last) if self.reader.since is not None else (first, last)

    @property
    def moments(self) -> tuple[datetime, datetime]:
        first, last = self.days
        return day_start(first), day_start(last + timedelta(days=1))

    @property
    def sort(self) -> str:
        names = [figure.name for figure in COLUMNS]
        wanted = self.query.get("sort", "")
        return wanted if wanted.lstrip("-") in names else f"-{USUAL}"

    def balances(self) -> list[Balance]:
        """In the order that was asked for; what has no courier goes last."""
        name = self.sort.lstrip("-")
        figure = next(each for each in COLUMNS if each.name == name)
        found = cash_ledger.balances(*self.moments)
        found.sort(key=lambda each: str(each.courier or ""))
        known = [each for each in found if figure.of(each) is not None and each.courier is not None]
        known.sort(key=figure.of, reverse=self.sort.startswith("-"))
        unknown = [each for each in found if figure.of(each) is None and each.courier is not None]
        return [*known, *unknown, *(each for each in found if each.courier is None)]

    def address(self, **changes: str) -> str:
        query = self.query.copy()
        query.pop("page", None)
        for name, value in changes.items():
            query[name] = value
        return f"?{query.urlencode()}"

    def table(self) -> Table:
        found = self.balances()
        rows = (
            [name_of(each.courier), *(formats.plain(figure.of(each), figure.kind) for figure in COLUMNS)]
            for each in found
        )
        sums = together(found)
        foot = [formats.plain(sums[figure.name], figure.kind) if figure in FIGURES else None for figure in COLUMNS]
        return Table([str(COURIER), *map(formats.heading, COLUMNS)], rows, [[_("Together"), *foot]])

    def noted(self) -> Noted:
        return Noted()


def together(found: Sequence[Balance]) -> dict[str, Decimal]:
    """The figures of all of them, by name."""
    return {figure.name: sum((figure.of(each) for each in found), Decimal(0)) for figure in FIGURES}


def name_of(courier: Courier | None) -> str:
    return str(courier) if courier is not None else _("without a courier")
