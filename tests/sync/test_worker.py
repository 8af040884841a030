"""The worker as a process of its own: killed in the middle, started again, stopped politely; volume in few requests."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, worker
from backoffice.sync.models import Exchange, Push, Worker
from backoffice.sync.tasks import Task
from benchmarks.both_sides import make_orders
from orders.models import Order
from tests.gates import hold

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


def start(environment: Callable[[], dict[str, str]], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "worker", *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def cancelled() -> OperationalError:
    """As PostgreSQL ends a query that takes too long."""
    error = OperationalError("canceling statement due to statement timeout")
    error.__cause__ = psycopg.errors.QueryCanceled()
    return error


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def fill(count: int) -> None:
    """Orders made here, not yet known to iRECA."""
    template = Order.objects.get(ireca_id="209900")
    Order.objects.bulk_create(
        Order(
            number=f"N-{index}",
            description=f"state {index}",
            client=template.client,
            payment_type=template.payment_type,
            amount_to_pay=Decimal("100.00"),
            to_city="Санкт-Петербург",
            to_street="Улица правды",
            to_home="24",
            delivery_time_from=datetime(2026, 11, 21, 9, tzinfo=UTC),
            delivery_time_to=datetime(2026, 11, 21, 11, tzinfo=UTC),
        )
        for index in range(count)
    )


def test_a_killed_worker_loses_nothing(
    ireca: Sandbox, child_environment: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 in the middle of 2,000 pushes; after a restart the remote holds the last state of all of them."""
    fill(2000)
    # Small batches, half of which are taken: the kill falls into the middle.
    environment = lambda: {**child_environment(), "PUSH_BATCH": "100"}  # noqa: E731  two callers need the same dict
    gate = hold(ireca._api, monkeypatch, "POST", "orders", after=10)
    process = start(environment)
    try:
        wait_until(lambda: Push.objects.filter(state=Push.State.DONE).count() >= 500)
        assert gate.reached.wait(60)
    finally:
        process.kill()
        process.communicate(timeout=20)
        gate.open()
    done = Push.objects.filter(state=Push.State.DONE).count()
    assert 500 <= done < 2000
    held = Push.objects.exclude(lease_owner="").count()
    Order.objects.filter(number="N-3").update(description="the last state")
    again = start(environment, "--once")
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert Worker.objects.order_by("started_at").last().stopped_at is not None  # type: ignore[union-attr]
    assert held <= 100 * settings.PUSH_SENDERS
    assert not Push.objects.filter(state__in=Push.OPEN).exists()
    for index, ireca_id in enumerate(
        Order.objects.filter(number__startswith="N-").order_by("id").values_list("ireca_id", flat=True)
    ):
        state = ireca.order(ireca_id)
        assert state is not None
        assert state["description"] == ("the last state" if index == 3 else f"state {index}")
    assert ireca.violations == []


def test_a_worker_stops_politely(ireca: Sandbox, child_environment: Callable[[], dict[str, str]]) -> None:
    process = start(child_environment)
    try:
        wait_until(lambda: Worker.objects.filter(stopped_at__isnull=True, name__contains=f":{process.pid}:").exists())
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "stopped" in output
    assert Worker.objects.get(name__contains=f":{process.pid}:").stopped_at is not None


def test_five_thousand_changes_leave_in_twenty_requests(
    ireca: Sandbox, child_environment: Callable[[], dict[str, str]]
) -> None:
    fill(5000)
    output, _ = (process := start(child_environment, "--once")).communicate(timeout=300)
    assert process.returncode == 0, output
    writes = [
        request for request in ireca.requests if request["path"].startswith("/orders") and request["method"] != "GET"
    ]
    assert len(writes) <= 20
    assert Order.objects.filter(sync_state="clean").count() == 5003
    assert ireca.violations == []


def test_two_workers_share_the_work(ireca: Sandbox, child_environment: Callable[[], dict[str, str]]) -> None:
    fill(600)
    environment = lambda: {**child_environment(), "PUSH_BATCH": "50"}  # noqa: E731  two callers need the same dict
    ireca.faults.set("delay", seconds=0.2, method="POST")
    workers = [start(environment, "--once") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in workers]
    assert [process.returncode for process in workers] == [0, 0], outputs
    sent = [
        order["orderId"]
        for request in ireca.requests
        if request["method"] == "POST" and request["path"].startswith("/orders")
        for order in request["body"]
    ]
    assert len(sent) == len(set(sent)) == 600
    assert not Push.objects.filter(state__in=Push.OPEN).exists()


