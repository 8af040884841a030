"""VirtPos's answers as bytes: the document's own, every layout it leaves open, and what must not be read at all."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backoffice.remotes.errors import BadRow, ContractError
from backoffice.remotes.virtpos import examples
from backoffice.remotes.virtpos.contract import Card, Customer, Item, Order, key, mismatches, parameters
from backoffice.remotes.virtpos.layouts import customers, orders, read_answer
from backoffice.remotes.virtpos.tree import MAX_DEPTH, gather

local = datetime.fromisoformat

SAMPLE = Order(
    paid=False,
    customer_id="3",
    shipped=False,
    cancelled=False,
    shipping_address="Дом 3, корпус 5",
    shipping_cost=Decimal("130.00"),
    pickup_receipt_id=None,
    comment="После шести",
    guid=None,
    created_date=local("2017-08-24 18:45:08"),
    amount=Decimal("976.59"),
    discount=Decimal("10.20"),
    pickup_from_warehouse_id="2",
    pickup_from_warehouse_name="Просвещения проспект",
    delivery_type_id="1",
    delivery_type_name="Самовывоз",
    payment_type_id="1",
    payment_type_name="Оплата при получении",
    items=(
        Item(
            item_id="789",
            item_name='Коньяк "Анри" 3-летний 40,0% 0,5л',
            image=None,
            quantity=Decimal("3.450"),
            unit_base_price=Decimal("100.10"),
            discount=Decimal("10.20"),
            amount=Decimal("335.15"),
        ),
        Item(
            item_id="787",
            item_name="Коньяк \"Father's Old Barrel' 3-летний 40% 0.5 л.",
            image=None,
            quantity=Decimal("2.000"),
            unit_base_price=Decimal("320.72"),
            discount=Decimal("0.00"),
            amount=Decimal("641.44"),
        ),
    ),
)


def read(body: bytes) -> list[Order]:
    """The orders of an answer in which every order is good."""
    bad: list[BadRow] = []
    found = orders(read_answer(body), bad.append)
    assert bad == []
    return found


def xml(inside: str, *, declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return f"{declaration}<root><success>1</success>{inside}</root>".encode()


def order_xml(guid: str, /, **changes: str) -> str:
    """The fields of an order, with two items as one flat run; it begins with <paid> as the document's does."""
    fields = {"paid": "0", "guid": guid, "created_date": "2026-11-20 10:00:00", "amount": "30.00"} | changes
    items = "<item_id>1</item_id><quantity>1.000</quantity><item_id>2</item_id><quantity>2.000</quantity>"
    items = fields.pop("items", items)
    return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + f"<items>{items}</items>"


# The document's own answers


def test_the_order_of_the_document_is_read_to_the_last_field() -> None:
    (order,) = read(examples.ORDERS)

    assert order == SAMPLE
    # Decimals that are equal may still be spelled differently
    assert [str(item.quantity) for item in order.items] == ["3.450", "2.000"]
    assert order.raw["items"][1]["item_name"] == SAMPLE.items[1].item_name
    assert order.raw["pickup_receipt_id"] is None
    assert order.raw["amount"] == "976.59"


def test_the_answer_to_a_write_is_read() -> None:
    answer = read_answer(examples.SAVED)

    assert (answer.success, answer.id, answer.is_new, answer.info) == (True, "11", True, None)


def test_an_order_without_a_guid_is_known_by_customer_time_and_amount() -> None:
    assert key(SAMPLE) == "3/2017-08-24 18:45:08/976.59"
    assert key(replace(SAMPLE, amount=Decimal("976.590"))) == key(SAMPLE)
    assert key(replace(SAMPLE, customer_id=None)) == "/2017-08-24 18:45:08/976.59"
    assert key(replace(SAMPLE, guid="b5b2")) == "b5b2"
    for lost in ("created_date", "amount"):
        with pytest.raises(ContractError, match=lost):
            key(replace(SAMPLE, **{lost: None}))


