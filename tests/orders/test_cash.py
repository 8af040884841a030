"""Acts of cash handed in: recorded once, numbered without gaps, never changed; and entries that follow their orders."""

from __future__ import annotations

import re
import threading
import uuid
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.enqueue import untracked
from backoffice.sync.models import Push
from couriers.models import Courier
from fiscal.models import CashHandover, Immutable, PaymentType
from orders import cash, cash_ledger, kept
from orders.cash import HandIn, MoreThanInHand, NotRecorded
from orders.models import CashEntry, DeliveryStatus, Order, Payment
from orders.order_sums import SUMS
from tests import chromium
from tests.orders import builders
from tests.reports.data import World

FORM = "/admin/fiscal/cash/hand-in/"


@pytest.fixture
def accountant(db: None) -> User:
    user = User.objects.create_user("accountant", is_staff=True)
    user.groups.add(Group.objects.get(name="Accountants"))
    return user


@pytest.fixture
def browser(accountant: User) -> Browser:
    browser = Browser()
    browser.force_login(accountant)
    return browser


def paid(amount: int = 1000, **fields: object) -> Order:
    """An order that was paid in cash to its courier."""
    courier = Courier.objects.filter(ireca_id="55752").first() or builders.courier()
    order = builders.order(Order.objects.count() + 1, courier=courier, **fields)
    Payment.objects.create(order=order, price=amount, payment_type=order.payment_type, paid_in=timezone.now())
    kept.keep([order.pk])
    return order


def said(given: int, **more: object) -> HandIn:
    return HandIn(**{"key": uuid.uuid4(), "amount": Decimal(given), "at": timezone.now(), **more})


# acts


def test_an_act_takes_cash_out_of_hand_once(accountant: User) -> None:
    courier = paid(1000).courier
    form = said(600)
    act = cash.record(courier.pk, form, accountant)
    assert cash.record(courier.pk, form, accountant) == act
    assert cash.in_hand(courier.pk) == 400
    assert (act.number, act.recorded_by) == (1, accountant)
    with pytest.raises(NotRecorded):
        cash.record(courier.pk, HandIn(form.key, Decimal(5), form.at), accountant)


def test_more_than_in_hand_needs_a_word(accountant: User) -> None:
    courier = paid(1000).courier
    with pytest.raises(MoreThanInHand):
        cash.record(courier.pk, said(1001), accountant)
    assert cash.record(courier.pk, said(1001, is_confirmed=True), accountant).amount == 1001
    assert cash.in_hand(courier.pk) == -1


@pytest.mark.parametrize("wrong", [{"amount": Decimal(0)}, {"at": timezone.now() + timedelta(days=1)}])
def test_what_cannot_be_is_refused(accountant: User, wrong: dict[str, object]) -> None:
    courier = paid(1000).courier
    with pytest.raises(NotRecorded):
        cash.record(courier.pk, said(1, **wrong), accountant)
    assert not CashHandover.objects.exists()


def test_a_mistake_is_reversed_once_and_both_stay(accountant: User) -> None:
    courier = paid(1000).courier
    act = cash.record(courier.pk, said(600), accountant)
    key = uuid.uuid4()
    counter = cash.reverse(act.pk, key, "it was 500", accountant)
    assert cash.reverse(act.pk, key, "it was 500", accountant) == counter
    assert (counter.amount, counter.number, counter.note) == (-600, 2, "it was 500")
    assert cash.in_hand(courier.pk) == 1000
    for again in (act, counter):
        with pytest.raises(NotRecorded):
            cash.reverse(again.pk, uuid.uuid4(), "again", accountant)
    with pytest.raises(NotRecorded):
        cash.reverse(cash.record(courier.pk, said(1), accountant).pk, uuid.uuid4(), "  ", accountant)


def test_an_act_is_never_changed(accountant: User) -> None:
    act = cash.record(paid(1000).courier_id, said(600), accountant)
    act.amount = Decimal(1)
    for change in (
        act.save,
        act.delete,
        lambda: CashHandover.objects.update(amount=1),
        CashHandover.objects.all().delete,
    ):
        with pytest.raises(Immutable):
            change()
    assert CashHandover.objects.get().amount == 600


