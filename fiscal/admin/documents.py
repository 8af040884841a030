"""Receipts with their QR codes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.filters import PeriodFilter
from backoffice.sync.admin.labels import badge
from backoffice.values import whole_numbers
from fiscal.admin.links import order_link
from fiscal.models import Receipt
from fiscal.qr import NoQr, qr_svg, qr_text, receipt_sum


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
    actions_detail = ("card", "correct")

    # The pages are of the fiscal control, which knows orders; they ask for the same rights.

    def has_card_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perms(("fiscal.view_receipt", "orders.view_order"))

    @action(description=gettext_lazy("Card and print"), url_path="card", permissions=["card"], icon="receipt_long")
    def card(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("fiscal-receipt", args=[self._found(request, object_id).pk]))

    @action(description=gettext_lazy("Something is wrong…"), url_path="correct", permissions=["card"], icon="rule")
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        receipt = self._found(request, object_id)
        return HttpResponseRedirect(
            reverse("fiscal-correction", args=[receipt.order_id], query={"receipt": receipt.pk})
        )

    def _found(self, request: HttpRequest, object_id: str) -> Receipt:
        receipt = self.get_object(request, unquote(object_id))
        if receipt is None:
            raise Http404
        return receipt

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        words = search_term.split()
        if len(words) == 2 and len(whole_numbers(words)) == 2:
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
            text, doubts = qr_text(receipt), receipt_sum(receipt).doubts
        except NoQr as reason:
            return _("No QR code: %(reason)s") % {"reason": reason}
        return format_html(
            '{}<code style="overflow-wrap: anywhere">{}</code><br>{}', qr_svg(text), text, " ".join(doubts)
        )
