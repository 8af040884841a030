"""`reconcile`: what differs is found field by field, and mended without overwriting anybody."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, enqueue, lease, worker
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push, RemoteState
from backoffice.sync.reconcile import Counts, Finding, Met, Reconciliation
from catalog.models import Good
from couriers.models import Courier
from orders.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


def compare(entity: str, **options: Any) -> tuple[list[Finding], Counts]:
    mirror = registry.for_entity(entity)
    assert mirror is not None
    run = Reconciliation(mirror, clients.client(), **options)
    return list(run.findings()), run.counts


def quietly(ireca_id: str, **values: Any) -> None:
    """Change our row past the outbox, as a lost push or a restored backup would."""
    with enqueue.untracked():
        Order.objects.filter(ireca_id=ireca_id).update(**values)


def there(entity: str, ireca_id: str, sandbox: Sandbox) -> dict[str, Any]:
    """The remote's object."""
    found = sandbox.get(entity, ireca_id)
    assert found is not None
    return found


def printed(*arguments: str) -> tuple[str, str]:
    """What the command prints, and with what it fails."""
    output = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=output)
    except CommandError as error:
        return output.getvalue(), str(error)
    return output.getvalue(), ""


@pytest.mark.parametrize("days", ["-3", "0", "36501", "99999999999", "x"])
def test_so_many_days_are_none(days: str) -> None:
    assert printed("orders", "--days", days) == (
        "",
        f"Error: argument --days: '{days}' is no number of days from 1 to 36500",
    )


def test_nothing_is_asked_while_ireca_is_paused(listening: Sandbox) -> None:
    RemoteState.objects.filter(pk="ireca").update(paused=True)
    listening.requests.clear()
    assert printed() == ("", "iRECA is paused: paused by a person")
    with pytest.raises(CommandError, match="iRECA is paused: paused by a person"):
        call_command("register_callbacks")
    assert listening.requests == []


def test_after_a_pull_nothing_differs(ireca: Sandbox) -> None:
    call_command("pull", "permissions", stdout=StringIO())
    text, failure = printed()
    assert failure == "", text
    assert "orders: 3 compared, 0 only there, 0 only here, 0 differ" in text
    for mirror in registry.ranked():
        assert f"{mirror.entity}: " in text


def test_looking_changes_nothing(ireca: Sandbox) -> None:
    ireca.change("209900", description="theirs")
    quietly("1", description="ours")
    before = list(Order.objects.order_by("pk").values())
    _findings, counts = compare("orders")
    assert counts.differ == 2
    assert list(Order.objects.order_by("pk").values()) == before
    assert not Push.objects.exists()
    assert all(request["method"] == "GET" for request in ireca.requests)


def test_what_differs_is_told_by_field(ireca: Sandbox) -> None:
    ireca.change("209900", description="theirs", phone="+79990000000")
    order = Order.objects.get(ireca_id="209900")
    findings, counts = compare("orders")
    assert [(finding.kind, finding.ireca_id) for finding in findings] == [("differs", "209900")]
    assert findings[0].fields == {
        "description": (order.description, "theirs"),
        "phone": (order.phone, "+79990000000"),
    }
    assert counts.by_field == {"description": 1, "phone": 1}
    text, failure = printed("orders")
    assert "description" in text
    assert "| theirs" in text
    assert "by field: description 1, phone 1" in text
    assert failure == "the two sides differ: orders"


def test_a_line_that_differs_is_told_by_its_path(ireca: Sandbox) -> None:
    line = Order.objects.get(ireca_id="209900").lines.order_by("position", "id").first()
    assert line is not None
    price = line.price
    with enqueue.untracked():
        type(line).objects.filter(pk=line.pk).update(price=price + 1)
    (finding,), _counts = compare("orders")
    assert finding.fields == {"goods[0].price": (price + 1, price)}


def test_what_only_one_side_has(ireca: Sandbox) -> None:
    with enqueue.untracked():
        Order.objects.filter(ireca_id="1").delete()
        gone = Order.objects.get(ireca_id="209900")
        gone.pk, gone.ireca_id, gone.synced_at = None, "77777", timezone.now()
        gone.save(force_insert=True)
        # Known by its id only, because something refers to it: never listed, so not missing.
        Courier.objects.create(ireca_id="4", remote_data={})
        # Not yet sent: nobody expects it there.
        Order.objects.create(number="new")
    findings, counts = compare("orders")
    assert {(finding.kind, finding.ireca_id) for finding in findings} == {
        ("only there", "1"),
        ("only here", "77777"),
    }
    assert (counts.only_there, counts.only_here, counts.differ) == (1, 1, 0)
    assert compare("couriers")[1].is_same


