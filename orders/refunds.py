"""Returns: what of a paid order can still be brought back, and the order that brings it back.

A return is an order of its own at iRECA (`POST orders?isRefund=1`, seed 002:212-350): lines, and the payments that are
given back. It is made here in one transaction with a command that holds the whole object, for creating it twice would
give the money twice. No `replace` carries payments, so until iRECA knows it the outbox leaves it alone: it is stored
untracked, and edits made meanwhile wait (see `OrderMirror.dependencies`).

What may be returned is counted under a lock on the original order, so that two people at once cannot return more than
was sold or paid. Money is `Decimal` roubles; what iRECA itself took back (`returnedOrder`) counts too.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef
from django.utils.translation import gettext as _

from backoffice.remotes.ireca import contract
from backoffice.sync import enqueue, history
from backoffice.sync.changes import touch
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.personal import seen_by
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import parts
from orders.models import DeliveryStatus, Line, Order, Payment, PaymentStatus, ReturnReason
from orders.refund_command import COMMAND

KOPECK = Decimal("0.01")

# How a refund begins. The one example of the seed (298-299) is paid and taken by the courier, and a courier is required
# (221): its payments are those that were made, and it is he who gives the money back and prints the receipt. A
# dispatcher who sends a courier first may let it begin as prepared (T27 forces nothing).
STATUS = PaymentStatus.PAID
DELIVERY_STATUSES = (DeliveryStatus.TAKEN, DeliveryStatus.PREPARED)

# Of what iRECA tells as taken back in the app: returns that were made here, and so are orders of their own.
MADE_HERE = Order.objects.filter(
    refund_of=OuterRef("refund__order"), ireca_id=OuterRef("refund__returned_order_ireca_id")
).exclude(delivery_status=DeliveryStatus.CANCELLED)

COPIED = (
    *("source", "client", "client_firstname", "client_lastname", "client_inn", "client_email", "phone", "supplier"),
    "to_line",
    *(
        f"{side}_{part}"
        for side in ("from", "to")
        for part in ("postindex", "city", "street", "home", "apartment", "latitude", "longitude", "is_use_google_geo")
    ),
)
COPIED_OF_LINE = (
    *("position", "good", "title", "article", "price", "tax", "calc_id", "unit", "ved_code", "country_code"),
    *("custom_declaration_code", "mark_value", "mark_binary_value", "weight", "multiplicity", "description"),
)


class NotReturnable(Exception):
    """A return cannot be made; the text says why, in the active language."""


@dataclass(frozen=True)
class ReturnLine:
    """A line of the original order and how many pieces of it came back already."""

    line: Line
    returned: Decimal

    @property
    def left(self) -> Decimal:
        return max(self.line.count - self.returned, Decimal(0))

    @property
    def payable(self) -> Decimal:
        return self.line.total + self.line.discount_total

    def amounts(self, count: Decimal) -> tuple[Decimal, Decimal]:
        """Total and discount of the next `count` pieces. Rounded so that all returns together make the line's own."""
        total, discount = (
            _share(whole, self.returned + count, self.line.count) - _share(whole, self.returned, self.line.count)
            for whole in (self.line.total, self.line.discount_total)
        )
        return total, discount


@dataclass(frozen=True)
class ReturnPayment:
    """A payment of the original order and how much of it was given back. `key` tells it from the order's others."""

    key: str
    payment: Payment
    given_back: Decimal

    @property
    def left(self) -> Decimal:
        return max((self.payment.price or Decimal(0)) - self.given_back, Decimal(0))


@dataclass(frozen=True)
class Returnable:
    """What can still be returned of an order."""

    order: Order
    lines: Sequence[ReturnLine]
    payments: Sequence[ReturnPayment]
    returned: Decimal  # the money of all returns, by their lines or by their payments, whichever is more

    @property
    def money_left(self) -> Decimal:
        paid = sum((item.payment.price or Decimal(0) for item in self.payments), Decimal(0))
        return max(min(sum((item.left for item in self.payments), Decimal(0)), paid - self.returned), Decimal(0))

    def due(self, counts: Mapping[int, Decimal]) -> Decimal:
        """What the pieces cost after discounts; `counts` by key of the line."""
        chosen = [item.amounts(counts[item.line.pk]) for item in self.lines if counts.get(item.line.pk)]
        return sum((total + discount for total, discount in chosen), Decimal(0))

    def share_out(self, sum_: Decimal) -> dict[str, Decimal]:
        """A sum over the payments, the first one first: by key of the payment, those without a share at zero."""
        shares = {}
        for item in self.payments:
            shares[item.key] = min(item.left, sum_)
            sum_ -= shares[item.key]
        return shares

    def why_not(self) -> str:
        """Why nothing can be returned, or an empty text."""
        order = self.order
        if order.is_refund:
            return _("This order is a return itself.")
        if order.status != PaymentStatus.PAID:
            return _("The order is not paid, so there is nothing to give back.")
        if order.remote_data is None:
            return _("iRECA does not know the order yet.")
        if not any(item.payment.price for item in self.payments):
            return _("iRECA has told no payment of this order. Refresh it first.")
        if not any(item.left for item in self.lines) or not self.money_left:
            return _("Everything was returned already.")
        return ""


