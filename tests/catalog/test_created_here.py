"""What only the iRECA cabinet creates in `cabinet` mode is created here, and reaches iRECA, in `api` mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.test import Client as Browser

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.models import Push
from fiscal.models import Tax
from tests.sync.admin_pages import loaded

# model, what a person types, the wire's name of the entity, of its id, and what iRECA has then
ENTITIES = [
    pytest.param(
        "couriers.courier",
        {"title": "Ivan Petrov", "phone": "+79991234567", "source_password": "app-password"},
        ("couriers", "courierId"),
        {"title": "Ivan Petrov", "phone": "+79991234567"},
        id="couriers",
    ),
    pytest.param("couriers.role", {"title": "Senior"}, ("userRoles", "roleId"), {"title": "Senior"}, id="roles"),
    pytest.param(
        "orders.returnreason", {"title": "Late"}, ("orderReturnReasons", "reasonId"), {"title": "Late"}, id="reasons"
    ),
    pytest.param(
        "fiscal.paymenttype",
        {"title": "Voucher", "close_type": "2"},
        ("paymentTypes", "paymentTypeId"),
        {"title": "Voucher", "closeTypeId": 2},
        id="payment-types",
    ),
    pytest.param("fiscal.tax", {"title": "НДС 22%"}, ("taxes", "taxId"), {"title": "НДС 22%"}, id="taxes"),
    pytest.param(
        "catalog.supplier",
        {"title": "Bakery", "inn": "7707083893"},
        ("suppliers", "supplierId"),
        {"title": "Bakery", "inn": "7707083893"},
        id="suppliers",
    ),
]
every_entity = pytest.mark.parametrize(("label", "typed", "wire", "expected"), ENTITIES)


def pages(label: str) -> tuple[str, str]:
    listed = f"/admin/{label.replace('.', '/')}/"
    return listed, f"{listed}add/"


@every_entity
@pytest.mark.django_db(transaction=True)
def test_in_api_mode_it_is_created_here(
    label: str,
    typed: dict[str, str],
    wire: tuple[str, str],
    expected: dict[str, Any],
    admin_client: Browser,
    ireca: Sandbox,
    settle: Callable[[], None],
    settings: Any,
) -> None:
    settings.IRECA_MODE = "api"
    listed, added = pages(label)
    assert f'href="{added}"' in admin_client.get(listed).content.decode()
    data = loaded(admin_client, added, f"{label.partition('.')[2]}_form")
    tax = Tax.objects.order_by("pk").first()
    assert tax is not None
    references = {"tax": tax.pk} if "tax" in data else {}
    assert admin_client.post(added, {**data, **references, **typed}).status_code == 302
    row = apps.get_model(label).objects.latest("pk")
    settle()
    row.refresh_from_db()
    assert (row.sync_state, row.sync_error) == ("clean", "")
    entity, key = wire
    (created,) = [r for r in ireca.requests if r["path"] == f"/{entity}" and r["method"] == "POST"]
    assert str(created["body"][0][key]) == row.ireca_id
    stored = ireca.state.store.get(entity, row.ireca_id)
    assert stored is not None
    assert {name: stored[name] for name in expected} == expected
    assert not Push.objects.filter(state__in=Push.OPEN).exists()
    assert ireca.violations == []


@every_entity
@pytest.mark.django_db
def test_in_cabinet_mode_it_is_not_offered(
    label: str, typed: dict[str, str], wire: Any, expected: Any, admin_client: Browser, settings: Any
) -> None:
    settings.IRECA_MODE = "cabinet"
    listed, added = pages(label)
    assert f'href="{added}"' not in admin_client.get(listed).content.decode()
    assert admin_client.get(added).status_code == 403
    assert admin_client.post(added, typed).status_code == 403
    assert not apps.get_model(label).objects.exists()
