"""From an event to its receiver: what counts as delivered, retries, order, pause, many webhooks beside one another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import delivery as sending
from backoffice.partners.webhooks import manage
from backoffice.sync import lease
from tests.partners.webhooks.conftest import deliver, order, states
from tests.partners.webhooks.receiver import Received, Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("status", [200, 202, 204, 301, 307, 400, 404, 410, 500, 503, 0])
def test_only_201_counts(hook: Webhook, receiver: Receiver, source: Source, status: int, settings: Any) -> None:
    settings.WEBHOOK_FIRST_WAIT = 60
    receiver.answer = lambda received: status
    receiver.headers = {"Location": receiver.url + "/elsewhere"}
    order(source, 1)
    assert deliver() == 1
    (left,) = Delivery.objects.all()
    assert (left.state, left.attempts, left.status) == ("queued", 1, status or None)
    assert left.error
    assert left.due_at > timezone.now() + timedelta(seconds=20)
    assert len(receiver.requests) == 1, "nobody follows a redirect"


def test_the_answer_is_kept_short_and_redacted(hook: Webhook, receiver: Receiver, source: Source) -> None:
    receiver.answer = lambda received: 201
    receiver.text = b'{"token": "qwertyuiop"}\x00' + b"x" * 100_000
    order(source, 1)
    deliver()
    done = Delivery.objects.get()
    assert done.state == "done"
    assert "qwertyuiop" not in done.response
    assert len(done.response) <= sending.ANSWER_BYTES


def test_an_event_is_retried_under_the_same_id(hook: Webhook, receiver: Receiver, source: Source) -> None:
    left = [500, 0, 503]
    receiver.answer = lambda received: left.pop() if left else 201
    order(source, 1)
    deliver()
    assert [received.status for received in receiver.requests] == [503, 0, 500, 201]
    assert len({(received.event, received.body) for received in receiver.requests}) == 1
    assert Webhook.objects.get().failures == 0


def test_later_events_of_an_object_wait_and_those_of_others_go(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_FIRST_WAIT = 60
    bad = order(source, 1, description="first")
    bad.description = "second"
    bad.save()
    order(source, 2)
    receiver.answer = lambda received: 500 if received.item["orderId"] == "1" else 201
    deliver()
    assert len(receiver.requests) == 1, "after a failure the webhook waits"
    Webhook.objects.update(due_at=timezone.now())
    deliver()
    assert [received.item["orderId"] for received in receiver.requests] == ["1", "2"]
    assert states() == ["queued", "queued", "done"]
    receiver.answer = lambda received: 201
    Delivery.objects.update(due_at=timezone.now())
    deliver()
    assert [received.item.get("description") for received in receiver.requests[2:]] == ["first", "second"]


def test_the_wait_grows_with_each_failure() -> None:
    waits = [sending.wait_after(failures).total_seconds() for failures in range(1, 60)]
    assert waits[0] <= 2
    assert 8 <= waits[4] <= 32
    assert all(sending.LONGEST_WAIT / 2 <= wait <= sending.LONGEST_WAIT for wait in waits[10:])


def test_what_failed_for_a_day_is_given_up_and_the_next_goes(hook: Webhook, receiver: Receiver, source: Source) -> None:
    one = order(source, 1, description="first")
    receiver.answer = lambda received: 500 if received.item["description"] == "first" else 201
    settings_wait = sending.deliver(lease.owner())
    assert settings_wait == 1
    Delivery.objects.update(expires_at=timezone.now())
    one.description = "second"
    one.save()
    deliver()
    assert states() == ["failed", "done"]
    given_up = Delivery.objects.get(state="failed")
    assert (given_up.status, given_up.attempts) == (500, 2)


def test_a_webhook_that_keeps_failing_is_paused_and_resumed_in_order(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_PAUSE_AFTER = 5
    receiver.answer = lambda received: 500
    order(source, 2, description="of another")
    one = order(source, 1, description="0")
    for number in range(1, 4):
        one.description = str(number)
        one.save()
    deliver()
    hook.refresh_from_db()
    assert hook.paused_at is not None
    assert "500" in hook.pause_reason
    assert len(receiver.requests) == 5
    one.description = "4"
    one.save()
    assert deliver() == 0
    receiver.answer = lambda received: 201
    manage.resume(hook)
    deliver()
    taken = [received.item for received in receiver.taken]
    assert [item["description"] for item in taken if item["orderId"] == "1"] == ["0", "1", "2", "3", "4"]
    assert [item["description"] for item in taken if item["orderId"] == "2"] == ["of another"]


def test_an_event_that_always_fails_holds_up_no_other(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_PAUSE_AFTER = 5
    receiver.answer = lambda received: 500 if received.item["orderId"] == "1" else 201
    order(source, 1)
    for _round in range(10):
        sending.work(lease.owner())
    assert len(receiver.requests) == 10, "it is tried again and again"
    hook.refresh_from_db()
    assert (hook.paused_at, hook.failures) == (None, 1)

    settings.WEBHOOK_FIRST_WAIT = 2.0
    sending.work(lease.owner())
    hook.refresh_from_db()
    assert hook.due_at < timezone.now() + timedelta(seconds=3), "the webhook waits shortly, the event long"
    assert Delivery.objects.get().due_at > timezone.now() + timedelta(seconds=60)

    settings.WEBHOOK_FIRST_WAIT = 0.0
    Webhook.objects.update(due_at=timezone.now())
    Delivery.objects.update(due_at=timezone.now())
    order(source, 2)
    order(source, 3)
    sending.work(lease.owner())
    assert "2" in [received.item["orderId"] for received in receiver.taken]
    sending.work(lease.owner())
    assert [received.item["orderId"] for received in receiver.taken] == ["2", "3"]


def test_a_dead_receiver_is_asked_ever_more_seldom(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_FIRST_WAIT = 2.0
    settings.WEBHOOK_PAUSE_AFTER = 8
    receiver.answer = lambda received: 500
    for number in range(6):
        order(source, number)
    shortest, longest = [], []
    for _round in range(8):
        before = timezone.now()
        assert deliver() == 1, "one try, then it waits"
        hook.refresh_from_db()
        # The wait was counted from some moment between these two: a slow machine may lie seconds between them.
        longest.append((hook.due_at - before).total_seconds())
        shortest.append((hook.due_at - timezone.now()).total_seconds())
        Webhook.objects.update(due_at=timezone.now())
        Delivery.objects.update(due_at=timezone.now())
    assert shortest[0] <= 2
    assert longest[2] >= 4
    assert shortest[2] <= 8
    assert longest[5] > 30
    assert hook.paused_at is not None
    assert deliver() == 0


def test_a_receiver_that_does_not_answer_is_paused_for_one_object_too(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_PAUSE_AFTER = 5
    receiver.stop()
    order(source, 1)
    for _round in range(5):
        sending.work(lease.owner())
    hook.refresh_from_db()
    assert hook.paused_at is not None
    assert states() == ["queued"], "it waits for somebody to resume"


def test_a_dead_receiver_does_not_hold_up_another(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_FIRST_WAIT = 60
    silent = Receiver().start()
    silent.stop()
    manage.create(source, "orders", silent.url)
    for number in range(20):
        order(source, number)
    assert deliver() == 21, "one try at the dead one"
    assert len(receiver.taken) == 20


def test_a_slow_receiver_lets_others_go_first(
    hook: Webhook, receiver: Receiver, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TURN", 0.0)
    manage.create(source, "orders", receiver.url + "/second")
    for number in range(3):
        order(source, number)
    while sending.deliver(lease.owner()):
        pass
    assert [received.path for received in receiver.requests] == ["/hook", "/hook/second"] * 3


def test_who_sends_holds_the_webhook(hook: Webhook, receiver: Receiver, source: Source) -> None:
    order(source, 1)
    during: list[int] = []

    def answer(received: Received) -> int:
        try:
            during.append(sending.deliver("another:1:x"))
        finally:
            connection.close()
        return 201

    receiver.answer = answer
    deliver()
    assert during == [0]
    assert len(receiver.requests) == 1
