"""What schemathesis found: characters that no database holds, and one permission twice in an array."""

from __future__ import annotations

import pytest

from couriers.models import Courier
from tests.partners.conftest import Partner


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "orders?orderId=%00"),
        ("GET", "goods?article=%00"),
        ("GET", "bankTerminalLogs?courierId=1%00"),
        ("PUT", "paymentTypes?paymentTypeId=%00"),
        ("DELETE", "clients?clientId=%00"),
        ("GET", "dictionary/closeTypes?any=%00"),
    ],
)
def test_nul_in_the_query_is_refused(partner: Partner, method: str, path: str) -> None:
    answer = partner.call(method, path, {} if method == "PUT" else None)
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json()["errors"]] == [path.partition("?")[2].partition("=")[0]]


def test_nul_in_a_text_is_kept_as_the_mark_of_what_cannot_be(partner: Partner) -> None:
    courier = {"courierId": "1", "title": "a\0b", "email": "", "phone": "", "sourcePassword": "x\0y"}
    assert partner.call("POST", "couriers", [courier]).status_code == 201
    assert Courier.objects.get(ireca_id="1").title == "a\ufffdb"


def test_a_permission_twice_in_an_array_is_named(partner: Partner) -> None:
    permission = {"roleId": "7", "actionId": "cashIn", "isAllowed": "1"}
    answer = partner.call("POST", "permissions/replace", [permission, permission])
    assert answer.status_code == 400
    assert [problem["index"] for problem in answer.json()["errors"]] == [1]
