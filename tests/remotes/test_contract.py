"""The traps of iRECA's document, by number: how each is read, and how exactly it is written."""

import json
from dataclasses import replace as changed
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from backoffice.remotes.ireca.contract import (
    Address,
    BadRow,
    Client,
    ContractError,
    Courier,
    DictionaryEntry,
    Entity,
    Good,
    JournalEntry,
    LicensePool,
    Line,
    LineSpecificity,
    Location,
    Order,
    OrderClient,
    Payment,
    PaymentType,
    Permission,
    Receipt,
    ReturnedGood,
    ReturnedOrder,
    ReturnedPayment,
    Role,
    StatusChange,
    Tax,
    Warehouse,
    decode,
    decode_callback,
    decode_rows,
    dump,
    encode,
    equal,
    unknown_keys,
)
from backoffice.remotes.ireca.examples import BY_LINE
from backoffice.remotes.wirejson import BrokenRow

MOMENT = datetime(2021, 4, 28, 11, 34, tzinfo=UTC)
EMPTY = [None, "", {}, []]


def order(**attributes: Any) -> Order:
    """An order with what creation requires."""
    required = {
        "order_id": "1",
        "status_id": 0,
        "delivery_status_id": 6,
        "courier_id": None,
        "payment_id": "4113",
        "amount_to_pay": Decimal("10"),
        "delivery_time_from": MOMENT,
        "delivery_time_to": MOMENT,
    }
    return Order(**{**required, **attributes})


# Reading


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-04-28 11:34:00", MOMENT),
        ("2021-04-28T11:34:00", MOMENT),
        ("2021-04-28T11:34:00Z", MOMENT),
        ("2021-04-28 11:34:00.000000", MOMENT),
        ("2021-04-28T14:34:00+03:00", MOMENT),
        ("20210428T1134", MOMENT),
        ("2021-04-28", datetime(2021, 4, 28, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("0000-00-00", None),
        (" ", None),
        *((empty, None) for empty in EMPTY),
    ],
)
def test_t02_moments(text: Any, moment: datetime | None) -> None:
    found = decode(Order, {"deliveryTimeFrom": text}).delivery_time_from
    assert found == moment
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize("text", ["yesterday", "28.04.2021", 1619609640, True, "9999-12-31T23:59:59-05:00"])
def test_t02_what_is_no_moment_is_refused(text: Any) -> None:
    with pytest.raises(ContractError, match="deliveryTimeFrom"):
        decode(Order, {"deliveryTimeFrom": text})


@pytest.mark.parametrize(
    ("value", "ref"),
    [
        (209900, "209900"),
        ("209900", "209900"),
        (" 55752 ", "55752"),
        (0, "0"),
        ("3ebf391b3c596bc8", "3ebf391b3c596bc8"),
        ("00017", "00017"),
        (Decimal("7.0"), "7"),
        (12345678901234567890123, "12345678901234567890123"),
        *((empty, None) for empty in EMPTY),
    ],
)
def test_t11_to_t14_ids_are_text_or_none(value: Any, ref: str | None) -> None:
    assert decode(Order, {"courierId": value}).courier_id == ref


@pytest.mark.parametrize("value", [True, {"id": 1}, [1]])
def test_t11_what_is_no_id_is_refused(value: Any) -> None:
    with pytest.raises(ContractError, match="orderId"):
        decode(Order, {"orderId": value})


