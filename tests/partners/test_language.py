"""What a partner is told is in his language: nothing of what our readers tell our own log reaches him."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backoffice.partners.api.errors import EXPECTED
from backoffice.remotes import values
from backoffice.remotes.ireca.contract import codec, kinds
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order

RUSSIAN = {"Accept-Language": "ru"}


def told(response: Any) -> str:
    assert response.status_code == 400, response.content
    return str(json.loads(response.getvalue())["message"])


@pytest.mark.parametrize(
    "said",
    [
        {"amountToPay": True},
        {"amountToPay": "much"},
        {"cash": 10**20},
        {"orderId": {"a": 1}},
        {"description": [1]},
        {"isAgreed": "perhaps"},
        {"deliveryTimeFrom": "soon"},
        {"deliveryStatusId": [1]},
        {"client": 5},
        {"goods": [None]},
        {"goods": [line("1", 0, count=False)]},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "orders"), ("PUT", "orders?orderId=1")])
def test_a_value_of_another_kind_is_told_in_russian(partner: Partner, said: Any, method: str, path: str) -> None:
    message = told(partner.call(method, path, order("1", **said), **RUSSIAN))
    assert re.search("должно быть|слишком", message), message
    assert "expected" not in message


@pytest.mark.parametrize("body", [[None], [5], ["x"]])
def test_no_object_is_told_in_russian(partner: Partner, body: Any) -> None:
    assert "должно быть объектом" in told(partner.call("POST", "orders", body, **RUSSIAN))


@pytest.mark.parametrize("path", ["orders?updatedSince=soon", "orders?hasReceipt=x", "journal?entityId=1&startedAt=x"])
def test_a_query_is_told_in_russian(partner: Partner, path: str) -> None:
    partner.call("POST", "orders", [order("1")])
    assert "должно быть" in told(partner.call("GET", path, **RUSSIAN))


def test_every_text_of_the_readers_has_its_words() -> None:
    sources = [Path(str(module.__file__)).read_text() for module in (values, kinds, codec)]
    texts = re.findall(r'(?:ValueError\(|ContractError\("", )f?"(expected [^"]*)"', "".join(sources))
    assert len(texts) > 10
    assert {text.replace("{DEEPEST}", str(values.DEEPEST)).partition(", got ")[0] for text in texts} == set(EXPECTED)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "orders"), ("POST", "orders/replace"), ("PUT", "orders?orderId=1")]
)
@pytest.mark.parametrize("body", [None, b"", {}])
def test_an_empty_body_is_called_so(partner: Partner, method: str, path: str, body: Any) -> None:
    assert told(partner.call(method, path, body, **RUSSIAN)) == "Тело запроса пустое."


@pytest.mark.parametrize(
    ("query", "limits"), [("page=-1", "от 0 до"), ("count=501", "от 1 до 500"), ("count=x", "от 1")]
)
def test_a_page_says_its_limits(partner: Partner, query: str, limits: str) -> None:
    assert limits in told(partner.call("GET", f"orders?{query}", **RUSSIAN))
