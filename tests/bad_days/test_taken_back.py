"""A change whose answer was lost is taken back here before it is sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.errors import Refused, Retry
from backoffice.remotes.ireca.client.resources import Clients, Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients as remotes
from backoffice.sync import lease, pull, push, unanswered, worker
from backoffice.sync.apply import apply
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push, Sent
from orders import readers
from orders.models import Client, DeliveryStatus, Order
from tests.bad_days import slowness
from tests.sync.test_push import drain, many_orders, new_orders

pytestmark = pytest.mark.django_db(transaction=True)


def save(row: Any, **values: Any) -> None:
    row.refresh_from_db()
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


def test_what_was_answered_is_not_kept(ireca: Sandbox) -> None:
    """Though the row was changed while the request was in the air."""
    order = many_orders(1)[0]
    save(order, description="first")

    def write(carry_out: Callable[[], Any]) -> Any:
        save(order, description="second")
        return carry_out()

    with slowness.writes_of(Orders, write):
        push.drain(remotes.client(), lease.owner(), entities=["orders"])
    assert Push.objects.get(state__in=Push.OPEN).payload is None
    drain()
    with ireca.state.lock:
        assert ireca.state.store.get("orders", order.ireca_id)["description"] == "second"


@pytest.mark.parametrize("is_carried_out", [True, False])
@pytest.mark.parametrize("entity", ["orders", "clients"])
def test_what_was_there_before_is_said(ireca: Sandbox, entity: str, is_carried_out: bool) -> None:
    rows = many_orders(1) if entity == "orders" else list(Client.objects.exclude(ireca_id=None)[:1])
    row: Order | Client = rows[0]
    row.refresh_from_db()
    before = row.description
    for method in ("PUT", "POST"):
        ireca.faults.set("reset_after" if is_carried_out else "reset_before", times=1, method=method)
    save(row, description="a mistake")
    drain()
    ireca.faults.clear()
    save(row, description=before)
    worker.start()
    drain()
    pull.run(pull.request(entity), remotes.client(), lease.owner())
    drain()
    row.refresh_from_db()
    assert (row.sync_state, row.description) == ("clean", before)
    with ireca.state.lock:
        assert ireca.state.store.get(entity, row.ireca_id)["description"] == before


@pytest.mark.parametrize("entity", ["orders", "clients"])
def test_a_refusal_forgets_only_what_was_refused(ireca: Sandbox, entity: str) -> None:
    resource: Any = Orders if entity == "orders" else Clients
    row: Any = (many_orders(1) if entity == "orders" else Client.objects.exclude(ireca_id=None))[0]
    save(row, description="before")
    drain()
    with slowness.held(resource) as held:
        save(row, description="a mistake")
        drain()
    worker.start()
    with slowness.refused(resource):
        save(row, description="refused")
        drain()
    save(row, description="before")
    drain()
    held[0]()
    pull.run(pull.request(entity), remotes.client(), lease.owner())
    if entity == "orders":
        readers.read_journal_of(remotes.client(), [row])
    drain()
    row.refresh_from_db()
    assert row.description == "before"
    assert row.sync_state == ("clean" if entity == "orders" else "conflict")


def told(order: Order) -> None:
    """A read of the order arrives."""
    theirs = remotes.client().orders.get(order.ireca_id or "")
    apply(registry.for_model(Order), [theirs])


def test_what_they_said_since_is_theirs(ireca: Sandbox) -> None:
    """It was ours first, then they changed it, and back again: the word between is not ours to say."""
    order = many_orders(1)[0]
    with slowness.unanswered(Orders):
        save(order, description="ours")
        drain()
    told(order)
    for theirs in ("theirs", "ours"):
        ireca.change(order.ireca_id, description=theirs)
        told(order)
    worker.start()
    drain()
    assert ireca.order(order.ireca_id)["description"] == "ours"
    order.refresh_from_db()
    assert (order.sync_state, order.description) == ("clean", "ours")


def test_a_delivery_is_not_set_back(ireca: Sandbox) -> None:
    """The courier goes on, of which we have read a part."""
    order = many_orders(1)[0]
    with slowness.unanswered(Orders):
        save(order, delivery_status=DeliveryStatus.NEW)
        drain()
    told(order)
    ireca.change(order.ireca_id, deliveryStatusId=DeliveryStatus.TAKEN.value)
    told(order)
    ireca.change(order.ireca_id, deliveryStatusId=DeliveryStatus.DELIVERED.value)
    worker.start()
    Push.objects.filter(state=Push.State.QUEUED).update(due_at=timezone.now())
    push.drain(remotes.client(), lease.owner(), entities=["orders"])
    assert ireca.order(order.ireca_id)["deliveryStatusId"] == DeliveryStatus.DELIVERED


def test_what_never_left_is_taken_back_with_a_look(ireca: Sandbox) -> None:
    order = many_orders(1)[0]
    order.refresh_from_db()
    before = order.delivery_status
    with slowness.failing(Orders):
        save(order, delivery_status=DeliveryStatus.NEW)
        drain()
    save(order, delivery_status=before)
    ireca.change(order.ireca_id, deliveryStatusId=DeliveryStatus.DELIVERED.value)
    Push.objects.filter(state=Push.State.QUEUED).update(due_at=timezone.now())
    push.drain(remotes.client(), lease.owner(), entities=["orders"])
    assert ireca.order(order.ireca_id)["deliveryStatusId"] == DeliveryStatus.DELIVERED


def test_a_line_that_took_the_place_of_an_exact_address(ireca: Sandbox) -> None:
    order = many_orders(1)[0]
    order.refresh_from_db()
    names = [field.attname for field in Order._meta.concrete_fields if field.attname.startswith("to_")]
    before = {name: getattr(order, name) for name in names}
    blank = {name: None if value is None or not isinstance(value, str) else "" for name, value in before.items()}
    with slowness.unanswered(Orders):
        Order.objects.filter(pk=order.pk).update(**{**blank, "to_line": "Москва, Арбат 1"})
        drain()
    assert ireca.order(order.ireca_id)["addressTo"] == "Москва, Арбат 1"
    save(order, **before)
    worker.start()
    drain()
    told(order)
    drain()
    order.refresh_from_db()
    assert (order.sync_state, order.to_line, order.to_street) == ("clean", before["to_line"], before["to_street"])
    assert ireca.order(order.ireca_id)["addressToEntity"]["street"] == before["to_street"]


def _not_carried_out(kind: str) -> Callable[[Callable[[], Any]], None]:
    def instead(_carry_out: Callable[[], Any]) -> None:
        error = Retry("connection refused")
        error.not_carried_out = kind == "surely"
        raise error

    return instead


@pytest.mark.parametrize("entity", ["orders", "clients"])
@pytest.mark.parametrize("kind", ["surely", "perhaps"])
def test_what_surely_was_not_carried_out_is_not_unanswered(ireca: Sandbox, entity: str, kind: str) -> None:
    """But what nobody answered before it is, though it said the same."""
    resource: Any = Orders if entity == "orders" else Clients
    row: Any = (many_orders(1) if entity == "orders" else Client.objects.exclude(ireca_id=None))[0]
    with slowness.held(resource):
        save(row, description="lost")
        drain()
    (kept,) = Push.objects.filter(state__in=Push.OPEN).values_list("payload", flat=True)
    assert len(kept) == 1
    for description in ("lost", "not there"):
        worker.start()
        with slowness.writes_of(resource, _not_carried_out(kind)):
            save(row, description=description)
            drain()
        (payload,) = Push.objects.filter(state__in=Push.OPEN).values_list("payload", flat=True)
        if kind == "surely":
            assert payload == kept
    assert len(payload) == (1 if kind == "surely" else 2)


@pytest.mark.parametrize("fault", ["refused connection", "429"])
def test_the_session_tells_what_surely_was_not_carried_out(ireca: Sandbox, fault: str) -> None:
    new_orders(2)  # a change would be preceded by a read
    if fault == "429":
        ireca.faults.set("429", times=9)
    else:
        ireca.stop()
    drain()
    assert Push.objects.filter(state__in=Push.OPEN, attempts=1, payload__isnull=True).count() == 2
    assert not Sent.objects.exists()


@pytest.mark.parametrize("kind", ["surely", "perhaps"])
def test_what_was_heard_while_it_was_in_the_air_stays_heard(ireca: Sandbox, kind: str) -> None:
    """The first request comes late and is read, and so is what they say then; the second one is not carried out."""
    order = many_orders(1)[0]
    with slowness.held(Orders) as held:
        save(order, description="ours")
        drain()
    worker.start()
    refuse = _not_carried_out(kind)

    def write(carry_out: Callable[[], Any]) -> None:
        held[0]()
        told(order)
        ireca.change(order.ireca_id, description="theirs")
        told(order)
        refuse(carry_out)

    with slowness.writes_of(Orders, write):
        push.drain(remotes.client(), lease.owner(), entities=["orders"])
    ireca.change(order.ireca_id, description="ours")
    told(order)
    worker.start()
    drain()
    order.refresh_from_db()
    assert (ireca.order(order.ireca_id)["description"], order.description) == ("ours", "ours")


def test_what_was_said_again_and_not_heard_is_kept(ireca: Sandbox) -> None:
    """Of two attempts that said the same the second was not carried out: the first may be."""
    order = many_orders(1)[0]
    with slowness.held(Orders):
        save(order, description="ours", phone="+79112223344")
        drain()
    worker.start()
    refuse = _not_carried_out("surely")

    def write(carry_out: Callable[[], Any]) -> None:
        ireca.change(order.ireca_id, phone="+79110000001")
        (row,) = registry.for_model(Order).queryset().filter(pk=order.pk)  # type: ignore[union-attr]
        unanswered.heard(registry.for_model(Order), {row.pk: {"phone"}})  # type: ignore[arg-type]
        refuse(carry_out)

    with slowness.writes_of(Orders, write):
        push.drain(remotes.client(), lease.owner(), entities=["orders"])
    (payload,) = Push.objects.filter(state__in=Push.OPEN).values_list("payload", flat=True)
    assert [one["changed"] for one in payload] == [{"description": "ours"}]


@pytest.mark.parametrize("fault", ["429", "reset_before"])
def test_what_surely_never_arrived_is_not_deleted_there(ireca: Sandbox, fault: str) -> None:
    """The id may be somebody else's by now. What may have arrived is deleted."""
    order = new_orders(1)[0]
    ireca.faults.set(fault, times=1, method="POST")
    drain()
    theirs = remotes.client().orders.get("209900")
    theirs.order_id = order.ireca_id
    remotes.client().orders.create([theirs])
    order.delete()
    worker.start()
    drain()
    with ireca.state.lock:
        found = ireca.state.store.get("orders", order.ireca_id)
    assert (found is not None) is (fault == "429")


def test_a_refusal_of_what_was_edited_meanwhile_is_none_the_less(ireca: Sandbox) -> None:
    order = many_orders(1)[0]

    def write(_carry_out: Callable[[], Any]) -> Any:
        save(order, description="second")
        raise Refused("no")

    save(order, description="first")
    with slowness.writes_of(Orders, write):
        push.drain(remotes.client(), lease.owner(), entities=["orders"])
    left = Push.objects.get(state__in=Push.OPEN)
    assert (left.state, left.payload) == (Push.State.QUEUED, None)
