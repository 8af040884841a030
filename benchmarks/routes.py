"""How long both engines of orders/routing.py think, and how far their routes go: the same day, side by side.

    .venv/bin/python -m benchmarks.routes [--orders 400] [--couriers 25] [--days 3]

A day is drawn at random around one city: windows of two or three hours from nine to nine, couriers from three
warehouses, five minutes at a door. No database is used.
"""

from __future__ import annotations

import argparse
import random
import time
from unittest import mock

from orders import routing
from orders.routing import Solution, Stop, Terms, Vehicle

HOUR = 3600
TERMS = Terms(speed=22, detour=1.4)
CENTRE = (59.94, 30.32)
WAREHOUSES = ((59.92, 30.36), (59.97, 30.29), (59.88, 30.32))


def a_day(orders: int, couriers: int, seed: int) -> tuple[list[Stop], list[Vehicle]]:
    """Seconds count from nine in the morning."""
    dice = random.Random(seed)
    stops = []
    for key in range(1, orders + 1):
        place = (dice.gauss(CENTRE[0], 0.035), dice.gauss(CENTRE[1], 0.07))
        opens = dice.randrange(0, 10) * HOUR
        closes = opens + dice.choice((2, 3)) * HOUR
        stops.append(Stop(key, place, opens, closes, service=300, weight=dice.randrange(200, 5000)))
    capacity = round(orders / couriers * 1.25)
    return stops, [Vehicle(key, WAREHOUSES[key % 3], 0, 13 * HOUR, capacity) for key in range(1, couriers + 1)]


def measured(stops: list[Stop], vehicles: list[Vehicle], limit: float) -> tuple[float, Solution]:
    begun = time.perf_counter()
    found = routing.solve(stops, vehicles, TERMS, seconds=limit)
    return time.perf_counter() - begun, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--couriers", type=int, default=25)
    parser.add_argument("--days", type=int, default=3, help="how many different days")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds that VROOM may think")
    options = parser.parse_args()
    engines = (True, False) if routing.has_vroom() else (False,)
    print(f"{options.orders} orders, {options.couriers} couriers")
    print(f"{'day':>3}  {'engine':<8} {'seconds':>8} {'km':>8} {'hours':>8} {'late':>5} {'left out':>9}")
    for day in range(1, options.days + 1):
        stops, vehicles = a_day(options.orders, options.couriers, day)
        for is_vroom in engines:
            with mock.patch.object(routing, "has_vroom", return_value=is_vroom):
                took, found = measured(stops, vehicles, options.limit)
            km = sum(route.metres for route in found.routes) / 1000
            hours = sum(route.seconds for route in found.routes) / HOUR
            late = sum(len(route.late) for route in found.routes)
            print(f"{day:>3}  {found.engine:<8} {took:8.2f} {km:8.0f} {hours:8.1f} {late:5} {len(found.unassigned):9}")


if __name__ == "__main__":
    main()
