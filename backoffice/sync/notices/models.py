"""Notice: a trouble while it lasts. NoticeReader: who has seen it. NoticePreference: what a person wants to know."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from backoffice.sync.models import Leased


class Notice(models.Model):
    """A trouble from when it was found until it is gone; there is one open row for a kind and key.

    It holds no text, but the parameters of one (`kinds.py`). `changed_at` is when it last became worse: who has seen it
    before has not seen that.
    """

    kind = models.CharField(_("kind"), max_length=40)
    key = models.CharField(_("what it is about"), max_length=191, blank=True)
    count = models.PositiveIntegerField(_("count"), default=1)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    url = models.CharField(_("where to look"), max_length=500, blank=True)
    permission = models.CharField(_("permission"), max_length=100, blank=True)
    is_grave = models.BooleanField(_("grave"), default=False)
    since = models.DateTimeField(_("since"))
    opened_at = models.DateTimeField(_("found"), default=timezone.now)
    changed_at = models.DateTimeField(_("became worse"), default=timezone.now)
    closed_at = models.DateTimeField(_("gone"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        default_permissions = ()  # who may see one is told by its kind
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], condition=Q(closed_at__isnull=True), name="notice_open")
        ]
        indexes = [
            models.Index(fields=["-closed_at"], name="notice_closed", condition=Q(closed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}".strip()


class NoticeReader(models.Model):
    """That somebody has seen a notice, or has it by mail."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="readers", verbose_name=_("notice"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("user"))
    seen_at = models.DateTimeField(_("seen"), null=True, blank=True)
    mailed_at = models.DateTimeField(_("mailed"), null=True, blank=True)

    class Meta:
        verbose_name = _("reader of a notice")
        verbose_name_plural = _("readers of notices")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["notice", "user"], name="notice_reader")]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.user_id}"


class NoticePreference(Leased):
    """What a person wants to be told, and how. Without a row: all that he may see, in the bell only.

    Whoever holds the lease is the only one who mails him; `due_at` is when to try again after a failure.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_preference", verbose_name=_("user")
    )
    hidden = models.JSONField(_("kinds not wanted"), default=list, blank=True)
    snoozed = models.JSONField(_("kinds put off"), default=dict, blank=True)  # name -> until, ISO 8601
    mails_grave = models.BooleanField(_("mail grave ones at once"), default=False)
    digest_at = models.TimeField(_("a daily digest by mail at"), null=True, blank=True)
    digest_due_at = models.DateTimeField(_("next digest"), null=True, blank=True, editable=False)
    language = models.CharField(_("language of mails"), max_length=10, blank=True)
    mailed_at = models.DateTimeField(_("last mail"), null=True, blank=True, editable=False)
    mail_failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    mail_error = models.TextField(_("why the last mail failed"), blank=True, editable=False)

    class Meta:
        verbose_name = _("notices of a person")
        verbose_name_plural = _("notices of people")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user)

    def put_off_until(self, kind: str, now: datetime) -> datetime | None:
        """Until when a kind is put off; None where it is not, or no longer."""
        until = parse_datetime(str(self.snoozed.get(kind, "")))
        return until if until is not None and until > now else None

    def put_off(self, kind: str, until: datetime | None, now: datetime) -> None:
        """Leave a kind alone until then; None takes it back."""
        kept: dict[str, Any] = {name: at for name, at in self.snoozed.items() if self.put_off_until(name, now)}
        kept.pop(kind, None)
        self.snoozed = {**kept, kind: until.isoformat()} if until is not None else kept

    def plan_digest(self, now: datetime) -> None:
        """The next moment of the daily digest, by the clock of people here."""
        self.digest_due_at = next_at(self.digest_at, now) if self.digest_at is not None else None


def next_at(clock: time, now: datetime) -> datetime:
    """The next moment after `now` at which a clock in our time zone shows that time."""
    today = timezone.localdate(now)
    moment = timezone.make_aware(datetime.combine(today, clock))
    return moment if moment > now else timezone.make_aware(datetime.combine(today + timedelta(days=1), clock))