def test_the_clock_of_the_register_is_local() -> None:
    assert SAMPLE.created_at(ZoneInfo("Europe/Moscow")) == datetime(2017, 8, 24, 15, 45, 8, tzinfo=UTC)
    assert replace(SAMPLE, created_date=None).created_at(UTC) is None


def test_the_sums_of_the_document_follow_from_each_other() -> None:
    assert mismatches(SAMPLE) == []  # 335.145 is rounded up, and the shipping of 130.00 is no part of 976.59


def test_sums_that_do_not_add_up_are_told_and_not_refused() -> None:
    first, second = SAMPLE.items
    wrong = replace(SAMPLE, items=(replace(first, amount=Decimal("335.14")), second))

    assert [str(each) for each in mismatches(wrong)] == [
        "items[0].amount: 335.14 is told, 335.15 follows from the other figures",
        "amount: 976.59 is told, 976.58 follows from the other figures",
    ]
    with_shipping = replace(SAMPLE, amount=Decimal("1106.59"))
    assert [each.path for each in mismatches(with_shipping)] == ["amount"]
    unknown = replace(SAMPLE, items=(replace(first, amount=None, quantity=None), second))
    assert mismatches(unknown) == []
    reckoned = replace(SAMPLE, items=(replace(first, amount=None), second))
    assert mismatches(reckoned) == []


# Layouts

ROWS = "".join(f"<item><item_id>{n}</item_id><quantity>{n}.000</quantity></item>" for n in (1, 2))
XML_LAYOUTS = {
    "siblings": f"<orders>{order_xml('a')}</orders><orders>{order_xml('b')}</orders>",
    "rows": f"<orders><order>{order_xml('a')}</order><order>{order_xml('b')}</order></orders>",
    "flat run": f"<orders>{order_xml('a')}{order_xml('b')}</orders>",
    "rows without a list": f"<order>{order_xml('a')}</order><order>{order_xml('b')}</order>",
    "item rows": f"<orders>{order_xml('a', items=ROWS)}{order_xml('b', items=ROWS)}</orders>",
    "rows with item rows": "<orders>"
    + "".join(f"<order>{order_xml(guid, items=ROWS)}</order>" for guid in "ab")
    + "</orders>",
    "a count beside the rows": "<orders><count>2</count>"
    + "".join(f"<order>{order_xml(guid)}</order>" for guid in "ab")
    + "</orders>",
}


def order_json(guid: str, items: Any = None) -> dict[str, Any]:
    lines = [{"item_id": 1, "quantity": "1.000"}, {"item_id": "2", "quantity": 2.0}]
    return {
        "paid": 0,
        "guid": guid,
        "created_date": "2026-11-20 10:00:00",
        "amount": 30.0,
        "items": lines if items is None else items(lines),
    }


def numbered(rows: list[Any]) -> dict[str, Any]:
    return {str(index): row for index, row in enumerate(rows, 1)}


