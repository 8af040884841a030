"""A partner learns which of its orders the couriers do not have as they are here, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.mirrored import SyncState
from orders.models import Order
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order, problems

STATES = "orders/syncStates"


def told(partner: Partner, query: str = "") -> dict[str, tuple[str, str]]:
    return {row["orderId"]: (row["state"], row["reason"]) for row in partner.get(f"{STATES}{query}")}


@pytest.mark.django_db(transaction=True)
def test_from_refused_and_waiting_to_the_couriers(listening: Sandbox, settle: Callable[[], None]) -> None:
    shop = Partner("Shop")
    shop.call("POST", "orders", [order("A-1", goods=[line("777", 0)]), order("A-2", goods=[]), order("A-3", goods=[])])
    refused = Order.objects.get(external_id="A-2")
    listening.refuse("orders", refused.ireca_id or "", "No such street")
    settle()

    states = told(shop)
    assert states.keys() == {"A-1", "A-2"}
    assert states["A-1"][0] == "pending"
    assert "777" in states["A-1"][1]
    assert states["A-2"][0] == "failed"
    assert "No such street" in states["A-2"][1]
    [agreed] = shop.get(f"{STATES}?orderId=A-3")
    assert (agreed["state"], agreed["reason"]) == ("clean", "")
    assert agreed["syncedAt"] is not None

    shop.call("POST", "goods", [{"goodId": "777", "parentId": None, "taxId": "8286", "title": "Чай", "price": 50}])
    listening.refuse("orders", refused.ireca_id or "", None)
    shop.call("PUT", "orders?orderId=A-2", {"description": "Тверская, 1"})
    settle()
    assert told(shop) == {}


@pytest.fixture
def states(partner: Partner) -> dict[str, str]:
    """An order of the partner in each state, by its number."""
    partner.call("POST", "orders", [order(state, goods=[]) for state in SyncState.values])
    for state in SyncState.values:
        Order.objects.filter(external_id=state).update(sync_state=state, sync_error="why", remote_data={})
    return {state: state for state in SyncState.values}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", {"pending", "failed", "conflict"}),
        ("?state=held", {"held"}),
        ("?state=failed,clean", {"failed", "clean"}),
        ("?orderId=clean,held,9", {"clean", "held"}),
        ("?orderId=clean,failed&state=failed", {"failed"}),
        ("?page=0&count=2", {"pending", "failed"}),
        ("?page=1&count=2", {"conflict"}),
        ("?updatedSince=2100-01-01T00:00:00Z", set()),
    ],
)
def test_what_is_asked_for(partner: Partner, states: dict[str, str], query: str, numbers: set[str]) -> None:
    found = told(partner, query)
    assert {number: state for number, (state, _reason) in found.items()} == {number: number for number in numbers}
    # What stands between us and iRECA is no partner's; only what iRECA said of the order is told.
    assert {reason for number, (_state, reason) in found.items() if number != "failed"} <= {""}


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["state=unknown", "state=failed,unknown", "page=x", "orderID=1", "updatedSince=soon"])
def test_what_cannot_be_asked(partner: Partner, query: str) -> None:
    assert [index for index, _field in problems(partner.call("GET", f"{STATES}?{query}"))] == [None]


@pytest.mark.django_db
def test_nobody_learns_of_orders_of_others(partner: Partner, stranger: Partner, states: dict[str, str]) -> None:
    assert told(stranger) == told(stranger, "?orderId=failed") == {}
    stranger.source.scopes = ["orders:write", "clients", "fiscal"]
    stranger.source.save()
    assert stranger.call("GET", STATES).status_code == 403


@pytest.mark.django_db
def test_many_cost_as_few_queries_as_one(partner: Partner, django_assert_num_queries: Any) -> None:
    def cost() -> int:
        with django_assert_num_queries(6, exact=False) as captured:
            partner.get(STATES)
        return len(captured)

    partner.call("POST", "orders", [order("1", goods=[])])
    few = cost()
    partner.call("POST", "orders", [order(str(number), goods=[]) for number in range(2, 60)])
    assert cost() == few
