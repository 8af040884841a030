"""The map of orders: which of them it shows, who may see it, and what is done on it; then in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.models import Push
from couriers.models import License, Location
from orders import map as order_map
from orders.models import BulkChange, DeliveryStatus, Hold, Order, RoutePlan
from tests.orders import builders
from tests.orders.test_desk_browser import page  # noqa: F401  # a fixture

MAP = "/admin/orders/order/map/"
DATA = MAP + "data/"


def placed(nth: int, latitude: float = 55.75, longitude: float = 37.62, **fields: Any) -> Order:
    return builders.order(nth, to_latitude=latitude, to_longitude=longitude, **fields)


def shown(browser: Browser, query: str = "") -> dict[str, dict[str, Any]]:
    return {order["number"]: order for order in browser.get(DATA + query).json()["orders"]}


def of_page(html: str, name: str) -> Any:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.django_db
def test_it_shows_the_open_orders_of_today_unless_asked_for_others(dispatcher: Browser) -> None:
    placed(1)
    placed(2, **builders.CLOSED)
    placed(3, delivery_time_from=builders.at(10, 1), delivery_time_to=builders.at(12, 1))
    placed(4, hold=Hold.PICKUP)
    builders.order(5)
    assert set(shown(dispatcher)) == {"N-1", "N-5"}
    assert set(shown(dispatcher, "?day=tomorrow")) == {"N-3"}
    assert set(shown(dispatcher, "?delivery_status=10")) == {"N-2"}
    assert set(shown(dispatcher, "?q=N-4")) == {"N-4"}
    assert set(shown(dispatcher, "?all=1")) == {"N-1", "N-2", "N-3", "N-4", "N-5"}
    assert not shown(dispatcher, "?q=N-4")["N-4"]["free"]
    assert shown(dispatcher)["N-5"]["place"] is None
    assert dispatcher.get(MAP + "?courier__id__exact=nobody").headers["Location"] == MAP


@pytest.mark.django_db
def test_it_tells_who_has_an_order_and_how_urgent_it_is(dispatcher: Browser) -> None:
    now = timezone.now()
    courier = builders.courier()
    placed(1, delivery_time_to=now - timedelta(minutes=1))
    placed(2, delivery_time_to=now + timedelta(minutes=20), courier=courier)
    placed(3, delivery_time_to=now + timedelta(hours=2))
    placed(4, delivery_time_to=now - timedelta(minutes=1), **builders.CLOSED)
    found = shown(dispatcher, "?all=1")
    assert [found[f"N-{nth}"]["haste"] for nth in (1, 2, 3, 4)] == ["late", "risk", "", ""]
    assert (found["N-2"]["courier"], found["N-2"]["name"]) == (courier.pk, "Ivanov")
    assert found["N-1"]["courier"] is None


@pytest.mark.django_db
def test_more_than_a_person_can_look_at_is_cut_and_said(
    dispatcher: Browser, monkeypatch: pytest.MonkeyPatch, queries: Callable
) -> None:
    for nth in range(1, 6):
        placed(nth)
    few = queries(lambda: dispatcher.get(DATA))
    monkeypatch.setattr(order_map, "MOST", 3)
    answer = dispatcher.get(DATA).json()
    assert len(answer["orders"]) == 3
    assert "3 of 5 orders" in answer["capped"]
    for nth in range(6, 30):
        placed(nth)
    monkeypatch.setattr(order_map, "MOST", 3000)
    assert len(queries(lambda: dispatcher.get(DATA))) == len(few)
    assert dispatcher.get(DATA).json()["capped"] == ""


@pytest.mark.django_db
def test_the_list_leads_to_the_map_of_its_filter_and_back(dispatcher: Browser) -> None:
    placed(1)
    assert (
        f'href="{MAP}?day=tomorrow&amp;status=0"' in dispatcher.get("/admin/orders/order/?day=tomorrow&status=0").text
    )
    html = dispatcher.get(MAP + "?day=tomorrow").text
    assert 'href="/admin/orders/order/?day=tomorrow"' in html
    assert of_page(html, "map-data")["orders"] == []
    assert of_page(html, "map-config")["data"] == DATA + "?day=tomorrow"


@pytest.mark.django_db
def test_rights(dispatcher: Browser, manager: Browser, stranger: Browser) -> None:
    order, courier = placed(1), builders.courier()
    posts = {
        MAP + "assign/": {"ids": str(order.pk), "courier": str(courier.pk)},
        f"/admin/orders/order/{order.pk}/place/": {"latitude": "1", "longitude": "2"},
    }
    for url in (MAP, DATA, f"{MAP}track/{courier.pk}/"):
        assert stranger.get(url).status_code == 403
        assert manager.get(url).status_code == 200
    for url, body in posts.items():
        assert manager.post(url, body).status_code == 403
        assert dispatcher.get(url).status_code == 405
    assert "orders-assign" not in manager.get(MAP).text
    order.refresh_from_db()
    assert order.courier is None


@pytest.mark.django_db
def test_where_couriers_are_takes_rights_of_its_own(client: Browser) -> None:
    courier = builders.courier()
    License.objects.create(courier=courier, device_id="d", is_open=True)
    Location.objects.create(courier=courier, created_at=timezone.now(), latitude=55.7, longitude=37.6)
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client.force_login(user)
    assert client.get(DATA).json()["couriers"] == []
    assert client.get(f"{MAP}track/{courier.pk}/").status_code == 403
    rights = ("view_courier", "view_location", "view_personal")
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    assert [one["name"] for one in client.get(DATA).json()["couriers"]] == ["Ivanov"]
    assert len(client.get(f"{MAP}track/{courier.pk}/").json()["points"]) == 1


@pytest.mark.django_db
def test_chosen_orders_are_assigned_and_each_says_what_happened(dispatcher: Browser) -> None:
    first, closed, courier = placed(1), placed(2, **builders.CLOSED), builders.courier()
    told = dispatcher.post(MAP + "assign/", {"ids": f"{first.pk},{closed.pk}", "courier": courier.pk}).json()["told"]
    assert [one["level"] for one in told] == ["success", "warning"]
    assert "assigned to Ivanov" in told[0]["html"]
    assert "/undo/" in told[0]["html"]
    assert "already closed" in told[1]["html"]
    first.refresh_from_db()
    assert first.courier == courier
    for body in ({"ids": "", "courier": courier.pk}, {"ids": first.pk, "courier": "0"}, {"ids": first.pk}):
        assert dispatcher.post(MAP + "assign/", body).status_code == 400


@pytest.mark.django_db
def test_what_another_page_left_to_tell_is_text_and_our_links_are_links(dispatcher: Browser) -> None:
    order, courier = placed(1), builders.courier()
    dispatcher.post("/admin/orders/order/views/", {"title": "<img src=x onerror=alert(1)>", "query": "day=today"})
    told = dispatcher.post(MAP + "assign/", {"ids": order.pk, "courier": courier.pk}).json()["told"]
    undo = f"/admin/orders/order/undo/{BulkChange.objects.get().pk}/"
    assert [message["html"] for message in told] == [
        "Saved as “&lt;img src=x onerror=alert(1)&gt;”.",
        (
            "<b>1 order: assigned to Ivanov.</b> "
            f'<a class="underline" href="/admin/orders/order/{order.pk}/change/">N-1</a> '
            f'<a class="underline font-semibold" href="{undo}">Undo…</a>'
        ),
    ]


@pytest.mark.django_db
def test_an_order_is_put_in_its_place_and_goes_to_ireca_with_it(dispatcher: Browser) -> None:
    order = builders.order(1)
    url = f"/admin/orders/order/{order.pk}/place/"
    told = dispatcher.post(url, {"latitude": "55.7512345678", "longitude": "37.6"}).json()["told"]
    assert "placed on the map" in told[0]["html"]
    order.refresh_from_db()
    assert (order.to_latitude, order.to_longitude) == (Decimal("55.7512346"), Decimal("37.6"))
    assert order.to_is_use_google_geo is False
    assert Push.objects.filter(entity="orders", object_id=order.pk).exists()
    for latitude, longitude in (("91", "0"), ("0", "0"), ("NaN", "1"), ("", "1"), ("north", "1")):
        assert dispatcher.post(url, {"latitude": latitude, "longitude": longitude}).status_code == 400


@pytest.mark.django_db
def test_an_address_in_one_line_gets_no_place(dispatcher: Browser) -> None:
    order = builders.order(1, to_city="", to_street="", to_home="", to_line="Moscow, Arbat 1")
    told = dispatcher.post(f"/admin/orders/order/{order.pk}/place/", {"latitude": "55", "longitude": "37"}).json()
    assert "one line only" in told["told"][0]["html"]
    order.refresh_from_db()
    assert order.to_latitude is None


# In a browser


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_orders_are_chosen_by_area_and_assigned(page: Page, live_server: LiveServer) -> None:  # noqa: F811
    west = placed(1, 55.75, 37.50)
    east, done = placed(2, 55.75, 37.70), placed(3, 55.75, 37.701, **builders.CLOSED)
    courier = builders.courier()
    page.goto(f"{live_server.url}{MAP}?all=1")
    box = page.locator("#map").bounding_box()
    assert box is not None
    middle, top = box["x"] + box["width"] / 2, box["y"] + 10
    page.get_by_role("button", name="Rectangle").click()
    page.mouse.move(middle, top)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=4)
    page.mouse.up()
    expect(page.locator("#orders-count")).to_have_text("Selected: 1")
    expect(page.get_by_role("checkbox", name="N-2")).to_be_checked()
    expect(page.get_by_role("checkbox", name="N-3")).to_be_disabled()

    page.get_by_role("button", name="Lasso").click()
    page.mouse.move(box["x"] + 60, box["y"] + 10)
    page.mouse.down()
    for x, y in ((middle, top), (middle, box["y"] + box["height"] - 5), (box["x"] + 60, box["y"] + box["height"] - 60)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    expect(page.locator("#orders-count")).to_have_text("Selected: 2")
    page.keyboard.press("Escape")

    # What changes meanwhile leaves the selection as it is.
    Order.objects.filter(pk=west.pk).update(delivery_status=DeliveryStatus.NEW)
    page.clock.run_for(31_000)
    expect(page.locator(f"li[data-id='{west.pk}'] .orders-badge")).to_have_text("N")
    expect(page.locator("#orders-count")).to_have_text("Selected: 2")

    page.get_by_role("combobox", name="Courier").select_option("Ivanov")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#orders-told")).to_contain_text("2 orders: assigned to Ivanov")
    assert set(courier.orders.values_list("pk", flat=True)) == {west.pk, east.pk}
    done.refresh_from_db()
    assert done.courier is None


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_keyboard_chooses_places_and_distributes(page: Page, live_server: LiveServer) -> None:  # noqa: F811
    first, lost = placed(1), builders.order(2)
    page.goto(live_server.url + MAP)
    page.get_by_role("button", name="Place on the map: N-2").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#map")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#orders-told")).to_contain_text("placed on the map")
    lost.refresh_from_db()
    assert lost.to_latitude is not None

    page.get_by_role("button", name="Order N-1").press("Enter")
    expect(page.locator("#desk-card")).to_contain_text("Arbat")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Order N-1")).to_be_focused()

    page.get_by_label("Find in the list").fill("N-1")
    page.locator(f"li[data-id='{first.pk}'] input").press(" ")
    page.get_by_role("button", name="Distribute among couriers…").press("Enter")
    page.wait_for_url(re.compile("/setup/"))
    assert RoutePlan.objects.get().orders == [first.pk]
