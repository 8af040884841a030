"""From a shop's program to the courier and back: a partner posts an order, iRECA delivers it, the partner reads how."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.models import Push
from orders.models import Order
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_of_a_partner_is_delivered(listening: Sandbox, settle: Callable[[], None]) -> None:
    shop = Partner("Shop")
    said = order(
        "A-1",
        clientId="5",
        client={"firstname": "Анна", "lastname": "Быстрова"},
        amountToPay=539.78,
        phone="+79123456789",
        goods=[line("355864", 0, price=539.78, total=539.78)],
    )
    assert shop.call("POST", "orders", [said]).status_code == 201
    settle()
    row = Order.objects.get(source=shop.source)
    there = listening.order(row.ireca_id or "")
    assert there is not None
    assert (there["codeAlias"], there["phone"]) == ("A-1", "+79123456789")
    assert row.sync_state == "clean"

    # The shop changes its mind while the order waits; then a courier delivers it.
    assert shop.call("PUT", "orders?orderId=A-1", {"description": "Позвонить за час"}).status_code == 201
    settle()
    listening.take(row.ireca_id or "", "55752")
    listening.deliver(row.ireca_id or "")
    listening.close(row.ireca_id or "")
    settle()

    told = shop.get("orders?orderId=A-1")
    assert (told["deliveryStatusId"], told["statusId"], told["courierId"]) == (10, 1, "55752")
    assert (told["description"], told["clientId"]) == ("Позвонить за час", "5")
    assert told["goods"][0]["title"] == "Кофе carte noire"
    assert [payment["price"] for payment in told["payments"]] == [539.78]
    [receipt] = shop.get("orderReceipts?orderId=A-1")
    assert receipt["orderId"] == "A-1"
    assert receipt["fiscalSign"]
    assert [change["statusId"] for change in shop.get("orders/journalStatuses?orderId=A-1")][-3:] == [7, 9, 10]
    assert shop.get("journal?entityId=A-1&page=0&count=20")[0]["event"] == "create"
    assert shop.get("orders?hasReceipt=true&deliveryStatusId=10")[0]["orderId"] == "A-1"
    assert listening.violations == []


def test_an_order_waits_for_what_nobody_has_described(listening: Sandbox, settle: Callable[[], None]) -> None:
    shop = Partner("Shop")
    shop.call("POST", "orders", [order("1", goods=[line("777", 0)])])
    settle()
    row = Order.objects.get(source=shop.source)
    assert (row.sync_state, listening.order(row.ireca_id or "")) == ("pending", None)
    good = {"goodId": "777", "parentId": None, "taxId": "8286", "title": "Чай", "price": 50}
    assert shop.call("POST", "goods", [good]).status_code == 201
    settle()
    row.refresh_from_db()
    assert row.sync_state == "clean"
    assert listening.order(row.ireca_id or "") is not None
    assert listening.violations == []


def test_a_refund_of_a_partner_is_created_once(listening: Sandbox, settle: Callable[[], None]) -> None:
    shop = Partner("Shop")
    payment = {"paymentId": "1", "paymentTypeId": "4113", "price": 50, "paidIn": "2026-11-22 08:00:00"}
    said = order(
        "R-1",
        statusId=1,
        deliveryStatusId=7,
        courierId="55752",
        amountToPay=50,
        isRefund=True,
        payments=[payment],
        goods=[line("355864", 0)],
    )
    listening.requests.clear()
    assert shop.call("POST", "orders?isRefund=1", [said]).status_code == 201
    settle()
    shop.call("PUT", "orders?orderId=R-1", {"description": "забрать у двери"})
    settle()
    row = Order.objects.get(source=shop.source)
    there = listening.order(row.ireca_id or "")
    assert there is not None
    assert (there["isRefund"], there["description"]) == (1, "забрать у двери")
    created = [one for one in listening.requests if one["method"] == "POST" and one["path"] == "/orders"]
    assert len(created) == 1
    assert row.sync_state == "clean"
    assert listening.violations == []


def test_a_refund_waits_for_what_ireca_does_not_know_and_sends_the_client_it_names(
    listening: Sandbox, settle: Callable[[], None]
) -> None:
    shop = Partner("Shop")
    payment = {"paymentId": "1", "paymentTypeId": "4113", "price": 50, "paidIn": "2026-11-22 08:00:00"}
    said = order(
        "R-1",
        statusId=1,
        deliveryStatusId=7,
        courierId="55752",
        clientId="5",
        client={"firstname": "Анна", "lastname": "Быстрова"},
        phone="+79123456789",
        amountToPay=50,
        isRefund=True,
        payments=[payment],
        goods=[line("777", 0)],
    )
    assert shop.call("POST", "orders?isRefund=1", [said]).status_code == 201
    settle()
    row = Order.objects.select_related("client").get(source=shop.source)
    command = Push.objects.get(command="refund")
    assert (command.state, row.sync_state) == (Push.State.WAITING, "pending")
    assert "777" in command.waits_for
    assert row.client is not None
    assert row.client.sync_state == "clean"
    assert row.client.remote_data is not None
    good = {"goodId": "777", "parentId": None, "taxId": "8286", "title": "Чай", "price": 50}
    assert shop.call("POST", "goods", [good]).status_code == 201
    settle()
    there = listening.order(row.ireca_id or "")
    assert there is not None
    assert (there["isRefund"], str(there["clientId"]), str(there["goods"][0]["goodId"])) == (
        1,
        row.client.ireca_id,
        "777",
    )
    row.refresh_from_db()
    assert row.sync_state == "clean"
    assert listening.violations == []
