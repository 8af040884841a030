"""What differs between a remote and us, entity by entity and field by field; and, when asked, its repair.

`compare` only looks. `fix` never overwrites anything silently: what the remote changed is merged as any pull merges
it, what is ours is put into the outbox, and what both changed becomes, or stays, a conflict. The remote's list streams
by in batches, each beside one set of bulk reads of ours; which rows were met is a bit for each of our keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import names
from backoffice.sync import clock, enqueue
from backoffice.sync.apply import apply
from backoffice.sync.enqueue import chunks
from backoffice.sync.merge import differing, same
from backoffice.sync.mirror import Mirror, Owner, Parts
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push

BATCH = 500


@dataclass(frozen=True)
class Window:
    """How an entity is narrowed to what concerns us since a moment: a batch of the remote's objects, and our rows."""

    theirs: Callable[[Sequence[Any], datetime], list[Any]]
    ours: Callable[[datetime], Q]


WINDOWS: dict[str, Window] = {}


@dataclass(frozen=True)
class Finding:
    """One object that is not the same on both sides. `fields`: path under wire names -> (ours, theirs)."""

    ONLY_THERE = "only there"
    ONLY_HERE = "only here"
    DIFFERS = "differs"

    entity: str
    ireca_id: str
    kind: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    state: str = ""  # of our row: what the outbox or a conflict says of it already


@dataclass
class Counts:
    """Of one entity. The last three are of a fix."""

    compared: int = 0
    only_there: int = 0
    only_here: int = 0
    differ: int = 0
    by_field: dict[str, int] = field(default_factory=dict)
    merged: int = 0
    enqueued: int = 0
    conflicts: int = 0

    @property
    def is_same(self) -> bool:
        return not (self.only_there or self.only_here or self.differ)


