"""How fast new orders leave, beside a bare loop that reads the same rows with SQL, encodes and posts the same batches.

    python -m benchmarks.push [--orders 5000] [--delay 0] [--workers 2] [--postgres] [--profile]

The remote is a process that takes everything at once (`benchmarks/taker.py`), or after `--delay` seconds, as one far
away does. Ours is one process of `manage.py worker`, which has two senders: while the batch of one is in the air, the
other builds or records one. The loop remembers nothing: no lease, no state that was agreed on, no log of what was said.
With `--workers` more orders leave by several such processes at once, beside one of them; with `--profile` by this
process, which prints where its time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

import requests

from benchmarks.database import database
from benchmarks.table import Row, tell
from benchmarks.taker import taker

LINES = 3
ROUNDS = 3
PATIENCE = 300.0  # seconds
BATCH = 500
TOKEN = "benchmark"  # noqa: S105  # on loopback
ORDERS = """
SELECT o.id, o.ireca_id, o.number, o.status, o.delivery_status, c.ireca_id, k.ireca_id, o.phone, p.ireca_id,
       o.amount_to_pay, o.delivery_time_from, o.delivery_time_to, o.to_city, o.to_street, o.to_home, o.to_apartment,
       o.description, o.is_agreed
  FROM orders_order o
  LEFT JOIN couriers_courier c ON c.id = o.courier_id
  LEFT JOIN orders_client k ON k.id = o.client_id
  LEFT JOIN fiscal_paymenttype p ON p.id = o.payment_type_id
 WHERE o.id > %s ORDER BY o.id LIMIT %s
"""
LINES_OF = """
SELECT l.order_id, g.ireca_id, l.title, l.count, l.price, l.total, l.unit, t.ireca_id, l.position
  FROM orders_line l JOIN catalog_good g ON g.id = l.good_id LEFT JOIN fiscal_tax t ON t.id = l.tax_id
 WHERE l.order_id BETWEEN %s AND %s ORDER BY l.order_id, l.position
"""


def stock() -> dict[str, Any]:
    """What orders refer to, known to iRECA."""
    from backoffice.sync.enqueue import untracked
    from catalog.models import Good
    from couriers.models import Courier
    from fiscal.models import PaymentType, Tax
    from orders.models import Client

    with untracked():
        tax = Tax.objects.create(ireca_id="1", title="20%", remote_data={})
        return {
            "tax": tax,
            "payment_type": PaymentType.objects.create(ireca_id="4113", title="Наличные", remote_data={}),
            "couriers": [Courier.objects.create(ireca_id=str(n), title=f"К{n}", remote_data={}) for n in range(1, 26)],
            "clients": [
                Client.objects.create(ireca_id=str(n), lastname=f"Клиент {n}", remote_data={}) for n in range(1, 101)
            ],
            "goods": [
                Good.objects.create(ireca_id=str(n), title=f"Товар {n}", tax=tax, price=113, remote_data={})
                for n in range(1, 201)
            ],
        }


def new_orders(count: int, kept: dict[str, Any]) -> None:
    """Orders with lines, as a shop's import makes them; each opens a push."""
    from django.utils import timezone

    from backoffice.sync.models import Push
    from orders.models import Line, Order

    Push.objects.all().delete()
    now = timezone.now()
    orders = Order.objects.bulk_create(
        Order(
            number=f"P-{number}",
            client=kept["clients"][number % 100],
            courier=kept["couriers"][number % 25],
            payment_type=kept["payment_type"],
            amount_to_pay=Decimal("679.56"),
            phone=f"+7912{number:07}",
            to_city="Санкт-Петербург",
            to_street="Улица правды",
            to_home="24",
            to_apartment=str(number % 90),
            description="Позвонить за час",
            delivery_time_from=now + timedelta(hours=1),
            delivery_time_to=now + timedelta(hours=3),
        )
        for number in range(count)
    )
    Line.objects.bulk_create(
        Line(
            order=order,
            good=kept["goods"][(number + place) % 200],
            title=f"Товар {place}",
            count=Decimal(2),
            price=Decimal("113.26"),
            total=Decimal("226.52"),
            unit="шт",
            tax=kept["tax"],
            position=place,
        )
        for number, order in enumerate(orders)
        for place in range(LINES)
    )


def bare(url: str, count: int) -> float:
    """The newest orders, by SQL. Returns seconds."""
    from django.db import connection

    from orders.models import Order

    last = Order.objects.order_by("-pk").values_list("pk", flat=True)[count : count + 1].first() or 0
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    sent = 0
    started = time.perf_counter()
    with connection.cursor() as cursor:
        while True:
            cursor.execute(ORDERS, [last, BATCH])
            if not (rows := cursor.fetchall()):
                break
            cursor.execute(LINES_OF, [rows[0][0], rows[-1][0]])
            lines = {key: list(group) for key, group in groupby(cursor.fetchall(), itemgetter(0))}
            body = json.dumps([_bare_order(row, lines[row[0]]) for row in rows], ensure_ascii=False).encode()
            answer = session.post(f"{url}/orders", data=body, headers={"Content-Type": "application/json"}, timeout=60)
            answer.raise_for_status()
            last, sent = rows[-1][0], sent + len(rows)
    taken = time.perf_counter() - started
    if sent != count:
        raise RuntimeError(f"the bare loop sent {sent} of {count} orders")
    return taken


