"""What tells of a living client, and who may read it: names, phones, addresses, what people wrote.

Columns that are made here are masked where they are read from the database, for a person without the right
`reports.view_personal`, in whatever page, file or answer he is. So no page can forget it. A masked text still knows
the real one (`Masked`), and writes that: whoever may not read a phone may still assign the order.

Outside of a person's request (workers, commands, partners with a token) nothing is masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase

RIGHT = "reports.view_personal"

_user: ContextVar[Any] = ContextVar("user", default=None)


def may_see(user: Any) -> bool:
    return bool(user.has_perm(RIGHT))


def is_hidden() -> bool:
    """Whether personal data are masked for whoever asks now. The first time in a request costs two queries."""
    user = _user.get()
    return user is not None and user.is_authenticated and not may_see(user)


@contextmanager
def seen_by(user: Any) -> Iterator[None]:
    """What is read in this block is read for that person; for nobody in particular when None.

    `@seen_by(None)` stands over what compares rows with a remote or makes a command of them, because a person may ask
    for that too: a mask must neither be sent nor be taken for a change.
    """
    token = _user.set(user)
    try:
        yield
    finally:
        _user.reset(token)


class PersonalMiddleware:
    """Stands after the middleware of authentication. A file that is streamed is read behind its back: exports leave
    personal columns out themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with seen_by(request.user):
            return self.get_response(request)


# masks: text -> what may be shown of it


def mask_name(text: str) -> str:
    """Initials."""
    return " ".join(f"{word[0]}." for word in text.split()) if text else ""


def mask_phone(text: str) -> str:
    """The last two digits."""
    return f"•••{text[-2:]}" if text else ""


# A phone: what begins with a plus, or the ten digits of a Russian one, alone in groups or in a row with a 9, or behind
# a 7 or 8. Ids, barcodes and moments have other forms.
_GAP = r"[\s().\-‐-―]{0,3}"
_GROUPS = rf"\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{2}}(?!\d)"
_PHONE = re.compile(
    rf"\+\d(?:{_GAP}\d){{6,14}}"
    rf"|(?<!\d)[78]{_GAP}{_GROUPS}"
    r"|(?<!\d)9\d{9}(?!\d)"
    r"|(?<!\d)\(?\d{3}\)?[\s.\-‐-―]{1,3}\d{3}[\s.\-‐-―]\d{2}[\s.\-‐-―]\d{2}(?!\d)"
)
_MAIL = re.compile(r"[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+")
_QUOTED = re.compile(r"\{[^\n]*")  # a row of the wire, in part or whole (`BadRow`)
_CUT_OFF = re.compile(r"(?:\+?\d[\d\s().-]{4,}|[\w.+-]{1,64}@[\w.-]*)\Z")
_MAY_BE_CUT = 200  # characters: the shortest text that is the beginning of another


def mask_said(text: str) -> str:
    """What a remote answered, without the phones and addresses of mail that it repeats, and without the rows that we
    quote. A name in it is not known for one.
    """
    if len(text) >= _MAY_BE_CUT:
        text = _CUT_OFF.sub("•••", text)
    text = _PHONE.sub(lambda found: mask_phone(found[0]), _QUOTED.sub("{•••}", text))
    return _MAIL.sub("•••", text)


def said(text: str) -> str:
    """What a remote answered just now, as whoever asks may see it."""
    return mask_said(text) if is_hidden() else text


def mask_all(text: str) -> str:
    return "•••" if text else ""


class Masked(str):
    """Reads as the mask, is written as what is behind it."""

    __slots__ = ("kept",)
    kept: Any

    def __new__(cls, shown: str, value: Any) -> Masked:
        made = super().__new__(cls, shown)
        made.kept = value
        return made

    def __reduce__(self) -> Any:
        return Masked, (str(self), self.kept)


class MaskedNumber(Decimal):
    """Degrees to a hundredth, which is a kilometre; what is behind it is written."""

    kept: Decimal


class MaskedList(list):
    """A JSON value of which nothing may be shown; what is behind it is written."""

    kept: Any


class MaskedDict(dict):
    kept: Any


def real(value: Any) -> Any:
    """What is behind a mask. For what is computed and stored, never for what is shown."""
    return value.kept if type(value) in _MASKS else value


_MASKS = frozenset((Masked, MaskedNumber, MaskedDict, MaskedList))