@dataclass(frozen=True)
class Wanted:
    """What a person asks for. `key` stands for the form that was filled in: it makes one refund, however often sent."""

    key: uuid.UUID
    counts: Mapping[int, Decimal]  # by key of the line
    sums: Mapping[str, Decimal]  # by key of the payment, see `ReturnPayment.key`
    reason: ReturnReason
    courier: Courier
    payment_type: PaymentType
    delivery_status: int
    start: datetime
    end: datetime


def returnable(order: Order) -> Returnable:
    """Count what is left to return, in seven queries at most."""
    refunds = Order.objects.filter(refund_of=order).exclude(delivery_status=DeliveryStatus.CANCELLED)
    refund_lines = list(Line.objects.filter(order__in=refunds))
    refund_payments = list(Payment.objects.filter(order__in=refunds))
    told = getattr(order, "refund", None)
    # What the courier took back in his app comes on top, unless iRECA tells by it of a refund made here. That it does
    # is an assumption (seed 469 says no more than "id of the order"), and of the two errors the one that gives too
    # little can be mended.
    is_ours = told is not None and refunds.filter(ireca_id=told.returned_order_ireca_id).exists()
    goods = list(told.goods.all()) if told is not None and not is_ours else []
    payments = list(told.payments.all()) if told is not None and not is_ours else []

    pieces: dict[Any, Decimal] = defaultdict(Decimal)
    for line in refund_lines:
        pieces[line.good_id, line.position] += line.count
    for good in goods:
        pieces[good.good_id] += good.count or Decimal(0)
    lines = []
    for line in order.lines.select_related("good").order_by("position", "id"):
        returned = Decimal(0)
        for pool in ((line.good_id, line.position), line.good_id):
            taken = min(pieces[pool], line.count - returned)
            pieces[pool] -= taken
            returned += taken
        lines.append(ReturnLine(line, returned))

    given: dict[str, Decimal] = defaultdict(Decimal)
    for payment in refund_payments:
        given[_payment_key(payment)] += payment.price or Decimal(0)
    for back in payments:
        given[back.payment_ref] += abs(back.sum or Decimal(0))
    paid = []
    alike: Counter[str] = Counter()
    for payment in order.payments.select_related("payment_type"):
        name = _payment_key(payment)
        taken = min(given[name], max(payment.price or Decimal(0), Decimal(0)))
        given[name] -= taken
        # Two of one kind without ids of their own look the same, and yet each was paid.
        paid.append(ReturnPayment(f"{name}/{alike[name]}" if alike[name] else name, payment, taken))
        alike[name] += 1
    by_lines = sum((line.total + line.discount_total for line in refund_lines), Decimal(0))
    by_payments = sum((payment.price or Decimal(0) for payment in refund_payments), Decimal(0))
    in_the_app = sum((abs(back.sum or Decimal(0)) for back in payments), Decimal(0))
    return Returnable(
        order,
        lines,
        paid,
        max(by_lines, by_payments) + in_the_app,
    )


@seen_by(None)
def make(order_id: int, wanted: Wanted, user: Any = None) -> Order:
    """Make a refund of an order: the row, its lines and payments, and the command that creates it at iRECA.

    The same `wanted.key` gives the refund that it made before. Raises NotReturnable.
    """
    with transaction.atomic():
        # The original order first, and only then all that is counted.
        original = _locked(order_id)
        if (made := Order.objects.filter(refund_key=wanted.key).first()) is not None:
            if made.refund_of_id != original.pk:
                raise NotReturnable(_("This form has made a return of another order."))
            return made
        left = returnable(original)
        _check(left, wanted)
        with enqueue.untracked():
            refund = _store(left, wanted, user)
        _enqueue(refund)
    return refund


def _locked(order_id: int) -> Order:
    orders = Order.objects.filter(pk=order_id)
    # SQLite's transactions are immediate: whoever is in one is alone.
    if connection.features.has_select_for_update:
        orders = orders.select_for_update()
    order = orders.first()
    if order is None:
        raise NotReturnable(_("The order is not there any more."))
    return order


