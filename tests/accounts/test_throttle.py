"""Failed logins lock a person at an address, and an address; never a person everywhere, never the API."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.test import Client as Browser
from pytest_django.fixtures import Settings
from time_machine import travel

from backoffice.accounts.models import Event
from backoffice.partners.models import Scope, Source, Token
from backoffice.sync import retention
from tests.accounts.logging_in import INDEX, attempt, kinds, person

pytestmark = pytest.mark.django_db

HERE, THERE = {"REMOTE_ADDR": "198.51.100.7"}, {"REMOTE_ADDR": "203.0.113.9"}


def test_wrong_passwords_lock_the_person_at_that_address_only() -> None:
    person("anna")
    person("boris")
    answers = [attempt("anna", "wrong", **HERE) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert attempt("anna", **HERE).status_code == 429  # the right password, too late
    assert attempt("anna", **THERE).status_code == 302
    assert attempt("boris", **HERE).status_code == 302
    assert kinds().count(Event.Kind.LOCKED) >= 1


def test_the_page_looks_like_the_login_in_both_languages_and_tells_nothing_of_the_person() -> None:
    person("anna")
    browser = Browser()
    for _ in range(5):
        page = attempt("anna", "wrong", browser)
    for _ in range(5):
        other = attempt("nobody-at-all", "wrong")
    browser.cookies["django_language"] = "ru"
    russian = browser.post("/admin/login/", {"username": "anna", "password": "wrong"})

    assert "Too many failed attempts" in page.content.decode()
    assert page["Retry-After"] == "900"
    assert other.status_code == 429
    assert "Слишком много неудачных попыток" in russian.content.decode()
    assert "anna" not in page.content.decode()


def test_the_lock_ends_by_itself_and_is_not_prolonged_by_trying() -> None:
    person("anna")
    with travel("2026-03-02 09:00:00+03:00", tick=False) as clock:
        for _ in range(5):
            attempt("anna", "wrong")
        clock.shift(14 * 60)
        assert attempt("anna").status_code == 429
        clock.shift(2 * 60)
        assert attempt("anna").status_code == 302
    assert AccessAttempt.objects.count() == 0


def test_an_address_that_tries_many_names_is_locked_for_all(settings: Settings) -> None:
    settings.LOGIN_ADDRESS_FAILURES = 8
    person("anna")
    for number in range(8):
        assert attempt(f"name-{number}", "wrong", **HERE).status_code == 200

    assert attempt("anna", **HERE).status_code == 429
    assert attempt("anna", **THERE).status_code == 302


def test_who_gets_in_does_not_forgive_others_at_the_address(settings: Settings) -> None:
    settings.LOGIN_ADDRESS_FAILURES = 6
    person("anna")
    for number in range(5):
        attempt(f"name-{number}", "wrong", **HERE)
    attempt("anna", "wrong", **HERE)
    assert attempt("anna", **HERE).status_code == 429


def test_the_address_is_what_our_proxies_have_seen(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    person("anna")
    for number in range(5):  # whoever claims to come from elsewhere each time
        attempt("anna", "wrong", headers={"x-forwarded-for": f"10.0.0.{number}, 198.51.100.7"})

    assert attempt("anna", headers={"x-forwarded-for": "10.0.0.9, 198.51.100.7"}).status_code == 429
    assert attempt("anna", headers={"x-forwarded-for": "198.51.100.7, 203.0.113.9"}).status_code == 302
    assert Event.objects.filter(kind=Event.Kind.FAILURE).first().address == "198.51.100.7"


def test_the_api_knows_nothing_of_it() -> None:
    _token, text = Token.make(Source.objects.create(title="Shop", scopes=list(Scope.values)))
    for _ in range(6):
        attempt("anna", "wrong", **HERE)
    wrong = [Browser().get("/api/v1/orders", headers={"authorization": "Bearer no"}, **THERE) for _ in range(9)]

    right = Browser().get("/api/v1/orders", headers={"authorization": f"Bearer {text}"}, **HERE)
    assert right.status_code == 200
    assert {answer.status_code for answer in wrong} == {401}
    assert not AccessAttempt.objects.filter(ip_address=THERE["REMOTE_ADDR"]).exists()


def test_what_was_typed_as_a_name_is_kept_in_the_trail_only_if_it_is_one() -> None:
    known = person("anna")
    attempt("anna", "wrong")
    attempt("my-secret-password", "wrong")

    first, second = Event.objects.filter(kind=Event.Kind.FAILURE).order_by("pk")
    assert (first.object_type, first.object_id) == ("auth.user", str(known.pk))
    assert second.object_id == ""
    assert "my-secret-password" not in str(Event.objects.values())
    assert not AccessAttempt.objects.filter(post_data__contains="wrong").exists()


def test_an_administrator_sees_attempts_and_unlocks() -> None:
    person("anna")
    person("root", is_superuser=True)
    for _ in range(5):
        attempt("anna", "wrong", **HERE)
    admin = Browser()
    assert attempt("root", browser=admin, **THERE).status_code == 302
    row = AccessAttempt.objects.get()
    page = admin.get("/admin/accounts/attempt/").content.decode()
    assert "198.51.100.7" in page
    assert admin.get(f"/admin/accounts/attempt/{row.pk}/delete/").status_code == 403
    admin.post("/admin/accounts/attempt/", {"action": "forgive", "_selected_action": [row.pk]})

    assert attempt("anna", **HERE).status_code == 302
    assert Event.Kind.UNLOCKED in kinds()


def test_a_dispatcher_sees_none_of_it() -> None:
    browser = Browser()
    attempt(person("dora", "Dispatchers").username, browser=browser)
    assert browser.get(INDEX).status_code == 200
    pages = ("accounts/attempt", "accounts/visit", "accounts/event")
    assert {browser.get(f"/admin/{page}/").status_code for page in pages} == {403}


def test_old_attempts_go() -> None:
    with travel("2026-01-02 09:00:00+03:00", tick=False):
        attempt("anna", "wrong")
    retention.prune(60)
    assert AccessAttempt.objects.count() == 0
    assert Event.objects.filter(kind=Event.Kind.FAILURE).exists()
