"""Orders with their lines, and clients, from files."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone

from backoffice.partners.models import Source
from backoffice.sync.models import Push
from catalog.models import Good
from fiscal.models import PaymentType
from orders.models import Client, Line, Order
from tests.orders import builders
from tests.orders.builders import known
from tests.transfer.pages import checked, counts, errors, imported

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
