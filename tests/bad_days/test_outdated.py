"""What was read before a write of ours and arrives after it takes nothing back here, and is read again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.errors import Retry
from backoffice.remotes.ireca.client.resources import Clients, Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import apply as merging
from backoffice.sync import callbacks, clock, lease, pull, refresh
from backoffice.sync import clients as remotes
from backoffice.sync.apply import apply
from backoffice.sync.mirror import registry
from backoffice.sync.models import Callback, Push
from orders.models import Client, Order
from tests.sync.test_push import drain, many_orders

pytestmark = pytest.mark.django_db(transaction=True)

OURS, THEIRS = "+79111111111", "+79990000000"
Meanwhile = Callable[..., list[Callable[[], Any]]]


@pytest.fixture
def order(ireca: Sandbox) -> Order:
    return Order.objects.get(ireca_id="209900")


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """What is done between a read's answer and its arrival, once each, in turn."""

    def plan(resource: Any, *steps: Callable[[], Any]) -> list[Callable[[], Any]]:
        waiting, at_it = list(steps), []

        def step() -> None:
            if waiting and not at_it:  # what a step reads itself has no steps
                at_it.append(True)
                try:
                    waiting.pop(0)()
                finally:
                    at_it.clear()

        def of_one(original: Callable[..., Any]) -> Callable[..., Any]:
            def get(*arguments: Any, **named: Any) -> Any:
                found = original(*arguments, **named)
                step()
                return found

            return get

        def of_many(original: Callable[..., Any]) -> Callable[..., Any]:
            def read(*arguments: Any, **named: Any) -> Iterator[Any]:
                found = list(original(*arguments, **named))
                step()
                yield from found

            return read

        monkeypatch.setattr(resource, "get", of_one(resource.get))
        for name in ("list", "pages"):
            monkeypatch.setattr(resource, name, of_many(getattr(resource, name)))
        return waiting

    return plan


def edit(order: Any, **values: Any) -> None:
    """A dispatcher saves a form, and it is with iRECA."""
    order.refresh_from_db()
    for name, value in values.items():
        setattr(order, name, value)
    order.save()
    drain()
    order.refresh_from_db()
    assert order.sync_state == "clean"


def called(order: Order) -> Callback:
    """iRECA calls: there is news of the order."""
    callbacks.store("ireca", "orders", b'[{"orderId": "%s", "phone": "+70000000000"}]' % str(order.ireca_id).encode())
    callbacks.process(remotes.client(), lease.owner())
    return Callback.objects.latest("pk")


def sides(ireca: Sandbox, order: Order) -> tuple[str, str, str]:
    order.refresh_from_db()
    return order.sync_state, order.description, ireca.order(order.ireca_id)["description"]


def by_callback(order: Order) -> None:
    assert called(order).state == "done"


def by_pull(order: Order) -> None:
    run = pull.run(pull.request("orders"), remotes.client(), lease.owner())
    assert (run.state, run.error) == ("done", "")


def by_hand(order: Order) -> None:
    refresh.refresh(registry.for_model(Order), [order])


READS = [by_callback, by_pull, by_hand]


@pytest.mark.parametrize("read", READS)
def test_our_change_stays(ireca: Sandbox, order: Order, meanwhile: Meanwhile, read: Callable[[Order], None]) -> None:
    """And what was news of the read is taken."""
    ireca.change(order.ireca_id, phone=THEIRS)
    left = meanwhile(Orders, lambda: edit(order, description="ours"))
    read(order)
    assert not left
    assert sides(ireca, order) == ("clean", "ours", "ours")
    assert order.phone == THEIRS
    assert not Push.objects.exclude(state="done").exists()
    assert "ireca" not in order.history.filter(description="").values_list("history_change_reason", flat=True)[:1]


@pytest.mark.parametrize("read", READS)
def test_the_next_edit_is_no_conflict(
    ireca: Sandbox, order: Order, meanwhile: Meanwhile, read: Callable[[Order], None]
) -> None:
    meanwhile(Orders, lambda: edit(order, description="ours"))
    ireca.change(order.ireca_id, phone=THEIRS)
    read(order)
    edit(order, description="newer")
    assert sides(ireca, order) == ("clean", "newer", "newer")


def test_it_may_happen_twice(ireca: Sandbox, order: Order, meanwhile: Meanwhile) -> None:
    ireca.change(order.ireca_id, phone=THEIRS)
    left = meanwhile(Orders, *(lambda n=n: edit(order, description=f"ours {n}") for n in range(2)))
    by_callback(order)
    assert not left
    assert sides(ireca, order) == ("clean", "ours 1", "ours 1")
    assert order.phone == THEIRS


def test_who_writes_without_end_keeps_nobody_waiting(ireca: Sandbox, order: Order, meanwhile: Meanwhile) -> None:
    """The callback is tried again later."""
    ireca.change(order.ireca_id, phone=THEIRS)
    left = meanwhile(Orders, *(lambda n=n: edit(order, description=f"ours {n}") for n in range(9)))
    callback = called(order)
    assert left
    assert (callback.state, callback.error) == ("new", "209900: changed here while it was read")
    left.clear()
    Callback.objects.update(due_at=timezone.now())
    callbacks.process(remotes.client(), lease.owner())
    assert sides(ireca, order)[0] == "clean"
    assert order.description == ireca.order(order.ireca_id)["description"]
    assert order.phone == THEIRS


