"""BifitClient: one login for all, one renewal when the token ends, and an error by its right name for all the rest."""

import base64
import hashlib
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backoffice.remotes.bifit.client import BifitClient
from backoffice.remotes.bifit.contract import NOT_DELETED, NOT_REFUSED, OnlineOrder, Status, decode
from backoffice.remotes.bifit.examples import ORDER
from backoffice.remotes.bifit.tokens import EARLY, MemoryTokens, Token, Tokens, hashed
from backoffice.remotes.errors import BadRow, Config, ContractError, Refused, RemoteError, Retry, Unknown
from backoffice.remotes.http import Exchange, Session
from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.wirejson import loads

from .loopback import Loopback, answer, cut, loopback, reset

PASSWORD = "correct horse battery"
DIGEST = hashed(PASSWORD)
START = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS = {"access_token": "access-token-1", "refresh_token": "refresh-token-1", "expires_in": 43199}
ITEMS = [{"name": "Чай", "price": Decimal("3000.00"), "quantity": 1}]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(bifit_account={"username": "shop", "password": PASSWORD}) as running:
        yield running
        assert running.bifit.violations == []


def client(url: str, tokens: Tokens | None = None, **options: Any) -> BifitClient:
    observer = options.pop("observer", None)
    session = Session("bifit", url, timeout=(1, 2), observer=observer)
    given = {"username": "shop", "password": PASSWORD, "organization_id": "org", "trade_object_id": "shop-1"}
    return BifitClient(session, tokens or MemoryTokens(), **given | options)


def failure(call: Callable[[], Any]) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        call()
    return caught.value


def new_order(**fields: Any) -> OnlineOrder:
    return OnlineOrder(
        **{
            "external_id": "A-1",
            "delivery_type": "COURIER",
            "address": "Москва, Тверская 1",
            "total_amount": Decimal("3000.00"),
            "current_status_type": Status.ACCEPTED,
            **fields,
        }
    )


def sent(server: Loopback) -> list[str]:
    return [f"{request.method} {request.path.removeprefix('/api/v1/')}" for request in server.requests]


# Orders


def test_an_order_is_read_whole(sandbox: Sandbox) -> None:
    assert client(sandbox.bifit.url).order("320528") == decode(loads(ORDER.read_bytes()))


def test_an_order_that_is_not_there_is_none(sandbox: Sandbox) -> None:
    assert client(sandbox.bifit.url).order("1") is None


def test_many_orders_are_read_and_the_unreadable_one_is_reported(sandbox: Sandbox) -> None:
    broken = sandbox.bifit.add(deliveryTime="завтра")["id"]
    told: list[BadRow] = []
    bifit = client(sandbox.bifit.url, on_bad_row=told.append)
    found = dict(bifit.orders(["320528", str(broken), "7", "../../oauth"]))
    assert found["320528"].external_id == "112345"
    assert found["7"] is None
    assert [(row.id, row.path) for row in told] == [(str(broken), "deliveryTime"), ("../../oauth", "id")]


def test_bad_rows_are_kept_where_nobody_listens(sandbox: Sandbox) -> None:
    bifit = client(sandbox.bifit.url)
    assert list(bifit.orders(["1/2"])) == []
    assert [row.id for row in bifit.bad_rows] == ["1/2"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('{"id": 7}', "id"),
        ('{"message": "ok"}', "id"),
        ("[]", ""),
        ("", ""),
        ("null", ""),
        ('{"id": {}}', "id"),
    ],
)
def test_what_is_not_the_order_that_was_asked_for_is_no_order(body: str, path: str) -> None:
    with loopback(answer(200, TOKENS), answer(200, body)) as server:
        bifit = client(server.url)
        with pytest.raises(ContractError) as caught:
            bifit.order("1")
    assert caught.value.path == path


@pytest.mark.parametrize("id_", ["", " ", "..", "1/2", "1?x=1", "x" * 101, None, True, 1.5])
def test_an_id_never_leads_to_another_address(id_: Any) -> None:
    with loopback(answer(200, TOKENS)) as server, pytest.raises(ContractError):
        client(server.url).order(id_)
    assert server.requests == []


def test_an_order_is_created_and_read_back(sandbox: Sandbox) -> None:
    bifit = client(sandbox.bifit.url)
    id_ = bifit.create(new_order(), ITEMS)
    made = bifit.order(id_)
    assert (made.organization_id, made.trade_object_id) == ("org", "shop-1")
    assert (made.total_amount, made.address) == (3000, "Москва, Тверская 1")


