"""Numbers of fiscal documents that were not seen here.

Within one fiscal drive they run without gaps, but not only receipts of orders take them: the report that opens a shift
and the one that closes it do, corrections do, and sales that never were an order here. So a gap is nothing wrong by
itself. What the reports between two shifts account for is taken off; the rest is worth a look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import BigIntegerField, Case, CharField, F, Func, Q, Value, When, Window
from django.db.models.functions import Cast, Lag, Length
from django.db.models.lookups import Exact, GreaterThan, LessThanOrEqual

from backoffice.values import whole_number
from fiscal.models import Receipt

# A remote's text may be anything; 18 digits fit into a bigint.
DIGITS, DIGITS_AT_MOST = "0123456789", 18
REPORTS = 2  # documents between a shift and the next one: one closed, one opened
MANY = 5000  # gaps of a period; who has more of them shares the drive with another system, and sees so


@dataclass(frozen=True)
class Gap:
    """Numbers between two receipts of one drive that no receipt here has."""

    fn: str
    first: int
    last: int
    shift_before: str
    shift_after: str
    before: datetime
    after: datetime

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def reports(self) -> int:
        """How many of them the reports of shifts account for."""
        before, after = whole_number(self.shift_before), whole_number(self.shift_after)
        if before is None or after is None:
            return 0
        return min(REPORTS * max(after - before, 0), self.count)

    @property
    def unseen(self) -> int:
        return self.count - self.reports

    @property
    def shift(self) -> str:
        """The shift that it lies in, empty between two."""
        return self.shift_after if self.shift_before == self.shift_after else ""


@dataclass(frozen=True)
class Register:
    """Gaps of one drive."""

    fn: str
    gaps: int
    unseen: int


def gaps(within: Q) -> list[Gap]:
    """Gaps with unseen numbers among the receipts that `within` leaves, drive by drive. One query, at most MANY.

    A period of `within` bounds the cost; before its first receipt of a drive nothing is said.
    """
    # Both engines have this function of two texts; on SQLite a regular expression would be Python's, for each row.
    rest = Func(F("fd_number"), Value(DIGITS), function="LTRIM", output_field=CharField())
    is_number = Q(
        Exact(rest, ""), GreaterThan(Length("fd_number"), 0), LessThanOrEqual(Length("fd_number"), DIGITS_AT_MOST)
    )
    number = Cast(Case(When(is_number, then=F("fd_number")), default=None), BigIntegerField())

    def previous(column: str) -> Window:
        return Window(Lag(column), partition_by=F("fn"), order_by=[F("number").asc(), F("pk").asc()])

    rows = (
        Receipt.objects.filter(within, date_time_receipt__isnull=False)
        .exclude(fn="")
        .annotate(number=number)
        .filter(number__isnull=False)
        .annotate(
            previous=previous("number"),
            shift_before=previous("shift_number"),
            before=previous("date_time_receipt"),
        )
        .filter(number__gt=F("previous") + 1)
        .order_by("fn", "number")
        .values_list("fn", "previous", "number", "shift_before", "shift_number", "before", "date_time_receipt")
    )
    found = (Gap(fn, previous + 1, number - 1, *rest) for fn, previous, number, *rest in rows[:MANY])
    return [gap for gap in found if gap.unseen]


def by_register(found: Iterable[Gap]) -> list[Register]:
    """The drives with gaps, those with most unseen numbers first."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for gap in found:
        counts[gap.fn][0] += 1
        counts[gap.fn][1] += gap.unseen
    registers = [Register(fn, many, unseen) for fn, (many, unseen) in counts.items()]
    return sorted(registers, key=lambda register: (-register.unseen, register.fn))
