"""The outbox over real HTTP against the sandbox."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.db import transaction

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, connection, lease, outbox, outcomes, pull, worker
from backoffice.sync.models import Push
from catalog.models import Good, Warehouse
from couriers.models import Courier
from orders.actions import change_address
from orders.models import Client, Order

pytestmark = pytest.mark.django_db(transaction=True)


def writes(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request for request in sandbox.requests if request["method"] != "GET"]


def drain() -> None:
    worker.drain(lease.owner())


def new_orders(count: int) -> list[Order]:
    """Orders made here, on their way."""
    template = Order.objects.get(ireca_id="209900")
    return Order.objects.bulk_create(
        Order(
            number=f"N-{index}",
            client=template.client,
            payment_type=template.payment_type,
            amount_to_pay=Decimal("100.00"),
            phone="+79123456789",
            to_city="Санкт-Петербург",
            to_street="Улица правды",
            to_home="24",
            delivery_time_from=datetime(2026, 11, 21, 9, tzinfo=UTC),
            delivery_time_to=datetime(2026, 11, 21, 11, tzinfo=UTC),
        )
        for index in range(count)
    )


def many_orders(count: int) -> list[Order]:
    """Orders that both sides know: created here, pushed and read."""
    orders = new_orders(count)
    drain()
    assert pull.run(pull.request("orders"), clients.client(), lease.owner()).state == "done"
    drain()  # the short reads that follow
    return orders


def test_pull_costs_no_push(ireca: Sandbox) -> None:
    assert Order.objects.count() == 3
    assert not Push.objects.exists()
    drain()
    assert writes(ireca) == []
    assert [violation["message"] for violation in ireca.violations] == []


def test_an_edit_arrives_and_is_agreed(ireca: Sandbox) -> None:
    order = Order.objects.get(ireca_id="209900")
    order.description = "Позвонить за час"
    order.save()
    order.refresh_from_db()
    assert order.sync_state == "pending"
    drain()
    order.refresh_from_db()
    assert ireca.order("209900")["description"] == "Позвонить за час"
    assert (order.sync_state, order.remote_data["description"]) == ("clean", "Позвонить за час")
    assert Push.objects.get().state == Push.State.DONE
    assert [violation["message"] for violation in ireca.violations] == []


def test_a_save_without_a_change_sends_nothing(ireca: Sandbox) -> None:
    Order.objects.get(ireca_id="209900").save()
    drain()
    assert writes(ireca) == []
    assert Push.objects.get().state == Push.State.DONE


def test_the_change_and_its_push_are_one_transaction(ireca: Sandbox) -> None:
    with transaction.atomic():
        Order.objects.filter(ireca_id="209900").update(description="never")
        assert Push.objects.exists()
        transaction.set_rollback(True)
    assert not Push.objects.exists()


def test_five_hundred_orders_get_a_courier_in_one_request(ireca: Sandbox) -> None:
    orders = many_orders(500)
    ireca.requests.clear()
    courier = Courier.objects.get(ireca_id="55752")
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(courier=courier)
    drain()
    (request,) = writes(ireca)
    assert request["path"].endswith("orders/multipleUpdate")
    assert request["body"]["attributes"] == {"courierId": "55752"}
    assert len(request["body"]["orderIds"]) == 500
    assert ireca.order(orders[77].ireca_id or Order.objects.get(number="N-77").ireca_id)["courierId"] == "55752"
    assert [violation["message"] for violation in ireca.violations] == []


def test_changes_of_all_kinds_leave_in_few_requests(ireca: Sandbox) -> None:
    orders = many_orders(1000)
    ireca.requests.clear()
    couriers = list(Courier.objects.filter(ireca_id__in=["55752", "55753"]))
    changed = list(Order.objects.filter(pk__in=[order.pk for order in orders]))
    for index, order in enumerate(changed):
        order.courier = couriers[index % 2]
        order.delivery_time_to = order.delivery_time_to + timedelta(minutes=index % 7)
    Order.objects.bulk_save(changed, ["courier", "delivery_time_to"])
    drain()
    assert len(writes(ireca)) <= 4
    assert set(Order.objects.values_list("sync_state", flat=True)) == {"clean"}
    for order in Order.objects.filter(number__in=["N-3", "N-998"]).select_related("courier"):
        assert ireca.order(order.ireca_id)["courierId"] == order.courier.ireca_id


def test_a_refused_order_stands_alone(ireca: Sandbox) -> None:
    orders = many_orders(100)
    bad = Order.objects.get(number="N-42")
    ireca.refuse("orders", bad.ireca_id, "Заказ отклонён")
    ireca.requests.clear()
    for index, order in enumerate(Order.objects.filter(pk__in=[order.pk for order in orders])):
        order.description = f"changed {index}"
        order.save()
    drain()
    bad.refresh_from_db()
    assert (bad.sync_state, bad.sync_error) == ("failed", "Заказ отклонён")
    assert Order.objects.filter(sync_state="clean").count() == 102
    assert len(writes(ireca)) <= 15
    # The next edit tries again.
    ireca.refuse("orders", bad.ireca_id, None)
    bad.description = "mended"
    bad.save()
    drain()
    bad.refresh_from_db()
    assert (bad.sync_state, bad.sync_error) == ("clean", "")
    assert ireca.order(bad.ireca_id)["description"] == "mended"


@pytest.mark.parametrize(("way", "usual"), [("multipleUpdate", 1), ("replace", 2), ("create", 1)])
def test_one_refused_order_of_500_costs_at_most_20_requests_more(ireca: Sandbox, way: str, usual: int) -> None:
    """`usual`: requests without a refusal; before a `replace` the orders are read again, in one list."""
    drain()  # what schedules read at first
    orders = new_orders(500)
    if way != "create":
        drain()
    bad = Order.objects.get(number="N-333")
    ireca.refuse("orders", bad.ireca_id, "Заказ отклонён")
    ireca.requests.clear()
    if way == "multipleUpdate":
        Order.objects.filter(number__startswith="N-").update(courier=Courier.objects.get(ireca_id="55752"))
    elif way == "replace":
        Order.objects.filter(number__startswith="N-").update(description="changed")
    drain()
    bad.refresh_from_db()
    assert (bad.sync_state, bad.sync_error) == ("failed", "Заказ отклонён")
    assert Order.objects.filter(pk__in=[order.pk for order in orders], sync_state="clean").count() == 499
    assert {request["path"] for request in writes(ireca)} == {
        {"multipleUpdate": "/orders/multipleUpdate", "replace": "/orders/replace", "create": "/orders"}[way]
    }
    assert len(ireca.requests) <= usual + 20


def test_an_order_waits_for_its_client(ireca: Sandbox) -> None:
    order = Order.objects.get(pk=many_orders(1)[0].pk)
    client = Client.objects.create(lastname="Новая", firstname="Анна", phone="+79213456789")
    ireca.refuse("clients", client.ireca_id, "Клиент не принят")
    order.client = client
    order.save()
    drain()
    order.refresh_from_db()
    waiting = Push.objects.get(entity="orders", state=Push.State.WAITING)
    assert f"Н. А. {client.ireca_id}" in waiting.waits_for
    assert "Клиент не принят" in order.sync_error
    ireca.refuse("clients", client.ireca_id, None)
    outbox.make_due()
    drain()
    order.refresh_from_db()
    assert order.sync_state == "clean"
    assert str(ireca.order(order.ireca_id)["clientId"]) == client.ireca_id


def test_references_go_first(ireca: Sandbox) -> None:
    with transaction.atomic():
        order = Order.objects.get(ireca_id="209900")
        good = Good.objects.create(title="Чай", price=Decimal("99.90"), tax=order.lines.first().tax)
        good.stock.create(warehouse=Warehouse.objects.get(ireca_id="1099"), count=Decimal(5))
        order.lines.create(good=good, count=Decimal(2), price=Decimal("99.90"), total=Decimal("199.80"), position=2)
    drain()
    assert [(request["method"], request["path"]) for request in writes(ireca)] == [
        ("POST", "/goods"),
        ("PUT", "/orders"),
    ]
    assert [violation["message"] for violation in ireca.violations] == []
    assert len(ireca.order("209900")["goods"]) == 3
    assert [violation["message"] for violation in ireca.violations] == []


def test_what_is_changed_while_ireca_is_down_arrives_later(ireca: Sandbox) -> None:
    ireca.stop()
    Order.objects.filter(ireca_id="209900").update(description="while down")
    drain()
    row = Push.objects.get()
    assert row.state == Push.State.QUEUED
    assert row.error
    ireca.start()
    worker.start()
    drain()
    assert ireca.order("209900")["description"] == "while down"


def test_a_deleted_order_is_deleted_there(ireca: Sandbox) -> None:
    order = many_orders(1)[0]
    ireca_id = Order.objects.get(pk=order.pk).ireca_id
    Order.objects.filter(pk=order.pk).delete()
    drain()
    assert ireca.order(ireca_id) is None
    assert not Push.objects.filter(state__in=Push.OPEN).exists()


def test_a_change_in_the_air_is_not_lost(ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves while the request is under way: the push stays open and the second state follows."""
    order = Order.objects.get(ireca_id="209900")
    order.description = "first"
    order.save()
    original = outcomes.Outcomes.record

    def record(self: Any, pushes: Any, agreed: Any) -> None:
        if agreed and not getattr(record, "done", False):
            record.done = True  # type: ignore[attr-defined]
            Order.objects.filter(pk=order.pk).update(description="second")
        original(self, pushes, agreed)

    monkeypatch.setattr(outcomes.Outcomes, "record", record)
    drain()
    assert ireca.order("209900")["description"] == "second"
    order.refresh_from_db()
    assert order.sync_state == "clean"


