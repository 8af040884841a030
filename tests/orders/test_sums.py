"""The sums of an order: what follows what, what is exact, what makes the whole."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from orders.sums import Before, Item, Sums, amount_of, spread, total_of


@pytest.mark.parametrize(
    ("typed", "before", "total"),
    [
        (None, None, "150.00"),
        ("90", None, "90"),
        ("100", Before(D(2), D(50), D(100)), "150.00"),  # it stood there, and the count changed
        ("100", Before(D(3), D(50), D(100)), "100"),  # nobody changed anything
        ("120", Before(D(2), D(50), D(100)), "120"),
    ],
)
def test_a_total_follows_count_and_price_unless_it_was_typed(
    typed: str | None, before: Before | None, total: str
) -> None:
    assert total_of(D(3), D(50), None if typed is None else D(typed), before) == D(total)


@pytest.mark.parametrize(
    ("typed", "stored", "before", "after", "amount"),
    [
        ("100", "100", "100", "150", "150"),  # it was the lines'
        ("130", "130", "100", "150", "130"),  # somebody meant it
        ("140", "100", "100", "150", "140"),  # somebody means it
        (None, "130", "100", "150", "150"),  # emptied: the lines'
        ("0", "0", "0", "50", "50"),  # a new order
    ],
)
def test_the_sum_to_pay_follows_the_lines_unless_it_was_typed(
    typed: str | None, stored: str, before: str, after: str, amount: str
) -> None:
    assert amount_of(None if typed is None else D(typed), D(stored), D(before), D(after)) == D(amount)


def test_a_discount_is_spread_to_the_kopeck() -> None:
    parts = spread(D("-10"), [D("33.33"), D("33.33"), D("33.34")])
    assert sum(parts) == D("-10")
    assert parts == [D("-3.33"), D("-3.34"), D("-3.33")]
    assert spread(D("-10"), [D(0), D(0)]) == [0, 0]


def test_what_an_order_comes_to() -> None:
    items = [Item(D(2), D(50), D(100), D(-10), "20%"), Item(D(1), D(10), D(10), tax_title="10%")]
    sums = Sums(items, D(120), prepayment=D(30), cash=D(100))
    assert (sums.goods, sums.discounts, sums.payable, sums.due) == (110, -10, 110, 80)
    assert (sums.difference, sums.change) == (10, 20)
    assert [(vat.gross, vat.vat) for vat in sums.vat] == [(90, D("15.00")), (10, D("0.91"))]
    assert [item.vat for item in items] == [D("15.00"), D("0.91")]


def test_a_kopeck_is_exact_and_two_are_not() -> None:
    assert Item(D("0.333"), D(50), D("16.66")).is_exact
    assert not Item(D("0.333"), D(50), D("16.67") + D("0.01")).is_exact