def test_a_refused_act_leaves_no_gap(accountant: User) -> None:
    courier = paid(1000).courier
    for amount in (1, 5000, 2, 6000, 3):
        try:
            cash.record(courier.pk, said(amount), accountant)
        except MoreThanInHand:
            continue
    assert sorted(CashHandover.objects.values_list("number", flat=True)) == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_two_accountants_at_once_do_not_record_the_same_money() -> None:
    user = User.objects.create_user("accountant", is_staff=True)
    with untracked():
        others = [paid(1000), paid(1000)]
    courier = others[0].courier
    results: list[object] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            results.append(cash.record(courier.pk, said(1500), user).number)
        except MoreThanInHand:
            results.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [1, None, None, None]
    assert cash.in_hand(courier.pk) == 500


# pages


def test_an_accountant_records_prints_and_reverses(browser: Browser) -> None:
    courier = paid(1000).courier
    page = browser.get(FORM, {"courier": courier.pk})
    initial = page.context["form"].initial
    assert initial["amount"] == 1000
    now = timezone.localtime()
    data = {
        "key": initial["key"],
        "courier": courier.pk,
        "amount": "1500",
        "at_0": f"{now:%d.%m.%Y}",
        "at_1": f"{now:%H:%M}",
        "note": "",
    }
    page = browser.post(FORM, data)
    assert page.context["form"].errors["amount"]
    assert 'type="checkbox" name="is_confirmed"' in page.content.decode().replace("\n", "")
    assert not CashHandover.objects.exists()
    answers = [browser.post(FORM, {**data, "is_confirmed": "on"}).url for _ in range(2)]
    act = CashHandover.objects.get()
    assert set(answers) == {f"/admin/fiscal/cash/{act.pk}/"}
    assert f"1/{now.year}" in browser.get(answers[0]).content.decode()
    reversing = f"{answers[0]}reverse/"
    key = browser.get(reversing).context["form"].initial["key"]
    assert browser.post(reversing, {"key": key, "why": ""}).context["form"].errors["why"]
    assert browser.post(reversing, {"key": key, "why": "it was 1000"}).status_code == 302
    assert CashHandover.objects.get(reverses=act).note == "it was 1000"
    assert reversing not in browser.get(answers[0]).content.decode()
    assert browser.get("/admin/fiscal/cashhandover/").status_code == 200