JSON_LAYOUTS: dict[str, Any] = {
    "a list": {"success": 1, "orders": [order_json("a"), order_json("b")]},
    "numbers for names": {"success": "1", "orders": numbered([order_json("a"), order_json("b")])},
    "numbered items": {"success": True, "orders": [order_json("a", numbered), order_json("b", numbered)]},
    "wrapped rows": {"success": "true", "orders": [{"order": order_json("a")}, {"order": order_json("b")}]},
    "rows": {"success": 1, "orders": {"order": [order_json("a"), order_json("b")]}},
    "wrapped items": {"success": 1, "orders": [order_json(guid, lambda rows: {"item": rows}) for guid in "ab"]},
    "a root": {"root": {"success": 1, "orders": [order_json("a"), order_json("b")]}},
    "numbers beside success": {"success": 1, **numbered([order_json("a"), order_json("b")])},
}
BODIES = {
    **{f"xml: {name}": xml(inside) for name, inside in XML_LAYOUTS.items()},
    **{f"json: {name}": json.dumps(value).encode() for name, value in JSON_LAYOUTS.items()},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_layout_of_both_formats_gives_the_same_orders(body: bytes) -> None:
    expected = [
        Order(
            paid=False,
            guid=guid,
            created_date=local("2026-11-20 10:00:00"),
            amount=Decimal(30),
            items=(Item(item_id="1", quantity=Decimal(1)), Item(item_id="2", quantity=Decimal(2))),
        )
        for guid in "ab"
    ]
    assert read(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        xml(f"<orders>{order_xml('a', items='<item_id>7</item_id>')}</orders>"),
        json.dumps({"success": 1, "orders": order_json("a", lambda _: {"item_id": 7})}).encode(),
    ],
)
def test_one_object_where_a_list_is_expected(body: bytes) -> None:
    (order,) = read(body)

    assert order.guid == "a"
    assert order.items == (Item(item_id="7"),)


@pytest.mark.parametrize(
    "body",
    [
        xml(""),
        xml("<orders />"),
        xml("<orders>  </orders>"),
        b'{"success": 1}',
        b'{"success": 1, "orders": []}',
        b'{"success": 1, "orders": {}}',
        b'{"success": 1, "orders": null, "info": ""}',
        b'\xef\xbb\xbf {"success": 1, "orders": []}',
    ],
)
def test_no_orders(body: bytes) -> None:
    assert read(body) == []


