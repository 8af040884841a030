"""From the tree of an answer to what the contract knows, whatever layout the server has chosen.

The seed shows one order whose fields are the children of <orders>, and items as one run of groups. How several orders
look, and what JSON looks like, it does not say; so a list is read from all of these:

- rows under a name of their own: <orders><order>…</order><order>…</order></orders>;
- the list's own name repeated: <orders>…</orders><orders>…</orders>;
- one flat run, where a new row begins as soon as the first name comes again;
- JSON: a list, one object, an object whose names are numbers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from backoffice.remotes.errors import BadRow, ContractError
from backoffice.remotes.redact import redact
from backoffice.remotes.values import read_flag, read_ref

from .contract import Customer, Item, Order, key
from .scalars import read_integer, read_local, read_money, read_optional_text, read_quantity
from .tree import Fields, parse, plain

T = TypeVar("T")

_EXCERPT = 500
_SUCCESS = frozenset({"1", "true"})

_ITEM: Mapping[str, Callable[[Any], Any]] = {
    "item_id": read_ref,
    "item_name": read_optional_text,
    "image": read_optional_text,
    "quantity": read_quantity,
    "unit_base_price": read_money,
    "discount": read_money,
    "amount": read_money,
}
_ORDER: Mapping[str, Callable[[Any], Any]] = {
    "paid": read_flag,
    "customer_id": read_ref,
    "shipped": read_flag,
    "cancelled": read_flag,
    "shipping_address": read_optional_text,
    "shipping_cost": read_money,
    "pickup_receipt_id": read_ref,
    "comment": read_optional_text,
    "guid": read_ref,
    "created_date": read_local,
    "amount": read_money,
    "discount": read_money,
    "pickup_from_warehouse_id": read_ref,
    "pickup_from_warehouse_name": read_optional_text,
    "delivery_type_id": read_ref,
    "delivery_type_name": read_optional_text,
    "payment_type_id": read_ref,
    "payment_type_name": read_optional_text,
}
_CUSTOMER: Mapping[str, Callable[[Any], Any]] = {
    "id": read_ref,
    "fname": read_optional_text,
    "lname": read_optional_text,
    "mname": read_optional_text,
    "age": read_integer,
    "email": read_optional_text,
    "phone": read_optional_text,
    "gender": read_optional_text,
    "custom_information": read_optional_text,
    "birth_day": read_integer,
    "birth_month": read_integer,
    "birth_year": read_integer,
    "register_date": read_local,
    "accumulated_sales": read_money,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What every answer has (21, 87-89): whether it went well, the text about an error, the id of what was written."""

    success: bool
    info: str | None
    id: str | None
    is_new: bool | None
    fields: Fields


@dataclass(frozen=True, slots=True)
class _List:
    """A list in an answer: the names under which it comes, the name of a row, the names of a row's fields."""

    names: tuple[str, ...]
    row: str
    known: frozenset[str]


_ORDERS = _List(("orders", "order"), "order", frozenset({*_ORDER, "items"}))
_ITEMS = _List(("items",), "item", frozenset(_ITEM))
_CUSTOMERS = _List(("customers", "customer"), "customer", frozenset(_CUSTOMER))


def read_answer(body: bytes) -> Answer:
    """Read an answer in XML or JSON. Raises ContractError when it is none, or says nothing of success (21)."""
    fields = parse(body)
    success = fields.one("success")
    if success is None:
        raise ContractError("success", "missing, so that this is no answer of VirtPos")
    return Answer(
        # As text: JSON has no sample, so 1, "1" and true are all expected
        success=str(success).strip().lower() in _SUCCESS,
        info=_info(fields.all("info")),
        id=_of(fields, "id", read_ref) or _of(fields, "card_id", read_ref),
        is_new=_of(fields, "isnew", read_flag),
        fields=fields,
    )


def _info(values: list[Any]) -> str | None:
    """The text of `info`. It explains an error, so whatever stands there is better than nothing."""
    raw = [plain(value) for value in values if value is not None]
    return "; ".join(each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in raw) or None


def orders(answer: Answer, on_bad_row: Callable[[BadRow], None]) -> list[Order]:
    """The orders of an answer. One that cannot be read is reported and skipped.

    Raises ContractError when it cannot be told where an order begins.
    """
    return _decoded("Order", _ORDERS, answer.fields, _order, on_bad_row)


def customers(answer: Answer, on_bad_row: Callable[[BadRow], None]) -> list[Customer]:
    """The customers of an answer; as `orders`."""
    return _decoded("Customer", _CUSTOMERS, answer.fields, _customer, on_bad_row)


