"""Notices of orders: late ones, what needs an accountant, trouble at register services, duplicates.

Each counts what the list behind it shows: both use `conditions.py`, `fiscal_control.py` and `duplicates.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

from backoffice.sync.notices.kinds import Kind, Params, Trouble, register
from backoffice.sync.notices.troubles import listed
from orders import conditions, duplicates, fiscal_control
from orders.models import Order, Origin

DAY = timedelta(days=1)
SLOW = 600  # seconds: what compares order by order is looked at less often
VIEW = ("orders.view_order",)
ACCOUNTS = ("orders.view_order", "fiscal.view_receipt")


def _late(now: datetime) -> Iterator[Trouble]:
    late = Order.objects.filter(conditions.late(now)).order_by()
    found = late.aggregate(count=Count("pk"), since=Min("delivery_time_to"))
    if found["count"]:
        yield Trouble(url=listed("orders_order", day="late"), **found)


def _register(now: datetime) -> Iterator[Trouble]:
    count = Origin.objects.filter(sync_state__in=conditions.IN_TROUBLE).count()
    if count:
        yield Trouble(url=listed("orders_order", attention="register"), count=count)


def _duplicates(now: datetime) -> Iterator[Trouble]:
    since = conditions.day_start(timezone.localdate(now) - DAY)
    count = Order.objects.filter(duplicates.since(since)).count()
    if count:
        yield Trouble(url=listed("orders_order", attention="duplicates"), count=count)


def _queue(name: str, now: datetime) -> Iterator[Trouble]:
    """One for each age but less than an hour, also for orders whose age nobody knows; grave where they are older than
    a day.
    """
    for age, count in fiscal_control.counts(fiscal_control.BY_NAME[name], now).items():
        if count and age is not fiscal_control.FRESH:
            yield Trouble(
                key=age.name,
                url=listed("orders_order", fiscal=name, fiscal_age=age.name),
                count=count,
                params={"age": age.name},
                is_grave=age.least is not None and age.least >= DAY,
            )


def _with_age(params: Params) -> dict[str, object]:
    return {**params, "age": fiscal_control.AGE_BY_NAME[params["age"]].title}


register(
    Kind(
        "late",
        gettext_lazy("Late orders"),
        VIEW,
        _late,
        lambda params: ngettext("%(count)s order is late", "%(count)s orders are late", params["count"]) % params,
    ),
    Kind(
        "no-receipt",
        gettext_lazy("Closed and paid orders that have no receipt for long"),
        ACCOUNTS,
        lambda now: _queue("no_receipt", now),
        lambda params: (
            ngettext(
                "%(count)s closed and paid order has no receipt: %(age)s",
                "%(count)s closed and paid orders have no receipt: %(age)s",
                params["count"],
            )
            % _with_age(params)
        ),
        every=SLOW,
    ),
    Kind(
        "doubled",
        gettext_lazy("Orders with two receipts"),
        ACCOUNTS,
        lambda now: _queue("doubled", now),
        lambda params: (
            ngettext(
                "%(count)s order has two receipts: %(age)s",
                "%(count)s orders have two receipts: %(age)s",
                params["count"],
            )
            % _with_age(params)
        ),
        every=SLOW,
    ),
    Kind(
        "register-orders",
        gettext_lazy("Orders in trouble at register services"),
        VIEW,
        _register,
        lambda params: (
            ngettext(
                "%(count)s order is in trouble at its register service",
                "%(count)s orders are in trouble at their register services",
                params["count"],
            )
            % params
        ),
    ),
    Kind(
        "duplicates",
        gettext_lazy("Possible duplicates"),
        VIEW,
        _duplicates,
        lambda params: (
            ngettext("%(count)s order may be a duplicate", "%(count)s orders may be duplicates", params["count"])
            % params
        ),
        every=SLOW,
    ),
)
