"""What BIFIT Kassa is to be told of an order, decided from our order as it is now and the status that it has there.

Three rules, in this order:
- what is over there and agreed is over, and what was opened there again is for a person: nothing is told;
- a courier's progress (assigned, taken, delivered) is told forwards only: what the service's own people have carried
  further, or set to a status that we do not know, is not set back. Statuses between are skipped: the document forbids
  no leap but those of the next rule;
- an outcome (closed, cancelled) is always told, unless the document forbids it (76, 77): then nothing is sent, and the
  reason is for a person.

`heard` listens to changes of orders, `settle` looks after a read; both open pushes of what differs, in the same few
queries for any number of orders.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.remotes.bifit.contract import FINAL, Status, may_become
from backoffice.sync import enqueue
from backoffice.sync.connection import BIFIT
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from orders.bifit import ENTITY, words
from orders.models import Deed, DeliveryStatus, Hold, Order, Origin, StatusRule

DEFAULTS: Mapping[str, str] = {
    Deed.ASSIGNED: Status.DISTRIBUTED,
    Deed.TAKEN: Status.ISSUED,
    Deed.DELIVERED: "",
    Deed.CLOSED: Status.FINISHED,
    Deed.CANCELLED: Status.REFUSED,
    Deed.CANCELLED_NEW: Status.DELETED,
}
OUTCOMES = (Deed.CLOSED, Deed.CANCELLED, Deed.CANCELLED_NEW)
# How far a status is on its way; what is final is past all.
STEPS: dict[str, int] = {
    Status.NEW: 0,
    Status.ACCEPTED: 1,
    Status.DISTRIBUTED: 2,
    Status.ISSUED: 3,
    **dict.fromkeys(FINAL, 9),
}
DEED_STEPS = {Deed.ASSIGNED: 2, Deed.TAKEN: 3, Deed.DELIVERED: 4}
# What a final status there is here.
ENDS: dict[str, DeliveryStatus] = {
    Status.REFUSED: DeliveryStatus.CANCELLED,
    Status.DELETED: DeliveryStatus.CANCELLED,
    Status.FINISHED: DeliveryStatus.CLOSED,
}


@dataclass(frozen=True)
class Target:
    """The status that an order should get there; "" when there is nothing to tell. `why_not`: why it cannot be sent."""

    status: str = ""
    why_not: str = ""


NOTHING = Target()


def rules() -> dict[str, str]:
    """Which status each deed becomes, the defaults included."""
    return {**DEFAULTS, **dict(StatusRule.objects.filter(feed__remote=BIFIT).values_list("deed", "status"))}


def deed(order: Order, current: str) -> Deed | None:
    """What has happened to the order here, as far as the service may be told."""
    if order.delivery_status == DeliveryStatus.CANCELLED:
        return Deed.CANCELLED_NEW if current == Status.NEW else Deed.CANCELLED
    if order.delivery_status == DeliveryStatus.CLOSED:
        return Deed.CLOSED
    if order.delivery_status == DeliveryStatus.DELIVERED:
        return Deed.DELIVERED
    if order.delivery_status == DeliveryStatus.TAKEN:
        return Deed.TAKEN
    return Deed.ASSIGNED if order.courier_id is not None and order.hold == Hold.NO else None


def target(order: Order, origin: Origin, told: Mapping[str, str], current: str | None = None) -> Target:
    """What to tell. `told` are the `rules`, `current` the status there (what was read last, when it is not given)."""
    current = origin.status if current is None else current
    done = deed(order, current)
    wanted = told[done] if done is not None else ""
    if done is None or not wanted or wanted == current:
        return NOTHING
    if "delivery_status" in origin.sync_conflict:
        return NOTHING  # a person decides first
    agreed = origin.agreed.get("delivery_status")
    if current in ENDS and agreed == ENDS[current].value:
        return NOTHING
    if done in OUTCOMES and agreed == order.delivery_status and current not in ENDS:
        return NOTHING  # they knew of it, and opened the order again: their last word, not ours
    if done in OUTCOMES:
        return Target(wanted, _why_not(done, current, wanted))
    here = _step(current, told)
    if here is None or here >= STEPS.get(wanted, DEED_STEPS[done]):
        return NOTHING
    return Target(wanted, _why_not(done, current, wanted))


def _step(status: str, told: Mapping[str, str]) -> int | None:
    """How far a status is: by the document, or by the deed that an owner has it stand for; None for an unknown one."""
    if status in STEPS:
        return STEPS[status]
    return next((step for done, step in DEED_STEPS.items() if told[done] == status), None)


def _why_not(done: Deed, current: str, wanted: str) -> str:
    if not (reason := may_become(current, wanted)):
        return ""
    return _(
        "Here the order is %(deed)s, but at BIFIT Kassa it is %(current)s and cannot become %(wanted)s. %(why)s"
    ) % {
        "deed": Deed(done).label,
        "current": words.status(current),
        "wanted": words.status(wanted),
        "why": words.reason(reason),
    }


def cannot_be_cancelled(ids: Collection[int]) -> dict[int, str]:
    """Of these orders those that BIFIT Kassa, as it was read last, would not let be cancelled: why, by our key."""
    told = rules()
    found: dict[int, str] = {}
    for origin in _origins(ids):
        order = origin.order
        if order.is_closed or origin.status in FINAL:
            continue
        order.delivery_status = DeliveryStatus.CANCELLED
        if why := target(order, origin, told).why_not:
            found[order.pk] = why
    return found


# what is to be told


def heard(sender: type[Any], ids: Collection[int], **_kwargs: Any) -> None:
    """Orders changed, whoever changed them."""
    if sender is Order:
        tell(ids)


def tell(ids: Collection[int]) -> None:
    """Open a push for each of these orders that BIFIT Kassa is to be told of."""
    if origins := list(_origins(ids)):
        told = rules()
        _open(origin for origin in origins if target(origin.order, origin, told).status)


def settle(ids: Collection[int], before: Mapping[int, str]) -> None:
    """After these orders were read: tell what differs, and close what no longer does.

    What was refused stays refused while the status there is what it was `before` (by key of the origin): asking again
    would get the same answer.
    """
    told = rules()
    differing, over = [], []
    for origin in _origins(ids):
        if not target(origin.order, origin, told).status:
            over.append(origin)
        elif origin.sync_state != SyncState.FAILED or before.get(origin.pk) != origin.status:
            differing.append(origin)
    _open(differing)
    # One that was gone and is back is clean again, though what was refused of it is still open.
    keys = [Push.key(BIFIT, ENTITY, origin.pk) for origin in over if origin.sync_state != SyncState.CONFLICT]
    refused = Push.objects.filter(open_key__in=keys, state=Push.State.REFUSED)
    failed = [origin.pk for origin in over if origin.sync_state == SyncState.FAILED]
    if failed or (keys and refused.exists()):
        with transaction.atomic():
            Origin.objects.filter(pk__in=failed).update(sync_state=SyncState.CLEAN, sync_error="")
            refused.update(state=Push.State.DONE, open_key=None, error="", done_at=timezone.now())


def _open(origins: Iterable[Origin]) -> None:
    """The rows before their pushes, as the worker does, and by key: two at work must not lock each other out."""
    wanted = sorted((origin.pk, origin.key) for origin in origins)
    states = (SyncState.CLEAN, SyncState.FAILED)
    with transaction.atomic():
        Origin.objects.filter(pk__in=[pk for pk, _key in wanted], sync_state__in=states).update(
            sync_state=SyncState.PENDING, sync_error=""
        )
        enqueue.open_pushes(BIFIT, ENTITY, wanted)


def _origins(ids: Collection[int]) -> Iterator[Origin]:
    fields = (
        *("remote", "key", "status", "agreed", "sync_state", "sync_conflict", "order"),
        *("order__delivery_status", "order__courier", "order__hold"),
    )
    for some in enqueue.chunks(sorted(ids)):
        rows: QuerySet[Origin] = Origin.objects.filter(remote=BIFIT, order__among=frozenset(some))
        yield from rows.select_related("order").only(*fields)
