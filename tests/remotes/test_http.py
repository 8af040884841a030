"""Session: every way in which a call can fail ends in the error that its name promises."""

import logging
import socket
import threading
import traceback
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest

from backoffice.remotes.http import Config, Exchange, Refused, RemoteError, Retry, Session, Unknown

from .loopback import Loopback, answer, cut, loopback, reset, silence

TOKEN = "4066e3217dfd51753d1f52cb7d033fe1"


def session(server: Loopback, **options: Any) -> Session:
    return Session("ireca", server.url, token=TOKEN, **{"timeout": (10, 10), **options})


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api/v1"


def failure(call: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        call()
    return caught.value


def test_a_call_joins_the_base_sends_the_token_and_reads_exact_numbers() -> None:
    with loopback(answer(200, '{"amountToPay": 539.78, "cash": 1000.00}')) as server:
        value = session(server).request("GET", "/orders", params={"orderId": "1", "isRefund": None})
    assert value == {"amountToPay": Decimal("539.78"), "cash": Decimal("1000.00")}
    (request,) = server.requests
    assert (request.path, request.query) == ("/api/v1/orders", {"orderId": "1"})
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_netrc_does_not_override_the_token(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with loopback(answer(200, "[]")) as server:
        session(server).request("GET", "orders")
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_any_2xx_without_a_body_is_success_for_a_write(status: int, method: str) -> None:
    with loopback(answer(status)) as server:
        assert session(server).request(method, "orders", json=[{}]) is None


def test_a_write_may_be_answered_with_words_but_not_with_a_page() -> None:
    with loopback(answer(201, "Created"), answer(200, "<html>Sign in</html>")) as server:
        http = session(server)
        assert http.request("POST", "orders", json=[]) is None
        assert isinstance(failure(lambda: http.request("POST", "orders", json=[], idempotent=False)), Unknown)
        retry = failure(lambda: http.request("POST", "orders", json=[]))
    assert isinstance(retry, Retry)
    assert not retry.down


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, '{"error": true, "message": "Модель не существует"}', "Модель не существует"),
        (200, '{"error": "Нет прав"}', "Нет прав"),
        (400, '{"error" => true, "message": "Модель не существует"}', "Модель не существует"),
        (404, '{"error": true, "message": "Модель не существует"}', "Модель не существует"),
        (404, '{"detail": "no such order"}', '{"detail": "no such order"}'),
        (404, "", "HTTP 404"),
        (405, '{"error": true, "message": "Так нельзя"}', "Так нельзя"),
        (422, '{"message": "title is required"}', "title is required"),
        (409, "plain words", "plain words"),
        (413, "<html><style>p {}</style><h1>Too   Large</h1></html>", "Too Large"),
        (410, "", "HTTP 410"),
    ],
)
def test_refused_carries_the_remotes_own_text(status: int, body: str, text: str) -> None:
    with loopback(answer(status, body)) as server:
        error = failure(lambda: session(server).request("POST", "orders", json=[], idempotent=False))
    assert isinstance(error, Refused)
    assert (error.message, error.status) == (text, status)


def test_a_refusal_is_not_longer_than_a_person_reads() -> None:
    with loopback(answer(400, "x" * 10_000)) as server:
        assert len(failure(lambda: session(server).request("POST", "orders", json=[])).message) == 2000


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '{"error": true, "message": "bad token"}'),
        (403, ""),
        (404, "<h1>Not Found</h1>"),
        (405, '{"name": "Method Not Allowed"}'),
    ],
)
def test_config_for_a_wrong_token_or_address(status: int, body: str) -> None:
    with loopback(answer(status, body)) as server:
        assert isinstance(failure(lambda: session(server).request("GET", "orders")), Config)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    with loopback(answer(200, "[]")) as elsewhere, loopback(answer(status, "", Location=elsewhere.url)) as server:
        error = failure(lambda: session(server).request("GET", "orders"))
        assert isinstance(error, Config)
        assert elsewhere.url in error.message
        assert elsewhere.requests == []


@pytest.mark.parametrize("url", ["no-scheme/api", "ftp://127.0.0.1/", "http://", "http://[::1", "http://exa mple.com"])
def test_config_for_an_address_that_is_none(url: str) -> None:
    seen: list[Exchange] = []
    http = Session("ireca", url, observer=seen.append)
    assert isinstance(failure(lambda: http.request("GET", "orders")), Config)
    assert [exchange.error[:7] for exchange in seen] == ["Config:"]


