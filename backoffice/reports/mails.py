"""Reports by mail: each saved view that somebody subscribed to, as a file, at its time. The worker sends them.

A mail is made with the rights that its owner has when it leaves, never with those he had when he asked for it. As with
notices, it is sent at least once, by one worker at a time, and a failure is tried again and shown to the owner. Days
that were missed are not sent one by one: the latest mail is, and a retry is of the same days as the first attempt.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import OperationalError
from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from backoffice import spreadsheets
from backoffice.reports import exports, registry
from backoffice.reports.access import Reader
from backoffice.reports.exports import Asked
from backoffice.reports.filters import PERIODS, USUAL
from backoffice.reports.models import ReportSubscription
from backoffice.reports.report import page_of
from backoffice.sync import lease
from backoffice.sync.models import ExportLog
from backoffice.sync.notices import mail
from backoffice.sync.notices.mail import FIRST_WAIT, LONGEST_WAIT
from backoffice.sync.notices.watch import is_turn

log = logging.getLogger(__name__)

TURN = "reports-mail"
EVERY = 20.0  # seconds between two looks of all workers together
MOST_ROWS = 20_000  # rows of a file that is mailed
MOST_BYTES = 8 << 20  # of it: what mailboxes take, with what sending as text adds

Stop = ReportSubscription.Stop


class Stopped(Exception):
    """There is nothing to mail until a person changes something."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class File:
    """A table as a file. `is_cut`: there are more rows than it has."""

    content: bytes
    rows: int
    is_cut: bool


def step(holder: str) -> int:
    """Mail what is due, when it is time to look. Returns how many mails were sent."""
    return send_due(holder, timezone.now()) if mail.is_on() and is_turn(TURN, EVERY) else 0


def send_due(holder: str, now: datetime) -> int:
    """All that is due. Returns how many mails were sent."""
    due = ReportSubscription.objects.filter(due_at__lte=now, stopped="").order_by("due_at", "pk")
    sent = 0
    for key in list(due.values_list("pk", flat=True)):
        # One at a time: a lease is longer than one mail, not than many.
        for subscription in lease.claim(due.filter(pk=key), holder, 1):
            sent += _serve(subscription, now)
    return sent


def _serve(subscription: ReportSubscription, now: datetime) -> bool:
    """Send one mail, and let the row go. Whether a report was sent."""
    day = timezone.localdate(subscription.last_until(now))
    with translation.override(subscription.language or settings.LANGUAGE_CODE):
        try:
            try:
                asked = asked_by(subscription, day)
            except Stopped as stopped:
                _tell_stopped(subscription, stopped.why)
                _let_go(subscription, {"stopped": stopped.why})
                return False
            values = _send(subscription, asked, day)
        except OperationalError:
            raise  # the database, not the report: the next round tries again
        except Exception as error:
            # The mail server, or the report itself: it is told, tried again, and holds up no other report.
            log.exception("report %s could not be mailed", subscription.pk)
            wait = min(FIRST_WAIT * 2 ** min(subscription.failures, 10), LONGEST_WAIT)
            failed = {"failures": subscription.failures + 1, "error": f"{type(error).__name__}: {error}"[:2000]}
            _let_go(subscription, {**failed, "due_at": now + wait})
            return False
    _let_go(subscription, {"failures": 0, "error": "", "due_at": subscription.next_after(now), **values})
    return True


def asked_by(subscription: ReportSubscription, day: date) -> Asked:
    """What its owner would see of the view on that day. Raises Stopped where he would see nothing."""
    owner = subscription.owner
    if not (owner.is_active and owner.is_staff):
        raise Stopped(Stop.PERSON)
    if not owner.email:
        raise Stopped(Stop.ADDRESS)
    reader, entry = Reader.of(owner), registry.entry_of(subscription.view)
    if entry is None or subscription.view not in reader.views(page_of(entry)):
        raise Stopped(Stop.VIEW)
    if not (entry.may_be_seen_by(reader) and reader.may_export):
        raise Stopped(Stop.RIGHT)
    assert subscription.view is not None
    asked = registry.ask(entry, reader, dated(subscription.view.query, day))
    if not asked.is_valid:
        raise Stopped(Stop.FILTERS)
    return asked


def dated(query: str, day: date) -> QueryDict:
    """The filters of a view, with the days that its period means on that day."""
    found = QueryDict(query, mutable=True)
    if not (found.get("since") or found.get("until")):
        first, last = PERIODS.get(found.get("period") or USUAL, PERIODS[USUAL])[1](day)
        found.pop("period", None)
        found["since"], found["until"] = first.isoformat(), last.isoformat()
    return found