def test_a_500_for_one_object_holds_up_no_other(ireca: Sandbox) -> None:
    orders = many_orders(20)
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(cash=Decimal(500))
    ireca.faults.set("500", times=2, method="POST")
    drain()
    assert Order.objects.filter(sync_state="clean", cash=500).count() == 20


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "503", "garbage"])
def test_faults_lose_nothing(ireca: Sandbox, fault: str) -> None:
    ireca.faults.set(fault, times=3, seconds=0)
    Order.objects.filter(ireca_id="209900").update(description=fault)
    for _ in range(6):
        worker.start()
        outbox.make_due()
        drain()
    assert ireca.order("209900")["description"] == fault
    assert Order.objects.get(ireca_id="209900").sync_state == "clean"


def test_a_wrong_token_pauses_the_remote_and_keeps_the_change(ireca: Sandbox, settings: Any) -> None:
    from backoffice.sync.models import RemoteState

    settings.IRECA_TOKEN = "wrong"
    Order.objects.filter(ireca_id="209900").update(description="later")
    drain()
    assert RemoteState.objects.get(pk="ireca").block == RemoteState.Block.CONFIG
    settings.IRECA_TOKEN = ireca.token
    worker.start()
    drain()
    assert ireca.order("209900")["description"] == "later"


def test_a_courier_made_here_is_explained_in_cabinet_mode(ireca: Sandbox, settings: Any) -> None:
    settings.IRECA_MODE = "cabinet"
    courier = Courier.objects.create(title="Новый", email="n@example.com", phone="+79213456789", source_password="1")
    drain()
    courier.refresh_from_db()
    assert courier.sync_state == "failed"
    assert writes(ireca) == []
    settings.IRECA_MODE = "api"
    outbox.make_due()
    drain()
    courier.refresh_from_db()
    assert courier.sync_state == "clean"
    assert ireca.get("couriers", courier.ireca_id)["sourcePassword"] == "1"