def test_the_page_speaks_of_sums_in_russian(browser: Browser) -> None:
    courier = paid(15000, amount_to_pay=0).courier
    russian = {"accept-language": "ru"}
    page = browser.get(FORM, {"courier": courier.pk}, headers=russian)
    # A field of numbers is given its value with a point, or a browser shows none.
    assert re.search(r'<input type="number" name="amount" value="15000.00"', page.text)
    data = {"key": uuid.uuid4(), "courier": courier.pk, "amount": "16000.50", "at_0": "01.01.2026", "at_1": "10:00"}
    (said,) = browser.post(FORM, data, headers=russian).context["form"].errors["amount"]
    assert said.replace("\xa0", " ") == "16 000,50 — это на 1 000,50 больше, чем должно быть на руках (15 000,00)."


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_browser_shows_what_is_offered(
    live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    order = paid(35843)
    Payment.objects.create(order=order, price=Decimal("0.78"), payment_type=order.payment_type, paid_in=timezone.now())
    kept.keep([order.pk])
    with chromium.pages(live_server.url) as open_page:
        page = open_page(admin_client, locale="ru-RU")
        page.goto(f"{live_server.url}{FORM}?courier={order.courier_id}")
        expect(page.locator("html")).to_have_attribute("lang", "ru")
        expect(page.locator("input[name=amount]")).to_have_value("35843.78")
        page.locator("#cash-form button[type=submit]").click()
        expect(page).to_have_url(re.compile(r"/admin/fiscal/cash/\d+/$"))
    assert CashHandover.objects.get().amount == Decimal("35843.78")


@pytest.mark.parametrize("group", ["Managers", "Dispatchers"])
def test_who_does_not_record(group: str, accountant: User) -> None:
    act = cash.record(paid(1000).courier_id, said(600), accountant)
    user = User.objects.create_user("other", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(user)
    for address in (FORM, f"/admin/fiscal/cash/{act.pk}/reverse/"):
        assert browser.get(address).status_code == browser.post(address, {}).status_code == 403
    assert browser.get(f"/admin/fiscal/cash/{act.pk}/").status_code == (200 if group == "Managers" else 403)
    assert browser.post(f"/admin/fiscal/cashhandover/{act.pk}/change/", {}).status_code == 403
    assert browser.get("/admin/fiscal/cashhandover/add/").status_code == 403


# entries


def entries() -> list[tuple[object, ...]]:
    names = ("order_id", "courier_id", "at", "collected", "returned")
    return sorted(CashEntry.objects.values_list(*names), key=str)


def order_sums() -> list[tuple[object, ...]]:
    return list(Order.objects.order_by("pk").values_list(*SUMS))


def test_entries_follow_the_courier_the_kind_and_the_state_of_an_order(db: None) -> None:
    order = paid(1000)
    assert cash.in_hand(order.courier_id) == 1000
    other = builders.courier("Petrov", "2")
    former, order.courier = order.courier, other
    order.save()
    assert (cash.in_hand(former.pk), cash.in_hand(other.pk)) == (0, 1000)
    order.is_refund = True
    order.save()
    assert cash.in_hand(other.pk) == -1000
    Order.objects.filter(pk=order.pk).update(delivery_status=DeliveryStatus.CANCELLED)
    assert not CashEntry.objects.exists()


def test_what_a_return_gives_back_tomorrow_is_in_hand_today(db: None) -> None:
    order = paid(1000)
    type_ = PaymentType.objects.get()
    tomorrow = {"delivery_time_from": builders.at(10, 1), "delivery_time_to": builders.at(12, 1)}
    back = builders.order(8, courier=order.courier, is_refund=True, status=1, delivery_status=6, **tomorrow)
    builders.pay(back, 300, type_)
    assert cash.in_hand(order.courier_id) == 1000
    for day in (builders.at(0), builders.at(0, -7)):
        (balance,) = cash_ledger.balances(day, day + timedelta(days=3))
        assert balance.now == 1000
    with time_machine.travel(builders.at(11, 1), tick=False):
        assert cash.in_hand(order.courier_id) == 700
        (balance,) = cash_ledger.balances(builders.at(0), builders.at(0, 1))
        assert (balance.closing, balance.now) == (700, 700)


def test_entries_follow_what_a_payment_type_is(db: None) -> None:
    paid(1000)
    type_ = PaymentType.objects.get()
    type_.close_type = 2
    type_.save()
    assert not CashEntry.objects.exists()
    type_.close_type = 1
    type_.save()
    assert CashEntry.objects.get().collected == 1000


def test_an_edit_that_concerns_no_cash_writes_no_entry(db: None) -> None:
    order = paid(1000)
    key = CashEntry.objects.get().pk
    order.description = "call first"
    order.save()
    assert CashEntry.objects.get().pk == key


def test_the_migration_and_the_command_make_the_same_entries(db: None) -> None:
    World(12)
    before = entries(), order_sums()
    assert all(before)
    CashEntry.objects.all().delete()
    Order.objects.update(**dict.fromkeys(SUMS, 0))
    with connection.cursor() as cursor:
        for statement in import_module("orders.migrations.0016_cash_rights").FILL:
            cursor.execute(statement)
    fill: Any = import_module("orders.migrations.0024_order_sums_filled").fill
    fill(apps, SimpleNamespace(connection=connection))
    assert (entries(), order_sums()) == before
    CashEntry.objects.update(collected=1)
    Order.objects.update(**dict.fromkeys(SUMS, 1))
    call_command("recount")
    assert (entries(), order_sums()) == before


def test_a_limit_is_no_change_for_ireca(db: None) -> None:
    courier = builders.courier()
    courier.cash_limit = Decimal(5)
    courier.save(update_fields=["cash_limit"])
    assert cash.limit(courier) == 5
    assert not Push.objects.exists()
