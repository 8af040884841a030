"""Route plans: orders and couriers of ours as stops and vehicles, what a plan proposes, and its acceptance.

`orders/routing.py` does the thinking and knows no database; here its clock begins at the plan's start. Everything
that a page shows of a plan is computed from its row, so that it can be reloaded and seen by others; what happened to
the orders since is looked at when it is accepted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import DecimalField, F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.personal import seen_by
from couriers.models import Courier
from orders import actions, conditions, routing
from orders.models import DeliveryStatus, Hold, Line, Order, RoutePlan, RouteStop
from orders.routing import Reason, Route, Stop, Terms, Vehicle

MOST = 1000  # orders of one plan: the matrix of ways grows with the square
PARTS = 1000  # of the data's unit of weight: the engines count in whole numbers

REASONS = {
    Reason.NO_VEHICLE: gettext_lazy("no courier was chosen"),
    Reason.HEAVY: gettext_lazy("too heavy for each courier"),
    Reason.WINDOW: gettext_lazy("nobody can be there within its window"),
    Reason.SHIFT: gettext_lazy("nobody works that long"),
    Reason.FULL: gettext_lazy("all couriers have as many orders as they can take"),
    Reason.CROWDED: gettext_lazy("does not fit between the other orders"),
    "removed": gettext_lazy("taken off its route by hand"),
    "no_place": gettext_lazy("has no coordinates"),
    "closed": gettext_lazy("is closed or cancelled"),
    "in_hand": gettext_lazy("is in a courier’s hands already"),
    "pickup": gettext_lazy("is picked up by the client"),
}
IN_HAND = (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED)


class Stale(Exception):
    """Somebody else has changed the plan meanwhile; the text says so."""


@dataclass(frozen=True)
class Driver:
    """A courier as he is chosen: where he starts (degrees, and in words), his hours, what he takes."""

    courier: int
    place: tuple[float, float]
    start: str
    starts: datetime
    ends: datetime
    capacity: int | None = None
    weight: float | None = None


@dataclass(frozen=True)
class Setup:
    """How a plan is to be computed: from when on, minutes at a door, and who drives."""

    begins: datetime
    service: int
    drivers: Sequence[Driver]


def unassigned_today(now: datetime) -> list[int]:
    """Open orders of today that nobody is to bring yet."""
    found = Order.objects.filter(
        conditions.IS_OPEN & conditions.of_day(timezone.localdate(now)) & ~Q(hold=Hold.PICKUP), courier=None
    )
    return list(found.order_by("delivery_time_from", "pk").values_list("pk", flat=True)[: MOST + 1])


def terms() -> Terms:
    return Terms(speed=settings.ROUTES_SPEED, detour=settings.ROUTES_DETOUR)


@seen_by(None)  # what is kept is for all; the page masks it (plan_view.py)
def propose(plan: RoutePlan, setup: Setup) -> None:
    """Compute routes and keep them. Takes up to ROUTES_SECONDS and a little; call it outside of any transaction.
    Raises Stale where the plan was accepted or discarded meanwhile.
    """
    stops, left = _snapshot(plan.orders)
    plan.setup = {
        "begins": setup.begins.isoformat(),
        "service": setup.service,
        "drivers": [
            {**asdict(driver), "starts": driver.starts.isoformat(), "ends": driver.ends.isoformat()}
            for driver in setup.drivers
        ],
    }
    plan.stops, plan.routes = stops, {"routes": {}, "left": left}
    read = Reading(plan)
    found = routing.solve(
        list(read.stops.values()), list(read.vehicles.values()), terms(), seconds=settings.ROUTES_SECONDS
    )
    plan.routes = {
        "routes": {str(route.vehicle.key): [visit.stop.key for visit in route.visits] for route in found.routes},
        "left": {**left, **{str(key): reason.value for key, reason in found.unassigned.items()}},
    }
    plan.engine, plan.state = found.engine, RoutePlan.State.PROPOSED
    with transaction.atomic():
        now = _locked(plan)
        if now.state not in (RoutePlan.State.DRAFT, RoutePlan.State.PROPOSED):
            raise Stale(_("This plan is %(state)s already.") % {"state": now.get_state_display()})
        plan.version = now.version + 1
        plan.save()


def _snapshot(ids: Collection[int]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What a plan needs to know of its orders, by our key; and why it can do nothing with some of them.

    A line's weight is that of one piece, as its good's is (seed 002:133, 1456).
    """
    weight = Coalesce(F("weight"), F("good__weight"), 0, output_field=DecimalField())
    lines = Line.objects.filter(order__in=ids).order_by().values_list("order")
    weights = {order: round(float(sum_ or 0) * PARTS) for order, sum_ in lines.annotate(sum=Sum(weight * F("count")))}
    stops, left = {}, {}
    for order in Order.objects.filter(pk__in=ids).defer("remote_data", "sync_conflict", "description").order_by("pk"):
        key = str(order.pk)
        stops[key] = {
            **_promise(order),
            "number": str(order),
            "address": order.address,
            "weight": weights.get(order.pk),
        }
        if order.is_closed:
            left[key] = "closed"
        elif order.delivery_status in IN_HAND:
            left[key] = "in_hand"
        elif order.hold == Hold.PICKUP:
            left[key] = "pickup"
        elif stops[key]["place"] is None:
            left[key] = "no_place"
    return stops, left


