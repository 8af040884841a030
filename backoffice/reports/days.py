"""Couriers' days are counted here: the way, the hours on shift, the errors of devices. The worker keeps them current.

Positions and logs of devices arrive late, so a day is counted again until it is settled. Days before the first look are
counted backwards, one at a time. Counting twice does no harm, so workers need not agree on who counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.utils import timezone

from backoffice.reports.models import CourierDay
from couriers.models import Courier, License, Location
from couriers.track import Track, day_bounds, places_of
from fiscal.models import RegistrarError, TerminalError

SETTLED = 3  # days after which nothing more is expected of a day
RECENT, EARLIER = timedelta(minutes=5), timedelta(hours=6)  # how often today and yesterday are counted; the days before
LOOK_EVERY = 60.0  # seconds between two looks when nothing was due
ERRORS = (RegistrarError, TerminalError)
DAY = timedelta(days=1)


def shifts(courier: int, start: datetime, end: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """When a courier was on shift between two moments: his sessions, those that overlap made one.

    An open session lasts until now. One that ended without iRECA telling when lasts until it was seen last.
    """
    sessions = License.objects.filter(_overlaps(start, end), courier=courier).order_by("session_start_at", "pk")
    merged: list[tuple[datetime, datetime]] = []
    for session in sessions:
        finish = now if session.is_open else session.session_finish_at or session.seen_at
        if session.session_start_at is None or finish is None:
            continue
        first, last = max(session.session_start_at, start), min(finish, end)
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        elif first < last:
            merged.append((first, last))
    return merged


def _overlaps(start: datetime, end: datetime) -> Q:
    told = Q(session_finish_at__gt=start)
    untold = Q(session_finish_at__isnull=True, seen_at__gt=start)
    return Q(session_start_at__lt=end) & (Q(is_open=True) | told | untold)


def figures(courier: int, track: Track, now: datetime) -> dict[str, Any]:
    """The columns of a courier's day as they are now."""
    start, end = day_bounds(track.day)
    on_shift = sum((last - first for first, last in shifts(courier, start, end, now)), timedelta())
    registrar, terminal = (
        model._base_manager.filter(_between(model.TIME, start, end), courier=courier).count() for model in ERRORS
    )
    return {
        "positions": len(track.places),
        "kilometres": round(Decimal(track.kilometres), 1),
        "gap_kilometres": round(Decimal(track.gap_kilometres), 1),
        "minutes_on_shift": int(on_shift.total_seconds()) // 60,
        "registrar_errors": registrar,
        "terminal_errors": terminal,
    }


def count(courier: int, day: date, now: datetime) -> None:
    """Count a courier's day and keep it."""
    found = figures(courier, Track(day, places_of(courier, day)), now)
    CourierDay.objects.update_or_create(courier_id=courier, day=day, defaults={**found, "counted_at": now})


def active(day: date) -> set[int]:
    """Couriers of whom anything is known on a day, by their key."""
    start, end = day_bounds(day)
    mine = {"courier": OuterRef("pk")}
    known = Q(Exists(Location.objects.filter(_between("created_at", start, end), **mine)))
    known |= Q(Exists(License.objects.filter(_overlaps(start, end), **mine)))
    for model in ERRORS:
        known |= Q(Exists(model._base_manager.filter(_between(model.TIME, start, end), **mine)))
    return set(Courier.objects.filter(known).values_list("pk", flat=True))


def latest_before(day: date) -> date | None:
    """The last day before this one on which anything is known of a courier."""
    start, _end = day_bounds(day)
    positions = Location.objects.filter(courier=OuterRef("pk"), created_at__lt=start).order_by("-created_at")
    found = [
        Courier.objects.annotate(latest=Subquery(positions.values("created_at")[:1])).aggregate(at=Max("latest")),
        License.objects.filter(session_start_at__lt=start, courier__isnull=False).aggregate(at=Max("session_start_at")),
    ]
    for model in ERRORS:
        rows = model._base_manager.filter(**{f"{model.TIME}__lt": start}, courier__isnull=False)
        found.append(rows.aggregate(at=Max(model.TIME)))
    known = [row["at"] for row in found if row["at"] is not None]
    return timezone.localdate(max(known)) if known else None


def refresh(now: datetime) -> int:
    """Count what is due of the days that are not settled. Returns how many days of couriers."""
    today = timezone.localdate(now)
    return sum(
        _count_all(today - back * DAY, now, now - (RECENT if back <= 1 else EARLIER)) for back in range(SETTLED + 1)
    )


def count_between(first: date, last: date, now: datetime) -> Iterable[tuple[date, int]]:
    """Count all days again from one to another, both included; each with the number of its couriers."""
    for back in range((last - first).days + 1):
        day = last - back * DAY
        yield day, _count_all(day, now, now)


def _count_all(day: date, now: datetime, since: datetime | None) -> int:
    """Count a day of all couriers, but of those for whom it was counted since that moment; None: ever."""
    counted = CourierDay.objects.filter(day=day)
    if since is not None:
        counted = counted.filter(counted_at__gt=since)
    due = sorted(active(day) - set(counted.values_list("courier", flat=True)))
    for courier in due:
        count(courier, day, now)
    return len(due)


def _between(column: str, start: datetime, end: datetime) -> Q:
    return Q(**{f"{column}__gte": start, f"{column}__lt": end})


class Keeper:
    """What the worker does of this: a step, which looks once a minute when nothing was due."""

    def __init__(self) -> None:
        self._asleep_until = 0.0
        self._filled: date | None = None  # all before this day is still to be looked at; at first all that is settled
        self._is_filled = False

    def step(self, holder: str) -> int:
        if time.monotonic() < self._asleep_until:
            return 0
        now = timezone.now()
        done = refresh(now) + self._fill(now)
        if not done:
            self._asleep_until = time.monotonic() + LOOK_EVERY
        return done

    def _fill(self, now: datetime) -> int:
        """The next day back that was never counted."""
        while not self._is_filled:
            day = latest_before(self._filled or timezone.localdate(now) - SETTLED * DAY)
            self._is_filled = day is None
            self._filled = day
            if day is not None and (done := _count_all(day, now, None)):
                return done
        return 0
