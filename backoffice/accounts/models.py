"""Event: the audit trail. Letter: a mail about a login, on its way. Visit: a session of a person. Attempt: failed
logins that are counted now. Authenticator and BackupCode: the second step of a login.
"""

from __future__ import annotations

import time
from binascii import unhexlify
from typing import Any, NoReturn

from axes.models import AccessAttempt
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from backoffice.secrets import EncryptedTextField
from backoffice.sync.models import Leased
from backoffice.values import whole_number


class AppendOnly(Exception):
    """Somebody tried to change or to delete what the audit trail says."""


class EventQuerySet(models.QuerySet["Event"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class Event(models.Model):
    """One line of the audit trail. It refers to nothing, so that no deletion changes it; it holds no personal data of
    clients, only which row was meant.

    Rows are added and, when AUDIT_DAYS have passed, deleted by the worker; nothing else.
    """

    class Kind(models.TextChoices):
        LOGIN = "login", _("logged in")
        LOGOUT = "logout", _("logged out")
        FAILURE = "failure", _("login failed")
        LOCKED = "locked", _("login locked")
        UNLOCKED = "unlocked", _("login unlocked")
        SECOND_PASSED = "second_passed", _("second step passed")
        SECOND_FAILED = "second_failed", _("wrong code of the second step")
        SECOND_ON = "second_on", _("second step set up")
        SECOND_OFF = "second_off", _("second step turned off")
        SECOND_RESET = "second_reset", _("second step taken off by an administrator")
        BACKUP_USED = "backup_used", _("backup code used")
        CODES_MADE = "codes_made", _("new backup codes")
        PASSWORD = "password", _("password changed")
        LINK = "link", _("link to choose a password made")
        SESSION_ENDED = "session_ended", _("session ended")
        PERSON = "person", _("account changed")
        RIGHTS = "rights", _("rights changed")
        TOKEN_MADE = "token_made", _("API token made")
        TOKEN_REVOKED = "token_revoked", _("API token revoked")
        SECRETS = "secrets", _("secrets encrypted anew")
        CLIENT_EXPORTED = "client_exported", _("data of a client given out")
        CLIENT_ERASED = "client_erased", _("data of a client erased")

    at = models.DateTimeField(_("when"), default=timezone.now, db_index=True, editable=False)
    kind = models.CharField(_("what"), max_length=20, choices=Kind, editable=False)
    actor_id = models.BigIntegerField(_("who, key"), null=True, editable=False)
    actor = models.CharField(_("who"), max_length=150, blank=True, editable=False)
    address = models.GenericIPAddressField(_("from address"), null=True, editable=False)
    object_type = models.CharField(_("of kind"), max_length=100, blank=True, editable=False)
    object_id = models.CharField(_("object"), max_length=100, blank=True, editable=False)
    details = models.JSONField(_("details"), default=dict, editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        default_permissions = ("view",)
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["actor_id", "-at"], name="event_actor"),
            models.Index(fields=["object_type", "object_id", "-at"], name="event_object"),
            models.Index(fields=["kind", "-at"], name="event_kind"),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class Letter(Leased):
    """A mail to a person about his own login that has not been sent yet (`letters.py`)."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("to whom"), editable=False
    )
    to = models.EmailField(_("mail address"), editable=False)
    kind = models.CharField(_("what"), max_length=20, choices=Event.Kind, editable=False)
    at = models.DateTimeField(_("when"), editable=False)
    address = models.GenericIPAddressField(_("from address"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)

    class Meta:
        verbose_name = _("letter about a login")
        verbose_name_plural = _("letters about logins")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.person}"


class Visit(models.Model):
    """A session of a person, from login to its end. `key` is the session's while it lasts."""

    class End(models.TextChoices):
        NONE = "", _("is open")
        LOGOUT = "logout", _("logged out")
        IDLE = "idle", _("nothing done for too long")
        AGE = "age", _("lasted too long")
        PERSON = "person", _("ended by the person")
        ADMIN = "admin", _("ended by an administrator")
        PASSWORD = "password", _("password changed")
        SECOND = "second", _("second step changed")
        INACTIVE = "inactive", _("account deactivated")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="visits", verbose_name=_("who"), editable=False
    )
    key = models.CharField(max_length=40, unique=True, null=True, editable=False)
    begun_at = models.DateTimeField(_("begun"), default=timezone.now, editable=False)
    seen_at = models.DateTimeField(_("last seen"), default=timezone.now, db_index=True, editable=False)
    address = models.GenericIPAddressField(_("from address"), null=True, editable=False)
    agent = models.CharField(_("browser"), max_length=300, blank=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    end = models.CharField(_("why it ended"), max_length=20, choices=End, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        default_permissions = ("view",)
        permissions = [("end_visit", "Can end sessions of others")]
        ordering = ["-seen_at"]
        indexes = [models.Index(fields=["user", "-seen_at"], name="visit_open", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.user} {self.begun_at:%Y-%m-%d %H:%M}"


class Attempt(AccessAttempt):
    """The failures of a name at an address with one browser, under names that people here read."""

    class Meta:
        proxy = True
        verbose_name = _("failed login")
        verbose_name_plural = _("failed logins")
        default_permissions = ("view",)
        permissions = [("unlock", "Can unlock failed logins")]

    def __str__(self) -> str:
        return self.username or ""


class Authenticator(TimestampMixin, ThrottlingMixin, Device):
    """A person's app that makes codes (RFC 6238: SHA-1, 6 digits, 30 seconds). One for a person.

    `last_t` is the step of the last code that was taken: no code of that step or before is taken again.
    """

    STEP, DIGITS, TOLERANCE = 30, 6, 1

    key = EncryptedTextField(editable=False)  # hexadecimal
    last_t = models.BigIntegerField(default=-1, editable=False)

    class Meta:
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        default_permissions = ()
        permissions = [("reset_authenticator", "Can take off the second step of others")]
        constraints = [models.UniqueConstraint(fields=["user"], name="authenticator_once")]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def secret(self) -> bytes:
        return unhexlify(self.key)

    def get_throttle_factor(self) -> float:
        return 1.0  # seconds to wait after the first wrong code; each further one doubles it

    def verify_token(self, token: str) -> bool:
        """Whether it is a code of now that was not taken before. The row must be locked."""
        if not self.verify_is_allowed()[0]:
            return False
        totp = TOTP(self.secret, self.STEP, digits=self.DIGITS)
        totp.time = time.time()
        code = whole_number(token)
        is_right = code is not None and totp.verify(code, self.TOLERANCE, self.last_t + 1)
        if is_right:
            self.last_t = totp.t()
            self.throttle_reset(commit=False)
            self.set_last_used_timestamp(commit=False)
            self.save()
        else:
            self.throttle_increment()
        return is_right


class BackupCode(models.Model):
    """A code for who lost the phone, good for once. Only its SHA-256 is here, which is enough for 80 random bits."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="backup_codes", verbose_name=_("whose"), editable=False
    )
    digest = models.CharField(max_length=64, editable=False)
    used_at = models.DateTimeField(_("used"), null=True, editable=False)

    class Meta:
        verbose_name = _("backup code")
        verbose_name_plural = _("backup codes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="backup_code_once")]

    def __str__(self) -> str:
        return str(self.user)
