"""Which rows of accounts are over. The worker deletes them, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from backoffice.accounts import letters
from backoffice.accounts.models import Event, Visit


def old(before: datetime) -> Iterable[QuerySet]:
    """`before`: how long exchanges are kept, which is how long a failed login that locks nobody is of use. The audit
    trail has a time of its own (AUDIT_DAYS; 0: for ever).
    """
    now = timezone.now()
    yield letters.old(now)
    yield AccessAttempt.objects.filter(attempt_time__lt=before)
    yield Session.objects.filter(expire_date__lt=now)
    yield Visit.objects.filter(seen_at__lt=now - timedelta(hours=settings.SESSION_HOURS), ended_at=None)
    if settings.AUDIT_DAYS:
        kept_from = now - timedelta(days=settings.AUDIT_DAYS)
        yield Event.objects.filter(at__lt=kept_from)
        yield Visit.objects.filter(seen_at__lt=kept_from)
