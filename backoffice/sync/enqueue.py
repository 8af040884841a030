"""The one way into the outbox.

Signals and the bulk paths of `TrackedQuerySet` end here, inside the transaction of the change itself. What we write
because a remote said so
runs in `untracked()`: the echo of a remote's change must not become a push.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any

from django.db import models, transaction
from django.db.models import Case, F, Value, When
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from backoffice.sync import wakeups
from backoffice.sync.changes import rows_changed
from backoffice.sync.locks import lock

_tracking: ContextVar[bool] = ContextVar("tracking", default=True)

CHUNK = 500


def tracking() -> bool:
    return _tracking.get()


@contextmanager
def untracked() -> Iterator[None]:
    """Writes in this block come from a remote (or are bookkeeping) and cause no push."""
    token = _tracking.set(False)
    try:
        yield
    finally:
        _tracking.reset(token)


@contextmanager
def tracked() -> Iterator[None]:
    """Writes in this block are ours, and leave, though it stands in an `untracked` one."""
    token = _tracking.set(True)
    try:
        yield
    finally:
        _tracking.reset(token)


def chunks(items: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def changed(model: type[models.Model], ids: Collection[int]) -> None:
    """Note that these rows differ from what the remote has. Coalesces with a push that is open already.

    An open push gets a new `change` token: a worker that has it in the air will then not close it.
    """
    from backoffice.sync.mirror import registry
    from backoffice.sync.mirrored import SyncState

    mirror = registry.for_model(model)
    if mirror is None or not ids:
        return
    with transaction.atomic():
        for batch in chunks(sorted(ids)):
            rows = model._base_manager.filter(pk__in=batch)
            if len(batch) > 1:
                lock(rows)
            held = mirror.model.held(batch)
            state = Case(
                When(sync_state=SyncState.CONFLICT, then=F("sync_state")),
                When(pk__in=held, then=Value(SyncState.HELD)),
                default=Value(SyncState.PENDING),
            )
            rows.update(sync_state=state, updated_at=timezone.now())
            open_pushes(mirror.remote, mirror.entity, [(pk, "") for pk in batch if pk not in held])
        rows_changed.send(model, ids=ids)


def deleted(model: type[models.Model], rows: Collection[tuple[int, str, bool]]) -> None:
    """Note that these rows are gone here and must go there: (our key, id at the remote, whether the remote knows it).

    What the remote cannot know is not deleted there: the id may be somebody else's.
    """
    from backoffice.sync.mirror import registry
    from backoffice.sync.models import Push

    mirror = registry.for_model(model)
    if mirror is None or not mirror.can_delete:
        return
    with transaction.atomic():
        open_keys = [Push.key(mirror.remote, mirror.entity, pk) for pk, _id, is_known in rows if not is_known]
        lock(Push.objects.filter(open_key__in=open_keys))
        pushes = Push.objects.filter(open_key__in=open_keys)
        # What of their creation may have been carried out (`unanswered.py`).
        sent = set(pushes.filter(payload__isnull=False).values_list("object_id", flat=True))
        pushes.filter(payload__isnull=True).update(state=Push.State.DONE, open_key=None, done_at=timezone.now())
        doomed = [(pk, ireca_id) for pk, ireca_id, is_known in rows if is_known or pk in sent]
        open_pushes(mirror.remote, mirror.entity, doomed, "delete")


def open_pushes(remote: str, entity: str, rows: Collection[tuple[int, str]], action: str = "save") -> None:
    """Open a push for each row (our key, its id at the remote), or renew the one that is open already."""
    from backoffice.sync.models import Push

    now = timezone.now()
    for batch in chunks(sorted(rows)):  # in which order they are locked, see `locks`
        Push.objects.bulk_create(
            [
                Push(
                    remote=remote,
                    entity=entity,
                    action=action,
                    object_id=pk,
                    remote_id=remote_id or "",
                    open_key=Push.key(remote, entity, pk),
                    change=uuid.uuid4(),
                    due_at=now,
                    changed_at=now,
                    state=Push.State.QUEUED,
                )
                for pk, remote_id in batch
            ],
            update_conflicts=True,
            unique_fields=["open_key"],
            update_fields=[
                "action",
                "remote_id",
                "change",
                "due_at",
                "changed_at",
                "state",
                "error",
                "waits_for",
                "trace",
            ],
        )
    if rows:
        wakeups.ring(f"{remote}-messages")


def command(
    remote: str, entity: str, name: str, payload: dict[str, Any], *, object_id: int | None, remote_id: str
) -> Any:
    """Store a command: immutable, in order, never coalesced. Returns the Push."""
    from backoffice.sync.models import Push

    push = Push.objects.create(
        remote=remote,
        entity=entity,
        action=Push.Action.COMMAND,
        command=name,
        payload=payload,
        object_id=object_id,
        remote_id=remote_id,
    )
    wakeups.ring(f"{remote}-messages")
    return push


def _on_save(
    sender: type[Any], instance: Any, raw: bool, update_fields: Collection[str] | None, **_kwargs: Any
) -> None:
    if raw or not tracking() or instance.is_local(update_fields):
        return
    changed(sender.root_model(), [instance.root_id()])


def _on_delete(sender: type[Any], instance: Any, **_kwargs: Any) -> None:
    if not tracking():
        return
    if sender.SYNC_ROOT:
        changed(sender.root_model(), [instance.root_id()])
    else:
        deleted(sender, [(instance.pk, instance.ireca_id, instance.remote_data is not None)])


def connect_signals() -> None:
    """Connect every tracked model of every app (history models are not tracked)."""
    from django.apps import apps

    from backoffice.sync.mirrored import Tracked

    for model in apps.get_models():
        if issubclass(model, Tracked):
            post_save.connect(_on_save, sender=model, dispatch_uid=f"sync-save-{model._meta.label}")
            post_delete.connect(_on_delete, sender=model, dispatch_uid=f"sync-delete-{model._meta.label}")
