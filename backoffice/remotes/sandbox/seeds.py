"""The sample data of the document, as the state that a new sandbox starts with.

The objects are written through the same canonical forms as a client's, so a mistake in the data shows at once. What the
service owns (isActive, updatedAt, type) is put as it stands in the examples.
"""

from __future__ import annotations

from typing import Any

from .dictionaries import sample
from .entities import CATALOGUE, ENTITIES
from .orders import Orders
from .schema import KINDS, REFUND, REPLACE, Entity
from .state import State


def _stored(entity: Entity, row: dict[str, Any]) -> dict[str, Any]:
    writable = {field.name for field in entity.fields if REPLACE in field.on}
    record = {field.name: field.default for field in entity.fields}
    # Not strictly: a client is read with seven attributes of the address and written with four (T58).
    given = {name: value for name, value in row.items() if name in writable}
    record |= entity.canonical(given, REPLACE, entity.name, strict=False)
    for name in ("isActive", "type", "updatedAt"):
        if name in row:
            record[name] = row[name]
    if "addressEntity" in row:
        record["addressEntity"] = dict(row["addressEntity"])
    return record


def load(state: State, book: Orders) -> None:
    """Fills an empty state with the sample data."""
    directories = sample("directories")
    for entity in CATALOGUE:
        for row in directories[entity.name]:
            state.store.put(entity.name, KINDS["key"](row[entity.key]), _stored(entity, row))
    for row in directories["permissions"]:
        state.store.put("permissions", f"{row['roleId']}/{row['actionId']}", row)
    for row in directories["licenses"]:
        state.store.put("licenses", row["deviceId"], row)
    orders = sample("orders")
    for row in orders["created"]:
        book.seed(ENTITIES["orders"].canonical(row, REFUND, "orders", True))
    for row in orders["read"]:
        owned = {name: row[name] for name in ("frReceiptStatusId", "receiptStatusId", "originalPaymentId")}
        read = {name: value for name, value in row.items() if name not in owned}
        book.seed(
            ENTITIES["orders"].canonical(read, REFUND, "orders", True),
            {**owned, "originalPaymentId": str(owned["originalPaymentId"])},
        )
