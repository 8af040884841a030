"""How fast a pull of orders is, beside a plain loop of update_or_create and beside bare SQL, and where its time goes.

    python -m benchmarks.pull [--orders 20000] [--sample 500] [--postgres] [--profile]

A database is made for it and dropped afterwards. The wire objects are decoded from JSON text row by row, as over HTTP,
but no HTTP is measured; the text comes from a file that is written before the clock starts. The loop writes the same
columns and the same lines; it is run on a sample, for it is slow.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import UNSET

from benchmarks.bare_pull import bare_upsert
from benchmarks.database import database
from benchmarks.table import Row, tell

GOODS = 200
LINES = 3
TURNS = 5


def wire_order(number: int, description: str, price: str = "113.26") -> dict[str, Any]:
    """An order as GET /orders tells it (seed 002:744-866)."""
    address = {"city": "Санкт-Петербург", "street": "Улица правды", "home": "24", "apartment": str(number % 90)}
    return {
        "orderId": str(500_000 + number),
        "codeAlias": f"B-{number}",
        "statusId": 0,
        "deliveryStatusId": 6,
        "courierId": str(number % 40 + 1),
        "clientId": str(number % 500 + 1),
        "paymentId": "1",
        "amountToPay": "679.57",
        "prePaymentSum": "0.00",
        "addressTo": " ".join(address.values()),
        "addressToEntity": {**address, "latitude": "60.0356", "longitude": "30.3357"},
        "phone": f"+7912{number:07}",
        "deliveryTimeFrom": "2026-11-21 09:00:00",
        "deliveryTimeTo": "2026-11-21 11:00:00",
        "description": description,
        "isAgreed": False,
        "isReturned": False,
        "isEdited": False,
        "isRefund": False,
        "payments": [],
        "returnedOrder": None,
        "goods": [
            {
                "goodId": str((number + index) % GOODS + 1),
                "title": f"Товар {index}",
                "count": "2.000",
                "price": price,
                "total": str(2 * Decimal(price)),
                "discountTotal": "0.00",
                "taxId": "1",
                "position": index,
                "unit": "шт",
                "isActive": True,
            }
            for index in range(LINES)
        ],
    }


def wire_text(path: Path, count: int, description: str, first: int = 0, price: str = "113.26") -> Path:
    """What the remote would answer, an order a line."""
    with path.open("w") as file:
        for number in range(first, first + count):
            print(json.dumps(wire_order(number, description, price), ensure_ascii=False), file=file)
    return path


def decoded(text: Path) -> Iterator[Any]:
    """The orders one by one, so that no list of them is held."""
    from backoffice.remotes.ireca import contract
    from backoffice.remotes.wirejson import loads

    with text.open("rb") as file:
        for line in file:
            yield contract.decode(contract.Order, loads(line))


def pull(text: Path) -> None:
    from backoffice.sync.apply import apply
    from backoffice.sync.enqueue import chunks
    from backoffice.sync.mirror import registry
    from orders.models import Order

    mirror = registry.for_model(Order)
    assert mirror is not None
    for batch in chunks(decoded(text), 500):
        apply(mirror, batch)


def loop(text: Path) -> None:
    """What one would write first: a row at a time, references looked up one by one, lines deleted and made anew."""
    from django.db import transaction

    from backoffice.sync.enqueue import untracked
    from backoffice.sync.mirror import Keys, Parts, registry
    from orders.models import Line, Order
    from orders.parts import LINE, LINE_OF_THE_REMOTE, announce_lines

    mirror = registry.for_model(Order)
    assert mirror is not None
    line_fields = (*LINE, *LINE_OF_THE_REMOTE)
    with untracked():
        for theirs in decoded(text):
            with transaction.atomic():
                keys = Keys()
                specs = [s for s in mirror.fields if mirror.said(theirs, s.attr) is not UNSET]
                for spec in specs:
                    spec.want(Order, getattr(theirs, spec.attr), keys)
                announce_lines(theirs.goods, keys)
                keys.resolve()
                row = Order()
                columns: list[str] = []
                for spec in specs:
                    if not isinstance(spec, Parts):
                        spec.write(row, getattr(theirs, spec.attr), keys)
                        columns += spec.columns()
                values = {name: getattr(row, name) for name in columns}
                row, _ = Order.objects.update_or_create(
                    ireca_id=theirs.order_id, defaults={**values, "remote_data": mirror.state(theirs)}
                )
                row.lines.all().delete()
                for index, value in enumerate(theirs.goods):
                    line = Line(order=row, position=index)
                    for spec in line_fields:
                        if getattr(value, spec.attr) is not UNSET:
                            spec.write(line, getattr(value, spec.attr), keys)
                    line.save()


def timed(work: Callable[[], None]) -> tuple[float, int]:
    """Seconds, and SQL statements."""
    from django.db import connection

    statements = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    started = time.perf_counter()
    with connection.execute_wrapper(count):
        work()
    return time.perf_counter() - started, statements


def peak() -> int:
    """MB that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def beside_bare(directory: Path, count: int, *, is_priced: bool) -> Row:
    """Orders that have all changed, by a pull and by bare SQL in turn: the median of either.

    :param is_priced: their lines have changed, too; bare SQL writes them anew anyway.

    The aim speaks of COPY, which SQLite has not.
    """
    from django.db import connection

    seconds: dict[Any, list[float]] = {pull: [], bare_upsert: []}
    for turn in range(2 * TURNS):
        work = (pull, bare_upsert)[turn % 2]
        text = wire_text(directory / "pull", count, f"turn {turn}", price=f"{113 + turn * is_priced}.26")
        seconds[work].append(timed(partial(work, text))[0])
    pulled, upserted = median(seconds[pull]), median(seconds[bare_upsert])
    what = "all and their lines have" if is_priced else "all have"
    return Row(
        f"pull: {count} orders, {what} changed, in turn, {connection.vendor}",
        f"{count / pulled:.0f}/s",
        f"bare upsert {count / upserted:.0f}/s",
        upserted / pulled,
        at_least=0.5 if connection.vendor == "postgresql" else None,
    )