def test_items_repeated_for_each() -> None:
    inside = order_xml("a", items="<item_id>1</item_id>") + "<items><item_id>2</item_id></items>"

    assert [item.item_id for item in read(xml(f"<orders>{inside}</orders>"))[0].items] == ["1", "2"]


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (f"<orders><order>{order_xml('a')}</order><paid>1</paid></orders>", "both rows and fields"),
        (f"<data><order>{order_xml('a')}</order></data>", "no orders in the answer, but data"),
        ("<orders>many</orders>", "expected objects"),
    ],
)
def test_a_layout_that_cannot_be_understood_is_an_error_and_not_an_empty_list(inside: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        read(xml(inside))


@pytest.mark.parametrize("success", ['"0"', "0", "false", '"false"', '"no"', "2"])
def test_success_is_compared_as_text(success: str) -> None:
    answer = read_answer(f'{{"success": {success}, "info": "Нет доступа"}}'.encode())

    assert (answer.success, answer.info) == (False, "Нет доступа")


@pytest.mark.parametrize("info", ['{"email": "занят"}', '["email: занят", "phone: занят"]'])
def test_an_info_that_is_no_text_is_still_shown(info: str) -> None:
    assert "занят" in read_answer(f'{{"success": 0, "info": {info}}}'.encode()).info


def test_customers_of_a_list() -> None:
    row = (
        "<id>3</id><fname>Иван</fname><mname /><age>41</age><birth_day>17</birth_day><birth_year />"
        "<register_date>2017-01-12 10:15:00</register_date><accumulated_sales>1 976,59</accumulated_sales>"
    )
    bad: list[BadRow] = []
    found = customers(
        read_answer(xml(f"<customers>{row}</customers><customers><fname>?</fname></customers>")), bad.append
    )

    assert found == [
        Customer(
            id="3",
            fname="Иван",
            age=41,
            birth_day=17,
            register_date=local("2017-01-12 10:15:00"),
            accumulated_sales=Decimal("1976.59"),
        )
    ]
    assert [(row.entity, row.path, row.message) for row in bad] == [("Customer", "customers[1].id", "missing")]


def test_what_is_kept_can_be_stored() -> None:
    body = b'{"success": 1, "orders": [{"guid": "a", "no\\u0000te": "x\\u0000y", "items": [{"image": ["\\ud800"]}]}],'
    body += b'"customers": [{"id": 1, "fname": "\\u0000"}]}'
    answer = read_answer(body)
    bad: list[BadRow] = []
    (customer,) = customers(answer, bad.append)

    assert customer.raw == {"id": 1, "fname": "\ufffd"}
    assert orders(read_answer(body.replace(b'"image"', b'"unknown"')), bad.append)[0].raw == {
        "guid": "a",
        "no\ufffdte": "x\ufffdy",
        "items": [{"unknown": ["?"]}],
    }
    assert not bad


@pytest.mark.parametrize("told", ["0000-00-00 00:00:00", "0001-01-01 00:00:00", "1970-01-01", "9999-12-31 23:59:59"])
def test_a_date_that_no_register_has_seen_is_none(told: str) -> None:
    (order,) = orders(read_answer(xml(f"<orders>{order_xml('a', created_date=told)}</orders>")), print)
    assert order.created_date is None
    assert order.created_at(ZoneInfo("Europe/Moscow")) is None


# One bad order


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"amount": "many"}, "orders[2].amount"),
        ({"amount": "1,234"}, "orders[2].amount"),
        ({"amount": "9e99"}, "orders[2].amount"),
        ({"created_date": "yesterday"}, "orders[2].created_date"),
        ({"created_date": "2026-11-20T10:00:00+03:00"}, "orders[2].created_date"),
        ({"paid": "perhaps"}, "orders[2].paid"),
        ({"guid": "", "amount": ""}, "orders[2].amount"),
        ({"comment": "call <b>now</b>"}, "orders[2].comment"),
        ({"items": "<item_id>1</item_id><quantity>some</quantity>"}, "orders[2].items[0].quantity"),
        ({"items": "<item_id>1</item_id><amount>1</amount><amount>2</amount>"}, "orders[2].items[0].amount"),
        ({"items": "<item>text</item>"}, "orders[2].items"),
    ],
)
def test_one_bad_order_among_five_holds_up_no_other(changes: dict[str, str], path: str) -> None:
    rows = [order_xml(guid, **(changes if guid == "c" else {})) for guid in "abcde"]
    bad: list[BadRow] = []
    found = orders(read_answer(xml("".join(f"<orders>{row}</orders>" for row in rows))), bad.append)

    assert [order.guid for order in found] == list("abde")
    assert [(row.entity, row.path) for row in bad] == [("Order", path)]
    assert bad[0].message
    assert bad[0].id == ("c" if changes.get("guid", "c") else "2026-11-20 10:00:00")


def test_a_bad_order_in_json() -> None:
    body = json.dumps({"success": 1, "orders": [order_json("a"), "b", [], {**order_json("c"), "items": [1]}]}).encode()
    bad: list[BadRow] = []

    assert [order.guid for order in orders(read_answer(body), bad.append)] == ["a"]
    assert [row.path for row in bad] == ["orders[1]", "orders[2]", "orders[3].items[0]"]


def test_a_bad_order_in_a_flat_run() -> None:
    inside = order_xml("a") + "<paid>0</paid><guid>b</guid><guid>c</guid>" + order_xml("d")
    bad: list[BadRow] = []

    assert [each.guid for each in orders(read_answer(xml(f"<orders>{inside}</orders>")), bad.append)] == ["a", "d"]
    assert [(row.path, row.message) for row in bad] == [("orders[1].guid", "told 2 times")]


# Numbers


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("976.59", "976.59"),
        ("976,59", "976.59"),
        ("1 976,59", "1976.59"),
        ("1\u00a0976.59", "1976.59"),
        ("12 345 678", "12345678"),
        ("1,976.59", "1976.59"),
        ("1.976,59", "1976.59"),
        ("0,125", "0.125"),
        ("1976,590", "1976.590"),
        ("-10,2", "-10.2"),
        ("0", "0"),
    ],
)
def test_sums_with_commas_and_spaces(text: str, amount: str) -> None:
    assert str(read(xml(f"<orders>{order_xml('a', amount=text)}</orders>"))[0].amount) == amount


