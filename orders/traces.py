"""What our own writes took away at iRECA, found in its journal and shown as a conflict.

Each entry that iRECA tells for the first time is compared with what we sent (`backoffice/sync/sent.py`), in the
transaction that stores it, so that a crash forgets neither. An entry is of our write when it has our name and no
courier, is of about that time, and tells nothing but what we said. It took something away when what was there before is
not what was agreed when we sent. Lines are not in the journal (seed 002:1338-1394): those that were put back stay
unseen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from backoffice.remotes.ireca import contract
from backoffice.sync import sent
from backoffice.sync.merge import adds, blank, same
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import RemoteState, Sent
from orders.models import JournalEntry, Order


def follow(entries: Sequence[JournalEntry]) -> int:
    """Go through entries that were stored just now. Returns how many orders show what we overwrote."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    timed = sorted((entry for entry in entries if entry.created_at), key=attrgetter("created_at"))
    attempts = sent.attempts(mirror, {entry.order_id for entry in timed})
    if not attempts or not (name := _our_name(mirror, timed, attempts)):
        return 0
    losses: dict[int, dict[str, sent.Loss]] = defaultdict(dict)
    at: dict[tuple[int, str], JournalEntry] = {}
    for entry in timed:
        if entry.event == "update" and _is_by(entry, name):
            for attribute, loss in _losses(mirror, entry, attempts.get(entry.order_id, ())):
                losses[entry.order_id][attribute] = loss
                at[entry.order_id, attribute] = entry
    if not losses:
        return 0
    for order_id, attribute in _changed_later(at, name):
        del losses[order_id][attribute]
    return sent.contradict(mirror, {order_id: found for order_id, found in losses.items() if found})


def _is_by(entry: JournalEntry, name: str) -> bool:
    return entry.source == name and entry.courier_id is None


def _is_about(attempt: Sent, entry: JournalEntry) -> bool:
    return entry.created_at is not None and abs(entry.created_at - attempt.at) <= sent.AROUND


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
        for attempt in attempts
        if attempt.agreed is not None and _is_about(attempt, entry) and _tells(mirror, entry, attempt)
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


def _changed_later(at: dict[tuple[int, str], JournalEntry], name: str) -> Iterator[tuple[int, str]]:
    """Those of the losses whose attribute the other side has changed once more: what it says now counts."""
    since = min(entry.created_at for entry in at.values() if entry.created_at)
    order_ids = {order_id for order_id, _ in at}
    journal: dict[int, list[JournalEntry]] = defaultdict(list)
    for entry in JournalEntry.objects.filter(order__in=order_ids, created_at__gte=since).order_by("created_at", "id"):
        journal[entry.order_id].append(entry)
    for (order_id, attribute), entry in at.items():
        digests = [one.digest for one in journal[order_id]]
        later = journal[order_id][digests.index(entry.digest) + 1 :]
        if any(attribute in (one.after or {}) and not _is_by(one, name) for one in later):
            yield order_id, attribute
