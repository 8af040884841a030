"""Orders that stay here: they leave when a dispatcher hands them over, and never while their clients pick them up."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from backoffice.partners.models import Source
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, worker
from backoffice.sync.models import Push
from orders import actions
from orders.models import Hold, Order
from tests.orders import builders
from tests.orders.pages import LIST
from tests.orders.test_actions import texts

pytestmark = pytest.mark.django_db


def waiting(nth: int, hold: Hold = Hold.WAITS, **values: object) -> Order:
    """An order that only we know."""
    row = builders.order(nth, hold=hold, **values)
    Order._base_manager.filter(pk=row.pk).update(remote_data=None, sync_state="held")
    row.refresh_from_db()
    return row


def test_an_order_that_waits_opens_no_push_and_says_so() -> None:
    row = waiting(1)
    row.save()
    row.refresh_from_db()
    assert row.sync_state == "held"
    row.description = "ring twice"
    row.save()
    Order.objects.filter(pk=row.pk).update(description="ring thrice")
    row.refresh_from_db()
    assert row.sync_state == "held"
    assert not Push.objects.exists()


def test_held_and_free_orders_of_one_batch_are_told_apart() -> None:
    source = Source.objects.create(title="Shop")
    rows = Order.objects.bulk_create(
        [Order(source=source, external_id=str(n), hold=Hold.WAITS if n % 2 else Hold.NO) for n in range(6)]
    )
    assert set(Push.objects.values_list("object_id", flat=True)) == {row.pk for row in rows if not row.hold}
    states = dict(Order.objects.values_list("external_id", "sync_state"))
    assert states == {str(n): "held" if n % 2 else "pending" for n in range(6)}


def test_handing_over_sends_it() -> None:
    rows = [
        waiting(1),
        waiting(2, Hold.PICKUP),
        builders.order(3),
        waiting(4, **builders.CANCELLED),
    ]
    assert texts(actions.hand_over([row.pk for row in rows])) == {
        "N-1": "handed over to the couriers",
        "N-2": "NOT is picked up by the client",
        "N-3": "NOT goes to the couriers already",
        "N-4": "NOT already cancelled",
    }
    rows[0].refresh_from_db()
    assert (rows[0].hold, rows[0].sync_state) == ("", "pending")
    assert list(Push.objects.values_list("object_id", flat=True)) == [rows[0].pk]


def test_a_courier_hands_it_over_but_not_what_is_picked_up() -> None:
    courier = builders.courier()
    waits, pickup = waiting(1, courier=courier), waiting(2, Hold.PICKUP)
    told = texts(actions.assign([waits.pk, pickup.pk], courier))
    assert told == {"N-1": "assigned to Ivanov", "N-2": "NOT is picked up by the client"}
    waits.refresh_from_db()
    assert (waits.hold, waits.sync_state) == ("", "pending")


def test_the_action_of_the_list(dispatcher: Browser) -> None:
    row = waiting(1)
    listed = dispatcher.get(LIST, {"hold": "any"})
    assert [order.pk for order in listed.context["cl"].result_list] == [row.pk]
    assert "waits for a dispatcher" in listed.content.decode()
    data = {"action": "hand_over", "_selected_action": [row.pk]}
    told = dispatcher.post(LIST, data, follow=True).content.decode()
    assert "1 order: handed over to the couriers." in told
    row.refresh_from_db()
    assert row.hold == ""


def test_it_is_not_offered_to_those_who_only_look(manager: Browser) -> None:
    row = waiting(1)
    manager.post(LIST, {"action": "hand_over", "_selected_action": [row.pk]}, follow=True)
    row.refresh_from_db()
    assert row.hold == Hold.WAITS


def test_the_form_lets_it_go_while_only_we_know_it(dispatcher: Browser) -> None:
    ours, theirs = Order.objects.create(hold=Hold.PICKUP), builders.order(2)
    assert 'name="hold"' in dispatcher.get(f"{LIST}{ours.pk}/change/").content.decode()
    assert 'name="hold"' not in dispatcher.get(f"{LIST}{theirs.pk}/change/").content.decode()


def test_asking_who_is_held_costs_one_query_for_a_batch() -> None:
    rows = [builders.order(n) for n in range(1, 41)]
    with CaptureQueriesContext(connection) as queries:
        Order.objects.filter(pk__in=[row.pk for row in rows]).update(description="all")
    assert len([query for query in queries if '"hold" > ' in query["sql"]]) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_of_it_reaches_ireca_until_then(ireca: Sandbox) -> None:
    row = Order.objects.filter(remote_data__isnull=False).first()
    assert row is not None
    held = Order.objects.create(
        hold=Hold.WAITS,
        payment_type=row.payment_type,
        to_city="Moscow",
        to_street="Arbat",
        to_home="1",
        delivery_time_from=builders.at(10),
        delivery_time_to=builders.at(12),
    )
    worker.drain(lease.owner())
    assert not any(request["method"] in ("POST", "PUT") for request in ireca.requests)
    actions.hand_over([held.pk])
    worker.drain(lease.owner())
    held.refresh_from_db()
    assert ireca.order(held.ireca_id) is not None
    assert (held.sync_state, held.sync_error) == ("clean", "")


@pytest.mark.django_db(transaction=True)
def test_what_is_held_again_before_it_left_stays(ireca: Sandbox) -> None:
    row = Order.objects.create(hold=Hold.WAITS)
    actions.hand_over([row.pk])
    assert Push.objects.filter(object_id=row.pk, entity="orders", state="queued").exists()
    Order.objects.filter(pk=row.pk).update(hold=Hold.WAITS)
    worker.drain(lease.owner())
    row.refresh_from_db()
    assert (row.sync_state, row.remote_data) == ("held", None)
    assert ireca.order(row.ireca_id) is None
    assert not Push.objects.filter(state__in=Push.OPEN).exists()


def test_what_ireca_knows_cannot_be_held_back() -> None:
    row = builders.order(1, hold=Hold.WAITS)
    row.description = "ring twice"
    row.save()
    row.refresh_from_db()
    assert row.sync_state == "pending"
    assert Push.objects.get().object_id == row.pk
