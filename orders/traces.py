"""What our own writes took away at iRECA, found in its journal and shown as a conflict.

Each entry that iRECA tells for the first time is compared with what we sent (`backoffice/sync/sent.py`), in the
transaction that stores it, so that a crash forgets neither. An entry is of our write when it has our name and no
courier, is of about that time, and tells nothing but what we said. It took something away when what was there before is
not what was agreed when we sent, unless it is an older write of ours under another clock. Where it took away a word of
ours that is newer than its own, it came late, and that is said again. Lines are not in the journal
(seed 002:1338-1394): those that were put back stay unseen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from django.db import transaction

from backoffice.remotes.ireca import contract
from backoffice.sync import late, sent
from backoffice.sync.locks import lock
from backoffice.sync.merge import adds, blank, same
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import Push, RemoteState, Sent
from orders.models import JournalEntry, Order

Journal = dict[int, list[JournalEntry]]


def follow(entries: Sequence[JournalEntry]) -> int:
    """Go through entries that were stored just now. Returns how many orders show what we overwrote."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    timed = sorted((entry for entry in entries if entry.created_at), key=attrgetter("created_at"))
    attempts = sent.attempts(mirror, {entry.order_id for entry in timed})
    if not attempts or not (name := _our_name(mirror, timed, attempts)):
        return 0
    fresh = [entry for entry in timed if entry.event == "update" and _is_by(entry, name)]
    losses = {
        (entry.order_id, attribute): (entry, loss)
        for entry in fresh
        for attribute, loss in _losses(mirror, entry, attempts.get(entry.order_id, ()))
    }
    touched = {(entry.order_id, attribute) for entry in fresh for attribute in _touched(mirror, entry)}
    if not touched:
        return 0
    journal = _journal({order_id for order_id, _ in touched})
    undone: dict[int, dict[str, late.Undone]] = defaultdict(dict)
    for order_id, attribute in touched:
        told = [one for one in journal[order_id] if attribute in (one.after or {})]
        if _is_by(told[-1], name) and (back := _undone(mirror, attribute, told, attempts.get(order_id, ()), name)):
            undone[order_id][attribute] = back
    lost: dict[int, dict[str, sent.Loss]] = defaultdict(dict)
    for (order_id, attribute), (entry, loss) in losses.items():
        if _is_lost(journal, attempts[order_id], name, _Sides(mirror, attribute, entry)):
            lost[order_id][attribute] = loss
            if attribute in (entry.after or {}) and not _later(journal, entry, attribute):
                # A row that has taken theirs tells it again; any other shows a conflict.
                theirs = late.Undone(loss.theirs, (entry.after or {})[attribute], is_ours=False)
                undone[order_id].setdefault(attribute, theirs)
    with transaction.atomic():
        ids = undone.keys() | lost.keys()
        lock(Order._base_manager.filter(pk__in=ids))  # of both at once, in one order; then the pushes likewise
        lock(Push.objects.filter(open_key__in=[Push.key(mirror.remote, mirror.entity, pk) for pk in ids]))
        late.say_again(mirror, undone)
        return sent.contradict(mirror, lost)


def _is_by(entry: JournalEntry, name: str) -> bool:
    return entry.source == name and entry.courier_id is None


def _is_about(attempt: Sent, entry: JournalEntry) -> bool:
    return entry.created_at is not None and abs(entry.created_at - attempt.at) <= sent.AROUND


def _is_before(attempt: Sent, entry: JournalEntry) -> bool:
    return entry.created_at is not None and attempt.at <= entry.created_at


def _our_name(mirror: Mirror, entries: Sequence[JournalEntry], attempts: dict[int, list[Sent]]) -> str:
    """Under which name the journal tells our writes: that of the creation of an order that we created.

    While it is not known nothing is ours: by content alone the undoing of a change would look like it.
    """
    known = RemoteState.objects.filter(pk=mirror.remote).values_list("our_source", flat=True).first() or ""
    learned = known
    for entry in entries:
        if entry.event == "create" and entry.source and entry.courier_id is None:
            mine = (attempt for attempt in attempts.get(entry.order_id, ()) if attempt.agreed is None)
            if any(_is_about(attempt, entry) for attempt in mine):
                learned = entry.source
    if learned != known:
        RemoteState.objects.update_or_create(pk=mirror.remote, defaults={"our_source": learned})
    return learned


def _losses(mirror: Mirror, entry: JournalEntry, attempts: Sequence[Sent]) -> Iterator[tuple[str, sent.Loss]]:
    """What this entry of ours took away. Where several attempts may have caused it, what one of them knew of is none:
    the same may have been sent twice.
    """
    causes = [
        (attempt, attempt.agreed)
        for nth, attempt in enumerate(attempts, 1)
        # One that was followed by another may have come late.
        if attempt.agreed is not None
        and (_is_about(attempt, entry) or (nth < len(attempts) and _is_before(attempt, entry)))
        and _tells(mirror, entry, attempt)
    ]
    if not causes:
        return
    for name, was in (entry.before or {}).items():
        if not all(name in cause.said and name in agreed for cause, agreed in causes):
            continue
        try:
            theirs = sent.value(mirror, name, was)
        except contract.ContractError:
            continue  # not of the kind that the document tells: nothing that a person could choose
        if all(adds(theirs, sent.value(mirror, name, agreed[name])) for _, agreed in causes):
            yield name, sent.Loss(causes[-1][0], was)


