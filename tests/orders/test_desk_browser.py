"""The order desk in a real browser: rows that change by themselves, the courier in the row, the card; by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from orders.models import DeliveryStatus, Order
from tests.orders import builders
from tests.orders.pages import LIST

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no browser")
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(locale="en", viewport={"width": 1440, "height": 900})
        session = admin_client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        opened = context.new_page()
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        opened.clock.install()
        yield opened
        browser.close()
    assert troubles == []


def row_of(page: Page, order: Order) -> Any:
    return page.locator(f"#result_list tr:has(input.action-select[value='{order.pk}'])")


def test_a_row_changes_by_itself_and_stays_selected(page: Page, live_server: LiveServer) -> None:
    first, second = builders.order(1), builders.order(2)
    page.goto(live_server.url + LIST)
    row_of(page, first).locator("input.action-select").check()
    Order.objects.filter(pk=first.pk).update(delivery_status=DeliveryStatus.TAKEN)
    page.clock.run_for(16_000)
    expect(row_of(page, first)).to_contain_text("Taken by the courier")
    expect(row_of(page, first).locator("input.action-select")).to_be_checked()
    expect(row_of(page, second)).not_to_contain_text("Taken by the courier")

    builders.order(3)
    page.clock.run_for(16_000)
    expect(page.locator("#desk-status")).to_contain_text("The list has changed.")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("#result_list input.action-select")).to_have_count(3)


def test_the_courier_is_given_by_keyboard(page: Page, live_server: LiveServer) -> None:
    order, courier = builders.order(1), builders.courier()
    page.goto(live_server.url + LIST)
    field = page.get_by_label("Courier of order N-1")
    field.fill("Nobody of ours")
    field.press("Enter")
    expect(page.locator("#desk-status")).to_contain_text("There is no such courier.")
    field.fill("Ivanov")
    field.press("Enter")
    expect(page.locator("#desk-status")).to_contain_text("N-1: assigned to Ivanov")
    order.refresh_from_db()
    assert order.courier == courier
    assert page.url.endswith(LIST)


def test_any_word_of_a_name_is_enough_where_only_one_courier_has_it(page: Page, live_server: LiveServer) -> None:
    orders = builders.orders(2)
    builders.courier("Алексей Быстров")
    courier = builders.courier("Алексей Тихий", "2")
    page.goto(live_server.url + LIST)
    for order in orders:
        row_of(page, order).locator("input.action-select").check()
    field = page.get_by_label("Give to courier")
    field.fill("алекс")
    field.press("Enter")
    expect(page.locator("#desk-status")).to_contain_text("Several couriers")
    field.fill("тих")
    field.press("Enter")
    expect(page.locator("body")).to_contain_text("2 orders: assigned to Алексей Тихий.")
    assert Order.objects.filter(courier=courier).count() == 2


def test_the_card_opens_and_closes_by_keyboard(page: Page, live_server: LiveServer) -> None:
    builders.order(1, description="ring twice")
    page.goto(live_server.url + LIST)
    button = page.get_by_role("button", name="Order N-1")
    button.focus()
    page.keyboard.press("Enter")
    card = page.locator("#desk-card")
    expect(card).to_contain_text("ring twice")
    expect(card.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(button).to_be_focused()
