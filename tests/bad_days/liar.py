"""A sandbox that answers something else than what is so, or takes its time, from outside of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from backoffice.remotes.sandbox.recording import Recorded, Reply
from backoffice.sync.models import Push


def tamper(service: Recorded, patch: pytest.MonkeyPatch, method: str, path: str, change: Callable[[Any], Any]) -> None:
    """Answers of this method under this path are changed. `change` gets and returns JSON; bytes go out as they are."""
    honest = service.handle

    def handle(called: str, where: str, *arguments: Any) -> Reply:
        reply = honest(called, where, *arguments)
        if called == method and where.startswith(path) and reply.status < 300:
            said = change(json.loads(b"".join(reply.body) or b"null"))
            reply.body = iter((said if isinstance(said, bytes) else json.dumps(said).encode(),))
        return reply

    patch.setattr(service, "handle", handle)


def stall(
    service: Recorded, patch: pytest.MonkeyPatch, methods: str, path: str, meanwhile: Callable[[], None], *, first: bool
) -> None:
    """The first request of these methods under this path takes so long that all leases run out, and others work
    `meanwhile`: before it is carried out (`first`), or between that and its answer.
    """
    honest, once = service.handle, threading.Lock()

    def others() -> None:
        Push.objects.exclude(lease_owner="").update(lease_until="2020-01-01T00:00:00Z")
        try:
            meanwhile()
        finally:
            connections.close_all()

    def handle(called: str, where: str, *arguments: Any) -> Reply:
        is_stalled = called in methods.split() and where.startswith(path) and once.acquire(blocking=False)
        if is_stalled and first:
            others()
        reply = honest(called, where, *arguments)
        if is_stalled and not first:
            others()
        return reply

    patch.setattr(service, "handle", handle)
