"""Orders with their lines, and clients, from files."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from backoffice.partners.models import Source
from backoffice.sync.cells import Clock
from backoffice.sync.models import Push
from backoffice.transfer import matching
from backoffice.transfer.table import IMPORTS
from catalog.models import Good
from fiscal.models import PaymentType
from orders.models import Client, Line, Order
from tests.orders import builders
from tests.orders.builders import known
from tests.transfer.pages import as_csv, as_xlsx, checked, counts, errors, imported, run_of, upload

pytestmark = pytest.mark.django_db
ORDERS, CLIENTS = "/admin/orders/order/", "/admin/orders/client/"

HEADER = ["Номер заказа", "Доставить с", "Доставить до", "Тип платежа", "Город", "Улица", "Дом", "Телефон"]
HEADER += ["Артикул", "Кол-во", "Цена"]
FIRST = ["N-1", "22.11.2026 10:00", "22.11.2026 12:00", "Cash", "Москва", "Арбат", "1", "8 916 123-45-67"]
BELOW = [""] * 8
FILE = [HEADER, [*FIRST, "A-1", "2", "50"], [*BELOW, "A-2", "1", ""], ["N-2", *FIRST[1:], "A-1", "1", "50"]]


@pytest.fixture
def goods() -> list[Good]:
    known(PaymentType, "1", title="Cash")
    return [known(Good, f"g{n}", article=f"A-{n}", title=f"Good {n}", price=Decimal(30), unit="шт") for n in (1, 2)]


def test_orders_come_with_their_lines_once(admin_client: Browser, goods: list[Good]) -> None:
    run = imported(admin_client, FILE, ORDERS)

    assert (run.state, counts(run)) == ("done", (2, 0, 0, 0, 0)), errors(run)
    order = Order.objects.get(number="N-1")
    assert timezone.localtime(order.delivery_time_from).isoformat() == "2026-11-22T10:00:00+03:00"
    assert (order.to_street, order.phone_e164, order.amount_to_pay) == ("Арбат", "+79161234567", Decimal(130))
    lines = order.lines.order_by("position").values_list("good", "title", "count", "price", "total")
    assert list(lines) == [(goods[0].pk, "Good 1", 2, 50, 100), (goods[1].pk, "Good 2", 1, 30, 30)]
    assert Push.objects.filter(entity="orders").count() == 2

    Push.objects.all().delete()
    assert counts(imported(admin_client, FILE, ORDERS)) == (0, 0, 2, 0, 0)
    assert not Push.objects.exists()


@pytest.mark.parametrize("heading", ["", "#", "№", "№ п/п", "…"])
def test_rows_that_are_numbered_are_no_orders(heading: str) -> None:
    mapping = matching.guess(IMPORTS["orders"], [heading, "№ заказа", "Город"])

    assert mapping == ["", "number", "to_city"]


@pytest.mark.parametrize("heading", ["№ заказа", "Номер заказа", "Заказ №", "№заказа", "#заказа", "Order #", "Номер"])
def test_headings_of_the_number(heading: str) -> None:
    assert matching.guess(IMPORTS["orders"], ["Город", heading]) == ["to_city", "number"]


def test_no_column_is_found_by_a_heading_without_words() -> None:
    for table in IMPORTS.values():
        assert "" not in matching.names_of(table)
        assert matching.guess(table, ["", " ", "№", "#", "–"]) == [""] * 5


def test_a_change_of_lines_is_told_and_keeps_the_rows(admin_client: Browser, goods: list[Good]) -> None:
    imported(admin_client, FILE, ORDERS)
    order = Order.objects.get(number="N-1")
    kept = order.lines.get(good=goods[0])
    run = checked(admin_client, [HEADER, [*FIRST, "A-1", "3", "50"]], ORDERS)

    [shown] = [item for item in run.shown if item["kind"] == "changed"]
    assert shown["parts"]
    assert shown["changes"] == [["amount_to_pay", "130.00", "150.00"]]
    admin_client.post(f"{ORDERS}import/{run.pk}/", {"step": "confirm"})
    assert list(order.lines.values_list("pk", "count", "total")) == [(kept.pk, 3, 150)]
    order.refresh_from_db()
    assert order.amount_to_pay == 150


def test_what_iRECA_would_refuse_is_told_by_row(admin_client: Browser, goods: list[Good]) -> None:
    rows = [
        HEADER,
        [*FIRST, "A-9", "2", "50"],
        ["N-2", "22.11.2026 12:00", "22.11.2026 10:00", *FIRST[3:], "A-1", "1", "1"],
        ["N-3", *FIRST[1:5], "", "", "", "A-1", "1", "1"],
        ["N-4", *FIRST[1:], "A-1", "0", "1"],
        [*BELOW, "A-2", "1", "1"],
        ["N-5", "", *FIRST[2:], "A-1", "1", "1"],
        ["N-6", *FIRST[1:7], "не звонить", "A-1", "1", "1"],
    ]
    run = imported(admin_client, rows, ORDERS)

    assert counts(run) == (0, 0, 0, 0, 6)
    found = errors(run)
    assert set(found) == {2, 3, 4, 5, 6, 7, 8}
    assert "A-9" in found[2]
    assert found[5]
    assert found[6] == ""  # of the same order, and right
    assert not Order.objects.exists()


def test_what_is_over_is_not_changed(admin_client: Browser, goods: list[Good]) -> None:
    builders.order(1, delivery_status=10)
    run = checked(admin_client, [["Номер", "Город"], ["N-1", "Тверь"]], ORDERS)

    assert counts(run) == (0, 0, 0, 0, 1)


def test_an_order_of_a_source_is_found_by_its_id_there(admin_client: Browser, goods: list[Good]) -> None:
    shop = Source.objects.create(title="Лавка", waits_for_dispatcher=True)
    header = ["Источник", "Идентификатор в источнике", *HEADER[1:]]
    row = ["Лавка", "77", *FIRST[1:], "A-1", "1", "50"]
    assert counts(imported(admin_client, [header, row], ORDERS)) == (1, 0, 0, 0, 0)
    order = Order.objects.get()
    assert (order.source, order.external_id, order.number, order.hold) == (shop, "77", "77", "waits")
    assert not Push.objects.filter(entity="orders").exists()  # it is held

    assert counts(imported(admin_client, [header, row], ORDERS)) == (0, 0, 1, 0, 0)
    assert counts(checked(admin_client, [["Номер", "Город"], ["77", "Тверь"]], ORDERS)) == (0, 1, 0, 0, 0)


def test_lines_that_the_file_does_not_tell_stay(admin_client: Browser) -> None:
    order = builders.with_lines(builders.order(1, amount_to_pay=Decimal(200)), 2)
    run = imported(admin_client, [["Номер", "Улица"], ["N-1", "Лесная"]], ORDERS)

    assert counts(run) == (0, 1, 0, 0, 0)
    assert Line.objects.filter(order=order).count() == 2


def test_the_sum_of_the_file_must_be_that_of_its_lines(admin_client: Browser, goods: list[Good]) -> None:
    run = checked(admin_client, [[*HEADER, "Сумма"], [*FIRST, "A-1", "2", "50", "99"]], ORDERS)

    assert counts(run) == (0, 0, 0, 0, 1)
    assert "100" in errors(run)[2]


WHOLE = ["№ заказа", "ФИО", "Адрес", "Дата доставки", "Время с", "Время до", "Оплата", "Итого к оплате"]
SAID = ["N-1", "Иванов Иван Иванович", "Москва,  Арбат, 1", "22.11.2026", "10:00", "14", "Cash", "130,00"]


def test_cells_that_say_several_things_at_once(admin_client: Browser, goods: list[Good]) -> None:
    run = imported(admin_client, [WHOLE, SAID], ORDERS)

    assert (counts(run), "" in run.mapping) == ((1, 0, 0, 0, 0), False), errors(run)
    order = Order.objects.get()
    assert (order.client_lastname, order.client_firstname) == ("Иванов", "Иван Иванович")
    assert (order.to_line, order.has_only_line, order.amount_to_pay) == ("Москва, Арбат, 1", True, 130)
    assert order.payment_type == PaymentType.objects.get(title="Cash")
    hours = [timezone.localtime(moment) for moment in (order.delivery_time_from, order.delivery_time_to)]
    assert [f"{hour:%d.%m %H:%M}" for hour in hours] == ["22.11 10:00", "22.11 14:00"]
    assert Push.objects.filter(entity="orders").count() == 1

    assert counts(imported(admin_client, [WHOLE, SAID], ORDERS)) == (0, 0, 1, 0, 0)


def test_a_line_takes_the_place_of_the_exact_address(admin_client: Browser) -> None:
    order = builders.order(1, to_latitude="55.75", to_longitude="37.61", to_is_use_google_geo=False)
    for same in (order.address, order.address.replace(",", "")):
        assert counts(imported(admin_client, [["Номер", "Адрес"], ["N-1", same]], ORDERS)) == (0, 0, 1, 0, 0)

    run = imported(admin_client, [["Номер", "Адрес"], ["N-1", "Тверь, Советская, 1"]], ORDERS)
    assert counts(run) == (0, 1, 0, 0, 0), errors(run)
    assert ["to_city", "Moscow", ""] in run.shown[0]["changes"]
    order.refresh_from_db()
    assert (order.has_only_line, order.address) == (True, "Тверь, Советская, 1")
    assert (order.to_latitude, order.to_is_use_google_geo) == (None, None)

    rows = [["Номер", "Адрес", "Город", "Улица", "Дом"], ["N-1", "Тула, Ленина, 2", "Тула", "Ленина", "2"]]
    assert counts(imported(admin_client, rows, ORDERS)) == (0, 1, 0, 0, 0)
    order.refresh_from_db()
    assert (order.to_street, order.to_line) == ("Ленина", "Тверь, Советская, 1")  # the parts win


@pytest.mark.parametrize(
    ("line", "city", "home", "flat", "address"),
    [
        ("Тверь, Советская, 1", "Тверь", "", "", "Тверь, Советская, 1"),
        ("г. тверь, Советская, 1, кв. 15", "Тверь", "1", "15", "г. тверь, Советская, 1, кв. 15"),
        ("Советская, 1", "Тверь", "1", "15", "Тверь, Советская, 1, 15"),
        ("Тверская, 115", "Твер", "", "15", "Твер, Тверская, 115, 15"),
    ],
)
def test_parts_without_a_street_complete_the_line(
    admin_client: Browser, line: str, city: str, home: str, flat: str, address: str
) -> None:
    order = builders.order(1, to_latitude="55.75", to_longitude="37.61")
    rows = [["Номер", "Адрес", "Город", "Дом", "Квартира"], ["N-1", line, city, home, flat]]
    run = imported(admin_client, rows, ORDERS)

    assert (counts(run), "" in run.mapping) == ((0, 1, 0, 0, 0), False), errors(run)
    order.refresh_from_db()
    assert (order.has_only_line, order.to_line, order.to_latitude) == (True, address, None)
    assert counts(imported(admin_client, rows, ORDERS)) == (0, 0, 1, 0, 0)


@pytest.mark.parametrize("clears", [{}, {"clears": "on"}])
def test_the_line_of_an_exact_address_leaves_it_and_its_place_is_taken(
    admin_client: Browser, clears: dict[str, str]
) -> None:
    order = builders.order(1)
    header = ["Номер", "Адрес", "Город", "Улица", "Дом", "to_latitude", "to_longitude"]
    run = imported(admin_client, [header, ["N-1", "Arbat, 1", "Moscow", "", "", "55.75", "37.61"]], ORDERS, **clears)

    assert (counts(run), "" in run.mapping) == ((0, 1, 0, 0, 0), False), errors(run)
    order.refresh_from_db()
    assert (order.to_street, order.to_home, order.to_line) == ("Arbat", "1", "")
    assert (order.to_latitude, order.to_longitude) == (Decimal("55.75"), Decimal("37.61"))


@pytest.mark.parametrize(
    ("day", "since", "until"),
    [("22.11.2026", "10:00", ""), ("", "10:00", "12:00"), ("22.11.2026", "10-14", "12"), ("22.11.2026", "25", "12")],
)
def test_a_day_without_its_hours_is_no_window(
    admin_client: Browser, goods: list[Good], day: str, since: str, until: str
) -> None:
    builders.order(1)
    run = checked(admin_client, [[WHOLE[0], *WHOLE[3:6]], ["N-1", day, since, until]], ORDERS)

    assert counts(run) == (0, 0, 0, 0, 1)
    assert ";" not in errors(run)[2]  # one trouble is told once


def test_a_whole_window_needs_no_hours_beside_the_day(admin_client: Browser) -> None:
    order = builders.order(1)
    header = ["Номер", "Дата доставки", "Доставить с", "Доставить до"]
    run = imported(admin_client, [header, ["N-1", "22.11.2026", *FIRST[1:3]]], ORDERS)

    assert counts(run) == (0, 1, 0, 0, 0), errors(run)
    order.refresh_from_db()
    assert timezone.localtime(order.delivery_time_from).isoformat() == "2026-11-22T10:00:00+03:00"

    run = checked(admin_client, [header[:3], ["N-1", "22.11.2026", FIRST[1]]], ORDERS)
    assert counts(run) == (0, 0, 0, 0, 1)  # half of a window is none


def test_hours_that_a_spreadsheet_holds_as_parts_of_the_day(admin_client: Browser) -> None:
    order = builders.order(1)
    rows = [["Номер", "Дата доставки", "Время с", "Время до"], ["N-1", "22.11.2026", 0.25, 0.75]]
    assert counts(imported(admin_client, as_xlsx(rows), ORDERS)) == (0, 1, 0, 0, 0)
    order.refresh_from_db()
    hours = [timezone.localtime(moment) for moment in (order.delivery_time_from, order.delivery_time_to)]
    assert [f"{hour:%d.%m %H:%M}" for hour in hours] == ["22.11 06:00", "22.11 18:00"]


@pytest.mark.parametrize(
    ("said", "hour"),
    [
        (10, time(10)),
        (14.0, time(14)),
        (0.0, time(0)),
        (0.4375, time(10, 30)),
        (625 / 1440, time(10, 25)),
        (time(10, 30, 5, 7), time(10, 30)),
        ("10.30", time(10, 30)),
        ("9:05:00", time(9, 5)),
    ],
)
def test_a_time_of_day(said: Any, hour: time) -> None:
    assert Clock().clean(said) == hour


@pytest.mark.parametrize("said", [10.25, 10.5, -0.25, 24, 24.0, 0.99999, True, "24:00", "10:60"])
def test_what_is_no_time_of_day(said: Any) -> None:
    with pytest.raises(ValueError, match=r"18:30"):
        Clock().clean(said)


def test_what_is_written_by_us_alone_is_no_target(admin_client: Browser, goods: list[Good]) -> None:
    run = run_of(upload(admin_client, as_csv([["Номер", "Доставка"], ["N-1", "Закрыт"]]), page=ORDERS))
    page = admin_client.get(f"{ORDERS}import/{run.pk}/")
    offered = {name for name, _title, _required in page.context["columns"][1]["options"]}

    assert run.mapping == ["number", ""]
    assert "delivery_status" not in offered
    assert {"status", "to_line", "full_name"} <= offered


def test_a_payment_is_how_one_pays_and_its_status_says_so(admin_client: Browser, goods: list[Good]) -> None:
    for header in (["Оплата", "Статус оплаты"], ["Payment", "Payment status"]):
        assert matching.guess(IMPORTS["orders"], header) == ["payment_type", "status"]


def test_full_names_of_clients(admin_client: Browser) -> None:
    rows = [["ФИО", "Телефон"], ["Петров Пётр Петрович", "+7 916 123-45-67"], ["Анна", "+7 916 123-45-68"]]
    assert counts(imported(admin_client, rows, CLIENTS)) == (2, 0, 0, 0, 0)
    assert {*Client.objects.values_list("lastname", "firstname")} == {("Петров", "Пётр Петрович"), ("Анна", "")}


def test_one_word_leaves_the_first_name(admin_client: Browser) -> None:
    client = builders.client(phone="+79161234567", phone_e164="+79161234567")
    order = builders.order(1, client_lastname="Petrov", client_firstname="Petr")
    assert counts(imported(admin_client, [["iRECA id", "ФИО"], ["c1", "Сидоров"]], CLIENTS)) == (0, 1, 0, 0, 0)
    assert counts(imported(admin_client, [["Номер", "ФИО"], ["N-1", "Сидоров"]], ORDERS)) == (0, 1, 0, 0, 0)
    client.refresh_from_db()
    order.refresh_from_db()
    assert (client.lastname, client.firstname) == ("Сидоров", "Petr")
    assert (order.client_lastname, order.client_firstname) == ("Сидоров", "Petr")

    run = imported(admin_client, [["Номер", "ФИО", "Улица"], ["N-1", "", "Арбат"]], ORDERS, clears="on")
    assert counts(run) == (0, 1, 0, 0, 0)
    order.refresh_from_db()
    assert (order.client_lastname, order.client_firstname) == ("", "")


def test_a_client_is_found_by_phone_however_it_is_written(admin_client: Browser) -> None:
    rows = [["Фамилия", "Телефон", "Дата рождения"], ["Петров", "+7 916 123-45-67", "01.02.1980"]]
    assert counts(imported(admin_client, rows, CLIENTS)) == (1, 0, 0, 0, 0)
    client = Client.objects.get()
    assert (client.phone_e164, str(client.birthday)) == ("+79161234567", "1980-02-01")

    rows[1][1] = "79161234567"
    assert counts(imported(admin_client, rows, CLIENTS)) == (0, 0, 1, 0, 0)
    rows[1][0] = "Сидоров"
    assert counts(imported(admin_client, rows, CLIENTS)) == (0, 1, 0, 0, 0)
    client.refresh_from_db()
    assert client.lastname == "Сидоров"


def test_a_client_who_was_merged_stays_as_he_is(admin_client: Browser) -> None:
    main = builders.client(ireca_id="c1", phone="+79160000001")
    builders.client(ireca_id="c2", phone="+79160000002", merged_into=main)
    rows = [["iRECA id", "Фамилия"], ["c2", "Иванов"]]

    assert counts(checked(admin_client, rows, CLIENTS)) == (0, 0, 0, 0, 1)


def test_a_client_without_a_name_or_with_a_wrong_inn_is_refused(admin_client: Browser) -> None:
    rows = [["Фамилия", "Телефон", "ИНН"], ["", "+79161234567", ""], ["Петров", "+79161234568", "1234567890"]]

    assert counts(checked(admin_client, rows, CLIENTS)) == (0, 0, 0, 0, 2)
