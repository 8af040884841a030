"""A courier's way over one day: the places, the gaps between them, the distance, and what happened to his orders.

Read for one page; nothing is stored. Orders are reached through `courier.orders`, because no app imports `orders`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from backoffice.sync.dictionaries import label
from backoffice.values import YEARS
from couriers import distance
from couriers.models import Courier, Location

GAP = timedelta(minutes=10)
# A phone that lies on a table wanders by this much, metres. Counted, it would add up to kilometres a day.
LEAST_MOVE = 20.0


class BadDate(ValueError):
    """The text is no date that a track can be asked for."""


def parse_day(text: str) -> date:
    """The day that a page was asked for, today when none was. Raises BadDate."""
    if not text:
        return timezone.localdate()
    try:
        day = parse_date(text)
    except ValueError as error:  # a 30 February
        raise BadDate(text) from error
    if day is None or day.year not in YEARS:
        raise BadDate(text)
    return day


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """From midnight to midnight in the house's time zone: not always 24 hours."""
    start, end = (timezone.make_aware(datetime.combine(at, time.min)) for at in (day, day + timedelta(days=1)))
    return start, end


def metres(a: Location, b: Location) -> float:
    """The distance between two places, along the earth's surface."""
    return distance.metres(*((float(one.latitude or 0), float(one.longitude or 0)) for one in (a, b)))


def way(places: Sequence[Location]) -> float:
    """Metres covered along places without a gap; a move within the accuracy of both its ends is none."""
    total = 0.0
    anchor = places[0] if places else None
    for place in places:
        assert anchor is not None
        moved = metres(anchor, place)
        if moved > max(LEAST_MOVE, float(anchor.accuracy or 0), float(place.accuracy or 0)):
            total += moved
            anchor = place
    return total


@dataclass(frozen=True)
class Gap:
    """A time without positions, longer than GAP; `index` is that of the last place before it."""

    index: int
    start: datetime
    end: datetime
    metres: float

    @property
    def minutes(self) -> int:
        return int((self.end - self.start).total_seconds()) // 60


@dataclass(frozen=True)
class Event:
    """A line of the day's table; `kind` is first, last, gap or status."""

    kind: str
    at: datetime
    text: str
    order: Any = None
    latitude: Any = None
    longitude: Any = None


@dataclass
class Track:
    """A courier's day. `places` are in order of time and all have coordinates; `orders` are those that are his now."""

    day: date
    places: list[Location]
    orders: list[Any] = field(default_factory=list)

    @cached_property
    def gaps(self) -> list[Gap]:
        return [
            Gap(index, before.created_at, after.created_at, metres(before, after))
            for index, (before, after) in enumerate(pairwise(self.places))
            if after.created_at - before.created_at > GAP
        ]

    @cached_property
    def kilometres(self) -> float:
        """Along the places, gaps left out."""
        borders = [0, *(gap.index + 1 for gap in self.gaps), len(self.places)]
        return sum(way(self.places[start:end]) for start, end in pairwise(borders)) / 1000

    @cached_property
    def gap_kilometres(self) -> float:
        """Straight across the gaps: he drove at least that far."""
        return sum(gap.metres for gap in self.gaps) / 1000

    @cached_property
    def events(self) -> list[Event]:
        """All that happened, in order of time."""
        found = [
            Event("gap", gap.start, _("No positions for %(minutes)s min") % {"minutes": gap.minutes})
            for gap in self.gaps
        ]
        if self.places:
            first, last = self.places[0], self.places[-1]
            found += [
                Event("first", first.created_at, _("First position"), None, first.latitude, first.longitude),
                Event("last", last.created_at, _("Last position"), None, last.latitude, last.longitude),
            ]
        start, end = day_bounds(self.day)
        for order in self.orders:
            for change in order.status_changes.all():
                if change.created_at is not None and start <= change.created_at < end:
                    text = label("orderDeliveryStatuses", change.delivery_status)
                    text = f"{text}: {change.return_reason}" if change.return_reason else text
                    found.append(Event("status", change.created_at, text, order, change.latitude, change.longitude))
        return sorted(found, key=lambda event: event.at)

    def as_json(self) -> dict[str, Any]:
        """What the map draws and replays: degrees, metres, seconds since 1970."""
        return {
            "points": [
                [place.created_at.timestamp(), *_degrees(place.latitude, place.longitude)] for place in self.places
            ],
            "gaps": [gap.index for gap in self.gaps],
            "orders": [
                {"number": str(order), "address": order.address, "place": place}
                for order in self.orders
                if (place := _degrees(order.to_latitude, order.to_longitude))
            ],
            "changes": [
                {
                    "at": event.at.timestamp(),
                    "text": event.text,
                    "number": str(event.order),
                    "place": _degrees(event.latitude, event.longitude),
                }
                for event in self.events
                if event.kind == "status"
            ],
        }


def _degrees(latitude: Any, longitude: Any) -> list[float]:
    """Latitude and longitude as a browser takes them; empty when unknown."""
    return [] if latitude is None or longitude is None else [float(latitude), float(longitude)]


def places_of(courier: int, day: date) -> list[Location]:
    """Where a courier was seen on a day, in order of time; what has no coordinates is left out."""
    start, end = day_bounds(day)
    known = Location.objects.filter(latitude__isnull=False, longitude__isnull=False)
    return list(known.filter(courier=courier, created_at__gte=start, created_at__lt=end).order_by("created_at", "pk"))


def track(courier: Courier, day: date) -> Track:
    """A day of a courier, in a constant number of queries.

    His orders are those that were to be delivered or changed their state on that day and are his now: iRECA does not
    say who had an order in hand when its state changed (seed 002:1172-1206).
    """
    start, end = day_bounds(day)
    due = Q(delivery_time_from__gte=start, delivery_time_from__lt=end)
    changed = Q(status_changes__created_at__gte=start, status_changes__created_at__lt=end)
    orders = (
        courier.orders.filter(due | changed)
        .distinct()
        .defer("remote_data", "description")
        .order_by("delivery_time_from", "pk")
        .prefetch_related("status_changes__return_reason")
    )
    return Track(day, places_of(courier.pk, day), list(orders))


def last_day(courier: Courier) -> date | None:
    """The day of the last position, for one who looks at an empty day."""
    latest = courier.locations.order_by("-created_at").values_list("created_at", flat=True).first()
    return timezone.localdate(latest) if latest else None