def test_an_id_that_ireca_has_already_is_never_overwritten(ireca: Sandbox) -> None:
    """Somebody else made client 77 there; ours of that id is not sent over it: a person sees both."""
    client = Client.objects.create(ireca_id="77", lastname="Наша", phone="+79213456789")
    theirs = {"clientId": 77, "title": "", "firstname": "Их", "lastname": "Чужая", "birthday": ""}
    headers = {"Authorization": f"Bearer {ireca.token}"}
    assert requests.post(f"{ireca.url}/clients", json=[theirs], headers=headers, timeout=10).status_code == 201
    drain()
    client.refresh_from_db()
    assert client.sync_state == "conflict"
    assert client.sync_conflict["lastname"] == "Чужая"
    found = ireca.get("clients", "77")
    assert found is not None
    assert found["lastname"] == "Чужая"


def test_a_creation_whose_answer_was_lost_is_not_made_twice(ireca: Sandbox) -> None:
    ireca.faults.set("reset_after", times=1, path_contains="clients")
    client = Client.objects.create(lastname="Новая", firstname="Анна", phone="+79213456789")
    for _ in range(3):
        worker.start()
        outbox.make_due()
        drain()
    client.refresh_from_db()
    assert client.sync_state == "clean"
    assert [request["path"] for request in writes(ireca)] == ["/clients"]


