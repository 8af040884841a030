"""Queues of orders whose money and receipts need an accountant, each as a condition that figures and lists share.

A queue knows which orders are in it and since when. By that moment they fall into ages (`AGES`), each order into one;
what has no such moment is an age of its own. A figure counts what the order list shows under `?fiscal=…&fiscal_age=…`:
both are made by `Queue.orders`.

Most queues are short by nature and lie in partial indexes however many orders there are. What has to compare order by
order (`is_costly`) is counted for HORIZON only, unless someone asks for all years.

What is compared. iRECA's receipts carry no sum (seed 002:1216-1251), so no receipt is compared with money. Compared are
the payments that iRECA tells with what the order comes to after the discounts of its lines, less the prepayment where
they leave it out; of returns, the money given back with the goods taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Abs, Coalesce
from django.db.models.lookups import GreaterThan
from django.utils.translation import gettext_lazy as _

from fiscal.models import Receipt
from orders import conditions, refunds
from orders.models import DeliveryStatus, Order, Payment, PaymentStatus, Refund, RefundGood, RefundPayment
from orders.models.order import HAS_SEVERAL_RECEIPTS

LONG = timedelta(days=1)  # after the window, by when a paid order should be closed
HORIZON = timedelta(days=31)
HALF_A_KOPECK = Decimal("0.005")  # SQLite adds money up in binary

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Age:
    """A span of ages: at least `least`, less than `most`; without both, those of no age."""

    name: str
    title: Any
    least: timedelta | None
    most: timedelta | None
    kind: str = ""  # the colour of a figure that is not zero

    def of(self, column: str, now: datetime) -> Q:
        if self.least is None and self.most is None:
            return Q(**{f"{column}__isnull": True})
        found = Q()
        if self.most is not None:
            found &= Q(**{f"{column}__gt": now - self.most})
        if self.least is not None:
            found &= Q(**{f"{column}__lte": now - self.least})
        return found


FRESH = Age("hour", _("less than an hour"), None, HOUR)
UNKNOWN = Age("unknown", _("age not known"), None, None, "warning")
OLDER = Age("older", _("older than a month"), HORIZON, None, "danger")
AGES = (
    FRESH,
    Age("day", _("up to a day"), HOUR, DAY, "warning"),
    Age("week", _("up to a week"), DAY, 7 * DAY, "danger"),
    Age("month", _("up to a month"), 7 * DAY, HORIZON, "danger"),
    OLDER,
    UNKNOWN,
)
AGE_BY_NAME = {age.name: age for age in AGES}


@dataclass(frozen=True)
class Queue:
    """Orders with one kind of trouble. `moment` is the column that they age by, `annotate` adds what `rows` needs."""

    name: str
    title: Any
    text: Any
    rows: Callable[[QuerySet[Order], datetime], QuerySet[Order]]
    moment: str = "delivery_time_to"
    is_costly: bool = False
    youngest: timedelta = timedelta(0)  # no order in it is younger

    def ages(self) -> tuple[Age, ...]:
        return tuple(age for age in AGES if age.most is None or age.most > self.youngest)

    def orders(self, orders: QuerySet[Order], now: datetime, age: Age | None = None) -> QuerySet[Order]:
        """Those of the orders that are in this queue, of one age or of any."""
        found = self.rows(orders, now)
        return found.filter(age.of(self.moment, now)) if age is not None else found


def counts(queue: Queue, now: datetime, *, all_years: bool = False) -> dict[Age, int]:
    """How many orders of each age are in a queue. One query; a costly queue's older ones only where asked for."""
    ages = [age for age in queue.ages() if all_years or not queue.is_costly or age not in (OLDER, UNKNOWN)]
    since = None if OLDER in ages else now - HORIZON
    rows = queue.rows(Order.objects.order_by(), now)
    if since is not None:
        rows = rows.filter(**{f"{queue.moment}__gt": since})
    found = rows.aggregate(**{age.name: Count("pk", filter=age.of(queue.moment, now)) for age in ages})
    return {age: found[age.name] for age in ages}


