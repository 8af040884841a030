"""Both sides change at once while a third of all requests fail in every way there is: in the end both agree, or a
person is asked.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import connection, lease, outbox, pull, worker
from backoffice.sync.models import Callback, Push
from couriers.models import Courier
from orders.models import Order
from tests.sync.test_push import many_orders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ORDERS = 200
FAULTS = ("500", "429", "reset_before", "reset_after", "garbage")
CALLBACK_FAULTS = ("drop_callbacks", "double_callbacks", "shuffle_callbacks")


def test_a_storm_loses_nothing(listening: Sandbox, settle: Callable[[], None]) -> None:
    rng = random.Random(20260101)
    ids = [order.pk for order in many_orders(ORDERS)]
    settle()
    couriers = list(Courier.objects.filter(ireca_id__in=["55752", "55753"]))
    for kind in FAULTS:
        listening.faults.set(kind, probability=0.06, seconds=0)
    for kind in CALLBACK_FAULTS:
        listening.faults.set(kind, probability=0.2)

    ours: dict[int, str] = {}
    theirs: dict[str, str] = {}
    for wave in range(3):
        for pk in rng.sample(ids, ORDERS // 2):
            ours[pk] = f"ours {wave}"
            order = Order.objects.get(pk=pk)
            order.description = ours[pk]
            if rng.random() < 0.5:
                order.courier = rng.choice(couriers)
            order.save()
        for ireca_id in rng.sample(list(Order.objects.filter(pk__in=ids).values_list("ireca_id", flat=True)), 40):
            theirs[ireca_id or ""] = f"+7999000{wave:02}{rng.randrange(100):02}"
            listening.change(ireca_id, phone=theirs[ireca_id or ""])
        weather(rounds=2)

    listening.faults.clear()
    for _ in range(4):
        weather(rounds=1)
        settle()
    client: Any = connection.client()
    assert pull.run(pull.request("orders"), client, lease.owner()).state == "done"
    settle()

    for order in Order.objects.filter(pk__in=ids).select_related("courier"):
        there = listening.order(order.ireca_id or "")
        assert there is not None
        # Both agree on every field that anybody touched; what only one side touched is that side's.
        assert there["description"] == order.description == ours.get(order.pk, order.description)
        assert there["phone"] == order.phone == theirs.get(order.ireca_id or "", order.phone)
        assert str(there["courierId"] or "") == (order.courier.ireca_id if order.courier else "")
        assert order.sync_state == "clean"
    assert not Push.objects.filter(state__in=Push.OPEN).exists()
    assert not Callback.objects.exclude(state=Callback.State.DONE).exists()
    assert listening.violations == []


def weather(rounds: int) -> None:
    """Work through the faults without waiting for the pauses that they cause."""
    for _ in range(rounds):
        connection.unblock(impatiently=True)
        outbox.make_due()
        Callback.objects.filter(state=Callback.State.NEW).update(due_at=timezone.now())
        worker.drain_messages(lease.owner())
