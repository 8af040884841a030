"""The admin's two map pages: all couriers now, and one courier's track over a day.

`CourierMapMixin` brings them into the admin of couriers, with buttons in its list, rows and form. What they show is
gathered in `couriers/map.py` and `couriers/track.py`; the drawing is in `static/couriers`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action

from backoffice.sync import personal
from couriers import map as courier_map
from couriers import track as courier_track

# Where couriers stop is where clients live.
PLACES = ("couriers.view_location", personal.RIGHT)
PERMISSIONS = ("couriers.view_courier", *PLACES)
REFRESH_SECONDS = 30


class CourierMapMixin(ModelAdmin):
    """Adds the map and the track to an admin of couriers."""

    actions_list = ("map",)
    actions_detail = ("map", "track")
    actions_row = ("track",)

    def get_urls(self) -> list[Any]:
        positions = self.admin_site.admin_view(self.positions_view)
        return [path("map/positions/", positions, name="couriers_courier_positions"), *super().get_urls()]

    def has_map_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Unlike elsewhere in the admin, the right to change couriers is not enough: this shows where people are."""
        return request.user.has_perms(PERMISSIONS)

    @action(description=gettext_lazy("On the map"), url_path="map", permissions=["map"], icon="map")
    def map(self, request: HttpRequest, object_id: str = "") -> HttpResponse:
        """All couriers now. Reached from a courier's form, it looks at that courier."""
        answer = _positions(request)
        config = {
            **map_config(),
            "url": reverse("admin:couriers_courier_positions"),
            "every": REFRESH_SECONDS,
            "focus": self._courier(request, object_id).pk if object_id else None,
        }
        context = {"title": _("Couriers on the map"), "config": config, "positions": answer}
        return self._page(request, "admin/couriers/map/now.html", context)

    def positions_view(self, request: HttpRequest) -> JsonResponse:
        """What the map asks for every half minute: the places, and the list beside it as HTML."""
        if not self.has_map_permission(request):
            raise PermissionDenied
        return JsonResponse(_positions(request))

    @action(description=gettext_lazy("Track of a day"), url_path="track", permissions=["map"], icon="route")
    def track(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A courier's day, to look at and to replay; `?date=YYYY-MM-DD`, today without it."""
        courier = self._courier(request, object_id)
        context: dict[str, Any] = {
            "title": _("Track of a day: %(name)s") % {"name": courier},
            "courier": courier,
            "today": timezone.localdate(),
        }
        try:
            day = courier_track.parse_day(request.GET.get("date", ""))
        except courier_track.BadDate as error:
            context["bad_date"] = str(error)
            return self._page(request, "admin/couriers/map/bad_date.html", context, status=400)
        found = courier_track.track(courier, day)
        context |= {
            "day": day,
            "previous": day - timedelta(days=1),
            "next": day + timedelta(days=1) if day < context["today"] else None,
            "track": found,
            "last_day": None if found.places else courier_track.last_day(courier),
            "config": replay_config(),
            "data": found.as_json(),
            "may_see_orders": request.user.has_perm("orders.view_order"),
        }
        return self._page(request, "admin/couriers/map/track.html", context)

    def _courier(self, request: HttpRequest, object_id: str) -> Any:
        courier = self.get_object(request, unquote(object_id))
        if courier is None:
            raise Http404
        return courier

    def _page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        """A page of the admin that may load map tiles, as no other page may."""
        context = {**self.admin_site.each_context(request), **context}
        return with_tiles(TemplateResponse(request, template, context, status=status))


def _positions(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    couriers = courier_map.whereabouts(now)
    context = {
        "on_map": [one for one in couriers if not one.missing],
        "missing": [one for one in couriers if one.missing],
        "may_see_orders": request.user.has_perm("orders.view_order"),
    }
    return {
        "now": now.isoformat(),
        "couriers": [one.as_json() for one in couriers],
        "list": render_to_string("admin/couriers/map/list.html", context, request),
    }


def with_tiles(response: TemplateResponse) -> TemplateResponse:
    """Lets a page load map tiles."""
    if hosts := courier_map.tile_hosts():
        response._csp_update = {"img-src": hosts}  # type: ignore[attr-defined]  # django-csp reads it
    return response


def map_config() -> dict[str, Any]:
    """What `CourierMap.create` and the ages of `static/couriers/base.js` ask for."""
    hosts = courier_map.tile_hosts()
    return {
        "tiles": settings.MAP_TILES_URL,
        "subdomains": courier_map.SUBDOMAINS,
        "credit": hosts[0].partition("//")[2] if hosts else "",
        "zoomIn": _("Zoom in"),
        "zoomOut": _("Zoom out"),
        "fresh": courier_map.FRESH_FOR.total_seconds(),
        "stale": courier_map.STALE_AFTER.total_seconds(),
        "tolerance": courier_map.CLOCK_TOLERANCE.total_seconds(),
        "ages": {unit: str(words) for unit, words in courier_map.AGE_WORDS.items()},
    }


def replay_config() -> dict[str, Any]:
    """What `static/couriers/track.js` asks for."""
    texts = {"play": _("Play"), "pause": _("Pause"), "gap": _("no positions")}
    return {**map_config(), "zone": settings.TIME_ZONE, "texts": texts}
