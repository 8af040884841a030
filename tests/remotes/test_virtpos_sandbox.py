"""VirtPos emulated: strict as its document, in every layout; and our client against it, in both formats."""

import json
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests

from backoffice.remotes.errors import Config, Refused, Retry, Unknown
from backoffice.remotes.http import Session
from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.virtpos import SAMPLE_KEY, Virtpos
from backoffice.remotes.virtpos import examples
from backoffice.remotes.virtpos.client import VirtposClient, session_arguments
from backoffice.remotes.virtpos.contract import Card, Saved, key, mismatches

ITEMS = [
    {"item_id": "1", "item_name": "Хлеб <белый> & «чёрный»", "quantity": "2.000", "unit_base_price": "45.50"},
    {"item_id": "2", "item_name": "Сыр", "quantity": "0.355", "unit_base_price": "1000.00", "discount": "5.00"},
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def virtpos(sandbox: Sandbox) -> Virtpos:
    return sandbox.virtpos


def client_of(virtpos: Virtpos, api_key: str = SAMPLE_KEY, **arguments: Any) -> VirtposClient:
    return VirtposClient(Session("virtpos", virtpos.url, **session_arguments(api_key)), api_key, **arguments)


@pytest.fixture(params=["xml", "json"])
def client(request: pytest.FixtureRequest, virtpos: Virtpos) -> VirtposClient:
    return client_of(virtpos, format=request.param)


def ask(virtpos: Virtpos, path: str, method: str = "GET", **query: Any) -> Any:
    """The answer in JSON, without any client of ours."""
    query = {"apikey": SAMPLE_KEY, "format": "json"} | query
    return requests.request(method, f"{virtpos.url}/{path}", params=query, timeout=10).json()


# Reading


def test_the_example_of_the_document_is_served_byte_for_byte(virtpos: Virtpos) -> None:
    assert virtpos.url.endswith("/api")
    got = requests.get(f"{virtpos.url}/orders?apikey=MySecret&format=xml", timeout=10)

    assert got.content == examples.ORDERS


@pytest.mark.parametrize("encoding", ["UTF-8", "windows-1251"])
@pytest.mark.parametrize("layout", list(product(("siblings", "rows", "flat"), ("flat", "rows", "siblings"))))
def test_every_layout_of_xml_is_read_alike(virtpos: Virtpos, layout: tuple[str, str], encoding: str) -> None:
    virtpos.add_order(ITEMS, guid="a", customer_id="3", comment="До шести")
    virtpos.add_order([ITEMS[0]], guid="b")
    expected = list(client_of(virtpos, format="json").orders())
    virtpos.set_layout(orders=layout[0], items=layout[1], encoding=encoding)

    assert list(client_of(virtpos).orders()) == expected
    assert [order.guid for order in expected] == [None, "a", "b"]
    assert [len(order.items) for order in expected] == [2, 2, 1]
    assert [str(order.amount) for order in expected] == ["976.59", "441.00", "91.00"]
    assert [mismatches(order) for order in expected] == [[], [], []]


@pytest.mark.parametrize("success", [1, "1", True])
@pytest.mark.parametrize("json_numbers", [False, True])
@pytest.mark.parametrize("layout", list(product(("list", "object", "numbered"), repeat=2)))
@pytest.mark.parametrize("orders", [0, 1, 2])
def test_every_layout_of_json_is_read_alike(
    virtpos: Virtpos, layout: tuple[str, str], json_numbers: bool, success: Any, orders: int
) -> None:
    for number in range(orders):
        virtpos.add_order(ITEMS[: number + 1], guid=f"g{number}", customer_id="30")
    virtpos.add_customer(id="30")
    expected = list(client_of(virtpos).orders("30"))
    virtpos.set_layout(json_orders=layout[0], json_items=layout[1], json_numbers=json_numbers, json_success=success)
    found = list(client_of(virtpos, format="json").orders("30"))

    assert found == expected
    assert len(found) == orders


def test_orders_of_one_customer_and_of_some_days(virtpos: Virtpos, client: VirtposClient) -> None:
    virtpos.add_customer(id="4", external_id="shop-4")
    virtpos.add_order([], customer_id="4", created_date="2026-11-01 23:59:59", guid="a")
    virtpos.add_order([], customer_id="4", created_date="2026-11-02 00:00:00", guid="b")
    virtpos.add_order([], guid="now")

    assert [order.guid for order in client.orders(customer_id="4")] == ["a", "b"]
    assert [order.guid for order in client.orders(external_id="shop-4")] == ["a", "b"]
    assert [order.guid for order in client.orders(since=date(2026, 11, 2), until=date(2026, 11, 2))] == ["b"]
    assert [order.guid for order in client.orders(until=date(2026, 11, 1))] == [None, "a"]
    assert "now" in [order.guid for order in client.orders(days=1)]
    with pytest.raises(Refused, match="не найден"):
        list(client.orders(customer_id="404"))
    assert virtpos.violations == []


def test_an_order_that_was_changed_is_the_same_order(virtpos: Virtpos, client: VirtposClient) -> None:
    number = virtpos.add_order(ITEMS, guid="a")["number"]
    before = list(client.orders())[1]
    virtpos.change_order(number, paid="1", cancelled="1", comment=None)
    after = list(client.orders())[1]

    assert (before.paid, after.paid, after.cancelled, after.shipped) == (False, True, True, False)
    assert key(before) == key(after)
    assert after.items == before.items
    with pytest.raises(LookupError):
        virtpos.change_order(404, paid="1")
    with pytest.raises(LookupError):
        virtpos.change_order(number, colour="red")


def test_a_wrong_order_is_told_as_it_is(virtpos: Virtpos, client: VirtposClient) -> None:
    virtpos.add_order([], amount="many", guid="bad")
    virtpos.add_order([], guid="good")

    assert [order.guid for order in client.orders()] == [None, "good"]
    assert [(row.id, row.path) for row in client.bad_rows] == [("bad", "orders[1].amount")]


def test_customers_by_pages(virtpos: Virtpos, client: VirtposClient) -> None:
    for _ in range(7):
        virtpos.add_customer(lname="Ли")
    found = list(client.customers(page_size=3))

    assert [customer.id for customer in found] == ["3", *map(str, range(11, 18))]
    assert (found[0].fname, found[0].birth_year) == ("Иван", 1985)
    assert found[0].age >= 41
    assert virtpos.violations == []


@pytest.mark.parametrize("is_asked_for_one", [True, False])
def test_one_customer_is_one_request(
    virtpos: Virtpos, client: VirtposClient, monkeypatch: pytest.MonkeyPatch, is_asked_for_one: bool
) -> None:
    """Also of a service that knows no such question: whoever is not on its first page is not told."""
    if not is_asked_for_one:
        page = virtpos._page
        monkeypatch.setattr(virtpos, "_page", lambda given: page({**given, "id": ""}))
    for _ in range(120):
        virtpos.add_customer(lname="Ли")
    virtpos.requests.clear()

    assert [getattr(client.customer(id_), "id", None) for id_ in ("3", "11", "404")] == ["3", "11", None]
    assert getattr(client.customer("130"), "id", None) == ("130" if is_asked_for_one else None)
    assert len(virtpos.requests) == 4


# Customers


def test_a_customer_is_changed_or_added(virtpos: Virtpos, client: VirtposClient) -> None:
    fields = {"fname": "Пётр", "phone": "+7 900 000-00-00", "email": ""}

    assert client.update_customer(fields, id="3") == Saved("3", False)
    assert client.update_customer(fields, create=True) == Saved("11", True)
    assert client.update_customer(fields, id="404", create=True) == Saved("12", True)
    with pytest.raises(Refused, match="Клиент не найден"):
        client.update_customer(fields, id="405")
    customers = {customer["id"]: customer for customer in virtpos.customers}
    assert set(customers) == {"3", "11", "12"}
    assert (customers["3"]["fname"], customers["3"]["lname"], customers["3"]["email"]) == ("Пётр", "Петров", None)
    assert virtpos.violations == []


def test_a_group_is_made_by_its_name_unless_an_id_is_given(virtpos: Virtpos, client: VirtposClient) -> None:
    for _ in range(2):
        client.update_customer({}, id="3", group_name="Оптовики")
    assert virtpos.groups == {"1": "Оптовики"}
    client.update_customer({}, id="3", group_name="Друзья", group_id="1")
    assert ask(virtpos, "customer/update", id="3", group_id="1", group_name="Друзья")["success"] == 1
    assert virtpos.groups == {"1": "Оптовики"}
    with pytest.raises(Refused, match="Группа 9"):
        client.update_customer({}, id="3", group_id="9")
    assert virtpos.customers[0]["group_id"] == "1"


@pytest.mark.parametrize(
    "query",
    [
        {"id": "3", "age": "41"},
        {"id": "3", "colour": "red"},
        {"id": "3", "create_if_not_exist": "maybe"},
        {"id": "3", "birth_month": "13"},
        {"fname": "nobody in particular"},
        {"id": ["3", "4"]},
    ],
)
def test_what_breaks_the_contract_is_refused_and_recorded(virtpos: Virtpos, query: dict[str, Any]) -> None:
    got = ask(virtpos, "customer/update", **query)

    assert got["success"] == "0"
    assert got["info"]
    assert [violation["message"] for violation in virtpos.violations] == [got["info"]]
    assert virtpos.customers[0]["birth_month"] == "4"


@pytest.mark.parametrize(
    ("path", "method", "query"),
    [
        ("orders", "GET", {"format": "yaml"}),
        ("orders", "GET", {"datefrom": "2026-11-01"}),
        ("orders", "GET", {"days": "-1"}),
        ("orders", "PUT", {}),
        ("order", "GET", {}),
        ("customer", "GET", {"page": "0"}),
        ("orders", "GET", {"apikey": "wrong!"}),
    ],
)
def test_a_wrong_request_is_a_violation(virtpos: Virtpos, path: str, method: str, query: dict[str, Any]) -> None:
    asked = {"apikey": SAMPLE_KEY, "format": "json"} | query
    got = requests.request(method, f"{virtpos.url}/{path}", params=asked, timeout=10)

    assert "success" in got.text
    assert len(virtpos.violations) == 1


# Cards


def test_the_life_of_a_card(virtpos: Virtpos, client: VirtposClient) -> None:
    assert client.insert_card(Card(uid="100500", type_name="Золотая", customer_id="3", medium="APP")) == Saved(
        "1", True
    )
    assert client.update_card(Card(uid="100500", status="ACTIVE", activate_date=None)) == Saved("1", False)
    assert client.update_card(Card(card_id="1", uid="100501", status="BLOCKED", type_name="Чёрная")).id == "1"
    (card,) = virtpos.cards
    assert {name: card[name] for name in ("uid", "medium", "status", "type_id", "type_name", "customer_id")} == {
        "uid": "100501",
        "medium": "APP",
        "status": "BLOCKED",
        "type_id": "2",
        "type_name": "Чёрная",
        "customer_id": "3",
    }
    client.update_card(Card(card_id="1", type_id="1"))
    assert virtpos.cards[0]["type_name"] == "Золотая"
    client.delete_card(uid="100501")
    assert virtpos.cards == []
    with pytest.raises(Refused, match="Карта не найдена"):
        client.delete_card(card_id="1")
    assert virtpos.violations == []


def test_a_card_is_looked_for_by_id_number_foreign_id_and_bar_code(virtpos: Virtpos, client: VirtposClient) -> None:
    for number in "1234":
        client.insert_card(Card(uid=f"u{number}", external_id=f"e{number}", barcode=f"b{number}"))
    everything = Card(card_id="1", uid="u2", external_id="e3", card_barcode="b4")

    def found(**gone: str) -> str | None:
        names = {name: getattr(everything, name) for name in Card.KEYS}
        query = {**names, **gone, "medium": "PLASTIC"}
        # Asked by hand: a found card would be renamed by the keys that did not find it
        return ask(virtpos, "customer/updateCard", **query).get("id")

    assert found(uid="", external_id="", card_barcode="") == "1"
    assert found(card_id="99", external_id="", card_barcode="") == "2"
    assert found(card_id="99", uid="", card_barcode="") == "3"
    assert found(card_id="99", uid="", external_id="") == "4"
    assert found(card_id="", uid="u3", external_id="e3") == "3"
    assert found(card_id="99", uid="u9", external_id="e9", card_barcode="b9") is None


def test_a_card_is_added_by_an_update_only_if_asked(virtpos: Virtpos, client: VirtposClient) -> None:
    virtpos.add_customer(id="8", external_id="shop-8")
    card = Card(uid="400638133393", customer_external_id="shop-8")

    with pytest.raises(Refused, match="Карта не найдена"):
        client.update_card(card)
    assert client.update_card(card, create=True).is_new is True
    assert client.update_card(card, create=True).is_new is False
    (stored,) = virtpos.cards
    assert (stored["customer_id"], stored["uid_ean13"], stored["status"]) == ("8", "4006381333931", "NEW")
    assert virtpos.violations == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("customer/insertCard", {}),
        ("customer/insertCard", {"uid": "9", "card_id": "1"}),
        ("customer/insertCard", {"uid": "9", "medium": "WOOD"}),
        ("customer/insertCard", {"uid": "9", "status": "LOST"}),
        ("customer/insertCard", {"uid": "9", "block_date": "20.11.2026"}),
        ("customer/insertCard", {"uid": "9", "create_if_not_exist": "1"}),
        ("customer/updateCard", {"status": "NEW"}),
        ("customer/deleteCard", {}),
        ("customer/deleteCard", {"uid": "1", "card_id": "1"}),
        ("customer/deleteCard", {"barcode": "1"}),
    ],
)
def test_a_card_that_breaks_the_contract(virtpos: Virtpos, path: str, query: dict[str, str]) -> None:
    assert ask(virtpos, "customer/insertCard", uid="1")["success"] == 1
    got = ask(virtpos, path, **query)

    assert got["success"] == "0"
    assert len(virtpos.violations) == 1
    assert [card["uid"] for card in virtpos.cards] == ["1"]


