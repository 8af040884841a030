"""Nothing of any entity is sent whole over what changed there meanwhile: both edits stay, or a person decides."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, worker
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import Mirrored
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


@every_entity
def test_what_changed_on_both_sides_is_a_persons(ireca: Sandbox, model: Any, ours: str, theirs: str) -> None:
    row = known(model)
    change_there(row, ours)
    change_here(row, ours)
    assert (getattr(row, ours), row.sync_state) == (HERE, "conflict")
    assert getattr(read_there(row), ours) == THERE
