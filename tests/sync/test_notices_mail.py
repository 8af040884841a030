"""Notices by mail: who gets which, each once, whoever sends, and what happens when the mail server fails."""

from __future__ import annotations

import smtplib
import threading
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.db.models.functions import Now
from django.test import Client as Browser
from django.utils import timezone

from backoffice.sync.models import Notice, NoticePreference, NoticeReader, Push
from backoffice.sync.notices import mail, watch
from backoffice.sync.notices.models import next_at
from backoffice.sync.notices.reading import mark_seen, open_for

pytestmark = pytest.mark.django_db

SETTINGS = "/admin/notices/settings/"


@pytest.fixture(autouse=True)
def _mail_is_on(settings: Any) -> None:
    settings.MAIL_IS_ON = True
    settings.DEFAULT_FROM_EMAIL = "Office <office@example.com>"
    settings.PUBLIC_URL = "https://office.example.com"


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def reader(name: str = "anna", group: str = "Dispatchers", **wishes: Any) -> NoticePreference:
    user = User.objects.create_user(name, email=f"{name}@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    wishes = {"mails_grave": True, "language": "en", "due_at": timezone.now() - timedelta(days=1), **wishes}
    return NoticePreference.objects.create(user=user, **wishes)


def notice(now: datetime, kind: str = "refused", *, is_grave: bool = True, **params: Any) -> Notice:
    made = {"count": 1, **params}
    return Notice.objects.create(
        kind=kind, key=str(Notice.objects.count()), since=now, is_grave=is_grave, params=made, url="/admin/sync/push/"
    )


def send(now: datetime, holder: str = "one") -> list[str]:
    """A look of the worker; the addresses that got a mail."""
    outbox.outbox.clear()
    mail.send_due(holder, now)
    return sorted(message.to[0] for message in outbox.outbox)


# who gets what


def test_a_grave_one_is_mailed_at_once_and_once(now: datetime) -> None:
    reader()
    notice(now, count=3)
    notice(now, is_grave=False)
    assert send(now) == ["anna@example.com"]
    (message,) = outbox.outbox
    assert message.subject == "3 changes were refused"
    assert message.from_email == "Office <office@example.com>"
    assert "https://office.example.com/admin/sync/push/" in message.body
    assert "https://office.example.com/admin/notices/settings/" in message.body
    assert message.body.count("refused") == 1
    assert send(now + timedelta(days=1)) == []
    notice(now, count=7)
    notice(now, count=8)
    assert send(now + timedelta(days=1)) == ["anna@example.com"]
    assert outbox.outbox[0].subject == "2 notices need a person"


@pytest.mark.parametrize(
    "wishes",
    [{"mails_grave": False}, {"hidden": ["refused"]}, {"snoozed": {"refused": "2999-01-01T00:00:00+00:00"}}],
    ids=["off", "not wanted", "put off"],
)
def test_who_does_not_want_it_gets_none(now: datetime, wishes: dict[str, Any]) -> None:
    reader(**wishes)
    notice(now)
    assert send(now) == []


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_staff": False}, {"email": ""}])
def test_who_may_not_or_cannot_be_told_gets_none(now: datetime, values: dict[str, Any]) -> None:
    User.objects.filter(pk=reader().user_id).update(**values)
    notice(now)
    assert send(now) == []


def test_rights_are_those_of_now(now: datetime) -> None:
    anna, boris = reader("anna"), reader("boris", "Accountants")
    notice(now)
    anna.user.groups.clear()
    assert boris.mails_grave
    assert send(now) == []


def test_what_was_seen_or_is_over_is_not_mailed(now: datetime) -> None:
    anna = reader()
    seen, over = notice(now), notice(now)
    mark_seen(anna.user, [each for each in open_for(anna.user, now) if each.notice == seen], timezone.now())
    Notice.objects.filter(pk=over.pk).update(closed_at=now)
    assert send(now) == []


def test_the_mail_is_in_the_language_of_its_reader(now: datetime) -> None:
    reader("anna", language="ru")
    reader("boris", language="en")
    notice(now, count=5)
    send(now)
    assert {message.to[0]: message.subject for message in outbox.outbox} == {
        "anna@example.com": "Отклонено 5 изменений",
        "boris@example.com": "5 changes were refused",
    }


def test_a_digest_comes_at_its_time_with_all_that_is_open(now: datetime) -> None:
    anna = reader(mails_grave=False, digest_at=time(9, 0))
    anna.plan_digest(now)
    anna.save()
    due = anna.digest_due_at
    notice(now)
    notice(now, "callbacks", is_grave=False)
    assert send(due - timedelta(seconds=1)) == []
    assert send(due) == ["anna@example.com"]
    assert outbox.outbox[0].subject == "Notices of the day: 2"
    assert send(due + timedelta(minutes=1)) == []
    anna.refresh_from_db()
    assert anna.digest_due_at == due + timedelta(days=1)
    assert send(due + timedelta(days=1)) == []  # nothing new, no mail
    anna.refresh_from_db()
    assert anna.digest_due_at == due + timedelta(days=2)


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-03-10T05:59:00Z", "2026-03-10T06:00:00Z"), ("2026-03-10T06:00:00Z", "2026-03-11T06:00:00Z")],
)
def test_the_time_of_a_digest_is_that_of_people_here(at: str, expected: str) -> None:
    assert next_at(time(9, 0), datetime.fromisoformat(at)) == datetime.fromisoformat(expected)


def test_what_a_remote_says_breaks_no_header(now: datetime) -> None:
    reader(group="Managers")
    notice(now, "remotes", remote="iRECA", why="down", reason="no\r\nBcc: all@example.com\n<b>answer</b>")
    assert send(now) == ["anna@example.com"]
    (message,) = outbox.outbox
    assert message.subject == "iRECA is not reachable. no Bcc: all@example.com <b>answer</b>"
    assert message.recipients() == ["anna@example.com"]
    assert "<b>answer</b>" in message.body  # plain text, nothing escaped