@pytest.mark.parametrize(
    "text", ["1,234", "-12,345", "1,2,3", "1,23,456", "1 23", "10,", "1e3", "NaN", "٣", "0x1F", "₽ 5"]
)
def test_what_is_no_clear_sum_is_an_error(text: str) -> None:
    bad: list[BadRow] = []

    assert orders(read_answer(xml(f"<orders>{order_xml('a', amount=text)}</orders>")), bad.append) == []
    assert "expected a number" in bad[0].message


def test_a_quantity_has_three_decimals_so_its_comma_is_clear() -> None:
    inside = order_xml("a", items="<item_id>1</item_id><quantity>3,450</quantity>")

    assert str(read(xml(f"<orders>{inside}</orders>"))[0].items[0].quantity) == "3.450"


def test_numbers_of_json_stay_exact() -> None:
    body = b'{"success":1,"orders":[{"guid":"a","amount":976.590,"discount":0.1,"shipping_cost":12345678.01}]}'
    (order,) = read(body)

    assert [str(value) for value in (order.amount, order.discount, order.shipping_cost)] == [
        "976.590",
        "0.1",
        "12345678.01",
    ]


# What must not be read

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "a billion laughs": f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]><root><success>1</success><info>&l9;</info></root>',
    "an external entity": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><root><success>&x;</success></root>',
    "a parameter entity": '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/">%x;]><root><success>1</success></root>',
    "an external DTD": '<!DOCTYPE root SYSTEM "http://127.0.0.1:9/x.dtd"><root><success>1</success></root>',
    "an empty DTD": "<!DOCTYPE root><root><success>1</success></root>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_document_type_and_no_entity_is_accepted(text: str) -> None:
    with pytest.raises(ContractError, match="document type or an entity"):
        read_answer(text.encode())


def test_the_five_entities_of_xml_itself_are_read() -> None:
    inside = order_xml("a", comment="&lt;b&gt; &amp; &quot;&apos; &#1044;")

    assert read(xml(f"<orders>{inside}</orders>"))[0].comment == "<b> & \"' Д"


@pytest.mark.parametrize(("open_", "close"), [("<a>", "</a>"), ('{"a":', "}"), ("[", "]")])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 200, 100_000])
def test_what_is_nested_too_deep_is_refused(open_: str, close: str, depth: int) -> None:
    inner = "" if open_ == "<a>" else "1"
    nested = open_ * depth + inner + close * depth
    body = f"<root><success>1</success>{nested}</root>" if open_ == "<a>" else f'{{"success": 1, "orders": {nested}}}'

    with pytest.raises(ContractError, match="inside one another"):
        read_answer(body.encode())


