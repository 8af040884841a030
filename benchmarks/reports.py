"""How long managers wait: every report of a month by every dimension, and a file of 100,000 rows.

    python -m benchmarks.reports [--orders 1000000] [--rounds 5] [--postgres]

Pages are asked through Django's test client, so the time is the server's, with rendering and without a network. Exit
status 1 when a page takes longer than LIMIT at the 95th percentile, a file's first byte longer than a second, or its
making more than MEMORY.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from typing import Any

from benchmarks.database import database
from benchmarks.years import Years

LIMIT = 0.5  # seconds of a page
FIRST_BYTE = 1.0  # seconds
MEMORY = 64  # MiB
ROWS = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    with database(postgres=options.postgres, DEBUG="1", ALLOWED_HOSTS="testserver"):
        began = time.monotonic()
        Years(options.orders, lambda text: print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)).make()
        return measure(options.rounds)


def measure(rounds: int) -> int:
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from backoffice.reports.registry import REPORTS

    user = User.objects.create_user("manager", is_staff=True)
    user.groups.add(Group.objects.get(name="Managers"))
    browser = Client()
    browser.force_login(user)
    bad = 0
    print(f"{'page':45} {'queries':>8} {'median':>9} {'95 %':>9}")
    for report in REPORTS:
        for by in ("list", *(dimension.name for dimension in report.dimensions)):
            address = f"/reports/{report.name}/?period=last_month&by={by}"
            queries, times = _ask(browser, address, rounds)
            worst = sorted(times)[max(0, round(len(times) * 0.95) - 1)]
            bad += worst > LIMIT
            mark = " <-" if worst > LIMIT else ""
            median = statistics.median(times)
            print(f"{address[9:54]:45} {queries:8} {median * 1000:6.0f} ms {worst * 1000:6.0f} ms{mark}", flush=True)
    for kind in ("csv", "xlsx"):
        bad += _file(browser, kind)
    return 1 if bad else 0


def _ask(browser: Any, address: str, rounds: int) -> tuple[int, list[float]]:
    from django.db import connection, reset_queries
    from django.test.utils import CaptureQueriesContext

    reset_queries()  # Django keeps a limited number of them
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address).status_code == 200, address
    times = []
    for _round in range(rounds):
        began = time.perf_counter()
        browser.get(address)
        times.append(time.perf_counter() - began)
    return len(queries), times


def _file(browser: Any, kind: str) -> int:
    """Of so many months that they hold ROWS rows."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    answer = browser.get(f"/reports/orders/export/{kind}/?since=2020-01-01&until=2100-01-01&by=list")
    first, size, rows = 0.0, 0, 0
    for chunk in answer.streaming_content:
        first = first or time.perf_counter() - began
        size += len(chunk)
        rows += chunk.count(b"\n") if kind == "csv" else 0
        if rows >= ROWS or (kind == "xlsx" and size >= ROWS * 60):
            break
    answer.close()
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    told = f"{rows or 'about as many'} rows, {size // 2**20} MiB in {seconds:.1f} s"
    print(f"file {kind}: {told}, first byte {first * 1000:.0f} ms, memory +{grown} MiB", flush=True)
    return int(first > FIRST_BYTE or grown > MEMORY)


if __name__ == "__main__":
    sys.exit(main())
