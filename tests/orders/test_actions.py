"""The bulk changes: what they do, to whom they do it not, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from backoffice.remotes.http import Refused, Retry
from backoffice.remotes.ireca import contract
from backoffice.sync.models import Push
from orders import actions, details
from orders.models import DeliveryStatus, Order
from tests.orders import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("dispatcher")


def texts(outcomes: list[actions.Outcome]) -> dict[str, str]:
    return {outcome.order.number: ("" if outcome.done else "NOT ") + outcome.text for outcome in outcomes}


def test_assign_tells_of_each_order_and_changes_only_open_ones(user: User) -> None:
    ivanov, petrov = builders.courier(), builders.courier("Petrov", "55753")
    rows = [
        builders.order(1),
        builders.order(2, courier=petrov),
        builders.order(3, courier=ivanov),
        builders.order(4, **builders.CLOSED),
        builders.order(5, **builders.CANCELLED),
    ]
    outcomes = actions.assign([*(row.pk for row in rows), 999_999], ivanov, user)
    assert texts(outcomes) == {
        "N-1": "assigned to Ivanov",
        "N-2": "assigned to Ivanov",
        "N-3": "NOT has this courier already",
        "N-4": "NOT already closed",
        "N-5": "NOT already cancelled",
    }
    assert set(Order.objects.filter(courier=ivanov).values_list("number", flat=True)) == {"N-1", "N-2", "N-3"}
    assert set(Push.objects.values_list("object_id", flat=True)) == {rows[0].pk, rows[1].pk}
    latest = rows[0].history.latest()
    assert (latest.courier_id, latest.history_user, latest.history_type) == (ivanov.pk, user, "~")
    assert not rows[3].history.filter(history_type="~").exists()


def test_cancel_sets_the_status_with_its_reason(user: User) -> None:
    reason = builders.reason()
    open_order, closed = builders.order(1), builders.order(2, **builders.CLOSED)
    outcomes = actions.cancel([open_order.pk, closed.pk], reason, user)
    assert texts(outcomes) == {"N-1": "cancelled: Changed mind", "N-2": "NOT already closed"}
    open_order.refresh_from_db()
    closed.refresh_from_db()
    assert (open_order.delivery_status, open_order.return_reason) == (DeliveryStatus.CANCELLED, reason)
    assert closed.delivery_status == DeliveryStatus.CLOSED
    assert actions.cancel([open_order.pk], reason, user)[0].text == "already cancelled"


def test_the_window_moves_and_never_ends_before_it_starts(user: User) -> None:
    row = builders.order(1)
    start, end = builders.at(14, 1), builders.at(16, 1)
    assert actions.move_window([row.pk], start, end, user)[0].done
    row.refresh_from_db()
    assert (row.delivery_time_from, row.delivery_time_to) == (start, end)
    assert texts(actions.move_window([row.pk], start, end, user)) == {"N-1": "NOT has this window already"}
    with pytest.raises(ValueError, match="ends before it starts"):
        actions.move_window([row.pk], end, start, user)


def test_windows_move_by_as_much_and_each_order_keeps_its_own(user: User) -> None:
    rows = [
        builders.order(1),
        builders.order(2, delivery_time_from=builders.at(14), delivery_time_to=builders.at(18)),
        builders.order(3, delivery_time_from=None),
        builders.order(4, delivery_time_from=None, delivery_time_to=None),
        builders.order(5, **builders.CLOSED),
    ]
    outcomes = actions.shift_window([row.pk for row in rows], 1, -1, user)
    assert texts(outcomes) == {
        "N-1": "window moved: +1 d -1 h",
        "N-2": "window moved: +1 d -1 h",
        "N-3": "window moved: +1 d -1 h",
        "N-4": "NOT has no window",
        "N-5": "NOT already closed",
    }
    windows = Order.objects.order_by("number").values_list("delivery_time_from", "delivery_time_to")
    assert list(windows) == [
        (builders.at(9, 1), builders.at(11, 1)),
        (builders.at(13, 1), builders.at(17, 1)),
        (None, builders.at(11, 1)),
        (None, None),
        (builders.at(10), builders.at(12)),
    ]
    assert set(Push.objects.values_list("object_id", flat=True)) == {row.pk for row in rows[:3]}
    assert rows[0].history.latest().history_user == user
    with pytest.raises(ValueError, match="nothing"):
        actions.shift_window([rows[0].pk], 0, 0, user)


def test_a_window_keeps_its_hours_where_summer_time_begins(user: User, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    saturday = datetime(2026, 3, 28, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    row = builders.order(1, delivery_time_from=saturday, delivery_time_to=saturday + timedelta(hours=2))
    actions.shift_window([row.pk], 1, 0, user)
    row.refresh_from_db()
    assert f"{timezone.localtime(row.delivery_time_from):%d %H:%M %z}" == "29 10:00 +0200"


def test_500_windows_move_in_few_statements(user: User, queries: Callable[..., list[str]]) -> None:
    template = builders.order(1)
    Order._base_manager.bulk_create(
        Order(
            ireca_id=f"b{number}",
            remote_data={},
            payment_type=template.payment_type,
            delivery_time_from=builders.at(10) + timedelta(minutes=number),
            delivery_time_to=builders.at(12) + timedelta(minutes=number),
        )
        for number in range(499)
    )
    ids = list(Order.objects.values_list("pk", flat=True))
    sql = queries(lambda: actions.shift_window(ids, 1, 0, user))
    assert len(sql) <= 130  # SQLite takes 999 parameters in one INSERT, and an order has seventy columns
    template.refresh_from_db()
    assert template.delivery_time_from == builders.at(10, 2)  # moved twice


def test_a_new_address_is_one_line_and_the_exact_one_is_forgotten(user: User) -> None:
    rows = [builders.order(1), builders.order(2, **builders.CLOSED), builders.order(3, to_city="", to_street="")]
    Order._base_manager.filter(pk=rows[2].pk).update(to_home="", to_line="Moscow, Arbat, 5")
    outcomes = actions.change_address([row.pk for row in rows], "  Moscow,  Arbat, 5 ", user)
    assert texts(outcomes) == {
        "N-1": "address changed: Moscow, Arbat, 5",
        "N-2": "NOT already closed",
        "N-3": "NOT has this address already",
    }
    rows[0].refresh_from_db()
    assert rows[0].has_only_line
    assert rows[0].address == "Moscow, Arbat, 5"
    assert rows[0].history.latest().history_user == user
    assert list(Push.objects.values_list("object_id", flat=True)) == [rows[0].pk]
    with pytest.raises(ValueError, match="without a word"):
        actions.change_address([rows[0].pk], "  ", user)


def test_agreed_is_set_and_taken_back(user: User) -> None:
    row = builders.order(1)
    assert actions.set_agreed([row.pk], True, user)[0].done
    row.refresh_from_db()
    assert row.is_agreed
    assert not actions.set_agreed([row.pk], True, user)[0].done
    assert actions.set_agreed([row.pk], False, user)[0].done


def test_an_order_in_conflict_is_changed_and_says_that_it_waits(user: User) -> None:
    row = builders.order(1, sync_state="conflict", sync_conflict={"courierId": "1"})
    (outcome,) = actions.assign([row.pk], builders.courier(), user)
    assert outcome.text == "assigned to Ivanov; sent once its conflict is settled"


def test_500_orders_cost_a_bounded_number_of_queries(user: User, queries: Callable[..., list[str]]) -> None:
    ivanov, petrov = builders.courier(), builders.courier("Petrov", "55753")
    template = builders.order(1)
    Order._base_manager.bulk_create(
        Order(ireca_id=f"b{number}", remote_data={}, number=f"B-{number}", payment_type=template.payment_type)
        for number in range(499)
    )
    ids = list(Order.objects.values_list("pk", flat=True))
    couriers = iter((ivanov, petrov))
    sql = queries(lambda: actions.assign(ids, next(couriers), user))
    # Loading and the outbox go in chunks of 500; SQLite takes 999 parameters in one INSERT, hence the rest.
    written = [statement for statement in sql if statement.startswith("UPDATE")]
    assert len(sql) <= 80
    assert len(written) == 2  # the courier and the sync state
    assert Order.objects.filter(courier=petrov, sync_state="pending").count() == 500
    assert Push.objects.filter(entity="orders", state=Push.State.QUEUED).count() == 500
    assert Order.history.filter(history_type="~", courier_id=petrov.pk, history_user=user).count() == 500


class FakeClient:
    """iRECA's answers about receipts, in the place of the client."""

    def __init__(self, answer: Callable[[str], list[contract.Receipt]]) -> None:
        self.orders, self.receipts, self.answer = self, self, answer

    def journal_statuses(self, ireca_id: str) -> list[Any]:
        return []

    def journal(self, ireca_id: str, since: Any) -> list[Any]:
        return []

    def order_receipts(self, ireca_id: str) -> list[contract.Receipt]:
        return self.answer(ireca_id)


