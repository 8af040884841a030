"""One row at which we stumble holds up no other, and a person sees which one it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import requests
from django.utils import timezone

from backoffice.remotes.ireca.client import resource
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import callbacks, figures, lease, pull, worker
from backoffice.sync.mirror import registry
from backoffice.sync.models import Callback, Push
from benchmarks.both_sides import hurry, make_orders
from benchmarks.promises import Record, broken
from orders.models import Order
from tests.bad_days.scenarios import known_orders
from tests.sync.clients import ireca_client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
POISON = "poison"
POISONED = "+70000000000"


def build(patch: pytest.MonkeyPatch) -> None:
    mirror: Any = registry.for_model(Order)
    honest = type(mirror).build

    def stumble(self: Any, row: Any) -> Any:
        if getattr(row, "description", "") == POISON:
            raise RuntimeError("cannot be built")
        return honest(self, row)

    patch.setattr(type(mirror), "build", stumble)


def encode(patch: pytest.MonkeyPatch) -> None:
    honest = resource.encode

    def stumble(obj: Any, *arguments: Any, **options: Any) -> Any:
        if getattr(obj, "description", "") == POISON:
            raise TypeError("cannot be encoded")
        return honest(obj, *arguments, **options)

    patch.setattr(resource, "encode", stumble)


@pytest.mark.parametrize("spoil", [build, encode])
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "known"])
def test_a_row_that_cannot_leave(
    record: Record, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch, spoil: Any, is_new: bool
) -> None:
    rows = make_orders(20, "P") if is_new else known_orders(20)
    bad = rows[7].pk
    for row in Order.objects.filter(pk__in=[row.pk for row in rows]):
        row.description = POISON if row.pk == bad else "fine"
        row.save()
        record.set_here(row.pk, "description", row.description)
    with monkeypatch.context() as patch:
        spoil(patch)
        for _ in range(3):
            hurry()
            worker.drain_messages(lease.owner())
        record.spoiled.add(bad)
        [failure] = [each for each in figures.failures() if "cannot be" in each.text]
        assert (failure.entity, failure.count) == ("orders", 1)
        Push.objects.filter(object_id=bad, state="queued").update(
            changed_at=timezone.now() - timedelta(hours=1), due_at=timezone.now()
        )
        worker.drain_messages(lease.owner())
        again = Push.objects.get(object_id=bad, state="queued").due_at - timezone.now()
        assert again > timedelta(seconds=1) if not is_new else again > timedelta(0), "it is tried all the time"
    if not is_new:
        assert broken(record) == []
    record.spoiled.clear()
    recover()
    assert broken(record) == []


def store(patch: pytest.MonkeyPatch) -> None:
    mirror: Any = registry.for_model(Order)
    honest = type(mirror).after_apply

    def stumble(self: Any, rows: Any, taken: Any, made_here: Any) -> None:
        if any(row.phone == POISONED for row in rows):
            raise ArithmeticError("cannot be stored")
        honest(self, rows, taken, made_here)

    patch.setattr(type(mirror), "after_apply", stumble)


def change_there(record: Record, sandbox: Sandbox, rows: list[Order]) -> Order:
    """All of them change there, and one into what we cannot store, which is returned."""
    bad = rows[3]
    for row in rows:
        value = POISONED if row == bad else "+79990000001"
        sandbox.change(row.ireca_id or "", phone=value)
        record.set_there(row.pk, "phone", value)
    return bad


def phones_of_others(bad: Order) -> set[str]:
    others = Order.objects.filter(number__startswith="S-").exclude(pk=bad.pk)
    return set(others.values_list("phone", flat=True))


def test_a_row_that_cannot_be_stored_by_a_pull(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = known_orders(10)
    sandbox.faults.set("drop_callbacks")
    bad = change_there(record, sandbox, rows)
    with monkeypatch.context() as patch:
        store(patch)
        run = pull.run(pull.request("orders"), ireca_client(), lease.owner())
    assert (run.state, run.bad_count) == ("done", 1)
    assert f"orders {bad.ireca_id}: ArithmeticError" in run.error
    assert phones_of_others(bad) == {"+79990000001"}
    pull.request("orders")
    recover()
    assert broken(record) == []


def test_a_row_that_cannot_be_stored_by_a_callback(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = known_orders(10)
    with monkeypatch.context() as patch:
        store(patch)
        bad = change_there(record, sandbox, rows)
        recover()
    [failed] = Callback.objects.filter(state="failed")
    assert f"orders {bad.ireca_id}: ArithmeticError" in failed.error
    assert figures.inbox(timezone.now()).failed == 1
    assert phones_of_others(bad) == {"+79990000001"}
    callbacks.retry(Callback.objects.filter(pk=failed.pk))
    recover()
    assert broken(record) == []


def test_one_that_cannot_be_merged_holds_up_no_push(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read again before it is sent whole, and what is read cannot be stored."""
    sandbox.faults.set("drop_callbacks")
    rows = known_orders(6)
    bad = change_there(record, sandbox, rows)
    for row in Order.objects.filter(pk__in=[row.pk for row in rows]):
        row.description = "here"
        row.save()
        record.set_here(row.pk, "description", "here")
    with monkeypatch.context() as patch:
        store(patch)
        for _ in range(3):
            hurry()
            worker.drain_messages(lease.owner())
    assert phones_of_others(bad) == {"+79990000001"}
    assert {sandbox.order(row.ireca_id or "")["description"] for row in rows if row != bad} == {"here"}
    assert "ArithmeticError" in Push.objects.get(object_id=bad.pk, state="queued").error
    assert "ArithmeticError" in Order.objects.get(pk=bad.pk).sync_error
    recover()
    assert broken(record) == []


@pytest.mark.parametrize("body", ["", "{", '{"items": 7}', '{"items": [{}]}', "[1, 2", "\x00" * 10])
def test_a_callback_that_nobody_can_read(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], settings: Any, body: str
) -> None:
    """It is answered 201, kept and shown, and those that come after it are processed."""
    row = known_orders(1)[0]
    address = f"{settings.PUBLIC_URL}/callbacks/ireca/{settings.CALLBACK_SECRET}/orders"
    assert requests.post(address, data=body.encode(), timeout=10).status_code == 201
    record.garbled.add(sha256(body.encode()).hexdigest())
    sandbox.change(row.ireca_id or "", description="there")
    record.set_there(row.pk, "description", "there")
    recover()
    assert broken(record) == []
