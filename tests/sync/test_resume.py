"""Pulls that are interrupted: by an exception, by kill -9, by a remote that goes out; and what `--since` leaves out."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import arrive, clients, connection, enqueue, lease, pull, worker
from backoffice.sync.models import Pull, RemoteState, Schedule
from catalog.models import Good
from orders.models import Order
from tests.gates import hold
from tests.sync.clients import ireca_client

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
GOODS = 1704  # four pages of 500, with the four of the sample data


@pytest.fixture
def many(ireca: Sandbox) -> Sandbox:
    """1,700 goods more, which no pull has seen."""
    sample = ireca.state.store.get("goods", "355862")
    for number in range(GOODS - 4):
        ireca.state.store.put("goods", f"9{number:06}", {**sample, "goodId": f"9{number:06}"})
    Pull.objects.all().delete()
    Schedule.objects.update(enabled=False)
    return ireca


def pages(sandbox: Sandbox) -> list[str]:
    return [request["query"]["page"] for request in sandbox.requests if request["path"] == "/goods"]


def claimed(what: str) -> Pull:
    (run,) = lease.claim(Pull.objects.filter(pk=pull.request(what).pk), lease.owner(), 1)
    return run


def interrupt(after: int, how: Callable[[], None]) -> Callable[[Pull], None]:
    """Does something when that many objects are read and their page is kept."""

    def show(run: Pull) -> None:
        if run.cursor and run.read >= after:
            how()

    return show


def stop() -> None:
    raise KeyboardInterrupt


def resume() -> Pull:
    """What a worker does: free what the dead hold, look what is due."""
    Pull.objects.update(due_at=timezone.now(), **lease.RELEASED)
    connection.unblock()
    client = ireca_client()
    assert pull.run_due(client, lease.owner()) == 1
    return Pull.objects.latest("id")


def test_a_killed_run_goes_on_at_its_page(many: Sandbox) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull.run(claimed("goods"), ireca_client(), lease.owner(), interrupt(1000, stop))
    left = Pull.objects.get()
    assert (left.state, left.cursor, left.read) == ("running", {"page": 2, "size": 500}, 1000)
    many.requests.clear()
    run = resume()
    assert pages(many) == ["2", "3", "4"], "0 and 1 are not read again; 4 is the empty end"
    assert (run.state, run.read, run.created_count) == ("done", GOODS, GOODS - 4)
    assert Good.objects.filter(ireca_id__startswith="9").count() == GOODS - 4


def test_the_next_full_run_starts_at_the_first_page(many: Sandbox) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull.run(claimed("goods"), ireca_client(), lease.owner(), interrupt(500, stop))
    resume()
    many.requests.clear()
    run = pull.run(claimed("goods"), ireca_client(), lease.owner())
    assert pages(many) == ["0", "1", "2", "3", "4"]
    assert (run.read, run.created_count, run.updated_count) == (GOODS, 0, 0)


def test_pages_of_another_size_are_not_gone_on_from(many: Sandbox) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull.run(claimed("goods"), ireca_client(), lease.owner(), interrupt(1000, stop))
    many.requests.clear()
    client = ireca_client()
    client.api.page_size = 400
    Pull.objects.update(**lease.RELEASED)
    pull.run_due(client, lease.owner())
    assert pages(many)[0] == "0"


def test_a_remote_that_goes_out_postpones_the_rest(many: Sandbox) -> None:
    def fail() -> None:
        many.faults.set("503", path_contains="goods", seconds=0)

    run = pull.run(claimed("goods"), ireca_client(), lease.owner(), interrupt(1000, fail))
    assert (run.state, run.cursor) == ("queued", {"page": 2, "size": 500})
    assert run.due_at > timezone.now()
    assert len(run.error.splitlines()) == 2, "what happened, and that it will go on"
    assert connection.is_blocked("ireca")
    many.faults.clear()
    many.requests.clear()
    assert (resume().state, pages(many)) == ("done", ["2", "3", "4"])


def test_one_bad_answer_costs_one_page(many: Sandbox) -> None:
    """A plain 500 is no outage: the others go on, and this run too, soon."""
    many.faults.set("500", path_contains="goods", times=1)
    run = pull.run(claimed("goods"), ireca_client(), lease.owner())
    assert (run.state, run.attempts) == ("queued", 1)
    assert not connection.is_blocked("ireca")
    assert (resume().state, Pull.objects.get().attempts) == ("done", 0)


def test_an_answer_that_stays_bad_ends_the_run(many: Sandbox) -> None:
    many.faults.set("500", path_contains="goods")
    pull.run(claimed("goods"), ireca_client(), lease.owner())
    for _ in range(pull.ATTEMPTS - 1):
        assert Pull.objects.get().state == "queued"
        resume()
    assert (Pull.objects.get().state, Pull.objects.get().open_key) == ("failed", None)
    assert Schedule.objects.get(name="goods").failures == 1


def test_a_list_without_pages_starts_over(many: Sandbox) -> None:
    many.faults.set("garbage", path_contains="orders", times=1)
    run = pull.run(claimed("orders"), ireca_client(), lease.owner())
    assert (run.state, run.cursor) == ("queued", None)
    assert len(run.error.splitlines()) == 2, "what happened, and that it starts over"
    run = resume()
    assert (run.state, run.read) == ("done", 3)


def test_who_lost_the_lease_stops(many: Sandbox) -> None:
    def lose() -> None:
        Pull.objects.update(lease_owner="somebody else")

    pull.run(claimed("goods"), ireca_client(), lease.owner(), interrupt(500, lose))
    left = Pull.objects.get()
    assert (left.state, left.lease_owner, left.cursor) == ("running", "somebody else", {"page": 1, "size": 500})
    assert pages(many) == ["0", "1"], "the page that was under way is its last"


def test_a_row_that_cannot_be_read_is_counted_and_told(many: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ireca_client()
    rows = [{"taxId": "1", "title": "20%"}, {"taxId": {"no": "id"}}, "nonsense"]
    monkeypatch.setattr(client.session, "rows", lambda *args, **kwargs: iter(rows))
    run = pull.run(claimed("taxes"), client, lease.owner())
    assert (run.state, run.bad_count) == ("done", 2)
    assert len(run.error.splitlines()) == 2


def test_kill_9_in_the_middle(
    many: Sandbox, child_environment: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = hold(many._api, monkeypatch, "GET", "goods", after=2)
    pull.request("goods")
    command = [sys.executable, "manage.py", "worker"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        end = time.monotonic() + 60
        while not Pull.objects.filter(cursor__page__gte=2).exists():
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate(timeout=20)
        gate.open()  # the request that was under way
    left = Pull.objects.get(what="goods")
    assert left.state == "running"
    assert left.lease_owner
    many.requests.clear()
    again = subprocess.run(
        [*command, "--once"], cwd=ROOT, env=child_environment(), capture_output=True, text=True, timeout=120
    )
    assert again.returncode == 0, again.stderr
    run = Pull.objects.get(what="goods")
    assert left.cursor is not None
    assert pages(many)[0] == str(left.cursor["page"])
    assert (run.state, run.read) == ("done", GOODS)
    assert Good.objects.filter(ireca_id__startswith="9").count() == GOODS - 4


# since


def long_ago(ireca_id: str, **values: Any) -> None:
    moment = timezone.now() - timedelta(days=300)
    with enqueue.untracked():
        Order.objects.filter(ireca_id=ireca_id).update(
            created_at=moment, delivery_time_from=moment, delivery_time_to=moment, **values
        )


def test_since_merges_what_is_new_unknown_or_open(many: Sandbox) -> None:
    window = {"deliveryTimeFrom": "2021-01-01 10:00:00", "deliveryTimeTo": "2021-01-01 12:00:00"}
    for ireca_id in ("1", "2", "209900"):
        many.change(ireca_id, description="theirs", **window)
    long_ago("1", delivery_status=10)
    long_ago("2", delivery_status=7)
    Order.objects.get(ireca_id="209900").lines.all().delete()
    with enqueue.untracked():
        Order.objects.filter(ireca_id="209900").delete()
    wanted = pull.request("orders", since=timezone.now() - timedelta(days=7))
    assert wanted.pk != pull.request("orders").pk, "a narrow run is no substitute for a full one"
    run = pull.run(wanted, ireca_client(), lease.owner())
    assert (run.state, run.read) == ("done", 3)
    assert (run.created_count, run.updated_count) == (1, 1)
    assert dict(Order.objects.values_list("ireca_id", "description")) | {"1": ""} == {
        "1": "",
        "2": "theirs",
        "209900": "theirs",
    }
    many.change("1", deliveryTimeTo="2999-01-01 12:00:00")
    pull.run(pull.request("orders", since=timezone.now()), ireca_client(), lease.owner())
    assert Order.objects.get(ireca_id="1").description == "theirs", "to be delivered in the future"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 21, tzinfo=UTC)),
        ("2026-07-01T09:30", datetime(2026, 7, 1, 6, 30, tzinfo=UTC)),
        ("2026-07-01T09:30:00+00:00", datetime(2026, 7, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_day_or_a_moment(text: str, moment: datetime) -> None:
    assert pull.parse_since(text) == moment


def test_the_command(many: Sandbox) -> None:
    output = StringIO()
    call_command("pull", "orders", "journal", "--since", "2020-01-01", stdout=output)
    assert "orders: Done: 3 read" in output.getvalue()
    assert "journal: Done: 3 read" in output.getvalue()
    with pytest.raises(CommandError, match="--since is for orders, journal, virtpos, not for goods"):
        call_command("pull", "goods", "--since", "2020-01-01")
    with pytest.raises(CommandError, match="neither a date"):
        call_command("pull", "orders", "--since", "yesterday")
    with pytest.raises(CommandError, match="'0001-01-01' is not in the years 2000 to 2199"):
        call_command("pull", "orders", "--since", "0001-01-01")
    connection.worked("ireca")
    RemoteState.objects.update(paused=True)
    errors = StringIO()
    with pytest.raises(CommandError, match="not everything was read"):
        call_command("pull", "orders", stdout=output, stderr=errors)
    assert "paused" in errors.getvalue()


def test_the_command_speaks_english_while_the_row_does_not(many: Sandbox) -> None:
    many.faults.set("503", path_contains="couriers")
    errors = StringIO()
    with pytest.raises(CommandError, match="not everything was read"):
        call_command("pull", "couriers", stdout=StringIO(), stderr=errors)
    assert errors.getvalue().endswith("\nIt will start from the beginning.\n")
    assert Pull.objects.get(what="couriers").error.endswith("\nНачнётся сначала.")


def test_a_database_that_stumbles_postpones_a_run(many: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(arrive, "apply_each", stumble)
    run = pull.run(claimed("goods"), clients.client(), lease.owner())
    assert (run.state, run.attempts) == ("queued", 1)
    assert "deadlock detected" in run.error
    monkeypatch.undo()
    Pull.objects.update(due_at=timezone.now())
    worker.drain(lease.owner())
    run.refresh_from_db()
    assert run.state == "done"