def _bare_order(row: tuple[Any, ...], lines: list[tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "orderId": row[1],
        "codeAlias": row[2],
        "statusId": row[3],
        "deliveryStatusId": row[4],
        "courierId": row[5],
        "clientId": row[6],
        "phone": row[7],
        "paymentId": row[8],
        "amountToPay": str(row[9]),
        "deliveryTimeFrom": _moment(row[10]),
        "deliveryTimeTo": _moment(row[11]),
        "addressToEntity": {"city": row[12], "street": row[13], "home": row[14], "apartment": row[15]},
        "description": row[16],
        "isAgreed": bool(row[17]),
        "goods": [
            {
                "goodId": line[1],
                "title": line[2],
                "count": str(line[3]),
                "price": str(line[4]),
                "total": str(line[5]),
                "unit": line[6],
                "taxId": line[7],
                "position": line[8],
            }
            for line in lines
        ],
    }


def _moment(value: Any) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return str(moment.strftime("%Y-%m-%d %H:%M:%S"))


def here() -> None:
    """What is due leaves by this process, batch after batch: for a profile."""
    from backoffice.sync import lease, worker

    holder = lease.owner("benchmark")
    while worker.drain_messages(holder):
        pass


def by_workers(count: int, orders: int) -> tuple[float, int]:
    """So many processes of `manage.py worker` send what is due. Returns seconds, from the moment they are at work, and
    requests.
    """
    from backoffice.sync.models import Exchange, Push

    before = Exchange.objects.filter(method="POST").count()
    command = [sys.executable, "manage.py", "worker"]
    # Nothing is due before all of them stand ready.
    from django.utils import timezone

    Push.objects.update(due_at=timezone.now() + timedelta(hours=1))
    workers = [
        subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        _wait(lambda: _alive() >= count, "the workers are ready")
        started = time.perf_counter()
        Push.objects.update(due_at=timezone.now())
        _wait(lambda: not Push.objects.exclude(state=Push.State.DONE).exists(), "all has left", pause=0.05)
        taken = time.perf_counter() - started
    finally:
        for process in workers:
            process.terminate()
        for process in workers:
            process.wait(30)
    done = Push.objects.filter(state=Push.State.DONE).count()
    if done != orders:
        raise RuntimeError(f"{done} of {orders} pushes are done")
    return taken, Exchange.objects.filter(method="POST").count() - before


def _alive() -> int:
    from backoffice.sync.models import Worker

    return Worker.objects.filter(stopped_at=None).count()


def _wait(condition: Callable[[], bool], what: str, pause: float = 0.2) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not in {PATIENCE:.0f} s: {what}")
        time.sleep(pause)


def measure(url: str, options: argparse.Namespace) -> None:
    from django.db import connection

    kept = stock()
    where = f"{connection.vendor}, remote answers {_after(options.delay)}"
    if options.profile:
        new_orders(BATCH, kept)  # imports and statements are warm
        here()
        new_orders(options.orders, kept)
        profiler = cProfile.Profile()
        profiler.runcall(here)
        for order in ("tottime", "cumulative"):
            pstats.Stats(profiler).sort_stats(order).print_stats(30)
        return
    if options.workers > 1:
        # Many batches for each, so that it does not matter who gets the last.
        count = options.orders * options.workers * 2
        new_orders(count, kept)
        alone, _ = by_workers(1, count)
        new_orders(count, kept)
        together, _ = by_workers(options.workers, count)
        tell(
            Row(
                f"push: {options.workers} workers of {options.senders} senders, {count} new orders, {where}",
                f"{count / together:.0f}/s",
                f"one worker {count / alone:.0f}/s",
                alone / together,
                at_least=1.7 if options.workers == 2 else None,
            )
        )
        return
    times: list[tuple[float, float]] = []
    told = 0
    for _ in range(ROUNDS):
        new_orders(options.orders, kept)
        plain = bare(url, options.orders)
        fast, told = by_workers(1, options.orders)
        times.append((fast, plain))
    fast, plain = (statistics.median(each) for each in zip(*times, strict=True))
    tell(
        Row(
            f"push: {options.orders} new orders, {where}",
            f"{options.orders / fast:.0f}/s",
            f"bare loop {options.orders / plain:.0f}/s",
            plain / fast,
            at_least=0.5,
        )
    )
    tell(Row(f"push: requests for {options.orders} orders", str(told), "aim 20", told / 20, at_most=1))


def _after(delay: float) -> str:
    return f"after {delay * 1000:.0f} ms" if delay else "at once"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that the remote takes for each request")
    parser.add_argument("--workers", type=int, default=1, help="by so many processes at once, beside one")
    parser.add_argument("--senders", type=int, default=2, help="of each worker")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    parser.add_argument("--profile", action="store_true", help="print where our time goes")
    options = parser.parse_args()
    environment = {
        "IRECA_TOKEN": TOKEN,
        "IRECA_RATE": "0",
        "PUSH_SENDERS": str(options.senders),
    }
    with (
        taker(options.delay) as url,
        database(postgres=options.postgres, IRECA_URL=url, **environment),
    ):
        measure(url, options)


if __name__ == "__main__":
    main()
