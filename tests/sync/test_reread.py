"""What would be put back is read right before it is written: by id in slices, or in one list, whichever costs less."""

from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest

from backoffice.remotes.ireca.client.resources import Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, connection, lease, push, reread
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import Push, RemoteState
from couriers.mirror import release
from couriers.models import License
from orders.mirror import OrderMirror
from orders.models import Order
from tests.sync.test_push import drain, many_orders, writes

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 2 * reread.SLICE + 10


@pytest.fixture
def years_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """iRECA has so many orders that no batch is large against them."""
    monkeypatch.setattr(OrderMirror, "listed", 0)


def runs(sandbox: Sandbox) -> list[tuple[str, int]]:
    """The requests in their order: method, and how many of it in a row."""
    return [(method, len(list(group))) for method, group in groupby(r["method"] for r in sandbox.requests)]


def edited(sandbox: Sandbox, count: int) -> list[Order]:
    """Orders that iRECA knows, each with an edit that only a whole write can say."""
    orders = list(Order.objects.filter(pk__in=[order.pk for order in many_orders(count)]).order_by("pk"))
    for order in orders:
        order.description = f"ours {order.pk}"
    Order.objects.bulk_save(orders, ["description"])
    sandbox.requests.clear()
    return orders


def before_write(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Do something right before each `replace` leaves; it is told how many have left."""
    original, left = Orders.replace, 0

    def replace(*arguments: Any, **named: Any) -> None:
        nonlocal left
        act(left)
        left += 1
        original(*arguments, **named)

    monkeypatch.setattr(Orders, "replace", replace)


def test_the_list_is_read_only_where_the_batch_is_large_against_it(ireca: Sandbox) -> None:
    many_orders(27)  # and three that were there
    mirror: Mirror = registry.for_entity("orders")  # type: ignore[assignment]  # registered by its app
    assert {count for count in range(1, 31) if reread.by_list(mirror, count)} == set(range(8, 31))


@pytest.mark.usefixtures("years_of_orders")
def test_a_small_part_of_many_is_read_by_id_and_sent_slice_by_slice(ireca: Sandbox) -> None:
    orders = edited(ireca, COUNT)
    drain()
    assert runs(ireca) == [("GET", 25), ("POST", 1), ("GET", 25), ("POST", 1), ("GET", 10), ("POST", 1)]
    assert all(request["query"] for request in ireca.requests if request["method"] == "GET")  # never the list
    assert all(ireca.order(order.ireca_id)["description"] == f"ours {order.pk}" for order in orders)
    assert set(Order.objects.values_list("sync_state", flat=True)) == {"clean"}


def test_a_large_part_is_read_in_one_list_and_sent_in_one_request(ireca: Sandbox) -> None:
    edited(ireca, COUNT)
    drain()
    assert runs(ireca) == [("GET", 1), ("POST", 1)]
    assert ireca.requests[0]["query"] == {}


@pytest.mark.usefixtures("years_of_orders")
def test_what_changes_there_while_a_slice_is_sent_is_seen_by_the_next(
    ireca: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = edited(ireca, COUNT)

    def act(left: int) -> None:
        if left == 0:
            for order in orders[reread.SLICE :]:
                ireca.change(order.ireca_id, phone="+79990000000")

    before_write(monkeypatch, act)
    drain()
    for order in orders[reread.SLICE :]:
        there = ireca.order(order.ireca_id)
        assert (there["description"], there["phone"]) == (f"ours {order.pk}", "+79990000000")
        order.refresh_from_db()
        assert (order.phone, order.sync_state) == ("+79990000000", "clean")


def different_windows(orders: list[Order]) -> None:
    """multipleUpdate can say each of these, though no two together."""
    for index, order in enumerate(Order.objects.filter(pk__in=[order.pk for order in orders])):
        assert order.delivery_time_to is not None
        order.delivery_time_to += timedelta(minutes=index + 1)
        order.save()


@pytest.mark.usefixtures("years_of_orders")
def test_a_few_attributes_are_said_apart_where_reading_would_cost_more(ireca: Sandbox) -> None:
    orders = many_orders(COUNT)
    different_windows(orders)
    ireca.requests.clear()
    ireca.change(orders[0].ireca_id, phone="+79990000000")
    drain()
    assert runs(ireca) == [("PUT", COUNT)]
    assert {request["path"] for request in ireca.requests} == {"/orders/multipleUpdate"}
    assert ireca.order(orders[0].ireca_id)["phone"] == "+79990000000"


def test_a_few_attributes_that_go_whole_are_read_before(ireca: Sandbox) -> None:
    orders = many_orders(COUNT)
    different_windows(orders)
    ireca.change(orders[0].ireca_id, phone="+79990000000")
    ireca.requests.clear()
    drain()
    assert runs(ireca)[:2] == [("GET", 1), ("POST", 1)]  # behind them the details of the order that changed there
    assert len(writes(ireca)) == 1
    assert ireca.order(orders[0].ireca_id)["phone"] == "+79990000000"


@pytest.mark.usefixtures("years_of_orders")
def test_one_refused_order_costs_few_writes_of_its_slice(ireca: Sandbox) -> None:
    orders = edited(ireca, COUNT)
    ireca.refuse("orders", orders[30].ireca_id or "", "Заказ отклонён")
    drain()
    assert len(writes(ireca)) <= 3 + 2 * 5  # 25 are halved at most five times
    assert len(ireca.requests) - len(writes(ireca)) == COUNT  # nothing is read twice
    assert Order.objects.filter(sync_state="failed").count() == 1


@pytest.mark.usefixtures("years_of_orders")
def test_an_order_that_ireca_cannot_show_holds_up_no_other(ireca: Sandbox) -> None:
    orders = edited(ireca, COUNT)
    ireca.faults.set("500", path_contains="/orders", method="GET", times=1)
    drain()
    # The one left out may have been tried again by now.
    assert [len(request["body"]) for request in writes(ireca)[:3]] == [reread.SLICE - 1, reread.SLICE, 10]
    assert Order.objects.filter(pk__in=[order.pk for order in orders], sync_state="clean").count() >= COUNT - 1


@pytest.mark.usefixtures("years_of_orders")
def test_after_a_stumble_a_few_are_read_and_sent_first(ireca: Sandbox) -> None:
    edited(ireca, COUNT)
    RemoteState.objects.update_or_create(pk="ireca", defaults={"failures": 1})
    drain()
    assert runs(ireca)[:4] == [("GET", reread.SINGLY), ("POST", 1), ("GET", reread.SLICE), ("POST", 1)]


def test_orders_that_never_get_through_keep_no_command_waiting(ireca: Sandbox) -> None:
    session = License.objects.filter(is_open=True).first()
    assert session is not None
    edited(ireca, 3)
    ireca.faults.set("429", path_contains="/orders", seconds=0)
    close = release(session)
    for _round in range(2):
        connection.unblock()
        push.drain(clients.client(), lease.owner())
    close.refresh_from_db()
    assert close.state == "done"
    assert Push.objects.filter(entity="orders", state="queued").count() == 3
