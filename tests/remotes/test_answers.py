"""How the contract says that iRECA spells what it tells, held against every answer of the seed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.examples import EXAMPLES, Example

# Told besides what the examples show: the id that a read by id leaves out (T66), and stock, which creation documents.
ALSO = {"paymentTypeId", "taxId", "warehouses"}
JSON = {
    "text": str,
    "text or blank": str,
    "code as text": str,
    "two decimals": str,
    "decimal as text": str,
    "degrees": str,
    "0 or 1 as text": str,
    "moment": str,
    "day": str,
    "text or null": str,
    "number or null": (int, str),
    "code": int,
    "decimal": (int, Decimal),
    "decimal or 0": (int, Decimal),
    "degrees as number": (int, Decimal),
    "0 or 1": int,
    "object": dict,
    "list": list,
}
NONE: tuple[Any, ...] = (None, {})  # T18


def form(example: Example) -> str:
    if example.operation == "callback":
        return "callback"
    return "list" if isinstance(example.json, list) else "get"


TOLD = [one for one in EXAMPLES if one.operation in ("", "callback") and form(one) in one.cls.answers]


@pytest.mark.parametrize("example", TOLD, ids=lambda example: f"{example.path}-{example.line}")
def test_a_form_has_the_keys_and_types_of_the_example(example: Example) -> None:
    rows = example.json["items"] if example.path == "orders" and example.operation else example.rows
    problems: list[str] = []
    for row in rows:
        _compare(example.cls, form(example), row, "", problems)
    assert problems == []


def _compare(cls: type[contract.Entity], name: str, row: dict[str, Any], path: str, problems: list[str]) -> None:
    told = {item.field.wire: item for item in contract.form_of(cls, name)}
    if told.keys() - ALSO != row.keys() - ALSO:
        problems.append(f"{path}: {sorted(told.keys() ^ row.keys())}")
    for key, value in row.items():
        item = told.get(key)
        if item is None or value in NONE:
            continue
        if not isinstance(value, JSON[item.looks]) or isinstance(value, bool):
            problems.append(f"{path}.{key}: {value!r} is not {item.looks}")
        if item.field.nested is not None:
            for child in value if isinstance(value, list) else [value]:
                _compare(item.field.nested, name, child, f"{path}.{key}", problems)


def test_most_answers_of_the_seed_are_held() -> None:
    """Dictionaries and the licences' envelope have ways of their own."""
    assert len(TOLD) == 28
