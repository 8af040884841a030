"""What comes back: callbacks, pulls, merging, details of orders. Over real HTTP against the sandbox."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client as Browser
from django.utils import timezone

from backoffice.remotes.ireca import contract
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import callbacks, clients, connection, lease, outbox, pull, worker
from backoffice.sync.apply import apply, resolve
from backoffice.sync.mirror import registry
from backoffice.sync.models import Callback, DictionaryEntry, Exchange, Pull, Push, Schedule
from couriers.mirror import release
from couriers.models import Courier, License, LicenseUsage
from orders.models import Order
from orders.models.order import LACKS_RECEIPT
from tests.conftest import ASKED_ONE_BY_ONE
from tests.sync.test_push import many_orders, new_orders

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "callback-secret"


def test_the_couriers_day_comes_back(listening: Sandbox, settle: Callable[[], None]) -> None:
    Order.objects.filter(ireca_id="209900").update(courier=Courier.objects.get(ireca_id="55752"))
    settle()
    listening.take("209900", "55752")
    listening.deliver("209900")
    listening.close("209900")
    settle()
    order = Order.objects.get(ireca_id="209900")
    assert (order.delivery_status, order.status, order.fr_receipt_status) == (10, 1, 1)
    assert [str(payment.price) for payment in order.payments.all()] == ["679.57"]
    assert {change.delivery_status for change in order.status_changes.all()} >= {7, 9, 10}
    receipt = order.receipts.get()
    assert receipt.fiscal_sign == listening.receipts("209900")[0]["fiscalSign"]
    assert order.sync_state == "clean"
    assert order.details_due_at is None
    assert listening.violations == []


def test_the_echo_of_our_own_push_causes_nothing(listening: Sandbox, settle: Callable[[], None]) -> None:
    Order.objects.filter(ireca_id="209900").update(description="ours")
    settle()
    pushes = Push.objects.count()
    assert Callback.objects.filter(kind="orders", state=Callback.State.DONE).exists()
    settle()
    assert Push.objects.count() == pushes == 1
    assert [request["path"] for request in listening.requests if request["method"] != "GET"] == ["/orders"]


def test_a_new_order_of_ours_is_read_once_until_it_is_on_its_way(
    listening: Sandbox, settle: Callable[[], None]
) -> None:
    settle()
    listening.requests.clear()
    order, *_others = new_orders(3)
    settle()
    assert Callback.objects.filter(kind="orders", state=Callback.State.DONE).exists()
    assert [request["path"] for request in listening.requests if request["method"] == "GET"] == ["/orders"] * 3
    listening.take(order.ireca_id, "55752")
    settle()
    assert {change.delivery_status for change in order.status_changes.all()} == {7}


def test_doubled_and_reordered_callbacks_do_no_harm(
    listening: Sandbox, settle: Callable[[], None], client: Browser
) -> None:
    listening.take("209900", "55752")
    listening.callbacks.wait_idle(10)
    old = Callback.objects.latest("id").body
    listening.deliver("209900")
    listening.close("209900")
    settle()
    for _ in range(2):
        answer = client.post(f"/callbacks/ireca/{SECRET}/orders", old, content_type="application/json")
        assert (answer.status_code, answer.content) == (201, b"")
    settle()
    assert Order.objects.get(ireca_id="209900").delivery_status == 10


def test_a_callback_needs_the_secret(db: None, client: Browser, settings: Any) -> None:
    settings.CALLBACK_SECRET = SECRET
    assert client.post("/callbacks/ireca/wrong/orders", "{}", content_type="application/json").status_code == 404
    assert client.post(f"/callbacks/ireca/{SECRET}/goods", "{}", content_type="application/json").status_code == 404
    assert client.get(f"/callbacks/ireca/{SECRET}/orders").status_code == 405
    settings.CALLBACK_SECRET = ""
    assert client.post("/callbacks/ireca//orders", "{}", content_type="application/json").status_code == 404
    assert not Callback.objects.exists()


def test_garbage_in_a_callback_stays_visible(ireca: Sandbox) -> None:
    callbacks.store("ireca", "orders", b"\xff\x00 not json")
    callbacks.store("ireca", "orders", json.dumps({"items": [{"orderId": 5, "goods": 7}]}).encode())
    worker.drain(lease.owner())
    assert list(Callback.objects.values_list("state", flat=True)) == ["failed", "failed"]
    assert all(Callback.objects.values_list("error", flat=True))


def test_a_callback_waits_while_ireca_is_down(listening: Sandbox) -> None:
    listening.take("209900", "55752")
    listening.callbacks.wait_idle(10)
    listening.stop()
    worker.drain(lease.owner())
    assert Callback.objects.latest("id").state == Callback.State.NEW
    listening.start()
    Callback.objects.update(due_at=timezone.now())
    worker.start()
    worker.drain(lease.owner())
    assert Order.objects.get(ireca_id="209900").delivery_status == 7


def test_a_callback_alone_is_believed_when_ireca_cannot_be_asked(db: None, settings: Any) -> None:
    settings.IRECA_URL = ""
    body = {"items": [{"orderId": 77, "codeAlias": "G-77", "deliveryStatusId": 7, "courierId": "9", "statusId": "0"}]}
    callbacks.store("ireca", "orders", json.dumps(body).encode())
    worker.drain(lease.owner())
    order = Order.objects.get(ireca_id="77")
    assert (order.number, order.delivery_status, order.courier.ireca_id) == ("G-77", 7, "9")
    assert not Push.objects.exists()


def test_changes_on_both_sides_are_merged(ireca: Sandbox) -> None:
    order = Order.objects.get(ireca_id="209900")
    order.description = "ours"
    order.save()
    ireca.change("209900", phone="+79990000000")
    apply(*_state(ireca, "209900"))
    order.refresh_from_db()
    assert (order.description, order.phone, order.sync_state) == ("ours", "+79990000000", "pending")
    worker.drain(lease.owner())
    assert ireca.order("209900")["description"] == "ours"
    assert ireca.order("209900")["phone"] == "+79990000000"


@pytest.mark.parametrize(("choice", "agreed"), [("ours", "ours"), ("theirs", "theirs")])
def test_a_conflict_waits_for_a_person(ireca: Sandbox, choice: str, agreed: str) -> None:
    order = Order.objects.get(ireca_id="209900")
    order.description = "ours"
    order.save()
    ireca.change("209900", description="theirs")
    apply(*_state(ireca, "209900"))
    worker.drain(lease.owner())
    order.refresh_from_db()
    assert (order.sync_state, order.description) == ("conflict", "ours")
    assert ireca.order("209900")["description"] == "theirs"
    assert Push.objects.get().state == Push.State.WAITING
    resolve(registry.for_model(Order), order, {"description": choice})
    worker.drain(lease.owner())
    order.refresh_from_db()
    assert (order.sync_state, order.description) == ("clean", agreed)
    assert ireca.order("209900")["description"] == agreed


def test_a_pull_twice_changes_nothing(ireca: Sandbox) -> None:
    from backoffice.sync import clients

    client = clients.client()
    for name in ASKED_ONE_BY_ONE:
        pull.run(pull.request(name), client, lease.owner())
    for reader in (reader for reader in pull.readers() if reader.remote == connection.IRECA):
        done = pull.run(pull.request(reader.name), client, lease.owner())
        assert (done.state, done.created_count, done.conflict_count) == (Pull.State.DONE, 0, 0), reader.name
    assert Order.objects.count() == 3
    assert not Push.objects.exists()


def test_schedules_are_rows_that_run_once(ireca: Sandbox) -> None:
    assert set(Schedule.objects.values_list("name", flat=True)) >= {"orders", "licenses", "orderReceipts", "taxes"}
    Pull.objects.all().delete()
    Schedule.objects.update(due_at=timezone.now())
    worker.drain(lease.owner())
    assert Pull.objects.filter(what="taxes").count() == 1
    worker.drain(lease.owner())
    assert Pull.objects.filter(what="taxes").count() == 1
    assert Schedule.objects.get(name="taxes").last_result.startswith(str(Pull.State.DONE.label))


def test_licences_show_two_of_fifty_and_one_is_released(listening: Sandbox, settle: Callable[[], None]) -> None:
    usage = LicenseUsage.objects.latest()
    assert (usage.used, usage.total) == (2, 50)
    session = License.objects.get(device_id="64fa00ec9ffc4b99")
    release(session)
    settle()
    session.refresh_from_db()
    assert not session.is_open
    assert LicenseUsage.objects.latest().used == 1
    assert Push.objects.get(entity="licenses").state == Push.State.DONE


def test_a_lost_answer_of_a_command_is_looked_up(listening: Sandbox, settle: Callable[[], None]) -> None:
    listening.faults.set("reset_after", times=1, path_contains="licenses/close")
    release(License.objects.get(device_id="64fa00ec9ffc4b99"))
    for _ in range(3):
        worker.start()
        outbox.make_due()
        settle()
    closes = [request for request in listening.requests if "licenses/close" in request["path"]]
    assert len(closes) == 1
    assert Push.objects.get(entity="licenses").state == Push.State.DONE


def test_a_receipt_that_is_late_is_asked_for_again(ireca: Sandbox) -> None:
    Order._base_manager.filter(ireca_id="209900").update(status=1, delivery_status=10, details_due_at=timezone.now())
    worker.drain(lease.owner())
    order = Order.objects.get(ireca_id="209900")
    assert order.details_due_at is not None
    assert order.details_attempts >= 1
    assert order in Order.objects.filter(LACKS_RECEIPT)


def test_the_exchange_log_finds_an_object_and_hides_secrets(ireca: Sandbox) -> None:
    Courier.objects.filter(ireca_id="55752").update(source_password="hunter2", title="Быстров")
    worker.drain(lease.owner())
    row = Exchange.objects.filter(subjects__subject="couriers:55752").latest("id")
    assert row.status == 204
    assert "Быстров" in row.request_body
    assert "hunter2" not in row.request_body
    assert not Exchange.objects.filter(request_body__contains=ireca.token).exists()
    assert not Exchange.objects.filter(response_body__contains="1124").exists()


def test_dictionaries_are_read(ireca: Sandbox) -> None:
    assert DictionaryEntry.objects.get(kind="orderDeliveryStatuses", code="10").title == "Заказ закрыт"


def test_an_unknown_status_is_kept(ireca: Sandbox) -> None:
    mirror = registry.for_model(Order)
    apply(mirror, [contract.decode(contract.Order, {"orderId": "209900", "deliveryStatusId": 8})])
    assert Order.objects.get(ireca_id="209900").delivery_status == 8


def test_a_remote_row_that_nobody_knows_gets_a_place(ireca: Sandbox) -> None:
    """An order of a courier who is unknown here: nothing is lost, and nothing is pushed for the placeholder."""
    mirror = registry.for_model(Order)
    apply(mirror, [contract.decode(contract.Order, {"orderId": "900", "courierId": 424242})])
    order = Order.objects.get(ireca_id="900")
    assert order.courier is not None
    assert order.courier.ireca_id == "424242"
    outbox.make_due()
    assert not Push.objects.exists()


def _state(sandbox: Sandbox, order_id: str) -> tuple[Any, list[Any]]:
    mirror = registry.for_model(Order)
    return mirror, [contract.decode(contract.Order, sandbox.order(order_id))]


def test_what_is_being_deleted_does_not_come_back(ireca: Sandbox) -> None:
    ireca.stop()
    Order.objects.filter(ireca_id="209900").delete()
    apply(*_state(ireca, "209900"))
    assert not Order.objects.filter(ireca_id="209900").exists()


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "5",
        '{"items": null}',
        '{"items": 5}',
        '{"items": [{"codeAlias": "no id"}]}',
        "[" * 5000,
        '{"orderId": 5, "amountToPay": 9999999999999}',
    ],
)
def test_a_poison_callback_holds_up_no_other(listening: Sandbox, settle: Callable[[], None], body: str) -> None:
    callbacks.store("ireca", "orders", body.encode())
    listening.take("209900", "55752")
    settle()
    assert Order.objects.get(ireca_id="209900").delivery_status == 7
    assert not Callback.objects.filter(state=Callback.State.NEW).exists()
    assert Order.objects.count() == 3


def test_an_order_that_ireca_stumbles_over_holds_up_no_other(listening: Sandbox, settle: Callable[[], None]) -> None:
    listening.faults.set("500", path_contains="orders", method="GET", times=1)
    listening.take("1", "55752")
    listening.take("209900", "55752")
    settle()
    Callback.objects.update(due_at=timezone.now())
    settle()
    assert set(Order.objects.filter(ireca_id__in=["1", "209900"]).values_list("delivery_status", flat=True)) == {7}


def test_a_callback_about_many_orders_gets_through_a_remote_that_stumbles(ireca: Sandbox) -> None:
    """Each try reads on where others stumbled; all of them at one go would hardly ever be read."""
    ids = [str(row.ireca_id) for row in many_orders(12)]
    items = [ireca.change(ireca_id, phone="+79990000000") for ireca_id in ids]
    callback = callbacks.store("ireca", "orders", json.dumps({"items": items}).encode())
    ireca.faults.set("500", probability=0.5)
    ireca.requests.clear()
    for _ in range(12):
        Callback.objects.update(due_at=timezone.now())
        callbacks.process(clients.client(), lease.owner())
    callback.refresh_from_db()
    assert callback.state == Callback.State.DONE
    assert sorted(request["query"]["orderId"] for request in ireca.requests) == sorted(ids)  # each read once
    assert set(Order.objects.filter(ireca_id__in=ids).values_list("phone", flat=True)) == {"+79990000000"}


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_stumbles_fails_no_callback(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """And holds up none behind it."""
    stumbling, other = (callbacks.store("ireca", "orders", body) for body in (b"[]", b"[ ]"))
    process_one = callbacks._process_one

    def stumble(callback: Callback, client: Any) -> str:
        if callback.pk == stumbling.pk:
            raise error("server closed the connection unexpectedly")
        return process_one(callback, client)

    monkeypatch.setattr(callbacks, "_process_one", stumble)
    callbacks.process(None, "tests")
    for callback in (stumbling, other):
        callback.refresh_from_db()
    assert (stumbling.state, stumbling.lease_owner, stumbling.attempts) == (Callback.State.NEW, "", 1)
    assert "server closed the connection" in stumbling.error
    assert stumbling.due_at > timezone.now()
    assert other.state == Callback.State.DONE
