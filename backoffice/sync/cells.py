"""What stands in a cell of a spreadsheet: how a value of ours is written there, and read back from what people type.

`clean(value)` gets what the file holds (text, a number, a date, yes or no; never nothing) and returns what a column
stores, or raises ValueError in plain words. `same` tells whether the stored value already is what the file says, so
that what went through a spreadsheet and came back unchanged is not taken for a change. `accept` refuses a value that is
new here; one that a remote told stays as it is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from import_export.widgets import Widget

from backoffice.spreadsheets import clean
from backoffice.values import EVER

YES = frozenset({"1", "true", "yes", "y", "да", "д", "истина", "+", "✓", "вкл"})
NO = frozenset({"0", "false", "no", "n", "нет", "н", "ложь", "-", "–", "—", "выкл"})
FORMULA_ERRORS = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|Н/Д|ССЫЛКА!|ЗНАЧ!|ДЕЛ/0!|ИМЯ\?|ПУСТО!|ЧИСЛО!)")
DATES = ("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d", "%d/%m/%Y", "%Y/%m/%d")
TIMES = ("", " %H:%M", " %H:%M:%S", ", %H:%M")
_SPACES = re.compile(r"[\s\u00a0\u202f']+")
_CURRENCY = re.compile(r"(?i)(₽|руб\.?|р\.)$")
_CUT_SHORT = re.compile(r"\d[.,]?\d*[eе][+]?\d+", re.IGNORECASE)


def as_text(value: Any) -> str:
    """A cell as a person sees it."""
    match value:
        case None:
            return ""
        case bool():
            return _("yes") if value else _("no")
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return f"{value:%d.%m.%Y %H:%M:%S}" if value.time() != time.min else f"{value:%d.%m.%Y}"
        case date():
            return f"{value:%d.%m.%Y}"
    return str(value)


def settled(text: str) -> str:
    """Text without what is lost on the way through a spreadsheet."""
    return clean(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


class Cell(Widget):
    """Plain text."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return settled(as_text(value))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value

    def same(self, ours: Any, theirs: Any) -> bool:
        return settled(ours or "") == (theirs or "")

    def accept(self, value: Any) -> None:
        """Raises ValueError for a value that nobody may enter here."""

    def shown(self, value: Any) -> str:
        """A stored value as the preview shows it."""
        return as_text(value)

    def renderer(self) -> Callable[[Any], Any]:
        """`render`, prepared for a whole export."""
        return self.render


class Code(Cell):
    """An id, an article, a barcode, a phone: digits that are text, which Excel takes for a number."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        text = super().clean(value)
        if isinstance(value, float) and abs(value) >= 10**15:
            raise ValueError(_("Excel has cut this number short: %(text)s. Make the cells text.") % {"text": text})
        if isinstance(value, str) and _CUT_SHORT.fullmatch(text) and not text.isdigit():
            raise ValueError(_("Excel has cut this number short: %(text)s. Make the cells text.") % {"text": text})
        return re.sub(r"^(\d{4,})\.0$", r"\1", text)


class Number(Cell):
    """A number with at most so many decimals. Spaces, a decimal comma and a sign of roubles are understood."""

    def __init__(self, places: int, *, smallest: int | None = None, digits: int = 14) -> None:
        super().__init__()
        self.places, self.smallest, self.digits = places, smallest, digits

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        number = self._number(value)
        rounded = round(number, self.places)
        # What a binary number of Excel adds to 0.1 + 0.2 is no decimal of anybody's.
        if number != rounded and not (isinstance(value, float) and abs(number - rounded) < Decimal("1e-6")):
            if self.places:
                raise ValueError(_("“%(value)s” has more than %(places)d decimals.") % self._said(value))
            raise ValueError(_("“%(value)s” is no whole number.") % self._said(value))
        if rounded and rounded.adjusted() >= self.digits - self.places:
            raise ValueError(_("“%(value)s” is too large.") % self._said(value))
        return rounded

    def _number(self, value: Any) -> Decimal:
        if isinstance(value, bool | date):
            raise ValueError(_("“%(value)s” is no number.") % self._said(value))
        text = _CURRENCY.sub("", _SPACES.sub("", str(value)))
        if "," in text:
            # The last of both is the decimal one: 1.234,50 and 1,234.50
            text = text.replace(".", "") if text.rfind(",") > text.rfind(".") else text.replace(",", "")
            text = text.replace(",", ".")
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise ValueError(_("“%(value)s” is no number.") % self._said(value))
        return number

    def _said(self, value: Any) -> dict[str, Any]:
        return {"value": as_text(value), "places": self.places}

    def same(self, ours: Any, theirs: Any) -> bool:
        return ours == theirs

    def accept(self, value: Any) -> None:
        if self.smallest is not None and value is not None and value < self.smallest:
            raise ValueError(_("It can not be less than %(smallest)d.") % {"smallest": self.smallest})

    def shown(self, value: Any) -> str:
        return "" if value is None else f"{value:f}"


class Whole(Number):
    def __init__(self, *, smallest: int | None = None) -> None:
        super().__init__(0, smallest=smallest, digits=9)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int:
        return int(super().clean(value))

    def shown(self, value: Any) -> str:
        return as_text(value)


class YesNo(Cell):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool:
        text = as_text(value).casefold().strip()
        if isinstance(value, bool) or text in YES | NO:
            return value if isinstance(value, bool) else text in YES
        raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": as_text(value)})

    def same(self, ours: Any, theirs: Any) -> bool:
        return ours == theirs


class Moment(Cell):
    """A moment in local time, to the second."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        moment = value if isinstance(value, datetime) else self._read(value)
        if moment.microsecond:
            moment = (moment + timedelta(seconds=0.5)).replace(microsecond=0)
        if moment.year not in EVER:
            raise ValueError(_("“%(text)s” is no date of ours.") % {"text": as_text(value)})
        return moment if timezone.is_aware(moment) else timezone.make_aware(moment)

    def _read(self, value: Any) -> datetime:
        if isinstance(value, date):
            return datetime.combine(value, time.min)
        text = " ".join(as_text(value).split())
        for day in DATES:
            for hour in TIMES:
                try:
                    return datetime.strptime(text, day + hour)  # noqa: DTZ007  # local, made so by the caller
                except ValueError:
                    continue
        try:
            found = parse_datetime(text)
        except ValueError:
            found = None
        if found is None:
            raise ValueError(_("“%(text)s” is no date. Write it as 31.12.2026 or 31.12.2026 18:30.") % {"text": text})
        return found

    def same(self, ours: Any, theirs: Any) -> bool:
        if ours is None or theirs is None:
            return ours is theirs
        return abs(ours - theirs) < timedelta(seconds=1)

    def shown(self, value: Any) -> str:
        return "" if value is None else f"{timezone.localtime(value):%d.%m.%Y %H:%M}"