def _promise(order: Order) -> dict[str, Any]:
    """What must not have changed until the plan is accepted."""
    place = None
    if order.to_latitude is not None and order.to_longitude is not None:
        place = [float(order.to_latitude), float(order.to_longitude)]
    opens, closes = order.delivery_time_from, order.delivery_time_to
    return {
        "courier": order.courier_id,
        "place": place,
        "opens": opens.isoformat() if opens else None,
        "closes": closes.isoformat() if closes else None,
    }


class Reading:
    """A plan as stops, vehicles and routes; seconds count from the plan's start."""

    def __init__(self, plan: RoutePlan) -> None:
        self.plan = plan
        self.begins = datetime.fromisoformat(plan.setup["begins"])
        self.terms = terms()
        unusable = {key for key, why in plan.routes.get("left", {}).items() if why in ("closed", "in_hand", "pickup")}
        self.stops: dict[int, Stop] = {
            int(key): self._stop(int(key), said)
            for key, said in plan.stops.items()
            if said["place"] is not None and key not in unusable
        }
        self.drivers: dict[int, dict[str, Any]] = {driver["courier"]: driver for driver in plan.setup["drivers"]}
        self.vehicles = {key: self._vehicle(driver) for key, driver in self.drivers.items()}

    def seconds(self, moment: str | None) -> int | None:
        if moment is None:
            return None
        return round((datetime.fromisoformat(moment) - self.begins).total_seconds())

    def moment(self, seconds: int) -> datetime:
        return self.begins + timedelta(seconds=seconds)

    def _stop(self, key: int, said: Mapping[str, Any]) -> Stop:
        closes = self.seconds(said["closes"])
        latitude, longitude = said["place"]
        return Stop(
            key,
            (latitude, longitude),
            self.seconds(said["opens"]),
            closes,
            self.plan.setup["service"] * 60,
            said["weight"] or 0,
            is_overdue=closes is not None and closes < 0,
        )

    def _vehicle(self, driver: Mapping[str, Any]) -> Vehicle:
        latitude, longitude = driver["place"]
        weight = driver["weight"]
        return Vehicle(
            driver["courier"],
            (latitude, longitude),
            max(0, self.seconds(driver["starts"]) or 0),
            max(0, self.seconds(driver["ends"]) or 0),
            driver["capacity"],
            None if weight is None else round(weight * PARTS),
        )

    def routes(self) -> list[Route]:
        """The proposal with its times."""
        return [
            routing.timetable(vehicle, [self.stops[order] for order in self._ordered(vehicle.key)], self.terms)
            for vehicle in self.vehicles.values()
        ]

    def _ordered(self, courier: int) -> list[int]:
        return self.plan.routes["routes"].get(str(courier), [])

    def as_it_is(self) -> tuple[list[Route], int]:
        """The same orders with the couriers who have them now, by their windows as a route sheet has them; and how many
        nobody has. A courier who is not of the plan begins at his first stop.
        """
        own: dict[int, list[Stop]] = {}
        for key, stop in self.stops.items():
            courier = self.plan.stops[str(key)]["courier"]
            if courier is not None:
                own.setdefault(courier, []).append(stop)
        routes = []
        for courier, stops in own.items():
            vehicle = self.vehicles.get(courier) or Vehicle(courier, None, 0, routing.FAR)
            ordered = sorted(stops, key=lambda stop: (stop.opens or 0, stop.closes or routing.FAR, stop.key))
            routes.append(routing.timetable(vehicle, ordered, self.terms))
        return routes, len(self.stops) - sum(len(stops) for stops in own.values())