def test_a_few_receipts_are_read_at_once_each_with_its_result() -> None:
    found, _none, refused, broken = (builders.order(number, **builders.CLOSED) for number in range(1, 5))
    unknown = builders.order(5)
    Order._base_manager.filter(pk=unknown.pk).update(remote_data=None)

    def answer(ireca_id: str) -> list[contract.Receipt]:
        if ireca_id == refused.ireca_id:
            raise Refused("no such order")
        if ireca_id == broken.ireca_id:
            raise Retry("timed out")
        return [contract.Receipt(fn="1", fd_number="2", fiscal_sign="3")] if ireca_id == found.ireca_id else []

    outcomes = actions.pull_receipts([*Order.objects.values_list("pk", flat=True)], FakeClient(answer))
    assert texts(outcomes) == {
        "N-1": "new receipts: 1",
        "N-2": "iRECA has no receipt for it",
        "N-3": "NOT not read now, the worker will try again: no such order",
        "N-4": "NOT not read now, the worker will try again: timed out",
        "N-5": "NOT not known to iRECA yet",
    }
    assert Order.objects.filter(details_due_at__isnull=False).count() == 3


def test_many_receipts_are_left_to_the_worker() -> None:
    rows = builders.orders(actions.READ_AT_ONCE + 1)

    def answer(ireca_id: str) -> list[contract.Receipt]:
        raise AssertionError("read in the request")

    outcomes = actions.pull_receipts([row.pk for row in rows], FakeClient(answer))
    assert {outcome.text for outcome in outcomes} == {"will be read by the worker"}
    assert Order.objects.filter(details_due_at__isnull=False).count() == len(rows)


def test_a_request_for_details_starts_the_waiting_anew() -> None:
    row = builders.order(1, details_attempts=5)
    assert details.request([row.pk]) == 1
    row.refresh_from_db()
    assert row.details_attempts == 0
    assert row.sync_state == "clean"
