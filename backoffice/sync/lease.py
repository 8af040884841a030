"""Leases: who of many workers holds a row.

A lease is taken in a short transaction and ends by itself. It is measured by the database's clock, which all machines
share: one whose own is hours ahead would take what others have in their hands. The owner's name tells host and process,
so that the leases of a worker that was killed on this host are freed at once instead of after their time.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from backoffice.sync.locks import lock, unlocked

LEASE = timedelta(seconds=120)  # longer than any single request with its timeout

_TOKEN = uuid.uuid4().hex[:8]


def owner(role: str = "") -> str:
    """This process (and thread of it, by role): host:pid:token[:role]."""
    return ":".join(filter(None, (socket.gethostname()[:60], str(os.getpid()), _TOKEN, role)))


def is_free() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=Now())


def until() -> Any:
    """When a lease that is taken or renewed now ends: an expression for `update`."""
    return Now() + LEASE


def claim(queryset: models.QuerySet, holder: str, limit: int) -> list[Any]:
    """Take up to `limit` free rows of the queryset, in its order."""
    with transaction.atomic():
        rows = queryset.filter(is_free())
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        taken = list(rows[:limit])
        if not taken:
            return []
        queryset.model._base_manager.filter(pk__among=[row.pk for row in taken]).update(
            lease_owner=holder, lease_until=until()
        )
    for row in taken:
        row.lease_owner = holder
    return taken


def renew(model: type[models.Model], ids: list[int], holder: str) -> set[int]:
    """Hold the rows longer. Returns those that are still ours: an expired lease may have gone to another worker."""
    with transaction.atomic():
        mine = model._base_manager.filter(pk__among=ids, lease_owner=holder)
        if len(ids) > 1:
            lock(mine)
        if mine.update(lease_until=until()) == len(ids):
            return set(ids)
        return set(mine.values_list("pk", flat=True))


RELEASED: dict[str, Any] = {"lease_owner": "", "lease_until": None}


def release_dead(models_: Iterable[type[models.Model]]) -> int:
    """Free what processes of this host hold that are no more. Returns the number of rows."""
    freed = 0
    for model in models_:
        owners = model._base_manager.exclude(lease_owner="").values_list("lease_owner", flat=True).distinct()
        if dead := [name for name in owners if _is_dead(name)]:
            with transaction.atomic():
                theirs = model._base_manager.filter(lease_owner__in=dead)
                lock(theirs)
                freed += theirs.update(**RELEASED)
    return freed


def release(models_: Iterable[type[models.Model]], holder: str) -> bool:
    """Free what this holder has, but for rows that somebody has locked. Returns whether that was all."""
    for model in models_:
        with transaction.atomic():
            unlocked(model._base_manager.filter(lease_owner=holder)).update(**RELEASED)
    return not any(model._base_manager.filter(lease_owner=holder).exists() for model in models_)


def _is_dead(name: str) -> bool:
    host, pid, token, *_role = [*name.split(":"), "", ""]
    if host != socket.gethostname()[:60] or not pid.isdigit():
        return False
    if int(pid) == os.getpid():
        return token != _TOKEN  # an earlier process had our number
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
