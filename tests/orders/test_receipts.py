"""Receipts as iRECA tells them: late, in parts, again, or those of another order. What an order has is what was printed
for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backoffice.remotes.ireca import contract
from backoffice.sync import pull
from backoffice.sync.models import Pull
from fiscal.models import Receipt
from orders import details
from orders.models import Order
from orders.models.order import LACKS_RECEIPT
from tests.orders import builders

pytestmark = pytest.mark.django_db

PRINTED = datetime(2026, 1, 15, 18, 10, tzinfo=UTC)


class Receipts:
    """iRECA's answers about receipts, in the place of the client: `told` by kind and order."""

    def __init__(self, *sales: contract.Receipt) -> None:
        self.orders = self.receipts = self
        self.sales, self.asked = sales, list[str]()

    def journal_statuses(self, ireca_id: str) -> list[Any]:
        return []

    def journal(self, ireca_id: str, since: Any) -> list[Any]:
        return []

    def order_receipts(self, ireca_id: str) -> list[contract.Receipt]:
        self.asked.append(ireca_id)
        return list(self.sales)


def told(fd_number: str, **said: Any) -> contract.Receipt:
    return contract.Receipt(**{"fn": "9999", "fd_number": fd_number, "fiscal_sign": f"s{fd_number}", **said})


def lacks(order: Order) -> bool:
    return Order.objects.filter(LACKS_RECEIPT, pk=order.pk).exists()


def test_a_receipt_that_names_another_order_is_not_this_orders() -> None:
    paid, other = builders.order(1, **builders.CLOSED), builders.order(2, **builders.CLOSED)
    details.read(Receipts(told("7", order_id=other.ireca_id)), paid)
    assert lacks(paid)
    details.read(Receipts(told("7", order_id=other.ireca_id), told("8", order_id=paid.ireca_id)), paid)
    assert [receipt.fd_number for receipt in paid.receipts.all()] == ["8"]


def test_a_receipt_that_is_told_in_parts_is_one() -> None:
    paid = builders.order(1, prepayment_sum=30, **builders.CLOSED)
    details.read(Receipts(told("7", fiscal_sign="")), paid)
    details.read(Receipts(told("7", shift_number="3", date_time_receipt=PRINTED)), paid)
    details.read(Receipts(told("7", fiscal_sign=None)), paid)
    receipt = paid.receipts.get()
    assert (receipt.fiscal_sign, receipt.shift_number, receipt.date_time_receipt) == ("s7", "3", PRINTED)
    assert lacks(paid), "with a prepayment a second receipt is due, and one that was told twice is no second one"


def test_a_part_that_was_kept_beside_the_whole_does_no_harm() -> None:
    paid = builders.order(1, **builders.CLOSED)
    for sign in ("", "s7"):
        Receipt.objects.create(order=paid, kind="sale", fn="9999", fd_number="7", fiscal_sign=sign)
    details.read(Receipts(told("7", shift_number="3")), paid)
    assert [*paid.receipts.order_by("pk").values_list("fiscal_sign", "shift_number")] == [("", ""), ("s7", "3")]


def test_what_a_receipt_said_is_never_replaced() -> None:
    paid = builders.order(1, **builders.CLOSED)
    details.read(Receipts(told("7", receipt_number="1")), paid)
    details.read(Receipts(told("7", receipt_number="2"), told("7", fiscal_sign="another")), paid)
    assert [*paid.receipts.order_by("pk").values_list("receipt_number", "fiscal_sign")] == [
        ("1", "s7"),
        ("", "another"),
    ]


def test_an_order_that_ireca_does_not_know_gets_no_receipt_of_the_one_that_has_its_number_there() -> None:
    ours = builders.order(1, hold="pickup", **builders.CLOSED)
    Order._base_manager.filter(pk=ours.pk).update(remote_data=None)
    known = builders.order(2, **builders.CLOSED)
    client, run = Receipts(), Pull.objects.create(what="orderReceipts")
    details.read_missing_receipts(client, pull.Progress(run, ""), {})
    assert client.asked == [known.ireca_id]
    assert not Receipt.objects.exists()
