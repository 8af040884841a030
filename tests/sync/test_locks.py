"""Of two who change the same rows at once each gets through: they lock them in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from backoffice.sync import enqueue, lease, outbox
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push
from backoffice.sync.outcomes import Outcomes
from orders.models import Line, Order
from tests.orders import builders

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


class Beside:
    """Work in a thread of its own; what it raises is raised by `end`."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._raised: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._thread.join(0.5)  # by then it waits, or is done

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            self._raised.append(error)
        finally:
            connection.close()

    def end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()
        if self._raised:
            raise self._raised[0]


@pytest.fixture
def orders() -> list[Order]:
    """Their pushes are held by a worker, and lie in another order than they do."""
    rows = sorted((builders.with_lines(row, 1) for row in builders.orders(3)), key=lambda row: row.pk)
    Push.objects.all().delete()
    for row in reversed(rows):
        enqueue.changed(Order, [row.pk])
    Push.objects.update(lease_owner="me", lease_until=timezone.now() + timedelta(minutes=1))
    return rows


def keys() -> list[int]:
    return list(Push.objects.order_by("pk").values_list("pk", flat=True))


def done() -> None:
    mirror = registry.for_model(Order)
    assert mirror is not None
    Outcomes(mirror, "me").record(list(Push.objects.order_by("pk")))


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: lease.renew(Push, keys(), "me"), id="renew"),
        pytest.param(lambda: outbox.let_go(keys(), "me"), id="let go"),
        pytest.param(done, id="done"),
        pytest.param(lambda: outbox.make_due(), id="make due"),
        pytest.param(lambda: outbox.wake("ireca"), id="wake"),
        pytest.param(lambda: outbox.bring_forward(timezone.now() - timedelta(days=1)), id="clocks"),
    ],
)
def test_a_worker_and_an_edit(orders: list[Order], work: Callable[[], Any]) -> None:
    """The edit has the first order's push when the worker comes, and then takes the last one's, which stands first."""
    first, *_between, last = orders
    with transaction.atomic():
        list(Order._base_manager.filter(pk__in=[row.pk for row in orders]).order_by("pk").select_for_update())
        enqueue.open_pushes("ireca", "orders", [(first.pk, "")])
        worker = Beside(work)
        enqueue.open_pushes("ireca", "orders", [(last.pk, "")])
    worker.end()


def test_an_edit_of_many_lines_takes_their_orders_first(orders: list[Order]) -> None:
    """As the pull of an order does, which writes its lines after it."""
    with transaction.atomic():
        Order._base_manager.select_for_update().get(pk=orders[0].pk)
        edit = Beside(lambda: Line.objects.all().update(description="x"))
        Line._base_manager.filter(order=orders[0]).update(unit="y")
    edit.end()
    assert set(Line.objects.values_list("description", flat=True)) == {"x"}


def test_an_edit_of_many_orders_takes_them_by_their_keys(orders: list[Order]) -> None:
    # Written anew, the first lies behind the others, where a plan that reads the whole table comes to it last.
    Order._base_manager.filter(pk=orders[0].pk).update(to_city="Tula")
    with transaction.atomic():
        Order._base_manager.select_for_update().get(pk=orders[0].pk)
        edit = Beside(lambda: Order.objects.all().update(description="x"))
        Order._base_manager.select_for_update().get(pk=orders[-1].pk)
    edit.end()
    assert set(Order.objects.values_list("description", flat=True)) == {"x"}
