"""Nothing of any entity is sent whole over what changed there meanwhile: both edits stay, or a person decides."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.remotes.http import Refused
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, worker
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import Mirrored
from catalog.mirror import GoodMirror
from catalog.models import Good, Supplier, Warehouse
from couriers.models import Courier
from orders.models import Client

pytestmark = pytest.mark.django_db(transaction=True)

# Of each entity that is sent whole: what changes here, and what changes there, by names that both sides use.
every_entity = pytest.mark.parametrize(
    ("model", "ours", "theirs"),
    [
        pytest.param(Client, "description", "lastname", id="clients"),
        pytest.param(Good, "article", "title", id="goods"),
        pytest.param(Warehouse, "description", "title", id="warehouses"),
        pytest.param(Supplier, "address", "description", id="suppliers"),
        pytest.param(Courier, "title", "email", id="couriers"),
    ],
)
HERE, THERE = "here@example.com", "there@example.com"


def known(model: type[Mirrored]) -> Any:
    row = model._base_manager.filter(remote_data__isnull=False).order_by("pk").first()
    assert row is not None
    return row


def new_goods(count: int) -> list[Good]:
    tax = known(Good).tax
    return Good.objects.bulk_create(Good(title=f"Good {number}", price=5, tax=tax) for number in range(count))


def read_there(row: Any) -> Any:
    return registry.for_model(type(row)).fetch(clients.client(), row.ireca_id)


def change_there(row: Any, name: str) -> None:
    """As somebody in the cabinet does, and its callback is lost."""
    theirs = read_there(row)
    setattr(theirs, name, THERE)
    getattr(clients.client(), registry.for_model(type(row)).resource).replace([theirs])


def change_here(row: Any, name: str) -> None:
    setattr(row, name, HERE)
    row.save()
    worker.drain(lease.owner())
    row.refresh_from_db()


@every_entity
def test_what_changed_there_stays(ireca: Sandbox, model: Any, ours: str, theirs: str) -> None:
    row = known(model)
    change_there(row, theirs)
    change_here(row, ours)
    assert (getattr(row, ours), getattr(row, theirs), row.sync_state) == (HERE, THERE, "clean")
    agreed = read_there(row)
    assert (getattr(agreed, ours), getattr(agreed, theirs)) == (HERE, THERE)


def test_another_spelling_of_a_phone_is_no_change(ireca: Sandbox) -> None:
    client = known(Client)
    Client.objects.filter(pk=client.pk).update(phone="8 (921) 555-12-12")
    worker.drain(lease.owner())
    theirs = read_there(client)
    theirs.phone = "+79215551212"
    clients.client().clients.replace([theirs])
    client.refresh_from_db()
    client.phone = "+79215551213"
    client.save()
    worker.drain(lease.owner())
    client.refresh_from_db()
    assert (client.sync_state, read_there(client).phone) == ("clean", "+79215551213")


def test_our_own_spelling_of_a_phone_is_sent(ireca: Sandbox) -> None:
    client = known(Client)
    for spelled in ("+79215551212", "8 (921) 555-12-12"):
        Client.objects.filter(pk=client.pk).update(phone=spelled)
        worker.drain(lease.owner())
        client.refresh_from_db()
        assert (client.phone, client.sync_state, read_there(client).phone) == (spelled, "clean", spelled)


def test_a_catalogue_of_prices_leaves_in_few_requests(ireca: Sandbox) -> None:
    sample = known(Good)
    goods = Good.objects.bulk_create(
        Good(title=f"Good {n}", price=5, tax=sample.tax, unit=sample.unit) for n in range(60)
    )
    worker.drain(lease.owner())
    rows = list(Good.objects.filter(pk__in=[good.pk for good in goods]))
    for row in rows:
        row.price = 7
    Good.objects.bulk_save(rows, ["price"])
    ireca.requests.clear()
    worker.drain(lease.owner())
    assert [request["path"] for request in ireca.requests] == ["/goods", "/goods", "/goods/replace"]
    assert not Good.objects.exclude(sync_state="clean").exists()


def test_where_the_list_is_refused_each_is_read(ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: Any, **_params: Any) -> Any:
        raise Refused("no list today")

    sample = known(Good)
    goods = Good.objects.bulk_create(
        Good(title=f"Good {n}", price=5, tax=sample.tax, unit=sample.unit) for n in range(12)
    )
    worker.drain(lease.owner())
    monkeypatch.setattr(GoodMirror, "list", refused)
    Good.objects.filter(pk__in=[good.pk for good in goods]).update(price=7)
    worker.drain(lease.owner())
    assert not Good.objects.exclude(sync_state="clean").exists()


@every_entity
def test_what_changed_on_both_sides_is_a_persons(ireca: Sandbox, model: Any, ours: str, theirs: str) -> None:
    row = known(model)
    change_there(row, ours)
    change_here(row, ours)
    assert (getattr(row, ours), row.sync_state) == (HERE, "conflict")
    assert getattr(read_there(row), ours) == THERE
