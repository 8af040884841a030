"""Tables as people exchange them: which columns a model has in a spreadsheet, and under what titles.

An app declares the tables that are worth a declaration in its `resources.py`; any other model has one made of its
columns, for export only. Secrets are in none. The columns are import-export's `Field`s; whole files are not its
`Resource`s, which hold a file in memory and ask the database row by row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import models
from django.db.models import QuerySet, prefetch_related_objects
from django.utils.text import capfirst
from import_export.fields import Field

from backoffice.secrets import EncryptedTextField
from backoffice.sync import cells, personal
from backoffice.sync.enqueue import chunks

# Never exported, whoever asks: what opens doors, bodies with everything in them, the bookkeeping of workers.
HIDDEN = re.compile(
    r"secret|password|token|hash|digest|open_key|lease_|body|payload|cursor|remote_data|sync_conflict|^agreed$"
)
# What tells of a living person, besides the columns that `personal.py` knows: colleagues, partners' people, cards.
PERSONAL = re.compile(
    r"^(client|customer|requested_by|user|owner)$|phone|email|firstname|lastname|(^|_)inn$|latitude|longitude"
    r"|^(to|address)_|card_mask|^rrn$|^uid|^barcode$|^description$"
)


class Column(Field):
    """One column. `title` is its header in the language of the reader; `names` are other headers that mean it.

    `attribute` is a path from the row; of a column that can be imported, a field of the model itself. `part`: it
    belongs to the rows below, as the lines of an order. `readonly`: it is exported, and passed over when it comes back.
    `writeonly`: it is read from files and stands in none of ours, as other columns hold what it says. `locator`: it
    tells which row is meant, and is not changed.
    """

    def __init__(
        self,
        attribute: str,
        title: Any = None,
        widget: cells.Cell | None = None,
        *,
        name: str = "",
        names: Sequence[str] = (),
        required: bool = False,
        personal: bool | None = None,
        readonly: bool = False,
        writeonly: bool = False,
        part: bool = False,
        locator: bool = False,
    ) -> None:
        self.name = name or attribute
        super().__init__(attribute, self.name, widget or cells.Cell(), readonly=readonly)
        self.title, self.names, self.required, self.part = title, names, required, part
        self.locator, self.writeonly = locator, writeonly
        self.personal = bool(PERSONAL.search(self.name)) if personal is None else personal

    @property
    def is_reference(self) -> bool:
        return isinstance(self.widget, cells.Reference)

    @property
    def column(self) -> str:
        """The attribute that holds the stored value: of a reference, its key."""
        return f"{self.attribute}_id" if self.is_reference else self.attribute

    def __str__(self) -> str:
        return capfirst(str(self.title))


class Table:
    """The columns of a model. Subclasses that can be imported are `backoffice.transfer.table.ImportTable`s."""

    model: type[Any]
    columns: Sequence[Column] = ()

    def __init__(self) -> None:
        for column in self.columns:
            if column.title is None:
                column.title = self.model._meta.get_field(column.attribute).verbose_name
            column.personal = column.personal or personal.is_told(self.model, column.attribute)

    @property
    def title(self) -> str:
        return capfirst(str(self.model._meta.verbose_name_plural))

    @property
    def exported(self) -> list[Column]:
        return [column for column in self.columns if not column.writeonly]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def prepare(self, rows: Sequence[Any], columns: Sequence[Column]) -> None:
        """Read at once what the rows of a chunk refer to."""
        paths = {"__".join(column.attribute.split("__")[:-1]) for column in columns if "__" in column.attribute}
        relations = {field.name for field in self.model._meta.concrete_fields if field.is_relation}
        paths |= {column.attribute for column in columns} & relations
        prefetch_related_objects(rows, *sorted(paths - {""}))

    def records(self, row: Any) -> Iterator[Any]:
        """The lines that a row takes in the file; each column is read from its record."""
        yield row

    def rows(self, queryset: QuerySet, columns: Sequence[Column]) -> Iterator[list[Any]]:
        """What the file holds below its header, at flat memory."""
        renderers = [self._renderer(column) for column in columns]
        needed = {column.attribute.split("__")[0] for column in columns if not column.part}
        fields = {field.name for field in self.model._meta.concrete_fields}
        if needed <= fields:
            # A list may defer what a file holds: `only` after `defer` would leave that out, and read it row by row.
            queryset = queryset.select_related(None).prefetch_related(None).defer(None).only("pk", *needed)
        for batch in chunks(queryset.iterator(chunk_size=500)):
            self.prepare(batch, columns)
            for row in batch:
                for record in self.records(row):
                    yield [render(record) for render in renderers]

    def _renderer(self, column: Column) -> Callable[[Any], Any]:
        return partial(_render, column, column.widget.renderer())


def _render(column: Column, render: Callable[[Any], Any], record: Any) -> Any:
    value = column.get_value(record)
    return None if value is None else render(value)


class PlainTable(Table):
    """A table for a model that nobody described: all that its rows hold, but for secrets."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.columns = [
            Column(field.name, field.verbose_name, _Shown(field))
            for field in model._meta.concrete_fields
            if not isinstance(field, EncryptedTextField) and not HIDDEN.search(field.name)
        ]
        super().__init__()


class _Shown(cells.Cell):
    """Whatever it is, as the admin shows it."""

    def __init__(self, field: Any) -> None:
        super().__init__()
        self.field = field
        self.choices = dict(field.flatchoices)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False, default=str)
        return str(value) if self.field.is_relation else self.choices.get(value, value)


TABLES: dict[type[models.Model], Table] = {}


def of(model: type[models.Model]) -> Table:
    """The table of a model, described or not."""
    return TABLES.get(model) or PlainTable(model)
