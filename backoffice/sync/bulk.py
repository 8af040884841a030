"""Rows of a remote go into the database by the thousand: one door for all that is inserted and updated in bulk.

`bulk_create` spends most of its time in Python: making each instance, preparing each value, writing SQL around it. Here
instances are made without `Model.__init__`, values are prepared a column at a time, and the database gets plain tuples:
`executemany` on SQLite, COPY and one UPDATE on PostgreSQL. What is stored is what `Model.save` would store.

Neither signals nor managers hear of it, so nothing written here reaches the outbox: it is for what a remote said. The
history is the caller's to keep, with `history.keep`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache, partial
from operator import itemgetter
from types import NoneType
from typing import Any, TypeVar

import msgspec
from django.db import connection, connections, models, transaction
from django.db.models.base import ModelState

from backoffice.database import outages

Row = TypeVar("Row", bound=models.Model)


@models.Field.register_lookup
@models.ForeignObject.register_lookup  # which does not look at Field
class Among(models.Lookup):
    """`field__among=values` is `field__in=values` for a set of hundreds, which go as one parameter."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, params = self.process_lhs(compiler, connection)
        values = list(self.rhs)
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s)", [*params, values]
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, msgspec.json.encode(values).decode()]


# The types that a driver stores as they are, by the kind of column. The value of any other type, and of any field whose
# preparation is not Django's own (an encrypted one), is prepared by its field.
AS_THEY_ARE: dict[str, type] = {
    **dict.fromkeys(("CharField", "TextField"), str),
    **dict.fromkeys(("AutoField", "BigAutoField", "IntegerField", "BigIntegerField", "PositiveIntegerField"), int),
    "BooleanField": bool,
}
# Of these equal values are stored alike, and a batch has few different ones: each of them is prepared once.
PREPARED_ONCE: dict[str, type] = {"DecimalField": Decimal, "DateTimeField": datetime, "DateField": date}


def new(model: type[Row], **values: Any) -> Row:
    """`model(**values)` for columns by their attribute names (`order_id`, not `order`), many times faster.

    Receivers of `pre_init` and `post_init` do not hear of it.
    """
    row = model.__new__(model)
    constants, factories = _defaults(model)
    state = constants.copy()
    for name, make in factories:
        state[name] = make()
    state.update(values)
    state["_state"] = ModelState()
    row.__dict__ = state
    return row


def insert(model: type[Row], rows: Sequence[Row]) -> None:
    """Store rows that are new, and give them their keys. Raises IntegrityError as `save` does."""
    if not rows:
        return
    fields = model._meta.concrete_fields
    with transaction.atomic():
        _give_keys(model, [row for row in rows if row.pk is None])
        values = _tuples(fields, rows, is_new=True)
        if connection.vendor == "postgresql":
            _copy(model, fields, values)
        else:
            names = ", ".join(_quoted(fields))
            marks = ", ".join(["%s"] * len(fields))
            _execute_many(f"INSERT INTO {_table(model)} ({names}) VALUES ({marks})", values)
    alias = connection.alias
    for row in rows:
        row._state.adding, row._state.db = False, alias


def update(model: type[Row], rows: Sequence[Row], columns: Collection[str]) -> None:
    """Store these columns, by name or attribute name, of rows that are there. Rows that are not are passed over."""
    if not rows or not columns:
        return
    changed = [model._meta.get_field(name) for name in sorted(columns)]
    fields = [*changed, model._meta.pk]
    values = _tuples(fields, rows, is_new=False)
    if connection.vendor == "postgresql":
        _update_from_json(model, changed, fields, values)
    else:
        sets = ", ".join(f"{name} = %s" for name in _quoted(changed))
        _execute_many(f"UPDATE {_table(model)} SET {sets} WHERE {_quoted(fields)[-1]} = %s", values)


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """What a new row has: values that all may share, and how to make those that each has its own of."""
    constants = {field.attname: field.get_default() for field in model._meta.concrete_fields}
    made = [field for field in model._meta.concrete_fields if field.has_default() and callable(field.default)]
    return constants, [(field.attname, field.default) for field in made]


# values


def _tuples(fields: Sequence[Any], rows: Sequence[Any], *, is_new: bool) -> Iterator[tuple[Any, ...]]:
    for field in fields:
        if _sets_itself(field):
            for row in rows:
                setattr(row, field.attname, field.pre_save(row, is_new))
    states = [row.__dict__ for row in rows]
    return zip(*(_prepared(field, list(map(itemgetter(field.attname), states))) for field in fields), strict=True)


