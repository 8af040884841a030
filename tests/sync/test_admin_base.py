"""The base admin: what it saves, what it tells, and that it overwrites nobody."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from couriers.models import Courier, Role
from tests.sync.admin_pages import loaded

pytestmark = pytest.mark.django_db


@pytest.fixture
def courier() -> Courier:
    role = Role.objects.create(title="Courier", ireca_id="9", remote_data={})
    courier = Courier.objects.create(
        title="Ivan",
        phone="+79990000000",
        role=role,
        ireca_id="55752",
        remote_data={},
        source_password="top-secret-word",
    )
    Push.objects.all().delete()
    Courier.objects.update(sync_state=SyncState.CLEAN)
    return courier


def url_of(row: Any, page: str = "change") -> str:
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/{page}/"


def test_saving_an_untouched_form_sends_nothing(admin_client: Browser, courier: Courier) -> None:
    data = loaded(admin_client, url_of(courier), "courier_form")
    response = admin_client.post(url_of(courier), data)
    assert response.status_code == 302
    assert not Push.objects.exists()
    assert courier.history.count() == 1
    courier.refresh_from_db()
    assert courier.source_password == "top-secret-word"


def test_only_the_touched_column_is_written(admin_client: Browser, courier: Courier) -> None:
    data = loaded(admin_client, url_of(courier), "courier_form")
    Courier._base_manager.filter(pk=courier.pk).update(title="Pyotr", inn="7707083893")  # iRECA, meanwhile
    response = admin_client.post(url_of(courier), {**data, "phone": "+79991112233"})
    assert response.status_code == 302
    courier.refresh_from_db()
    assert (courier.title, courier.inn, courier.phone) == ("Pyotr", "7707083893", "+79991112233")
    assert courier.history.latest().title == "Pyotr"
    assert Push.objects.get().object_id == courier.pk


def test_a_column_that_both_changed_is_told_and_a_second_save_overwrites_it(
    admin_client: Browser, courier: Courier
) -> None:
    data = loaded(admin_client, url_of(courier), "courier_form")
    Courier._base_manager.filter(pk=courier.pk).update(title="Pyotr", phone="+70000000000")
    response = admin_client.post(url_of(courier), {**data, "title": "Semyon"})
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert "Pyotr" in form.errors["title"][0]
    assert list(form.errors) == ["title"]
    courier.refresh_from_db()
    assert courier.title == "Pyotr"

    again = {**data, "title": "Semyon", "row_state": form["row_state"].value()}
    assert admin_client.post(url_of(courier), again).status_code == 302
    courier.refresh_from_db()
    assert (courier.title, courier.phone) == ("Semyon", "+70000000000")


def test_an_error_elsewhere_does_not_lose_what_was_typed(admin_client: Browser, courier: Courier) -> None:
    data = loaded(admin_client, url_of(courier), "courier_form")
    wrong = {**data, "title": "Semyon", "role": "12345"}
    response = admin_client.post(url_of(courier), wrong)
    assert "role" in response.context["adminform"].form.errors
    state = response.context["adminform"].form["row_state"].value()
    right = {**wrong, "role": data["role"], "row_state": state}
    assert admin_client.post(url_of(courier), right).status_code == 302
    courier.refresh_from_db()
    assert courier.title == "Semyon"


def test_the_secret_is_set_but_never_shown(admin_client: Browser, courier: Courier) -> None:
    page = admin_client.get(url_of(courier)).content.decode()
    assert "top-secret-word" not in page
    data = loaded(admin_client, url_of(courier), "courier_form")
    assert data["source_password"] == ""
    admin_client.post(url_of(courier), {**data, "source_password": "another-word"})
    courier.refresh_from_db()
    assert courier.source_password == "another-word"
