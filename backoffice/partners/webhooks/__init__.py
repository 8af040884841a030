"""Webhooks: partners are told what happened, signed, in order, until they have it. See docs/webhooks.md.

`events.py` makes deliveries of what happened, `delivery.py` sends them, `signature.py` signs them, `manage.py` is what
people and the API do. An app whose rows partners are told of registers how they are told in `events.PAYLOADS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any


def connect() -> None:
    """Listen to changes, and have the workers send. Called once, when the models are loaded."""
    from backoffice.partners.models import Delivery, Webhook
    from backoffice.partners.webhooks import delivery, events
    from backoffice.sync import lease
    from backoffice.sync.changes import rows_changed
    from backoffice.sync.tasks import BLIND, TASKS, Task

    def old(before: datetime) -> Iterator[Any]:
        yield Delivery.objects.filter(created_at__lt=before, state__in=(Delivery.State.DONE, Delivery.State.FAILED))

    def due(now: datetime) -> Iterator[Any]:
        yield events.waiting(now)
        yield delivery.sendable(now).filter(lease.is_free())

    rows_changed.connect(events.on_change, dispatch_uid="webhooks")
    TASKS.append(Task("webhooks", delivery.work, delivery.THREADS, (Webhook,), old, due, BLIND))