def test_config_for_a_token_that_is_no_header() -> None:
    error = failure(lambda: Session("ireca", closed_port(), token="line\nbreak-secret").request("GET", "orders"))
    assert isinstance(error, Config)
    assert "secret" not in str(error)


def test_config_for_tls_to_a_server_without_it() -> None:
    with loopback(answer()) as server:
        url = server.url.replace("http://", "https://")
        assert isinstance(failure(lambda: Session("ireca", url).request("POST", "orders", json=[])), Config)


@pytest.mark.parametrize(("method", "idempotent"), [("GET", True), ("PUT", True), ("POST", False)])
def test_no_connection_is_always_retry(method: str, idempotent: bool) -> None:
    http = Session("ireca", closed_port())
    error = failure(lambda: http.request(method, "orders", idempotent=idempotent))
    assert isinstance(error, Retry)
    assert error.down
    assert error.not_carried_out


@pytest.mark.parametrize(("idempotent", "kind"), [(True, Retry), (False, Unknown)])
def test_a_write_whose_answer_is_lost(idempotent: bool, kind: type[RemoteError]) -> None:
    released = threading.Event()
    silent = silence(released)
    for reply in (reset, silent, cut(b'{"er', 100), answer(499), answer(502), answer(504)):
        with loopback(reply) as server:
            http = session(server, timeout=(10, 0.5 if reply is silent else 10))
            error = failure(lambda h=http: h.request("POST", "orders", json=[], idempotent=idempotent))
            released.set()
        assert type(error) is kind, reply
        assert not error.not_carried_out, reply
        assert len(server.requests) == 1, "a write is sent exactly once"


def test_a_read_is_repeated_after_a_reset_and_behind_a_dead_gateway() -> None:
    with loopback(reset, answer(503), answer(200, "[1]")) as server:
        assert session(server).request("GET", "orders") == [1]
    assert len(server.requests) == 3


def test_a_read_gives_up_after_two_repetitions() -> None:
    with loopback(answer(502)) as server:
        error = failure(lambda: session(server).request("GET", "orders"))
    assert isinstance(error, Retry)
    assert (error.status, error.down, len(server.requests)) == (502, True, 3)


@pytest.mark.parametrize(("status", "down"), [(408, True), (425, True), (429, True), (503, True), (500, False)])
def test_retry_tells_a_dead_remote_from_a_deadly_request(status: int, down: bool) -> None:
    with loopback(answer(status, '{"error": true, "message": "why"}')) as server:
        error = failure(lambda: session(server).request("POST", "orders", json=[], idempotent=False))
    assert isinstance(error, Retry)
    assert (error.down, error.message, error.retry_after) == (down, "why", None)
    assert error.not_carried_out is (status in (425, 429)), "a gateway's word is not the remote's"


def test_retry_after_in_seconds_as_a_date_and_as_nonsense() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    waits = []
    for value in ("120", soon, past, "tomorrow"):
        with loopback(answer(429, "", Retry_After=value)) as server:
            error = failure(lambda s=server: session(s).request("PUT", "orders"))
        assert isinstance(error, Retry)
        waits.append(error.retry_after)
    assert waits[0] == 120
    assert waits[1] == pytest.approx(90, abs=5)
    assert waits[2:] == [0, None]


@pytest.mark.parametrize("body", ["<html>", '{"a":', b"\xff\xfe", "NaN", "[" * 5000])
def test_garbage_instead_of_an_answer_to_a_read(body: Any) -> None:
    with loopback(answer(200, body)) as server:
        one = failure(lambda: session(server).request("GET", "orders"))
        many = failure(lambda: list(session(server).rows("orders")))
    assert isinstance(one, Retry)
    assert isinstance(many, Retry)
    assert not one.down
    assert not many.down


def test_a_huge_answer_is_not_swallowed() -> None:
    with loopback(answer(200, b"[" + b"1," * 200_000 + b"1]")) as server:
        http = session(server, max_bytes=100_000)
        assert isinstance(failure(lambda: http.request("GET", "orders")), Retry)
        assert isinstance(failure(lambda: list(http.rows("orders"))), Retry)


def test_rows_stream_and_an_error_object_is_refused() -> None:
    with loopback(
        answer(200, '[{"orderId": 1}, {"orderId": 2,}]'),
        answer(200, '{"error": true, "message": "нет"}'),
        cut(b'[{"orderId": 1},' + b" " * 100_000 + b'{"orderId"', 500_000),
    ) as server:
        http = session(server)
        assert list(http.rows("orders")) == [{"orderId": 1}, {"orderId": 2}]
        assert isinstance(failure(lambda: list(http.rows("orders"))), Refused)
        rows = http.rows("orders")
        assert next(rows) == {"orderId": 1}
        assert isinstance(failure(lambda: next(rows)), Retry)


