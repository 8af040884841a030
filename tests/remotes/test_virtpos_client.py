"""The client of VirtPos before a server that answers whatever a test wants: what is sent, what failures are called."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import quote_plus

import pytest

from backoffice.remotes.errors import Config, ContractError, Refused, RemoteError, Retry, Unknown
from backoffice.remotes.http import Exchange, Session
from backoffice.remotes.virtpos import examples
from backoffice.remotes.virtpos.client import VirtposClient, session_arguments
from backoffice.remotes.virtpos.contract import Card, Saved

from .loopback import Loopback, Reply, answer, cut, loopback, reset

KEY = "My Secret&<key>/4066"
DONE = b'{"success": 1, "id": 11, "isnew": 0}'

Call = Callable[[VirtposClient], Any]
READS: dict[str, Call] = {
    "orders": lambda client: list(client.orders()),
    "customers": lambda client: list(client.customers()),
}
WRITES: dict[str, Call] = {
    "update_customer": lambda client: client.update_customer({"fname": "A"}, id="3"),
    "create_customer": lambda client: client.update_customer({"fname": "A"}, create=True),
    "insert_card": lambda client: client.insert_card(Card(uid="1")),
    "update_card": lambda client: client.update_card(Card(uid="1"), create=True),
    "delete_card": lambda client: client.delete_card(uid="1"),
}
CALLS = READS | WRITES


@contextmanager
def served(*replies: Reply, **arguments: Any) -> Iterator[tuple[VirtposClient, Loopback, list[Exchange]]]:
    """A client, the server that it calls, and its exchange log."""
    log: list[Exchange] = []
    of_session = {name: arguments.pop(name) for name in ("max_bytes", "timeout") if name in arguments}
    with loopback(*replies) as server:
        session = Session("virtpos", server.url, observer=log.append, **session_arguments(KEY), **of_session)
        yield VirtposClient(session, KEY, **arguments), server, log


# What is sent


def test_the_request_for_orders() -> None:
    with served(answer(body=examples.ORDERS)) as (client, server, log):
        (order,) = client.orders("3", "c-3", since=date(2026, 11, 1), until=date(2026, 11, 20), days=3)

    assert order.customer_id == "3"
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/api/v1/orders")
    assert server.requests[0].query == {
        "apikey": KEY,
        "format": "xml",
        "id": "3",
        "external_id": "c-3",
        "datefrom": "20261101",
        "dateto": "20261120",
        "days": "3",
    }
    assert server.requests[0].headers["Accept"] == "*/*"
    assert log[0].subjects == ("customers:3",)


def test_nothing_is_asked_for_that_was_not_given() -> None:
    with served(answer(body=b'{"success": 1}'), format="json", orders_path="v2/orders") as (client, server, _):
        assert list(client.orders()) == []

    assert server.requests[0].query == {"apikey": KEY, "format": "json"}
    assert server.requests[0].path == "/api/v1/v2/orders"


def test_a_customer_is_written_as_the_document_tells() -> None:
    with served(answer(body=examples.SAVED)) as (client, server, log):
        fields = {"fname": "Иван", "email": "", "phone": None}
        saved = client.update_customer(fields, id="3", create=True, group_name="VIP", group_id="2")
        client.update_customer({}, create=True, group_name="VIP")

    assert saved == Saved("11", True)
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/api/v1/customer/update")
    # The name of the group is ignored beside its id (82); parse_qsl drops the empty email, the log has it
    expected = {"id": "3", "create_if_not_exist": "1", "group_id": "2", "fname": "Иван"}
    assert server.requests[0].query == {"apikey": KEY, "format": "xml", **expected}
    assert "email=" in log[0].query
    assert server.requests[1].query["group_name"] == "VIP"
    assert [exchange.subjects for exchange in log] == [("customers:3",), ()]


@pytest.mark.parametrize(
    ("fields", "arguments", "path"),
    [
        ({"age": 41}, {"id": "3"}, "age"),
        ({"age": None}, {"id": "3"}, "age"),
        ({"id": "4"}, {"id": "3"}, "id"),
        ({"apikey": "x"}, {"id": "3"}, "apikey"),
        ({"fname": "A"}, {}, "id"),
        ({"fname": ["A"]}, {"id": "3"}, "fname"),
    ],
)
def test_a_customer_that_must_not_be_sent(fields: Any, arguments: Any, path: str) -> None:
    with served(answer(body=DONE)) as (client, server, _), pytest.raises(ContractError) as raised:
        client.update_customer(fields, **arguments)

    assert raised.value.path == path
    assert server.requests == []


def test_cards_are_written_where_the_settings_say() -> None:
    paths = {"insert_card_path": "card/insert", "update_card_path": "card/update", "delete_card_path": "card/delete"}
    with served(answer(body=DONE), write_method="POST", **paths) as (client, server, log):
        client.insert_card(Card(uid="1"))
        client.update_card(Card(card_id="7", status="ACTIVE"))
        client.delete_card(card_barcode="9")

    assert [(request.method, request.path) for request in server.requests] == [
        ("POST", "/api/v1/card/insert"),
        ("POST", "/api/v1/card/update"),
        ("POST", "/api/v1/card/delete"),
    ]
    assert server.requests[1].query == {
        "apikey": KEY,
        "format": "xml",
        "card_id": "7",
        "status": "ACTIVE",
        "create_if_not_exist": "0",
    }
    assert [exchange.subjects for exchange in log] == [("cards:1",), ("cards:7",), ("cards:9",)]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.delete_card(),
        lambda client: client.delete_card(uid="1", card_id="2"),
        lambda client: client.update_card(Card(status="ACTIVE"), create=True),
        lambda client: client.insert_card(Card(card_id="1")),
    ],
)
def test_a_card_that_nothing_or_too_much_names_is_not_sent(call: Call) -> None:
    with served(answer(body=DONE)) as (client, server, _), pytest.raises(ContractError):
        call(client)

    assert server.requests == []


def test_customers_are_read_page_by_page_until_nobody_is_new() -> None:
    def page(*ids: str) -> Reply:
        rows = "".join(f"<customer><id>{id_}</id></customer>" for id_ in ids)
        return answer(body=f"<root><success>1</success><customers>{rows}</customers></root>")

    with served(page("1", "2"), page("2", "3"), page("2", "3")) as (client, server, _):
        assert [customer.id for customer in client.customers(page=4, page_size=2)] == ["1", "2", "3"]

    assert [request.query["page"] for request in server.requests] == ["4", "5", "6"]
    assert {request.query["page_size"] for request in server.requests} == {"2"}


def test_a_page_of_bad_rows_is_not_the_end() -> None:
    pages = [{"fname": "nameless"}], [{"id": 5}], []
    replies = [answer(body={"success": 1, "customers": rows}) for rows in pages]
    with served(*replies) as (client, _, _log):
        assert [customer.id for customer in client.customers()] == ["5"]
        assert [row.path for row in client.bad_rows] == ["customers[0].id"]


def test_a_server_that_ignores_pages_does_not_hold_us_for_ever() -> None:
    with served(answer(body={"success": 1, "customers": [{"id": 1}, {}]})) as (client, server, _):
        assert [customer.id for customer in client.customers()] == ["1"]

    assert len(server.requests) == 2


# Failures

REFUSED = {
    "xml": "<root><success>0</success><info>Клиент не найден</info></root>",
    "json": '{"success": "0", "info": "Клиент не найден"}',
}


@pytest.mark.parametrize("format", REFUSED)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_success_0_is_a_refusal_with_its_text(call: Call, format: Any) -> None:
    with served(answer(body=REFUSED[format]), format=format) as (client, server, log), pytest.raises(Refused) as raised:
        call(client)

    assert raised.value.message == "Клиент не найден"
    assert len(server.requests) == 1
    assert log[0].error == "Refused: Клиент не найден"


def test_success_0_without_a_text() -> None:
    reply = answer(body="<root><success>0</success></root>")
    with served(reply) as (client, _, _log), pytest.raises(Refused, match="success=0"):
        list(client.orders())


@pytest.mark.parametrize(
    "reply",
    [
        answer(401, '{"success": 0, "info": "?"}'),
        answer(403, "<root><success>0</success></root>"),
        answer(200, '{"success": 0, "info": "Неверный ключ доступа"}'),
        answer(200, "<root><success>0</success><info>Wrong API key</info></root>"),
        answer(200, "<root><success>0</success><info>apikey?</info></root>"),
        answer(302, "", Location="/login"),
    ],
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_wrong_key_is_nobodys_fault_but_the_settings(call: Call, reply: Reply) -> None:
    with served(reply) as (client, _, _log), pytest.raises(Config):
        call(client)


@pytest.mark.parametrize(
    "text",
    [
        "Ключевой клиент: менять может только менеджер",
        "Не найден ключ карты",
        "Неверный ключ карты",
        "Value of api key field is too long",
        "no such customer at /api?apikey=1",
    ],
)
@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_refusal_that_speaks_of_some_key_pauses_nothing(call: Call, text: str) -> None:
    with served(answer(body={"success": 0, "info": text})) as (client, _, _log), pytest.raises(Refused):
        call(client)


@pytest.mark.parametrize(
    "text",
    [
        "Неверный ключ",
        "Не указан ключ API!",
        "Неверный API-ключ",
        "Неправильный ключ доступа к API",
        "Invalid api-key.",
        "Missing API key",
        "API key is not valid",
        "Bad apikey",
        "api_key?",
    ],
)
def test_spellings_of_a_wrong_key(text: str) -> None:
    with served(answer(body={"success": 0, "info": text})) as (client, _, _log), pytest.raises(Config):
        client.delete_card(uid="1")


UNREADABLE = {
    "a page": answer(body="<html><body>Вход</body></html>"),
    "a page with a doctype": answer(body="<!DOCTYPE html><html><body>502</body></html>"),
    "garbage": answer(body=b"\xff\xfe\x00garbage"),
    "nothing": answer(body=b""),
    "half of an answer": answer(body=examples.ORDERS[:700]),
    "no success": answer(body="<root><id>1</id></root>"),
    "cut off": cut(examples.ORDERS[:700], len(examples.ORDERS)),
}


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_write_whose_answer_cannot_be_read_is_unknown(call: Call, reply: Reply) -> None:
    with served(reply) as (client, server, log), pytest.raises(Unknown):
        call(client)

    assert len(server.requests) == 1
    assert log[0].error.startswith("Unknown: ")


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_a_read_whose_answer_cannot_be_read_is_tried_again_later(call: Call, reply: Reply) -> None:
    with served(reply) as (client, server, log), pytest.raises(Retry):
        call(client)

    assert len(server.requests) == 1
    assert log[0].error.startswith("Retry: ")


@pytest.mark.parametrize("write_method", ["GET", "POST"])
@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("reply", [reset, answer(502), answer(504)], ids=["reset", "502", "504"])
def test_a_write_whose_answer_is_lost_is_unknown_and_sent_once(call: Call, write_method: str, reply: Reply) -> None:
    with served(reply, write_method=write_method) as (client, server, _), pytest.raises(Unknown):
        call(client)

    assert len(server.requests) == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_server_that_is_down_was_never_written_to(call: Call) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    client = VirtposClient(Session("virtpos", url, **session_arguments(KEY)), KEY)

    with pytest.raises(Retry) as raised:
        call(client)
    assert raised.value.down


def test_one_bad_order_is_reported_and_the_others_come() -> None:
    rows = "".join(
        f"<orders><guid>{guid}</guid><amount>{'?' if guid == 'c' else '1.00'}</amount></orders>" for guid in "abcde"
    )
    told: list[Any] = []
    with served(answer(body=f"<root><success>1</success>{rows}</root>")) as (client, _, log):
        client.on_bad_row = told.append
        assert [order.guid for order in client.orders()] == list("abde")

    assert [(row.entity, row.id, row.path) for row in told] == [("Order", "c", "orders[2].amount")]
    assert log[0].error == ""


def test_an_answer_that_breaks_off_reports_no_rows_and_yields_none() -> None:
    rows = [{"guid": "a", "amount": "?"}, {"guid": "b"}]
    with served(answer(body={"success": 1, "orders": rows, "data": 1}), answer(body=b'{"success": 1')) as (client, *_):
        assert [order.guid for order in client.orders()] == ["b"]
        client.bad_rows.clear()
        with pytest.raises(Retry):
            list(client.orders())
        assert not client.bad_rows


@pytest.mark.parametrize("limits", [{"max_bytes": 2**20}, {}], ids=["of the session", "of the client"])
def test_a_body_of_50_megabytes_is_not_read_to_its_end(limits: dict[str, int]) -> None:
    sent = 0

    def flood(handler: Any) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Content-Length", str(50 * 2**20))
        handler.end_headers()
        block = b"<orders><guid>1</guid></orders>" * 2048
        try:
            handler.wfile.write(b"<root><success>1</success>")
            while sent < 50 * 2**20:
                handler.wfile.write(block)
                sent += len(block)
        except OSError:
            handler.close_connection = True

    with served(flood, **limits) as (client, _, log), pytest.raises(Retry, match="larger than") as raised:
        list(client.orders())

    assert not raised.value.down
    assert log[0].error
    assert sent < 50 * 2**20


# The key


def spellings() -> list[str]:
    return [KEY, quote_plus(KEY), quote_plus(KEY).replace("+", "%20"), "My+Secret", "My%20Secret", "My Secret"]


@pytest.mark.parametrize(
    "reply",
    [
        answer(body=examples.SAVED),
        answer(body={"success": 0, "info": f"Неверный ключ {KEY}"}),
        answer(body={"success": 0, "info": f"no such customer at /api?apikey={quote_plus(KEY)}"}),
        answer(body=f"<html><body>/api?apikey={quote_plus(KEY)} {KEY} {quote_plus(KEY)}</body></html>"),
        answer(body="<root><success>0</success><info>My Secret&amp;&lt;key&gt;/4066</info></root>"),
        answer(500, f"cannot GET /api/v1/orders?apikey={quote_plus(KEY)} for {quote_plus(KEY)}"),
        answer(302, "", Location=f"https://elsewhere.example/?k={quote_plus(KEY)}"),
        reset,
    ],
)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_key_is_in_no_log_no_error_and_no_repr(call: Call, reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = []
    with served(reply) as (client, server, log):
        try:
            call(client)
        except (RemoteError, ContractError) as error:
            cause: BaseException | None = error
            while cause is not None:
                seen.append(f"{cause!r} {cause}")
                cause = cause.__cause__ or cause.__context__
        assert server.requests[0].query["apikey"] == KEY
        seen += [repr(client), repr(client.session), *map(repr, log), caplog.text]

    assert len(log) >= 1
    assert "urllib3" in caplog.text  # it logs addresses, so that there was something to mask
    for text in seen:
        assert not [each for each in spellings() if each in text], text


def test_an_address_that_cannot_be_reached_does_not_tell_the_key() -> None:
    client = VirtposClient(Session("virtpos", "http://127.0.0.1:9/api", **session_arguments(KEY)), KEY)

    with pytest.raises(RemoteError) as raised:
        list(client.orders())
    assert "apikey=***" in str(raised.value)
    assert not [each for each in spellings() if each in repr(raised.value)]
