"""What a report is: base rows, their filters, the columns of their list, figures, and what figures are told apart by.

A report is a description; `views.py` shows any of them. Each is in a file of its own under `pages/`, and `REPORTS` in
`registry.py` is the list of them all, in the order of the menu.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from backoffice.reports import formats
from backoffice.reports.access import Reader
from backoffice.reports.cube import Derived, Dimension, Measure
from backoffice.reports.filters import ReportFilters

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the list. `value` is a lookup or an expression of the base row; `show` makes text of what was read.

    `total` names the figure that is the sum of the column; `mask` says what is left for who may not see personal data;
    `url` leads somewhere from the cell, for who may go there.
    """

    name: str
    title: Any
    value: Any
    kind: str = formats.TEXT
    show: Callable[[Any], Any] | None = None
    mask: Callable[[str], str] | None = None
    total: str = ""
    url: Callable[[Row, Reader], str] | None = None
    is_usual: bool = True
    may_sort: bool = False

    def read(self, row: Row, reader: Reader) -> Any:
        """The value as this reader may see it."""
        value = row[f"c_{self.name}"]
        if self.show is not None:
            value = self.show(value)
        if self.mask is not None and not reader.sees_personal:
            value = self.mask(str(value or ""))
        return value

    @property
    def is_number(self) -> bool:
        return self.kind in formats.NUMERIC


@dataclass(frozen=True)
class Page:
    """A page of the menu that is no list of filtered rows, with views of its own under `/reports/<name>/`."""

    name: str
    title: Any
    question: Any
    icon: str
    right: str

    def may_be_seen_by(self, reader: Reader) -> bool:
        """Its rows belong to no source, so who sees some sources only does not see it."""
        return reader.may(self.right) and reader.sources is None


@dataclass(frozen=True)
class Section:
    """What a report shows below its table: a template, and what that is told, made of a `views.Asked`."""

    template: str
    context: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Report:
    """One page of `/reports/`. `question` says what it answers, for the menu.

    `source` and `time` are lookups of the base row, by which rows are kept from who may not see them. With an empty
    `source` rows belong to none.
    """

    name: str
    title: Any
    question: Any
    icon: str
    right: str
    rows: Callable[[], QuerySet]
    filters: type[ReportFilters]
    columns: Sequence[Column]
    figures: Sequence[Measure | Derived]
    dimensions: Sequence[Dimension]
    source: str = "source"
    time: str = "delivery_time_from"
    order: Sequence[str] = ("-delivery_time_from", "-pk")
    order_key: str = "pk"  # the lookup of the order that a row is of, or belongs to
    usual_by: str = ""  # the dimension that is shown first; empty: the list
    usual_chart: str = ""  # the figure of the chart; empty: the first one
    sections: Sequence[Section] = ()
    usual_figures: Sequence[str] = field(default_factory=tuple)  # those of a table by dimension; empty: all

    def base(self, reader: Reader) -> QuerySet:
        """All rows that are for this reader, unfiltered."""
        return self.rows().filter(reader.rows(self.source, self.time))

    def may_be_seen_by(self, reader: Reader) -> bool:
        """Who sees some sources only has nothing to look for where rows belong to none."""
        return reader.may(self.right) and (bool(self.source) or reader.sources is None)

    def figure(self, name: str) -> Measure | Derived | None:
        return next((each for each in self.figures if each.name == name), None)

    @property
    def time_dimension(self) -> Dimension | None:
        return next((each for each in self.dimensions if each.is_time), None)


def page_of(entry: Report | Page) -> str:
    """The name under which its saved views are kept."""
    return f"report:{entry.name}"