@pytest.mark.parametrize("edited", [False, True])
def test_what_ireca_fills_in_at_a_creation_is_no_conflict(
    ireca: Sandbox, monkeypatch: pytest.MonkeyPatch, edited: bool
) -> None:
    """A line without a title gets that of its good there; the answer that says so is lost."""
    monkeypatch.setattr(connection, "BACKOFF_FIRST", 300.0)  # a slow machine would try again before it is looked at
    ireca.faults.set("reset_after", times=1, path_contains="orders", method="POST")
    good = Good.objects.get(ireca_id="355864")
    with transaction.atomic():
        (order,) = new_orders(1)
        order.lines.create(good=good, count=Decimal(1), price=Decimal(10), total=Decimal(10))
    drain()
    assert Order.objects.get(pk=order.pk).sync_state == "pending"
    if edited:
        order = Order.objects.get(pk=order.pk)
        order.description = "third floor"
        order.save()
    worker.start()
    outbox.make_due()
    drain()
    order = Order.objects.get(pk=order.pk)
    assert (order.sync_state, order.sync_conflict) == ("clean", {})
    assert order.lines.get().title == good.title
    assert [request["method"] for request in writes(ireca)].count("POST") == 1
    assert ireca.order(order.ireca_id or "")["description"] == order.description


def test_an_order_may_be_edited_before_it_was_read_for_the_first_time(ireca: Sandbox) -> None:
    """iRECA makes 0 of the banknote that nobody named, a line of the parts of the address, titles of goods."""
    with transaction.atomic():
        (order,) = new_orders(1)
        order.lines.create(
            good=Good.objects.get(ireca_id="355864"), count=Decimal(1), price=Decimal(10), total=Decimal(10)
        )
    drain()
    order = Order.objects.get(pk=order.pk)
    there = ireca.order(order.ireca_id or "")
    assert (Decimal(there["cash"]), there["addressTo"] != "", there["goods"][0]["title"] != "") == (0, True, True)
    assert (order.sync_state, order.cash, order.to_line, order.lines.get().title) == ("clean", None, "", "")
    with transaction.atomic():
        order.cash = Decimal(500)
        order.save()
        change_address([order.pk], "у метро")
        order.lines.update(count=Decimal(2), total=Decimal(20))
    drain()
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict, order.cash) == ("clean", {}, Decimal(500))
    there = ireca.order(order.ireca_id or "")
    assert (Decimal(there["cash"]), there["addressTo"], Decimal(there["goods"][0]["count"])) == (500, "у метро", 2)


def test_what_changed_there_before_an_order_was_read_is_a_conflict(ireca: Sandbox) -> None:
    (order,) = new_orders(1)
    drain()
    order = Order.objects.get(pk=order.pk)
    ireca.change(order.ireca_id, phone="+79990000000")
    order.phone = "+79111111111"
    order.save()
    drain()
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict) == ("conflict", {"phone": "+79990000000"})


