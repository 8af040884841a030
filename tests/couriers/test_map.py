"""All couriers on the map, and the track of a day: who may see them, what they say, and that they move in a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, connections
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override
from playwright.sync_api import ConsoleMessage, Page, Route, expect, sync_playwright
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from couriers import map as courier_map
from couriers import track as courier_track
from couriers.models import Courier, License, Location
from orders.models import Order, ReturnReason

NOW = datetime(2026, 5, 12, 12, 0, tzinfo=UTC)  # 15:00 in Moscow
DAY = "2026-05-12"
MAP, POSITIONS = "/admin/couriers/courier/map/", "/admin/couriers/courier/map/positions/"
ENGLISH = {"accept-language": "en"}
Result = TypeVar("Result")
TILES = "https://{s}.tiles.example.com/{z}/{x}/{y}.png"


def at(hour: int, minute: int = 0) -> datetime:
    """A time of the day in Moscow."""
    return datetime(2026, 5, 12, hour, minute, tzinfo=UTC) - timedelta(hours=3)


def seen(courier: Courier, when: datetime, latitude: float = 55.75, longitude: float = 37.62, **more: Any) -> Location:
    return Location.objects.create(
        courier=courier, created_at=when, latitude=latitude, longitude=longitude, **{"accuracy": 5, **more}
    )


def working(name: str, **more: Any) -> Courier:
    """A courier with an open session."""
    courier = Courier.objects.create(title=name, **more)
    License.objects.create(courier=courier, device_id=f"device of {name}", is_open=True)
    return courier


def track_of(courier: Courier, day: str | None = DAY) -> str:
    return reverse("admin:couriers_courier_track", args=[courier.pk]) + (f"?date={day}" if day is not None else "")


def data_of(page: Any, name: str) -> Any:
    """What a page hands to its script."""
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page.text)
    assert found is not None
    return json.loads(found[1])


def groups() -> dict[str, Group]:
    return {group.name: group for group in Group.objects.all()}


# Who may see them


@pytest.mark.django_db
def test_who_is_not_signed_in_is_asked_to(client: Browser) -> None:
    courier = Courier.objects.create(title="Anna")

    for url in (MAP, POSITIONS, track_of(courier)):
        assert client.get(url).headers["Location"].startswith("/admin/login/")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "missing", [{"view_location"}, {"view_courier"}, {"view_personal"}, {"view_location", "view_courier"}]
)
def test_all_rights_are_needed(client: Browser, missing: set[str]) -> None:
    courier = working("Anna")
    seen(courier, timezone.now())
    user = User.objects.create_user("somebody", is_staff=True)
    rights = {"view_location", "view_courier", "change_courier", "view_personal"} - missing
    known = Permission.objects.filter(content_type__app_label__in=("couriers", "reports"))
    user.user_permissions.set(known.filter(codename__in=rights))
    client.force_login(user)

    for url in (MAP, POSITIONS, f"/admin/couriers/courier/{courier.pk}/map/", track_of(courier)):
        assert client.get(url).status_code == 403
    form = client.get(f"/admin/couriers/courier/{courier.pk}/change/")
    assert form.status_code == 200
    assert MAP not in form.text
    assert "/track/" not in form.text + client.get("/admin/couriers/courier/").text


@pytest.mark.django_db
@pytest.mark.parametrize("group", ["Dispatchers", "Managers"])
def test_dispatchers_and_managers_get_there_from_the_sidebar_the_list_and_the_form(client: Browser, group: str) -> None:
    courier = working("Anna")
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(groups()[group])
    client.force_login(user)
    track = track_of(courier, None)

    page = client.get(MAP)
    current = [i["link"] for part in page.context["sidebar_navigation"] for i in part["items"] if i["active"]]
    assert current == [MAP]
    assert client.get(POSITIONS).status_code == client.get(track).status_code == 200
    for url in ("/admin/couriers/courier/", f"/admin/couriers/courier/{courier.pk}/change/"):
        assert f'href="{track}"' in client.get(url).text
    assert f'href="{MAP}"' in client.get("/admin/couriers/courier/").text
    near = f"/admin/couriers/courier/{courier.pk}/map/"
    assert f'href="{near}"' in client.get(f"/admin/couriers/courier/{courier.pk}/change/").text
    assert data_of(client.get(near), "map-config")["focus"] == courier.pk


@pytest.mark.django_db
def test_orders_are_no_links_for_who_may_not_see_them(client: Browser, admin_client: Browser) -> None:
    courier = working("Anna")
    order = Order.objects.create(number="17", ireca_id="o17", courier=courier, delivery_time_from=at(12))
    seen(courier, at(14), order_ireca_id="o17")
    user = User.objects.create_user("somebody", is_staff=True)
    rights = Permission.objects.filter(codename__in=("view_courier", "view_location", "view_personal"))
    user.user_permissions.set(rights.filter(content_type__app_label__in=("couriers", "reports")))
    client.force_login(user)
    link = reverse("admin:orders_order_change", args=[order.pk])

    for url in (MAP, track_of(courier)):
        assert link in admin_client.get(url).text
        assert link not in client.get(url).text


# How old a position is


@pytest.mark.parametrize(
    ("seconds", "kind", "words"),
    [
        (-61, "old", "time unknown: the device's clock is ahead"),
        (-60, "fresh", "less than a minute ago"),
        (59, "fresh", "less than a minute ago"),
        (60, "fresh", "1 min ago"),
        (299, "fresh", "4 min ago"),
        (300, "stale", "5 min ago"),
        (1799, "stale", "29 min ago"),
        (1800, "old", "30 min ago"),
        (3600, "old", "1 h 0 min ago"),
        (86399, "old", "23 h 59 min ago"),
        (86400 * 3, "old", "3 d ago"),
    ],
)
def test_the_age_of_a_position(seconds: int, kind: str, words: str) -> None:
    age = timedelta(seconds=seconds)

    with override("en"):
        assert (courier_map.freshness(age), courier_map.age_in_words(age)) == (kind, words)


# All couriers now


@pytest.fixture
def answer(admin_client: Browser) -> Iterator[Callable[[], dict[str, Any]]]:
    with time_machine.travel(NOW, tick=False):
        yield lambda: admin_client.get(POSITIONS, headers=ENGLISH).json()


def card_of(answer: dict[str, Any], courier: Courier) -> str:
    """The text of a courier's card in the list beside the map."""
    found = re.search(rf'<li class="map-card" data-courier="{courier.pk}".*?</li>', answer["list"], re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


@pytest.mark.django_db
def test_the_latest_place_of_each_with_all_that_belongs_to_it(answer: Callable[[], dict[str, Any]]) -> None:
    anna, boris = working("Anna", phone="+7 900 1"), working("Boris")
    seen(anna, NOW - timedelta(minutes=40), 1, 1)
    seen(anna, NOW - timedelta(minutes=3), 55.5, 37.5, order_ireca_id="o17", delivery_status=7)
    seen(boris, NOW - timedelta(hours=2), 56, 38)
    Order.objects.create(number="17", ireca_id="o17", courier=anna, delivery_status=9)
    for status in (6, 42, 10, 11):
        Order.objects.create(courier=anna, delivery_status=status)

    found = answer()

    first, second = found["couriers"]
    assert first == {
        "id": anna.pk,
        "name": "Anna",
        "hasSession": True,
        "position": {
            "latitude": 55.5,
            "longitude": 37.5,
            "at": "2026-05-12T11:57:00+00:00",
            "age": 180,
            "freshness": "fresh",
        },
    }
    assert (second["position"]["latitude"], second["position"]["freshness"]) == (56.0, "old")
    text = card_of(found, anna)
    for part in (
        "Anna 3 min ago accurate to 5 m",
        "+7 900 1",
        "session is open",
        "open orders: 3",
        "Order in hand: 17 , Status 9",
    ):
        assert part in text
    assert "2 h 0 min ago" in card_of(found, boris)
    assert "No order in hand" in card_of(found, boris)


@pytest.mark.django_db
def test_a_place_without_coordinates_does_not_hide_the_last_one_with_them(answer: Callable[[], dict[str, Any]]) -> None:
    courier = working("Anna")
    seen(courier, NOW - timedelta(minutes=20), 55.5, 37.5)
    Location.objects.create(courier=courier, created_at=NOW)

    (found,) = answer()["couriers"]

    assert (found["position"]["latitude"], found["position"]["freshness"]) == (55.5, "stale")


@pytest.mark.django_db
def test_who_cannot_be_followed_is_listed_as_missing_with_the_reason(answer: Callable[[], dict[str, Any]]) -> None:
    silent, away, gone = working("Silent"), Courier.objects.create(title="Away"), Courier.objects.create(title="Gone")
    License.objects.create(courier=gone, device_id="1", is_open=False)
    seen(away, NOW - timedelta(minutes=1))
    present = working("Present")
    seen(present, NOW)

    found = answer()
    missing, on_map = found["list"].split('id="map-present"')

    for courier, reason in (
        (silent, "no position yet"),
        (away, "no open session"),
        (gone, "no position yet, no open session"),
    ):
        assert f'data-courier="{courier.pk}"' in missing
        assert reason in card_of(found, courier)
    assert f'data-courier="{present.pk}"' in on_map
    assert f'data-courier="{away.pk}"' not in on_map
    places = {courier["name"]: courier["position"] and courier["hasSession"] for courier in found["couriers"]}
    assert places == {"Silent": None, "Away": False, "Gone": None, "Present": True}


@pytest.mark.django_db
def test_an_order_that_is_nobodys_is_shown_by_the_id_that_the_device_named(
    answer: Callable[[], dict[str, Any]],
) -> None:
    courier = working("Anna")
    seen(courier, NOW, order_ireca_id="o99", delivery_status=7)

    assert "Order in hand: o99, Status 7" in card_of(answer(), courier)


@pytest.mark.django_db
def test_what_people_write_stays_text(answer: Callable[[], dict[str, Any]], admin_client: Browser) -> None:
    seen(working("<img src=x onerror=alert(1)>"), NOW)

    assert "<img" not in answer()["list"]
    assert "<img src=x" not in admin_client.get(MAP).text


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow_with_couriers_or_orders(admin_client: Browser) -> None:
    def ask() -> int:
        admin_client.get(POSITIONS)  # fills caches
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert admin_client.get(POSITIONS).status_code == 200
        return len(queries)

    def hire(numbers: range) -> None:
        for number in numbers:
            courier = working(f"Courier {number}")
            Order.objects.create(number=str(number), ireca_id=f"o{number}", courier=courier)
            seen(courier, timezone.now(), order_ireca_id=f"o{number}")

    hire(range(2))
    few = ask()
    hire(range(2, 30))

    assert ask() == few
    assert few <= 7  # session, user, couriers, places, open orders, orders in hand and a dictionary


@pytest.mark.django_db
def test_the_latest_places_are_one_query_by_the_index() -> None:
    couriers = [working(f"Courier {number}") for number in range(3)]
    for courier in couriers:
        for minutes in range(50):
            seen(courier, NOW - timedelta(minutes=minutes), longitude=minutes)

    with CaptureQueriesContext(connection) as queries:
        found = courier_map.latest_locations()

    assert [place.longitude for place in found.values()] == [0, 0, 0]
    (query,) = queries.captured_queries
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The planner would rather scan a table as small as this one.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        cursor.execute(explain + query["sql"])
        assert "location_latest" in str(cursor.fetchall())


# Tiles and the content security policy


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tiles", "allowed"),
    [
        ("", "img-src 'self' data:"),
        ("/tiles/{z}/{x}/{y}.png", "img-src 'self' data:"),
        ("javascript:alert(1)", "img-src 'self' data:"),
        ("http://localhost:8080/{z}/{x}/{y}.png", "img-src 'self' data: http://localhost:8080"),
        (TILES, "img-src 'self' data: " + " ".join(f"https://{s}.tiles.example.com" for s in "abc")),
    ],
)
def test_only_the_map_pages_may_load_tiles_and_from_their_hosts_only(
    admin_client: Browser, settings: Settings, tiles: str, allowed: str
) -> None:
    settings.MAP_TILES_URL = tiles
    courier = Courier.objects.create(title="Anna")

    def images(url: str) -> str:
        policy = admin_client.get(url)["Content-Security-Policy"].split("; ")
        return next(part for part in policy if part.startswith("img-src"))

    assert images(MAP) == images(track_of(courier)) == allowed
    assert images("/admin/couriers/courier/") == images(POSITIONS) == "img-src 'self' data:"