# the queues

Rows = QuerySet[Order]
_MONEY: Any = DecimalField(max_digits=16, decimal_places=3)


def _sum(rows: QuerySet, column: Any, by: str) -> Subquery:
    """The sum of a column over the rows of an order, none where there are none."""
    return Subquery(
        rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(sum=Sum(column)).values("sum"),
        output_field=_MONEY,
    )


def _differ(first: Any, second: Any) -> Q:
    return Q(GreaterThan(Abs(first - second, output_field=_MONEY), HALF_A_KOPECK))


def _no_receipt(orders: Rows, now: datetime) -> Rows:
    """It is due once the goods are with the client, be that days before the window ends or hours after. A moment that
    is still to come is that of a wrong clock.
    """
    delivered = Case(When(delivered_at__lte=now, then="delivered_at"))
    return orders.filter(conditions.NO_RECEIPT).annotate(receipt_due=Coalesce(delivered, "delivery_time_to"))


def _paid_open(orders: Rows, now: datetime) -> Rows:
    ended = Q(delivery_time_to__lte=now - LONG) | Q(delivery_time_to__isnull=True)
    return orders.filter(conditions.IS_OPEN, ended, status=PaymentStatus.PAID)


def _closed_unpaid(orders: Rows, now: datetime) -> Rows:
    return orders.filter(status=PaymentStatus.UNPAID, delivery_status=DeliveryStatus.CLOSED)


def _delivered_open(orders: Rows, now: datetime) -> Rows:
    ended = Q(delivery_time_to__lte=now - LONG) | Q(delivery_time_to__isnull=True)
    return orders.filter(
        conditions.IS_OPEN, ended, status=PaymentStatus.UNPAID, delivery_status=DeliveryStatus.DELIVERED
    )


def _cancelled_paid(orders: Rows, now: datetime) -> Rows:
    """Only where payments tell that money was taken: what was paid to a shop online is the shop's to give back."""
    returns = Payment.objects.filter(order__is_refund=True).exclude(order__delivery_status=DeliveryStatus.CANCELLED)
    return (
        orders.filter(delivery_status=DeliveryStatus.CANCELLED, is_refund=False)
        .annotate(taken=F("paid_cash") + F("paid_cashless"))
        .filter(taken__gt=0)
        .annotate(
            by_returns=Coalesce(_sum(returns, Abs("price"), "order__refund_of"), 0, output_field=_MONEY),
            in_the_app=Coalesce(_sum(_in_the_app(), Abs("sum"), "refund__order"), 0, output_field=_MONEY),
        )
        .filter(GreaterThan(F("taken") - F("by_returns") - F("in_the_app"), HALF_A_KOPECK))
    )


def _in_the_app() -> QuerySet[RefundPayment]:
    """Money that was given back in the app. A return made here is an order of its own, with its own receipt."""
    return RefundPayment.objects.filter(~Q(Exists(refunds.MADE_HERE)))


def _no_return_receipt(orders: Rows, now: datetime) -> Rows:
    given_back = _in_the_app().exclude(sum=None).exclude(sum=0).order_by().values("refund__order")
    return orders.filter(pk__in=given_back, is_refund=False, return_receipts=0)


def _doubled(orders: Rows, now: datetime) -> Rows:
    """More receipts of a kind than an order has (`details.expected_receipts`)."""
    last = Receipt.objects.filter(order=OuterRef("pk"), date_time_receipt__isnull=False)
    return orders.filter(
        HAS_SEVERAL_RECEIPTS,
        Q(return_receipts__gt=1)
        | Q(sale_receipts__gt=2)
        | Q(Q(prepayment_sum=0) | Q(is_refund=True), sale_receipts__gt=1),
    ).annotate(last_receipt=Subquery(last.order_by("-date_time_receipt", "-pk").values("date_time_receipt")[:1]))


def _paid_and_closed(orders: Rows) -> Any:  # orders with one column more
    paid = _sum(Payment.objects.all(), "price", "order")
    return orders.filter(status=PaymentStatus.PAID, delivery_status=DeliveryStatus.CLOSED).annotate(paid=paid)