def test_t15_payment_id_is_a_type_in_an_order_and_an_id_in_a_payment() -> None:
    read = decode(Order, {"paymentId": "4113", "payments": [{"paymentId": "1", "paymentTypeId": 4114}]})
    assert read.payment_id == "4113"
    assert read.payments == [Payment(payment_id="1", payment_type_id="4114")]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (539.78, "539.78"),
        (Decimal("539.78"), "539.78"),
        ("679.57", "679.57"),
        ("679,57", "679.57"),
        ("1 000,50", "1000.5"),
        ("1\xa0000.50", "1000.5"),
        ("0.00", "0"),
        (0, "0"),
        ("-5", "-5"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_t16_money_is_exact(value: Any, number: str) -> None:
    assert decode(Order, {"amountToPay": value}).amount_to_pay == Decimal(number)


@pytest.mark.parametrize("value", EMPTY)
def test_t16_no_money_is_none(value: Any) -> None:
    assert decode(Order, {"cash": value}).cash is None


@pytest.mark.parametrize("value", ["ten", "1e400", Decimal("1e99"), "NaN", float("inf"), True, [1], 10**30])
def test_t16_what_is_no_money_is_refused(value: Any) -> None:
    with pytest.raises(ContractError, match="cash"):
        decode(Order, {"cash": value})


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        *((yes, True) for yes in (True, 1, "1", "true", "TRUE", Decimal(1))),
        *((no, False) for no in (False, 0, "0", "false")),
        *((empty, None) for empty in EMPTY),
    ],
)
def test_t17_t33_flags(value: Any, flag: bool | None) -> None:
    assert decode(Good, {"isActive": value}).is_active is flag


@pytest.mark.parametrize("value", ["maybe", [1], {"a": 1}])
def test_t17_what_is_no_flag_is_refused(value: Any) -> None:
    with pytest.raises(ContractError, match="isActive"):
        decode(Good, {"isActive": value})


@pytest.mark.parametrize("value", EMPTY)
def test_t18_empty_objects_are_none_everywhere(value: Any) -> None:
    read = decode(
        Order,
        dict.fromkeys(("returnReasonId", "statusId", "client", "addressToEntity", "returnedOrder", "goods"), value),
    )
    assert (read.return_reason_id, read.status_id, read.client) == (None, None, None)
    assert (read.address_to_entity, read.returned_order, read.goods) == (None, None, [])


@pytest.mark.parametrize("value", EMPTY)
def test_plain_text_is_empty_rather_than_null(value: Any) -> None:
    assert decode(Good, {"article": value}).article == ""


def test_text_may_come_as_a_number_but_not_as_an_object() -> None:
    assert decode(Receipt, {"shiftNumber": 17, "fdNumber": Decimal("1.5")}) == Receipt(
        shift_number="17", fd_number="1.5"
    )
    with pytest.raises(ContractError, match=r"shiftNumber: expected text"):
        decode(Receipt, {"shiftNumber": {"a": 1}})


@pytest.mark.parametrize("zero", [0, "0.00000000000000", 0.0])
def test_t19_the_point_zero_is_unknown_and_a_single_zero_is_not(zero: Any) -> None:
    unknown = decode(Address, {"latitude": zero, "longitude": zero})
    assert (unknown.latitude, unknown.longitude, unknown.has_coordinates) == (None, None, False)
    greenwich = decode(Address, {"latitude": "51.48", "longitude": zero})
    assert (greenwich.latitude, greenwich.longitude) == (Decimal("51.48"), 0)
    assert greenwich.has_coordinates
    for cls in (Warehouse, StatusChange, Location):
        assert decode(cls, {"latitude": zero, "longitude": zero}).latitude is None


def test_t21_locations_name_the_status_either_way() -> None:
    assert decode(Location, {"orderStatusId": 1}).delivery_status_id == 1
    assert decode(Location, {"orderStatusId": 1, "deliveryStatusId": 6}).delivery_status_id == 6


def test_t23_the_entity_comes_before_the_line() -> None:
    both = decode(BY_LINE[486].cls, BY_LINE[486].json)
    assert isinstance(both, Order)
    assert both.address_to_line == "Санкт-Петербург Улица правды 24 44" == both.address_to
    assert both.address_from_line == ""
    assert decode(Order, {"addressTo": "Невский 1", "addressToEntity": {"city": ""}}).address_to_line == "Невский 1"


@pytest.mark.parametrize("value", [8, "8", Decimal(8), " 8 ", 8.0])
def test_t29_unknown_codes_are_kept(value: Any) -> None:
    assert decode(Order, {"deliveryStatusId": value}).delivery_status_id == 8


def test_t28_t47_a_code_that_is_no_integer_stays_text() -> None:
    assert decode(Good, {"calcId": "1a"}).calc_id == "1a"
    assert decode(Good, {"calcId": True}).calc_id == 1
    assert decode(Good, {"calcId": "9" * 40}).calc_id == "9" * 40


