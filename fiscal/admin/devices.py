"""Corrections that couriers printed and what devices complained of, one by one or by device, courier and code."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from backoffice.sync.admin.filters import ExactFilter, PeriodFilter, ReferenceFilter
from fiscal.admin.grouped import BY_CODE, BY_COURIER, BY_DEVICE, GroupedAdmin
from fiscal.admin.links import order_link
from fiscal.models import CorrectionReceipt, DeviceError, RegistrarError, TerminalError


@admin.register(CorrectionReceipt)
class CorrectionReceiptAdmin(GroupedAdmin):
    list_display = ("ireca_id", "command_executed_at", "amount", "courier", "serial_number")
    list_select_related = ("courier",)
    list_filter = (
        ("serial_number", ExactFilter),
        ("courier", ReferenceFilter),
        ("command_executed_at", PeriodFilter),
    )
    search_fields = ("ireca_id__exact", "serial_number__exact")
    ordering = ("-command_executed_at", "-id")
    groupings = (BY_COURIER, BY_DEVICE)
    groups_have_sums = True


class DeviceErrorAdmin(GroupedAdmin):
    """Common to the logs of both kinds of devices."""

    list_select_related = ("courier", "order")
    search_fields = ("ireca_id__exact", "order_ireca_id__exact", "serial_number__exact", "error_code__exact")
    search_help_text = gettext_lazy("The iRECA id of an error or of its order, a serial number, or a code")
    groupings = (BY_DEVICE, BY_COURIER, BY_CODE)

    @admin.display(description=gettext_lazy("order"))
    def order_text(self, error: DeviceError) -> str:
        return order_link(error) if error.order_id else error.order_ireca_id or "–"


@admin.register(RegistrarError)
class RegistrarErrorAdmin(DeviceErrorAdmin):
    list_display = (
        "command_executed_at",
        "error_code",
        "error_text",
        "courier",
        "order_text",
        "amount",
        "serial_number",
    )
    list_filter = (
        ("serial_number", ExactFilter),
        ("courier", ReferenceFilter),
        ("error_code", ExactFilter),
        ("command_executed_at", PeriodFilter),
    )
    ordering = ("-command_executed_at", "-id")


@admin.register(TerminalError)
class TerminalErrorAdmin(DeviceErrorAdmin):
    list_display = (
        "transaction_created_at",
        "error_code",
        "error_text",
        "courier",
        "order_text",
        "amount",
        "serial_number",
        "card_number",
        "payment_system",
    )
    list_filter = (
        ("serial_number", ExactFilter),
        ("courier", ReferenceFilter),
        ("error_code", ExactFilter),
        ("transaction_created_at", PeriodFilter),
    )
    ordering = ("-transaction_created_at", "-id")
