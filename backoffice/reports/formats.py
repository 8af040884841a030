"""How figures and cells are written on a page, and what is left of personal data for who has no right to them."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from backoffice.reports.cube import COUNT, MINUTES, MONEY, NUMBER, PERCENT

TEXT, MOMENT, DAY, FLAG = "text", "moment", "day", "flag"
NUMERIC = (COUNT, MONEY, NUMBER, PERCENT, MINUTES)
NOTHING = "–"
KOPECK, TENTH = Decimal("0.01"), Decimal("0.1")


def written(value: Any, kind: str) -> str:
    """A value as people read it, in the active language."""
    if value is None or value == "":
        return NOTHING
    if kind == MONEY:
        return formats.number_format(_rounded(value, KOPECK), use_l10n=True, force_grouping=True)
    if kind == COUNT:
        return formats.number_format(value, use_l10n=True, force_grouping=True)
    if kind == NUMBER:
        return formats.number_format(_rounded(value, TENTH), use_l10n=True, force_grouping=True)
    if kind == PERCENT:
        return formats.number_format(_rounded(value, TENTH), use_l10n=True) + " %"
    if kind == MINUTES:
        hours, minutes = divmod(int(_rounded(value, Decimal(1))), 60)
        return (
            _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
            if hours
            else (_("%(minutes)s min") % {"minutes": minutes})
        )
    if kind == MOMENT:
        return formats.date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT")
    if kind == DAY:
        return formats.date_format(value, "SHORT_DATE_FORMAT")
    if kind == FLAG:
        return _("yes") if value else NOTHING
    return str(value)


def heading(of: Any) -> str:
    """Of a column of a file, made of what has a title and a kind: minutes are plain numbers there."""
    return f"{of.title}, {_('min')}" if of.kind == MINUTES else str(of.title)


def plain(value: Any, kind: str) -> Any:
    """A value as a file takes it (`backoffice/spreadsheets.py`): numbers as numbers, minutes as minutes."""
    if value is None:
        return None
    if kind == MONEY:
        return _rounded(value, KOPECK)
    if kind in (PERCENT, NUMBER, MINUTES):
        return _rounded(value, TENTH)
    return value if isinstance(value, date | int | Decimal) else str(value)


def _rounded(value: Any, step: Decimal) -> Decimal:
    return Decimal(value).quantize(step, ROUND_HALF_UP)
