"""What leaves as a file, and its line in the log of exports, by download and by mail alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from django.http import QueryDict

from backoffice.reports.access import Reader
from backoffice.reports.filters import ReportFilters
from backoffice.reports.report import Page, Report
from backoffice.sync.models import ExportLog


class Table(NamedTuple):
    """Of a file. Rows are read as they are asked for; `foot` is their sums, one row after all of them, or none."""

    header: list[str]
    rows: Iterable[list[Any]]
    foot: Iterable[list[Any]] = ()


@dataclass(frozen=True)
class Noted:
    """What the log says of a file: its columns, and whether they tell who a client is."""

    columns: Sequence[str] = ()
    is_personal: bool = False


class Asked(Protocol):
    """A page as somebody asked for it. `table` and `noted` are of valid filters only."""

    reader: Reader
    query: QueryDict

    @property
    def report(self) -> Report | Page: ...

    @property
    def filters(self) -> ReportFilters: ...

    @property
    def is_valid(self) -> bool: ...

    def table(self) -> Table: ...

    def noted(self) -> Noted: ...


def log(asked: Asked, kind: str, how: str = "") -> ExportLog:
    """Note that a page leaves as a file; `how` says by which way, where it is no download."""
    noted = asked.noted()
    return note(
        asked.reader,
        f"{asked.report.title}{how and ', '}{how}",
        kind,
        query=asked.query.urlencode(),
        columns=list(noted.columns),
        is_personal=noted.is_personal,
    )


def note(reader: Reader, what: str, kind: str, **values: Any) -> ExportLog:
    """A line of the log, before the first row leaves; who counts the rows fills their number in."""
    return ExportLog.objects.create(user=reader.user, what=what[:200], kind=kind, **values)
