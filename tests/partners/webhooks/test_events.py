"""From a change to an event: what is told, to whom, how often, and what a crash or a race leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import events, manage
from backoffice.sync.changes import touch
from orders.models import Order
from tests.partners.webhooks.conftest import deliver, order, states
from tests.partners.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_is_told_in_the_numbering_of_the_source(hook: Webhook, receiver: Receiver, source: Source) -> None:
    order(source, 1, description="ring twice")
    assert states() == ["queued"]
    assert deliver() == 1
    (received,) = receiver.requests
    assert json.loads(received.body) == {"items": [{"orderId": "1", "description": "ring twice"}]}
    assert received.headers["content-type"] == "application/json"
    done = Delivery.objects.get()
    assert (done.state, done.status, done.attempts, done.open_key) == ("done", 201, 1, None)


def test_two_edits_are_two_events_in_order(hook: Webhook, receiver: Receiver, source: Source) -> None:
    one = order(source, 1, description="first")
    one.description = "second"
    one.save()
    deliver()
    assert [received.item["description"] for received in receiver.requests] == ["first", "second"]
    assert len({received.event for received in receiver.requests}) == 2


def test_the_changes_of_one_transaction_are_one_event(hook: Webhook, receiver: Receiver, source: Source) -> None:
    with transaction.atomic():
        one = order(source, 1, description="first")
        one.description = "second"
        one.save()
        touch(Order, [one.pk])
    deliver()
    assert [received.item["description"] for received in receiver.requests] == ["second"]


def test_what_is_rolled_back_is_not_told(hook: Webhook, receiver: Receiver, source: Source) -> None:
    with transaction.atomic():
        order(source, 1)
        transaction.set_rollback(True)
    order(source, 2)
    deliver()
    assert [received.item["orderId"] for received in receiver.requests] == ["2"]


def test_each_source_is_told_of_its_own_orders_only(hook: Webhook, receiver: Receiver, source: Source) -> None:
    other = Source.objects.create(title="Other shop", scopes=source.scopes)
    order(other, 1)
    Order.objects.create(number="ours")
    assert states() == []
    manage.create(other, "orders", receiver.url + "/other")
    order(other, 2)
    order(source, 3)
    deliver()
    assert {(received.path, received.item["orderId"]) for received in receiver.requests} == {
        ("/hook/other", "2"),
        ("/hook", "3"),
    }


def test_several_webhooks_are_each_told(hook: Webhook, receiver: Receiver, source: Source) -> None:
    manage.create(source, "orders", receiver.url + "/second")
    order(source, 1)
    deliver()
    assert sorted(received.path for received in receiver.requests) == ["/hook", "/hook/second"]
    assert len({received.event for received in receiver.requests}) == 2


@pytest.mark.parametrize("off", ["webhook", "source", "scope"])
def test_what_is_off_is_not_told(hook: Webhook, source: Source, off: str) -> None:
    if off == "scope":
        Source.objects.update(scopes=["licences", "clients"])
    else:
        (Webhook if off == "webhook" else Source).objects.update(is_active=False)
    order(source, 1)
    assert states() == []


def test_what_a_crash_left_unbuilt_is_built_by_the_worker(
    hook: Webhook, receiver: Receiver, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(events, "build", lambda marks: 0)
        order(source, 1, description="first")
        Order.objects.update(description="second")
    assert states() == ["new"], "both changes are one mark"
    assert deliver() == 0, "the process that made the mark may still be about to build it"
    Delivery.objects.update(due_at=timezone.now())
    deliver()
    assert [received.item["description"] for received in receiver.requests] == ["second"]


def test_a_change_while_the_payload_is_built_is_told(
    hook: Webhook, receiver: Receiver, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are read, then changed by somebody else, then the payload is kept: it must not hide the change."""
    build = events.PAYLOADS["orders"]
    pending = ["second"]

    def slow(owner: Source, ids: Any) -> dict[int, bytes]:
        built = build(owner, ids)
        if pending:
            Order.objects.update(description=pending.pop())
        return built

    monkeypatch.setitem(events.PAYLOADS, "orders", slow)
    order(source, 1, description="first")
    deliver()
    assert receiver.requests[-1].item["description"] == "second"


def test_one_order_that_cannot_be_told_holds_up_no_other(
    hook: Webhook, receiver: Receiver, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = events.PAYLOADS["orders"]

    def picky(owner: Source, ids: Any) -> dict[int, bytes]:
        built = build(owner, ids)
        if any(b'"bad"' in body for body in built.values()):
            raise ValueError("no words for it")
        return built

    monkeypatch.setitem(events.PAYLOADS, "orders", picky)
    with transaction.atomic():
        for number, text in enumerate(["good", "bad", "fine"]):
            order(source, number, description=text)
    deliver()
    assert sorted(received.item["description"] for received in receiver.requests) == ["fine", "good"]
    left = Delivery.objects.get(state="new")
    assert left.error == "ValueError: no words for it"
    assert left.due_at > timezone.now()
    monkeypatch.setitem(events.PAYLOADS, "orders", build)
    Delivery.objects.update(due_at=timezone.now())
    deliver()
    assert states() == ["done"] * 3
    assert Delivery.objects.get(pk=left.pk).error == ""


def test_an_order_that_went_to_another_source_is_not_told(
    hook: Webhook, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(events, "build", lambda marks: 0)
        order(source, 1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET source_id = NULL")
    Delivery.objects.update(due_at=timezone.now())
    assert events.build_due() == 1
    assert not Delivery.objects.exists()


def test_a_bulk_change_costs_the_same_for_many(hook: Webhook, source: Source) -> None:
    def statements(count: int) -> int:
        Order._base_manager.bulk_create(
            Order(source=source, external_id=f"{count}-{number}", ireca_id=f"{count}-{number}", number=str(count))
            for number in range(count)
        )
        Delivery.objects.all().delete()
        with CaptureQueriesContext(connection) as captured:
            events.on_change(Order, list(Order.objects.filter(number=str(count)).values_list("pk", flat=True)))
        assert states() == ["queued"] * count
        return len(captured)

    few, many = statements(10), statements(500)
    # SQLite takes 999 values a statement, so that many rows go in some parts.
    assert many <= few + (10 if connection.vendor == "sqlite" else 0)
    assert few <= 14


def test_without_webhooks_a_change_costs_one_query(source: Source, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        events.on_change(Order, [1, 2, 3])


def test_a_deleted_order_is_told_to_nobody(hook: Webhook, receiver: Receiver, source: Source) -> None:
    order(source, 1)
    order(source, 2)
    deliver()
    Order.objects.filter(external_id="1").delete()
    assert deliver() == 0
    assert len(receiver.requests) == 2
