"""The order list and the order form: where dispatchers spend their day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, RelatedDropdownFilter

from backoffice.sync import dictionaries
from backoffice.sync.admin.base import MirroredAdmin
from backoffice.sync.admin.labels import badge, short
from backoffice.sync.admin.lists import BigChangeList
from backoffice.sync.mirrored import SyncState
from backoffice.transfer.admin import ImportMixin
from couriers import map as courier_map
from orders import conditions, details, duplicates, edits, timeline
from orders.admin import checks, labels, search, typed
from orders.admin.assist import AssistMixin
from orders.admin.board import BoardMixin
from orders.admin.bulk import BulkActionsMixin
from orders.admin.copies import CopiesMixin
from orders.admin.desk import DeskMixin
from orders.admin.filters import (
    AttentionFilter,
    DayFilter,
    DeliveryFilter,
    FiscalAgeFilter,
    FiscalFilter,
    HoldFilter,
    PaymentFilter,
    WindowFilter,
)
from orders.admin.fiscal.base import correction_of
from orders.admin.forms import OrderForm
from orders.admin.inlines import JournalInline, LineInline, PaymentInline, ReceiptInline
from orders.admin.map import OrderMapMixin
from orders.admin.plans import DistributeMixin
from orders.admin.printing import PrintingMixin
from orders.admin.registers import RegistersMixin
from orders.admin.returns import ReturnsMixin
from orders.admin.timeline import TimelineMixin
from orders.models import Order, Origin
from orders.models.line import MOST_LINES

ADDRESS = ("city", "street", "home", "apartment", "postindex", "latitude", "longitude", "is_use_google_geo")


def _address(prefix: str) -> list[Any]:
    names = [f"{prefix}_{part}" for part in ADDRESS]
    return [f"{prefix}_line", f"{prefix}_map", *(tuple(names[i : i + 2]) for i in range(0, len(names), 2))]


class OrderChangeList(BigChangeList):
    """What the list shows of other tables is read once for the page, not in a join over the whole table."""

    queryset: QuerySet[Order]
    result_list: Any

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Order]:
        # Instead of what the form reads with its order.
        rows = super().get_queryset(request, exclude_parameters)
        shown = [name for name in ("payment_type", "supplier") if name in self.list_display]
        return rows.select_related(None).select_related("client", "courier", "source", *shown)

    def get_results(self, request: HttpRequest) -> None:
        unseen = [] if "shown_description" in self.list_display else ["description"]
        self.queryset = self.queryset.defer("remote_data", "sync_conflict", *unseen)
        super().get_results(request)
        rows = list(self.result_list)
        ids = [order.pk for order in rows]
        may_assign = self.model_admin.has_change_permission(request)
        doubled = duplicates.among(rows)
        troubled = Origin.objects.filter(order__in=ids, sync_state__in=(SyncState.FAILED, SyncState.CONFLICT))
        held = [order.pk for order in rows if order.hold]
        elsewhere = Order.objects.filter(conditions.PRINTED_ELSEWHERE, pk__in=held).values_list("pk", flat=True)
        printed_elsewhere = set(elsewhere) if held else set()
        troubles = {origin.order_id: origin for origin in troubled.defer("data", "agreed", "sync_conflict")}
        for order in rows:
            order.trouble = troubles.get(order.pk)
            order.has_receipt = details.has_all_receipts(order)
            order.is_printed_elsewhere = order.pk in printed_elsewhere
            order.is_doubled = order.pk in doubled
            order.may_assign = may_assign and not order.is_closed
        self.result_list = rows


@admin.register(Order)
class OrderAdmin(
    BoardMixin,
    OrderMapMixin,
    DistributeMixin,
    DeskMixin,
    AssistMixin,
    CopiesMixin,
    PrintingMixin,
    BulkActionsMixin,
    ReturnsMixin,
    RegistersMixin,
    TimelineMixin,
    ImportMixin,
    MirroredAdmin,
):
    form = OrderForm
    actions = (  # type: ignore[assignment]  # more of them
        *BulkActionsMixin.BULK_ACTIONS,
        "distribute",
        "create_at_bifit",
        *PrintingMixin.PRINT_ACTIONS,
        *MirroredAdmin.actions,
    )
    change_form_outer_before_template = "admin/orders/order/before.html"
    change_form_before_template = "admin/orders/order/form_top.html"
    list_display = (
        "shown_number",
        "window",
        "shown_address",
        "shown_client",
        "shown_courier",
        "payment",
        "delivery",
    )
    more_columns = ("shown_description", "is_agreed", "payment_type", "supplier", "created_at")
    list_filter = (
        DayFilter,
        ("delivery_time_from", WindowFilter),
        DeliveryFilter,
        PaymentFilter,
        HoldFilter,
        ("courier", AutocompleteSelectFilter),
        AttentionFilter,
        FiscalFilter,
        FiscalAgeFilter,
        ("is_agreed", BooleanRadioFilter),
        ("source", RelatedDropdownFilter),
    )
    list_fullwidth = True
    search_fields = ("number",)  # the box; what it looks for is in search.py
    search_help_text = gettext_lazy("Number, iRECA id, phone, client or address")
    autocomplete_fields = ("courier", "client", "supplier", "payment_type", "return_reason")
    inlines = (LineInline, PaymentInline, ReceiptInline, JournalInline)
    readonly_fields = (
        "from_line",
        "from_map",
        "to_line",
        "to_map",
        "source",
        "external_id",
        "created_at",
        "shown_payable",
        "original_payment_type",
        "fr_used_payment_type",
        "is_edited",
        "is_refund",
        "is_returned",
    )
    fieldsets = (
        (
            gettext_lazy("Order"),
            {
                "classes": ["tab"],
                "fields": [
                    ("number", "is_agreed"),
                    "delivery_time_from",
                    "delivery_time_to",
                    ("courier", "supplier"),
                    ("delivery_status", "return_reason"),
                    "hold",
                    ("client", "phone"),
                    ("client_firstname", "client_lastname"),
                    ("client_inn", "client_email"),
                    ("payment_type", "status"),
                    ("amount_to_pay", "shown_payable"),
                    ("prepayment_sum", "cash"),
                    "description",
                    ("original_payment_type", "fr_used_payment_type"),
                    ("is_edited", "is_refund", "is_returned"),
                    ("source", "external_id", "created_at"),
                ],
            },
        ),
        (gettext_lazy("Where to"), {"classes": ["tab"], "fields": _address("to")}),
        (gettext_lazy("Where from"), {"classes": ["tab"], "fields": _address("from")}),
    )

    # the list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return OrderChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        term = search_term.strip()
        return (search.orders(queryset, term) if term else queryset), False

    @admin.display(description=gettext_lazy("number"), ordering="number")
    def shown_number(self, order: Any) -> str:
        number = labels.with_duplicate_badge(order) if order.is_doubled else order
        return labels.stacked(number, badge(order.source) if order.source is not None else "")

    @admin.display(description=gettext_lazy("window"), ordering="delivery_time_from")
    def window(self, order: Order) -> str:
        return labels.window(order.delivery_time_from, order.delivery_time_to)

    @admin.display(description=gettext_lazy("address"))
    def shown_address(self, order: Order) -> str:
        return order.address or "–"

    @admin.display(description=gettext_lazy("client"))
    def shown_client(self, order: Order) -> str:
        reached = order if order.phone or order.client is None else order.client
        return labels.stacked(order.client_name or "–", labels.phone_link(reached))

    @admin.display(description=gettext_lazy("courier"), ordering="courier")
    def shown_courier(self, order: Any) -> Any:
        return labels.courier_field(order) if order.may_assign else order.courier or "–"

    @admin.display(description=gettext_lazy("description"))
    def shown_description(self, order: Order) -> str:
        return short(order.description)

    @admin.display(description=gettext_lazy("payment"), ordering="status")
    def payment(self, order: Any) -> str:
        """What is to be paid after the discounts and surcharges of the lines (T71), whether it is, the receipt, and the
        change to bring.
        """
        receipt = "" if order.is_printed_elsewhere else labels.receipt_badge(order, is_there=order.has_receipt)
        change = labels.change_to_bring(order)
        return labels.stacked(formats.localize(order.payable), labels.payment_badge(order.status), receipt, change)

    @admin.display(description=gettext_lazy("delivery"), ordering="delivery_status")
    def delivery(self, order: Any) -> str:
        held = badge(order.get_hold_display(), "warning") if order.hold and not order.is_closed else ""
        trouble = labels.register_badge(order.trouble) if order.trouble is not None else ""
        return labels.stacked(labels.delivery_badge(order.delivery_status), held, trouble)

    def history_value(self, name: str, value: Any) -> Any:
        if name in timeline.CODES:
            kind, known = timeline.CODES[name]
            return dictionaries.label(kind, value, known)
        return super().history_value(name, value)

    # the form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees what the codes mean."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        words = {"delivery_status": "delivery_in_words", "status": "status_in_words"}

        def worded(row: Any) -> Any:
            return words.get(row, row) if isinstance(row, str) else tuple(words.get(name, name) for name in row)

        return [(title, {**said, "fields": [worded(row) for row in said["fields"]]}) for title, said in fieldsets]

    @admin.display(description=gettext_lazy("delivery"))
    def delivery_in_words(self, order: Order) -> str:
        return labels.delivery_badge(order.delivery_status)

    @admin.display(description=gettext_lazy("payment"))
    def status_in_words(self, order: Order) -> str:
        return labels.payment_badge(order.status)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).select_related(*self.autocomplete_fields, "refund_of")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = super().get_readonly_fields(request, obj)
        if obj is not None and obj.remote_data is not None:
            fields = (*fields, "hold")  # iRECA knows it: it can be cancelled, not taken back
        fields = (*fields, "delivery_in_words", "status_in_words")
        # The sums of a return are those of its payments.
        return (*fields, "amount_to_pay", "prepayment_sum") if obj is not None and obj.is_refund else fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not conditions.why_kept([obj]))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[str], list]:
        shown, counts, lacking, protected = super().get_deleted_objects(objs, request)
        kept = conditions.why_kept(objs)
        return shown, counts, set() if kept else lacking, [*protected, *kept]

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[type[admin.TabularInline], ...]:
        if obj is None:
            return (LineInline,)  # what iRECA tells comes later
        is_typed = "lines-TOTAL_FORMS" in request.POST  # before the order had so many
        many = self._many_lines(obj) and not is_typed
        return tuple(one for one in self.inlines if one is not LineInline) if many else self.inlines

    @staticmethod
    def _many_lines(order: Order) -> int:
        """How many lines it has, where they are more than the form can show."""
        count = order.lines.count()
        return count if count > MOST_LINES else 0

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = {**OrderForm.window_today(), **super().get_changeform_initial_data(request)}
        # How one pays is mostly how the one before paid, and an order without it is refused.
        paid = Order.objects.exclude(payment_type=None).order_by("-pk").values_list("payment_type", flat=True)
        if "payment_type" not in initial and (kind := paid.first()) is not None:
            initial["payment_type"] = kind
        return initial

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context["many_lines"] = self._many_lines(obj)
            context["timeline"] = self.timeline_of(obj)
            context["line_edits"] = edits.of_order(obj)
            context["returns"] = self.returns_of(request, obj)
            context["register"] = self.register_of(request, obj)
            context["prepayment"] = labels.two_receipts(obj)
            context["correction"] = correction_of(request, obj)
            context["duplicates"] = duplicates.of(obj)
            context["copies"] = self.copies_of(request, obj)
        if self.has_change_permission(request, obj) if obj is not None else self.has_add_permission(request):
            context["assist"] = self.assist_of(request, obj)
        context["typed"] = typed.of_stored(obj)
        response = super().render_change_form(request, context, add, change, form_url, obj)
        if hosts := courier_map.tile_hosts():
            response._csp_update = {"img-src": hosts}  # django-csp reads it
        return response

    def response_post_save_add(self, request: HttpRequest, obj: Order) -> HttpResponseRedirect:
        self._warn(request, obj)
        return super().response_post_save_add(request, obj)

    def response_post_save_change(self, request: HttpRequest, obj: Order) -> HttpResponseRedirect:
        self._warn(request, obj)
        return super().response_post_save_change(request, obj)

    @staticmethod
    def _warn(request: HttpRequest, order: Order) -> None:
        """Who leaves the form is told what it would have shown; what is over cannot be mended."""
        flags = [] if order.is_closed else checks.flags_of(order)
        if flags:
            text = _("Order %(number)s is saved, but please check: %(flags)s")
            messages.warning(request, text % {"number": order, "flags": " ".join(flags)})

    @admin.display(description=gettext_lazy("on the map"))
    def to_map(self, order: Order) -> str:
        return labels.place_picker("to")

    @admin.display(description=gettext_lazy("on the map"))
    def from_map(self, order: Order) -> str:
        return labels.place_picker("from")

    @admin.display(description=gettext_lazy("to pay after discounts"))
    def shown_payable(self, order: Order) -> Decimal | str:
        return "–" if order._state.adding else order.payable
