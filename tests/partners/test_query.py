"""What stands behind the question mark: unknown, empty and doubled parameters are refused by every endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.partners.conftest import Partner
from tests.partners.endpoints import calls
from tests.partners.test_writing import order


def refused(partner: Partner, method: str, path: str, said: Any = None) -> list[tuple[str, str]]:
    response = partner.call(method, path, said, **{"Accept-Language": "en"})
    body = json.loads(response.getvalue())
    assert (response.status_code, body["error"]) == (400, True), body
    return [(problem["field"], problem["message"]) for problem in body["errors"]]


@pytest.mark.parametrize(
    "path",
    [
        *("webhooks?foo=1", "webhooks/deliveries?foo=1", "orderReceipts?orderId=1&foo=1", "orders?foo=1"),
        *("goods?goodId=1&foo=1", "dictionary/orderStatuses?foo=1", "licenses?foo=1", "permissions?foo=1"),
    ],
)
def test_what_is_unknown_is_refused(partner: Partner, path: str) -> None:
    assert refused(partner, "GET", path) == [("foo", "is unknown")]


def test_every_endpoint_refuses_what_it_does_not_know(partner: Partner) -> None:
    """Those of the seed, each called as it documents it, and ours."""
    paths = [(call.method, call.path, call.body) for call in calls()]
    paths += [("GET", path, None) for path in ("webhooks", "webhooks/deliveries")]
    for method, path, body in paths:
        faults = refused(partner, method, f"{path}{'&' if '?' in path else '?'}foo=1", body)
        assert faults == [("foo", "is unknown")], (method, path)


@pytest.mark.parametrize("name", ["orderId", "statusId", "hasReceipt", "page", "count", "phone", "updatedSince"])
@pytest.mark.parametrize("value", ["", "%20"])
def test_what_is_empty_is_refused(partner: Partner, name: str, value: str) -> None:
    partner.call("POST", "orders", [order("1")])
    ((field, message),) = refused(partner, "GET", f"orders?{name}={value}")
    assert field == name
    assert "is empty" in message


@pytest.mark.parametrize("path", ["webhooks?webhookId=", "webhooks/deliveries?state=", "bankTerminalLogs?courierId="])
def test_what_is_empty_is_refused_by_every_list(partner: Partner, path: str) -> None:
    ((_field, message),) = refused(partner, "GET", path)
    assert "is empty" in message


@pytest.mark.parametrize(("method", "path"), [("GET", "orders"), ("PUT", "orders"), ("DELETE", "orders")])
def test_what_comes_twice_is_refused(partner: Partner, method: str, path: str) -> None:
    partner.call("POST", "orders", [order("1"), order("2")])
    faults = refused(partner, method, f"{path}?orderId=1&orderId=2", {"description": "x"} if method == "PUT" else None)
    assert faults == [("orderId", "is given more than once")]
    assert len(partner.get("orders")) == 2


def test_all_faults_are_told_at_once(partner: Partner) -> None:
    faults = refused(partner, "GET", "orders?foo=1&page=&statusId=1&statusId=2")
    assert [field for field, _message in faults] == ["foo", "page", "statusId"]
