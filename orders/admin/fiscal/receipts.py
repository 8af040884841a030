"""The card of a receipt: all that is known of it, with its QR code, in the admin's frame and for the printer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from fiscal.models import Receipt
from fiscal.qr import NoQr, local_time, qr_svg, qr_text, receipt_sum
from orders.admin.fiscal.base import fiscal_page, page, sheet
from orders.fiscal_figures import PREFETCH, PREFETCH_OF_RETURN, figures


@fiscal_page
def card(request: HttpRequest, pk: int) -> HttpResponse:
    context = _facts(_receipt(pk))
    return page(request, "receipt.html", context.pop("title"), **context)


@fiscal_page
def printed(request: HttpRequest, pk: int) -> HttpResponse:
    context = _facts(_receipt(pk))
    return sheet(request, "receipt_print.html", context.pop("title"), **context)


def _receipt(pk: int) -> Receipt:
    parts = [f"order__{path}" for path in (*PREFETCH, *PREFETCH_OF_RETURN)]
    rows = Receipt.objects.select_related("order__courier", "order__source").prefetch_related(*parts)
    return get_object_or_404(rows, pk=pk)


def _facts(receipt: Receipt) -> dict[str, Any]:
    local = local_time(receipt)
    found = figures(receipt.order, receipt.kind)
    context: dict[str, Any] = {
        "title": _("%(kind)s %(fn)s / %(fd)s")
        % {"kind": receipt.get_kind_display(), "fn": receipt.fn or "–", "fd": receipt.fd_number or "–"},
        "receipt": receipt,
        "order": receipt.order,
        "is_return": receipt.kind == Receipt.Kind.RETURN,
        "local": local,
        "figures": found,
        "doubtful": [
            vat.title
            for vat in found.vat
            if vat.rate is not None
            and receipt.kind == Receipt.Kind.SALE
            and local is not None
            and vat.rate.is_doubtful(timezone.localdate(receipt.date_time_receipt))
        ],
        "others": [other for other in receipt.order.receipts.all() if other.pk != receipt.pk],
    }
    try:
        context["sum"] = receipt_sum(receipt)
    except NoQr as reason:
        context["no_sum"] = str(reason)
    try:
        context["qr_text"] = qr_text(receipt)
        context["qr"] = qr_svg(context["qr_text"])
    except NoQr as reason:
        context["no_qr"] = str(reason)
    return context
