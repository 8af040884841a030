"""Every report: it costs the same number of queries, who may see it, and how it is asked. Its figures: test_figures."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from backoffice.accounts import visits
from backoffice.reports.access import Reader
from backoffice.reports.models import ReaderSource
from backoffice.reports.registry import BY_NAME, REPORTS
from backoffice.sync import dictionaries
from backoffice.sync.enqueue import untracked
from catalog.models import Good, Stock
from orders.models import Line, Order, Refund, RefundGood, SavedView
from tests.orders import builders
from tests.reports.asking import EVERY, YEAR, asked
from tests.reports.data import World

pytestmark = pytest.mark.django_db


@pytest.mark.one_engine
def test_each_page_costs_the_same_however_many_rows_there_are(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slow machine would note the visit, and read the words of codes, once more in between.
    monkeypatch.setattr(visits, "NOTED_EVERY", 3600.0)
    monkeypatch.setattr(dictionaries, "CACHE_SECONDS", 3600)

    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            page = browser.get(address)
            page.content  # noqa: B018  # rendered
        assert page.status_code == 200
        return len(queries)

    world = World(5, orders=12)
    addresses = []
    for report in REPORTS:
        page = f"/reports/{report.name}/?{YEAR}"
        browser.get(page)  # what is read once is read
        addresses += [f"{page}&by={name}" for name in ("list", *(each.name for each in report.dimensions))]
    few = {address: cost(address) for address in addresses}
    for nth in range(100, 130):
        world.order(nth)
    assert {address: cost(address) for address in addresses} == few
    assert max(few.values()) <= 45


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


@pytest.mark.one_engine
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
    assert browser.get(f"/reports/orders/?{YEAR}&client=%2B{phone[1:]}").context["asked"].totals == everyone


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


@pytest.mark.parametrize(("by", "title"), [("day", "День"), ("week", "Неделя с"), ("month", "Месяц с")])
def test_a_file_has_days_as_dates_and_their_sum_last(browser: Browser, by: str, title: str) -> None:
    World(12)
    page = browser.get(f"/reports/quality/?{YEAR}&by={by}")
    book = b"".join(browser.get(f"/reports/quality/export/xlsx/?{YEAR}&by={by}").streaming_content)
    header, *rows, foot = load_workbook(io.BytesIO(book)).active.values
    assert header[0] == title
    assert "От взятия до доставки, мин" in header
    days = [row[0] for row in rows if row[0] is not None]
    assert len(days) == len(rows) == len(page.context["lines"]) > 1
    assert all(isinstance(day, datetime) for day in days)
    assert days == sorted(days)
    assert foot[:2] == ("Вместе", sum(row[1] for row in rows))


@pytest.mark.one_engine
@pytest.mark.parametrize("name", ["orders", "clients", "quality", "receipts"])
def test_groups_stand_in_the_order_of_any_figure(browser: Browser, manager: User, name: str) -> None:
    World(12)
    report = BY_NAME[name]
    dimension = next(each for each in report.dimensions if not each.is_time).name
    for figure in report.figures:
        orders = {}
        for sort in (f"-{figure.name}", figure.name):
            found = asked(report, manager, f"{YEAR}&by={dimension}&sort={sort}")
            values = [group.values[figure.name] for group in found.groups]
            known = [value for value in values if value is not None]
            assert known == sorted(known, reverse=sort.startswith("-"))
            assert values[: len(known)] == known
            orders[sort] = [str(row[0]) for row in found.table()[1]]
        page = browser.get(f"/reports/{name}/?{YEAR}&by={dimension}&sort=-{figure.name}")
        assert [line.heading.text for line in page.context["lines"]] == orders[f"-{figure.name}"]
        (head,) = [head for head in page.context["heads"] if head.order]
        assert (head.title, head.order) == (figure.title, "descending")
        assert f"sort={figure.name}" in head.url


def test_nobody_is_lost_who_may_still_come(browser: Browser) -> None:
    page = browser.get("/reports/clients/?which=lost&period=month")
    assert page.status_code == 400
    assert page.context["form"].errors["which"]
    assert browser.get("/reports/clients/?which=lost&period=last_month").status_code == 200


def test_goods_that_no_warehouse_has_are_found(browser: Browser) -> None:
    World(13, orders=3)
    shown = {
        stock: {line.cells[0].text for line in browser.get(address).context["lines"]}
        for stock in ("none", "some", "")
        if (address := f"/reports/unsold/?sales=&stock={stock}&by=list")
    }
    in_stock = set(Stock.objects.filter(count__gt=0).values_list("good__title", flat=True))
    assert shown["some"] == in_stock
    assert shown["none"] == set(Good.objects.values_list("title", flat=True)) - in_stock
    assert shown[""] == shown["none"] | shown["some"]


def test_goods_taken_back_in_the_app_count_once_and_by_their_good(manager: User) -> None:
    order, other = builders.with_lines(builders.order(1), 2), builders.order(2)
    first, second = order.lines.all()
    with untracked():
        # The same good on two lines is taken back once.
        Line.objects.create(order=order, good=first.good, title="again", count=1, total=1, position=5)
    told = Refund.objects.create(order=order)
    RefundGood.objects.create(refund=told, good=first.good, count=2, sum=-70)
    # Told of a return that was made here, whose own lines count.
    builders.order(3, is_refund=True, refund_of=other)
    here = Refund.objects.create(order=other, returned_order_ireca_id="200003")
    RefundGood.objects.create(refund=here, good=first.good, count=1, sum=-9)
    found = asked(BY_NAME["goods"], manager, f"{YEAR}&by=good")
    groups = {group.keys[0]: group.values for group in found.all_groups()}
    assert (groups[first.good_id]["taken_back"], groups[first.good_id]["taken_back_sum"]) == (2, 70)
    assert groups[second.good_id]["taken_back"] == 0
    assert found.totals["taken_back_sum"] == 70


def test_vat_by_rate_has_a_total(browser: Browser) -> None:
    World(14, orders=30)
    page = browser.get(f"/reports/receipts/?{YEAR}&vat=1").content.decode()
    table = page[page.index('id="vat"') :]
    rows = [
        [_number(cell) for cell in re.findall(r'<td class="number">([^<]*)</td>', row)]
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    ]
    *rates, totals = [row for row in rows if row]
    assert len(rates) > 1
    assert totals == [sum(cell or 0 for cell in column) for column in zip(*rates, strict=True)]
    assert totals[0] > totals[1] > 0
    # "luxury" of the world, and no title at all, are no rates of the law.
    assert [row[3] for row in rates if row[1] is None] == [None, None]
    assert "в итог НДС он не вошёл" in page
    assert '<th scope="row">Вместе</th>' in page


def _number(text: str) -> Decimal | None:
    if text == "–":
        return None
    return Decimal(
        "".join(each for each in text if each.isdigit() or each in ",.-−").replace(",", ".").replace("−", "-")
    )


def test_clients_who_ordered_once(manager: User) -> None:
    World(15)
    client = builders.client()
    only = builders.order(901, client=client)
    builders.order(902, client=client, is_refund=True, refund_of=only)
    found = asked(BY_NAME["clients"], manager, f"{YEAR}&which=once")
    counts = Counter(Order.objects.filter(client__isnull=False, is_refund=False).values_list("client", flat=True))
    once = {client for client, count in counts.items() if count == 1}
    assert set(found.rows.values_list("client", flat=True)) == once >= {client.pk}
