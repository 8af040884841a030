"""Statuses that iRECA's dictionary does not have, and lines without a good, are refused at once: iRECA would later."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from backoffice.sync.models import DictionaryEntry
from orders.models import Order
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order, problems

STATUSES = ("statusId", "deliveryStatusId")


@pytest.fixture
def told(db: None) -> None:
    for kind, codes in (("orderStatuses", "01"), ("orderDeliveryStatuses", ("6", "9", "10", "11", "12"))):
        DictionaryEntry.objects.bulk_create(DictionaryEntry(kind=kind, code=code, title=code) for code in codes)
    caches["process"].clear()


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.parametrize("code", [99, "99", -1])
def test_a_code_of_no_dictionary_is_refused(partner: Partner, told: None, name: str, code: Any) -> None:
    sent = [order("1"), order("2", **{name: code})]
    for path in ("orders", "orders/replace"):
        assert problems(partner.call("POST", path, sent)) == [(1, name)]
    partner.call("POST", "orders", [order("1")])
    assert problems(partner.call("PUT", "orders?orderId=1", {name: code})) == [(None, name)]
    many = {"orderIds": [1], "attributes": {name: code}}
    assert problems(partner.call("PUT", "orders/multipleUpdate", many)) == [(None, f"attributes.{name}")]
    assert Order.objects.count() == 1


@pytest.mark.parametrize("code", [1, 7, 12])
def test_what_ireca_told_and_what_we_know_is_taken(partner: Partner, told: None, code: int) -> None:
    assert partner.call("POST", "orders", [order("1", deliveryStatusId=code)]).status_code == 201


def test_what_ireca_has_told_of_an_order_is_taken(partner: Partner, told: None) -> None:
    """Its dictionary is read daily, and a partner sends back what he was told."""
    partner.call("POST", "orders", [order("1"), order("2")])
    Order.objects.filter(external_id="1").update(delivery_status=23)
    assert partner.call("PUT", "orders?orderId=1", {"deliveryStatusId": 23}).status_code == 201


def test_what_nobody_has_told_yet_is_taken(partner: Partner) -> None:
    caches["process"].clear()
    assert partner.call("POST", "orders", [order("1", deliveryStatusId=99)]).status_code == 201


@pytest.mark.parametrize("said", [{"goodId": None}, {"goodId": ""}, {}])
def test_a_line_names_its_good(partner: Partner, said: dict[str, Any]) -> None:
    bad = {name: value for name, value in line("1", 0).items() if name != "goodId"} | said
    for path in ("orders", "orders/replace"):
        assert problems(partner.call("POST", path, [order("1", goods=[bad])])) == [(0, "goods[0].goodId")]
    partner.call("POST", "orders", [order("1")])
    assert problems(partner.call("PUT", "orders?orderId=1", {"goods": [bad]})) == [(None, "goods[0].goodId")]