class Day(Moment):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> date:
        return timezone.localdate(super().clean(value))

    def same(self, ours: Any, theirs: Any) -> bool:
        return ours == theirs

    def shown(self, value: Any) -> str:
        return as_text(value)


class Clock(Cell):
    """A time of day, to the minute. A spreadsheet holds one as a part of the day: 0.25 is 06:00."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> time:
        if isinstance(value, time):
            return value.replace(second=0, microsecond=0)
        text = as_text(value).strip()
        hour, minute = self._read(value, text)
        if hour < 24 and minute < 60:
            return time(hour, minute)
        raise self._wrong(text)

    def _read(self, value: Any, text: str) -> tuple[int, int]:
        if isinstance(value, float) and 0 <= value < 1:
            return divmod(round(value * 24 * 60), 60)
        # Text like 10.30 is half past ten; a number with decimals may as well be hours and their tenths.
        is_unclear = isinstance(value, float) and not value.is_integer()
        if is_unclear or not (found := re.fullmatch(r"(\d{1,2})(?:[:.](\d{2}))?(?::\d{2})?", text)):
            raise self._wrong(text)
        return int(found[1]), int(found[2] or 0)

    def _wrong(self, text: str) -> ValueError:
        return ValueError(_("“%(text)s” is no time of day. Write it as 18:30.") % {"text": text})


class Choice(Cell):
    """A number that is written by its label; both are understood."""

    def __init__(self, labels: Mapping[Any, Any]) -> None:
        super().__init__()
        self.labels = labels

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = as_text(value).casefold().strip()
        for code, label in self.labels.items():
            if text in (str(code).casefold(), str(label).casefold()):
                return code
        if text.isdecimal() and len(text) < 9:
            return int(text)  # one that a remote told stays; `accept` refuses it where it is new
        raise self._unknown(value)

    def accept(self, value: Any) -> None:
        if value is not None and value not in self.labels:
            raise self._unknown(value)

    def _unknown(self, value: Any) -> ValueError:
        known = ", ".join(str(label) for label in self.labels.values())
        return ValueError(_("“%(text)s” is none of: %(known)s.") % {"text": as_text(value), "known": known})

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return self.labels.get(value, value)

    def same(self, ours: Any, theirs: Any) -> bool:
        return ours == theirs

    def shown(self, value: Any) -> str:
        return "" if value is None else str(self.render(value))


class Reference(Code):
    """Another row, written by its title, or by its iRECA id where the title does not tell it from others."""

    def __init__(self, model: type[models.Model], by: tuple[str, ...] = ("ireca_id", "title")) -> None:
        super().__init__()
        self.model, self.by = model, by

    def look_up(self, texts: Collection[str]) -> dict[str, list[int]]:
        """Our keys of what the cells name, all at once: by the first of `by` that knows the text."""
        found: dict[str, list[int]] = {}
        for name in self.by:
            missing = {text for text in texts if text not in found}
            rows: dict[str, list[int]] = defaultdict(list)
            for text, pk in self.model._base_manager.filter(**{f"{name}__in": missing}).values_list(name, "pk"):
                rows[text].append(pk)
            found |= rows
        return found

    def chosen(self, text: str, found: Mapping[str, list[int]]) -> int:
        keys = found.get(text, [])
        if len(keys) == 1:
            return keys[0]
        said = {"what": self.model._meta.verbose_name, "text": text}
        if keys:
            raise ValueError(_("There are several “%(text)s” (%(what)s). Give the iRECA id instead.") % said)
        raise ValueError(_("There is no “%(text)s” (%(what)s).") % said)

    def same(self, ours: Any, theirs: Any) -> bool:
        return ours == theirs

    def shown(self, value: Any) -> str:
        return "" if value is None else str(self.model._base_manager.filter(pk=value).first() or value)

    def renderer(self) -> Callable[[Any], Any]:
        title = self.by[-1]
        if "ireca_id" not in self.by or title == "ireca_id":
            return lambda row: getattr(row, title, None)
        rows = self.model._base_manager.order_by()
        doubled = set(rows.values(title).annotate(n=models.Count("pk")).filter(n__gt=1).values_list(title, flat=True))
        doubled |= set(rows.filter(**{f"{title}__in": rows.values("ireca_id")}).values_list(title, flat=True))
        doubled.add("")

        def render(row: Any) -> Any:
            text = getattr(row, title, None)
            return row.ireca_id if text in doubled else text

        return render
