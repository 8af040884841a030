"""How many callbacks a second are accepted, beside a view that does nothing under the same server.

    python -m benchmarks.callbacks [--count 2000] [--connections 4] [--postgres]

Both get the same bodies of one order each over as many connections that stay open, in turn, several times; what counts
is the median. Each callback is in the database before it is answered, which is checked.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import threading
import time

from benchmarks.database import database
from benchmarks.pull import wire_order
from benchmarks.storm import free_port, web
from benchmarks.table import Row, tell

SECRET = "benchmark"  # noqa: S105  # on loopback
ROUNDS = 5


def rate(port: int, address: str, bodies: list[bytes], connections: int) -> float:
    """Requests a second; an answer other than 201 raises."""
    faults: list[str] = []

    def send(some: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for body in some:
                connection.request("POST", address, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 201:
                    raise http.client.HTTPException(f"answered {answer.status}")
        except (OSError, http.client.HTTPException) as fault:
            faults.append(f"{address}: {fault}")
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(bodies[nth::connections],)) for nth in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - began
    if faults:
        raise RuntimeError(faults[0])
    return len(bodies) / taken


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="requests in each round")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    port = free_port()
    environment = {"CALLBACK_SECRET": SECRET}
    bodies = [json.dumps([wire_order(number, "x")]).encode() for number in range(options.count)]
    with (
        database(postgres=options.postgres, **environment) as directory,
        web(port, directory / "web.log", "benchmarks.empty_view"),
    ):
        from django.db import connection

        from backoffice.sync.models import Callback

        ours, empty = f"/callbacks/ireca/{SECRET}/orders", "/empty"
        for address in (ours, empty):
            rate(port, address, bodies[:100], options.connections)
        rates: dict[str, list[float]] = {ours: [], empty: []}
        for _ in range(ROUNDS):
            for address, found in rates.items():
                found.append(rate(port, address, bodies, options.connections))
        kept = Callback.objects.count()
        if kept != ROUNDS * options.count + 100:
            raise RuntimeError(f"{kept} callbacks are kept of {ROUNDS * options.count + 100} that were answered")
        fast, plain = statistics.median(rates[ours]), statistics.median(rates[empty])
        what = f"callbacks accepted, {connection.vendor}, {options.connections} connections"
        tell(Row(what, f"{fast:.0f}/s", f"empty view {plain:.0f}/s", fast / plain, at_least=0.6))


if __name__ == "__main__":
    main()
