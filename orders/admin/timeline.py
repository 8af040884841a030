"""The timeline on the order's form, and the page of what does not fit there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _

from backoffice.values import whole_number
from orders import timeline
from orders.models import Order

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object


class TimelineMixin(Base):
    page_context: Any

    def timeline_of(self, order: Order, offset: int = 0) -> timeline.Timeline:
        return timeline.of_order(order, offset)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.timeline_view)
        return [path("<path:object_id>/timeline/", view, name="orders_order_timeline"), *super().get_urls()]

    def timeline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What happened, from the entry number `from` on."""
        order = self.get_object(request, unquote(object_id))
        if order is None:
            raise Http404
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        context = {
            **self.page_context(request, _("What happened to order %(number)s") % {"number": order}),
            "original": order,
            "timeline": self.timeline_of(order, whole_number(request.GET.get("from")) or 0),
        }
        return TemplateResponse(request, "admin/orders/order/timeline_page.html", context)
