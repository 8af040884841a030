"""Webhooks through `/api/v1/`: the documented callbacks, and a partner's own management of its webhooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backoffice.partners.models import Delivery, Webhook
from backoffice.partners.webhooks import manage
from tests.partners.conftest import Partner
from tests.partners.webhooks.conftest import deliver, order
from tests.partners.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(told: None, transactional_db: None) -> Partner:
    return Partner("Partner's shop", ["orders:read", "orders:write", "licences"])


def sent(shop: Partner, path: str, body: Any = None, method: str = "POST") -> tuple[int, Any]:
    response = shop.call(method, path, body)
    return response.status_code, json.loads(response.content) if response.content else None


def test_the_documented_callbacks(shop: Partner, receiver: Receiver) -> None:
    """seed 002:1040-1048, 2425-2434."""
    for kind in ("orders", "licenses"):
        body = {"url": f"{receiver.url}/{kind}", "isActive": 1}
        assert sent(shop, f"{kind}/callback", body) == (201, None)
        assert sent(shop, f"{kind}/callback", body) == (201, None)
    assert list(Webhook.objects.order_by("pk").values_list("kind", "is_documented", "is_active")) == [
        ("orders", True, True),
        ("licenses", True, True),
    ]
    order(shop.source, 1, description="ring twice")
    deliver()
    assert [(received.path, received.item["description"]) for received in receiver.taken] == [
        ("/hook/orders", "ring twice")
    ]
    assert sent(shop, "orders/callback", {"url": receiver.url, "isActive": "0"}) == (201, None)
    order(shop.source, 2)
    assert deliver() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ([], ""),
        ({"url": ""}, "url"),
        ({"url": 5}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "gopher://example.com/"}, "url"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
        ({"url": "https://example.com/", "isActive": "yes"}, "isActive"),
        ({"url": "https://example.com/", "isActive": [1]}, "isActive"),
    ],
)
def test_what_is_wrong_is_named(shop: Partner, body: Any, field: str) -> None:
    for path in ("orders/callback", "webhooks"):
        status, answer = sent(shop, path, body)
        assert (status, answer["error"]) == (400, True)
        assert [problem["field"] for problem in answer["errors"]] == [field]
    assert not Webhook.objects.exists()


def test_a_webhook_is_made_changed_and_taken_away(shop: Partner, receiver: Receiver) -> None:
    status, made = sent(shop, "webhooks", {"url": receiver.url})
    assert status == 201
    assert made["secret"].startswith("whsec_")
    where = f"webhooks?webhookId={made['webhookId']}"
    (listed,) = shop.get("webhooks")
    assert listed == shop.get(where) == {key: value for key, value in made.items() if key != "secret"}
    assert sent(shop, where, {"isActive": 0, "url": receiver.url + "/new"}, "PUT") == (204, None)
    assert (shop.get(where)["isActive"], shop.get(where)["url"]) == (0, receiver.url + "/new")
    assert sent(shop, where, {}, "PUT") == (204, None)
    assert sent(shop, where, {"url": "http://10.0.0.1/"}, "PUT")[0] == 400
    assert sent(shop, where, method="DELETE") == (204, None)
    assert shop.get("webhooks") == []


def test_a_kind_needs_its_scope(shop: Partner, receiver: Receiver) -> None:
    shop.source.scopes = ["licences"]
    shop.source.save()
    assert sent(shop, "webhooks", {"url": receiver.url})[0] == 403
    assert sent(shop, "orders/callback", {"url": receiver.url})[0] == 403
    assert sent(shop, "webhooks", {"url": receiver.url, "kind": "licenses"})[0] == 201
    assert sent(shop, "webhooks", {"url": receiver.url, "kind": "weather"})[0] == 400


def test_what_a_source_may_not_read_any_more_is_not_shown(shop: Partner, receiver: Receiver) -> None:
    made = sent(shop, "webhooks", {"url": receiver.url})[1]
    order(shop.source, 1)
    deliver()
    (delivery,) = shop.get("webhooks/deliveries")
    shop.source.scopes = ["licences"]
    shop.source.save()
    assert sent(shop, "webhooks", {"url": receiver.url, "kind": "licenses"})[0] == 201
    assert [hook["kind"] for hook in shop.get("webhooks")] == ["licenses"]
    assert shop.get("webhooks/deliveries") == []
    query = f"?webhookId={made['webhookId']}"
    assert sent(shop, "webhooks" + query, method="GET")[0] == 404
    assert sent(shop, "webhooks/test" + query)[0] == 404
    assert sent(shop, f"webhooks/deliveries?deliveryId={delivery['deliveryId']}", method="GET")[0] == 404
    assert sent(shop, "webhooks/replay", {"deliveryIds": [delivery["deliveryId"]]})[0] == 404


def test_a_source_has_ten_webhooks_at_most(shop: Partner, receiver: Receiver) -> None:
    body = {"url": receiver.url, "isActive": 1}
    assert sent(shop, "orders/callback", body) == (201, None)
    for _ in range(manage.MOST - 1):
        assert sent(shop, "webhooks", body)[0] == 201
    status, answer = sent(shop, "webhooks", body)
    assert (status, str(manage.MOST) in answer["message"]) == (409, True)
    assert sent(shop, "licenses/callback", body)[0] == 409
    # The address of a documented call that is there is changed as ever.
    assert sent(shop, "orders/callback", body) == (201, None)
    assert Webhook.objects.count() == manage.MOST == 10
    assert sent(Partner("Another shop"), "webhooks", body)[0] == 201


def test_a_secret_is_rotated_a_test_sent_and_a_pause_ended(shop: Partner, receiver: Receiver) -> None:
    made = sent(shop, "webhooks", {"url": receiver.url})[1]
    query = f"?webhookId={made['webhookId']}"
    status, rotated = sent(shop, "webhooks/rotate" + query)
    assert status == 201
    assert rotated["secret"] != made["secret"]
    assert rotated["previousUntil"]
    assert sent(shop, "webhooks/test" + query)[1]["state"] == "queued"
    Webhook.objects.update(paused_at="2026-11-22T00:00Z", pause_reason="gone away", failures=40)
    assert shop.get("webhooks")[0]["isPaused"] == 1
    assert deliver() == 0
    assert sent(shop, "webhooks/resume" + query) == (204, None)
    deliver()
    assert len(receiver.taken[0].headers["webhook-signature"].split()) == 2


def test_the_log_is_read_and_replayed(shop: Partner, receiver: Receiver) -> None:
    made = sent(shop, "webhooks", {"url": receiver.url})[1]
    for number in range(3):
        order(shop.source, number)
    receiver.text = b"thank you"
    deliver()
    log = shop.get("webhooks/deliveries")
    assert [entry["state"] for entry in log] == ["done"] * 3
    assert [entry["deliveryId"] for entry in log] == sorted((entry["deliveryId"] for entry in log), reverse=True)
    one = shop.get(f"webhooks/deliveries?deliveryId={log[0]['deliveryId']}")
    assert (one["response"], json.loads(one["body"])["items"][0]["orderId"]) == ("thank you", "2")
    assert [entry["deliveryId"] for entry in shop.get("webhooks/deliveries?page=1&count=2")] == [log[2]["deliveryId"]]
    assert shop.get("webhooks/deliveries?state=failed") == []
    assert shop.get("webhooks/deliveries?createdSince=2099-01-01 00:00:00") == []
    assert len(shop.get(f"webhooks/deliveries?webhookId={made['webhookId']}")) == 3
    assert sent(shop, "webhooks/replay", {"deliveryIds": [log[0]["deliveryId"]]}) == (201, {"replayed": 1})
    Delivery.objects.filter(replay_of=None).update(state="failed")
    failed = {"webhookId": made["webhookId"], "failedSince": "2020-01-01 00:00:00"}
    assert sent(shop, "webhooks/replay", failed) == (201, {"replayed": 2})
    deliver()
    assert len(receiver.taken) == 6


@pytest.mark.parametrize(
    "path",
    [
        *("webhooks/deliveries?state=lost", "webhooks/deliveries?createdSince=never", "webhooks/deliveries?count=501"),
        *("webhooks/deliveries?deliveryId=x", "webhooks/deliveries?webhookId=-1", "webhooks?webhookId=1e3"),
    ],
)
def test_a_bad_question_is_told(shop: Partner, path: str) -> None:
    assert sent(shop, path, method="GET")[0] == 400


@pytest.mark.parametrize(
    "body", [{}, [], {"deliveryIds": []}, {"deliveryIds": "1"}, {"deliveryIds": ["x"]}, {"deliveryIds": [None]}]
)
def test_a_bad_replay_is_told(shop: Partner, body: Any) -> None:
    assert sent(shop, "webhooks/replay", body)[0] == 400


def test_another_partner_reaches_none_of_it(shop: Partner, receiver: Receiver) -> None:
    made = sent(shop, "webhooks", {"url": receiver.url})[1]
    order(shop.source, 1)
    deliver()
    (entry,) = shop.get("webhooks/deliveries")
    other = Partner("Another partner")
    query = f"?webhookId={made['webhookId']}"
    assert other.get("webhooks") == other.get("webhooks/deliveries") == []
    assert other.get("webhooks/deliveries" + query) == []
    before = Webhook.objects.values().get()
    for method, path, body in (
        ("GET", "webhooks" + query, None),
        ("PUT", "webhooks" + query, {"isActive": 0}),
        ("DELETE", "webhooks" + query, None),
        ("POST", "webhooks/rotate" + query, None),
        ("POST", "webhooks/resume" + query, None),
        ("POST", "webhooks/test" + query, None),
        ("GET", f"webhooks/deliveries?deliveryId={entry['deliveryId']}", None),
        ("POST", "webhooks/replay", {"deliveryIds": [entry["deliveryId"]]}),
        ("POST", "webhooks/replay", {"webhookId": made["webhookId"]}),
    ):
        assert sent(other, path, body, method)[0] == 404, path
    assert sent(other, "orders/callback", {"url": receiver.url + "/other"})[0] == 201
    assert Webhook.objects.filter(source=shop.source).values().get() == before
    assert Delivery.objects.count() == 1


def test_a_webhook_is_made_once_for_a_key(shop: Partner, receiver: Receiver) -> None:
    answers = [
        shop.call("POST", "webhooks", {"url": receiver.url}, **{"Idempotency-Key": "one"}).content for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert Webhook.objects.count() == 1
