"""A request of ours that a slow remote carries out after a newer one: what we said last is said again.

Nobody has the answer of the older one: its sender died, or has waited long enough.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.client.resources import Orders
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import arrive, clock, lease, push, worker
from backoffice.sync import clients as remotes
from backoffice.sync.apply import apply, resolve
from backoffice.sync.mirror import registry
from backoffice.sync.models import Sent
from couriers.models import Courier
from orders import readers, traces
from orders.models import JournalEntry, Order
from tests.bad_days import slowness
from tests.orders.test_traces import edit, in_the_end, look
from tests.sync.test_push import drain, many_orders

pytestmark = pytest.mark.django_db(transaction=True)

OLD, OURS, NEWER, THEIRS = "+79123456789", "+79111111111", "+79112222222", "+79990000000"
REASON = "сказано ещё раз: старый запрос был выполнен с опозданием"
Slow = Callable[[], list[Callable[[], Any]]]


@pytest.fixture
def order(ireca: Sandbox) -> Order:
    """One that was created here, with our name learned from its journal."""
    order = many_orders(1)[0]
    order.refresh_from_db()
    look(order)
    return order


@pytest.fixture
def slow() -> Slow:
    """From the call on, until the next worker starts, writes are not carried out, and nobody is answered. Each can be
    carried out by a call.
    """

    def begin() -> list[Callable[[], Any]]:
        with slowness.held(Orders) as late:
            drain()
        worker.start()
        assert late
        return late

    return begin


def read(ireca: Sandbox, order: Order) -> None:
    """A callback or a pull tells of it."""
    apply(registry.for_model(Order), [contract.decode(contract.Order, ireca.order(order.ireca_id))])


def edit_without_sending(order: Order, **values: Any) -> None:
    order.refresh_from_db()
    for name, value in values.items():
        setattr(order, name, value)
    order.save()


def unheard(slow: Slow, order: Order, **values: Any) -> Callable[[], Any]:
    """A change that leaves, and is carried out by a call of what is returned."""
    edit_without_sending(order, **values)
    (late,) = slow()
    return late


def late_write(ireca: Sandbox, slow: Slow, order: Order) -> None:
    """Our whole write of the old phone comes after that of the new one."""
    late = unheard(slow, order, description="ours")
    edit(order, phone=OURS)
    late()
    assert ireca.order(order.ireca_id)["phone"] == OLD


def phones(order: Order) -> list[tuple[str, str | None]]:
    versions = order.history.order_by("history_date", "history_id")
    return list(versions.values_list("phone", "history_change_reason"))


@pytest.mark.parametrize("is_read_first", [False, True])
def test_what_we_said_last_is_said_again(ireca: Sandbox, slow: Slow, order: Order, is_read_first: bool) -> None:
    late_write(ireca, slow, order)
    if is_read_first:
        read(ireca, order)
        order.refresh_from_db()
        assert order.phone == OLD, "read alone it looks like theirs"
    look(order)
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)
    assert ireca.order(order.ireca_id)["description"] == "ours"
    if is_read_first:
        assert [phone for phone, _reason in phones(order)][-3:] == [OURS, OLD, OURS]
        assert phones(order)[-1][1] == REASON


def give(orders: list[Order], courier: str) -> None:
    for order in orders:
        order.refresh_from_db()
        order.courier = Courier.objects.get(ireca_id=courier)
        order.save()


@pytest.mark.parametrize("is_read_first", [False, True])
def test_of_few_attributes_too(ireca: Sandbox, slow: Slow, is_read_first: bool) -> None:
    """multipleUpdate, which reads nothing before."""
    orders = many_orders(2)
    look(*orders)
    give(orders, "55752")
    (late,) = slow()
    give(orders, "55753")
    drain()
    late()
    for order in orders:
        assert str(ireca.order(order.ireca_id)["courierId"]) == "55752"
        if is_read_first:
            read(ireca, order)
    look(*orders)
    for order in orders:
        assert in_the_end(ireca, order)[0] == "clean"
        assert order.courier is not None
        assert order.courier.ireca_id == str(ireca.order(order.ireca_id)["courierId"]) == "55753"


def test_an_older_request_in_its_order_is_nothing(ireca: Sandbox, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the newer one knew nothing of what it left: that was ours."""
    orders = many_orders(2)
    look(*orders)
    give(orders, "55752")
    (late,) = slow()
    original = Orders.multiple_update

    def after_the_late_one(*arguments: Any, **named: Any) -> Any:
        late()
        return original(*arguments, **named)

    give(orders, "55753")
    monkeypatch.setattr(Orders, "multiple_update", after_the_late_one)
    drain()
    monkeypatch.undo()
    assert [entry["afterItem"] for entry in ireca.state.store.get("journal", orders[0].ireca_id)] == [
        None,
        {"courierId": 55752},
        {"courierId": 55753},
    ]
    look(*orders)
    for order in orders:
        assert in_the_end(ireca, order)[0] == "clean"
        assert order.courier == Courier.objects.get(ireca_id="55753")


