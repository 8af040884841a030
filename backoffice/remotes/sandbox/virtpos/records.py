"""What VirtPos keeps: orders, customers with their groups, types of cards. All values are text or None.

Orders are put there by tests, unchecked, so that wrong ones can be told too; the rest is written through the API and
checked. Field lists follow the document, what it leaves open is marked as assumed.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from backoffice.remotes.sandbox.errors import Refusal
from backoffice.remotes.sandbox.schema import Record
from backoffice.remotes.sandbox.state import State

ORDERS, CUSTOMERS, GROUPS = "virtpos_orders", "virtpos_customers", "virtpos_groups"
CARDS, CARD_TYPES = "virtpos_cards", "virtpos_card_types"

ITEM = ["item_id", "item_name", "image", "quantity", "unit_base_price", "discount", "amount"]
ORDER = [
    "paid",
    "customer_id",
    "shipped",
    "cancelled",
    "shipping_address",
    "shipping_cost",
    "pickup_receipt_id",
    "comment",
    "guid",
    "created_date",
    "amount",
    "discount",
    "pickup_from_warehouse_id",
    "pickup_from_warehouse_name",
    "delivery_type_id",
    "delivery_type_name",
    "payment_type_id",
    "payment_type_name",
]
CUSTOMER = [
    "id",
    "fname",
    "lname",
    "mname",
    "age",
    "email",
    "phone",
    "gender",
    "custom_information",
    "birth_day",
    "birth_month",
    "birth_year",
    "register_date",
    "accumulated_sales",
]
# age is reckoned (line 83); external_id is what orders may be filtered by (line 20), so a customer must have one.
WRITABLE = frozenset({*CUSTOMER, "external_id"} - {"id", "age"})
_BIRTH = {"birth_day": (1, 31), "birth_month": (1, 12), "birth_year": (1900, 2100)}
FIRST_NEW_CUSTOMER = 11  # the example of an answer (line 96)


def _texts(names: list[str], given: Record, what: str) -> Record:
    unknown = given.keys() - set(names)
    if unknown:
        raise LookupError(f"{what} has no field {min(unknown)}")
    return {name: None if given.get(name) is None else str(given[name]) for name in names}


def _money(amount: Decimal) -> str:
    return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP))


class Records:
    """The data under the lock of the state; callers hold it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.store = state.store

    # Orders

    def add_order(self, items: list[Record], fields: Record) -> Record:
        """Adds an order. Amounts that are not given follow from the others, as in the example: a line costs quantity ×
        price − discount, the order is the sum of its lines and leaves out shipping."""
        lines = [self._item(item) for item in items]
        given: Record = {
            "paid": "0",
            "shipped": "0",
            "cancelled": "0",
            "shipping_cost": "0.00",
            "created_date": self.state.clock.stamp(),
            "discount": "0.00",
        } | fields
        if "amount" not in given:
            given["amount"] = _money(sum((Decimal(line["amount"]) for line in lines), Decimal()))
        return self._put_order(str(self.store.next_number(ORDERS)), _texts(ORDER, given, "an order"), lines)

    def change_order(self, number: str, items: list[Record] | None, fields: Record) -> Record:
        """Changes some fields, or all items; LookupError without the order."""
        old = self.store.get(ORDERS, number)
        if old is None:
            raise LookupError(f"order {number} does not exist")
        kept = {name: old[name] for name in ORDER} | fields
        lines = old["items"] if items is None else [self._item(item) for item in items]
        return self._put_order(number, _texts(ORDER, kept, "an order"), lines)

    def _put_order(self, number: str, fields: Record, lines: list[Record]) -> Record:
        record = {"number": number, **fields, "items": lines}
        self.store.put(ORDERS, number, record)
        self.store.flush()
        return record

    def _item(self, item: Record) -> Record:
        given = {"discount": "0.00"} | item
        if "amount" not in given:
            price = Decimal(str(given["quantity"])) * Decimal(str(given["unit_base_price"]))
            given["amount"] = _money(price - Decimal(str(given["discount"])))
        return _texts(ITEM, given, "an item")

    # Customers

    def add_customer(self, fields: Record) -> Record:
        """Adds a customer as the register does, with an `id` of its own choice or the next free one."""
        given = dict(fields)
        id_ = str(given.pop("id", None) or self._next_customer())
        return self.put_customer(id_, {}, given)

    def _next_customer(self) -> str:
        while self.store.has(CUSTOMERS, number := str(self.store.next_number(CUSTOMERS, FIRST_NEW_CUSTOMER))):
            pass
        return number

    def new_customer(self, fields: Record) -> Record:
        return self.put_customer(self._next_customer(), {}, fields)

    def put_customer(self, id_: str, old: Record, fields: Record) -> Record:
        names = [*CUSTOMER, "external_id", "group_id"]
        given = {"register_date": self.state.clock.stamp(), "accumulated_sales": "0.00", **old, **fields, "id": id_}
        record = _texts(names, given, "a customer")
        record["age"] = self._age(record)
        self.store.put(CUSTOMERS, id_, record)
        return record

    def _age(self, record: Record) -> str | None:
        if not all(record[name] for name in _BIRTH):
            return None
        day, month, year = (int(record[name]) for name in _BIRTH)
        now = self.state.clock.now()
        return str(now.year - year - ((now.month, now.day) < (month, day)))

    def check_customer(self, fields: Record) -> None:
        """Refuses fields that a customer cannot have."""
        for name, (lowest, highest) in _BIRTH.items():
            value = fields.get(name)
            if value and not (value.isascii() and value.isdigit() and lowest <= int(value) <= highest):
                raise Refusal(f"{name}: ожидается число от {lowest} до {highest}")

    def group(self, id_: str | None, name: str | None) -> str | None:
        """The group of a customer. One that is named and not there is made; the name is ignored beside an id (82)."""
        if id_:
            if not self.store.has(GROUPS, id_):
                raise Refusal(f"Группа {id_} не найдена", violation=False)
            return id_
        return self.named(GROUPS, name) if name else None

    def named(self, kind: str, name: str) -> str:
        """The id of what is called so; made when it is not there."""
        for id_, known in self.store.items(kind):
            if known == name:
                return str(id_)
        number = str(self.store.next_number(kind))
        self.store.put(kind, number, name)
        return number

    def customer_of(self, id_: str | None, external_id: str | None) -> str | None:
        """The customer that is meant; `external_id` counts only without an id (120)."""
        if id_:
            if not self.store.has(CUSTOMERS, id_):
                raise Refusal(f"Клиент {id_} не найден", violation=False)
            return id_
        if not external_id:
            return None
        for record in self.store.all(CUSTOMERS):
            if record["external_id"] == external_id:
                return str(record["id"])
        raise Refusal(f"Клиент {external_id} не найден", violation=False)


def check_date(name: str, value: str) -> None:
    """Refuses what is no date, with or without a time, as created_date has it (line 42); assumed for cards."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            datetime.strptime(value, form)  # noqa: DTZ007 - local time without a zone, as the service has it
        except ValueError:
            continue
        return
    raise Refusal(f"{name}: ожидается дата вида ГГГГ-ММ-ДД ЧЧ:ММ:СС")
