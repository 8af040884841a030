"""The copy with which tests begin is what a pull makes."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from backoffice.remotes.sandbox import Sandbox
from orders.models import Order
from tests import flush, pulled
from tests.conftest import pull_everything

# Each run has keys, moments and names of its own.
OWN = ("AutoField", "BigAutoField", "DateTimeField", "ForeignKey", "OneToOneField")


def rows() -> dict[str, list[str]]:
    """Every row of the tables that mirror iRECA, but for what each run has of its own."""
    found = {}
    for model in apps.get_models():
        told = [field.attname for field in model._meta.concrete_fields if field.get_internal_type() not in OWN]
        if told and model._meta.app_label in ("catalog", "couriers", "fiscal", "orders"):
            found[model._meta.label] = sorted(map(repr, model._base_manager.values_list(*told)))
    return found


def copy(sandbox: Sandbox) -> None:
    for pull in (pull_everything, lambda: pytest.fail("it was pulled before, and is copied")):
        flush.empty("default")
        pulled.once(sandbox, pull)


def test_a_copy_has_the_rows_of_a_pull(ireca: Sandbox) -> None:
    copy(ireca)
    copied = rows()
    flush.empty("default")
    pull_everything()
    assert rows() == copied
    assert copied["orders.Order"]


def test_rows_that_are_made_after_a_copy_have_keys_of_their_own(ireca: Sandbox) -> None:
    copy(ireca)
    known = set(Order.objects.values_list("pk", flat=True))
    assert Order.objects.create().pk > max(known)


def test_another_sandbox_is_pulled(ireca: Sandbox) -> None:
    flush.empty("default")
    order = next(iter(ireca.state.store.everything()["orders"].values()))
    ireca.state.store.put("orders", order["orderId"], {**order, "description": "changed"})
    pulled.once(ireca, pull_everything)
    assert Order.objects.get(ireca_id=str(order["orderId"])).description == "changed"


def test_where_rows_are_already_they_are_merged_with(ireca: Sandbox) -> None:
    asked: list[Any] = []
    pulled.once(ireca, lambda: asked.append(None))
    assert asked


@pytest.fixture(autouse=True)
def _no_copy_of_a_test(monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    """What is copied here is forgotten."""
    monkeypatch.setattr(pulled, "_copies", dict(pulled._copies))