def test_what_they_said_meanwhile_is_a_loss(ireca: Sandbox, slow: Slow, order: Order) -> None:
    late = unheard(slow, order, description="ours")
    edit(order, phone=OURS)
    ireca.change(order.ireca_id, phone=THEIRS)
    late()
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict) == ("conflict", {"phone": THEIRS})


def test_what_they_say_by_themselves_is_theirs(ireca: Sandbox, slow: Slow, order: Order) -> None:
    """The same as an older request of ours, but under another name."""
    order.description = "ours"
    order.save()
    slow()
    edit(order, phone=OURS)
    ireca.change(order.ireca_id, phone=OLD)
    look(order)
    assert in_the_end(ireca, order) == ("clean", OLD, OLD)


@pytest.mark.parametrize("theirs", [OLD, NEWER])
def test_what_a_person_has_changed_since_stays(ireca: Sandbox, slow: Slow, order: Order, theirs: str) -> None:
    """Even if it is what the older request said."""
    late_write(ireca, slow, order)
    edit(order, phone=theirs)
    look(order)
    assert in_the_end(ireca, order) == ("clean", theirs, theirs)


def test_a_choice_of_the_older_word_is_a_persons(ireca: Sandbox, slow: Slow, order: Order) -> None:
    """Who has looked at it here, and set what is there already."""
    late_write(ireca, slow, order)
    order.refresh_from_db()
    order.phone = OLD
    order.save()
    look(order)
    assert in_the_end(ireca, order) == ("clean", OLD, OLD)


def test_another_conflict_stays_one(ireca: Sandbox, slow: Slow, order: Order) -> None:
    late_write(ireca, slow, order)
    order.refresh_from_db()
    order.description = "newer"
    order.save()
    ireca.change(order.ireca_id, description="theirs")
    read(ireca, order)
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.phone, list(order.sync_conflict)) == ("conflict", OURS, ["description"])
    resolve(registry.for_model(Order), order, {"description": "ours"})
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)
    assert ireca.order(order.ireca_id)["description"] == "newer"


@pytest.mark.parametrize("is_read_first", [False, True])
def test_what_was_taken_back_here_stays_so(ireca: Sandbox, slow: Slow, order: Order, is_read_first: bool) -> None:
    """A mistake that was mended before it left: nothing differs from what is agreed, and yet it is said."""
    late = unheard(slow, order, phone=OURS)
    edit(order, phone=OLD)
    late()
    assert ireca.order(order.ireca_id)["phone"] == OURS
    if is_read_first:
        read(ireca, order)
    look(order)
    assert in_the_end(ireca, order) == ("clean", OLD, OLD)


def test_of_several_unanswered_requests_each_is_ours(ireca: Sandbox, slow: Slow, order: Order) -> None:
    """The second one never arrives, the first one does."""
    order.phone = OURS
    order.save()
    (first,) = slow()
    edit_without_sending(order, phone=NEWER)
    slow()
    first()
    edit_without_sending(order, phone=OLD)
    assert in_the_end(ireca, order) == ("clean", OLD, OLD)


@pytest.mark.parametrize("is_read_first", [False, True])
def test_an_edit_before_the_journal_is_read_changes_nothing(
    ireca: Sandbox, slow: Slow, order: Order, is_read_first: bool
) -> None:
    """It goes whole, and repeats the older word, which was taken from the remote: that is no word of ours."""
    late_write(ireca, slow, order)
    if is_read_first:
        read(ireca, order)
    edit(order, description="newer")
    look(order)
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)


@pytest.mark.parametrize("is_read_first", [False, True])
@pytest.mark.parametrize("is_in_order", [False, True])
def test_several_may_come_late(
    ireca: Sandbox, slow: Slow, order: Order, is_read_first: bool, is_in_order: bool
) -> None:
    edit_without_sending(order, description="ours", phone=NEWER)
    (first,) = slow()
    edit_without_sending(order, phone=THEIRS)
    (second,) = slow()
    edit(order, phone=OURS)
    for late in (first, second) if is_in_order else (second, first):
        late()
    if is_read_first:
        read(ireca, order)
    look(order)
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)


