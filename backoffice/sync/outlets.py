"""Outlets: what is told of an object where the remote has no mirror of it, such as the status of an order at BIFIT.

Like a mirror's, a push of an outlet holds no payload and is coalesced: what is told is read from the rows when it is
sent. Unlike a mirror's, it is told object by object, and `tell` may look at the remote's object first. So it is safe to
repeat, also after an answer was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from backoffice.remotes.errors import ContractError, Refused, RemoteError, Unknown
from backoffice.sync import clock, connection, enqueue, lease, outbox
from backoffice.sync.models import Push

AT_ONCE = 20


@dataclass(frozen=True)
class Outlet:
    """How the state of one object is told.

    `tell(client, object_id)` talks to the remote, outside any transaction, and returns what `told` has to know. It
    raises Refused or ContractError where the object's state cannot be told.
    `told(object_id, result)` writes what is agreed now, in the transaction that closes the push.
    `refused(object_id, text)` shows on the object what a person has to know, in the transaction that records it.
    """

    tell: Callable[[Any, int], Any]
    told: Callable[[int, Any], None]
    refused: Callable[[int, str], None]


OUTLETS: dict[tuple[str, str], Outlet] = {}  # by remote and entity


def run_due(client: Any, holder: str, entities: set[str]) -> int:
    """Tell what is due. Returns how many pushes were looked at. Raises Outage when the remote is out."""
    remote = client.session.remote
    mine = [entity for of, entity in OUTLETS if of == remote and entity in entities]
    if not mine:
        return 0
    due = outbox.due(remote).filter(entity__in=mine, action=Push.Action.SAVE)
    pushes = lease.claim(due, holder, AT_ONCE)
    for index, push in enumerate(pushes):
        try:
            with outbox.guarded(push, holder):
                _run(client, push, holder)
        except outbox.Outage as outage:
            outbox.stopped_at(pushes[index:], holder, outage.error)
            raise
    return len(pushes)


def _run(client: Any, push: Push, holder: str) -> None:
    outlet = OUTLETS[push.remote, push.entity]
    if push.object_id is None or not lease.renew(Push, [push.pk], holder):
        return  # another worker has it now
    Push.objects.filter(pk=push.pk, lease_owner=holder).update(attempts=push.attempts + 1)
    try:
        result = outlet.tell(client, push.object_id)
    except (Refused, ContractError) as error:
        _record(push, holder, Push.State.REFUSED, str(error))
        return
    except RemoteError as error:
        if connection.is_outage(error) or (isinstance(error, Unknown) and error.status is None):
            raise outbox.Outage(error) from error
        delay = timedelta(seconds=connection.backoff(push.attempts))
        Push.objects.filter(pk=push.pk, lease_owner=holder).update(
            error=str(error)[:2000], due_at=timezone.now() + delay, **lease.RELEASED
        )
        return
    connection.worked(push.remote)
    _record(push, holder, Push.State.DONE, "", result)


class _Late(Exception):
    """The lease ran out while the remote was told."""


def _record(push: Push, holder: str, state: Push.State, error: str, result: Any = None) -> None:
    """Close the push, unless the object changed while it was told: then it is told once more.

    So it is where the lease ran out: another worker has told it meanwhile, before us or after.
    """
    try:
        with transaction.atomic():
            _close(push, holder, state, error, result)
    except _Late:
        assert push.object_id is not None
        enqueue.open_pushes(push.remote, push.entity, [(push.object_id, push.remote_id)])


def _close(push: Push, holder: str, state: Push.State, error: str, result: Any) -> None:
    outlet = OUTLETS[push.remote, push.entity]
    assert push.object_id is not None
    # The object before its push, as an edit does, so that neither waits for the other.
    if state == Push.State.DONE:
        outlet.told(push.object_id, result)
    elif Push.objects.filter(pk=push.pk, lease_owner=holder, change=push.change).exists():
        outlet.refused(push.object_id, error)
    mine = Push.objects.filter(pk=push.pk, lease_owner=holder)
    if database.features.has_select_for_update:
        mine = mine.select_for_update()
    current = mine.first()
    if current is None:
        raise _Late
    if current.change != push.change:
        mine.update(**lease.RELEASED)  # it changed meanwhile: told once more, which says how that ended
        return
    if state == Push.State.DONE:
        mine.update(state=state, open_key=None, error="", done_at=clock.now(), **lease.RELEASED)
    else:
        mine.update(state=state, error=error, **lease.RELEASED)
