"""Every figure equals the list behind it, whatever it is told apart by: on random orders, reckoned in different ways.

All tests here read the same rows, which are made once and not again for each test: others on each database.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client as Browser
from openpyxl import load_workbook

from backoffice.reports import formats, tables
from backoffice.reports.cube import Measure, breakdown, count, in_order, ranked, totals
from backoffice.reports.tables import list_rows
from tests.reports.asking import EVERY, YEAR, asked
from tests.reports.data import World

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Rows around the transactions of the tests, taken back after the last of them."""
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
        made = World({"sqlite": 1, "postgresql": 2}[connection.vendor])
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@EVERY
def test_groups_add_up_to_the_totals(report: Any, manager: User) -> None:
    found = asked(report, manager)
    measures = [figure for figure in report.figures if isinstance(figure, Measure) and figure.is_additive]
    assert found.totals[report.figures[0].name] > 0
    for dimension in report.dimensions:
        groups = breakdown(found.rows, [dimension], measures)
        for measure in measures:
            assert sum(group.values[measure.name] for group in groups) == found.totals[measure.name], (
                dimension.name,
                measure.name,
            )


@pytest.mark.one_engine
@EVERY
@pytest.mark.parametrize("query", [YEAR, "period=days30"])
def test_the_list_behind_a_group_has_its_figures(report: Any, query: str, manager: User) -> None:
    found = asked(report, manager, query)
    for dimension in report.dimensions:
        for group in breakdown(found.rows, [dimension], report.figures):
            if not dimension.narrow(group.keys[0]):
                continue  # rows without a time are in no period
            behind = asked(report, manager, urlsplit(found.here.narrowed(dimension.narrow(group.keys[0]))).query)
            assert behind.by is None
            assert behind.totals == group.values, (dimension.name, group.labels)


@EVERY
def test_the_first_of_many_groups_are_those_of_all_groups(report: Any, manager: User) -> None:
    """Of a long dimension the figures of those shown are counted by themselves."""
    for dimension in report.dimensions:
        everything = asked(report, manager, f"{YEAR}&by={dimension.name}")
        every = everything.all_groups()
        assert {group.keys: group for group in every} == {
            group.keys: group for group in breakdown(everything.rows, [dimension], report.figures)
        }
        assert everything.totals == totals(everything.rows, report.figures)
        for most in range(1, len(every) + 1):
            assert everything.all_groups(most) == (every if dimension.is_time else every[:most])


@EVERY
def test_the_database_ranks_groups_as_we_do(report: Any, manager: User) -> None:
    for nth, dimension in enumerate(report.dimensions):
        # Each figure both ways over the dimensions; all pairs would say the same once more.
        for figure, direction in zip(report.figures, itertools.cycle(("-", "") if nth % 2 else ("", "-"))):
            found = asked(report, manager, f"{YEAR}&by={dimension.name}&sort={direction}{figure.name}")
            by_us = in_order(
                count(found.rows, [dimension], report.figures), report.figures, figure.name, bool(direction)
            )
            assert ranked(found.rows, dimension, report.figures, figure.name, bool(direction)) == by_us
            assert [group.keys for group in found.all_groups()] == by_us


@EVERY
def test_a_file_has_the_rows_in_their_order_however_few_are_read_at_once(
    report: Any, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "READ_AT_ONCE", 7)
    found = asked(report, manager, f"{YEAR}&by=list")
    shown = [
        [formats.plain(column.read(row, found.reader), column.kind) for column in found.columns]
        for row in tables.listed(found.ordered, found.columns, report.order_key)
    ]
    assert list(found.table()[1]) == shown


@EVERY
def test_the_columns_of_the_list_add_up_to_their_totals(report: Any, manager: User) -> None:
    found = asked(report, manager)
    rows = list(list_rows(found.ordered, report.columns, report.order_key, found.reader))
    assert len(rows) == found.totals[report.figures[0].name]
    for index, column in enumerate(report.columns):
        if column.total:
            assert sum(Decimal(row[index] or 0) for row in rows) == found.totals[column.total], column.name


@EVERY
def test_a_pivot_adds_up(report: Any, browser: Browser, manager: User) -> None:
    found = asked(report, manager)
    figure = next(each for each in report.figures if isinstance(each, Measure))
    first, second = report.dimensions[0], report.dimensions[-1]
    cells = breakdown(found.rows, [first, second], [figure])
    assert sum(group.values[figure.name] for group in cells) == totals(found.rows, [figure])[figure.name]
    page = browser.get(f"/reports/{report.name}/?{YEAR}&by={first.name}&across={second.name}&figure={figure.name}")
    assert page.status_code == 200
    assert page.context["pivot"].lines


@EVERY
def test_files_hold_what_is_filtered(report: Any, browser: Browser, manager: User) -> None:
    found = asked(report, manager, f"{YEAR}&by=list")
    text = b"".join(browser.get(f"/reports/{report.name}/export/csv/?{YEAR}&by=list").streaming_content)
    lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig")), delimiter=";"))
    first, *others = found.columns
    foot = lines.pop() if any(column.total for column in others) and not first.total else None
    assert len(lines) == 1 + found.totals[report.figures[0].name]
    for cell, column in zip((foot or [])[1:], others, strict=foot is not None):
        assert Decimal(cell.replace(",", ".") or 0) == (found.totals[column.total] if column.total else 0)
    lines += [foot] if foot else []
    book = b"".join(browser.get(f"/reports/{report.name}/export/xlsx/?{YEAR}&by=list").streaming_content)
    sheet = load_workbook(io.BytesIO(book), read_only=True).worksheets[0]
    assert len(list(sheet.iter_rows())) == len(lines)
    dimension = report.dimensions[-1]
    text = b"".join(browser.get(f"/reports/{report.name}/export/csv/?{YEAR}&by={dimension.name}").streaming_content)
    groups = breakdown(found.rows, [dimension], report.figures)
    *told, foot = text.decode("utf-8-sig").splitlines()
    assert len(told) == 1 + len(groups)
    assert foot.startswith("Вместе;")
