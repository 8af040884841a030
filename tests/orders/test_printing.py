"""Paper: route sheets with their sums and sketch, labels whose codes scan, order forms; nothing for strangers."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.sync.enqueue import untracked
from fiscal.models import PaymentType
from orders import board, dashboard, printing
from orders.admin import printing as pages
from orders.models import Client, Order, PaymentStatus
from tests.orders import builders
from tests.orders.pages import LIST

pytestmark = pytest.mark.django_db

KINDS = ("routes", "labels", "forms")


def url(what: str, *orders: Order) -> str:
    return f"{LIST}print/{what}/?ids={','.join(str(order.pk) for order in orders)}"


def given(nth: int, **values: object) -> Order:
    """An order with two lines and a courier of its own."""
    return builders.with_lines(builders.order(nth, courier=builders.courier(f"C{nth}", str(nth)), **values), 2)


def test_a_sheet_for_each_courier_in_the_order_of_windows() -> None:
    ivanov, petrov = builders.courier(), builders.courier("Petrov", "2")
    late = builders.order(1, courier=petrov, delivery_time_from=builders.at(18), delivery_time_to=builders.at(20))
    early = builders.order(2, courier=petrov)
    nobody, other = builders.order(3), builders.order(4, courier=ivanov)
    sheets = printing.sheets([row.pk for row in (late, early, nobody, other)])
    assert [(sheet.courier, [(stop.number, stop.order) for stop in sheet.stops]) for sheet in sheets] == [
        (ivanov, [(1, other)]),
        (petrov, [(1, early), (2, late)]),
        (None, [(1, nobody)]),
    ]


def test_what_is_to_be_taken_and_the_change_to_bring() -> None:
    row = builders.with_lines(builders.order(1, amount_to_pay=Decimal(200), cash=Decimal(500)), 2)
    builders.discount(row, Decimal("-12.50"))
    builders.order(2, status=PaymentStatus.PAID, cash=Decimal(500))
    cash, card = (builders.known(PaymentType, str(n), title=str(n), close_type=n - 6) for n in (7, 8))
    builders.pay(row, 50, cash)
    builders.pay(row, 70, card)
    (sheet,) = printing.sheets(list(Order.objects.values_list("pk", flat=True)))
    assert (sheet.due, sheet.change, sheet.cash_taken) == (Decimal(175), Decimal(325), Decimal(50))
    assert [stop.order for stop in sheet.paid_in_cash] == [row]


def test_a_client_who_prepaid_pays_the_rest_wherever_it_is_told(dispatcher: Browser) -> None:
    prepaid = {"amount_to_pay": Decimal(900), "prepayment_sum": Decimal(300), "cash": Decimal(800)}
    row = given(1, delivery_time_from=builders.at(10), **prepaid)
    (sheet,) = printing.sheets([row.pk])
    assert (sheet.due, sheet.change) == (Decimal(600), Decimal(200))
    now = timezone.now()
    assert dashboard.today([], now).money[0].value == Decimal(600)
    found = board.of_day(timezone.localdate(now), now)
    (column,) = (each for each in found.columns if each.courier == row.courier)
    assert column.due == Decimal(600)
    assert "change from 800.00: 200.00" in dispatcher.get(LIST, headers={"accept-language": "en"}).text
    assert "600.00" in dispatcher.get(url("forms", row), headers={"accept-language": "en"}).text


def test_cash_is_told_from_cards_and_how_many_things_are_carried(dispatcher: Browser) -> None:
    card = builders.known(PaymentType, "8", title="Card", close_type=PaymentType.CARD)
    other = builders.known(PaymentType, "9", title="Later", close_type=4)
    rows = [
        builders.with_lines(builders.order(1, amount_to_pay=Decimal(200)), 2),
        builders.with_lines(builders.order(2, amount_to_pay=Decimal(1000), payment_type=card), 1),
        builders.order(3, amount_to_pay=Decimal(30), payment_type=other),
        builders.order(4, amount_to_pay=Decimal(7), payment_type=None),
        builders.order(5, amount_to_pay=Decimal(500), status=PaymentStatus.PAID),
    ]
    with untracked():
        rows[1].lines.update(count=Decimal("0.350"))
    (sheet,) = printing.sheets([row.pk for row in rows])
    assert (sheet.due, sheet.due_in_cash, sheet.due_otherwise) == (Decimal(1237), Decimal(200), Decimal(1037))
    assert ([stop.items for stop in sheet.stops], sheet.items) == ([4, 1, 0, 0, 0], 5)
    html = dispatcher.get(url("routes", *rows)).content.decode()
    assert re.search(r"cash: <strong[^>]*>200.00</strong>.*without cash: <strong[^>]*>1,037.00</strong>", html)
    assert all(
        text in html
        for text in ("5 orders · 5 items", "4 items", "1 item</strong>", "Good 0 \u00d7 2", "Good 2 \u00d7 0.35")
    )


def test_the_sketch_is_to_scale_with_north_above() -> None:
    def at(nth: int, latitude: str, longitude: str) -> Order:
        return builders.order(nth, to_latitude=latitude, to_longitude=longitude)

    # At 60 degrees, two degrees of longitude are as long as one of latitude.
    rows = [at(1, "59.5", "30"), at(2, "60.5", "30"), at(3, "59.5", "32"), builders.order(4)]
    (sheet,) = printing.sheets([row.pk for row in rows])
    places = {number: (x, y) for number, x, y in sheet.sketch}
    assert set(places) == {1, 2, 3}
    assert places[2][0] == places[1][0]
    assert places[2][1] < places[1][1] == places[3][1]
    assert places[3][0] - places[1][0] == pytest.approx(places[1][1] - places[2][1], abs=3)
    assert all(0 < x < printing.SKETCH[0] and 0 < y < printing.SKETCH[1] for x, y in places.values())
    (alone,) = printing.sheets([rows[0].pk])
    assert len(alone.sketch) == 1


def test_the_barcode_is_the_id_that_the_search_finds(dispatcher: Browser) -> None:
    row = builders.order(1)
    (stop,) = printing.stops([row.pk])
    assert stop.barcode.startswith("<svg")
    found = dispatcher.get(LIST, {"q": row.ireca_id}).context["cl"].result_list
    assert list(found) == [row]
    with untracked():
        Order.objects.filter(pk=row.pk).update(ireca_id="\u0427-1")
    (stop,) = printing.stops([row.pk])
    assert stop.barcode == ""


@pytest.mark.parametrize("what", KINDS)
def test_the_name_is_what_is_written_else_the_clients(dispatcher: Browser, what: str) -> None:
    builders.client()
    rows = [
        builders.order(1, client_firstname="Anna"),
        builders.order(2, client_firstname="Ivan", client_lastname="Sidorov", client=Client.objects.get()),
        builders.order(3, client=Client.objects.get()),
        builders.order(4),
    ]
    assert [row.client_name for row in rows] == ["Anna", "Sidorov Ivan", "Petrov Petr", ""]
    for page in (url(what, *rows), LIST):
        html = dispatcher.get(page).content.decode()
        assert all(html.count(name) == 1 for name in ("Anna", "Sidorov Ivan", "Petrov Petr")), page


@pytest.mark.parametrize("what", KINDS)
def test_who_may_not_read_a_name_sees_initials_on_paper(dispatcher: Browser, what: str) -> None:
    row = builders.order(1, client_firstname="Anna", client_lastname="Sidorova")
    User.objects.get(username="dispatcher").user_permissions.remove(Permission.objects.get(codename="view_personal"))
    html = dispatcher.get(url(what, row)).content.decode()
    assert "S. A." in html
    assert "Sidorova" not in html


@pytest.mark.parametrize("what", KINDS)
def test_each_page_shows_each_order_and_its_code(dispatcher: Browser, what: str) -> None:
    rows = [given(nth, description="<i>ring</i>") for nth in (1, 2)]
    html = dispatcher.get(url(what, *rows)).content.decode()
    assert all(text in html for text in ("N-1", "N-2", "Moscow, Arbat, 1"))
    assert "<i>ring" not in html
    assert len(re.findall(r"<svg", html)) >= 2
    assert "<script src=" in html
    assert "onclick" not in html


@pytest.mark.parametrize(("action", "what"), list(zip(pages.PrintingMixin.PRINT_ACTIONS, KINDS, strict=True)))
def test_the_actions_of_the_list_lead_there(dispatcher: Browser, action: str, what: str) -> None:
    row, _other = builders.order(1), builders.order(2)
    page = dispatcher.post(LIST, {"action": action, "_selected_action": [row.pk]}, follow=True)
    assert page.redirect_chain == [(f"{LIST}print/{what}/", 302)]
    html = page.content.decode()
    assert "N-1" in html
    assert "N-2" not in html


def test_too_many_are_refused_in_words(dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MANY", 1)
    ids = [row.pk for row in builders.orders(2)]
    page = dispatcher.post(LIST, {"action": "print_labels", "_selected_action": ids}, follow=True)
    assert "At most 1 orders are printed at once." in page.content.decode()


@pytest.mark.parametrize("what", KINDS)
def test_nothing_chosen_and_nothing_for_strangers(dispatcher: Browser, stranger: Browser, what: str) -> None:
    row = builders.order(1)
    assert stranger.get(url(what, row)).status_code == 403
    assert "No orders were chosen." in dispatcher.get(f"{LIST}print/{what}/").content.decode()
    assert dispatcher.get(f"{LIST}print/else/").status_code == 404
    assert dispatcher.post(url(what, row)).status_code == 405


@pytest.mark.parametrize("what", KINDS)
def test_the_cost_does_not_grow(dispatcher: Browser, what: str) -> None:
    rows = [given(nth) for nth in range(1, 31)]

    def cost(some: list[Order]) -> int:
        with CaptureQueriesContext(connection) as queries:
            dispatcher.get(url(what, *some))
        return len(queries)

    cost(rows[:1])
    assert cost(rows[:2]) == cost(rows)
