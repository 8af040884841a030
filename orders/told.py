"""What a register service tells of an order, in our terms and in one spelling.

A service speaks its own language; `orders/bifit` and `orders/virtpos` put it into ours, as an `Arrival`. What both
sides say is compared, and remembered in `Origin.agreed`, as JSON has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db import models

from orders.models import DeliveryStatus, Line, Order

OUTCOME = "delivery_status"
LINES = "lines"
LINE_COLUMNS = ("good_id", "title", "count", "price", "total", "discount_total", "description")


class Way(Enum):
    """How the client gets the order, as far as its service tells."""

    COURIER = "courier"
    PICKUP = "pickup"
    UNKNOWN = ""


@dataclass(frozen=True)
class Arrival:
    """An order as its service tells it, in our terms.

    `columns` are of Order: what the service says and both may change. `lines` are columns of Line, None where the
    service tells none; `way` is None where it says nothing of it. `outcome` is what became of it there: CANCELLED,
    CLOSED, or None while it goes on. `kin` is what an order keeps in common with its former self where its `key` may
    change.
    """

    key: str
    number: str
    data: Mapping[str, Any]
    columns: Mapping[str, Any]
    way: Way | None
    lines: Sequence[Mapping[str, Any]] | None = None
    outcome: DeliveryStatus | None = None
    status: str = ""
    status_at: datetime | None = None
    delivery: str = ""
    tax_system: str = ""
    kin: str = ""


def agreed_by(arrival: Arrival) -> dict[str, Any]:
    """What the service says, as JSON has it."""
    said = _plainly(Order, settled(Order, arrival.columns))
    if arrival.lines is not None:
        said[LINES] = _digest([_plainly(Line, settled(Line, line)) for line in arrival.lines])
    if arrival.outcome is not None:
        said[OUTCOME] = arrival.outcome.value
    return {**said, "way": (arrival.way or Way.UNKNOWN).value}


def digest_of(order: Order) -> str:
    rows = Line.objects.filter(order=order).order_by("position", "id").values(*LINE_COLUMNS)
    return _digest([_plainly(Line, row) for row in rows])


def _digest(lines: Sequence[Mapping[str, Any]]) -> str:
    """What lines say, as `_plainly` gives it. What is not said is the column's default; a good has its own title."""
    unsaid = _plainly(Line, {name: _default(name) for name in LINE_COLUMNS})
    whole = [{**unsaid, **{name: line[name] for name in LINE_COLUMNS if name in line}} for line in lines]
    for line in whole:
        if line["good_id"] is not None:
            line["title"] = ""
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _default(name: str) -> Any:
    column: Any = Line._meta.get_field(name)
    return column.get_default()


def settled(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the columns hold them: what is not said is the column's default."""
    whole: dict[str, Any] = {}
    for name, value in values.items():
        column: Any = model._meta.get_field(name)
        if value is None and not column.null:
            value = column.get_default()
        if isinstance(value, Decimal):
            value = value.quantize(Decimal(1).scaleb(-column.decimal_places))
        whole[name] = value
    return whole


def _plainly(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(model, name, value) for name, value in values.items()}


def plain(model: type[models.Model], name: str, value: Any) -> Any:
    """A column's value as JSON has it, the same however it is spelt."""
    if isinstance(value, Decimal):
        column: Any = model._meta.get_field(name)
        return str(value.quantize(Decimal(1).scaleb(-column.decimal_places)))
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    return value