@pytest.mark.django_db
def test_no_script_of_the_pages_is_inline(admin_client: Browser) -> None:
    courier = working("Anna")
    seen(courier, at(12))

    for url in (MAP, track_of(courier)):
        scripts = re.findall(r"<script[^>]*>", admin_client.get(url).text)
        assert scripts
        assert [tag for tag in scripts if "src=" not in tag and "application/json" not in tag] == []


# A day of one courier


@pytest.mark.django_db
def test_a_day_lasts_from_midnight_to_midnight_in_our_time_zone(admin_client: Browser) -> None:
    courier = working("Anna")
    inside = [at(0), at(0) + timedelta(hours=23, minutes=59)]
    for when in [at(0) - timedelta(seconds=1), *inside, at(0) + timedelta(days=1)]:
        seen(courier, when)

    page = admin_client.get(track_of(courier), headers=ENGLISH)

    assert [point[0] for point in data_of(page, "track-data")["points"]] == [when.timestamp() for when in inside]
    assert "<td>00:00:00</td>" in page.text
    assert "<td>23:59:00</td>" in page.text


def test_a_day_has_not_always_24_hours(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"

    start, end = courier_track.day_bounds(date(2026, 3, 29))

    assert end.timestamp() - start.timestamp() == 23 * 3600


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "2026-13-01", "12.05.2026", "0001-01-01", "9999-12-31", "<script>", "%00"]
)
def test_a_bad_date_is_a_page_that_says_so(admin_client: Browser, text: str) -> None:
    courier = working("Anna")

    page = admin_client.get(track_of(courier, text), headers=ENGLISH)

    assert page.status_code == 400
    assert "is no date. A date is written as 2026-01-31." in page.text
    assert "<script>”" not in page.text
    assert f'href="{track_of(courier, None)}"' in page.text


