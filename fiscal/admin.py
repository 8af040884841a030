"""Receipts with their QR codes, directories of money, settings of remote fiscalisation, what devices complained of."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, FieldTextFilter, RangeDateTimeFilter

from backoffice.sync.admin.base import EditableAdmin, MirroredAdmin, ViewOnlyAdmin
from backoffice.sync.admin.forms import RowForm
from backoffice.sync.admin.labels import badge, link
from backoffice.sync.dictionaries import label
from fiscal import atol
from fiscal.models import (
    AtolSettings,
    CorrectionReceipt,
    DeviceError,
    PaymentType,
    Pechka54,
    Receipt,
    RegistrarError,
    Tax,
    TerminalError,
)
from fiscal.qr import NoQr, qr_svg, qr_text


def order_link(row: Any) -> str:
    """The order that a document belongs to."""
    return link(reverse("admin:orders_order_change", args=[row.order_id]), row.order) if row.order_id else "–"


@admin.register(Tax)
class TaxAdmin(MirroredAdmin):
    list_display = ("title",)
    search_fields = ("title__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    fields = ("title",)


@admin.register(PaymentType)
class PaymentTypeAdmin(MirroredAdmin):
    list_display = ("title", "close_type_text")
    search_fields = ("title__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    fields = ("title", "close_type", "remote_updated_at")
    readonly_fields = ("remote_updated_at",)

    @admin.display(description=gettext_lazy("kind at the register"), ordering="close_type")
    def close_type_text(self, payment_type: PaymentType) -> str:
        return label("closeTypes", payment_type.close_type)


@admin.register(Receipt)
class ReceiptAdmin(ViewOnlyAdmin):
    list_display = ("date_time_receipt", "kind_badge", "order_text", "fn", "fd_number", "fiscal_sign", "serial_number")
    list_select_related = ("order",)
    list_filter = ("kind", ("date_time_receipt", RangeDateTimeFilter))
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


@admin.register(CorrectionReceipt)
class CorrectionReceiptAdmin(ViewOnlyAdmin):
    list_display = ("ireca_id", "command_executed_at", "amount", "courier", "serial_number")
    list_select_related = ("courier",)
    list_filter = (("courier", AutocompleteSelectFilter), ("command_executed_at", RangeDateTimeFilter))
    search_fields = ("ireca_id__exact", "serial_number__exact")
    ordering = ("-command_executed_at", "-id")


class AtolSettingsForm(RowForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("inn", "kkt_group"):  # seed 002:1266-1269
            if name in self.fields:
                self.fields[name].required = True

    def clean_inn(self) -> str:
        inn = self.cleaned_data["inn"].strip()
        atol.check_inn(inn)
        return inn

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        if not password and not self.instance.password:
            raise ValidationError(_("This field is required."))
        if len(password) > 100:
            raise ValidationError(_("A password has at most 100 characters."))
        return password


@admin.register(AtolSettings)
class AtolSettingsAdmin(EditableAdmin):
    """iRECA takes these settings and never tells them, so this copy is all there is (T40)."""

    form = AtolSettingsForm
    list_display = ("login", "inn", "kkt_group", "tax_system", "is_production")
    ordering = ("login", "id")
    change_form_outer_before_template = "admin/fiscal/atol_warnings.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "setting_id",
                    ("login", "password"),
                    ("inn", "kkt_group"),
                    ("tax_system", "agent_type"),
                    "is_production",
                ),
                "description": gettext_lazy(
                    "iRECA never tells these settings: what is shown is what was entered here."
                ),
            },
        ),
    )

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        context["atol_warnings"] = atol.warnings(obj) if obj is not None else []
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: AtolSettings, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for text in atol.warnings(obj):
            self.message_user(request, text, "WARNING")


@admin.register(Pechka54)
class Pechka54Admin(ViewOnlyAdmin):
    """The address that is pasted into the print server at the shop."""

    list_display = ("url", "pulled_at")
    ordering = ("id",)
    fields = ("copy_url", "pulled_at")
    readonly_fields = ("copy_url",)

    @admin.display(description=gettext_lazy("address for the print server"))
    def copy_url(self, settings: Pechka54) -> str:
        # Alpine of the theme carries the button; without HTTPS there is no clipboard, so the text is selected as well.
        return format_html(
            '<span class="flex flex-wrap gap-3 items-center" x-data="{{ copied: false }}">'
            '<input readonly x-ref="url" aria-label="{label}" value="{url}" class="border border-base-200 px-3 py-2'
            ' rounded-default shadow-xs grow min-w-20 bg-white dark:bg-base-900 dark:border-base-700">'
            '<button type="button" class="border border-base-200 cursor-pointer font-medium px-3 py-2 rounded-default'
            ' shadow-xs dark:border-base-700" x-on:click="$refs.url.select();'
            ' navigator.clipboard && navigator.clipboard.writeText($refs.url.value).then(() => copied = true)">'
            '<span x-show="!copied">{copy}</span><span x-show="copied" role="status">{copied}</span></button></span>',
            label=_("address for the print server"),
            url=settings.url,
            copy=_("Copy"),
            copied=_("Copied"),
        )


class DeviceErrorAdmin(ViewOnlyAdmin):
    """Common to the logs of both kinds of devices."""

    list_select_related = ("courier", "order")
    search_fields = ("ireca_id__exact", "serial_number__exact", "error_code__exact")

    @admin.display(description=gettext_lazy("order"))
    def order_text(self, error: DeviceError) -> str:
        return order_link(error)


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
        ("courier", AutocompleteSelectFilter),
        ("error_code", FieldTextFilter),
        ("command_executed_at", RangeDateTimeFilter),
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
        "card_number",
        "payment_system",
    )
    list_filter = (
        ("courier", AutocompleteSelectFilter),
        ("error_code", FieldTextFilter),
        ("transaction_created_at", RangeDateTimeFilter),
    )
    ordering = ("-transaction_created_at", "-id")
