"""What the bodies say: orders as iRECA's callback tells them, in the partner's numbering; closed sessions, once."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from backoffice.partners.models import Source, Webhook
from backoffice.partners.webhooks import manage
from backoffice.remotes.ireca import contract
from couriers import mirror
from couriers.models import Courier, License
from orders.models import Client, Line, Order
from tests.partners.webhooks.conftest import deliver
from tests.partners.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def own_words(settings: Any) -> None:
    """Loopback may be called; bodies are those of the product."""
    settings.WEBHOOK_ALLOWED_NETWORKS, settings.WEBHOOK_FIRST_WAIT = ["127.0.0.0/8"], 0.0


def bodies(receiver: Receiver) -> list[Any]:
    return [json.loads(received.body) for received in receiver.taken]


def test_an_order_is_told_as_the_callback_of_ireca(source: Source, receiver: Receiver, own_words: None) -> None:
    """seed 002:1049-1180."""
    manage.create(source, "orders", receiver.url)
    client = Client.objects.create(source=source, external_id="c-7", firstname="Алексей", ireca_id="900")
    courier = Courier.objects.create(title="Courier", ireca_id="55")
    order = Order.objects.create(
        source=source, external_id="209900", number="G-2", ireca_id="1000", client=client, courier=courier
    )
    Line.objects.create(order=order, title="Кофе", price=5, count=2, total=10, position=0)
    deliver()
    last = bodies(receiver)[-1]
    assert list(last) == ["items"]
    (item,) = last["items"]
    assert (item["orderId"], item["codeAlias"], item["clientId"]) == (209900, "G-2", "c-7")
    assert str(item["courierId"]) == "55"
    assert [line["title"] for line in item["goods"]] == ["Кофе"]
    assert contract.decode_callback(contract.Order, receiver.taken[-1].body)[1] == [], "we could read it ourselves"
    assert set(item) == {told.field.wire for told in contract.form_of(contract.Order, "callback")}


CLOSED = {
    "sessionId": 1,
    "courierId": 27,
    "deviceId": "3ebf391b3c596bc8",
    "deviceTitle": "asus ME301T",
    "sessionStartAt": "2017-05-15 13:21:13",
    "sessionFinishAt": "2017-05-15 20:21:13",
}


@pytest.fixture
def sessions(source: Source, receiver: Receiver, own_words: None) -> Webhook:
    return manage.create(source, "licenses", receiver.url)


def test_a_closed_session_is_told_once_as_the_seed_has_it(sessions: Webhook, receiver: Receiver) -> None:
    """seed 002:2437-2446: a bare object."""
    mirror.session_closed(CLOSED)
    mirror.session_closed(CLOSED)
    deliver()
    assert bodies(receiver) == [CLOSED]


def test_who_may_not_see_licences_is_not_told(sessions: Webhook, receiver: Receiver) -> None:
    Source.objects.update(scopes=["orders:read"])
    mirror.session_closed(CLOSED)
    assert deliver() == 0


def open_session() -> None:
    session = contract.decode(contract.License, {key: CLOSED[key] for key in list(CLOSED)[1:5]})
    mirror._keep_sessions(contract.LicensePool(license_use=1, license_total=5, licenses=[session]))


def test_a_session_that_is_listed_no_more_is_told_and_told_again_with_its_time(
    sessions: Webhook, receiver: Receiver
) -> None:
    open_session()
    assert deliver() == 0
    empty = contract.LicensePool(license_use=0, license_total=5, licenses=[])
    for _ in range(2):
        mirror._keep_sessions(empty)
    deliver()
    assert bodies(receiver) == [{**CLOSED, "sessionId": None, "sessionFinishAt": None}]
    mirror.session_closed(CLOSED)
    deliver()
    assert bodies(receiver)[1:] == [CLOSED]


def test_a_session_that_was_closed_here_is_told(sessions: Webhook, receiver: Receiver) -> None:
    open_session()
    session = License.objects.get()
    for _ in range(2):
        mirror._closed(SimpleNamespace(payload={"session": session.pk}))
    deliver()
    (body,) = bodies(receiver)
    assert body["deviceId"] == CLOSED["deviceId"]
    assert body["sessionFinishAt"]
