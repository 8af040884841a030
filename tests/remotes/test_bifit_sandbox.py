"""The emulated BIFIT Kassa refuses what seed 000 does not allow, applies nothing of it, and records it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from backoffice.remotes.bifit.contract import Status, may_become
from backoffice.remotes.bifit.examples import ORDER
from backoffice.remotes.sandbox import Sandbox

PAIR = {"client_id": "cashdesk-rest-client", "client_secret": "cashdesk-rest-client"}
SAMPLE = json.loads(ORDER.read_text())
START = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = [status.value for status in Status]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=lambda: START) as running:
        yield running


def digest(password: str) -> str:
    return base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()


def login(sandbox: Sandbox, **changes: Any) -> requests.Response:
    """A login as the contract has it, but for `changes`; a change to ... takes the parameter away."""
    bifit = sandbox.bifit
    form = {"grant_type": "password", "username": bifit.username, "password": digest(bifit.password)} | PAIR | changes
    given = {name: value for name, value in form.items() if value is not ...}
    return requests.post(f"{bifit.url}/oauth/token", data=given, timeout=20)


def renew(sandbox: Sandbox, refresh: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh} | PAIR
    return requests.post(f"{sandbox.bifit.url}/oauth/token", data=form, timeout=20)


def call(sandbox: Sandbox, method: str, path: str, body: Any = None, token: str | None = None) -> requests.Response:
    token = token if token is not None else login(sandbox).json()["access_token"]
    url = f"{sandbox.bifit.url}/protected/{path}"
    return requests.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def new(**changes: Any) -> dict[str, Any]:
    """A right body of a creation, but for `changes` to its order."""
    order = {
        "organizationId": "org",
        "tradeObjectId": "shop",
        "externalId": "A-1",
        "deliveryType": "COURIER",
        "address": "Москва",
        "totalAmount": 100.5,
        "currentStatusType": "ACCEPTED",
    } | changes
    return {"onlineOrder": {name: value for name, value in order.items() if value is not ...}, "items": []}


def refused(sandbox: Sandbox, reply: requests.Response, status: int = 400) -> str:
    """The text of a refusal that was recorded as a violation."""
    assert reply.status_code == status, reply.text
    assert list(reply.json()) == ["message"]
    assert sandbox.bifit.violations[-1]["message"] == reply.json()["message"]
    return reply.json()["message"]


def test_the_sample_is_served_as_printed(sandbox: Sandbox) -> None:
    reply = call(sandbox, "GET", "online_orders/320528")
    assert list(reply.json().items()) == list(SAMPLE.items())
    assert sandbox.bifit.violations == []


# OAuth


def test_a_login_gives_both_tokens(sandbox: Sandbox) -> None:
    token = login(sandbox).json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 43199)
    assert call(sandbox, "GET", "online_orders/320528", token=token["access_token"]).status_code == 200
    assert (sandbox.bifit.logins, sandbox.bifit.renewals) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"password": "kassa-sandbox-password"}, 400),
        ({"password": hashlib.sha256(b"kassa-sandbox-password").hexdigest()}, 400),
        ({"client_secret": "other"}, 401),
        ({"client_id": "other"}, 401),
        ({"client_id": ...}, 400),
        ({"grant_type": "client_credentials"}, 400),
        ({"grant_type": ...}, 400),
        ({"scope": "all"}, 400),
        ({"refresh_token": "x"}, 400),
        ({"username": ["a", "b"]}, 400),
    ],
)
def test_a_login_in_another_form_is_a_violation(sandbox: Sandbox, changes: dict[str, Any], status: int) -> None:
    refused(sandbox, login(sandbox, **changes), status)
    assert sandbox.bifit.logins == 0


@pytest.mark.parametrize("changes", [{"password": digest("another")}, {"username": "another"}])
def test_a_wrong_password_is_refused_but_breaks_no_contract(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    reply = login(sandbox, **changes)
    assert (reply.status_code, reply.json()) == (400, {"message": "Bad credentials"})
    assert sandbox.bifit.violations == []


def test_a_login_as_json_or_by_get_is_a_violation(sandbox: Sandbox) -> None:
    url = f"{sandbox.bifit.url}/oauth/token"
    assert "form-urlencoded" in refused(sandbox, requests.post(url, json=PAIR, timeout=20))
    refused(sandbox, requests.get(url, timeout=20), 405)


def test_a_refresh_token_is_good_once_and_ends_its_access_token(sandbox: Sandbox) -> None:
    first = login(sandbox).json()
    second = renew(sandbox, first["refresh_token"]).json()
    assert renew(sandbox, first["refresh_token"]).json() == {"message": "Invalid refresh token"}
    statuses = [
        call(sandbox, "GET", "online_orders/320528", token=token["access_token"]).status_code
        for token in (first, second)
    ]
    assert statuses == [401, 200]
    assert (sandbox.bifit.logins, sandbox.bifit.renewals) == (1, 1)
    assert sandbox.bifit.violations == []


def test_a_token_ends_after_its_time_or_when_a_test_says_so(sandbox: Sandbox) -> None:
    token = login(sandbox).json()
    sandbox.tick(43198)
    assert call(sandbox, "GET", "online_orders/320528", token=token["access_token"]).status_code == 200
    sandbox.tick(1)
    ended = call(sandbox, "GET", "online_orders/320528", token=token["access_token"])
    assert (ended.status_code, ended.json()) == (401, {"message": "Access token expired"})
    sandbox.bifit.expire_tokens(refresh=True)
    assert renew(sandbox, token["refresh_token"]).status_code == 400


@pytest.mark.parametrize("token", ["", "made-up"])
def test_a_token_that_was_never_given_is_a_violation(sandbox: Sandbox, token: str) -> None:
    refused(sandbox, call(sandbox, "GET", "online_orders/320528", token=token), 401)


def test_what_is_recorded_holds_no_secret(sandbox: Sandbox) -> None:
    assert login(sandbox, scope="all").status_code == 400
    token = login(sandbox).json()
    renew(sandbox, token["refresh_token"])
    recorded = json.dumps([sandbox.bifit.requests, sandbox.bifit.violations, sandbox.describe()])
    assert "oauth/token" in recorded
    for secret in (digest(sandbox.bifit.password), token["refresh_token"], token["access_token"]):
        assert secret not in recorded


# Orders


def test_a_new_order_gets_what_the_service_assigns(sandbox: Sandbox) -> None:
    made = call(sandbox, "POST", "online_orders", new()).json()
    assert set(made) == set(SAMPLE)
    assert (made["id"], made["created"], made["changed"]) == (320529, 1767225600000, 1767225600000)
    assert (made["externalId"], made["totalAmount"], made["paid"]) == ("A-1", 100.5, False)
    assert call(sandbox, "GET", "online_orders/320529").json() == made
    assert sandbox.bifit.order(320529) == made


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"currentStatusType": "REFUSED"}, "в статусе REFUSED невозможно создать"),
        ({"currentStatusType": "DELETED"}, "в статусе DELETED невозможно создать"),
        ({"currentStatusType": "RETURNED"}, "currentStatusType"),
        ({"currentStatusType": ...}, "Не заданы поля: currentStatusType"),
        ({"address": ...}, "Не заданы поля: address"),
        ({"colour": "red"}, "Неизвестное поле colour"),
        ({"id": 7}, "назначается сервисом"),
        ({"totalAmount": "100.5"}, "totalAmount"),
        ({"totalAmount": 100.505}, "totalAmount"),
        ({"totalAmount": True}, "totalAmount"),
        ({"deliveryTime": "2026-01-01"}, "deliveryTime"),
        ({"deliveryTime": 1645690416}, "deliveryTime"),
        ({"deliveryTime": 1645690416000.5}, "deliveryTime"),
        ({"taxSystem": "OSN"}, "taxSystem"),
        ({"deliveryType": "DRONE"}, "deliveryType"),
        ({"paid": 0}, "paid"),
        ({"clientId": "195363"}, "clientId"),
        ({"externalId": 112345}, "externalId"),
        ({"organizationId": ""}, "organizationId"),
    ],
)
def test_a_wrong_order_is_refused_with_its_batch(sandbox: Sandbox, changes: dict[str, Any], text: str) -> None:
    reply = call(sandbox, "POST", "online_orders", [new(), new(**changes)])
    assert text in refused(sandbox, reply)
    assert [order["id"] for order in sandbox.bifit.orders] == [320528]


def test_a_right_batch_is_created_whole(sandbox: Sandbox) -> None:
    made = call(sandbox, "POST", "online_orders", [new(), new(deliveryType="SELF", address=...)]).json()
    assert [order["id"] for order in made] == [320529, 320530]


@pytest.mark.parametrize("body", [[], {}, {"onlineOrder": {}}, new() | {"goods": []}, new() | {"items": {}}, 7])
def test_a_creation_in_another_form_is_a_violation(sandbox: Sandbox, body: Any) -> None:
    refused(sandbox, call(sandbox, "POST", "online_orders", body))
    assert len(sandbox.bifit.orders) == 1


def test_the_key_of_the_goods_and_the_answer_can_be_others(sandbox: Sandbox) -> None:
    sandbox.bifit.items_key, sandbox.bifit.tells_created = "goods", False
    reply = call(sandbox, "POST", "online_orders", {"onlineOrder": new()["onlineOrder"], "goods": [{"name": "Чай"}]})
    assert (reply.status_code, reply.content) == (201, b"")


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_changes_as_our_own_rule_says(sandbox: Sandbox, old: str, status: str) -> None:
    """The sandbox has its rule from the seed, and so has `may_become`: they must agree on all 49."""
    order = sandbox.bifit.add(currentStatusType=old)
    reply = call(sandbox, "PUT", f"online_orders/{order['id']}", order | {"currentStatusType": status})
    if may_become(old, status):
        assert old in refused(sandbox, reply)
        assert sandbox.bifit.order(order["id"]) == order
    else:
        assert reply.json()["currentStatusType"] == status
        assert sandbox.bifit.violations == []


def test_a_change_of_status_is_stamped(sandbox: Sandbox) -> None:
    order = sandbox.bifit.add()
    sandbox.tick(60)
    after = call(
        sandbox,
        "PUT",
        f"online_orders/{order['id']}",
        order | {"currentStatusType": "ISSUED", "created": 1645690408369},
    ).json()
    assert after == order | {
        "currentStatusType": "ISSUED",
        "currentStatusTime": order["currentStatusTime"] + 60_000,
        "changed": order["changed"] + 60_000,
    }


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"comment": ...}, "Не заданы поля: comment"),
        ({"id": 7}, "id: в адресе 320528"),
        ({"colour": "red"}, "Неизвестное поле colour"),
        ({"totalAmount": "3000.00"}, "totalAmount"),
        ({"currentStatusType": "RETURNED"}, "currentStatusType"),
    ],
)
def test_a_put_brings_the_whole_order_and_nothing_else(sandbox: Sandbox, changes: dict[str, Any], text: str) -> None:
    body = {name: value for name, value in (SAMPLE | changes).items() if value is not ...}
    assert text in refused(sandbox, call(sandbox, "PUT", "online_orders/320528", body))
    assert sandbox.bifit.order(320528) == SAMPLE


def test_what_a_newer_version_added_must_come_back(sandbox: Sandbox) -> None:
    order = sandbox.bifit.change(320528, tips=0.1, currentStatusType="RETURNED")
    assert "tips" in refused(sandbox, call(sandbox, "PUT", "online_orders/320528", SAMPLE))
    assert call(sandbox, "PUT", "online_orders/320528", order).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "online_orders", 405),
        ("DELETE", "online_orders/320528", 405),
        ("GET", "online_orders/", 404),
        ("GET", "online_orders/abc", 400),
        ("GET", "orders/1", 404),
        ("GET", "online_orders/320528?full=1", 400),
    ],
)
def test_other_addresses_are_violations(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    refused(sandbox, call(sandbox, method, path), status)


def test_an_order_that_is_not_there_breaks_no_contract(sandbox: Sandbox) -> None:
    assert call(sandbox, "GET", "online_orders/1").status_code == 404
    assert call(sandbox, "PUT", "online_orders/1", SAMPLE | {"id": 1}).status_code == 404
    assert sandbox.bifit.violations == []


def test_a_poisoned_order_refuses_writes_only(sandbox: Sandbox) -> None:
    sandbox.refuse("online_orders", "320528", "Заблокирован")
    sandbox.refuse("online_orders", "A-1", "Уже был")
    assert call(sandbox, "PUT", "online_orders/320528", SAMPLE).json() == {"message": "Заблокирован"}
    assert call(sandbox, "POST", "online_orders", new()).json() == {"message": "Уже был"}
    assert call(sandbox, "GET", "online_orders/320528").status_code == 200
    assert sandbox.bifit.violations == []


# Driving


def test_state_survives_a_restart_and_ireca_does_not_notice(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    with Sandbox(state_path=path) as sandbox:
        token = login(sandbox).json()["access_token"]
        added = sandbox.bifit.add(comment="позвонить")
    with Sandbox(state_path=path) as sandbox:
        assert call(sandbox, "GET", f"online_orders/{added['id']}", token=token).json() == added
        assert sandbox.bifit.add()["id"] == added["id"] + 1
        assert sandbox.requests == sandbox.violations == []


def test_a_reset_puts_the_sample_back(sandbox: Sandbox) -> None:
    call(sandbox, "GET", "shops")
    sandbox.bifit.change(320528, paid=True)
    sandbox.bifit.add()
    sandbox.reset()
    assert sandbox.bifit.orders == [SAMPLE]
    assert sandbox.bifit.requests == sandbox.bifit.violations == []
    assert sandbox.bifit.logins == 0


def test_another_process_drives_it(sandbox: Sandbox) -> None:
    url = f"{sandbox.origin}/__sandbox__/bifit"

    def post(**command: Any) -> Any:
        return requests.post(url, json=command, timeout=20)

    added = post(action="add", fields={"currentStatusType": "NEW"}).json()
    changed = post(action="change", id=added["id"], fields={"paid": True}).json()
    assert (changed["id"], changed["paid"], changed["currentStatusType"]) == (added["id"], True, "NEW")
    token = login(sandbox).json()["access_token"]
    assert post(action="expire_tokens").json()["logins"] == 1
    assert call(sandbox, "GET", "online_orders/320528", token=token).status_code == 401
    assert post(action="explode").status_code == post(action="change", id=1, fields={}).status_code == 400
    told = requests.get(url, timeout=20).json()
    assert [order["id"] for order in told["all"]] == [320528, added["id"]]
    assert [request["status"] for request in told["last"]] == [200, 401]
    assert requests.get(f"{sandbox.origin}/__sandbox__/state", timeout=20).json()["bifit"]["orders"] == 2
