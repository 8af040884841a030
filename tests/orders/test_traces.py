"""A change made at iRECA between our read and our write: what we overwrote is a conflict, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.client.resources import Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, outbox, pull, retention, sent, worker
from backoffice.sync.admin.conflicts import field_conflicts
from backoffice.sync.apply import apply, resolve
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push, RemoteState, Sent
from couriers.models import Courier
from orders import readers, traces
from orders.models import JournalEntry, Order
from tests.sync.clients import ireca_client
from tests.sync.test_push import drain, many_orders

pytestmark = pytest.mark.django_db(transaction=True)

OLD, THEIRS, OURS = "+79123456789", "+79990000000", "+79111111111"
Gap = Callable[[Callable[[], Any]], None]


@pytest.fixture
def mirror() -> Any:
    return registry.for_model(Order)


@pytest.fixture
def order(ireca: Sandbox) -> Order:
    """One that was created here, with our name learned from its journal."""
    order = many_orders(1)[0]
    order.refresh_from_db()
    look(order)
    assert RemoteState.objects.get(pk="ireca").our_source == "http://site.com"
    return order


@pytest.fixture
def gap(monkeypatch: pytest.MonkeyPatch) -> Gap:
    """Do something there right before the next write of known orders leaves, after all that was to be read was read."""
    waiting: list[Callable[[], Any]] = []

    def wrap(name: str) -> None:
        original = getattr(Orders, name)

        def write(*arguments: Any, **named: Any) -> Any:
            while waiting:
                waiting.pop()()
            return original(*arguments, **named)

        monkeypatch.setattr(Orders, name, write)

    for name in ("update", "replace", "multiple_update"):
        wrap(name)
    return waiting.append


def look(*orders: Order) -> None:
    readers.read_journal_of(ireca_client(), orders)


def edit(order: Order, **values: Any) -> None:
    """A dispatcher saves a form, and it leaves."""
    order.refresh_from_db()
    for name, value in values.items():
        setattr(order, name, value)
    order.save()
    drain()


def overwrite(ireca: Sandbox, gap: Gap, order: Order, *, ours: str = OLD, theirs: str = THEIRS) -> None:
    """Their phone is put back, or over, by our whole write."""
    gap(lambda: ireca.change(order.ireca_id, phone=theirs))
    edit(order, description="ours", phone=ours)
    assert ireca.order(order.ireca_id)["phone"] == ours
    look(order)
    order.refresh_from_db()


def sides(mirror: Any, order: Order) -> dict[str, tuple[str, str, str]]:
    row = mirror.queryset().get(pk=order.pk)
    return {field.name: (field.base, field.ours, field.theirs) for field in field_conflicts(mirror, row)}


def in_the_end(ireca: Sandbox, order: Order) -> tuple[str, str, str]:
    drain()
    look(order)
    pull.run(pull.request("orders"), ireca_client(), lease.owner())
    outbox.make_due()
    drain()
    order.refresh_from_db()
    return order.sync_state, order.phone, ireca.order(order.ireca_id)["phone"]


# what is found


@pytest.mark.parametrize("ours", [OLD, OURS])
def test_what_we_overwrote_is_a_conflict(ireca: Sandbox, mirror: Any, gap: Gap, order: Order, ours: str) -> None:
    overwrite(ireca, gap, order, ours=ours)
    assert order.sync_state == "conflict"
    assert sides(mirror, order) == {"phone": (OLD, ours, THEIRS)}
    assert Push.objects.filter(state__in=Push.OPEN).count() == 1
    assert in_the_end(ireca, order) == ("conflict", ours, ours), "it waits for a person, whatever is read meanwhile"
    assert sides(mirror, order) == {"phone": (OLD, ours, THEIRS)}


@pytest.mark.parametrize("ours", [OLD, OURS])
@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_a_person_decides_once(ireca: Sandbox, mirror: Any, gap: Gap, order: Order, choice: str, ours: str) -> None:
    overwrite(ireca, gap, order, ours=ours)
    resolve(mirror, order, {"phone": choice})
    chosen = THEIRS if choice == "theirs" else ours
    assert in_the_end(ireca, order) == ("clean", chosen, chosen)
    assert not Sent.objects.filter(taken__isnull=False).exists()
    JournalEntry.objects.filter(order=order).delete()
    assert in_the_end(ireca, order) == ("clean", chosen, chosen), "the same entry asks nobody again"


def test_it_survives_the_echo_of_our_write(
    listening: Sandbox, settle: Callable[[], None], mirror: Any, gap: Gap
) -> None:
    order = many_orders(1)[0]
    settle()
    gap(lambda: listening.change(order.ireca_id, phone=THEIRS))
    order.refresh_from_db()
    order.description = "ours"
    order.save()
    settle()
    assert listening.order(order.ireca_id)["phone"] == OLD
    order.refresh_from_db()
    assert order.details_due_at is not None, "its journal is read soon"
    Order._base_manager.filter(pk=order.pk).update(details_due_at=timezone.now())
    settle()
    assert sides(mirror, order) == {"phone": (OLD, OLD, THEIRS)}
    listening.change(order.ireca_id, amountToPay="12.50")
    settle()
    order.refresh_from_db()
    assert (order.sync_state, order.amount_to_pay) == ("conflict", Decimal("12.50"))
    assert sides(mirror, order) == {"phone": (OLD, OLD, THEIRS)}


def test_what_multiple_update_overwrote_is_found_too(ireca: Sandbox, mirror: Any, gap: Gap) -> None:
    """Nothing is read before it: what was changed there, and not told to us, is lost as well."""
    orders = many_orders(3)
    there = datetime(2026, 11, 21, 20, tzinfo=UTC)
    ireca.change(orders[0].ireca_id, deliveryTimeTo="2026-11-21 20:00:00")
    gap(lambda: ireca.change(orders[1].ireca_id, deliveryTimeTo="2026-11-21 20:00:00"))
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(delivery_time_to=there + timedelta(hours=1))
    drain()
    look(*orders)
    for lost, order in zip((True, True, False), orders, strict=True):
        order.refresh_from_db()
        assert list(order.sync_conflict) == (["deliveryTimeTo"] if lost else [])
    resolve(mirror, orders[0], {"deliveryTimeTo": "theirs"})
    drain()
    orders[0].refresh_from_db()
    assert (orders[0].sync_state, orders[0].delivery_time_to) == ("clean", there)
    assert ireca.order(orders[0].ireca_id)["deliveryTimeTo"] == "2026-11-21 20:00:00"


def test_a_courier_who_was_set_back_is_a_conflict(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    edit(order, courier=Courier.objects.get(ireca_id="55752"))
    gap(lambda: ireca.take(order.ireca_id))
    edit(order, description="ours")
    look(order)
    order.refresh_from_db()
    assert order.sync_conflict == {"deliveryStatusId": 7}
    resolve(mirror, order, {"deliveryStatusId": "theirs"})
    drain()
    order.refresh_from_db()
    assert (order.sync_state, order.delivery_status) == ("clean", 7)
    assert ireca.order(order.ireca_id)["deliveryStatusId"] == 7


def test_nested_values_are_compared_part_by_part(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    address = {"city": "Москва", "street": "Арбат", "home": "1", "isUseGoogleGeo": False}
    gap(lambda: ireca.change(order.ireca_id, addressToEntity=address))
    edit(order, description="ours")
    look(order)
    order.refresh_from_db()
    assert list(order.sync_conflict) == ["addressToEntity"]
    resolve(mirror, order, {"addressToEntity": "theirs"})
    drain()
    assert ireca.order(order.ireca_id)["addressTo"] == "Москва Арбат 1"


def test_our_next_edit_hides_no_loss(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    gap(lambda: ireca.change(order.ireca_id, phone=THEIRS))
    edit(order, description="ours")
    edit(order, phone=OURS)
    look(order)
    assert sides(mirror, order) == {"phone": (OLD, OURS, THEIRS)}
    resolve(mirror, order, {"phone": "theirs"})
    assert in_the_end(ireca, order) == ("clean", THEIRS, THEIRS)


def test_it_is_found_though_the_answer_was_lost(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    ireca.faults.set("reset_after", times=1, method="PUT")
    gap(lambda: ireca.change(order.ireca_id, phone=THEIRS))
    edit(order, description="ours")
    look(order)
    assert sides(mirror, order) == {"phone": (OLD, OLD, THEIRS)}
    resolve(mirror, order, {"phone": "theirs"})
    worker.start()
    assert in_the_end(ireca, order) == ("clean", THEIRS, THEIRS)


# what is no loss


def test_ordinary_edits_and_repeated_ones_are_none(ireca: Sandbox, order: Order) -> None:
    edit(order, phone=OURS)
    edit(order, phone=OLD)
    ireca.faults.set("reset_after", times=1, method="PUT")
    edit(order, phone=OURS)
    worker.start()
    drain()
    ireca.change(order.ireca_id, description="theirs")
    edit(order, phone=OLD)
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.phone, order.description) == ("clean", OLD, "theirs")


def test_what_a_person_has_decided_on_is_none(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    """Their value was seen while ours was in the air: it is a conflict at once, and the journal asks no second time."""

    def seen() -> None:
        ireca.change(order.ireca_id, phone=THEIRS)
        apply(mirror, [contract.decode(contract.Order, ireca.order(order.ireca_id))])

    gap(seen)
    edit(order, phone=OURS)
    order.refresh_from_db()
    assert list(order.sync_conflict) == ["phone"]
    resolve(mirror, order, {"phone": "ours"})
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)


def test_a_conflict_that_was_seen_in_the_air_stays_one(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    def seen() -> None:
        ireca.change(order.ireca_id, phone=THEIRS)
        apply(mirror, [contract.decode(contract.Order, ireca.order(order.ireca_id))])

    gap(seen)
    edit(order, phone=OURS)
    look(order)
    assert in_the_end(ireca, order) == ("conflict", OURS, OURS)
    assert sides(mirror, order) == {"phone": (OLD, OURS, THEIRS)}


def test_what_they_changed_once_more_is_none(ireca: Sandbox, gap: Gap, order: Order) -> None:
    gap(lambda: ireca.change(order.ireca_id, phone=THEIRS))
    edit(order, description="ours")
    ireca.change(order.ireca_id, phone="+79992222222")
    look(order)
    assert in_the_end(ireca, order) == ("clean", "+79992222222", "+79992222222")


def test_their_next_change_ends_the_conflict(ireca: Sandbox, gap: Gap, order: Order) -> None:
    overwrite(ireca, gap, order)
    ireca.change(order.ireca_id, phone="+79992222222")
    assert in_the_end(ireca, order) == ("clean", "+79992222222", "+79992222222")
    assert not Sent.objects.filter(taken__isnull=False).exists()


def test_what_was_restored_is_none(ireca: Sandbox, gap: Gap, order: Order) -> None:
    gap(lambda: ireca.change(order.ireca_id, phone=THEIRS))
    edit(order, description="ours")
    edit(order, phone=THEIRS)
    look(order)
    assert in_the_end(ireca, order) == ("clean", THEIRS, THEIRS)


def earlier(minutes: int) -> None:
    """Their clock was ahead of ours by so much when these attempts were sent."""
    for attempt in Sent.objects.all():
        attempt.at -= timedelta(minutes=minutes)
        attempt.save()


def test_our_own_change_under_another_clock_is_none(ireca: Sandbox, order: Order) -> None:
    """Its entry is of the time of our next write, which knew nothing of what was there before."""
    edit(order, phone=OURS)
    earlier(minutes=7)
    edit(order, description="ours")
    look(order)
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)


@pytest.mark.parametrize("theirs", [OLD, THEIRS])
def test_another_clock_hides_no_loss(ireca: Sandbox, mirror: Any, gap: Gap, order: Order, theirs: str) -> None:
    """Though they have put back what was there before our first write, as its entry tells."""
    edit(order, phone=OURS)
    earlier(minutes=7)
    overwrite(ireca, gap, order, ours=OURS, theirs=theirs)
    assert sides(mirror, order) == {"phone": (OURS, OURS, theirs)}


def test_what_no_journal_tells_is_still_a_loss(ireca: Sandbox, mirror: Any, gap: Gap, order: Order) -> None:
    """The entry of their change is not there, but ours does not go on where our last one ended."""
    edit(order, phone=OURS)
    earlier(minutes=7)
    gap(lambda: ireca.change(order.ireca_id, phone=OLD))
    edit(order, description="ours", phone=OURS)
    with ireca.state.lock:
        store = ireca.state.store
        entries = store.get("journal", order.ireca_id)
        told = [entry for entry in entries if entry["source"] == "http://site.com"]
        assert len(told) == len(entries) - 1
        store.put("journal", order.ireca_id, told)
    look(order)
    assert sides(mirror, order) == {"phone": (OURS, OURS, OLD)}


def journal(order: Order, before: dict[str, Any], after: dict[str, Any], **fields: Any) -> JournalEntry:
    values = {"event": "update", "source": "http://site.com", "created_at": timezone.now(), **fields}
    return JournalEntry.objects.create(order=order, before=before, after=after, digest="x", **values)


@pytest.mark.parametrize(
    ("fields", "before", "after", "lost"),
    [
        ({}, {"phone": THEIRS}, {"phone": OLD}, 1),
        ({"source": "the cabinet"}, {"phone": THEIRS}, {"phone": OLD}, 0),
        ({"courier": True}, {"phone": THEIRS}, {"phone": OLD}, 0),
        ({"minutes": 6}, {"phone": THEIRS}, {"phone": OLD}, 0),
        ({"minutes": -6}, {"phone": THEIRS}, {"phone": OLD}, 0),
        ({"event": "create"}, {"phone": THEIRS}, {"phone": OLD}, 0),
        ({}, {"phone": THEIRS}, {"phone": "+7000"}, 0),  # nothing that we said
        ({}, {"phone": THEIRS, "amountToPay": 90}, {"phone": OLD, "amountToPay": 90.5}, 0),
        ({}, {"amountToPay": 100, "isEdited": 0}, {"amountToPay": "100.00", "isEdited": 1}, 0),  # a sum spelled anew
        ({}, {"phone": {"odd": 1}}, {"phone": OLD}, 0),
        ({}, {"phone": THEIRS}, {"phone": {"odd": 1}}, 0),
        ({}, {"lift": 1}, {"lift": 2}, 0),
    ],
)
def test_which_entry_is_ours(
    ireca: Sandbox, order: Order, fields: dict[str, Any], before: dict[str, Any], after: dict[str, Any], lost: int
) -> None:
    edit(order, description="ours")
    if fields.pop("courier", False):
        fields["courier"] = Courier.objects.get(ireca_id="55752")
    at = timezone.now() + timedelta(minutes=fields.pop("minutes", 0))
    assert traces.follow([journal(order, before, after, **{"created_at": at, **fields})]) == lost


def test_a_sum_that_ireca_computed_anew_is_none(ireca: Sandbox, gap: Gap, order: Order) -> None:
    """What we say is what it said last, whatever it makes of it."""
    ireca.change(order.ireca_id, amountToPay="90.00")
    edit(order, description="ours")
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.amount_to_pay) == ("clean", Decimal(90))


def test_while_our_name_is_not_known_nothing_is_ours(ireca: Sandbox, gap: Gap) -> None:
    """Order 209900 was there before us: its creation, though told under the same name, is not ours."""
    order = Order.objects.get(ireca_id="209900")
    gap(lambda: ireca.change("209900", phone=THEIRS))
    edit(order, description="ours")
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict) == ("clean", {})
    assert RemoteState.objects.get(pk="ireca").our_source == ""


def test_a_creation_that_was_refused_teaches_no_name(ireca: Sandbox) -> None:
    order = Order.objects.get(pk=many_orders(1)[0].pk)
    Sent.objects.all().delete()
    JournalEntry.objects.all().delete()
    RemoteState.objects.update(our_source="")
    Order._base_manager.filter(pk=order.pk).update(remote_data=None)  # somebody else's, of the same id
    edit(order, description="ours")
    assert any(request["method"] == "POST" and request["status"] == 400 for request in ireca.requests)
    look(order)
    assert JournalEntry.objects.filter(order=order, event="create").exists()
    assert not RemoteState.objects.exclude(our_source="").exists()


# cost


def test_attempts_are_forgotten_when_a_later_journal_has_been_gone_through(ireca: Sandbox, order: Order) -> None:
    edit(order, description="ours")
    look(order)
    assert Sent.objects.filter(object_id=order.pk).count() == 2, "its creation and this, too fresh yet"
    Sent.objects.update(at=timezone.now() - sent.AROUND)
    look(order)
    assert not Sent.objects.exists()


def test_old_attempts_are_pruned_but_not_what_waits_for_a_person(ireca: Sandbox, gap: Gap, order: Order) -> None:
    overwrite(ireca, gap, order)
    Sent.objects.update(at=timezone.now() - timedelta(days=1000))
    retention.prune()
    assert Sent.objects.get().taken == ["phone"]


def test_queries_do_not_grow_with_orders(ireca: Sandbox, gap: Gap) -> None:
    def queries(count: int) -> tuple[int, int]:
        orders = many_orders(count)
        for order in orders:
            order.refresh_from_db()
            order.description = "ours"
            order.save()
        gap(lambda: [ireca.change(order.ireca_id, phone=THEIRS) for order in orders])
        with CaptureQueriesContext(connection) as sending:
            drain()
        with CaptureQueriesContext(connection) as reading:
            look(*orders)
        assert Order.objects.filter(pk__in=[order.pk for order in orders], sync_state="conflict").count() == count
        inserts = [query for query in sending if "INSERT INTO" in query["sql"] and '"sync_sent"' in query["sql"]]
        tables = ('"orders_', '"sync_sent"', '"sync_push"')  # each request writes the log of exchanges
        ours = [query for query in reading if any(table in query["sql"] for table in tables)]
        return len(inserts), len(ours)

    queries(6)
    few, many = queries(6), queries(20)
    assert few[0] <= 1  # COPY is no query that Django counts
    assert many == few


def test_the_page_says_what_happened(ireca: Sandbox, gap: Gap, order: Order, client: Browser) -> None:
    overwrite(ireca, gap, order)
    client.force_login(User.objects.create_superuser("root"))
    url = f"/admin/orders/order/{order.pk}/conflict/"
    page = client.get(url)
    (field,) = page.context["fields"]
    assert field.note
    assert field.note in page.content.decode()
    client.post(url, {"field:phone": "theirs", "seen:phone": field.token})
    assert in_the_end(ireca, order) == ("clean", THEIRS, THEIRS)
