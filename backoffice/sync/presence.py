"""Who has the form of a row open now. Rows in the database, so that any number of web processes know of each other.

A page says every EVERY seconds that it is still there, and once that it leaves. A browser that died says nothing: its
row counts no more after EXPIRY, and goes when the next form is opened or the worker prunes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from backoffice.sync.models import Presence

EVERY = timedelta(seconds=20)
# A window in the background is let run once a minute by browsers.
EXPIRY = timedelta(seconds=90)


def beat(row: models.Model, user: Any, window: str) -> list[Presence]:
    """Note that the window still shows the row, and return the other windows that do, the longest open first.

    `window` is at most 36 characters that the page made up. Three short queries.
    """
    now = timezone.now()
    if not Presence.objects.filter(window=window, user=user).update(seen_at=now):
        expired().delete()
        here = Presence(window=window, user=user, model=row._meta.label_lower, object_id=row.pk)
        Presence.objects.bulk_create([here], ignore_conflicts=True)
    others = Presence.objects.filter(model=row._meta.label_lower, object_id=row.pk, seen_at__gte=now - EXPIRY)
    return list(others.exclude(window=window).select_related("user").order_by("since", "pk"))


def leave(user: Any, window: str) -> None:
    """The window shows the row no more."""
    Presence.objects.filter(window=window, user=user).delete()


def expired() -> models.QuerySet[Presence]:
    return Presence.objects.filter(seen_at__lt=timezone.now() - EXPIRY)
