"""What orders are called late, at risk, of a day, without a receipt: the same for lists, figures and reports."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.sync.mirrored import SyncState
from orders.models import DeliveryStatus, Hold, Order, Origin, Payment, PaymentStatus
from orders.models.order import IS_OPEN, LACKS_RECEIPT

TO_COLLECT = IS_OPEN & Q(status=PaymentStatus.UNPAID, is_refund=False)
# Who has the goods waits for nobody, whatever is still to be closed.
IS_AWAITED = IS_OPEN & ~Q(delivery_status=DeliveryStatus.DELIVERED)
IN_TROUBLE = (SyncState.FAILED, SyncState.CONFLICT)
RISK = timedelta(minutes=30)
# iRECA does not know it, so no courier had it: the client fetched it, or it was over at its register service before it
# came here. The register there prints the receipt, and nobody tells us of it.
PRINTED_ELSEWHERE = Q(remote_data__isnull=True) & (Q(hold=Hold.PICKUP) | Q(hold=Hold.WAITS, origin__isnull=False))
NO_RECEIPT = LACKS_RECEIPT & ~PRINTED_ELSEWHERE

# Without it nobody would miss the money that a register took for it, or the receipt that is due.
IS_KEPT = NO_RECEIPT | Q(
    Exists(Payment._base_manager.filter(order=OuterRef("pk")).exclude(price=None).exclude(price=0)), is_refund=False
)


def why_kept(orders: Iterable[Order]) -> list[str]:
    """Which of these orders are not deleted, and why, for people."""
    text = _("%(order)s was paid: deleted, it would be missing from cash and receipts. Return it instead.")
    kept = Order.objects.filter(IS_KEPT, pk__in=[order.pk for order in orders]).order_by("pk")
    return [text % {"order": order} for order in kept]


def is_awaited(delivery_status: int) -> bool:
    """As IS_AWAITED, of one order."""
    return delivery_status not in (DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)


def day_start(day: date) -> datetime:
    """Midnight in the time zone of whoever looks."""
    return timezone.make_aware(datetime.combine(day, time.min))


def of_day(day: date) -> Q:
    """Orders whose window begins on that day."""
    return Q(delivery_time_from__gte=day_start(day), delivery_time_from__lt=day_start(day + timedelta(days=1)))


def late(now: datetime) -> Q:
    """Awaited, and the window is over."""
    return IS_AWAITED & Q(delivery_time_to__lt=now)


def problems() -> Q:
    """Refused or in conflict, with iRECA or at a register service. Two lookups on indexes and their union: an OR over
    both tables would visit every order.
    """
    ours = Order.objects.filter(sync_state__in=IN_TROUBLE).order_by().values("pk")
    theirs = Origin.objects.filter(sync_state__in=IN_TROUBLE).order_by().values("order")
    return Q(pk__in=ours.union(theirs))


def at_risk(now: datetime) -> Q:
    """Awaited, and the window ends soon."""
    return IS_AWAITED & Q(delivery_time_to__gte=now, delivery_time_to__lt=now + RISK)
