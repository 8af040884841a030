"""What a page of a report shows, and what its file holds: the same rows, figures and names, made here once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, QuerySet
from django.utils.safestring import SafeString, mark_safe

from backoffice.reports import formats
from backoffice.reports.access import Reader
from backoffice.reports.cube import Derived, Dimension, Group, Measure, breakdown
from backoffice.reports.report import Column, Row

READ_AT_ONCE = 2000  # rows of a file
LIST = "list"  # instead of a dimension: the rows themselves


@dataclass(frozen=True)
class Here:
    """Where the reader is: his filters as the address has them, and the days that they mean."""

    query: Any  # a QueryDict
    days: tuple[date, date]

    def narrowed(self, narrow: Mapping[str, str]) -> str:
        """The address of the list of what the filters leave, narrowed further; never wider than they are."""
        replaced = {*narrow, "by", "across", "page", "sort"}
        if "since" in narrow:
            replaced |= {"period", "since", "until"}
            first, last = (day.isoformat() for day in self.days)
            narrow = {**narrow, "since": max(first, narrow["since"]), "until": min(last, narrow["until"])}
        names = self.query.lists()
        kept = [(name, value) for name, values in names for value in values if value and name not in replaced]
        return "?" + urlencode([*kept, *narrow.items(), ("by", LIST)])


@dataclass(frozen=True)
class Cell:
    """`share` is the length of its bar in percent of the longest one of its column, None where there is no bar; what
    `is_alarming` is red.
    """

    text: str
    url: str = ""
    is_number: bool = False
    share: int | None = None
    is_alarming: bool = False

    def as_td(self) -> SafeString:
        """Drawn here: a page has thousands, and a template takes ten times as long for each."""
        classes = f' class="number{" report-alarm" if self.is_alarming else ""}"' if self.is_number else ""
        bar = (
            f'<meter min="0" max="100" value="{self.share}" aria-hidden="true"></meter> '
            if self.share is not None
            else ""
        )
        text = escape(self.text)
        shown = f'<a href="{escape(self.url)}">{text}</a>' if self.url else text
        return mark_safe(f"<td{classes}>{bar}{shown}</td>")  # noqa: S308  # every text in it is escaped above


@dataclass(frozen=True)
class Head:
    """Of a column. `url` sorts by it, where it can be sorted by; `order` is the one it stands in, as HTML names it."""

    title: Any
    is_number: bool = False
    url: str = ""
    order: str = ""


def sortable(title: Any, query: Any, name: str, *, now: str, is_number: bool = True) -> Head:
    """A column that a click sorts by: a number by the most first, the other way round at the second time.

    :param now: the order that holds, a name of `sort` in the address.
    """
    first, second = (f"-{name}", name) if is_number else (name, f"-{name}")
    changed = query.copy()
    changed["sort"] = second if now == first else first
    changed.pop("page", None)
    order = {f"-{name}": "descending", name: "ascending"}.get(now, "")
    return Head(title, is_number, f"?{changed.urlencode()}", order)


@dataclass(frozen=True)
class Line:
    """A row of a table: its heading, where it is a group, and its cells."""

    cells: Sequence[Cell]
    heading: Cell | None = None


def listed(rows: QuerySet, columns: Sequence[Column], order: str) -> QuerySet:
    """The rows as dictionaries: the columns' values, the row's key, and the key of the order that it is of."""
    return rows.values(
        "pk", order_key=F(order), **{f"c_{column.name}": _expression(column.value) for column in columns}
    )


def _expression(value: Any) -> Any:
    return F(value) if isinstance(value, str) else value


def list_lines(rows: Sequence[Row], columns: Sequence[Column], reader: Reader) -> list[Line]:
    return [
        Line(
            [
                Cell(
                    formats.written(column.read(row, reader), column.kind),
                    column.url(row, reader) if column.url is not None else "",
                    column.is_number,
                )
                for column in columns
            ]
        )
        for row in rows
    ]


def list_rows(rows: QuerySet, columns: Sequence[Column], order: str, reader: Reader) -> Iterator[list[Any]]:
    """For a file: values as a spreadsheet takes them, read as they are asked for.

    First the keys in their order, then what is asked of so many at a time: sums that are looked up for each row would
    be looked up for all of them before the first could be sorted.
    """
    keys = rows.values_list("pk", flat=True).iterator(chunk_size=READ_AT_ONCE)
    asked = listed(rows.order_by(), columns, order)
    while some := list(islice(keys, READ_AT_ONCE)):
        found = {row["pk"]: row for row in asked.filter(pk__in=some)}
        for row in filter(None, map(found.get, some)):  # what is no more, or is not filtered any more, is left out
            yield [formats.plain(column.read(row, reader), column.kind) for column in columns]


def group_lines(
    groups: Sequence[Group], by: Dimension, figures: Sequence[Measure | Derived], here: Here, chart: str, reader: Reader
) -> list[Line]:
    """A row for each group, its heading leading to the list behind it, with a bar for the figure of the chart."""
    longest = max((Decimal(group.values[chart] or 0) for group in groups), default=Decimal(0))

    def cell(each: Measure | Derived, value: Any) -> Cell:
        share = share_of(value, longest) if each.name == chart else None
        return Cell(formats.written(value, each.kind), is_number=True, share=share)

    return [
        Line(
            [cell(each, group.values[each.name]) for each in figures],
            Cell(by.shown(group.labels[0], reader.sees_personal), here.narrowed(by.narrow(group.keys[0]))),
        )
        for group in groups
    ]


def group_rows(
    groups: Sequence[Group], by: Dimension, figures: Sequence[Measure | Derived], reader: Reader
) -> Iterator[list[Any]]:
    for group in groups:
        yield [
            group.keys[0] if by.is_time else by.shown(group.labels[0], reader.sees_personal),
            *(formats.plain(group.values[each.name], each.kind) for each in figures),
        ]


PIVOT_COLUMNS = 31


@dataclass(frozen=True)
class Pivot:
    """One figure by two dimensions: a row for each key of the first, a column for each of the second, and their sum."""

    heads: Sequence[str]
    lines: Sequence[Line]
    is_cut: bool


def pivot(base: QuerySet, by: Dimension, across: Dimension, figure: Measure, here: Here, reader: Reader) -> Pivot:
    """One query, and one for the names of each dimension."""
    heads: dict[Any, Any] = {}
    rows: dict[Any, tuple[Any, dict[Any, Any]]] = {}
    for group in breakdown(base, [by, across], [figure]):
        heads.setdefault(group.keys[1], across.shown(group.labels[1], reader.sees_personal))
        label = by.shown(group.labels[0], reader.sees_personal)
        rows.setdefault(group.keys[0], (label, {}))[1][group.keys[1]] = group.values[figure.name]
    shown = sorted(heads, key=lambda key: (key is None, key))[:PIVOT_COLUMNS]

    def cell(key: Any, column: Any, value: Any) -> Cell:
        if not value:
            return Cell(formats.NOTHING, is_number=True)
        address = here.narrowed({**by.narrow(key), **across.narrow(column)})
        return Cell(formats.written(value, figure.kind), address, is_number=True)

    lines = []
    for key, (label, values) in rows.items():
        # What does not add up has no sum.
        sum_of_all = sum(values.values()) if figure.is_additive else None
        together = Cell(formats.written(sum_of_all, figure.kind), is_number=True)
        cells = [*(cell(key, column, values.get(column)) for column in shown), together]
        lines.append(Line(cells, Cell(label, here.narrowed(by.narrow(key)))))
    return Pivot([heads[key] for key in shown], lines, len(heads) > len(shown))


def share_of(value: Any, longest: Decimal) -> int:
    return int(100 * Decimal(value or 0) / longest) if longest > 0 and (value or 0) > 0 else 0
