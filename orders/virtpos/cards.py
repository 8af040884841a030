"""Discount cards, told to VirtPos (seed 001:75-132). The document has no way to read cards, so here is what we know.

Saving a card writes a command with all that is told of it: `insertCard` while VirtPos does not know it, `updateCard`
from then on. Commands of a card are carried out one after the other. What makes a repetition safe:

- every card has an `external_id` of ours before anything leaves. After a lost answer to `insertCard` the card is looked
  for by it alone, with an `updateCard` that changes nothing, and inserted again where none is found. An `updateCard`
  with `create_if_not_exist=1` is not used for that: it looks for `uid` before `external_id` (93), and would overwrite
  the card of somebody else who has the same number, where an insertion is refused and a person is told;
- `updateCard` says how the card is, and may be repeated. It is found by `card_id`, if VirtPos has told one, then by
  `uid`, which never changes once VirtPos knows the card, then by `external_id`;
- after a lost answer to `deleteCard` the card is looked for likewise; what is not found is deleted. A card that VirtPos
  refused to insert is not deleted there either: whoever bears its number is somebody else's.

That a look-up which changes nothing is refused only where nothing is found is an assumption.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.utils.translation import gettext as _

from backoffice.remotes.errors import ContractError, Refused
from backoffice.remotes.virtpos.contract import Card
from backoffice.sync import enqueue
from backoffice.sync.commands import COMMANDS, Command
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from orders.models import Client, Customer, DiscountCard
from orders.virtpos.assumed import assumed
from orders.virtpos.clock import today
from orders.virtpos.enrolment import LINGERS, enrol, supersede, wake

ENTITY = "cards"
INSERT, UPDATE, DELETE = "insertCard", "updateCard", "deleteCard"
# Columns under the names that VirtPos has for them; the owner is `client`.
SAID = ("uid_ean13", "barcode", "medium", "status", "activate_date", "block_date", "type_id", "type_name")
TOLD = frozenset({"uid", "client", "client_id", *SAID})
Status = DiscountCard.Status


class NotPossible(Exception):
    """What was asked for does not go; the text says why, in the active language."""


# what people do


def activate(card: DiscountCard) -> None:
    """A new or a blocked card is in force from today on."""
    if card.is_deleted or card.status == Status.ACTIVE:
        raise NotPossible(_("%(card)s: it is active or deleted already.") % {"card": card})
    card.status, card.block_date = Status.ACTIVE, None
    card.activate_date = card.activate_date or today()
    card.save(update_fields=["status", "activate_date", "block_date"])


def block(card: DiscountCard) -> None:
    if card.is_deleted or card.status == Status.BLOCKED:
        raise NotPossible(_("%(card)s: it is blocked or deleted already.") % {"card": card})
    card.status, card.block_date = Status.BLOCKED, today()
    card.save(update_fields=["status", "block_date"])


def reissue(old: DiscountCard, uid: str, medium: str) -> DiscountCard:
    """A new card for the same owner and of the same type; the old one is blocked once VirtPos has the new one."""
    if old.is_deleted or DiscountCard.objects.filter(replaces=old).exists():
        raise NotPossible(_("%(card)s: it is deleted, or another one was issued in its place.") % {"card": old})
    with transaction.atomic():
        new = DiscountCard.objects.create(
            source=old.source,
            uid=uid,
            medium=medium,
            status=Status.ACTIVE,
            activate_date=today(),
            type_id=old.type_id,
            type_name=old.type_name,
            client=old.client,
            replaces=old,
        )
        if old.status != Status.BLOCKED:
            block(old)
    return new


def delete(card: DiscountCard) -> None:
    """Take a card out of use for good. It stays in our list, marked as deleted."""
    if card.is_deleted:
        raise NotPossible(_("%(card)s: it is deleted already.") % {"card": card})
    with transaction.atomic():
        card.is_deleted = True
        card.save(update_fields=["is_deleted"])
        if _is_known_or_told(card):
            _command(card, DELETE, {})
        else:
            supersede(ENTITY, card.pk)
            DiscountCard.objects.filter(pk=card.pk).update(sync_state=SyncState.CLEAN, sync_error="")


def _is_known_or_told(card: DiscountCard) -> bool:
    told = Push.objects.filter(remote=VIRTPOS, entity=ENTITY, object_id=card.pk, action=Push.Action.COMMAND)
    # In this order: a worker makes it known before it closes the command.
    if told.filter(state__in=(Push.State.QUEUED, Push.State.WAITING)).exists():
        return True
    return DiscountCard.objects.filter(pk=card.pk, is_known=True).exists()


# into the outbox


def _saved(sender: Any, instance: DiscountCard, raw: bool, update_fields: Collection[str] | None, **_kw: Any) -> None:
    """Every way in which a card is saved ends here, merging clients included."""
    if raw or not enqueue.tracking() or instance.is_deleted:
        return
    if update_fields is None or not TOLD.isdisjoint(update_fields):
        tell(instance)


def tell(card: DiscountCard) -> None:
    """Write the command that tells VirtPos how the card is now. An owner whom it does not know is told of, too."""
    said: dict[str, Any] = {name: _spelled(getattr(card, name)) for name in SAID}
    if card.client is not None and owner(card.client) is None:
        enrol([card.client])
    _command(card, UPDATE if _is_known_or_told(card) else INSERT, {"uid": card.uid, **said, "client": card.client_id})


def _command(card: DiscountCard, name: str, payload: dict[str, Any]) -> None:
    supersede(ENTITY, card.pk)
    enqueue.command(VIRTPOS, ENTITY, name, payload, object_id=card.pk, remote_id=card.external_id)
    DiscountCard.objects.filter(pk=card.pk).update(sync_state=SyncState.PENDING, sync_error="")
    card.sync_state = SyncState.PENDING


def _spelled(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else value or ""


def owner(client: Client) -> Customer | None:
    """Who is this client at VirtPos: himself, or one whom he was found to be."""
    return (
        Customer.objects.filter(client=client).first()
        or Customer.objects.filter(client__merged_into=client).exclude(key="").order_by("pk").first()
    )


# out of it


def _id_of(push: Push) -> int:
    assert push.object_id is not None  # a command always has its object
    return push.object_id


def _card_of(push: Push) -> DiscountCard:
    return DiscountCard.objects.get(pk=_id_of(push))


def _waits_for(push: Push) -> Customer | DiscountCard | None:
    """The owner, until VirtPos has given him an id; before an old card is blocked, the one in its place."""
    assert push.payload is not None
    if (client_id := push.payload.get("client")) is not None:
        row = owner(Client(pk=client_id))
        if row is not None and not row.key:
            return row
    if push.payload.get("status") == Status.BLOCKED:
        successor = DiscountCard.objects.filter(replaces=_id_of(push), is_deleted=False).first()
        if successor is not None and not successor.is_known:
            return successor
    return None


def _wire(push: Push, card: DiscountCard, *, is_new: bool) -> Card:
    """What is said, and by what the card is found. An empty value empties its field, so a new card has none."""
    assert push.payload is not None
    said = {name: push.payload[name] for name in SAID}
    for name in ("uid_ean13", "barcode"):
        said[name] = said[name] or None  # VirtPos makes them itself (seed 001:94-95)
    row = owner(Client(pk=push.payload["client"])) if push.payload["client"] is not None else None
    if is_new:
        said = {name: value or None for name, value in said.items()}
    return Card(
        card_id=None if is_new else card.card_id or None,
        uid=push.payload["uid"],
        external_id=card.external_id,
        customer_id=row.key if row is not None else None if is_new else "",
        **said,
    )


def _insert(client: Any, push: Push) -> None:
    card = _card_of(push)
    with _shown(push):
        saved = client.insert_card(_wire(push, card, is_new=True))
    _know(card, saved.id)


def _update(client: Any, push: Push) -> None:
    card = _card_of(push)
    if not card.is_known:
        _insert(client, push)  # its insertion was refused, and this edit may have mended it
        return
    with _shown(push):
        saved = client.update_card(_wire(push, card, is_new=False))
    _know(card, saved.id)


def _delete(client: Any, push: Push) -> None:
    card = _card_of(push)
    if _is_there(card):
        with _shown(push):
            client.delete_card(**_one_key(card))


def _is_there(card: DiscountCard) -> bool:
    """Whether VirtPos has it. Commands go in order, so its insertion is decided by the time it is to be deleted."""
    return card.is_known or bool(card.card_id)


def _one_key(card: DiscountCard) -> dict[str, Any]:
    return {"card_id": card.card_id} if card.card_id else {"uid": card.uid}


def _was_inserted(client: Any, push: Push) -> bool:
    card = _card_of(push)
    if card.is_known:
        return True
    try:
        saved = client.update_card(Card(external_id=card.external_id))
    except Refused:
        return False
    _know(card, saved.id)
    return True


def _was_updated(client: Any, push: Push) -> bool:
    """It is said once more in any case, but to a card that is there."""
    _was_inserted(client, push)
    return False


def _was_deleted(client: Any, push: Push) -> bool:
    card = _card_of(push)
    if not _is_there(card):
        return True
    try:
        client.update_card(Card(**_one_key(card)))
    except Refused:
        return True
    return False


def _know(card: DiscountCard, card_id: str | None) -> None:
    """VirtPos has the card. Its id need not come: the document shows none in the answer about a card."""
    known: dict[str, Any] = {"is_known": True, **({"card_id": card_id} if card_id and not card.card_id else {})}
    if card_id and DiscountCard.objects.filter(source=card.source_id, card_id=card_id).exclude(pk=card.pk).exists():
        known.pop("card_id", None)  # another one's: what VirtPos tells here is no id of a card
    DiscountCard.objects.filter(pk=card.pk).update(**known)


def _done(push: Push) -> None:
    if push.command == DELETE:
        supersede(ENTITY, _id_of(push))  # an insertion that was refused must not be tried again
    later = Push.objects.filter(
        remote=VIRTPOS, entity=ENTITY, object_id=push.object_id, action=Push.Action.COMMAND, state__in=Push.OPEN
    ).exclude(pk=push.pk)
    state = SyncState.PENDING if later.exists() else SyncState.CLEAN
    DiscountCard.objects.filter(pk=_id_of(push)).update(
        sync_state=state, sync_error="", **({"is_known": False} if push.command == DELETE else {"is_known": True})
    )
    wake()


def _waiting(push: Push, whom: str) -> None:
    text = _("Waits for %(whom)s") % {"whom": whom}
    DiscountCard.objects.filter(pk=_id_of(push)).update(sync_state=SyncState.PENDING, sync_error=text)


@contextmanager
def _shown(push: Push) -> Iterator[None]:
    """A refusal is shown on the card. What a person wanted stays there: it is mended by an edit, or tried again."""
    try:
        with assumed("VIRTPOS_CARDS_PATH"):
            yield
    except (Refused, ContractError) as error:
        rows = DiscountCard.objects.filter(pk=_id_of(push))
        rows.update(sync_state=SyncState.FAILED, sync_error=str(error))
        raise


COMMANDS[ENTITY, INSERT] = Command(_insert, _was_inserted, _done, _waits_for, _waiting, LINGERS)
COMMANDS[ENTITY, UPDATE] = Command(_update, _was_updated, _done, _waits_for, _waiting, LINGERS)
COMMANDS[ENTITY, DELETE] = Command(_delete, _was_deleted, _done)
post_save.connect(_saved, sender=DiscountCard, dispatch_uid="virtpos-cards")
