"""What a page shows of a route plan: plain values for templates and scripts, times in words, sums of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.sync.personal import is_hidden, mask_all
from couriers.models import Courier
from orders.models import RoutePlan
from orders.plans import REASONS, Reading
from orders.routing import Route, Visit

HOUR = 3600
FIXED = ("closed", "in_hand", "pickup", "no_place")  # reasons that no courier could overcome


def shown(plan: RoutePlan) -> dict[str, Any]:
    """A proposal as its page draws it: seconds from the plan's start, and beside them the words for a person."""
    read = Reading(plan)
    routes = read.routes()
    names = dict(Courier.objects.filter(pk__in=read.drivers).values_list("pk", "title"))
    as_it_is, nobody = read.as_it_is()
    left = plan.routes["left"]
    marks = [moment for route in routes for moment in (route.vehicle.starts, route.ends)]
    span = [_floor(read, min(marks, default=0)), _floor(read, max(marks, default=0)) + HOUR]
    return {
        "version": plan.version,
        "isOpen": plan.state == RoutePlan.State.PROPOSED,
        "span": span,
        "ticks": [{"at": at, "label": _clock(read, at)} for at in range(span[0], span[1] + 1, HOUR)],
        "couriers": [_route(read, route, names.get(route.vehicle.key, "–")) for route in routes],
        "left": [
            {**_order(plan, read, int(key)), "reason": str(REASONS[why]), "isFixed": why in FIXED}
            for key, why in left.items()
        ],
        "sums": {"proposed": _sums(routes, len(left)), "now": _sums(as_it_is, nobody)},
        "saves": _saving(routes, as_it_is, nobody, len(left)),
    }


def _floor(read: Reading, seconds: int) -> int:
    """The whole hour of the clock that a moment is in."""
    past = timezone.localtime(read.begins).minute * 60 + timezone.localtime(read.begins).second
    return (seconds + past) // HOUR * HOUR - past


def _clock(read: Reading, seconds: int) -> str:
    return f"{timezone.localtime(read.moment(seconds)):%H:%M}"


def _order(plan: RoutePlan, read: Reading, key: int) -> dict[str, Any]:
    said, stop = plan.stops[str(key)], read.stops.get(key)
    opens, closes = (read.seconds(said[name]) for name in ("opens", "closes"))
    window = "–".join("" if at is None else _clock(read, at) for at in (opens, closes))
    return {
        "id": key,
        "number": said["number"],
        "address": mask_all(said["address"]) if is_hidden() else said["address"],
        "place": _place(stop.place) if stop is not None else None,
        "window": window,
        "opens": opens,
        "closes": closes,
    }


def _place(degrees: Sequence[float]) -> list[float]:
    """To a hundredth of a degree for who may not know where clients live, as their columns are."""
    return [round(each, 2) if is_hidden() else each for each in degrees]


def _route(read: Reading, route: Route, name: str) -> dict[str, Any]:
    driver = read.drivers[route.vehicle.key]
    return {
        "id": route.vehicle.key,
        "name": name,
        "place": _place(driver["place"]),
        "start": driver["start"],
        "hours": f"{_clock(read, route.vehicle.starts)}–{_clock(read, route.vehicle.ends)}",
        "capacity": driver["capacity"],
        "setsOut": route.sets_out,
        "km": _km(route.metres),
        "time": _hours(route.seconds) if route.visits else "",
        "late": len(route.late),
        "overtime": _minutes(route.overtime),
        "stops": [_visit(read, visit) for visit in route.visits],
    }


def _visit(read: Reading, visit: Visit) -> dict[str, Any]:
    return {
        **_order(read.plan, read, visit.stop.key),
        "begins": visit.begins,
        "leaves": visit.leaves,
        "at": _clock(read, visit.begins),
        "km": _km(visit.metres),
        "late": _minutes(visit.late),
    }


def _sums(routes: Iterable[Route], nobody: int) -> dict[str, Any]:
    routes = [route for route in routes if route.visits]
    metres, count = sum(route.metres for route in routes), sum(len(route.visits) for route in routes)
    return {
        "couriers": len(routes),
        "orders": count,
        "km": _km(metres),
        "each": _km(metres / count) if count else "–",
        "hours": _hours(sum(route.seconds for route in routes)),
        "late": sum(len(route.late) for route in routes),
        "nobody": nobody,
    }


def _saving(routes: Sequence[Route], as_it_is: Sequence[Route], nobody: int, left: int) -> str:
    """What it saves, in words; where both sides do not bring the same orders, kilometres cannot be compared."""
    if nobody or left:
        return _("Kilometres compare only where both ways bring all the orders; look at the kilometres an order.")
    before, after = (sum(route.metres for route in some) for some in (as_it_is, routes))
    late = sum(len(route.late) for route in as_it_is) - sum(len(route.late) for route in routes)
    values = {"km": _km(before - after), "late": late}
    return _("Saves %(km)s km and %(late)s late orders against the couriers as they are now.") % values


def _km(metres: float) -> str:
    return f"{metres / 1000:.1f}"


def _hours(seconds: int) -> str:
    return f"{seconds // HOUR}:{seconds % HOUR // 60:02}"


def _minutes(seconds: int) -> int:
    """Begun minutes: half a minute late is late."""
    return -(-seconds // 60)
