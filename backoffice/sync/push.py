"""The outbox goes out: claim a batch, build it from the rows as they are now, send, record.

Steps of one batch, and why in this order:
1. claim with a lease and commit: no transaction is open while HTTP runs;
2. load the rows; what is gone, unchanged, in conflict or waits for another object never leaves;
3. send in few requests; a refused request is halved until the bad object stands alone;
4. record each request as soon as it is answered, so that a crash repeats as little as possible. Repeating is safe:
`replace` and
   `multipleUpdate` say how things are, and commands carry a key that is looked for first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.remotes.http import Refused, RemoteError, Retry, Unknown
from backoffice.remotes.ireca import contract
from backoffice.sync import connection as remote_connection
from backoffice.sync import lease
from backoffice.sync.apply import apply
from backoffice.sync.merge import differing
from backoffice.sync.mirror import Mirror, Outgoing, Request, registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push

log = logging.getLogger(__name__)

WAIT = timedelta(seconds=30)  # a push that waits is looked at again; it is woken when what it waits for goes through
DUE_STATES = (Push.State.QUEUED, Push.State.WAITING)
OUTAGE_AFTER = 12  # failures without one success: not bad objects, but a bad remote


class Outage(Exception):
    """The remote is out of reach: stop, keep everything, tell all workers."""

    def __init__(self, error: RemoteError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Command:
    """How a command is carried out. `exists(client, push)` tells, after a lost answer, whether the remote has done it
    (None: it cannot tell).
    """

    send: Callable[[Any, Push], None]
    exists: Callable[[Any, Push], bool | None]
    done: Callable[[Push], None] = lambda push: None


COMMANDS: dict[tuple[str, str], Command] = {}


def drain(client: Any, holder: str, *, entities: Iterable[str] | None = None) -> int:
    """Send one batch of each entity, references first. Returns how many pushes were looked at: 0 when none is due."""
    if remote_connection.is_blocked(client.session.remote):
        return 0
    wanted = set(entities) if entities is not None else None
    handled = 0
    try:
        for mirror in registry.ranked():
            if mirror.remote == client.session.remote and (wanted is None or mirror.entity in wanted):
                handled += Batch(mirror, client, holder).run()
        handled += _run_commands(client, holder, wanted)
    except Outage as outage:
        remote_connection.failed(client.session.remote, outage.error)
    return handled


def make_due(remote: str = remote_connection.IRECA, entities: Iterable[str] | None = None, **where: Any) -> int:
    """A person asked: what waits for its time, and what was refused, goes now. Returns the number of pushes."""
    queryset = Push.objects.filter(remote=remote, state__in=(*DUE_STATES, Push.State.REFUSED), **where)
    if entities is not None:
        queryset = queryset.filter(entity__in=list(entities))
    return queryset.update(state=Push.State.QUEUED, due_at=timezone.now(), attempts=0)


def _due(remote: str) -> Any:
    return Push.objects.filter(remote=remote, state__in=DUE_STATES, due_at__lte=timezone.now()).order_by("due_at", "id")


class Batch:
    """Up to PUSH_BATCH pushes of one entity."""

    def __init__(self, mirror: Mirror, client: Any, holder: str) -> None:
        self.mirror, self.client, self.holder = mirror, client, holder
        self.successes = self.failures = 0

    def run(self) -> int:
        queryset = _due(self.mirror.remote).filter(entity=self.mirror.entity)
        pushes = lease.claim(queryset.exclude(action=Push.Action.COMMAND), self.holder, settings.PUSH_BATCH)
        if not pushes:
            return 0
        open_ids = {push.pk for push in pushes}
        try:
            saves = [push for push in pushes if push.action == Push.Action.SAVE]
            for request in self.requests(saves):
                self.send(request)
            for push in pushes:
                if push.action == Push.Action.DELETE:
                    self.delete(push)
        except Outage as outage:
            self._hold(open_ids, outage.error)
            raise
        return len(pushes)

    # build

    def requests(self, pushes: Sequence[Push]) -> Iterable[Request]:
        rows = {row.pk: row for row in self.mirror.queryset().filter(pk__in=[push.object_id for push in pushes])}
        items, quiet = [], []
        for push in pushes:
            row = rows.get(push.object_id)
            if row is None:
                quiet.append(push)  # deleted since; its deletion is a push of its own
                continue
            if (item := self._outgoing(push, row)) is None:
                continue
            if item.changed:
                items.append(item)
            else:
                quiet.append(push)
        if quiet:
            self.record(quiet, {})
        items = self._refreshed(items)
        return list(self.mirror.requests(items, self.client)) if items else []

    def _outgoing(self, push: Push, row: Any) -> Outgoing | None:
        if row.sync_state == SyncState.CONFLICT:
            self._wait(push, _("a person: both sides changed %(fields)s") % {"fields": ", ".join(row.sync_conflict)})
            return None
        if self.mirror.created_in_cabinet_only and settings.IRECA_MODE == "cabinet" and row.remote_data is None:
            self._refuse(push, _("This can be created only in the iRECA cabinet. Create it there; it will be pulled."))
            return None
        for target in self.mirror.dependencies(row):
            if target.remote_data is None:
                self._wait(
                    push,
                    f"{target._meta.verbose_name} {target}" + (f": {target.sync_error}" if target.sync_error else ""),
                )
                return None
        ours, base = self.mirror.build(row), self.mirror.base(row)
        return Outgoing(push, row, ours, base, differing(self.mirror, ours, base), row.remote_data)

    def _refreshed(self, items: list[Outgoing]) -> list[Outgoing]:
        """Read again what the other side may be changing this minute, merge, and build once more."""
        stale = [item for item in items if self.mirror.stale(item)]
        if not stale:
            return items
        states = []
        for item in stale:
            self._renew([item])
            try:
                states.append(self.mirror.fetch(self.client, item.row.ireca_id))
            except (Refused, contract.ContractError):
                states.append(None)  # not there, or not to be read: nothing to merge with
            except RemoteError as error:
                raise Outage(error) from error
        apply(self.mirror, [state for state in states if state is not None])
        fresh = {row.pk: row for row in self.mirror.queryset().filter(pk__in=[item.row.pk for item in stale])}
        result = [item for item in items if item not in stale]
        for item in stale:
            again = self._outgoing(item.push, fresh[item.row.pk]) if item.row.pk in fresh else None
            if again is not None and again.changed:
                result.append(again)
            elif again is not None:
                self.record([item.push], {})
        return result

    # send

    def send(self, request: Request) -> None:
        """Send; halve what is refused. One bad object among n costs at most 2·log2(n) requests."""
        held = self._renew(request.items)
        items = [item for item in request.items if item.push.pk in held]
        if not items:
            return
        try:
            request.send(items)
        except contract.ContractError as error:
            # Our own data lack something the contract requires: nothing has left.
            self._refused(request, items, Refused(str(error)))
        except Refused as error:
            self._refused(request, items, error)
        except (Retry, Unknown) as error:
            # A lost answer to a write that says how things are is no mystery: it is sent again.
            if remote_connection.is_outage(error) or isinstance(error, Unknown):
                raise Outage(error) from error
            self._failed(request, items, error)
        except RemoteError as error:
            raise Outage(error) from error
        else:
            self.successes += 1
            remote_connection.worked(self.client.session.remote)
            self.record([item.push for item in items], {item.row.pk: self._agreed(request, item) for item in items})

    def _halves(self, request: Request, items: Sequence[Outgoing]) -> None:
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            self.send(Request(half, request.send, request.attrs))

    def _refused(self, request: Request, items: Sequence[Outgoing], error: Refused) -> None:
        if len(items) > 1:
            self._halves(request, items)
        else:
            self._refuse(items[0].push, str(error))

    def _failed(self, request: Request, items: Sequence[Outgoing], error: RemoteError) -> None:
        """A plain 500: either the remote is broken or one object breaks it. Halving finds out which."""
        self.failures += 1
        if self.failures >= OUTAGE_AFTER and not self.successes:
            raise Outage(error)
        if len(items) > 1:
            self._halves(request, items)
        else:
            self._later(items[0].push, str(error))

    def delete(self, push: Push) -> None:
        """Delete there what was deleted here. What is not there any more is as deleted as it can be."""
        try:
            self.mirror.delete(self.client, push.remote_id)
        except Refused as refusal:
            try:
                gone = self.mirror.fetch(self.client, push.remote_id) is None
            except Refused:
                gone = True
            except RemoteError as error:
                raise Outage(error) from error
            if not gone:
                self._refuse(push, str(refusal))
                return
        except RemoteError as error:
            raise Outage(error) from error
        remote_connection.worked(self.client.session.remote)
        self.record([push], {})

    def _agreed(self, request: Request, item: Outgoing) -> dict[str, Any]:
        """What both sides have after this request, by wire name."""
        attrs = request.attrs if request.attrs is not None else self.mirror.sendable()
        said = self.mirror.state(item.ours)
        names = {self.mirror.wire(attr) for attr in attrs}
        return {name: value for name, value in said.items() if name in names}

    # record

    def record(self, pushes: Sequence[Push], agreed: dict[int, dict[str, Any]]) -> None:
        """Close the pushes whose rows did not change meanwhile; note what both sides have now."""
        now = timezone.now()
        claimed = {push.pk: push for push in pushes}
        with transaction.atomic():
            current = _lock(Push.objects.filter(pk__in=claimed, lease_owner=self.holder))
            closed = [push for push in current if push.change == claimed[push.pk].change]
            Push.objects.filter(pk__in=[push.pk for push in closed]).update(
                state=Push.State.DONE, open_key=None, error="", waits_for="", done_at=now, **lease.RELEASED
            )
            Push.objects.filter(pk__in=[push.pk for push in current if push.change != claimed[push.pk].change]).update(
                **lease.RELEASED
            )
            done_ids = {push.object_id for push in closed}
            rows = _lock(self.mirror.model._base_manager.filter(pk__in=[push.object_id for push in current]))
            if any(row.remote_data is None and row.pk in agreed for row in rows):
                # Others may have waited for one of these to be known.
                Push.objects.filter(remote=self.mirror.remote, state=Push.State.WAITING).update(due_at=now)
            for row in rows:
                if row.pk in agreed:
                    row.remote_data = {**(row.remote_data or {}), **agreed[row.pk]}
                    row.synced_at = now
                if row.pk in done_ids and row.sync_state != SyncState.CONFLICT:
                    row.sync_state, row.sync_error = SyncState.CLEAN, ""
            columns = ["sync_state", "sync_error", *(["remote_data", "synced_at"] if agreed else [])]
            self.mirror.model._base_manager.bulk_update(rows, columns, batch_size=250)

    def _refuse(self, push: Push, text: str) -> None:
        with transaction.atomic():
            mine = Push.objects.filter(pk=push.pk, lease_owner=self.holder, change=push.change)
            if mine.update(
                state=Push.State.REFUSED, error=text, attempts=push.attempts + 1, waits_for="", **lease.RELEASED
            ):
                self._row(push).exclude(sync_state=SyncState.CONFLICT).update(
                    sync_state=SyncState.FAILED, sync_error=text
                )
            else:
                Push.objects.filter(pk=push.pk, lease_owner=self.holder).update(**lease.RELEASED)

    def _later(self, push: Push, text: str) -> None:
        delay = remote_connection.backoff(push.attempts)
        with transaction.atomic():
            Push.objects.filter(pk=push.pk, lease_owner=self.holder).update(
                attempts=push.attempts + 1,
                error=text,
                due_at=timezone.now() + timedelta(seconds=delay),
                **lease.RELEASED,
            )
            self._row(push).update(sync_error=text)

    def _wait(self, push: Push, whom: str) -> None:
        with transaction.atomic():
            Push.objects.filter(pk=push.pk, lease_owner=self.holder).update(
                state=Push.State.WAITING, waits_for=whom[:300], due_at=timezone.now() + WAIT, **lease.RELEASED
            )
            self._row(push).exclude(sync_state=SyncState.CONFLICT).update(
                sync_error=_("Waits for %(whom)s") % {"whom": whom}
            )

    def _hold(self, ids: set[int], error: RemoteError) -> None:
        """The remote is out: let go of what is still ours, due as before, with the reason for whoever looks."""
        Push.objects.filter(pk__in=ids, lease_owner=self.holder).update(error=str(error)[:2000], **lease.RELEASED)

    def _row(self, push: Push) -> Any:
        return self.mirror.model._base_manager.filter(pk=push.object_id)

    def _renew(self, items: Sequence[Outgoing]) -> set[int]:
        return lease.renew(Push, [item.push.pk for item in items], self.holder)


def _lock(queryset: Any) -> list[Any]:
    queryset = queryset.order_by("pk")
    return list(queryset.select_for_update() if connection.features.has_select_for_update else queryset)


def _run_commands(client: Any, holder: str, entities: set[str] | None) -> int:
    """Commands one by one, for an object in the order they were given: a later one waits while an earlier one is
    open.
    """
    earlier = Push.objects.filter(
        remote=OuterRef("remote"),
        entity=OuterRef("entity"),
        remote_id=OuterRef("remote_id"),
        action=Push.Action.COMMAND,
        state__in=Push.OPEN,
        pk__lt=OuterRef("pk"),
    )
    queryset = _due(client.session.remote).filter(action=Push.Action.COMMAND).exclude(Exists(earlier))
    if entities is not None:
        queryset = queryset.filter(entity__in=entities)
    pushes = lease.claim(queryset, holder, 20)
    for index, push in enumerate(pushes):
        try:
            _run_command(client, push, holder)
        except Outage as outage:
            rest = [p.pk for p in pushes[index:]]
            Push.objects.filter(pk__in=rest, lease_owner=holder).update(
                error=str(outage.error)[:2000], **lease.RELEASED
            )
            raise
    return len(pushes)


def _run_command(client: Any, push: Push, holder: str) -> None:
    command = COMMANDS[push.entity, push.command]
    lease.renew(Push, [push.pk], holder)
    mine = Push.objects.filter(pk=push.pk, lease_owner=holder)
    try:
        # An earlier attempt may have been carried out though its answer never came.
        done = command.exists(client, push) if push.attempts else False
        if done is None:
            mine.update(state=Push.State.UNKNOWN, **lease.RELEASED)
            return
        if not done:
            mine.update(attempts=push.attempts + 1)
            command.send(client, push)
    except Refused as error:
        mine.update(state=Push.State.REFUSED, error=str(error), **lease.RELEASED)
        return
    except RemoteError as error:
        raise Outage(error) from error
    remote_connection.worked(client.session.remote)
    with transaction.atomic():
        mine.update(state=Push.State.DONE, error="", done_at=timezone.now(), **lease.RELEASED)
        command.done(push)
