"""The first page of the admin: how the day goes, in figures that are links to the lists behind them.

What is of today is read once and counted here, a day's orders being few; the rest are counts along partial indexes or
of the last days. So the number of queries is fixed, and years of orders cost nothing. A figure means what the list
behind it filters by: both use the conditions of `orders/conditions.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.sync import dictionaries, figures
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from couriers import licences as couriers_licences
from couriers.map import Whereabouts, whereabouts
from fiscal import shifts
from orders import conditions, fiscal_control
from orders.models import DeliveryStatus, Order, Origin, PaymentStatus

MANY = 10_000  # orders of one day: beyond it nobody reads figures


@dataclass(frozen=True)
class Figure:
    """A number with its words and the list behind it; `kind` is the colour of a badge."""

    label: str
    value: Any
    url: str
    kind: str = ""
    note: str = ""
    is_money: bool = False


@dataclass
class Hour:
    """Orders whose window begins within one hour of the day, by how far they are."""

    hour: int
    done: int = 0
    under_way: int = 0
    waiting: int = 0
    late: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.done + self.under_way + self.waiting + self.late + self.cancelled


@dataclass(frozen=True)
class CourierDay:
    """What a courier has to do today, and when he was last heard of."""

    whereabouts: Whereabouts
    open: int
    done: int
    late: int
    url: str


@dataclass
class Today:
    """The orders of today."""

    states: list[Figure] = field(default_factory=list)
    hours: list[Hour] = field(default_factory=list)
    attention: list[Figure] = field(default_factory=list)
    money: list[Figure] = field(default_factory=list)

    @property
    def tallest(self) -> int:
        return max((hour.total for hour in self.hours), default=0) or 1


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the theme asks for its first page (`settings.UNFOLD`): each part for those who may see its lists."""
    now, may = timezone.now(), request.user.has_perm
    if may("orders.view_order"):
        rows = _rows_of_today(now)
        context["today"] = today(rows, now)
        if may("couriers.view_courier") and may("couriers.view_location"):
            context["couriers"] = couriers(rows, now)
    if may("fiscal.view_receipt"):
        context["receipts"] = missing_receipts(now) if may("orders.view_order") else []
        context["shifts"] = shifts.at_work(now)
    if may("couriers.view_license"):
        context["licences"] = licences()
    if may("sync.view_push"):
        context["sync"] = sync(now)
    return {**context, "title": _("The day"), "now": now}


# orders


@dataclass(frozen=True)
class _Row:
    pk: int
    delivery_status: int
    status: int
    courier_id: int | None
    start: datetime
    end: datetime | None
    is_agreed: bool
    hold: str

    @property
    def is_open(self) -> bool:
        return self.delivery_status not in (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)


def _of_today(now: datetime) -> QuerySet[Order]:
    return Order.objects.filter(conditions.of_day(timezone.localdate(now)))


def _rows_of_today(now: datetime) -> list[_Row]:
    columns = ("pk", "delivery_status", "status", "courier_id", "delivery_time_from", "delivery_time_to")
    rows = _of_today(now).order_by().values_list(*columns, "is_agreed", "hold")
    return [_Row(*row) for row in rows[:MANY]]


def today(rows: Sequence[_Row], now: datetime) -> Today:
    """Three queries: what is late and at risk on any day, and the money of today."""
    states = Counter(row.delivery_status for row in rows)
    found = Today(hours=_hours(rows, now))
    found.states = [Figure(_("Orders today"), len(rows), _orders(day="today"))]
    found.states += [
        Figure(
            dictionaries.label("orderDeliveryStatuses", code, DeliveryStatus),
            count,
            _orders(day="today", delivery_status=str(code)),
        )
        for code, count in sorted(states.items())
    ]
    unassigned = sum(row.is_open and row.courier_id is None for row in rows)
    to_agree = sum(row.is_open and not row.is_agreed for row in rows)
    held = sum(row.is_open and bool(row.hold) for row in rows)
    late = Order.objects.filter(conditions.late(now)).count()
    at_risk = Order.objects.filter(conditions.at_risk(now)).count()
    found.attention = [
        Figure(_("Late"), late, _orders(day="late"), "danger" if late else "", _("of any day")),
        Figure(
            _("At risk"), at_risk, _orders(day="at_risk"), "warning" if at_risk else "", _("ends within 30 minutes")
        ),
        Figure(
            _("Unassigned"), unassigned, _orders(day="today", attention="no_courier"), "warning" if unassigned else ""
        ),
        Figure(_("To agree"), to_agree, _orders(day="today", attention="to_agree")),
        Figure(_("Stay here"), held, _orders(day="today", hold="any")),
    ]
    found.money = _money(now)
    return found


