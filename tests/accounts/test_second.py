"""The second step: set up, passed, refused, replayed, lost, required."""

from __future__ import annotations

import re
import time

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from pytest_django.fixtures import Settings
from time_machine import travel

from backoffice.accounts import second
from backoffice.accounts.models import Authenticator, BackupCode, Event
from tests.accounts.logging_in import (
    ACCOUNT,
    INDEX,
    PASSWORD,
    SETUP,
    STEP,
    a_while_ago,
    browser_of,
    code,
    kinds,
    person,
    with_second_step,
)

pytestmark = pytest.mark.django_db


def test_a_person_sets_it_up_and_signs_in_with_it() -> None:
    anna = person()
    browser = browser_of(anna)
    page = browser.get(SETUP).content.decode()
    assert "data:image/svg+xml" in page
    assert second.of(anna) is None  # counts for nothing until its first code
    assert browser.post(SETUP, {"code": "000000"}).status_code == 200
    assert second.of(anna) is None
    Authenticator.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    shown = browser.post(SETUP, {"code": code(anna)}).content.decode()
    a_while_ago(anna)
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", shown)

    assert len(set(codes)) == second.CODES
    assert browser.get(INDEX).status_code == 200  # he has just proved it
    again = browser_of(anna)
    held = again.get("/admin/orders/order/?q=7")
    assert held["Location"] == f"{STEP}?next=%2Fadmin%2Forders%2Forder%2F%3Fq%3D7"
    passed = again.post(STEP, {"code": code(anna), "next": "/admin/orders/order/?q=7"})
    assert passed["Location"] == "/admin/orders/order/?q=7"
    assert again.get(INDEX).status_code == 200
    assert "data:image" not in again.get(SETUP, follow=True).content.decode()
    assert {Event.Kind.SECOND_ON, Event.Kind.CODES_MADE, Event.Kind.SECOND_PASSED} <= set(kinds())


@pytest.mark.parametrize("path", [INDEX, ACCOUNT, SETUP, "/reports/", "/admin/notices/count/", "/admin/jsi18n/x/"])
def test_nothing_is_open_before_it(path: str) -> None:
    anna = person(is_superuser=True)
    with_second_step(anna)
    browser = browser_of(anna)

    assert browser.get(path)["Location"].startswith(STEP)
    assert browser.post(path).status_code == 403


def test_a_code_is_good_for_once() -> None:
    anna = person()
    with_second_step(anna)
    with travel(time.time() + 120, tick=False):
        shown = code(anna)
        assert second.verify(anna, shown).is_right
        refused = second.verify(anna, shown)
    assert not refused.is_right


def test_the_key_of_the_session_changes_when_it_is_passed() -> None:
    anna = person()
    with_second_step(anna)
    browser = browser_of(anna)
    before = browser.cookies["sessionid"].value
    browser.post(STEP, {"code": code(anna)})

    stolen = Browser()
    stolen.cookies["sessionid"] = before
    assert browser.cookies["sessionid"].value != before
    assert stolen.get(INDEX)["Location"].startswith("/admin/login/")


def test_wrong_codes_are_throttled_ever_longer_and_the_right_one_waits_too() -> None:
    anna = person()
    with_second_step(anna)
    with travel(time.time() + 120, tick=False) as clock:
        assert second.verify(anna, "000000").wait_until is None
        early = second.verify(anna, code(anna))
        clock.shift(2)
        assert second.verify(anna, "000000").wait_until is None  # looked at
        clock.shift(1.5)
        late = second.verify(anna, code(anna))  # two seconds now
        clock.shift(1)
        right = second.verify(anna, code(anna))

    assert early.wait_until is not None
    assert late.wait_until is not None
    assert right.is_right


def test_a_backup_code_opens_once_however_it_is_written() -> None:
    anna = person()
    codes = with_second_step(anna)
    browser = browser_of(anna)
    browser.post(STEP, {"code": f" {codes[0].lower().replace('-', ' ')} "})
    assert browser.get(INDEX).status_code == 200
    assert second.codes_left(anna) == second.CODES - 1
    other = browser_of(anna)
    other.post(STEP, {"code": codes[0]})
    assert other.get(INDEX).status_code == 302


def test_seeds_are_encrypted_and_codes_are_hashed_in_the_database() -> None:
    anna = person()
    codes = with_second_step(anna)
    seed = Authenticator.objects.get().key
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM accounts_authenticator")
        (stored,) = cursor.fetchone()
    plain = {text for given in codes for text in (given, given.replace("-", ""))}

    assert stored.startswith("gAAAA")
    assert seed not in stored
    assert plain.isdisjoint(BackupCode.objects.values_list("digest", flat=True))


