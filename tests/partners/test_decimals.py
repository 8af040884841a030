"""Sums and counts are kept as they were sent, or refused: a partner would reckon with another sum than we."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orders.models import Line, Order
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order, problems

ENGLISH = {"Accept-Language": "en"}


@pytest.mark.parametrize(
    ("said", "field", "places"),
    [
        ({"amountToPay": 100.999}, "amountToPay", 2),
        ({"cash": "10.005"}, "cash", 2),
        ({"goods": [line("1", 0, count=1.23456)]}, "goods[0].count", 3),
        ({"goods": [line("1", 0, price="1,001")]}, "goods[0].price", 2),
    ],
)
def test_more_decimals_than_are_kept_are_refused(partner: Partner, said: Any, field: str, places: int) -> None:
    refused = partner.call("POST", "orders", [order("1", **said)], **ENGLISH)
    assert problems(refused) == [(0, field)]
    assert refused.json()["errors"][0]["message"] == f"has more than {places} decimals"
    partner.call("POST", "orders", [order("1")])
    assert problems(partner.call("PUT", "orders?orderId=1", said)) == [(None, field)]


def test_trailing_zeros_and_what_binary_fractions_add_are_taken(partner: Partner) -> None:
    said = order("1", amountToPay=0.1 + 0.2, cash="10.1000", goods=[line("1", 0, count="2.50000")])
    assert partner.call("POST", "orders", [said]).status_code == 201
    row = Order.objects.get()
    assert (row.amount_to_pay, row.cash) == (Decimal("0.30"), Decimal("10.10"))
    assert Line.objects.get().count == Decimal("2.5")


def test_a_coordinate_is_rounded(partner: Partner) -> None:
    address = {"city": "X", "street": "Y", "home": "1", "latitude": "60.12345678901234567", "longitude": 30.5}
    answer = partner.call("POST", "orders", [order("1", addressToEntity=address)])
    assert answer.status_code == 201, answer.content
