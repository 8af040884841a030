"""Validation of what clients send: kinds of values, fields, entities. No knowledge of any particular entity lives here.

A kind turns a JSON value into its canonical form (ids are text, money is decimal text, booleans are 0/1) or raises
ValueError with a Russian text, because the real service answers in Russian. Numbers arrive as int or Decimal
(`json.loads(parse_float=Decimal)`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Record = dict[str, Any]

CREATE, REFUND, PUT, REPLACE = "create", "refund", "put", "replace"
WRITES = frozenset({CREATE, REFUND, PUT, REPLACE})
EDITS = frozenset({PUT, REPLACE})

_DIGITS = re.compile(r"\d{1,19}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Invalid(ValueError):
    """The value breaks the contract; the text names the place in it."""


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("ожидается число")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("ожидается число") from None
    if not number.is_finite():
        raise ValueError("ожидается число")
    return number


def plain(number: Decimal) -> str:
    """Decimal text without exponent and without trailing zeros."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _id(value: Any) -> str:
    if not isinstance(value, bool) and isinstance(value, int) and value >= 0:
        return str(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return value
    raise ValueError("ожидается идентификатор (целое число или строка из цифр)")


def _key(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("ожидается непустая строка")


def _code(value: Any) -> int:
    return int(_id(value))


def _decimal(value: Any) -> str:
    return plain(_number(value))


def _flag(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | str) and value in (0, 1, "0", "1"):
        return int(value)
    raise ValueError("ожидается логическое значение (true, false, 0, 1)")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("ожидается строка")
    return value


def _moment(value: Any) -> str:
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise ValueError("ожидается дата и время в формате ГГГГ-ММ-ДД ЧЧ:ММ:СС (GMT+00:00)")


def _date(value: Any) -> str:
    try:
        if value == "":
            return ""
        if isinstance(value, str) and _DATE.fullmatch(value):
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise ValueError("ожидается дата в формате ГГГГ-ММ-ДД")


def _geo(value: Any) -> str:
    number = _number(value)
    if abs(number) > 180:
        raise ValueError("координата вне допустимых пределов")
    return f"{number:.14f}"


def _url(value: Any) -> str:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return value
    raise ValueError("ожидается адрес http(s)")


KINDS: dict[str, Callable[[Any], Any]] = {
    "id": _id,  # a number, or digits in a string: both are in the examples (T11-T14)
    "key": _key,  # free text ids: payments[].paymentId, taxId, actionId, deviceId
    "code": _code,  # statusId and the like: "0" in PUT (line 876), 0 elsewhere
    "decimal": _decimal,  # money, quantities, weights: number or numeric string (T16)
    "flag": _flag,  # T17
    "text": _text,
    "moment": _moment,  # T02
    "date": _date,
    "geo": _geo,  # T19
    "url": _url,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of an entity.

    `kind` is a key of KINDS, or "object" / "array" with `fields` of the object or of the array's items. `on` names the
    writes that may hold the field (empty: read only). `ref` names the entity that the value refers to. `default` is
    what an absent optional field becomes on create and replace. `keep`: `replace` without the field leaves the stored
    value alone.
    """

    name: str
    kind: str = "text"
    required: bool = False
    nullable: bool = False
    on: frozenset[str] = WRITES
    ref: str = ""
    default: Any = None
    keep: bool = False
    fields: tuple[Field, ...] = ()
    choices: tuple[str, ...] = ()
    most: int = 0
    """Most items of an array; 0 = no limit."""

    def read(self, value: Any, write: str, path: str, strict: bool) -> Any:
        """Canonical form of a JSON value; raises Invalid."""
        if value is None:
            if self.nullable:
                return None
            raise Invalid(f"{path}: значение не может быть null")
        if self.kind == "object":
            if not isinstance(value, dict):
                raise Invalid(f"{path}: ожидается объект")
            return read_fields(self.fields, value, write, path, strict)
        if self.kind == "array":
            if not isinstance(value, list):
                raise Invalid(f"{path}: ожидается массив")
            if self.most and len(value) > self.most:
                raise Invalid(f"{path}: допустимо не более {self.most}")
            return [self._item(item, write, f"{path}[{index}]", strict) for index, item in enumerate(value)]
        try:
            canonical = KINDS[self.kind](value)
        except ValueError as problem:
            raise Invalid(f"{path}: {problem}") from None
        if self.choices and canonical not in self.choices:
            raise Invalid(f"{path}: недопустимое значение {canonical!r}")
        return canonical

    def _item(self, item: Any, write: str, path: str, strict: bool) -> Record:
        if not isinstance(item, dict):
            raise Invalid(f"{path}: ожидается объект")
        return read_fields(self.fields, item, write, path, strict)


def read_fields(
    fields: Iterable[Field], value: Record, write: str, path: str, strict: bool, *, partial: bool = False
) -> Record:
    """Canonical form of an object: unknown and missing fields are refused, absent optional ones stay absent."""
    allowed = {field.name: field for field in fields if write in field.on}
    if strict:
        for name in value:
            if name not in allowed:
                raise Invalid(f"{path}: неизвестное свойство «{name}»")
    result: Record = {}
    for name, field in allowed.items():
        if name in value:
            result[name] = field.read(value[name], write, f"{path}.{name}", strict)
        elif field.required and not partial:
            raise Invalid(f"{path}: не задано обязательное свойство «{name}»")
    return result


def references(fields: Iterable[Field], record: Record) -> Iterable[tuple[str, str]]:
    """(entity, id) of all that a canonical record refers to, lines included."""
    for field in fields:
        value = record.get(field.name)
        if value is None:
            continue
        if field.ref:
            yield field.ref, str(value)
        elif field.kind == "object":
            yield from references(field.fields, value)
        elif field.kind == "array":
            for item in value:
                yield from references(field.fields, item)


@dataclass(frozen=True, slots=True)
class Entity:
    """A collection of the API: its path, the name of its id, its fields, and how it is deleted and answered."""

    name: str
    key: str
    fields: tuple[Field, ...]
    soft_delete: bool = False
    """DELETE sets isActive to 0 and the row stays listed (T33)."""
    paged: bool = False
    """The list requires page and count."""
    put_status: int = 204
    replace_status: int = 204
    put_key: bool = True
    """The body of PUT holds the id; if not, only the query does (T65)."""
    cabinet_only: bool = False
    """Created only in the dispatcher's cabinet when there is one (seed line 22)."""
    stamped: bool = False
    """The service keeps updatedAt."""
    get_omits_key: bool = False
    """GET of one object does not answer its id (T66)."""

    def canonical(self, body: Record, write: str, path: str, strict: bool, partial: bool = False) -> Record:
        """Canonical form of one object of a request; raises Invalid."""
        fields = self.fields
        if write == PUT and not self.put_key:
            fields = tuple(field for field in fields if field.name != self.key)
        return read_fields(fields, body, write, path, strict, partial=partial and write == PUT)