def test_a_courier_who_is_closing_the_order_is_not_set_back(ireca: Sandbox) -> None:
    """The description is edited here while the courier, unknown to us so far, takes the order there."""
    Order.objects.filter(ireca_id="209900").update(courier=Courier.objects.get(ireca_id="55752"))
    drain()
    ireca.take("209900", "55752")
    Order.objects.filter(ireca_id="209900").update(description="Позвонить")
    drain()
    found = ireca.order("209900")
    assert found is not None
    assert (found["deliveryStatusId"], found["description"]) == (7, "Позвонить")
    assert Order.objects.get(ireca_id="209900").delivery_status == 7


@pytest.mark.parametrize(("entity", "model"), [("clients", Client), ("orders", Order)])
def test_a_deletion_that_ireca_stumbles_over_holds_up_no_order(
    ireca: Sandbox, entity: str, model: type[Client] | type[Order]
) -> None:
    orders = many_orders(2)
    spare = Client.objects.create(lastname="Лишняя") if model is Client else Order.objects.get(pk=orders[1].pk)
    drain()
    ireca.faults.set("500", path_contains=entity, method="DELETE")
    model.objects.filter(pk=spare.pk).delete()
    Order.objects.filter(pk=orders[0].pk).update(description="goes all the same")
    drain()
    assert Order.objects.get(pk=orders[0].pk).sync_state == "clean"
    assert Push.objects.get(state=Push.State.QUEUED).action == Push.Action.DELETE


def test_a_zero_and_a_no_are_changes(ireca: Sandbox) -> None:
    Good.objects.filter(ireca_id="355866").update(price=Decimal(0), is_active=False)
    drain()
    found = ireca.get("goods", "355866")
    assert found is not None
    assert (found["price"], bool(found["isActive"])) == (0, False)


def test_many_edits_do_not_put_back_what_ireca_changed(ireca: Sandbox) -> None:
    """Eight orders get a description while, unknown to us, a courier took one of them and its phone changed."""
    orders = many_orders(8)
    taken = Order.objects.get(pk=orders[3].pk)
    ireca.change(taken.ireca_id, phone="+79990000000", courierId="55752")
    ireca.take(taken.ireca_id, "55752")
    for order in Order.objects.filter(pk__in=[order.pk for order in orders]):
        order.description = "Позвонить"
        order.save()
    drain()
    found = ireca.order(taken.ireca_id or "")
    assert found is not None
    assert (found["phone"], found["deliveryStatusId"], found["description"]) == ("+79990000000", 7, "Позвонить")
    assert Order.objects.get(pk=taken.pk).delivery_status == 7


def test_our_own_lost_write_is_no_conflict_with_our_next_edit(ireca: Sandbox) -> None:
    """iRECA took the first edit, its answer was lost; the second edit must find the first for our own."""
    order = Order.objects.get(ireca_id="209900")
    order.description = "first"
    order.save()
    ireca.faults.set("reset_after", times=1, method="PUT")
    drain()
    assert ireca.order("209900")["description"] == "first"
    order = Order.objects.get(ireca_id="209900")
    order.description = "second"
    order.save()
    worker.start()
    drain()
    order.refresh_from_db()
    assert (order.sync_state, order.description) == ("clean", "second")
    assert ireca.order("209900")["description"] == "second"


def test_an_edit_waits_for_what_it_changes_and_for_nothing_else(ireca: Sandbox) -> None:
    order = Order.objects.select_related("courier", "client").get(pk=many_orders(1)[0].pk)
    order.courier = Courier.objects.get(ireca_id="55752")
    order.lines.create(good=Good.objects.get(ireca_id="355864"), count=Decimal(1), price=Decimal(10), total=Decimal(10))
    order.save()
    drain()
    order.refresh_from_db()
    # iRECA knew all of it; since then the courier and the good have been deleted there.
    Courier._base_manager.filter(pk=order.courier.pk).update(remote_data=None)
    Good._base_manager.filter(ireca_id="355864").update(remote_data=None)
    order.description = "third floor"
    order.save()
    drain()
    order.refresh_from_db()
    assert (order.sync_state, ireca.order(order.ireca_id)["description"]) == ("clean", "third floor")
    line = order.lines.get()
    line.count = Decimal(2)
    line.save()
    drain()
    assert str(line.good) in Push.objects.get(state=Push.State.WAITING).waits_for
