"""Two workers with one lease, since one of them stalled for longer than it lasts; and clocks that are off by hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from backoffice.partners.models import Delivery, Webhook
from backoffice.partners.webhooks import delivery
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, outbox, pull, worker
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Callback, Pull, Push, Schedule
from benchmarks.both_sides import NOON, ask_refund, hurry
from benchmarks.promises import Record, broken
from couriers.models import Courier
from orders import actions
from orders.models import Order
from tests.bad_days.liar import stall
from tests.bad_days.scenarios import GiveBack, PartnerIsTold, known_orders
from tests.orders.bifit import steps as bifit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
SLOW, QUICK = lease.owner("slow"), lease.owner("quick")
HOURS = timedelta(hours=2)


def move(record: Record, pk: int, column: str, value: Any) -> None:
    row = Order.objects.get(pk=pk)
    setattr(row, column, value)
    row.save()
    record.set_here(pk, column, value)


@pytest.mark.parametrize("first", [True, False], ids=["overtaken", "late"])
@pytest.mark.parametrize("column", ["delivery_time_to", "description"])
def test_a_push_that_comes_back_late(
    record: Record,
    sandbox: Sandbox,
    recover: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    first: bool,
) -> None:
    """What the slow worker sent is older, and may arrive after what the quick one sent."""
    pk = known_orders(1)[0].pk
    old, new = (NOON, NOON + HOURS) if column == "delivery_time_to" else ("old", "new")

    def meanwhile() -> None:
        move(record, pk, column, new)
        worker.drain_messages(QUICK)

    move(record, pk, column, old)
    stall(sandbox._api, monkeypatch, "PUT POST", "orders", meanwhile, first=first)
    worker.drain_messages(SLOW)
    recover()
    assert getattr(Order.objects.get(pk=pk), column) == new
    assert broken(record) == []


@pytest.mark.parametrize("first", [True, False], ids=["overtaken", "late"])
def test_a_refund_that_comes_back_late(
    record: Record,
    sandbox: Sandbox,
    recover: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    first: bool,
) -> None:
    """iRECA refuses the second of the two, and the refund that is there is not shown as refused."""
    paid = GiveBack(record, settings).paid
    record.refunds += ask_refund(paid)

    def meanwhile() -> None:
        hurry()
        worker.drain_messages(QUICK)

    stall(sandbox._api, monkeypatch, "POST", "orders", meanwhile, first=first)
    worker.drain_messages(SLOW)
    sandbox.violations.clear()  # of the two requests the later one is a breach, which is refused
    recover()
    assert Order.objects.get(pk=record.refunds[0]).sync_error == ""
    assert broken(record) == []


@pytest.mark.parametrize("first", [True, False], ids=["overtaken", "late"])
def test_an_outlet_that_comes_back_late(
    record: Record,
    sandbox: Sandbox,
    recover: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    first: bool,
) -> None:
    bifit.switch_on(sandbox.bifit, settings)
    key, row = bifit.born(sandbox.bifit, responsiblePersonLogin=None)
    recover()

    def meanwhile() -> None:
        bifit.hurry()
        worker.drain_messages(QUICK, BIFIT)

    actions.assign([row.pk], Courier.objects.get(ireca_id="55752"))
    stall(sandbox.bifit, monkeypatch, "PUT", "", meanwhile, first=first)
    worker.drain_messages(SLOW, BIFIT)
    bifit.hurry()
    recover()
    assert bifit.status(sandbox.bifit, key) == "DISTRIBUTED"
    assert bifit.origin(row).sync_state == "clean"
    assert broken(record) == []


def test_a_webhook_that_comes_back_late(record: Record, recover: Callable[[], None], settings: Any) -> None:
    """The slow worker was told that it failed, the quick one delivered it since: delivered it stays."""
    told = PartnerIsTold(record, settings)
    answers = iter([500, 201])

    def answer(_received: Any) -> int:
        status = next(answers, 201)
        if status == 500:
            Webhook.objects.update(lease_owner="", lease_until=None)
            delivery.deliver(QUICK)
            connections.close_all()  # of the receiver's thread
        return status

    told.receiver.answer = answer
    told.promise(1)
    delivery.deliver(SLOW)
    recover()
    assert list(Delivery.objects.values_list("state", "error")) == [("done", "")]
    assert told.broken() == []
    told.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Set the clock of this machine, which is not the one of the database."""
    right = timezone.now

    def off_by(difference: timedelta) -> None:
        monkeypatch.setattr(timezone, "now", lambda: right() + difference)

    return off_by


@pytest.mark.parametrize("off", [HOURS, -HOURS], ids=["ahead", "behind"])
def test_a_machine_whose_clock_is_off_takes_nothing_from_others(
    record: Record, clock: Callable[[timedelta], None], off: timedelta
) -> None:
    """Nor do others take from it, what it holds, when its clock is behind."""
    move(record, known_orders(1)[0].pk, "description", "held")
    due = Push.objects.filter(state="queued")
    assert len(lease.claim(due, SLOW, 10)) == 1
    clock(off)
    assert lease.claim(due, QUICK, 10) == []
    assert lease.renew(Push, [push.pk for push in due], SLOW) == {push.pk for push in due}
    clock(timedelta(0))
    assert lease.claim(due, QUICK, 10) == []
    Push.objects.update(lease_owner="", lease_until=None)


@pytest.mark.parametrize("off", [HOURS, -HOURS], ids=["ahead", "behind"])
def test_what_was_written_under_a_wrong_clock_goes_all_the_same(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], clock: Callable[[timedelta], None], off: timedelta
) -> None:
    """Saved, posted and asked for on a machine that is off; worked off by one that is right, and not in two hours."""
    here, there = known_orders(2)
    clock(off)
    move(record, here.pk, "description", "off")
    sandbox.change(there.ireca_id or "", description="there")
    record.set_there(there.pk, "description", "there")
    sandbox.callbacks.wait_idle(10)
    Pull.objects.all().delete()
    pull.request("orders")
    Pull.objects.update(due_at=timezone.now())
    Callback.objects.filter(state="new").update(due_at=timezone.now())
    Schedule.objects.update(due_at=timezone.now() + timedelta(hours=23))
    clock(timedelta(0))
    worker.drain(worker.start())
    assert Order.objects.get(pk=here.pk).sync_state == "clean"
    assert Order.objects.get(pk=there.pk).description == "there"
    assert not Pull.objects.filter(state="queued").exists()
    assert not Schedule.objects.filter(due_at__gt=timezone.now() + timedelta(hours=24) + outbox.LONGEST).exists()
    recover()
    assert broken(record) == []


@pytest.mark.parametrize("hours", [3, -3])
def test_irecas_clock_is_off(record: Record, sandbox: Sandbox, recover: Callable[[], None], hours: int) -> None:
    """Its stamps are never compared with ours to tell what is newer."""
    sandbox.state.clock.advance(hours * 3600)
    rows = known_orders(4)
    for index, row in enumerate(rows):
        move(record, row.pk, "description", f"here {index}")
        sandbox.change(row.ireca_id or "", phone=f"+7999000000{index}")
        record.set_there(row.pk, "phone", f"+7999000000{index}")
    recover()
    pull.request("orders")
    pull.request("journal")
    recover()
    assert broken(record) == []
