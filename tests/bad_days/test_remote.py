"""The remote slow, lying, half-answering, and back after a night."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import callbacks, connection, figures, lease, outbox, pull, worker
from backoffice.sync.models import Callback, Exchange, Pull, Push
from benchmarks.both_sides import hurry, waiting
from benchmarks.promises import Record, broken
from orders.models import Order
from tests.bad_days.liar import tamper
from tests.bad_days.scenarios import known_orders
from tests.sync.clients import ireca_client
from tests.sync.test_push import new_orders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NIGHT = 1_000  # orders; the soak has 30,000


def edit(record: Record, row: Order, text: str) -> None:
    row = Order.objects.get(pk=row.pk)
    row.description = text
    row.save()
    record.set_here(row.pk, "description", text)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_slower_than_we_wait(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], settings: Any, method: str
) -> None:
    """It does what it is told after we have hung up: that is found out, and nothing is told twice."""
    rows = known_orders(3)
    settings.HTTP_TIMEOUT = 0.3
    sandbox.faults.set("delay", seconds=0.8, method=method, times=4)
    for row in rows:
        edit(record, row, "slow")
    made = new_orders(2)
    worker.drain_messages(lease.owner())
    assert connection.state_of("ireca")["state"].reason, "nobody is told that iRECA does not answer"
    assert Exchange.objects.exclude(error="").exists()
    recover()
    sandbox.violations.clear()  # a creation that was looked for before it took place is refused when it is sent again
    assert broken(record) == []
    assert Order.objects.filter(pk__in=[row.pk for row in made], sync_state="clean").count() == 2


LIES: dict[str, Callable[[Any], Any]] = {
    "another object": lambda said: {**said, "orderId": "209900"},
    "no id": lambda said: {name: value for name, value in said.items() if name != "orderId"},
    "a list": lambda said: [said, said],
    "nothing": lambda said: None,
    "a word": lambda said: "OK",
    "numbers that no column holds": lambda said: {**said, "amountToPay": "1" * 40, "cash": 10**30},
    "half of it": lambda said: half(said),
    "other kinds": lambda said: {**said, "deliveryStatusId": {"a": 1}, "goods": "none", "payments": 7},
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_when_it_is_asked(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """What a callback was about is read: the answer is not that object. It is kept out, shown, and read again when a
    person says so; the order that it was said to be is left alone.
    """
    row, other = known_orders(2)
    before = Order.objects.get(ireca_id="209900").description
    with monkeypatch.context() as patch:
        tamper(sandbox._api, patch, "GET", "orders", lambda said: LIES[lie](said) if isinstance(said, dict) else said)
        sandbox.change(row.ireca_id or "", description="there")
        edit(record, other, "here")
        sandbox.callbacks.wait_idle(10)
        for _ in range(3):
            hurry()
            worker.drain_messages(lease.owner())
    record.set_there(row.pk, "description", "there")
    assert Order.objects.get(ireca_id="209900").description == before
    pull.request("orders")
    callbacks.retry(Callback.objects.all())
    recover()
    assert broken(record) == []


def test_an_older_state_takes_nothing_back(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that is answered from an old copy, after our edit went through: what we said is not undone there."""
    row = known_orders(1)[0]
    old = sandbox.order(row.ireca_id or "")
    edit(record, row, "new")
    recover()
    with monkeypatch.context() as patch:
        tamper(sandbox._api, patch, "GET", "orders", lambda said: old)
        sandbox.change(row.ireca_id or "", phone="+79990000001")
        record.set_there(row.pk, "phone", "+79990000001")
        recover()
    assert sandbox.order(row.ireca_id or "")["description"] == "new"
    pull.request("orders")
    recover()
    assert broken(record) == []


def half(said: Any) -> bytes:
    text = json.dumps(said).encode()
    return text[: len(text) // 2]


@pytest.mark.parametrize("cut", ["half", "garbage", "reset_after"])
def test_half_of_a_list(
    record: Record, sandbox: Sandbox, recover: Callable[[], None], monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """What is missing from a list that was cut off is not taken for deleted, and the run says that it is not over."""
    rows = known_orders(30)
    sandbox.faults.set("drop_callbacks")
    for row in rows[::3]:
        sandbox.change(row.ireca_id or "", description=f"there {row.pk}")
        record.set_there(row.pk, "description", f"there {row.pk}")
    with monkeypatch.context() as patch:
        if cut == "half":
            tamper(
                sandbox._api,
                patch,
                "GET",
                "orders",
                lambda said: json.dumps(said).encode()[: len(json.dumps(said)) // 2],
            )
        else:
            sandbox.faults.set(cut, times=3, method="GET")
        run = pull.run(pull.request("orders"), ireca_client(), lease.owner())
    assert run.state == Pull.State.QUEUED
    assert run.error
    recover()
    assert Order.objects.count() == 33
    assert broken(record) == []


def test_back_after_a_night(record: Record, sandbox: Sandbox, recover: Callable[[], None]) -> None:
    """What waits leaves in few requests of many objects, and the worker grows by no more than what it has in hand."""
    rows = known_orders(4)
    sandbox.faults.set("drop_callbacks")  # of the night: what they tell is read by id, one by one
    sandbox.stop()
    made = new_orders(NIGHT)
    Order.objects.filter(pk__in=[row.pk for row in made]).update(cash=0)
    for word in ("evening", "night", "morning"):
        edit(record, rows[0], word)
    for _ in range(3):
        hurry()
        worker.drain_messages(lease.owner())
    assert figures.queue(timezone.now()).depth == NIGHT + 1
    assert outbox.due("ireca").exclude(error="").exists(), "nobody is told why it waits"
    sandbox.requests.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sandbox.start()
    recover()
    writes = [request for request in sandbox.requests if request["method"] != "GET" and "orders" in request["path"]]
    assert len(writes) <= NIGHT // 500 + 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024
    assert not waiting()
    assert Push.objects.filter(object_id__in=[row.pk for row in made], state="done").count() == NIGHT
    assert broken(record) == []
