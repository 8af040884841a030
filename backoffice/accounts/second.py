"""The second step of a login: a code of an app, or a backup code.

1. `begin` makes an authenticator that counts for nothing yet, and keeps its seed encrypted.
2. `confirm` takes its first code, and gives out the backup codes, whose hashes only stay.
3. From then on a session of that person is held at the page of the second step until `verify` (`gate.py`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django_otp.util import random_hex

from backoffice.accounts import audit
from backoffice.accounts.models import Authenticator, BackupCode, Event
from backoffice.secrets import Secret

CODES = 10
ALL, SUPERUSERS = "all", "superusers"  # words of REQUIRE_TOTP; any other is the name of a group


@dataclass(frozen=True)
class Outcome:
    """`wait_until`: no code is looked at before then, whatever it is."""

    is_right: bool
    wait_until: datetime | None = None


def of(user: Any) -> Authenticator | None:
    """The confirmed authenticator of a person."""
    return Authenticator.objects.filter(user=user.pk, confirmed=True).first()


def is_required(user: Any) -> bool:
    """Whether REQUIRE_TOTP asks it of this person. One query when it names groups."""
    wanted = set(settings.REQUIRE_TOTP)
    if not wanted or not user.is_staff:
        return False
    if ALL in wanted or (SUPERUSERS in wanted and user.is_superuser):
        return True
    groups = wanted - {SUPERUSERS}
    return bool(groups) and user.groups.filter(name__in=groups).exists()


def begin(user: Any) -> Authenticator:
    """The authenticator that is being set up; the same until it is confirmed, so that a page can be loaded again."""
    made, _is_new = Authenticator.objects.get_or_create(
        user=user, defaults={"confirmed": False, "key": Secret(random_hex(20))}
    )
    return made


def address(authenticator: Authenticator) -> str:
    """What the QR code holds (the key URI that authenticator apps read)."""
    issuer = settings.TOTP_ISSUER.replace(":", " ")
    label = quote(f"{issuer}:{authenticator.user.get_username()}")
    return f"otpauth://totp/{label}?{urlencode({'secret': spelled(authenticator), 'issuer': issuer}, quote_via=quote)}"


def spelled(authenticator: Authenticator) -> str:
    """The seed as people type it."""
    return base64.b32encode(authenticator.secret).decode().rstrip("=")


def confirm(user: Any, code: str) -> list[str] | None:
    """The backup codes when `code` is one of the authenticator that is being set up; None when it is not."""
    with transaction.atomic():
        made = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
        if made is None or not made.verify_token(_plain(code)):
            return None
        made.confirmed = True
        made.save(update_fields=["confirmed"])
        audit.note(Event.Kind.SECOND_ON, user)
        return renew_codes(user)


def renew_codes(user: Any) -> list[str]:
    """New backup codes instead of all that there were. They are known at this moment only."""
    codes = [_code() for _n in range(CODES)]
    with transaction.atomic():
        BackupCode.objects.filter(user=user).delete()
        BackupCode.objects.bulk_create(BackupCode(user=user, digest=_digest(code)) for code in codes)
        audit.note(Event.Kind.CODES_MADE, user)
    return codes


def codes_left(user: Any) -> int:
    return BackupCode.objects.filter(user=user, used_at=None).count()


def verify(user: Any, code: str) -> Outcome:
    """Look at a code of the app or a backup code. Wrong ones make the next wait twice as long; none is taken twice."""
    plain = _plain(code)
    with transaction.atomic():
        authenticator = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
        if authenticator is None:
            return Outcome(False)
        may_try, why = authenticator.verify_is_allowed()
        if not may_try:
            return Outcome(False, (why or {}).get("locked_until", timezone.now()))
        if len(plain) == Authenticator.DIGITS:
            is_right = authenticator.verify_token(plain)
        elif is_right := _use_backup(user, plain):
            authenticator.throttle_reset()
        else:
            authenticator.throttle_increment()
        if not is_right:
            audit.note(Event.Kind.SECOND_FAILED, user, actor=user)
    return Outcome(is_right)


@transaction.atomic
def remove(users: Sequence[User]) -> int:
    """Take the second step off these people, with their codes. Returns of how many."""
    BackupCode.objects.filter(user__in=users).delete()
    count, _each = Authenticator.objects.filter(user__in=users).delete()
    return count


def _use_backup(user: Any, code: str) -> bool:
    fits = BackupCode.objects.filter(user=user, digest=_digest(code), used_at=None)
    if not fits.update(used_at=timezone.now()):
        return False
    audit.note(Event.Kind.BACKUP_USED, user, actor=user, left=codes_left(user))
    return True


def _code() -> str:
    """Sixteen letters and digits in fours: 80 random bits."""
    text = base64.b32encode(secrets.token_bytes(10)).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> str:
    return "".join(char for char in code.upper() if char.isalnum())[:40]


def _digest(code: str) -> str:
    return hashlib.sha256(_plain(code).encode()).hexdigest()
