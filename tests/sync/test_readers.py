"""What gaps are filled by reading: journals in rounds and at once, correction receipts, errors of devices, Pechka54."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import connection, enqueue, lease, pull, sent
from backoffice.sync.models import Pull, Schedule
from couriers.models import Courier
from fiscal.models import CorrectionReceipt, Pechka54, RegistrarError, TerminalError
from orders import details, readers
from orders.models import JournalEntry, Order
from tests.sync.clients import ireca_client

pytestmark = pytest.mark.django_db(transaction=True)


def read(what: str, **options: Any) -> Pull:
    run = pull.run(pull.request(what, **options), ireca_client(), lease.owner())
    assert run.state == Pull.State.DONE, run.error
    return run


def asked(sandbox: Sandbox) -> list[dict[str, str]]:
    """The queries for journals, but for those of an empty second page."""
    queries = [request["query"] for request in sandbox.requests if request["path"] == "/journal"]
    return [query for query in queries if query["page"] == "0"]


def journals_asked(sandbox: Sandbox) -> list[str]:
    return [query["entityId"] for query in asked(sandbox)]


def test_their_schedules(ireca: Sandbox) -> None:
    every = dict(Schedule.objects.values_list("name", "every"))
    assert {name: every[name] for name in ("journal", "correctionReceipts", "pechka54Settings")} == {
        "journal": 900,
        "correctionReceipts": 3600,
        "pechka54Settings": 86400,
    }
    assert every["fiscalRegistratorLogs"] == every["bankTerminalLogs"] == 900


# journal


def test_the_journal_tells_who_changed_what(ireca: Sandbox) -> None:
    ireca.take("209900", "55752")
    ireca.change("209900", source="the cabinet", description="theirs", amountToPay="12.50")
    read("journal")
    courier, cabinet = JournalEntry.objects.filter(order__ireca_id="209900").order_by("id")[1:]
    assert courier.courier == Courier.objects.get(ireca_id="55752")
    assert courier.after is not None
    assert courier.after["deliveryStatusId"] == 7
    assert (cabinet.event, cabinet.source) == ("update", "the cabinet")
    assert cabinet.after is not None
    assert cabinet.after["description"] == "theirs"


def test_the_journal_is_read_from_its_last_entry_and_kept_once(ireca: Sandbox) -> None:
    ireca.change("209900", description="1")
    read("journal")
    count = JournalEntry.objects.count()
    last = JournalEntry.objects.filter(order__ireca_id="209900").latest("created_at")
    ireca.requests.clear()
    run = read("journal")
    assert (run.created_count, JournalEntry.objects.count()) == (0, count)
    (query,) = [query for query in asked(ireca) if query["entityId"] == "209900"]
    assert query["startedAt"] == f"{last.created_at - sent.AROUND:%Y-%m-%d %H:%M:%S}", (
        "its clock may have been set back"
    )


def test_a_round_goes_on_where_the_last_one_stopped(ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every order gets its turn, the oldest first, however many there are and however few a run reads."""
    monkeypatch.setattr(readers, "ROUND", 2)
    Pull.objects.all().delete()
    oldest_first = list(Order.objects.order_by("pk").values_list("ireca_id", flat=True))
    rounds = []
    for _ in range(4):
        ireca.requests.clear()
        read("journal")
        rounds.append(journals_asked(ireca))
    assert rounds == [oldest_first[:2], oldest_first[2:], oldest_first[:2], oldest_first[2:]]