def test_a_deletion_on_its_way_is_not_brought_back(ireca: Sandbox) -> None:
    Order.objects.get(ireca_id="1").delete()
    findings, _counts = compare("orders", fix=True)
    assert findings == []
    assert not Order.objects.filter(ireca_id="1").exists()


def test_fix_merges_theirs_and_sends_ours(ireca: Sandbox, settle: Callable[[], None]) -> None:
    ireca.change("209900", description="theirs")
    quietly("209900", phone="+79991112233")
    quietly("1", description="ours")
    quietly("2", is_edited=not Order.objects.get(ireca_id="2").is_edited)
    text, failure = printed("orders", "--fix")
    assert failure == "", text
    assert "3 differ" in text
    assert "2 put into the outbox, 0 in conflict" in text
    order = Order.objects.get(ireca_id="209900")
    assert (order.description, order.phone, order.sync_state) == ("theirs", "+79991112233", "pending")
    settle()
    assert there("orders", "209900", ireca)["phone"] == "+79991112233"
    assert there("orders", "1", ireca)["description"] == "ours"
    assert compare("orders")[1].is_same


def test_fix_never_overwrites_silently(ireca: Sandbox) -> None:
    ireca.change("209900", description="theirs")
    quietly("209900", description="ours")
    text, failure = printed("orders", "--fix")
    assert "1 in conflict" in text
    assert failure == "not everything could be settled: orders"
    order = Order.objects.get(ireca_id="209900")
    assert (order.sync_state, order.description, order.sync_conflict) == (
        "conflict",
        "ours",
        {"description": "theirs"},
    )
    _text, again = printed("orders", "--fix")
    assert again == failure, "a conflict stays one"
    worker.drain(lease.owner())
    assert there("orders", "209900", ireca)["description"] == "theirs"


def test_fix_makes_what_is_only_there(ireca: Sandbox) -> None:
    lines = Order.objects.get(ireca_id="1").lines.count()
    with enqueue.untracked():
        Order.objects.filter(ireca_id="1").delete()
    assert printed("orders", "--fix")[1] == ""
    assert Order.objects.get(ireca_id="1").lines.count() == lines
    assert not Push.objects.exists()


def test_a_row_known_by_its_id_only_is_filled_and_not_sent(ireca: Sandbox) -> None:
    with enqueue.untracked():
        Good.objects.filter(ireca_id="355862").update(remote_data={}, title="355862", price=Decimal(7))
    title = there("goods", "355862", ireca)["title"]
    assert printed("goods", "--fix")[1] == ""
    good = Good.objects.get(ireca_id="355862")
    assert good.title == title
    assert not Push.objects.exists()


def test_days_leave_out_what_is_long_over(ireca: Sandbox) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    with enqueue.untracked():
        Order.objects.filter(ireca_id="209900").update(
            delivery_status=10, created_at=long_ago, delivery_time_from=long_ago, delivery_time_to=long_ago
        )
    ireca.change("209900", deliveryTimeFrom="2021-01-01 10:00:00", deliveryTimeTo="2021-01-01 12:00:00")
    _findings, counts = compare("orders", since=timezone.now() - timedelta(days=7))
    assert counts.compared == 2
    assert compare("orders")[1].compared == 3


def test_reads_of_ours_are_bulk(ireca: Sandbox) -> None:
    with CaptureQueriesContext(database) as few:
        compare("orders")
    for number in range(40):
        ireca.state.store.put(
            "orders", f"8{number:05}", {**ireca.state.store.get("orders", "209900"), "orderId": f"8{number:05}"}
        )
    compare("orders", fix=True)
    with CaptureQueriesContext(database) as many:
        _findings, counts = compare("orders")
    assert counts.compared == 43
    assert counts.is_same
    assert len(many) == len(few)


def test_met_is_exact() -> None:
    met = Met()
    for key in (0, 7, 8, 1_000_003):
        met.add(key)
    assert [key for key in (0, 1, 7, 8, 9, 1_000_002, 1_000_003, 2_000_000) if key in met] == [0, 7, 8, 1_000_003]


def test_unknown_entities_and_a_remote_that_is_out(ireca: Sandbox) -> None:
    assert "unknown: cats" in printed("cats")[1]
    ireca.stop()
    assert "Retry" in printed("orders")[1]
