"""What tells of a living client, and who may read it: names, phones, addresses, what people wrote.

Columns that are made here are masked where they are read from the database, for a person without the right
`reports.view_personal`, in whatever page, file or answer he is. So no page can forget it. A masked text still knows
the real one (`Masked`), and writes that: whoever may not read a phone may still assign the order.

Outside of a person's request (workers, commands, partners with a token) nothing is masked.
"""

from __future__ import annotations

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


def mask_all(text: str) -> str:
    return "•••" if text else ""


class Masked(str):
    """Reads as the mask, is written as what is behind it."""

    __slots__ = ("kept",)
    kept: str

    def __new__(cls, shown: str, value: str) -> Masked:
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


class _Personal(models.Field):
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
        return Masked(self.mask(value), value) if value else value

    def value_to_string(self, obj: models.Model) -> str:
        # It is how changes are kept that can be taken back.
        value = real(self.value_from_object(obj))
        return "" if value is None else str(value)

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(real(value))

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Masked) else super().to_python(value)


class PersonalCharField(_Personal, models.CharField):
    pass


class PersonalTextField(_Personal, models.TextField):
    pass


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
    """The personal columns of a model."""
    return {field.name for field in model._meta.concrete_fields if isinstance(field, _Personal)}


def is_asked(model: type[models.Model], lookup: str) -> bool:
    """Whether a lookup of an address asks about a personal column: whoever may not see it may not guess at it."""
    found: Any = model
    for part in lookup.split("__"):
        field = next((each for each in found._meta.get_fields() if each.name == part), None)
        if field is None:
            return False
        if part in names(found):
            return True
        if not field.is_relation or field.related_model is None:
            return False
        found = field.related_model
    return False