def move(plan_id: int, version: int, order: int, courier: int | None, position: int) -> RoutePlan:
    """Put an order at a place (from 0) of a courier's route, or on none. Raises Stale, and KeyError for what is not of
    the plan.
    """
    with transaction.atomic():
        plan = _locked(RoutePlan(pk=plan_id))
        if plan.version != version or plan.state != RoutePlan.State.PROPOSED:
            raise Stale(_("Somebody has changed this plan meanwhile. This is how it is now."))
        read = Reading(plan)
        if order not in read.stops or (courier is not None and courier not in read.vehicles):
            raise KeyError(order)
        for keys in plan.routes["routes"].values():
            if order in keys:
                keys.remove(order)
        plan.routes["left"].pop(str(order), None)
        if courier is None:
            plan.routes["left"][str(order)] = "removed"
        else:
            plan.routes["routes"].setdefault(str(courier), []).insert(max(0, position), order)
        plan.version += 1
        plan.save(update_fields=["routes", "version"])
    return plan


def discard(plan_id: int) -> None:
    with transaction.atomic():
        plan = _locked(RoutePlan(pk=plan_id))
        if plan.state not in (RoutePlan.State.DRAFT, RoutePlan.State.PROPOSED):
            raise Stale(_("This plan is %(state)s already.") % {"state": plan.get_state_display()})
        plan.state = RoutePlan.State.DISCARDED
        plan.save(update_fields=["state"])


@seen_by(None)  # compares orders with what they were
def accept(plan_id: int, version: int, user: Any) -> list[actions.Outcome]:
    """Give the orders to the couriers of the plan, as one change with undo, and keep their order for route sheets.

    An order that was changed since the plan was computed stays as it is, and says why. Raises Stale.
    """
    with transaction.atomic():
        plan = _locked(RoutePlan(pk=plan_id))
        if plan.state != RoutePlan.State.PROPOSED:
            raise Stale(_("This plan is %(state)s already.") % {"state": plan.get_state_display()})
        if plan.version != version:
            raise Stale(_("Somebody has changed this plan meanwhile. Look at it before you accept it."))
        read = Reading(plan)
        routes = [route for route in read.routes() if route.visits]
        couriers = Courier.objects.in_bulk([route.vehicle.key for route in routes])
        wanted = {
            visit.stop.key: couriers[route.vehicle.key]
            for route in routes
            if route.vehicle.key in couriers
            for visit in route.visits
        }
        outcomes, plan.change = actions.assign_each(wanted, user, unless=_changed(plan), text=str(plan))
        plan.state = RoutePlan.State.ACCEPTED
        plan.save(update_fields=["state", "change"])
        _keep_order(plan, read, routes)
    return outcomes


def _changed(plan: RoutePlan) -> actions.Skip:
    """Why an order is no longer what the plan was made for; empty when it is."""

    def why(order: Order) -> str:
        said, now = plan.stops[str(order.pk)], _promise(order)
        if order.delivery_status in IN_HAND:
            return _("is in a courier’s hands already")
        if said["courier"] != now["courier"]:
            who = order.courier if order.courier_id is not None else _("nobody")
            return _("was given to %(courier)s meanwhile") % {"courier": who}
        if any(said[name] != now[name] for name in ("place", "opens", "closes")):
            return _("its window or place was changed meanwhile")
        return ""

    return why


def _keep_order(plan: RoutePlan, read: Reading, routes: Iterable[Route]) -> None:
    """Of the orders that now have the courier whom the plan names."""
    visits = {visit.stop.key: (route, nth, visit) for route in routes for nth, visit in enumerate(route.visits, 1)}
    owners = dict(Order.objects.filter(pk__in=visits).order_by().values_list("pk", "courier"))
    kept = [
        RouteStop(
            order_id=key, courier_id=route.vehicle.key, plan=plan, position=nth, begins_at=read.moment(visit.begins)
        )
        for key, (route, nth, visit) in visits.items()
        if owners.get(key) == route.vehicle.key
    ]
    RouteStop.objects.filter(order__in=[stop.order_id for stop in kept]).delete()
    RouteStop.objects.bulk_create(kept)


def _locked(plan: RoutePlan) -> RoutePlan:
    found = RoutePlan.objects.filter(pk=plan.pk)
    return (found.select_for_update() if connection.features.has_select_for_update else found).get()
