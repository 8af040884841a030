"""The client: a method for each documented endpoint, paging that ends, and answers in every shape."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backoffice.remotes.http import Exchange, Refused, RemoteError, Retry, Session, Unknown
from backoffice.remotes.ireca.client import Endpoint, IrecaClient
from backoffice.remotes.ireca.contract import (
    DICTIONARIES,
    AtolCompany,
    AtolSettings,
    ContractError,
    Good,
    Location,
    Order,
    PaymentType,
    Permission,
    Receipt,
    ReturnReason,
    Tax,
)

from .loopback import Loopback, Reply, answer, loopback, reset

TOKEN = "4066e3217dfd51753d1f52cb7d033fe1"
MOMENT = datetime(2016, 8, 17, 20, 0, tzinfo=UTC)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[IrecaClient, Loopback]]]:
    """Start a server with the given replies; give a client for it and the server."""
    running: list[Any] = []

    def start(*replies: Reply, **options: Any) -> tuple[IrecaClient, Loopback]:
        context = loopback(*replies)
        server = context.__enter__()
        running.append(context)
        return IrecaClient(Session("ireca", server.url, TOKEN, timeout=(10, 10)), **options), server

    yield start
    for context in running:
        context.__exit__(None, None, None)


def client() -> IrecaClient:
    return IrecaClient(Session("ireca", "http://127.0.0.1:9/api/v1"))


def methods() -> list[tuple[str, Any]]:
    """Every method of the client and of its resources that calls an endpoint."""
    owners = {"client": client(), **vars(client())}
    return [
        (f"{owner}.{name}", function)
        for owner, value in owners.items()
        for name, function in inspect.getmembers(value, inspect.ismethod)
        if hasattr(function, "endpoint")
    ]


def test_every_callable_endpoint_of_the_document_has_a_method() -> None:
    found = methods()
    # The document defines 92 endpoints; two of them are calls that iRECA makes to us (1049, 2437).
    assert len(found) + len(DICTIONARIES) == 90
    assert [line for line, count in Counter(function.endpoint.line for _, function in found).items() if count > 1] == []


@pytest.mark.parametrize(("name", "function"), methods(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_method_names_its_endpoint(name: str, function: Any) -> None:
    endpoint: Endpoint = function.endpoint
    text = inspect.getdoc(function) or ""
    assert f"{endpoint.method} /{endpoint.path} (seed 002, line {endpoint.line})." in text
    assert len(text.splitlines()[0]) > 10


# Paging


def page(*ids: int) -> Reply:
    return answer(200, [{"goodId": id_, "title": "т"} for id_ in ids])


def test_t04_a_paged_list_starts_at_0_and_ends_with_an_empty_page(serve: Any) -> None:
    ireca, server = serve(page(1, 2), page(3), page())
    assert [good.good_id for good in ireca.goods.list()] == ["1", "2", "3"]
    assert [request.query for request in server.requests] == [
        {"page": "0", "count": "500"},
        {"page": "1", "count": "500"},
        {"page": "2", "count": "500"},
    ]


def test_t04_a_list_that_ignores_its_page_ends_too(serve: Any) -> None:
    ireca, server = serve(page(1, 2))
    assert len(list(ireca.goods.list())) == 2
    assert len(server.requests) == 2


def test_t04_rows_that_moved_between_pages_come_once(serve: Any) -> None:
    ireca, _ = serve(page(1, 2), page(2, 3), page(3), page(4))
    assert [good.good_id for good in ireca.goods.list()] == ["1", "2", "3"]


def test_t04_first_page_and_page_size_are_settings_and_500_is_the_most(serve: Any) -> None:
    ireca, server = serve(page(1), page(), first_page=1, page_size=9000)
    list(ireca.goods.list())
    assert [request.query["page"] for request in server.requests] == ["1", "2"]
    assert {request.query["count"] for request in server.requests} == {"500"}


def test_pages_can_be_resumed(serve: Any) -> None:
    ireca, server = serve(page(7), page())
    assert [(number, len(goods)) for number, goods in ireca.goods.pages(start=3)] == [(3, 1)]
    assert server.requests[0].query["page"] == "3"


def test_rows_without_an_id_are_told_apart_by_what_they_say(serve: Any) -> None:
    one, two = {"orderId": 1, "createdAt": "2017-05-15 13:21:13"}, {"orderId": 1, "createdAt": "2017-05-15 13:22:13"}
    ireca, _ = serve(answer(200, [one, one]), answer(200, [two]), answer(200, []), page_size=2)
    assert [place.created_at.minute for place in ireca.locations("7")] == [21, 22]


def test_a_short_page_of_locations_saves_a_request_that_is_not_allowed(serve: Any) -> None:
    ireca, server = serve(answer(200, [{"orderId": 1, "createdAt": "2017-05-15 13:21:13"}]))
    assert len(list(ireca.locations("7"))) == 1
    assert len(server.requests) == 1


def test_a_page_of_nothing_but_bad_rows_does_not_end_the_list(serve: Any) -> None:
    ireca, _ = serve(answer(200, '[{"goodId": 1, "price": "ten"}, {"goodId": tru}]'), page(2), page())
    assert [good.good_id for good in ireca.goods.list()] == ["2"]
    assert [(row.entity, row.id, row.path) for row in ireca.bad_rows] == [("Good", "1", "price"), ("Good", None, "")]


def test_bad_rows_may_go_to_a_callback(serve: Any) -> None:
    told: list[Any] = []
    ireca, _ = serve(answer(200, [{"orderId": True}]), on_bad_row=told.append)
    assert list(ireca.orders.list()) == []
    assert [row.path for row in told] == ["orderId"]
    assert not ireca.bad_rows


@pytest.mark.parametrize(
    "resource",
    ["orders", "couriers", "user_roles", "clients", "order_return_reasons", "payment_types", "taxes"],
)
def test_t05_lists_without_paging_send_no_parameter(serve: Any, resource: str) -> None:
    ireca, server = serve(answer(200, []))
    assert list(getattr(ireca, resource).list()) == []
    assert [number for number, _ in getattr(ireca, resource).pages()] == [0]
    assert [request.query for request in server.requests] == [{}, {}]


def test_a_failure_on_a_later_page_is_raised_after_the_rows_before_it(serve: Any) -> None:
    ireca, _ = serve(page(1), answer(500))
    goods = ireca.goods.list()
    assert next(goods).good_id == "1"
    with pytest.raises(Retry):
        next(goods)


# One object


@pytest.mark.parametrize(
    "body",
    [
        {"orderId": 209900, "codeAlias": "G-2"},
        [{"orderId": "209900", "codeAlias": "G-2"}],
        [{"orderId": "1"}, {"orderId": "209900", "codeAlias": "G-2"}],
        {"codeAlias": "G-2"},
        [{"codeAlias": "G-2"}],
        {"orderId": "", "codeAlias": "G-2"},
    ],
)
def test_t07_t66_get_in_every_shape(serve: Any, body: Any) -> None:
    ireca, server = serve(answer(200, body))
    assert ireca.orders.get("209900") == Order(order_id="209900", code_alias="G-2")
    assert (server.requests[0].path, server.requests[0].query) == ("/api/v1/orders", {"orderId": "209900"})


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '[{"orderId": 1}, {"orderId": 2}]', '{"orderId": 1}'])
def test_get_of_nothing_or_of_another(serve: Any, body: str) -> None:
    ireca, _ = serve(answer(200, body))
    assert ireca.orders.get("209900") is None


def test_get_of_what_is_no_object_says_so(serve: Any) -> None:
    ireca, _ = serve(answer(200, "7"))
    with pytest.raises(ContractError):
        ireca.orders.get("209900")


def test_get_of_an_unknown_id_is_the_remotes_refusal(serve: Any) -> None:
    ireca, _ = serve(answer(404, {"error": True, "message": "Модель не существует"}))
    with pytest.raises(Refused, match="Модель не существует"):
        ireca.orders.get("209900")


def test_t07_a_list_may_be_one_object(serve: Any) -> None:
    ireca, _ = serve(answer(200, {"taxId": "1", "title": "20%"}))
    assert list(ireca.taxes.list()) == [Tax(tax_id="1", title="20%")]


# Writes


GOOD = Good(good_id="1", parent_id=None, tax_id="5", title="т", price=Decimal(1))


def test_t08_arrays_for_many_an_object_for_one(serve: Any) -> None:
    ireca, server = serve(answer(201))
    ireca.goods.create([GOOD])
    ireca.goods.replace([GOOD, GOOD])
    ireca.goods.update("1", GOOD)
    ireca.goods.delete("1")
    assert [(request.method, request.path, request.query) for request in server.requests] == [
        ("POST", "/api/v1/goods", {}),
        ("POST", "/api/v1/goods/replace", {}),
        ("PUT", "/api/v1/goods", {"goodId": "1"}),
        ("DELETE", "/api/v1/goods", {"goodId": "1"}),
    ]
    created, replaced, updated, deleted = server.requests
    assert isinstance(created.json, list)
    assert len(replaced.json) == 2
    assert isinstance(updated.json, dict)
    assert deleted.body == b""


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda ireca: ireca.goods.create([GOOD]), Unknown),
        (lambda ireca: ireca.licenses.close("3ebf391b3c596bc8"), Unknown),
        (lambda ireca: ireca.goods.replace([GOOD]), Retry),
        (lambda ireca: ireca.goods.update("1", GOOD), Retry),
        (lambda ireca: ireca.goods.delete("1"), Retry),
        (lambda ireca: ireca.orders.multiple_update(["1"], status_id=1), Retry),
    ],
)
def test_which_writes_may_be_repeated(serve: Any, call: Any, kind: type[RemoteError]) -> None:
    ireca, _ = serve(reset)
    with pytest.raises(RemoteError) as caught:
        call(ireca)
    assert type(caught.value) is kind


def test_t26_a_refund_says_so_twice(serve: Any) -> None:
    ireca, server = serve(answer(201))
    refund = Order(
        order_id="2",
        status_id=1,
        delivery_status_id=7,
        courier_id="55752",
        payment_id="4113",
        amount_to_pay=Decimal(1),
        delivery_time_from=MOMENT,
        delivery_time_to=MOMENT,
    )
    ireca.orders.create_refund([refund])
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", "/api/v1/orders", {"isRefund": "1"})
    assert request.json[0]["isRefund"] is True


def test_t35_multiple_update_writes_the_seven_keys_as_the_example_does(serve: Any) -> None:
    ireca, server = serve(answer(204))
    ireca.orders.multiple_update(
        ["209900", "2"],
        status_id=1,
        delivery_status_id=11,
        return_reason_id="5276",
        courier_id=None,
        address_to="Санкт-Петербург",
        delivery_time_from=MOMENT,
        delivery_time_to=MOMENT,
    )
    (request,) = server.requests
    assert (request.method, request.path) == ("PUT", "/api/v1/orders/multipleUpdate")
    assert request.json == {
        "orderIds": ["209900", "2"],
        "attributes": {
            "statusId": 1,
            "deliveryStatusId": 11,
            "returnReasonId": "5276",
            "courierId": None,
            "addressTo": "Санкт-Петербург",
            "deliveryTimeFrom": "2016-08-17 20:00:00",
            "deliveryTimeTo": "2016-08-17 20:00:00",
        },
    }


@pytest.mark.parametrize(
    ("ids", "attributes"),
    [(["1"], {"phone": "+7"}), (["1"], {}), ([], {"status_id": 1}), (["1"], {"status_id": None, "courier_id": None})],
)
def test_t35_multiple_update_takes_nothing_else(ids: list[str], attributes: Any) -> None:
    with pytest.raises(ContractError):
        client().orders.multiple_update(ids, **attributes)


def test_t36_callbacks_are_set_with_the_token(serve: Any) -> None:
    ireca, server = serve(answer(201))
    ireca.orders.set_callback("https://example.com/o")
    ireca.licenses.set_callback("https://example.com/l", is_active=False)
    orders, licenses = server.requests
    assert (orders.path, orders.json) == ("/api/v1/orders/callback", {"url": "https://example.com/o", "isActive": 1})
    assert (licenses.path, licenses.json) == (
        "/api/v1/licenses/callback",
        {"url": "https://example.com/l", "isActive": 0},
    )
    assert orders.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("resource", "row", "key"),
    [
        ("order_return_reasons", ReturnReason(reason_id="5279", title="т"), "reasonId"),
        ("payment_types", PaymentType(payment_type_id="4116", title="т", close_type_id=1), "paymentTypeId"),
        ("taxes", Tax(tax_id="8285", title="т"), "taxId"),
    ],
)
def test_t65_the_id_of_these_edits_is_in_the_query_only(serve: Any, resource: str, row: Any, key: str) -> None:
    ireca, server = serve(answer(204))
    getattr(ireca, resource).update("77", row)
    (request,) = server.requests
    assert request.query == {key: "77"}
    assert key not in request.json


def test_t40_t41_atol_settings_are_one_object(serve: Any) -> None:
    ireca, server = serve(answer(201))
    company = AtolCompany(inn="1234567890", tax_system="usn_income")
    ireca.atol_online_settings.replace(
        AtolSettings(setting_id="1", login="l", password="1234", is_production=True, company=company)
    )
    assert server.requests[0].json == {
        "settingId": 1,
        "login": "l",
        "password": "1234",
        "isProduction": 1,
        "company": {"inn": "1234567890", "taxSystem": "usn_income"},
    }


# The rest


def test_t03_t21_locations(serve: Any) -> None:
    row = {"orderId": 2255, "orderStatusId": 6, "longitude": 30.3, "latitude": 60.0, "createdAt": "2016-08-17 20:00:01"}
    for shape in ([row], {"locations": [row]}):
        ireca, server = serve(answer(200, shape), answer(200, []))
        (place,) = ireca.locations("55752", MOMENT)
        assert place == Location(
            courier_id="55752",
            order_id="2255",
            delivery_status_id=6,
            longitude=Decimal("30.3"),
            latitude=Decimal("60.0"),
            created_at=MOMENT.replace(second=1),
        )
        assert server.requests[0].query == {
            "courierId": "55752",
            "createdAt": "2016-08-17 20:00:00",
            "page": "0",
            "count": "500",
        }
    ireca, server = serve(answer(200, []))
    assert list(ireca.locations("55752")) == []
    assert "createdAt" not in server.requests[0].query


def test_a_moment_without_a_zone_is_never_sent() -> None:
    with pytest.raises(ValueError, match="time zone"):
        list(client().locations("1", datetime(2016, 8, 17)))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("body", [{"fn": "1"}, [{"fn": "1"}]])
def test_t39_receipts_in_every_shape(serve: Any, body: Any) -> None:
    ireca, server = serve(answer(200, body))
    assert ireca.receipts.order_receipts("7") == [Receipt(order_id="7", fn="1")]
    assert ireca.receipts.order_return_receipts("7") == [Receipt(order_id="7", fn="1")]
    assert [request.path for request in server.requests] == [
        "/api/v1/orderReceipts",
        "/api/v1/orderReturnReceipts",
    ]


@pytest.mark.parametrize("body", ["[]", "{}", "null", ""])
def test_t39_no_receipt(serve: Any, body: str) -> None:
    ireca, _ = serve(answer(200, body))
    assert ireca.receipts.order_receipts("7") == []
    assert ireca.pechka54_settings.get() is None


def test_t43_the_journal_calls_an_order_entity(serve: Any) -> None:
    ireca, server = serve(answer(200, [{"event": "create", "beforeItem": None}]), answer(200, []))
    (entry,) = ireca.journal("209900", MOMENT)
    assert entry.event == "create"
    assert server.requests[0].query == {
        "entityId": "209900",
        "startedAt": "2016-08-17 20:00:00",
        "page": "0",
        "count": "500",
    }


def test_t55_t56_a_permission_is_asked_for_by_both_names(serve: Any) -> None:
    rows = [{"roleId": 908, "actionId": "cashOut"}, {"roleId": 908, "actionId": "cashIn", "isAllowed": "1"}]
    ireca, server = serve(answer(200, rows))
    assert ireca.permissions.get("908", "cashIn") == Permission(role_id="908", action_id="cashIn", is_allowed=True)
    assert ireca.permissions.get("909", "cashIn") is None
    assert server.requests[0].query == {"roleId": "908", "permissionId": "cashIn", "actionId": "cashIn"}


def test_a_bad_session_does_not_hide_the_others(serve: Any) -> None:
    sessions = [{"deviceId": "a1"}, {"deviceId": "b2", "sessionStartAt": "soon"}]
    ireca, _ = serve(answer(200, {"licenseUse": "2", "licenseTotal": 50, "licenses": sessions}), answer(200, sessions))
    pool = ireca.licenses.list()
    assert (pool.license_use, pool.license_total) == (2, 50)
    assert [session.device_id for session in pool.licenses] == ["a1"]
    assert [row.id for row in ireca.bad_rows] == ["b2"]
    assert len(ireca.licenses.list().licenses) == 1


@pytest.mark.parametrize("kind", DICTIONARIES)
def test_dictionaries(serve: Any, kind: str) -> None:
    ireca, server = serve(answer(200, [{"statusId": 6, "title": "Подготовлен"}]))
    assert [(entry.code, entry.title) for entry in ireca.dictionary(kind)] == [("6", "Подготовлен")]
    assert server.requests[0].path == f"/api/v1/dictionary/{kind}"


def test_there_is_no_seventh_dictionary() -> None:
    with pytest.raises(ValueError, match="couriers"):
        client().dictionary("couriers")


def test_the_exchange_log_names_the_objects(serve: Any) -> None:
    seen: list[Exchange] = []
    ireca, _ = serve(answer(200, "[]"))
    ireca.session.observer = seen.append
    ireca.goods.replace([GOOD, GOOD])
    ireca.orders.get("209900")
    list(ireca.orders.journal_statuses("209900"))
    ireca.orders.multiple_update(["1", "2"], status_id=1)
    assert [exchange.subjects for exchange in seen] == [
        ("goods:1", "goods:1"),
        ("orders:209900",),
        ("orders:209900",),
        ("orders:1", "orders:2"),
    ]
