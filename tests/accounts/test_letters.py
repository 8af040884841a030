"""Mails to a person about his own login."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from backoffice.accounts import audit, letters, retention, second
from backoffice.accounts.models import Event, Letter
from backoffice.sync import lease, worker
from backoffice.sync.lookout import Lookout
from backoffice.sync.notices.models import NoticePreference
from tests.accounts.logging_in import attempt, browser_of, code, person, with_second_step

pytestmark = pytest.mark.django_db
ADDRESS = "anna@example.com"


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.MAIL_IS_ON, settings.DEFAULT_FROM_EMAIL = True, "Office <office@example.com>"
    settings.PUBLIC_URL, settings.LANGUAGE_CODE = "https://office.example.com", "en"


class Broken(BaseEmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError("nobody listens")


def waiting() -> list[str]:
    return list(Letter.objects.order_by("pk").values_list("kind", flat=True))


def send() -> None:
    while letters.step(lease.owner("letters")):
        pass


def test_a_changed_password_is_told_with_when_and_from_where(mailoutbox: list[Any]) -> None:
    anna = person("anna", email=ADDRESS)
    new = {"old_password": "a long password 17", "new_password1": "quiet river 44", "new_password2": "quiet river 44"}
    assert browser_of(anna, REMOTE_ADDR="192.0.2.7").post("/admin/password_change/", new).status_code == 302
    assert waiting() == ["password"]
    send()
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([ADDRESS], "Your login at Courier back office: password changed")
    for words in ("About your login anna", "192.0.2.7", "https://office.example.com/admin/account/"):
        assert words in mail.body
    assert "quiet river" not in mail.body
    assert waiting() == []


def test_each_change_of_the_second_step_is_told() -> None:
    anna = person("anna", email=ADDRESS)
    codes = with_second_step(anna)
    assert second.verify(anna, codes[0]).is_right
    second.renew_codes(anna)
    boss = browser_of(person("boss", is_superuser=True))
    boss.post(f"/admin/auth/user/{anna.pk}/second-step/")
    boss.post(f"/admin/auth/user/{anna.pk}/password-link/")
    assert waiting() == ["second_on", "codes_made", "backup_used", "codes_made", "second_reset", "link"]


def test_turning_it_off_is_told(settings: Any) -> None:
    anna = person("anna", email=ADDRESS)
    with_second_step(anna)
    browser = browser_of(anna)
    browser.post("/admin/account/second-step/", {"code": code(anna)})
    Letter.objects.all().delete()
    codes = second.renew_codes(anna)
    browser.post("/admin/account/authenticator/off/", {"password": "a long password 17", "code": codes[0]})
    assert waiting() == ["codes_made", "backup_used", "second_off"]


def test_a_new_mail_address_is_told_to_the_old_one(mailoutbox: list[Any]) -> None:
    anna = person("anna", email=ADDRESS)
    anna.email = "thief@example.com"
    anna.save()
    send()
    (mail,) = mailoutbox
    assert (mail.to, "mail address changed" in mail.subject) == ([ADDRESS], True)
    assert Event.objects.filter(kind=Event.Kind.PERSON, details__email=[ADDRESS, "thief@example.com"]).exists()


def test_guessers_lock_a_name_often_and_its_owner_is_told_once_a_day(settings: Any) -> None:
    settings.LOGIN_FAILURES = settings.AXES_FAILURE_LIMIT = 2
    anna = person("anna", email=ADDRESS)
    for number in range(3):
        for _ in range(2):
            attempt("anna", "wrong", REMOTE_ADDR=f"192.0.2.{number}")
    assert Event.objects.filter(kind=Event.Kind.LOCKED, object_id=str(anna.pk)).count() == 3
    assert waiting() == ["locked"]


@pytest.mark.parametrize("lack", ["server", "address"])
def test_nothing_is_written_that_cannot_be_sent(lack: str, settings: Any) -> None:
    settings.MAIL_IS_ON = lack != "server"
    anna = person("anna", email="" if lack == "address" else ADDRESS)
    with_second_step(anna)
    assert waiting() == []


def test_it_is_in_the_language_of_the_person(mailoutbox: list[Any]) -> None:
    anna = person("anna", email=ADDRESS)
    NoticePreference.objects.create(user=anna, language="ru")
    audit.note(Event.Kind.PASSWORD, anna)
    send()
    assert "пароль изменён" in mailoutbox[0].subject


def test_a_letter_that_cannot_be_sent_waits_and_is_given_up_at_last(settings: Any, mailoutbox: list[Any]) -> None:
    anna = person("anna", email=ADDRESS)
    audit.note(Event.Kind.PASSWORD, anna)
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Broken"
    send()
    letter = Letter.objects.get()
    assert (letter.failures, letter.lease_owner, letter.due_at > timezone.now()) == (1, "", True)
    settings.EMAIL_BACKEND = backend
    Letter.objects.update(due_at=timezone.now())
    send()
    assert (len(mailoutbox), waiting()) == (1, [])
    audit.note(Event.Kind.PASSWORD, anna)
    Letter.objects.update(at=timezone.now() - letters.GIVEN_UP_AFTER - timedelta(minutes=1))
    assert [rows.count() for rows in retention.old(timezone.now()) if rows.model is Letter] == [1]


def test_the_worker_sends_them(mailoutbox: list[Any]) -> None:
    audit.note(Event.Kind.PASSWORD, person("anna", email=ADDRESS))
    worker.drain(lease.owner())
    assert len(mailoutbox) == 1


@pytest.mark.parametrize("is_on", [True, False])
def test_the_lookout_sees_what_waits(is_on: bool, settings: Any) -> None:
    audit.note(Event.Kind.PASSWORD, person("anna", email=ADDRESS))
    settings.MAIL_IS_ON = is_on
    assert ("letters about logins" in Lookout(worker.loops()).due()) is is_on
