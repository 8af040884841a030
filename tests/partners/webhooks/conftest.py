"""What the tests of webhooks share: a receiver, a source with orders, a stand-in for how orders are told."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import delivery as sending
from backoffice.partners.webhooks import events, manage
from backoffice.sync import lease
from orders.models import Order
from tests.partners.webhooks.receiver import Receiver


def bodies(source: Source, ids: Collection[int]) -> dict[int, bytes]:
    """Orders of a source as bodies of its callback, in the numbering of the source."""
    rows = Order.objects.filter(source=source, pk__in=ids).only("external_id", "description")
    return {
        row.pk: json.dumps({"items": [{"orderId": row.external_id, "description": row.description}]}).encode()
        for row in rows
    }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver().start()
    yield running
    running.stop()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Webhooks may call loopback, retry at once, and know how orders are told."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.WEBHOOK_FIRST_WAIT = 0.0
    settings.WEBHOOK_TIMEOUT = 2.0
    monkeypatch.setitem(events.PAYLOADS, "orders", bodies)


@pytest.fixture
def source(transactional_db: None) -> Source:
    return Source.objects.create(title="Shop", scopes=["orders:read", "licences"])


@pytest.fixture
def hook(source: Source, receiver: Receiver, told: None) -> Webhook:
    return manage.create(source, "orders", receiver.url)


def order(source: Source, number: int = 1, **values: Any) -> Order:
    return Order.objects.create(source=source, external_id=str(number), number=f"S-{number}", **values)


def deliver(turns: int = 200) -> int:
    """Work as a worker does, until nothing is due. Returns how many events were tried."""
    total = 0
    for _turn in range(turns):
        if not (tried := sending.work(lease.owner())):
            return total
        total += tried
    raise AssertionError("it never ends")


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))