def test_an_order_keeps_the_organization_that_it_names(sandbox: Sandbox) -> None:
    bifit = client(sandbox.bifit.url)
    copy = decode(loads(ORDER.read_bytes()))
    made = bifit.order(bifit.create(copy, []))
    assert made.organization_id == "<organization_id>"
    assert made.id != copy.id


def test_the_body_of_a_creation_is_the_documented_one_with_exact_numbers() -> None:
    with loopback(answer(200, TOKENS), answer(201)) as server:
        client(server.url, items_key="goods").create(new_order(), ITEMS)
    body = server.requests[-1].body
    assert list(loads(body)) == ["onlineOrder", "goods"]
    assert b'"totalAmount":3000.00' in body
    assert b'"goods":[{"name":"\xd0\xa7\xd0\xb0\xd0\xb9","price":3000.00,"quantity":1}]' in body


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        ('{"id": 320529}', "320529"),
        ('{"onlineOrder": {"id": 320529}}', "320529"),
        ('[{"id": "320529"}]', "320529"),
        ("320529", "320529"),
        ("", None),
        ("Created", None),
        ("{}", None),
        ("[]", None),
        ('{"id": true}', None),
    ],
)
def test_the_id_of_a_new_order_is_taken_from_what_the_answer_tells(body: str, id_: str | None) -> None:
    with loopback(answer(200, TOKENS), answer(201, body)) as server:
        assert client(server.url).create(new_order(), []) == id_


@pytest.mark.parametrize("status", ["REFUSED", "DELETED", "", None])
def test_an_order_is_not_created_in_a_forbidden_status(status: Any) -> None:
    with loopback(answer(200, TOKENS)) as server, pytest.raises(ContractError) as caught:
        client(server.url).create(new_order(current_status_type=status), [])
    assert caught.value.path == "currentStatusType"
    assert server.requests == []


def test_a_status_goes_back_with_everything_that_was_read(sandbox: Sandbox) -> None:
    sandbox.bifit.change(320528, loyalty={"points": 1.5}, comment="домофон не работает")
    before = sandbox.bifit.order(320528)
    bifit = client(sandbox.bifit.url)
    bifit.set_status(bifit.order("320528"), Status.ISSUED)
    after = sandbox.bifit.order(320528)
    moved = {"currentStatusType", "currentStatusTime", "changed"}
    assert after["currentStatusType"] == "ISSUED"
    assert {name: value for name, value in after.items() if name not in moved} == {
        name: value for name, value in before.items() if name not in moved
    }


@pytest.mark.parametrize(
    ("current", "new", "reason"),
    [("NEW", "REFUSED", NOT_REFUSED), ("ISSUED", "REFUSED", NOT_REFUSED), ("ACCEPTED", "DELETED", NOT_DELETED)],
)
def test_a_forbidden_change_is_not_sent(sandbox: Sandbox, current: str, new: str, reason: str) -> None:
    id_ = sandbox.bifit.add(currentStatusType=current)["id"]
    bifit = client(sandbox.bifit.url)
    order = bifit.order(str(id_))
    with pytest.raises(ContractError) as caught:
        bifit.set_status(order, new)
    assert (caught.value.path, caught.value.message) == ("currentStatusType", reason)
    assert [request["method"] for request in sandbox.bifit.requests] == ["POST", "GET"]


@pytest.mark.parametrize("order", [OnlineOrder(id="1"), OnlineOrder(current_status_type="NEW")])
def test_only_an_order_that_was_read_changes_its_status(order: OnlineOrder) -> None:
    with loopback(answer(200, TOKENS)) as server, pytest.raises(ContractError):
        client(server.url).set_status(order, "ACCEPTED")
    assert server.requests == []


def test_path_and_wrapper_of_a_status_change_are_settings(sandbox: Sandbox) -> None:
    sandbox.bifit.status_key = "onlineOrder"
    bifit = client(sandbox.bifit.url, status_key="onlineOrder")
    bifit.set_status(bifit.order("320528"), Status.REFUSED)
    assert sandbox.bifit.order(320528)["currentStatusType"] == "REFUSED"
    with loopback(answer(200, TOKENS), answer(200)) as server:
        client(server.url, status_path="v2/orders/{id}/status").set_status(
            OnlineOrder(id="7", current_status_type="NEW"), "ACCEPTED"
        )
    assert sent(server)[-1] == "PUT v2/orders/7/status"


