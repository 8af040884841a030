"""Pages in Debian's Chromium, for tests of what only a browser does. An error on the console fails it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client as Browser
from playwright.sync_api import Page, sync_playwright

Open = Callable[..., Page]


@contextmanager
def pages(address: str) -> Iterator[Open]:
    """Gives `open(client, **context)`: a page of its own for who is logged in at the test client."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no browser")
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        def open_page(client: Browser, **context: Any) -> Page:
            window = browser.new_context(**{"locale": "en", "viewport": {"width": 1440, "height": 900}, **context})
            window.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
            page = window.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
            page.clock.install()
            return page

        yield open_page
        browser.close()
    assert troubles == []
