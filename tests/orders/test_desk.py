"""The order desk: views under a name, chosen columns, the courier in the row, the card beside the list."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from backoffice.sync.models import Push
from orders.admin.desk import TABS
from orders.models import DeliveryStatus, ListColumns, Order, Origin, SavedView
from tests.orders import builders
from tests.orders.pages import LIST

pytestmark = pytest.mark.django_db


def tabs(browser: Browser, query: str = "") -> dict[str, dict[str, Any]]:
    return {str(tab["title"]): tab for tab in browser.get(f"{LIST}{query}").context["tabs"]}


def other(name: str = "other") -> Browser:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.mark.parametrize(("title", "query"), TABS, ids=lambda value: str(value)[:20])
def test_each_tab_is_a_list_that_opens(dispatcher: Browser, title: Any, query: dict[str, str]) -> None:
    builders.order(1)
    shown = tabs(dispatcher)[str(title)]
    page = dispatcher.get(shown["url"])
    assert page.status_code == 200
    current = [str(tab["title"]) for tab in page.context["tabs"] if tab["is_current"]]
    assert current == [str(title)]


def test_problems_are_what_was_refused_or_is_in_conflict(dispatcher: Browser) -> None:
    builders.order(1)
    failed, conflict = builders.order(2, sync_state="failed"), builders.order(3, sync_state="conflict")
    register = builders.order(4)
    for row, state in ((register, "failed"), (failed, "conflict"), (builders.order(5), "clean")):
        Origin.objects.create(order=row, remote="bifit", key=row.number, sync_state=state)
    page = dispatcher.get(tabs(dispatcher)["Problems"]["url"])
    assert {row.pk for row in page.context["cl"].result_list} == {failed.pk, conflict.pk, register.pk}


def test_a_view_is_saved_with_its_filters_and_without_the_page(dispatcher: Browser) -> None:
    data = {"title": "North", "query": "day=today&delivery_status=6&p=3"}
    answer = dispatcher.post(f"{LIST}views/", data)
    assert answer.url == f"{LIST}?day=today&delivery_status=6"
    assert tabs(dispatcher, "?day=today&delivery_status=6")["North"]["is_current"]
    dispatcher.post(f"{LIST}views/", {"title": "North", "query": "day=late"})
    assert SavedView.objects.get().query == "day=late"
    assert dispatcher.post(f"{LIST}views/", {"title": "", "query": ""}, follow=True).status_code == 200
    assert SavedView.objects.count() == 1


def test_views_of_others_are_seen_only_when_they_are_shared(dispatcher: Browser) -> None:
    owner = User.objects.get(username="dispatcher")
    owner.user_permissions.add(Permission.objects.get(codename="add_savedview"))
    dispatcher.post(f"{LIST}views/", {"title": "Mine", "query": "day=late"})
    dispatcher.post(f"{LIST}views/", {"title": "Ours", "query": "day=today", "is_shared": "on"})
    stranger = other()
    shown = tabs(stranger)
    assert "Mine" not in shown
    assert (shown["Ours"]["whose"], shown["Ours"]["delete_url"]) == ("dispatcher", "")
    for view in SavedView.objects.all():
        answer = stranger.post(f"{LIST}views/{view.pk}/delete/")
        assert answer.status_code == (403 if view.is_shared else 404)
    assert SavedView.objects.count() == 2
    dispatcher.post(tabs(dispatcher)["Mine"]["delete_url"])
    assert [view.title for view in SavedView.objects.all()] == ["Ours"]


def test_only_who_may_shares(dispatcher: Browser) -> None:
    User.objects.get(username="dispatcher").user_permissions.remove(
        *Permission.objects.filter(codename="add_savedview")
    )
    dispatcher.post(f"{LIST}views/", {"title": "Mine", "query": "", "is_shared": "on"})
    assert not SavedView.objects.get().is_shared


def test_columns_are_chosen_by_each_for_himself(dispatcher: Browser) -> None:
    builders.order(1, description="ring twice")
    assert "ring twice" not in dispatcher.get(LIST).content.decode()
    page = dispatcher.get(f"{LIST}columns/")
    assert page.status_code == 200
    dispatcher.post(f"{LIST}columns/", {"columns": ["shown_description", "window"]})
    assert ListColumns.objects.get().columns == ["shown_description", "window"]
    listed = dispatcher.get(LIST)
    shown = [name for name in listed.context["cl"].list_display if name != "action_checkbox"]
    assert shown == ["shown_number", "window", "shown_description"]
    assert "ring twice" in listed.content.decode()
    dispatcher.post(f"{LIST}columns/", {"usual": "1"})
    assert "shown_courier" in dispatcher.get(LIST).context["cl"].list_display


def test_the_courier_is_changed_in_the_row(dispatcher: Browser) -> None:
    row, closed, courier = builders.order(1), builders.order(2, **builders.CLOSED), builders.courier()
    html = dispatcher.get(LIST).content.decode()
    assert html.count('class="desk-courier"') == 1
    assert f'data-id="{courier.pk}"' in html
    answer = dispatcher.post(f"{LIST}{row.pk}/courier/", {"courier": courier.pk})
    assert answer.json() == {"done": True, "text": "N-1: assigned to Ivanov"}
    row.refresh_from_db()
    assert row.courier == courier
    assert Push.objects.get().object_id == row.pk
    assert row.history.latest().history_user.username == "dispatcher"
    answer = dispatcher.post(f"{LIST}{closed.pk}/courier/", {"courier": courier.pk})
    assert answer.json() == {"done": False, "text": "N-2: already closed"}
    assert dispatcher.post(f"{LIST}{row.pk}/courier/", {"courier": "x"}).status_code == 400
    assert dispatcher.post(f"{LIST}999999/courier/", {"courier": courier.pk}).status_code == 404
    assert dispatcher.get(f"{LIST}{row.pk}/courier/").status_code == 405


def test_two_couriers_of_one_name_are_told_apart(dispatcher: Browser) -> None:
    builders.courier("Ivanov", "1")
    builders.courier("Ivanov", "2")
    names = list(dispatcher.get(LIST).context["couriers"])
    assert len(names) == len(set(names)) == 2


def test_who_only_looks_changes_no_courier(manager: Browser) -> None:
    row, courier = builders.order(1), builders.courier()
    html = manager.get(LIST).content.decode()
    assert 'class="desk-courier"' not in html
    assert "desk-couriers" not in html
    assert manager.post(f"{LIST}{row.pk}/courier/", {"courier": courier.pk}).status_code == 403
    row.refresh_from_db()
    assert row.courier is None


def test_the_card_shows_an_order_at_a_glance(dispatcher: Browser, stranger: Browser) -> None:
    row = builders.with_lines(
        builders.order(1, cash=5000, amount_to_pay=4200, description="<b>ring</b>", courier=builders.courier()), 2
    )
    html = dispatcher.get(f"{LIST}{row.pk}/card/").content.decode()
    facts = ("N-1", "Moscow, Arbat, 1", "Ivanov", "Good 0", "change from 5000.00: 800.00", "Prepared")
    for text in (*facts, "&lt;b&gt;ring"):
        assert text in html
    assert dispatcher.get(f"{LIST}999999/card/").status_code == 404
    assert stranger.get(f"{LIST}{row.pk}/card/").status_code == 403


def test_change_to_bring_is_told_until_it_is_paid(dispatcher: Browser) -> None:
    builders.order(1, cash=5000, amount_to_pay=4200)
    builders.order(2, cash=5000, amount_to_pay=4200, status=1)
    builders.order(3, cash=4200, amount_to_pay=4200, delivery_status=DeliveryStatus.TAKEN)
    assert dispatcher.get(LIST).content.decode().count("change from") == 1


def test_the_desk_costs_the_same_for_many_orders_and_views(dispatcher: Browser) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            dispatcher.get(LIST)
        return len(queries)

    builders.orders(2)
    cost()
    before = cost()
    for nth in range(10, 40):
        builders.order(nth, courier=builders.courier(f"C{nth}", str(nth)))
        dispatcher.post(f"{LIST}views/", {"title": f"View {nth}", "query": f"q={nth}"})
    dispatcher.get(LIST)
    assert cost() == before
    assert Order.objects.count() == 32
