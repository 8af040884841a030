"""Whether a value fits the column that will hold it.

The contract reads tolerantly what a remote says, because what a remote says must be kept. A partner is told instead:
a sum that no column holds, a text as long as a book and a word where a code belongs are refused by name, and so are
more decimals than are kept. Only coordinates are rounded, half up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

LINE, INDEXED, TEXT = 1000, 250, 100_000  # characters; an index entry of PostgreSQL ends at 2,700 bytes
NOISE = Decimal("1e-9")  # what binary fractions add: many programs say 0.30000000000000004 and mean 0.3
YEARS = range(1900, 2101)

Check = Callable[[Any], Any]


@cache
def check_of(model: type[models.Model], name: str) -> Check:
    """A function that returns a value as column `name` will hold it, or raises ValueError with a text for people."""
    column = model._meta.get_field(name)
    if isinstance(column, models.DecimalField):
        return _decimal(column)
    if isinstance(column, models.BooleanField | models.JSONField):
        return lambda value: value
    if isinstance(column, models.IntegerField):
        return _integer
    if isinstance(column, models.DateField):  # moments too
        return _date
    return _text(model, column)


def is_coordinate(column: models.Field[Any, Any]) -> bool:
    return column.name.endswith(("latitude", "longitude"))


def largest(column: models.DecimalField[Any, Any]) -> Decimal:
    """What the numbers of a column stay below."""
    if is_coordinate(column):
        return Decimal(181)
    return Decimal(10) ** ((column.max_digits or 0) - (column.decimal_places or 0))


def _decimal(column: models.DecimalField) -> Check:
    kept = column.decimal_places or 0
    places = Decimal(1).scaleb(-kept)
    limit = largest(column)

    def check(value: Any) -> Any:
        if value is None:
            return None
        rounded = Decimal(value).quantize(places, ROUND_HALF_UP)
        if abs(rounded) >= limit:
            raise ValueError(_("is too large"))
        if not is_coordinate(column) and abs(rounded - value) > NOISE:
            text = ngettext("has more than %(places)d decimal", "has more than %(places)d decimals", kept)
            raise ValueError(text % {"places": kept})
        return rounded

    return check


def _integer(value: Any) -> Any:
    if value is None or isinstance(value, int):
        return value
    raise ValueError(_("must be a whole number"))


def _date(value: Any) -> Any:
    if isinstance(value, date | datetime) and value.year not in YEARS:
        raise ValueError(_("is not a date of our time"))
    return value


def longest(model: type[models.Model], column: Any) -> int:
    """How many characters a column of text takes."""
    indexed = column.db_index or column.unique or any(column.name in index.fields for index in model._meta.indexes)
    return int(column.max_length or (TEXT if isinstance(column, models.TextField) else INDEXED if indexed else LINE))


def _text(model: type[models.Model], column: Any) -> Check:
    limit = longest(model, column)

    def check(value: Any) -> Any:
        if value is not None and len(value) > limit:
            raise ValueError(_("is longer than %(limit)s characters") % {"limit": limit})
        return value

    return check
