"""What a pull of orders costs at least: JSON into staging tables with COPY, and from there upserted, with lines anew.

Bare SQL, for benchmarks/pull.py: no references are looked up but goods, nothing is compared, no history is kept.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

STAGED = (
    *("ireca_id", "number", "amount_to_pay", "to_line", "to_city", "to_street", "to_home", "to_apartment", "phone"),
    *("delivery_time_from", "delivery_time_to", "description"),
)
STAGED_LINES = ("ireca_id", "good", "title", "count", "price", "total", "position", "unit")


def bare_upsert(text: Path) -> None:
    """Bare SQL: each batch is copied into a table of its own and upserted from there; lines are deleted and made anew.

    The columns that the remote does not say are those of one row that is there already.
    """
    from django.db import connection, transaction

    from orders.models import Line, Order

    order = Order._base_manager.order_by("pk")[0]
    line = Line._base_manager.order_by("pk")[0]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE staged_orders ({', '.join(f'{name} text' for name in STAGED)})")
        cursor.execute(f"CREATE TEMP TABLE staged_lines ({', '.join(f'{name} text' for name in STAGED_LINES)})")
    with text.open("rb") as file:
        while batch := [json.loads(row) for row in islice(file, 500)]:
            with transaction.atomic(), connection.cursor() as cursor:
                _stage(cursor, "staged_orders", STAGED, [_bare(each) for each in batch])
                lines = [_bare_line(each, part) for each in batch for part in each["goods"]]
                _stage(cursor, "staged_lines", STAGED_LINES, lines)
                said = {name: _typed(Order, name, f"s.{name}") for name in STAGED}
                cursor.execute(
                    _copied(Order, said, f"FROM staged_orders s CROSS JOIN {Order._meta.db_table} b WHERE b.id = %s")
                    + " ON CONFLICT (ireca_id) DO UPDATE SET "
                    + ", ".join(f"{name} = excluded.{name}" for name in STAGED if name != "ireca_id"),
                    [order.pk],
                )
                mine = f"(SELECT id FROM {Order._meta.db_table} WHERE ireca_id IN (SELECT ireca_id FROM staged_orders))"
                cursor.execute(f"DELETE FROM {Line._meta.db_table} WHERE order_id IN {mine}")
                said = {
                    name: _typed(Line, name, f"s.{name}") for name in STAGED_LINES if name not in ("ireca_id", "good")
                }
                said |= {"order_id": "o.id", "good_id": "g.id"}
                cursor.execute(
                    _copied(
                        Line,
                        said,
                        f"FROM staged_lines s JOIN {Order._meta.db_table} o ON o.ireca_id = s.ireca_id "
                        "JOIN catalog_good g ON g.ireca_id = s.good "
                        f"CROSS JOIN {Line._meta.db_table} b WHERE b.id = %s",
                    ),
                    [line.pk],
                )
                cursor.execute("DELETE FROM staged_orders")
                cursor.execute("DELETE FROM staged_lines")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE staged_orders")
        cursor.execute("DROP TABLE staged_lines")


def _bare(order: dict[str, Any]) -> list[Any]:
    at = order["addressToEntity"]
    return [
        *(order["orderId"], order["codeAlias"], order["amountToPay"], order["addressTo"]),
        *(at["city"], at["street"], at["home"], at["apartment"], order["phone"]),
        *(order["deliveryTimeFrom"], order["deliveryTimeTo"], order["description"]),
    ]


def _bare_line(order: dict[str, Any], line: dict[str, Any]) -> list[Any]:
    names = ("goodId", "title", "count", "price", "total", "position", "unit")
    return [order["orderId"], *(line[name] for name in names)]


def _stage(cursor: Any, table: str, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    if cursor.db.vendor == "postgresql":
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(columns))})", rows)


def _typed(model: Any, name: str, value: str) -> str:
    from django.db import connection

    kind = model._meta.get_field(name).db_type(connection)
    return f"CAST({value} AS {kind})" if connection.vendor == "postgresql" else value


def _copied(model: Any, said: dict[str, str], source: str) -> str:
    names = [field.column for field in model._meta.concrete_fields if field.column != "id"]
    values = ", ".join(said.get(name, f"b.{name}") for name in names)
    return f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) SELECT {values} {source}"
