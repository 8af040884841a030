"""Every way to change a mirrored row leaves its trace in the history and in the outbox."""

from decimal import Decimal

import pytest

from backoffice.sync import enqueue
from backoffice.sync.models import Push
from catalog.models import Good, Stock, Warehouse
from orders.models import Client, Line, Order

pytestmark = pytest.mark.django_db


def open_pushes() -> set[tuple[str, int | None, str]]:
    return set(Push.objects.filter(open_key__isnull=False).values_list("entity", "object_id", "action"))


def test_each_bulk_path_is_tracked() -> None:
    clients = Client.objects.bulk_create(Client(lastname=name) for name in ("А", "Б"))
    ids = [client.pk for client in clients]
    assert all(client.ireca_id for client in clients)
    assert open_pushes() == {("clients", pk, "save") for pk in ids}
    assert Client.history.filter(history_type="+").count() == 2

    Push.objects.all().delete()
    Client.objects.filter(pk__in=ids).update(email="a@example.com")
    assert open_pushes() == {("clients", pk, "save") for pk in ids}
    assert Client.history.filter(history_type="~", email="a@example.com").count() == 2

    Push.objects.all().delete()
    for client in clients:
        client.inn = "7707083893"
    Client.objects.bulk_update(clients, ["inn"])
    assert open_pushes() == {("clients", pk, "save") for pk in ids}
    assert Client.history.filter(inn="7707083893").count() == 2

    # One of them is known to iRECA; the other was never sent, and its id there may be somebody else's.
    Client._base_manager.filter(pk=ids[0]).update(remote_data={})
    Client.objects.filter(pk__in=ids).delete()
    assert open_pushes() == {("clients", ids[0], "delete")}


def test_parts_are_changes_of_their_owner() -> None:
    order = Order.objects.create(number="1")
    good = Good.objects.create(title="Чай")
    warehouse = Warehouse.objects.create(title="Склад")
    Push.objects.all().delete()
    line = Line.objects.create(order=order, count=Decimal(1))
    assert open_pushes() == {("orders", order.pk, "save")}
    for change in (
        lambda: line.warehouses.create(warehouse=warehouse, count=1),
        lambda: Line.objects.filter(pk=line.pk).update(count=2),
        lambda: line.warehouses.all().delete(),
        line.delete,
    ):
        Push.objects.all().delete()
        change()
        assert open_pushes() == {("orders", order.pk, "save")}
    Push.objects.all().delete()
    Stock.objects.bulk_create([Stock(good=good, warehouse=warehouse, count=5)])
    assert open_pushes() == {("goods", good.pk, "save")}


def test_changes_coalesce_and_what_is_local_stays_local() -> None:
    order = Order.objects.create(number="1")
    token = Push.objects.get().change
    order.description = "again"
    order.save()
    assert Push.objects.get().change != token
    Push.objects.all().delete()
    Order.objects.update(sync_state="clean", details_attempts=3)
    order.external_id = "77"
    order.save(update_fields=["external_id"])
    with enqueue.untracked():
        order.save()
        Order.objects.update(description="from the remote")
    assert not Push.objects.exists()


def test_a_key_that_ireca_uses_already_is_not_taken_again() -> None:
    with enqueue.untracked():
        taken = Client.objects.bulk_create(Client(ireca_id=str(number), remote_data={}) for number in range(1, 40))
    fresh = Client.objects.create(lastname="Новая")
    assert fresh.ireca_id not in {client.ireca_id for client in taken}
    assert (fresh.ireca_id or "").isdigit()


def test_deleting_an_order_with_lines_is_a_deletion_only() -> None:
    order = Order.objects.create(number="1", remote_data={})
    Line.objects.create(order=order, count=Decimal(1))
    key = order.pk
    order.delete()
    assert open_pushes() == {("orders", key, "delete")}