@pytest.mark.django_db
@pytest.mark.parametrize("pk", ["0", "nobody", "1_2F"])
def test_a_courier_who_is_not_there_is_not_found(admin_client: Browser, pk: str) -> None:
    assert admin_client.get(f"/admin/couriers/courier/{pk}/track/").status_code == 404


@pytest.mark.django_db
def test_days_lead_to_their_neighbours_and_never_into_the_future(admin_client: Browser) -> None:
    courier = working("Anna")
    seen(courier, at(12))
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        page = admin_client.get(track_of(courier), headers=ENGLISH)
        today = admin_client.get(track_of(courier, None), headers=ENGLISH)

    assert 'rel="prev" href="?date=2026-05-11"' in page.text
    assert 'rel="next" href="?date=2026-05-13"' in page.text
    assert 'rel="prev" href="?date=2026-05-12"' in today.text
    assert 'rel="next"' not in today.text
    assert "No positions on this day." in today.text
    assert 'href="?date=2026-05-12">The last ones are of' in today.text


@pytest.mark.django_db
def test_a_gap_is_said_and_is_not_part_of_the_distance(admin_client: Browser) -> None:
    courier = working("Anna")
    degree = 111_195  # metres of latitude
    for minute, latitude in ((0, 55.0), (10, 55.01), (21, 55.05), (22, 55.06)):
        seen(courier, at(12, minute), latitude)

    day = courier_track.track(courier, date(2026, 5, 12))
    page = admin_client.get(track_of(courier), headers=ENGLISH)

    assert [(gap.index, gap.minutes) for gap in day.gaps] == [(1, 11)]
    assert day.kilometres == pytest.approx(0.02 * degree / 1000, rel=0.001)
    assert day.gap_kilometres == pytest.approx(0.04 * degree / 1000, rel=0.001)
    assert data_of(page, "track-data")["gaps"] == [1]
    text = " ".join(page.text.split())
    assert "Distance: 2.2 km. Positions: 4." in text
    assert "Gaps of more than 10 minutes: 1, dashed on the map; straight across them 4.4 km" in text
    assert "No positions for 11 min" in text