class Met:
    """Which of our rows the remote has listed: a bit for each key, so that a million rows take 125 kB."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, key: int) -> None:
        byte = key >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << (key & 7)

    def __contains__(self, key: int) -> bool:
        byte = key >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & (1 << (key & 7)))


class Reconciliation:
    """One entity compared with the remote. Iterate `findings`; `counts` is complete when they are exhausted."""

    def __init__(self, mirror: Mirror, client: Any, *, since: datetime | None = None, fix: bool = False) -> None:
        self.mirror, self.client, self.fix = mirror, client, fix
        self.window = WINDOWS.get(mirror.entity) if since is not None else None
        self.since = since
        self.started = clock.now()
        self.counts = Counts()
        self._met = Met()

    def findings(self) -> Iterator[Finding]:
        """Raises what reading the remote raises; what was found until then has been yielded (and fixed)."""
        for batch in chunks(self.mirror.list(self.client), BATCH):
            latest = {self.mirror.ireca_id(obj): obj for obj in batch}
            yield from self._batch(latest)
        yield from self._only_here()

    def _batch(self, theirs: dict[str, Any]) -> Iterator[Finding]:
        rows = {row.ireca_id: row for row in self.mirror.queryset().filter(ireca_id__in=list(theirs))}
        for row in rows.values():
            self._met.add(row.pk)
        if self.window is not None and self.since is not None:
            wanted = {self.mirror.ireca_id(obj) for obj in self.window.theirs(list(theirs.values()), self.since)}
            theirs = {id_: obj for id_, obj in theirs.items() if id_ in wanted}
        self.counts.compared += len(theirs)
        found: dict[str, Finding] = {}
        for id_, obj in theirs.items():
            row = rows.get(id_)
            if row is None:
                found[id_] = Finding(self.mirror.entity, id_, Finding.ONLY_THERE)
            elif fields := self._fields(row, obj):
                found[id_] = Finding(self.mirror.entity, id_, Finding.DIFFERS, fields, _state(row))
        for id_ in self._being_deleted([id_ for id_ in found if id_ not in rows]):
            del found[id_]  # deleted here, and the deletion is on its way: not to be brought back
        self._count(found.values())
        yield from found.values()
        if self.fix and found:
            self._repair({id_: theirs[id_] for id_ in found}, rows)

    def _count(self, found: Any) -> None:
        for finding in found:
            if finding.kind == Finding.ONLY_THERE:
                self.counts.only_there += 1
            else:
                self.counts.differ += 1
                for name in {path.partition(".")[0].partition("[")[0] for path in finding.fields}:
                    self.counts.by_field[name] = self.counts.by_field.get(name, 0) + 1

    def _fields(self, row: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
        ours = ours_of(self.mirror, row)
        found: dict[str, tuple[Any, Any]] = {}
        for spec in self.mirror.fields:
            o, t = self.mirror.said(ours, spec.attr), self.mirror.said(theirs, spec.attr)
            if t is not UNSET and not same(o, t):
                is_secret = names.is_secret(self.mirror.struct, spec.attr)
                wire = self.mirror.wire(spec.attr)
                found |= {wire: ("***", "***")} if is_secret else dict(differences(wire, o, t))
        return found

    def _being_deleted(self, ireca_ids: Sequence[str]) -> set[str]:
        if not ireca_ids:
            return set()
        pushes = Push.objects.filter(
            remote=self.mirror.remote,
            entity=self.mirror.entity,
            action=Push.Action.DELETE,
            state__in=Push.OPEN,
            remote_id__in=ireca_ids,
        )
        return set(pushes.values_list("remote_id", flat=True))

    def _only_here(self) -> Iterator[Finding]:
        """Rows that the remote knew once and does not list. What is known by its id only ({}), because something
        refers to it, was never listed.
        """
        rows = self.mirror.model._base_manager.filter(remote_data__isnull=False)
        rows = rows.exclude(synced_at__gte=self.started)  # met or made while the list was streaming by
        if self.window is not None and self.since is not None:
            rows = rows.filter(self.window.ours(self.since))
        columns = rows.order_by("pk").values_list("pk", "ireca_id", "remote_data", "sync_state")
        for key, ireca_id, remote_data, state in columns.iterator(chunk_size=BATCH):
            if key not in self._met and remote_data:
                self.counts.only_here += 1
                yield Finding(self.mirror.entity, ireca_id, Finding.ONLY_HERE, state="" if state == "clean" else state)

    # repair

    def _repair(self, theirs: dict[str, Any], rows: dict[str, Any]) -> None:
        """1. what differs because of us is marked as such, so that the merge spares it; 2. what our copy alone has
        wrong is forgotten, so that the merge takes it again; 3. merge.
        """
        with transaction.atomic():
            known = [rows[id_] for id_ in theirs if id_ in rows]
            self.counts.enqueued += self._enqueue(known)
            self._forget(known, theirs)
            applied = apply(self.mirror, list(theirs.values()), self.started)
        self.counts.merged += applied.created + applied.updated
        self.counts.conflicts += sum(row.sync_state == SyncState.CONFLICT for row in applied.rows)

    def _enqueue(self, rows: Sequence[Any]) -> int:
        """Open a push where ours is not what was agreed and none is open. Of a row that is known by its id only,
        nothing is ours.
        """
        keys = {Push.key(self.mirror.remote, self.mirror.entity, row.pk): row for row in rows if row.remote_data}
        is_open = set(Push.objects.filter(open_key__in=list(keys)).values_list("open_key", flat=True))
        ours = [row.pk for key, row in keys.items() if key not in is_open and self._mine(row)]
        enqueue.changed(self.mirror.model, ours)
        return len(ours)

    def _mine(self, row: Any) -> frozenset[str]:
        theirs_alone = {spec.attr for spec in self.mirror.fields if spec.owner is Owner.THEIRS}
        return differing(self.mirror, self.mirror.build(row), self.mirror.base(row)) - theirs_alone

    def _forget(self, rows: Sequence[Any], theirs: dict[str, Any]) -> None:
        for row in rows:
            base = self.mirror.base(row)
            if not row.remote_data or base is None:
                continue
            ours, mine = ours_of(self.mirror, row), self._mine(row)
            stale = {
                self.mirror.wire(spec.attr)
                for spec in self.mirror.fields
                if spec.attr not in mine
                and not same(self.mirror.said(ours, spec.attr), self.mirror.said(theirs[row.ireca_id], spec.attr))
                and same(getattr(base, spec.attr), self.mirror.said(theirs[row.ireca_id], spec.attr))
            }
            if stale:
                agreed = {name: value for name, value in row.remote_data.items() if name not in stale}
                # Only where nobody has agreed on anything else meanwhile.
                self.mirror.model._base_manager.filter(pk=row.pk, synced_at=row.synced_at).update(remote_data=agreed)


def ours_of(mirror: Mirror, row: Any) -> Any:
    """All that our columns say, also of what only the remote may change. Nested rows that are never built for sending
    (payments, refunds) are taken from the last agreed state, which they were written from.
    """
    ours, base = mirror.build(row), mirror.base(row)
    for spec in mirror.fields:
        if isinstance(spec, Parts) and spec.build is None:
            setattr(ours, spec.attr, getattr(base, spec.attr) if base is not None else UNSET)
        elif spec.owner is Owner.THEIRS:
            setattr(ours, spec.attr, spec.read(row))
    return ours


def differences(path: str, ours: Any, theirs: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The innermost values that differ, by path under wire names: goods[1].price. Lists of different lengths differ
    as a whole.
    """
    if isinstance(ours, contract.Entity) and isinstance(theirs, contract.Entity):
        for name in ours.__struct_fields__:
            o, t = getattr(ours, name), getattr(theirs, name)
            if not same(o, t):
                yield from differences(f"{path}.{names.wire_name(type(ours), name)}", o, t)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (o, t) in enumerate(zip(ours, theirs, strict=True)):
            if not same(o, t):
                yield from differences(f"{path}[{index}]", o, t)
    else:
        yield path, (_shown(ours), _shown(theirs))


def _shown(value: Any) -> Any:
    """A value as a line of text can hold it."""
    if value is UNSET:
        return None
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, contract.Entity):
        return contract.dump(value)
    return value


def _state(row: Any) -> str:
    return "" if row.sync_state == SyncState.CLEAN else str(row.sync_state)
