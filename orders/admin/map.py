"""The map of orders: the orders of a list's filter on a map, chosen by area, given to a courier, put in their place.

It filters as the list does, by the same parameters, so that a view can be looked at either way. What it shows is
gathered in `orders/map.py`; what it does are the actions of the list (`orders/actions.py`).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backoffice.sync.admin.lists import BigChangeList
from backoffice.values import row_key, whole_numbers
from couriers import map as courier_map
from couriers import track as courier_track
from couriers.models import Courier
from couriers.views import PERMISSIONS as COURIERS_ON_MAP
from couriers.views import REFRESH_SECONDS, map_config, with_tiles
from orders import actions
from orders import map as order_map
from orders.admin import desk
from orders.admin.bulk import tell_outcomes
from orders.models import Order

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

EVERYTHING = "all"  # of a map's address: no filter at all, where an empty one means the open orders of today


class _Filter(BigChangeList):
    """The list's filters without its rows."""

    def get_results(self, request: HttpRequest) -> None:
        self.result_list: Any = []


class OrderMapMixin(Base):
    """For OrderAdmin, before DeskMixin."""

    _tabs: Any

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("map/", wrap(require_safe(self.map_view)), name="orders_order_map"),
            path("map/data/", wrap(require_safe(self.map_data_view)), name="orders_order_map_data"),
            path("map/assign/", wrap(require_POST(self.map_assign_view)), name="orders_order_map_assign"),
            path("map/track/<int:courier>/", wrap(require_safe(self.map_track_view)), name="orders_order_map_track"),
            path("<int:pk>/place/", wrap(require_POST(self.place_view)), name="orders_order_place"),
            *super().get_urls(),
        ]

    # what it shows

    def map_view(self, request: HttpRequest) -> HttpResponse:
        found = self._pins(request)
        if isinstance(found, HttpResponse):
            return found
        query = request.GET.urlencode()
        may_change = self.has_change_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Orders on the map"),
            "data": _data(request, found),
            "legend": order_map.legend(found),
            "tabs": self._map_tabs(request),
            "list_url": f"{reverse(desk.LIST)}?{'' if EVERYTHING in request.GET else query or 'day=today'}",
            "couriers": desk.named_couriers() if may_change else {},
            "may_change": may_change,
            "config": {
                **map_config(),
                "data": f"{reverse('admin:orders_order_map_data')}?{query}",
                "assign": reverse("admin:orders_order_map_assign"),
                "place": reverse("admin:orders_order_place", args=[0]),
                "card": reverse("admin:orders_order_card", args=[0]),
                "track": reverse("admin:orders_order_map_track", args=[0]),
                "dayTrack": reverse("admin:couriers_courier_track", args=[0]),
                "every": REFRESH_SECONDS,
                "mayChange": may_change,
                "texts": _texts(),
            },
        }
        response = TemplateResponse(request, "admin/orders/map/page.html", context)
        return with_tiles(response)

    def map_data_view(self, request: HttpRequest) -> HttpResponse:
        """The same as the page has, for looking again."""
        found = self._pins(request)
        return found if isinstance(found, HttpResponse) else JsonResponse(_data(request, found))

    def _pins(self, request: HttpRequest) -> order_map.Pins | HttpResponse:
        """The orders of the filter. A redirect, as of a list, where the address has a filter that does not exist."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        orders: QuerySet[Order] = self.get_queryset(request)
        if not request.GET:
            orders = orders.filter(order_map.of_today(now))
        elif EVERYTHING not in request.GET:
            try:
                orders = self._filter(request).queryset
            except IncorrectLookupParameters:
                return HttpResponseRedirect(reverse("admin:orders_order_map"))
        return order_map.pins(orders, now)

    def _filter(self, request: HttpRequest) -> BigChangeList:
        return _Filter(
            request,
            self.model,
            self.get_list_display(request),
            None,
            self.get_list_filter(request),
            self.date_hierarchy,
            self.get_search_fields(request),
            self.get_list_select_related(request),
            self.list_per_page,
            self.list_max_show_all,
            (),
            self,
            self.get_sortable_by(request),
            self.search_help_text,
        )

    def _map_tabs(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The tabs of the list, of which each leads to the map of its orders."""
        here, there = reverse("admin:orders_order_map"), reverse(desk.LIST)
        first = {"title": _("Open today"), "url": here, "is_current": not request.GET}
        return [first, *({**tab, "url": tab["url"].replace(there, here, 1)} for tab in self._tabs(request))]

    def map_track_view(self, request: HttpRequest, courier: int) -> HttpResponse:
        """Where a courier was today, as `couriers/track.py` tells it."""
        if not request.user.has_perms(COURIERS_ON_MAP):
            raise PermissionDenied
        found = Courier.objects.filter(pk=courier).first()
        if found is None:
            raise Http404
        return JsonResponse(courier_track.track(found, timezone.localdate()).as_json())

    # what it does

    def map_assign_view(self, request: HttpRequest) -> HttpResponse:
        """Give `ids` (with commas) to `courier`. Answers what was told, as HTML of ours: [{"level", "html"}]."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        courier = Courier.objects.filter(pk=row_key(request.POST.get("courier"))).first()
        ids = whole_numbers(request.POST.get("ids", "").split(","))
        if courier is None or not ids:
            return JsonResponse({"told": [{"level": "error", "html": _("Choose orders and a courier.")}]}, status=400)
        return _tell(request, actions.assign(ids, courier, request.user))

    def place_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give an order its coordinates, `latitude` and `longitude` in degrees."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            latitude, longitude = (_degrees(request.POST.get(name, "")) for name in ("latitude", "longitude"))
            outcomes = actions.set_place([pk], latitude, longitude, request.user)
        except (InvalidOperation, ValueError):
            return JsonResponse({"told": [{"level": "error", "html": _("There is no such place.")}]}, status=400)
        return _tell(request, outcomes)


def _degrees(text: str) -> Decimal:
    """As the column keeps them: seven decimals are a centimetre."""
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return round(value, 7)


def _tell(request: HttpRequest, outcomes: list[actions.Outcome]) -> JsonResponse:
    """What a list would tell on its next page, told at once."""
    tell_outcomes(request, outcomes)
    # With what other pages left to be told: of a text that is not marked as markup, whatever is in it is text.
    told = [
        {"level": message.level_tag, "html": conditional_escape(message.message)}
        for message in messages.get_messages(request)
    ]
    return JsonResponse({"told": told})


def _data(request: HttpRequest, found: order_map.Pins) -> dict[str, Any]:
    couriers = []
    if request.user.has_perms(COURIERS_ON_MAP):
        couriers = [
            {**one.as_json(), "openOrders": one.open_orders}
            for one in courier_map.whereabouts(timezone.now())
            if one.location is not None and (one.has_session or one.open_orders)
        ]
    capped = ""
    if found.is_capped:
        shown = {"shown": len(found.pins), "total": found.total}
        words = _("The latest %(shown)s of %(total)s orders are shown: narrow the filter to see the others.")
        capped = words % shown
    return {"orders": found.pins, "couriers": couriers, "capped": capped}


def _texts() -> dict[str, str]:
    return {
        "unassigned": _("no courier"),
        "late": _("late"),
        "risk": _("at risk"),
        "selected": _("Selected: {count}"),
        "placed": _("Click where order {number} goes, or move the map with the arrow keys and press Enter."),
        "place": _("Place on the map"),
        "placeOf": _("Place on the map: {number}"),
        "showOf": _("Show on the map: {number}"),
        "lost": _("The server does not answer; what you see may be old."),
        "noneInside": _("There is no order in this area."),
        "drawing": _("Draw around the orders with the mouse or a finger. Escape ends it."),
        "missing": _("Choose orders and a courier."),
        "openOrders": _("open orders: {count}"),
        "track": _("Show today’s track"),
        "dayTrack": _("Track of a day"),
        "noTrack": _("No positions today."),
    }
