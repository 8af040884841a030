"""Every report: its figures equal the lists behind them, it costs the same number of queries, and who may see it."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.http import QueryDict
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from backoffice.reports.access import Reader
from backoffice.reports.asked import Asked
from backoffice.reports.cube import Measure, breakdown, totals
from backoffice.reports.models import ReaderSource
from backoffice.reports.registry import BY_NAME, REPORTS
from backoffice.reports.tables import list_rows
from orders.models import SavedView
from tests.reports.data import World

pytestmark = pytest.mark.django_db

YEAR = "period=year&since=2000-01-01&until=2100-01-01"
EVERY = pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)


@pytest.fixture
def manager() -> User:
    user = User.objects.create_user("manager", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="Managers"))
    return user


@pytest.fixture
def browser(manager: User) -> Browser:
    browser = Browser()
    browser.force_login(manager)
    return browser


def asked(report: Any, user: User, query: str = YEAR) -> Asked:
    found = Asked(report, Reader.of(user), QueryDict(query))
    assert found.is_valid, found.filters.errors
    return found


@EVERY
@pytest.mark.parametrize("seed", [1, 2])
def test_groups_add_up_to_the_totals(report: Any, seed: int, manager: User) -> None:
    World(seed)
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


@EVERY
@pytest.mark.parametrize("query", [YEAR, "period=days30"])
def test_the_list_behind_a_group_has_its_figures(report: Any, query: str, manager: User) -> None:
    World(3)
    found = asked(report, manager, query)
    for dimension in report.dimensions:
        for group in breakdown(found.rows, [dimension], report.figures):
            if not dimension.narrow(group.keys[0]):
                continue  # rows without a time are in no period
            behind = asked(report, manager, urlsplit(found.here.narrowed(dimension.narrow(group.keys[0]))).query)
            assert behind.by is None
            assert behind.totals == group.values, (dimension.name, group.labels)


@EVERY
def test_the_columns_of_the_list_add_up_to_their_totals(report: Any, manager: User) -> None:
    World(4)
    found = asked(report, manager)
    rows = list(list_rows(found.ordered, report.columns, report.order_key, found.reader))
    assert len(rows) == found.totals[report.figures[0].name]
    for index, column in enumerate(report.columns):
        if column.total:
            assert sum(Decimal(row[index] or 0) for row in rows) == found.totals[column.total], column.name


@EVERY
def test_each_page_costs_the_same_however_many_rows_there_are(report: Any, browser: Browser) -> None:
    def cost(query: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = browser.get(f"/reports/{report.name}/?{YEAR}&{query}")
            page.content  # noqa: B018  # rendered
        assert page.status_code == 200
        return len(queries)

    world = World(5, orders=12)
    addresses = ["by=list", *(f"by={dimension.name}" for dimension in report.dimensions)]
    browser.get(f"/reports/{report.name}/?{YEAR}")  # what is read once is read
    few = {address: cost(address) for address in addresses}
    for nth in range(100, 130):
        world.order(nth)
    assert {address: cost(address) for address in addresses} == few
    assert max(few.values()) <= 45


@EVERY
def test_a_pivot_adds_up(report: Any, browser: Browser, manager: User) -> None:
    World(6)
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
    World(7)
    found = asked(report, manager, f"{YEAR}&by=list")
    text = b"".join(browser.get(f"/reports/{report.name}/export/csv/?{YEAR}&by=list").streaming_content)
    lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig")), delimiter=";"))
    assert len(lines) == 1 + found.totals[report.figures[0].name]
    book = b"".join(browser.get(f"/reports/{report.name}/export/xlsx/?{YEAR}&by=list").streaming_content)
    sheet = load_workbook(io.BytesIO(book), read_only=True).worksheets[0]
    assert len(list(sheet.iter_rows())) == len(lines)
    dimension = report.dimensions[-1]
    text = b"".join(browser.get(f"/reports/{report.name}/export/csv/?{YEAR}&by={dimension.name}").streaming_content)
    groups = breakdown(found.rows, [dimension], report.figures)
    assert len(text.decode("utf-8-sig").splitlines()) == 1 + len(groups)


# who may see what


@EVERY
def test_nobody_sees_a_report_without_its_right(report: Any) -> None:
    user = User.objects.create_user("other", is_staff=True)
    other = {"view_orders", "view_fiscal", "view_sync", "export"} - {report.right}
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="reports", codename__in=other))
    browser = Browser()
    browser.force_login(user)
    for address in ("", "export/csv/", "export/xlsx/"):
        assert browser.get(f"/reports/{report.name}/{address}").status_code == 403
    assert browser.post(f"/reports/{report.name}/views/", {"title": "x"}).status_code == 403
    assert report.name not in [each.name for each, _views in browser.get("/reports/").context["entries"]]
    assert Browser().get(f"/reports/{report.name}/").status_code == 302


def test_who_may_not_export_gets_no_file() -> None:
    user = User.objects.create_user("dispatcher", is_staff=True)
    user.groups.add(Group.objects.get(name="Dispatchers"))
    browser = Browser()
    browser.force_login(user)
    assert browser.get("/reports/orders/").status_code == 200
    assert browser.get("/reports/orders/export/csv/").status_code == 403


@EVERY
def test_a_reader_of_some_sources_sees_no_others(report: Any, manager: User) -> None:
    world = World(8)
    ReaderSource.objects.create(user=manager, source=world.sources[0])
    found = asked(report, manager)
    everything = list(report.rows().values_list("pk", flat=True))
    if not report.source:
        assert not found.rows.exists()
        return
    mine = set(report.rows().filter(**{report.source: world.sources[0]}).values_list("pk", flat=True))
    assert set(found.rows.values_list("pk", flat=True)) <= mine < set(everything)


def test_a_dispatcher_sees_his_shift() -> None:
    World(9)
    user = User.objects.create_user("dispatcher", is_staff=True)
    user.groups.add(Group.objects.get(name="Dispatchers"))
    reader = Reader.of(user)
    found = asked(BY_NAME["orders"], user)
    times = list(found.rows.values_list("delivery_time_from", flat=True))
    assert times
    assert min(times) >= reader.first_moment
    assert found.report.rows().filter(delivery_time_from__lt=reader.first_moment).exists()


def test_personal_data_are_masked_and_cannot_be_searched() -> None:
    world = World(10)
    user = User.objects.create_user("analyst", is_staff=True)
    rights = Permission.objects.filter(
        content_type__app_label="reports", codename__in=("view_orders", "all_sources", "all_periods", "export")
    )
    user.user_permissions.set(rights)
    browser = Browser()
    browser.force_login(user)
    columns = "&".join(f"columns={name}" for name in ("number", "client", "phone", "address"))
    page = browser.get(f"/reports/orders/?{YEAR}&{columns}").content.decode()
    text = b"".join(browser.get(f"/reports/orders/export/csv/?{YEAR}&{columns}").streaming_content).decode()
    for written in (page, text):
        assert "N-1" in written
        for secret in ("Petrov", "7916000000", "Arbat"):
            assert secret not in written
    phone = world.clients[0].phone
    everyone = browser.get(f"/reports/orders/?{YEAR}").context["asked"].totals
    assert browser.get("/reports/orders/", {"client": phone, "since": "2000-01-01"}).context["asked"].totals == everyone


# filters, views


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-02-30", "since"),
        ("since=0001-01-01", "since"),
        ("since=2026-03-02&until=2026-03-01", "until"),
        ("courier=999999", "courier"),
        ("period=never", "period"),
    ],
)
def test_a_wrong_filter_is_told_and_shows_nothing(browser: Browser, query: str, field: str) -> None:
    page = browser.get(f"/reports/orders/?{query}")
    assert page.status_code == 400
    assert page.context["form"].errors[field]
    assert "lines" not in page.context


def test_views_are_saved_shared_and_deleted(browser: Browser, manager: User) -> None:
    answer = browser.post("/reports/orders/views/", {"title": "By courier", "query": "by=courier", "is_shared": "on"})
    assert answer.url == "/reports/orders/?by=courier"
    view = SavedView.objects.get(page="report:orders")
    assert (view.owner, view.title, view.query) == (manager, "By courier", "by=courier")
    assert "By courier" in browser.get("/reports/").content.decode()
    stranger = User.objects.create_user("stranger", is_staff=True)
    stranger.groups.add(Group.objects.get(name="Dispatchers"))
    other = Browser()
    other.force_login(stranger)
    view.is_shared = False
    view.save()
    assert other.post(f"/reports/orders/views/{view.pk}/delete/").status_code == 404
    assert browser.post(f"/reports/orders/views/{view.pk}/delete/").status_code == 302
    assert not SavedView.objects.exists()


def test_the_address_of_a_group_keeps_the_filters(browser: Browser) -> None:
    world = World(11)
    source = world.sources[0].pk
    page = browser.get(f"/reports/orders/?{YEAR}&by=day&source={source}&page=3")
    query = parse_qs(urlsplit(page.context["lines"][0].heading.url).query)
    assert query["source"] == [str(source)]
    assert query["since"] == query["until"]
    assert query["by"] == ["list"]
    assert "page" not in query
