"""How canonical values look on the wire, with the types that the examples have."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

ZERO_GEO = "0.00000000000000"


def number(text: str | int | None) -> int | float | None:
    """A decimal or an id as a JSON number: 1, 539.78; None stays None."""
    if text is None:
        return None
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else float(value)


def number_id(text: str | None) -> int | str | None:
    """An id as a JSON number where it is one."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() else text


def money_text(text: str | None) -> str:
    """Two decimals in a string: "679.57"."""
    return f"{Decimal(text or 0):.2f}"


def one_line(entity: dict[str, Any]) -> str:
    """addressTo composed as in the example: "Санкт-Петербург Улица правды 24 44"."""
    parts = (entity.get(name, "") for name in ("city", "street", "home", "apartment"))
    return " ".join(part for part in parts if part)
