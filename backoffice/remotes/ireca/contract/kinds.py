"""The kinds of wire values: how each is read from what iRECA really sends, and spelled when we write.

A kind reads tolerantly (the traps of the seed are named at each place) and writes exactly one spelling, the one of
the seed's examples. Readers raise ValueError with a text that a person understands.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any

from msgspec import UnsetType

OMIT: Any = object()
"""What a writer returns for a value that the wire has no spelling for: the attribute is left out."""

_CENT = Decimal("0.01")
# A number beyond these is no money, count or coordinate: it fits no column of a reader, and could be expanded into
# gigabytes of digits.
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 10, -30
_LARGEST_CODE = 2**31 - 1
_LONGEST_REF = 191
_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false"})
_INTEGER = re.compile(r"[+-]?\d{1,18}")


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


def _nothing(value: Any) -> bool:
    """T18: null, "", {} and [] all stand for "no value" in a scalar slot."""
    return value is None or value == "" or value == {} or value == []


def _storable_text(text: str) -> str:
    """Text that any database can hold: JSON may spell NUL and lone surrogates, which none does."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def as_it_is(value: Any) -> Any:
    return value


def _excerpt(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_ref(value: Any) -> str | None:
    """An id as text, None for none. T11-T14, T34, T48, T52, T61: numbers and strings are mixed, "" is no id."""
    if type(value) is str:
        if len(value) > _LONGEST_REF:
            raise ValueError(f"expected an id, got {len(value)} characters")
        return _storable_text(value).strip() or None
    if _nothing(value):
        return None
    if type(value) is int and abs(value) < 10**_LONGEST_REF:
        return str(value)
    if isinstance(value, float | Decimal):
        number = read_decimal(value)
        return _plain(number) if number is not None else None
    raise ValueError(f"expected an id, got {_excerpt(value)}")


def read_text(value: Any) -> str:
    """Text; "" for null, {} and [] (T18)."""
    if type(value) is str:
        return _storable_text(value)
    if _nothing(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"expected text, got {_excerpt(value)}")
    return str(value)


def _read_secret(value: Any) -> str:
    try:
        return read_text(value)
    except ValueError:
        raise ValueError("expected text") from None  # the usual message quotes the value


def read_decimal(value: Any) -> Decimal | None:
    """An exact number, None for none. T16: 539.78, "679.57", "0", "1 000,50"; null and "" are none."""
    kind = type(value)
    if kind is int:
        number = Decimal(value)
    elif kind is Decimal:
        number = value
    elif kind is str:
        try:
            number = Decimal(value)
        except InvalidOperation:
            return _untidy_decimal(value)
    elif _nothing(value):
        return None
    elif kind is float:
        number = Decimal(repr(value))
    else:
        raise ValueError(f"expected a number, got {_excerpt(value)}")
    if not number.is_finite() or not _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT:
        raise ValueError(f"expected a number of reasonable size, got {_excerpt(value)}")
    return number


def _untidy_decimal(value: str) -> Decimal | None:
    """The number in a text with a comma or spaces, None in an empty one."""
    text = value.replace(",", ".").replace(" ", "").replace("\xa0", "").strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"expected a number, got {_excerpt(value)}") from None
    return read_decimal(number)


def read_code(value: Any) -> int | str | None:
    """A code of one of iRECA's directories: an integer, None, or the text itself when it is no integer.

    T28, T29, T47, T67: codes are never an enum, unknown ones are kept.
    """
    if type(value) is int:
        return _of_size(value)
    if type(value) is str:
        text = _storable_text(value).strip()
        return _of_size(int(text)) if _INTEGER.fullmatch(text) else text or None
    if _nothing(value):
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float | Decimal):
        number = read_decimal(value)
        if number is not None and number == number.to_integral_value():
            return _of_size(int(number))
        return str(value)
    raise ValueError(f"expected a code, got {_excerpt(value)}")


def _of_size(code: int) -> int:
    if abs(code) > _LARGEST_CODE:
        raise ValueError(f"expected a code of reasonable size, got {_excerpt(code)}")
    return code


def _read_coordinate(value: Any) -> Decimal | None:
    degrees = read_decimal(value)
    if degrees is not None and abs(degrees) > 180:
        raise ValueError(f"expected degrees, got {_excerpt(value)}")
    return degrees


def read_flag(value: Any) -> bool | None:
    """A yes or no, None for none. T17, T33: true, 1, "1" and "true" are one thing, and so are their opposites."""
    if value is True or value is False:
        return value
    if _nothing(value):
        return None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    elif isinstance(value, int | float | Decimal):
        return value != 0
    raise ValueError(f"expected yes or no, got {_excerpt(value)}")


def read_moment(value: Any) -> datetime | None:
    """An aware UTC moment, None for none.

    T02: the wire is GMT without a mark; "T", fractions, "Z", an offset and a date alone are read too, "" and
    "0000-00-00 00:00:00" are none.
    """
    if type(value) is str:
        text = value.strip()
        if not text or text.startswith("0000-00-00"):
            return None
        try:
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"expected a date and time, got {_excerpt(value)}") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a moment with a time zone")
        return value.astimezone(UTC)
    if _nothing(value):
        return None
    raise ValueError(f"expected a date and time, got {_excerpt(value)}")


def read_day(value: Any) -> date | None:
    """A calendar day, None for none; of a date with a time, the date as it is written."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if type(value) is str:
        text = value.strip()[:10]
        if not text or text == "0000-00-00":
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    elif _nothing(value):
        return None
    raise ValueError(f"expected a date, got {_excerpt(value)}")


def read_bag(value: Any) -> dict[str, Any] | None:
    """An object with any keys (T45), kept as it is but for fractions, which become text so that it can be stored."""
    if _nothing(value):
        return None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {_excerpt(value)}")
    return {key: _storable(item) for key, item in value.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return _plain(value) if isinstance(value, Decimal) else value


@lru_cache(4096)  # a page of orders has few different sums
def _plain(number: Decimal) -> str:
    """Canonical text of a number: no exponent, no trailing zeros, so that equal numbers are equal texts."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


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
    return OMIT if number is None else _plain(number)


def _write_coordinate(value: Any) -> str:
    return _plain(read_decimal(value) or Decimal(0))  # 0 is "unknown" (T19)


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
    return None if value is None else _plain(value)


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
