"""The QR code of a receipt, which the tax service's app checks.

`t=20200115T2110&s=1030.00&fn=…&i=…&fp=…&n=1`: t is the register's local time, s the sum in roubles, i the FD number,
fp the fiscal sign, n is 1 for a sale and 2 for a return. iRECA's receipts carry neither sum nor local time: the sum
comes from the payments, and the register is taken to stand in `settings.TIME_ZONE`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from zoneinfo import ZoneInfo

import segno
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from fiscal.models import Receipt

SIGNS = {Receipt.Kind.SALE: "1", Receipt.Kind.RETURN: "2"}


class NoQr(Exception):
    """There is no QR for a receipt, and the text says why. A wrong one would look like a forged receipt."""


def qr_text(receipt: Receipt) -> str:
    """The text of the QR code. Raises NoQr where something that it needs is not known."""
    if receipt.date_time_receipt is None:
        raise NoQr(_("It is not known when the receipt was printed."))
    if not (receipt.fn and receipt.fd_number and receipt.fiscal_sign):
        raise NoQr(_("The fiscal drive, the document number or the fiscal sign is not known."))
    sum_ = _sum(receipt)
    local = receipt.date_time_receipt.astimezone(ZoneInfo(settings.TIME_ZONE))
    values = {
        "t": local.strftime("%Y%m%dT%H%M"),
        "s": f"{sum_:.2f}",
        "fn": receipt.fn,
        "i": receipt.fd_number,
        "fp": receipt.fiscal_sign,
        "n": SIGNS[Receipt.Kind(receipt.kind)],
    }
    return "&".join(f"{name}={value}" for name, value in values.items())


def qr_svg(text: str) -> SafeString:
    """The code as inline SVG, dark on white in any theme, for a camera reads nothing else reliably."""
    return mark_safe(segno.make(text, error="m").svg_inline(scale=4, border=4, light="#fff"))  # digits, ours


def _sum(receipt: Receipt) -> Decimal:
    """What was paid by this receipt, or given back by it."""
    order = receipt.order
    kinds = [other.kind for other in order.receipts.all()]
    if kinds.count(receipt.kind) > 1:
        raise NoQr(_("The order has several receipts, and iRECA does not tell the sum of each."))
    if receipt.kind == Receipt.Kind.SALE:
        sums = [payment.price for payment in order.payments.all()]
    else:
        refund = getattr(order, "refund", None)
        sums = [payment.sum for payment in refund.payments.all()] if refund is not None else []
    return _total(sums)


def _total(sums: Iterable[Decimal | None]) -> Decimal:
    known = list(sums)
    if not known or any(sum_ is None for sum_ in known):
        raise NoQr(_("The sum is not known: iRECA has told no payment, or one without its sum."))
    total = sum((abs(sum_) for sum_ in known if sum_ is not None), Decimal(0))
    if not total:
        raise NoQr(_("The sum is not known: iRECA has told no payment, or one without its sum."))
    return total
