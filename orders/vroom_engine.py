"""VROOM in a process of its own: `python -m orders.vroom_engine` reads a problem from stdin and writes its routes.

It keeps the interpreter's lock for as long as it thinks, which in a web process would make everybody wait; and a
process can be ended when its time is over. `orders/routing.py` starts it.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import numpy
import vroom  # type: ignore[import-untyped]

from orders.routing import Terms


def find(problem: dict[str, Any]) -> list[list[int]]:
    """The indexes of the stops that each vehicle serves, in order.

    `stops` are [place, opens, deadline, service, weight], `vehicles` [place, starts, ends, capacity, weight].
    """
    stops, vehicles = problem["stops"], problem["vehicles"]
    terms = Terms(**problem["terms"])
    places = [tuple(each[0]) for each in (*stops, *vehicles)]
    durations = numpy.zeros((len(places), len(places)), dtype=numpy.uint32)
    for one, here in enumerate(places):
        for other in range(one):  # the way back is as long
            durations[one, other] = durations[other, one] = terms.seconds(terms.metres(here, places[other]))
    asked = vroom.Input()
    asked.set_durations_matrix(profile="car", matrix_input=durations)
    for index, (_place, starts, ends, capacity, weight) in enumerate(vehicles):
        start = len(stops) + index
        asked.add_vehicle(vroom.Vehicle(index, start=start, capacity=[capacity, weight], time_window=(starts, ends)))
    for index, (_place, opens, deadline, service, weight) in enumerate(stops):
        window = [(opens, deadline)]
        asked.add_job(
            vroom.Job(index, location=index, default_service=service, delivery=[1, weight], time_windows=window)
        )
    limit = timedelta(seconds=problem["seconds"])
    solution = asked.solve(exploration_level=problem["exploration"], nb_threads=problem["threads"], timeout=limit)
    found: list[list[int]] = [[] for _vehicle in vehicles]
    for route in solution.to_dict()["routes"]:
        found[route["vehicle"]] = [step["id"] for step in route["steps"] if step["type"] == "job"]
    return found


if __name__ == "__main__":
    json.dump(find(json.load(sys.stdin)), sys.stdout)
