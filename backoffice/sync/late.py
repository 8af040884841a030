"""A request of ours that the remote carried out after a newer one of ours, whose word it took back.

Its sender has died, or waited for the answer long enough, and what it said was said anew, with what had changed
meanwhile; then a slow remote came to it. Only a journal tells that this was nobody's change (`orders/traces.py`): read
alone, the older value looks like theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk, clock, enqueue, history, sent
from backoffice.sync.apply import resolve
from backoffice.sync.locks import lock
from backoffice.sync.merge import same
from backoffice.sync.mirror import Keys, Mirror
from backoffice.sync.mirrored import SyncState


@dataclass(frozen=True)
class Undone:
    """One attribute as the wire spells it: what was there, and the older word that came late.

    `is_ours`: what was there is what we said last. Else it is theirs, and ours where we have taken it.
    """

    newer: Any
    older: Any
    is_ours: bool = True


def say_again(mirror: Mirror, undone: Mapping[int, Mapping[str, Undone]]) -> None:
    """The remote has the older word, so that what the rows have differs from it and leaves once more. A row that has
    taken the older word for the remote's gets ours back first; a conflict with it is none. What a person has changed
    since stays.

    :param undone: by our key and wire name.
    """
    if not undone:
        return
    with transaction.atomic():
        lock(mirror.model._base_manager.filter(pk__in=undone))
        _end_conflicts(mirror, undone)
        rows, restored = [], set()
        for row in mirror.queryset().filter(pk__in=undone).order_by("pk"):
            ours, keys, said = mirror.build(row), Keys(), {}
            for name, found in undone[row.pk].items():
                if (word := getattr(ours, mirror.contested[name])) is UNSET:
                    continue  # it is said in another way: an exact address, and no line
                has_older = same(word, sent.value(mirror, name, found.older))
                if name in row.sync_conflict or not _is_to_be_said(mirror, row, ours, name, found, has_older):
                    continue
                if has_older:
                    restored |= _write(mirror, row, name, found.newer, keys)
                said[name] = mirror.over((row.remote_data or {}).get(name), found.older)
            if said:
                row.remote_data, row.synced_at = (row.remote_data or {}) | said, clock.now()
                row.sync_state = SyncState.PENDING if row.sync_state == SyncState.CLEAN else row.sync_state
                rows.append(row)
        bulk.update(mirror.model, rows, [*sorted(restored), "remote_data", "synced_at", "sync_state"])
        if restored:
            reason = _("said again: an older request was carried out late")
            history.keep(mirror.model, [row.pk for row in rows], reason=reason)
        enqueue.changed(mirror.model, [row.pk for row in rows])


def _end_conflicts(mirror: Mirror, undone: Mapping[int, Mapping[str, Undone]]) -> None:
    """Those in which the older word was taken for theirs."""
    for row in mirror.queryset().filter(pk__in=undone, sync_state=SyncState.CONFLICT).order_by("pk"):
        mine = {
            name
            for name, found in undone[row.pk].items()
            if found.is_ours
            and name in row.sync_conflict
            and same(sent.value(mirror, name, row.sync_conflict[name]), sent.value(mirror, name, found.older))
        }
        if mine:
            resolve(mirror, row, dict.fromkeys(mine, "ours"))


def _is_to_be_said(mirror: Mirror, row: Any, ours: Any, name: str, found: Undone, has_older: bool) -> bool:
    if found.is_ours:
        return not has_older or _was_read(mirror, row, name)
    return same(getattr(ours, mirror.contested[name]), sent.value(mirror, name, found.newer))


def _write(mirror: Mirror, row: Any, name: str, value: Any, keys: Keys) -> set[str]:
    """Put a value of the wire into a row. Returns the columns."""
    spec = mirror.by_attr[mirror.contested[name]]
    there = getattr(contract.decode(mirror.struct, {name: value}), spec.attr)
    spec.want(mirror.model, there, keys)
    keys.resolve()
    spec.write(row, there, keys)
    return set(spec.columns())


def _was_read(mirror: Mirror, row: Any, name: str) -> bool:
    """Whether what the row has was taken from the remote, and is nobody's change here."""
    versions = mirror.model.history
    kept = {field.attname for field in versions.model.tracked_fields}
    columns = [column for column in mirror.by_attr[mirror.contested[name]].columns() if column in kept]
    told = versions.filter(id=row.pk).order_by("-history_date", "-history_id")
    for (reason, *values), (_reason, *older) in pairwise(told.values_list("history_change_reason", *columns)):
        if values != older:
            return bool(reason == mirror.remote)
    return False