def _check(left: Returnable, wanted: Wanted) -> None:
    if why := left.why_not():
        raise NotReturnable(why)
    lines = {item.line.pk: item for item in left.lines}
    payments = {item.key: item for item in left.payments}
    if not wanted.counts.keys() <= lines.keys() or not wanted.sums.keys() <= payments.keys():
        raise NotReturnable(_("The order was changed meanwhile. Look at it again."))
    if not any(wanted.counts.values()):
        raise NotReturnable(_("Choose what is returned."))
    for key, count in wanted.counts.items():
        if not 0 <= count <= lines[key].left:
            raise NotReturnable(
                _("Of “%(line)s” at most %(left)s can be returned.")
                % {"line": lines[key].line, "left": f"{lines[key].left.normalize():f}"}
            )
    for ref, sum_ in wanted.sums.items():
        if not 0 <= sum_ <= payments[ref].left:
            raise NotReturnable(
                _("Of the payment %(payment)s at most %(left)s can be given back.")
                % {"payment": payments[ref].payment, "left": payments[ref].left}
            )
    given, due = sum(wanted.sums.values(), Decimal(0)), left.due(wanted.counts)
    if abs(given - due) > KOPECK:
        raise NotReturnable(
            _("The lines cost %(due)s, but %(given)s is to be given back.") % {"due": due, "given": given}
        )
    if given > left.money_left:
        raise NotReturnable(_("Only %(left)s of what was paid is left.") % {"left": left.money_left})


def _store(left: Returnable, wanted: Wanted, user: Any) -> Order:
    original = left.order
    chosen = [(item, wanted.counts[item.line.pk]) for item in left.lines if wanted.counts.get(item.line.pk)]
    amounts = [item.amounts(count) for item, count in chosen]
    refund = Order(
        **{name: getattr(original, name) for name in COPIED},
        number=_number(original),
        is_refund=True,
        refund_of=original,
        refund_key=wanted.key,
        status=STATUS,
        delivery_status=wanted.delivery_status,
        return_reason=wanted.reason,
        courier=wanted.courier,
        payment_type=wanted.payment_type,
        amount_to_pay=sum((total for total, _discount in amounts), Decimal(0)),
        delivery_time_from=wanted.start,
        delivery_time_to=wanted.end,
        description=_("Return of order %(number)s") % {"number": original},
        sync_state=SyncState.PENDING,
    )
    refund._history_user = user  # type: ignore[attr-defined]  # what simple-history asks for
    refund.save()
    # Warehouses are where goods are fetched from, so a return has none.
    Line.objects.bulk_create(
        Line(
            **{name: getattr(item.line, name) for name in COPIED_OF_LINE},
            order=refund,
            count=count,
            total=total,
            discount_total=discount,
        )
        for (item, count), (total, discount) in zip(chosen, amounts, strict=True)
    )
    Payment.objects.bulk_create(
        Payment(
            **{spec.name: getattr(item.payment, spec.name) for spec in parts.PAYMENT if spec.name != "price"},
            order=refund,
            price=wanted.sums[item.key],
        )
        for item in left.payments
        if wanted.sums.get(item.key)
    )
    return refund


def _number(original: Order) -> str:
    """The next free of N-R1, N-R2 …"""
    taken = set(original.refund_orders.values_list("number", flat=True))
    return next(name for nth in range(1, len(taken) + 2) if (name := f"{original}-R{nth}") not in taken)


@seen_by(None)
def take_in(made: Sequence[Order]) -> None:
    """Let refunds that were stored with their lines and payments be created at iRECA. Raises NotReturnable."""
    keys = [refund.pk for refund in made]
    Order._base_manager.filter(pk__in=keys).update(is_refund=True, sync_state=SyncState.PENDING)
    history.keep(Order, keys, kind="+", user=history.actor(), reason=history.reason())
    for refund in made:
        _enqueue(refund)


def _enqueue(refund: Order) -> None:
    mirror = registry.for_model(Order)
    assert mirror is not None
    row = mirror.queryset().get(pk=refund.pk)
    said = mirror.build(row)
    said.is_refund = True
    said.payments = [
        contract.Payment(**{spec.attr: spec.read(payment) for spec in parts.PAYMENT}) for payment in row.payments.all()
    ]
    try:
        contract.encode(said, "refund")
    except contract.ContractError as error:
        raise NotReturnable(_("iRECA would not take it: %(error)s") % {"error": error}) from error
    payload = {"order": contract.dump(said)}
    enqueue.command("ireca", "orders", COMMAND, payload, object_id=refund.pk, remote_id=row.ireca_id)
    touch(Order, [refund.pk])  # it was stored untracked, and what is kept of orders counts it from now on


# arithmetic


def _share(whole: Decimal, count: Decimal, of: Decimal) -> Decimal:
    return (whole * count / of).quantize(KOPECK, ROUND_HALF_UP) if of else Decimal(0)


def _payment_key(payment: Payment) -> str:
    """iRECA's id of the payment, or what else tells it from the others of its order."""
    return payment.payment_ref or f"{payment.payment_type_id}/{payment.rrn}/{payment.paid_in}"
