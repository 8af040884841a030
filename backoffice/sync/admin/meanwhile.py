"""What others did to a row while somebody had its form open, in words: which column, from what to what, and who did it.

Who it was is known from the history only, so of a column that the history leaves out nobody is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db import models
from django.utils.formats import date_format, localize
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from backoffice.sync.connection import TITLES

EMPTY = "–"
VERSIONS = 50  # of the history that are looked at to find who changed a column
SHOWN = 200  # characters of a long text


@dataclass(frozen=True)
class Move:
    """A column that somebody else changed while the form was open. All texts are for a person."""

    label: str
    was: str
    now: str
    who: str  # empty where nobody knows

    def __str__(self) -> str:
        if self.who:
            text = _("%(who)s changed “%(field)s” from “%(was)s” to “%(now)s” while you had this open.")
        else:
            text = _("“%(field)s” was changed from “%(was)s” to “%(now)s” while you had this open.")
        return text % {"who": self.who, "field": self.label, "was": self.was, "now": self.now}


@dataclass(frozen=True)
class Clash:
    """What somebody else changed as well as the person. `input` names the choice between `mine` and `theirs`."""

    input: str
    label: str
    was: str
    theirs: str
    mine: str
    who: str
    keeps_theirs: bool


def in_words(column: models.Field, value: Any, field: forms.Field | None = None) -> str:
    """A column's value as a person reads it; `field` knows the names of codes."""
    if isinstance(value, models.Model):
        return str(value)
    if value is None or value == "":
        return EMPTY
    if isinstance(column, models.ForeignKey):
        row = column.remote_field.model._base_manager.filter(pk=value).first()
        return str(value if row is None else row)
    choices: Any = field.choices if isinstance(field, forms.ChoiceField) else ()
    if (named := dict(choices).get(value)) is not None:
        return str(named)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return date_format(localtime(value), "SHORT_DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value, "SHORT_DATE_FORMAT")
    if isinstance(value, Decimal):
        return str(localize(value.normalize() if value != value.to_integral() else value.quantize(Decimal(1))))
    return Truncator(str(dict(column.flatchoices).get(value, value))).chars(SHOWN)


class Authors:
    """Who gave the columns of one row the values that they have. One query, and only when it is asked."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self._versions: list[dict[str, Any]] | None = None

    def of(self, column: models.Field) -> str:
        """The author of the oldest version in the latest run of those with the value of now; empty if unknown."""
        author = ""
        now = getattr(self.row, column.attname)
        for version in self.read():
            if column.attname not in version or version[column.attname] != now:
                break
            author = _named(version)
        return author

    def read(self) -> list[dict[str, Any]]:
        """The latest versions, newest first, as they are at the first call."""
        if self._versions is None:
            self._versions = list(_history(type(self.row), self.row.pk).values()[:VERSIONS])
        return self._versions


def author(model: type[models.Model], pk: Any, kind: str) -> str:
    """Who added (`+`) or removed (`-`) a row; empty if unknown."""
    version = _history(model, pk).filter(history_type=kind).values().first()
    return "" if version is None else _named(version)


def _history(model: Any, pk: Any) -> Any:
    history = getattr(model, "history", None)
    if history is None:
        return get_user_model()._base_manager.none()
    return history.filter(**{model._meta.pk.attname: pk}).order_by("-history_date", "-history_id")


def _named(version: dict[str, Any]) -> str:
    user = get_user_model()._base_manager.filter(pk=version.get("history_user_id") or 0).first()
    if user is not None:
        return name_of(user)
    # What a remote changed has no user: its name stands as the reason.
    return TITLES.get(version.get("history_change_reason") or "", "")


def name_of(user: Any) -> str:
    return user.get_full_name() or user.get_username()
