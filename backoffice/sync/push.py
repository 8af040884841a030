"""The outbox goes out: claim a batch, build it from the rows as they are now, send, record.

Steps of one batch, and why in this order:
1. claim with a lease and commit: no transaction is open while HTTP runs;
2. load the rows; what is gone, unchanged, in conflict or waits for another object never leaves;
3. send in few requests; a refused request is halved until the bad object stands alone; what would put back a change
   made there is read again right before, slice by slice (`reread.py`);
4. record each request as soon as it is answered, so that a crash repeats as little as possible.

Repeating is safe: `replace` and `multipleUpdate` say how things are. Only the first attempt at an object that the
remote does not know is a
`create`, which the remote refuses where it has another object under that id; from the second attempt on it is a
`replace`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice import trace
from backoffice.remotes.http import Refused, RemoteError
from backoffice.remotes.ireca import contract
from backoffice.sync import clock, commands, lease, outlets, pull, sent, unanswered
from backoffice.sync import connection as remote_connection
from backoffice.sync.apply import apply
from backoffice.sync.locks import lock
from backoffice.sync.merge import differing
from backoffice.sync.mirror import Mirror, Outgoing, Request, registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.outbox import Outage, due, look_again, named, stop_at_outage
from backoffice.sync.outcomes import Outcomes
from backoffice.sync.reread import reread, slices
from backoffice.sync.states import write_payloads
from backoffice.sync.titles import conflict_titles

log = logging.getLogger(__name__)

REFUSALS_AT_ONCE = 40  # refused requests of one batch until the rest of it goes behind what else is due
LATER = 5.0  # seconds
OUTAGE_AFTER = 12  # failures without one success: not bad objects, but a bad remote


_first: dict[str, int] = {}  # of each remote, whose turn is first after an outage


def drain(client: Any, holder: str, *, entities: Iterable[str] | None = None) -> int:
    """Send one batch of each entity, references first, then commands. Returns how many pushes were looked at: 0 when
    none is due.

    After an outage those go first who did not get their turn: a remote that stumbles at every batch of orders would
    keep commands waiting for as long as there are orders.
    """
    remote = client.session.remote
    if remote_connection.is_blocked(remote):
        return 0
    # One look for all of them: most rounds have something for one entity or two.
    waiting = set(due(remote).order_by().values_list("entity", flat=True).distinct())
    if entities is not None:
        waiting &= set(entities)
    if not waiting:
        return 0
    turns = [
        (mirror.entity in waiting, Batch(mirror, client, holder).run)
        for mirror in registry.ranked()
        if mirror.remote == remote
    ]
    turns += [(True, partial(run_due, client, holder, waiting)) for run_due in (outlets.run_due, commands.run_due)]
    first = _first.pop(remote, 0)
    handled = 0
    for nth in range(len(turns)):
        turn = (first + nth) % len(turns)
        is_due, run = turns[turn]
        try:
            handled += run() if is_due else 0
        except Outage as outage:
            remote_connection.failed(remote, outage.error)
            _first[remote] = turn + 1
            break
    return handled


class Batch:
    """Up to PUSH_BATCH pushes of one entity."""

    def __init__(self, mirror: Mirror, client: Any, holder: str) -> None:
        self.mirror, self.client, self.holder = mirror, client, holder
        self.outcomes = Outcomes(mirror, holder)
        self.successes = self.failures = self.refusals = 0
        self.stale = 0  # objects that had to be read again before they were sent

    def run(self) -> int:
        queryset = due(self.mirror.remote).filter(entity=self.mirror.entity).exclude(action=Push.Action.COMMAND)
        pushes = lease.claim(queryset, self.holder, settings.PUSH_BATCH)
        if not pushes:
            return 0
        try:
            self.save([push for push in pushes if push.action == Push.Action.SAVE])
            for push in pushes:
                if push.action == Push.Action.DELETE:
                    with trace.bound([push.trace]):
                        self.delete(push)
        except Outage as outage:
            self.outcomes.let_go([push.pk for push in pushes], outage.error)
            raise
        finally:
            # Whatever went wrong, nothing of the batch stays held.
            self.outcomes.let_go([push.pk for push in pushes])
        return len(pushes)

    # build

    def save(self, pushes: Sequence[Push]) -> None:
        """Send at once what can put nothing back; read the rest again, slice by slice, and send each slice at once."""
        stale: list[Outgoing] = []
        for request in self.mirror.requests(self._items(pushes), self.client):
            sure: list[Outgoing] = []
            for item in request.items:
                (stale if request.overwrites or item.is_doubtful or item.taken_back else sure).append(item)
            if sure:
                self.send(request.of(sure))
        self.stale = len(stale)
        for some, errors in slices(self.mirror, self.client, stale, self._renew):
            for request in self.mirror.requests(self._again(some, errors), self.client, fresh=True):
                self.send(request)

    def _items(self, pushes: Sequence[Push]) -> list[Outgoing]:
        """What is to be sent of these, as the rows are now. What says nothing new is done."""
        keys = [push.object_id for push in pushes]
        rows = {row.pk: row for row in self.mirror.queryset().filter(pk__among=keys)}
        items, quiet = [], []
        held = self.mirror.model.held(rows)
        for push in pushes:
            row = rows.get(push.object_id)
            if row is None:
                quiet.append(push)  # deleted since; its deletion is a push of its own
            elif row.pk in held:
                self.outcomes.hold(push)  # it was let go, and taken back before it left
            elif (item := self._guarded(push, row)) is not None:
                if item.changed:
                    items.append(item)
                else:
                    quiet.append(push)
        if quiet:
            self.outcomes.record(quiet)
        return items

    def _again(self, items: Sequence[Outgoing], errors: dict[int, str]) -> list[Outgoing]:
        """Build once more what was read again; what could not be read is tried later."""
        for item in items:
            if item.push.pk in errors:
                self.outcomes.later(item.push, errors[item.push.pk])
        pushes = [item.push for item in items if item.push.pk not in errors]
        kept = dict(Push.objects.filter(pk__in=[push.pk for push in pushes]).values_list("pk", "payload"))
        for push in pushes:
            push.payload = kept.get(push.pk)
        return self._items(pushes)

    def _guarded(self, push: Push, row: Any) -> Outgoing | None:
        """One row that cannot be built must not hold up the others of its batch."""
        with trace.bound([push.trace]):
            try:
                return self._outgoing(push, row)
            except Exception as error:
                log.exception("%s cannot be built", push)
                self.outcomes.later(push, f"{type(error).__name__}: {error}")
                return None

    def _outgoing(self, push: Push, row: Any) -> Outgoing | None:
        if row.sync_state == SyncState.CONFLICT:
            whom = _("a person: both sides changed %(fields)s") % {"fields": conflict_titles(self.mirror, row)}
            self.outcomes.wait(push, whom)
            return None
        if self.mirror.created_in_cabinet_only and settings.IRECA_MODE == "cabinet" and row.remote_data is None:
            text = _("This can be created only in the iRECA cabinet. Create it there; it will be pulled.")
            self.outcomes.refuse(push, text)
            return None
        ours, base = self.mirror.build(row), self.mirror.base(row)
        changed = differing(self.mirror, ours, base)
        back = unanswered.taken_back(self.mirror, push, ours, changed) if base is not None else {}
        changed |= back.keys()
        for target in self.mirror.dependencies(row, changed):
            if target.remote_data is None:
                is_another = target.pk != row.pk or type(target) is not type(row)
                self.outcomes.wait(push, named(target), is_row_told=is_another)
                look_again(push, target)
                return None
        told = {self.mirror.wire(attr): value for attr, value in back.items()}
        return Outgoing(push, row, self.mirror.as_agreed(ours, base, changed), base, changed, told, push.payload)

    # send

    def send(self, request: Request) -> None:
        """Send; halve what is refused. One bad object among n costs at most 2·log2(n) requests."""
        held = self._renew(request.items)
        items = [item for item in request.items if item.push.pk in held]
        if not items:
            return
        with trace.bound(item.push.trace for item in items):
            self._send(request, items)

    def _send(self, request: Request, items: Sequence[Outgoing]) -> None:
        now = timezone.now()
        try:
            said = self._about_to_send(request, items, now)
            request.send(items)
        except contract.ContractError as error:
            # Our own data lack something the contract requires: nothing has left.
            self._refused(request, items, Refused(str(error)))
        except Refused as error:
            self._refused(request, items, error)
        except RemoteError as error:
            if error.not_carried_out:
                unanswered.withdraw(items, self.holder)
                sent.withdraw(self.mirror, [item.row.pk for item in items], now)
            stop_at_outage(error)
            self._failed(request, items, error)
        except (OperationalError, InterfaceError):
            raise  # the database stumbles, and would at the others
        except Exception as error:
            # A bug of ours at one of them: the others leave.
            log.exception("%d of %s cannot be sent", len(items), self.mirror.entity)
            self._each_alone(request, items, f"{type(error).__name__}: {error}")
        else:
            self.successes += 1
            remote_connection.worked(self.client.session.remote)
            self.outcomes.record(
                [item.push for item in items],
                {item.row.pk: (item.row.remote_data, said[item.push.pk]) for item in items},
            )
            if request.overwrites:
                self.mirror.after_overwriting([item.row.pk for item in items], self.stale)
            if request.reread:
                self._read_back(items)

    def _read_back(self, items: Sequence[Outgoing]) -> None:
        """What the remote made of what it was told. Where it does not say now, a pull will tell."""
        try:
            errors = reread(self.mirror, self.client, items, lambda some: None)
        except Outage:
            pull.request(self.mirror.entity)
            raise
        if errors:
            pull.request(self.mirror.entity)

    def _halves(self, request: Request, items: Sequence[Outgoing]) -> None:
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            self.send(request.of(half))

    def _refused(self, request: Request, items: Sequence[Outgoing], error: Refused) -> None:
        self.refusals += 1
        unanswered.withdraw(items, self.holder)
        if request.creates and (again := [item for item in items if item.push.attempts == 1]):
            # The one attempt before may have been on its way still while it was looked for, of a sender that has died:
            # they are looked for once more before anybody takes what is there for another's.
            for item in again:
                self.outcomes.later(item.push, str(error), LATER)
            if rest := [item for item in items if item.push.attempts != 1]:
                self.send(request.of(rest))
            return
        if request.creates:
            sent.withdraw_creations(self.mirror, [item.row.pk for item in items])
        if len(items) == 1:
            if not (request.creates and self._exists(items[0])):
                self.outcomes.refuse(items[0].push, str(error))
        elif self.refusals < REFUSALS_AT_ONCE:
            self._halves(request, items)
        else:
            # So many bad objects would take the remote's time from the good ones of other batches: a part at a time.
            for item in items:
                self.outcomes.later(item.push, str(error), LATER)

    def _exists(self, item: Outgoing) -> bool:
        """A creation was refused: has the remote another object under this id? Then both are merged like any two
        states.
        """
        asked = clock.now()
        try:
            theirs = self.mirror.fetch(self.client, item.row.ireca_id)
        except (Refused, contract.ContractError):
            return False
        except RemoteError as error:
            stop_at_outage(error)
            return False
        if theirs is None:
            return False
        apply(self.mirror, [theirs], asked)
        self.outcomes.let_go([item.push.pk])
        return True

    def _failed(self, request: Request, items: Sequence[Outgoing], error: RemoteError) -> None:
        """A plain 500: either the remote is broken or one object breaks it. Halving finds out which."""
        self.failures += 1
        if self.failures >= OUTAGE_AFTER and not self.successes:
            raise Outage(error)
        self._each_alone(request, items, str(error))

    def _each_alone(self, request: Request, items: Sequence[Outgoing], text: str) -> None:
        if len(items) > 1:
            self._halves(request, items)
        else:
            self.outcomes.later(items[0].push, text)

    def delete(self, push: Push) -> None:
        """Delete there what was deleted here. What is not there any more is as deleted as it can be."""
        if not self._renew_ids([push.pk]):
            return
        try:
            try:
                self.mirror.delete(self.client, push.remote_id)
            except Refused as refusal:
                if self._is_there(push.remote_id):
                    self.outcomes.refuse(push, str(refusal))
                    return
        except RemoteError as error:
            stop_at_outage(error)
            self.outcomes.later(push, str(error))
            return
        remote_connection.worked(self.client.session.remote)
        self.outcomes.record([push])

    def _is_there(self, ireca_id: str) -> bool:
        try:
            return self.mirror.fetch(self.client, ireca_id) is not None
        except Refused:
            return False
        except contract.ContractError:
            return True

    def _agreed(self, request: Request, item: Outgoing) -> dict[str, Any]:
        """What both sides have after this request, by wire name."""
        attrs = request.attrs if request.attrs is not None else self.mirror.sendable()
        names = {self.mirror.wire(attr) for attr in attrs}
        return {name: value for name, value in self.mirror.state(item.ours).items() if name in names}

    def _about_to_send(self, request: Request, items: Sequence[Outgoing], now: datetime) -> dict[int, dict[str, Any]]:
        """Note, before anything leaves, that it may have left and what it says: an answer may be lost, and then what we
        find there is known for our own. Returns what is said, by push.
        """
        said = {item.push.pk: self._agreed(request, item) for item in items}
        with transaction.atomic():
            lock(Push.objects.filter(pk__among=list(said)))
            write_payloads({item.push.pk: unanswered.note(self.mirror, item, said[item.push.pk]) for item in items})
            told = [(item, said[item.push.pk]) for item in items]
            sent.keep(self.mirror, told, now, creates=request.creates)
        return said

    def _renew(self, items: Sequence[Outgoing]) -> set[int]:
        return self._renew_ids([item.push.pk for item in items])

    def _renew_ids(self, ids: list[int]) -> set[int]:
        return lease.renew(Push, ids, self.holder)
