"""Route plans: what they are made of, how they are changed by hand, and what accepting them does and does not do."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from backoffice.sync.enqueue import untracked
from backoffice.sync.models import Push
from catalog.models import Warehouse
from couriers.models import Courier, License, Location
from orders import actions, plan_view, plans, printing, routing, undo
from orders.models import BulkChange, DeliveryStatus, Hold, Line, Order, RoutePlan, RouteStop
from orders.plans import Driver, Setup
from tests.orders import builders
from tests.orders.pages import choose
from tests.orders.test_desk_browser import page  # noqa: F401  # a fixture
from tests.sync.admin_pages import messages

pytestmark = pytest.mark.django_db
PLANS = "/admin/orders/routeplan/"
WEST, EAST = (55.75, 37.50), (55.75, 37.70)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    # VROOM's process takes seconds to start; that it answers alike is tested with routing.
    monkeypatch.setattr(routing, "has_vroom", lambda: False)


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("planner")


def placed(nth: int, place: tuple[float, float], **fields: Any) -> Order:
    return builders.order(nth, to_latitude=place[0], to_longitude=place[1], **fields)


def driver(courier: Courier, place: tuple[float, float], **more: Any) -> Driver:
    return Driver(courier.pk, place, "here", builders.at(8), builders.at(22), **more)


def two() -> tuple[Courier, Courier]:
    return builders.courier("West", "1"), builders.courier("East", "2")


def proposed(orders: list[Order], *drivers: Driver, begins: datetime | None = None) -> RoutePlan:
    plan = RoutePlan.objects.create(orders=[order.pk for order in orders])
    plans.propose(plan, Setup(begins or builders.at(8), 5, drivers))
    return plan


def a_plan() -> tuple[RoutePlan, list[Order], tuple[Courier, Courier]]:
    """Two orders in the west and one in the east, with a courier at each end."""
    couriers = two()
    orders = [placed(1, WEST), placed(2, WEST), placed(3, EAST)]
    drivers = (driver(couriers[0], WEST, capacity=2), driver(couriers[1], EAST, capacity=2))
    return proposed(orders, *drivers), orders, couriers


def test_orders_go_to_who_is_near() -> None:
    plan, orders, (west, east) = a_plan()
    assert plan.state == RoutePlan.State.PROPOSED
    assert plan.routes["routes"] == {str(west.pk): [orders[0].pk, orders[1].pk], str(east.pk): [orders[2].pk]}
    shown = plan_view.shown(plan)
    assert [courier["name"] for courier in shown["couriers"]] == ["West", "East"]
    assert [stop["at"] for stop in shown["couriers"][0]["stops"]] == ["10:00", "10:05"]
    assert shown["sums"]["now"]["nobody"] == 3
    assert shown["sums"]["proposed"]["late"] == 0
    assert [tick["label"][3:] for tick in shown["ticks"]] == ["00"] * len(shown["ticks"])


def test_what_cannot_be_planned_says_why() -> None:
    west, _east = two()
    orders = [
        builders.order(1),
        placed(2, WEST, **builders.CLOSED),
        placed(3, WEST, delivery_status=DeliveryStatus.TAKEN, courier=west),
        placed(4, WEST, hold=Hold.PICKUP),
        placed(5, (56.9, 37.5), delivery_time_to=builders.at(8), delivery_time_from=builders.at(8)),
    ]
    plan = proposed(orders, driver(west, WEST))
    reasons = {order["number"]: order["reason"] for order in plan_view.shown(plan)["left"]}
    assert reasons == {
        "N-1": "has no coordinates",
        "N-2": "is closed or cancelled",
        "N-3": "is in a courier’s hands already",
        "N-4": "is picked up by the client",
        "N-5": "nobody can be there within its window",
    }


def test_an_overdue_order_is_planned_and_told_as_late() -> None:
    west, _east = two()
    plan = proposed([placed(1, WEST)], driver(west, WEST), begins=builders.at(13))
    (courier, *_rest) = plan_view.shown(plan)["couriers"]
    assert courier["stops"][0]["late"] == 60
    assert courier["late"] == 1


def test_weights_of_lines_count() -> None:
    west, east = two()
    heavy, light = placed(1, WEST), placed(2, WEST)
    for order, weight in ((heavy, 6), (light, 2)):
        builders.with_lines(order, 1)
        with untracked():
            Line.objects.filter(order=order).update(weight=weight)  # of each of two pieces
    plan = proposed([heavy, light], driver(west, WEST, weight=10.0), driver(east, EAST, weight=12.0))
    assert plan.routes["routes"] == {str(west.pk): [light.pk], str(east.pk): [heavy.pk]}


def test_what_it_saves_is_told_against_the_couriers_as_they_are() -> None:
    west, east = two()
    orders = [placed(1, WEST, courier=east), placed(2, EAST, courier=west)]
    plan = proposed(orders, driver(west, WEST), driver(east, EAST))
    shown = plan_view.shown(plan)
    now, then = (float(shown["sums"][side]["km"]) for side in ("now", "proposed"))
    # Each crosses the city now: 0.2 degrees of longitude at that latitude, and streets 1.4 times as long.
    assert now == pytest.approx(2 * 12.52 * 1.4, rel=0.01)
    assert then == 0
    assert shown["saves"].startswith(f"Saves {now:.1f} km")


def test_a_move_by_hand_is_timed_again_and_asks_for_the_latest_version() -> None:
    plan, orders, (west, east) = a_plan()
    moved = plans.move(plan.pk, plan.version, orders[0].pk, east.pk, 1)
    assert moved.routes["routes"] == {str(west.pk): [orders[1].pk], str(east.pk): [orders[2].pk, orders[0].pk]}
    stops = plan_view.shown(moved)["couriers"][1]["stops"]
    assert stops[1]["at"] > stops[0]["at"] == "10:00"
    with pytest.raises(plans.Stale):
        plans.move(plan.pk, plan.version, orders[0].pk, west.pk, 0)
    off = plans.move(plan.pk, moved.version, orders[0].pk, None, 0)
    assert off.routes["left"] == {str(orders[0].pk): "removed"}
    for order, courier in ((0, west.pk), (orders[0].pk, 0)):
        with pytest.raises(KeyError):
            plans.move(plan.pk, off.version, order, courier, 0)


def test_accepted_it_is_one_change_that_can_be_taken_back(user: User) -> None:
    plan, orders, (west, east) = a_plan()
    outcomes = plans.accept(plan.pk, plan.version, user)
    assert [outcome.done for outcome in outcomes] == [True, True, True]
    change = BulkChange.objects.get()
    assert {outcome.change for outcome in outcomes} == {change.pk}
    assert [Order.objects.get(pk=order.pk).courier for order in orders] == [west, west, east]
    assert Push.objects.filter(entity="orders").count() == 3
    assert {entry.history_user for order in orders for entry in order.history.all()[:1]} == {user}
    with pytest.raises(plans.Stale):
        plans.accept(plan.pk, plan.version, user)

    told = undo.undo(change.pk, user)
    assert [done for _order, done, _text in told] == [True, True, True]
    assert not Order.objects.exclude(courier=None).exists()


def test_what_was_changed_after_accepting_is_not_taken_back(user: User) -> None:
    plan, orders, (_west, east) = a_plan()
    plans.accept(plan.pk, plan.version, user)
    actions.assign([orders[0].pk], east)
    told = {order.pk: done for order, done, _text in undo.undo(BulkChange.objects.get().pk, user)}
    assert told == {orders[0].pk: False, orders[1].pk: True, orders[2].pk: True}
    assert Order.objects.get(pk=orders[0].pk).courier == east


def test_an_order_that_changed_meanwhile_stays_as_it_is(user: User) -> None:
    plan, orders, (west, east) = a_plan()
    actions.assign([orders[0].pk], east)
    Order.objects.filter(pk=orders[1].pk).update(delivery_time_to=builders.at(15))
    Order.objects.filter(pk=orders[2].pk).update(**builders.CANCELLED)
    texts = {outcome.order.pk: outcome.text for outcome in plans.accept(plan.pk, plan.version, user)}
    assert texts == {
        orders[0].pk: "was given to East meanwhile",
        orders[1].pk: "its window or place was changed meanwhile",
        orders[2].pk: "already cancelled",
    }
    assert Order.objects.get(pk=orders[0].pk).courier == east
    assert not BulkChange.objects.exists()
    assert not RouteStop.objects.exists()
    assert west.orders.count() == 0


def test_route_sheets_follow_the_accepted_order_as_long_as_it_holds(user: User) -> None:
    west, east = two()
    far, near = placed(1, EAST), placed(2, WEST)
    plan = proposed([far, near], driver(west, WEST))
    plan.routes["routes"] = {str(west.pk): [near.pk, far.pk]}
    plan.save()
    plans.accept(plan.pk, plan.version, user)
    assert [(stop.order, stop.position) for stop in RouteStop.objects.all()] == [(near, 1), (far, 2)]

    def printed() -> list[list[Order]]:
        return [[stop.order for stop in sheet.stops] for sheet in printing.sheets([far.pk, near.pk])]

    assert printed() == [[near, far]]
    actions.assign([far.pk, near.pk], east)
    assert printed() == [[far, near]]


# Pages


def setup_data(*couriers: Courier, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"begins": f"{timezone.localtime(builders.at(8)):%Y-%m-%dT%H:%M}", "service": "5", **more}
    for courier in couriers:
        rows = {"drives": "on", "start": "point", "starts": "08:00", "ends": "22:00", "capacity": "", "weight": ""}
        data |= {f"c{courier.pk}-{name}": value for name, value in rows.items()}
    return data


def test_from_the_list_to_the_acceptance(dispatcher: Browser) -> None:
    (west, east), orders = two(), [placed(1, WEST), placed(2, EAST)]
    response = choose(dispatcher, "distribute", [order.pk for order in orders])
    plan = RoutePlan.objects.get()
    url = f"{PLANS}{plan.pk}/"
    assert response.headers["Location"] == url + "change/"
    assert dispatcher.get(url + "change/").headers["Location"] == url + "setup/"
    assert "2 orders are to be distributed" in dispatcher.get(url + "setup/").text
    answer = dispatcher.post(url + "setup/", setup_data(west, east, latitude="55.75", longitude="37.6"))
    assert answer.headers["Location"] == url + "change/"
    plan.refresh_from_db()
    html = dispatcher.get(url + "change/").text
    assert "nearest neighbour by window" in html
    moved = dispatcher.post(
        url + "move/", {"version": plan.version, "order": orders[0].pk, "courier": west.pk, "position": 0}
    )
    assert moved.json()["version"] == plan.version + 1
    stale = dispatcher.post(url + "move/", {"version": 1, "order": orders[0].pk, "courier": "", "position": 0})
    assert stale.status_code == 409
    assert "changed this plan meanwhile" in stale.json()["error"]
    assert dispatcher.post(url + "move/", {"version": "x"}).status_code == 400
    answer = dispatcher.post(url + "accept/", {"version": plan.version + 1}, follow=True)
    assert any("assigned to" in text for text in messages(answer))
    assert not Order.objects.filter(courier=None).exists()
    assert f"/admin/orders/order/undo/{BulkChange.objects.get().pk}/" in answer.text
    assert "accepted" in dispatcher.get(PLANS).text


def test_the_form_says_what_is_missing(dispatcher: Browser) -> None:
    west, _east = two()
    plan = RoutePlan.objects.create(orders=[placed(1, WEST).pk])
    url = f"{PLANS}{plan.pk}/setup/"
    assert "Choose at least one courier." in dispatcher.post(url, setup_data()).text
    assert "Click the point on the map" in dispatcher.post(url, setup_data(west)).text
    wrong = setup_data(west, latitude="1", longitude="1") | {f"c{west.pk}-ends": "07:00"}
    assert "He would stop before he starts." in dispatcher.post(url, wrong).text
    plan.refresh_from_db()
    assert plan.state == RoutePlan.State.DRAFT


def test_who_is_on_shift_is_chosen_and_starts_where_he_was_seen_or_at_a_warehouse(dispatcher: Browser) -> None:
    west, east = two()
    License.objects.create(courier=west, device_id="d", is_open=True)
    Location.objects.create(courier=west, created_at=timezone.now(), latitude=55.7, longitude=37.6)
    builders.known(Warehouse, "w1", title="Depot", latitude=55.8, longitude=37.7)
    plan = RoutePlan.objects.create(orders=[placed(1, WEST).pk])
    form = dispatcher.get(f"{PLANS}{plan.pk}/setup/").context["form"]
    said = {row.who.courier: (row.initial["drives"], row.initial["start"]) for row in form.drivers}
    assert said == {west: (True, "position"), east: (False, f"w{Warehouse.objects.get().pk}")}
    assert form.drivers[0].initial["capacity"] == 2


def test_the_day_s_unassigned_orders_make_a_plan(dispatcher: Browser) -> None:
    first, courier = placed(1, WEST), builders.courier()
    placed(2, WEST, courier=courier)
    placed(3, WEST, **builders.CLOSED)
    placed(4, WEST, delivery_time_from=timezone.now() - timedelta(days=1))
    dispatcher.post(PLANS + "new/", {"of": "today"})
    assert RoutePlan.objects.get().orders == [first.pk]
    Order.objects.filter(pk=first.pk).update(courier=courier)
    answer = dispatcher.post(PLANS + "new/", {"of": "today"}, follow=True)
    assert "There is no order to distribute." in messages(answer)


def test_too_many_orders_are_refused(dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST", 1)
    ids = [placed(1, WEST).pk, placed(2, WEST).pk]
    answer = dispatcher.post(PLANS + "new/", {"ids": ",".join(map(str, ids))}, follow=True)
    assert "At most 1 orders are distributed at once." in messages(answer)
    assert not RoutePlan.objects.exists()


def test_rights(manager: Browser, stranger: Browser, dispatcher: Browser) -> None:
    plan, _orders, _couriers = a_plan()
    url = f"{PLANS}{plan.pk}/"
    for address in (PLANS, url + "change/"):
        assert stranger.get(address).status_code == 403
        assert manager.get(address).status_code == 200
    assert "plan-version" not in manager.get(url + "change/").text
    assert manager.get(url + "setup/").status_code == 403
    for address in (PLANS + "new/", url + "move/", url + "accept/", url + "discard/"):
        assert manager.post(address).status_code == 403
        assert dispatcher.get(address).status_code == 405
    assert dispatcher.get(f"{PLANS}{plan.pk + 1}/change/").status_code == 404
    plan.refresh_from_db()
    assert plan.state == RoutePlan.State.PROPOSED


def test_a_discarded_plan_is_over(dispatcher: Browser) -> None:
    plan, _orders, _couriers = a_plan()
    dispatcher.post(f"{PLANS}{plan.pk}/discard/")
    answer = dispatcher.post(f"{PLANS}{plan.pk}/accept/", {"version": plan.version}, follow=True)
    assert "This plan is discarded already." in messages(answer)
    assert not Order.objects.exclude(courier=None).exists()
    again = dispatcher.get(f"{PLANS}{plan.pk}/setup/")
    assert again.headers["Location"] == f"{PLANS}{plan.pk}/change/"


def test_the_speed_and_the_detour_are_settings(settings: Settings) -> None:
    settings.ROUTES_SPEED, settings.ROUTES_DETOUR = 50.0, 2.0
    assert plans.terms() == routing.Terms(speed=50.0, detour=2.0)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_proposal_is_changed_by_keyboard_and_by_mouse_and_accepted(
    page: Page,  # noqa: F811
    live_server: LiveServer,
) -> None:
    plan, orders, (west, east) = a_plan()
    page.goto(f"{live_server.url}{PLANS}{plan.pk}/change/")
    block = page.locator(f"[data-order='{orders[0].pk}']")
    block.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Courier").select_option(str(east.pk))
    page.get_by_label("Place on the route").select_option("0")
    page.get_by_role("button", name="Move", exact=True).press("Enter")
    expect(page.locator("#plan-told")).to_have_text("N-1: moved to East")
    expect(block).to_be_focused()
    expect(page.locator(f"[data-courier='{east.pk}'] .plan-block")).to_have_count(2)

    # The events of a drag, because a page with a clock of its own lets playwright start none.
    carried = {"dataTransfer": page.evaluate_handle("new DataTransfer()")}
    page.dispatch_event(f"[data-order='{orders[1].pk}']", "dragstart", carried)
    page.dispatch_event(f"[data-courier='{east.pk}'] ol", "drop", carried)
    expect(page.locator("#plan-told")).to_have_text("N-2: moved to East")
    page.get_by_role("button", name="Accept: assign the orders").click()
    expect(page.get_by_text("3 orders: assigned to East.")).to_be_visible()
    expect(page.get_by_role("link", name="Undo…").first).to_be_visible()
    page.wait_for_url(re.compile("/change/"))
    assert west.orders.count() == 0
    assert east.orders.count() == 3
