"""What travels between VirtPos and us: orders with their items, customers, discount cards, answers to writes.

Attributes have the wire's own names. Ids are text or None; an element that is empty or left out is None, for the seed
has no other spelling of "nothing" (39, 41). Dates are naive: the register's local time, in a zone that only a setting
knows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar

from backoffice.remotes.errors import ContractError
from backoffice.remotes.values import plain

_KOPECK = Decimal("0.01")
MEDIUMS = ("PLASTIC", "MAGNET", "APP")
"""What a card is made of (113)."""
STATUSES = ("NEW", "ACTIVE", "BLOCKED")
"""What a card may be (114): new and not yet activated, in force, blocked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of an order (52-65). `discount` is a sum, not a share; `amount` is what is left to pay for the line."""

    item_id: str | None = None
    item_name: str | None = None
    image: str | None = None
    quantity: Decimal | None = None
    unit_base_price: Decimal | None = None
    discount: Decimal | None = None
    amount: Decimal | None = None

    @property
    def reckoned(self) -> Decimal | None:
        """quantity × unit_base_price − discount, None where one of the first two is unknown."""
        if self.quantity is None or self.unit_base_price is None:
            return None
        return _rounded(self.quantity * self.unit_base_price - (self.discount or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order (32-67). It has no id: `key` tells which one it is.

    `amount` is the sum of the items; `shipping_cost` comes on top of it. `raw` keeps everything that was read, also
    what this contract does not know.
    """

    paid: bool | None = None
    customer_id: str | None = None
    shipped: bool | None = None
    cancelled: bool | None = None
    shipping_address: str | None = None
    shipping_cost: Decimal | None = None
    pickup_receipt_id: str | None = None
    comment: str | None = None
    guid: str | None = None
    created_date: datetime | None = None
    amount: Decimal | None = None
    discount: Decimal | None = None
    pickup_from_warehouse_id: str | None = None
    pickup_from_warehouse_name: str | None = None
    delivery_type_id: str | None = None
    delivery_type_name: str | None = None
    payment_type_id: str | None = None
    payment_type_name: str | None = None
    items: tuple[Item, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def created_at(self, zone: tzinfo) -> datetime | None:
        """`created_date` in UTC, when the register's clock is that of `zone`."""
        return None if self.created_date is None else self.created_date.replace(tzinfo=zone).astimezone(UTC)


def key(order: Order) -> str:
    """What makes an order the same one when it is read again: its guid, else customer, time and amount.

    Raises ContractError for an order without a guid that lacks the time or the amount.
    """
    if order.guid is not None:
        return order.guid
    if order.created_date is None or order.amount is None:
        name = "created_date" if order.created_date is None else "amount"
        raise ContractError(name, "missing, and without a guid nothing else tells which order this is")
    return f"{order.customer_id or ''}/{order.created_date:%Y-%m-%d %H:%M:%S}/{plain(order.amount)}"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A sum that does not follow from the others: where, what was told, and what it should be."""

    path: str
    told: Decimal
    reckoned: Decimal

    def __str__(self) -> str:
        return f"{self.path}: {self.told} is told, {self.reckoned} follows from the other figures"


def mismatches(order: Order) -> list[Mismatch]:
    """The sums of an order that do not add up. They are for a person to see; the order stands as it was told."""
    found = []
    total: Decimal | None = Decimal(0)
    for index, item in enumerate(order.items):
        if item.amount is not None and item.reckoned is not None and item.amount != item.reckoned:
            found.append(Mismatch(f"items[{index}].amount", item.amount, item.reckoned))
        amount = item.reckoned if item.amount is None else item.amount
        total = None if total is None or amount is None else total + amount
    if order.amount is not None and order.items and total is not None and order.amount != _rounded(total):
        found.append(Mismatch("amount", order.amount, _rounded(total)))
    return found


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_KOPECK, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer as VirtPos tells it. `age` is derived there from the date of birth and never sent (83)."""

    id: str | None = None
    fname: str | None = None
    lname: str | None = None
    mname: str | None = None
    age: int | None = None
    email: str | None = None
    phone: str | None = None
    gender: str | None = None
    custom_information: str | None = None
    birth_day: int | None = None
    birth_month: int | None = None
    birth_year: int | None = None
    register_date: datetime | None = None
    accumulated_sales: Decimal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What updateCard and insertCard take (106-120); None is left out, "" empties what it stands for.

    `card_barcode` only finds a card, `barcode` is its new one. The seed advises against `uid_ean13` and `barcode`:
    VirtPos makes them itself. A time is the register's local one.
    """

    KEYS: ClassVar[tuple[str, ...]] = ("card_id", "uid", "external_id", "card_barcode")
    """What a card is found by, in the order in which VirtPos looks (110)."""

    card_id: str | None = None
    external_id: str | None = None
    uid: str | None = None
    card_barcode: str | None = None
    uid_ean13: str | None = None
    barcode: str | None = None
    medium: str | None = None
    status: str | None = None
    block_date: datetime | date | None = None
    activate_date: datetime | date | None = None
    type_id: str | None = None
    type_name: str | None = None
    customer_id: str | None = None
    customer_external_id: str | None = None

    @property
    def subject(self) -> str:
        """How the exchange log calls the card: by its number on the plastic, else by what else it is known by."""
        known = self.uid or self.card_id or self.external_id or self.card_barcode
        return f"cards:{known}" if known else "cards"

    def parameters(self) -> dict[str, str]:
        """The parameters of a request. A name is not sent beside the id that makes VirtPos ignore it (118, 120).

        Raises ContractError for a medium or a status that the seed does not know.
        """
        for name, known in (("medium", MEDIUMS), ("status", STATUSES)):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ContractError(name, f"expected one of {', '.join(known)}, got {value!r}")
        ignored = {
            name
            for id_, name in (("type_id", "type_name"), ("customer_id", "customer_external_id"))
            if getattr(self, id_)
        }
        return parameters({each.name: getattr(self, each.name) for each in fields(self) if each.name not in ignored})


@dataclass(frozen=True, slots=True)
class Saved:
    """The answer to a write: the id of the record, None where none was told, and whether it is new (89)."""

    id: str | None
    is_new: bool | None


def parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as a query spells them. None is left out. Raises ContractError for what has no spelling."""
    return dict(_spelled(values))


def _spelled(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, bool):
            yield name, "1" if value else "0"
        elif isinstance(value, str | int):
            yield name, str(value)
        elif isinstance(value, Decimal):
            yield name, format(value, "f")
        elif isinstance(value, datetime):
            if value.tzinfo is not None:
                raise ContractError(name, "expected the register's local time, without a time zone")
            yield name, f"{value:%Y-%m-%d %H:%M:%S}"
        elif isinstance(value, date):
            yield name, value.isoformat()
        else:
            raise ContractError(name, f"{type(value).__name__} cannot be sent")
