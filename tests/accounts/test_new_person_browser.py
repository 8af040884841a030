"""A person is added: fields for a password are there only for who sets it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from tests import chromium

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_no_password_is_asked_of_who_leaves_it_to_the_person(
    live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium.pages(live_server.url) as open_page:
        page = open_page(admin_client)
        page.goto(f"{live_server.url}/admin/auth/user/add/")
        field = page.locator("#id_password1")
        expect(field).to_be_hidden()
        page.get_by_label("I set it here").check()
        expect(field).to_be_visible()
        field.fill("something typed")
        page.get_by_label("The person chooses it").check()
        expect(field).to_be_hidden()
        page.locator("#id_username").fill("eva")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/change/")
    assert not User.objects.get(username="eva").has_usable_password()
