"""Orders as the service keeps them: how a client's object becomes a record, and what every change leaves behind.

A change, whoever makes it, goes through `commit`: it writes the journal (only what changed), the journal of delivery
statuses, and tells the callbacks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .entities import ORDERS
from .schema import PUT, Record
from .state import State
from .values import ZERO_GEO, number, number_id, one_line

APPLICATION = "Application: iRECA Courier"  # seed line 1405

# What the service and its couriers own, and how a new order starts.
OWNED: Record = {
    "receiptStatusId": 0,
    "frReceiptStatusId": 0,
    "originalPaymentId": None,
    "frUsedPaymentId": None,
    "isReturned": 0,
    "isEdited": 0,
    "returnedOrder": None,
}
# Attributes that the journal compares (seed lines 1338-1364), with their journal form.
JOURNALLED = {
    "statusId": None,
    "deliveryStatusId": None,
    "isAgreed": None,
    "returnReasonId": number_id,
    "frReceiptStatusId": None,
    "courierId": number_id,
    "clientId": number_id,
    "supplierId": number_id,
    "paymentId": number_id,
    "amountToPay": number,
    "phone": None,
    "deliveryTimeFrom": None,
    "deliveryTimeTo": None,
    "client": None,
    "addressToEntity": None,
    "isReturned": None,
    "isEdited": None,
    "isRefund": None,
    "description": None,
}  # fmt: skip
_TEXTS = ("vedCode", "countryCode", "customDeclarationCode", "markValue", "markBinaryValue", "description")


class Orders:
    """The collection of orders of a state. All methods expect the state's lock to be held."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.store = state.store
        self.revision = 0
        """Grows with every change, so that idle couriers need not look through all orders again."""

    def build(self, canonical: Record, write: str) -> Record:
        """The record that a canonical object of a request makes of the stored one, or of nothing."""
        old = self.store.get("orders", canonical["orderId"])
        merge = old is not None and (write == PUT or self.state.options.replace_merges)
        record: Record = dict(old) if merge else {}
        if not merge:
            for field in ORDERS.fields:
                keep = old is not None and field.keep
                record[field.name] = old[field.name] if keep else field.default
            record |= {name: old[name] if old else value for name, value in OWNED.items()}
        record |= canonical
        if "goods" in canonical or not merge:
            record["goods"] = self._lines(record["goods"], old["goods"] if old else ())
        record["payments"] = list(record["payments"])
        self._addresses(record, canonical, merge)
        self._client(record, canonical, merge)
        if record["frUsedPaymentId"] is None:
            record["originalPaymentId"] = record["paymentId"]
        return record

    def _lines(self, lines: Iterable[Record], old: Iterable[Record]) -> list[Record]:
        # What the courier did to a line survives an edit of it: the first old line of the same good hands it over.
        before: dict[str, list[Record]] = defaultdict(list)
        for line in old:
            before[line["goodId"]].append(line)
        return [
            self._line(line, index, before[line["goodId"]].pop(0) if before[line["goodId"]] else None)
            for index, line in enumerate(lines)
        ]

    def _line(self, line: Record, index: int, old: Record | None) -> Record:
        good = self.store.get("goods", line["goodId"]) or {}
        took = {source["warehouseId"]: source["tookCount"] for source in old["warehouses"]} if old else {}
        return {
            **line,
            **{name: line.get(name, "") for name in _TEXTS},
            "taxId": line.get("taxId") or good.get("taxId"),
            "position": line.get("position", index),
            # Line 127: an empty unit becomes "шт"; without the attribute the unit of the good is taken.
            "unit": line.get("unit", good.get("unit")) or "шт",
            "weight": line.get("weight"),
            "warehouses": [
                {**source, "tookCount": took.get(source["warehouseId"], "0")} for source in line.get("warehouses", ())
            ],
            "specificities": line.get("specificities", []),
            "returnReasonId": old["returnReasonId"] if old else None,
            "canceledItems": old["canceledItems"] if old else [],
        }

    @staticmethod
    def _addresses(record: Record, canonical: Record, merge: bool) -> None:
        for name in ("addressFrom", "addressTo"):
            entity = f"{name}Entity"
            if canonical.get(entity):
                address = {key: value for key, value in canonical[entity].items() if key != "isUseGoogleGeo"}
                record[entity], record[name] = address, one_line(address)
            elif name in canonical:
                record[entity], record[name] = parse_address(canonical[name]), canonical[name]
            elif not merge:
                record[entity], record[name] = {}, ""

    def _client(self, record: Record, canonical: Record, merge: bool) -> None:
        known = self.store.get("clients", record["clientId"] or "") or {}
        blank = {"firstname": "", "lastname": "", "inn": "", "email": ""}
        if "client" in canonical:
            # Lines 751-757: after a replace with both clientId and client, the given name is answered.
            record["client"] = blank | {"inn": known.get("inn", "")} | canonical["client"]
        elif not merge or "clientId" in canonical:
            record["client"] = {name: known.get(name, "") for name in blank}
        if not record.get("phone"):
            record["phone"] = known.get("phone", "")

    def seed(self, canonical: Record, owned: Record | None = None) -> None:
        """Puts an order that was there before the first request: no callback."""
        record = self.build(canonical, "create") | (owned or {})
        self.store.put("orders", record["orderId"], record)
        self._journal(record["orderId"], "create", self.state.options.source, None, None)

    def commit(
        self,
        records: list[Record],
        *,
        courier: str | None = None,
        place: Record | None = None,
        source: str = "",
    ) -> list[Record]:
        """Stores new records, journals what changed and tells the callbacks; returns those that did change.

        `courier` is the courier whose application made the change, `place` his coordinates; `source` is who else made
        it. With neither it was the client of the API.
        """
        changed = []
        for record in records:
            old = self.store.get("orders", record["orderId"])
            if old == record:
                continue
            self.store.put("orders", record["orderId"], record)
            self._log(old, record, courier, place, source)
            changed.append(record)
        self.revision += 1
        if changed and (courier is not None or source or self.state.options.echo):
            self.state.orders_changed(changed)
        return changed

    def change(
        self, order_id: str, changes: Record, *, courier: str | None = None, place: Record | None = None
    ) -> Record:
        """Changes attributes of one order: the short form of `commit`."""
        record = self.store.get("orders", order_id) | changes
        self.commit([record], courier=courier, place=place)
        return record

    def remove(self, order_id: str) -> None:
        for kind in ("orders", "journal", "journalStatuses"):
            self.store.remove(kind, order_id)

    def _log(self, old: Record | None, new: Record, courier: str | None, place: Record | None, source: str) -> None:
        source = APPLICATION if courier is not None else source or self.state.options.source
        if old is None:
            self._journal(new["orderId"], "create", source, courier, None)
            return
        differing = [name for name in JOURNALLED if old[name] != new[name]]
        if differing:
            before, after = ({name: _journal_value(name, side[name]) for name in differing} for side in (old, new))
            self._journal(new["orderId"], "update", source, courier, (before, after))
        if "deliveryStatusId" in differing:
            place = place or {"longitude": 0, "latitude": 0, "accuracy": 0}
            entry = {
                "statusId": new["deliveryStatusId"],
                "returnReasonId": number_id(new["returnReasonId"]),
                **place,
                "createdAt": self.state.clock.stamp(),
            }
            self.store.append("journalStatuses", new["orderId"], entry)

    def _journal(
        self, order_id: str, event: str, source: str, courier: str | None, diff: tuple[Record, Record] | None
    ) -> None:
        before, after = diff or (None, None)
        entry = {
            "event": event,
            "source": source,
            "courierId": courier,
            "createdAt": self.state.clock.stamp(),
            "beforeItem": before,
            "afterItem": after,
        }
        self.store.append("journal", order_id, entry)


def _journal_value(name: str, value: Any) -> Any:
    convert = JOURNALLED[name]
    return value if convert is None else convert(value)


def parse_address(line: str) -> Record:
    """The parts of "город, улица, дом, квартира" (seed line 960); of anything else, nothing: the line stands alone."""
    parts = [part.strip() for part in line.split(",")]
    if not 3 <= len(parts) <= 4 or not all(parts):
        return {}
    names = ("city", "street", "home", "apartment")
    return dict(zip(names, parts, strict=False)) | {"latitude": ZERO_GEO, "longitude": ZERO_GEO}
