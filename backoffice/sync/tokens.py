"""The access token of a remote that logs in: kept encrypted in the database, shared by all workers.

When it has run out, one worker renews it under a lease and the others wait for what comes of it. HTTP never happens in
a transaction, so a row lock would not do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from backoffice.remotes.errors import Retry
from backoffice.sync import lease
from backoffice.sync.models import AccessToken

EARLY = timedelta(seconds=60)  # a token that lives no longer is renewed before it is used
LOOK = 0.05  # seconds between two looks while another worker renews
PATIENCE = 60.0  # seconds


class SharedTokens:
    """The store that a client asks for its token (see `remotes/bifit/client.py: Tokens`)."""

    def __init__(self, remote: str, holder: str) -> None:
        self.remote, self.holder = remote, holder

    def current(self) -> str:
        """The token in force; empty where there is none."""
        row = AccessToken.objects.filter(pk=self.remote).first()
        return row.access if row is not None and _is_good(row) else ""

    def renew(self, used: str, grant: Callable[[str], Any]) -> str:
        """A token other than `used`: one that another worker got meanwhile, or what `grant(refresh_token)` returns.

        Whatever `grant` raises is raised, and the next worker tries. Retry when another worker takes too long.
        """
        AccessToken.objects.bulk_create([AccessToken(remote=self.remote)], ignore_conflicts=True)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with transaction.atomic():
                free = AccessToken.objects.filter(lease.is_free(), pk=self.remote)
                mine = free.update(lease_owner=self.holder, lease_until=timezone.now() + lease.LEASE)
            row = AccessToken.objects.get(pk=self.remote)
            if row.access != used and _is_good(row):
                if mine:
                    self._release()
                return row.access
            if mine:
                return self._granted(row, grant)
            time.sleep(LOOK)
        raise Retry("Another worker is logging in and has not come back")

    def _granted(self, row: AccessToken, grant: Callable[[str], Any]) -> str:
        try:
            token = grant(row.refresh)
            row.access, row.refresh, row.expires_at = token.access, token.refresh, token.expires_at
            row.save(update_fields=["access", "refresh", "expires_at"])
        finally:
            self._release()
        return row.access

    def _release(self) -> None:
        AccessToken.objects.filter(pk=self.remote, lease_owner=self.holder).update(**lease.RELEASED)


def _is_good(row: AccessToken) -> bool:
    return bool(row.access) and (row.expires_at is None or row.expires_at > timezone.now() + EARLY)
