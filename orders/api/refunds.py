"""Refunds that a partner makes: `POST orders?isRefund=1` (seed 002:213-353).

A refund is created at iRECA by a command, like those made here (`orders/refunds.py`), for no other request carries its
payments and creating it twice would give the money twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from msgspec import UNSET

from backoffice.partners.api import writing
from backoffice.partners.api.errors import ApiError, Problem
from backoffice.partners.api.references import SourceKeys
from backoffice.partners.models import Source
from backoffice.remotes.ireca import contract
from backoffice.sync import enqueue, history
from fiscal.models import PaymentType
from orders import parts, refunds
from orders.api.resources import ORDERS
from orders.models import Order, Payment


def create(source: Source, rows: Sequence[Any]) -> None:
    """Make the refunds of an array, their payments, and the commands that create them at iRECA."""
    told = writing.decode(contract.Order, rows, "refund")
    _check_payments(told)
    with enqueue.untracked():
        writing.create(ORDERS.writable, source, rows)
        numbers = [refund.order_id for refund in told]
        made = {row.external_id: row for row in Order.objects.filter(source=source, external_id__in=numbers)}
        keys = SourceKeys(source, ())
        for refund in told:
            for payment in refund.payments:
                keys.want(PaymentType, payment.payment_type_id or None)
        keys.resolve()
        Payment.objects.bulk_create(
            _payment(made[refund.order_id], payment, keys) for refund in told for payment in refund.payments
        )
    try:
        with history.by(reason=source.title):
            refunds.take_in(list(made.values()))
    except refunds.NotReturnable as error:
        raise ApiError(400, str(error)) from error


def _check_payments(told: Sequence[contract.Order]) -> None:
    problems: list[Problem] = []
    for index, refund in enumerate(told):
        if refund.payments is UNSET or not refund.payments:
            problems.append(Problem(index, "payments", _("is required")))
            continue
        for place, payment in enumerate(refund.payments):
            writing.fit(Payment, parts.PAYMENT, payment, f"payments[{place}]", index, problems)
            for attr, wire in (("payment_type_id", "paymentTypeId"), ("price", "price")):
                if getattr(payment, attr) in (UNSET, None, ""):
                    problems.append(Problem(index, f"payments[{place}].{wire}", _("is required")))
    if problems:
        raise ApiError(400, problems=problems)


def _payment(order: Order, said: contract.Payment, keys: SourceKeys) -> Payment:
    payment = Payment(order=order)
    for spec in parts.PAYMENT:
        if (value := getattr(said, spec.attr)) is not UNSET:
            spec.write(payment, value, keys)
    return payment
