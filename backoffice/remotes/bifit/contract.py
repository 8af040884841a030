"""The wire contract of BIFIT Kassa: the online order of seed 000, tolerant to read and exact to write.

`decode` an answer, `encode` an order for the wire, `may_become` before a status is asked for. Line numbers are those of
the seed. What it does not know (other fields, statuses, delivery types) is kept and sent back as it came.
"""

import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from backoffice.remotes.errors import BadRow, ContractError
from backoffice.remotes.redact import redact
from backoffice.remotes.values import (
    DEEPEST,
    excerpt,
    read_code,
    read_decimal,
    read_flag,
    read_ref,
    read_text,
    storable_text,
)
from backoffice.remotes.wirejson import dumps

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# A moment outside is an error of whoever wrote it, such as seconds, or the end of time for "never".
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_EXCERPT = 500


class TaxSystem(StrEnum):
    """Systems of taxation (51-58)."""

    COMMON = "COMMON"  # 53, ОСН
    SIMPLIFIED = "SIMPLIFIED"  # 54, УСН, 6 % of the income
    SIMPLIFIED_WITH_EXPENSE = "SIMPLIFIED_WITH_EXPENSE"  # 55, УСН, 15 % of income less expenses
    ENVD = "ENVD"  # 56, abolished on 2020-01-01
    COMMON_AGRICULTURAL = "COMMON_AGRICULTURAL"  # 57, ЕСН or ЕСХН
    PATENT = "PATENT"  # 58


class DeliveryType(StrEnum):
    """Kinds of delivery (69-72)."""

    COURIER = "COURIER"  # 70
    SELF = "SELF"  # 71, the customer fetches it: no address is needed
    SERVICE = "SERVICE"  # 72, "not used"


class Status(StrEnum):
    """Statuses of an order (60-68). Others exist: an order keeps whatever text it came with."""

    NEW = "NEW"  # 62
    ACCEPTED = "ACCEPTED"  # 63, 74: every employee sees it; what an order is created as
    DISTRIBUTED = "DISTRIBUTED"  # 64, 75: only those see it to whom it is assigned
    ISSUED = "ISSUED"  # 65
    REFUSED = "REFUSED"  # 66, 76
    DELETED = "DELETED"  # 67, 77
    FINISHED = "FINISHED"  # 68


FINAL = frozenset({Status.REFUSED, Status.DELETED, Status.FINISHED})

NOT_CREATED_SO = "An order cannot be created as refused or deleted."
NOT_REFUSED = "Only an accepted or distributed order can be refused; a new one is deleted instead."
NOT_DELETED = "Only a new order can be deleted; an accepted or distributed one is refused instead."
CLOSED = "The order is closed: refused, deleted and finished are final."
REASONS = (NOT_CREATED_SO, NOT_REFUSED, NOT_DELETED, CLOSED)
"""Everything that `may_become` answers, for those who translate it."""


def may_become(current: str, new: str) -> str:
    """Why an order of status `current` ("" when it is yet to be created) cannot become `new`; "" when it can.

    Documented: REFUSED comes from DISTRIBUTED or ACCEPTED alone (76), DELETED from NEW alone (77), neither can be
    created. Everything else that the seed does not forbid is allowed, unknown statuses included, with one exception
    of ours: nothing leaves a final status. For DELETED the seed says as much ("not available for work", 77), for
    REFUSED and FINISHED it follows from what they mean. An order that is already there may be told so once more, so
    that a change whose answer was lost can be repeated.
    """
    if not current:
        return NOT_CREATED_SO if new in (Status.REFUSED, Status.DELETED) else ""
    if new == current:
        return ""
    if current in FINAL:
        return CLOSED
    if new == Status.REFUSED and current not in (Status.DISTRIBUTED, Status.ACCEPTED):
        return NOT_REFUSED
    if new == Status.DELETED and current != Status.NEW:
        return NOT_DELETED
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one kind are read, and spelled when we write. Both raise ValueError for what they cannot take."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def _read_nullable_text(value: Any) -> str | None:
    if value is None:
        return None
    return read_text(str(value) if isinstance(value, str) else value)  # a StrEnum is text too


def _write_number_id(value: Any) -> int | str | None:
    text = read_ref(value)
    return int(text) if text is not None and text.isdecimal() and str(int(text)) == text else text


def _read_moment(value: Any) -> datetime | None:
    """Unix milliseconds from 1990 to 2200, as a number or its text, to the very millisecond; null and "" are none."""
    if value is None or value == "":
        return None
    moment = _any_moment(value)
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError(f"expected a moment from 1990 to 2200, got {excerpt(value)}")
    return moment


def _any_moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a moment with a time zone")
        return value.astimezone(UTC)
    try:
        number = int(value)
        if isinstance(value, bool) or (not isinstance(value, str) and number != value):
            raise ValueError
        return _EPOCH + number * _MILLISECOND
    except (ValueError, TypeError, ArithmeticError):
        raise ValueError(f"expected unix milliseconds, got {excerpt(value)}") from None


def _write_moment(value: Any) -> int | None:
    moment = _read_moment(value)
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND


