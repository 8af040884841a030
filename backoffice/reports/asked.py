"""A report as somebody asked for it: by a page, for a file, for a mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from backoffice.reports import formats, tables
from backoffice.reports.access import Reader
from backoffice.reports.cube import (
    Counted,
    Derived,
    Dimension,
    Group,
    Measure,
    breakdown,
    count,
    grouped,
    in_order,
    needed,
    ranked,
    rows_of,
    totals,
)
from backoffice.reports.exports import Noted, Table
from backoffice.reports.filters import ReportFilters
from backoffice.reports.report import Column, Report

SHOWN_GROUPS = 200
SHOWN_FILTERS = 3  # the period; the rest is one click away


@dataclass
class Asked:
    """A report as somebody asked for it: his filters, columns, dimension and order, with what is left to compute."""

    report: Report
    reader: Reader
    query: Any  # a QueryDict

    @cached_property
    def filters(self) -> ReportFilters:
        return self.report.filters(self.query, self.report.base(self.reader), self.reader)

    @property
    def is_valid(self) -> bool:
        return self.filters.is_valid()

    @cached_property
    def rows(self) -> Any:
        return self.filters.qs if self.is_valid else self.report.base(self.reader).none()

    @property
    def here(self) -> tables.Here:
        return tables.Here(self.query, self.filters.days)

    @property
    def dimensions(self) -> list[Dimension]:
        """What figures may be told apart by."""
        return [each for each in self.report.dimensions if self.reader.sees_personal or not each.is_personal]

    def _dimension(self, name: str) -> Dimension | None:
        return next((each for each in self.dimensions if each.name == name), None)

    @property
    def by(self) -> Dimension | None:
        return self._dimension(self.query.get("by", self.report.usual_by))

    @property
    def across(self) -> Dimension | None:
        across = self._dimension(self.query.get("across", ""))
        return across if self.by is not None and across is not self.by else None

    @property
    def chart(self) -> Measure | Derived:
        """The figure that is drawn, and that a pivot shows."""
        wanted = self.report.figure(self.query.get("figure", "")) or self.report.figure(self.report.usual_chart)
        return wanted or self.report.figures[0]

    @property
    def columns(self) -> list[Column]:
        chosen = set(self.query.getlist("columns"))
        found = [each for each in self.report.columns if each.name in chosen]
        return found or [each for each in self.report.columns if each.is_usual]

    @property
    def chosen_columns(self) -> list[str]:
        return self.query.getlist("columns")

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter beside the period and the first ones is at work, so that the rest is shown open."""
        fields = [field.name for field in self.filters.form.visible_fields()][SHOWN_FILTERS:]
        return any(value for name in fields for value in self.query.getlist(name))

    @property
    def over_time(self) -> Dimension | None:
        """The dimension of the chart, whatever the table is by."""
        return self.by if self.by is not None and self.by.is_time else self.report.time_dimension

    @cached_property
    def _counted(self) -> Counted:
        """The figures by the chosen dimension, where one is chosen. Else, or where it has thousands of keys, what adds
        up, and the chart's, over time.
        """
        figures = self.report.figures
        if self.by is not None and not self.by.is_long:
            return count(self.rows, [self.by], figures)
        if self.over_time is None:
            return {}
        adding = [each for each in figures if isinstance(each, Measure) and each.is_additive]
        parts = [each for each in needed(self.chart.name, figures) if each not in adding]
        return count(self.rows, [self.over_time], [*adding, *parts])

    @cached_property
    def totals(self) -> dict[str, Any]:
        return totals(self.rows, self.report.figures, self._counted)

    @cached_property
    def groups(self) -> Sequence[Group]:
        """By the chosen dimension. One more than are shown, at most."""
        return self.all_groups(SHOWN_GROUPS + 1)

    def all_groups(self, first: int | None = None) -> Sequence[Group]:
        assert self.by is not None
        figures = self.report.figures
        if self.by.is_long:
            keys = ranked(self.rows, self.by, figures, *self.order_of_groups, first)
            is_all = first is None or len(keys) < first
            counted = count(self.rows if is_all else rows_of(self.rows, self.by, keys), [self.by], figures)
        else:
            counted = self._counted
            keys = in_order(counted, figures, *self.order_of_groups)[: None if self.by.is_time else first]
        return grouped(counted, [self.by], figures, keys)

    @property
    def order_of_groups(self) -> tuple[str, bool]:
        """The figure by which groups stand, and whether the largest goes first. Without one: as time goes, or by the
        figure of the chart.
        """
        sort = self.query.get("sort", "")
        if figure := self.report.figure(sort.removeprefix("-")):
            return figure.name, sort.startswith("-")
        return ("", False) if self.by is not None and self.by.is_time else (self.chart.name, True)

    @cached_property
    def points(self) -> Sequence[Group]:
        """What the chart draws."""
        over_time, wanted = self.over_time, needed(self.chart.name, self.report.figures)
        if over_time is None:
            return ()
        if self.by is None or self.by.is_long or self.by is over_time:
            return grouped(self._counted, [over_time], wanted, in_order(self._counted))
        return breakdown(self.rows, [over_time], wanted)

    def table(self) -> Table:
        """Everything that is filtered: the list, or the figures by a dimension."""
        report, reader = self.report, self.reader
        if self.by is not None:
            header = [str(self.by.file_title or self.by.title), *map(formats.heading, report.figures)]
            return Table(header, tables.group_rows(self.all_groups(), self.by, report.figures, reader), self._foot())
        rows = tables.list_rows(self.ordered, self.columns, report.order_key, reader)
        return Table([*map(formats.heading, self.columns)], rows, self._foot())

    def _foot(self) -> Iterator[list[Any]]:
        """The figures of all rows, computed when they are asked for. Without a first cell to say so, there are none."""
        if self.by is not None:
            figures: list[Measure | Derived | None] = [None, *self.report.figures]
        else:
            figures = [self.report.figure(column.total) for column in self.columns]
        if figures[0] is None and any(figures):
            sums = (each and formats.plain(self.totals[each.name], each.kind) for each in figures[1:])
            yield [_("Together"), *sums]

    def noted(self) -> Noted:
        shown: Sequence[Column | Dimension] = [self.by] if self.by is not None else self.columns
        is_telling = any(each.mask is not None for each in shown) or (self.by is not None and self.by.is_personal)
        is_personal = self.reader.sees_personal and is_telling
        return Noted([each.name for each in shown], is_personal)

    @property
    def ordered(self) -> Any:
        """The rows of the list in the order that was asked for."""
        sort = self.query.get("sort", "")
        column = next((each for each in self.report.columns if each.may_sort and each.name == sort.lstrip("-")), None)
        if column is None or not isinstance(column.value, str):
            return self.rows.order_by(*self.report.order)
        direction = "-" if sort.startswith("-") else ""
        return self.rows.order_by(direction + column.value, "-pk")
