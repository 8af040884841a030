"""How often iRECA is asked: by one worker, by several processes, after a 429, and while it is down."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from backoffice.remotes.http import Retry
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import connection, lease, pull, push, throttle, worker
from backoffice.sync.models import Exchange, Pull, Push, RemoteState, Schedule, Turn
from orders.models import Order
from tests.sync.clients import ireca_client

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


def threads(count: int, work: Callable[[], None]) -> None:
    """The same work in threads with database connections of their own, all at once."""
    barrier = threading.Barrier(count)

    def run() -> None:
        try:
            barrier.wait()
            work()
        finally:
            database.close()

    running = [threading.Thread(target=run) for _ in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert not any(thread.is_alive() for thread in running)


def child(environment: dict[str, str], code: str) -> "subprocess.Popen[str]":
    """Another process that works on the same database."""
    setup = (
        f"import django; django.setup()\nfrom backoffice.sync import connection, lease, pull, throttle, worker\n{code}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", setup],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_database_has_a_clock() -> None:
    RemoteState.objects.create(name="ireca")
    (now,) = RemoteState.objects.values_list(throttle.DatabaseClock(), flat=True)
    assert abs(now - time.time()) < 2


def test_no_limit_costs_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert throttle.pace("ireca", 0) == 0


def test_a_token_is_one_statement(django_assert_num_queries: Any) -> None:
    throttle.pace("ireca", 20)
    with django_assert_num_queries(1):
        throttle.pace("ireca", 20)


def test_a_burst_is_free_and_the_rest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    started = time.monotonic()
    throttle.pace("ireca", 20)
    assert slept == []
    for _ in range(15):
        throttle.pace("ireca", 20)
    took = time.monotonic() - started
    assert slept
    assert took >= 15 / 20 - throttle.BURST - 0.01
    assert took < 5


def test_threads_share_the_rate() -> None:
    started = time.monotonic()
    moments: list[float] = []

    def work() -> None:
        for _ in range(5):
            throttle.pace("ireca", 20)
            moments.append(time.monotonic())

    threads(4, work)
    assert len(moments) == 20
    assert max(moments) - started >= 19 / 20 - throttle.BURST - 0.01


def test_processes_share_the_rate(child_environment: Callable[[], dict[str, str]]) -> None:
    # Both moments lie outside of what they measure: a process may be held up between a token and what it does with it.
    code = (
        "import time; throttle.RemoteState.objects.exists(); print(time.time())\n"
        "for _ in range(15): throttle.pace('ireca', 10)\n"
        "print(time.time())"
    )
    processes = [child(child_environment(), code) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    moments = sorted(float(line) for output, _ in outputs for line in output.split())
    assert len(moments) == 4
    assert moments[-1] - moments[0] >= 29 / 10 - throttle.BURST - 0.1


def test_every_request_of_a_client_is_paced(ireca: Sandbox, settings: Any) -> None:
    settings.IRECA_RATE = 10.0
    client = ireca_client()
    started = time.monotonic()
    for _ in range(8):
        client.orders.get("209900")
    assert time.monotonic() - started >= 7 / 10 - throttle.BURST - 0.01
    assert len(ireca.requests) == 8


def test_a_turn_is_taken_once() -> None:
    taken: list[bool] = []
    threads(6, lambda: taken.append(throttle.take_turn("x", 60)))
    assert sorted(taken) == [False] * 5 + [True]
    assert throttle.take_turn("y", 60)
    Turn.objects.filter(pk="x").update(taken_at=time.time() - 61)
    assert throttle.take_turn("x", 60)


def test_a_courier_is_located_once_a_minute_whoever_asks(ireca: Sandbox) -> None:
    """The fixture has asked for all of them this minute; so neither a schedule nor a person may ask again."""

    def asked() -> int:
        return len([request for request in ireca.requests if request["path"] == "/locations"])

    Turn.objects.all().delete()
    for _ in range(3):
        run = pull.run(pull.request("locations"), ireca_client(), lease.owner())
        assert run.state == Pull.State.DONE, run.error
    couriers = {request["query"]["courierId"] for request in ireca.requests if request["path"] == "/locations"}
    assert asked() == len(couriers) > 0
    list(ireca_client().locations(next(iter(couriers))))
    assert asked() == len(couriers)
    Turn.objects.update(taken_at=time.time() - 61)
    list(ireca_client().locations(next(iter(couriers))))
    assert asked() == len(couriers) + 1


# 429


def test_429_in_one_process_stops_the_other(ireca: Sandbox, child_environment: Callable[[], dict[str, str]]) -> None:
    """Retry-After is obeyed by all: by a worker that starts meanwhile, too."""
    Schedule.objects.update(enabled=False)
    Pull.objects.all().delete()
    pull.request("taxes")
    Exchange.objects.all().delete()
    ireca.faults.set("429", seconds=600, times=1)
    output, errors = (first := child(child_environment(), "worker.drain(worker.start())")).communicate(timeout=60)
    assert first.returncode == 0, output + errors
    state = RemoteState.objects.get()
    assert state.block == RemoteState.Block.LIMIT
    asked_at, until = state.last_error_at, state.blocked_until
    assert asked_at is not None
    assert until is not None
    assert until - asked_at >= timedelta(seconds=600)
    assert [row.status for row in Exchange.objects.all()] == [429]

    Pull.objects.update(due_at=timezone.now())
    _output, errors = (second := child(child_environment(), "worker.drain(worker.start())")).communicate(timeout=60)
    assert second.returncode == 0, errors
    assert Exchange.objects.count() == 1, "nobody asked before the time was over"

    RemoteState.objects.update(blocked_until=timezone.now())  # ten minutes later
    worker.drain(lease.owner())
    assert Pull.objects.get().state == Pull.State.DONE
    assert RemoteState.objects.get().block == ""


def test_what_was_in_the_air_takes_back_no_wait_that_was_asked_for() -> None:
    connection.failed("ireca", Retry("slow down", status=429, retry_after=600))
    asked = RemoteState.objects.get(pk="ireca")
    connection.worked("ireca")  # the answer to another sender's request
    connection.failed("ireca", Retry("unavailable", status=503))
    state = RemoteState.objects.get(pk="ireca")
    assert (state.block, state.blocked_until, state.failures) == (RemoteState.Block.LIMIT, asked.blocked_until, 1)
    RemoteState.objects.update(blocked_until=timezone.now())
    connection.worked("ireca")
    state.refresh_from_db()
    assert (state.block, state.failures) == ("", 0)


def test_only_an_impatient_person_goes_over_a_wait_that_was_asked_for() -> None:
    connection.failed("ireca", Retry("slow down", status=429, retry_after=600))
    connection.unblock()
    assert connection.is_blocked("ireca")
    assert "slow down" in connection.why_blocked("ireca")
    connection.unblock(impatiently=True)
    assert not connection.is_blocked("ireca")
    connection.failed("ireca", Retry("gone", status=None))
    connection.unblock()
    assert not connection.is_blocked("ireca")


# down


@pytest.fixture
def dead_address() -> Iterator[tuple[str, list[int]]]:
    """An address that takes connections and cuts them, and how many there were."""
    connections: list[int] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)

        def cut() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                connections.append(1)
                client.close()

        thread = threading.Thread(target=cut, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api/v1", connections
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_remote_that_is_down_costs_one_request(
    ireca: Sandbox, settings: Any, dead_address: tuple[str, list[int]]
) -> None:
    """1,000 changes are due; the first request finds out, and nobody else tries until the pause is over."""
    Schedule.objects.update(enabled=False)
    template = Order.objects.get(ireca_id="209900")
    Order.objects.bulk_create(
        Order(
            number=f"N-{index}",
            client=template.client,
            payment_type=template.payment_type,
            to_city="a",
            to_street="b",
            to_home="c",
            delivery_time_from=template.delivery_time_from,
            delivery_time_to=template.delivery_time_to,
        )
        for index in range(1000)
    )
    assert Push.objects.filter(state=Push.State.QUEUED).count() == 1000
    settings.IRECA_URL, connections = dead_address
    Exchange.objects.all().delete()
    started = time.monotonic()
    for _ in range(5):
        worker.drain(lease.owner())
        RemoteState.objects.update(blocked_until=timezone.now() + timedelta(seconds=60))
    assert (Exchange.objects.count(), len(connections)) == (1, 1)
    assert time.monotonic() - started < 10
    assert RemoteState.objects.get().block == RemoteState.Block.DOWN
    due = Push.objects.filter(state=Push.State.QUEUED, due_at__lte=timezone.now(), lease_owner="")
    assert due.count() == 1000, "all of them wait for the remote, not for themselves"


def test_a_pause_by_a_person_sends_nothing(ireca: Sandbox) -> None:
    connection.worked("ireca")
    RemoteState.objects.update(paused=True)
    Order.objects.filter(ireca_id="209900").update(description="later")
    worker.drain(worker.start())
    assert ireca.requests == []
    assert push.drain(ireca_client(), lease.owner()) == 0
