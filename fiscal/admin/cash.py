"""Acts of cash that couriers handed in: a list to look at. They are recorded in `orders/admin/fiscal/cash.py`."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action

from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.filters import PeriodFilter
from fiscal.models import CashHandover


@admin.register(CashHandover)
class CashHandoverAdmin(ViewOnlyAdmin):
    list_display = ("title_text", "courier", "amount", "at", "recorded_by", "recorded_at", "reverses", "note")
    list_select_related = ("courier", "recorded_by", "reverses")
    list_filter = (("courier", RelatedDropdownFilter), ("at", PeriodFilter))
    search_fields = ("number__exact", "courier__title__icontains", "note__icontains")
    ordering = ("-year", "-number")
    fields = ("title_text", "courier", "amount", "at", "recorded_by", "recorded_at", "reverses", "note")
    readonly_fields = ("title_text",)
    actions_list = ("record",)
    actions_detail = ("act",)
    actions_row = ("act",)

    @admin.display(description=gettext_lazy("act"), ordering="number")
    def title_text(self, act: CashHandover) -> str:
        return act.title

    def has_record_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("fiscal.add_cashhandover")

    @action(
        description=gettext_lazy("Record cash handed in"), url_path="record", permissions=["record"], icon="payments"
    )
    def record(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("fiscal-cash"))

    @action(description=gettext_lazy("Act for printing"), url_path="act", icon="print")
    def act(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("fiscal-cash-act", args=[object_id]))
