"""Two browsers at one order: each hears of the other, and of what he saved, without reloading."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.models import Presence
from orders.models import Client
from tests import chromium
from tests.orders import builders
from tests.orders.pages import change_form, change_url, save

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_open_form_hears_and_asks(
    live_server: LiveServer, admin_client: Browser, dispatcher: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    row = builders.order(1, description="door")
    with chromium.pages(live_server.url) as open_page:
        page, other = open_page(admin_client), open_page(dispatcher)
        page.goto(live_server.url + change_url(row))
        expect(page.locator("#together")).to_be_hidden()
        other.goto(live_server.url + change_url(row))
        expect(other.locator("#together")).to_contain_text("admin has this open since")
        page.clock.run_for(21_000)
        expect(page.locator("#together")).to_contain_text("dispatcher has this open since")

        other.goto("about:blank")
        for _ in range(50):  # its last word comes when it will
            if Presence.objects.count() == 1:
                break
            page.wait_for_timeout(100)
        page.clock.run_for(21_000)
        expect(page.locator("#together")).to_be_hidden()
        assert Presence.objects.count() == 1

        save(dispatcher, row, {**change_form(dispatcher, row), "description": "gate"})
        page.clock.run_for(21_000)
        expect(page.locator("#together")).to_contain_text("dispatcher changed “Description” from “door” to “gate”")
        page.locator("[name=description]").fill("window")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("Whose value stays?")
        expect(page.locator("[name=description]")).to_have_value("window")
        page.get_by_role("button", name="Save and keep theirs").click()
        page.wait_for_url("**/order/")
    row.refresh_from_db()
    assert row.description == "gate"


def test_who_is_signed_out_loses_nothing(
    live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    row = builders.order(1, description="door")
    with chromium.pages(live_server.url) as open_page:
        page = open_page(admin_client)
        page.goto(live_server.url + change_url(row))
        page.locator("[name=description]").fill("gate")
        Session.objects.all().delete()
        page.clock.run_for(21_000)
        expect(page.locator("#together")).to_contain_text("You were signed out.")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("[name=description]")).to_have_value("gate")
        sign_in(page)
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/order/")
    row.refresh_from_db()
    assert row.description == "gate"


def sign_in(page: Page) -> None:
    """Again, in the window that the form offers."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new window").click()
    other = opened.value
    other.locator("[name=username]").fill("admin")
    other.locator("[name=password]").fill("password")
    other.locator("[name=password]").press("Enter")
    other.wait_for_url("**/admin/")


def test_what_is_new_is_not_lost_either(
    live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium.pages(live_server.url) as open_page:
        page = open_page(admin_client)
        page.goto(f"{live_server.url}/admin/orders/client/add/")
        page.locator("[name=title]").fill("Romashka")
        Session.objects.all().delete()
        page.clock.run_for(6_000)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#together")).to_contain_text("You were signed out.")
        sign_in(page)
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/client/")
    assert Client.objects.get().title == "Romashka"
    assert not Presence.objects.exists()
