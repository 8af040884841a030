"""How the order list grows: the same pages at ten thousand, a hundred thousand and a million orders.

    python -m benchmarks.admin_list [--sizes 10000 100000 1000000] [--rounds 9] [--postgres]

Each size has a database of its own (`benchmarks/years.py`) and a process of its own. All pages show fifty rows, or one
that is searched, at each size, so that a difference is the table's and not the page's. Times are the server's, through
Django's test client, the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from urllib.parse import quote

from benchmarks.database import database
from benchmarks.table import Row, tell
from benchmarks.years import Years

ORDERS, CLIENTS = "/admin/orders/order/", "/admin/orders/client/"
PAGES = (
    ORDERS,
    f"{ORDERS}?p=100",
    f"{ORDERS}?delivery_status=10",
    f"{ORDERS}?status=1&o=-2",
    f"{ORDERS}?courier__id__exact=12",
    f"{ORDERS}?attention=no_receipt",
    f"{ORDERS}?q=O-77",
    f"{ORDERS}?q={quote('+79161001234')}",
    f"{ORDERS}?q={quote('Client 1234')}",
    f"{ORDERS}?q={quote('Moscow, Arbat 1')}",
    CLIENTS,
    f"{CLIENTS}?q={quote('Client 12')}",
)


def one(orders: int, rounds: int, *, postgres: bool) -> None:
    """Make them, and print milliseconds by page, as JSON."""
    with database(postgres=postgres, DEBUG="1", ALLOWED_HOSTS="testserver", LOG_LEVEL="WARNING"):
        from django.contrib.auth.models import Group, User
        from django.test import Client

        Years(orders).make()
        user = User.objects.create_user("dispatcher", is_staff=True)
        user.groups.add(Group.objects.get(name="Dispatchers"))
        browser = Client()
        browser.force_login(user)
        print(json.dumps({page: _median(browser, page, rounds) for page in PAGES}))


def _median(browser: object, page: str, rounds: int) -> float:
    times = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        answer = browser.get(page)  # type: ignore[attr-defined]  # Django's test client, imported where it is set up
        if answer.status_code != 200:
            raise RuntimeError(f"{page} answers {answer.status_code}")
        if number:  # the first one compiles templates
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # what the others are made of
    options = parser.parse_args()
    if options.one:
        one(options.one, options.rounds, postgres=options.postgres)
        return 0
    found: dict[int, dict[str, float]] = {}
    again = ["--postgres"] if options.postgres else []
    for size in options.sizes:
        command = [sys.executable, "-m", "benchmarks.admin_list", "--one", str(size), "--rounds", str(options.rounds)]
        output = subprocess.run([*command, *again], check=True, stdout=subprocess.PIPE, text=True).stdout
        found[size] = json.loads(output.splitlines()[-1])
    engine = "postgresql" if options.postgres else "sqlite"
    few, many = min(found), max(found)
    rows = []
    for page in PAGES:
        times = " → ".join(f"{found[size][page]:.0f}" for size in sorted(found))
        ratio = found[many][page] / found[few][page]
        rows.append(tell(Row(f"{engine}: {page}", f"{times} ms", f"{few:,} → {many:,} orders", ratio, at_most=1.5)))
    return 0 if all(row.is_kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
