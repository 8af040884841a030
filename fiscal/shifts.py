"""Shifts of registers, as far as receipts tell: iRECA tells neither when a shift begins nor when it ends.

A shift is the receipts of one fiscal drive (FN) under one shift number. It may last 24 hours, after which the register
prints no receipt until the shift is closed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q
from django.urls import reverse

from fiscal.models import Receipt

WARNS, ENDS, STOPS = timedelta(hours=20), timedelta(hours=23), timedelta(hours=24)
SEEN = timedelta(hours=30)  # a shift without a receipt for so long is over
MARGIN = timedelta(hours=48)  # around a period, so that shifts at its edges are counted whole

SALES, RETURNS = Q(kind=Receipt.Kind.SALE), Q(kind=Receipt.Kind.RETURN)


@dataclass(frozen=True)
class Shift:
    """One shift. Times are those of its first and last receipt; `is_last` of its fiscal drive."""

    fn: str
    number: str
    serial: str
    sales: int
    returns: int
    since: datetime
    last: datetime
    now: datetime
    is_last: bool

    @property
    def key(self) -> tuple[str, str]:
        return self.fn, self.number

    @property
    def receipts(self) -> int:
        return self.sales + self.returns

    @property
    def may_be_open(self) -> bool:
        """Nothing says that it was closed: no later shift of the drive, and a receipt not long ago."""
        return self.is_last and self.now - self.last < SEEN

    @property
    def age(self) -> timedelta:
        """Since its first receipt: until now where it may be open, until the last receipt where it is over."""
        return (self.now if self.may_be_open else self.last) - self.since

    @property
    def hours(self) -> float:
        return self.age.total_seconds() / 3600

    @property
    def has_stopped(self) -> bool:
        """The register prints no receipt any more, unless the shift was closed meanwhile."""
        return self.may_be_open and self.age >= STOPS

    @property
    def kind(self) -> str:
        """The colour of a badge."""
        if not self.may_be_open:
            return ""
        return "danger" if self.age >= ENDS else "warning" if self.age >= WARNS else ""

    @property
    def url(self) -> str:
        # A drive's number is text of the remote: it may hold anything, so it goes into the query.
        return reverse("fiscal-shift", query={"fn": self.fn, "shift": self.number})


def find(since: datetime, until: datetime, now: datetime, *, register: str = "", among: Q | None = None) -> list[Shift]:
    """Shifts that were at work between two moments, the latest first. One query.

    `register` is a whole FN or serial number; `among` leaves shifts with at least one receipt that it meets.
    """
    receipts = Receipt.objects.filter(date_time_receipt__gte=since - MARGIN, date_time_receipt__lt=until + MARGIN)
    if register:
        receipts = receipts.filter(Q(fn=register) | Q(serial_number=register))
    rows = receipts.exclude(fn="").order_by().values("fn", "shift_number")
    rows = rows.annotate(
        serial=Max("serial_number"),
        sales=Count("pk", filter=SALES),
        returns=Count("pk", filter=RETURNS),
        chosen=Count("pk", filter=among if among is not None else Q(pk__isnull=False)),
        first=Min("date_time_receipt"),
        last=Max("date_time_receipt"),
    ).order_by("-first", "fn")
    latest: dict[str, datetime] = {}
    found = list(rows)
    for row in found:
        # Receipts of which no shift was told are of many, and none of these is known to be the last one.
        if row["shift_number"]:
            latest[row["fn"]] = max(latest.get(row["fn"], row["first"]), row["first"])
    return [
        Shift(
            fn=row["fn"],
            number=row["shift_number"],
            serial=row["serial"],
            sales=row["sales"],
            returns=row["returns"],
            since=row["first"],
            last=row["last"],
            now=now,
            is_last=bool(row["shift_number"]) and row["first"] == latest[row["fn"]],
        )
        for row in found
        if row["last"] >= since and row["first"] < until and row["chosen"]
    ]


def at_work(now: datetime) -> list[Shift]:
    """Shifts that may be open, the oldest first; of each register the last one. One query."""
    return sorted((shift for shift in find(now - SEEN, now, now) if shift.may_be_open), key=lambda shift: shift.since)


def one(fn: str, number: str, now: datetime) -> Shift | None:
    """A shift with all its receipts, None where there is none. Two queries."""
    row = Receipt.objects.filter(fn=fn, shift_number=number, date_time_receipt__isnull=False).aggregate(
        serial=Max("serial_number"),
        sales=Count("pk", filter=SALES),
        returns=Count("pk", filter=RETURNS),
        since=Min("date_time_receipt"),
        last=Max("date_time_receipt"),
    )
    if row["since"] is None:
        return None
    # Whether it is the last one matters while it is recent, and what is recent is found by time soonest.
    is_last = now - row["last"] < SEEN and any(shift.key == (fn, number) for shift in at_work(now))
    return Shift(fn=fn, number=number, now=now, is_last=is_last, **row)


def receipts_of(keys: Collection[tuple[str, str]]) -> Q:
    """Receipts of some shifts."""
    found = Q(pk__in=())
    for fn, number in keys:
        found |= Q(fn=fn, shift_number=number)
    return found
