"""Discount cards: each command, lost answers, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.virtpos import Virtpos
from backoffice.sync.models import Push
from orders import merging
from orders.models import Client, Customer, DiscountCard, Feed
from orders.virtpos import cards
from orders.virtpos.clock import today
from tests.orders.virtpos.test_customers import due_now, ivan, settled

pytestmark = pytest.mark.django_db(transaction=True)
Do = Callable[[], int]


@pytest.fixture
def owner(feed: Feed, read: Callable[..., Any]) -> Client:
    read("virtpos-customers")
    return ivan()


def new(feed: Feed, **fields: Any) -> DiscountCard:
    return DiscountCard.objects.create(source=feed.source, **{"uid": "1001", "type_name": "Золото", **fields})


def there(virtpos: Virtpos, uid: str = "1001") -> dict[str, Any]:
    return next(card for card in virtpos.cards if card["uid"] == uid)


def commands() -> list[tuple[str, str]]:
    return list(Push.objects.filter(entity="cards").order_by("pk").values_list("command", "state"))


def test_a_card_is_inserted_with_all_that_is_known(virtpos: Virtpos, feed: Feed, owner: Client, tell: Do) -> None:
    card = new(feed, client=owner, medium="APP", status="ACTIVE", activate_date=today())
    assert card.sync_state == "pending"
    tell()
    card.refresh_from_db()
    told = there(virtpos)
    assert (card.card_id, card.is_known, card.sync_state) == (told["card_id"], True, "clean")
    assert (told["external_id"], told["customer_id"], told["medium"]) == (card.external_id, "3", "APP")
    assert (told["status"], told["type_name"], told["activate_date"]) == ("ACTIVE", "Золото", today().isoformat())
    assert told["barcode"]  # made there
    assert (commands(), virtpos.violations) == ([("insertCard", "done")], [])


def test_activate_block_and_change(virtpos: Virtpos, feed: Feed, owner: Client, tell: Do) -> None:
    card = new(feed)
    tell()
    card.refresh_from_db()
    cards.activate(card)
    cards.block(card)
    settled(tell)
    told = there(virtpos)
    assert (told["status"], told["block_date"], told["activate_date"]) == ("BLOCKED", str(today()), str(today()))
    with pytest.raises(cards.NotPossible):
        cards.block(card)
    cards.activate(card)
    card.client, card.type_name = owner, "Серебро"
    card.save()
    settled(tell)
    told = there(virtpos)
    assert (told["status"], told["block_date"]) == ("ACTIVE", None)
    assert (told["customer_id"], told["type_name"], len(virtpos.cards)) == ("3", "Серебро", 1)
    card.client = None
    card.save()
    settled(tell)
    assert there(virtpos)["customer_id"] is None


def test_reissue_blocks_the_old_one_once_the_new_one_is_there(
    virtpos: Virtpos, feed: Feed, owner: Client, tell: Do
) -> None:
    old = new(feed, client=owner, status="ACTIVE")
    tell()
    old.refresh_from_db()
    virtpos.refuse("cards", "1002", "Номер занят")
    made = cards.reissue(old, "1002", "PLASTIC")
    tell()
    tell()
    made.refresh_from_db()
    old.refresh_from_db()
    assert (made.sync_state, made.sync_error) == ("failed", "Номер занят")
    assert (old.sync_state, there(virtpos)["status"]) == ("pending", "ACTIVE")
    assert "1002" in old.sync_error

    virtpos.refuse("cards", "1002", None)
    made.uid = "1003"
    made.save()
    settled(tell)
    new_one = there(virtpos, "1003")
    assert (new_one["status"], new_one["customer_id"], new_one["type_name"]) == ("ACTIVE", "3", "Золото")
    assert there(virtpos)["status"] == "BLOCKED"
    made.refresh_from_db()
    assert (made.replaces, made.is_known) == (old, True)
    with pytest.raises(cards.NotPossible):
        cards.reissue(old, "1004", "PLASTIC")


def test_delete(virtpos: Virtpos, feed: Feed, tell: Do) -> None:
    card = new(feed)
    tell()
    card.refresh_from_db()
    cards.delete(card)
    tell()
    card.refresh_from_db()
    assert (virtpos.cards, card.is_deleted, card.sync_state) == ([], True, "clean")
    assert new(feed).uid == "1001"  # the number is free again


def test_a_card_that_was_never_there_is_just_deleted_here(virtpos: Virtpos, feed: Feed, tell: Do) -> None:
    virtpos.refuse("cards", "1001", "Нет")
    card = new(feed)
    tell()
    cards.delete(card)
    tell()
    assert commands() == [("insertCard", "done")]
    card.refresh_from_db()
    assert (card.sync_state, card.sync_error) == ("clean", "")


def test_a_refusal_is_shown_and_an_edit_tries_again(virtpos: Virtpos, feed: Feed, tell: Do) -> None:
    virtpos.refuse("cards", "1001", "Номер занят")
    card = new(feed)
    tell()
    card.refresh_from_db()
    assert (card.sync_state, card.sync_error, card.is_known) == ("failed", "Номер занят", False)
    card.uid = "2002"
    card.save()
    assert commands() == [("insertCard", "done"), ("insertCard", "queued")]
    tell()
    card.refresh_from_db()
    assert (card.sync_state, card.is_known, there(virtpos, "2002")["external_id"]) == ("clean", True, card.external_id)


def test_a_card_of_the_register_is_not_overwritten(virtpos: Virtpos, feed: Feed, owner: Client, tell: Do) -> None:
    first = new(feed, client=owner)
    tell()
    first.refresh_from_db()
    DiscountCard.objects.filter(pk=first.pk).update(is_deleted=True)  # one that only the register knows
    other = new(feed, type_name="Чужая")
    tell()
    other.refresh_from_db()
    assert other.sync_state == "failed"
    assert there(virtpos)["type_name"] == "Золото"


@pytest.mark.parametrize("attempts", [0, 1])
def test_the_card_of_a_stranger_is_not_deleted(virtpos: Virtpos, feed: Feed, tell: Do, attempts: int) -> None:
    first = new(feed)
    tell()
    DiscountCard.objects.filter(pk=first.pk).delete()  # one that only the register knows
    other = new(feed)
    cards.delete(other)
    Push.objects.filter(command="deleteCard").update(attempts=attempts)
    settled(tell)
    other.refresh_from_db()
    assert there(virtpos)["external_id"] == first.external_id
    assert (other.sync_state, other.is_known) == ("clean", False)
    assert commands()[1:] == [("insertCard", "done"), ("deleteCard", "done")]  # nothing is left to be tried again
    assert [request["path"].rpartition("/")[2] for request in virtpos.requests] == ["insertCard"] * 2


def test_a_card_that_the_register_has_can_be_taken_over(virtpos: Virtpos, feed: Feed, tell: Do) -> None:
    first = new(feed)
    tell()
    DiscountCard.objects.filter(pk=first.pk).delete()
    card = new(feed, type_name="Серебро", is_known=True)
    tell()
    card.refresh_from_db()
    assert (there(virtpos)["external_id"], there(virtpos)["type_name"]) == (card.external_id, "Серебро")
    assert (card.card_id, len(virtpos.cards)) == (there(virtpos)["card_id"], 1)


def test_it_waits_for_an_owner_whom_virtpos_does_not_know(
    virtpos: Virtpos, feed: Feed, tell: Do, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    card = new(feed, client=client)
    Push.objects.filter(command="add").update(state="unknown")
    tell()
    card.refresh_from_db()
    assert card.sync_error.startswith("Waits for customer of VirtPos А.")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert not virtpos.cards
    Push.objects.filter(command="add").update(state="queued")
    settled(tell)
    card.refresh_from_db()
    assert (there(virtpos)["customer_id"], card.sync_state) == (Customer.objects.get(client=client).key, "clean")


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "garbage", "500"])
@pytest.mark.parametrize("path", ["insertCard", "updateCard", "deleteCard"])
def test_lost_answers(virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do, path: str, kind: str) -> None:
    sandbox.faults.set(kind, times=2, path_contains=path)
    card = new(feed)
    settled(tell)
    card.refresh_from_db()
    cards.activate(card)
    settled(tell)
    assert [told["status"] for told in virtpos.cards] == ["ACTIVE"]
    card.refresh_from_db()
    cards.delete(card)
    settled(tell)
    card.refresh_from_db()
    assert (virtpos.cards, card.sync_state) == ([], "clean")
    assert {state for _command, state in commands()} == {"done"}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_of_all_answers_fails(
    virtpos: Virtpos, sandbox: Sandbox, feed: Feed, owner: Client, tell: Do, seed: int
) -> None:
    for kind in ("reset_before", "reset_after", "500", "garbage"):
        sandbox.faults.set(kind, probability=0.08, path_contains="Card")
    made = [new(feed, uid=f"30{nth}", client=owner) for nth in range(6)]
    for card in made:
        card.refresh_from_db()
        cards.activate(card)
        due_now()
        tell()
    cards.delete(made[0])
    for _ in range(30):
        due_now()
        tell()
    sandbox.faults.clear()
    settled(tell)
    assert sorted((card["uid"], card["status"]) for card in virtpos.cards) == [
        (f"30{nth}", "ACTIVE") for nth in range(1, 6)
    ]
    assert {state for _command, state in commands()} == {"done"}
    assert not virtpos.violations


def test_cards_go_with_a_merged_owner(virtpos: Virtpos, feed: Feed, owner: Client, tell: Do) -> None:
    card = new(feed, client=owner)
    tell()
    other = Client.objects.create(firstname="Иван", lastname="Петров", phone="+78125550103")
    ids = [owner.pk, other.pk]
    merging.merge(ids, other.pk, {}, merging.preview(ids, other.pk).digest, None)
    settled(tell)
    card.refresh_from_db()
    assert card.client == other
    assert there(virtpos)["customer_id"] == "3"
