"""A day as lanes over hours: when a courier was on shift, when he was seen, and each order's window with what happened
to it. Shapes only; a template draws them as SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from couriers.track import Track, day_bounds
from orders.models import DeliveryStatus

WIDTH = 1000  # units of a lane
LABELS = 12  # at most so many hours are named
HOUR = timedelta(hours=1)
Span = tuple[datetime, datetime]

MARKS = {
    DeliveryStatus.TAKEN: "taken",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.CLOSED: "closed",
    DeliveryStatus.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class Bar:
    x: float
    width: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A moment; `kind` is a word of MARKS."""

    x: float
    kind: str
    text: str


@dataclass(frozen=True)
class Lane:
    """`kind` is shift, seen or order; of an order `moments` are when it was taken, delivered, closed, cancelled."""

    kind: str
    title: str
    bars: Sequence[Bar]
    marks: Sequence[Mark] = ()
    spans: Sequence[Span] = ()
    order: Any = None
    moments: dict[str, datetime] | None = None

    def is_of(self, day: date) -> bool:
        """Whether the window of its order begins on that day."""
        begins = self.order.delivery_time_from
        return begins is not None and timezone.localdate(begins) == day

    @property
    def is_late(self) -> bool:
        return bool(
            self.order.delivered_at
            and self.order.delivery_time_to
            and self.order.delivered_at > self.order.delivery_time_to
        )


@dataclass(frozen=True)
class Scale:
    """The hours that are drawn, whole ones."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> list[tuple[float, str]]:
        """Where each hour begins, and how it is called where there is room for it."""
        count = round((self.end - self.start) / HOUR)
        every = -(-count // LABELS)
        moments = [self.start + nth * HOUR for nth in range(count + 1)]
        return [(self.x(at), clock(at) if nth % every == 0 else "") for nth, at in enumerate(moments)]

    def x(self, at: datetime) -> float:
        return round(WIDTH * ((at - self.start) / (self.end - self.start)), 1)

    def bars(self, spans: Iterable[Span]) -> list[Bar]:
        found = []
        for first, last in spans:
            left, right = self.x(max(first, self.start)), self.x(min(last, self.end))
            if left < right or first == last:
                found.append(Bar(left, max(right - left, 2.0), f"{clock(first)}–{clock(last)}"))
        return found

    def marks(self, moments: dict[str, datetime], words: dict[str, str]) -> list[Mark]:
        return [
            Mark(self.x(at), kind, f"{words[kind]} {clock(at)}")
            for kind, at in moments.items()
            if self.start <= at <= self.end
        ]


def clock(at: datetime) -> str:
    return f"{timezone.localtime(at):%H:%M}"


def lanes(track: Track, shifts: Sequence[Span]) -> tuple[Scale, list[Lane]]:
    """The lanes of a day, and the hours that they stand on: all in which anything was or is to be."""
    seen = _seen(track)
    rows = [(order, _window(order), _moments(order)) for order in track.orders]
    scale = _scale(track, [*shifts, *seen, *(window for _order, window, _all in rows if window), *_points(rows)])
    words = {kind: str(status.label) for status, kind in MARKS.items()}
    found = [
        Lane("shift", _("On shift"), scale.bars(shifts), spans=shifts),
        Lane("seen", _("Positions"), scale.bars(seen), spans=seen),
    ]
    for order, window, moments in rows:
        bars = scale.bars([window] if window else [])
        found.append(Lane("order", str(order), bars, scale.marks(moments, words), order=order, moments=moments))
    return scale, found


def _seen(track: Track) -> list[Span]:
    """Stretches of positions without a gap."""
    borders = [0, *(gap.index + 1 for gap in track.gaps), len(track.places)]
    stretches = [track.places[first:last] for first, last in pairwise(borders) if first < last]
    return [(places[0].created_at, places[-1].created_at) for places in stretches]


def _window(order: Any) -> Span | None:
    first, last = order.delivery_time_from, order.delivery_time_to
    return (first, last) if first and last and first < last else None


def _moments(order: Any) -> dict[str, datetime]:
    """The first change to each state that has a mark."""
    found: dict[str, datetime] = {}
    for change in order.status_changes.all():
        if change.created_at is not None and (kind := MARKS.get(change.delivery_status)):
            found.setdefault(kind, change.created_at)
    return found


def _points(rows: Sequence[tuple[Any, Span | None, dict[str, datetime]]]) -> list[Span]:
    return [(at, at) for _order, _window, moments in rows for at in moments.values()]


def _scale(track: Track, spans: Sequence[Span]) -> Scale:
    start, end = day_bounds(track.day)
    inside = [(max(first, start), min(last, end)) for first, last in spans if first < end and last >= start]
    if not inside:
        return Scale(start, end)
    first, last = min(first for first, _last in inside), max(last for _first, last in inside)
    earliest = start + (first - start) // HOUR * HOUR
    latest = min(end, start - (start - last) // HOUR * HOUR)
    return Scale(earliest, max(latest, earliest + HOUR))