def test_an_interrupted_round_is_finished_and_not_begun_anew(ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that die again and again would read for ever, and what waits behind would never be read."""
    monkeypatch.setattr(readers, "ROUND", 2)
    Pull.objects.all().delete()
    first, second, _third = Order.objects.order_by("pk")
    for read_already, asked_now in ((1, [second.ireca_id]), (2, [])):
        half = pull.request("journal")
        Pull.objects.filter(pk=half.pk).update(read=read_already, cursor={"after": first.pk})
        ireca.requests.clear()
        assert read("journal").read == 2
        assert journals_asked(ireca) == asked_now


def test_orders_closed_long_ago_are_left_alone(ireca: Sandbox) -> None:
    with enqueue.untracked():
        Order.objects.update(delivery_status=10)
        Order.objects.filter(ireca_id="1").update(synced_at=timezone.now() - timedelta(days=30))
    Pull.objects.all().delete()
    read("journal")
    assert sorted(journals_asked(ireca)) == ["2", "209900"]


def test_since_reads_all_entries_since_then(ireca: Sandbox) -> None:
    JournalEntry.objects.all().delete()
    run = read("journal", since=timezone.now() - timedelta(days=7))
    assert run.read == 3
    assert sorted(journals_asked(ireca)) == ["1", "2", "209900"]
    assert all(query["startedAt"] for query in asked(ireca))


def test_an_order_that_ireca_stumbles_over_holds_up_no_other(ireca: Sandbox) -> None:
    Pull.objects.all().delete()
    ireca.faults.set("500", path_contains="journal", times=1)
    run = read("journal")
    assert (run.read, run.bad_count) == (3, 1)
    assert len(journals_asked(ireca)) == 2
    with enqueue.untracked():
        Order.objects.create(ireca_id="404", number="gone", remote_data={"orderId": "404"})
    assert read("journal").bad_count == 0, "an order that is gone there has nothing to tell"


def test_entries_are_stored_in_bulk(ireca: Sandbox) -> None:
    def queries() -> int:
        JournalEntry.objects.all().delete()
        orders = list(Order.objects.order_by("pk"))
        with CaptureQueriesContext(database) as captured:
            readers.read_journal_of(ireca_client(), orders)
        return len([q for q in captured if "journal" in q["sql"].lower() and "sync_exchange" not in q["sql"]])

    few = queries()
    for number in range(30):
        ireca.change("209900", description=str(number))
    assert queries() == few


def test_a_change_brings_its_journal_at_once(listening: Sandbox, settle: Callable[[], None]) -> None:
    Schedule.objects.update(enabled=False)
    listening.change("209900", source="the cabinet", description="theirs")
    settle()
    assert JournalEntry.objects.get(order__ireca_id="209900", source="the cabinet").after == {"description": "theirs"}
    assert Order.objects.get(ireca_id="209900").details_due_at is None


def test_an_order_that_fails_is_not_first_again(ireca: Sandbox) -> None:
    details.request(list(Order.objects.values_list("pk", flat=True)))
    ireca.faults.set("500", path_contains="journalStatuses", times=1)
    assert pull.follow_up(ireca_client()) == 3
    assert not connection.is_blocked("ireca")
    (left,) = Order.objects.filter(details_due_at__isnull=False)
    assert left.details_due_at is not None
    assert left.details_due_at > timezone.now()


# fiscal


def test_correction_receipts(ireca: Sandbox) -> None:
    ireca.print_correction("55752", "120.50")
    assert read("correctionReceipts").created_count == 1
    receipt = CorrectionReceipt.objects.get()
    assert (receipt.courier.ireca_id, str(receipt.amount)) == ("55752", "120.50")
    assert receipt.command_executed_at is not None
    run = read("correctionReceipts")
    assert (run.read, run.created_count, CorrectionReceipt.objects.count()) == (1, 0, 1)


@pytest.mark.parametrize(
    ("what", "model"), [("fiscalRegistratorLogs", RegistrarError), ("bankTerminalLogs", TerminalError)]
)
def test_errors_of_devices(ireca: Sandbox, what: str, model: Any) -> None:
    """An error of an order that we have not got names it all the same, and finds it when it comes."""
    ireca.take("209900", "55752")
    ireca.log_error(what, "209900", "3816", "no paper")
    with enqueue.untracked():
        Order.objects.get(ireca_id="209900").delete()
    assert read(what).created_count == 1
    row = model.objects.get()
    assert (row.order, row.order_ireca_id, row.courier.ireca_id) == (None, "209900", "55752")
    assert (row.error_code, row.error_text) == ("3816", "no paper")
    read("orders")
    run = read(what)
    assert (run.created_count, run.updated_count) == (0, 1)
    row.refresh_from_db()
    assert row.order.ireca_id == "209900"
    with enqueue.untracked():
        row.order.delete()
    row.refresh_from_db()
    assert (row.order, row.order_ireca_id) == (None, "209900")


def test_errors_are_stored_in_bulk(ireca: Sandbox) -> None:
    def queries(count: int) -> int:
        RegistrarError.objects.all().delete()
        for _ in range(count):
            ireca.log_error("fiscalRegistratorLogs", "2", "1", "text")
        with CaptureQueriesContext(database) as captured:
            read("fiscalRegistratorLogs")
        return len(captured)

    queries(1)
    assert queries(1) == queries(60)


def test_pechka54(ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Pechka54.objects.get()
    assert first.url.startswith("http")
    read("pechka54Settings")
    again = Pechka54.objects.get()
    assert (again.pk, again.url) == (first.pk, first.url)
    assert again.pulled_at > first.pulled_at
    client = ireca_client()
    monkeypatch.setattr(client.pechka54_settings, "get", lambda: None)
    pull.run(pull.request("pechka54Settings"), client, lease.owner())
    assert not Pechka54.objects.exists()
