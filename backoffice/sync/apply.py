"""What a remote says becomes rows: a batch of wire objects is merged and written in bulk.

The rows are locked while they are merged, so that an edit made at the same moment is neither lost nor overwritten: it
comes before the merge
and takes part in it, or after it and is pushed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk, clock, enqueue, history, sent, unanswered
from backoffice.sync.changes import rows_changed
from backoffice.sync.merge import Merge, adds, filled_in, three_way
from backoffice.sync.mirror import Keys, Mirror, Parts
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.personal import seen_by

log = logging.getLogger(__name__)


@dataclass
class Applied:
    """What came of a batch; counts of objects. `unstored`: what could not be stored, and why, by id. `outdated`: ids of
    what was agreed on anew after this was asked for; it is left as it is.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    rows: list[Any] = field(default_factory=list)
    unstored: dict[str, str] = field(default_factory=dict)
    outdated: list[str] = field(default_factory=list)

    def __iadd__(self, other: Applied) -> Self:
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.conflicts += other.conflicts
        self.rows += other.rows
        self.unstored |= other.unstored
        self.outdated += other.outdated
        return self


SYNC_COLUMNS = ["remote_data", "synced_at", "sync_state", "sync_error", "sync_conflict", "updated_at"]


@seen_by(None)
def apply(mirror: Mirror, objects: Sequence[Any], asked: datetime | None = None) -> Applied:
    """Merge the remote's objects into our rows. Idempotent: what is agreed already costs one SELECT.

    1. lock the rows that exist; 2. merge each with what we have; 3. look up what they refer to; 4. write owners, then
    parts, in bulk; 5. let the mirror do what follows.

    :param asked: when the objects were asked for, by the database's clock (`arrive.py`); None: they are as of now.
    """
    # Of two states in one batch the later one counts. An object without an id is nobody's.
    latest = {key: obj for obj in objects if (key := mirror.ireca_id(obj))}
    try:
        return _apply(mirror, dict(latest), asked)
    except IntegrityError:
        # Another worker made one of these rows in the same moment; now it is there, and is merged with.
        return _apply(mirror, latest, asked)


def apply_each(mirror: Mirror, objects: Sequence[Any], asked: datetime | None = None) -> Applied:
    """As `apply`, but an object that cannot be stored (a number that no column holds, a bug of ours) holds up no other:
    what fails is halved until it stands alone.
    """
    try:
        return apply(mirror, objects, asked)
    except (OperationalError, InterfaceError):
        raise  # it is the database that stumbles, not an object
    except Exception as error:
        if len(objects) == 1:
            ireca_id = mirror.ireca_id(objects[0])
            log.exception("%s %s cannot be stored", mirror.entity, ireca_id)
            return Applied(unstored={ireca_id: f"{mirror.entity} {ireca_id}: {type(error).__name__}: {error}"})
        middle = len(objects) // 2
        applied = apply_each(mirror, objects[:middle], asked)
        applied += apply_each(mirror, objects[middle:], asked)
        return applied


def _apply(mirror: Mirror, latest: dict[str, Any], asked: datetime | None) -> Applied:
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
        result.outdated = _outdated([existing[key] for key in news if key in existing], asked)
        for key in result.outdated:
            del news[key]
        result.unchanged = len(latest) - len(news)
        result.rows = [existing[key] for key in latest if key not in news]
        if not news:
            return result
        # Rows that wait to be pushed are built whole to be merged; the others just take what is new.
        pending = _pending_rows(mirror, [row for key, row in existing.items() if key in news])
        told = unanswered.of(mirror, pending)
        doubtful = _doubtful(mirror, existing, latest, news)
        pending |= _built(mirror, doubtful.keys() - pending.keys())
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
        now = clock.now()
        for ireca_id, said in news.items():
            theirs, row = latest[ireca_id], existing.get(ireca_id)
            is_new = row is None
            row = bulk.new(mirror.model, ireca_id=ireca_id) if row is None else pending.get(row.pk, row)
            merge = (
                _merge(
                    mirror,
                    row,
                    theirs,
                    told.get(row.pk, ()),
                    overwritten.get(row.pk, set()),
                    doubtful.get(row.pk, set()),
                )
                if row.pk in pending
                else Merge(take=said)
            )
            before = None if is_new else _columns_of(mirror, row, merge.take)
            if not is_new and not mirror.was_read(row):
                made_here.add(row.pk)
            for attr in merge.take:
                mirror.by_attr[attr].write(row, getattr(theirs, attr), keys)
            _remember(mirror, row, states[ireca_id], merge, is_dirty=row.pk in pending)
            row.synced_at, row.updated_at = now if is_new or asked is None else asked, now
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
        if asked_about := [row.pk for row in updated if row.pk in doubtful and row.sync_conflict]:
            enqueue.changed(mirror.model, asked_about)  # as with any conflict, a push waits for the decision
        sent.settle(mirror, out_of_date)
        if hasattr(mirror.model, "history"):
            history.keep(mirror.model, [row.pk for row in changed], reason=mirror.remote)
        _write_parts(mirror, [(row, latest[row.ireca_id], taken_of[id(row)]) for row in created + updated], keys)
        taken = {row.pk: taken_of[id(row)] for row in created + updated}
        unanswered.heard(mirror, {row.pk: taken_of[id(row)] & news[row.ireca_id] for row in updated if row.pk in told})
        mirror.after_apply(created + updated, taken, made_here)
        rows_changed.send(mirror.model, ids=list(taken), taken=taken)
    result.created, result.updated = len(created), len(updated)
    result.rows += created + updated
    return result


