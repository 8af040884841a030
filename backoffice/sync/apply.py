"""What a remote says becomes rows: a batch of wire objects is merged and written in bulk.

The rows are locked while they are merged, so that an edit made at the same moment is neither lost nor overwritten: it
comes before the merge
and takes part in it, or after it and is pushed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Self

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk, enqueue, history, sent
from backoffice.sync.changes import rows_changed
from backoffice.sync.merge import Merge, adds, filled_in, three_way
from backoffice.sync.mirror import Keys, Mirror, Parts
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.personal import seen_by

log = logging.getLogger(__name__)


@dataclass
class Applied:
    """What came of a batch; counts of objects. `unstored`: what could not be stored, and why, by id."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    rows: list[Any] = field(default_factory=list)
    unstored: dict[str, str] = field(default_factory=dict)

    def __iadd__(self, other: Applied) -> Self:
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.conflicts += other.conflicts
        self.rows += other.rows
        self.unstored |= other.unstored
        return self


SYNC_COLUMNS = ["remote_data", "synced_at", "sync_state", "sync_error", "sync_conflict", "updated_at"]


@seen_by(None)
def apply(mirror: Mirror, objects: Sequence[Any]) -> Applied:
    """Merge the remote's objects into our rows. Idempotent: what is agreed already costs one SELECT.

    1. lock the rows that exist; 2. merge each with what we have; 3. look up what they refer to; 4. write owners, then
    parts, in bulk; 5. let the mirror do what follows.
    """
    # Of two states in one batch the later one counts. An object without an id is nobody's.
    latest = {key: obj for obj in objects if (key := mirror.ireca_id(obj))}
    try:
        return _apply(mirror, dict(latest))
    except IntegrityError:
        # Another worker made one of these rows in the same moment; now it is there, and is merged with.
        return _apply(mirror, latest)


def apply_each(mirror: Mirror, objects: Sequence[Any]) -> Applied:
    """As `apply`, but an object that cannot be stored (a number that no column holds, a bug of ours) holds up no other:
    what fails is halved until it stands alone.
    """
    try:
        return apply(mirror, objects)
    except (OperationalError, InterfaceError):
        raise  # it is the database that stumbles, not an object
    except Exception as error:
        if len(objects) == 1:
            ireca_id = mirror.ireca_id(objects[0])
            log.exception("%s %s cannot be stored", mirror.entity, ireca_id)
            return Applied(unstored={ireca_id: f"{mirror.entity} {ireca_id}: {type(error).__name__}: {error}"})
        middle = len(objects) // 2
        applied = apply_each(mirror, objects[:middle])
        applied += apply_each(mirror, objects[middle:])
        return applied


