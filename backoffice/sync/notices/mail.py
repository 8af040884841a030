"""Notices by mail, for those who asked for it: grave ones at once, the rest in a daily digest. The worker sends it.

A mail tells what would ring the bell of its reader and was not mailed to him before, each notice once. It is sent at
least once: recorded after the mail server took it, because an alarm that is lost costs more than one that comes twice.
Twice it comes only when the worker dies between the two; both mails have the same Message-ID then, by which many
mailboxes show one. The lease on the reader's row keeps other workers away meanwhile.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from email.utils import parseaddr
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice.sync import lease
from backoffice.sync.notices.models import NoticePreference
from backoffice.sync.notices.reading import Shown, mark_mailed, open_for
from backoffice.sync.notices.watch import is_turn

log = logging.getLogger(__name__)

TURN = "notices-mail"
EVERY = 20.0  # seconds between two looks of all workers together
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
LISTED = 50  # notices in a mail


def is_on() -> bool:
    """Mail is off without a server and a sender."""
    return bool(settings.MAIL_IS_ON)


def step(holder: str) -> int:
    """Mail what is due, when it is time to look. Returns how many mails were sent."""
    return send_due(holder, timezone.now()) if is_on() and is_turn(TURN, EVERY) else 0


def send_due(holder: str, now: datetime) -> int:
    """Everyone who has something to get. Returns how many mails were sent."""
    wants = Q(mails_grave=True) | Q(digest_due_at__lte=now)
    due = NoticePreference.objects.filter(wants, due_at__lte=now, user__is_active=True, user__is_staff=True)
    due = due.exclude(user__email="").select_related("user").order_by("due_at", "pk")
    sent = 0
    for known in list(due):
        if not _is_digest(known, now) and not _chosen(known, now):
            continue
        # One at a time: a lease is longer than one mail, not than many. What he has to get is read again then.
        for preference in lease.claim(due.filter(pk=known.pk), holder, 1):
            sent += _serve(preference, now)
    return sent


def _is_digest(preference: NoticePreference, now: datetime) -> bool:
    return preference.digest_due_at is not None and preference.digest_due_at <= now


def _chosen(preference: NoticePreference, now: datetime) -> list[Shown]:
    """What he is mailed now."""
    waiting = [each for each in open_for(preference.user, now, preference) if each.rings and not each.is_mailed]
    is_digest = _is_digest(preference, now)
    return [each for each in waiting if is_digest or (preference.mails_grave and each.notice.is_grave)]


def _serve(preference: NoticePreference, now: datetime) -> bool:
    """Send one person what he has to get, and let his row go. Whether there was a mail."""
    chosen, is_digest = _chosen(preference, now), _is_digest(preference, now)
    values: dict[str, object] = {"mail_failures": 0, "mail_error": "", "due_at": now}
    if chosen:
        try:
            _message(preference, chosen, is_digest).send()
        except (OSError, SMTPException, ValueError) as error:
            # Refused by the server, not reachable, or an address that is none: it is told, and tried again.
            log.warning("notices could not be mailed to user %s: %s", preference.user_id, error)
            wait = min(FIRST_WAIT * 2 ** min(preference.mail_failures, 10), LONGEST_WAIT)
            values = {
                "mail_failures": preference.mail_failures + 1,
                "mail_error": f"{type(error).__name__}: {error}"[:2000],
                "due_at": now + wait,
            }
            _let_go(preference, values)
            return False
        values["mailed_at"] = timezone.now()
    if is_digest:
        preference.plan_digest(now)
        values["digest_due_at"] = preference.digest_due_at
    with transaction.atomic():
        mark_mailed(preference.user, chosen, now)
        _let_go(preference, values)
    return bool(chosen)


def _let_go(preference: NoticePreference, values: dict[str, object]) -> None:
    """The person may have changed his row meanwhile: only what is ours to say is written, while we hold it."""
    mine = NoticePreference.objects.filter(pk=preference.pk, lease_owner=preference.lease_owner)
    if "digest_due_at" in values:
        digest = values.pop("digest_due_at")
        mine.filter(digest_at=preference.digest_at).update(digest_due_at=digest)
    mine.update(**values, **lease.RELEASED)


def _message(preference: NoticePreference, chosen: list[Shown], is_digest: bool) -> EmailMessage:
    with translation.override(preference.language or settings.LANGUAGE_CODE):
        context = {
            "shown": chosen[:LISTED],
            "more": max(0, len(chosen) - LISTED),
            "base": settings.PUBLIC_URL,
            "page": settings.PUBLIC_URL + reverse("notices"),
            "settings_page": settings.PUBLIC_URL + reverse("notices-settings"),
        }
        return EmailMessage(
            subject=_subject(chosen, is_digest),
            body=render_to_string("admin/notices/mail.txt", context),
            to=[preference.user.email],
            headers={"Message-ID": _message_id(preference, chosen), "Auto-Submitted": "auto-generated"},
        )


def _subject(chosen: list[Shown], is_digest: bool) -> str:
    """One line: a notice's text may hold anything that a remote said."""
    if len(chosen) == 1 and not is_digest:
        return " ".join(chosen[0].text.split())[:150]
    if is_digest:
        return _("Notices of the day: %(count)s") % {"count": len(chosen)}
    return ngettext("%(count)s notice needs a person", "%(count)s notices need a person", len(chosen)) % {
        "count": len(chosen)
    }


def _message_id(preference: NoticePreference, chosen: list[Shown]) -> str:
    """The same for the same notices of the same person."""
    about = ",".join(str(key) for key in sorted(each.notice.pk for each in chosen))
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or urlsplit(settings.PUBLIC_URL).hostname
    return f"<notices-{hashlib.sha256(f'{preference.user_id}:{about}'.encode()).hexdigest()[:32]}@{host}>"
