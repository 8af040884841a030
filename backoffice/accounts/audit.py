"""Writing the audit trail: who, from where, did what to which row."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.http import HttpRequest
from simple_history.models import HistoricalRecords

from backoffice.accounts.models import Event
from backoffice.partners.api.access import address_of


def note(
    kind: Event.Kind,
    about: models.Model | None = None,
    *,
    actor: Any = None,
    request: HttpRequest | None = None,
    **details: Any,
) -> Event:
    """Add a line. Without a request, the one that is under way; without an actor, the person who made it.

    `details` must name no client: the line is there for years.
    """
    request = request or current_request()
    if actor is None:
        actor = getattr(request, "user", None)
    is_known = isinstance(actor, AbstractBaseUser) and actor.pk is not None
    return Event.objects.create(
        kind=kind,
        actor_id=actor.pk if is_known else None,
        actor=actor.get_username()[:150] if is_known else "",
        address=address(request),
        object_type=about._meta.label_lower if about is not None else "",
        object_id=str(about.pk) if about is not None else "",
        details=details,
    )


def current_request() -> HttpRequest | None:
    """The request that this thread answers; none in a worker or a command."""
    return getattr(HistoricalRecords.context, "request", None)


def address(request: HttpRequest | None) -> str | None:
    found = address_of(request) if request is not None else None
    return str(found) if found is not None else None