class _Masking(models.Field):
    """What the columns have in common. Their migrations name Django's own types: a mask is no schema."""

    mask: Callable[[str], str] = staticmethod(mask_all)

    def __init__(self, *args: Any, mask: Callable[[str], str] = mask_all, **kwargs: Any) -> None:
        self.mask = mask
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        base = next(each for each in type(self).__mro__ if each.__module__.startswith("django.db.models.fields"))
        return name, f"django.db.models.{base.__name__}", args, kwargs

    def get_db_converters(self, connection: Any) -> list[Any]:
        converters: list[Any] = super().get_db_converters(connection)
        return [*converters, self._masked] if is_hidden() else converters  # nothing to pay where nothing is masked

    def _masked(self, value: Any, expression: Any, connection: Any) -> Any:
        return Masked(self.mask(str(value)), value) if value else value

    def value_to_string(self, obj: models.Model) -> str:
        # It is how changes are kept that can be taken back.
        value = real(self.value_from_object(obj))
        return "" if value is None else str(value)

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(real(value))

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Masked) else super().to_python(value)


class _Personal(_Masking):
    """It tells of people: pages that show or take whole rows of its model are closed to who may not see that."""


class _Said(_Masking):
    """What a remote answered, or what waits for whom: it may repeat something personal, and no row is closed for that.
    Files leave it out, since they are read after the request.
    """

    def __init__(self, *args: Any, mask: Callable[[str], str] = mask_said, **kwargs: Any) -> None:
        super().__init__(*args, mask=mask, **kwargs)


class SaidCharField(_Said, models.CharField):
    pass


class SaidTextField(_Said, models.TextField):
    pass


class PersonalCharField(_Personal, models.CharField):
    pass


class PersonalTextField(_Personal, models.TextField):
    pass


class PersonalDateField(_Personal, models.DateField):
    """Its mask is a text: no day stands for any."""


class PersonalDecimalField(_Personal, models.DecimalField):
    def _masked(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None:
            return None
        made = MaskedNumber(round(value, 2))
        made.kept = value
        return made

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, MaskedNumber) else super().to_python(value)


class PersonalJSONField(_Personal, models.JSONField):
    """Nothing of it is shown: what is where in it, only its sender knows."""

    def _masked(self, value: Any, expression: Any, connection: Any) -> Any:
        if not value or not isinstance(value, dict | list):
            return value
        made: Any = MaskedDict() if isinstance(value, dict) else MaskedList()
        made.kept = value
        return made

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(real(value), connection, prepared)


def names(model: type[models.Model]) -> set[str]:
    """The columns of a model that tell of people."""
    return {field.name for field in model._meta.concrete_fields if isinstance(field, _Personal)}


def is_masked(model: type[models.Model]) -> bool:
    """Whether whoever asks now sees masks in rows of this model: what shows or takes their values is closed then."""
    return bool(names(model)) and is_hidden()


def is_told(model: type[models.Model], path: str) -> bool:
    """Whether a path from a row, such as `order__phone`, reads a column that is masked."""
    return any(isinstance(field, _Masking) for field in _along(model, path))


def is_asked(model: type[models.Model], lookup: str) -> bool:
    """Whether a lookup of an address asks about people: whoever may not see it may not guess at it. Long texts and JSON
    may tell of anybody: bodies, payloads, what a remote knows, what it answered.
    """
    kinds = (_Masking, models.TextField, models.JSONField)
    return any(isinstance(field, kinds) for field in _along(model, lookup))


def is_sorted(model: type[models.Model], by: Any) -> bool:
    """Whether an order of rows tells who stands before whom; a reference sorts by what its own rows are sorted by."""
    if not isinstance(by, str):
        return True  # an expression: what it reads is not known
    path = by.lstrip("-+")
    fields = list(_along(model, path))
    if not fields or fields[-1].name != path.rpartition("__")[2] or not fields[-1].is_relation:
        return is_told(model, path)
    target = fields[-1].related_model
    return is_told(model, path) or any(is_sorted(target, each) for each in target._meta.ordering)


def _along(model: type[models.Model], path: str) -> Iterator[Any]:
    """The fields of a path, as far as it leads along fields."""
    found: Any = model
    for part in path.split("__"):
        field = next((each for each in found._meta.get_fields() if each.name == part), None)
        if field is None:
            return
        yield field
        if not field.is_relation or field.related_model is None:
            return
        found = field.related_model
