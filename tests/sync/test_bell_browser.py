"""The bell in a real browser: counts by itself, opens and is left by keyboard, marks, fits a phone, ends in silence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.models import Notice, NoticeReader, Push
from backoffice.sync.notices import watch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/admin/sync/push/"


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
        context = browser.new_context(locale="en", viewport={"width": 390, "height": 800})
        session = admin_client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        opened = context.new_page()
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        opened.clock.install()
        yield opened
        browser.close()
    assert troubles == []


def refuse(entity: str) -> None:
    state = {"orders": "refused", "goods": "unknown"}[entity]
    Push.objects.create(entity=entity, object_id=1, state=state)
    watch.watch(timezone.now(), all_kinds=True)


def test_it_counts_by_itself_and_says_so(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + PAGE)
    count, status = page.locator(".bell-count"), page.locator("#bell [role=status]")
    expect(count).to_be_hidden()
    refuse("orders")
    page.clock.run_for(61_000)
    expect(count).to_have_text("1")
    expect(status).to_have_text("1 new notice")
    expect(page.get_by_role("button", name="Notices: 1 new notice")).to_be_visible()


def test_by_keyboard_on_a_phone(page: Page, live_server: LiveServer) -> None:
    refuse("orders")
    refuse("goods")
    page.goto(live_server.url + PAGE)
    opener, panel = page.locator(".bell-opener"), page.locator("#bell-panel")
    expect(page.locator(".bell-count")).to_have_text("2")
    opener.focus()
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("1 change was refused")
    expect(opener).to_have_attribute("aria-expanded", "true")
    box = panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#bell-title")).to_be_focused()

    page.locator("#bell-panel .bell-item button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".bell-count")).to_have_text("1")
    expect(page.locator("#bell-panel .bell-seen")).to_have_count(1)
    expect(page.locator("#bell-panel :focus")).to_have_count(1)
    assert NoticeReader.objects.count() == 1

    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Mark all as seen").click()
    expect(page.locator(".bell-count")).to_be_hidden()
    expect(panel).to_contain_text("seen")
    assert NoticeReader.objects.count() == 2


def test_who_is_signed_out_is_not_asked_again(page: Page, live_server: LiveServer) -> None:
    refuse("orders")
    page.goto(live_server.url + PAGE)
    expect(page.locator(".bell-count")).to_have_text("1")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    Session.objects.all().delete()
    page.clock.run_for(61_000)
    page.wait_for_timeout(300)
    assert len(asked) == 1
    page.clock.run_for(200_000)
    page.wait_for_timeout(300)
    assert len(asked) == 1
    assert Notice.objects.count() == 1
