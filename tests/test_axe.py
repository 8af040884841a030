"""What axe says of every main page, light and dark: nothing serious, nothing critical."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.mirrored import SyncState
from orders import demo
from orders.models import DeliveryStatus, Order
from tests import chromium
from tests.orders import builders

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
GRAVE = ("serious", "critical")
# What is not about colours is the same in the dark.
OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RULES: dict[str, Any] = {"light": {}, "dark": OF_COLOURS}
# As the switch of the theme does; nothing on what is printed, which has none.
SWITCH = """async scheme => {
    if (!window.Alpine) return null;
    Alpine.$data(document.documentElement).switchTheme(scheme);
    await Alpine.nextTick();
    return document.documentElement.classList.contains("dark") ? "dark" : "light";
}"""
ORDERS = "/admin/orders/order/"
PAGES = (
    "/admin/",
    ORDERS,
    f"{ORDERS}?day=today&attention=no_courier",
    f"{ORDERS}?q=nothing",
    f"{ORDERS}columns/",
    f"{ORDERS}board/",
    f"{ORDERS}board/?view=hours",
    f"{ORDERS}map/",
    f"{ORDERS}add/",
    f"{ORDERS}{{order}}/change/",
    f"{ORDERS}{{order}}/split/",
    f"{ORDERS}print/routes/?ids={{order}}",
    f"{ORDERS}print/labels/?ids={{order}}",
    f"{ORDERS}print/forms/?ids={{order}}",
    "/admin/orders/routeplan/",
    "/admin/orders/client/",
    "/admin/couriers/courier/",
    "/admin/couriers/courier/map/",
    "/admin/couriers/license/",
    "/admin/couriers/permission/",
    "/admin/catalog/good/",
    "/admin/fiscal/control/",
    "/admin/fiscal/shifts/",
    "/admin/fiscal/receipt/",
    "/admin/notices/",
    "/admin/sync/health/",
    "/admin/sync/push/",
    "/admin/partners/source/",
    "/reports/",
    "/reports/orders/",
)


@pytest.fixture
def order(ireca: Any) -> Order:
    """A day of the demo on what the sandbox told, with an order of every kind that looks different."""
    demo.load_day(timezone.localtime())
    rows = list(Order.objects.filter(number__contains="-").order_by("pk"))
    for row, state in zip(rows, DeliveryStatus.values, strict=False):
        Order.objects.filter(pk=row.pk).update(delivery_status=state, sync_state=SyncState.CONFLICT)
    late = {"delivery_time_to": timezone.now() - timedelta(hours=1), "sync_state": SyncState.FAILED}
    Order.objects.filter(pk__in=[row.pk for row in rows[6:9]]).update(**late)
    return builders.with_lines(rows[-1], 2)


@pytest.fixture
def open_page(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[chromium.Open]:
    # Playwright keeps an event loop in this thread; the test still works on the database by itself.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with chromium.pages(live_server.url) as opened:
        yield opened


def test_nothing_serious(
    order: Order, open_page: chromium.Open, live_server: LiveServer, admin_client: Browser
) -> None:
    page = open_page(admin_client)
    page.emulate_media(reduced_motion="reduce")  # what fades in is told for what it becomes
    found: dict[str, set[str]] = {}
    for address in PAGES:
        page.goto(live_server.url + address.format(order=order.pk))
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE)
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(SWITCH, scheme) in (scheme, None), address
            said = page.evaluate("rules => axe.run(document, {resultTypes: ['violations'], ...rules})", rules)
            for fault in said["violations"]:
                if fault["impact"] in GRAVE:
                    for node in fault["nodes"]:
                        found.setdefault(f"{scheme}, {fault['id']}: {node['html'][:200]}", set()).add(address)
    assert not found, "\n".join(f"{fault}  on {', '.join(sorted(where))}" for fault, where in found.items())
