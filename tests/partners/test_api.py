"""The manners of the API: errors, idempotency, pages, filters, limits, and how many statements a list costs."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.partners.api import writing
from backoffice.partners.models import IdempotentRequest, Token
from backoffice.sync import retention
from fiscal.models import Receipt, Tax
from orders.models import Order
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order

KEY = "Idempotency-Key"


def error(response: Any, status: int) -> str:
    body = json.loads(response.getvalue())
    assert response.status_code == status, body
    assert body["error"] is True
    return str(body["message"])


# errors


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("GET", "orders/1", 404),
        ("GET", "dictionary/nothing", 404),
        ("GET", "orders?orderId=1", 404),
        ("DELETE", "orders?orderId=1", 404),
        ("DELETE", "orders", 400),
        ("PATCH", "orders", 405),
        ("OPTIONS", "orders", 405),
        ("PUT", "orders/replace", 405),
        ("GET", "journal", 400),
        ("GET", "locations?page=0&count=5", 400),
        ("GET", "goods?count=501", 400),
        ("GET", "goods?page=-1&count=5", 400),
        ("GET", "goods?page=x", 400),
        ("GET", "goods?page=99999999999999999999", 400),
        ("GET", "orders?updatedSince=soon", 400),
        ("GET", "orders?deliveryStatusId=x", 400),
        ("GET", "orders?updatedsince=2026-01-01", 400),
        ("POST", "licenses/close?deviceId=1", 404),
        ("POST", "licenses/close", 400),
    ],
)
def test_every_error_has_one_form(partner: Partner, method: str, path: str, status: int) -> None:
    assert error(partner.call(method, path), status)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[1e999999999]", 400),
        (b"[]", 400),
        (b"1", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"[null]", 400),
        (b"[[]]", 400),
        (b'[{"orderId": {}}]', 400),
        (b'[{"orderId": "' + b"1" * 300 + b'"}]', 400),
        (b"[" + b"{}," * 500 + b"{}]", 413),
    ],
)
def test_a_body_that_is_wrong(partner: Partner, body: bytes, status: int) -> None:
    for path in ("orders", "goods/replace", "clients"):
        assert error(partner.call("POST", path, body), status)
    assert not Order.objects.exists()


def test_another_media_type(partner: Partner) -> None:
    response = partner.client.post("/api/v1/orders", {"orderId": 1})
    assert "multipart" in error(response, 415)


def test_a_body_that_is_too_large(partner: Partner, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert error(partner.call("POST", "orders", [order("1", description="x" * 1000)]), 413)


def test_what_nobody_foresaw_is_told_without_details(partner: Partner, monkeypatch: Any, caplog: Any) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("backoffice.partners.api.writing.create", fail)
    assert "secret" not in error(partner.call("POST", "orders", [order("1")]), 500)
    assert "secret detail" in caplog.text


def test_errors_are_in_the_language_that_is_asked_for(partner: Partner) -> None:
    assert error(partner.call("GET", "orders?orderId=1", **{"Accept-Language": "ru"}), 404) == "Такого объекта нет."
    assert (
        error(partner.call("GET", "orders?orderId=1", **{"Accept-Language": "en"}), 404) == "There is no such object."
    )


def test_a_number_that_no_code_is(partner: Partner) -> None:
    assert error(partner.call("GET", f"orders?statusId={10**20}"), 400)


def test_a_change_without_a_body_is_none(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1")])
    assert error(partner.call("PUT", "orders?orderId=1"), 400)
    assert error(partner.call("PUT", "orders?orderId=1", {}), 400)
    assert error(partner.call("PUT", "orders?orderId=1", {"description": "x"}, **{"Transfer-Encoding": "chunked"}), 411)


@pytest.mark.parametrize("path", ["orderReceipts?orderId=1", "licenses", "locations?courierId=1", "permissions"])
def test_a_head_needs_the_scope_of_a_get(partner: Partner, path: str) -> None:
    partner.source.scopes = ["orders:read"]
    partner.source.save()
    assert partner.call("HEAD", path).status_code == 403


# idempotency


def test_the_same_request_is_carried_out_once(partner: Partner) -> None:
    for _again in range(3):
        assert partner.call("POST", "orders", [order("1")], **{KEY: "k"}).status_code == 201
    assert Order.objects.count() == 1
    again = partner.call("POST", "orders", [order("1")], **{KEY: "k"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert error(partner.call("POST", "orders", [order("2")], **{KEY: "k"}), 409)
    assert error(partner.call("POST", "orders", [order("1")]), 409)


def test_a_refusal_does_not_use_the_key_up(partner: Partner) -> None:
    for _again in range(2):
        refused = partner.call("POST", "orders", [order("1"), {"orderId": "2"}], **{KEY: "k"})
        assert error(refused, 400)
        assert "Idempotent-Replayed" not in refused.headers
    assert not Order.objects.exists()
    assert partner.call("POST", "orders", [order("1"), order("2")], **{KEY: "k"}).status_code == 201
    assert error(partner.call("POST", "orders", [order("1"), order("3")], **{KEY: "k"}), 409)
    assert error(partner.call("POST", "orders", [order("1")], **{KEY: "other"}), 409)
    assert partner.call("POST", "orders", [order("3")], **{KEY: "other"}).status_code == 201


def test_a_refusal_that_a_release_before_has_kept_counts_no_more(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1")], **{KEY: "k"})
    IdempotentRequest.objects.update(status_code=400, fingerprint="x" * 64)
    assert partner.call("POST", "orders", [order("2")], **{KEY: "k"}).status_code == 201


def test_a_secret_in_a_remembered_answer_is_not_kept_in_clear(partner: Partner) -> None:
    said = {"kind": "orders", "url": "https://shop.example.com/told"}
    first = partner.call("POST", "webhooks", said, **{KEY: "k"})
    assert first.status_code == 201
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM partners_idempotentrequest")
        assert first.json()["secret"] not in cursor.fetchone()[0]
    assert partner.call("POST", "webhooks", said, **{KEY: "k"}).json() == first.json()


def test_keys_of_partners_do_not_meet(partner: Partner, stranger: Partner) -> None:
    for who in (partner, stranger):
        assert who.call("POST", "orders", [order("1")], **{KEY: "k"}).status_code == 201
    assert Order.objects.count() == 2


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb"])
def test_a_key_that_is_none(partner: Partner, key: str) -> None:
    assert error(partner.call("POST", "orders", [order("1")], **{KEY: key}), 400)


def test_a_failure_of_ours_frees_the_key(partner: Partner, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("backoffice.partners.api.writing.create", lambda *args: 1 / 0)
        assert error(partner.call("POST", "orders", [order("1")], **{KEY: "k"}), 500)
    assert partner.call("POST", "orders", [order("1")], **{KEY: "k"}).status_code == 201


def test_a_request_that_the_release_before_had_begun_is_carried_out_when_its_lease_is_over(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1")], **{KEY: "k"})
    Order.objects.all().delete()
    IdempotentRequest.objects.update(status_code=None, lease_until=timezone.now() + timedelta(minutes=1))
    response = partner.call("POST", "orders", [order("1")], **{KEY: "k"})
    assert error(response, 409)
    assert response.headers["Retry-After"] == "1"
    IdempotentRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert partner.call("POST", "orders", [order("1")], **{KEY: "k"}).status_code == 201
    assert Order.objects.count() == 1


def test_what_may_pass_is_not_remembered(partner: Partner, monkeypatch: Any) -> None:
    def meet(*args: Any) -> None:
        raise IntegrityError("another was faster, twice")

    with monkeypatch.context() as patch:
        patch.setattr("backoffice.partners.api.writing.create", meet)
        response = partner.call("POST", "orders", [order("1")], **{KEY: "k"})
        assert error(response, 409)
        assert response.headers["Retry-After"] == "1"
    assert partner.call("POST", "orders", [order("1")], **{KEY: "k"}).status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, {KEY: "k"}])
def test_what_an_order_names_goes_before_it_is_committed(
    transactional_db: None, headers: dict[str, str], monkeypatch: Any
) -> None:
    """PostgreSQL looks at foreign keys when all is committed; then it is carried out once more."""
    partner, create, calls = Partner("Shop"), writing.create, []

    def with_a_client_that_goes(*args: Any) -> None:
        create(*args)
        calls.append(1)
        if len(calls) == 1:
            Order.objects.all().update(client_id=987_654_321)

    monkeypatch.setattr(writing, "create", with_a_client_that_goes)
    assert partner.call("POST", "orders", [order("1")], **headers).status_code == 201
    assert len(calls) == 2
    assert Order.objects.count() == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_request_that_the_release_before_begins_meanwhile_wins(transactional_db: None, monkeypatch: Any) -> None:
    """It knows nothing of our lock, and its key is committed before ours."""
    partner, create = Partner("Shop"), writing.create

    def begin() -> None:
        lease = {"lease": uuid.uuid4(), "lease_until": timezone.now() + timedelta(minutes=2)}
        IdempotentRequest.objects.create(source=partner.source, key="k", fingerprint="x" * 64, **lease)
        connection.close()

    def meanwhile(*args: Any) -> None:
        create(*args)
        other = threading.Thread(target=begin)
        other.start()
        other.join()

    monkeypatch.setattr(writing, "create", meanwhile)
    assert error(partner.call("POST", "orders", [order("1")], **{KEY: "k"}), 409)
    assert not Order.objects.exists()


def test_old_keys_are_forgotten(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1")], **{KEY: "k"})
    retention.prune()
    assert IdempotentRequest.objects.exists()
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(days=4))
    retention.prune()
    assert not IdempotentRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_make_one(transactional_db: None) -> None:
    partner = Partner("Racer")
    meet = threading.Barrier(4)
    statuses = []

    def send() -> None:
        try:
            meet.wait()
            statuses.append(partner.call("POST", "orders", [order("1")], **{KEY: "k"}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Order.objects.count() == 1
    assert set(statuses) <= {201, 409}
    assert 201 in statuses


# lists


def test_pages_and_the_whole_list(partner: Partner) -> None:
    partner.call("POST", "orders", [order(number, goods=[line("1", 0)]) for number in range(1, 8)])
    pages = [[row["orderId"] for row in partner.get(f"orders?page={page}&count=3")] for page in range(4)]
    assert pages == [[1, 2, 3], [4, 5, 6], [7], []]
    assert [row["orderId"] for row in partner.get("orders")] == list(range(1, 8))
    assert len(partner.get("orders?page=0")) == 7


def test_the_whole_list_is_streamed_in_pieces(partner: Partner, monkeypatch: Any) -> None:
    monkeypatch.setattr("backoffice.partners.api.projection.CHUNK", 2)
    partner.call("POST", "orders", [order(number, goods=[line("1", 0)]) for number in range(1, 6)])
    response = partner.call("GET", "orders")
    pieces = list(response.streaming_content)
    assert len(pieces) == 4
    assert [row["orderId"] for row in json.loads(b"".join(pieces))] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("path", ["orders", "orders?page=0&count=500", "goods", "clients", "couriers"])
def test_a_list_costs_a_constant_number_of_statements(partner: Partner, path: str) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            partner.get(path)
        return len(captured)

    partner.call("POST", "orders", [order(1, clientId=1, client={"firstname": "A"})])
    few = statements()
    rows = [order(number, clientId=number, client={"firstname": "A"}) for number in range(2, 42)]
    assert partner.call("POST", "orders", rows).status_code == 201
    assert statements() == few
    assert few <= 10


def test_filters_of_orders(partner: Partner) -> None:
    rows = [
        order(1, phone="8 (912) 345-67-89", deliveryStatusId=7, courierId="7"),
        order(2, deliveryStatusId=10, statusId=1, codeAlias="B-2"),
        order(3, deliveryTimeFrom="2026-11-23 09:00:00", deliveryTimeTo="2026-11-23 11:00:00"),
    ]
    partner.call("POST", "orders", rows)
    paid = Order.objects.get(external_id="2")
    Receipt.objects.create(order=paid, kind="sale", fn="1", fd_number="1", fiscal_sign="1")
    Order.objects.filter(external_id="1").update(description="later")
    Order._base_manager.filter(external_id="2").update(updated_at="2026-01-01T00:00:00Z")

    def found(query: str) -> list[int]:
        return [row["orderId"] for row in partner.get(f"orders?{query}")]

    assert found("deliveryStatusId=7,10") == [1, 2]
    assert found("statusId=1") == [2]
    assert found("courierId=7") == [1]
    assert found("codeAlias=B-2") == [2]
    assert found("phone=%2B79123456789") == [1]
    assert found("phone=nobody") == []
    assert found("windowFrom=2026-11-23%2000:00:00") == [3]
    assert found("windowTo=2026-11-22%2023:00:00") == [1, 2]
    assert found("hasReceipt=true") == [2]
    assert found("hasReceipt=false&statusId=0") == [1, 3]
    assert found("updatedSince=2026-02-01T00:00:00Z") == [1, 3]
    assert found("createdSince=2099-01-01%2000:00:00") == []


def test_a_directory_that_did_not_change_is_not_sent_again(partner: Partner) -> None:
    partner.call("POST", "taxes/replace", [{"taxId": "1", "title": "10%"}])
    first = partner.call("GET", "taxes")
    tag = first.headers["ETag"]
    assert partner.call("GET", "taxes", **{"If-None-Match": tag}).status_code == 304
    partner.call("PUT", "taxes?taxId=1", {"title": "20%"})
    changed = partner.call("GET", "taxes", **{"If-None-Match": tag})
    assert (changed.status_code, json.loads(changed.getvalue())[0]["title"]) == (200, "20%")
    assert partner.call("GET", "taxes", **{"If-Match": '"x"'}).status_code == 200
    assert error(partner.call("GET", "taxes?count=9999", **{"If-None-Match": changed.headers["ETag"]}), 400)


def test_a_change_that_becomes_visible_late_is_not_overlooked(partner: Partner) -> None:
    partner.call("POST", "taxes/replace", [{"taxId": "1", "title": "10%"}, {"taxId": "2", "title": "20%"}])
    tag = partner.call("GET", "taxes").headers["ETag"]
    # Its moment is before the other's, as of a transaction that was open when the list was read.
    Tax._base_manager.filter(ireca_id="1").update(title="0%", updated_at="2026-01-01T00:00:00Z")
    assert partner.call("GET", "taxes", **{"If-None-Match": tag}).status_code == 200


# limits


def test_too_many_requests(partner: Partner) -> None:
    partner.source.rate_limit = 3
    partner.source.save()
    statuses = [partner.call("GET", "taxes").status_code for _ in range(5)]
    # A minute may end in between.
    assert statuses.count(429) >= 1
    refused = next(
        response for response in (partner.call("GET", "taxes") for _ in range(5)) if response.status_code == 429
    )
    assert error(refused, 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_a_token_tells_when_it_was_used_at_most_once_a_minute(partner: Partner) -> None:
    partner.get("taxes")
    used = Token.objects.get().last_used_at
    assert used is not None
    partner.get("taxes")
    assert Token.objects.get().last_used_at == used
