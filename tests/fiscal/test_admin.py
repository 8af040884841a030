"""Receipts, ATOL settings and the logs of devices in the admin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser

from fiscal.models import AtolSettings, Receipt
from orders.models import Order, Payment
from tests.sync.admin_pages import loaded, messages
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

ATOL = "/admin/fiscal/atolsettings/"
GOOD: dict[str, Any] = {
    "setting_id": "1",
    "login": "shop",
    "password": "secret-word",
    "inn": "7707083893",
    "kkt_group": "group-1",
    "tax_system": "osn",
    "agent_type": "",
}


def test_a_receipt_shows_its_code_or_why_there_is_none(admin_client: Browser) -> None:
    order = make(Order, prepayment_sum=Decimal(0))
    receipt = make(Receipt, order=order, fn="9999078900004312", fd_number="46", fiscal_sign="3522207165")
    url = f"/admin/fiscal/receipt/{receipt.pk}/change/"
    assert "fp=3522207165" not in admin_client.get(url).content.decode()
    make(Payment, order=receipt.order, price=Decimal("1030"))
    page = admin_client.get(url).content.decode()
    assert "s=1030.00&amp;fn=9999078900004312" in page
    assert "<svg" in page


def test_receipts_are_found_by_order_and_by_document(admin_client: Browser) -> None:
    receipt = make(Receipt, order=make(Order, number="G-1"), fn="9999078900004312", fd_number="46")
    make(Receipt, order=make(Order), fn="9999078900004312", fd_number="47")
    for term in ("G-1", "9999078900004312 46"):
        assert list(admin_client.get("/admin/fiscal/receipt/", {"q": term}).context["cl"].result_list) == [receipt]


def test_atol_settings_are_stored_with_a_hidden_password(admin_client: Browser) -> None:
    assert admin_client.post(f"{ATOL}add/", GOOD).status_code == 302
    row = AtolSettings.objects.get()
    assert row.password == "secret-word"
    url = f"{ATOL}{row.pk}/change/"
    assert "secret-word" not in admin_client.get(url).content.decode()
    data = loaded(admin_client, url, "atolsettings_form")
    assert admin_client.post(url, {**data, "login": "shop-2"}).status_code == 302
    row.refresh_from_db()
    assert (row.login, row.password) == ("shop-2", "secret-word")


@pytest.mark.parametrize("inn", ["", "770708389", "7707083894", "77070838930", "770708389x"])
def test_an_inn_is_checked(admin_client: Browser, inn: str) -> None:
    response = admin_client.post(f"{ATOL}add/", {**GOOD, "inn": inn})
    assert list(response.context["adminform"].form.errors) == ["inn"]


@pytest.mark.parametrize("password", ["", "x" * 101])
def test_a_new_password_is_checked(admin_client: Browser, password: str) -> None:
    response = admin_client.post(f"{ATOL}add/", {**GOOD, "password": password})
    assert list(response.context["adminform"].form.errors) == ["password"]


@pytest.mark.parametrize(
    "risky",
    [{"tax_system": "envd"}, {"is_production": "on", "kkt_group": "v4-online-atol-ru_4179"}],
    ids=["abolished", "test-group"],
)
def test_what_is_hardly_meant_is_warned_of(admin_client: Browser, risky: dict[str, str]) -> None:
    response = admin_client.post(f"{ATOL}add/", {**GOOD, **risky}, follow=True)
    assert len(messages(response)) == 4  # the warning, that it was saved, that it is on its way, that iRECA is off
    row = AtolSettings.objects.get()
    assert len(admin_client.get(f"{ATOL}{row.pk}/change/").context["atol_warnings"]) == 1
