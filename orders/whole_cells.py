"""Cells that say what several of our columns hold: a full name, an address in one line, the day beside its hours.

Files of shops are written so. Where the file says a part in a column of its own as well, the part wins; parts of an
address do so together, where they say the street.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.cells import Cell, Clock, Day
from backoffice.sync.tables import Column
from backoffice.transfer.table import Item
from orders.actions import by_line
from orders.models import Order

FULL_NAME = ("фио", "фио клиента", "клиент", "получатель", "full name", "client name", "recipient")
ADDRESS = ("адрес", "адрес доставки", "адрес клиента", "куда", "address", "delivery address")
DAY = ("дата доставки", "delivery date")
SINCE = ("время с", "время от", "время доставки с")
UNTIL = ("время до", "время по", "время доставки до", "time to")


class OneLine(Cell):
    """Text whose line breaks and commas, which iRECA leaves out of an address, make no difference."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return _joined(super().clean(value))

    def same(self, ours: Any, theirs: Any) -> bool:
        return _joined((ours or "").replace(",", " ")) == _joined(theirs.replace(",", " "))


def _joined(text: str) -> str:
    return " ".join(text.split())


def full_name(lastname: str) -> Column:
    """Beside the column of that last name."""
    return Column(lastname, gettext_lazy("full name"), OneLine(), name="full_name", names=FULL_NAME, writeonly=True)


def address() -> Column:
    return Column("to_line", widget=OneLine(), names=ADDRESS)


def window() -> tuple[Column, ...]:
    start, end = "delivery_time_from", "delivery_time_to"
    return (
        Column(start, gettext_lazy("day of delivery"), Day(), name="day", names=DAY, writeonly=True),
        Column(start, gettext_lazy("time from"), Clock(), name="since", names=SINCE, writeonly=True),
        Column(end, gettext_lazy("time until"), Clock(), name="until", names=UNTIL, writeonly=True),
    )


def spread_name(item: Item, lastname: str, firstname: str) -> None:
    """The last name stands first; what follows, a patronymic too, is the first name, as iRECA has no third."""
    if (full := item.values.pop("full_name", None)) is not None:
        last, _space, first = full.partition(" ")
        item.values.setdefault(lastname, last)
        if first or not last:  # one word does not say that there is no first name
            item.values.setdefault(firstname, first)


def spread_window(item: Item) -> None:
    """A day and its hours make the window; one without the other does not, unless the file says the window as well."""
    day, since, until = (item.values.pop(name, None) for name in ("day", "since", "until"))
    if None not in (day, since, until):
        item.values.setdefault("delivery_time_from", _moment(day, since))
        item.values.setdefault("delivery_time_to", _moment(day, until))
    elif (day or since or until) and not _says_window(item) and not item.errors:
        item.fail(_("The day and both hours of the window are needed together."), "day")


def _says_window(item: Item) -> bool:
    return all(item.values.get(name) for name in ("delivery_time_from", "delivery_time_to"))


def _moment(day: date, hour: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, hour))


def spread_address(item: Item) -> None:
    """One line takes the place of the exact address, unless the file says the street or it is the order's already.

    Parts without a street are no address, and would be mixed with those of the order, so they only complete the line.
    """
    line = item.values.pop("to_line", "")
    if not line or item.values.get("to_street"):
        return
    line = _completed(line, item.values.get("to_city"), item.values.get("to_apartment"))
    order = item.row
    is_known = order is not None and any(OneLine().same(known, line) for known in (order.to_line, order.address))
    if is_known and not order.has_only_line:
        for name in ("to_city", "to_street", "to_home", "to_apartment"):  # the index and the place on the map fit it
            item.values.pop(name, None)
    else:
        columns = by_line(line)
        item.values |= {name: columns[name] for name in (*Order.TO_PARTS, "to_line")}


def _completed(line: str, city: str | None, flat: str | None) -> str:
    """The line with the city before it and the flat behind it, where it does not hold them."""
    before, behind = ("" if _words(part) in _words(line) else part for part in (city or "", flat or ""))
    return ", ".join(filter(None, (before, line, behind)))


def _words(text: str) -> str:
    """Words between spaces, so that only whole ones are found in others."""
    return " ".join(["", *re.findall(r"\w+", text.casefold()), ""])
