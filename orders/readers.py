"""Orders and their journals, read from iRECA.

iRECA's list of orders has neither pages nor a filter (T05), so "since" is decided here, while the list streams by. The
journal is read order by order: in rounds by schedule, the oldest order first, and of one order when it changed.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from msgspec import UNSET

from backoffice.remotes.http import Refused, RemoteError
from backoffice.remotes.ireca import contract
from backoffice.sync import clock, connection, pull, reconcile, sent
from backoffice.sync.apply import Applied
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Keys, registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Pull
from couriers.models import Courier
from orders import traces
from orders.models import DeliveryStatus, JournalEntry, Order

CLOSED = (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)
RECENT = timedelta(days=3)  # how long after its last change a closed order's journal is still read
ROUND = 500  # orders whose journal one scheduled run reads
GROUP = 50  # orders whose entries are stored at once


def is_current(since: datetime) -> Q:
    """Our orders that concern us since then: to be delivered, made or changed since, still open, or on their way."""
    return (
        Q(delivery_time_from__gte=since)
        | Q(delivery_time_to__gte=since)
        | Q(created_at__gte=since)
        | ~Q(delivery_status__in=CLOSED)
        | ~Q(sync_state=SyncState.CLEAN)
    )


def concerning(orders: Sequence[contract.Order], since: datetime) -> list[contract.Order]:
    """Of iRECA's orders those that concern us since then, or that we do not know."""
    ids = {order.order_id for order in orders}
    known = Order._base_manager.filter(ireca_id__in=ids)
    ours = set(known.values_list("ireca_id", flat=True))
    current = set(known.filter(is_current(since)).values_list("ireca_id", flat=True))
    return [
        order
        for order in orders
        if order.order_id not in ours
        or order.order_id in current
        or any(moment and moment >= since for moment in (order.delivery_time_from, order.delivery_time_to))
    ]


reconcile.WINDOWS["orders"] = reconcile.Window(theirs=concerning, ours=is_current)


@pull.reader("orders", rank=3, every=3600, since=True)
def read_orders(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """All orders are read; with `since`, only those that concern us are merged."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    since = pull.parse_since(params["since"]) if "since" in params else None
    asked = clock.now()
    for batch in chunks(mirror.list(client), pull.BATCH):
        wanted = batch if since is None else concerning(batch, since)
        progress.merge(mirror, client, wanted, asked, read=len(batch))


def _known() -> QuerySet[Order]:
    return Order._base_manager.filter(remote_data__isnull=False).exclude(ireca_id=None)


@pull.reader("journal", rank=4, every=900, since=True)
def read_journals(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """The journals of open and recently closed orders, since the last entry that we have of each.

    A scheduled run reads ROUND orders and the next one goes on behind them, so that every order gets its turn. With
    `since`, a person asks for all orders that concern us since then, and for all their entries since then.
    """
    now = timezone.now()
    since = pull.parse_since(params["since"]) if "since" in params else None
    if since is not None:
        orders = _known().filter(is_current(since) | Q(synced_at__gte=since))
    else:
        orders = _known().filter(~Q(delivery_status__in=CLOSED) | Q(synced_at__gte=now - RECENT))
    cursor = progress.pull.cursor or (None if since else _last_round())
    after = cursor["after"] if cursor else 0
    # One that was interrupted is finished, and not begun anew: others wait behind it.
    left = None if since else ROUND - progress.pull.read
    while left is None or left > 0:
        group = list(orders.filter(pk__gt=after).order_by("pk")[: GROUP if left is None else min(GROUP, left)])
        if not group:
            # The round is over; the next one begins at the oldest order.
            progress.add(Applied(), 0, {"after": 0})
            return
        applied = read_journal_of(client, group, since, on_error=progress.bad)
        after = group[-1].pk
        progress.add(applied, len(group), {"after": after})
        left = None if left is None else left - len(group)


def _last_round() -> dict[str, Any] | None:
    """Where the last scheduled run stopped."""
    last = Pull.objects.filter(what="journal", state=Pull.State.DONE, params={}).order_by("-id").first()
    return last.cursor if last is not None else None


def read_journal_of(
    client: Any,
    orders: Sequence[Order],
    since: datetime | None = None,
    on_error: Callable[[list[str]], None] | None = None,
) -> Applied:
    """Read and store the journals of these orders, from `since` on or from a little before the last entry of each.

    An order that iRECA refuses to tell of (it was deleted there) has nothing new to tell. One at which iRECA fails is
    told to `on_error`, so that it holds up no other; without that it raises, as it does when iRECA is out.
    """
    began = timezone.now()
    latest = dict(
        JournalEntry.objects.filter(order__in=orders)
        .order_by()
        .values_list("order")
        .annotate(latest=Max("created_at"))
        .values_list("order", "latest")
    )
    entries: list[tuple[Order, contract.JournalEntry]] = []
    told = []
    for order in orders:
        try:
            # iRECA's clock may have been set back since the last one.
            known = last - sent.AROUND if (last := latest.get(order.pk)) else None
            entries += [(order, entry) for entry in client.journal(order.ireca_id, since or known)]
        except Refused:
            continue
        except RemoteError as error:
            if on_error is None or connection.is_outage(error):
                raise
            on_error([f"{order}: {error}"])
        else:
            told.append(order.pk)
    applied = keep_journal(entries)
    mirror = registry.for_model(Order)
    assert mirror is not None
    sent.forget(mirror, told, began)
    return applied


def keep_journal(entries: Iterable[tuple[Order, contract.JournalEntry]]) -> Applied:
    """Store entries and see what our own writes took away; those that are there already stay as they are."""
    by_digest = {(order.pk, digest(entry)): entry for order, entry in entries}
    known = _stored(by_digest)
    fresh = {key: entry for key, entry in by_digest.items() if key not in known}
    conflicts = 0
    if fresh:
        keys = Keys()
        for entry in fresh.values():
            keys.want(Courier, _said(entry.courier_id))
        with transaction.atomic():
            keys.resolve()
            rows = [
                JournalEntry(
                    order_id=order_id,
                    digest=sum_,
                    event=_said(entry.event) or "",
                    source=_said(entry.source) or "",
                    courier_id=keys.key(Courier, _said(entry.courier_id)),
                    created_at=_said(entry.created_at),
                    before=_said(entry.before_item),
                    after=_said(entry.after_item),
                )
                for (order_id, sum_), entry in fresh.items()
            ]
            JournalEntry.objects.bulk_create(rows, ignore_conflicts=True)
            conflicts = traces.follow(rows)
    return Applied(created=len(fresh), unchanged=len(known), conflicts=conflicts)


def _stored(wanted: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    by_order: dict[int, set[str]] = defaultdict(set)
    for order_id, sum_ in wanted:
        by_order[order_id].add(sum_)
    digests = {sum_ for sums in by_order.values() for sum_ in sums}
    found = JournalEntry.objects.filter(order__in=by_order, digest__in=digests)
    return set(found.order_by().values_list("order_id", "digest")) & set(wanted)


def digest(entry: contract.JournalEntry) -> str:
    """What makes an entry the same entry: all that it says, for iRECA gives it no id."""
    text = json.dumps(contract.dump(entry), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _said(value: Any) -> Any:
    return None if value is UNSET else value
