"""Numbers and days out of texts that people, scripts and addresses say: what a column can hold, or none.

The guards that come to mind let through what ends in an error: "²" is a digit to `str.isdigit` and no number to `int`,
which refuses a text of thousands of digits, too; a key of more than 64 bits is an error of the database, and so is the
year 1 or 9999 as a moment in another time zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import IntegerField, Model
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

MOST_DIGITS = 18  # every number of so many fits in 64 bits, with room to count on from it
YEARS = range(2000, 2200)
EVER = range(1900, 2201)  # years of what is stored, whoever told it


def whole_number(text: str | None) -> int | None:
    """The number from 0 on that a text is, None where it is none."""
    return int(text) if text and len(text) <= MOST_DIGITS and text.isascii() and text.isdigit() else None


def whole_numbers(texts: Iterable[str]) -> list[int]:
    """Those of the texts that are numbers."""
    return [number for text in texts if (number := whole_number(text)) is not None]


def row_key(text: str | None) -> int:
    """The key of a row that a text is; 0, which no row has, where it is none."""
    return whole_number(text) or 0


def row_keys(model: type[Model], texts: Iterable[str]) -> list[Any]:
    """Those of the texts that may be keys of rows of this model."""
    return whole_numbers(texts) if isinstance(model._meta.pk, IntegerField) else list(texts)


def check_day(day: date) -> None:
    """A validator of fields for days that are looked for."""
    if day.year not in YEARS:
        raise ValidationError(_("There is nothing so far from today."))


def check_moment(value: datetime) -> None:
    """A validator of fields for moments that are stored."""
    if value.year not in EVER:
        raise ValidationError(_("There is nothing so far from today."))


def moment(text: str) -> datetime | None:
    """The moment, with its time zone, that a text is; None where it is none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.year in YEARS and timezone.is_aware(found) else None
