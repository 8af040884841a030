"""A dispatcher's day in headless Chromium on 100,000 orders: clicks, seconds and server time of each task.

    python -m benchmarks.day [--orders 100000] [--postgres]

Database and web server are made for it, on loopback. A task takes as long as a person takes, pauses included
(`benchmarks/hand.py`). Exit status 1 when a limit is broken: a task of more than 5 clicks, a list that takes 300 ms of
server time or more, 400 orders that are not given to 25 couriers within 3 minutes, an error on the browser's console.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.database import database
from benchmarks.hand import DURATION, Figures, Hand
from benchmarks.storm import free_port, web

CLICKS, SERVER, MORNING = 5, 300.0, 180.0  # at most; milliseconds, seconds
GIVEN, SPARE = 400, 120  # orders of today that nobody has: for the morning, and for the tasks before it
PATIENCE = 20_000  # milliseconds to wait for anything: a busy machine is slow, and the figures say how slow
TIMES = 5  # that each list is opened; the median counts
LISTS = (
    *("", "?day=today", "?day=today&attention=no_courier", "?delivery_status=7", "?delivery_status=10", "?day=late"),
    *("?day=today&attention=to_agree", "?attention=problems", "?attention=to_collect", "?attention=no_receipt"),
    *("?attention=duplicates", "?q=F-17", "?q=%2B79210000123", "?q=Соколов", "?q=Невский пр. 88", "?p=100"),
)
PAGES = (
    *("/admin/", "/admin/orders/order/board/", "/admin/orders/order/board/?view=hours", "/admin/orders/order/map/"),
    *("/admin/orders/client/", "/admin/orders/client/?q=Соколов", "/admin/catalog/good/", "/admin/catalog/good/?q=чай"),
    *("/admin/fiscal/receipt/", "/admin/couriers/courier/", "/admin/sync/push/", "/admin/notices/"),
)


def tasks(page: Any, base: str, names: list[str], phone: str) -> list[Figures]:
    from benchmarks.dispatcher import Dispatcher

    hand = Hand(page, base)
    person = Dispatcher(hand, names, phone, ("A-00007", "A-00012"))
    found = []
    # The morning comes first: later tasks give as many orders as happen to lie in an area.
    found.append(told(person.give_everything()))
    for task in person.tasks():
        task()
        found.append(told(hand.end()))
    return found


def told(figures: Figures) -> Figures:
    slowest, address = figures.slowest
    line = f"{figures.title:<42}{figures.clicks:>7}{figures.keys:>6}{figures.seconds:>9.1f}{slowest:>8.0f}  {address}"
    print(line, flush=True)
    return figures


def lists(get: Callable[[str], float]) -> list[tuple[float, str]]:
    """Milliseconds of server time, the median of several visits, by address."""
    found = []
    for address in (*(f"/admin/orders/order/{query}" for query in LISTS), *PAGES):
        get(address)
        took = statistics.median(get(address) for _ in range(TIMES))
        found.append((took, address))
        print(f"{took:>8.0f}  {address}", flush=True)
    return found


def broken(found: list[Figures], listed: list[tuple[float, str]], troubles: list[str]) -> list[str]:
    """The limits that were not kept."""
    morning, *single = found
    failures = [f"{each.title}: {each.clicks} clicks" for each in single if each.clicks > CLICKS]
    failures += [f"{address} takes {took:.0f} ms" for took, address in listed if took >= SERVER]
    if morning.seconds > MORNING:
        failures.append(f"{morning.title}: {morning.seconds:.0f} s")
    return failures + [f"console: {text}" for text in troubles]


def work(base: str, session: str, names: list[str], phone: str) -> tuple[list[Figures], list[Any], list[str]]:
    from playwright.sync_api import expect, sync_playwright

    troubles: list[str] = []
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        window = chromium.new_context(locale="en", viewport={"width": 1680, "height": 1000})
        window.add_cookies([{"name": "sessionid", "value": session, "url": base}])
        page = window.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)

        def server_time(address: str) -> float:
            answer = window.request.get(base + address)
            found = DURATION.search(answer.headers.get("server-timing", ""))
            if not answer.ok or found is None:
                raise RuntimeError(f"{address}: {answer.status}")
            return float(found[1])

        print(f"\n{'server ms':>8}  list")
        listed = lists(server_time)
        print(f"\n{'task':<42}{'clicks':>7}{'keys':>6}{'seconds':>9}{'server ms, slowest':>8}")
        found = tasks(page, base, names, phone)
        chromium.close()
    return found, listed, troubles


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with database(postgres=options.postgres, PUBLIC_URL=base, DEBUG="1", LOG_LEVEL="WARNING") as directory:
        return run(port, base, directory, options.orders)


def run(port: int, base: str, directory: Path, orders: int) -> int:
    from django.db import connection
    from django.test import Client

    from benchmarks import year
    from couriers.models import Courier
    from orders.models import Order

    dispatcher = year.make(orders, GIVEN + SPARE)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    browser = Client()
    browser.force_login(dispatcher)
    names = list(Courier.objects.order_by("pk").values_list("title", flat=True))
    print(f"{connection.vendor}: {Order.objects.count()} orders, {len(names)} couriers")
    phone = Order.objects.filter(number__startswith=year.FREE).values_list("phone_e164", flat=True)[0]
    connection.close()
    with web(port, directory / "web.log", "benchmarks.timed"):
        found, listed, troubles = work(base, browser.cookies["sessionid"].value, names, phone)
    failures = broken(found, listed, troubles)
    print(f"\n{len(failures)} limits broken" if failures else "\nEvery limit was kept.")
    for line in failures:
        print(f"  {line}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