def measure(directory: Path, count: int, sample: int, *, profile: bool) -> None:
    from django.db import connection
    from django.test import override_settings

    from backoffice.sync.enqueue import untracked
    from orders.models import Order

    # Makes the goods, couriers and clients that the orders refer to, and warms caches.
    pull(wire_text(directory / "warm", 500, "warm"))
    with untracked():
        Order.objects.all().delete()
    rows = []
    for title, description in (("all are new", "one"), ("all have changed", "two"), ("nothing has changed", "two")):
        text = wire_text(directory / "pull", count, description)
        before = peak()
        bulk, bulk_sql = timed(partial(pull, text))
        grown = peak() - before
        # A pull keeps no history of rows that it creates, so neither does the loop.
        with override_settings(SIMPLE_HISTORY_ENABLED=description != "one"):
            plain, plain_sql = timed(partial(loop, wire_text(directory / "loop", sample, description, first=1_000_000)))
        rows.append((title, count / bulk, sample / plain, bulk_sql / count, plain_sql / sample, grown))
        what = f"pull: {count} orders, {title}, {connection.vendor}"
        tell(
            Row(
                what, f"{count / bulk:.0f}/s", f"update_or_create {sample / plain:.0f}/s", plain * count / bulk / sample
            )
        )
    for is_priced in (False, True):
        tell(beside_bare(directory, count, is_priced=is_priced))
    print(f"\n{connection.vendor}: {count} orders with {LINES} lines each; the loop on {sample}\n")
    print(f"{'':<22}{'pull':>12}{'loop':>12}{'ratio':>8}{'SQL/order':>12}{'loop SQL':>10}{'peak +MB':>10}")
    for title, fast, slow, fast_sql, slow_sql, grown in rows:
        rates = f"{fast:>10.0f}/s{slow:>10.0f}/s{fast / slow:>7.1f}x"
        print(f"{title:<22}{rates}{fast_sql:>12.3f}{slow_sql:>10.1f}{grown:>10}")
    if profile:
        for title, description in (("all are new", "one"), ("all have changed", "three")):
            if description == "one":
                with untracked():
                    Order.objects.all().delete()
            profiler = cProfile.Profile()
            profiler.runcall(pull, wire_text(directory / "pull", min(count, 2000), description))
            print(f"\n{title}, by own and by cumulative time:")
            for order in ("tottime", "cumulative"):
                pstats.Stats(profiler).sort_stats(order).print_stats(18)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--sample", type=int, default=500, help="orders of the plain loop")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    parser.add_argument("--profile", action="store_true", help="also print where the time of a pull goes")
    options = parser.parse_args()
    with database(postgres=options.postgres) as directory:
        measure(directory, options.orders, options.sample, profile=options.profile)


if __name__ == "__main__":
    main()
