"""The database gone for a moment, full, and migrated, while everybody works."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.db import OperationalError, connection, models, transaction
from django.db.migrations.state import ProjectState

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, worker
from backoffice.sync.models import Push
from backoffice.sync.operations import AddIndexAside
from benchmarks.both_sides import waiting
from benchmarks.promises import Record, broken
from orders.models import Order
from tests.bad_days.scenarios import known_orders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
ROOM = 2**20  # pages: as good as no limit


@pytest.fixture
def working(record: Record, child_environment: Callable[[], dict[str, str]]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process of its own, which must live through it all, and end well."""
    environment = {**child_environment(), "PUSH_BATCH": "20", "DEBUG": "1"}
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment)
    yield process
    process.terminate()
    assert process.wait(30) == 0


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def say(record: Record, rows: list[Order], word: str) -> None:
    """Forms are saved one by one, each with its row locked, as the admin does."""
    for pk in [row.pk for row in rows]:
        with transaction.atomic():
            row = Order.objects.select_for_update().get(pk=pk)
            row.description = f"{word} {pk}"
            row.save()
        record.set_here(pk, "description", row.description)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server that could be restarted")
def test_all_connections_are_cut(
    record: Record, sandbox: Sandbox, working: subprocess.Popen[bytes], recover: Callable[[], None]
) -> None:
    """As when PostgreSQL is restarted: every connection ends in the middle of what it does, several times."""
    rows = known_orders(24)
    for cut in range(4):
        done = Push.objects.filter(state="done").count()  # before: a quick worker is through with them at once
        say(record, rows[cut::4], f"cut {cut}")
        until(lambda: Push.objects.filter(state="done").count() > done)  # noqa: B023  # called before it changes
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] > 0
    # What the worker held at that moment it gives back itself, sooner than its leases end.
    assert timedelta(seconds=60) < lease.LEASE
    until(lambda: not waiting(), 60)
    assert working.poll() is None
    recover()
    assert broken(record) == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the disk of PostgreSQL is not ours to fill")
def test_the_disk_is_full(record: Record, sandbox: Sandbox, recover: Callable[[], None]) -> None:
    """What cannot be saved is refused to the person's face, not half stored; what was saved goes when there is room."""
    rows = known_orders(40)
    say(record, rows[:20], "before")

    def limit(pages: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that tests before this one left empty would be room
    limit(1)  # it is never less than what is there
    refused = 0
    for row in Order.objects.filter(pk__in=[row.pk for row in rows[20:]]):
        before = Push.objects.count()
        row.description = "x" * 5000
        with suppress(OperationalError):
            row.save()
            record.set_here(row.pk, "description", row.description)
            continue
        refused += 1
        assert Push.objects.count() == before
        assert Order.objects.get(pk=row.pk).description == ""
    assert refused, "there was still room"
    for task in worker.loops():
        worker.turn(task, lease.owner("full"))
        limit(1)
    limit(ROOM)
    Push.objects.exclude(lease_owner="").update(lease_until="2020-01-01T00:00:00Z")
    recover()
    assert broken(record) == []


def test_a_migration_in_the_middle_of_load(
    record: Record, sandbox: Sandbox, working: subprocess.Popen[bytes], recover: Callable[[], None]
) -> None:
    """A column and an index come, and go, while a worker drains and orders are saved: nobody fails."""
    rows = known_orders(60)
    index = models.Index(fields=["description"], name="bad_day")
    column = models.CharField(max_length=10, null=True)
    column.set_attributes_from_name("bad_day")
    before = ProjectState.from_apps(apps)
    after = before.clone()
    aside = AddIndexAside("order", index)
    aside.state_forwards("orders", after)
    migrated = threading.Event()
    troubles: list[str] = []

    def load() -> None:
        try:
            number = 0
            while not migrated.is_set() or number < 3:
                number += 1
                say(record, rows[number % 6 :: 6], f"load {number}")
                time.sleep(0.02)  # people pause; SQLite gives its lock to whoever happens to ask at the moment
        except Exception as error:  # noqa: BLE001  # told to the test below
            troubles.append(repr(error))
        finally:
            connection.close()

    saving = threading.Thread(target=load)
    saving.start()
    try:
        with connection.schema_editor(atomic=False) as editor:
            patiently(lambda: editor.add_field(Order, column))
            aside.database_forwards("orders", editor, before, after)
            time.sleep(0.5)
            aside.database_backwards("orders", editor, after, before)
            patiently(lambda: editor.remove_field(Order, column))
    finally:
        migrated.set()
        saving.join()
    assert troubles == []
    until(lambda: not waiting())
    recover()
    assert broken(record) == []


def patiently(change: Callable[[], None]) -> None:
    """As `manage.py migrate`: it gives up soon, so that nobody waits behind it for long, and is run again."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '500ms'")
    for _ in range(20):
        try:
            change()
        except OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("it never got its lock")


@pytest.mark.parametrize(("stumbles", "is_up"), [(1, True), (worker.STARTS, False)])
def test_a_worker_starts_though_the_database_stumbles(
    monkeypatch: pytest.MonkeyPatch, stumbles: int, is_up: bool
) -> None:
    """For some seconds; then its end tells, and whoever watches it starts another."""
    left = [OperationalError("terminating connection due to administrator command")] * stumbles

    def start() -> str:
        if left:
            raise left.pop()
        return "a worker"

    monkeypatch.setattr(worker, "start", start)
    monkeypatch.setattr(worker, "LOOK", 0.01)
    if is_up:
        assert worker._start(threading.Event()) == "a worker"
    else:
        with pytest.raises(OperationalError):
            worker._start(threading.Event())