def test_t30_status_id_is_the_delivery_status_in_a_status_change() -> None:
    read = decode(StatusChange, {"statusId": 7, "createdAt": "2021-04-28 11:34:00"})
    assert (read.delivery_status_id, read.created_at) == (7, MOMENT)


@pytest.mark.parametrize(
    "wrap", [lambda row: {"items": [row]}, lambda row: {"items": [row], "n": 1}, lambda row: [row]]
)
def test_t37_callbacks_in_every_wrapping(wrap: Any) -> None:

    for body in (wrap({"orderId": 1}), {"orderId": 1}):
        assert decode_callback(Order, json.dumps(body).encode()) == ([Order(order_id="1")], [])
    with pytest.raises(ContractError):
        decode_callback(Order, b"<html>")


def test_t44_absent_is_not_null() -> None:
    read = decode(Order, {"courierId": None})
    assert read.courier_id is None
    assert read.client_id is UNSET
    assert dump(read) == {"courierId": None}
    assert not equal(read, Order(), "courier_id")
    assert equal(read, Order(), "client_id")


def test_t45_journal_items_keep_any_keys() -> None:
    item = {"addressToEntity": {"firstname": "А", "x": [1]}, "amountToPay": Decimal("1.50")}
    read = decode(JournalEntry, {"beforeItem": item, "afterItem": None})
    assert read.before_item == {"addressToEntity": {"firstname": "А", "x": [1]}, "amountToPay": "1.5"}
    assert read.after_item is None
    assert decode(JournalEntry, dump(read)) == read


def test_t55_permission_id_and_action_id_are_one() -> None:
    assert decode(Permission, {"permissionId": "cashIn"}) == decode(Permission, {"actionId": "cashIn"})


def test_the_dictionaries_have_one_shape() -> None:
    rows = [
        {"statusId": 0, "title": "Не оплачен"},
        {"closeTypeId": 1, "title": "Наличные"},
        {"calcId": 4, "title": "Услуга"},
        {"permissionId": "cashIn", "description": "Внесение наличных"},
        {"title": "20%"},
    ]
    assert [(row.code, row.title) for row in decode_rows(DictionaryEntry, rows)[0]] == [
        ("0", "Не оплачен"),
        ("1", "Наличные"),
        ("4", "Услуга"),
        ("cashIn", "Внесение наличных"),
        ("20%", "20%"),
    ]


RETURNED = {"returnedOrderId": 5, "returnReasonId": 5276, "createdAt": "2021-04-28 11:34:00"}
PAYMENTS = [{"paymentId": 1, "paymentTypeId": "4113", "sum": "5.00", "createdAt": "2021-04-28 11:34:00"}]
GOODS = [{"goodId": 355864, "returnReasonId": 5276, "count": 1, "sum": 5}]


@pytest.mark.parametrize(
    "raw",
    [
        {"returnedOrder": {**RETURNED, "returnedPayments": PAYMENTS, "returnedGoods": GOODS}},
        {"returnedOrder": RETURNED, "returnedPayments": PAYMENTS, "returnedGoods": GOODS},
        {"returnedPayments": PAYMENTS, "returnedGoods": GOODS, "returnedOrder": {**RETURNED, "returnedGoods": []}},
    ],
)
def test_returned_payments_and_goods_inside_the_returned_order_or_beside_it(raw: Any) -> None:
    assert decode(Order, raw).returned_order == ReturnedOrder(
        returned_order_id="5",
        return_reason_id="5276",
        created_at=MOMENT,
        returned_payments=[ReturnedPayment(payment_id="1", payment_type_id="4113", sum=Decimal(5), created_at=MOMENT)],
        returned_goods=[ReturnedGood(good_id="355864", return_reason_id="5276", count=Decimal(1), sum=Decimal(5))],
    )


def test_returned_goods_without_a_returned_order() -> None:
    read = decode(Order, {"returnedOrder": None, "returnedGoods": GOODS})
    assert isinstance(read.returned_order, ReturnedOrder)
    assert read.returned_order.returned_goods != []