def test_the_log_names_the_order(sandbox: Sandbox) -> None:
    seen: list[Exchange] = []
    bifit = client(sandbox.bifit.url, observer=seen.append)
    bifit.set_status(bifit.order("320528"), Status.ISSUED)
    bifit.create(new_order(), [], subjects=["orders:17"])
    assert [exchange.subjects for exchange in seen] == [
        (),
        ("online_orders:320528",),
        ("online_orders:320528",),
        ("orders:17",),
    ]


# The token


def test_the_login_is_the_documented_form() -> None:
    with loopback(answer(200, TOKENS), answer(404, {"message": "нет"})) as server:
        assert client(server.url).order("1") is None
    login, read = server.requests
    assert sent(server) == ["POST oauth/token", "GET protected/online_orders/1"]
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in login.headers
    assert read.headers["Authorization"] == "Bearer access-token-1"
    digest = base64.b64encode(hashlib.sha256(PASSWORD.encode()).digest()).decode()
    quoted = digest.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert login.body.decode().split("&") == [
        "grant_type=password",
        "username=shop",
        f"password={quoted}",
        "client_id=cashdesk-rest-client",
        "client_secret=cashdesk-rest-client",
    ]


def test_the_password_is_hashed_as_digest_and_not_as_hex() -> None:
    assert hashed("password") == "XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg="


@pytest.mark.parametrize("refresh", [False, True], ids=["renewed", "logged in again"])
def test_a_token_that_ends_amid_200_fetches_is_renewed_once(sandbox: Sandbox, refresh: bool) -> None:
    """Four threads, each with a client of its own, begin without a token; it ends when half is done."""
    ids = [str(sandbox.bifit.add()["id"]) for _ in range(200)]
    tokens = MemoryTokens()
    barrier = threading.Barrier(4)

    def work(part: int) -> list[str]:
        bifit = client(sandbox.bifit.url, tokens)
        barrier.wait(10)
        found = []
        for number, id_ in enumerate(ids[part::4]):
            if number == 25 and part == 0:
                sandbox.bifit.expire_tokens(refresh=refresh)
            found.append(bifit.order(id_).id)
        return found

    with ThreadPoolExecutor(4) as pool:
        found = [id_ for part in pool.map(work, range(4)) for id_ in part]
    assert sorted(found) == sorted(ids)
    assert (sandbox.bifit.logins, sandbox.bifit.renewals) == ((2, 0) if refresh else (1, 1))


def test_a_refused_renewal_ends_in_one_login(sandbox: Sandbox) -> None:
    bifit = client(sandbox.bifit.url)
    bifit.order("320528")
    sandbox.bifit.expire_tokens(refresh=True)
    assert bifit.order("320528").id == "320528"
    assert (sandbox.bifit.logins, sandbox.bifit.renewals) == (2, 0)


