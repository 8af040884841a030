"""No partner sees or touches what is another's, and none gets past its token, its scopes or its network."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.partners.models import Scope, Token
from backoffice.remotes.ireca.examples import EXAMPLES
from fiscal.models import AtolSettings
from orders.models import Client, Order
from tests.partners.conftest import Partner
from tests.partners.endpoints import ORDER, Call, calls, tell

pytestmark = pytest.mark.django_db

CALLS = calls()


def stock(partner: Partner) -> None:
    for example in EXAMPLES:
        if example.operation == "replace":
            assert partner.call("POST", f"{example.path}/replace", example.text).status_code in (201, 204)


def state(partner: Partner) -> dict[str, list[Any]]:
    """All that belongs to a partner, in every column."""
    rows = {model: model.objects.filter(source=partner.source) for model in (Order, Client, AtolSettings)}
    return {
        **{model.__name__: list(found.order_by("pk").values()) for model, found in rows.items()},
        "lines": list(Order.objects.filter(source=partner.source).values("lines__id", "lines__price", "lines__good")),
    }


def test_another_partner_with_every_scope_changes_and_learns_nothing(partner: Partner, stranger: Partner) -> None:
    stock(partner)
    tell(Order.objects.get(source=partner.source, external_id=ORDER))
    Order.objects.filter(source=partner.source).update(description="SECRET-OF-THE-FIRST")
    Client.objects.filter(source=partner.source).update(description="SECRET-OF-THE-FIRST")
    before = state(partner)
    assert before["Order"]
    assert before["Client"]
    leaks = []
    for call in CALLS:
        response = stranger.call(call.method, call.path, call.body)
        content = response.getvalue().decode()
        if "SECRET-OF-THE-FIRST" in content:
            leaks.append(f"{call}: {content}")
        if call.method == "GET" and call.concerns_own and response.status_code == 200 and json.loads(content):
            leaks.append(f"{call}: {content}")
        if call.method in ("PUT", "DELETE") and call.concerns_own and response.status_code != 404:
            # They come before the stranger has an order of its own by that number, or after it was deleted.
            own = Order.objects.filter(source=stranger.source) or Client.objects.filter(source=stranger.source)
            assert own or response.status_code == 204, call
    assert leaks == []
    assert state(partner) == before


def test_a_stranger_without_anything_of_its_own_is_told_that_there_is_nothing(
    partner: Partner, stranger: Partner
) -> None:
    stock(partner)
    tell(Order.objects.get(source=partner.source, external_id=ORDER))
    for call in CALLS:
        if not call.concerns_own or call.method == "POST":
            continue
        response = stranger.call(call.method, call.path, call.body)
        if call.section in ("bankTerminalLogs", "fiscalRegistratorLogs"):
            assert json.loads(response.getvalue()) == [], call
        else:
            assert response.status_code == 404, (str(call), response.getvalue())
    for path in ("orders", "clients", "bankTerminalLogs", "fiscalRegistratorLogs"):
        assert stranger.get(path) == []


def test_a_place_names_the_order_to_its_own_partner_alone(partner: Partner, stranger: Partner) -> None:
    stock(partner)
    tell(Order.objects.get(source=partner.source, external_id=ORDER))
    [mine] = partner.get("locations?courierId=55753&page=0&count=5")
    [other] = stranger.get("locations?courierId=55753&page=0&count=5")
    assert (mine["orderId"], mine["deliveryStatusId"]) == (209900, 7)
    assert (other["orderId"], other["deliveryStatusId"], other["returnReasonId"]) == (None, None, None)


def test_two_partners_have_an_order_one(partner: Partner, stranger: Partner) -> None:
    example = next(one for one in EXAMPLES if (one.path, one.operation) == ("orders", "create"))
    for who in (partner, stranger):
        assert who.call("POST", "orders", example.text).status_code == 201
    assert stranger.call("PUT", "orders?orderId=1", {"description": "mine"}).status_code == 201
    assert partner.get("orders?orderId=1")["description"] == "Новый заказ"
    assert stranger.call("DELETE", "orders?orderId=1").status_code == 204
    assert partner.get("orders?orderId=1")["orderId"] == 1


def test_an_order_cannot_be_given_to_the_client_of_another(partner: Partner, stranger: Partner) -> None:
    stock(partner)
    example = next(one for one in EXAMPLES if (one.path, one.operation) == ("orders", "create"))
    stranger.call("POST", "orders", example.text)
    theirs = Client.objects.get(source=partner.source, external_id="3271")
    order = Order.objects.get(source=stranger.source)
    assert order.client != theirs
    # And where a dispatcher does it, the number is not told.
    Order.objects.filter(pk=order.pk).update(client=theirs)
    assert stranger.get("orders?orderId=1")["clientId"] is None


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_who_may_not_call_it(partner: Partner, call: Call) -> None:
    def refused() -> tuple[int, Any]:
        response = partner.call(call.method, call.path, call.body)
        body = json.loads(response.getvalue())
        assert body["error"] is True
        assert body["message"]
        return response.status_code, response.headers.get("WWW-Authenticate")

    unauthorised = (401, 'Bearer realm="api"')
    if call.scope:
        partner.source.scopes = [scope for scope in Scope.values if scope not in _scopes(call)]
        partner.source.save()
        assert refused() == (403, None)
        partner.source.scopes = Scope.values
    partner.source.allowed_networks = "203.0.113.0/24"
    partner.source.save()
    assert refused() == (403, None)
    partner.source.allowed_networks, partner.source.is_active = "", False
    partner.source.save()
    assert refused() == unauthorised
    partner.source.is_active = True
    partner.source.save()
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused() == unauthorised
    Token.objects.update(expires_at=None, revoked_at=timezone.now())
    assert refused() == unauthorised
    partner.client.defaults.clear()
    assert refused() == unauthorised


def _scopes(call: Call) -> set[str]:
    """The scopes any one of which lets call it."""
    if call.path == "orders/callback":
        return {"orders:read", "orders:write"}
    if call.method == "GET" and call.section in ("taxes", "paymentTypes", "orderReturnReasons"):
        return {"catalogue:read", "orders:read"}
    return {call.scope}


def test_a_network_that_is_allowed(partner: Partner) -> None:
    partner.source.allowed_networks = "127.0.0.0/8\n2001:db8::/32"
    partner.source.save()
    assert partner.get("orders") == []


def test_what_a_proxy_says_counts_only_behind_a_proxy_of_ours(partner: Partner, settings: Any) -> None:
    partner.source.allowed_networks = "203.0.113.0/24"
    partner.source.save()
    told = {"X-Forwarded-For": "203.0.113.9"}
    assert partner.call("GET", "orders", **told).status_code == 403
    settings.TRUSTED_PROXIES = 1
    assert partner.call("GET", "orders", **told).status_code == 200
    assert partner.call("GET", "orders", **{"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}).status_code == 403
