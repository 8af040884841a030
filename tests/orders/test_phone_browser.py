"""Lists on a phone: what a cell says is seen whole."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.enqueue import untracked
from backoffice.sync.mirrored import SyncState
from couriers.models import Courier
from orders.models import Order
from tests import chromium
from tests.orders import builders

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CUT_OFF = """cells => cells
    .filter(cell => cell.scrollHeight > cell.clientHeight + 1 || cell.scrollWidth > cell.clientWidth + 1)
    .map(cell => cell.innerText)"""


@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
def test_no_cell_is_cut_off(
    live_server: LiveServer, admin_client: Browser, monkeypatch: pytest.MonkeyPatch, colour_scheme: str
) -> None:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    courier = builders.courier()
    row = builders.order(1, client=builders.client(), cash=5000, courier=courier, **builders.CLOSED)
    with untracked():
        for model, pk in ((Order, row.pk), (Courier, courier.pk)):
            model.objects.filter(pk=pk).update(sync_state=SyncState.CONFLICT)
    screen = {"viewport": {"width": 390, "height": 844}, "color_scheme": colour_scheme, "locale": "ru"}
    with chromium.pages(live_server.url) as open_page:
        page = open_page(admin_client, **screen)
        for name in ("orders/order", "couriers/courier"):
            page.goto(f"{live_server.url}/admin/{name}/?all=1")
            expect(page.locator("#result_list tbody tr")).to_have_count(1)
            assert page.locator("#result_list tbody :is(th, td)").evaluate_all(CUT_OFF) == []