@pytest.mark.parametrize(
    "query", [{"uid": "1"}, {"uid": "2", "type_id": "9"}, {"uid": "2", "customer_id": "9"}, {"uid": "poisoned"}]
)
def test_a_card_that_the_data_forbid_is_no_violation(virtpos: Virtpos, query: dict[str, str]) -> None:
    ask(virtpos, "customer/insertCard", uid="1")
    virtpos.refuse("cards", "poisoned")

    assert ask(virtpos, "customer/insertCard", **query)["success"] == "0"
    assert virtpos.violations == []
    assert len(virtpos.cards) == 1


# Failures


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_wrong_key(virtpos: Virtpos, status: int) -> None:
    virtpos.key_status = status

    with pytest.raises(Config):
        list(client_of(virtpos, "wrong key").orders())
    assert requests.get(f"{virtpos.url}/orders", timeout=10).status_code == status


def test_a_poisoned_customer(virtpos: Virtpos, client: VirtposClient) -> None:
    virtpos.refuse("customers", 3, "Телефон занят")
    with pytest.raises(Refused, match="Телефон занят"):
        client.update_customer({"phone": "1"}, id="3")
    virtpos.refuse("customers", 3, None)
    assert client.update_customer({"phone": "1"}, id="3").id == "3"
    assert virtpos.violations == []