def may_get(user: User, asked: Asked) -> bool:
    """Whether a person works here, has an address, and may see all that is in the mail."""
    reader = Reader.of(user)
    is_here = user.is_active and user.is_staff and bool(user.email)
    return is_here and asked.report.may_be_seen_by(reader) and reader.sees_all_of(asked.reader)


def _send(subscription: ReportSubscription, asked: Asked, day: date) -> dict[str, Any]:
    """What the row says of the mail that was sent."""
    others = list(subscription.recipients.order_by("pk"))
    known = [user for user in others if user != subscription.owner and may_get(user, asked)]
    left_out = [user.get_username() for user in others if user != subscription.owner and user not in known]
    addresses = [user.email for user in (subscription.owner, *known)]
    noted = exports.log(asked, subscription.format, _("by mail to %(people)s") % {"people": ", ".join(addresses)})
    file = make_file(asked, subscription.format)
    message = _message(subscription, asked, file, day)
    message.to = addresses
    if not lease.renew(ReportSubscription, [subscription.pk], subscription.lease_owner):
        raise OSError("the file took longer than the lease")
    message.send()
    ExportLog.objects.filter(pk=noted.pk).update(row_count=file.rows)
    return {
        "sent_at": timezone.now(),
        "row_count": file.rows,
        "is_cut": file.is_cut,
        "left_out": ", ".join(left_out)[:500],
    }


def make_file(asked: Asked, kind: str) -> File:
    """The first MOST_ROWS rows, fewer where they come to MOST_BYTES."""
    header, rows, foot = asked.table()
    content = bytearray()
    bounded = _Bounded(rows, foot, content)
    if kind == spreadsheets.CSV:
        parts = spreadsheets.stream_csv(header, bounded)
    else:
        parts = spreadsheets.stream_xlsx(header, bounded, str(asked.report.title))
    for part in parts:
        content += part
    return File(bytes(content), bounded.count, bounded.is_cut)


class _Bounded:
    """Rows until there are too many, or what was written of them is too long. After all of them, their foot."""

    def __init__(self, rows: Iterable[spreadsheets.Row], foot: Iterable[spreadsheets.Row], written: bytearray) -> None:
        self._rows, self._foot, self._written = rows, foot, written
        self.count, self.is_cut = 0, False

    def __iter__(self) -> Iterator[spreadsheets.Row]:
        for row in self._rows:
            if self.count >= MOST_ROWS or len(self._written) >= MOST_BYTES:
                self.is_cut = True
                return
            self.count += 1
            yield row
        yield from self._foot


def _message(subscription: ReportSubscription, asked: Asked, file: File, day: date) -> EmailMessage:
    first, last = asked.filters.days
    context = {
        "title": subscription.title,
        "report": asked.report.title,
        "first": first,
        "last": last,
        "file": file,
        "live": f"{settings.PUBLIC_URL}{reverse('report', args=[asked.report.name])}?{asked.query.urlencode()}",
        "owner": subscription.owner,
        "page": settings.PUBLIC_URL + reverse("report-mails"),
    }
    message = EmailMessage(
        subject=_one_line(f"{subscription.title}, {first:%Y-%m-%d} – {last:%Y-%m-%d}"),
        body=render_to_string("reports/mail.txt", context),
        headers={"Message-ID": _message_id(subscription, str(day)), "Auto-Submitted": "auto-generated"},
    )
    name = f"{asked.report.name}-{first:%Y-%m-%d}-{last:%Y-%m-%d}.{subscription.format}"
    message.attach(name, file.content, spreadsheets.TYPES[subscription.format].partition(";")[0])
    return message


def _tell_stopped(subscription: ReportSubscription, why: str) -> None:
    """To the owner, where he can still be told; no figure is in it."""
    owner = subscription.owner
    if why in (Stop.PERSON, Stop.ADDRESS):
        return
    context = {"title": subscription.title, "why": Stop(why).label, "page": settings.PUBLIC_URL + reverse("reports")}
    EmailMessage(
        subject=_one_line(_("No more mails of “%(title)s”") % {"title": subscription.title}),
        body=render_to_string("reports/mail_stopped.txt", context),
        to=[owner.email],
        headers={"Message-ID": _message_id(subscription, why), "Auto-Submitted": "auto-generated"},
    ).send()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:150]


def _message_id(subscription: ReportSubscription, about: str) -> str:
    """The same for the same mail of the same subscription."""
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or urlsplit(settings.PUBLIC_URL).hostname
    return f"<report-{hashlib.sha256(f'{subscription.pk}:{about}'.encode()).hexdigest()[:32]}@{host}>"


def _let_go(subscription: ReportSubscription, values: dict[str, Any]) -> None:
    """Only what is ours to say is written, while we hold the row: its owner may have changed it meanwhile."""
    mine = ReportSubscription.objects.filter(pk=subscription.pk, lease_owner=subscription.lease_owner)
    mine.update(**values, **lease.RELEASED)
