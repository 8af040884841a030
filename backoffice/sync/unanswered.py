"""Requests that nobody answered: their sender died, the connection broke, or the remote took too long.

Each may have been carried out, or not, or may be yet. So a push keeps what its requests said, until one is answered
(`Push.payload`: of a creation all of it, else a list, the oldest first, of what each changed): what the remote has of
it is agreed and no change of theirs, and what was taken back here meanwhile is said all the same. A request that is
carried out after a newer one looks like a change of theirs. A journal tells that it is none (`late.py`); where a remote
keeps none, a person is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk
from backoffice.sync.locks import locked
from backoffice.sync.merge import differing
from backoffice.sync.mirror import Mirror, Outgoing
from backoffice.sync.models import Push, Sent
from backoffice.sync.states import restore_payloads

MOST = 5  # requests of one push that are kept
LATE = timedelta(hours=1)  # after which no request is carried out any more


def note(mirror: Mirror, item: Outgoing, said: dict[str, Any]) -> Any:
    """What the push is to keep when one more request leaves. Of an object that the remote knows, it says what is
    changed; the rest is agreed already.
    """
    item.unanswered = item.push.payload
    if item.base is None:
        item.push.payload = said
    else:
        names = {mirror.wire(attr) for attr in item.changed}
        told = {"changed": {name: value for name, value in said.items() if name in names}}
        if not mirror.has_journal:
            told["whole"] = said  # if it comes late, it puts back what was changed since
        before = item.push.payload if isinstance(item.push.payload, list) else []
        item.push.payload = [*(one for one in before if one != told), told][-MOST:]
    return item.push.payload


def of(mirror: Mirror, rows: Mapping[int, Any]) -> dict[int, list[Any]]:
    """What was sent of these rows (by our key) without an answer that we know of, the oldest first. A creation is
    looked for once: later, what the remote has of it may have been changed there and back.
    """
    pushes = _open(mirror, list(rows))
    found: dict[int, list[Any]] = {}
    for push in pushes:
        if push.object_id is not None:
            found[push.object_id] = _changes(push) if isinstance(push.payload, list) else [push.payload]
    if created := [pk for pk in found if rows[pk].remote_data is None]:
        # What is in the air at this moment may still arrive after this look.
        pushes.filter(object_id__in=created, lease_owner="").update(payload=None)
    return {pk: [contract.decode(mirror.struct, told) for told in some] for pk, some in found.items()}


def taken_back(mirror: Mirror, push: Push, ours: Any, changed: Set[str]) -> dict[str, Any]:
    """The attributes that were told otherwise, though they do not differ from what is agreed: the remote may have that.
    Each with what was told last, as the wire spells it.

    :param changed: those that do differ.
    """
    found: dict[str, Any] = {}
    for one in _changes(push):
        told = contract.decode(mirror.struct, one)
        for attr in differing(mirror, ours, told) - changed:
            if getattr(told, attr) is not UNSET:
                found[attr] = one[mirror.wire(attr)]
        found |= mirror.also_taken_back(ours, told, changed)
    return found


def may_come_late(mirror: Mirror, pushes: Sequence[Push], agreed: Mapping[int, dict[str, Any]]) -> None:
    """These were answered now. What older requests of them said otherwise is kept, where no journal tells it.

    :param agreed: what was said last, by our key.
    """
    if mirror.has_journal:
        return
    rows = []
    for push in pushes:
        newest = agreed.get(push.object_id or 0, {})
        requests = push.payload if isinstance(push.payload, list) else []
        for told in (one["whole"] for one in requests):
            said = {name: value for name, value in told.items() if name in newest and newest[name] != value}
            if said:
                rows.append(
                    bulk.new(
                        Sent,
                        remote=mirror.remote,
                        entity=mirror.entity,
                        object_id=push.object_id,
                        at=timezone.now(),
                        agreed={},
                        said=said,
                    )
                )
    bulk.insert(Sent, rows)


def late(mirror: Mirror, ids: Sequence[int], asked: Sequence[int] = ()) -> dict[int, list[Any]]:
    """What older requests of these said, that may be carried out after newer ones. `asked`: those of which a person is
    asked already, however long he takes.
    """
    if mirror.has_journal or not ids:
        return {}
    found = defaultdict(list)
    kept = Sent.objects.filter(remote=mirror.remote, entity=mirror.entity, object_id__in=ids)
    kept = kept.filter(Q(at__gt=timezone.now() - LATE) | Q(object_id__in=asked))
    for sent in kept.order_by("pk"):
        found[sent.object_id].append(contract.decode(mirror.struct, sent.said))
    return dict(found)


def decided(mirror: Mirror, pk: int, names: Sequence[str]) -> None:
    """A person has seen what an older request may have made of these, and has chosen."""
    if mirror.has_journal:
        return
    for sent in Sent.objects.filter(remote=mirror.remote, entity=mirror.entity, object_id=pk):
        sent.said = {name: value for name, value in sent.said.items() if name not in names}
        sent.save(update_fields=["said"])


def withdraw(items: Sequence[Outgoing], holder: str) -> None:
    """The request that left last was surely not carried out: what is unanswered is what was before it, without what the
    remote was heard to say since.
    """
    with transaction.atomic():
        mine = Push.objects.filter(pk__among=[item.push.pk for item in items], lease_owner=holder)
        kept = dict(locked(mine.values_list("pk", "payload")))
        left = {item.push.pk: _without_last(item, kept[item.push.pk]) for item in items if item.push.pk in kept}
        restore_payloads(left)
    for item in items:
        item.push.payload = left.get(item.push.pk)


def _without_last(item: Outgoing, kept: Any) -> Any:
    """:param kept: what the push has by now; other than what was noted where something was heard meanwhile."""
    if kept == item.push.payload:
        return item.unanswered
    if not isinstance(kept, list):
        return kept
    is_repeated = isinstance(item.unanswered, list) and item.push.payload[-1] in item.unanswered
    return kept if is_repeated else kept[:-1] or None


def heard(mirror: Mirror, taken: Mapping[int, Set[str]]) -> None:
    """The remote has said something else of these since, and we have taken it: what we said is over."""
    some = {pk: {mirror.wire(attr) for attr in attrs} for pk, attrs in taken.items() if attrs}
    for push in _open(mirror, list(some)).order_by("object_id") if some else ():
        names = some[push.object_id or 0]
        left = [
            one | {"changed": {name: value for name, value in one["changed"].items() if name not in names}}
            for one in (push.payload if isinstance(push.payload, list) else ())
        ]
        if left and left != push.payload:
            Push.objects.filter(pk=push.pk).update(payload=left)


def _changes(push: Push) -> list[dict[str, Any]]:
    """What was said anew of an object that the remote knew."""
    return [one["changed"] for one in push.payload] if isinstance(push.payload, list) else []


def _open(mirror: Mirror, ids: Sequence[int]) -> Any:
    return Push.objects.filter(
        remote=mirror.remote,
        entity=mirror.entity,
        action=Push.Action.SAVE,
        object_id__in=ids,
        payload__isnull=False,
        state__in=Push.OPEN,
    )