def _tells(mirror: Mirror, entry: JournalEntry, attempt: Sent) -> bool:
    """Whether the entry tells nothing of what both sides may change but what this attempt said."""
    after = entry.after or {}
    names = mirror.contested.keys() & after.keys()
    if not names or not names <= attempt.said.keys():
        return False
    try:
        return all(
            _agrees(sent.value(mirror, name, after[name]), sent.value(mirror, name, attempt.said[name]))
            for name in names
        )
    except contract.ContractError:
        return False


def _agrees(told: Any, said: Any) -> bool:
    """Whether this is what was said; what we left blank of a nested object (a point on the map) iRECA may have
    found by itself.
    """
    if isinstance(told, msgspec.Struct) and isinstance(said, msgspec.Struct):
        return all(
            blank(getattr(said, name)) or same(getattr(told, name), getattr(said, name))
            for name in said.__struct_fields__
        )
    return same(told, said)


def _touched(mirror: Mirror, entry: JournalEntry) -> Set[str]:
    return (entry.after or {}).keys() & mirror.contested.keys()


def _undone(
    mirror: Mirror, attribute: str, told: Sequence[JournalEntry], attempts: Sequence[Sent], name: str
) -> late.Undone | None:
    """What an older request of ours has made of the attribute, in the last of the entries that touch it, though we said
    otherwise later, and that was carried out. A write that tells what was agreed anyhow says nothing new.
    """
    last = _Sides(mirror, attribute, told[-1])
    meant = [nth for nth, one in enumerate(attempts) if _is_meant(mirror, one, attribute)]
    if not meant or last.is_left(newest := attempts[meant[-1]].said[attribute]):
        return None
    if not any(last.is_of(older) for older in attempts[: meant[-1]]):
        return None
    was_there, sides = last.was(newest), last
    for one in reversed(told[:-1]):
        if was_there or not (_is_by(one, name) and sides.goes_on(one)):
            break
        sides = _Sides(mirror, attribute, one)
        was_there = sides.is_left(newest)
    return late.Undone(newest, (told[-1].after or {})[attribute]) if was_there else None


def _is_meant(mirror: Mirror, attempt: Sent, attribute: str) -> bool:
    """Whether the attempt was to change the attribute."""
    if attempt.agreed is None or attribute not in attempt.said or attribute not in attempt.agreed:
        return False
    return adds(
        sent.value(mirror, attribute, attempt.said[attribute]), sent.value(mirror, attribute, attempt.agreed[attribute])
    )


def _journal(order_ids: Set[int]) -> dict[int, list[JournalEntry]]:
    found: dict[int, list[JournalEntry]] = defaultdict(list)
    told = JournalEntry.objects.filter(order__in=order_ids, created_at__isnull=False)
    for entry in told.order_by("created_at", "id"):
        found[entry.order_id].append(entry)
    return found


def _is_lost(journal: Journal, attempts: Sequence[Sent], name: str, sides: _Sides) -> bool:
    """Whether the rest of the journal lets a loss stand."""
    if any(not _is_by(one, name) for one in _later(journal, sides.entry, sides.attribute)):
        return False  # the other side has changed it once more: what it says now counts
    last = _earlier(journal, sides.entry, sides.attribute)[-1:]
    if not all(_is_by(one, name) and sides.goes_on(one) for one in last):
        return True
    # Nobody else has touched it since our own last entry, or ever.
    ours = sides.said_what_was if last else sides.is_known_to
    return not any(ours(attempt) or sides.is_known_to(attempt) for attempt in attempts)


def _earlier(journal: Journal, entry: JournalEntry, attribute: str) -> list[JournalEntry]:
    return [one for one in journal[entry.order_id][: _place(journal, entry)] if attribute in (one.after or {})]


def _later(journal: Journal, entry: JournalEntry, attribute: str) -> list[JournalEntry]:
    return [one for one in journal[entry.order_id][_place(journal, entry) + 1 :] if attribute in (one.after or {})]


def _place(journal: Journal, entry: JournalEntry) -> int:
    return [one.digest for one in journal[entry.order_id]].index(entry.digest)


@dataclass(frozen=True)
class _Sides:
    """One attribute in an entry of ours: what was there before, and what we said."""

    mirror: Mirror
    attribute: str
    entry: JournalEntry

    def goes_on(self, last: JournalEntry) -> bool:
        """Whether what was there before is what this entry left."""
        return self.was((last.after or {})[self.attribute])

    def is_known_to(self, attempt: Sent) -> bool:
        """Whether this attempt, of whatever time, would leave such an entry and take nothing away: the remote's clock
        and ours may be far apart, or one of them was set.
        """
        if attempt.agreed is None or self.attribute not in attempt.agreed or not self.is_of(attempt):
            return False
        return self.was(attempt.agreed[self.attribute])

    def is_of(self, attempt: Sent) -> bool:
        return attempt.agreed is not None and _tells(self.mirror, self.entry, attempt)

    def said_what_was(self, attempt: Sent) -> bool:
        return self.attribute in attempt.said and self.was(attempt.said[self.attribute])

    def is_left(self, said: Any) -> bool:
        """Whether this entry leaves what was said."""
        return self._agree((self.entry.after or {})[self.attribute], said)

    def was(self, known: Any) -> bool:
        """Whether what was there before adds nothing to what is known."""
        return self.attribute in (self.entry.before or {}) and self._agree(
            (self.entry.before or {})[self.attribute], known
        )

    def _agree(self, told: Any, known: Any) -> bool:
        try:
            one, other = (sent.value(self.mirror, self.attribute, value) for value in (told, known))
        except contract.ContractError:
            return False
        return not adds(one, other)
