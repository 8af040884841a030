"""Licences, roles and couriers in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import worker
from backoffice.sync.lease import owner
from backoffice.sync.models import Push
from couriers.models import Courier, License, LicenseUsage, Location, Permission, Role
from tests.sync.admin_pages import loaded, messages
from tests.sync.rows import make

LICENSES = "/admin/couriers/license/"


def release(browser: Browser, rows: list[License], **more: Any) -> Any:
    data = {"action": "release_licence", "_selected_action": [row.pk for row in rows], **more}
    return browser.post(LICENSES, data, follow=True)


@pytest.mark.django_db
def test_the_list_says_how_many_licences_are_used(admin_client: Browser) -> None:
    assert admin_client.get(LICENSES).context["usage"] is None
    LicenseUsage.objects.create(at=timezone.now() - timedelta(hours=1), used=9, total=50)
    LicenseUsage.objects.create(at=timezone.now(), used=2, total=50)
    page = admin_client.get(LICENSES, headers={"accept-language": "en"}).content.decode()
    assert "2 of 50" in page


@pytest.mark.django_db
def test_a_release_is_confirmed_and_told_for_each(admin_client: Browser) -> None:
    session, busy = make(License, is_open=True), make(License, is_open=True)
    closed = make(License, is_open=False)
    page = release(admin_client, [session, closed]).content.decode()
    assert session.device_id in page
    assert not Push.objects.exists()
    release(admin_client, [busy], confirmed="1")
    response = release(admin_client, [session, closed, busy], confirmed="1")
    texts = messages(response)
    assert len(texts) == 3
    assert {push.object_id for push in Push.objects.filter(entity="licenses", command="close")} == {session.pk, busy.pk}
    assert Push.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_released_licence_is_free_at_ireca(admin_client: Browser, ireca: Sandbox) -> None:
    session = License.objects.filter(is_open=True).first()
    assert session is not None, "the sandbox has open sessions"
    used = LicenseUsage.objects.latest().used
    release(admin_client, [session], confirmed="1")
    worker.drain(owner())
    session.refresh_from_db()
    assert not session.is_open
    assert LicenseUsage.objects.latest().used == used - 1


@pytest.mark.django_db
def test_a_roles_permissions_are_edited_on_its_form(admin_client: Browser) -> None:
    role = make(Role)
    permission = make(
        Permission, role=role, action_id="editOrder", is_allowed=False, ireca_id=f"{role.ireca_id}:editOrder"
    )
    untouched = make(Permission, role=role, action_id="closeOrder", ireca_id=f"{role.ireca_id}:closeOrder")
    url = f"/admin/couriers/role/{role.pk}/change/"
    data = loaded(admin_client, url, "role_form")
    index = next(n for n in range(2) if data[f"permissions-{n}-id"] == str(permission.pk))
    Permission._base_manager.filter(pk=untouched.pk).update(is_allowed=True)  # iRECA, meanwhile
    response = admin_client.post(url, {**data, f"permissions-{index}-is_allowed": "on"})
    assert response.status_code == 302
    permission.refresh_from_db()
    untouched.refresh_from_db()
    assert permission.is_allowed
    assert untouched.is_allowed
    assert [push.entity for push in Push.objects.all()] == ["permissions"]


@pytest.mark.django_db
def test_places_are_only_looked_at(admin_client: Browser) -> None:
    place = make(Location, latitude="59.9478510000", longitude="30.4599682")
    page = admin_client.get("/admin/couriers/location/").content.decode()
    assert "59.947851" in page
    assert admin_client.post(f"/admin/couriers/location/{place.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.django_db
def test_couriers_are_found_by_name_phone_and_id(admin_client: Browser) -> None:
    courier = make(Courier, title="Ivan Petrov", phone="+79991234567", ireca_id="55752")
    make(Courier)
    for term in ("Petrov", "9991234567", "55752"):
        found = admin_client.get("/admin/couriers/courier/", {"q": term}).context["cl"].result_list
        assert list(found) == [courier]
