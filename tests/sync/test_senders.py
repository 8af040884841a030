"""Several senders at one outbox: what one does while another looks, waits, records or dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backoffice.remotes.errors import Retry
from backoffice.remotes.ireca.client.resources import Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, outbox, outcomes, push, worker
from backoffice.sync.models import Push
from catalog.models import Good
from orders.models import Client, Order
from tests.sync.test_push import drain, many_orders, new_orders, writes

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_became_known_while_an_order_began_to_wait_is_not_waited_for(
    ireca: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order.objects.get(pk=many_orders(1)[0].pk)
    client = Client.objects.create(lastname="Новая", phone="+79213456789")
    order.client = client
    order.save()

    def named(target: Client) -> str:
        # Another sender is at this client.
        push.drain(clients.client(), lease.owner("other"), entities=["clients"])
        return str(target)

    monkeypatch.setattr(push, "named", named)
    push.drain(clients.client(), lease.owner(), entities=["orders"])
    assert Push.objects.get(entity="orders", state=Push.State.WAITING).waits_for
    push.drain(clients.client(), lease.owner(), entities=["orders"])
    assert str(ireca.order(order.ireca_id)["clientId"]) == client.ireca_id


def test_what_becomes_known_between_a_look_and_its_commit_is_not_waited_for(
    ireca: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order begins to wait after its client is written, and before that is committed."""
    order = Order.objects.get(pk=many_orders(1)[0].pk)
    order.client = Client.objects.create(lastname="Новая", phone="+79213456789")
    order.save()
    write = outcomes.write_states

    def meanwhile(*args: Any, **kwargs: Any) -> None:
        if not Push.objects.filter(state=Push.State.WAITING).exists() and connection.vendor == "postgresql":
            other = threading.Thread(target=in_another_thread, args=(push_orders,))
            other.start()
            other.join(20)
        write(*args, **kwargs)

    def push_orders() -> None:
        push.drain(clients.client(), lease.owner("other"), entities=["orders"])

    if connection.vendor != "postgresql":
        push_orders()  # one writes at a time: it waits before the client is written
    monkeypatch.setattr(outcomes, "write_states", meanwhile)
    push.drain(clients.client(), lease.owner(), entities=["clients"])
    waiting = Push.objects.get(entity="orders", state=Push.State.WAITING)
    assert waiting.due_at <= timezone.now()


def test_two_senders_do_not_wait_for_each_other(ireca: Sandbox, settings: Any, caplog: Any) -> None:
    """Both make objects known that had waited themselves, and wake what waits."""
    settings.PUSH_BATCH = 25
    orders = new_orders(400)
    Push.objects.filter(object_id__in=[order.pk for order in orders]).update(state=Push.State.WAITING)
    senders = [
        threading.Thread(target=in_another_thread, args=(lambda name=name: send_all(name),)) for name in ("one", "two")
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(120)
    assert Order.objects.filter(number__startswith="N-", sync_state="clean").count() == 400
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    # Sixteen batches; a claim passes over rows that the other wakes just then, which leave in a batch of their own.
    assert 16 <= len(writes(ireca)) <= 20


def send_all(name: str) -> None:
    while push.drain(clients.client(), lease.owner(name), entities=["orders"]):
        pass


def in_another_thread(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_what_a_dead_sender_had_in_the_air_arrives_after_it_was_looked_for(
    ireca: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = new_orders(8)
    for order in orders:
        order.lines.create(good=Good.objects.get(ireca_id="355864"), count=Decimal(1), price=Decimal(10), total=10)

    def dead(*_arguments: Any) -> None:
        raise Retry("timed out")

    with monkeypatch.context() as patch:
        patch.setattr(Orders, "create", dead)
        push.drain(clients.client(), lease.owner())
    worker.start()
    outbox.make_due()
    assert set(Push.objects.filter(entity="orders").values_list("attempts", flat=True)) == {1}
    build, sent = push.Batch._again, []

    def late(batch: push.Batch, items: Any, errors: Any) -> Any:
        found = build(batch, items, errors)
        if not sent:
            sent.extend(found)
            clients.client().orders.create([item.ours for item in found])
        return found

    monkeypatch.setattr(push.Batch, "_again", late)
    push.drain(clients.client(), lease.owner())
    created = [request for request in writes(ireca) if request["method"] == "POST"]
    assert [len(request["body"]) for request in created] == [8, 8]
    assert Push.objects.filter(state=Push.State.QUEUED, attempts=2, due_at__gt=timezone.now()).count() == 8
    outbox.make_due()
    drain()
    assert {order.sync_state for order in Order.objects.filter(pk__in=[order.pk for order in orders])} == {"clean"}
    assert len([request for request in writes(ireca) if request["method"] == "POST"]) == 2
