"""A storm: both sides change the same orders at once, requests fail, callbacks go astray, workers are killed.

The scenario that `benchmarks/storm.py` runs at full size and `tests/sync/test_storm.py` at a small one. The work is
done by a worker as a process of its own; here are the dispatcher (through the models, as the admin does it), the other
side (through the sandbox), and whoever pulls the plug. What must hold afterwards is in `promises.py`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db.models import Q
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, connection, lease, outbox, pull, worker
from backoffice.sync.apply import resolve
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Callback, Pull, Push
from benchmarks.promises import Record
from catalog.models import Good
from couriers.models import Courier
from orders import refunds
from orders.models import DeliveryStatus, Line, Order, ReturnReason

ROOT = Path(__file__).resolve().parents[1]
FAULTS = ("500", "429", "reset_before", "reset_after", "garbage")
ONE_OF_FIVE = 0.07  # each: together they strike 30 % of the requests
CALLBACK_FAULTS = {"drop_callbacks": 0.2, "double_callbacks": 0.2, "shuffle_callbacks": 0.2}
COURIERS = ("55752", "55753")
PRICE = Decimal("113.26")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PATIENCE = 600.0  # seconds that the calm after the storm may take, until something is taken for stuck


@dataclass
class Storm:
    """One run. `environment`: in which `manage.py worker` works on this database and `sandbox`."""

    sandbox: Sandbox
    environment: Mapping[str, str]
    log: Path
    orders: int
    waves: int
    kills: int
    seed: int = 1
    tell: Callable[[str], None] = lambda line: None
    before: Record | None = None  # of the storms before this one

    def __post_init__(self) -> None:
        self.record = self.before or Record(self.sandbox)
        self.figures = self.record.figures
        self.rng = random.Random(self.seed)
        self.couriers = list(Courier.objects.filter(ireca_id__in=COURIERS))
        self.worker: subprocess.Popen[bytes] | None = None
        self.began = timezone.now()
        for what in ("refunds asked for", "workers killed", "pushes held when a worker was killed"):
            self.figures.setdefault(what, 0)

    def run(self) -> None:
        """Until both sides are quiet, with the conflicts that came of it."""
        started = time.monotonic()
        self.prepare()
        self.tell(f"{self.orders} orders are there, {len(self.paid)} of them paid and delivered")
        for kind in FAULTS:
            self.sandbox.faults.set(kind, probability=ONE_OF_FIVE, seconds=0)
        for kind, probability in CALLBACK_FAULTS.items():
            self.sandbox.faults.set(kind, probability=probability)
        self.start_worker()
        try:
            for wave in range(self.waves):
                self.wave(wave)
            self.wait(lambda: not waiting(), "the storm is worked off")
            for fault in self.sandbox.faults.describe():
                self.figures[f"fault {fault['kind']}"] = fault["fired"]
            self.sandbox.faults.clear()
            self.calm()
        finally:
            self.stop_worker()
        self.figures["seconds"] = round(time.monotonic() - started)

    # what is there before

    def prepare(self) -> None:
        """Orders with a line each, known to iRECA; every twelfth is paid and delivered."""
        orders = make_orders(self.orders)
        self.paid = [order.pk for order in orders[::12]]
        self.open = [order.pk for order in orders if order.pk not in set(self.paid)]
        self.ireca_ids = {
            pk: ireca_id or ""
            for pk, ireca_id in Order.objects.filter(number__startswith="S-").values_list("pk", "ireca_id")
        }
        holder = worker.start()
        worker.drain(holder)
        for pk in self.paid:
            self.sandbox.deliver(self.ireca_ids[pk])
        self.read("orders")
        worker.drain(holder)
        call_command("register_callbacks", verbosity=0)  # only now: what is made above is no news

    def read(self, what: str, since: datetime | None = None) -> None:
        client: Any = clients.client()
        asked, holder = pull.request(what, since=since), lease.owner()
        for claimed in lease.claim(Pull.objects.filter(pk=asked.pk), holder, 1):
            pull.run(claimed, client, holder)
        if self.worker is not None:  # which may have been quicker
            is_open = Pull.objects.filter(pk=asked.pk, state__in=(Pull.State.QUEUED, Pull.State.RUNNING)).exists
            self.wait(lambda: not is_open(), f"{what} is read")
        asked.refresh_from_db()
        if asked.state != Pull.State.DONE:
            raise RuntimeError(f"the pull of {what} ended as {asked.state}: {asked.error}")

    # the storm

    def wave(self, number: int) -> None:
        """Half of the orders change here, a quarter there, in any order; some get refunds; a worker may be killed."""
        here = [partial(self.change_here, pk, number) for pk in self.some(self.open, 2)]
        there = [partial(self.change_there, pk, number) for pk in self.some(self.open, 4)]
        back = [partial(self.give_back, pk) for pk in self.some(self.paid, 2)]
        actions = [*here, *there, *back]
        self.rng.shuffle(actions)
        kill_at = len(actions) // 2 if number < self.kills else -1
        for index, action in enumerate(actions):
            action()
            if index == kill_at:
                self.kill_worker(number)
            if index % 25 == 0:
                hurry()
        self.move_windows(number)
        pull.request("orders")  # as a schedule does: callbacks that were dropped are found so
        # The next wave comes while this one is on its way, yet does not just pile up on it.
        enough = self.orders // 8
        self.wait(lambda: waiting() <= enough, f"wave {number + 1} is nearly worked off")
        self.tell(f"wave {number + 1} of {self.waves}: {len(actions)} changes, {waiting()} still on their way")

    def some(self, pks: Collection[int], part: int) -> list[int]:
        return self.rng.sample(list(pks), len(pks) // part)

    def change_here(self, pk: int, wave: int) -> None:
        """A dispatcher saves a form."""
        order = Order.objects.get(pk=pk)
        kind = self.rng.choice(("description", "courier_id", "to_street", "cash", "count"))
        if kind == "count":
            line = order.lines.first()
            if line is None:
                return
            line.count, line.total = Decimal(wave + 3), PRICE * (wave + 3)
            line.save()
        else:
            value = {
                "description": f"here {wave} {pk}",
                "courier_id": self.rng.choice(self.couriers).pk,
                "to_street": f"Улица {wave}-{pk}",
                "cash": Decimal(1000 + wave),
            }[kind]
            setattr(order, kind, value)
            order.save()
            self.record.note(pk, kind).ours.append(value)
        self.figures["changed here"] += 1

    def move_windows(self, wave: int) -> None:
        """A dispatcher moves the window of many orders: one `multipleUpdate`."""
        pks = self.some(self.open, 8)
        until = NOON + timedelta(hours=3, minutes=wave)
        Order.objects.filter(pk__in=pks).update(delivery_time_to=until)
        for pk in pks:
            self.record.note(pk, "delivery_time_to").ours.append(until)
        self.figures["changed here"] += len(pks)

    def change_there(self, pk: int, wave: int) -> None:
        """Somebody in the cabinet saves a form, or the courier edits a line."""
        ireca_id = self.ireca_ids[pk]
        kind = self.rng.choice(("phone", "description", "delivery_time_to", "delivery_status", "line"))
        order = self.sandbox.order(ireca_id)
        assert order is not None  # nobody deletes orders here
        if kind == "line":
            line = order["goods"][0]
            if Decimal(str(line["count"])) > 1:
                self.sandbox.edit_line(ireca_id, line["goodId"], 1)
        elif kind == "delivery_status":
            if order["deliveryStatusId"] == DeliveryStatus.PREPARED and order["courierId"]:
                self.sandbox.take(ireca_id)
                self.record.note(pk, kind).theirs.append(DeliveryStatus.TAKEN.value)
        elif kind == "delivery_time_to":
            until = NOON + timedelta(hours=8, seconds=pk % 3000 + 3000 * wave)
            self.sandbox.change(ireca_id, deliveryTimeTo=until.strftime("%Y-%m-%d %H:%M:%S"))
            self.record.note(pk, kind).theirs.append(until)
        else:
            value = f"+7999{wave:02}{pk % 100_000:05}" if kind == "phone" else f"there {wave} {pk}"
            self.sandbox.change(ireca_id, **{kind: value})
            self.record.note(pk, kind).theirs.append(value)
        self.figures["changed there"] += 1

    def give_back(self, pk: int) -> None:
        """A piece of a paid order comes back; the button is pressed twice."""
        if refunds.returnable(Order.objects.get(pk=pk)).why_not():
            return
        self.record.refunds += ask_refund(pk)
        self.figures["refunds asked for"] += 1

    # the worker

    def command(self) -> list[str]:
        """What stands before "worker" on the command line."""
        return ["manage.py"]

    def start_worker(self) -> None:
        with self.log.open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, *self.command(), "worker"],
                cwd=ROOT,
                env=dict(self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill_worker(self, wave: int) -> None:
        """kill -9 while it has something in its hands, and another one in its place."""
        assert self.worker is not None
        mine = Push.objects.filter(lease_owner__contains=f":{self.worker.pid}:")

        def is_at_work() -> bool:
            if not waiting():  # it was quicker than we are, and would have nothing in its hands ever again
                self.change_here(self.rng.choice(self.open), wave)
            return mine.exists()

        self.wait(is_at_work, "the worker is at work", pause=0.01)
        self.worker.kill()
        self.worker.wait()
        self.figures["workers killed"] += 1
        self.figures["pushes held when a worker was killed"] += mine.count()
        self.start_worker()

    def worker_ended(self) -> None:
        raise RuntimeError(f"the worker ended by itself, see {self.log}")

    def stop_worker(self) -> None:
        """Politely; it must end well."""
        assert self.worker is not None
        self.worker.terminate()
        try:
            status = self.worker.wait(60)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            raise
        if status:
            raise RuntimeError(f"the last worker ended with {status}, see {self.log}")

    def wait(self, condition: Callable[[], bool], what: str, pause: float = 0.2) -> None:
        assert self.worker is not None
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.worker.poll() is not None:
                self.worker_ended()
            if time.monotonic() > end:
                raise RuntimeError(f"not in {PATIENCE:.0f} s: {what}; {waiting()} wait; see {self.log}")
            hurry()
            time.sleep(pause)

    # after the storm

    def calm(self) -> None:
        """Without faults, what callbacks did not tell is pulled, and all of it settles."""

        def wait() -> None:
            self.wait(lambda: is_quiet(self.sandbox), "both sides are quiet")

        for _ in range(2):
            self.sandbox.callbacks.wait_idle(PATIENCE)
            pull.request("orders")
            wait()
        # What our own writes took away is found in the journals, and what came late is said again.
        self.read("journal", since=self.began)
        wait()

    def settle_conflicts(self) -> None:
        """A dispatcher decides each, one way or the other."""
        mirror: Any = registry.for_model(Order)
        rows = list(Order.objects.filter(sync_state=SyncState.CONFLICT))
        for row in rows:
            self.record.settled[row.pk] = set(row.sync_conflict)
            resolve(mirror, row, {name: self.rng.choice(("ours", "theirs")) for name in row.sync_conflict})
        self.figures["orders that a person settled"] = len(rows)
        if rows:
            self.start_worker()
            try:
                self.calm()
            finally:
                self.stop_worker()


def make_orders(count: int, prefix: str = "S", pieces: int = 2) -> list[Order]:
    """Orders made here with a line each, so many pieces of one good, on their way to iRECA."""
    template = Order.objects.get(ireca_id="209900")
    good = Good.objects.get(ireca_id="355866")
    couriers = list(Courier.objects.filter(ireca_id__in=COURIERS))
    total = PRICE * pieces
    orders = Order.objects.bulk_create(
        Order(
            number=f"{prefix}-{index}",
            client=template.client,
            payment_type=template.payment_type,
            courier=couriers[index % 2],
            amount_to_pay=total,
            phone="+79123456789",
            to_city="Санкт-Петербург",
            to_street="Улица правды",
            to_home=str(index),
            delivery_time_from=NOON,
            delivery_time_to=NOON + timedelta(hours=2),
        )
        for index in range(count)
    )
    Line.objects.bulk_create(
        Line(order=order, good=good, count=pieces, price=PRICE, total=total, unit="шт") for order in orders
    )
    return orders


def ask_refund(pk: int) -> set[int]:
    """A piece of a paid order comes back; the button is pressed twice. Returns the keys of what was made of it."""
    left = refunds.returnable(Order.objects.get(pk=pk))
    counts = {left.lines[0].line.pk: Decimal(1)}
    wanted = refunds.Wanted(
        key=uuid.uuid4(),
        counts=counts,
        sums=left.share_out(left.due(counts)),
        reason=ReturnReason.objects.get(ireca_id="5276"),
        courier=Courier.objects.get(ireca_id=COURIERS[0]),
        payment_type=left.payments[0].payment.payment_type,
        delivery_status=DeliveryStatus.TAKEN,
        start=NOON,
        end=NOON + timedelta(hours=2),
    )
    return {refunds.make(pk, wanted).pk for _ in range(2)}


def waiting() -> int:
    """Changes, commands and callbacks that are not worked off; what waits for a person does not count."""
    in_conflict = Order.objects.filter(sync_state=SyncState.CONFLICT).values("pk")
    pushes = Push.objects.filter(state__in=outbox.DUE_STATES).exclude(entity="orders", object_id__in=in_conflict)
    return pushes.count() + Callback.objects.filter(state=Callback.State.NEW).count()


def is_quiet(sandbox: Sandbox) -> bool:
    """Nothing waits, nothing is read, and no callback is on its way.

    Callbacks are asked about before the database: one that arrives in between would be seen by neither. And they are
    counted, for one that our last request called for.
    """
    enqueued = sandbox.callbacks.enqueued
    if sandbox.callbacks.pending or waiting() or is_reading():
        return False
    return sandbox.callbacks.enqueued == enqueued


def is_reading() -> bool:
    return Pull.objects.filter(
        what__in=("orders", "journal"), state__in=(Pull.State.QUEUED, Pull.State.RUNNING)
    ).exists()


def hurry() -> None:
    """Nobody waits here for the pauses that failures cause: everything is due at once."""
    connection.unblock(impatiently=True)
    now = timezone.now()
    free = Q(lease_owner="") & Q(due_at__gt=now)
    Push.objects.filter(free, state__in=outbox.DUE_STATES).update(due_at=now)
    Callback.objects.filter(free, state=Callback.State.NEW).update(due_at=now)
    Pull.objects.filter(free, state=Pull.State.QUEUED).update(due_at=now)