def test_a_wrong_password_is_tried_once_by_all_threads_together(sandbox: Sandbox) -> None:
    tokens = MemoryTokens()
    barrier = threading.Barrier(4)

    def work(_: int) -> list[RemoteError]:
        bifit = client(sandbox.bifit.url, tokens, password="another password")
        barrier.wait(10)
        return [failure(lambda: bifit.order("320528")) for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        errors = [error for part in pool.map(work, range(4)) for error in part]
    assert {type(error) for error in errors} == {Config}
    assert {str(error) for error in errors} == {
        "BIFIT Kassa does not accept the user name and password: Bad credentials"
    }
    assert [request["path"] for request in sandbox.bifit.requests] == ["/oauth/token"]


def test_a_refused_login_is_tried_again_after_a_while(sandbox: Sandbox) -> None:
    seconds = [0.0]
    tokens = MemoryTokens(pause=60, clock=lambda: seconds[0])
    wrong = client(sandbox.bifit.url, tokens, password="another password")
    assert isinstance(failure(lambda: wrong.order("320528")), Config)
    right = client(sandbox.bifit.url, tokens)
    assert isinstance(failure(lambda: right.order("320528")), Config)
    seconds[0] = 60.0
    assert right.order("320528").id == "320528"


def test_a_service_that_refuses_every_token_is_asked_twice_and_no_more() -> None:
    refusal = answer(401, {"message": "Access token expired"})
    again = {**TOKENS, "access_token": "access-token-2"}
    with loopback(answer(200, TOKENS), refusal, answer(200, again), refusal) as server:
        error = failure(lambda: client(server.url).order("1"))
    assert isinstance(error, Config)
    assert error.message == "BIFIT Kassa refuses the token that it has just given: Access token expired"
    assert [request.headers.get("Authorization") for request in server.requests] == [
        None,
        "Bearer access-token-1",
        None,
        "Bearer access-token-2",
    ]


def test_a_401_storm_ends(sandbox: Sandbox) -> None:
    sandbox.faults.set("401")
    bifit = client(sandbox.bifit.url)
    for _ in range(3):
        assert isinstance(failure(lambda: bifit.order("320528")), Config)
    assert len(sandbox.bifit.requests) == 0
    assert sum(fault["fired"] for fault in sandbox.faults.describe()) == 1


def test_a_401_that_passes_is_not_seen(sandbox: Sandbox) -> None:
    sandbox.faults.set("401", times=1, path_contains="online_orders")
    assert client(sandbox.bifit.url).create(new_order(), []) is not None
    assert len(sandbox.bifit.orders) == 2


def test_a_token_is_renewed_ahead_of_its_end() -> None:
    now = [START]
    tokens = MemoryTokens(now=lambda: now[0])
    again = {**TOKENS, "access_token": "access-token-2"}
    missing = answer(404, {"message": "нет"})
    with loopback(answer(200, TOKENS), missing, missing, answer(200, again), missing) as server:
        bifit = client(server.url, tokens, now=lambda: now[0])
        bifit.order("1")
        now[0] = START + timedelta(seconds=43198) - EARLY
        bifit.order("1")
        now[0] += timedelta(seconds=1)
        bifit.order("1")
    assert b"grant_type=refresh_token&refresh_token=refresh-token-1" in server.requests[3].body
    assert server.requests[4].headers["Authorization"] == "Bearer access-token-2"


@pytest.mark.parametrize("life", [30, None, "soon", -1, 10**300])
def test_a_token_of_short_or_unknown_life_is_used_until_it_is_refused(life: Any) -> None:
    granted = {**TOKENS, "expires_in": life}
    with loopback(answer(200, granted), answer(404, {"message": "нет"})) as server:
        bifit = client(server.url)
        assert bifit.order("1") is bifit.order("1") is None
    assert sent(server) == ["POST oauth/token"] + ["GET protected/online_orders/1"] * 2


def test_a_renewal_without_a_refresh_token_keeps_the_old_one() -> None:
    refused = answer(401, {"message": "expired"})
    found = answer(404, {"message": "нет"})
    renewed = answer(200, {"access_token": "access-token-2"})
    again = answer(200, {"access_token": "access-token-3"})
    with loopback(answer(200, TOKENS), refused, renewed, found, refused, again, found) as server:
        bifit = client(server.url)
        bifit.order("1")
        bifit.order("1")
    assert [b"refresh_token=refresh-token-1" in server.requests[index].body for index in (2, 5)] == [True, True]


@pytest.mark.parametrize("body", ["{}", '{"access_token": null}', '{"access_token": 7}'])
def test_a_login_without_a_token_is_a_matter_of_settings(body: str) -> None:
    with loopback(answer(200, body)) as server:
        error = failure(lambda: client(server.url).order("1"))
    assert isinstance(error, Config)
    assert error.message == "No token from BIFIT Kassa: the answer to the login holds no access_token"


@pytest.mark.parametrize("body", ["", "[]", '{"access_token": "a', "<html>Sign in</html>"])
def test_a_login_without_a_readable_answer_is_tried_again(body: str) -> None:
    with loopback(answer(200, body)) as server:
        assert isinstance(failure(lambda: client(server.url).order("1")), Retry)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 302])
def test_a_login_that_is_refused_in_any_way_is_a_matter_of_settings(status: int) -> None:
    with loopback(answer(status, {"error": "invalid_grant", "message": "нет"})) as server:
        assert isinstance(failure(lambda: client(server.url).order("1")), Config)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_login_that_fails_for_now_is_tried_again(status: int) -> None:
    found = answer(404, {"message": "нет"})
    with loopback(answer(status, {"message": "позже"}), answer(200, TOKENS), found) as server:
        bifit = client(server.url)
        assert isinstance(failure(lambda: bifit.order("1")), Retry)
        assert bifit.order("1") is None


def test_a_renewal_that_fails_for_now_keeps_the_refresh_token(sandbox: Sandbox) -> None:
    bifit = client(sandbox.bifit.url)
    bifit.order("320528")
    sandbox.bifit.expire_tokens()
    sandbox.faults.set("503", times=1, path_contains="oauth")
    assert isinstance(failure(lambda: bifit.order("320528")), Retry)
    assert bifit.order("320528").id == "320528"
    assert (sandbox.bifit.logins, sandbox.bifit.renewals) == (1, 1)


