"""Where cells of reports lead to, beside the rows themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice.reports import formats
from backoffice.reports.access import Reader
from backoffice.reports.report import Column, Row

NAME = "courier_day"


def may_see_days(reader: Reader) -> bool:
    """A courier's day shows orders of all sources, so it is not for who sees some of them only."""
    return reader.may("view_orders") and reader.sources is None


def day_column(courier: str, day: Any) -> Column:
    """A day that leads to the page of that courier's day. `day` is an expression of YYYY-MM-DD."""
    key = Concat(Cast(courier, CharField()), Value("/"), day)
    return Column(NAME, _("Day of the courier"), key, formats.DAY, show=_day, url=_url)


def _day(key: str) -> date | None:
    text = key.partition("/")[2]
    return date.fromisoformat(text) if text else None


def _url(row: Row, reader: Reader) -> str:
    courier, _slash, day = row[f"c_{NAME}"].partition("/")
    if not courier or not day or not may_see_days(reader):
        return ""
    return reverse("courier-day", args=[courier, day])