def test_a_worker_sends_a_batch_while_another_is_in_the_air(
    ireca: Sandbox, child_environment: Callable[[], dict[str, str]]
) -> None:
    fill(200)
    Push.objects.update(due_at=timezone.now() + timedelta(hours=1))
    ireca.faults.set("delay", seconds=1, method="POST")
    process = start(lambda: {**child_environment(), "PUSH_BATCH": "50"})
    try:
        wait_until(lambda: Worker.objects.filter(stopped_at__isnull=True, name__contains=f":{process.pid}:").exists())
        Push.objects.update(due_at=timezone.now())
        wait_until(lambda: Push.objects.filter(state=Push.State.DONE).count() == 200)
    finally:
        process.terminate()
        process.communicate(timeout=20)
    first, second, *others = Exchange.objects.filter(method="POST", path__endswith="/orders").order_by("started_at")
    assert len(others) == 2
    assert second.started_at < first.started_at + timedelta(milliseconds=first.duration_ms)
    assert ireca.violations == []


def test_a_dead_process_holds_nothing() -> None:
    host, pid, token = lease.owner().split(":")
    assert not lease._is_dead(lease.owner("messages"))
    assert lease._is_dead(f"{host}:{pid}:othertok")
    assert not lease._is_dead(f"elsewhere:{pid}:{token}")
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    assert lease._is_dead(f"{host}:{finished.pid}:{token}")


@pytest.mark.parametrize(
    ("error", "is_given_back"),
    [(OperationalError("gone"), True), (InterfaceError("closed"), True), (KeyError("x"), False), (cancelled(), False)],
)
def test_what_was_held_when_the_database_went_away_is_given_back_in_the_next_round(
    ireca: Sandbox, error: Exception, is_given_back: bool
) -> None:
    """A bug of ours, or a query that takes too long, is another matter: its rows wait for their lease, so that it is
    not met twice a second, and others get their turn.
    """
    make_orders(3)
    rounds: list[int] = []

    def step(holder: str) -> int:
        rounds.append(len(lease.claim(Push.objects.order_by("pk"), holder, 10)))
        if len(rounds) == 1:
            raise error
        return rounds[-1]

    task = Task("held", step)
    assert worker.turn(task, "here:1:a:held-0") == 0
    assert rounds[0] > 0
    assert worker.turn(task, "here:1:a:held-1") == 0  # another place of the same loop takes nothing away
    assert worker.turn(task, "here:1:a:held-0") == (rounds[0] if is_given_back else 0)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no single rows")
def test_a_row_that_somebody_has_locked_is_given_back_later_and_holds_up_nobody(ireca: Sandbox) -> None:
    make_orders(2)
    row = Push.objects.order_by("pk")[0]

    rounds: list[int] = []

    def step(holder: str) -> int:
        rounds.append(1)
        if len(rounds) == 1:
            lease.claim(Push.objects.order_by("pk"), holder, 10)
            raise OperationalError("gone")
        return 0

    def turn() -> None:
        worker.turn(Task("held", step), "here:1:a:held-0")
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(turn).result(20)
        with transaction.atomic():
            Push.objects.select_for_update().get(pk=row.pk)
            pool.submit(turn).result(20)
            assert Push.objects.exclude(lease_owner="").values_list("pk", flat=True)[0] == row.pk
        pool.submit(turn).result(20)
    assert not Push.objects.exclude(lease_owner="").exists()


def test_what_nobody_takes_a_next_round_for_is_given_back_with_the_next_heartbeat(ireca: Sandbox) -> None:
    """A worker of Celery has no round until a message comes, and nothing that is held calls for one."""
    make_orders(2)

    def step(holder: str) -> int:
        lease.claim(Push.objects.order_by("pk"), holder, 10)
        raise OperationalError("gone")

    worker.turn(Task("held", step), lease.owner("held-0"))
    assert Push.objects.exclude(lease_owner="").exists()
    stop = threading.Event()

    def beat() -> None:
        worker.stay_alive(worker.start(), stop)
        connection.close()

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        wait_until(lambda: not Push.objects.exclude(lease_owner="").exists(), worker.BEAT * 3)
    finally:
        stop.set()
        heart.join()
