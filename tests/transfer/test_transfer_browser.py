"""An import and an export in a real browser: file, columns, preview, confirmation, the rows that failed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from django.test import Client as Browser
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from catalog.models import Good
from tests.orders.builders import known
from tests.transfer.pages import GOODS, as_csv, rows_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILE = [["Артикул", "Что это", "Цена"], ["A-1", "Tea", "12,50"], ["A-2", "Honey", "much"], ["A-3", "Salt", "3"]]


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
        context = browser.new_context(locale="en", viewport={"width": 390, "height": 900})
        session = admin_client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        opened = context.new_page()
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        yield opened
        browser.close()
    assert troubles == []


def test_a_file_is_imported_step_by_step(page: Page, live_server: LiveServer) -> None:
    known(Good, "1", article="A-1", title="Tea", price=10)
    page.goto(live_server.url + GOODS)
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File (CSV or XLSX)").set_input_files(
        {"name": "price.csv", "mimeType": "text/csv", "buffer": as_csv(FILE)}
    )
    page.get_by_role("button", name="Next: columns").click()

    expect(page.get_by_label("Артикул")).to_have_value("article")
    expect(page.get_by_label("Цена")).to_have_value("price")
    page.get_by_label("Что это").select_option("title")
    page.get_by_role("button", name="Next: see what would change").click()

    expect(page.locator("#import-run [role=status]")).to_have_text("Checked, to be confirmed")
    expect(page.locator("#import-run")).to_contain_text("10.00 → 12.50")
    expect(page.locator("#import-run")).to_contain_text("“much” is no number.")
    assert Good.objects.count() == 1
    page.get_by_role("button", name="Import", exact=True).click()

    expect(page.locator("#import-run [role=status]")).to_have_text("Imported")
    assert sorted(Good.objects.values_list("article", flat=True)) == ["A-1", "A-3"]
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    header, failed = rows_of(download.value.path().read_bytes())
    assert (header[:3], failed[:3]) == (FILE[0], FILE[2])
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_list_is_exported_in_the_chosen_columns(page: Page, live_server: LiveServer) -> None:
    known(Good, "1", article="A-1", title="Tea", price=10)
    known(Good, "2", article="A-2", title="Salt", is_active=False)
    page.goto(f"{live_server.url}{GOODS}?is_active__exact=1")
    page.get_by_role("link", name="Export").click()
    page.wait_for_url("**/export/**")
    page.locator("input[name=column]").evaluate_all(
        "boxes => boxes.forEach(box => { box.checked = ['title', 'price'].includes(box.value); })"
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()

    assert [row[0] for row in rows_of(download.value.path().read_bytes())[1:]] == ["Tea"]