def _apply(mirror: Mirror, latest: dict[str, Any]) -> Applied:
    result = Applied()
    with transaction.atomic(), enqueue.untracked():
        for gone in _being_deleted(mirror, latest):
            del latest[gone]
        existing = {row.ireca_id: row for row in _locked(mirror, latest)}
        states = {key: mirror.state(obj) for key, obj in latest.items()}
        news = {
            key: said
            for key, obj in latest.items()
            if (said := _news(mirror, existing.get(key), obj, states[key])) is not None
        }
        result.unchanged = len(latest) - len(news)
        result.rows = [existing[key] for key in latest if key not in news]
        if not news:
            return result
        # Rows that wait to be pushed are built whole to be merged; the others just take what is new.
        pending = _pending_rows(mirror, [row for key, row in existing.items() if key in news])
        unanswered = _unanswered(mirror, list(pending))
        overwritten = _overwritten(mirror, pending.values())

        keys = Keys()
        for ireca_id, said in news.items():
            is_pending = ireca_id in existing and existing[ireca_id].pk in pending
            for spec in mirror.wanting:
                # What is no news is not written, but where it is merged with what we have changed.
                if spec.attr not in said and not is_pending:
                    continue
                if (value := getattr(latest[ireca_id], spec.attr)) is not UNSET:
                    spec.want(mirror.model, value, keys)
        keys.resolve()

        created: list[Any] = []
        updated: list[Any] = []
        taken_of: dict[int, set[str]] = {}
        out_of_date: dict[int, set[str]] = {}
        changed: list[Any] = []
        made_here: set[int] = set()
        now = timezone.now()
        for ireca_id, said in news.items():
            theirs, row = latest[ireca_id], existing.get(ireca_id)
            is_new = row is None
            row = bulk.new(mirror.model, ireca_id=ireca_id) if row is None else pending.get(row.pk, row)
            merge = (
                _merge(mirror, row, theirs, unanswered.get(row.pk), overwritten.get(row.pk, set()))
                if row.pk in pending
                else Merge(take=said)
            )
            before = None if is_new else _columns_of(mirror, row, merge.take)
            if not is_new and not mirror.was_read(row):
                made_here.add(row.pk)
            for attr in merge.take:
                mirror.by_attr[attr].write(row, getattr(theirs, attr), keys)
            _remember(mirror, row, states[ireca_id], merge, now, is_dirty=row.pk in pending)
            if attrs := overwritten.get(row.pk, set()) - merge.overwritten:
                out_of_date[row.pk] = {mirror.wire(attr) for attr in attrs}
            (created if is_new else updated).append(row)
            if not is_new and before != _columns_of(mirror, row, merge.take):
                changed.append(row)
            taken_of[id(row)] = merge.take
            result.conflicts += bool(row.sync_conflict)
        columns = sorted({c for row in changed for a in taken_of[id(row)] for c in mirror.by_attr[a].columns()})
        bulk.insert(mirror.model, created)
        bulk.update(mirror.model, updated, [*columns, *SYNC_COLUMNS])
        sent.settle(mirror, out_of_date)
        if hasattr(mirror.model, "history"):
            history.keep(mirror.model, [row.pk for row in changed], reason=mirror.remote)
        _write_parts(mirror, [(row, latest[row.ireca_id], taken_of[id(row)]) for row in created + updated], keys)
        taken = {row.pk: taken_of[id(row)] for row in created + updated}
        mirror.after_apply(created + updated, taken, made_here)
        rows_changed.send(mirror.model, ids=list(taken), taken=taken)
    result.created, result.updated = len(created), len(updated)
    result.rows += created + updated
    return result


def _being_deleted(mirror: Mirror, latest: dict[str, Any]) -> list[str]:
    """What was deleted here, and is still there because its deletion is on the way: it must not come back."""
    pushes = Push.objects.filter(
        remote=mirror.remote, entity=mirror.entity, action=Push.Action.DELETE, state__in=Push.OPEN
    )
    return [gone for gone in pushes.values_list("remote_id", flat=True) if gone in latest]


def _locked(mirror: Mirror, ireca_ids: Collection[str]) -> list[Any]:
    rows = mirror.model._base_manager.filter(ireca_id__among=frozenset(ireca_ids)).order_by("pk")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update()
    return list(rows)


def knows(mirror: Mirror, theirs: Any) -> bool:
    """Whether the remote's object says nothing beyond what both sides agreed on already."""
    row = mirror.model._base_manager.filter(ireca_id=mirror.ireca_id(theirs)).first()
    return _news(mirror, row, theirs, mirror.state(theirs)) is None


def _news(mirror: Mirror, row: Any | None, theirs: Any, state: Mapping[str, Any]) -> set[str] | None:
    """The attributes that the remote's object states anew; None where both sides agreed on all that it says.

    :param state: the object as `remote_data` would keep it. What is spelled as it was agreed is not looked at further,
        and that is nearly everything.
    """
    if row is None or not row.remote_data:
        return {spec.attr for spec in mirror.fields if getattr(theirs, spec.attr) is not UNSET}
    agreed = row.remote_data
    respelled = {
        name: attr for name, attr in mirror.spelled if name in state and agreed.get(name, UNSET) != state[name]
    }
    if not respelled:
        return None
    base = mirror.base_of(row, respelled)
    return {attr for attr in respelled.values() if _is_news(mirror.said(theirs, attr), getattr(base, attr))} or None


def _is_news(said: Any, agreed: Any) -> bool:
    return agreed is UNSET or (agreed != said and adds(said, agreed))