def test_a_customer_whose_answer_is_lost_is_there_all_the_same(sandbox: Sandbox, client: VirtposClient) -> None:
    sandbox.faults.set("reset_after", times=1)
    with pytest.raises(Unknown):
        client.update_customer({"fname": "A"}, create=True)

    assert len(sandbox.virtpos.customers) == 2
    assert len(sandbox.virtpos.requests) == 1


@pytest.mark.parametrize("kind", ["garbage", "html"])
def test_faults_of_the_network(sandbox: Sandbox, client: VirtposClient, kind: str) -> None:
    sandbox.faults.set(kind)
    with pytest.raises(Retry):
        list(client.orders())
    with pytest.raises(Unknown):
        client.insert_card(Card(uid="1"))


# Around it


def test_ireca_keeps_its_own_addresses(sandbox: Sandbox) -> None:
    assert sandbox.url.endswith("/api/v1")
    got = requests.get(f"{sandbox.url}/taxes", headers={"Authorization": f"Bearer {sandbox.token}"}, timeout=10)

    assert got.status_code == 200
    assert sandbox.virtpos.requests == []


def test_another_process_drives_it(sandbox: Sandbox) -> None:
    def post(**arguments: Any) -> Any:
        return requests.post(f"{sandbox.origin}/__sandbox__/virtpos", data=json.dumps(arguments), timeout=10)

    number = post(action="add_order", items=ITEMS, guid="a", customer_id="3").json()["number"]
    assert post(action="change_order", number=number, shipped="1").json()["shipped"] == "1"
    assert post(action="add_customer", fname="Анна").json()["id"] == "11"
    assert post(action="layout", orders="flat").json()["orders"] == "flat"
    assert post(action="refuse", what="customers", key="3").ok
    assert [post(action="layout", orders="round").status_code, post(action="dance").status_code] == [400, 400]
    shown = requests.get(f"{sandbox.origin}/__sandbox__/virtpos", timeout=10).json()
    assert [order["guid"] for order in shown["all"]] == [None, "a"]
    state = requests.get(f"{sandbox.origin}/__sandbox__/state", timeout=10).json()["virtpos"]
    assert (state["orders"], state["customers"], state["cards"]) == (2, 2, 0)
    sandbox.reset()
    assert len(sandbox.virtpos.orders) == 1
    assert sandbox.virtpos.layout.orders == "siblings"


def test_its_data_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with Sandbox(state_path=path, virtpos_key="another key") as sandbox:
        sandbox.virtpos.add_order(ITEMS, guid="a")
        client_of(sandbox.virtpos, "another key").insert_card(Card(uid="1", type_name="Золотая"))
    with Sandbox(state_path=path, virtpos_key="another key") as sandbox:
        assert [order.guid for order in client_of(sandbox.virtpos, "another key").orders()] == [None, "a"]
        assert client_of(sandbox.virtpos, "another key").insert_card(Card(uid="2", type_name="Золотая")).id == "2"
        assert {card["type_id"] for card in sandbox.virtpos.cards} == {"1"}
