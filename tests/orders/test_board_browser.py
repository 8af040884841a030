"""The board in a real browser: cards dragged one by one and together, the same by keyboard, and a look that disturbs
neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from couriers.models import Courier
from orders.models import DeliveryStatus, Order
from tests import chromium
from tests.orders import builders
from tests.orders.test_board import BOARD, on_shift

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: LiveServer, dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium.pages(live_server.url) as open_page:
        yield open_page(dispatcher)


@pytest.fixture
def couriers(transactional_db: None) -> list[Courier]:
    return [on_shift(builders.courier(name, f"c{name}")) for name in ("Abramov", "Borisov")]


def zone(page: Page, courier: Courier | None) -> Any:
    return page.locator(f".board-zone[data-courier='{courier.pk if courier else ''}']")


def card(page: Page, order: Order) -> Any:
    return page.locator(f".board-card[data-order='{order.pk}']")


def courier_of(order: Order) -> Courier | None:
    order.refresh_from_db()
    return order.courier


def test_a_card_is_dragged_and_taken_back(page: Page, live_server: LiveServer, couriers: list[Courier]) -> None:
    order = builders.order(1)
    page.goto(live_server.url + BOARD)
    card(page, order).drag_to(zone(page, couriers[1]).locator("h2"))
    expect(page.locator("#board-status")).to_have_text("N-1: assigned to Borisov")
    expect(zone(page, couriers[1])).to_contain_text("N-1")
    assert courier_of(order) == couriers[1]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#board-status")).to_have_text("N-1: back as before")
    expect(zone(page, None)).to_contain_text("N-1")
    assert courier_of(order) is None


def test_what_is_selected_goes_together(page: Page, live_server: LiveServer, couriers: list[Courier]) -> None:
    orders = builders.orders(3)
    page.goto(live_server.url + BOARD + "?view=hours")
    for order in orders[:2]:
        card(page, order).locator(".board-pick").check()
    expect(page.locator("#board-status")).to_have_text("selected: 2")
    card(page, orders[0]).drag_to(zone(page, couriers[0]).locator("h2"))
    expect(page.locator("#board-status")).to_have_text("2 orders: assigned to Abramov")
    assert [courier_of(order) for order in orders] == [couriers[0], couriers[0], None]
    expect(page.locator("#board-give")).to_be_disabled()


def test_the_keyboard_does_the_same(page: Page, live_server: LiveServer, couriers: list[Courier]) -> None:
    first, second, third = builders.orders(3)
    page.goto(live_server.url + BOARD)
    card(page, first).locator(".board-pick").focus()
    page.keyboard.press("ArrowDown")
    expect(card(page, second).locator(".board-pick")).to_be_focused()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#board-status")).to_have_text("N-2: assigned to Abramov")
    expect(card(page, second).locator(".board-pick")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(card(page, first).locator(".board-pick")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Give to…")
    expect(dialog).to_contain_text("N-1, N-3")
    page.keyboard.type("Bor")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#board-status")).to_have_text("2 orders: assigned to Borisov")
    assert [courier_of(order) for order in (first, second, third)] == [couriers[1], couriers[0], couriers[1]]


def test_a_look_keeps_the_selection_the_focus_and_a_drag(
    page: Page, live_server: LiveServer, couriers: list[Courier]
) -> None:
    first, second = builders.orders(2)
    page.goto(live_server.url + BOARD)
    pick = card(page, first).locator(".board-pick")
    pick.check()
    Order.objects.filter(pk=second.pk).update(courier=couriers[0], delivery_status=DeliveryStatus.TAKEN)
    page.clock.run_for(16_000)
    expect(zone(page, couriers[0])).to_contain_text("Taken by the courier")
    expect(pick).to_be_checked()
    expect(pick).to_be_focused()

    card(page, first).hover()
    page.mouse.down()
    page.mouse.move(700, 500, steps=4)
    Order.objects.filter(pk=second.pk).update(courier=couriers[1])
    page.clock.run_for(16_000)
    expect(card(page, first)).to_have_class(re.compile(r"is-picked is-dragged$"))  # late or not, as the hour is
    zone(page, couriers[0]).locator("h2").hover()
    page.mouse.up()
    expect(page.locator("#board-status")).to_have_text("N-1: assigned to Abramov")
    expect(zone(page, couriers[1])).to_contain_text("N-2")


def test_a_narrow_screen_has_nothing_cut(
    live_server: LiveServer, dispatcher: Browser, couriers: list[Courier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    order = builders.order(1)
    with chromium.pages(live_server.url) as open_page:
        narrow = open_page(dispatcher, viewport={"width": 390, "height": 800})
        for view in ("columns", "hours"):
            narrow.goto(f"{live_server.url}{BOARD}?view={view}")
            expect(card(narrow, order)).to_be_visible()
            assert narrow.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