def _pending_rows(mirror: Mirror, rows: list[Any]) -> dict[int, Any]:
    ids = [row.pk for row in rows if row.sync_state != SyncState.CLEAN]
    return {row.pk: row for row in mirror.queryset().filter(pk__in=ids)} if ids else {}


def _unanswered(mirror: Mirror, ids: list[int]) -> dict[int, Any]:
    """What was sent of these rows without an answer that we know of, by our key. It is looked at once."""
    pushes = Push.objects.filter(
        remote=mirror.remote, entity=mirror.entity, action=Push.Action.SAVE, object_id__in=ids, payload__isnull=False
    ).filter(state__in=Push.OPEN)
    sent = {push.object_id: push.payload for push in pushes}
    # What is in the air at this moment may still arrive after this look.
    pushes.filter(lease_owner="").update(payload=None)
    return {pk: contract.decode(mirror.struct, payload) for pk, payload in sent.items() if pk is not None}


def _overwritten(mirror: Mirror, rows: Iterable[Any]) -> dict[int, set[str]]:
    """Attributes of these rows that a write of ours overwrote there, which a person is to decide on."""
    ids = [row.pk for row in rows if row.sync_state == SyncState.CONFLICT]
    if not ids or not mirror.has_journal:
        return {}
    found = sent.undecided(mirror, ids)
    return {pk: {mirror.contested[name] for name in names} for pk, names in found.items()}


def _merge(mirror: Mirror, row: Any, theirs: Any, unanswered: Any | None, overwritten: Set[str]) -> Merge:
    base, ours = mirror.base(row), mirror.build(row)
    if base is not None and not mirror.was_read(row):
        _learn(mirror, base, ours, base, theirs, is_creation=True)
    if unanswered is not None:
        # Where the remote has what we sent, it agreed to it, though its answer was lost.
        is_creation = base is None
        base = mirror.struct() if base is None else base
        _learn(mirror, base, ours, unanswered, theirs, is_creation=is_creation)
    merge = three_way(mirror, base, ours, theirs)
    if overwritten:
        lost = contract.decode(mirror.struct, {**row.sync_conflict, **mirror.identify(row.ireca_id)})
        merge.overwritten = {
            attr
            for attr in overwritten - merge.conflicts
            if adds(getattr(lost, attr), getattr(ours, attr)) and _is_ours(attr, base, ours, theirs)
        }
    return merge


def _learn(mirror: Mirror, base: Any, ours: Any, told: Any, theirs: Any, *, is_creation: bool) -> None:
    """What the remote has of what it was told is agreed.

    Nobody changed what it filled in at a creation, where we left it blank: that is news for us, unless we have changed
    it since. At a change a blank is a word of ours, which may not have arrived.
    """
    for attr in mirror.by_attr:
        said, there = getattr(told, attr), mirror.said(theirs, attr)
        if said is UNSET or there is UNSET:
            continue
        if not adds(there, said) and not adds(said, there):
            setattr(base, attr, there)
        elif is_creation and filled_in(said, there):
            setattr(base, attr, there if adds(mirror.said(ours, attr), said) else said)
    mirror.after_learning(base, theirs)


def _is_ours(attr: str, base: Any, ours: Any, theirs: Any) -> bool:
    """Whether the remote still has what we put there."""
    said = getattr(theirs, attr)
    return said is UNSET or not adds(said, getattr(base, attr)) or not adds(said, getattr(ours, attr))


def _remember(mirror: Mirror, row: Any, said: Mapping[str, Any], merge: Merge, now: Any, *, is_dirty: bool) -> None:
    """Keep what is agreed now. For a conflict the old base stays, so that it is still a conflict at the next look.

    :param said: the remote's object as `remote_data` keeps it.
    """
    old = row.remote_data or {}
    # What a nested object leaves out it does not take back: iRECA never returns isUseGoogleGeo (T22).
    nested = {name: mirror.over(old.get(name), value) for name, value in said.items() if isinstance(value, dict)}
    agreed = {**old, **said, **nested}
    if not is_dirty:
        agreed = {**_unstated(mirror, row, agreed), **agreed}
    for attr in merge.conflicts:
        name = mirror.wire(attr)
        agreed.pop(name, None)
        if name in old:
            agreed[name] = old[name]
    row.remote_data, row.synced_at, row.updated_at = agreed, now, now
    conflict = {mirror.wire(attr): said[mirror.wire(attr)] for attr in sorted(merge.conflicts)}
    overwritten = {mirror.wire(attr) for attr in merge.overwritten}
    row.sync_conflict = conflict | {name: row.sync_conflict[name] for name in sorted(overwritten)}
    if row.sync_conflict:
        row.sync_state = SyncState.CONFLICT
    elif row.sync_state == SyncState.CONFLICT:
        row.sync_state = SyncState.PENDING
    elif not is_dirty:
        row.sync_state, row.sync_error = SyncState.CLEAN, ""


