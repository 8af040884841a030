"""Taking a bulk change back: everything as it was, nothing of what others did since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.sync.models import Push
from orders import actions, undo
from orders.models import BulkChange, DeliveryStatus, Hold, Order, Origin, PaymentStatus
from tests.orders import builders
from tests.orders.pages import LIST, choose, confirm
from tests.orders.test_actions import texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("somebody")


def values(*orders: Order) -> list[dict[str, object]]:
    names = (
        "courier_id",
        "delivery_status",
        "return_reason_id",
        "delivery_time_from",
        "to_line",
        "to_street",
        "status",
    )
    return [Order.objects.values(*names, "is_agreed", "to_latitude", "hold").get(pk=order.pk) for order in orders]


def test_each_change_is_taken_back_to_the_value(user: User) -> None:
    courier, reason = builders.courier(), builders.reason()
    rows = [builders.order(1, to_latitude="55.7500000001"), builders.order(2, courier=courier, is_agreed=True)]
    ids = [row.pk for row in rows]
    before = values(*rows)
    at = timezone.now()
    changes = (
        lambda: actions.assign(ids, builders.courier("Petrov", "2"), user),
        lambda: actions.move_window(ids, at, at + timedelta(hours=1), user),
        lambda: actions.shift_window(ids, 1, -2, user),
        lambda: actions.change_address(ids, "Moscow, Tverskaya 1", user),
        lambda: actions.set_agreed(ids, True, user),
        lambda: actions.set_paid(ids, True, user),
        lambda: actions.set_state(ids, DeliveryStatus.NEW, user),
        lambda: actions.cancel(ids, reason, user),
    )
    for change in changes:
        outcomes = change()
        done = {outcome.change for outcome in outcomes if outcome.done}
        assert len(done) == 1
        assert values(*rows) != before
        Push.objects.all().delete()
        assert all(went for _order, went, _text in undo.undo(done.pop(), user))
        assert values(*rows) == before
        assert Push.objects.exists()  # iRECA hears of it
    latest = rows[0].history.latest()
    assert (latest.history_user, latest.history_change_reason) == (user, "taken back")


@pytest.mark.parametrize("since", [{"delivery_status": DeliveryStatus.TAKEN}, {"status": PaymentStatus.PAID}])
def test_an_order_that_went_on_since_keeps_its_courier(user: User, since: dict[str, int]) -> None:
    ivanov, rows = builders.courier(), [builders.order(1), builders.order(2)]
    actions.assign([row.pk for row in rows], ivanov, user)
    Order.objects.filter(pk=rows[0].pk).update(**since)
    Order.objects.filter(pk=rows[1].pk).update(**since)
    Order.objects.filter(pk=rows[1].pk).update(**{name: getattr(rows[1], name) for name in since})  # and came back
    outcomes = {order.pk: went for order, went, _text in undo.undo(BulkChange.objects.get().pk, user)}
    assert outcomes == {rows[0].pk: False, rows[1].pk: True}
    assert [Order.objects.get(pk=row.pk).courier for row in rows] == [ivanov, None]


def test_what_somebody_changed_since_stays(user: User) -> None:
    ivanov, petrov = builders.courier(), builders.courier("Petrov", "2")
    rows = [builders.order(1), builders.order(2), builders.order(3, **builders.CLOSED)]
    outcomes = actions.assign([row.pk for row in rows], ivanov, user)
    Order.objects.filter(pk=rows[1].pk).update(courier=petrov)
    change = BulkChange.objects.get()
    assert {outcome.change for outcome in outcomes} == {change.pk, None}
    told = {order.number: (went, text) for order, went, text in undo.undo(change.pk, user)}
    assert told == {"N-1": (True, "back as before"), "N-2": (False, "was changed since")}
    assert [Order.objects.get(pk=row.pk).courier for row in rows[:2]] == [None, petrov]


def test_it_is_taken_back_once_and_not_after_the_shift(user: User) -> None:
    row = builders.order(1)
    actions.set_agreed([row.pk], True, user)
    change = BulkChange.objects.get()
    undo.undo(change.pk, user)
    with pytest.raises(undo.TooLate, match="already"):
        undo.undo(change.pk, user)
    BulkChange.objects.update(undone_at=None, made_at=timezone.now() - undo.FOR - timedelta(minutes=1))
    with pytest.raises(undo.TooLate, match="too old"):
        undo.undo(change.pk, user)


def test_what_is_over_at_its_register_service_is_not_opened_here_alone(user: User) -> None:
    row, other = builders.order(1), builders.order(2)
    actions.cancel([row.pk, other.pk], builders.reason(), user)
    Origin.objects.create(order=row, remote="bifit", key="1", status="REFUSED", is_open=False)
    told = {order.number: text for order, _went, text in undo.undo(BulkChange.objects.get().pk, user)}
    assert told == {"N-1": "is over at its register service", "N-2": "back as before"}
    row.refresh_from_db()
    assert row.delivery_status == DeliveryStatus.CANCELLED


def test_undoing_an_assignment_that_was_sent_takes_the_courier_off_and_holds_nothing_back(user: User) -> None:
    row = builders.order(1, hold=Hold.WAITS)
    Order._base_manager.filter(pk=row.pk).update(remote_data=None, sync_state="held")
    actions.assign([row.pk], builders.courier(), user)
    Order._base_manager.filter(pk=row.pk).update(remote_data={"orderId": "1"}, sync_state="clean")  # it was sent
    Push.objects.all().delete()
    undo.undo(BulkChange.objects.get().pk, user)
    row.refresh_from_db()
    assert (row.courier, row.hold, row.sync_state) == (None, "", "pending")
    assert Push.objects.get().object_id == row.pk


def test_the_way_of_a_dispatcher(dispatcher: Browser) -> None:
    courier, row = builders.courier(), builders.order(1)
    page = choose(dispatcher, "assign_courier", [row.pk, builders.order(2, **builders.CLOSED).pk])
    assert "1 of them is closed or cancelled and will stay as it is." in page.content.decode()
    told = "\n".join(confirm(dispatcher, page, courier=courier.pk))
    url = f"{LIST}undo/{BulkChange.objects.get().pk}/"
    assert url in told
    asked = dispatcher.get(url).content.decode()
    assert "1 order goes back to what it was." in asked
    after = dispatcher.post(url, follow=True).content.decode()
    assert "1 order: back as before." in after
    row.refresh_from_db()
    assert row.courier is None
    assert "taken back already" in dispatcher.get(url).content.decode()
    assert "taken back already" in dispatcher.post(url, follow=True).content.decode()


def test_nobody_takes_back_what_another_did(dispatcher: Browser, manager: Browser, user: User) -> None:
    row = builders.order(1)
    actions.set_agreed([row.pk], True, user)
    url = f"{LIST}undo/{BulkChange.objects.get().pk}/"
    assert dispatcher.post(url).status_code == 404
    assert manager.post(url).status_code == 403
    row.refresh_from_db()
    assert row.is_agreed


def test_state_and_payment_tell_what_they_leave(user: User) -> None:
    courier = builders.courier()
    rows = [builders.order(1), builders.order(2, courier=courier), builders.order(3, **builders.CANCELLED)]
    ids = [row.pk for row in rows]
    assert texts(actions.set_state(ids, DeliveryStatus.TAKEN, user)) == {
        "N-1": "NOT has no courier",
        "N-2": "state: Taken by the courier",
        "N-3": "NOT already cancelled",
    }
    with pytest.raises(ValueError, match="reason"):
        actions.set_state(ids, DeliveryStatus.CANCELLED, user)
    builders.order(4, is_refund=True)
    paid = actions.set_paid([*ids, Order.objects.get(number="N-4").pk], True, user)
    assert texts(paid)["N-4"] == "NOT is a return"
    assert Order.objects.get(number="N-1").status == PaymentStatus.PAID
    assert texts(actions.set_paid(ids[:1], True, user)) == {"N-1": "NOT is so already"}


def test_the_cost_is_that_of_few_statements(user: User) -> None:
    rows = builders.orders(60)

    def cost(some: list[Order]) -> int:
        actions.set_agreed([row.pk for row in some], True, user)
        change = BulkChange.objects.latest("pk")
        with CaptureQueriesContext(connection) as queries:
            undo.undo(change.pk, user)
        return len(queries)

    few = cost(rows[:2])
    assert cost(rows) <= few + 5  # orders and rows of the outbox go in by batches, on SQLite of a dozen orders


def test_each_gets_its_own_window_back_and_many_cost_no_more_than_few(user: User) -> None:
    rows = [
        builders.order(nth, delivery_time_from=start, delivery_time_to=start + timedelta(hours=2))
        for nth in range(1, 13)
        for start in [builders.at(8) + timedelta(minutes=nth)]
    ]

    def cost(some: list[Order]) -> int:
        actions.shift_window([row.pk for row in some], 1, 0, user)
        with CaptureQueriesContext(connection) as queries:
            undo.undo(BulkChange.objects.latest("pk").pk, user)
        return len(queries)

    before = values(*rows)
    few = cost(rows[:4])
    assert cost(rows) == few
    assert values(*rows) == before
    latest = rows[-1].history.latest()
    assert (latest.history_user, latest.history_change_reason) == (user, "taken back")
    assert latest.delivery_time_from == rows[-1].delivery_time_from


def test_what_ireca_has_got_stays_handed_over_beside_what_waits_again(user: User) -> None:
    rows = [builders.order(1, hold=Hold.WAITS), builders.order(2, hold=Hold.WAITS)]
    Order._base_manager.update(remote_data=None, sync_state="held")
    actions.assign([row.pk for row in rows], builders.courier(), user)
    Order._base_manager.filter(pk=rows[0].pk).update(remote_data={"orderId": "1"}, sync_state="clean")  # it was sent
    assert all(went for _order, went, _text in undo.undo(BulkChange.objects.get().pk, user))
    found = Order.objects.order_by("pk").values_list("courier", "hold", "sync_state")
    assert list(found) == [(None, "", "pending"), (None, Hold.WAITS, "held")]
    assert [row.history.latest().hold for row in rows] == ["", Hold.WAITS]
