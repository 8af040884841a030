"""A line's own page, reached from its order: marking, warehouses, characteristics. It is no entry of the menu."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy

from backoffice.sync.admin.base import EditableAdmin
from orders.admin.forms import LineForm
from orders.admin.inlines import CanceledItemInline, LineSpecificityInline, LineWarehouseInline
from orders.models import Line


@admin.register(Line)
class LineAdmin(EditableAdmin):
    form = LineForm
    change_form_outer_before_template = "admin/orders/flags.html"
    autocomplete_fields = ("good", "tax")
    inlines = (LineWarehouseInline, LineSpecificityInline, CanceledItemInline)
    readonly_fields = ("order", "title", "article", "parent", "calc_id", "multiplicity", "is_active", "return_reason")
    fieldsets = (
        (
            None,
            {
                "fields": [
                    "order",
                    ("good", "position"),
                    ("count", "price"),
                    ("total", "discount_total"),
                    ("tax", "unit"),
                    ("weight", "description"),
                ]
            },
        ),
        (
            gettext_lazy("Marking and origin"),
            {
                "classes": ["collapse"],
                "fields": [
                    ("mark_value", "mark_binary_value"),
                    ("ved_code", "country_code"),
                    "custom_declaration_code",
                ],
            },
        ),
        (
            gettext_lazy("From iRECA's catalogue"),
            {
                "classes": ["collapse"],
                "fields": [("title", "article"), ("parent", "calc_id"), ("multiplicity", "is_active"), "return_reason"],
            },
        ),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # lines are added on their order

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The lines of a return belong to the payments that it gives back.
        return not (obj is not None and obj.order.is_refund) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_fixed = obj is not None and (obj.order.is_refund or obj.order.is_settled)
        return not is_fixed and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Line]:
        return super().get_queryset(request).select_related("order", "good", "tax", "parent", "return_reason")

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect(order_url(obj))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        super().response_delete(request, obj_display, obj_id)
        return HttpResponseRedirect(reverse("admin:orders_order_changelist"))


def order_url(line: Line) -> str:
    """The order's form, open on its lines."""
    return f"{reverse('admin:orders_order_change', args=[line.order_id])}#lines"
