"""The pages of accounts in a browser: nothing cut off on a phone, nothing on the console, dark and light."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from backoffice.accounts.models import Authenticator, Event
from tests import chromium
from tests.accounts.logging_in import ACCOUNT, INDEX, LOGIN, PASSWORD, SETUP, STEP, code, person
from tests.chromium import Open
from tests.orders import builders

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1440, "height": 900}}
SHOTS = os.environ.get("SHOTS", "")  # a directory for pictures of each page, for a person to look at


@pytest.fixture(autouse=True)
def _database_beside_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs a loop of its own in this thread, which Django takes for asynchronous code."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def open_page(live_server: LiveServer) -> Iterator[Open]:
    with chromium.pages(live_server.url) as opened:
        yield opened


def seen(page: Page, name: str) -> None:
    """It is as wide as the window, and no word of it is left in another language."""
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    cut = page.evaluate(
        """() => {
        const scrolling = (each) => /auto|scroll|hidden/.test(getComputedStyle(each).overflowX);
        const scrolls = (each) => each && (scrolling(each) || scrolls(each.parentElement));
        return [...document.querySelectorAll('main *, #content *, form *')].filter((each) => {
            const box = each.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1 && getComputedStyle(each).position !== 'fixed'
                && !scrolls(each);
        }).map((each) => each.outerHTML.slice(0, 120)) }"""
    )
    assert cut == [], name
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS, f"{name}.png")), full_page=True)


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desk", "light")])
def test_the_way_through_all_pages_of_an_account(
    live_server: LiveServer, open_page: Open, size: str, scheme: Any, settings: Any
) -> None:
    settings.LOGIN_FAILURES = settings.AXES_FAILURE_LIMIT = 2
    settings.PUBLIC_URL = live_server.url
    anna = person("anna", is_superuser=True, first_name="Анна", last_name="Константинопольская")
    browser = Browser(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36"})
    browser.force_login(anna)
    other = Browser(headers={"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Safari/604.1"})
    other.force_login(anna)
    client = builders.order().client or builders.client()
    page = open_page(browser, locale="ru", color_scheme=scheme, viewport=SIZES[size])
    name = f"{size}-{scheme}"

    def look(path: str, what: str) -> None:
        page.goto(f"{live_server.url}{path}")
        seen(page, f"{name}-{what}")

    look(ACCOUNT, "account-without")
    look(SETUP, "authenticator")
    page.fill("[name=code]", "000000")
    page.click("main [type=submit], #content [type=submit]")
    seen(page, f"{name}-authenticator-wrong")
    Authenticator.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    page.fill("[name=code]", code(anna))
    page.click("main [type=submit], #content [type=submit]")
    page.wait_for_selector("code")
    seen(page, f"{name}-codes")
    look(ACCOUNT, "account")
    look(f"{ACCOUNT}codes/", "codes-new")
    look(f"{ACCOUNT}authenticator/off/", "off")
    page.fill("[name=password]", "wrong")
    page.fill("[name=code]", "000000")
    page.click("main [type=submit], #content [type=submit]")
    seen(page, f"{name}-off-wrong")
    for path, what in (
        ("/admin/accounts/event/", "audit"),
        ("/admin/accounts/attempt/", "attempts"),
        ("/admin/accounts/visit/", "visits"),
        (f"/admin/auth/user/{anna.pk}/change/", "person"),
        (f"/admin/orders/client/{client.pk}/data/", "client-data"),
        ("/admin/password_change/", "password"),
        ("/admin/auth/user/add/", "person-add"),
    ):
        look(path, what)
    page.check("[name=usable_password][value=true]")
    page.fill("[name=password1]", "слон")
    assert page.inner_text(".password-rating") == "слишком короткий"
    page.fill("[name=password1]", "слон идёт домой один")
    assert page.inner_text(".password-rating") == "надёжный"
    page.press("[name=password1]", "Tab")
    page.keyboard.press("Enter")
    assert page.get_attribute("[name=password1]", "type") == "text"
    seen(page, f"{name}-person-add-typed")

    # a link, and where it leads
    eva = person("eva")
    page.goto(f"{live_server.url}/admin/auth/user/{eva.pk}/change/")
    page.click("text=Создать ссылку для выбора пароля")
    page.wait_for_selector("[data-copy] input")
    seen(page, f"{name}-link")
    link = page.input_value("[data-copy] input")

    # from outside again
    page.context.clear_cookies()
    page.goto(link)
    page.fill("[name=new_password1]", "abc")
    page.fill("[name=new_password2]", "abc")
    page.click("form [type=submit] >> text=Задать пароль")
    seen(page, f"{name}-choose-wrong")
    page.fill("[name=new_password1]", "слон идёт домой один")
    page.fill("[name=new_password2]", "слон идёт домой один")
    page.click("form [type=submit] >> text=Задать пароль")
    page.wait_for_url(f"**{LOGIN}")
    seen(page, f"{name}-chosen")
    page.goto(link)
    seen(page, f"{name}-choose-again")
    look(LOGIN, "login")
    page.fill("[name=username]", "anna")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url(f"**{STEP}**")
    seen(page, f"{name}-second-step")
    assert User.objects.get(pk=anna.pk).last_login is not None
    assert Event.objects.filter(kind=Event.Kind.SECOND_ON).exists()
    assert page.url.startswith(f"{live_server.url}{STEP}")
    assert INDEX not in page.url.removeprefix(f"{live_server.url}{STEP}").partition("?")[0]


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desk", "light")])
def test_the_page_of_who_is_locked(live_server: LiveServer, size: str, scheme: Any, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = settings.LOGIN_FAILURES = 1
    person("anna")
    browser = Browser()
    browser.force_login(person("boris"))
    told: list[str] = []

    def fail(page: Page) -> None:
        page.context.clear_cookies()
        for _ in range(2):
            page.goto(f"{live_server.url}{LOGIN}")
            page.fill("[name=username]", "anna")
            page.fill("[name=password]", "wrong")
            page.click("[type=submit]")
            page.wait_for_load_state("networkidle")
        seen(page, f"{size}-{scheme}-locked")
        told.append(page.inner_text("body"))

    # The browser itself says on the console that a page was answered 429.
    with pytest.raises(AssertionError), chromium.pages(live_server.url) as opened:
        fail(opened(browser, locale="ru", color_scheme=scheme, viewport=SIZES[size]))
    assert "15 минут" in told[0]
