"""Online orders: what a field may hold, which status may follow which, and what the service itself sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from backoffice.remotes.bifit.examples import ORDER
from backoffice.remotes.sandbox.errors import Refusal
from backoffice.remotes.sandbox.schema import Record
from backoffice.remotes.sandbox.state import State

ORDERS = "bifit_orders"
ENTITY = "online_orders"

TAX_SYSTEMS = ("COMMON", "SIMPLIFIED", "SIMPLIFIED_WITH_EXPENSE", "ENVD", "COMMON_AGRICULTURAL", "PATENT")
DELIVERY_TYPES = ("COURIER", "SELF", "SERVICE")
STATUSES = ("NEW", "ACCEPTED", "DISTRIBUTED", "ISSUED", "REFUSED", "DELETED", "FINISHED")
LATEST = 4102444800000  # 2100-01-01: whatever is later is no time in milliseconds
EARLIEST = 946684800000  # 2000-01-01, so that seconds are not taken for milliseconds

Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_filled(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_time(value: Any) -> bool:
    return _is_whole(value) and EARLIEST <= value < LATEST


def _is_money(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return Decimal(repr(value)) == round(Decimal(repr(value)), 2)


def _one_of(*names: str) -> Check:
    return lambda value: value in names


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _is_anything(value: Any) -> bool:
    return True


# The fields of the sample (lines 14-46) in its order. What is null there may be null.
FIELDS: dict[str, Check] = {
    "id": _is_whole,
    "visible": _is_flag,
    "created": _is_time,
    "changed": _is_time,
    "organizationId": _is_filled,
    "tradeObjectId": _is_filled,
    "taxSystem": _one_of(*TAX_SYSTEMS),
    "externalId": _or_null(_is_text),
    "deliveryType": _one_of(*DELIVERY_TYPES),
    "deliveryAmount": _or_null(_is_money),
    "deliveryTime": _or_null(_is_time),
    "paid": _is_flag,
    "orderTime": _or_null(_is_time),
    "clientId": _or_null(_is_whole),
    "address": _or_null(_is_text),
    "responsiblePersonLogin": _or_null(_is_text),
    "discount": _or_null(_is_money),
    "discountType": _or_null(_is_whole),
    "location": _is_anything,
    "totalAmount": _is_money,
    "comment": _or_null(_is_text),
    "currentStatusType": _one_of(*STATUSES),
    "currentStatusTime": _or_null(_is_time),
    "substatusId": _is_anything,
    "shopId": _is_anything,
    "endLockTime": _or_null(_is_time),
    "routeSheetDocumentId": _is_anything,
    "routeSheetDocumentPosition": _is_anything,
    "routeSheetDocumentNumber": _is_anything,
    "size": _is_anything,
    "actualDeliveryTime": _or_null(_is_time),
    "cashierName": _or_null(_is_text),
    "clientName": _or_null(_is_text),
}
REQUIRED = ("organizationId", "tradeObjectId", "deliveryType", "totalAmount", "currentStatusType")
"""What a new order must hold. Assumed: the document does not say."""

# What a new order has where nothing is said.
DEFAULTS = dict.fromkeys(FIELDS) | {
    "visible": True,
    "taxSystem": "COMMON",
    "paid": False,
    "discount": 0.0,
    "discountType": 0,
}


def sample() -> Record:
    """Order 320528 as the document prints it."""
    record: Record = json.loads(ORDER.read_text("utf-8"))
    return record


def check_transition(old: str, new: str) -> None:
    """Refuses a change of status that the document forbids (76, 77), or that leaves a final status."""
    if new == old:
        return
    if old in ("REFUSED", "DELETED", "FINISHED"):
        raise Refusal(f"Заказ в статусе {old} не может быть изменен")
    if new == "REFUSED" and old not in ("DISTRIBUTED", "ACCEPTED"):
        raise Refusal(f"Отменить заказ можно только в статусах DISTRIBUTED, ACCEPTED, а не {old}")
    if new == "DELETED" and old != "NEW":
        raise Refusal(f"Удалить можно только заказ в статусе NEW, а не {old}")


class OrderBook:
    """The orders of the store. Every method expects the lock to be held; records are never changed in place."""

    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, id_: str) -> Record:
        found: Record | None = self._state.store.get(ORDERS, id_)
        if found is None:
            raise Refusal(f"Онлайн-заказ с id = {id_} не найден", status=404, violation=False)
        return found

    def put(self, record: Record) -> Record:
        self._state.store.put(ORDERS, str(record["id"]), record)
        return record

    def create(self, given: Sequence[Any]) -> list[Record]:
        """Creates orders: all of them, or none when one of them is wrong."""
        for order in given:
            self._check_new(order)
        return [self.add(order) for order in given]

    def add(self, fields: Record) -> Record:
        """A new order, unchecked."""
        now = self._now()
        own = {
            "id": self._state.store.next_number(ORDERS, sample()["id"] + 1),
            "created": now,
            "changed": now,
            "currentStatusTime": now,
        }
        return self.put(DEFAULTS | {"orderTime": now} | fields | own)

    def replace(self, id_: str, given: Any) -> Record:
        """What a PUT does: `given` is the order as it was read, with changes."""
        old = self.get(id_)
        if not isinstance(given, dict):
            raise Refusal("Ожидается объект в формате JSON")
        self._check_poison(old)
        missing = [name for name in old if name not in given]
        if missing:
            raise Refusal(f"Не заданы поля: {', '.join(missing)}")
        if given["id"] != old["id"]:
            raise Refusal(f"id: в адресе {old['id']}, в заказе {given['id']}")
        # What comes back as it was read is right by definition, whatever a newer version has put there.
        self._check_fields({name: value for name, value in given.items() if name not in old or value != old[name]})
        check_transition(old["currentStatusType"], given["currentStatusType"])
        return self.put(self._stamped(old, given | {"created": old["created"]}))

    def change(self, id_: str, fields: Record) -> Record:
        """What someone else does at the service: unchecked, unknown fields and statuses included."""
        old = self.get(id_)
        return self.put(self._stamped(old, old | fields | {"id": old["id"]}))

    def _stamped(self, old: Record, new: Record) -> Record:
        now = self._now()
        is_moved = new["currentStatusType"] != old["currentStatusType"]
        return new | {"changed": now, "currentStatusTime": now if is_moved else old["currentStatusTime"]}

    def _check_new(self, order: Any) -> None:
        if not isinstance(order, dict):
            raise Refusal("onlineOrder: ожидается объект")
        if order.get("id") is not None:
            raise Refusal("id: назначается сервисом")
        missing = [name for name in REQUIRED if order.get(name) is None]
        if order.get("deliveryType") == "COURIER" and not order.get("address"):
            missing.append("address")  # 71: it is not needed for SELF
        if missing:
            raise Refusal(f"Не заданы поля: {', '.join(missing)}")
        assigned = ("id", "created", "changed", "currentStatusTime")
        self._check_fields({name: value for name, value in order.items() if name not in assigned})
        if order["currentStatusType"] in ("REFUSED", "DELETED"):
            raise Refusal(f"Заказ в статусе {order['currentStatusType']} невозможно создать")
        self._check_poison(order)

    def _check_fields(self, fields: Record) -> None:
        for name, value in fields.items():
            if name not in FIELDS:
                raise Refusal(f"Неизвестное поле {name}")
            if not FIELDS[name](value):
                raise Refusal(f"{name}: недопустимое значение {json.dumps(value, ensure_ascii=False)[:60]}")

    def _check_poison(self, order: Record) -> None:
        for name in ("id", "externalId"):
            self._state.check_poison(ENTITY, str(order.get(name)))

    def _now(self) -> int:
        return round(self._state.clock.now().timestamp() * 1000)
