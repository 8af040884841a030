"""Answers in XML and JSON, in every layout that the document leaves open; the default is that of its example."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from backoffice.remotes.sandbox.recording import Reply
from backoffice.remotes.sandbox.schema import Record

XML, JSON = "xml", "json"
_INDENT = "   "
_NUMBERS = frozenset(
    [
        "paid",
        "customer_id",
        "shipped",
        "cancelled",
        "shipping_cost",
        "pickup_receipt_id",
        "amount",
        "discount",
        "pickup_from_warehouse_id",
        "delivery_type_id",
        "payment_type_id",
        "item_id",
        "quantity",
        "unit_base_price",
        "id",
        "isnew",
        "age",
        "birth_day",
        "birth_month",
        "birth_year",
        "accumulated_sales",
    ]
)


@dataclass(slots=True)
class Layout:
    """How lists look; ValueError for a value that is none of the choices."""

    orders: str = "siblings"
    """`siblings`: <orders> for each; `rows`: <order> rows in one <orders>; `flat`: one run of fields in <orders>."""
    items: str = "flat"
    """`flat` as in the example, `rows`: <item> rows, `siblings`: <items> for each."""
    json_orders: str = "list"
    """`list`, `object`: one alone is no list, `numbered`: an object whose names are numbers."""
    json_items: str = "list"
    """As `json_orders`."""
    json_numbers: bool = False
    """Numbers as numbers and not as text."""
    json_success: int | str | bool = 1
    """`success` in JSON: 1, "1" or true."""
    encoding: str = "UTF-8"
    """Of XML, and declared there."""

    def __post_init__(self) -> None:
        choices = {
            "orders": ("siblings", "rows", "flat"),
            "items": ("flat", "rows", "siblings"),
            "json_orders": ("list", "object", "numbered"),
            "json_items": ("list", "object", "numbered"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}")


def reply(format: str, layout: Layout, told: Record, status: int = 200) -> Reply:
    """An answer. `told` holds texts, None, and at most one list of rows, whose rows may hold a list `items`."""
    if format == JSON:
        body = json.dumps(_json(told, layout), ensure_ascii=False).encode()
        return Reply(status, iter((body,)), {"Content-Type": "application/json; charset=utf-8"})
    lines = [f'<?xml version="1.0" encoding="{layout.encoding}"?>', "<root>"]
    for name, value in told.items():
        if isinstance(value, list):
            lines += _list(name, name.removesuffix("s"), value, layout.orders, layout, 1)
        else:
            lines.append(_element(name, value, 1))
    text = "\n".join([*lines, "</root>", ""])
    return Reply(
        status,
        iter((text.encode(layout.encoding, "xmlcharrefreplace"),)),
        {"Content-Type": f"text/xml; charset={layout.encoding}"},
    )


# XML


def _element(name: str, value: Any, depth: int) -> str:
    text = "" if value is None else escape(str(value))
    return _INDENT * depth + (f"<{name}>{text}</{name}>" if text else f"<{name} />")


def _list(name: str, row_name: str, rows: list[Record], shape: str, layout: Layout, depth: int) -> list[str]:
    """The lines of a list in one of the shapes of `Layout.orders`."""
    pad = _INDENT * depth
    if not rows:
        return [f"{pad}<{name} />"]
    if shape == "siblings":
        groups = [[f"{pad}<{name}>", *_fields(row, layout, depth + 1), f"{pad}</{name}>"] for row in rows]
        return [line for group in groups for line in group]
    lines = [f"{pad}<{name}>"]
    for row in rows:
        if shape == "rows":
            inner = pad + _INDENT
            lines += [f"{inner}<{row_name}>", *_fields(row, layout, depth + 2), f"{inner}</{row_name}>"]
        else:
            lines += _fields(row, layout, depth + 1)
    return [*lines, f"{pad}</{name}>"]


def _fields(row: Record, layout: Layout, depth: int) -> list[str]:
    lines: list[str] = []
    for name, value in row.items():
        if isinstance(value, list):
            lines += _list(name, name.removesuffix("s"), value, layout.items, layout, depth)
        else:
            lines.append(_element(name, value, depth))
    return lines


# JSON


def _json(told: Record, layout: Layout) -> Any:
    shown: Record = {}
    for name, value in told.items():
        if name == "success" and value == "1":
            shown[name] = layout.json_success
        elif isinstance(value, list):
            shown[name] = _shaped([_json(row, layout) for row in value], name, layout)
        else:
            shown[name] = _number(value) if layout.json_numbers and name in _NUMBERS else value
    return shown


def _shaped(rows: list[Any], name: str, layout: Layout) -> Any:
    shape = layout.json_items if name == "items" else layout.json_orders
    if shape == "numbered":
        return {str(index): row for index, row in enumerate(rows)}
    return rows[0] if shape == "object" and len(rows) == 1 else rows


def _number(text: str | None) -> int | float | str | None:
    """A text as the number that it is; what is none stays text, for a test may want just that."""
    try:
        value = Decimal(text or "")
    except ArithmeticError:
        return text
    return int(value) if "." not in str(text) else float(value)
