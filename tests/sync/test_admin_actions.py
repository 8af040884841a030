"""What a person does with mirrored rows in the admin, submitted as a browser would, against a sandbox on real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission as AuthPermission
from django.contrib.auth.models import User
from django.test import Client as Browser
from msgspec.structs import replace

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, worker
from backoffice.sync.apply import apply
from backoffice.sync.lease import owner
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Pull, Push, RemoteState
from catalog.models import Good
from couriers.models import Courier, Role
from fiscal.models import Tax
from orders.models import Order
from tests.sync.admin_pages import loaded, messages

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/couriers/courier/"


def act(browser: Browser, url: str, action: str, rows: list[Any], **more: Any) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return browser.post(url, data, follow=True)


def theirs(courier: Courier, **values: Any) -> None:
    """iRECA tells of a courier with these values."""
    mirror = registry.for_model(Courier)
    assert mirror is not None
    stated = mirror.build(courier)
    for name, value in values.items():
        setattr(stated, name, value)
    apply(mirror, [stated])


@pytest.fixture
def courier(ireca: Sandbox) -> Courier:
    return Courier.objects.get(ireca_id="55752")


def test_an_edit_in_the_admin_reaches_ireca(admin_client: Browser, courier: Courier, ireca: Sandbox) -> None:
    url = f"{LIST}{courier.pk}/change/"
    data = loaded(admin_client, url, "courier_form")
    assert admin_client.post(url, {**data, "phone": "+79001112233"}).status_code == 302
    courier.refresh_from_db()
    assert courier.sync_state == SyncState.PENDING
    worker.drain(owner())
    courier.refresh_from_db()
    assert courier.sync_state == SyncState.CLEAN
    client = clients.client()
    assert client is not None
    assert client.couriers.get("55752").phone == "+79001112233"


def test_send_now_sends_what_was_refused_and_says_how_many(admin_client: Browser, courier: Courier) -> None:
    courier.phone = "+79001112233"
    courier.save()
    Push.objects.update(state=Push.State.REFUSED, error="no such thing")
    Courier.objects.filter(pk=courier.pk).update(sync_state=SyncState.FAILED, sync_error="no such thing")
    page = admin_client.get(f"{LIST}{courier.pk}/change/").content.decode()
    assert "no such thing" in page
    other = Courier.objects.exclude(pk=courier.pk).first()
    response = act(admin_client, LIST, "send_now", [courier, other])
    assert len(messages(response)) == 2
    assert all("1" in text for text in messages(response))
    assert Push.objects.get().state == Push.State.QUEUED


def test_refresh_tells_what_came_of_each(admin_client: Browser, courier: Courier) -> None:
    Courier._base_manager.filter(pk=courier.pk).update(title="old name", remote_data={})
    unknown = Courier(ireca_id="404404", title="Ghost", remote_data={})
    Courier._base_manager.bulk_create([unknown])
    same = Courier.objects.get(ireca_id="55753")
    response = act(admin_client, LIST, "refresh_from_ireca", [courier, unknown, same])
    text = "\n".join(messages(response))
    courier.refresh_from_db()
    assert courier.title != "old name"
    assert text.index(courier.title) < text.index(same.title) < text.index("Ghost")
    assert not Push.objects.exists()


def test_refresh_of_many_becomes_a_pull(admin_client: Browser, ireca: Sandbox) -> None:
    Good._base_manager.bulk_create([Good(ireca_id=f"g{n}", title=f"g{n}", remote_data={}) for n in range(60)])
    ireca.requests.clear()
    goods = list(Good.objects.filter(ireca_id__startswith="g"))
    response = act(admin_client, "/admin/catalog/good/", "refresh_from_ireca", goods)
    assert len(messages(response)) == 1
    pull = Pull.objects.get(what="goods", state=Pull.State.QUEUED)
    assert pull.requested_by is not None
    assert not ireca.requests


def test_refresh_says_that_the_remote_is_paused(admin_client: Browser, courier: Courier, ireca: Sandbox) -> None:
    RemoteState.objects.filter(pk="ireca").update(paused=True)
    ireca.requests.clear()
    response = admin_client.post(f"{LIST}{courier.pk}/refresh/", follow=True)
    assert len(messages(response)) == 1
    assert not ireca.requests


@pytest.fixture
def conflict(courier: Courier) -> Courier:
    courier.phone, courier.email = "+7ours", "ours@example.org"
    courier.save()
    theirs(courier, phone="+7theirs", email="theirs@example.org")
    client = clients.client()
    assert client is not None
    client.couriers.update("55752", replace(client.couriers.get("55752"), phone="+7theirs", email="theirs@example.org"))
    courier.refresh_from_db()
    assert courier.sync_state == SyncState.CONFLICT
    return courier


def test_a_conflict_is_shown_and_settled_by_field(admin_client: Browser, conflict: Courier) -> None:
    url = f"{LIST}{conflict.pk}/conflict/"
    assert url in admin_client.get(f"{LIST}{conflict.pk}/change/").content.decode()
    response = admin_client.get(url)
    fields = {field.name: field for field in response.context["fields"]}
    assert {(field.ours, field.theirs) for field in fields.values()} == {
        ("+7ours", "+7theirs"),
        ("ours@example.org", "theirs@example.org"),
    }
    seen = {f"seen:{field.name}": field.token for field in fields.values()}
    half = admin_client.post(url, {**seen, "field:phone": "ours"})
    assert half["Location"] == url
    conflict.refresh_from_db()
    assert list(conflict.sync_conflict) == ["email"]
    admin_client.post(url, {**seen, "field:email": "theirs"})
    conflict.refresh_from_db()
    assert (conflict.phone, conflict.email) == ("+7ours", "theirs@example.org")
    assert conflict.sync_state == SyncState.PENDING
    worker.drain(owner())
    client = clients.client()
    assert client is not None
    there = client.couriers.get("55752")
    assert (there.phone, there.email) == ("+7ours", "theirs@example.org")


def test_a_conflict_speaks_as_people_do(admin_client: Browser, courier: Courier) -> None:
    ours, his = Role.objects.order_by("pk")[:2]
    Courier._base_manager.filter(pk=courier.pk).update(role=None)
    theirs(Courier.objects.get(pk=courier.pk), role_id=None)
    courier.refresh_from_db()
    courier.role = ours
    courier.save()
    theirs(courier, role_id=his.ireca_id)
    (field,) = admin_client.get(f"{LIST}{courier.pk}/conflict/").context["fields"]
    assert (field.name, field.base) == ("roleId", "")
    assert field.ours == f"{ours.title} ({ours.ireca_id})"
    assert field.theirs == f"{his.title} ({his.ireca_id})"


def test_a_value_that_changed_since_the_page_was_shown_is_asked_again(admin_client: Browser, conflict: Courier) -> None:
    url = f"{LIST}{conflict.pk}/conflict/"
    fields = admin_client.get(url).context["fields"]
    theirs(conflict, phone="+7newer", email="theirs@example.org")
    admin_client.post(url, {**{f"seen:{field.name}": field.token for field in fields}, "all": "ours"})
    conflict.refresh_from_db()
    assert conflict.sync_conflict == {"phone": "+7newer"}


@pytest.mark.parametrize(
    ("action", "phone"), [("keep_ours", "+7ours"), ("take_theirs", "+7theirs")], ids=["ours", "theirs"]
)
def test_conflicts_are_settled_in_bulk_after_a_confirmation(
    admin_client: Browser, conflict: Courier, action: str, phone: str
) -> None:
    page = act(admin_client, LIST, action, [conflict])
    assert "+7theirs" in page.content.decode()
    conflict.refresh_from_db()
    assert conflict.sync_state == SyncState.CONFLICT
    act(admin_client, LIST, action, [conflict], confirmed="1")
    conflict.refresh_from_db()
    assert (conflict.phone, conflict.sync_conflict) == (phone, {})


def test_deleting_says_that_it_goes_in_ireca_too(admin_client: Browser, ireca: Sandbox) -> None:
    good = Good.objects.create(title="Short-lived", price=1, tax=Tax.objects.first())
    worker.drain(owner())
    url = f"/admin/catalog/good/{good.pk}/delete/"
    assert "iRECA" in str(admin_client.get(url).context_data["title"]) + admin_client.get(url).content.decode()
    admin_client.post(url, {"post": "yes"}, follow=True)
    assert Push.objects.get(state=Push.State.QUEUED).action == Push.Action.DELETE


def test_who_may_only_look_can_do_nothing(client: Browser, courier: Courier, ireca: Sandbox) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(AuthPermission.objects.get(codename="view_courier"))
    client.force_login(viewer)
    page = client.get(LIST)
    assert page.status_code == 200
    assert "send_now" not in page.content.decode()
    ireca.requests.clear()
    act(client, LIST, "refresh_from_ireca", [courier])
    for verb in ("send-now", "refresh", "conflict"):
        assert client.post(f"{LIST}{courier.pk}/{verb}/").status_code == 403
    assert client.get(f"{LIST}{courier.pk}/change/").status_code == 200
    assert not ireca.requests


@pytest.mark.parametrize("verb", ["send-now", "refresh"])
def test_a_link_changes_nothing(admin_client: Browser, courier: Courier, verb: str) -> None:
    assert admin_client.get(f"{LIST}{courier.pk}/{verb}/").status_code == 405


def test_what_the_cabinet_creates_is_not_created_here(admin_client: Browser, settings: Any, ireca: Sandbox) -> None:
    settings.IRECA_MODE = "cabinet"
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.get(LIST).context["cl"].model_admin.list_note
    settings.IRECA_MODE = "api"
    assert admin_client.get(f"{LIST}add/").status_code == 200
    assert not admin_client.get(LIST).context["cl"].model_admin.list_note


def test_a_history_is_looked_at_and_not_gone_back_to(admin_client: Browser, courier: Courier) -> None:
    url = f"{LIST}{courier.pk}/change/"
    data = loaded(admin_client, url, "courier_form")
    admin_client.post(url, {**data, "phone": "+79001112233"})
    page = admin_client.get(f"{LIST}{courier.pk}/history/").content.decode()
    assert "+79001112233" in page
    assert "admin" in page
    version = courier.history.latest().pk
    assert admin_client.get(f"{LIST}{courier.pk}/history/{version}/").status_code == 200
    assert admin_client.post(f"{LIST}{courier.pk}/history/{version}/", data).status_code == 405


def test_nested_objects_and_codes_are_spelled_out(admin_client: Browser, ireca: Sandbox) -> None:
    order = Order.objects.get(ireca_id="209900")
    mirror = registry.for_model(Order)
    assert mirror is not None
    Order._base_manager.filter(pk=order.pk).update(
        sync_state=SyncState.CONFLICT,
        sync_conflict={
            "deliveryStatusId": 11,
            "addressToEntity": {"city": "Moscow", "home": "8"},
            "deliveryTimeTo": "2026-01-15 21:00:00",
        },
    )
    page = admin_client.get(f"/admin/orders/order/{order.pk}/conflict/")
    fields = {field.name: field for field in page.context["fields"]}
    assert fields["deliveryStatusId"].theirs.endswith("(11)")
    assert fields["addressToEntity"].theirs.splitlines() == ["город: Moscow", "дом: 8"]
    assert fields["deliveryTimeTo"].theirs == "16.01.2026 00:00"
    assert "goods" not in fields
