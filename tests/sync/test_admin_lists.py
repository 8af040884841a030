"""What lists, choices and histories say of mirrored rows: periods in Russian, placeholders, authors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils.timezone import get_current_timezone

from backoffice.sync import enqueue
from backoffice.sync.models import Callback, Exchange
from couriers.models import Courier, LicenseUsage
from orders.models import DeliveryStatus, Order
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

RUSSIAN = {"accept-language": "ru"}


def at(hour: int, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=get_current_timezone())


def usage(moment: datetime) -> Any:
    return LicenseUsage.objects.create(at=moment, used=1, total=2)


def callback(moment: datetime) -> Any:
    row = Callback.objects.create(remote="ireca", kind="order", body="{}")
    Callback.objects.filter(pk=row.pk).update(received_at=moment)
    return row


def exchange(moment: datetime) -> Any:
    row = Exchange.objects.create(remote="ireca", method="GET", path="/orders")
    Exchange.objects.filter(pk=row.pk).update(started_at=moment)
    return row


@pytest.mark.parametrize(
    ("column", "create"),
    [
        ("couriers/licenseusage/?at", usage),
        ("sync/callback/?received_at", callback),
        ("sync/exchange/?started_at", exchange),
    ],
)
def test_a_period_is_read_as_russians_write_it(admin_client: Browser, column: str, create: Any) -> None:
    before, morning, evening, after = (create(at(*moment)) for moment in ((23, 20), (9,), (20,), (0, 22)))
    list_, _query, name = column.partition("?")

    def found(**typed: str) -> set[Any]:
        data = {f"{name}_{key}": value for key, value in typed.items()}
        return set(admin_client.get(f"/admin/{list_}", data, headers=RUSSIAN).context["cl"].result_list)

    assert found(from_0="21.11.2026") == {morning, evening, after}
    assert found(to_0="21.11.2026") == {before, morning, evening}
    assert found(from_0="21.11.2026", from_1="10:00", to_0="21.11.2026", to_1="21:00") == {evening}


def test_the_days_of_the_window_are_read_as_russians_write_them(admin_client: Browser) -> None:
    earlier, wanted, _later = (
        Order.objects.create(number=str(day), delivery_time_from=at(12, day)) for day in (20, 21, 22)
    )
    url = "/admin/orders/order/"
    data = {"delivery_time_from_from": "21.11.2026", "delivery_time_from_to": "21.11.2026"}
    assert set(admin_client.get(url, data, headers=RUSSIAN).context["cl"].result_list) == {wanted}
    del data["delivery_time_from_from"]
    assert set(admin_client.get(url, data, headers=RUSSIAN).context["cl"].result_list) == {earlier, wanted}


def test_a_date_that_is_none_is_refused_and_not_dropped(admin_client: Browser) -> None:
    response = admin_client.get("/admin/orders/order/", {"delivery_time_from_from": "31.02.2026"}, headers=RUSSIAN)
    assert (response.status_code, response["Location"]) == (302, "/admin/orders/order/?e=1")


def test_a_courier_known_by_its_id_only_is_listed_but_not_offered(admin_client: Browser) -> None:
    known = make(Courier, title="Known", remote_data={"title": "Known"})
    ours = make(Courier, title="Ours", remote_data=None, sync_state="pending")
    make(Courier, ireca_id="505505", title="505505", remote_data=None)  # a partner named him
    ghost = make(Courier, ireca_id="404404", title="404404", remote_data={})
    field = {"app_label": "orders", "model_name": "order", "field_name": "courier"}
    offered = admin_client.get(reverse("admin:autocomplete"), field).json()["results"]
    assert {row["id"] for row in offered} == {str(known.pk), str(ours.pk)}
    page = admin_client.get("/admin/couriers/courier/", headers={"accept-language": "en"})
    assert ghost in page.context["cl"].result_list
    assert page.content.decode().count("Known by its id only") == 2


def test_a_history_names_its_authors_and_its_values(admin_client: Browser, admin_user: Any) -> None:
    courier = make(Courier, title="Скоров")
    order = Order.objects.create(number="1", delivery_status=DeliveryStatus.PREPARED)
    Order.history.all().delete()
    Order.history.bulk_history_create([order], default_user=admin_user)
    with enqueue.untracked():
        Order.objects.filter(pk=order.pk).update(courier=courier, delivery_status=DeliveryStatus.TAKEN, cash=None)
    Order.history.bulk_history_create(Order.objects.filter(pk=order.pk), update=True, default_change_reason="ireca")
    response = admin_client.get(f"/admin/orders/order/{order.pk}/history/", headers={"accept-language": "en"})
    theirs, ours = response.context["page_obj"]
    assert (str(theirs.author), theirs.note, ours.author) == ("iRECA", "", admin_user)
    changes = {change["field"]: (change["old"], change["new"]) for change in theirs.history_delta_changes}
    assert changes["Courier"] == ("–", "Скоров")
    taken, prepared = DeliveryStatus.TAKEN.label, DeliveryStatus.PREPARED.label
    assert changes["Delivery"] == (str(prepared), str(taken))
    page = response.content.decode()
    assert "iRECA" in page
    assert "pk=None" not in page