@pytest.mark.django_db
def test_a_phone_that_lies_still_covers_no_distance_but_a_slow_walk_does() -> None:
    lying, walking = working("Lying"), working("Walking")
    for minute in range(60):
        seen(lying, at(12, minute), 55 + 0.0001 * (minute % 2))  # 11 m to and fro
        seen(walking, at(12, minute), 55 + 0.0001 * minute)

    day = date(2026, 5, 12)

    assert courier_track.track(lying, day).kilometres == 0
    assert courier_track.track(walking, day).kilometres == pytest.approx(0.0058 * 111.195, rel=0.01)


@pytest.mark.django_db
def test_orders_and_their_states_stand_along_the_track(admin_client: Browser) -> None:
    courier = working("Anna")
    for minute in (0, 5):
        seen(courier, at(12, minute))
    reason = ReturnReason.objects.create(title="Nobody at home")
    due = Order.objects.create(
        number="17",
        courier=courier,
        delivery_time_from=at(12),
        delivery_time_to=at(14),
        to_city="Moscow",
        to_street="Arbat",
        to_latitude=55.7,
        to_longitude=37.6,
    )
    due.status_changes.create(delivery_status=7, created_at=at(12, 2), latitude=55.71, longitude=37.61)
    due.status_changes.create(delivery_status=11, created_at=at(12, 4), return_reason=reason)
    late = Order.objects.create(number="18", courier=courier, delivery_time_from=at(12) - timedelta(days=2))
    late.status_changes.create(delivery_status=10, created_at=at(12, 3))
    late.status_changes.create(delivery_status=7, created_at=at(12) - timedelta(days=2))
    Order.objects.create(number="19", courier=courier, delivery_time_from=at(12) - timedelta(days=2))
    Order.objects.create(number="20", courier=working("Boris"), delivery_time_from=at(12))

    page = admin_client.get(track_of(courier), headers=ENGLISH)
    data = data_of(page, "track-data")

    assert data["orders"] == [{"number": "17", "address": "Moscow, Arbat", "place": [55.7, 37.6]}]
    assert [(change["number"], change["text"], change["place"]) for change in data["changes"]] == [
        ("17", "Status 7", [55.71, 37.61]),
        ("18", "Status 10", []),
        ("17", "Status 11: Nobody at home", []),
    ]
    rows = re.findall(r"<tr class=\"map-event-(\w+)\">\s*<td>([\d:]+)</td>", page.text)
    assert rows == [
        ("first", "12:00:00"),
        ("status", "12:02:00"),
        ("status", "12:03:00"),
        ("status", "12:04:00"),
        ("last", "12:05:00"),
    ]
    listed = page.text.partition('id="track-orders"')[2].partition("</table>")[0]
    assert re.findall(r">(\d+)</a>", listed) == ["18", "17"]
    assert "no coordinates, not on the map" in listed


