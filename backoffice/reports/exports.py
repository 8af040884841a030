"""A report as a file: its header and rows, and its line in the log of exports, by download and by mail alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backoffice.reports import tables
from backoffice.reports.access import Reader
from backoffice.reports.asked import Asked
from backoffice.sync.models import ExportLog


def table(asked: Asked) -> tuple[list[str], Iterator[list[Any]]]:
    """Everything that is filtered: the list, or the figures by a dimension. Rows are read as they are asked for."""
    report, reader = asked.report, asked.reader
    if asked.by is not None:
        header = [str(asked.by.title), *(str(each.title) for each in report.figures)]
        return header, tables.group_rows(asked.all_groups(), asked.by, report.figures, reader)
    header = [str(column.title) for column in asked.columns]
    return header, tables.list_rows(asked.ordered, asked.columns, report.order_key, reader)


def log(asked: Asked, kind: str, how: str = "") -> ExportLog:
    """Note that a report leaves; `how` says by which way, where it is no download."""
    shown = [asked.by] if asked.by is not None else asked.columns
    return note(
        asked.reader,
        f"{asked.report.title}{how and ', '}{how}",
        kind,
        query=asked.query.urlencode(),
        columns=[each.name for each in shown],
        is_personal=asked.reader.sees_personal and any(each.mask is not None for each in shown),
    )


def note(reader: Reader, what: str, kind: str, **values: Any) -> ExportLog:
    """A line of the log, before the first row leaves; who counts the rows fills their number in."""
    return ExportLog.objects.create(user=reader.user, what=what[:200], kind=kind, **values)