def _payments_differ(orders: Rows, now: datetime) -> Rows:
    return (
        _paid_and_closed(orders)
        .filter(paid__isnull=False)
        .alias(whole=F("amount_to_pay") + F("discounts"))
        .filter(_differ(F("paid"), F("whole")))
        .filter(_differ(F("paid"), F("whole") - F("prepayment_sum")))
    )


def _no_payments(orders: Rows, now: datetime) -> Rows:
    return _paid_and_closed(orders).filter(Q(sale_receipts__gt=0) | Q(return_receipts__gt=0), paid__isnull=True)


def _returns_differ(orders: Rows, now: datetime) -> Rows:
    returned = Refund.objects.order_by().values("order")
    return (
        orders.filter(pk__in=returned)
        .annotate(
            given_back=_sum(RefundPayment.objects.all(), Abs("sum"), "refund__order"),
            taken_back=_sum(RefundGood.objects.all(), Abs("sum"), "refund__order"),
            paid=_sum(Payment.objects.all(), "price", "order"),
        )
        .filter(_differ(F("given_back"), F("taken_back")) | Q(given_back__gt=F("paid") + HALF_A_KOPECK))
    )


QUEUES = (
    Queue(
        "no_receipt",
        _("Closed and paid, without a receipt"),
        _(
            "Receipts that a closed and paid order should have and that iRECA has not told; with a prepayment, two. "
            "Aged by when it was delivered, or by the end of the window where that is not known."
        ),
        _no_receipt,
        moment="receipt_due",
    ),
    Queue(
        "paid_open",
        _("Paid, not closed long after the window"),
        _("The window ended more than a day ago. The receipt is printed when the courier closes the order."),
        _paid_open,
        youngest=LONG,
    ),
    Queue(
        "closed_unpaid",
        _("Closed, not paid"),
        _("The goods are with the client, and nothing says that he paid."),
        _closed_unpaid,
    ),
    Queue(
        "delivered_open",
        _("Delivered, neither paid nor closed long after the window"),
        _("The goods are with the client, and the window ended more than a day ago. Nothing says that he paid."),
        _delivered_open,
        youngest=LONG,
    ),
    Queue(
        "cancelled_paid",
        _("Cancelled, and the money was not given back"),
        _("Payments tell that money was taken, and neither a return nor the app tells that all of it was given back."),
        _cancelled_paid,
        is_costly=True,
    ),
    Queue(
        "no_return_receipt",
        _("Given back in the app, without a return receipt"),
        _("Money was given back to the client, and iRECA has not told the receipt. Aged by when it was given back."),
        _no_return_receipt,
        moment="refund__created_at",
    ),
    Queue(
        "doubled",
        _("Two receipts for one order"),
        _(
            "More receipts of a kind than are due: one, and with a prepayment a second receipt of sale, which is "
            "right. Aged by the last receipt."
        ),
        _doubled,
        moment="last_receipt",
    ),
    Queue(
        "payments_differ",
        _("Payments differ from the order"),
        _(
            "The payments that iRECA tells are neither what the order comes to after the discounts of its lines, "
            "nor that less the prepayment."
        ),
        _payments_differ,
        is_costly=True,
    ),
    Queue(
        "no_payments",
        _("A receipt, but no payment"),
        _("What the receipt was about cannot be told: iRECA tells the sum with the payments only."),
        _no_payments,
        is_costly=True,
    ),
    Queue(
        "returns_differ",
        _("Returns differ"),
        _("The money given back is not what the goods taken back come to, or is more than was paid."),
        _returns_differ,
        is_costly=True,
    ),
)
BY_NAME = {queue.name: queue for queue in QUEUES}


def every(now: datetime, *, all_years: bool = False) -> Iterator[tuple[Queue, dict[Age, int]]]:
    """Each queue with its counts, in as many queries as there are queues."""
    for queue in QUEUES:
        yield queue, counts(queue, now, all_years=all_years)
