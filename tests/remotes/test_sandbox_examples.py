"""Every request example of the document is accepted by the sandbox, and what it answers has the form of the examples.

`test_sandbox_examples.json` holds the examples with their line numbers in the iRECA seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.routes import ENDPOINTS
from tests.remotes.sandbox_support import call

EXAMPLES = json.loads(Path(__file__).with_name("test_sandbox_examples.json").read_text("utf-8"))


def _name(example: dict[str, Any]) -> str:
    return f"{example['line']} {example.get('method', 'GET')} {example['path']}"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def _make_room(sandbox: Sandbox, example: dict[str, Any]) -> None:
    """Two of the create examples use ids that the sample data hold as well."""
    entity = example["path"].strip("/").split("?")[0]
    if example["method"] == "POST" and entity in ("orders", "clients"):
        key = {"orders": "orderId", "clients": "clientId"}[entity]
        for row in example["body"]:
            call(sandbox, "DELETE", f"/{entity}?{key}={row[key]}")


def _same(sent: Any, read: Any) -> bool:
    """Whether an answer holds what was sent, numbers and numeric strings being the same."""
    if isinstance(sent, dict):
        return all(
            name in read and _same(value, read[name]) for name, value in sent.items() if name != "isUseGoogleGeo"
        )
    if isinstance(sent, list):
        return len(sent) == len(read) and all(_same(a, b) for a, b in zip(sent, read, strict=True))
    if sent is None:
        return read in (None, {}, "")
    try:
        return float(sent) == float(read)
    except (TypeError, ValueError):
        return sent == read


@pytest.mark.parametrize("example", EXAMPLES["requests"], ids=_name)
def test_request_example_is_accepted(sandbox: Sandbox, example: dict[str, Any]) -> None:
    _make_room(sandbox, example)
    answer = call(sandbox, example["method"], example["path"], example["body"])
    assert (answer.status_code, answer.content) == (example["status"], b"")
    assert sandbox.violations == []


_WRITTEN = [e for e in EXAMPLES["requests"] if isinstance(e["body"], list | dict) and "orderIds" not in e["body"]]
_STORED = [e for e in _WRITTEN if not any(word in e["path"] for word in ("callback", "atol", "permissions"))]


@pytest.mark.parametrize("example", _STORED, ids=_name)
def test_what_an_example_writes_is_read_back(sandbox: Sandbox, example: dict[str, Any]) -> None:
    _make_room(sandbox, example)
    call(sandbox, example["method"], example["path"], example["body"])
    entity = example["path"].strip("/").split("?")[0].split("/")[0]
    key = next(e.select for e in ENDPOINTS if e.path == entity and e.method == "GET" and e.select)
    for sent in example["body"] if isinstance(example["body"], list) else [example["body"]]:
        identity = sent.get(key) or example["path"].split("=")[1]
        read = call(sandbox, "GET", f"/{entity}?{key}={identity}").json()
        expected = {name: value for name, value in sent.items() if name not in (key, "updatedAt")}
        assert _same(expected, read)


def _form(value: Any) -> Any:
    """Keys and JSON types of a value; {} is what it is for, null."""
    if isinstance(value, dict) and value:
        return {name: _form(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_form(value[0])] if value else []
    if value is None or value == {}:
        return "null"
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.parametrize("example", EXAMPLES["answers"], ids=_name)
def test_answer_has_the_form_of_the_example(sandbox: Sandbox, example: dict[str, Any]) -> None:
    if example["path"] == "/orders":
        call(sandbox, "DELETE", "/orders?orderId=1")
        call(sandbox, "DELETE", "/orders?orderId=2")
    read = call(sandbox, "GET", example["path"]).json()
    if "goods?" in example["path"] and isinstance(read, list):
        read = [row for row in read if row["goodId"] in {"355865", "355866"}]
    if "licenses" in example["path"] or "orders" in example["path"]:
        assert list(read[0] if isinstance(read, list) else read) == list(
            example["body"][0] if isinstance(example["body"], list) else example["body"]
        )
    assert _form(read) == _form(example["body"])


def test_sample_order_is_answered_exactly_as_printed(sandbox: Sandbox) -> None:
    example = next(e for e in EXAMPLES["answers"] if e["path"] == "/orders?orderId=209900")
    assert call(sandbox, "GET", example["path"]).json() == example["body"]


def test_list_after_the_replace_example_is_as_printed(sandbox: Sandbox) -> None:
    replace = next(e for e in EXAMPLES["requests"] if e["path"] == "/orders/replace")
    printed = next(e for e in EXAMPLES["answers"] if e["path"] == "/orders")["body"][0]
    call(sandbox, "POST", "/orders/replace", replace["body"])
    read = next(row for row in call(sandbox, "GET", "/orders").json() if row["orderId"] == 209900)
    # The document's two examples name different phones.
    assert read | {"phone": ""} == printed | {"phone": ""}


@pytest.mark.parametrize(
    "entity", ["specificities", "warehouses", "couriers", "suppliers", "orderReturnReasons", "paymentTypes", "taxes"]
)
def test_sample_directories_are_answered_exactly_as_printed(sandbox: Sandbox, entity: str) -> None:
    example = next(
        e for e in EXAMPLES["answers"] if e["path"].split("?")[0] == f"/{entity}" and isinstance(e["body"], list)
    )
    read = call(sandbox, "GET", example["path"]).json()
    assert [row for row in read if row in example["body"]] == example["body"]


def test_all_ninety_endpoints_are_there() -> None:
    assert len(ENDPOINTS) == 90
    assert len({(e.method, e.path, e.select) for e in ENDPOINTS}) == 90
