"""The board: the orders of a day by courier, with what each courier has to do, has done, and holds in cash.

The number of queries is fixed, whatever the day brings. A card's late and at risk mean what `orders/conditions.py`
means; both are told of rows that are read already. Money is Decimal roubles, times are aware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from django.db.models import F
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from backoffice.sync import dictionaries
from backoffice.sync.mirrored import SyncState
from couriers.map import Whereabouts, whereabouts
from couriers.models import Courier
from orders import cash, conditions
from orders.models import DeliveryStatus, Order, PaymentStatus

MANY = 3000  # orders of one day on one page
HOUR = timedelta(hours=1)
NOTHING = Decimal("0.00")
SHOWN = ("number", "ireca_id", "hold", "status", "delivery_status", "courier", "is_refund")
SUMS = ("amount_to_pay", "discounts", "prepayment_sum")
PLACED = ("to_city", "to_street", "to_home", "to_apartment", "to_line", "delivery_time_from", "delivery_time_to")


@dataclass
class Card:
    """One order as the board shows it."""

    order: Order
    now: datetime
    states: Callable[[int], str]  # what a code of delivery is called
    lane: int = 0  # of the timeline: blocks of one lane do not overlap

    @property
    def key(self) -> str:
        return str(self.order.pk)

    @cached_property
    def title(self) -> str:
        return str(self.order)

    @property
    def classes(self) -> str:
        """How the card looks, in the words of `static/orders/board.css`."""
        if not self.is_open:
            return "board-card is-done"
        return "board-card is-late" if self.is_late else "board-card is-at-risk" if self.is_at_risk else "board-card"

    @property
    def urgency(self) -> str:
        return _("late") if self.is_late else _("at risk") if self.is_at_risk else ""

    @cached_property
    def is_open(self) -> bool:
        return not self.order.is_closed

    @property
    def is_awaited(self) -> bool:
        return conditions.is_awaited(self.order.delivery_status)

    @cached_property
    def is_late(self) -> bool:
        return self.is_awaited and self.order.delivery_time_to is not None and self.order.delivery_time_to < self.now

    @property
    def is_at_risk(self) -> bool:
        end = self.order.delivery_time_to
        return self.is_awaited and end is not None and self.now <= end < self.now + conditions.RISK

    @cached_property
    def due(self) -> Decimal:
        """What the courier is still to take."""
        order = self.order
        is_due = self.is_open and order.status == PaymentStatus.UNPAID and not order.is_refund
        return order.due if is_due else Decimal(0)

    @property
    def window(self) -> timedelta:
        start, end = self.order.delivery_time_from, self.order.delivery_time_to
        return max(end - start, timedelta(0)) if start is not None and end is not None else timedelta(0)

    @cached_property
    def hours(self) -> str:
        """The window, of a day that the page names."""
        times = (self.order.delivery_time_from, self.order.delivery_time_to)
        return "–".join(f"{timezone.localtime(at):%H:%M}" if at is not None else "…" for at in times)

    @property
    def spot(self) -> str:
        """The address without its city, where there is little room."""
        parts = (self.order.to_street, self.order.to_home, self.order.to_apartment)
        return ", ".join(filter(None, parts)) or self.order.address

    @property
    def state(self) -> str:
        return self.states(self.order.delivery_status)

    @property
    def trouble(self) -> str:
        """What sync says, where it is not in sync."""
        return "" if self.order.sync_state == SyncState.CLEAN else self.order.get_sync_state_display()

    @property
    def is_in_trouble(self) -> bool:
        return self.order.sync_state in conditions.IN_TROUBLE


@dataclass
class Column:
    """A courier and his orders of the day by window; None is nobody."""

    courier: Courier | None
    whereabouts: Whereabouts | None = None
    cards: list[Card] = field(default_factory=list)
    cash: Decimal = NOTHING  # that he should have in hand now, whatever the day

    @property
    def key(self) -> str:
        return str(self.courier.pk) if self.courier is not None else ""

    @property
    def is_on_shift(self) -> bool:
        return self.whereabouts is not None and self.whereabouts.has_session

    @cached_property
    def open(self) -> list[Card]:
        return [card for card in self.cards if card.is_open]

    @cached_property
    def done(self) -> list[Card]:
        return [card for card in self.cards if not card.is_open]

    @property
    def late(self) -> int:
        return sum(card.is_late for card in self.cards)

    @property
    def due(self) -> Decimal:
        return sum((card.due for card in self.cards), NOTHING)

    @property
    def window_hours(self) -> Decimal:
        """The windows of what is open, added up: how much time the courier has for all of it."""
        total = sum((card.window for card in self.open), timedelta(0))
        return Decimal(total // timedelta(minutes=6)) / 10

    @property
    def lanes(self) -> int:
        return max((card.lane for card in self.cards), default=0) + 1


@dataclass
class Board:
    day: date
    columns: list[Column]
    is_cut: bool  # whether the day has more orders than one page shows

    @cached_property
    def hours(self) -> range:
        """The hours of the day that the timeline shows: those of the windows, a working day at least."""
        first, last = 9, 21
        for start, end in self._spans():
            first, last = min(first, int(start)), max(last, -int(-end // 1))
        return range(first, min(last, 24))

    def place(self, card: Card) -> tuple[float, float]:
        """Where a card stands on the timeline: left and width in per cent of its row."""
        start, end = self._span(card)
        first, count = self.hours.start, len(self.hours)
        return (start - first) / count * 100, max(end - start, 0.25) / count * 100

    def _spans(self) -> Iterable[tuple[float, float]]:
        return (self._span(card) for column in self.columns for card in column.cards)

    def _span(self, card: Card) -> tuple[float, float]:
        """The window in hours of the day, cut at midnight."""
        midnight = conditions.day_start(self.day)
        start = card.order.delivery_time_from or midnight
        end = card.order.delivery_time_to or start + HOUR
        return max((start - midnight) / HOUR, 0.0), min(max((end - midnight) / HOUR, 0.25), 24.0)

    def set_lanes(self) -> None:
        """Spread what overlaps over lanes, each card into the first that is free."""
        for column in self.columns:
            ends: list[float] = []
            for card in column.cards:
                start, end = self._span(card)
                free = next((lane for lane, until in enumerate(ends) if until <= start), len(ends))
                ends[free : free + 1] = [end]
                card.lane = free


def of_day(day: date, now: datetime) -> Board:
    """Nobody's orders, then couriers on shift, then the others who have orders that day, each group by name."""
    of_that_day = Order.objects.filter(conditions.of_day(day))
    first = F("delivery_time_from").asc(nulls_last=True)
    shown = of_that_day.only(*SHOWN, *SUMS, *PLACED, "sync_state")
    rows = list(shown.order_by(first, "delivery_time_to", "pk")[: MANY + 1])
    # Asked of the dictionary once for a code, not for a card.
    states = cache(lambda code: dictionaries.label("orderDeliveryStatuses", code, DeliveryStatus))
    columns: dict[int | None, Column] = {None: Column(None)}
    everybody = {one.courier.pk: one for one in whereabouts(now)}
    for one in everybody.values():
        if one.has_session:
            columns[one.courier.pk] = Column(one.courier, one)
    for order in rows[:MANY]:
        key = order.courier_id
        if key is not None and key not in columns:
            columns[key] = Column(everybody[key].courier, everybody[key])
        columns[key].cards.append(Card(order, now, states))
    for key, sum_ in cash.in_hands_lately([key for key in columns if key is not None]).items():
        columns[key].cash = sum_
    found = Board(day, sorted(columns.values(), key=_rank), is_cut=len(rows) > MANY)
    found.set_lanes()
    return found


def _rank(column: Column) -> tuple[bool, bool, str]:
    return column.courier is not None, not column.is_on_shift, str(column.courier or "")