def test_a_birthday_is_a_day() -> None:
    assert decode(Client, {"birthday": "1989-03-11"}).birthday == date(1989, 3, 11)
    assert decode(Client, {"birthday": "1989-03-11 00:00:00"}).birthday == date(1989, 3, 11)
    assert decode(Client, {"birthday": "0000-00-00"}).birthday is None
    with pytest.raises(ContractError, match="birthday"):
        decode(Client, {"birthday": "11 марта"})


# Bad rows


def test_one_bad_row_does_not_sink_the_others_and_says_where_it_is_bad() -> None:
    rows = [
        {"orderId": 1},
        {"orderId": 2, "goods": [{"price": 1}, {"price": "ten"}]},
        "orderId",
        BrokenRow('{"orderId": tru', "malformed"),
        {"orderId": 3},
    ]
    good, bad = decode_rows(Order, rows)
    assert [row.order_id for row in good] == ["1", "3"]
    assert [(row.id, row.path) for row in bad] == [("2", "goods[1].price"), (None, ""), (None, "")]
    assert bad[0] == changed(bad[0], entity="Order", message="expected a number, got 'ten'")
    assert bad[2] == BadRow("Order", None, "", "malformed", '{"orderId": tru')


def test_a_bad_row_does_not_reveal_a_password() -> None:
    rows = [
        {"courierId": True, "sourcePassword": "hunter2"},
        {"courierId": 1, "sourcePassword": {"is": "hunter2"}},
    ]
    _, (one, two) = decode_rows(Courier, rows)
    assert "hunter2" not in repr(one)
    assert "hunter2" not in two.message


def test_unknown_keys_are_ignored_and_can_be_counted() -> None:
    raw = {"orderId": 1, "colour": "red", "goods": [{"goodId": 1, "size": 2}], "client": {"age": 3}}
    assert decode(Order, raw).order_id == "1"
    assert unknown_keys(Order, raw) == ["colour", "goods.size", "client.age"]


# Storing and comparing


def test_equal_by_value_and_dumped_alike() -> None:
    one, two = Good(price=Decimal("1")), Good(price=Decimal("1.00"))
    assert one == two
    assert equal(one, two, "price")
    assert dump(one) == dump(two) == {"price": "1"}


def test_t53_the_source_password_is_neither_dumped_nor_printed() -> None:
    courier = Courier(courier_id="1", source_password="hunter2")
    assert dump(courier) == {"courierId": "1"}
    assert "hunter2" not in repr(courier)
    assert "hunter2" not in str([courier])
    assert (
        encode(Courier(courier_id="1", title="t", email="e", phone="p", source_password="hunter2"), "create")[
            "sourcePassword"
        ]
        == "hunter2"
    )


def test_fractions_of_a_second_survive_storing() -> None:
    read = decode(Order, {"deliveryTimeFrom": "2021-04-28 11:34:00.250"})
    assert decode(Order, dump(read)) == read


# Writing


@pytest.mark.parametrize("operation", ["create", "refund", "update", "replace"])
def test_what_is_read_only_is_never_written(operation: str) -> None:
    example = BY_LINE[486]
    read = decode(example.cls, example.json)
    written = encode(read, operation)
    assert not written.keys() & {
        "receiptStatusId",
        "frReceiptStatusId",
        "originalPaymentId",
        "frUsedPaymentId",
        "addressFrom",
        "addressTo",
        "returnedOrder",
        "isReturned",
        "isEdited",
    }
    assert written["client"].keys() <= {"firstname", "lastname", "email"}
    assert written["goods"][0].keys().isdisjoint({"title", "article", "multiplicity", "isActive", "canceledItems"})
    assert ("email" in written["client"]) is (operation != "refund")  # T25
    assert ("isRefund" in written) is (operation == "refund")
    assert ("payments" in written) is (operation == "refund")


def test_absent_stays_absent() -> None:
    assert encode(order(), "create").keys() == {
        "orderId",
        "statusId",
        "deliveryStatusId",
        "courierId",
        "paymentId",
        "amountToPay",
        "deliveryTimeFrom",
        "deliveryTimeTo",
    }