def _hours(rows: Sequence[_Row], now: datetime) -> list[Hour]:
    hours: dict[int, Hour] = {}
    for row in rows:
        hour = timezone.localtime(row.start).hour
        bar = hours.setdefault(hour, Hour(hour))
        if row.delivery_status == DeliveryStatus.CANCELLED:
            bar.cancelled += 1
        elif row.delivery_status in (DeliveryStatus.CLOSED, DeliveryStatus.DELIVERED):
            bar.done += 1
        elif row.end is not None and row.end < now:
            bar.late += 1
        elif row.delivery_status == DeliveryStatus.TAKEN:
            bar.under_way += 1
        else:
            bar.waiting += 1
    if not hours:
        return []
    return [hours.get(hour, Hour(hour)) for hour in range(min(hours), max(hours) + 1)]


def _money(now: datetime) -> list[Figure]:
    """Roubles: what open orders of today are still to bring, and what today's orders have brought."""
    unpaid = _of_today(now).filter(conditions.TO_COLLECT).order_by()
    due = unpaid.aggregate(sum=Sum(F("amount_to_pay") + F("discounts") - F("prepayment_sum")))["sum"] or Decimal(0)
    sold = _of_today(now).filter(is_refund=False).order_by()
    collected = sold.aggregate(sum=Sum(F("paid_cash") + F("paid_cashless")))["sum"] or Decimal(0)
    return [
        Figure(_("To collect"), due, _orders(day="today", attention="to_collect"), is_money=True),
        Figure(_("Collected"), collected, _orders(day="today", status=str(PaymentStatus.PAID.value)), is_money=True),
    ]


def couriers(rows: Sequence[_Row], now: datetime) -> list[CourierDay]:
    """Those on shift (an open session) and those who have orders today, the most loaded first."""
    loads: dict[int, Counter[str]] = {}
    for row in rows:
        if row.courier_id is not None and row.delivery_status != DeliveryStatus.CANCELLED:
            load = loads.setdefault(row.courier_id, Counter())
            load["open" if row.is_open else "done"] += 1
            load["late"] += conditions.is_awaited(row.delivery_status) and row.end is not None and row.end < now
    found = [
        CourierDay(
            whereabouts=each,
            open=load["open"],
            done=load["done"],
            late=load["late"],
            url=_orders(day="today", courier__id__exact=str(each.courier.pk)),
        )
        for each in whereabouts(now)
        for load in [loads.get(each.courier.pk, Counter())]
        if each.has_session or each.courier.pk in loads
    ]
    return sorted(found, key=lambda day: (-day.open, -day.done, day.whereabouts.courier.title))


# receipts, shifts, licences, exchange


def missing_receipts(now: datetime) -> list[Figure]:
    """Paid and closed orders without their receipts, by how long these have been due."""
    queue = fiscal_control.BY_NAME["no_receipt"]
    return by_age(queue, fiscal_control.counts(queue, now))


def by_age(queue: fiscal_control.Queue, counts: dict[fiscal_control.Age, int]) -> list[Figure]:
    """What is of no age at all is rare, so it is shown where there is any."""
    return [
        Figure(age.title, count, _orders(fiscal=queue.name, fiscal_age=age.name), age.kind if count else "")
        for age, count in counts.items()
        if count or age is not fiscal_control.UNKNOWN
    ]


def licences() -> Figure:
    found = couriers_licences.licences()
    total = found.total if found.total is not None else "–"
    kind = "danger" if found.are_exhausted else ""
    return Figure(_("Licences used"), f"{found.used} / {total}", _list("couriers_license"), kind)


def sync(now: datetime) -> list[Figure]:
    """The exchange in one line."""
    queue = figures.queue(now)
    refused, unknown = queue.count(Push.State.REFUSED), queue.count(Push.State.UNKNOWN)
    conflicts = Order.objects.filter(sync_state=SyncState.CONFLICT).count()
    troubled = Origin.objects.filter(sync_state__in=(SyncState.CONFLICT, SyncState.FAILED)).count()
    health = reverse("sync-health")
    found = [
        Figure(_("Waiting to be sent"), queue.waiting, health),
        Figure(_("Refused"), refused, _list("sync_push", state=Push.State.REFUSED.value), "danger" if refused else ""),
        Figure(
            _("Answer lost"), unknown, _list("sync_push", state=Push.State.UNKNOWN.value), "danger" if unknown else ""
        ),
        Figure(
            _("Conflicts"),
            conflicts,
            _orders(sync_state__exact=SyncState.CONFLICT.value),
            "warning" if conflicts else "",
        ),
    ]
    if troubled:
        found.append(Figure(_("Trouble at register services"), troubled, _orders(attention="register"), "warning"))
    return found


def _orders(**query: str) -> str:
    return _list("orders_order", **query)


def _list(model: str, **query: str) -> str:
    return reverse(f"admin:{model}_changelist", query=query or None)
