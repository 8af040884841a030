"""The seed's own examples against our endpoints: statuses, keys, types, and that one reads what one wrote."""

from __future__ import annotations

from typing import Any

import pytest

from tests.partners.conftest import Partner
from tests.remotes.examples import BY_LINE, EXAMPLES

# The order in which an example is created; what is written later refers to what is written before.
CREATED = [example for example in EXAMPLES if example.operation == "create"]
WRITTEN = {"orders": 201}


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
    """Everything that the seed's answers show, sent to us with `replace`, in the order of the document: references
    come after those who refer to them.
    """
    for example in EXAMPLES:
        if example.operation == "replace" and example.path != "atolOnlineSettings":
            response = partner.call("POST", f"{example.path}/replace", example.text)
            assert response.status_code == WRITTEN.get(example.path, 204), (example.path, response.content)
    return partner


@pytest.mark.parametrize("example", CREATED, ids=lambda example: example.path)
def test_creating(partner: Partner, example: Any) -> None:
    response = partner.call("POST", example.path, example.text)
    assert (response.status_code, response.content) == (201, b"")
    again = partner.call("POST", example.path, example.text)
    assert again.status_code == 409
    assert again.json()["error"] is True


def test_an_order_is_read_as_it_was_written(stocked: Partner) -> None:
    order = stocked.get("orders?orderId=209900")
    assert compare(order, BY_LINE[486].json) == []
    assert order["clientId"] == "3271"
    assert order["amountToPay"] == "679.57"
    assert [line["price"] for line in order["goods"]] == [539.78, 139.79]
    assert order["goods"][1]["specificities"][0]["specificityId"] == "24"
    listed = stocked.get("orders")
    assert compare(listed, BY_LINE[743].json) == []
    assert listed[0]["clientId"] == 3271