def test_it_is_turned_off_with_password_and_code_only() -> None:
    anna = person()
    with_second_step(anna)
    browser = browser_of(anna)
    browser.post(STEP, {"code": code(anna)})
    other = browser_of(anna)
    url = f"{ACCOUNT}authenticator/off/"
    with travel(time.time() + 120, tick=False) as clock:
        browser.post(url, {"code": code(anna), "password": "wrong"})
        assert second.of(anna) is not None
        clock.shift(60)
        browser.post(url, {"code": "000000", "password": PASSWORD})
        assert second.of(anna) is not None
        clock.shift(60)
        browser.post(url, {"code": code(anna), "password": PASSWORD})

    assert second.of(anna) is None
    assert BackupCode.objects.count() == 0
    assert browser.get(INDEX).status_code == 200
    assert other.get(INDEX)["Location"].startswith("/admin/login/")
    assert Event.Kind.SECOND_OFF in kinds()


def test_new_backup_codes_replace_the_old() -> None:
    anna = person()
    old = with_second_step(anna)
    browser = browser_of(anna)
    browser.post(STEP, {"code": old[0]})
    page = browser.post(f"{ACCOUNT}codes/", {"code": old[1], "password": PASSWORD}).content.decode()
    new = re.findall(r"<code>([A-Z2-7-]{19})</code>", page)

    assert len(new) == second.CODES
    assert not second.verify(anna, old[2]).is_right
    Authenticator.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    assert second.verify(anna, new[0]).is_right


@pytest.mark.parametrize(
    ("required", "held"),
    [
        ([], set()),
        (["all"], {"root", "manager", "plain"}),
        (["superusers"], {"root"}),
        (["superusers", "Managers"], {"root", "manager"}),
    ],
)
def test_it_can_be_required(required: list[str], held: set[str], settings: Settings) -> None:
    settings.REQUIRE_TOTP = required
    people = [person("root", is_superuser=True), person("manager", "Managers"), person("plain")]
    answers = {user.username: browser_of(user).get(INDEX) for user in people}

    assert {name for name, answer in answers.items() if answer.status_code == 302} == held
    assert all(answers[name]["Location"].startswith(SETUP) for name in held)


def test_who_must_sets_it_up_and_goes_on(settings: Settings) -> None:
    settings.REQUIRE_TOTP = ["all"]
    anna = person()
    browser = browser_of(anna)
    browser.get(SETUP)
    browser.post(SETUP, {"code": code(anna)})
    assert browser.get(INDEX).status_code == 200


def admin_with(*rights: str, name: str = "helpdesk") -> User:
    admin = person(name)
    admin.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return admin


def test_an_administrator_takes_it_off_for_who_lost_the_phone() -> None:
    anna = person()
    with_second_step(anna)
    found = browser_of(anna)
    found.post(STEP, {"code": code(anna)})
    helper = browser_of(admin_with("view_user", "change_user", "reset_authenticator"))
    assert "phone is lost" in helper.get(f"/admin/auth/user/{anna.pk}/change/").content.decode()
    helper.post(f"/admin/auth/user/{anna.pk}/second-step/")

    assert second.of(anna) is None
    assert found.get(INDEX).status_code == 302  # whoever has the phone is out
    assert browser_of(anna).get(INDEX).status_code == 200
    reset = Event.objects.get(kind=Event.Kind.SECOND_RESET)
    assert (reset.actor, reset.object_id) == ("helpdesk", str(anna.pk))


def test_who_may_not_cannot() -> None:
    root = person("root", is_superuser=True)
    anna = person()
    for user in (root, anna):
        with_second_step(user)
    without = browser_of(admin_with("view_user", "change_user"))
    helper = browser_of(admin_with("view_user", "reset_authenticator", name="second-helper"))

    assert without.post(f"/admin/auth/user/{anna.pk}/second-step/").status_code == 403
    assert helper.post(f"/admin/auth/user/{root.pk}/second-step/").status_code == 403  # no way up
    assert helper.get(f"/admin/auth/user/{anna.pk}/second-step/").status_code == 405
    assert Authenticator.objects.count() == 2


def test_next_leads_nowhere_else() -> None:
    anna = person()
    codes = with_second_step(anna)
    browser = browser_of(anna)
    answer = browser.post(STEP, {"code": codes[0], "next": "https://evil.example/"})
    assert answer["Location"] == INDEX