def test_without_a_server_nothing_is_mailed(now: datetime, settings: Any) -> None:
    settings.MAIL_IS_ON = False
    reader()
    notice(now)
    assert mail.step("one") == 0
    assert outbox.outbox == []
    settings.MAIL_IS_ON = True
    assert mail.step("one") == 1


# failures


class Broken(EmailBackend):
    """A mail server that refuses."""

    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({"anna@example.com": (550, b"no such mailbox")})


def test_a_failure_is_told_and_tried_again_ever_later(now: datetime, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    anna = reader()
    notice(now)
    waits = []
    at = now
    for _attempt in range(8):
        assert send(at) == []
        anna.refresh_from_db()
        waits.append((anna.due_at - at).total_seconds() / 60)
        assert send(anna.due_at - timedelta(seconds=1)) == []
        at = anna.due_at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert "no such mailbox" in anna.mail_error
    assert anna.lease_owner == ""
    assert not NoticeReader.objects.exists()
    Push.objects.create(entity="orders", object_id=1, state="refused")
    watch.watch(at, all_kinds=True)
    assert Notice.objects.get(kind="mail").params["error"] == anna.mail_error
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send(at) == ["anna@example.com"]
    anna.refresh_from_db()
    assert (anna.mail_failures, anna.mail_error) == (0, "")


class FailsForAnna(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        if messages[0].to == ["anna@example.com"]:
            raise ConnectionResetError("gone")
        return super().send_messages(messages)


def test_one_bad_address_holds_up_nobody(now: datetime, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.FailsForAnna"
    reader("anna"), reader("boris")
    notice(now)
    assert send(now) == ["boris@example.com"]


class Dies(EmailBackend):
    """The server takes the mail, and the worker is killed before it can record that."""

    def send_messages(self, messages: Any) -> int:
        super().send_messages(messages)
        raise SystemExit


def test_a_kill_after_the_mail_left_sends_it_again_with_the_same_id(now: datetime, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Dies"
    reader()
    notice(now)
    with pytest.raises(SystemExit):
        mail.send_due("one", now)
    first = outbox.outbox[0].extra_headers["Message-ID"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send(now, "two") == []  # the dead one's lease still holds
    NoticePreference.objects.update(lease_until=Now() - timedelta(seconds=1))  # leases go by the database's clock
    assert send(now, "two") == ["anna@example.com"]
    assert outbox.outbox[0].extra_headers["Message-ID"] == first
    assert first.endswith("@example.com>")
    assert send(now + timedelta(days=1)) == []


class Slow(EmailBackend):
    """Two workers are within the sending at the same time, if nothing keeps the second one out."""

    meeting = threading.Barrier(2)

    def send_messages(self, messages: Any) -> int:
        try:
            self.meeting.wait(timeout=1.5)
        except threading.BrokenBarrierError:
            self.meeting.reset()
        return super().send_messages(messages)


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_mail(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Slow"
    now = timezone.now()
    user = User.objects.create_superuser("anna", "anna@example.com")
    NoticePreference.objects.create(user=user, mails_grave=True, language="en", due_at=now)
    for _number in range(3):
        notice(now)
    sent: list[int] = []
    start = threading.Barrier(2)

    def work(holder: str) -> None:
        try:
            start.wait(5)
            sent.append(mail.send_due(holder, now))
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(holder,)) for holder in ("one", "two")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert sorted(sent) == [0, 1]
    assert len(outbox.outbox) == 1
    assert NoticeReader.objects.filter(mailed_at__isnull=False).count() == 3


# the page


def visit(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    browser.cookies["django_language"] = "en"
    return browser


def test_asking_for_mail(now: datetime) -> None:
    user = User.objects.create_superuser("anna", "anna@example.com")
    page = visit(user).get(SETTINGS)
    assert "anna@example.com" in page.content.decode()
    wanted = {"kinds": ["refused"], "mails_grave": "on", "digest_at": "09:30", "language": "ru"}
    assert visit(user).post(SETTINGS, wanted).status_code == 302
    row = NoticePreference.objects.get()
    assert (row.mails_grave, row.digest_at, row.language) == (True, time(9, 30), "ru")
    assert row.digest_due_at == next_at(time(9, 30), now)
    visit(user).post(SETTINGS, {"kinds": ["refused"], "digest_at": "", "language": "ru"})
    row.refresh_from_db()
    assert (row.mails_grave, row.digest_at, row.digest_due_at) == (False, None, None)


def test_the_page_says_why_there_is_no_mail(settings: Any) -> None:
    user = User.objects.create_superuser("anna", "")
    wanted = {"kinds": ["refused"], "mails_grave": "on", "digest_at": "09:30", "language": "ru"}
    assert "has no mail address" in visit(user).get(SETTINGS).content.decode()
    settings.MAIL_IS_ON = False
    assert "Mail is off" in visit(user).get(SETTINGS).content.decode()
    assert visit(user).post(SETTINGS, wanted).status_code == 302
    row = NoticePreference.objects.get()
    assert (row.mails_grave, row.digest_at) == (False, None)


def test_failures_are_shown_to_the_reader_and_to_administrators() -> None:
    anna = reader(mail_failures=2, mail_error="SMTPException: full")
    assert "SMTPException: full" in visit(anna.user).get(SETTINGS).content.decode()
    admin = User.objects.create_superuser("admin", "")
    assert "SMTPException: full" in visit(admin).get(SETTINGS).content.decode()
    other = reader("olga", "Accountants")
    assert "SMTPException: full" not in visit(other.user).get(SETTINGS).content.decode()
