"""Tables that can be imported: rows of a file compared with ours, and written in bulk through the managers.

What a file says of one of ours is an `Item`: one row of the file, or several that belong together, as the lines of an
order. Items go through `clean`, `match`, `compare` and `write`, a chunk at a time with a few queries each. What is the
same already is not written, so it pushes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Any

from django.utils.translation import gettext as _

from backoffice.sync import cells
from backoffice.sync.tables import TABLES, Column, Table
from backoffice.transfer.models import Import

Key = tuple[str, ...]
ID: Key = ("ireca_id",)


class Kind(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass
class Item:
    """What the file says of one of our rows, and what comes of it.

    `rows`: the rows of the file, each with its number and its cells by the names of our columns. `values`: what they
    mean, by name; `parts`: likewise for each row below. `errors`: number of the row, our column or "", words.
    """

    rows: list[tuple[int, dict[str, Any]]]
    values: dict[str, Any] = field(default_factory=dict)
    parts: list[dict[str, Any]] = field(default_factory=list)
    row: Any = None
    key: Key = ()
    kind: Kind = Kind.SAME
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    errors: list[tuple[int, str, str]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)  # what else a table has looked up for it
    plan: Any = None  # what a table with parts is going to do with them; told to people as its `str`

    @property
    def number(self) -> int:
        return self.rows[0][0]

    def fail(self, text: str, column: str = "", number: int | None = None) -> None:
        self.errors.append((number or self.number, column, text))
        self.kind = Kind.FAILED


@dataclass
class Options:
    """How a person wants it. `seen`: where in the file a key, or a row of ours, was met first."""

    mode: str = Import.Mode.ALL
    clears: bool = False
    seen: dict[Hashable, int] = field(default_factory=dict)


class ImportTable(Table):
    """`keys` are the ways in which a row of ours is found, the surest first: names of columns that are looked at
    together. The first one all of whose cells are filled decides; an id that nobody has leaves it to the next.
    """

    name: str  # unique, in addresses and in the database
    keys: Sequence[Key] = ()
    optional: frozenset[str] = frozenset()  # parts of keys that may be empty, or left out: then any value will do
    # Where a key is not compared as it is written: the field that holds it, and what makes it comparable.
    compared: Mapping[str, tuple[str, Callable[[Any], Any]]] = {}

    # what subclasses say

    def begin(self, item: Item) -> None:
        """Complete the row of an item that is about to be made."""

    def refusal(self, row: Any) -> str:
        """Why this row may not be changed by a file; "" when it may."""
        return ""

    def problems(self, item: Item) -> Iterator[tuple[str, str]]:
        """What is wrong with the row as it is going to be: our column or "", words."""
        yield from ()

    def derived(self, row: Any, fields: Collection[str]) -> Collection[str]:
        """Set what follows from these fields; returns the fields that were set."""
        return ()

    # the columns

    @property
    def imported(self) -> list[Column]:
        return [column for column in self.columns if not column.readonly]

    def usable_keys(self, names: Collection[str]) -> list[Key]:
        return [key for key in self.keys if set(key) <= set(names) | self.optional]

    # from rows to items

    def items(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Item]:
        for numbered in rows:
            yield Item([numbered])

    # the steps

    def process(self, items: Sequence[Item], options: Options, *, lock: bool = False) -> None:
        """All that can be told without writing. With `lock`, the rows found stay as they are until the transaction
        ends.
        """
        self.clean(items, options)
        self.match([item for item in items if not item.errors], options, lock=lock)
        for item in items:
            if not item.errors:
                self.compare(item, options)

    def clean(self, items: Sequence[Item], options: Options) -> None:
        known = {column.name: column for column in self.imported}
        found = self._look_up(items, known)
        for item in items:
            for number, row in item.rows:
                part: dict[str, Any] = {}
                for name, value in row.items():
                    column = known[name]
                    try:
                        said = self._value(column, value, options, found)
                    except ValueError as error:
                        item.fail(str(error), name, number)
                        continue
                    if said is _NOTHING:
                        continue
                    if column.part:
                        part[name] = said
                    elif number == item.number:
                        item.values[name] = said
                    elif value is not None and item.values.setdefault(name, said) != said:
                        text = _("It differs from row %(number)d, which is about the same.")
                        item.fail(text % {"number": item.number}, name, number)
                if part:
                    item.parts.append({**part, "": number})

    def _look_up(self, items: Sequence[Item], known: dict[str, Column]) -> dict[str, dict[str, list[int]]]:
        texts: dict[str, set[str]] = defaultdict(set)
        for item in items:
            for _number, row in item.rows:
                for name, value in row.items():
                    if value is not None and known[name].is_reference:
                        texts[name].add(cells.settled(cells.as_text(value)))
        return {name: known[name].widget.look_up(said) for name, said in texts.items()}

    def _value(self, column: Column, value: Any, options: Options, found: dict[str, dict[str, list[int]]]) -> Any:
        """What a cell says; _NOTHING where it is empty and that means nothing."""
        if value is None:
            return self._empty(column) if options.clears and not column.part else _NOTHING
        if isinstance(value, str) and cells.FORMULA_ERRORS.fullmatch(value):
            raise ValueError(_("The formula in this cell has failed: %(text)s") % {"text": value})
        said = column.widget.clean(value)
        return column.widget.chosen(said, found[column.name]) if column.is_reference else said

    def _empty(self, column: Column) -> Any:
        if column.locator or any(column.name in key for key in self.keys):
            return _NOTHING
        stored = self.model._meta.get_field(column.attribute)
        if stored.null:
            return None
        if column.required or not stored.empty_strings_allowed or stored.get_internal_type() != "CharField":
            return _NOTHING
        return ""

    def match(self, items: Sequence[Item], options: Options, *, lock: bool) -> None:
        """Find the row of ours that each item is about, and what the file says twice."""
        for key in self.keys:
            open_items = [(item, values) for item in items if not item.key and (values := self._key(item, key))]
            there = self.find(key, [values for _item, values in open_items], lock=lock) if open_items else {}
            for item, values in open_items:
                rows = there.get(values, [])
                if len(rows) > 1:
                    item.fail(_("Several of ours have this. Give the iRECA id."), key[-1])
                elif rows:
                    item.row = rows[0]
                if rows or key != ID:
                    item.key = key
        for item in items:
            self._check_once(item, options)

    def _key(self, item: Item, key: Key) -> tuple[Any, ...] | None:
        values = tuple(self._comparable(name, item.values.get(name)) for name in key)
        filled = [value for name, value in zip(key, values, strict=True) if name not in self.optional]
        return values if all(value not in (None, "") for value in filled) else None

    def _comparable(self, name: str, value: Any) -> Any:
        return self.compared[name][1](value) if value and name in self.compared else value

    def _held_in(self, name: str) -> str:
        return self.compared[name][0] if name in self.compared else self.column(name).column

    def _check_once(self, item: Item, options: Options) -> None:
        if item.errors:
            return
        if item.row is None and item.values.get("ireca_id"):
            item.fail(_("None of ours has this iRECA id. Leave it empty to make a new one."), "ireca_id")
            return
        said: list[Hashable] = [(key, values) for key in self.keys if (values := self._key(item, key)) is not None]
        if item.row is not None:
            said.append(item.row.pk)
        elif not said:
            names = " / ".join(" + ".join(str(self.column(name)) for name in key) for key in self.keys)
            item.fail(_("It cannot be told which one it is: fill in %(names)s.") % {"names": names})
        decisive = said[-1:] if item.row is not None else said[:1]
        for key in decisive:
            if (before := options.seen.setdefault(key, item.number)) != item.number:
                item.fail(_("Row %(number)d of the file is about the same.") % {"number": before})

    def find(self, key: Key, wanted: Sequence[tuple[Any, ...]], *, lock: bool) -> dict[tuple[Any, ...], list[Any]]:
        """Our rows by the values of a key."""
        names = [self._held_in(name) for name in key]
        decisive = next(number for number, name in enumerate(key) if name not in self.optional)
        rows = self.queryset().filter(**{f"{names[decisive]}__in": {values[decisive] for values in wanted}})
        if lock:
            rows = rows.select_for_update(of=("self",))
        there: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for row in rows.order_by("pk"):
            values = tuple(reduce(getattr, name.split("__"), row) for name in names)
            anyhow = tuple(None if name in self.optional else value for name, value in zip(key, values, strict=True))
            for known in {values, anyhow}:
                there[known].append(row)
        return there

    def queryset(self) -> Any:
        return self.model.objects.all()

    def compare(self, item: Item, options: Options) -> None:
        is_new = item.row is None
        if (is_new and options.mode == Import.Mode.CHANGED) or (not is_new and options.mode == Import.Mode.NEW):
            item.kind = Kind.SKIPPED
            return
        if is_new:
            item.row = self.model()
            for name in (column.name for column in self.imported if column.required and not column.part):
                if item.values.get(name) in (None, ""):
                    item.fail(_("It is needed for a new one."), name)
        for name, theirs in item.values.items():
            column = self.column(name)
            if column.locator:
                continue
            ours = getattr(item.row, column.column)
            if not column.widget.same(ours, theirs):
                item.changes[name] = (ours, theirs)
        self.compare_parts(item, is_new=is_new)
        if not is_new and (item.changes or item.plan) and (why := self.refusal(item.row)):
            item.fail(why)
        for name, (_ours, theirs) in item.changes.items():
            try:
                self.column(name).widget.accept(theirs)
            except ValueError as error:
                item.fail(str(error), name)
            else:
                setattr(item.row, self.column(name).column, theirs)
        if is_new:
            self.begin(item)
        if not item.errors and (is_new or item.changes or item.plan):
            item.kind = Kind.NEW if is_new else Kind.CHANGED
            for name, text in self.problems(item):
                item.fail(text, name)

    def compare_parts(self, item: Item, *, is_new: bool) -> None:
        """Make `item.plan` of `item.parts`, where a table has them."""

    # writing

    def write(self, items: Sequence[Item]) -> None:
        """Write what was compared, in few statements. In a transaction."""
        created = [item.row for item in items if item.kind is Kind.NEW]
        for row in created:
            self.derived(row, {column.attribute for column in self.imported})
        self.model.objects.bulk_create(created)
        changed = [item for item in items if item.kind is Kind.CHANGED and item.changes]
        fields: set[str] = set()
        for item in changed:
            names = {self.column(name).attribute for name in item.changes}
            fields |= names | set(self.derived(item.row, names))
        self.model.objects.bulk_save([item.row for item in changed], sorted(fields))
        self.write_parts([item for item in items if item.kind in (Kind.NEW, Kind.CHANGED) and item.plan])

    def write_parts(self, items: Sequence[Item]) -> None:
        """Write the plans of these items, whose rows are there."""


_NOTHING = object()

IMPORTS: dict[str, ImportTable] = {}


def importable(table: type[ImportTable]) -> type[ImportTable]:
    """Register a table for export and import."""
    TABLES[table.model] = IMPORTS[table.name] = table()
    return table
