"""The kinds of wire values: how each is read from what iRECA really sends, and spelled when we write.

A kind reads tolerantly (`remotes/values.py`, where most readers are, for they serve other remotes too) and writes
exactly one spelling, the one of the seed's examples.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Annotated, Any

from msgspec import UnsetType

from backoffice.remotes.values import (
    excerpt,
    plain,
    read_bag,
    read_code,
    read_day,
    read_decimal,
    read_flag,
    read_moment,
    read_ref,
    read_text,
)

OMIT: Any = object()
"""What a writer returns for a value that the wire has no spelling for: the attribute is left out."""

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one kind travel.

    `read` makes the Python value, `write` the JSON value as the seed spells it, `dump` the canonical JSON value that
    `read` turns back into an equal one. `write_on` overrides `write` for single operations. A `secret` is never
    dumped nor printed.
    """

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    dump: Callable[[Any], Any]
    write_on: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Wire:
    """The wire name of an attribute where it is not the camel case of ours, and other names read as well."""

    name: str | None = None
    also: tuple[str, ...] = ()


def as_it_is(value: Any) -> Any:
    return value


def _read_secret(value: Any) -> str:
    try:
        return read_text(value)
    except ValueError:
        raise ValueError("expected text") from None  # the usual message quotes the value


def _read_coordinate(value: Any) -> Decimal | None:
    degrees = read_decimal(value)
    if degrees is not None and abs(degrees) > 180:
        raise ValueError(f"expected degrees, got {excerpt(value)}")
    return degrees


def _number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _write_money(value: Any) -> int | float:
    # The seed writes "no prepayment" and "no banknote" as 0, never as null (162, 763).
    return _number((read_decimal(value) or Decimal(0)).quantize(_CENT, ROUND_HALF_UP))


def _write_quantity(value: Any) -> Any:
    number = read_decimal(value)
    return OMIT if number is None else _number(number)


def _write_decimal_text(value: Any) -> Any:
    number = read_decimal(value)
    return OMIT if number is None else plain(number)


def _write_coordinate(value: Any) -> str:
    return plain(read_decimal(value) or Decimal(0))  # 0 is "unknown" (T19)


def _write_coordinate_number(value: Any) -> int | float:
    return _number(read_decimal(value) or Decimal(0))


def _write_ref_number(value: Any) -> Any:
    text = read_ref(value)
    return int(text) if text is not None and text.isdecimal() and str(int(text)) == text else text


def _write_known_ref(value: Any) -> Any:
    ref = read_ref(value)
    return OMIT if ref is None else ref


def _write_known_ref_number(value: Any) -> Any:
    ref = read_ref(value)
    return OMIT if ref is None else _write_ref_number(ref)


def _write_code(value: Any) -> Any:
    code = read_code(value)
    return OMIT if code is None else code


def _write_flag(value: Any) -> Any:
    flag = read_flag(value)
    return OMIT if flag is None else int(flag)


def _write_flag_bool(value: Any) -> Any:
    flag = read_flag(value)
    return OMIT if flag is None else flag


def _write_flag_text(value: Any) -> Any:
    flag = read_flag(value)
    return OMIT if flag is None else str(int(flag))


def _write_moment(value: Any) -> Any:
    moment = read_moment(value)
    return OMIT if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _write_day(value: Any) -> str:
    day = read_day(value)
    return "" if day is None else day.isoformat()


def _dump_decimal(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


@lru_cache(4096)  # and few different delivery windows
def _dump_moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def _dump_day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _write_line_unit(value: Any) -> str:
    return read_text(value) or "шт"  # T72, line 127: iRECA would set it itself, and then differ from us


_REF = Kind("ref", read_ref, read_ref, as_it_is)
_CODE = Kind("code", read_code, _write_code, as_it_is)
_MONEY = Kind("money", read_decimal, _write_money, _dump_decimal)

# Each is used as `attribute: Kind = UNSET`. UNSET means that the attribute is absent, which is not null (T44).
Ref = Annotated[str | UnsetType | None, _REF]
RefNumber = Annotated[str | UnsetType | None, Kind("ref", read_ref, _write_ref_number, as_it_is)]
# Left out when there is none: no example has a null there.
KnownRef = Annotated[str | UnsetType | None, Kind("ref", read_ref, _write_known_ref, as_it_is)]
LineTaxRef = Annotated[
    str | UnsetType | None,
    # A number in the two examples that have it (197, 328), text everywhere else (T48).
    # Left out when there is none: iRECA takes the good's (125).
    Kind(
        "ref",
        read_ref,
        _write_known_ref,
        as_it_is,
        {"create": _write_known_ref_number, "refund": _write_known_ref_number},
    ),
]
Text = Annotated[str | UnsetType, Kind("text", read_text, read_text, as_it_is)]
LineUnit = Annotated[str | UnsetType, Kind("text", read_text, _write_line_unit, as_it_is)]
Secret = Annotated[str | UnsetType, Kind("text", _read_secret, read_text, as_it_is, secret=True)]
Money = Annotated[Decimal | UnsetType | None, _MONEY]
Quantity = Annotated[Decimal | UnsetType | None, Kind("quantity", read_decimal, _write_quantity, _dump_decimal)]
QuantityText = Annotated[
    Decimal | UnsetType | None, Kind("quantity_text", read_decimal, _write_decimal_text, _dump_decimal)
]
Code = Annotated[int | str | UnsetType | None, _CODE]
Flag = Annotated[bool | UnsetType | None, Kind("flag", read_flag, _write_flag, as_it_is)]
FlagBool = Annotated[bool | UnsetType | None, Kind("flag", read_flag, _write_flag_bool, as_it_is)]
FlagText = Annotated[bool | UnsetType | None, Kind("flag", read_flag, _write_flag_text, as_it_is)]
Moment = Annotated[datetime | UnsetType | None, Kind("moment", read_moment, _write_moment, _dump_moment)]
Day = Annotated[date | UnsetType | None, Kind("day", read_day, _write_day, _dump_day)]
Coordinate = Annotated[
    Decimal | UnsetType | None,
    # Numbers where orders are created (172, 310), text where they are edited (895, 994, 1868).
    Kind(
        "coordinate",
        read_decimal,
        _write_coordinate,
        _dump_decimal,
        {"create": _write_coordinate_number, "refund": _write_coordinate_number},
    ),
]
Bag = Annotated[dict[str, Any] | UnsetType | None, Kind("bag", read_bag, as_it_is, as_it_is)]
