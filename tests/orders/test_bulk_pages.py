"""Every action of the order list, submitted as a person does, and refused to those who may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from backoffice.sync import clients
from backoffice.sync.models import Push
from orders import actions
from orders.admin.bulk import BulkActionsMixin
from orders.models import DeliveryStatus, Order
from tests.orders import builders
from tests.orders.pages import LIST, choose, confirm, submit

pytestmark = pytest.mark.django_db

ACTIONS = BulkActionsMixin.BULK_ACTIONS


def test_assign_courier(dispatcher: Browser) -> None:
    courier = builders.courier()
    rows = [builders.order(1), builders.order(2), builders.order(3, **builders.CLOSED)]
    page = choose(dispatcher, "assign_courier", [row.pk for row in rows], query="?day=today")
    assert "3 orders are selected" in page.content.decode()
    told = "\n".join(confirm(dispatcher, page, query="?day=today", courier=courier.pk))
    assert "2 orders: assigned to Ivanov." in told
    assert "N-1" in told
    assert "1 order, not done: already closed." in told
    assert "N-3" in told
    assert Order.objects.filter(courier=courier).count() == 2
    assert Push.objects.count() == 2
    assert rows[0].history.latest().history_user == User.objects.get(username="dispatcher")


@pytest.mark.parametrize("said", ["", "abc", "9" * 30, "-1"])
def test_the_courier_whom_the_list_named_is_chosen_already(dispatcher: Browser, said: str) -> None:
    courier, row = builders.courier(), builders.order(1)
    data = {"action": "assign_courier", "_selected_action": [row.pk], "select_across": "1"}
    page = dispatcher.post(LIST, {**data, "courier": courier.pk})
    assert f'<option value="{courier.pk}" selected>Ivanov</option>' in page.content.decode()
    row.refresh_from_db()
    assert row.courier is None

    page = dispatcher.post(LIST, {**data, "courier": said})
    assert page.status_code == 200
    assert "Ivanov" not in page.content.decode()


def test_a_page_without_an_answer_changes_nothing(dispatcher: Browser) -> None:
    row = builders.order(1)
    page = choose(dispatcher, "assign_courier", [row.pk])
    again = submit(dispatcher, page)
    assert again.status_code == 200
    assert "This field is required." in again.content.decode()
    assert not Push.objects.exists()


def test_cancel_with_reason(dispatcher: Browser) -> None:
    reason, row = builders.reason(), builders.order(1)
    page = choose(dispatcher, "cancel_orders", [row.pk])
    html = page.content.decode()
    assert "Cancel the orders" in html
    assert "Back" in html
    row.refresh_from_db()
    assert row.delivery_status == DeliveryStatus.PREPARED
    told = confirm(dispatcher, page, reason=reason.pk)
    assert "1 order: cancelled: Changed mind." in told[0]
    row.refresh_from_db()
    assert (row.delivery_status, row.return_reason) == (DeliveryStatus.CANCELLED, reason)


def test_move_window(dispatcher: Browser) -> None:
    row = builders.order(1)
    page = choose(dispatcher, "move_window", [row.pk])
    day = timezone.localdate().isoformat()
    wrong = {"start_0": day, "start_1": "18:00", "end_0": day, "end_1": "15:00"}
    assert "The window ends before it starts." in submit(dispatcher, page, **wrong).content.decode()
    confirm(dispatcher, page, **{**wrong, "end_1": "20:00"})
    row.refresh_from_db()
    assert (row.delivery_time_from, row.delivery_time_to) == (builders.at(18), builders.at(20))


def test_shift_window(dispatcher: Browser) -> None:
    row = builders.order(1)
    page = choose(dispatcher, "shift_window", [row.pk])
    assert "Each order keeps the hours of its own window." in page.content.decode()
    for wrong, why in (
        ({"days": "", "hours": "0"}, "Say by how many days or hours."),
        ({"days": "9" * 12}, "less than or equal to 366"),
    ):
        assert why in submit(dispatcher, page, **wrong).content.decode()
    told = confirm(dispatcher, page, days="1", hours="")
    assert "1 order: window moved: +1 d." in told[0]
    assert "Undo…" in told[0]
    row.refresh_from_db()
    assert (row.delivery_time_from, row.delivery_time_to) == (builders.at(10, 1), builders.at(12, 1))


def test_change_address(dispatcher: Browser) -> None:
    row = builders.order(1)
    page = choose(dispatcher, "change_address", [row.pk])
    assert "It replaces the exact address" in page.content.decode()
    assert "This field is required." in submit(dispatcher, page, line="  ").content.decode()
    told = confirm(dispatcher, page, line="Moscow, Tverskaya, 1")
    assert "1 order: address changed: Moscow, Tverskaya, 1." in told[0]
    row.refresh_from_db()
    assert (row.address, row.to_street) == ("Moscow, Tverskaya, 1", "")
    form = dispatcher.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "Moscow, Tverskaya, 1" in form
    assert "The address is known in one line only" in form


def test_mark_as_agreed(dispatcher: Browser) -> None:
    row = builders.order(1)
    confirm(dispatcher, choose(dispatcher, "set_agreed", [row.pk]), agreed="1")
    row.refresh_from_db()
    assert row.is_agreed


def test_pull_receipts(dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "client", lambda: None)  # iRECA is off: the worker reads when it is on
    row = builders.order(1)
    response = choose(dispatcher, "pull_receipts", [row.pk])
    assert response.status_code == 302
    row.refresh_from_db()
    assert row.details_due_at is not None


def test_an_order_that_left_the_filter_meanwhile_gets_its_answer(dispatcher: Browser) -> None:
    courier, row = builders.courier(), builders.order(1)
    page = choose(dispatcher, "assign_courier", [row.pk], query="?delivery_status=6")
    Order._base_manager.filter(pk=row.pk).update(delivery_status=DeliveryStatus.CLOSED)
    told = confirm(dispatcher, page, query="?delivery_status=6", courier=courier.pk)
    assert "1 order, not done: already closed." in told[0]


def test_everything_that_a_filter_leaves_is_5000_orders(dispatcher: Browser) -> None:
    courier = builders.courier()
    template = builders.order(1)
    Order._base_manager.bulk_create(
        Order(ireca_id=f"b{number}", remote_data={}, number=f"B-{number}", payment_type=template.payment_type)
        for number in range(4999)
    )
    other = builders.order(2, **builders.CLOSED)
    query = "?delivery_status=6"
    page = choose(dispatcher, "assign_courier", [template.pk], query=query, everything=True)
    assert "5000 orders are selected" in page.content.decode()
    told = confirm(dispatcher, page, query=query, courier=courier.pk)
    assert "5000 orders: assigned to Ivanov." in told[0]
    assert "4980 more" in told[0]
    assert Order.objects.filter(courier=courier).count() == 5000
    other.refresh_from_db()
    assert other.courier is None
    assert Push.objects.count() == 5000


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_only_look_is_not_offered_the_action(manager: Browser, action: str) -> None:
    row = builders.order(1)
    page = manager.get(LIST)
    assert page.status_code == 200
    assert f'value="{action}"' not in page.content.decode()
    assert 'name="confirm"' not in choose(manager, action, [row.pk]).content.decode()
    assert not Push.objects.exists()
    row.refresh_from_db()
    assert row.details_due_at is None


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_nothing_is_refused(stranger: Browser, action: str) -> None:
    assert choose(stranger, action, [builders.order(1).pk]).status_code == 403


@pytest.mark.parametrize("action", ACTIONS)
def test_a_forged_confirmation_is_refused(manager: Browser, action: str) -> None:
    row, courier, reason = builders.order(1), builders.courier(), builders.reason()
    forged: dict[str, Any] = {
        "action": action,
        "_selected_action": [row.pk],
        "confirm": "1",
        "courier": courier.pk,
        "reason": reason.pk,
        "agreed": "1",
        "line": "Elsewhere",
        "days": "1",
    }
    manager.post(LIST, forged)
    assert not Push.objects.exists()
    assert row.history.count() == 1


def test_every_action_is_in_the_menu_of_a_dispatcher(dispatcher: Browser) -> None:
    builders.order(1)
    html = dispatcher.get(LIST).content.decode()
    for action in (*ACTIONS, "send_now", "refresh_from_ireca"):
        assert f'value="{action}"' in html


def test_the_page_of_an_action_costs_the_same_for_ten_and_for_a_hundred(
    dispatcher: Browser, queries: Callable[..., list[str]]
) -> None:
    rows = builders.orders(100)
    few = queries(lambda: choose(dispatcher, "assign_courier", [row.pk for row in rows[:10]]))
    many = queries(lambda: choose(dispatcher, "assign_courier", [row.pk for row in rows]))
    assert len(few) == len(many)


def test_reading_more_than_a_few_is_left_to_the_worker(dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("a client for many orders")

    monkeypatch.setattr(clients, "client", fail)
    rows = builders.orders(actions.READ_AT_ONCE + 1)
    choose(dispatcher, "pull_receipts", [row.pk for row in rows])
    assert Order.objects.filter(details_due_at__isnull=False).count() == len(rows)
