"""Nothing is lost and nothing is out of order when receivers fail, and receivers and workers are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import delivery as sending
from backoffice.sync import lease
from backoffice.sync.models import Worker
from orders.models import Order
from tests.gates import Gate
from tests.partners.webhooks.conftest import deliver, order, states
from tests.partners.webhooks.receiver import Received, Receiver

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]


def edit(source: Source, orders: int, edits: int) -> None:
    rows = [order(source, number, description="0") for number in range(orders)]
    for number in range(1, edits):
        for row in rows:
            row.description = str(number)
            row.save()


def histories(receiver: Receiver) -> dict[str, list[str]]:
    """What each order was said to be, each event once, at its first success."""
    seen: set[str] = set()
    told: dict[str, list[str]] = defaultdict(list)
    for received in receiver.taken:
        if received.event not in seen:
            seen.add(received.event)
            told[received.item["orderId"]].append(received.item["description"])
    return told


def test_a_receiver_that_fails_a_third_of_the_time_and_dies_in_between(
    hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_PAUSE_AFTER = 1000
    chance = random.Random(4)
    receiver.answer = lambda received: chance.choice([201, 201, chance.choice([500, 503, 200, 0])])
    edit(source, 10, 5)
    for _ in range(5):
        sending.work(lease.owner())
    receiver.stop()
    for _ in range(5):
        assert sending.work(lease.owner()) == 1, "nobody is there, so the first failure ends the turn"
    assert "queued" in states()
    receiver.start()
    deliver(1000)
    assert histories(receiver) == {str(number): ["0", "1", "2", "3", "4"] for number in range(10)}
    assert states() == ["done"] * 50


def test_kill_9_of_a_worker(
    hook: Webhook, receiver: Receiver, source: Source, child_environment: Callable[[], dict[str, str]]
) -> None:
    gates = [(20, Gate(0)), (50, Gate(0))]

    def answer(received: Received) -> int:
        for count, gate in gates:
            if len(receiver.taken) >= count:
                with gate.passed():  # the next one is in the air until its sender is dead
                    pass
        return 201

    receiver.answer = answer
    edit(source, 20, 5)
    environment = {
        **child_environment(),
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "WEBHOOK_FIRST_WAIT": "0.1",
        "DEBUG": "1",
    }

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    for _count, gate in gates:
        process = start()
        try:
            assert gate.reached.wait(60)
        finally:
            process.kill()
            process.communicate(timeout=20)
            gate.open()
    assert Webhook.objects.exclude(lease_owner="").exists(), "it was killed in the middle of a turn"
    process = start()
    try:
        end = time.monotonic() + 60
        while Delivery.objects.exclude(state="done").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert histories(receiver) == {str(number): ["0", "1", "2", "3", "4"] for number in range(20)}
    assert len(receiver.taken) <= 102, "at most the one that was under way is sent twice, at each kill"
    assert Order.objects.count() == 20
    assert Worker.objects.count() == 3
