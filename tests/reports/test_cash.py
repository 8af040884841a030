"""Cash of couriers: figures against the same reckoned from payments and acts by hand, pages, files and rights."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.reports.models import ReaderSource
from fiscal.models import CashHandover
from orders import cash, cash_ledger, kept
from orders.conditions import day_start
from orders.models import DeliveryStatus, Order, Payment, RefundPayment
from tests.reports.data import World

pytestmark = pytest.mark.django_db

YEARS = "since=2000-01-01&until=2100-01-01"
Moves = dict[int, list[tuple[datetime, str, Decimal]]]


@pytest.fixture
def accountant() -> User:
    user = User.objects.create_user("accountant", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="Accountants"))
    return user


@pytest.fixture
def browser(accountant: User) -> Browser:
    browser = Browser()
    browser.force_login(accountant)
    return browser


def by_hand() -> Moves:
    """Every move of cash by courier, from the tables, one row at a time."""
    found: Moves = defaultdict(list)
    for paid in Payment.objects.select_related("order", "payment_type"):
        order = paid.order
        if paid.payment_type.close_type != 1:
            continue
        if not order.is_refund:
            at = paid.paid_in or order.delivery_time_from or order.created_at
            found[order.courier_id or 0].append((at, "collected", paid.price))
        elif order.delivery_status != DeliveryStatus.CANCELLED:
            printed = [receipt.date_time_receipt for receipt in order.receipts.all() if receipt.kind == "return"]
            at = min(filter(None, printed), default=order.delivered_at or order.delivery_time_from)
            found[order.courier_id or 0].append((at, "returned", abs(paid.price)))
    for told in RefundPayment.objects.select_related("refund__order", "payment_type"):
        order = told.refund.order
        made_here = Order.objects.filter(refund_of=order, ireca_id=told.refund.returned_order_ireca_id)
        if told.payment_type.close_type == 1 and not made_here.exclude(delivery_status=11).exists():
            found[order.courier_id or 0].append((order.delivery_time_from, "returned", abs(told.sum)))
    for act in CashHandover.objects.all():
        found[act.courier_id].append((act.at, "handed_in", act.amount))
    return found


def summed(moves: list[tuple[datetime, str, Decimal]], what: str, since: datetime | None, until: datetime) -> Decimal:
    return sum(
        (sum_ for at, kind, sum_ in moves if kind == what and (not since or at >= since) and at < until), Decimal(0)
    )


def first_in(moves: list[tuple[datetime, str, Decimal]]) -> list[tuple[datetime, Decimal]]:
    """The money in hand, oldest first: what was collected first went out first."""
    out = sum((sum_ for _at, kind, sum_ in moves if kind != "collected"), Decimal(0))
    left = []
    for at, sum_ in sorted((at, sum_) for at, kind, sum_ in moves if kind == "collected"):
        gone = min(out, sum_)
        out -= gone
        if sum_ > gone:
            left.append((at, sum_ - gone))
    return left


@pytest.mark.parametrize("seed", range(6))
def test_balances_are_those_reckoned_by_hand(seed: int) -> None:
    World(seed)
    end = day_start(timezone.localdate() - timedelta(days=seed))
    for days in (7, 20, 4000):
        compare_balances(end - timedelta(days=days), end)


def compare_balances(start: datetime, end: datetime) -> None:
    always = timezone.now() + timedelta(days=365)
    moves = by_hand()
    found = {each.courier.pk if each.courier else 0: each for each in cash_ledger.balances(start, end)}
    assert {key for key, each in moves.items() if each} >= found.keys()
    for key, balance in found.items():
        mine = moves[key]

        def net(until: datetime, mine: list[tuple[datetime, str, Decimal]] = mine) -> Decimal:
            came, back, handed = (summed(mine, what, None, until) for what in ("collected", "returned", "handed_in"))
            return came - back - handed

        assert (balance.opening, balance.closing, balance.now) == (net(start), net(end), net(always))
        for what in ("collected", "returned", "handed_in"):
            assert getattr(balance, what) == summed(mine, what, start, end), what
        if key == 0:
            continue
        assert balance.now == cash.in_hand(key)
        left = first_in(mine)
        assert balance.left == sum((sum_ for at, sum_ in left if start <= at < end), Decimal(0))
        assert balance.since == (timezone.localdate(left[0][0]) if left else None)
        ledger = cash_ledger.ledger(key, start, end)
        assert [entry.at for entry in ledger.entries] == sorted(at for at, _kind, _sum in mine if start <= at < end)
        assert not ledger.entries or ledger.entries[-1].balance == balance.closing
        for what in ("collected", "returned", "handed_in"):
            assert sum((getattr(entry, what) for entry in ledger.entries), Decimal(0)) == getattr(balance, what)


def test_old_money_is_found_however_old() -> None:
    world = World(1, orders=0)
    order = world.order(1, is_refund=False)
    Order.objects.filter(pk=order.pk).update(courier=world.couriers[0])
    order.payments.all().delete()
    at = timezone.now() - timedelta(days=400)
    Payment.objects.create(order=order, price=10_000_000, payment_type=world.types[0], paid_in=at)
    kept.keep([order.pk])
    (balance,) = cash_ledger.balances(timezone.now() - timedelta(days=7), timezone.now(), [world.couriers[0].pk])
    assert (balance.now, balance.since) == (cash.in_hand(world.couriers[0].pk), timezone.localdate(at))


def test_the_page_shows_the_balances_and_leads_to_their_entries(browser: Browser) -> None:
    World(2)
    page = browser.get(f"/reports/cash/?{YEARS}")
    assert page.status_code == 200
    for line in page.context["lines"]:
        ledger = browser.get(line.heading.url)
        texts = [text for _figure, text in ledger.context["figures"]]
        assert texts == [cell.text for cell in line.cells]
        shown = ledger.context["lines"]
        assert not shown or shown[-1].cells[6].text == texts[4]
    sums = [text for _figure, text in page.context["figures"]]
    assert sums == page.context["foot"][: len(sums)]


def test_who_collected_most_last_week_and_has_not_handed_it_in(browser: Browser) -> None:
    World(3)
    page = browser.get("/reports/cash/?period=last_week")
    today = timezone.localdate()
    monday = today - timedelta(days=today.weekday() + 7)
    start, end = day_start(monday), day_start(monday + timedelta(days=7))
    left = {
        key: sum((sum_ for at, sum_ in first_in(moves) if start <= at < end), Decimal(0))
        for key, moves in by_hand().items()
        if key
    }
    first = page.context["lines"][0]
    assert f"/reports/cash/{max(left, key=lambda key: left[key])}/" in first.heading.url


def test_what_is_above_the_limit_is_red(browser: Browser) -> None:
    world = World(4)
    courier = max(world.couriers, key=lambda each: cash.in_hand(each.pk))
    for limit, is_red in ((cash.in_hand(courier.pk) - 1, True), (cash.in_hand(courier.pk), False)):
        courier.cash_limit = limit
        courier.save(update_fields=["cash_limit"])
        page = browser.get(f"/reports/cash/{courier.pk}/?{YEARS}")
        assert page.context["is_over"] is is_red
        page = browser.get(f"/reports/cash/?{YEARS}&sort=-now")
        line = next(each for each in page.context["lines"] if f"/cash/{courier.pk}/" in each.heading.url)
        assert line.cells[6].is_alarming is is_red


def test_sorting(browser: Browser) -> None:
    World(5)
    for name, position in (("collected", 1), ("now", 6)):
        most, least = (
            [line.cells[position].text for line in browser.get(f"/reports/cash/?{YEARS}&sort={sort}").context["lines"]]
            for sort in (f"-{name}", name)
        )
        assert most[:-1] == least[:-1][::-1]  # what has no courier is last in both


def test_files_hold_the_same(browser: Browser) -> None:
    world = World(6)
    page = browser.get(f"/reports/cash/?{YEARS}")
    text = b"".join(browser.get(f"/reports/cash/export/csv/?{YEARS}").streaming_content).decode("utf-8-sig")
    _header, *rows, foot = csv.reader(io.StringIO(text), delimiter=";")
    assert [row[0] for row in rows] == [line.heading.text for line in page.context["lines"]]
    shown = [text.replace("\xa0", "") for text in page.context["foot"] if text]
    assert [foot[0], *filter(None, foot[1:])] == ["Вместе", *shown]
    key = world.couriers[0].pk
    text = b"".join(browser.get(f"/reports/cash/{key}/export/csv/?{YEARS}").streaming_content).decode("utf-8-sig")
    entries = cash_ledger.ledger(key, day_start(date(2000, 1, 1)), day_start(date(2100, 1, 2))).entries
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
    assert [Decimal(row[6].replace(",", ".")) for row in rows] == [entry.balance for entry in entries]
    assert browser.get(f"/reports/cash/export/pdf/?{YEARS}").status_code == 404


def test_pages_cost_the_same_however_much_cash_there_is(browser: Browser) -> None:
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(address).content  # noqa: B018  # rendered
        return len(queries)

    world = World(7, orders=30)
    addresses = [f"/reports/cash/?{YEARS}", f"/reports/cash/{world.couriers[0].pk}/?{YEARS}"]
    few = [cost(address) for address in addresses]
    for nth in range(100, 140):
        world.order(nth)
    list(kept.recount())
    # One more where some money in hand is older than a month.
    assert [cost(address) - first for address, first in zip(addresses, few, strict=True)] in ([0, 0], [1, 0], [1, 1])
    assert max(few) <= 30


def test_who_may_see_it() -> None:
    world = World(8)
    addresses = ("/reports/cash/", f"/reports/cash/{world.couriers[0].pk}/", "/reports/cash/export/csv/")
    user = User.objects.create_user("other", is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="reports")
    user.user_permissions.set(rights.exclude(codename="view_fiscal"))
    browser = Browser()
    browser.force_login(user)
    assert {browser.get(address).status_code for address in addresses} == {403}
    user.user_permissions.set(rights)
    assert {browser.get(address).status_code for address in addresses} == {200}
    # Cash is of no source, so who sees some sources only does not see it.
    ReaderSource.objects.create(user=user, source=world.sources[0])
    assert {browser.get(address).status_code for address in addresses} == {403}
    assert "cash" not in [each.name for each, _views in browser.get("/reports/").context["entries"]]
    assert Browser().get("/reports/cash/").status_code == 302


def test_views_are_kept_for_it_too(browser: Browser) -> None:
    answer = browser.post("/reports/cash/views/", {"title": "Last week", "query": "period=last_week"})
    assert answer.url == "/reports/cash/?period=last_week"
    assert "Last week" in browser.get("/reports/").content.decode()
    assert "Last week" in browser.get("/reports/cash/").content.decode()


def test_a_wrong_period_is_told(browser: Browser) -> None:
    for address in ("/reports/cash/", "/reports/cash/0/"):
        page = browser.get(address, {"since": "2026-02-30"})
        assert page.status_code == 400
        assert page.context["form"].errors["since"]
    assert browser.get("/reports/cash/99999/").status_code == 404
