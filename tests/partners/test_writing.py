"""What a partner writes: whole or not at all, checked by name, and on its way to iRECA like a dispatcher's change."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice.partners.api import writing
from backoffice.sync.models import Push
from catalog.models import Good
from couriers.models import Courier
from orders.models import Client, Line, LineSpecificity, LineWarehouse, Order, Payment
from tests.partners.conftest import Partner

pytestmark = pytest.mark.django_db


def order(number: Any, **values: Any) -> dict[str, Any]:
    return {
        "orderId": number,
        "statusId": 0,
        "deliveryStatusId": 6,
        "courierId": None,
        "paymentId": "4113",
        "amountToPay": 100,
        "deliveryTimeFrom": "2026-11-22 09:00:00",
        "deliveryTimeTo": "2026-11-22 11:00:00",
        "goods": [line("1", 0), line("2", 1)],
        **values,
    }


def line(good: str, position: int, **values: Any) -> dict[str, Any]:
    return {"goodId": good, "count": 1, "price": 50, "total": 50, "discountTotal": 0, "position": position, **values}


def problems(response: Any, status: int = 400) -> list[tuple[int | None, str]]:
    body = json.loads(response.content)
    assert response.status_code == status, body
    assert body["error"] is True
    return [(problem["index"], problem["field"]) for problem in body["errors"]]


def test_an_order_is_stored_with_its_lines_and_waits_to_be_sent(partner: Partner) -> None:
    assert partner.call("POST", "orders", [order("A-1", codeAlias="", phone="8 912 345-67-89")]).status_code == 201
    row = Order.objects.get()
    assert (row.external_id, row.number, row.source) == ("A-1", "A-1", partner.source)
    assert row.phone_e164 == "+79123456789"
    assert [(line.good.ireca_id, line.total, line.unit) for line in row.lines.all()] == [
        ("1", Decimal(50), "шт"),
        ("2", Decimal(50), "шт"),
    ]
    push = Push.objects.get(entity="orders")
    assert (push.object_id, push.state) == (row.pk, "queued")
    assert row.sync_state == "pending"
    assert row.history.get().history_change_reason == "Shop"


def test_an_array_is_written_whole_or_not_at_all(partner: Partner) -> None:
    rows = [
        order("1"),
        order("2", amountToPay="much", deliveryTimeFrom="soon"),
        order("3", goods=[line("1", 0), {"goodId": "2", "count": 1}]),
        order("1"),
    ]
    found = problems(partner.call("POST", "orders", rows))
    # A field that cannot be read ends the reading of its element; the others are looked at all the same.
    assert found == [(1, "amountToPay"), (2, "goods[1].price"), (2, "goods[1].total"), (2, "goods[1].discountTotal")]
    rows = [order("1"), order("2"), order("1")]
    assert problems(partner.call("POST", "orders", rows)) == [(2, "orderId")]
    assert not Order.objects.exists()
    assert not Push.objects.exists()


def test_what_fits_no_column_is_named(partner: Partner) -> None:
    wrong = order(
        "1",
        deliveryStatusId="flying",
        codeAlias="x" * 300,
        deliveryTimeTo="0001-01-01 00:00:00",
        goods=[line("1", 0, unit="x" * 2000)],
    )
    assert sorted(problems(partner.call("POST", "orders", [wrong]))) == [
        (0, "codeAlias"),
        (0, "deliveryStatusId"),
        (0, "deliveryTimeTo"),
        (0, "goods[0].unit"),
    ]
    assert problems(partner.call("POST", "orders", [order("1", amountToPay=10**12)])) == [(0, "amountToPay")]


def test_an_order_has_no_more_lines_than_a_form_can_show(partner: Partner) -> None:
    most = [line("1", place) for place in range(300)]
    assert problems(partner.call("POST", "orders", [order("1", goods=[*most, line("1", 300)])])) == [(0, "goods")]
    assert partner.call("POST", "orders", [order("1", goods=most)]).status_code == 201
    said = {"goods": [*most, line("2", 300)]}
    assert problems(partner.call("PUT", "orders?orderId=1", said)) == [(None, "goods")]
    assert Line.objects.count() == 300


def test_a_good_may_lie_in_any_number_of_warehouses(partner: Partner) -> None:
    stock = [{"warehouseId": str(number), "count": 1} for number in range(301)]
    good = {"goodId": "1", "parentId": None, "taxId": "1", "title": "Tea", "price": 5, "warehouses": stock}
    assert partner.call("POST", "goods", [good]).status_code == 201


def test_all_orders_of_a_request_have_no_more_lines_than_a_request_can_carry(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PARTS_AT_ONCE", 5)
    two = {"goods": [line("1", 0), line("2", 1)]}
    three = {"goods": [line("1", 0), line("2", 1), line("3", 2, warehouses=[{"warehouseId": "8", "count": 1}])]}
    assert partner.call("POST", "orders", [order("1", **two), order("2", **three)]).status_code == 201
    refused = partner.call("POST", "orders", [order("3", **three), order("4", **three)])
    assert refused.status_code == 413
    assert Order.objects.count() == 2


def test_what_exists_already_is_a_conflict_and_nothing_of_the_array_is_written(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1")])
    assert problems(partner.call("POST", "orders", [order("2"), order("1")]), 409) == [(1, "orderId")]
    assert Order.objects.count() == 1


def test_put_changes_what_is_said_and_nothing_else(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1", description="third floor")])
    Line.objects.filter(position=0).update(title="Coffee")
    Push.objects.all().delete()
    said = {"deliveryStatusId": 7, "goods": [line("1", 0, count="2.500"), line("3", 2)]}
    assert partner.call("PUT", "orders?orderId=1", said).status_code == 201
    row = Order.objects.get()
    assert (row.delivery_status, row.description) == (7, "third floor")
    assert [(line.good.ireca_id, line.count, line.title) for line in row.lines.all()] == [
        ("1", Decimal("2.5"), "Coffee"),
        ("3", Decimal(1), "3"),
    ]
    assert Push.objects.get(entity="orders").object_id == row.pk


def test_what_a_courier_took_stays_while_its_warehouse_does(partner: Partner) -> None:
    stock = [{"warehouseId": number, "count": 1} for number in ("8", "9")]
    kinds = [{"specificityId": "24", "price": 5, "count": 1}]
    partner.call("POST", "orders", [order("1", goods=[line("1", 0, warehouses=stock, specificities=kinds)])])
    LineWarehouse.objects.update(took_count=1)
    kept = LineWarehouse.objects.get(warehouse__ireca_id="8")
    specificity = LineSpecificity.objects.get()
    stock = [{"warehouseId": "8", "count": 3}, {"warehouseId": "10", "count": 2}]
    said = {"goods": [line("1", 0, warehouses=stock, specificities=kinds)]}
    with CaptureQueriesContext(connection) as queries:
        assert partner.call("PUT", "orders?orderId=1", said).status_code == 201
    rows = LineWarehouse.objects.order_by("pk").values_list("pk", "warehouse__ireca_id", "count", "took_count")
    assert list(rows[:1]) == [(kept.pk, "8", 3, 1)]
    assert [row[1:] for row in rows[1:]] == [("10", 2, None)]
    assert LineSpecificity.objects.get().pk == specificity.pk
    table = LineSpecificity._meta.db_table
    assert not [query["sql"] for query in queries if table in query["sql"] and not query["sql"].startswith("SELECT")]


def test_what_changes_nothing_is_no_change(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1")])
    Push.objects.all().delete()
    versions = Order.history.count(), Line.history.count()
    assert partner.call("PUT", "orders?orderId=1", partner.get("orders?orderId=1")).status_code == 201
    assert partner.call("POST", "orders/replace", [order("1")]).status_code == 201
    assert not Push.objects.exists()
    assert (Order.history.count(), Line.history.count()) == versions


def test_the_id_of_the_body_must_be_that_of_the_address(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1"), order("2")])
    assert problems(partner.call("PUT", "orders?orderId=1", {"orderId": 2})) == [(None, "orderId")]
    assert problems(partner.call("PUT", "orders", {"orderId": 2})) == [(None, "orderId")]
    assert partner.call("PUT", "orders?orderId=3", {"statusId": 1}).status_code == 404


def test_what_nobody_has_described_is_named_and_waited_for(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1", courierId="77", clientId="5")])
    row = Order.objects.get()
    assert (row.courier.ireca_id, row.courier.remote_data) == ("77", None)
    assert not Push.objects.exclude(entity="orders").exists()
    assert partner.get("goods") == []
    assert partner.get("clients") == []
    assert partner.call("GET", "couriers?courierId=77").status_code == 404
    # Described now, it is no conflict, and it is sent.
    good = {"goodId": "1", "parentId": None, "taxId": "8", "title": "Coffee", "price": 50}
    assert partner.call("POST", "goods", [good]).status_code == 201
    assert [found["title"] for found in partner.get("goods")] == ["Coffee"]
    assert Good.objects.get(ireca_id="1").sync_state == "pending"
    assert Push.objects.get(entity="goods").object_id == Good.objects.get(ireca_id="1").pk


def test_a_client_given_in_place_is_made(partner: Partner) -> None:
    said = order("1", clientId="5", client={"firstname": "Анна", "lastname": "Быстрова", "email": "a@example.com"})
    assert partner.call("POST", "orders", [said, {**said, "orderId": "2"}]).status_code == 201
    client = Client.objects.get()
    assert (client.external_id, client.firstname, client.source) == ("5", "Анна", partner.source)
    assert Push.objects.filter(entity="clients", object_id=client.pk).exists()
    assert [found["clientId"] for found in partner.get("clients")] == [5]


def test_many_orders_are_changed_by_one_request(partner: Partner) -> None:
    partner.call("POST", "orders", [order(number) for number in range(1, 4)])
    said = {"statusId": 1, "deliveryStatusId": 11, "returnReasonId": "5276", "addressTo": "Тверь, Советская 1"}
    assert partner.call("PUT", "orders/multipleUpdate", {"orderIds": [1, "2"], "attributes": said}).status_code == 204
    rows = Order.objects.order_by("pk")
    assert [(row.status, row.delivery_status) for row in rows] == [(1, 11), (1, 11), (0, 6)]
    assert rows[0].to_line == "Тверь, Советская 1"
    assert rows[0].history.latest().history_change_reason == "Shop"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"orderIds": [1, 9], "attributes": {"statusId": 1}}, 404, "orderIds"),
        ({"orderIds": [], "attributes": {"statusId": 1}}, 400, "orderIds"),
        ({"orderIds": [1], "attributes": {}}, 400, "attributes"),
        ({"orderIds": [1], "attributes": {"phone": "1"}}, 400, "attributes.phone"),
        ({"orderIds": [1], "attributes": {"statusId": "paid"}}, 400, "attributes.statusId"),
        ({"orderIds": [1], "attributes": {"deliveryTimeTo": "late"}}, 400, "attributes.deliveryTimeTo"),
    ],
)
def test_what_many_orders_cannot_be_changed_to(partner: Partner, body: Any, status: int, field: str) -> None:
    partner.call("POST", "orders", [order(1)])
    assert [name for _index, name in problems(partner.call("PUT", "orders/multipleUpdate", body), status)] == [field]
    assert Order.objects.get().status == 0


def test_a_refund_is_a_command_with_its_payments(partner: Partner) -> None:
    payment = {"paymentId": "1", "paymentTypeId": "4113", "price": 100, "paidIn": "2026-11-22 08:00:00"}
    refund = order("R-1", statusId=1, deliveryStatusId=7, courierId="7", isRefund=True, payments=[payment])
    assert partner.call("POST", "orders?isRefund=1", [refund]).status_code == 201
    row = Order.objects.get()
    assert (row.is_refund, row.payments.get().price, row.sync_state) == (True, Decimal(100), "pending")
    push = Push.objects.get()
    assert (push.action, push.command, push.payload["order"]["payments"][0]["price"]) == ("command", "refund", "100")
    told = partner.get("orders?orderId=R-1")
    assert (told["isRefund"], told["payments"][0]["price"]) == (1, 100)
    assert problems(partner.call("POST", "orders?isRefund=1", [order("R-2", courierId="7")])) == [(0, "payments")]


def test_a_deleted_good_stays_listed_as_inactive(partner: Partner) -> None:
    good = {"goodId": "1", "parentId": None, "taxId": "8", "title": "Coffee", "price": 50}
    partner.call("POST", "goods", [good])
    assert partner.call("DELETE", "goods?goodId=1").status_code == 204
    assert partner.get("goods?goodId=1")["isActive"] == 0
    assert partner.get("goods?isActive=true") == []


def test_a_deleted_courier_keeps_his_orders(partner: Partner) -> None:
    courier = {"courierId": "7", "title": "Анна", "email": "a@example.com", "phone": "1", "sourcePassword": "x"}
    partner.call("POST", "couriers", [courier])
    partner.call("POST", "orders", [order("1", courierId="7")])
    assert partner.call("DELETE", "couriers?courierId=7").status_code == 204
    assert partner.call("GET", "couriers?courierId=7").status_code == 404
    assert Order.objects.get().courier.title == "Анна"
    assert partner.call("DELETE", "couriers?courierId=7").status_code == 404


def test_a_password_is_stored_and_never_told(partner: Partner) -> None:
    courier = {"courierId": "7", "title": "Анна", "email": "a@example.com", "phone": "1", "sourcePassword": "hush"}
    partner.call("POST", "couriers", [courier])
    assert partner.get("couriers?courierId=7")["sourcePassword"] == ""
    partner.call("PUT", "couriers?courierId=7", {"title": "Анна Б."})
    row = Order._meta.get_field("courier").related_model.objects.get()
    assert (row.title, str(row.source_password)) == ("Анна Б.", "hush")


@pytest.mark.parametrize("mode", ["cabinet", "api"])
def test_what_only_the_cabinet_creates(partner: Partner, settings: Any, mode: str) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN, settings.IRECA_MODE = "http://127.0.0.1:9/api/v1", "x", mode
    response = partner.call("POST", "taxes", [{"taxId": "1", "title": "10%"}])
    assert response.status_code == (403 if mode == "cabinet" else 201)
    settings.IRECA_MODE = "api"
    partner.call("POST", "taxes/replace", [{"taxId": "1", "title": "10%"}])
    settings.IRECA_MODE = mode
    assert partner.call("PUT", "taxes?taxId=1", {"title": "20%"}).status_code == 204


@pytest.mark.parametrize("path", ["orders", "orders/replace"])
def test_statements_do_not_grow_with_the_array(partner: Partner, path: str) -> None:
    def statements(start: int, count: int) -> int:
        rows = [order(number, clientId=number) for number in range(start, start + count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert partner.call("POST", path, rows).status_code == 201
        return len(captured)

    statements(1, 1)
    few = statements(100, 3)
    assert statements(200, 60) < few + 30  # SQLite takes few parameters at a time
    if path == "orders/replace":
        goods = [line("1", 0, count=3), line("2", 1), line("9", 2)]
        changed = [order(number, description="x", goods=goods) for number in range(200, 260)]
        with CaptureQueriesContext(connection) as captured:
            assert partner.call("POST", path, changed).status_code == 201
        assert len(captured) < few + 40


# what was found by trying hard


COURIER = {"courierId": "7", "title": "Анна", "email": "a@example.com", "phone": "1", "sourcePassword": "hush"}


@pytest.mark.parametrize("way", ["PUT", "replace"])
def test_sending_back_what_one_was_told_erases_no_password(partner: Partner, way: str) -> None:
    partner.call("POST", "couriers", [COURIER])
    told = partner.get("couriers?courierId=7")
    if way == "PUT":
        partner.call("PUT", "couriers?courierId=7", {**told, "title": "Анна Б."})
    else:
        partner.call("POST", "couriers/replace", [{**told, "title": "Анна Б."}])
    row = Courier.objects.get()
    assert (row.title, str(row.source_password)) == ("Анна Б.", "hush")


def test_a_change_of_what_was_deleted_meanwhile_makes_nothing(partner: Partner, monkeypatch: Any) -> None:
    partner.call("POST", "orders", [order("1")])
    resolve = writing._resolved

    def late(*args: Any) -> Any:
        Order.objects.all().delete()
        return resolve(*args)

    monkeypatch.setattr(writing, "_resolved", late)
    assert partner.call("PUT", "orders?orderId=1", {"description": "late"}).status_code == 404
    assert Order.objects.count() == 1  # the deletion was part of the same transaction, and is undone with it


NO_WAREHOUSE, NO_PRICE = {"warehouseId": None, "count": 1}, {"specificityId": "1", "count": 1}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"statusId": None}, "statusId"),
        ({"amountToPay": None}, "amountToPay"),
        ({"deliveryTimeFrom": ""}, "deliveryTimeFrom"),
        ({"goods": [{"goodId": "1"}]}, "goods[0].count"),
        ({"goods": [line("1", 0, warehouses=[{}])]}, "goods[0].warehouses[0].warehouseId"),
        (
            {"goods": [line("1", 0, warehouses=[{"warehouseId": None, "count": 1}])]},
            "goods[0].warehouses[0].warehouseId",
        ),
        (
            {"goods": [line("1", 0, specificities=[{"specificityId": "1", "count": 1}])]},
            "goods[0].specificities[0].price",
        ),
        ({"addressToEntity": {"latitude": 999}}, "addressToEntity.latitude"),
        ({"courierId": 10**300}, "courierId"),
    ],
)
def test_what_an_order_cannot_become(partner: Partner, said: Any, field: str) -> None:
    partner.call("POST", "orders", [order("1")])
    found = problems(partner.call("PUT", "orders?orderId=1", said))
    assert (None, field) in found
    assert Order.objects.get().amount_to_pay == 100


def test_stock_without_its_warehouse_wipes_nothing(partner: Partner) -> None:
    stock = [{"warehouseId": "9", "count": 4}]
    good = {"goodId": "1", "parentId": None, "taxId": "8", "title": "Coffee", "price": 50, "warehouses": stock}
    partner.call("POST", "goods", [good])
    assert problems(partner.call("PUT", "goods?goodId=1", {"warehouses": [{"count": 1}]})) == [
        (None, "warehouses[0].warehouseId")
    ]
    assert partner.get("goods?goodId=1")["warehouses"] == [{"warehouseId": "9", "count": 4}]


def test_no_character_breaks_a_request(partner: Partner) -> None:
    assert (
        partner.call("POST", "orders", [order("1", codeAlias="a\0b", phone="\0", description="\0")]).status_code == 201
    )
    assert "\0" not in Order.objects.get().number


def test_a_client_named_first_is_described_in_place_later(partner: Partner) -> None:
    partner.call("POST", "orders", [order("1", clientId="5")])
    assert not Push.objects.filter(entity="clients").exists()
    partner.call("POST", "orders", [order("2", clientId="5", client={"firstname": "Анна"}, phone="+79123456789")])
    client = Client.objects.get()
    assert (client.firstname, client.phone_e164) == ("Анна", "+79123456789")
    assert Push.objects.get(entity="clients").object_id == client.pk


def test_what_is_described_anew_inherits_nothing(partner: Partner) -> None:
    said = {"clientId": 5, "title": "", "firstname": "Анна", "lastname": "", "birthday": None, "phone": "1", "inn": "2"}
    partner.call("POST", "clients", [said])
    partner.call("POST", "orders", [order("1", clientId="5", deliveryStatusId=10)])
    assert partner.call("DELETE", "clients?clientId=5").status_code == 204
    fresh = {"clientId": 5, "title": "", "firstname": "Борис", "lastname": "", "birthday": None}
    assert partner.call("POST", "clients", [fresh]).status_code == 201
    told = partner.get("clients?clientId=5")
    assert (told["firstname"], told["phone"], told["inn"]) == ("Борис", "", "")


def test_a_client_with_open_orders_is_not_deleted(partner: Partner, stranger: Partner) -> None:
    said = {"clientId": 5, "title": "", "firstname": "Анна", "lastname": "", "birthday": None}
    for one in (partner, stranger):
        one.call("POST", "clients", [said])
    sent = [order("1", clientId="5"), order("2", clientId="5"), order("3", clientId="5", deliveryStatusId=10)]
    assert partner.call("POST", "orders", sent).status_code == 201
    refused = partner.call("DELETE", "clients?clientId=5")
    assert refused.status_code == 409
    assert "2" in refused.json()["message"]
    assert partner.get("orders?orderId=1")["clientId"] == "5"
    cancelled = {"orderIds": [1, 2], "attributes": {"deliveryStatusId": 11}}
    assert partner.call("PUT", "orders/multipleUpdate", cancelled).status_code == 204
    for one in (partner, stranger):
        assert one.call("DELETE", "clients?clientId=5").status_code == 204


def test_an_order_that_was_paid_is_not_deleted(partner: Partner) -> None:
    sent = [order("1"), order("2", statusId=1, deliveryStatusId=10), order("3", statusId=1)]
    assert partner.call("POST", "orders", sent).status_code == 201
    Payment.objects.create(order=Order.objects.get(external_id="1"), price=100)
    for paid in ("1", "2"):
        refused = partner.call("DELETE", f"orders?orderId={paid}")
        assert (refused.status_code, paid in refused.json()["message"]) == (409, True)
    assert partner.call("DELETE", "orders?orderId=3").status_code == 204
    assert Order.objects.count() == 2


@pytest.mark.parametrize(("query", "said"), [("", True), ("", 1), ("?isRefund=1", False), ("?isRefund=0", "true")])
def test_address_and_body_of_a_refund_do_not_contradict(partner: Partner, query: str, said: Any) -> None:
    assert problems(partner.call("POST", f"orders{query}", [order("1", isRefund=said)])) == [(0, "isRefund")]


def test_an_empty_alias_stays_the_number(partner: Partner) -> None:
    partner.call("POST", "orders/replace", [order("1", codeAlias="")])
    Push.objects.all().delete()
    partner.call("POST", "orders/replace", [order("1", codeAlias="")])
    assert (Order.objects.get().number, Push.objects.exists()) == ("1", False)


def test_what_many_orders_have_already_is_no_change_of_them(partner: Partner) -> None:
    partner.call("POST", "orders", [order(1), order(2, statusId=1)])
    Push.objects.all().delete()
    partner.call("PUT", "orders/multipleUpdate", {"orderIds": [1, 2], "attributes": {"statusId": 1}})
    assert [push.object_id for push in Push.objects.all()] == [Order.objects.get(external_id="1").pk]
    body = {"orderIds": [1], "attributes": {"statusId": None, "courierId": None}}
    assert problems(partner.call("PUT", "orders/multipleUpdate", body)) == [(None, "attributes.statusId")]


@pytest.mark.parametrize("path", ["orders", "orders/replace", "goods/replace"])
@pytest.mark.django_db(transaction=True)
def test_requests_that_meet_are_told_so_or_carried_out(transactional_db: None, path: str) -> None:
    partner = Partner("Racer")
    meet = threading.Barrier(4)
    statuses = []

    def send(number: int) -> None:
        good = {"goodId": "1", "parentId": None, "taxId": "8", "title": str(number), "price": 50}
        body = [good] if path.startswith("goods") else [order(str(number), clientId="5", client={"firstname": "A"})]
        try:
            meet.wait()
            statuses.append(partner.call("POST", path, body).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 204}
    assert Client.objects.count() <= 1
