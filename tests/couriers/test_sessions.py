"""One session is one row, also where iRECA does not tell when it was opened."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from backoffice.remotes.ireca import contract
from couriers.mirror import _keep_sessions
from couriers.models import License
from tests import pulled

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = ("couriers", "0002_updated_at"), ("couriers", "0003_session_unstarted_once")


def migrate(target: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate([target]).apps


@pytest.fixture
def old() -> Iterator[Any]:
    """The tables as they were, and with them those of all migrations that stand on later ones."""
    yield migrate(BEFORE)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    pulled.forget()


def test_a_session_without_a_start_is_stored_once() -> None:
    pool = contract.decode(contract.LicensePool, {"licenses": [{"deviceId": "d-1"}]})
    assert [_keep_sessions(pool).created for _ in range(2)] == [1, 0]
    with pytest.raises(IntegrityError), transaction.atomic():
        License.objects.create(device_id="d-1")
    License.objects.create(device_id="d-2")


def test_of_doubled_sessions_the_open_one_stays(old: Any) -> None:
    sessions = old.get_model("couriers", "License").objects
    sessions.bulk_create(
        sessions.model(device_id=device, is_open=is_open, device_title=title)
        for device, is_open, title in [
            ("d-1", True, "open"),
            ("d-1", False, "closed later"),
            ("d-2", False, "earlier"),
            ("d-2", False, "later"),
            ("d-3", True, "only"),
        ]
    )
    migrate(AFTER)
    assert set(License.objects.values_list("device_id", "device_title")) == {
        ("d-1", "open"),
        ("d-2", "later"),
        ("d-3", "only"),
    }
