"""A person's verdict on a command whose answer was lost, where the remote cannot tell whether it was carried out."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from backoffice.sync import lease
from backoffice.sync.commands import COMMANDS
from backoffice.sync.models import Push


def was_done(push: Push) -> bool:
    """The remote has done it: close the command, with what follows from it. False when somebody has decided already."""
    with transaction.atomic():
        decided = Push.objects.filter(pk=push.pk, state=Push.State.UNKNOWN).update(
            state=Push.State.DONE, error="", done_at=timezone.now(), **lease.RELEASED
        )
        if decided:
            COMMANDS[push.entity, push.command].done(push)
    return bool(decided)


def was_not_done(push: Push) -> bool:
    """The remote has not done it: send it again. With no attempts on record the remote is not asked first."""
    return bool(
        Push.objects.filter(pk=push.pk, state=Push.State.UNKNOWN).update(
            state=Push.State.QUEUED, attempts=0, error="", due_at=timezone.now(), **lease.RELEASED
        )
    )