def _columns_of(mirror: Mirror, row: Any, attrs: set[str]) -> list[Any]:
    return [getattr(row, column) for attr in sorted(attrs) for column in mirror.by_attr[attr].columns()]


def _unstated(mirror: Mirror, row: Any, agreed: dict[str, Any]) -> dict[str, Any]:
    """Our own values of what the remote says nothing of: agreed by silence, so that a later edit is seen as one."""
    return {name: spell(getattr(row, column)) for column, name, spell in mirror.plain if name not in agreed}


def _field_names(mirror: Mirror, columns: list[str]) -> list[str]:
    by_attname = {f.attname: f.name for f in mirror.model._meta.concrete_fields}
    return [by_attname[column] for column in columns]


def _write_parts(mirror: Mirror, written: list[tuple[Any, Any, set[str]]], keys: Keys) -> None:
    for spec in mirror.fields:
        if isinstance(spec, Parts):
            changes = [(row, getattr(theirs, spec.attr) or []) for row, theirs, taken in written if spec.attr in taken]
            if changes:
                spec.replace(changes, keys)


def resolve(mirror: Mirror, row: Any, choices: dict[str, str]) -> None:
    """Settle a conflict. `choices`: wire name of the attribute -> "ours" or "theirs".

    Ours differs then from what is agreed, and is pushed. Theirs is taken, and its agreement forgotten, since a request
    that was in the air may have brought ours there meanwhile: what the remote has is looked at before it counts. Of
    what a write of ours overwrote that is known (it has ours), so the agreement stays, and theirs is pushed.
    """
    with transaction.atomic():
        _lock([row.pk], mirror)
        row = mirror.queryset().get(pk=row.pk)
        theirs = contract.decode(mirror.struct, {**row.sync_conflict, **mirror.identify(row.ireca_id)})
        settled = set(choices) & set(row.sync_conflict)
        chosen = {
            spec.attr
            for spec in mirror.fields
            if (name := mirror.wire(spec.attr)) in settled
            and choices[name] == "theirs"
            and getattr(theirs, spec.attr) is not UNSET
        }
        keys = Keys()
        for attr in chosen:
            mirror.by_attr[attr].want(mirror.model, getattr(theirs, attr), keys)
        keys.resolve()
        overwritten = sent.undecided(mirror, [row.pk]).get(row.pk, {})
        open_ = settled - overwritten.keys()
        agreed = {name: value for name, value in row.remote_data.items() if name not in open_}
        row.remote_data = agreed | {name: row.sync_conflict[name] for name in open_ if choices[name] == "ours"}
        sent.decided(mirror, row.pk, {name: row.sync_conflict[name] for name in settled})
        row.sync_conflict = {name: value for name, value in row.sync_conflict.items() if name not in settled}
        if not row.sync_conflict:
            row.sync_state = SyncState.PENDING
        columns = {column for attr in chosen for column in mirror.by_attr[attr].columns()}
        with enqueue.untracked():
            for attr in chosen:
                mirror.by_attr[attr].write(row, getattr(theirs, attr), keys)
            row.save(
                update_fields=[*_field_names(mirror, sorted(columns)), "remote_data", "sync_conflict", "sync_state"]
            )
            _write_parts(mirror, [(row, theirs, chosen)], keys)
        enqueue.changed(mirror.model, [row.pk])


def _lock(ids: Sequence[int], mirror: Mirror) -> None:
    rows = mirror.model._base_manager.filter(pk__in=ids).order_by("pk")
    if connection.features.has_select_for_update:
        list(rows.select_for_update().values_list("pk"))
