"""What is due to leave, and what stops everything."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from backoffice import trace
from backoffice.remotes.http import RemoteError, Unknown
from backoffice.sync import lease, wakeups
from backoffice.sync.connection import IRECA, backoff, is_outage
from backoffice.sync.locks import lock, unlocked
from backoffice.sync.models import Callback, Pull, Push, RemoteState, Schedule

log = logging.getLogger(__name__)

WAIT = timedelta(seconds=30)  # a push that waits is looked at again; it is woken when what it waits for goes through
LONGEST = timedelta(minutes=10)  # twice what anything waits for, but a schedule
DUE_STATES = (Push.State.QUEUED, Push.State.WAITING)


class Awaited(Protocol):
    """A row for which a push waits."""

    sync_error: Any

    def impersonal_name(self) -> str:
        """How a text names it that who may not see personal data may read, too."""
        ...


class Outage(Exception):
    """The remote is out of reach: stop, keep everything, tell all workers."""

    def __init__(self, error: RemoteError) -> None:
        super().__init__(str(error))
        self.error = error


def stop_at_outage(error: RemoteError) -> None:
    """Raise Outage for what concerns the remote as a whole. A plain 500 concerns the object that was asked for."""
    if is_outage(error) or isinstance(error, Unknown):
        raise Outage(error) from error


@contextmanager
def guarded(push: Push, holder: str) -> Iterator[None]:
    """Handle one push under the id of its request. A bug, or a database that stumbles, at one push holds up no other:
    it is told in the log and tried later.
    """
    with trace.bound([push.trace]):
        try:
            yield
        except Outage:
            raise
        except Exception as error:
            log.exception("%s failed", push)
            delay = timedelta(seconds=patience(push))
            Push.objects.filter(pk=push.pk, lease_owner=holder).update(
                error=f"{type(error).__name__}: {error}"[:2000],
                attempts=F("attempts") + 1,
                due_at=timezone.now() + delay,
                **lease.RELEASED,
            )


def patience(push: Push) -> float:
    """Seconds until the next try: longer with each attempt; or, where it never came to one, with its age."""
    age = (timezone.now() - push.changed_at).total_seconds()
    return backoff(push.attempts or int(math.log2(1 + max(age, 0.0))))


def due(remote: str, now: datetime | None = None) -> Any:
    moment = now or timezone.now()
    return Push.objects.filter(remote=remote, state__in=DUE_STATES, due_at__lte=moment).order_by("due_at", "id")


def bring_forward(now: datetime | None = None) -> int:
    """What is due later than anything ever waits was written by a machine whose clock ran ahead: it is due now. Returns
    the number of rows.

    A clock that is behind finds more of them, which then are tried early: that does no harm.
    """
    moment = now or timezone.now()
    late = moment + LONGEST
    queues = (
        Push.objects.filter(state__in=DUE_STATES),
        Callback.objects.filter(state=Callback.State.NEW),
        Pull.objects.filter(state=Pull.State.QUEUED),
    )
    with transaction.atomic():
        found = sum(unlocked(queue.filter(due_at__gt=late)).update(due_at=moment) for queue in queues)
    for schedule in Schedule.objects.filter(due_at__gt=late):
        if schedule.due_at > late + timedelta(seconds=schedule.every):
            found += Schedule.objects.filter(pk=schedule.pk, due_at=schedule.due_at).update(due_at=moment)
    blocked = RemoteState.objects.filter(blocked_until__gt=late).exclude(block=RemoteState.Block.LIMIT)
    return found + blocked.update(blocked_until=moment)


def named(target: Awaited) -> str:
    """What a push waits for, and where it is known, why that is not there yet: a text that is stored, for all eyes."""
    opts = cast(Any, target)._meta
    whom = f"{opts.verbose_name} {target.impersonal_name()}"
    return f"{whom}: {target.sync_error}" if target.sync_error else whom


def wake(remote: str) -> None:
    """Look at all that waits, because something is known now. What somebody holds looks by itself (`look_again`)."""
    waiting = Push.objects.filter(lease.is_free(), remote=remote, state=Push.State.WAITING)
    with transaction.atomic():
        unlocked(waiting).update(due_at=timezone.now())


def let_go(ids: Sequence[int], holder: str, error: RemoteError | None = None) -> None:
    """Give back what this holder still has of these, due as before; with the reason, for whoever looks, where the
    remote is out.
    """
    reason = {"error": str(error)[:2000]} if error is not None else {}
    mine = Push.objects.filter(pk__among=ids, lease_owner=holder)
    with transaction.atomic():
        lock(mine)
        mine.update(**reason, **lease.RELEASED)


def stopped_at(pushes: Sequence[Push], holder: str, error: RemoteError) -> None:
    """Give back what is left of a batch from the push on at which the remote went out. That one goes behind the others:
    it may be what the remote cannot stand.
    """
    let_go([push.pk for push in pushes], holder, error)
    Push.objects.filter(pk=pushes[0].pk, state__in=DUE_STATES).update(due_at=timezone.now())


def look_again(push: Push, target: models.Model) -> None:
    """Make a push due that has just begun to wait for `target`, if that became known in the meantime: whoever made it
    known woke those that waited by then. Called after the wait is committed.
    """
    if type(target)._base_manager.filter(pk=target.pk, remote_data__isnull=False).exists():
        Push.objects.filter(pk=push.pk, state=Push.State.WAITING).update(due_at=timezone.now())


def make_due(remote: str = IRECA, entities: Iterable[str] | None = None, **where: Any) -> int:
    """A person asked: what waits for its time, and what was refused, goes now. Returns the number of pushes."""
    queryset = Push.objects.filter(remote=remote, state__in=(*DUE_STATES, Push.State.REFUSED), **where)
    if entities is not None:
        queryset = queryset.filter(entity__in=list(entities))
    wakeups.ring(f"{remote}-messages")
    with transaction.atomic():
        return unlocked(queryset).update(state=Push.State.QUEUED, due_at=timezone.now())