def _outdated(rows: Sequence[Any], asked: datetime | None) -> list[str]:
    """Those of the rows that were agreed on after this was asked for. What is in sync since a moment that is still to
    come was written under another clock, and says nothing.
    """
    later = [row for row in rows if asked is not None and row.synced_at is not None and row.synced_at > asked]
    if not later:
        return []
    now = clock.now()
    return [row.ireca_id for row in later if row.synced_at <= now]


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
    lists = {name for name in respelled if _are_lists(state[name], agreed.get(name))}
    base = mirror.base_of(row, respelled.keys() - lists)
    return {
        attr
        for name, attr in respelled.items()
        if (
            _is_item_news(getattr(theirs, attr), agreed[name], state[name])
            if name in lists
            else _is_news(mirror.said(theirs, attr), getattr(base, attr))
        )
    } or None


def _is_news(said: Any, agreed: Any) -> bool:
    return agreed is UNSET or (agreed != said and adds(said, agreed))


def _are_lists(one: Any, other: Any) -> bool:
    return isinstance(one, list) and isinstance(other, list) and len(one) == len(other)


def _is_item_news(said: list[Any], agreed: list[Any], spelled: list[Any]) -> bool:
    """Whether one of as many items says something new. They are read back one by one until one does, which of the lines
    of an order is mostly the first.
    """
    return any(
        before != now and _is_news(item, contract.decode(type(item), before))
        for item, before, now in zip(said, agreed, spelled, strict=True)
    )


def _pending_rows(mirror: Mirror, rows: list[Any]) -> dict[int, Any]:
    return _built(mirror, {row.pk for row in rows if row.sync_state != SyncState.CLEAN})


def _built(mirror: Mirror, ids: Set[int]) -> dict[int, Any]:
    return {row.pk: row for row in mirror.queryset().filter(pk__in=ids)} if ids else {}


def _doubtful(
    mirror: Mirror, existing: Mapping[str, Any], latest: Mapping[str, Any], news: Mapping[str, set[str]]
) -> dict[int, set[str]]:
    """News that an older request of ours may have made, which nobody answered: a person is asked, by our key."""
    by_key = {existing[key].pk: key for key in news if key in existing}
    in_conflict = [row.pk for row in existing.values() if row.sync_state == SyncState.CONFLICT]
    late = unanswered.late(mirror, list(by_key), in_conflict)
    found = {
        pk: {attr for attr in news[by_key[pk]] if any(said_so(mirror, attr, told, latest[by_key[pk]]) for told in some)}
        for pk, some in late.items()
    }
    return {pk: attrs for pk, attrs in found.items() if attrs}


def said_so(mirror: Mirror, attr: str, told: Any, theirs: Any) -> bool:
    """Whether the remote has just what a request told it."""
    said, there = getattr(told, attr), mirror.said(theirs, attr)
    return said is not UNSET and there is not UNSET and not adds(there, said) and not adds(said, there)


def _overwritten(mirror: Mirror, rows: Iterable[Any]) -> dict[int, set[str]]:
    """Attributes of these rows that a write of ours overwrote there, which a person is to decide on."""
    ids = [row.pk for row in rows if row.sync_state == SyncState.CONFLICT]
    if not ids or not mirror.has_journal:
        return {}
    found = sent.undecided(mirror, ids)
    return {pk: {mirror.contested[name] for name in names} for pk, names in found.items()}


def _merge(
    mirror: Mirror, row: Any, theirs: Any, told: Sequence[Any], overwritten: Set[str], doubtful: Set[str]
) -> Merge:
    """`told`: what was sent without an answer that we know of, the oldest first."""
    base, ours = mirror.base(row), mirror.build(row)
    if base is not None and not mirror.was_read(row):
        _learn(mirror, base, ours, base, theirs, is_creation=True)
    is_creation = base is None
    for request in told:
        # Where the remote has what we sent, it agreed to it, though its answer was lost.
        base = mirror.struct() if base is None else base
        _learn(mirror, base, ours, request, theirs, is_creation=is_creation)
    merge = three_way(mirror, base, ours, theirs)
    for attr in doubtful:  # whatever either side has, and be it nothing
        o, t = mirror.said(ours, attr), mirror.said(theirs, attr)
        if adds(o, t) or adds(t, o):
            merge.take.discard(attr)
            merge.conflicts.add(attr)
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
        if said_so(mirror, attr, told, theirs):
            setattr(base, attr, there)
        elif is_creation and filled_in(said, there):
            setattr(base, attr, there if adds(mirror.said(ours, attr), said) else said)
    mirror.after_learning(base, theirs, told)


def _is_ours(attr: str, base: Any, ours: Any, theirs: Any) -> bool:
    """Whether the remote still has what we put there."""
    said = getattr(theirs, attr)
    return said is UNSET or not adds(said, getattr(base, attr)) or not adds(said, getattr(ours, attr))


def _remember(mirror: Mirror, row: Any, said: Mapping[str, Any], merge: Merge, *, is_dirty: bool) -> None:
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
    row.remote_data = agreed
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
        unanswered.decided(mirror, row.pk, list(settled))
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
