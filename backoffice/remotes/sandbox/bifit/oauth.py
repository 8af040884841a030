"""Who may ask: OAuth2 with the password and refresh_token grants, one account, tokens kept in the store."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from urllib.parse import parse_qsl

from backoffice.remotes.sandbox.errors import Refusal
from backoffice.remotes.sandbox.schema import Record
from backoffice.remotes.sandbox.state import State

CLIENT = "cashdesk-rest-client"
LIFE = 43199
"""Seconds that a token lives, as the service says in `expires_in`."""

ACCESS, REFRESH = "bifit_tokens", "bifit_refresh_tokens"
FIELDS = {
    "password": {"grant_type", "client_id", "client_secret", "username", "password"},
    "refresh_token": {"grant_type", "client_id", "client_secret", "refresh_token"},
}


class OAuth:
    """Grants tokens and checks them. `logins` and `renewals` count the grants that were given."""

    def __init__(self, state: State, username: str, password: str) -> None:
        self._state = state
        self.username = username
        self.password = password
        self.logins = 0
        self.renewals = 0

    def grant(self, content_type: str, body: bytes) -> Record:
        """The answer to POST /oauth/token. Raises Refusal; only what breaks the contract counts as a violation."""
        if content_type.partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise Refusal("Ожидается Content-Type: application/x-www-form-urlencoded")
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        kind = form.get("grant_type", "")
        if kind not in FIELDS:
            raise Refusal(f"Unsupported grant type: {kind}")
        if set(form) != FIELDS[kind] or len(form) != len(pairs):
            raise Refusal(f"Для grant_type={kind} ожидаются параметры: {', '.join(sorted(FIELDS[kind]))}")
        if (form["client_id"], form["client_secret"]) != (CLIENT, CLIENT):
            raise Refusal("Bad client credentials", status=401)
        if kind == "password":
            self._check_password(form["username"], form["password"])
            self.logins += 1
        else:
            self._use_up(form["refresh_token"])
            self.renewals += 1
        return self._issue()

    def check(self, authorization: str) -> None:
        """Refuses a request whose token is none of ours or has ended."""
        scheme, _, token = authorization.partition(" ")
        known = self._state.store.get(ACCESS, token) if scheme == "Bearer" else None
        if known is None:
            raise Refusal("Full authentication is required to access this resource", status=401)
        if known["ends"] <= self._now():
            raise Refusal("Access token expired", status=401, violation=False)

    def expire(self, *, refresh: bool = False) -> None:
        """Ends all access tokens, and with `refresh` the refresh tokens as well."""
        store = self._state.store
        for token, row in store.items(ACCESS):
            store.put(ACCESS, token, row | {"ends": 0})
        for token, _ in store.items(REFRESH) if refresh else ():
            store.remove(REFRESH, token)

    def _check_password(self, username: str, password: str) -> None:
        try:
            digest = base64.b64decode(password, validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != hashlib.sha256().digest_size:
            raise Refusal("password: ожидается Base64 от SHA-256 пароля")
        if username != self.username or digest != hashlib.sha256(self.password.encode()).digest():
            raise Refusal("Bad credentials", violation=False)

    def _use_up(self, refresh: str) -> None:
        """A refresh token is good for one renewal, which ends the access token that came with it."""
        store = self._state.store
        access = store.get(REFRESH, refresh)
        if access is None:
            raise Refusal("Invalid refresh token", violation=False)
        store.remove(REFRESH, refresh)
        store.put(ACCESS, access, store.get(ACCESS, access) | {"ends": 0})

    def _issue(self) -> Record:
        access, refresh = secrets.token_hex(16), secrets.token_hex(16)
        self._state.store.put(ACCESS, access, {"ends": self._now() + LIFE})
        self._state.store.put(REFRESH, refresh, access)
        return {
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": refresh,
            "expires_in": LIFE,
            "scope": "read write",
        }

    def _now(self) -> float:
        return self._state.clock.now().timestamp()