def test_every_missing_attribute_is_named() -> None:
    bad = order(
        status_id=UNSET,
        amount_to_pay=None,
        courier_id=UNSET,
        address_to_entity=Address(city="Псков"),
        goods=[Line(count=Decimal(1), price=Decimal(1), total=Decimal(1), discount_total=Decimal(0)), Line()],
    )
    with pytest.raises(ContractError) as caught:
        encode(bad, "create")
    assert caught.value.message == (
        "Order lacks statusId, courierId, amountToPay, addressToEntity.street, addressToEntity.home,"
        " goods[1].count, goods[1].price, goods[1].total, goods[1].discountTotal"
    )


def test_an_operation_that_the_document_lacks_is_refused() -> None:
    with pytest.raises(ContractError, match="create"):
        encode(Permission(role_id="1"), "create")


@pytest.mark.parametrize(
    ("obj", "operation", "wire"),
    [
        (order(return_reason_id=None, supplier_id=None), "create", {"returnReasonId": None, "supplierId": None}),
        (order(is_agreed=True), "create", {"isAgreed": 1}),
        (order(is_refund=False), "refund", {"isRefund": True}),
        (order(amount_to_pay=Decimal("10.005")), "create", {"amountToPay": 10.01}),
        (order(amount_to_pay=Decimal("679.57")), "create", {"amountToPay": 679.57}),
        (order(pre_payment_sum=None, cash=None), "create", {"prePaymentSum": 0, "cash": 0}),
        (order(status_id="1"), "update", {"statusId": 1}),
        (order(client=None, address_to_entity=None), "create", {}),
        (order(goods=[]), "create", {"goods": []}),
        (Good(good_id="1", parent_id=None, tax_id="5", title="т", price=Decimal(1), weight=Decimal("370.0")), "create",
         {"weight": "370", "parentId": None, "taxId": "5"}),
        (Role(role_id="910", title="т"), "replace", {"roleId": 910}),
        (Role(role_id="x-910", title="т"), "replace", {"roleId": "x-910"}),
        (Role(role_id="0910", title="т"), "replace", {"roleId": "0910"}),
        (Permission(role_id="908", action_id="cashIn", is_allowed=False), "replace", {"isAllowed": "0"}),
        (Client(client_id="1", title="", firstname="", lastname="", birthday=None), "create", {"birthday": ""}),
    ],
)  # fmt: skip
def test_spelling(obj: Entity, operation: str, wire: dict[str, Any]) -> None:
    written = encode(obj, operation)
    for key, value in wire.items():
        assert written[key] == value
        assert type(written[key]) is type(value)
    assert "client" not in written
    assert "addressToEntity" not in written


def test_t02_moments_are_written_in_gmt_and_never_guessed() -> None:
    moscow = datetime.fromisoformat("2021-04-28T14:34:00+03:00")
    assert encode(order(delivery_time_from=moscow), "create")["deliveryTimeFrom"] == "2021-04-28 11:34:00"
    with pytest.raises(ContractError, match="time zone"):
        encode(order(delivery_time_from=moscow.replace(tzinfo=None)), "create")


PLACE = {"city": "Псков", "street": "Ленина", "home": "1"}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, {"isUseGoogleGeo": True}),
        ({"latitude": None, "longitude": None}, {"isUseGoogleGeo": True, "latitude": 0, "longitude": 0}),
        ({"latitude": Decimal("57.8"), "longitude": Decimal("28.3")}, {"isUseGoogleGeo": False, "latitude": 57.8}),
        ({"is_use_google_geo": False}, {"isUseGoogleGeo": False}),
        ({"is_use_google_geo": None}, {"isUseGoogleGeo": True}),
    ],
)
def test_t22_google_is_asked_for_the_point_that_we_do_not_know(attributes: Any, expected: Any) -> None:
    address = Address(**PLACE, **attributes)
    written = encode(order(address_to_entity=address), "create")["addressToEntity"]
    assert {key: written[key] for key in expected} == expected
    assert address == Address(**PLACE, **attributes), "encoding must not change the object"


