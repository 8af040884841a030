"""A correction prepared for an order: what to print (`fiscal.corrections`) with the figures to enter, and which
correction receipts may be its own.

The right figures are those of the order. The wrong ones are what the accountant reads from the faulty receipt, for
iRECA tells no sums: what he leaves out stays open and is to be taken from the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from fiscal.corrections import Fault, Requisite, Step, requisites, steps
from fiscal.models import CorrectionReceipt, Receipt
from fiscal.vat import Rate
from orders.fiscal_figures import FORMS, Figures, Item, MoneySum, figures
from orders.models import Order

FOUND = 20  # correction receipts that are offered


@dataclass(frozen=True)
class Wrong:
    """What the accountant says of a fault. None where he does not know."""

    fault: str
    ffd: str
    sum: Decimal | None = None
    rate: Rate | None = None
    right_rate: Rate | None = None
    form: int | None = None


@dataclass(frozen=True)
class Document:
    """A document to print. `figures` is None where they are to be repeated from the paper; `note` says why."""

    step: Step
    requisites: Sequence[Requisite]
    figures: Figures | None
    note: str


@dataclass(frozen=True)
class Candidate:
    """A correction receipt that came in afterwards; `is_same_sum` as one of the prepared documents."""

    receipt: CorrectionReceipt
    is_same_sum: bool


def prepare(order: Order, receipt: Receipt | None, wrong: Wrong) -> list[Document]:
    """What to print in this order. `order` is loaded with the PREFETCH of `fiscal_figures`."""
    kind = receipt.kind if receipt is not None else kind_of(order)
    right = figures(order, kind).at_rate(wrong.right_rate)
    day, sign = day_of(order, receipt), receipt.fiscal_sign if receipt is not None else ""
    found = []
    for step in steps(wrong.fault, wrong.ffd, kind):
        shown, note = _wrong_figures(right, wrong) if step.is_wrong else (right, "")
        if shown is not None and not shown.items:
            note = note or _("The order has no lines here: take the figures from the paper.")
        entries = requisites(step, wrong.fault, wrong.ffd, sign, day, basis(order, wrong))
        found.append(Document(step, entries, shown, note))
    return found


def kind_of(order: Order) -> str:
    return Receipt.Kind.RETURN if order.is_refund else Receipt.Kind.SALE


def day_of(order: Order, receipt: Receipt | None) -> date | None:
    """The day of the settlement that is corrected, by the register's clock."""
    paid = [payment.paid_in for payment in order.payments.all() if payment.paid_in is not None]
    moment = (
        (receipt.date_time_receipt if receipt is not None else None)
        or (max(paid) if paid else None)
        or order.delivered_at
        or order.delivery_time_to
    )
    return timezone.localdate(moment) if moment is not None else None


def basis(order: Order, wrong: Wrong) -> str:
    """A wording for the internal note that a correction rests on."""
    return _("Order %(number)s: %(fault)s") % {"number": order, "fault": Fault(wrong.fault).label}


def _wrong_figures(right: Figures, wrong: Wrong) -> tuple[Figures | None, str]:
    """The figures of the faulty receipt, as far as they follow from what is known."""
    if wrong.fault == Fault.VAT:
        if wrong.rate is None:
            return None, _("Say which rate was printed, or repeat the wrong receipt from the paper.")
        return right.at_rate(wrong.rate), ""
    if wrong.fault == Fault.PAYMENT:
        if wrong.form not in FORMS:
            return None, _("Say which payment type was printed, or repeat the wrong receipt from the paper.")
        return replace(right, money=[MoneySum(*FORMS[wrong.form], right.total)]), ""
    if wrong.sum is None:
        return None, _("Say which sum was printed, or repeat the wrong receipt from the paper.")
    rates = {item.rate for item in right.items}
    if len(rates) != 1 or len(right.money) != 1:
        note = _("The order has several rates or payments: how the wrong sum falls to them is on the paper.")
        return Figures([Item(_("as on the wrong receipt"), None, wrong.sum, "", None)], []), note
    item = Item(_("as on the wrong receipt"), None, wrong.sum, right.items[0].tax_title, right.items[0].rate)
    return Figures([item], [replace(right.money[0], sum=wrong.sum)]), ""


def afterwards(
    order: Order, receipt: Receipt | None, since: datetime | None, documents: Sequence[Document]
) -> list[Candidate]:
    """Correction receipts of the same register or courier that were printed later, the first one first. iRECA does not
    tell what a correction belongs to, so these are candidates. One query.
    """
    where = Q(pk__in=())
    if receipt is not None and receipt.serial_number:
        where |= Q(serial_number=receipt.serial_number)
    if order.courier_id is not None:
        where |= Q(courier=order.courier_id)
    if since is None:
        return []
    sums = {document.figures.total for document in documents if document.figures is not None}
    rows = CorrectionReceipt.objects.filter(where, command_executed_at__gte=since).select_related("courier")
    found = rows.order_by("command_executed_at", "pk")[:FOUND]
    return [Candidate(row, row.amount is not None and abs(row.amount) in sums) for row in found]


def moment_of(order: Order, receipt: Receipt | None) -> Any:
    """From when on a correction may have been printed."""
    # It may have been brought before its window began.
    known = [moment for moment in (order.delivered_at, order.delivery_time_from) if moment is not None]
    return (receipt.date_time_receipt if receipt is not None else None) or min(known, default=None)
