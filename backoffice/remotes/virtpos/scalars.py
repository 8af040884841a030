"""Values as VirtPos spells them, where it has ways of its own; everything else is read by `remotes/values.py`."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from backoffice.remotes.values import excerpt, read_decimal, read_text

_SPACED = re.compile(r"([+-]?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+)([.,][0-9]+)?")
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_COMMA = re.compile(r"[+-]?([0-9]+),([0-9]+)")
_ENGLISH = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")  # 1,234.50
_GERMAN = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+")  # 1.234,50
_YEARS = range(1990, 2200)
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


def read_optional_text(value: Any) -> str | None:
    """Text, None for an empty element."""
    return read_text(value).strip() or None


def read_money(value: Any) -> Decimal | None:
    """An exact sum, None for none. "976.59" as in the seed; a comma where it can be nothing but the decimal one.

    Raises ValueError for "1,234": sums have two decimals, so the comma may part thousands as well.
    """
    return _read_number(value, may_have_three=False)


def read_quantity(value: Any) -> Decimal | None:
    """An exact quantity, None for none. The seed writes three decimals (55), so "3,450" is 3.450 here."""
    return _read_number(value, may_have_three=True)


def _read_number(value: Any, *, may_have_three: bool) -> Decimal | None:
    if not isinstance(value, str):
        return read_decimal(value)
    text = value.strip()
    if not text:
        return None
    if spaced := _SPACED.fullmatch(text):
        text = re.sub(r"\s", "", spaced[1]) + (spaced[2] or "").replace(",", ".")
    elif comma := _COMMA.fullmatch(text):
        if len(comma[2]) == 3 and len(comma[1]) <= 3 and comma[1] != "0" and not may_have_three:
            raise ValueError(f"expected a number, got {excerpt(value)}, whose comma may part decimals or thousands")
        text = text.replace(",", ".")
    elif _ENGLISH.fullmatch(text):
        text = text.replace(",", "")
    elif _GERMAN.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"expected a number, got {excerpt(value)}")
    return read_decimal(text)


def read_integer(value: Any) -> int | None:
    """A whole number, None for none."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
    else:
        number = read_decimal(value)
        if number is None or number == number.to_integral_value():
            return None if number is None else int(number)
    raise ValueError(f"expected a whole number, got {excerpt(value)}")


def read_local(value: Any) -> datetime | None:
    """A date and time as the register's clock shows them, without a time zone; None for none (42).

    None also for a year that no register has seen: 0001-01-01, 1970-01-01 and 9999-12-31 are what programs write for a
    date that they do not have.
    """
    text = read_text(value).strip()
    if not text or text.startswith("0000-00-00"):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError(f"expected a date and time without a time zone, got {excerpt(value)}")
    return moment if moment.year in _YEARS else None
