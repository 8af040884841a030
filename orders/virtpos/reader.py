"""Orders and customers, read from VirtPos.

Scheduled runs ask for the orders of the last days before the last run that went well, for nobody tells later what was
made during an outage; and as far back as the oldest one that is open here: what became of it is told by no one else.
All of an answer is read before anything is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models.fields.json import KT
from django.utils.translation import gettext as _

from backoffice.remotes.errors import ContractError
from backoffice.remotes.virtpos.contract import Order, key
from backoffice.remotes.virtpos.scalars import read_local
from backoffice.sync import clock, pull
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.enqueue import chunks
from backoffice.sync.models import Pull
from orders import arrivals
from orders.models import DeliveryStatus, Feed, Origin
from orders.told import Arrival, Way
from orders.virtpos import customers, succession
from orders.virtpos.arriving import arrival
from orders.virtpos.badrows import keeping_bad_rows
from orders.virtpos.clock import today, zone
from orders.virtpos.mapping import Targets

FURTHEST = timedelta(days=90)  # an order that was forgotten open must not make every run a long one
OVER = (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)


@pull.reader("virtpos-customers", remote=VIRTPOS, rank=10, every=3600)
def read_customers(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """All customers, page by page; there is no documented way to ask for those that changed."""
    feed, asked = Feed.of(VIRTPOS), clock.now()
    for some in chunks(customers.listed(client), customers.SLICE):
        applied = customers.apply(feed, some, asked)
        progress.bad(applied.bad)
        progress.add(applied, len(some))


@pull.reader("virtpos", remote=VIRTPOS, rank=11, every=300, since=True)
def read_orders(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    feed, asked = Feed.of(VIRTPOS), clock.now()
    with keeping_bad_rows(client) as bad:
        orders = list(client.orders(since=(since := _since(params))))
    progress.pull.total = len(orders) + len(bad)
    customers.ensure(client, feed, {o.customer_id for o in orders if o.customer_id}, progress.bad)
    settled = succession.settle(feed, orders, bad)
    progress.bad(settled.said)
    if not bad:  # what cannot be read may be any of them
        _show_gone(feed, {key(order) for order in orders}, since, asked)
    for some in chunks(orders, arrivals.SLICE):
        applied = arrivals.apply(feed, arriving(feed, some, settled.doubtful, progress.bad), asked=asked)
        progress.bad(applied.bad)
        progress.add(applied, len(some))


def arriving(feed: Feed, orders: list[Order], doubtful: set[str], on_error: Any) -> Iterator[Arrival]:
    """Orders in our terms, with a fixed number of queries. One that cannot be delivered is told and left out."""
    targets = Targets(feed, orders)
    owners = customers.owners({order.customer_id for order in orders if order.customer_id})
    for order in orders:
        try:
            one = arrival(feed, order, targets, owners.get(order.customer_id or ""))
        except (ContractError, ValueError, ArithmeticError) as error:
            on_error([f"{key(order)}: {error}"])
            continue
        yield replace(one, way=Way.UNKNOWN) if one.key in doubtful else one


def _since(params: dict[str, Any]) -> date | None:
    """The day of VirtPos's calendar from which on orders are asked for; None: all."""
    if "since" in params:
        return pull.parse_since(params["since"]).astimezone(zone()).date()
    if not settings.VIRTPOS_DAYS:
        return None
    now, margin = today(), timedelta(days=settings.VIRTPOS_DAYS)
    since = min(now, _last_run() or now) - margin
    oldest = min((made for _key, made in _still_open()), default=since)
    return min(now - margin, max(min(since, oldest), now - FURTHEST))


def _last_run() -> date | None:
    """The day of the last scheduled run that went well; None before the first. One of which nobody knows any more was
    long ago.
    """
    runs = Pull.objects.filter(what=VIRTPOS, params={}, state=Pull.State.DONE)
    if (last := runs.order_by("-id").values_list("started_at", flat=True).first()) is not None:
        return last.astimezone(zone()).date()
    return today() - FURTHEST if Origin.objects.filter(remote=VIRTPOS).exists() else None


def _still_open() -> Iterator[tuple[str, date]]:
    """Keys of orders that are open here and there, and the day when each was made."""
    rows = Origin.objects.filter(remote=VIRTPOS, is_open=True).exclude(order__delivery_status__in=OVER)
    # Not by the window of our order, which a dispatcher may have moved: VirtPos filters by its own date.
    told = rows.annotate(told=KT("data__created_date")).values_list("key", "told")
    for kept, text in told.iterator():
        if (made := _made(text)) is not None:
            yield kept, made.date()


def _show_gone(feed: Feed, present: set[str], since: date | None, asked: datetime) -> None:
    """Open orders that this answer should hold and does not: deleted there, for all we know."""
    gone = [kept for kept, made in _still_open() if kept not in present and (since is None or made >= since)]
    arrivals.gone(feed, gone, _("VirtPos tells this order no more: look there whether it was deleted."), asked)


def _made(told: Any) -> datetime | None:
    """When an order was made, from what was kept of it; None where that cannot be understood."""
    try:
        return read_local(told)
    except ValueError:
        return None