def _decoded(
    entity: str, layout: _List, fields: Fields, read: Callable[[Fields], T], on_bad_row: Callable[[BadRow], None]
) -> list[T]:
    decoded = []
    for index, row in enumerate(_rows_of_answer(fields, layout)):
        try:
            if not isinstance(row, Fields):
                raise ContractError("", "expected an object")
            decoded.append(read(row))
        except ContractError as error:
            path = f"{layout.names[0]}[{index}]" + (f".{error.path}" if error.path else "")
            on_bad_row(_bad_row(entity, row, ContractError(path, error.message)))
    return decoded


def _bad_row(entity: str, row: Any, error: ContractError) -> BadRow:
    raw = plain(row)
    told = raw if isinstance(raw, dict) else {}
    names = ("guid",) if told.get("guid") else ("id",) if told.get("id") else ("customer_id", "created_date", "amount")
    id_ = "/".join(str(told[name]) for name in names if told.get(name)) or None
    text = json.dumps(raw, ensure_ascii=False)
    return BadRow(entity, id_, error.path, redact(error.message), redact(text[: _EXCERPT * 4])[:_EXCERPT])


# Rows


def _rows_of_answer(fields: Fields, layout: _List) -> Iterator[Any]:
    """The rows of an answer's list. Raises ContractError for an answer that holds something else instead."""
    found = fields.all(*layout.names)
    if not found:
        found = [Fields((name, value) for name, value in fields if name.isdecimal())]
        others = [name for name, value in fields if isinstance(value, Fields | list) and not name.isdecimal()]
        if others:
            raise ContractError("", f"no {layout.names[0]} in the answer, but {', '.join(sorted(set(others)))}")
    return _rows(found, layout)


def _rows(values: Iterable[Any], layout: _List) -> Iterator[Any]:
    """The rows in all values that stand under the list's name: Fields, or what stands in their place."""
    for value in values:
        if value is None or value == "":
            continue
        if isinstance(value, list):
            for row in value:
                # A row may be wrapped in its name here too
                wrapped = isinstance(row, Fields) and row.names() == {layout.row}
                yield from _rows([row], layout) if wrapped else (row,)
        elif not isinstance(value, Fields):
            raise ContractError(layout.names[0], f"expected objects, got {str(value)[:60]!r}")
        elif layout.row in value.names():
            beside = value.names() & layout.known
            if beside:
                raise ContractError(layout.names[0], f"both rows and fields of a row ({', '.join(sorted(beside))})")
            yield from _rows(value.all(layout.row), layout)
        elif value.pairs and all(name.isdecimal() for name in value.names()):
            yield from (row for _, row in value)
        else:
            yield from _groups(value)


def _groups(run: Fields) -> Iterator[Fields]:
    """Cut a flat run of fields where its first name comes again."""
    group: list[tuple[str, Any]] = []
    for name, value in run:
        if group and name == run.pairs[0][0]:
            yield Fields(group)
            group = []
        group.append((name, value))
    if group:
        yield Fields(group)


# Entities


def _of(fields: Fields, name: str, read: Callable[[Any], T]) -> T:
    value = fields.one(name)
    try:
        return read(value)
    except ValueError as error:
        raise ContractError(name, str(error)) from None


def _values(fields: Fields, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in fields:
        read = readers.get(name)
        if read is None:
            continue
        if name in values:
            fields.one(name)  # which says that there are several
        try:
            values[name] = read(value)
        except ValueError as error:
            raise ContractError(name, str(error)) from None
    return values


def _order(fields: Fields) -> Order:
    rows = list(_rows(fields.all("items"), _ITEMS))
    raw = {**plain(Fields(pair for pair in fields if pair[0] != "items")), "items": [plain(row) for row in rows]}
    items = tuple(_item(index, row) for index, row in enumerate(rows))
    order = Order(**_values(fields, _ORDER), items=items, raw=raw)
    key(order)  # an order that cannot be told from others cannot be kept
    return order


def _item(index: int, row: Any) -> Item:
    path = f"items[{index}]"
    if not isinstance(row, Fields):
        raise ContractError(path, "expected an object")
    try:
        return Item(**_values(row, _ITEM))
    except ContractError as error:
        raise ContractError(f"{path}.{error.path}", error.message) from None


def _customer(fields: Fields) -> Customer:
    customer = Customer(**_values(fields, _CUSTOMER), raw=plain(fields))
    if customer.id is None:
        raise ContractError("id", "missing")
    return customer
