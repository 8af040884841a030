"""The search above the sidebar, by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client as Browser
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import chromium

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium.pages(live_server.url) as open_page:
        yield open_page(admin_client)


def search(page: Page, text: str) -> None:
    page.locator("#nav-filter").fill(text)
    page.locator("#nav-filter").press("e")  # the search listens to keys
    page.locator("#nav-filter").press("Backspace")
    page.clock.run_for(600)


def test_enter_opens_what_was_found_first(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + "/admin/sync/push/")
    search(page, "courier")
    found = page.locator("#search-results a")
    expect(found.first).to_be_visible()
    address = found.first.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(str(address)) + "$"))


def test_arrows_go_through_what_was_found_and_back(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + "/admin/sync/push/")
    search(page, "courier")
    found = page.locator("#search-results a")
    expect(found.nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(found.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#nav-filter")).to_be_focused()


def test_enter_without_a_match_does_nothing(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + "/admin/sync/push/")
    search(page, "no such page")
    page.keyboard.press("Enter")
    expect(page).to_have_url(live_server.url + "/admin/sync/push/")