# Faults


def test_a_lost_answer_to_a_creation_is_unknown_and_not_repeated(sandbox: Sandbox) -> None:
    sandbox.faults.set("reset_after", path_contains="online_orders", method="POST")
    bifit = client(sandbox.bifit.url)
    assert isinstance(failure(lambda: bifit.create(new_order(), [])), Unknown)
    assert len(sandbox.bifit.orders) == 2


def test_a_lost_answer_to_a_status_change_may_be_repeated(sandbox: Sandbox) -> None:
    bifit = client(sandbox.bifit.url)
    order = bifit.order("320528")
    sandbox.faults.set("reset_after", times=1, method="PUT")
    assert isinstance(failure(lambda: bifit.set_status(order, Status.REFUSED)), Retry)
    bifit.set_status(order, Status.REFUSED)
    assert sandbox.bifit.order(320528)["currentStatusType"] == "REFUSED"


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "garbage", "html", "502", "503", "429", "500"])
@pytest.mark.parametrize("path", ["oauth", "online_orders"])
def test_a_read_that_fails_may_be_repeated(sandbox: Sandbox, kind: str, path: str) -> None:
    sandbox.faults.set(kind, path_contains=path)
    bifit = client(sandbox.bifit.url)
    assert isinstance(failure(lambda: bifit.order("320528")), Retry)
    sandbox.faults.clear()
    assert bifit.order("320528").id == "320528"


@pytest.mark.parametrize("reply", [cut(b'{"id": 1, "vis', 400), answer(200, '{"id": 1, "vis'), reset])
def test_an_answer_that_ends_in_the_middle_may_be_repeated(reply: Any) -> None:
    with loopback(answer(200, TOKENS), reply) as server:
        assert isinstance(failure(lambda: client(server.url).order("1")), Retry)


def test_a_refusal_carries_the_services_own_text(sandbox: Sandbox) -> None:
    sandbox.refuse("online_orders", "320528", "Заказ заблокирован кассиром")
    bifit = client(sandbox.bifit.url)
    error = failure(lambda: bifit.set_status(bifit.order("320528"), Status.ISSUED))
    assert isinstance(error, Refused)
    assert error.message == "Заказ заблокирован кассиром"


def test_a_redirect_does_not_carry_the_token_along(sandbox: Sandbox) -> None:
    with loopback(answer(200, TOKENS), answer(302, "", Location=sandbox.bifit.url)) as server:
        assert isinstance(failure(lambda: client(server.url).order("320528")), Config)
    assert sandbox.bifit.requests == []


# Secrets


def test_no_secret_is_logged_raised_or_printed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    again = {"access_token": "access-token-2", "refresh_token": "refresh-token-2", "expires_in": 43199}
    secrets = [PASSWORD, DIGEST, "access-token-1", "refresh-token-1", "access-token-2", "refresh-token-2"]
    secrets += [DIGEST.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")]
    seen: list[Exchange] = []
    tokens = MemoryTokens()
    told = []
    leaks = [
        answer(400, {"message": f"Bad credentials {PASSWORD} {DIGEST}"}),
        answer(200, TOKENS),
        answer(401, {"message": "Invalid access token: access-token-1"}),
        answer(400, {"message": "Invalid refresh token: refresh-token-1"}),
        answer(200, again),
        answer(401, {"message": "Invalid access token: access-token-2, renew with refresh-token-2"}),
        answer(401, {"message": "Invalid access token: access-token-2"}),
        answer(400, {"message": "Invalid refresh token: refresh-token-2"}),
        answer(200, '{"access_token": "access-token-1", "refresh_tok'),
    ]
    with loopback(*leaks) as server:
        bifit = client(server.url, MemoryTokens(), observer=seen.append)
        told.append(failure(lambda: bifit.order("1")))
        bifit = client(server.url, tokens, observer=seen.append)
        told.append(failure(lambda: bifit.order("1")))
        told.append(failure(lambda: bifit.order("1")))
    assert len(server.requests) == len(leaks)
    text = "".join("".join(traceback.format_exception(error)) + repr(error.__context__) for error in told)
    text += repr(seen) + caplog.text + repr(bifit) + repr(bifit.session) + repr(tokens) + repr(Token(DIGEST, PASSWORD))
    assert [secret for secret in secrets if secret in text] == []
    assert "Invalid refresh token: ***" in text