def test_an_older_read_takes_nothing_from_a_newer_one(ireca: Sandbox, order: Order) -> None:
    mirror = registry.for_model(Order)
    asked = clock.now()
    old = remotes.client().orders.get(order.ireca_id)
    ireca.change(order.ireca_id, phone=THEIRS)
    apply(mirror, [remotes.client().orders.get(order.ireca_id)], clock.now())
    assert apply(mirror, [old], asked).outdated == [order.ireca_id]
    order.refresh_from_db()
    assert order.phone == THEIRS


def test_what_was_agreed_tomorrow_holds_up_nothing(ireca: Sandbox, order: Order) -> None:
    """Another machine's clock was ahead."""
    Order.objects.filter(pk=order.pk).update(synced_at=timezone.now() + timedelta(days=1))
    ireca.change(order.ireca_id, phone=THEIRS)
    by_callback(order)
    order.refresh_from_db()
    assert order.phone == THEIRS
    assert order.synced_at <= timezone.now()


def test_clients_too(ireca: Sandbox, meanwhile: Meanwhile) -> None:
    """Which have no journal and no callbacks: what a pull took back would stay so until the next one."""
    client = Client.objects.exclude(ireca_id=None).first()
    assert client is not None
    left = meanwhile(Clients, lambda: edit(client, description="ours"))
    run = pull.run(pull.request("clients"), remotes.client(), lease.owner())
    assert (run.state, run.error) == ("done", "")
    client.refresh_from_db()
    assert not left
    assert (client.sync_state, client.description) == ("clean", "ours")


def test_a_remote_that_is_out_meanwhile_postpones_the_callback(
    ireca: Sandbox, order: Order, meanwhile: Meanwhile
) -> None:
    def out() -> None:
        raise Retry("timed out")

    ireca.change(order.ireca_id, phone=THEIRS)
    meanwhile(Orders, lambda: edit(order, description="ours"), out)
    callback = called(order)
    assert (callback.state, callback.error, callback.lease_owner) == ("new", "timed out", "")
    assert sides(ireca, order) == ("clean", "ours", "ours")


def test_a_second_look_that_fails_is_taken_once_more(ireca: Sandbox, order: Order, meanwhile: Meanwhile) -> None:
    def step() -> None:
        edit(order, description="ours")
        ireca.change(order.ireca_id, phone=THEIRS)

    def fail() -> None:
        raise Retry("500", down=False)

    meanwhile(Orders, step, fail)
    assert called(order).state == "new"
    Callback.objects.update(due_at=timezone.now())
    callbacks.process(remotes.client(), lease.owner())
    order.refresh_from_db()
    assert (Callback.objects.get().state, order.phone) == ("done", THEIRS)


def test_a_refresh_tells_what_the_second_look_found(ireca: Sandbox, order: Order, meanwhile: Meanwhile) -> None:
    def step() -> None:
        edit(order, description="ours")
        ireca.change(order.ireca_id, phone=THEIRS)

    ireca.change(order.ireca_id, amountToPay="12.50")
    meanwhile(Orders, step)
    (told,) = refresh.refresh(registry.for_model(Order), [order])
    assert (told.outcome, told.row.phone) == (refresh.Outcome.CHANGED, THEIRS)


def test_a_refresh_tells_what_cannot_be_stored(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise ValueError("out of range")

    monkeypatch.setattr(merging, "apply", fail)
    (told,) = refresh.refresh(registry.for_model(Order), [order])
    assert told.outcome == refresh.Outcome.FAILED
    assert "out of range" in told.text


def test_what_is_read_before_a_write_is_never_left_out(ireca: Sandbox, meanwhile: Meanwhile) -> None:
    """Though another read of it, asked for later, has arrived meanwhile: what it told may be older."""
    client = Client.objects.exclude(ireca_id=None)[0]
    name = client.firstname

    def theirs(firstname: str) -> None:
        with ireca.state.lock:
            store = ireca.state.store
            store.put("clients", client.ireca_id, {**store.get("clients", client.ireca_id), "firstname": firstname})

    original = Clients.get
    steps: list[str] = ["A", "B"]

    def get(self: Any, ireca_id: str) -> Any:
        if steps:
            theirs(steps.pop(0))
            apply(registry.for_model(Client), [original(self, ireca_id)], clock.now())
            theirs(steps.pop(0))
        return original(self, ireca_id)

    client.description = "ours"
    client.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clients, "get", get)
        drain()
    client.refresh_from_db()
    assert name not in ("A", "B")
    assert (client.sync_state, client.firstname) == ("clean", "B")
    with ireca.state.lock:
        there = ireca.state.store.get("clients", client.ireca_id)
    assert (there["firstname"], there["description"]) == ("B", "ours")


def test_of_two_objects_of_a_callback_each_is_read(ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is agreed on anew whenever it is read, the other cannot be read: both are read again later."""
    orders = many_orders(2)
    for nth, order in enumerate(orders):
        ireca.change(order.ireca_id, description=f"theirs {nth}")
    Callback.objects.all().delete()
    news = [{"orderId": order.ireca_id, "description": "news"} for order in orders]
    callback = callbacks.store("ireca", "orders", json.dumps(news).encode())
    original = Orders.get

    def get(self: Any, ireca_id: str) -> Any:
        if str(ireca_id) == str(orders[1].ireca_id):
            raise Retry("500", down=False)
        found = original(self, ireca_id)
        Order._base_manager.filter(pk=orders[0].pk).update(synced_at=clock.now())
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Orders, "get", get)
        callbacks.process(remotes.client(), lease.owner())
    Callback.objects.update(due_at=timezone.now())
    callbacks.process(remotes.client(), lease.owner())
    callback.refresh_from_db()
    assert callback.state == "done"
    for nth, order in enumerate(orders):
        order.refresh_from_db()
        assert order.description == f"theirs {nth}"
