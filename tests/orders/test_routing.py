"""Routes from plain data: what must hold for any day, whichever engine thinks; and what a timetable says."""

from __future__ import annotations

import random
import subprocess

import pytest

from orders import routing
from orders.routing import Reason, Route, Solution, Stop, Terms, Vehicle

TERMS = Terms(speed=36, detour=1.5)  # 10 m/s
HERE = (55.75, 37.62)
HOUR = 3600


@pytest.fixture(params=["vroom", "nearest"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "nearest":
        monkeypatch.setattr(routing, "has_vroom", lambda: False)
    elif not routing.has_vroom():
        pytest.skip("the extra `routes` is not installed")
    return request.param


def north(metres: float) -> tuple[float, float]:
    return (HERE[0] + metres / 111_195, HERE[1])


def a_day(seed: int) -> tuple[list[Stop], list[Vehicle]]:
    """Anything that may come: no window, a narrow one, one that is over, heavy loads, short shifts."""
    dice = random.Random(seed)
    stops = []
    for key in range(1, dice.randrange(5, 45)):
        opens = dice.choice((None, dice.randrange(-HOUR, 8 * HOUR)))
        closes = None if opens is None else opens + dice.randrange(0, 3 * HOUR)
        place = (HERE[0] + dice.uniform(-0.1, 0.1), HERE[1] + dice.uniform(-0.1, 0.1))
        is_overdue = closes is not None and closes < 0
        service, weight = dice.randrange(0, 900), dice.randrange(0, 60)
        stops.append(Stop(key * 7, place, opens, closes, service, weight, is_overdue))
    vehicles = []
    for key in range(1, dice.randrange(2, 7)):
        starts = dice.randrange(0, 3 * HOUR)
        limits = (dice.choice((None, dice.randrange(1, 12))), dice.choice((None, dice.randrange(1, 200))))
        vehicles.append(Vehicle(key * 100, HERE, starts, starts + dice.randrange(HOUR, 8 * HOUR), *limits))
    return stops, vehicles


def solved(stops: list[Stop], vehicles: list[Vehicle]) -> Solution:
    return routing.solve(stops, vehicles, TERMS, seconds=1, threads=1)


@pytest.mark.parametrize("seed", range(8))
def test_every_promise_holds_on_any_day(engine: str, seed: int) -> None:
    stops, vehicles = a_day(seed)
    found = solved(stops, vehicles)

    assert found.engine == engine
    assert [route.vehicle for route in found.routes] == vehicles
    served = [visit.stop.key for route in found.routes for visit in route.visits]
    assert sorted([*served, *found.unassigned]) == sorted(stop.key for stop in stops)
    for route in found.routes:
        vehicle = route.vehicle
        assert vehicle.capacity is None or len(route.visits) <= vehicle.capacity
        assert vehicle.weight is None or sum(visit.stop.weight for visit in route.visits) <= vehicle.weight
        assert route.overtime == 0
        for visit in route.visits:
            assert visit.begins >= (visit.stop.opens or 0)
            assert visit.begins <= visit.stop.deadline
            assert not visit.late or visit.stop.is_overdue
        assert route == routing.timetable(vehicle, [visit.stop for visit in route.visits], TERMS)


@pytest.mark.parametrize("seed", range(4))
def test_vroom_is_at_least_as_good(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    if not routing.has_vroom():
        pytest.skip("the extra `routes` is not installed")
    stops, vehicles = a_day(100 + seed)

    def cost(found: Solution) -> tuple[int, int]:
        """Fewer left out first, then the way, in half kilometres: both engines round each way to seconds."""
        return len(found.unassigned), round(sum(route.metres for route in found.routes) / 500)

    best = cost(solved(stops, vehicles))
    monkeypatch.setattr(routing, "has_vroom", lambda: False)
    assert best <= cost(solved(stops, vehicles))


def test_a_line_is_driven_in_order(engine: str) -> None:
    stops = [Stop(key, north(key * 1000)) for key in (3, 1, 2)]
    route = solved(stops, [Vehicle(1, HERE, 0, HOUR)]).routes[0]
    assert [visit.stop.key for visit in route.visits] == [1, 2, 3]
    assert route.metres == pytest.approx(4500, rel=0.001)
    assert [visit.arrives for visit in route.visits] == [150, 300, 450]


def test_a_window_goes_before_the_way(engine: str) -> None:
    near, far = Stop(1, north(1000), opens=2 * HOUR, closes=3 * HOUR), Stop(2, north(5000), closes=HOUR)
    route = solved([near, far], [Vehicle(1, HERE, 0, 4 * HOUR)]).routes[0]
    assert [visit.stop.key for visit in route.visits] == [2, 1]


def test_each_reason_is_named(engine: str) -> None:
    vehicle = Vehicle(1, HERE, 0, HOUR, capacity=1, weight=10)
    reasons = {
        Reason.HEAVY: Stop(1, HERE, weight=11),
        Reason.WINDOW: Stop(2, north(10_000), closes=60),
        Reason.SHIFT: Stop(3, north(100_000)),
    }
    for reason, stop in reasons.items():
        assert solved([stop], [vehicle]).unassigned == {stop.key: reason}
    two = [Stop(4, HERE, closes=0), Stop(5, HERE, closes=0)]
    assert set(solved(two, [vehicle]).unassigned.values()) == {Reason.FULL}
    long = [Stop(stop.key, stop.place, closes=0, service=60) for stop in two]
    assert set(solved(long, [Vehicle(1, HERE, 0, HOUR)]).unassigned.values()) == {Reason.CROWDED}
    assert solved(two, []).unassigned == {4: Reason.NO_VEHICLE, 5: Reason.NO_VEHICLE}


def test_what_is_overdue_is_served_all_the_same(engine: str) -> None:
    found = solved([Stop(1, north(1000), opens=-HOUR, closes=-60, is_overdue=True)], [Vehicle(1, HERE, 0, HOUR)])
    assert found.routes[0].visits[0].late == 60 + 150


def test_nothing_to_do(engine: str) -> None:
    assert solved([], [Vehicle(1, HERE, 0, HOUR)]) == Solution([Route(Vehicle(1, HERE, 0, HOUR))])


def test_a_vehicle_must_stand_somewhere() -> None:
    with pytest.raises(ValueError, match="needs a place"):
        solved([Stop(1, HERE)], [Vehicle(1, None, 0, HOUR)])


def test_a_timetable_waits_and_tells_what_is_late() -> None:
    stops = [
        Stop(1, north(1000), opens=600, closes=700, service=60),
        Stop(2, north(2000), closes=500),
    ]
    route = routing.timetable(Vehicle(1, HERE, 0, 700), stops, TERMS)
    first, second = route.visits
    assert (first.arrives, first.begins, first.leaves) == (150, 600, 660)
    assert (second.arrives, second.begins, second.late) == (810, 810, 310)
    assert route.sets_out == 450  # nobody stands at a door that is not open yet
    assert route.seconds == 810 - 450
    assert route.overtime == 110
    assert route.late == [second]


def test_who_starts_nowhere_begins_at_his_first_stop() -> None:
    route = routing.timetable(Vehicle(1, None, 0, HOUR), [Stop(1, north(9000)), Stop(2, north(10_000))], TERMS)
    assert [visit.arrives for visit in route.visits] == [0, 150]


def test_when_vroom_fails_the_nearest_neighbour_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(command: list[str], **_options: object) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(routing, "has_vroom", lambda: True)
    monkeypatch.setattr(subprocess, "run", fail)
    found = solved([Stop(1, HERE)], [Vehicle(1, HERE, 0, HOUR)])
    assert found.engine == "nearest"
    assert not found.unassigned
    assert "VROOM found no routes" in caplog.text
