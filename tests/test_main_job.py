"""The main job, from a dispatcher's click to the receipt: real pages, real HTTP, the document's own sample data."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import worker
from backoffice.sync.models import Push
from couriers.models import Courier, License, LicenseUsage
from fiscal.qr import qr_svg, qr_text
from orders.models import Order
from tests.orders import pages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dispatcher(client: Browser) -> Browser:
    """Signed in with nothing but the rights of the group that the migration brings (a transactional test loses its
    rows).
    """
    user = User.objects.create_user("dispatcher", is_staff=True)
    for app_label, codename in import_module("orders.migrations.0002_groups").GROUPS["Dispatchers"]:
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app_label, codename=codename))
    user.user_permissions.add(Permission.objects.get(codename="view_personal"))  # the group got it later
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


def test_the_main_job(dispatcher: Browser, listening: Sandbox, settle: Callable[[], None]) -> None:
    order = Order.objects.get(ireca_id="209900")
    courier = Courier.objects.get(ireca_id="55752")

    # The dispatcher assigns a courier and moves the window, in the order's own form.
    form = pages.change_form(dispatcher, order)
    form |= {
        "courier": courier.pk,
        "delivery_time_from_0": "2026-11-22",
        "delivery_time_from_1": "12:00:00",
        "delivery_time_to_0": "2026-11-22",
        "delivery_time_to_1": "14:00:00",
    }
    pages.save(dispatcher, order, form)
    settle()

    # iRECA holds exactly that; times on the wire are UTC, the form's are Moscow's.
    there = listening.order("209900")
    assert there is not None
    assert str(there["courierId"]) == "55752"
    assert (there["deliveryTimeFrom"], there["deliveryTimeTo"]) == ("2026-11-22 09:00:00", "2026-11-22 11:00:00")
    (write,) = [request for request in listening.requests if request["method"] != "GET"]
    assert write["path"] == "/orders/multipleUpdate"
    assert write["body"]["attributes"].keys() == {"courierId", "deliveryTimeFrom", "deliveryTimeTo"}

    # The courier takes, delivers and closes it; callbacks tell us.
    listening.take("209900", "55752")
    listening.deliver("209900")
    listening.close("209900")
    settle()
    order.refresh_from_db()
    assert (order.delivery_status, order.status, order.sync_state) == (10, 1, "clean")
    payment, receipt = order.payments.get(), order.receipts.get()
    assert str(payment.price) == "679.57"
    assert [change.delivery_status for change in order.status_changes.all()][-3:] == [7, 9, 10]

    # The dispatcher sees it: state, payment, receipt with the QR that a tax-service app can check.
    page = dispatcher.get(pages.change_url(order)).content.decode()
    assert receipt.fn in page
    assert receipt.fiscal_sign in page
    code = qr_text(receipt)
    assert f"s=679.57&fn={receipt.fn}&i={receipt.fd_number}&fp={receipt.fiscal_sign}&n=1" in code
    assert qr_svg(code) in page
    listed = dispatcher.get("/admin/orders/order/").content.decode()
    assert "Closed" in listed
    assert listening.violations == []


def test_an_edit_made_while_ireca_was_down_arrives_when_it_is_up(
    dispatcher: Browser, listening: Sandbox, settle: Callable[[], None]
) -> None:
    order = Order.objects.get(ireca_id="209900")
    listening.stop()
    pages.save(dispatcher, order, pages.change_form(dispatcher, order) | {"description": "Позвонить"})
    settle()
    order.refresh_from_db()
    assert order.sync_state == "pending"
    assert "On its way" in dispatcher.get("/admin/orders/order/").content.decode()
    listening.start()
    worker.start()
    settle()
    there = listening.order("209900")
    assert there is not None
    assert there["description"] == "Позвонить"
    order.refresh_from_db()
    assert order.sync_state == "clean"


def test_a_refused_order_shows_why_while_its_neighbours_go_through(
    dispatcher: Browser, listening: Sandbox, settle: Callable[[], None]
) -> None:
    for order in (orders := list(Order.objects.order_by("pk"))):
        order.description = f"changed {order.ireca_id}"
        order.save()
    refused = Order.objects.get(ireca_id="209900")
    listening.refuse("orders", "209900", "Курьер уволен")
    settle()
    refused.refresh_from_db()
    assert refused.sync_state == "failed"
    assert "Курьер уволен" in dispatcher.get(pages.change_url(refused)).content.decode()
    assert "Refused" in dispatcher.get("/admin/orders/order/").content.decode()
    for order in orders:
        if order.pk != refused.pk:
            there = listening.order(order.ireca_id or "")
            assert there is not None
            assert there["description"] == order.description

    # Retried by hand, once iRECA would take it.
    listening.refuse("orders", "209900", None)
    pages.choose(dispatcher, "send_now", [refused.pk])
    settle()
    refused.refresh_from_db()
    assert refused.sync_state == "clean"


def test_licences_show_two_of_fifty_and_one_can_be_released(
    dispatcher: Browser, listening: Sandbox, settle: Callable[[], None]
) -> None:
    url = "/admin/couriers/license/"
    assert "2 of 50" in dispatcher.get(url).content.decode()
    session = License.objects.get(device_id="64fa00ec9ffc4b99")
    data: dict[str, Any] = {"action": "release_licence", "_selected_action": [session.pk]}
    page = dispatcher.post(url, data)
    assert page.status_code == 200
    assert not Push.objects.filter(entity="licenses").exists()
    pages_data = pages.HIDDEN.findall(page.content.decode())
    dispatcher.post(url, {**data, **dict(pages_data)}, follow=True)
    settle()
    session.refresh_from_db()
    assert not session.is_open
    assert LicenseUsage.objects.latest().used == 1
    assert "1 of 50" in dispatcher.get(url).content.decode()


def test_the_day_of_another_dispatcher_is_not_overwritten(
    dispatcher: Browser, listening: Sandbox, settle: Callable[[], None]
) -> None:
    """A form that was opened before the courier closed the order changes only what was typed into it."""
    order = Order.objects.get(ireca_id="209900")
    form = pages.change_form(dispatcher, order)
    listening.change("209900", courierId="55753")
    listening.take("209900", "55753")
    settle()
    pages.save(dispatcher, order, form | {"description": "typed into an old form"})
    settle()
    there = listening.order("209900")
    assert there is not None
    assert there["deliveryStatusId"] == 7
    assert str(there["courierId"]) == "55753"
    assert there["description"] == "typed into an old form"