@pytest.mark.django_db
def test_a_day_costs_the_same_number_of_queries_however_much_happened(admin_client: Browser) -> None:
    courier = working("Anna")

    def happen(minutes: range) -> None:
        for minute in minutes:
            seen(courier, at(12, minute))
            order = Order.objects.create(number=str(minute), courier=courier, delivery_time_from=at(12))
            reason = ReturnReason.objects.create(title=f"Reason {minute}")
            order.status_changes.create(delivery_status=11, created_at=at(12, minute), return_reason=reason)

    def ask() -> int:
        admin_client.get(track_of(courier))
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(track_of(courier)).status_code == 200
        return len(queries)

    happen(range(2))
    few = ask()
    happen(range(2, 20))

    assert ask() == few


# In a browser


@pytest.fixture
def page(live_server: LiveServer, admin_client: Browser) -> Iterator[Page]:
    """A signed-in tab of a real browser that fails the test for anything that its console reports."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no browser is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        context = browser.new_context(locale="en-GB", base_url=live_server.url)
        session = admin_client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        tab = context.new_page()
        complaints: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                complaints.append(message.text)

        tab.on("console", hear)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        yield tab
        browser.close()
    assert complaints == []


def aside(work: Callable[[], Result]) -> Result:
    """Queries of a test that has a browser: Playwright's loop runs in the test's thread, where Django refuses them."""

    def run() -> Result:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


@pytest.mark.browser
def test_the_map_refreshes_itself_and_ages_go_on_without_an_answer(page: Page) -> None:
    aside(lambda: seen(working("Anna"), timezone.now() - timedelta(minutes=4), 55.7, 37.6))
    page.clock.install()
    page.goto(MAP)
    marker = page.locator(".map-marker")
    expect(marker).to_have_count(1)
    expect(marker).to_have_text("Anna4 min ago")
    expect(marker).to_have_attribute("data-freshness", "fresh")
    expect(page.locator(".leaflet-control-scale-line")).to_contain_text("m")
    expect(page.locator(".map-grid").first).to_be_visible()

    page.get_by_role("button", name="Show on the map: Anna").click()
    expect(page.locator(".leaflet-popup-content")).to_contain_text("open orders: 0")

    aside(lambda: seen(working("Boris"), timezone.now(), 55.71, 37.61))
    page.clock.run_for(31_000)
    expect(marker).to_have_count(2)
    expect(page.locator("#map-present .map-card")).to_have_count(2)
    expect(page.locator("#map-trouble")).to_be_hidden()

    page.route("**/positions/", lambda route: route.fulfill(status=200, body="no JSON"))
    page.clock.run_for(301_000)
    expect(page.locator("#map-trouble")).to_be_visible()
    expect(page.locator('.map-marker[data-freshness="fresh"]')).to_have_count(0)
    expect(page.locator('#map-present .map-card[data-freshness="stale"]')).to_have_count(2)


@pytest.mark.browser
def test_tiles_are_loaded_from_the_host_of_the_settings(page: Page, settings: Settings) -> None:
    settings.MAP_TILES_URL = TILES
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body='<svg xmlns="http://www.w3.org/2000/svg"/>', content_type="image/svg+xml")

    page.route("https://*.tiles.example.com/**", answer)
    page.goto(MAP)
    expect(page.locator("img.leaflet-tile-loaded").first).to_be_attached()
    expect(page.locator(".leaflet-control-attribution")).to_have_text("a.tiles.example.com")
    assert all(re.fullmatch(r"https://[abc]\.tiles\.example\.com/\d+/\d+/\d+\.png", url) for url in asked)


@pytest.mark.browser
def test_ages_in_the_browser_are_those_of_the_server(page: Page) -> None:
    page.goto(MAP)
    for seconds in (-61, -60, 0, 59, 60, 299, 300, 1799, 1800, 3599, 3600, 86399, 86400, 400_000):
        age = timedelta(seconds=seconds)
        there = page.evaluate(
            """seconds => { const config = CourierMap.read("map-config");
            return [CourierMap.freshness(seconds, config), CourierMap.ageInWords(seconds, config)]; }""",
            seconds,
        )
        with override("en"):
            assert there == [courier_map.freshness(age), courier_map.age_in_words(age)]


@pytest.mark.browser
def test_a_day_is_replayed_with_mouse_and_keyboard(page: Page) -> None:
    def work() -> Courier:
        courier = working("Anna")
        for minute, longitude in ((0, 37.60), (5, 37.61), (30, 37.62), (35, 37.63)):
            seen(courier, at(12, minute), longitude=longitude)
        order = Order.objects.create(number="17", courier=courier, to_latitude=55.751, to_longitude=37.615)
        order.status_changes.create(delivery_status=7, created_at=at(12, 4), latitude=55.75, longitude=37.608)
        return courier

    page.goto(track_of(aside(work)))
    expect(page.locator("path.map-way")).to_have_count(2)
    expect(page.locator("path.map-way-gap")).to_have_count(1)
    expect(page.locator(".map-order")).to_have_text("17")
    expect(page.locator("path.map-change")).to_have_count(1)
    caption, dot = page.locator("#replay-caption"), page.locator("path.map-replayed")
    expect(caption).to_have_text("12:00")
    start = dot.get_attribute("d")

    page.get_by_role("group", name="Replay").focus()
    for _press in range(4):
        page.keyboard.press("ArrowRight")
    expect(caption).to_have_text("12:04 · 12:04 17: Status 7")
    assert dot.get_attribute("d") != start
    page.keyboard.press("PageUp")
    expect(caption).to_contain_text("12:14 · no positions")
    expect(dot).to_have_class(re.compile("map-replayed-gap"))
    page.keyboard.press("Home")
    expect(caption).to_have_text("12:00")

    page.get_by_label("In a second").select_option("3600")
    page.get_by_role("group", name="Replay").focus()
    page.keyboard.press("Space")
    expect(page.locator("#replay-toggle")).to_have_text("Pause")
    expect(caption).to_contain_text("12:35")
    expect(page.locator("#replay-toggle")).to_have_text("Play")
    assert page.locator("#replay-slider").get_attribute("aria-valuetext") == caption.text_content()

    page.locator("#replay-slider").fill(str(int(at(12, 2).timestamp())))
    expect(caption).to_have_text("12:02")
    page.get_by_role("button", name="Play").click()
    expect(caption).not_to_have_text("12:02")
