"""What our requests told a remote, so that its journal can show what they took away there unseen.

A whole write puts back whatever changed there between our read and our write, and a `multipleUpdate` overwrites what it
says without a look (decision 005). Nothing in iRECA's interface prevents that, but the journal entry of our own write
tells what was there before. So each attempt is kept until the journal has been gone through; whoever reads a journal
(`orders/traces.py`) hands what was lost to `contradict`, which makes it a conflict for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk, enqueue
from backoffice.sync.merge import adds
from backoffice.sync.mirror import Mirror, Outgoing
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Sent

# How far the entry of a request may be from when we sent it: the clocks of two machines, and a slow answer. A journal
# that was read so long after an attempt has its entry.
AROUND = timedelta(minutes=5)


@dataclass(frozen=True)
class Loss:
    """One attribute that our attempt `sent` overwrote: what the remote had, as the wire spells it."""

    sent: Sent
    theirs: Any


# before and after a request


def keep(mirror: Mirror, said: Iterable[tuple[Outgoing, dict[str, Any]]], now: datetime, *, creates: bool) -> None:
    """Keep what a request is about to tell, of entities that the other side changes too: one statement for all."""
    if not mirror.has_journal:
        return
    rows = []
    for item, told in said:
        names = mirror.contested.keys() & told.keys()
        known = {**(item.row.remote_data or {}), **item.taken_back}
        rows.append(
            bulk.new(
                Sent,
                remote=mirror.remote,
                entity=mirror.entity,
                object_id=item.row.pk,
                at=now,
                agreed=None if creates else {name: known[name] for name in names if name in known},
                said={} if creates else {name: told[name] for name in names},
            )
        )
    bulk.insert(Sent, rows)


def withdraw(mirror: Mirror, ids: Collection[int], at: datetime) -> None:
    """What was sent of these then was surely not carried out."""
    if mirror.has_journal:
        _of(mirror, ids).filter(at=at).delete()


def withdraw_creations(mirror: Mirror, ids: Collection[int]) -> None:
    """These were refused: an object of that id there is not of our making."""
    if mirror.has_journal:
        _of(mirror, ids).filter(agreed__isnull=True).delete()


def forget(mirror: Mirror, ids: Collection[int], read_at: datetime) -> None:
    """Journals of these were read then and gone through: what was sent long enough before has nothing more to show."""
    _of(mirror, ids).filter(at__lt=read_at - AROUND, taken__isnull=True).delete()


def attempts(mirror: Mirror, ids: Collection[int]) -> dict[int, list[Sent]]:
    """What is kept of these objects, by our key."""
    found = defaultdict(list)
    for sent in _of(mirror, ids).order_by("at", "pk"):
        found[sent.object_id].append(sent)
    return dict(found)


def _of(mirror: Mirror, ids: Collection[int]) -> Any:
    return Sent.objects.filter(remote=mirror.remote, entity=mirror.entity, object_id__in=ids)


# what was overwritten


def undecided(mirror: Mirror, ids: Collection[int]) -> dict[int, dict[str, Sent]]:
    """What we overwrote of these, and nobody has decided on: by our key and wire name, the attempt that did it."""
    found: dict[int, dict[str, Sent]] = defaultdict(dict)
    for sent in _of(mirror, ids).filter(taken__isnull=False).order_by("at", "pk"):
        found[sent.object_id] |= dict.fromkeys(sent.taken, sent)
    return found


def contradict(mirror: Mirror, losses: Mapping[int, Mapping[str, Loss]]) -> int:
    """Show each loss as a conflict: what was agreed, what they had, what we have. Returns how many rows show one.

    What the row has by now, because somebody restored it, is no loss.
    """
    with transaction.atomic():
        locked = mirror.model._base_manager.filter(pk__in=losses).order_by("pk")
        if connection.features.has_select_for_update:
            list(locked.select_for_update().values_list("pk"))
        rows = []
        lost: dict[int, dict[str, Loss]] = {}
        for row in mirror.queryset().filter(pk__in=losses):
            ours = mirror.build(row)
            wanted = {name: loss for name, loss in losses[row.pk].items() if _misses(mirror, ours, name, loss.theirs)}
            if wanted:
                row.sync_conflict = row.sync_conflict | {name: loss.theirs for name, loss in wanted.items()}
                row.sync_state = SyncState.CONFLICT
                lost[row.pk] = wanted
                rows.append(row)
        if rows:
            bulk.update(mirror.model, rows, ["sync_conflict", "sync_state"])
            _mark(mirror, lost)
            # As with any conflict, a push waits for the decision.
            enqueue.changed(mirror.model, list(lost))
    return len(rows)


def _misses(mirror: Mirror, ours: Any, name: str, theirs: Any) -> bool:
    return adds(value(mirror, name, theirs), getattr(ours, mirror.contested[name]))


def _mark(mirror: Mirror, lost: Mapping[int, Mapping[str, Loss]]) -> None:
    """One attempt for each name: of two that overwrote it the later one."""
    changed = []
    for pk, rows in attempts(mirror, lost).items():
        for sent in rows:
            taken = set(sent.taken or ()) - lost[pk].keys()
            taken |= {name for name, loss in lost[pk].items() if loss.sent.pk == sent.pk}
            if taken != set(sent.taken or ()):
                sent.taken = sorted(taken) or None
                changed.append(sent)
    bulk.update(Sent, changed, ["taken"])


def settle(mirror: Mirror, names: Mapping[int, Collection[str]]) -> None:
    """The remote has changed these since, or has them again: what we overwrote matters no more."""
    changed = []
    for pk, taken in undecided(mirror, names).items():
        for sent in {sent.pk: sent for sent in taken.values()}.values():
            sent.taken = sorted(set(sent.taken or ()) - set(names[pk])) or None
            changed.append(sent)
    bulk.update(Sent, changed, ["taken"])


def decided(mirror: Mirror, pk: int, theirs: Mapping[str, Any]) -> None:
    """A person has seen these values of theirs and decided: no attempt that overwrote just them asks again."""
    changed = []
    for sent in attempts(mirror, [pk]).get(pk, ()):
        if sent.agreed is not None and (names := theirs.keys() & sent.said.keys()):
            sent.agreed |= {name: theirs[name] for name in names}
            sent.taken = sorted(set(sent.taken or ()) - names) or None
            changed.append(sent)
    bulk.update(Sent, changed, ["agreed", "taken"])


def value(mirror: Mirror, name: str, said: Any) -> Any:
    """One attribute as the contract understands it. Raises ContractError where it is not of the documented kind."""
    return getattr(contract.decode(mirror.struct, {name: said}), mirror.contested[name])