def _read_any(value: Any, depth: int = DEEPEST) -> Any:
    """Any JSON as it is, but with exact fractions, and without what no database could hold."""
    if isinstance(value, dict | list) and not depth:
        raise ValueError(f"expected no more than {DEEPEST} values inside one another")
    if isinstance(value, dict):
        return {storable_text(key): _read_any(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_read_any(item, depth - 1) for item in value]
    if isinstance(value, float | Decimal):
        return read_decimal(value)
    return storable_text(value) if isinstance(value, str) else value


# Each is used as `attribute: Kind = UNSET`. UNSET means that the attribute is absent, which is not null.
Id = Annotated[str | UnsetType | None, Kind(read_ref, _write_number_id)]
Text = Annotated[str | UnsetType | None, Kind(_read_nullable_text, _read_nullable_text)]
Money = Annotated[Decimal | UnsetType | None, Kind(read_decimal, read_decimal)]
Code = Annotated[int | str | UnsetType | None, Kind(read_code, read_code)]
Flag = Annotated[bool | UnsetType | None, Kind(read_flag, read_flag)]
Moment = Annotated[datetime | UnsetType | None, Kind(_read_moment, _write_moment)]
# Null in the only sample, and neither described nor told by its name: kept as it comes.
Unspecified = Annotated[Any, Kind(_read_any, _read_any)]


class OnlineOrder(msgspec.Struct, kw_only=True, rename="camel"):
    """An online order (14-47): the 33 fields of the sample under their names in snake case, and in `extra` all others.

    Absent is UNSET and stays absent, null is None. Ids are text, money is Decimal in roubles, moments are aware UTC.
    It holds no goods.
    """

    id: Id = UNSET
    visible: Flag = UNSET
    created: Moment = UNSET
    changed: Moment = UNSET
    organization_id: Text = UNSET
    trade_object_id: Text = UNSET
    tax_system: Text = UNSET  # a TaxSystem, or what else comes
    external_id: Text = UNSET  # the number in the shop
    delivery_type: Text = UNSET  # a DeliveryType, or what else comes
    delivery_amount: Money = UNSET
    delivery_time: Moment = UNSET
    paid: Flag = UNSET
    order_time: Moment = UNSET
    client_id: Id = UNSET
    address: Text = UNSET
    responsible_person_login: Text = UNSET  # a phone in the sample
    discount: Money = UNSET
    discount_type: Code = UNSET  # 0 in the sample, not described
    location: Unspecified = UNSET
    total_amount: Money = UNSET
    comment: Text = UNSET
    current_status_type: Text = UNSET  # a Status, or what else comes
    current_status_time: Moment = UNSET
    substatus_id: Unspecified = UNSET
    shop_id: Unspecified = UNSET
    end_lock_time: Moment = UNSET
    route_sheet_document_id: Unspecified = UNSET
    route_sheet_document_position: Unspecified = UNSET
    route_sheet_document_number: Unspecified = UNSET
    size: Unspecified = UNSET
    actual_delivery_time: Moment = UNSET
    cashier_name: Text = UNSET
    client_name: Text = UNSET
    extra: dict[str, Any] = {}


@cache
def fields() -> Mapping[str, tuple[str, Kind]]:
    """The fields of the sample in its order: wire name -> (attribute, kind)."""
    hints = typing.get_type_hints(OnlineOrder, include_extras=True)
    return {
        field.encode_name: (field.name, hints[field.name].__metadata__[0])
        for field in msgspec.structs.fields(OnlineOrder)
        if field.name != "extra"
    }


def decode(raw: Any) -> OnlineOrder:
    """Make an order of a decoded JSON object. Raises ContractError naming the field that cannot be read."""
    if not isinstance(raw, dict):
        raise ContractError("", f"expected an object, got {type(raw).__name__}")
    values: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    known = fields()
    for key, value in raw.items():
        try:
            if key not in known:
                extra[storable_text(key)] = _read_any(value)
                continue
            name, kind = known[key]
            values[name] = kind.read(value)
        except ValueError as error:
            raise ContractError(key, str(error)) from None
    return OnlineOrder(**values, extra=extra)


def encode(order: OnlineOrder) -> dict[str, Any]:
    """The JSON object of an order: everything that is set, in the sample's order and types, then what is extra.

    Money is a Decimal with the digits that it has (0.00 stays 0.00): `wirejson.dumps` writes it as a number.
    Raises ContractError naming the field that cannot be written.
    """
    result: dict[str, Any] = {}
    for wire, (name, kind) in fields().items():
        value = getattr(order, name)
        if value is UNSET:
            continue
        try:
            result[wire] = kind.write(value)
        except ValueError as error:
            raise ContractError(wire, str(error)) from None
    return result | order.extra


def dump(order: OnlineOrder) -> dict[str, Any]:
    """`encode` as plain JSON builtins, for a JSON column; `decode` reads it back to an equal order."""
    plain: dict[str, Any] = json.loads(dumps(encode(order)))
    return plain


def bad_row(raw: Any, id_: str | None, error: ContractError) -> BadRow:
    """Describe an answer that no order could be made of; secrets in its excerpt are masked."""
    text = dumps(raw).decode()[: _EXCERPT * 4]
    return BadRow("OnlineOrder", id_, error.path, redact(error.message), redact(text)[:_EXCERPT])
