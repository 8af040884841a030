"""Tabs of the order's form that are rows of their own: lines to edit; payments, receipts, timeline to look at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db.models import DecimalField, Field, Max, Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from backoffice.sync.admin.base import MirroredTabularInline
from backoffice.sync.admin.formsets import RowFormSet
from backoffice.sync.admin.labels import link
from backoffice.sync.mirrored import ONLY_NAMED
from catalog.models import Stock, Warehouse
from fiscal.models import Receipt
from fiscal.qr import NoQr, qr_svg, qr_text
from orders.admin import checks
from orders.admin.forms import SETTLED, Asked, OrderLineForm
from orders.models import (
    CanceledItem,
    Line,
    LineSpecificity,
    LineWarehouse,
    Payment,
    StatusChange,
)
from orders.models.line import MOST_LINES
from orders.sums import Item, Sums, amount_of


class ViewOnlyInline(TabularInline):
    """Rows that iRECA owns."""

    extra = 0
    tab = True
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineFormSet(RowFormSet):
    """Lines of an order; a new one goes to the end. The sum to pay of the order goes with them (`sums.amount_of`)."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "warehouses": self.warehouses, "settled": self.is_settled}

    @cached_property
    def is_settled(self) -> bool:
        """Read once for all lines, where something was typed."""
        return self.is_bound and self.instance.is_settled

    @cached_property
    def warehouses(self) -> list[tuple[str, str]]:
        """Read once for all lines."""
        rows = Warehouse.objects.filter(is_active=True).exclude(ONLY_NAMED).only("title").order_by("title", "pk")
        return [(str(row.pk), str(row)) for row in rows]

    def clean(self) -> None:
        super().clean()
        order = self.instance
        if order.is_refund or any(self.errors):
            return
        deleted = self.deleted_forms
        if deleted and self.is_settled:
            raise ValidationError(SETTLED)
        kept = [form for form in self.forms if form not in deleted and _stays(form)]
        stored = [form for form in self.initial_forms if not form.is_gone]
        known = {form.instance.pk for form in stored}
        # What somebody else added while the form was open is in no form of it.
        others = [line for line in self.get_queryset() if line.pk not in known] if order.pk else []
        lines = [*(form.instance for form in kept), *others]
        if len(lines) > max(MOST_LINES, len(stored) + len(others)):
            # One more, and the form would show none of them.
            raise ValidationError(_("An order has %(most)s lines at most.") % {"most": MOST_LINES})
        before = sum((form.before.total for form in stored), Decimal(0))
        before += sum((line.total for line in others), Decimal(0))
        items = [Item(line.count, line.price, line.total, line.discount_total) for line in lines]
        after = sum((item.total for item in items), Decimal(0))
        asked = getattr(order, "asked", None) or Asked(order.amount_to_pay, order.amount_to_pay, False)
        order.amount_to_pay = amount_of(asked.typed, asked.stored, before, after)
        if asked.is_touched or self.has_changed():
            whole = Sums(items, order.amount_to_pay, order.prepayment_sum or Decimal(0), order.cash)
            if wrong := [problem.text for problem in checks.of_sums(whole) if problem.grade == checks.Grade.WRONG]:
                raise ValidationError(wrong)

    def save_new(self, form: Any, commit: bool = True) -> Line:
        line, last = form.instance, self.instance.lines.aggregate(last=Max("position"))["last"]
        line.position = 0 if last is None else last + 1
        if line.good is not None:
            line.title, line.article = line.good.title, line.good.article
            line.unit = line.unit or line.good.unit
        return super().save_new(form, commit)


def _stays(form: Any) -> bool:
    """Whether the order has the form's line after saving; one that somebody removed only if the person wants it."""
    if form.is_gone:
        return form.has_changed() and form.choice == "mine"
    return not form.instance._state.adding or form.has_changed()


