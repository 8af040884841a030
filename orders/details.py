"""What an order's own answer does not hold: status changes, receipts and the journal, read by id when a change calls
for them.

`details_due_at` says when an order is to be read next. A closed, paid order without its receipt is read again, ever
less often, until the receipt is there: that is how no paid order stays without one unnoticed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from msgspec import UNSET

from backoffice.remotes.http import Refused, RemoteError
from backoffice.remotes.ireca import contract
from backoffice.sync import pull
from backoffice.sync.apply import Applied
from backoffice.sync.changes import touch
from backoffice.sync.connection import is_outage, worked
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Keys
from fiscal.models import Receipt
from orders import kept, readers
from orders.delivered import note_delivered
from orders.models import DeliveryStatus, Order, PaymentStatus, ReturnReason, StatusChange
from orders.models.order import LACKS_RECEIPT

BATCH = 10  # a round of the worker must not keep the next push waiting for long
LEASE = timedelta(minutes=2)
SOON = timedelta(seconds=10)  # from a write of ours until the journal is sure to tell of it
FEW = 50  # changed orders, of which the journal is read at once; after a bulk pull the scheduled rounds do
# How long to wait before an order without its receipt is read again, by attempt.
AGAIN = [timedelta(seconds=s) for s in (10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)]


def note(orders: Sequence[Order], now: datetime, made_here: Set[int] = frozenset()) -> None:
    """Orders that the remote changed: their details are due. Called inside the transaction of that change.

    :param made_here: orders that are read for the first time after we made them: until they are on their way, iRECA can
        tell of them only what we told it, so a thousand new orders are no three thousand requests.
    """
    started = [
        order.pk for order in orders if order.delivery_status not in (DeliveryStatus.NEW, DeliveryStatus.PREPARED)
    ]
    paid = [order.pk for order in orders if order.status == PaymentStatus.PAID or order.is_returned]
    journal = [order.pk for order in orders if order.pk not in made_here] if len(orders) <= FEW else []
    Order._base_manager.filter(pk__in={*started, *paid, *journal}).update(details_due_at=now, details_attempts=0)


def after_overwriting(ids: Collection[int], of: int) -> None:
    """We may have put something back of these, in a batch of so many: the journal tells (see `traces.py`)."""
    if of <= FEW:
        at = timezone.now() + SOON
        later = Q(details_due_at__isnull=True) | Q(details_due_at__gt=at)
        Order._base_manager.filter(later, pk__in=ids).update(details_due_at=at)


def request(ids: Collection[int]) -> int:
    """Let the worker read these orders next, because a person asked. Returns how many of them iRECA knows."""
    return sum(
        Order._base_manager.filter(pk__in=batch, remote_data__isnull=False).update(
            details_due_at=timezone.now(), details_attempts=0
        )
        for batch in chunks(ids)
    )


def expected_receipts(order: Order) -> tuple[str, int]:
    """Of which kind, and how many, a paid order has when it is closed: with a prepayment two (seed 002:94)."""
    if order.is_refund:
        return Receipt.Kind.RETURN, 1
    return Receipt.Kind.SALE, 2 if order.prepayment_sum else 1


def has_all_receipts(order: Order) -> bool:
    """Whether the receipts are here that it has when it is paid and closed."""
    kind, count = expected_receipts(order)
    return (order.sale_receipts if kind == Receipt.Kind.SALE else order.return_receipts) >= count


def due(now: datetime) -> QuerySet[Order]:
    return Order._base_manager.filter(details_due_at__lte=now)


def read_due(client: Any) -> int:
    """Read what is due. Returns the number of orders read. A remote that fails leaves them due."""
    now = timezone.now()
    with transaction.atomic():
        rows = due(now).order_by("details_due_at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        orders = list(rows[:BATCH])
        for order in orders:
            order.details_due_at = now + LEASE
        Order._base_manager.filter(pk__in=[order.pk for order in orders]).update(details_due_at=now + LEASE)
    for index, order in enumerate(orders):
        try:
            read(client, order)
        except RemoteError as error:
            if not is_outage(error):
                _next(order, refused=str(error))  # this order is what iRECA stumbles over: later, and not first
                continue
            left = [rest.pk for rest in orders[index:]]
            Order._base_manager.filter(pk__in=left).update(details_due_at=now)
            raise
    if orders:
        worked(client.session.remote)
    return len(orders)


pull.FOLLOW_UPS.append(pull.FollowUp(read_due, due))


def read(client: Any, order: Order) -> str:
    """Read an order's status changes and receipts, and decide when to look again. Returns iRECA's refusal, or ""."""
    try:
        changes = list(client.orders.journal_statuses(order.ireca_id))
        sales = client.receipts.order_receipts(order.ireca_id)
        returns = client.receipts.order_return_receipts(order.ireca_id) if order.is_returned or order.is_refund else []
        readers.read_journal_of(client, [order])
    except Refused as refusal:
        _next(order, refused=str(refusal))
        return str(refusal)
    with transaction.atomic():
        keep_status_changes(order, changes)
        keep_receipts(order, Receipt.Kind.SALE, sales)
        keep_receipts(order, Receipt.Kind.RETURN, returns)
        _next(order)
    return ""


def _next(order: Order, refused: str = "") -> None:
    """Nothing more to read, unless a receipt is still missing."""
    kinds = list(order.receipts.values_list("kind", flat=True))
    is_paid = order.status == PaymentStatus.PAID and order.delivery_status == DeliveryStatus.CLOSED
    kind, count = expected_receipts(order)
    missing = (is_paid and kinds.count(kind) < count) or (order.is_returned and Receipt.Kind.RETURN not in kinds)
    delay = AGAIN[min(order.details_attempts, len(AGAIN) - 1)] if missing or refused else None
    # Where a change made it due again meanwhile, that stays.
    Order._base_manager.filter(pk=order.pk, details_due_at=order.details_due_at).update(
        details_due_at=timezone.now() + delay if delay else None, details_attempts=order.details_attempts + 1
    )


def keep_status_changes(order: Order, changes: Sequence[contract.StatusChange]) -> int:
    """Store status changes; those that are there already stay. Returns how many are new."""
    keys = Keys()
    for change in changes:
        if change.return_reason_id is not UNSET:
            keys.want(ReturnReason, change.return_reason_id)
    keys.resolve()
    known = set(order.status_changes.values_list("created_at", "delivery_status"))
    rows = [
        StatusChange(
            order=order,
            delivery_status=change.delivery_status_id if isinstance(change.delivery_status_id, int) else None,
            return_reason_id=keys.key(ReturnReason, change.return_reason_id or None),
            longitude=change.longitude or None,
            latitude=change.latitude or None,
            accuracy=change.accuracy or None,
            created_at=change.created_at or None,
        )
        for change in changes
    ]
    latest = {(row.created_at, row.delivery_status): row for row in rows}
    fresh = [row for key, row in latest.items() if key not in known]
    StatusChange.objects.bulk_create(fresh, ignore_conflicts=True)
    if fresh:
        note_delivered([order.pk])
    if fresh and order.is_refund:
        kept.keep([order.pk])  # the cash was given back when it was delivered
    return len(fresh)


def keep_receipts(order: Order, kind: str, receipts: Sequence[contract.Receipt]) -> int:
    """Store receipts. What one said is never replaced: a second one is a second row, and so is seen. But a register
    tells a document bit by bit, and told again with more it is the same one. Returns how many are new.
    """
    there = list(order.receipts.filter(kind=kind))
    fresh: list[Receipt] = []
    fuller: set[Receipt] = set()
    for receipt in _own(order, receipts):
        row = Receipt(
            order=order,
            kind=kind,
            **{name: getattr(receipt, name) or "" for name in TEXTS},
            date_time_receipt=receipt.date_time_receipt or None,
            remote_data=contract.dump(receipt),
        )
        same = sorted((one for one in (*there, *fresh) if _is_same(one, row)), key=lambda one: _told(one) != _told(row))
        if not same:
            fresh.append(row)
            continue
        known = same[0]  # a part may stand beside the whole
        names = (*TEXTS, "date_time_receipt")
        if blanks := [name for name in names if getattr(row, name) and not getattr(known, name)]:
            for name in (*blanks, "remote_data"):
                setattr(known, name, getattr(row, name))
            if known.pk is not None:
                fuller.add(known)
    before = order.receipts.count()
    Receipt.objects.bulk_create(fresh, ignore_conflicts=True)
    Receipt.objects.bulk_update(fuller, (*TEXTS, "date_time_receipt", "remote_data"))
    new = order.receipts.count() - before
    if new or fuller:
        touch(Order, [order.pk])
    return new


def _own(order: Order, receipts: Sequence[contract.Receipt]) -> list[contract.Receipt]:
    """Without those that say nothing, and those that name another order, which is the one they were printed for."""
    named = {str(receipt.order_id) for receipt in receipts if receipt.order_id} - {order.ireca_id}
    others = set(Order._base_manager.filter(ireca_id__in=named).values_list("ireca_id", flat=True)) if named else set()
    return [
        receipt
        for receipt in receipts
        if (receipt.fiscal_sign or receipt.fd_number) and str(receipt.order_id) not in others
    ]


def _told(receipt: Receipt) -> tuple[str, str, str]:
    """What tells documents apart."""
    return receipt.fd_number, receipt.fiscal_sign, receipt.fn


def _is_same(one: Receipt, other: Receipt) -> bool:
    """Whether both tell of one document: by its number or its sign, and nothing that both tell differs."""
    both = list(zip(_told(one), _told(other), strict=True))
    return all(a == b for a, b in both if a and b) and any(a and a == b for a, b in both[:2])


TEXTS = ("serial_number", "shift_number", "fn", "fd_number", "receipt_number", "fiscal_sign")


@pull.reader("orderReceipts", rank=4, every=900)
def read_missing_receipts(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """Receipts of paid and closed orders that lack one; those that `read_due` comes to by itself are left to it."""
    after = (progress.pull.cursor or {}).get("after", 0)
    # What iRECA does not know yet may have the id of another order there, whose receipt would be taken for its own.
    known = Order._base_manager.filter(LACKS_RECEIPT, details_due_at__isnull=True, remote_data__isnull=False)
    orders = known.filter(pk__gt=after).order_by("pk")
    for order in orders.iterator(chunk_size=200):
        before = order.receipts.count()
        try:
            read(client, order)
        except RemoteError as error:
            if is_outage(error):
                raise
            progress.bad([f"{order}: {error}"])
        progress.add(Applied(created=order.receipts.count() - before), 1, {"after": order.pk})
