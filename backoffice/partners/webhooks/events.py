"""What happened becomes deliveries: a mark inside the transaction of the change, the payload after it.

1. `on_change` writes a mark for each changed order and webhook, in the transaction of the change, so that a crash
   loses none. Marks of one transaction coalesce.
2. After the commit the payload is built from the rows as they are then, for all marked orders of a source at once.
3. What a crash left as a mark, a worker builds (`build_due`).

A mark that is renewed while its payload is being built keeps open and is built again. The order of an object's events
is that of their keys: whoever marks an order has written its row before, and so waits for whoever did so earlier.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import registry

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=2)  # what the committing process builds itself, no worker needs to look for
LATER = timedelta(minutes=1)  # until a payload that could not be built is tried again
BATCH = 500

# kind of webhook -> bodies by the keys of the rows, in the source's own numbering; a row that is none of the source's
# any more is left out. The app that owns the rows registers it.
PAYLOADS: dict[str, Callable[[Source, Collection[int]], dict[int, bytes]]] = {}

_waiting = threading.local()


def on_change(sender: type[Any], ids: Collection[int], **_kwargs: Any) -> None:
    """Mark what partners are to be told of. One query where nobody is."""
    mirror = registry.for_model(sender)
    if mirror is None or mirror.entity != Webhook.Kind.ORDERS:
        return
    hooks: dict[int, list[int]] = defaultdict(list)
    for hook in Webhook.listening(mirror.entity):
        hooks[hook.source_id].append(hook.pk)
    if not hooks:
        return
    for batch in chunks(sorted(ids), BATCH):
        rows = sender._base_manager.filter(pk__in=batch, source__in=hooks).order_by("pk")
        _mark([(key, str(pk)) for pk, source in rows.values_list("pk", "source") for key in hooks[source]])


def happened(kind: str, ids: Collection[int]) -> None:
    """Mark what all sources are to be told of, in the caller's transaction. One query where nobody is."""
    if ids and (hooks := Webhook.listening(kind)):
        _mark([(hook.pk, str(pk)) for pk in ids for hook in hooks])


def _mark(events: list[tuple[int, str]]) -> None:
    due = timezone.now() + GRACE
    events.sort()  # whoever marks the same waits in the same order
    for batch in chunks(events, BATCH):
        Delivery.objects.bulk_create(
            [
                Delivery(webhook_id=hook, object_key=key, open_key=Delivery.key(hook, key), due_at=due)
                for hook, key in batch
            ],
            update_conflicts=True,
            unique_fields=["open_key"],
            update_fields=["change", "due_at"],
        )
    # One commit calls back for every mark that was made before it; the first call builds all of them.
    _keys().update(Delivery.key(hook, key) for hook, key in events)
    transaction.on_commit(_build_waiting, robust=True)


def _keys() -> set[str]:
    """Keys of the marks that this thread made and has not built yet; some of them may have been rolled back."""
    if not hasattr(_waiting, "keys"):
        _waiting.keys = set()
    return _waiting.keys


def _build_waiting() -> None:
    keys = sorted(_keys())
    _keys().clear()
    for batch in chunks(keys, BATCH):
        build(Delivery.objects.filter(open_key__in=batch))


def build_due() -> int:
    """Build what was marked and, for whatever reason, not built. Returns how many marks were looked at."""
    return build(waiting(timezone.now()).order_by("due_at")[:BATCH])


def waiting(now: datetime) -> QuerySet[Delivery]:
    """Marks that nobody has built in time."""
    return Delivery.objects.filter(state=Delivery.State.NEW, due_at__lte=now)


def build(marks: Iterable[Delivery]) -> int:
    """Build the payloads of these marks, in few statements. Returns how many marks there were."""
    groups: dict[tuple[int, str], list[Delivery]] = defaultdict(list)
    hooks: dict[int, Webhook] = {}
    found = list(marks)
    if found:
        hooks = Webhook.objects.select_related("source").in_bulk({mark.webhook_id for mark in found})
    for mark in found:
        if (hook := hooks.get(mark.webhook_id)) is not None:
            groups[hook.source_id, hook.kind].append(mark)
    for (_source, kind), group in groups.items():
        _build_group(hooks[group[0].webhook_id].source, kind, group)
    return len(found)


def _build_group(source: Source, kind: str, marks: list[Delivery]) -> None:
    """The marks were read before the rows are: a change in between renews its mark, and the payload is dropped."""
    try:
        bodies = PAYLOADS[kind](source, {int(mark.object_key) for mark in marks})
        texts = {mark.pk: bodies[int(mark.object_key)].decode() for mark in marks if int(mark.object_key) in bodies}
    except Exception as error:
        if len(marks) > 1:  # one order that cannot be told of must not hold up the others
            middle = len(marks) // 2
            _build_group(source, kind, marks[:middle])
            _build_group(source, kind, marks[middle:])
            return
        log.exception("the payload of %s %s cannot be built", kind, marks[0].object_key)
        Delivery.objects.filter(pk=marks[0].pk, change=marks[0].change).update(
            error=f"{type(error).__name__}: {error}"[:2000], due_at=timezone.now() + LATER
        )
        return
    _keep(marks, texts)


def _keep(marks: list[Delivery], texts: dict[int, str]) -> None:
    changes = {mark.pk: mark.change for mark in marks}
    with transaction.atomic():
        locked = Delivery.objects.filter(pk__in=changes, state=Delivery.State.NEW)
        if connection.features.has_select_for_update_skip_locked:
            # Who holds one is about to renew it.
            locked = locked.select_for_update(skip_locked=True)
        current = [mark for mark in locked.only("pk", "change") if mark.change == changes[mark.pk]]
        gone = [mark.pk for mark in current if mark.pk not in texts]
        ready = [mark for mark in current if mark.pk in texts]
        for mark in ready:
            mark.payload = texts[mark.pk]
        Delivery.objects.bulk_update(ready, ["payload"])
        Delivery.objects.filter(pk__in=[mark.pk for mark in ready]).update(
            state=Delivery.State.QUEUED, open_key=None, due_at=timezone.now(), error=""
        )
        if gone:
            Delivery.objects.filter(pk__in=gone).delete()


def queued(hook: Webhook, object_key: str, payload: str, **values: Any) -> Delivery:
    """A delivery, not saved yet, that waits to be sent."""
    values.setdefault("event", uuid.uuid4())
    return Delivery(webhook=hook, object_key=object_key, payload=payload, state=Delivery.State.QUEUED, **values)
