"""The sandbox refuses what the document does not allow, applies nothing of it, and records it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from backoffice.remotes.sandbox import Sandbox
from tests.remotes.sandbox_support import call, order

GOOD = {"parentId": None, "goodId": "1", "taxId": "8284", "title": "Варенье", "price": 179.5}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def refused(sandbox: Sandbox, answer: requests.Response, status: int = 400) -> str:
    """The text of a refusal that was recorded as a violation."""
    assert answer.status_code == status
    error = answer.json()
    assert error["error"] is True
    assert sandbox.violations[-1]["message"] == error["message"]
    return error["message"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"colour": "red"}, "неизвестное свойство «colour»"),
        ({"amountToPay": ...}, "не задано обязательное свойство «amountToPay»"),
        ({"courierId": ...}, "не задано обязательное свойство «courierId»"),
        ({"courierId": ""}, "ожидается идентификатор"),
        ({"courierId": 55752.0}, "ожидается идентификатор"),
        ({"courierId": "999"}, "couriers 999: модель не существует"),
        ({"clientId": "999"}, "clients 999: модель не существует"),
        ({"paymentId": "999"}, "paymentTypes 999: модель не существует"),
        ({"deliveryStatusId": 8}, "dictionary/orderDeliveryStatuses 8: модель не существует"),
        ({"statusId": 2}, "dictionary/orderStatuses 2: модель не существует"),
        ({"orderId": "A-17"}, "ожидается идентификатор"),
        ({"amountToPay": "много"}, "ожидается число"),
        ({"amountToPay": True}, "ожидается число"),
        ({"isAgreed": "yes"}, "ожидается логическое значение"),
        ({"description": None}, "не может быть null"),
        ({"phone": 79123456789}, "ожидается строка"),
        ({"deliveryTimeFrom": "2021-05-15T13:21:13Z"}, "ожидается дата и время"),
        ({"deliveryTimeFrom": "2021-02-30 13:21:13"}, "ожидается дата и время"),
        ({"goods": {}}, "ожидается массив"),
        ({"goods": [{"goodId": "355864", "count": 1, "price": 1, "total": 1}]}, "«discountTotal»"),
        ({"goods": [order()["goods"][0] | {"goodId": "999"}]}, "goods 999: модель не существует"),
        ({"goods": [order()["goods"][0] | {"taxId": "77"}]}, "taxes 77: модель не существует"),
        ({"goods": [order()["goods"][0] | {"title": "Кофе"}]}, "неизвестное свойство «title»"),
        ({"goods": [order()["goods"][0] | {"warehouses": [{"warehouseId": "1099", "count": 1}] * 2}]}, "не более 1"),
        ({"addressToEntity": {"city": "Москва", "street": "Мира", "home": "1"}}, "«isUseGoogleGeo»"),
        ({"client": {"inn": "1234567890"}}, "неизвестное свойство «inn»"),
        ({"isRefund": True}, "неизвестное свойство «isRefund»"),
        ({"frReceiptStatusId": 1}, "неизвестное свойство «frReceiptStatusId»"),
    ],
)
def test_wrong_order_is_refused_with_its_neighbours(sandbox: Sandbox, changes: dict[str, Any], text: str) -> None:
    answer = call(sandbox, "POST", "/orders", [order(7001), order(7002, **changes)])
    assert text in refused(sandbox, answer)
    assert sandbox.order(7001) is None
    assert sandbox.order(7002) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "/shops", None, 404, "Адрес не существует"),
        ("GET", "/orders/209900", None, 404, "Адрес не существует"),
        ("PATCH", "/orders", None, 405, "Метод не поддерживается"),
        ("GET", "/orders?colour=red", None, 400, "неизвестное свойство «colour»"),
        ("GET", "/orders?orderId=", None, 400, "ожидается идентификатор"),
        ("GET", "/goods", None, 400, "«page»"),
        ("GET", "/goods?page=0", None, 400, "«count»"),
        ("GET", "/goods?page=0&count=501", None, 400, "от 1 до 500"),
        ("GET", "/goods?page=0&page=1&count=5", None, 400, "повторяется"),
        ("GET", "/locations?page=0&count=5", None, 400, "«courierId»"),
        ("DELETE", "/goods", None, 400, "«goodId»"),
        ("POST", "/goods", GOOD, 400, "Ожидается массив"),
        ("POST", "/goods", [GOOD | {"isActive": 1}], 400, "неизвестное свойство «isActive»"),
        ("POST", "/goods/replace", [GOOD, GOOD], 400, "повторяются"),
        ("POST", "/goods", [GOOD | {"goodId": "355866"}], 400, "модель уже существует"),
        ("PUT", "/goods?goodId=355866", [GOOD], 400, "Ожидается объект"),
        ("PUT", "/goods?goodId=355866", GOOD, 400, "не совпадает с адресом"),
        ("PUT", "/taxes?taxId=8285", {"taxId": "8285", "title": "5%"}, 400, "неизвестное свойство «taxId»"),
        ("PUT", "/orders/multipleUpdate", {"orderIds": ["1"], "attributes": {"phone": "1"}}, 400, "«phone»"),
        ("PUT", "/orders/multipleUpdate", {"orderIds": ["1"], "attributes": []}, 400, "ожидается объект"),
        ("PUT", "/orders/multipleUpdate", {"orderIds": [], "attributes": {"statusId": 1}}, 400, "непустой массив"),
        ("PUT", "/orders/multipleUpdate", {"orderIds": ["1", "9"], "attributes": {"statusId": 1}}, 400, "orders 9"),
        ("POST", "/orders?isRefund=1", [order()], 400, "isRefund должен быть true"),
        ("POST", "/orders/callback", {"url": "ftp://x"}, 400, "адрес http"),
        ("POST", "/atolOnlineSettings/replace", {"company": {"taxSystem": "usn"}}, 400, "недопустимое значение"),
        (
            "POST",
            "/permissions/replace",
            [{"roleId": 908, "actionId": "fly", "isAllowed": "1"}],
            400,
            "dictionary/permissions fly",
        ),
    ],
)
def test_wrong_request_is_refused(sandbox: Sandbox, method: str, path: str, body: Any, status: int, text: str) -> None:
    assert text in refused(sandbox, call(sandbox, method, path, body), status)
    assert sandbox.get("orders", 1)["statusId"] == 0


def test_token_is_demanded(sandbox: Sandbox) -> None:
    for header in ("", "Bearer wrong", sandbox.token):
        answer = call(sandbox, "GET", "/orders", Authorization=header)
        assert "авторизация" in refused(sandbox, answer, 401)


def test_body_must_be_json(sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    for data, kind in (("[{", "application/json"), ("[NaN]", "application/json"), ("[]", "text/plain")):
        answer = requests.post(f"{sandbox.url}/orders", data=data, headers=headers | {"Content-Type": kind}, timeout=5)
        assert answer.status_code == 400


def test_absent_object_is_an_error_but_no_violation(sandbox: Sandbox) -> None:
    for method in ("GET", "DELETE"):
        answer = call(sandbox, method, "/orders?orderId=404")
        assert (answer.status_code, answer.json()) == (404, {"error": True, "message": "Модель не существует"})
    assert sandbox.violations == []


def test_poisoned_object_is_refused_until_it_is_healed(sandbox: Sandbox) -> None:
    sandbox.refuse("orders", 7002, "Курьер уволен")
    batch = [order(7001), order(7002)]
    answer = call(sandbox, "POST", "/orders/replace", batch)
    assert (answer.status_code, answer.json()["message"]) == (400, "Курьер уволен")
    assert sandbox.order(7001) is None
    assert sandbox.violations == []
    sandbox.refuse("orders", 7002, None)
    assert call(sandbox, "POST", "/orders/replace", batch).status_code == 201


def test_switches_soften_the_judge() -> None:
    with Sandbox(strict=False, references=False, error_status=200) as sandbox:
        lax = order(7001, colour="red", courierId="999")
        assert call(sandbox, "POST", "/orders", lax).status_code == 201
        assert sandbox.order(7001)["courierId"] == "999"
        assert call(sandbox, "GET", "/goods").status_code == 200
        assert call(sandbox, "POST", "/orders", [{}]).json()["error"] is True
        assert call(sandbox, "POST", "/orders", [{}]).status_code == 200


def test_cabinet_mode_creates_no_couriers() -> None:
    with Sandbox(cabinet=True) as sandbox:
        fresh = {"courierId": 1, "title": "Новый", "email": "a@b.ru", "phone": "+7", "sourcePassword": "1"}
        assert "кабинете" in refused(sandbox, call(sandbox, "POST", "/couriers/replace", [fresh]))
        assert call(sandbox, "POST", "/couriers/replace", [fresh | {"courierId": "55753"}]).status_code == 204


def test_put_keeps_what_it_does_not_mention_and_replace_resets_it(sandbox: Sandbox) -> None:
    full = order(7001, description="До двери", phone="+79123456789")
    call(sandbox, "POST", "/orders", [full])
    call(sandbox, "PUT", "/orders?orderId=7001", order(7001, phone="+70000000000"))
    assert sandbox.order(7001)["description"] == "До двери"
    call(sandbox, "POST", "/orders/replace", [order(7001)])
    assert (sandbox.order(7001)["description"], sandbox.order(7001)["phone"]) == ("", "")


def test_line_is_filled_from_the_catalogue(sandbox: Sandbox) -> None:
    line = order()["goods"][0] | {"goodId": "355866", "unit": ""}
    call(sandbox, "POST", "/orders", [order(7001, clientId="3271", goods=[line])])
    read = sandbox.order(7001)
    filled = {name: read["goods"][0][name] for name in ("article", "title", "taxId", "weight", "unit", "calcId")}
    assert filled == {
        "article": "G-567", "title": "Варенье вишня FL", "taxId": "8284", "weight": "370", "unit": "шт", "calcId": "0",
    }  # fmt: skip
    assert read["client"]["firstname"] == "Алексей"
    assert read["phone"] == "+79123456789"


def test_deleted_good_stays_listed_and_deleted_order_does_not(sandbox: Sandbox) -> None:
    assert call(sandbox, "DELETE", "/goods?goodId=355866").status_code == 204
    assert call(sandbox, "GET", "/goods?goodId=355866").json()["isActive"] == 0
    assert call(sandbox, "DELETE", "/orders?orderId=1").status_code == 204
    assert 1 not in [row["orderId"] for row in call(sandbox, "GET", "/orders").json()]


def test_pages_start_at_zero_and_end_empty(sandbox: Sandbox) -> None:
    pages = [call(sandbox, "GET", f"/goods?page={page}&count=3").json() for page in range(3)]
    assert [len(page) for page in pages] == [3, 1, 0]
    assert len({row["goodId"] for page in pages for row in page}) == 4


def test_journal_holds_only_what_changed(sandbox: Sandbox) -> None:
    body = {"orderIds": ["209900"], "attributes": {"courierId": "55752", "deliveryStatusId": 6}}
    call(sandbox, "PUT", "/orders/multipleUpdate", body)
    call(sandbox, "PUT", "/orders/multipleUpdate", body)
    created, update = call(sandbox, "GET", "/journal?entityId=209900&page=0&count=10").json()
    assert (created["event"], created["afterItem"]) == ("create", None)
    assert (update["source"], update["courierId"]) == ("http://site.com", None)
    assert update["beforeItem"] == {"deliveryStatusId": 1, "courierId": None}
    assert update["afterItem"] == {"deliveryStatusId": 6, "courierId": 55752}


def test_address_line_of_multiple_update_becomes_an_address(sandbox: Sandbox) -> None:
    line = "Санкт-Петербург, ул. Передовиков, дом 25, кв 19"
    call(sandbox, "PUT", "/orders/multipleUpdate", {"orderIds": ["209900"], "attributes": {"addressTo": line}})
    read = sandbox.order(209900)
    assert read["addressTo"] == line
    assert read["addressToEntity"] == {
        "postindex": "",
        "city": "Санкт-Петербург",
        "street": "ул. Передовиков",
        "home": "дом 25",
        "apartment": "кв 19",
        "latitude": "0.00000000000000",
        "longitude": "0.00000000000000",
    }


def test_journal_of_statuses_is_the_invalid_json_of_the_example(sandbox: Sandbox) -> None:
    sandbox.take(1)
    text = call(sandbox, "GET", "/orders/journalStatuses?orderId=1").text
    assert '",\n}' in text
    sandbox.state.options.trailing_commas = False
    assert call(sandbox, "GET", "/orders/journalStatuses?orderId=1").json()[0]["statusId"] == 7


def test_every_request_is_recorded(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/goods/replace?x=1", [GOOD])
    entry = sandbox.requests[-1]
    assert {name: entry[name] for name in ("method", "path", "query", "body", "status")} == {
        "method": "POST",
        "path": "/goods/replace",
        "query": {"x": "1"},
        "body": [GOOD],
        "status": 400,
    }


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com", "::", "127.example.com"])
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(host=host)
