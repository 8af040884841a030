"""Printing of chosen orders: pages of their own, without the admin's frame, which look right on paper and as PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from unfold.decorators import action

from backoffice.values import whole_numbers
from orders import printing
from orders.models import Order

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

MANY = 2000  # orders on one page: more would take a browser minutes


class PrintingMixin(Base):
    """Three things to print, each an action of the list; the chosen orders stand in the page's address, so that it can
    be reloaded.
    """

    PRINT_ACTIONS = ("print_routes", "print_labels", "print_forms")

    @action(description=gettext_lazy("Print route sheets"), permissions=["view"])
    def print_routes(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._to_print(request, queryset, "routes")

    @action(description=gettext_lazy("Print labels"), permissions=["view"])
    def print_labels(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._to_print(request, queryset, "labels")

    @action(description=gettext_lazy("Print order forms"), permissions=["view"])
    def print_forms(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._to_print(request, queryset, "forms")

    def _to_print(self, request: HttpRequest, queryset: QuerySet[Order], what: str) -> HttpResponse:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MANY + 1])
        if len(ids) > MANY:
            messages.error(request, _("At most %(many)s orders are printed at once.") % {"many": MANY})
            return HttpResponseRedirect(request.get_full_path())
        # The session and not the address: thousands of keys are longer than an address may be.
        request.session["to_print"] = ids
        return HttpResponseRedirect(reverse("admin:orders_order_print", args=[what]))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_safe(self.print_view))
        return [path("print/<str:what>/", view, name="orders_order_print"), *super().get_urls()]

    def print_view(self, request: HttpRequest, what: str) -> HttpResponse:
        """`?ids=1,2` prints these; without it those that an action has chosen."""
        if what not in ("routes", "labels", "forms"):
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("ids")
        ids = (whole_numbers(asked.split(",")) if asked is not None else request.session.get("to_print", []))[:MANY]
        context: dict[str, Any] = {
            "now": timezone.now(),
            "back": reverse("admin:orders_order_changelist"),
            "sketch_size": printing.SKETCH,
        }
        if what == "routes":
            context["sheets"] = printing.sheets(ids)
        else:
            context["stops"] = list(printing.stops(ids))
        return TemplateResponse(request, f"print/{what}.html", context)
