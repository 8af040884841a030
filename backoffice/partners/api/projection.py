"""Rows as iRECA would tell them: from the database to JSON objects without models in between.

A `Projection` is compiled once from what an attribute is told as (`contract.form_of`) and from where its value is
(`columns_of` of the mirror's own fields). The database does what it does faster: it spells moments, makes numbers of
decimals and follows references; what is left is one function for some of the columns. A list costs one query, and one
more for each kind of nested rows, however long it is.

In the partner's own numbering are orders and clients (`Numbered`); everything else has the id that all share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import CharField, F, FloatField, Func, IntegerField, Model, QuerySet
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.functions import Cast

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import Told
from backoffice.sync.mirror import Embedded, Field, Parts, Reference

CHUNK = 500

encoder = msgspec.json.Encoder()


class WireMoment(Func):
    """A moment as the wire has it: "2021-04-28 11:34:00", UTC (T02)."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="substr(%(expressions)s, 1, 19)")

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        return super().as_sql(compiler, connection, template=template)


class WireDay(Func):
    """A day as the wire has it: "1986-01-14"."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="%(expressions)s || ''")

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="to_char(%(expressions)s, 'YYYY-MM-DD')")


def number_or_text(value: str | None) -> int | str | None:
    """An id as the wire has it: a number where it is one, else text."""
    if not value:
        return None
    return (
        int(value)
        if value.isascii() and value.isdecimal() and (value[0] != "0" or value == "0") and len(value) < 16
        else value
    )


def _decimal(value: float | None) -> int | float | None:
    return int(value) if value is not None and value.is_integer() else value


def _decimal_text(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _degrees(value: float | None) -> str:
    # Fourteen decimals, of which our columns keep ten.
    return f"{value:.10f}0000" if value is not None else "0.00000000000000"


def _flag(value: int | None) -> int:
    return value or 0


def _bag(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


_ROOTS = object()  # where the keys of the rows above go in a statement


def _keys(vendor: str, keys: Any) -> RawSQL:
    """Keys as one parameter: thousands of them would be prepared one by one, and SQLite takes but so many."""
    return RawSQL(  # noqa: S611  # our own text; the keys are a parameter
        "SELECT unnest(%s::bigint[])" if vendor == "postgresql" else "SELECT value FROM json_each(%s)", [keys]
    )


Spell = Callable[[Any], Any]
Ask = Callable[[str], Any]


def _float(path: str) -> Any:
    return Cast(path, FloatField())


def _int(path: str) -> Any:
    return Cast(path, IntegerField())


# How a value looks -> what to ask the database for, and what is left to do with it.
_LOOKS: Mapping[str, tuple[Ask, Spell | None]] = {
    "text": (F, lambda value: value or ""),
    "text or null": (F, lambda value: value or None),
    "text or blank": (F, lambda value: value or ""),
    "number or null": (F, number_or_text),
    "code": (F, None),
    "code as text": (F, lambda value: str(value or 0)),
    "decimal": (_float, _decimal),
    "decimal or 0": (_float, lambda value: _decimal(value or 0.0)),
    "two decimals": (_float, lambda value: f"{value or 0:.2f}"),
    "decimal as text": (_float, _decimal_text),
    "degrees": (_float, _degrees),
    "degrees as number": (_float, lambda value: _decimal(value or 0.0)),
    "0 or 1": (_int, _flag),
    "0 or 1 as text": (_int, lambda value: str(value or 0)),
    "moment": (WireMoment, None),
    "day": (WireDay, lambda value: value or ""),
    "object": (F, _bag),
}


@dataclass(frozen=True)
class Constant:
    """An attribute that is told the same for every row."""

    value: Any


@dataclass(frozen=True)
class Nested:
    """A list, or with `many=False` an object or null, of rows of their own. `parent` leads from them to the row above,
    `root` from them to the outermost one, by which all of them are read at once.
    """

    model: type[Model]
    parent: str
    root: str
    columns: Mapping[str, Column]
    order: tuple[str, ...] = ("pk",)
    many: bool = True


@dataclass(frozen=True)
class Group:
    """A nested object whose attributes are columns of the row itself."""

    columns: Mapping[str, Column]


# Where an attribute's value is: a column by its path, an expression, or one of the above.
Column = str | Combinable | Constant | Nested | Group

Numbered = Mapping[Any, Callable[[str], Any]]


def columns_of(
    fields: Iterable[Field], model: type[Model], numbered: Numbered, parts: Mapping[str, Column] | None = None
) -> dict[str, Column]:
    """Where the values of a mirror's fields are. `parts`: the nested rows, which fields do not describe.

    `numbered`: models that have an id of their own for each source, and how to read it by the path of a reference.
    """
    columns: dict[str, Column] = {}
    for spec in fields:
        if isinstance(spec, Parts):
            if parts is not None and spec.attr in parts:
                columns[spec.attr] = parts[spec.attr]
        elif isinstance(spec, Embedded):
            columns[spec.attr] = Group({part: f"{spec.prefix}{part}" for part in spec.parts})
        elif isinstance(spec, Reference):
            target = spec.target(model)
            own = numbered.get(target)
            columns[spec.attr] = own(spec.name) if own is not None else f"{spec.name}__ireca_id"
        else:
            columns[spec.attr] = spec.name
    return columns


class Projection:
    """The rows of `model` as `struct` in a form of the contract."""

    def __init__(self, model: type[Model], struct: type[contract.Entity], form: str, columns: Mapping[str, Column]):
        self.model, self.struct, self.form, self.columns = model, struct, form, columns
        self._expressions: list[Any] = []
        self._nested: list[tuple[str, Projection, Nested]] = []
        self._statements: dict[str, tuple[str, tuple[Any, ...]]] = {}  # of a nested one, by the database's kind
        self._names: dict[str, Any] = {}  # what the compiled function refers to
        # A dict display with every call in its place is three times as fast as a loop over columns.
        source = f"lambda c: {self._display(struct, form, columns)}"
        self._build: Callable[[Sequence[Any]], dict[str, Any]] = eval(source, self._names)  # noqa: S307  # source of our own contract, made when the program starts

    def _display(self, struct: type[contract.Entity], form: str, columns: Mapping[str, Column]) -> str:
        """The source of an object, in the seed's order; cells of a row are `c[n]`."""
        parts = []
        for item in contract.form_of(struct, form):
            column = columns[item.field.name]
            if isinstance(column, Constant):
                value = self._named(column.value)
            elif isinstance(column, Nested):
                assert item.field.nested is not None
                child = Projection(column.model, item.field.nested, form, column.columns)
                self._nested.append((item.field.wire, child, column))
                value = "[]" if column.many else "None"
            elif isinstance(column, Group):
                assert item.field.nested is not None
                value = self._display(item.field.nested, form, column.columns)
            else:
                value = self._cell(item, column)
            parts.append(f"{item.field.wire!r}: {value}")
        return "{" + ", ".join(parts) + "}"

    def _named(self, value: Any) -> str:
        name = f"n{len(self._names)}"
        self._names[name] = value
        return name

    def _cell(self, item: Told, column: Any) -> str:
        ask, spell = _LOOKS[item.looks]
        self._expressions.append(ask(column) if isinstance(column, str) or ask is not F else column)
        cell = f"c[{len(self._expressions) - 1}]"
        is_never_null = item.looks == "text" and isinstance(column, str) and "__" not in column
        return cell if spell is None or is_never_null else f"{self._named(spell)}({cell})"

    def rows(self, queryset: QuerySet[Any]) -> list[tuple[int, dict[str, Any]]]:
        """The rows of a queryset of `model` in its order, each with its key."""
        try:
            statement = self._compiled(queryset, "pk")
        except EmptyResultSet:
            return []
        found = [(key, row) for key, _key, row in self._read(queryset.db, *statement)]
        self._nest(dict(found), [key for key, _row in found])
        return found

    def _compiled(self, queryset: QuerySet[Any], above: str) -> tuple[str, tuple[Any, ...]]:
        return queryset.values_list(*self._expressions, "pk", above).query.sql_with_params()

    def _read(self, database: str, sql: str, params: Sequence[Any]) -> list[tuple[int, int, dict[str, Any]]]:
        """Each row with its key and that of the row above it."""
        build = self._build
        # Past the converters of Django: the expressions ask for what is spelled here.
        with connections[database].cursor() as cursor:
            cursor.execute(sql, params)
            return [(cells[-2], cells[-1], build(cells)) for cells in cursor.fetchall()]

    def _below(self, source: Nested, roots: Sequence[int]) -> list[tuple[int, int, dict[str, Any]]]:
        """This projection's rows below the roots. But for the keys the statement is always the same, and made once."""
        rows = source.model._base_manager.all()
        vendor = connections[rows.db].vendor
        if vendor not in self._statements:
            of_roots = rows.filter(**{f"{source.root}__in": _keys(vendor, _ROOTS)}).order_by(*source.order)
            self._statements[vendor] = self._compiled(of_roots, source.parent)
        sql, params = self._statements[vendor]
        keys = list(roots) if vendor == "postgresql" else msgspec.json.encode(roots).decode()
        return self._read(rows.db, sql, [keys if param is _ROOTS else param for param in params])

    def _nest(self, objects: Mapping[int, dict[str, Any]], roots: Sequence[int]) -> None:
        """Put the nested rows into their objects, level by level; `roots` are the keys of the outermost rows."""
        if not objects:
            return
        for name, child, source in self._nested:
            below: dict[int, dict[str, Any]] = {}
            for key, parent, row in child._below(source, roots):
                if (owner := objects.get(parent)) is not None:
                    below[key] = row
                    if source.many:
                        owner[name].append(row)
                    else:
                        owner[name] = row
            child._nest(below, roots)

    def one(self, queryset: QuerySet[Any]) -> dict[str, Any] | None:
        """The first row of a queryset, or None."""
        found = self.rows(queryset[:1])
        return found[0][1] if found else None

    def stream(self, queryset: QuerySet[Any]) -> Iterator[bytes]:
        """A JSON array of all rows in the order of their keys, in pieces, at flat memory."""
        after, opening = 0, b"["
        while True:
            found = self.rows(queryset.filter(pk__gt=after).order_by("pk")[:CHUNK])
            if not found:
                break
            yield opening + encoder.encode([row for _, row in found])[1:-1]
            after, opening = found[-1][0], b","
            if len(found) < CHUNK:
                break
        yield b"[]" if opening == b"[" else b"]"
