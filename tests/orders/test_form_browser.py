"""The order form in a real browser: goods that are scanned, a client who is found, a place that is picked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client as Browser
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from catalog.models import Good, Stock, Warehouse
from fiscal.models import Tax
from orders.models import Client, Order
from tests import chromium
from tests.orders import builders
from tests.orders.pages import change_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium.pages(live_server.url) as open_page:
        yield open_page(admin_client)


def test_scanned_goods_become_lines_and_the_sum_follows(page: Page, live_server: LiveServer) -> None:
    row = builders.with_lines(builders.order(1), 1)  # 2 × 50, and 100 to pay
    tax, there = builders.known(Tax, "t", title="22%"), builders.known(Warehouse, "w", title="Main")
    tea = builders.known(Good, "g9", title="Tea", price=Decimal("30.50"), barcode="4600000000015", tax=tax, unit="pcs")
    Stock.objects.create(good=tea, warehouse=there, count=7)
    page.goto(f"{live_server.url}{change_url(row)}#lines")
    field = page.get_by_label("Add a good")
    field.focus()
    for _scan in range(3):  # a scanner does not wait for an answer
        page.keyboard.type("4600000000015")
        page.keyboard.press("Enter")
    expect(page.locator("#form-goods-status")).to_have_text("Tea: 3 by now")
    expect(field).to_be_focused()
    expect(page.locator("#id_lines-1-count")).to_have_value("3")
    expect(page.locator("#id_lines-1-total")).to_have_value("91.50")
    line = page.locator("tr:has(#id_lines-1-count)")
    expect(line).to_contain_text("in stock, Main: 7")
    expect(line).to_contain_text("VAT 22 %: 16.50")
    expect(page.locator("#form-totals")).to_contain_text("191.50")

    page.locator("#id_lines-0-count").fill("1")
    expect(page.locator("#id_lines-0-total")).to_have_value("50.00")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("#id_lines-1-total")).to_have_value("91.50")
    row.refresh_from_db()
    assert row.amount_to_pay == Decimal("141.50")
    first, second = row.lines.all()
    assert (first.total, second.total, second.good, second.tax, second.unit) == (50, Decimal("91.50"), tea, tax, "pcs")


def test_a_good_is_chosen_among_several_by_keyboard(page: Page, live_server: LiveServer) -> None:
    row = builders.order(1, amount_to_pay=0)
    for number in (1, 2):
        builders.known(Good, f"t{number}", title=f"Tea {number}", price=Decimal(10))
    page.goto(f"{live_server.url}{change_url(row)}#lines")
    field = page.get_by_label("Add a good")
    field.fill("tea")
    expect(page.get_by_role("option")).to_have_count(2)
    field.press("ArrowDown")
    field.press("ArrowDown")
    field.press("Enter")
    expect(page.locator("#form-goods-status")).to_have_text("Added: Tea 2")
    expect(page.locator("#form-goods-list")).to_be_hidden()
    assert page.url.endswith("#lines")


def test_a_client_is_found_by_phone_and_taken_over(page: Page, live_server: LiveServer) -> None:
    client = builders.client(phone="8 (916) 123-45-67")
    builders.order(1, client=client, to_latitude=Decimal("55.75"), to_longitude=Decimal("37.6"))
    page.goto(f"{live_server.url}/admin/orders/order/add/")
    field = page.get_by_label("Find the client")
    field.fill("916 123")
    expect(page.locator("#form-clients-list [role=option]")).to_contain_text("Petrov Petr")
    field.press("ArrowDown")
    field.press("Enter")
    expect(page.locator("#form-client-card")).to_contain_text("N-1")
    expect(page.locator("#id_phone")).to_have_value("8 (916) 123-45-67")
    expect(page.locator("#id_client")).to_have_value(str(client.pk))
    expect(page.locator("#id_client_lastname")).to_have_value("Petrov")
    expect(page.locator("#id_to_street")).to_have_value("Arbat")  # he has no address, so that of his last order
    assert not Order.objects.filter(number="").exists()


def test_a_new_client_is_made_once_and_who_has_the_phone_is_offered(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/admin/orders/order/add/")
    field, button = page.get_by_label("Find the client"), page.get_by_role("button", name="New client", exact=True)
    page.locator("#id_client_lastname").fill("Novikov")
    button.dblclick()
    expect(page.locator("#form-clients-status")).to_contain_text("Taken over")
    assert Client.objects.count() == 1

    known = builders.client(phone="+79161234567")
    page.goto(f"{live_server.url}/admin/orders/order/add/")
    field.fill("8 (916) 123-45-67")
    button.click()
    expect(page.locator("#form-clients-status")).to_contain_text("There is a client with this phone already")
    page.get_by_role("button", name="Take Petrov Petr").click()
    expect(page.locator("#id_client")).to_have_value(str(known.pk))
    assert Client.objects.count() == 2


def test_a_place_is_picked_on_the_map_or_typed(page: Page, live_server: LiveServer) -> None:
    row = builders.order(1)
    page.goto(live_server.url + change_url(row))
    page.get_by_text("Where to", exact=True).first.click()
    box = page.locator("[data-place=to]")
    expect(box.get_by_role("status")).to_have_text("No place is chosen.")
    box.locator(".leaflet-container").click(position={"x": 60, "y": 120})
    expect(box.locator(".form-pin")).to_be_visible()
    latitude = page.locator("#id_to_latitude")
    expect(latitude).not_to_have_value("")
    expect(page.locator("#id_to_is_use_google_geo")).to_have_value("false")

    latitude.fill("59.9343")
    page.locator("#id_to_longitude").fill("30.3351")
    expect(box.get_by_role("status")).to_have_text("Where to deliver: 59.934300, 30.335100")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_load_state()
    row.refresh_from_db()
    assert (row.to_latitude, row.to_longitude, row.to_is_use_google_geo) == (
        Decimal("59.9343"),
        Decimal("30.3351"),
        False,
    )
