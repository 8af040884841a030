"""The inbox: what a remote posted is stored raw and answered 201 at once; a worker makes sense of it later.

A callback carries neither a version nor a signature (T37), and may come twice, late or out of order. So it is a hint:
where its body says
nothing that we do not know, it is done (the echo of our own push); where it does, the object is read again by its id,
and that is believed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, models
from django.utils import timezone

from backoffice import trace
from backoffice.remotes.http import Config, Refused, RemoteError, Retry
from backoffice.remotes.ireca import contract
from backoffice.remotes.wirejson import loads
from backoffice.sync import arrive, clock, connection, lease, wakeups
from backoffice.sync.apply import knows
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import Callback

log = logging.getLogger(__name__)

BATCH = 100

# kind -> what to do with one decoded body that is not the state of a mirrored entity
HANDLERS: dict[str, Callable[[Any], str]] = {}


def store(remote: str, kind: str, body: bytes) -> Callback:
    """Keep a callback before it is answered. PostgreSQL's text holds no NUL; whatever is not UTF-8 stays visible as a
    replacement mark.
    """
    text = body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    callback = Callback.objects.create(remote=remote, kind=kind, body=text, digest=hashlib.sha256(body).hexdigest())
    wakeups.ring(f"{remote}-messages")
    return callback


def due(remote: str, now: datetime) -> models.QuerySet[Callback]:
    return Callback.objects.filter(remote=remote, state=Callback.State.NEW, due_at__lte=now)


def process(client: Any | None, holder: str, remote: str = connection.IRECA) -> int:
    """Process a batch of callbacks. Returns how many were looked at; 0 while the remote cannot be asked."""
    if client is not None and connection.is_blocked(remote):
        return 0
    callbacks = lease.claim(due(remote, timezone.now()).order_by("due_at", "id"), holder, BATCH)
    seen: set[tuple[str, str]] = set()
    for index, callback in enumerate(callbacks):
        try:
            with trace.bound([callback.trace]):
                result = "" if (callback.kind, callback.digest) in seen else _process_one(callback, client)
        except RemoteError as error:
            if connection.is_outage(error):
                _postpone(callbacks[index:], holder, error)
                connection.failed(remote, error)
                return index
            _postpone([callback], holder, error)
        except (OperationalError, InterfaceError) as error:
            # The database stumbled: tried again ever later. Those behind it go on, should it always stumble over this.
            close_old_connections()
            _postpone([callback], holder, error)
        except Exception as error:
            # Whatever it is, it stays visible and holds up no other callback.
            if not isinstance(error, ValueError):
                log.exception("callback %s (request %s)", callback.pk, callback.trace)
            _finish(callback, holder, state=Callback.State.FAILED, error=f"{type(error).__name__}: {error}"[:5000])
        else:
            seen.add((callback.kind, callback.digest))
            _finish(callback, holder, state=Callback.State.DONE, error="", result=result[:300])
    return len(callbacks)


def _process_one(callback: Callback, client: Any | None) -> str:
    mirror = registry.for_entity(callback.kind)
    if mirror is None:
        return HANDLERS[callback.kind](loads(callback.body.encode()))
    objects, bad = contract.decode_callback(mirror.struct, callback.body.encode())
    bad_texts = [str(row) for row in bad] + ["an object without its id" for obj in objects if not mirror.ireca_id(obj)]
    asked = clock.now()
    fresh, failure = _read(mirror, objects, callback, client)
    applied = arrive.merge(mirror, client, fresh, asked)
    bad_texts += applied.unstored.values()
    if applied.outdated:
        callback.read_ids = [read for read in callback.read_ids if read not in applied.outdated]
        failure = failure or Retry(f"{', '.join(applied.outdated[:10])}: changed here while it was read", down=False)
    if failure is not None:
        # Kept, so that many objects and a remote that stumbles now and then do not start over for ever.
        Callback.objects.filter(pk=callback.pk).update(read_ids=callback.read_ids)
        raise failure
    if bad_texts:
        # What could be read is applied; the callback stays visible as failed with what could not.
        raise ValueError("; ".join(bad_texts))
    return f"{len(objects)} read, {applied.created} new, {applied.updated} changed, {applied.conflicts} in conflict"


def _read(
    mirror: Mirror, objects: Sequence[Any], callback: Callback, client: Any | None
) -> tuple[list[Any], RemoteError | None]:
    """Of the objects that may have changed, what the remote has now, and why the rest could not be read."""
    fresh: list[Any] = []
    failure = None
    for obj in objects:
        ireca_id = mirror.ireca_id(obj)
        if not ireca_id or ireca_id in callback.read_ids or knows(mirror, obj):
            continue
        try:
            found = current(mirror, obj, client)
        except RemoteError as error:
            failure = error
            if connection.is_outage(error):
                break
            continue
        callback.read_ids.append(ireca_id)
        if found is not None:
            fresh.append(found)
    return fresh, failure


def current(mirror: Mirror, hint: Any, client: Any | None) -> Any | None:
    """The object as it is now at the remote; None where it is not there any more.

    Only where the remote is off, so that nobody can be asked, the callback itself is believed.
    """
    if client is None:
        return hint
    try:
        return mirror.fetch(client, mirror.ireca_id(hint))
    except Refused:
        return None


def _finish(callback: Callback, holder: str, **values: Any) -> None:
    Callback.objects.filter(pk=callback.pk, lease_owner=holder).update(
        processed_at=timezone.now(), attempts=callback.attempts + 1, **values, **lease.RELEASED
    )


def _postpone(callbacks: Sequence[Callback], holder: str, error: Exception) -> None:
    """The remote, or the database, cannot be asked now. Nothing is lost: the callbacks stay, with the reason."""
    first = callbacks[0]
    delay = connection.CONFIG_PROBE if isinstance(error, Config) else connection.backoff(first.attempts)
    Callback.objects.filter(pk=first.pk, lease_owner=holder).update(attempts=first.attempts + 1)
    Callback.objects.filter(pk__in=[callback.pk for callback in callbacks], lease_owner=holder).update(
        due_at=timezone.now() + timedelta(seconds=delay), error=str(error)[:2000], **lease.RELEASED
    )


def retry(queryset: Any) -> int:
    """A person asked: process again."""
    return queryset.exclude(state=Callback.State.DONE).update(
        state=Callback.State.NEW, due_at=timezone.now(), attempts=0, error="", read_ids=[]
    )
