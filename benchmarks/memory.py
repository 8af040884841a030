"""How the memory of a worker grows under load: orders change every second, and all of them leave.

    python -m benchmarks.memory [--minutes 60] [--orders 2000] [--postgres]

The worker is a process of `manage.py worker`; the remote takes everything at once. Resident memory is read every few
seconds; the last fifth of the time is compared with the fifth before the middle, after everything is warm.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.database import database
from benchmarks.push import new_orders, stock
from benchmarks.table import Row, tell
from benchmarks.taker import taker

EACH = 100  # orders that change in a second
LOOK = 5.0  # seconds


def resident(pid: int) -> int:
    """MiB of a process (Linux tells)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def measure(minutes: float, orders: int) -> None:
    from django.db import connection

    from backoffice.sync.models import Push
    from orders.models import Order

    new_orders(orders, stock())
    keys = list(Order.objects.values_list("pk", flat=True))
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], env=os.environ)
    looks: list[int] = []
    changed = 0
    try:
        end, next_look = time.monotonic() + minutes * 60, time.monotonic() + LOOK
        while (now := time.monotonic()) < end:
            some = [keys[(changed + nth) % len(keys)] for nth in range(EACH)]
            Order.objects.filter(pk__in=some).update(description=f"at {changed}")
            changed += EACH
            if now >= next_look:
                looks.append(resident(process.pid))
                next_look = now + LOOK
            time.sleep(max(0.0, now + 1 - time.monotonic()))
        if process.poll() is not None:
            raise RuntimeError("the worker ended")
        done = Push.objects.filter(state=Push.State.DONE).count()
        if not done:
            raise RuntimeError("the worker has sent nothing, so its memory tells nothing")
    finally:
        process.terminate()
        process.wait(30)
    fifth = len(looks) // 5
    early, late = statistics.mean(looks[2 * fifth : 3 * fifth]), statistics.mean(looks[-fifth:])
    what = f"memory of a worker over {minutes:g} min, {connection.vendor}, {changed} changes, {done} pushes done"
    tell(Row(what, f"{late:.0f} MiB at the end", f"{early:.0f} MiB before the middle", late / early, at_most=1.1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    environment = {"IRECA_TOKEN": "benchmark", "IRECA_RATE": "0"}
    with taker() as url, database(postgres=options.postgres, IRECA_URL=url, **environment):
        measure(options.minutes, options.orders)


if __name__ == "__main__":
    main()
