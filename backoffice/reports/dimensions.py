"""Dimensions that reports share: time, and what an order refers to. `time` and the like are lookups of the base row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from typing import Any

from django.db.models import DateField, F, Model
from django.db.models.functions import ExtractHour, TruncDate, TruncMonth, TruncWeek
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.reports.cube import Dimension, field_key
from backoffice.reports.filters import NONE
from backoffice.sync import dictionaries
from backoffice.sync.enqueue import chunks

DAY = timedelta(days=1)


def day(time: str, is_date: bool = False) -> Dimension:
    """`is_date`: the column is a day already."""
    return Dimension(
        "day",
        gettext_lazy("Day"),
        lambda lookup: F(lookup(time)) if is_date else TruncDate(lookup(time)),
        lambda keys: {key: formats.date_format(key, "SHORT_DATE_FORMAT") for key in keys if key},
        lambda key: _between(key, key),
        is_time=True,
    )


def week(time: str) -> Dimension:
    return Dimension(
        "week",
        gettext_lazy("Week"),
        lambda lookup: TruncWeek(lookup(time), output_field=DateField()),
        lambda keys: {
            key: _("week of %(day)s") % {"day": formats.date_format(key, "SHORT_DATE_FORMAT")} for key in keys if key
        },
        lambda key: _between(key, key + 6 * DAY if key else key),
        is_time=True,
        file_title=gettext_lazy("Week from"),
    )


def month(time: str) -> Dimension:
    return Dimension(
        "month",
        gettext_lazy("Month"),
        lambda lookup: TruncMonth(lookup(time), output_field=DateField()),
        lambda keys: {key: formats.date_format(key, "YEAR_MONTH_FORMAT") for key in keys if key},
        lambda key: _between(key, (key.replace(day=28) + 4 * DAY).replace(day=1) - DAY if key else key),
        is_time=True,
        file_title=gettext_lazy("Month from"),
    )


def hour(time: str, title: Any = None) -> Dimension:
    """The hour of the day, by a filter `hour`."""
    return Dimension(
        "hour",
        title or gettext_lazy("Hour"),
        lambda lookup: ExtractHour(lookup(time)),
        lambda keys: {key: f"{key}:00" for key in keys if key is not None},
        lambda key: {"hour": "" if key is None else str(key)},
        is_time=True,
    )


def row(
    name: str,
    title: Any,
    column: str,
    model: type[Model],
    label: Any = "title",
    mask: Any = None,
    *,
    is_long: bool = False,
) -> Dimension:
    """What a foreign key leads to; `label` is a column or an expression of it. By a filter of the same name."""

    def labels(keys: Collection[Any]) -> Mapping[Any, Any]:
        found: dict[Any, Any] = {None: _("none")}
        for some in chunks([key for key in keys if key]):
            rows = model._base_manager.filter(pk__in=some).values_list("pk", label)
            found |= {key: text or str(key) for key, text in rows}
        return found

    def narrow(key: Any) -> dict[str, str]:
        return {name: NONE if key is None else str(key)}

    return Dimension(name, title, field_key(column), labels, narrow, mask=mask, is_long=is_long)


def code(name: str, title: Any, column: str, kind: str, known: Any) -> Dimension:
    """A code of the remote, by a filter of the same name."""

    def labels(keys: Collection[Any]) -> Mapping[Any, Any]:
        return {key: dictionaries.label(kind, key, known) or _("none") for key in keys}

    return Dimension(name, title, field_key(column), labels, lambda key: {name: str(key)})


def text(
    name: str, title: Any, column: str, show: Callable[[str], str] = str, *, is_personal: bool = False
) -> Dimension:
    """A word, by a filter of the same name; an empty one is found by NONE."""

    def labels(keys: Collection[Any]) -> Mapping[Any, Any]:
        return {key: show(key) if key else _("none") for key in keys}

    return Dimension(name, title, field_key(column), labels, lambda key: {name: key or NONE}, is_personal=is_personal)


def _between(first: date | None, last: date | None) -> dict[str, str]:
    return {"since": first.isoformat(), "until": last.isoformat()} if first and last else {}
