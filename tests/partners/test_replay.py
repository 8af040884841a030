"""The seed's own examples against our endpoints: statuses, keys, types, and that one reads what one wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backoffice.remotes.ireca.examples import BY_LINE, EXAMPLES
from orders.models import Order
from tests.partners.conftest import Partner
from tests.partners.endpoints import ORDER, calls, tell

CREATED = [example for example in EXAMPLES if example.operation == "create"]


def same_type(ours: Any, theirs: Any) -> bool:
    """Whether two JSON values have one type; {} in the seed stands for null (T18), and null for any scalar."""
    if theirs in (None, {}) or ours is None:
        return True
    if isinstance(theirs, bool | str | list | dict):
        return type(ours) is type(theirs)
    return isinstance(ours, int | float) and not isinstance(ours, bool)


def compare(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where an answer of ours differs in keys or types from the seed's."""
    if isinstance(theirs, dict) and theirs and isinstance(ours, dict):
        found = [f"{path}.{key} is missing" for key in theirs if key not in ours]
        for key in theirs.keys() & ours.keys():
            found += compare(ours[key], theirs[key], f"{path}.{key}")
        return found
    if isinstance(theirs, list) and isinstance(ours, list):
        return [problem for one in ours[:1] for two in theirs[:1] for problem in compare(one, two, f"{path}[]")]
    return [] if same_type(ours, theirs) else [f"{path}: {ours!r} instead of {theirs!r}"]


@pytest.fixture
def stocked(partner: Partner) -> Partner:
    """A partner with one of everything: the seed's examples of `replace`, in the order of the document, where what is
    referred to comes after those who refer to it.
    """
    for example in EXAMPLES:
        if example.operation == "replace":
            response = partner.call("POST", f"{example.path}/replace", example.text)
            assert response.status_code in (201, 204), (example.path, response.content)
    return partner


def test_there_are_ninety() -> None:
    assert len({str(call) for call in calls()}) == 90


def test_every_endpoint_answers_as_the_seed_says(stocked: Partner) -> None:
    problems = []
    order = Order.objects.get(source=stocked.source, external_id=ORDER)
    tell(order)
    for call in calls():
        if call.method == "DELETE":
            order.receipts.all().delete()  # what has its receipt stays
        response = stocked.call(call.method, call.path, call.body)
        content = response.getvalue()
        if response.status_code != call.status:
            problems.append(f"{call}: {response.status_code} {content.decode()}")
        elif call.method != "GET":
            problems += [f"{call}: a body"] if content else []
        elif call.answer is not None:
            answer = json.loads(content)
            assert answer, call
            problems += [f"{call}: {text}" for text in compare(answer, call.answer.json)]
    assert problems == []


@pytest.mark.parametrize("example", CREATED, ids=lambda example: example.path)
def test_creating_twice_is_a_conflict(partner: Partner, example: Any) -> None:
    response = partner.call("POST", example.path, example.text)
    assert (response.status_code, response.content) == (201, b"")
    again = partner.call("POST", example.path, example.text)
    assert again.status_code == 409
    assert again.json()["error"] is True


def test_an_order_is_read_as_it_was_written(stocked: Partner) -> None:
    order = stocked.get(f"orders?orderId={ORDER}")
    assert order["clientId"] == "3271"
    assert order["amountToPay"] == "679.57"
    assert [line["price"] for line in order["goods"]] == [539.78, 139.79]
    assert order["goods"][1]["specificities"][0]["specificityId"] == "24"
    listed = stocked.get("orders")
    assert listed[0]["clientId"] == 3271
    assert compare(listed, BY_LINE[743].json) == []
