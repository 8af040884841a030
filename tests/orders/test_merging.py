"""Clients become one, and two again: what moves, what stays, what iRECA sees of it.

What partners see of it is in tests/partners/test_merged_clients.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django import db
from django.contrib.auth.models import User
from django.db.models import QuerySet

from backoffice.partners.models import Source
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, pull
from backoffice.sync.models import Push
from fiscal.models import PaymentType
from orders import merging
from orders.merging import NotMergeable, Stale
from orders.models import Client, ClientMerge, DiscountCard, Order
from tests.orders import builders

pytestmark = pytest.mark.django_db

PHONE = "+79161234567"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("dispatcher")


def client(ireca_id: str, **fields: Any) -> Client:
    return builders.client(**{"ireca_id": ireca_id, "phone": PHONE, **fields})


def merge(*clients: Client, survivor: Client | None = None, user: Any = None, **takes: Client) -> ClientMerge:
    """As the page does it: look, then confirm."""
    ids = [one.pk for one in clients]
    seen = merging.preview(ids, survivor.pk if survivor else None)
    return merging.merge(ids, seen.survivor.pk, {k: v.pk for k, v in takes.items()}, seen.digest, user)


def pushed(entity: str) -> set[int | None]:
    return set(Push.objects.filter(entity=entity).values_list("object_id", flat=True))


def of(row: Client) -> QuerySet[Order]:
    return Order.objects.filter(client=row)


def test_orders_move_to_the_one_with_most_of_them(user: User) -> None:
    few, most = client("a", lastname="Few"), client("b", lastname="Most")
    moving = builders.order(1, client=few)
    builders.order(2, client=most)
    builders.order(3, client=most)
    done = merge(few, most, user=user)
    few.refresh_from_db()
    assert (done.survivor, few.merged_into, of(most).count(), of(few).count()) == (most, most, 3, 0)
    assert done.moved == {"orders.Order.client": {str(few.pk): [moving.pk]}, "orders.DiscountCard.client": {}}
    # iRECA is told of the order; to the merged client nothing happened there.
    assert (pushed("orders"), pushed("clients")) == ({moving.pk}, set())
    for latest in (moving.history.latest(), few.history.latest()):
        assert (latest.history_user, latest.history_change_reason) == (user, "merged: Most Petr")
    assert few.history.latest().merged_into == most
    assert (few.lastname, few.phone) == ("Few", PHONE)


def test_the_survivor_takes_the_chosen_values_and_iRECA_learns_them(user: User) -> None:
    one = client("a", email="", inn="7707083893", address_city="Tula", address_home="1")
    two = client("b", email="b@example.com", inn="", address_city="Moscow", address_latitude=Decimal("55.75"))
    seen = merging.preview([one.pk, two.pk], one.pk)
    chosen = {difference.name: difference.chosen for difference in seen.differences}
    # What the survivor lacks is proposed from the other, what it has stays.
    assert chosen == {"email": two.pk, "inn": one.pk, "address": one.pk}
    assert dict(seen.same) == {"Last name": "Petrov", "First name": "Petr", "Phone": PHONE}
    merge(one, two, survivor=one, user=user, address=two)
    one.refresh_from_db()
    assert (one.email, one.inn) == ("b@example.com", "7707083893")
    # An address is never made of two.
    assert (one.address_city, one.address_home, one.address_latitude) == ("Moscow", "", Decimal("55.75"))
    assert pushed("clients") == {one.pk}
    assert one.history.latest().history_user == user


def test_a_preview_gone_stale_does_nothing(user: User) -> None:
    one, two = client("a"), client("b")
    ids = [one.pk, two.pk]
    seen = merging.preview(ids, one.pk)
    builders.order(1, client=two)
    with pytest.raises(Stale):
        merging.merge(ids, one.pk, {}, seen.digest, user)
    seen = merging.preview(ids, one.pk)
    Client.objects.filter(pk=two.pk).update(email="new@example.com")
    with pytest.raises(Stale):
        merging.merge(ids, one.pk, {}, seen.digest, user)
    merge(one, two, survivor=one, user=user)
    with pytest.raises(Stale):
        merging.merge(ids, one.pk, {}, seen.digest, user)
    assert ClientMerge.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"phone": "+79169999999"}, "Only clients with the same phone can be merged; these have different ones."),
        ({"phone": ""}, "No phone that could be compared: Petrov Petr"),
    ],
)
def test_other_phones_are_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(NotMergeable, match=why):
        merging.preview([client("a").pk, client("b", **fields).pk])


def test_other_refusals(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = client("a"), client("b"), client("c", lastname="Third")
    with pytest.raises(NotMergeable, match="at least two"):
        merging.preview([one.pk])
    with pytest.raises(NotMergeable, match="Not all"):
        merging.preview([one.pk, 999_999])
    with pytest.raises(NotMergeable, match="At most 20"):
        merging.preview(range(21))
    merge(one, two, survivor=one, user=user)
    with pytest.raises(NotMergeable, match="Merged into another client already: Petrov Petr"):
        merging.preview([two.pk, three.pk])
    with pytest.raises(NotMergeable, match="cannot be the one that stays"):
        merging.preview([one.pk, two.pk], two.pk)
    builders.order(1, client=one)
    monkeypatch.setattr(merging, "MOST_MOVED", 0)
    with pytest.raises(NotMergeable, match="More than 0 rows would move"):
        merge(one, three, survivor=three, user=user)
    assert of(one).count() == 1


def test_cards_move_too_and_come_back(user: User) -> None:
    one, two = client("a"), client("b")
    builders.order(1, client=one)
    source = Source.objects.create(title="Till")
    card = DiscountCard.objects.create(source=source, uid="100", client=two)
    assert merging.preview([one.pk, two.pk]).moving == [("orders", 0), ("discount cards", 1)]
    done = merge(one, two, user=user)
    card.refresh_from_db()
    latest = card.history.latest()
    assert (card.client, latest.client, latest.history_user) == (one, one, user)
    assert latest.history_change_reason == "merged: Petrov Petr"
    assert merging.undo(done.pk, user).moved == 1
    card.refresh_from_db()
    assert card.client == two


def test_chains_are_one_step_long(user: User) -> None:
    one, two, three = client("a"), client("b"), client("c")
    order = builders.order(1, client=one)
    first = merge(one, two, survivor=two, user=user)
    second = merge(two, three, survivor=three, user=user)
    assert {row.merged_into_id for row in Client.objects.filter(pk__in=[one.pk, two.pk])} == {three.pk}
    assert of(three).get() == order
    with pytest.raises(NotMergeable, match="undo that first"):
        merging.undo(first.pk, user)
    merging.undo(second.pk, user)
    one.refresh_from_db()
    assert (one.merged_into, of(two).get()) == (two, order)
    merging.undo(first.pk, user)
    one.refresh_from_db()
    assert (one.merged_into, of(one).get()) == (None, order)


def test_undo_brings_back_what_nobody_changed_since(user: User) -> None:
    one, two = client("a", email="", inn="", birthday=None), client("b", email="b@x.ru", inn="7707083893")
    Client.objects.filter(pk=two.pk).update(birthday="1986-01-14")
    back, given = builders.order(1, client=two), builders.order(2, client=two)
    done = merge(one, two, survivor=one, user=user)
    other = client("c", phone="+79169999999")
    Order.objects.filter(pk=given.pk).update(client=other)
    late = builders.order(3, client=one)
    Client.objects.filter(pk=one.pk).update(inn="500100732259")
    Push.objects.all().delete()
    undone = merging.undo(done.pk, user)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (undone.moved, undone.kept, undone.clients) == (1, ["INN"], [two])
    assert (of(two).get(), of(other).get(), of(one).get()) == (back, given, late)
    assert (one.email, one.birthday, one.inn, two.merged_into) == ("", None, "500100732259", None)
    assert (pushed("orders"), pushed("clients")) == ({back.pk}, {one.pk})
    assert (back.history.latest().history_user, two.history.latest().merged_into) == (user, None)
    done.refresh_from_db()
    assert done.undone_by == user
    with pytest.raises(NotMergeable, match="undone already"):
        merging.undo(done.pk, user)


def test_orders_that_came_to_a_merged_client_later_move_with_a_second_merge(user: User) -> None:
    one, two = client("a"), client("b")
    first = merge(one, two, survivor=one, user=user)
    late = builders.order(1, client=two)
    second = merge(one, two, user=user)
    assert of(one).get() == late
    with pytest.raises(NotMergeable, match="undo that first"):
        merging.undo(first.pk, user)
    merging.undo(second.pk, user)
    two.refresh_from_db()
    assert (of(two).get(), two.merged_into) == (late, one)


def test_phones_that_several_clients_share(user: User) -> None:
    one, two, alone = client("a"), client("b", phone="8 916 123-45-67"), client("c", phone="+79169999999")
    client("d", phone="")
    client("e", phone="")
    shared = Client.objects.filter(phone_e164__in=merging.shared_phones())
    assert set(shared) == {one, two}
    assert list(merging.same_phone(one)) == [two]
    assert list(merging.same_phone(alone)) == []
    merge(one, two, user=user)
    assert list(shared.all()) == list(merging.same_phone(one)) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_merges_that_meet_one_is_done(transactional_db: None) -> None:
    one, two = client("a"), client("b")
    for number in range(5):
        builders.order(number, client=(one, two)[number % 2])
    ids = [one.pk, two.pk]
    digest = merging.preview(ids).digest
    meet, outcomes = threading.Barrier(2), []

    def confirm(survivor: int) -> None:
        try:
            meet.wait()
            outcomes.append(str(merging.merge(ids, survivor, {}, digest, None).survivor_id))
        except NotMergeable:
            outcomes.append("refused")
        finally:
            db.connection.close()

    threads = [threading.Thread(target=confirm, args=(key,)) for key in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[-1] == "refused"
    [done] = ClientMerge.objects.all()
    assert of(done.survivor).count() == 5
    assert Client.objects.get(merged_into=None) == done.survivor


@pytest.mark.django_db(transaction=True)
def test_iRECA_learns_it_and_what_it_says_later_undoes_nothing(ireca: Sandbox, settle: Callable[[], None]) -> None:
    user = User.objects.create_user("dispatcher")
    one, two = (Client.objects.create(lastname=name, phone=PHONE) for name in ("One", "Two"))
    row = Order.objects.create(
        number="M-1",
        client=two,
        payment_type=PaymentType.objects.filter(remote_data__isnull=False).first(),
        phone=PHONE,
        to_city="Тула",
        to_street="Ленина",
        to_home="1",
        delivery_time_from=builders.at(10),
        delivery_time_to=builders.at(12),
    )
    settle()
    there: Any = ireca.order(row.ireca_id or "")
    assert str(there["clientId"]) == two.ireca_id
    merge(one, two, survivor=one, user=user)
    settle()
    there = ireca.order(row.ireca_id or "")
    assert str(there["clientId"]) == one.ireca_id
    for entity in ("clients", "orders"):
        done = pull.run(pull.request(entity), clients.client(), lease.owner())
        assert done.state == "done", done.error
    row.refresh_from_db()
    two.refresh_from_db()
    assert (row.client, row.sync_state, two.merged_into, two.lastname) == (one, "clean", one, "Two")
    assert ireca.violations == []
