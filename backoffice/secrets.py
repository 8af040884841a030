"""Secrets at rest and in print: encrypted fields with rotatable keys, masks, comparing, redacted logs.

`settings.FIELD_KEYS` is a list of secrets. The first one encrypts, all of them decrypt, so a key is rotated by
putting a new one in front, calling `reencrypt_all` (`manage.py rotate_secrets`), and taking the old one away.
"""

import base64
import hmac
import json
import logging
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models, transaction
from django.dispatch import Signal

_PURPOSE = b"courier-backoffice: fields at rest"
_REDACTED_SETTINGS = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "FIELD_KEYS",
    "IRECA_TOKEN",
    "CALLBACK_SECRET",
    "CALLBACK_SECRET_FALLBACKS",
    "BIFIT_PASSWORD",
    "VIRTPOS_API_KEY",
    "EMAIL_HOST_PASSWORD",
    "METRICS_TOKEN",
    "METRICS_TOKEN_FALLBACKS",
)


# Sent with `counts`, rows by model, when all stored secrets stand under the first key.
reencrypted = Signal()


class UnknownKey(Exception):
    """A stored secret was encrypted with a key that `FIELD_KEYS` does not hold any more, or it is damaged."""


class Secret(str):
    """Text that does not show itself in `repr`, hence not in error pages, assertion messages and shells."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Secret({mask(self)!r})"


def mask(value: str) -> str:
    """What people may see of a secret: its last four characters when it is long enough to stay secret, else only dots.

    >>> mask("0123456789abcdef")
    '••••cdef'
    >>> mask("qwerty"), mask("")
    ('••••', '')
    """
    if not value:
        return ""
    return "••••" + (value[-4:] if len(value) >= 16 else "")


def matches(given: str, *expected: str) -> bool:
    """Whether a secret from outside is one of those expected, in constant time. Nothing matches an empty one."""
    said = given.encode("utf-8", "surrogatepass")
    # All of them, whatever the first one says.
    found = [bool(each) and hmac.compare_digest(said, each.encode()) for each in expected]
    return any(found)


def fingerprint(value: str) -> str:
    """Tells whether two secrets are equal without telling either; of no use to anyone without our SECRET_KEY."""
    return _fingerprint(settings.SECRET_KEY, value)


def has_fingerprint(value: str, kept: str) -> bool:
    """Whether a fingerprint that was kept is that of this secret, also when SECRET_KEY was rotated since."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return matches(kept, *(_fingerprint(key, value) for key in keys))


def _fingerprint(key: str, value: str) -> str:
    return hmac.new(key.encode(), value.encode(), "sha256").hexdigest()


def encrypt(value: str) -> str:
    """The token text of a secret under the first key. Empty stays empty: "not set" shows in the database."""
    return _cipher().encrypt(value.encode()).decode("ascii") if value else ""


def decrypt(token: str) -> Secret:
    """The secret in a token that any of the keys encrypted.

    Raises UnknownKey when none fits.
    """
    if not token:
        return Secret()
    try:
        return Secret(_cipher().decrypt(token.encode()).decode())
    except InvalidToken as error:
        raise UnknownKey(
            "A stored secret fits none of FIELD_KEYS. Add the key under which it was saved, or clear the secret."
        ) from error


class EncryptedTextField(models.TextField):
    """A TextField that holds a token in the database and a `Secret` in Python; saving encrypts anew with the first key.

    Tokens of equal secrets differ, so a filter could only lie: every lookup but `isnull` raises FieldError.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret | None:
        return None if value is None else decrypt(value)

    def to_python(self, value: Any) -> Secret | None:
        text = super().to_python(value)
        return None if text is None else Secret(text)

    def get_prep_value(self, value: Any) -> str | None:
        text = super().get_prep_value(value)
        return None if text is None else encrypt(text)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: it can be filtered by isnull only, not by {lookup_name}.")
        return super().get_lookup(lookup_name)


def reencrypt_all() -> Iterator[tuple[str, int]]:
    """Save every stored secret again under the first key; yields a model's label and how many of its rows were written.

    Raises UnknownKey at the first row that no key fits. Rows before it are done, and a second run is harmless.
    """
    counts = {}
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy and (names := encrypted_fields(model)):
            counts[model._meta.label] = reencrypt(model, names)
            yield model._meta.label, counts[model._meta.label]
    reencrypted.send(None, counts=counts)


def encrypted_fields(model: type[models.Model]) -> list[str]:
    """The names of a model's encrypted fields."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]


def reencrypt(model: type[models.Model], names: Sequence[str]) -> int:
    """Save these fields of all rows again, and return the number of rows.

    Past the model's own manager and signals: nothing changes that a remote or a history should hear of. Each row is
    locked while it is rewritten, so that a person who saves at the same moment is not overwritten.
    """
    rows: models.QuerySet[models.Model] = models.QuerySet(model)
    written = 0
    for pk in list(rows.values_list("pk", flat=True)):
        with transaction.atomic():
            row = rows.select_for_update().only("pk", *names).filter(pk=pk).first()
            if row is None:  # deleted meanwhile
                continue
            written += rows.filter(pk=pk).update(**{name: getattr(row, name) for name in names})
    return written


class RedactingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, with the values of secret settings masked.

    The callback secret is part of an address, so even an ordinary "Not Found: /callbacks/…" would print it.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


# A link to choose a password opens an account to whoever reads it (backoffice/accounts/passwords.py).
_LINKS = re.compile(r"((?:/|%2F)account(?:/|%2F)password(?:/|%2F)\w+(?:/|%2F))[\w-]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text with the values of secret settings masked, also as they stand in an address or in JSON, and tokens of
    links.
    """
    text = _LINKS.sub(r"\1••••", text)
    for value in _secret_values():
        for written in {value, quote(value), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}:
            text = text.replace(written, mask(value))
    return text


def _secret_values() -> Iterator[str]:
    for name in _REDACTED_SETTINGS:
        value = getattr(settings, name)
        # Whoever sets a secret of a few letters would find those letters masked inside ordinary words.
        yield from (text for text in ([value] if isinstance(value, str) else value) if len(text) >= 8)


def _cipher() -> MultiFernet:
    return _cipher_of(tuple(settings.FIELD_KEYS))


@lru_cache(maxsize=8)
def _cipher_of(keys: Sequence[str]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("FIELD_KEYS is empty: secrets can be neither stored nor read.")
    return MultiFernet([Fernet(_derive(key)) for key in keys])


def _derive(key: str) -> bytes:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
