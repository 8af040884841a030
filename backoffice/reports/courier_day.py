"""`/reports/couriers/<courier>/<day>/`: one courier's day, by the hour, on the map and in figures."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from backoffice.reports import days, formats, lanes, links
from backoffice.reports.access import Reader, for_readers
from backoffice.reports.cube import COUNT, MINUTES, NUMBER, totals
from backoffice.reports.pages.couriers import REPORT
from couriers.models import Courier
from couriers.track import BadDate, Track, day_bounds, parse_day, track
from couriers.views import PLACES, replay_config, with_tiles
from orders.conditions import of_day

DAY = timedelta(days=1)

# What devices say of a day, as the report on couriers' days calls it.
OF_DEVICES = (
    ("kilometres", gettext_lazy("Distance, km"), NUMBER),
    ("gap_kilometres", gettext_lazy("Across gaps, km"), NUMBER),
    ("minutes_on_shift", gettext_lazy("On shift"), MINUTES),
    ("positions", gettext_lazy("Positions"), COUNT),
    ("registrar_errors", gettext_lazy("Registrar errors"), COUNT),
    ("terminal_errors", gettext_lazy("Terminal errors"), COUNT),
)


@require_safe
@for_readers
def choose(request: HttpRequest, reader: Reader, pk: int) -> HttpResponse:
    """To the day that the form asks for; today, where it names none."""
    return redirect("courier-day", pk, _day(request.GET.get("date", "")).isoformat())


@require_safe
@for_readers
def page(request: HttpRequest, reader: Reader, pk: int, day: str) -> HttpResponse:
    asked = _day(day)
    if not links.may_see_days(reader) or (reader.since is not None and asked < reader.since):
        raise PermissionDenied
    courier = get_object_or_404(Courier, pk=pk)
    found = track(courier, asked)
    now = timezone.now()
    shifts = days.shifts(courier.pk, *day_bounds(asked), now)
    scale, rows = lanes.lanes(found, shifts)
    previous = asked - DAY
    context = {
        **admin.site.each_context(request),
        "title": _("%(name)s, %(day)s") % {"name": courier, "day": formats.written(asked, formats.DAY)},
        "reader": reader,
        "courier": courier,
        "day": asked,
        "previous": previous if reader.since is None or previous >= reader.since else None,
        "next": asked + DAY if asked < timezone.localdate() else None,
        "figures": [*_of_orders(reader, courier, asked), *_of_devices(courier, found, now)],
        "scale": scale,
        "lanes": rows,
        "others": sum(lane.order is not None and not lane.is_of(asked) for lane in rows),
        "width": lanes.WIDTH,
        "track": found,
        "may_see_orders": request.user.has_perm("orders.view_order"),
    }
    if request.user.has_perms(PLACES):
        context |= {"config": replay_config(), "data": found.as_json()}
    response = TemplateResponse(request, "reports/courier_day.html", context)
    return with_tiles(response)


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except BadDate as error:
        raise Http404 from error


def _of_orders(reader: Reader, courier: Courier, day: date) -> list[tuple[Any, str]]:
    """The figures of the report on couriers, of this one and this day."""
    found = totals(REPORT.base(reader).filter(of_day(day), courier=courier), REPORT.figures)
    return [(figure.title, formats.written(found[figure.name], figure.kind)) for figure in REPORT.figures]


def _of_devices(courier: Courier, found: Track, now: Any) -> list[tuple[Any, str]]:
    counted = days.figures(courier.pk, found, now)
    return [(title, formats.written(counted[name], kind)) for name, title, kind in OF_DEVICES]
