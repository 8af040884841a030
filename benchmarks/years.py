"""Years of orders in a few statements: lines, payments, receipts and status changes, random by arithmetic alone.

A row of each table is made through its model, so that every column has what the model gives it; the database then
multiplies it, with other values in the columns that matter. So a million orders take minutes and not hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

COURIERS, SOURCES, GOODS, TYPES, REASONS, WAREHOUSES = 100, 5, 2000, 3, 6, 4
LINES = 3  # of each order
YEARS = 3
FIRST = 10  # keys below belong to the rows that are multiplied


@dataclass(frozen=True)
class Years:
    """How many orders, over how long. `say` is told what is being made."""

    orders: int
    say: Callable[[str], None] = lambda text: None

    @property
    def clients(self) -> int:
        return max(self.orders // 5, 10)

    def make(self) -> None:
        from django.core.management import call_command
        from django.db import connection, transaction
        from django.utils import timezone

        from backoffice.partners.models import Source
        from backoffice.sync.enqueue import untracked
        from catalog.models import Good, Stock, Warehouse
        from couriers.models import Courier
        from fiscal.models import PaymentType, Receipt
        from orders.models import Client, Line, Order, Payment, ReturnReason, StatusChange

        known: dict[str, Any] = {"remote_data": {}}
        with untracked(), transaction.atomic():
            directories: tuple[tuple[Any, int, dict[str, Any]], ...] = (
                (Source, SOURCES, {}),
                (Courier, COURIERS, known),
                (PaymentType, TYPES, known),
                (ReturnReason, REASONS, known),
                (Warehouse, WAREHOUSES, known),
            )
            for model, count, fields in directories:
                model.objects.bulk_create(
                    model(pk=FIRST + nth, title=f"{model.__name__} {nth}", **self._id(model, nth), **fields)
                    for nth in range(1, count + 1)
                )
            PaymentType.objects.filter(pk=FIRST + 2).update(close_type=2)
            good = Good.objects.create(pk=1, ireca_id="g", title="Good", price=Decimal("500"), **known)
            stock = Stock.objects.create(pk=1, good=good, warehouse_id=FIRST + 1, count=5)
            client = Client.objects.create(pk=1, ireca_id="k", lastname="Client", phone="+79160000000", **known)
            order = Order.objects.create(pk=1, ireca_id="o", number="O", to_street="Arbat", to_home="1", **known)
            line = Line.objects.create(pk=1, order=order, good=good, title="Good", count=1)
            payment = Payment.objects.create(pk=1, order=order, price=1)
            receipt = Receipt.objects.create(pk=1, order=order, kind="sale", fn="fn", date_time_receipt=timezone.now())
            change = StatusChange.objects.create(pk=1, order=order, delivery_status=9, created_at=timezone.now())
        step = YEARS * 365 * 24 * 3600 // self.orders
        begin = timezone.now() - timedelta(days=YEARS * 365 - 1)

        def at(seconds: str) -> str:
            if connection.vendor == "postgresql":
                return f"TIMESTAMPTZ '{begin:%Y-%m-%d %H:%M:%S}+00' + ({seconds}) * INTERVAL '1 second'"
            return f"datetime('{begin:%Y-%m-%d %H:%M:%S}', '+' || ({seconds}) || ' seconds')"

        nth = f"((i - 1) / {LINES} + 1)"  # the order of a line
        visit = "((i - 1) / 2 + 1)"  # and of a status change
        multiply(good, GOODS, {"ireca_id": "'g' || i", "title": "'Good ' || i", "article": "'A-' || i"})
        multiply(stock, GOODS, {"good_id": f"i + {FIRST}", "count": "i % 40"})
        multiply(
            client,
            self.clients,
            {"ireca_id": "'k' || i", "lastname": "'Client ' || i", "phone_e164": "'+7916' || (1000000 + i)"},
        )
        self.say("directories")
        multiply(
            order,
            self.orders,
            {
                "ireca_id": "'o' || i",
                "number": "'O-' || i",
                "source_id": f"{FIRST + 1} + i % {SOURCES}",
                "courier_id": f"{FIRST + 1} + (i / 3) % {COURIERS}",
                "client_id": f"{FIRST + 1} + (i * 7919) % {self.clients}",
                "payment_type_id": f"{FIRST + 1} + i % {TYPES}",
                "return_reason_id": f"CASE WHEN i % 20 = 0 THEN {FIRST + 1} + i % {REASONS} END",
                "status": "CASE WHEN i % 20 = 0 THEN 0 ELSE 1 END",
                "delivery_status": "CASE WHEN i % 20 = 0 THEN 11 ELSE 10 END",
                "sale_receipts": "CASE WHEN i % 20 = 0 THEN 0 ELSE 1 END",
                "amount_to_pay": "100 + i % 5000",
                "to_city": "CASE WHEN i % 4 = 0 THEN 'Tula' ELSE 'Moscow' END",
                "to_latitude": "55.5 + (i % 1000) / 2000.0",
                "to_longitude": "37.3 + (i % 777) / 1500.0",
                "delivery_time_from": at(f"i * {step}"),
                "delivery_time_to": at(f"i * {step} + 7200"),
                "taken_at": at(f"i * {step} + 600"),
                "delivered_at": at(f"i * {step} + 3600 + (i % 11) * 600"),
            },
        )
        self.say("orders")
        multiply(
            line,
            self.orders * LINES,
            {
                "order_id": f"{nth} + {FIRST}",
                "position": f"i % {LINES}",
                "good_id": f"{FIRST + 1} + (i * 31) % {GOODS}",
                "count": "1 + i % 3",
                "total": "100 + i % 900",
                "discount_total": "CASE WHEN i % 5 = 0 THEN -10 ELSE 0 END",
            },
        )
        self.say("lines")
        paid = "i % 20 <> 0"
        multiply(
            payment,
            self.orders,
            {
                "order_id": f"i + {FIRST}",
                "price": "100 + i % 5000",
                "payment_type_id": f"{FIRST + 1} + i % {TYPES}",
                "paid_in": at(f"i * {step} + 3600"),
            },
            where=paid,
        )
        multiply(
            receipt,
            self.orders,
            {
                "order_id": f"i + {FIRST}",
                "fn": "'fn' || (i / 3) % 40",
                "fd_number": "CAST(i AS TEXT)",
                "shift_number": "CAST(i / 900 AS TEXT)",
                "date_time_receipt": at(f"i * {step} + 3600"),
            },
            where=paid,
        )
        self.say("payments and receipts")
        multiply(
            change,
            self.orders * 2,
            {
                "order_id": f"{visit} + {FIRST}",
                "delivery_status": "CASE WHEN i % 2 = 0 THEN 9 ELSE 7 END",
                "created_at": at(
                    f"{visit} * {step} + CASE WHEN i % 2 = 0 THEN 3600 + ({visit} % 11) * 600 ELSE 600 END"
                ),
                "latitude": "55.5 + (i % 1000) / 2000.0",
                "longitude": "37.3 + (i % 777) / 1500.0",
            },
        )
        self.say("status changes")
        call_command("recount", verbosity=0)  # rows that no signal has seen
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    @staticmethod
    def _id(model: Any, nth: int) -> dict[str, str]:
        return {"ireca_id": f"{model.__name__}{nth}"} if hasattr(model, "ireca_id") else {}


def multiply(row: Any, count: int, values: Mapping[str, str], where: str = "1 = 1") -> None:
    """Rows like this one, `values` (SQL of the number `i`, from 1) in place of its own; their keys follow FIRST."""
    from django.db import connection

    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields]
    quote = connection.ops.quote_name
    chosen = {"id": f"i + {FIRST}", **values}
    select = ", ".join(f"{chosen[name]}" if name in chosen else f"base.{quote(name)}" for name in names)
    columns = ", ".join(quote(name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE s(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM s WHERE i < {count}) "
            f"INSERT INTO {quote(table)} ({columns}) "
            f"SELECT {select} FROM s CROSS JOIN {quote(table)} AS base WHERE base.id = {row.pk} AND {where}"
        )
