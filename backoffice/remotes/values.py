"""Scalars as remotes really send them, read tolerantly: what the contracts of all remotes share.

Readers raise ValueError with a text that a person understands. T-numbers are traps of seed 002, which has most of them.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

# A number beyond these is no money, count or coordinate: it fits no column of a reader, and could be expanded into
# gigabytes of digits.
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 10, -30
_LARGEST_CODE = 2**31 - 1
_LONGEST_REF = 191
DEEPEST = 32  # values inside one another, of what is kept as it comes
_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false"})
_INTEGER = re.compile(r"[+-]?\d{1,18}")


def is_nothing(value: Any) -> bool:
    """T18: null, "", {} and [] all stand for "no value" in a scalar slot."""
    return value is None or value == "" or value == {} or value == []


def storable_text(text: str) -> str:
    """Text that any database can hold: JSON may spell NUL and lone surrogates, which none does."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def excerpt(value: Any) -> str:
    """A value as it is quoted to a person."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_ref(value: Any) -> str | None:
    """An id as text, None for none. T11-T14, T34, T48, T52, T61: numbers and strings are mixed, "" is no id."""
    if type(value) is str:
        if len(value) > _LONGEST_REF:
            raise ValueError(f"expected an id, got {len(value)} characters")
        return storable_text(value).strip() or None
    if is_nothing(value):
        return None
    if type(value) is int and abs(value) < 10**_LONGEST_REF:
        return str(value)
    if isinstance(value, float | Decimal):
        number = read_decimal(value)
        return plain(number) if number is not None else None
    raise ValueError(f"expected an id, got {excerpt(value)}")


def read_text(value: Any) -> str:
    """Text; "" for null, {} and [] (T18)."""
    if type(value) is str:
        return storable_text(value)
    if is_nothing(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"expected text, got {excerpt(value)}")
    return str(value)


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
    elif is_nothing(value):
        return None
    elif kind is float:
        number = Decimal(repr(value))
    else:
        raise ValueError(f"expected a number, got {excerpt(value)}")
    if not number.is_finite() or not _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT:
        raise ValueError(f"expected a number of reasonable size, got {excerpt(value)}")
    return number


def _untidy_decimal(value: str) -> Decimal | None:
    """The number in a text with a comma or spaces, None in an empty one."""
    text = value.replace(",", ".").replace(" ", "").replace("\xa0", "").strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"expected a number, got {excerpt(value)}") from None
    return read_decimal(number)


def read_code(value: Any) -> int | str | None:
    """A code of one of iRECA's directories: an integer, None, or the text itself when it is no integer.

    T28, T29, T47, T67: codes are never an enum, unknown ones are kept.
    """
    if type(value) is int:
        return _of_size(value)
    if type(value) is str:
        text = storable_text(value).strip()
        return _of_size(int(text)) if _INTEGER.fullmatch(text) else text or None
    if is_nothing(value):
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float | Decimal):
        number = read_decimal(value)
        if number is not None and number == number.to_integral_value():
            return _of_size(int(number))
        return str(value)
    raise ValueError(f"expected a code, got {excerpt(value)}")


def _of_size(code: int) -> int:
    if abs(code) > _LARGEST_CODE:
        raise ValueError(f"expected a code of reasonable size, got {excerpt(code)}")
    return code


def read_flag(value: Any) -> bool | None:
    """A yes or no, None for none. T17, T33: true, 1, "1" and "true" are one thing, and so are their opposites."""
    if value is True or value is False:
        return value
    if is_nothing(value):
        return None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    elif isinstance(value, int | float | Decimal):
        return value != 0
    raise ValueError(f"expected yes or no, got {excerpt(value)}")


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
            raise ValueError(f"expected a date and time, got {excerpt(value)}") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a moment with a time zone")
        return value.astimezone(UTC)
    if is_nothing(value):
        return None
    raise ValueError(f"expected a date and time, got {excerpt(value)}")


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
    elif is_nothing(value):
        return None
    raise ValueError(f"expected a date, got {excerpt(value)}")


def read_bag(value: Any) -> dict[str, Any] | None:
    """An object with any keys (T45), kept as it is, but so that it can be stored: fractions become text, and no text
    holds what a database cannot."""
    if is_nothing(value):
        return None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {excerpt(value)}")
    return _storable(value, DEEPEST)


def _storable(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list) and not depth:
        raise ValueError(f"expected no more than {DEEPEST} values inside one another")
    if isinstance(value, dict):
        return {storable_text(key): _storable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, depth - 1) for item in value]
    if isinstance(value, str):
        return storable_text(value)
    return plain(number) if isinstance(value, Decimal) and (number := read_decimal(value)) is not None else value


@lru_cache(4096)  # a page of orders has few different sums
def plain(number: Decimal) -> str:
    """Canonical text of a number: no exponent, no trailing zeros, so that equal numbers are equal texts."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
