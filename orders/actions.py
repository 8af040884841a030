"""What a dispatcher does to many orders at once. No view lives here; no HTTP but the short reads of `pull_receipts`.

Each change decides for every order, under a lock, whether it applies, writes those it applies to in bulk (which the
outbox sees), keeps who did it in the history, and says for each order what happened. One closed meanwhile is
told so and stays as it is; an id that is there no more is left out of the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.remotes.http import RemoteError
from backoffice.sync import history
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from couriers.models import Courier
from orders import details, undo
from orders.bifit import statuses
from orders.models import BulkChange, DeliveryStatus, Hold, Order, PaymentStatus, ReturnReason

LOCK_AT_ONCE = 500
READ_AT_ONCE = 20  # orders that one web request may read: each takes two or three short requests to iRECA
NOT_LOADED = ("remote_data", "sync_conflict", "sync_error")  # large, and of no use here


@dataclass(frozen=True)
class Outcome:
    """What happened to one order. `text` is for a person, in the active language."""

    order: Order
    done: bool
    text: str
    change: int | None = None  # the bulk change that can be taken back (`undo.py`)


Skip = Callable[[Order], str]
# What orders get: all of them the same, or each its own, in the same columns.
Changes = Mapping[str, Any] | Callable[[Order], Mapping[str, Any]]


def assign(ids: Collection[int], courier: Courier, user: Any = None) -> list[Outcome]:
    """Give open orders to a courier. One that waited for a dispatcher is handed over with it."""

    def skip(order: Order) -> str:
        if order.hold == Hold.PICKUP:
            return _("is picked up by the client")
        if order.courier_id == courier.pk and not order.hold:
            return _("has this courier already")
        return _finished(order)

    changes = {"courier": courier, "hold": Hold.NO}
    return _change(ids, changes, skip, _("assigned to %(courier)s") % {"courier": courier}, user)


def unassign(ids: Collection[int], user: Any = None) -> list[Outcome]:
    """Take open orders from their couriers. One that its courier has taken already is with him, whatever we write."""

    def skip(order: Order) -> str:
        if finished := _finished(order):
            return finished
        if order.courier_id is None:
            return _("has no courier")
        taken = order.delivery_status in (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED)
        return _("is with its courier already") if taken else ""

    return _change(ids, {"courier": None}, skip, _("assigned to nobody"), user)


def assign_each(
    couriers: Mapping[int, Courier], user: Any, *, unless: Skip, text: str
) -> tuple[list[Outcome], BulkChange | None]:
    """Give each order (by its key) to its courier, as one change that can be taken back; those for which `unless` has a
    reason stay as they are. Returns what happened, and the change unless nothing was changed.
    """
    outcomes: list[Outcome] = []
    change = None
    with transaction.atomic():
        eligible = []
        for order in _load(couriers, lock=True):
            courier = couriers[order.pk]
            reason = _finished(order) or unless(order)
            if not reason and order.hold == Hold.PICKUP:
                reason = _("is picked up by the client")
            if not reason and order.courier_id == courier.pk and not order.hold:
                reason = _("has this courier already")
            if not reason:
                eligible.append(order)
            done = reason or _("assigned to %(courier)s") % {"courier": courier}
            outcomes.append(Outcome(order, not reason, done))
        if eligible:
            each = {order.pk: {"courier": couriers[order.pk], "hold": Hold.NO} for order in eligible}
            change = undo.remember(user, text, eligible, {}, each)
            groups: dict[int, list[int]] = defaultdict(list)
            for order in eligible:
                groups[couriers[order.pk].pk].append(order.pk)
            with history.by(user):
                for courier_id, ids in groups.items():
                    Order.objects.filter(pk__in=ids).update(courier_id=courier_id, hold=Hold.NO)
    return [replace(one, change=change.pk if change and one.done else None) for one in outcomes], change


def cancel(ids: Collection[int], reason: ReturnReason, user: Any = None) -> list[Outcome]:
    """Cancel orders that are neither closed nor cancelled: delivery status 11 with its reason (seed 002:2757-2776).

    What the register service would not let be cancelled any more (seed 000:76-77) is left, and told.
    """
    impossible = statuses.cannot_be_cancelled(ids)

    def skip(order: Order) -> str:
        return _finished(order) or impossible.get(order.pk, "")

    changes = {"delivery_status": DeliveryStatus.CANCELLED.value, "return_reason": reason}
    return _change(ids, changes, skip, _("cancelled: %(reason)s") % {"reason": reason}, user)


def move_window(ids: Collection[int], start: datetime, end: datetime, user: Any = None) -> list[Outcome]:
    """Give open orders this delivery window. Both times are aware; ValueError when it ends before it starts."""
    if end < start:
        raise ValueError("the window ends before it starts")

    def skip(order: Order) -> str:
        if (order.delivery_time_from, order.delivery_time_to) == (start, end):
            return _("has this window already")
        return _finished(order)

    return _change(ids, {"delivery_time_from": start, "delivery_time_to": end}, skip, _("window moved"), user)


def shift_window(ids: Collection[int], days: int, hours: int, user: Any = None) -> list[Outcome]:
    """Move the delivery windows of open orders by so much, earlier where it is negative; each keeps its own.

    ValueError when it moves nothing.
    """
    if not (days or hours):
        raise ValueError("nothing to move by")
    by = timedelta(days=days, hours=hours)

    def skip(order: Order) -> str:
        if order.delivery_time_from is None and order.delivery_time_to is None:
            return _("has no window")
        return _finished(order)

    def shifted(order: Order) -> dict[str, Any]:
        ends = {name: getattr(order, name) for name in ("delivery_time_from", "delivery_time_to")}
        # By the clock on the wall: the same hours, also where summer time begins in between.
        return {name: at and (timezone.localtime(at) + by).astimezone(UTC) for name, at in ends.items()}

    told = [_("%(count)+d d") % {"count": days} if days else "", _("%(count)+d h") % {"count": hours} if hours else ""]
    return _change(ids, shifted, skip, _("window moved: %(by)s") % {"by": " ".join(filter(None, told))}, user)


def change_address(ids: Collection[int], line: str, user: Any = None) -> list[Outcome]:
    """Give open orders an address in one line. Their exact one is forgotten until iRECA tells what it made of the line
    (multipleUpdate, seed 002:940-947). ValueError when the line is empty.
    """
    line = " ".join(line.split())
    if not line:
        raise ValueError("an address without a word")

    def skip(order: Order) -> str:
        if line in (order.to_line, order.address):
            return _("has this address already")
        return _finished(order)

    return _change(ids, by_line(line), skip, _("address changed: %(address)s") % {"address": line}, user)


def by_line(line: str) -> dict[str, Any]:
    """The columns of an address that one line says; iRECA finds its parts."""
    columns: dict[str, Any] = {name: Order._meta.get_field(name) for name in Order.TO_PARTS}
    nothing = {name: column.get_default() for name, column in columns.items()}
    return {**nothing, "to_is_use_google_geo": None, "to_line": line}


def set_place(ids: Collection[int], latitude: Decimal, longitude: Decimal, user: Any = None) -> list[Outcome]:
    """Say where on the map open orders go, in degrees; iRECA is then told not to look for itself (seed 002:111-113).

    An order whose address is one line is left: with coordinates alone iRECA would get an address without a street.
    ValueError for degrees that do not exist, and for 0, 0, which is the wire's "unknown".
    """
    if not (abs(latitude) <= 90 and abs(longitude) <= 180) or not (latitude or longitude):
        raise ValueError("no place on earth")

    def skip(order: Order) -> str:
        if order.has_only_line:
            return _("its address is known in one line only; give its street and house first")
        return _finished(order)

    changes = {"to_latitude": latitude, "to_longitude": longitude, "to_is_use_google_geo": False}
    return _change(ids, changes, skip, _("placed on the map"), user)


def set_agreed(ids: Collection[int], agreed: bool, user: Any = None) -> list[Outcome]:
    """Note that open orders are agreed with their clients, or are not."""

    def skip(order: Order) -> str:
        if order.is_agreed == agreed:
            return _("is so already")
        return _finished(order)

    done = _("marked as agreed") if agreed else _("marked as not agreed")
    return _change(ids, {"is_agreed": agreed}, skip, done, user)


def set_paid(ids: Collection[int], paid: bool, user: Any = None) -> list[Outcome]:
    """Note that orders are paid, or are not: the payment status, not a payment."""
    status = PaymentStatus.PAID if paid else PaymentStatus.UNPAID

    def skip(order: Order) -> str:
        if order.is_refund:
            return _("is a return")
        if order.status == status:
            return _("is so already")
        return _finished(order)

    done = _("marked as paid") if paid else _("marked as not paid")
    return _change(ids, {"status": status.value}, skip, done, user)


def set_state(ids: Collection[int], status: DeliveryStatus, user: Any = None) -> list[Outcome]:
    """Set how far open orders are. Cancelling asks for a reason and is `cancel`; ValueError for it here."""
    if status == DeliveryStatus.CANCELLED:
        raise ValueError("cancelling needs a reason")

    def skip(order: Order) -> str:
        if order.delivery_status == status:
            return _("is so already")
        if finished := _finished(order):
            return finished
        needs_courier = status in (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED) and not order.hold
        return _("has no courier") if needs_courier and order.courier_id is None else ""

    changes = {"delivery_status": status.value}
    return _change(ids, changes, skip, _("state: %(state)s") % {"state": status.label}, user)


def hand_over(ids: Collection[int], user: Any = None) -> list[Outcome]:
    """Let orders that wait here go to the couriers. What its client picks up goes there only by its own form."""

    def skip(order: Order) -> str:
        if not order.hold:
            return _("goes to the couriers already")
        if order.hold == Hold.PICKUP:
            return _("is picked up by the client")
        return _finished(order)

    return _change(ids, {"hold": Hold.NO}, skip, _("handed over to the couriers"), user)


def pull_receipts(ids: Collection[int], client: Any | None) -> list[Outcome]:
    """Read status changes and receipts: of a few orders now, with `client`; of many, or with no client, by the worker.

    An order whose reading fails is left to the worker, and says why.
    """
    known: list[Order] = []
    unknown: list[Order] = []
    for order in _load(ids):
        (unknown if order.remote_data is None else known).append(order)
    outcomes = [Outcome(order, False, _("not known to iRECA yet")) for order in unknown]
    if client is None or len(known) > READ_AT_ONCE:
        details.request([order.pk for order in known])
        return [*outcomes, *(Outcome(order, True, _("will be read by the worker")) for order in known)]
    for order in known:
        before = order.receipts.count()
        try:
            refusal = details.read(client, order)
        except RemoteError as error:
            details.request([order.pk])
            refusal = str(error)
        if refusal:
            text = _("not read now, the worker will try again: %(error)s") % {"error": refusal}
            outcomes.append(Outcome(order, False, text))
        else:
            outcomes.append(Outcome(order, True, _read_text(order, before)))
    return outcomes


def _read_text(order: Order, before: int) -> str:
    now = order.receipts.count()
    if now > before:
        return _("new receipts: %(count)s") % {"count": now - before}
    return _("nothing new, receipts: %(count)s") % {"count": now} if now else _("iRECA has no receipt for it")


def _finished(order: Order) -> str:
    """Why an order is not changed any more, or an empty text."""
    if order.delivery_status == DeliveryStatus.CANCELLED:
        return _("already cancelled")
    return _("already closed") if order.is_closed else ""


def _change(ids: Collection[int], changes: Changes, skip: Skip, done: str, user: Any) -> list[Outcome]:
    """Change the orders that `skip` gives no reason to leave as they are. All of them or, on an error, none."""
    outcomes = []
    with transaction.atomic():
        eligible = []
        for order in _load(ids, lock=True, whole=callable(changes)):
            if reason := skip(order):
                outcomes.append(Outcome(order, False, reason))
                continue
            eligible.append(order)
            in_conflict = order.sync_state == SyncState.CONFLICT
            text = _("%(done)s; sent once its conflict is settled") % {"done": done} if in_conflict else done
            outcomes.append(Outcome(order, True, text))
        same, each = ({}, {order.pk: changes(order) for order in eligible}) if callable(changes) else (changes, {})
        if user is not None and eligible:
            change = undo.remember(user, done, eligible, same, each)
            outcomes = [replace(outcome, change=change.pk if outcome.done else None) for outcome in outcomes]
        with history.by(user):
            if each:
                Order.objects.bulk_save_each(eligible, each)
            else:
                Order.objects.filter(pk__in=[order.pk for order in eligible]).update(**same)
    return outcomes


def _load(ids: Collection[int], *, lock: bool = False, whole: bool = False) -> Iterator[Order]:
    """Orders by their keys, in one order everywhere, so that two dispatchers cannot lock each other out."""
    for batch in chunks(sorted(set(ids)), LOCK_AT_ONCE):
        orders = Order.objects.filter(pk__in=batch).order_by("pk")
        if lock:
            orders = orders if whole else orders.defer(*NOT_LOADED)
            if connection.features.has_select_for_update:
                orders = orders.select_for_update()
        yield from orders
