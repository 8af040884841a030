"""Commands: pushes that say what to do, not how things are (close a session, create a refund).

They are immutable, carried out one by one in the order they were given, and never repeated blindly: after a lost
answer the remote is asked
what it has done, and where it cannot tell, a person decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from backoffice.remotes.errors import ContractError, Refused, RemoteError, Unknown
from backoffice.sync import connection, lease, outbox
from backoffice.sync.models import Push
from backoffice.sync.outbox import Awaited

AT_ONCE = 20


@dataclass(frozen=True)
class Command:
    """How a command is carried out.

    `exists(client, push)` tells, after a lost answer, whether the remote has done it already; None: it cannot tell.
    `done(push)` writes what follows, in the transaction that closes the push.
    `waits_for(push)` is a row that the remote must know first, if there is one; `waiting(push)` then shows it.
    `lingers` is how long a request whose answer was lost may still be on its way: `exists` is asked no sooner, for what
    is not there yet would be done twice.
    """

    send: Callable[[Any, Push], None]
    exists: Callable[[Any, Push], bool | None]
    done: Callable[[Push], None] = lambda push: None
    waits_for: Callable[[Push], Awaited | None] = lambda push: None
    waiting: Callable[[Push, str], None] = lambda push, whom: None
    lingers: timedelta = timedelta(0)


COMMANDS: dict[tuple[str, str], Command] = {}


def run_due(client: Any, holder: str, entities: set[str]) -> int:
    """Carry out what is due. Returns how many commands were looked at. Raises Outage when the remote is out."""
    earlier = Push.objects.filter(
        remote=OuterRef("remote"),
        entity=OuterRef("entity"),
        remote_id=OuterRef("remote_id"),
        action=Push.Action.COMMAND,
        # One that was refused is a person's to decide on, and holds up no later one.
        state__in=(Push.State.QUEUED, Push.State.WAITING, Push.State.UNKNOWN),
        pk__lt=OuterRef("pk"),
    )
    queryset = outbox.due(client.session.remote).filter(action=Push.Action.COMMAND, entity__in=entities)
    queryset = queryset.exclude(Exists(earlier))
    pushes = lease.claim(queryset, holder, AT_ONCE)
    for index, push in enumerate(pushes):
        try:
            with outbox.guarded(push, holder):
                _run(client, push, holder)
        except outbox.Outage as outage:
            outbox.stopped_at(pushes[index:], holder, outage.error)
            raise
    return len(pushes)


def _run(client: Any, push: Push, holder: str) -> None:
    command = COMMANDS[push.entity, push.command]
    if not lease.renew(Push, [push.pk], holder):
        return  # another worker has it now
    mine = Push.objects.filter(pk=push.pk, lease_owner=holder)
    try:
        # An earlier attempt may have been carried out though its answer never came.
        is_done = command.exists(client, push) if push.attempts else False
        if is_done is None:
            mine.update(state=Push.State.UNKNOWN, **lease.RELEASED)
            return
        if not is_done:
            if (target := command.waits_for(push)) is not None:
                _wait(mine, command, push, outbox.named(target))
                if command.waits_for(push) is None:
                    # It became known as this began to wait, and whoever made it known woke those that waited by then.
                    Push.objects.filter(pk=push.pk, state=Push.State.WAITING).update(due_at=timezone.now())
                return
            # What is on its way lingers also where we are killed over it.
            later = {"due_at": timezone.now() + command.lingers} if command.lingers else {}
            mine.update(attempts=push.attempts + 1, state=Push.State.QUEUED, waits_for="", **later)
            command.send(client, push)
    except (Refused, ContractError) as error:
        mine.update(state=Push.State.REFUSED, error=str(error), waits_for="", **lease.RELEASED)
        return
    except RemoteError as error:
        if connection.is_outage(error):
            raise outbox.Outage(error) from error
        # Its own trouble, or a lost answer: looked up at the next attempt.
        delay = timedelta(seconds=connection.backoff(push.attempts))
        if isinstance(error, Unknown):
            delay = max(delay, command.lingers)
        mine.update(error=str(error)[:2000], due_at=timezone.now() + delay, **lease.RELEASED)
        return
    connection.worked(client.session.remote)
    with transaction.atomic():
        # Whose lease ran out meanwhile is late: another worker asks the remote, and records what it says.
        if mine.update(state=Push.State.DONE, error="", waits_for="", done_at=timezone.now(), **lease.RELEASED):
            command.done(push)


def _wait(mine: QuerySet[Push], command: Command, push: Push, whom: str) -> None:
    """Leave it until the other object is there; whatever makes one known wakes it (see `push.Batch`)."""
    due_at = timezone.now() + outbox.WAIT
    with transaction.atomic():
        command.waiting(push, whom)  # rows before pushes, as an edit does
        mine.update(state=Push.State.WAITING, waits_for=whom[:300], error="", due_at=due_at, **lease.RELEASED)
