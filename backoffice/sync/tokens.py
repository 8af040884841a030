"""The access token of a remote that logs in: kept encrypted in the database, shared by all workers.

When it has run out, one worker renews it under a lease and the others wait for what comes of it. HTTP never happens in
a transaction, so a row lock would not do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from backoffice.remotes.bifit.tokens import PAUSE, Token
from backoffice.remotes.errors import Config, Retry
from backoffice.secrets import fingerprint
from backoffice.sync import lease
from backoffice.sync.models import AccessToken

LOOK = 0.05  # seconds between two looks while another worker renews
PATIENCE = 60.0  # seconds


class SharedTokens:
    """Tokens as `remotes/bifit/tokens.py` wants them. `account` is whatever makes it the same login: a token of another
    one counts for nothing.
    """

    def __init__(self, remote: str, account: str, holder: str) -> None:
        self.remote, self.account, self.holder = remote, fingerprint(account), holder

    def current(self) -> str:
        row = AccessToken.objects.filter(pk=self.remote, account=self.account).first()
        return row.access if row is not None and self._is_fresh(row) else ""

    def renew(self, used: str, grant: Callable[[str], Token]) -> str:
        AccessToken.objects.bulk_create([AccessToken(remote=self.remote)], ignore_conflicts=True)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            is_mine = AccessToken.objects.filter(lease.is_free(), pk=self.remote).update(
                lease_owner=self.holder, lease_until=lease.until()
            )
            row = AccessToken.objects.get(pk=self.remote)
            try:
                if row.account != self.account:
                    row.access = row.refresh = row.refusal = ""
                if row.access != used and self._is_fresh(row):
                    return row.access
                if row.refusal and row.refused_until is not None and row.refused_until > timezone.now():
                    raise Config(row.refusal)
                if is_mine:
                    return self._granted(row, grant)
            finally:
                if is_mine:
                    AccessToken.objects.filter(pk=self.remote, lease_owner=self.holder).update(**lease.RELEASED)
            time.sleep(LOOK)
        raise Retry("Another worker is logging in and has not come back")

    def _granted(self, row: AccessToken, grant: Callable[[str], Token]) -> str:
        row.account = self.account
        try:
            token = grant(row.refresh)
        except Config as error:
            row.refusal, row.refused_until = error.message, timezone.now() + timedelta(seconds=PAUSE)
            row.save(update_fields=["account", "access", "refresh", "refusal", "refused_until"])
            raise
        row.access, row.refresh, row.expires_at, row.refusal = token.access, token.refresh, token.expires_at, ""
        row.save(update_fields=["account", "access", "refresh", "expires_at", "refusal"])
        return row.access

    def _is_fresh(self, row: AccessToken) -> bool:
        return bool(row.access) and Token(row.access, row.refresh, row.expires_at).is_fresh(timezone.now())