@pytest.mark.parametrize(("one", "frame"), [(b"<a/>", b"<root>%b</root>"), (b"0,", b'{"success": [%b0]}')])
def test_too_many_values_are_refused(one: bytes, frame: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backoffice.remotes.virtpos.tree.MAX_ELEMENTS", 1000)

    with pytest.raises(ContractError, match="more than 1000"):
        read_answer(frame % (one * 1001))


def test_more_bytes_than_allowed_are_not_gathered() -> None:
    taken = []

    def chunks() -> Any:
        for index in range(100):
            taken.append(index)
            yield b"x" * 1000

    with pytest.raises(ContractError, match="larger than 5000 bytes"):
        gather(chunks(), 5000)
    assert len(taken) == 6


CYRILLIC = xml(f"<orders>{order_xml('a', comment='После шести')}</orders>", declaration="").decode()
WINDOWS = '<?xml version="1.0" encoding="windows-1251"?>'


def test_windows_1251_is_read_where_it_is_declared() -> None:
    assert read((WINDOWS + CYRILLIC).encode("cp1251"))[0].comment == "После шести"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (CYRILLIC.encode("cp1251"), "not in the encoding UTF-8"),
        (('<?xml version="1.0" encoding="UTF-8"?>' + CYRILLIC).encode("cp1251"), "not in the encoding UTF-8"),
        ((WINDOWS + CYRILLIC).encode(), "declared as windows-1251, but written in UTF-8"),
        (('<?xml version="1.0" encoding="UTF-7"?>' + CYRILLIC).encode(), "encoding UTF-7 is not accepted"),
        (('<?xml version="1.0" encoding="klingon"?>' + CYRILLIC).encode(), "encoding klingon is not accepted"),
        (CYRILLIC.encode("utf-16"), "not"),
        ('{"success": 0, "info": "Нет"}'.encode("cp1251"), "not in UTF-8"),
    ],
)
def test_a_wrong_encoding_is_a_clear_error(body: bytes, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        read_answer(body)


@pytest.mark.parametrize(
    "body",
    [examples.ORDERS, *(BODIES[name] for name in ("xml: rows", "json: a list", "json: numbers for names"))],
)
def test_a_body_that_breaks_off_is_an_error_wherever_it_does(body: bytes) -> None:
    whole = len(body.rstrip())
    for end in range(0, whole, 97 if whole > 5000 else 7):
        with pytest.raises(ContractError):
            read_answer(body[:end])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"<html><body>success</body></html>",
        b"<!DOCTYPE html><html><body>502</body></html>",
        b"garbage",
        b"[1, 2]",
        b'"text"',
        b"<root>text</root>",
        b"<root/>",
        b"<root><orders/></root>",
        b'{"orders": []}',
        b'{"success": NaN}',
        b"<root><success>1</success></root><root/>",
        b"<root><success>1</success><success>0</success></root>",
        b'{"success": 1, "success": 0}',
    ],
)
def test_what_is_no_answer_of_virtpos(body: bytes) -> None:
    with pytest.raises(ContractError):
        read_answer(body)


# What is sent


def test_a_card_is_sent_as_the_document_tells() -> None:
    card = Card(
        uid="100500",
        medium="APP",
        status="BLOCKED",
        block_date=local("2026-11-20 10:05:00"),
        activate_date=date(2026, 1, 2),
        type_id="4",
        type_name="Gold",
        customer_id="3",
        customer_external_id="x",
        barcode="",
    )

    assert card.parameters() == {
        "uid": "100500",
        "barcode": "",
        "medium": "APP",
        "status": "BLOCKED",
        "block_date": "2026-11-20 10:05:00",
        "activate_date": "2026-01-02",
        "type_id": "4",
        "customer_id": "3",
    }
    by_name = Card(uid="1", type_name="Gold", customer_external_id="x").parameters()
    assert by_name == {"uid": "1", "type_name": "Gold", "customer_external_id": "x"}


@pytest.mark.parametrize("card", [Card(uid="1", status="LOST"), Card(uid="1", medium="WOOD")])
def test_a_card_with_an_unknown_code_is_not_sent(card: Card) -> None:
    with pytest.raises(ContractError, match="expected one of"):
        card.parameters()


def test_the_subject_of_a_card() -> None:
    assert Card(card_id="1", uid="2", external_id="3").subject == "cards:2"
    assert Card(card_barcode="9").subject == "cards:9"
    assert Card().subject == "cards"


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), [1], {}, 1.5])
def test_what_has_no_spelling_is_not_sent(value: Any) -> None:
    with pytest.raises(ContractError, match="field: "):
        parameters({"field": value})


def test_parameters() -> None:
    spell: Callable[[Any], Any] = lambda value: parameters({"x": value}).get("x")  # noqa: E731
    values = (None, "", True, False, 5, Decimal("1E+2"), date(2026, 1, 2))

    assert [spell(value) for value in values] == [None, "", "1", "0", "5", "100", "2026-01-02"]
