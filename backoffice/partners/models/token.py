"""Token: what a partner shows in `Authorization: Bearer …` (seed 002:10).

The token itself is shown once, when it is made; here is only its SHA-256, which is enough for 256 random bits. Several
are valid at a time, so that a partner can change over to a new one without a break.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models.source import Source

USED_EVERY = timedelta(minutes=1)  # how exactly the last use is known; a write for each request would be too dear
PREFIX = 8


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class TokenQuerySet(models.QuerySet["Token"]):
    def valid(self) -> TokenQuerySet:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


class Token(models.Model):
    source = models.ForeignKey(Source, models.CASCADE, related_name="tokens", verbose_name=_("source"))
    prefix = models.CharField(_("begins with"), max_length=PREFIX, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    label = models.CharField(_("label"), max_length=100, blank=True, help_text=_("What it is for, such as a server."))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True, help_text=_("Empty: for ever."))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    objects = models.Manager.from_queryset(TokenQuerySet)()

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @classmethod
    def make(cls, source: Source, *, label: str = "", expires_at: datetime | None = None) -> tuple[Token, str]:
        """A new token and its text, which is known at this moment only."""
        text = secrets.token_urlsafe(32)
        token = cls.objects.create(
            source=source, prefix=text[:PREFIX], digest=digest(text), label=label, expires_at=expires_at
        )
        return token, text

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def revoke(self) -> None:
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def used(self) -> None:
        """Note the use, at most once in USED_EVERY."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - USED_EVERY:
            Token.objects.filter(pk=self.pk).update(last_used_at=now)
