"""Tokens of BIFIT Kassa and whoever keeps them: shared by all workers, renewed by one of them."""

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from backoffice.remotes.errors import Config

EARLY = timedelta(minutes=1)
"""How long before its end a token is renewed, so that none ends while a request is on its way."""

PAUSE = 60.0
"""Seconds for which a refused login is not tried again, so that a wrong password does not lock the account."""


def hashed(password: str) -> str:
    """A password as the service wants it: Base64 of the SHA-256 digest of its UTF-8 bytes."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Token:
    """What a grant gave: both tokens, which no repr shows, and when the first one ends (None: not to be foreseen)."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may still be used at `now` (aware)."""
        return self.expires_at is None or now < self.expires_at - EARLY


class Tokens(Protocol):
    """The one token of an account, kept for all who use it: threads, processes, machines.

    An implementation must hold to this:

    - `current` gives the access token, "" when there is none or the one there is is no longer fresh (Token.is_fresh).
      It takes no lock and sends nothing.
    - `renew` is told which token was refused, or "" by one who got none from `current`. While one caller renews, all
      others wait for it. If there is a fresh token other than `used`, that is the answer, and `grant` is not called.
      Otherwise `grant` is called, with the refresh token that is kept or "" when there is none; what it returns is
      kept, refresh token included, and its access token is the answer.
    - What `grant` raises goes to the caller and nothing is kept of it, with one exception: after a Config, which
      means that the login itself was refused, `grant` is not called for PAUSE seconds, and whoever comes for a token
      gets a Config with the same text.

    `grant` sends one or two requests, so that it must not be called inside a database transaction.
    """

    def current(self) -> str: ...

    def renew(self, used: str, grant: Callable[[str], Token]) -> str: ...


class MemoryTokens:
    """Tokens for the threads of one process. `now` gives an aware moment, `clock` monotonic seconds."""

    def __init__(
        self,
        token: Token | None = None,
        *,
        pause: float = PAUSE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self._pause = pause
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._refusal: Config | None = None
        self._refused_until = 0.0

    def current(self) -> str:
        token = self._token
        return token.access if token is not None and token.is_fresh(self._now()) else ""

    def renew(self, used: str, grant: Callable[[str], Token]) -> str:
        with self._lock:
            known = self.current()
            if known and known != used:
                return known
            if self._refusal is not None and self._clock() < self._refused_until:
                raise Config(self._refusal.message, status=self._refusal.status)
            try:
                self._token = grant(self._token.refresh if self._token is not None else "")
            except Config as error:
                self._refusal, self._refused_until = error, self._clock() + self._pause
                raise
            self._refusal = None
            return self._token.access