def test_stream_gives_bytes() -> None:
    with loopback(answer(200, "[1]")) as server:
        assert b"".join(session(server).request("GET", "orders", stream=True)) == b"[1]"


def observed(*replies: Any, call: Any) -> list[Exchange]:
    seen: list[Exchange] = []
    with loopback(*replies) as server:
        try:
            call(session(server, observer=seen.append))
        except RemoteError:
            assert seen[-1].error
    return seen


def test_an_exchange_tells_what_happened() -> None:
    (seen,) = observed(
        answer(200, '{"orderId": "209900"}'),
        call=lambda http: http.request("GET", "orders", params={"orderId": "209900"}, subjects=["orders:209900"]),
    )
    assert (seen.remote, seen.method, seen.path, seen.query) == ("ireca", "GET", "/api/v1/orders", "orderId=209900")
    assert (seen.status, seen.response_body, seen.error) == (200, '{"orderId": "209900"}', "")
    assert seen.subjects == ("orders:209900",)
    assert seen.started_at.tzinfo is UTC
    assert seen.duration_ms >= 0


def test_failures_streams_and_lost_answers_are_observed_once_each() -> None:
    refused = observed(answer(400, "no"), call=lambda http: http.request("POST", "orders", json=[]))
    streamed = observed(answer(200, "[{}]"), call=lambda http: list(http.rows("orders")))
    lost = observed(reset, call=lambda http: http.request("POST", "orders", json=[], idempotent=False))
    assert [(seen.status, seen.error) for seen in refused] == [(400, "Refused: no")]
    assert [(seen.status, seen.error, seen.response_body) for seen in streamed] == [(200, "", "[{}]")]
    assert [seen.status for seen in lost] == [None]
    assert lost[0].error.startswith("Unknown: ")


def test_a_broken_observer_does_not_break_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def observer(exchange: Exchange) -> None:
        raise RuntimeError("disk full")

    with loopback(answer(201)) as server, caplog.at_level(logging.ERROR):
        session(server, observer=observer).request("POST", "orders", json=[])
    assert "observer" in caplog.text


def test_bodies_are_truncated() -> None:
    (seen,) = observed(
        answer(200, '"' + "я" * 30_000 + '"'), call=lambda http: http.request("PUT", "x", json="ы" * 30_000)
    )
    assert len(seen.request_body) == len(seen.response_body) == 20_000


SECRETS = ("hunter2-password", "source-2321", "access-abc.def", "refresh-ghi", "key-12345", TOKEN)
LEAK = {
    "sourcePassword": SECRETS[1],
    "nested": [{"password": SECRETS[0], "access_token": SECRETS[2], "refresh_token": SECRETS[3]}],
    "apikey": SECRETS[4],
    "echo": f"Authorization: Bearer {TOKEN}",
    "markValue": "0104600439931256",
}


def test_no_secret_reaches_the_log() -> None:
    (seen,) = observed(
        answer(200, LEAK),
        call=lambda http: http.request(
            "POST", "orders", params={"apikey": SECRETS[4], "token": TOKEN, "id": "7"}, json=LEAK
        ),
    )
    for secret in SECRETS:
        assert secret not in repr(seen)
    assert "0104600439931256" in seen.request_body
    assert "0104600439931256" in seen.response_body
    assert "id=7" in seen.query


@pytest.mark.parametrize("reply", [reset, answer(400, str(LEAK)), answer(401, LEAK), answer(500, f"Bearer {TOKEN}")])
def test_no_secret_reaches_an_error_or_its_traceback(reply: Any) -> None:
    with loopback(reply) as server:
        call = session(server)
        error = failure(lambda: call.request("POST", "orders", params={"apikey": SECRETS[4]}, json=LEAK))
    chain = "".join(traceback.format_exception(error)) + error.message + repr(error.__context__) + repr(call)
    for secret in SECRETS[4:]:
        assert secret not in chain


def test_no_secret_reaches_the_error_or_the_log_of_a_connection_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    http = Session("virtpos", closed_port(), token=TOKEN)
    with caplog.at_level(logging.DEBUG):
        error = failure(lambda: http.request("GET", "orders", params={"apikey": SECRETS[4], "id": "7"}))
    assert SECRETS[4] not in "".join(traceback.format_exception(error))
    assert error.__context__ is None
    assert "id=7" in caplog.text, "urllib3 must have logged its repetitions, or this test proves nothing"
    assert SECRETS[4] not in caplog.text