class LineInline(MirroredTabularInline):
    """What is delivered. The rest of a line (several warehouses, characteristics, origin) is on its own page."""

    model = Line
    form = OrderLineForm
    formset = LineFormSet
    tab = True
    show_change_link = True
    template_before = "admin/orders/order/lines_before.html"
    template_after = "admin/orders/order/lines_after.html"
    autocomplete_fields = ("good", "tax")
    fields = ("good", "also", "count", "price", "total", "discount_total", "tax", "unit", "warehouse", "mark_value")
    readonly_fields = ("also",)
    formfield_overrides = {DecimalField: {"widget": UnfoldAdminDecimalFieldWidget(attrs={"class": "line-figure"})}}

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # no room for the buttons that add and change goods
        return field

    # The lines of a return belong to the payments that it gives back, which no later message can change.

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_refund(obj) and super().has_add_permission(request, obj)  # type: ignore[call-arg]  # inlines take it

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_refund(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_refund(obj) and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Line]:
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch("good__stock", Stock.objects.select_related("warehouse").order_by("warehouse__title", "pk")),
                Prefetch("warehouses", LineWarehouse.objects.select_related("warehouse")),
                Prefetch("specificities", LineSpecificity.objects.select_related("specificity")),
                Prefetch("canceled_items", CanceledItem.objects.select_related("return_reason")),
            )
        )

    @admin.display(description=gettext_lazy("from warehouse"))
    def warehouse(self, line: Line) -> str:
        """For who may only look; who may change has the form's field of this name."""
        return ", ".join(str(part.warehouse) for part in line.warehouses.all()) or "–"

    @admin.display(description=gettext_lazy("also"))
    def also(self, line: Line) -> str:
        """What the line's own page holds, in short."""
        if line._state.adding:
            return mark_safe('<div class="line-notes" data-line-notes></div>')  # nothing of a row is in it
        stock = line.good.stock.all() if line.good is not None else ()
        notes = [
            *(_("in stock, %(stock)s") % {"stock": f"{row.warehouse}: {row.count.normalize():f}"} for row in stock),
            *(f"{part.warehouse}: {part.count.normalize():f}" for part in line.warehouses.all()),
            *(f"{part.specificity} ×{part.count.normalize():f}" for part in line.specificities.all()),
            *(
                _("cancelled %(count)s: %(reason)s")
                % {"count": f"{part.count.normalize():f}", "reason": part.return_reason or "–"}
                for part in line.canceled_items.all()
            ),
        ]
        if line.mark_value or line.mark_binary_value:
            notes.append(_("marked"))
        details = link(reverse("admin:orders_line_change", args=[line.pk]), _("Details"))
        told = format_html_join("", "<div>{}</div>", ((note,) for note in [details, *notes]))
        return format_html('<div class="line-notes">{}<div data-line-notes></div></div>', told)


def _is_refund(order: Any) -> bool:
    return order is not None and order.is_refund


class PaymentInline(ViewOnlyInline):
    model = Payment
    fields = readonly_fields = ("paid_in", "price", "payment_type", "card_mask", "rrn", "card_auth", "payment_ref")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return super().get_queryset(request).select_related("payment_type")


class ReceiptInline(ViewOnlyInline):
    """Fiscal receipts, with what a buyer or an inspector needs to check them."""

    model = Receipt
    hide_title = True
    template_before = "admin/orders/order/receipts_before.html"
    fields = readonly_fields = ("document", "date_time_receipt", "fn", "fd_number", "fiscal_sign", "qr")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receipt]:
        # What the sum in the QR is made of.
        parts = (
            "order__receipts",
            "order__payments",
            "order__lines",
            "order__refund__payments",
            "order__refund__goods",
        )
        return super().get_queryset(request).prefetch_related(*parts)

    @admin.display(description=gettext_lazy("receipt"))
    def document(self, receipt: Receipt) -> str:
        return link(reverse("admin:fiscal_receipt_change", args=[receipt.pk]), receipt.get_kind_display())

    @admin.display(description=gettext_lazy("QR code"))
    def qr(self, receipt: Receipt) -> str:
        try:
            return qr_svg(qr_text(receipt))
        except NoQr as reason:
            return str(reason)


class JournalInline(ViewOnlyInline):
    """The tab of the timeline. Status changes are part of it, so the inline has its place and no rows of its own."""

    model = StatusChange
    verbose_name_plural = gettext_lazy("journal")
    template = "admin/orders/order/journal.html"
    hide_title = True
    fields = readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatusChange]:
        return super().get_queryset(request).none()


class LineWarehouseInline(MirroredTabularInline):
    model = LineWarehouse
    autocomplete_fields = ("warehouse",)
    fields = ("warehouse", "count", "took_count")
    readonly_fields = ("took_count",)


class LineSpecificityInline(MirroredTabularInline):
    model = LineSpecificity
    autocomplete_fields = ("specificity",)
    fields = ("specificity", "count", "price")


class CanceledItemInline(ViewOnlyInline):
    """What the courier took off the line."""

    model = CanceledItem
    tab = False
    fields = readonly_fields = ("created_at", "count", "return_reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CanceledItem]:
        return super().get_queryset(request).select_related("return_reason")
