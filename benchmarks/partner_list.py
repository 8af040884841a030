"""How fast partners read a list of orders, beside plain nested ModelSerializers and beside bare SQL encoded directly.

    python -m benchmarks.partner_list [--orders 500] [--lines 5] [--postgres] [--profile]

All three make the JSON of the same orders, with their lines, from the same database, in turn, several times; what
counts is the median. The floor runs the very statements of our own list and encodes the rows as they come: no names, no
spelling, no nesting. No HTTP is measured.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from benchmarks.database import database
from benchmarks.table import Row, tell

ROUNDS = 7


def stock(orders: int, lines: int) -> Any:
    """A source with orders as a shop sends them. Returns the source."""
    from django.utils import timezone

    from backoffice.partners.models import Source
    from backoffice.sync.enqueue import untracked
    from catalog.models import Good
    from couriers.models import Courier
    from fiscal.models import PaymentType, Tax
    from orders.models import Client, Line, Order

    source = Source.objects.create(title="Shop")
    with untracked():
        tax = Tax.objects.create(ireca_id="1", title="20%")
        kind = PaymentType.objects.create(ireca_id="4113", title="Наличные")
        couriers = Courier.objects.bulk_create(Courier(ireca_id=str(n), title=f"Курьер {n}") for n in range(1, 26))
        goods = Good.objects.bulk_create(
            Good(ireca_id=str(n), title=f"Товар {n}", tax=tax, price=Decimal("113.26")) for n in range(1, 201)
        )
        clients = Client.objects.bulk_create(
            Client(source=source, external_id=str(n), lastname=f"Клиент {n}") for n in range(1, 101)
        )
        now = timezone.now()
        rows = Order.objects.bulk_create(
            Order(
                source=source,
                external_id=str(number),
                remote_data={},
                number=f"S-{number}",
                courier=couriers[number % 25],
                client=clients[number % 100],
                payment_type=kind,
                original_payment_type=kind,
                amount_to_pay=Decimal("679.57"),
                to_city="Санкт-Петербург",
                to_street="Улица правды",
                to_home="24",
                to_latitude=Decimal("59.9208883935"),
                to_longitude=Decimal("30.3391129525"),
                phone="+79123456789",
                delivery_time_from=now,
                delivery_time_to=now,
                description="Доставить до двери",
            )
            for number in range(1, orders + 1)
        )
        Line.objects.bulk_create(
            Line(
                order=row,
                position=place,
                good=goods[(row.pk + place) % 200],
                tax=tax,
                title=f"Товар {place}",
                price=Decimal("113.26"),
                total=Decimal("226.52"),
                count=Decimal(2),
                unit="шт",
            )
            for row in rows
            for place in range(lines)
        )
    return source


def ours(source: Any) -> bytes:
    from backoffice.partners.api.projection import encoder
    from orders.api.resources import ORDERS

    rows = ORDERS.projections["list"].rows(ORDERS.writable.rows(source).order_by("pk"))
    return encoder.encode([row for _key, row in rows])


def serializers(source: Any) -> bytes:
    """As Django REST framework's documentation shows nested lists, with everything prefetched."""
    from rest_framework.renderers import JSONRenderer
    from rest_framework.serializers import ModelSerializer

    from orders.models import CanceledItem, Line, LineSpecificity, LineWarehouse, Order, Payment, Refund

    def plain(of: type[Any], **nested: Any) -> type[ModelSerializer]:
        meta = type("Meta", (), {"model": of, "fields": "__all__"})
        return type(f"{of.__name__}Serializer", (ModelSerializer,), {"Meta": meta, **nested})

    line = plain(
        Line,
        warehouses=plain(LineWarehouse)(many=True),
        specificities=plain(LineSpecificity)(many=True),
        canceled_items=plain(CanceledItem)(many=True),
    )
    order = plain(
        Order, lines=line(many=True), payments=plain(Payment)(many=True), refund=plain(Refund)(required=False)
    )
    rows = (
        Order._base_manager.filter(source=source)
        .select_related("courier", "client", "payment_type", "refund")
        .prefetch_related("payments", "lines__warehouses", "lines__specificities", "lines__canceled_items")
        .order_by("pk")
    )
    return bytes(JSONRenderer().render(order(rows, many=True).data))


class Floor:
    """The statements of our list, and their rows encoded as they come."""

    def __init__(self, source: Any) -> None:
        from django.db import connection

        self.statements: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            self.statements.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            ours(source)

    def __call__(self) -> bytes:
        from django.db import connection

        from backoffice.partners.api.projection import encoder

        found = []
        with connection.cursor() as cursor:
            for sql, params in self.statements:
                cursor.execute(sql, params)
                found.append(cursor.fetchall())
        return encoder.encode(found)


def median(work: Callable[[], bytes]) -> float:
    """Milliseconds."""
    taken = []
    for _round in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--lines", type=int, default=5)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    parser.add_argument("--profile", action="store_true", help="also print where our time goes")
    options = parser.parse_args()
    with database(postgres=options.postgres):
        from django.db import connection

        source = stock(options.orders, options.lines)
        told = json.loads(ours(source))
        assert len(told) == options.orders
        assert len(told[0]["goods"]) == options.lines
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        works: dict[str, Callable[[], bytes]] = {
            "ours": partial(ours, source),
            "serializers": partial(serializers, source),
            "floor": Floor(source),
        }
        times = {title: median(work) for title, work in works.items()}
        print(f"\n{connection.vendor}: {options.orders} orders with {options.lines} lines, median of {ROUNDS}\n")
        for title, taken in times.items():
            print(f"{title:<14}{taken:>10.1f} ms{taken / times['ours']:>10.2f} of ours")
        what = f"partner list of {options.orders} orders, {connection.vendor}"
        for title, name in (("serializers", "nested ModelSerializers"), ("floor", "SQL encoded directly")):
            beside = f"{name} {times[title]:.0f} ms"
            tell(Row(what, f"{times['ours']:.0f} ms", beside, times[title] / times["ours"]))
        if options.profile:
            profiler = cProfile.Profile()
            profiler.runcall(ours, source)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
