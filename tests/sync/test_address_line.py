"""Where to deliver, said in one line: what leaves, what iRECA makes of it, and what never comes back."""

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.client.resources import Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, pull, worker
from backoffice.sync.apply import resolve
from backoffice.sync.mirror import registry
from orders import actions
from orders.models import Order
from tests.sync.test_push import drain, many_orders, writes

pytestmark = pytest.mark.django_db(transaction=True)

LINE = "Санкт-Петербург, Невский проспект, 5, 12"  # of which the sandbox makes parts
PARTS = ("Санкт-Петербург", "Невский проспект", "5", "12")
VAGUE = "у метро, спросить охрану"  # of which it makes none


def parts(order: Order) -> tuple[str, ...]:
    return (order.to_city, order.to_street, order.to_home, order.to_apartment)


def known(sandbox: Sandbox) -> Order:
    """An order with an exact address on both sides."""
    order = Order.objects.get(pk=many_orders(1)[0].pk)
    assert parts(order)[1] == "Улица правды"
    sandbox.requests.clear()
    return order


@pytest.fixture
def read(ireca: Sandbox) -> Callable[[], None]:
    def all_orders() -> None:
        assert pull.run(pull.request("orders"), clients.client(), lease.owner()).state == "done"

    return all_orders


def test_one_line_for_many_orders_is_one_request_and_comes_back_in_parts(ireca: Sandbox) -> None:
    orders = many_orders(30)
    ireca.requests.clear()
    actions.change_address([order.pk for order in orders], LINE)
    drain()
    (request,) = writes(ireca)
    assert (request["method"], request["path"]) == ("PUT", "/orders/multipleUpdate")
    assert request["body"]["attributes"] == {"addressTo": LINE}
    assert len(request["body"]["orderIds"]) == 30
    for order in Order.objects.filter(pk__in=[order.pk for order in orders]):
        assert (parts(order), order.to_line, order.sync_state) == (PARTS, LINE, "clean")
    drain()
    assert len(writes(ireca)) == 1
    assert ireca.violations == []


def test_different_lines_leave_as_lines_each(ireca: Sandbox) -> None:
    orders = many_orders(4)
    ireca.requests.clear()
    for index, order in enumerate(orders):
        actions.change_address([order.pk], f"Москва, Арбат, {index}")
    drain()
    assert [request["path"] for request in writes(ireca)] == ["/orders/multipleUpdate"] * 4


@pytest.mark.parametrize("count", [1, 3])
def test_an_order_with_a_line_only_keeps_its_address_when_it_is_sent_whole(ireca: Sandbox, count: int) -> None:
    """iRECA makes no parts of this line; PUT and replace know no line, and would lose it."""
    orders = many_orders(count)
    actions.change_address([order.pk for order in orders], VAGUE)
    drain()
    for order in Order.objects.filter(pk__in=[order.pk for order in orders]):
        assert order.has_only_line
        order.description = "Позвонить"
        order.save()
    ireca.requests.clear()
    drain()
    (request,) = writes(ireca)
    body = request["body"][0] if count > 1 else request["body"]
    entity = body["addressToEntity"]
    assert (entity["city"], entity["street"], entity["home"], entity["isUseGoogleGeo"]) == ("", VAGUE, "", True)
    for order in Order.objects.filter(pk__in=[order.pk for order in orders]):
        there = ireca.order(order.ireca_id)
        assert (there["description"], there["addressTo"]) == ("Позвонить", VAGUE)
        assert (order.address, order.sync_state) == (VAGUE, "clean")
    assert ireca.violations == []


def test_an_old_exact_address_never_comes_back_with_a_whole_write(ireca: Sandbox) -> None:
    order = known(ireca)
    actions.change_address([order.pk], VAGUE)
    Order.objects.filter(pk=order.pk).update(description="and another change")
    drain()
    assert [request["method"] for request in writes(ireca)] == ["PUT"]
    there = ireca.order(order.ireca_id)
    assert (there["addressTo"], there["description"]) == (VAGUE, "and another change")
    order.refresh_from_db()
    assert order.address == VAGUE
    drain()
    assert len(writes(ireca)) == 1


def test_an_order_made_here_with_a_line_only_is_created_with_it(ireca: Sandbox) -> None:
    template = Order.objects.get(ireca_id="209900")
    order = Order.objects.create(
        number="N-1",
        payment_type=template.payment_type,
        delivery_time_from=template.delivery_time_from,
        delivery_time_to=template.delivery_time_to,
        to_line=VAGUE,
    )
    drain()
    order.refresh_from_db()
    assert ireca.order(order.ireca_id)["addressTo"] == VAGUE
    assert (order.sync_state, order.address) == ("clean", VAGUE)
    assert ireca.violations == []


def test_a_pull_meanwhile_does_not_bring_the_old_parts_back(ireca: Sandbox, read: Callable[[], None]) -> None:
    order = known(ireca)
    actions.change_address([order.pk], LINE)
    ireca.change(order.ireca_id, phone="+79990000000")
    read()
    order.refresh_from_db()
    assert (order.has_only_line, order.phone) == (True, "+79990000000")
    drain()
    order.refresh_from_db()
    assert (parts(order), order.sync_state) == (PARTS, "clean")
    assert ireca.order(order.ireca_id)["addressTo"] == LINE


@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_an_address_changed_on_both_sides_is_a_conflict_of_lines(ireca: Sandbox, choice: str) -> None:
    order = known(ireca)
    actions.change_address([order.pk], LINE)
    ireca.change(
        order.ireca_id, addressToEntity={"city": "Москва", "street": "Арбат", "home": "1", "isUseGoogleGeo": False}
    )
    drain()
    order.refresh_from_db()
    assert (order.sync_state, list(order.sync_conflict)) == ("conflict", ["addressTo"])
    assert (order.address, writes(ireca)) == (LINE, [])
    mirror: Any = registry.for_model(Order)
    resolve(mirror, order, {"addressTo": choice})
    drain()
    order.refresh_from_db()
    assert order.sync_state == "clean"
    assert parts(order) == (PARTS if choice == "ours" else ("Москва", "Арбат", "1", ""))
    there = contract.decode(contract.Order, ireca.order(order.ireca_id))
    assert there.address_to_entity.street == parts(order)[1]
    assert len(writes(ireca)) == (choice == "ours")


def test_parts_typed_afterwards_win_over_the_line(ireca: Sandbox) -> None:
    order = known(ireca)
    actions.change_address([order.pk], VAGUE)
    drain()
    Order.objects.filter(pk=order.pk).update(to_city="Москва", to_street="Арбат", to_home="2")
    drain()
    assert ireca.order(order.ireca_id)["addressTo"] == "Москва Арбат 2"
    order.refresh_from_db()
    assert order.sync_state == "clean"


def test_where_ireca_does_not_say_what_it_made_of_the_line_a_pull_tells(
    ireca: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = known(ireca)
    actions.change_address([order.pk], LINE)
    send = Orders.multiple_update

    def and_then_stumble(*arguments: Any, **attributes: Any) -> None:
        send(*arguments, **attributes)
        ireca.faults.set("500", path_contains="/orders", method="GET")

    monkeypatch.setattr(Orders, "multiple_update", and_then_stumble)
    worker.drain_messages(lease.owner())
    order.refresh_from_db()
    assert (order.has_only_line, order.sync_state) == (True, "clean")
    ireca.faults.clear()
    worker.drain_pulls(lease.owner())
    order.refresh_from_db()
    assert (parts(order), order.sync_state) == (PARTS, "clean")
