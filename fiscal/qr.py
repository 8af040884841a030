"""The QR code of a receipt, which the tax service's app checks.

`t=20200115T2110&s=1030.00&fn=…&i=…&fp=…&n=1`: t is the register's local time, s the sum in roubles, i the FD number,
fp the fiscal sign, n is 1 for a sale and 2 for a return. iRECA's receipts carry neither sum nor local time: the sum
comes from the payments, and the register is taken to stand in `settings.TIME_ZONE`. A sum that nothing confirms is
used all the same, but `ReceiptSum.doubts` says so; where several sums are as likely as one another, there is no code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import segno
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from fiscal.models import Receipt

SIGNS = {Receipt.Kind.SALE: "1", Receipt.Kind.RETURN: "2"}


class NoQr(Exception):
    """There is no QR for a receipt, and the text says why. A wrong one would look like a forged receipt."""


@dataclass(frozen=True)
class ReceiptSum:
    """What a receipt is taken to be about, in roubles; `doubts` say why it is assumed only, none when it is confirmed
    by the order's lines.
    """

    value: Decimal
    doubts: tuple[str, ...] = ()


def local_time(receipt: Receipt) -> datetime | None:
    """When the receipt was printed, by the clock of its register."""
    printed = receipt.date_time_receipt
    return printed.astimezone(ZoneInfo(settings.TIME_ZONE)) if printed is not None else None


def qr_text(receipt: Receipt) -> str:
    """The text of the QR code. Raises NoQr where something that it needs is not known."""
    local = local_time(receipt)
    if local is None:
        raise NoQr(_("It is not known when the receipt was printed."))
    if not (receipt.fn and receipt.fd_number and receipt.fiscal_sign):
        raise NoQr(_("The fiscal drive, the document number or the fiscal sign is not known."))
    values = {
        "t": local.strftime("%Y%m%dT%H%M"),
        "s": f"{receipt_sum(receipt).value:.2f}",
        "fn": receipt.fn,
        "i": receipt.fd_number,
        "fp": receipt.fiscal_sign,
        "n": SIGNS[Receipt.Kind(receipt.kind)],
    }
    return "&".join(f"{name}={value}" for name, value in values.items())


def qr_svg(text: str) -> SafeString:
    """The code as inline SVG, dark on white in any theme, for a camera reads nothing else reliably."""
    return mark_safe(segno.make(text, error="m").svg_inline(scale=4, border=4, light="#fff"))  # noqa: S308  # digits, ours


def payable(order: Any) -> Decimal:
    """What an order costs after the discounts of its lines (CONTRACT T71)."""
    return order.amount_to_pay + sum((line.discount_total for line in order.lines.all()), Decimal(0))


def receipt_sum(receipt: Receipt) -> ReceiptSum:
    """What was paid by this receipt, or given back by it. Raises NoQr where it cannot be told."""
    order = receipt.order
    same = [other for other in order.receipts.all() if other.kind == receipt.kind]
    if len(same) > 1:
        return _one_of_two(receipt, same)
    if receipt.kind == Receipt.Kind.SALE and not order.is_refund and order.prepayment_sum:
        return _only_one_of_two(order)
    if receipt.kind == Receipt.Kind.SALE or order.is_refund:  # a return that is an order has payments of its own
        value = _total(payment.price for payment in order.payments.all())
        confirmed = value == abs(payable(order))
    else:
        refund = getattr(order, "refund", None)
        value = _total([payment.sum for payment in refund.payments.all()] if refund is not None else [])
        confirmed = value == sum((good.sum or Decimal(0) for good in refund.goods.all()), Decimal(0))  # type: ignore[union-attr]  # none has no total
    if confirmed:
        return ReceiptSum(value)
    return ReceiptSum(value, (_("The sum is that of the payments; the order's lines come to another one."),))


def _one_of_two(receipt: Receipt, same: list[Receipt]) -> ReceiptSum:
    """Of an order with a prepayment two receipts are printed (seed 002:94): for it, and for the whole order."""
    order = receipt.order
    times = {other.date_time_receipt for other in same}
    if receipt.kind != Receipt.Kind.SALE or order.is_refund or not order.prepayment_sum or len(same) > 2:
        raise NoQr(_("The order has several receipts, and iRECA does not tell the sum of each."))
    if None in times or len(times) < 2:
        raise NoQr(_("The order has two receipts, and it is not known which of them was the first."))
    if receipt.date_time_receipt == min(time for time in times if time is not None):
        return ReceiptSum(order.prepayment_sum, (_("The first of two receipts is taken to be for the prepayment."),))
    doubt = _("The second of two receipts is taken to be for the whole order, the prepayment set off.")
    return ReceiptSum(payable(order), (doubt,))


def _only_one_of_two(order: Any) -> ReceiptSum:
    """While the other one is missing, it is known to be the first where nothing but the prepayment was paid."""
    value = _total(payment.price for payment in order.payments.all())
    if value != order.prepayment_sum:
        raise NoQr(_("With a prepayment two receipts are printed, and only one is here: it is not known which."))
    return ReceiptSum(value, (_("The first of two receipts is taken to be for the prepayment."),))


def _total(sums: Iterable[Decimal | None]) -> Decimal:
    known = list(sums)
    if not known or any(sum_ is None for sum_ in known):
        raise NoQr(_("The sum is not known: iRECA has told no payment, or one without its sum."))
    total = sum((abs(sum_) for sum_ in known if sum_ is not None), Decimal(0))
    if not total:
        raise NoQr(_("The sum is not known: iRECA has told no payment, or one without its sum."))
    return total
