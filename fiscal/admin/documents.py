"""Receipts with their QR codes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.filters import PeriodFilter
from backoffice.sync.admin.labels import badge
from fiscal.admin.links import order_link
from fiscal.models import Receipt
from fiscal.qr import NoQr, qr_svg, qr_text


@admin.register(Receipt)
class ReceiptAdmin(ViewOnlyAdmin):
    list_display = ("date_time_receipt", "kind_badge", "order_text", "fn", "fd_number", "fiscal_sign", "serial_number")
    list_select_related = ("order",)
    list_filter = ("kind", ("date_time_receipt", PeriodFilter))
    search_fields = ("order__number__exact", "order__ireca_id__exact", "fn__exact")
    search_help_text = gettext_lazy("An order's number or iRECA id, or a fiscal drive; “FN FD” finds one document")
    ordering = ("-date_time_receipt", "-id")
    fields = (
        "kind_badge",
        "order_text",
        "date_time_receipt",
        "fn",
        "fd_number",
        "fiscal_sign",
        "shift_number",
        "receipt_number",
        "serial_number",
        "pulled_at",
        "qr",
    )
    readonly_fields = ("kind_badge", "order_text", "qr")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        words = search_term.split()
        if len(words) == 2 and all(word.isdigit() for word in words):
            return queryset.filter(fn=words[0], fd_number=words[1]), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_badge(self, receipt: Receipt) -> str:
        return badge(receipt.get_kind_display(), "success" if receipt.kind == Receipt.Kind.SALE else "warning")

    @admin.display(description=gettext_lazy("order"))
    def order_text(self, receipt: Receipt) -> str:
        return order_link(receipt)

    @admin.display(description=gettext_lazy("QR code"))
    def qr(self, receipt: Receipt) -> str:
        try:
            text = qr_text(receipt)
        except NoQr as reason:
            return _("No QR code: %(reason)s") % {"reason": reason}
        return format_html('{}<code style="overflow-wrap: anywhere">{}</code>', qr_svg(text), text)
