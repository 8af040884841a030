"""Who drives where, and in which order: pure functions on plain data, which know neither orders nor couriers.

`solve` finds routes, `timetable` tells what a route means in hours and metres. Both measure alike: as the crow flies,
times a detour, at one speed. Times are whole seconds on one clock, whose zero the caller chooses; distances are metres;
weights are whole numbers in any one unit.

Two engines stand behind `solve`: VROOM where it is installed (the extra `routes`), and a nearest neighbour of ours,
which needs nothing. Why: docs/decisions/007-routes.md.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from couriers import distance
from couriers.distance import Place

ROOT = Path(__file__).resolve().parent.parent
GRACE = 10.0  # seconds for VROOM's process to start and to end
NO_LIMIT = 10**12  # of a weight or a number of orders, for an engine that wants a number
FAR = 2**31  # seconds: later than any window
# Of the nearest neighbour: what a second before a window, and a second that a window still leaves, count against one on
# the way. Measured, like VROOM's effort (0 to 5), by benchmarks/routes.py.
WAITING = 0.3
URGENCY = 0.05
EXPLORATION = 1

logger = logging.getLogger(__name__)


class VroomFailed(Exception):
    """VROOM is installed but gave no answer; the text is its own."""


@dataclass(frozen=True)
class Terms:
    """How streets are taken into account: metres on the map × `detour`, at `speed` km/h."""

    speed: float
    detour: float

    def metres(self, a: Place, b: Place) -> float:
        return distance.metres(a, b) * self.detour

    def seconds(self, metres: float) -> int:
        return round(metres / (self.speed / 3.6))


@dataclass(frozen=True)
class Stop:
    """A place to be at between `opens` and `closes` (the service begins in it), and to stay at for `service` seconds.

    An overdue one is too late already: it is to be reached, the sooner the better, and counts as late.
    """

    key: int
    place: Place
    opens: int | None = None
    closes: int | None = None
    service: int = 0
    weight: int = 0
    is_overdue: bool = False

    @property
    def deadline(self) -> int:
        """When the service must have begun."""
        return FAR if self.closes is None or self.is_overdue else self.closes


@dataclass(frozen=True)
class Vehicle:
    """Who works from `starts` to `ends`, sets out from `place` (None: from his first stop), and need not return."""

    key: int
    place: Place | None
    starts: int
    ends: int
    capacity: int | None = None
    weight: int | None = None


@dataclass(frozen=True)
class Visit:
    """A stop on a route: the way to it, when it is reached, when its service begins, and when it is left."""

    stop: Stop
    metres: float
    arrives: int
    begins: int
    leaves: int

    @property
    def late(self) -> int:
        """Seconds behind the end of the window."""
        return 0 if self.stop.closes is None else max(0, self.begins - self.stop.closes)


@dataclass(frozen=True)
class Route:
    """What a vehicle does, in order."""

    vehicle: Vehicle
    visits: Sequence[Visit] = ()

    @cached_property
    def metres(self) -> float:
        return sum(visit.metres for visit in self.visits)

    @property
    def ends(self) -> int:
        return self.visits[-1].leaves if self.visits else self.vehicle.starts

    @property
    def sets_out(self) -> int:
        """As late as the first window lets him: nobody waits at a door for it to open."""
        first = self.visits[0] if self.visits else None
        return self.vehicle.starts + (first.begins - first.arrives if first is not None else 0)

    @property
    def seconds(self) -> int:
        """From setting out to the end of the last service, waiting in between included."""
        return self.ends - self.sets_out

    @property
    def overtime(self) -> int:
        return max(0, self.ends - self.vehicle.ends)

    @property
    def late(self) -> list[Visit]:
        return [visit for visit in self.visits if visit.late]


class Reason(StrEnum):
    """Why a stop is on no route."""

    NO_VEHICLE = "no_vehicle"
    HEAVY = "heavy"
    WINDOW = "window"
    SHIFT = "shift"
    FULL = "full"
    CROWDED = "crowded"


@dataclass(frozen=True)
class Solution:
    """A route for each vehicle, empty ones too, and the stops that are on none. `engine` has found them."""

    routes: Sequence[Route]
    unassigned: Mapping[int, Reason] = field(default_factory=dict)
    engine: str = ""


def timetable(vehicle: Vehicle, stops: Sequence[Stop], terms: Terms) -> Route:
    """What it means to serve these stops in this order, whether or not they can be served in time."""
    place, at = vehicle.place, vehicle.starts
    visits = []
    for stop in stops:
        metres = 0.0 if place is None else terms.metres(place, stop.place)
        arrives = at + terms.seconds(metres)
        begins = arrives if stop.opens is None else max(arrives, stop.opens)
        place, at = stop.place, begins + stop.service
        visits.append(Visit(stop, metres, arrives, begins, at))
    return Route(vehicle, visits)


def has_vroom() -> bool:
    return importlib.util.find_spec("vroom") is not None


def solve(
    stops: Sequence[Stop], vehicles: Sequence[Vehicle], terms: Terms, *, seconds: float = 5.0, threads: int = 2
) -> Solution:
    """Routes that honour windows, capacities and working hours: each stop is on one route, or unassigned with a reason.

    VROOM stops after `seconds` with the best that it has, and is ended GRACE seconds later. ValueError for a vehicle
    that stands nowhere.
    """
    if any(vehicle.place is None for vehicle in vehicles):
        raise ValueError("a vehicle needs a place to start from")
    if not stops or not vehicles:
        return Solution([Route(vehicle) for vehicle in vehicles], {stop.key: Reason.NO_VEHICLE for stop in stops})
    engine, found = "nearest", None
    if has_vroom():
        try:
            engine, found = "vroom", _by_vroom(stops, vehicles, terms, seconds, threads)
        except VroomFailed as failure:
            # A dispatcher at eight in the morning needs routes, not the best ones; the page tells which engine it was.
            logger.warning("VROOM found no routes: %s", failure)
    if found is None:
        found = _nearest(stops, vehicles, terms)
    routes = [timetable(vehicle, found.get(vehicle.key, ()), terms) for vehicle in vehicles]
    taken = {visit.stop.key for route in routes for visit in route.visits}
    left = {stop.key: _why(stop, routes, terms) for stop in stops if stop.key not in taken}
    return Solution(routes, left, engine)


def _by_vroom(
    stops: Sequence[Stop], vehicles: Sequence[Vehicle], terms: Terms, seconds: float, threads: int
) -> dict[int, list[Stop]]:
    """Ask VROOM, in its own process. Raises VroomFailed."""
    problem = {
        "stops": [
            [stop.place, min(max(stop.opens or 0, 0), stop.deadline), stop.deadline, stop.service, stop.weight]
            for stop in stops
        ],
        "vehicles": [
            [each.place, each.starts, each.ends, _or_no_limit(each.capacity), _or_no_limit(each.weight)]
            for each in vehicles
        ],
        "terms": asdict(terms),
        "seconds": seconds,
        "threads": threads,
        "exploration": EXPLORATION,
    }
    try:
        child = subprocess.run(
            [sys.executable, "-m", "orders.vroom_engine"],
            cwd=ROOT,
            input=json.dumps(problem),
            capture_output=True,
            text=True,
            timeout=seconds + GRACE,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise VroomFailed(getattr(error, "stderr", "") or str(error)) from error
    found = json.loads(child.stdout)
    return {vehicle.key: [stops[index] for index in route] for vehicle, route in zip(vehicles, found, strict=True)}


def _or_no_limit(limit: int | None) -> int:
    return NO_LIMIT if limit is None else limit


def _nearest(stops: Sequence[Stop], vehicles: Sequence[Vehicle], terms: Terms) -> dict[int, list[Stop]]:
    """Who is free first takes the stop that costs him least: the way, the wait, and how long its window can wait."""
    left = {stop.key: stop for stop in stops}
    found: dict[int, list[Stop]] = {vehicle.key: [] for vehicle in vehicles}
    standing = [(vehicle.starts, index, vehicle.place, 0) for index, vehicle in enumerate(vehicles)]
    while left and standing:
        # 1. Who is free first; the index decides between two, so that the same question has the same answer.
        free = min(standing, key=lambda each: each[:2])
        standing.remove(free)
        at, index, place, weight = free
        vehicle, own = vehicles[index], found[vehicles[index].key]
        if place is None or (vehicle.capacity is not None and len(own) >= vehicle.capacity):
            continue
        # 2. What he can reach in time, the cheapest first. Who can reach nothing is done.
        best: tuple[float, int, int] | None = None
        for stop in _bearable(left, vehicle, weight):
            way = terms.seconds(terms.metres(place, stop.place))
            begins = max(at + way, stop.opens or 0)
            if begins > stop.deadline or begins + stop.service > vehicle.ends:
                continue
            waits, leaves = begins - at - way, min(stop.deadline, vehicle.ends) - begins
            cost = (way + WAITING * waits + URGENCY * leaves, stop.key, begins)
            best = cost if best is None else min(best, cost)
        if best is None:
            continue
        # 3. He goes there.
        stop = left.pop(best[1])
        own.append(stop)
        standing.append((best[2] + stop.service, index, stop.place, weight + stop.weight))
    return found


def _bearable(left: Mapping[int, Stop], vehicle: Vehicle, weight: int) -> Iterator[Stop]:
    """What he can still carry."""
    for stop in left.values():
        if vehicle.weight is None or weight + stop.weight <= vehicle.weight:
            yield stop


def _why(stop: Stop, routes: Sequence[Route], terms: Terms) -> Reason:
    """The first hindrance that no vehicle, were it free for this stop alone, could overcome; else that all are busy."""
    vehicles = [route.vehicle for route in routes]
    if all(vehicle.weight is not None and stop.weight > vehicle.weight for vehicle in vehicles):
        return Reason.HEAVY
    alone = [timetable(vehicle, [stop], terms) for vehicle in vehicles]
    in_time = [route for route in alone if route.visits[0].begins <= stop.deadline]
    if not in_time:
        return Reason.WINDOW
    if all(route.overtime for route in in_time):
        return Reason.SHIFT
    limits = ((route.vehicle.capacity, len(route.visits)) for route in routes)
    is_full = all(limit is not None and count >= limit for limit, count in limits)
    return Reason.FULL if is_full else Reason.CROWDED