def _prepared(field: Any, values: list[Any]) -> list[Any]:
    """The values of one column, as the driver takes them."""
    kind, is_plain = _kind(field)
    types = set(map(type, values)) - {NoneType}
    if not types or (is_plain and types == {AS_THEY_ARE.get(kind)}):
        return values
    prepare = _preparation(field)
    if is_plain and types == {PREPARED_ONCE.get(kind)}:
        prepared = {value: prepare(value) for value in set(values)}
        return [prepared[value] for value in values]
    return [prepare(value) for value in values]


@cache
def _sets_itself(field: Any) -> bool:
    """Whether a field decides at the last moment what is stored, as dates with auto_now and files do."""
    if isinstance(field, models.DateField | models.TimeField):
        return field.auto_now or field.auto_now_add
    return type(field).pre_save is not models.Field.pre_save


@cache
def _kind(field: Any) -> tuple[str, bool]:
    """What Django calls this kind of column, and whether nothing but Django's own code prepares its values."""
    while field.is_relation:
        field = field.target_field
    ways = (getattr(type(field), way) for way in ("get_prep_value", "get_db_prep_value", "get_db_prep_save"))
    return field.get_internal_type(), all(way.__module__.startswith("django.") for way in ways)


def _preparation(field: Any) -> Callable[[Any], Any]:
    kind, is_plain = _kind(field)
    prepare = partial(field.get_db_prep_save, connection=connections[connection.alias])
    if connection.vendor == "postgresql" and is_plain:
        if kind == "JSONField" and field.encoder is None:
            # jsonb has a spelling of its own. SQLite keeps the text, and compares it, so there it must be Django's.
            return lambda value: None if value is None else msgspec.json.encode(value).decode()
        if kind in PREPARED_ONCE:
            return lambda value: None if value is None else str(prepare(value))  # as the driver would, value by value
    return prepare


# statements


def _give_keys(model: type[models.Model], rows: Sequence[Any]) -> None:
    """Take keys from the table's own numbering, which nobody else is given."""
    pk = model._meta.pk
    if not rows or not isinstance(pk, models.AutoField):
        return
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sequence = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
            cursor.execute(sequence, [connection.ops.quote_name(table), pk.column, len(rows)])
            keys: Iterable[int] = [key for (key,) in cursor.fetchall()]
        else:
            # Transactions begin as writers (see DATABASES), so that no other connection reads the same number, and
            # AUTOINCREMENT moves its number on past the keys that it is given.
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
            last = cursor.fetchone() or (0,)
            keys = range(last[0] + 1, last[0] + 1 + len(rows))
    for row, key in zip(rows, keys, strict=True):
        row.pk = key


def _copy(model: type[models.Model], fields: Sequence[Any], values: Iterable[tuple[Any, ...]]) -> None:
    sql = f"COPY {_table(model)} ({', '.join(_quoted(fields))}) FROM STDIN"
    with outages(connection), connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(sql) as copy:
        for row in values:
            copy.write_row(row)


def _update_from_json(
    model: type[models.Model], changed: Sequence[Any], fields: Sequence[Any], values: Iterable[tuple[Any, ...]]
) -> None:
    """One statement for all rows, which come as one parameter: no temporary table, of whatever size the batch is."""
    names = [field.column for field in fields]
    nested = {field.column for field in fields if _kind(field)[0] == "JSONField"}
    rows = [dict(zip(names, row, strict=True)) for row in values]
    for row in rows:
        for name in nested:
            row[name] = None if row[name] is None else msgspec.Raw(row[name].encode())
    types = ", ".join(
        f"{name} {field.rel_db_type(connection) if field.primary_key else field.db_type(connection)}"
        for name, field in zip(_quoted(fields), fields, strict=True)
    )
    sets = ", ".join(f"{name} = new.{name}" for name in _quoted(changed))
    table, key = _table(model), _quoted(fields)[-1]
    text = msgspec.json.encode(rows, enc_hook=str.__str__).decode()  # the hook is for subclasses of str
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {sets} FROM json_to_recordset(%s) AS new({types}) WHERE {table}.{key} = new.{key}",
            [text],
        )


def _execute_many(sql: str, values: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(sql, list(values))


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _quoted(fields: Sequence[Any]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in fields]
