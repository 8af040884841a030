"""What people and the API do: secrets and their rotation, replay, test events, the documented webhook."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import manage
from backoffice.partners.webhooks.signature import sign
from orders.models import Order
from tests.partners.webhooks.conftest import deliver, order
from tests.partners.webhooks.receiver import Received, Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    """The example of docs/webhooks.md, as it stands there."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text()
    names: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    return names["is_genuine"]


def verify(secret: str, received: Received) -> bool:
    return documented()(secret, received.headers, received.body)


def test_the_documented_check_refuses_what_is_old_or_changed(hook: Webhook, receiver: Receiver) -> None:
    manage.send_test(hook)
    deliver()
    (received,) = receiver.taken
    check, secret = documented(), str(hook.secret)
    assert check(secret, received.headers, received.body)
    assert not check(secret, received.headers, received.body + b" ")
    assert not check(secret, {**received.headers, "webhook-id": "another"}, received.body)
    assert not check(secret, {**received.headers, "webhook-timestamp": "1614265330"}, received.body)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks specification."""
    assert (
        sign(
            ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_the_secret_signs_and_can_be_rotated(hook: Webhook, receiver: Receiver, source: Source) -> None:
    old = str(hook.secret)
    assert old.startswith("whsec_")
    one = order(source, 1)
    deliver()
    new = manage.rotate(hook)
    assert new != old
    one.save()
    deliver()
    Webhook.objects.update(previous_until=timezone.now())
    one.save()
    deliver()
    first, both, last = receiver.requests
    assert [verify(old, received) for received in (first, both, last)] == [True, True, False]
    assert [verify(new, received) for received in (first, both, last)] == [False, True, True]
    assert abs(int(last.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM partners_webhook")
        assert new not in cursor.fetchone()[0], "it is encrypted at rest"


def test_a_replay_is_the_same_event_again(hook: Webhook, receiver: Receiver, source: Source) -> None:
    one = order(source, 1, description="first")
    deliver()
    one.description = "second"
    one.save()
    deliver()
    assert manage.replay(Delivery.objects.all()) == 2
    deliver()
    assert [(received.event, received.body) for received in receiver.requests[2:]] == [
        (received.event, received.body) for received in receiver.requests[:2]
    ]
    assert Delivery.objects.filter(replay_of__isnull=False).count() == 2


def test_what_is_not_over_is_not_replayed(hook: Webhook, source: Source) -> None:
    order(source, 1)
    assert manage.replay(Delivery.objects.all()) == 0


def test_all_that_failed_is_replayed_once(hook: Webhook, receiver: Receiver, source: Source) -> None:
    for number in range(3):
        order(source, number)
    Delivery.objects.update(state="failed")
    Delivery.objects.filter(object_key=str(Order.objects.earliest("pk").pk)).update(
        created_at=timezone.now() - timedelta(days=3)
    )
    assert manage.replay_failed(hook, timezone.now() - timedelta(days=1)) == 2
    assert manage.replay_failed(hook) == 1
    assert manage.replay_failed(hook) == 0
    deliver()
    assert len(receiver.taken) == 3


@pytest.mark.parametrize("kind", ["orders", "licenses"])
def test_a_test_event(source: Source, receiver: Receiver, told: None, kind: str) -> None:
    made = manage.create(source, kind, receiver.url)
    manage.send_test(made)
    deliver()
    assert json.loads(receiver.taken[0].body)
    assert verify(str(made.secret), receiver.taken[0])


def test_the_documented_webhook_is_one_for_a_source_and_kind(source: Source, told: None, receiver: Receiver) -> None:
    first = manage.set_documented(source, "orders", receiver.url, is_active=True)
    manage.create(source, "orders", receiver.url)
    second = manage.set_documented(source, "orders", receiver.url + "/new", is_active=False)
    assert (second.pk, second.secret) == (first.pk, first.secret)
    assert (second.url, second.is_active) == (receiver.url + "/new", False)
    assert Webhook.objects.count() == 2
