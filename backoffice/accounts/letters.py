"""Mails to a person about his own login: whoever has got hold of it cannot change it unseen.

A letter is a row, written in the transaction of the change it tells of; the worker sends it, at least once, and deletes
it. Without a mail server none is written, and the audit trail alone has it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from backoffice.accounts.models import Event, Letter
from backoffice.sync import lease
from backoffice.sync.notices.models import NoticePreference

log = logging.getLogger(__name__)

TOLD = frozenset(
    {
        Event.Kind.PASSWORD,
        Event.Kind.LINK,
        Event.Kind.LOCKED,
        Event.Kind.SECOND_ON,
        Event.Kind.SECOND_OFF,
        Event.Kind.SECOND_RESET,
        Event.Kind.CODES_MADE,
        Event.Kind.BACKUP_USED,
    }
)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)  # then it is no news any more, and the mail server has been named for as long


def note(event: Event) -> None:
    """Write the letter that this event asks for, if it does."""
    if event.kind in TOLD and event.object_type == User._meta.label_lower and not _is_known(event):
        person = User.objects.filter(pk=event.object_id).first()
        if person is not None:
            write(event, person, person.email)


def _is_known(event: Event) -> bool:
    """Whoever guesses at a name from many addresses locks it many times; its owner is told once a day."""
    if event.kind != Event.Kind.LOCKED:
        return False
    same = Event.objects.filter(object_type=event.object_type, object_id=event.object_id, kind=event.kind)
    midnight = timezone.localtime(event.at).replace(hour=0, minute=0, second=0, microsecond=0)
    return same.filter(at__gte=midnight, pk__lt=event.pk).exists()


def write(event: Event, person: User, to: str) -> None:
    """To another address than his present one where that is what has changed."""
    if to and settings.MAIL_IS_ON:
        Letter.objects.create(person=person, to=to, kind=event.kind, at=event.at, address=event.address)


def due(now: datetime) -> QuerySet[Letter]:
    return Letter.objects.filter(due_at__lte=now)


def waiting(now: datetime) -> list[QuerySet[Letter]]:
    """The rows for which a worker wakes: none while there is no mail server."""
    return [due(now).filter(lease.is_free())] if settings.MAIL_IS_ON else []


def old(now: datetime) -> QuerySet[Letter]:
    return Letter.objects.filter(at__lt=now - GIVEN_UP_AFTER)


def step(holder: str) -> int:
    """Send what is due. Returns how many letters were looked at."""
    if not settings.MAIL_IS_ON:
        return 0
    # One at a time: a lease is longer than one mail, however slow the server is.
    now = timezone.now()
    fresh = due(now).filter(at__gte=now - GIVEN_UP_AFTER).select_related("person")
    letters = lease.claim(fresh.order_by("due_at", "pk"), holder, 1)
    for letter in letters:
        mine = Letter.objects.filter(pk=letter.pk, lease_owner=holder)
        try:
            _message(letter).send()
        except (OperationalError, InterfaceError):
            raise  # the database stumbles, and would at the others
        except Exception as error:
            # Refused, out of reach, or a letter that cannot be written: it is told, and holds up no other.
            log.warning("a letter about the login of user %s could not be mailed", letter.person_id, exc_info=error)
            wait = min(FIRST_WAIT * 2 ** min(letter.failures, 10), LONGEST_WAIT)
            mine.update(failures=letter.failures + 1, due_at=timezone.now() + wait, **lease.RELEASED)
        else:
            mine.delete()
    return len(letters)


def _message(letter: Letter) -> EmailMessage:
    preference = NoticePreference.objects.filter(user=letter.person_id).first()
    with translation.override((preference.language if preference else "") or settings.LANGUAGE_CODE):
        what = _("mail address changed") if letter.kind == Event.Kind.PERSON else letter.get_kind_display()
        context = {"letter": letter, "what": what, "base": settings.PUBLIC_URL}
        return EmailMessage(
            subject=_("Your login at %(name)s: %(what)s") % {"name": settings.TOTP_ISSUER, "what": what},
            body=render_to_string("admin/accounts/letter.txt", context),
            to=[letter.to],
            headers={"Auto-Submitted": "auto-generated"},
        )
