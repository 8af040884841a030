"""How a delivery is signed: by the Standard Webhooks specification, so that receivers find a library for it.

A secret is "whsec_" and the Base64 of the key. What is signed is "id.timestamp.body"; while two secrets are valid, both
sign, with a space between the signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def sign(keys: Iterable[str], event: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`; `timestamp` is in seconds since 1970."""
    message = f"{event}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(key, message)}" for key in keys)


def _digest(secret: str, message: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode("ascii")