def test_a_read_that_was_asked_for_before_does_not_undo_it(ireca: Sandbox, slow: Slow, order: Order) -> None:
    late = unheard(slow, order, description="ours")
    edit(order, phone=OURS)
    asked, old = clock.now(), remotes.client().orders.get(order.ireca_id)
    late()
    look(order)
    arrive.merge(registry.for_model(Order), remotes.client(), [old], asked)
    assert in_the_end(ireca, order) == ("clean", OURS, OURS)


def test_another_program_with_our_name_is_somebody_else(ireca: Sandbox, order: Order) -> None:
    """What it said no attempt of ours did."""

    def update(carry_out: Callable[[], Any]) -> Any:
        ireca.change(order.ireca_id, source="http://site.com", phone=THEIRS)
        return carry_out()

    with slowness.writes_of(Orders, update):
        edit(order, description="ours")
    assert ireca.order(order.ireca_id)["phone"] == OLD
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict) == ("conflict", {"phone": THEIRS})


def test_their_change_that_we_have_is_said_again(ireca: Sandbox, slow: Slow, order: Order) -> None:
    """A late request of ours has put back what both sides had agreed on since."""
    late = unheard(slow, order, description="ours")
    edit(order, description="newer")
    ireca.change(order.ireca_id, phone=THEIRS)
    read(ireca, order)
    late()
    assert ireca.order(order.ireca_id)["phone"] == OLD
    look(order)
    assert in_the_end(ireca, order) == ("clean", THEIRS, THEIRS)


def test_their_change_that_was_put_back_before_we_look_is_a_conflict(ireca: Sandbox, slow: Slow, order: Order) -> None:
    late = unheard(slow, order, description="ours")
    edit(order, description="newer")
    ireca.change(order.ireca_id, phone=THEIRS)
    read(ireca, order)
    late()
    read(ireca, order)
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict) == ("conflict", {"phone": THEIRS})


@pytest.mark.parametrize("is_read_first", [False, True])
def test_nested_and_blank_values(ireca: Sandbox, slow: Slow, order: Order, is_read_first: bool) -> None:
    edit(order, to_city="Москва", to_street="Арбат", to_home="1", description="old")
    look(order)
    late = unheard(slow, order, phone=OURS)
    edit(order, to_home="2", to_apartment="7", description="")
    late()
    assert ireca.order(order.ireca_id)["description"] == "old"
    if is_read_first:
        read(ireca, order)
    look(order)
    assert in_the_end(ireca, order)[0] == "clean"
    assert (order.to_home, order.to_apartment, order.description) == ("2", "7", "")
    there = ireca.order(order.ireca_id)
    assert (there["addressToEntity"]["home"], there["description"]) == ("2", "")


def test_an_entry_that_leaves_out_what_is_blank_now(ireca: Sandbox, order: Order) -> None:
    edit(order, description="ours")
    edit(order, phone=OURS, description="two")
    look(order)
    before, after = {"phone": OURS, "description": "two"}, {"description": "ours"}
    entry = JournalEntry(order=order, event="update", source="http://site.com", before=before, after=after, digest="x")
    entry.created_at = timezone.now() + timedelta(seconds=2)
    entry.save()
    assert traces.follow([entry]) == 0
    assert in_the_end(ireca, order)[0] == "clean"


@pytest.mark.parametrize("is_read", [False, True])
def test_their_word_between_two_of_ours_is_asked_about(ireca: Sandbox, slow: Slow, order: Order, is_read: bool) -> None:
    """However long ago the late request was sent."""
    late = unheard(slow, order, description="ours")
    edit(order, phone=OURS)
    Sent.objects.update(at=timezone.now() - timedelta(minutes=10))
    ireca.change(order.ireca_id, phone=THEIRS)
    if is_read:
        read(ireca, order)
    late()
    read(ireca, order)
    look(order)
    order.refresh_from_db()
    assert (order.sync_state, order.sync_conflict) == ("conflict", {"phone": THEIRS})


def test_two_edits_in_a_second_may_be_told_newest_first(ireca: Sandbox) -> None:
    """iRECA's document does not tell in which order its journal is."""
    orders = many_orders(1)
    look(*orders)
    for courier in ("55752", "55753"):
        give(orders, courier)
        drain()
    client = remotes.client()

    class Reversed:
        def journal(self, *arguments: Any) -> Any:
            return reversed(list(client.journal(*arguments)))

    JournalEntry.objects.all().delete()
    readers.read_journal_of(Reversed(), orders)
    (order,) = orders
    ireca.change(order.ireca_id, courierId="55750")
    push.drain(client, lease.owner(), entities=["orders"])
    assert str(ireca.order(order.ireca_id)["courierId"]) == "55750"