def test_coordinates_are_numbers_in_creation_and_text_in_edits() -> None:
    address = Address(**PLACE, latitude=Decimal("59.92088839350768"), longitude=Decimal("30.5"))
    spelled = {
        operation: encode(order(address_to_entity=address), operation)["addressToEntity"]["latitude"]
        for operation in ("create", "refund", "update", "replace")
    }
    assert spelled == {
        "create": 59.92088839350768,
        "refund": 59.92088839350768,
        "update": "59.92088839350768",
        "replace": "59.92088839350768",
    }


def test_an_empty_address_is_not_written() -> None:
    empty = Address(city="", street="", home="", latitude=None, longitude=None)
    assert "addressToEntity" not in encode(order(address_to_entity=empty), "replace")


def test_t24_home_in_addresses_house_in_warehouses() -> None:
    assert "home" in encode(Address(**PLACE), "create")
    assert "house" in encode(Warehouse(warehouse_id="1", title="т", house="29к1"), "create")


def test_t48_a_lines_tax_is_a_number_in_creation() -> None:
    line = Line(
        good_id="1", count=Decimal(1), price=Decimal(1), total=Decimal(1), discount_total=Decimal(0), tax_id="1"
    )
    taxes = [encode(line, operation)["taxId"] for operation in ("create", "refund", "update", "replace")]
    assert taxes == [1, 1, "1", "1"]


def test_t51_goods_carry_is_active_in_edits_only() -> None:
    good = Good(good_id="1", parent_id=None, tax_id="1", title="т", price=Decimal(1), is_active=False)
    assert "isActive" not in encode(good, "create")
    assert encode(good, "update")["isActive"] == encode(good, "replace")["isActive"] == 0


def test_t53_t54_an_edit_of_a_courier_needs_no_password_and_sends_no_updated_at() -> None:
    courier = Courier(courier_id="1", title="т", email="e@x.ru", phone="+7", updated_at=MOMENT)
    assert encode(courier, "replace").keys() == {"courierId", "title", "email", "phone"}
    with pytest.raises(ContractError, match="sourcePassword"):
        encode(courier, "create")


@pytest.mark.parametrize(
    "obj", [PaymentType(payment_type_id="1", title="т", close_type_id=3), Tax(tax_id="1", title="т")]
)
def test_t65_no_id_in_the_body_of_these_edits(obj: Entity) -> None:
    key = {"PaymentType": "paymentTypeId", "Tax": "taxId"}[type(obj).__name__]
    assert key not in encode(obj, "update")
    assert encode(obj, "replace")[key] == "1"


def test_t72_a_line_always_names_its_unit_and_a_good_need_not() -> None:
    numbers = {"count": Decimal(1), "price": Decimal(1), "total": Decimal(1), "discount_total": Decimal(0)}
    assert encode(Line(**numbers, unit=""), "create")["unit"] == "шт"
    assert "unit" not in encode(Line(**numbers), "create")
    good = Good(good_id="1", parent_id=None, tax_id="1", title="т", price=Decimal(1), unit="")
    assert encode(good, "replace")["unit"] == ""


def test_nested_lists_are_written() -> None:
    line = Line(
        count=Decimal("1.5"),
        price=Decimal(1),
        total=Decimal(1),
        discount_total=Decimal("-0.5"),
        specificities=[LineSpecificity(specificity_id="24", price=Decimal(5), count=Decimal(1), title="Пакет")],
    )
    assert encode(line, "update") == {
        "count": 1.5,
        "price": 1,
        "total": 1,
        "discountTotal": -0.5,
        "specificities": [{"specificityId": "24", "price": 5, "count": 1}],
    }


def test_a_wrong_type_is_named_by_its_path() -> None:
    with pytest.raises(ContractError, match=r"^cash: "):
        encode(order(cash="ten", client=OrderClient(firstname="А")), "create")


def test_license_pool_reads_its_sessions() -> None:
    pool = decode(LicensePool, BY_LINE[2405].json)
    assert (pool.license_use, pool.license_total) == (2, 50)
    assert [session.device_id for session in pool.licenses] == ["3ebf391b3c596bc8"]  # type: ignore[union-attr]
