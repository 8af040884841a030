"""Sessions: limits, one's own list, and every way in which they end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from time_machine import Traveller, travel

from backoffice.accounts.models import Event, Visit
from backoffice.sync import retention
from tests.accounts.logging_in import ACCOUNT, INDEX, PASSWORD, browser_of, kinds, person

pytestmark = pytest.mark.django_db

HOUR = 3600
NEW_PASSWORD = "another long password 18"


@pytest.fixture
def clock() -> Iterator[Traveller]:
    with travel("2026-03-02 09:00:00+03:00", tick=False) as traveller:
        yield traveller


def is_in(browser: Browser, path: str = INDEX) -> bool:
    return browser.get(path).status_code == 200


def test_a_session_ends_when_it_is_not_used(clock: Traveller) -> None:
    browser = browser_of(person())
    clock.shift(1.9 * HOUR)
    assert is_in(browser)
    clock.shift(1.9 * HOUR)
    assert is_in(browser)
    clock.shift(2.1 * HOUR)
    assert not is_in(browser)
    assert Visit.objects.get().end == Visit.End.IDLE
    assert kinds()[-1] == Event.Kind.SESSION_ENDED


def test_a_session_ends_however_much_it_is_used(clock: Traveller) -> None:
    browser = browser_of(person())
    for _ in range(16):
        clock.shift(0.99 * HOUR)
        assert is_in(browser)
    clock.shift(0.5 * HOUR)
    assert not is_in(browser)
    assert Visit.objects.get().end == Visit.End.AGE


def test_a_page_that_asks_by_itself_does_not_keep_it(clock: Traveller) -> None:
    browser = browser_of(person(is_superuser=True))
    for _ in range(3):
        clock.shift(0.6 * HOUR)
        assert browser.get("/admin/notices/count/", headers={"sec-fetch-mode": "cors"}).status_code == 200
    clock.shift(0.6 * HOUR)
    assert not is_in(browser)


def test_limits_are_settings(settings: Settings, clock: Traveller) -> None:
    settings.SESSION_IDLE_HOURS = 0.5
    browser = browser_of(person())
    clock.shift(0.6 * HOUR)
    assert not is_in(browser)


def test_the_limits_cost_no_query() -> None:
    browser = browser_of(person(is_superuser=True))
    browser.get(ACCOUNT)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        browser.get("/admin/notices/count/")
    assert not [query for query in queries if "accounts_" in query["sql"]]


def test_one_sees_his_own_and_ends_the_others() -> None:
    anna, boris = person("anna"), person("boris")
    windows = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    browser = browser_of(anna, headers={"user-agent": windows})
    phone = browser_of(anna, REMOTE_ADDR="203.0.113.9")
    other = browser_of(boris, REMOTE_ADDR="198.51.100.7")
    page = browser.get(ACCOUNT).content.decode()
    assert "Firefox, Windows" in page
    assert "203.0.113.9" in page
    assert "198.51.100.7" not in page
    browser.post(f"{ACCOUNT}sessions/end/")

    assert is_in(browser)
    assert not is_in(phone)
    assert is_in(other)


def test_one_of_them_can_be_ended_but_not_somebody_elses() -> None:
    anna, boris = person("anna"), person("boris")
    browser, phone, tablet, other = browser_of(anna), browser_of(anna), browser_of(anna), browser_of(boris)
    first, second, _third, others = Visit.objects.order_by("pk")
    for visit in (first, second, others):
        browser.post(f"{ACCOUNT}sessions/end/", {"visit": visit.pk})

    assert [is_in(each) for each in (browser, phone, tablet, other)] == [True, False, True, True]


def test_a_new_password_ends_the_others() -> None:
    anna = person()
    browser, other = browser_of(anna), browser_of(anna)
    answer = browser.post(
        "/admin/password_change/",
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )
    assert answer.status_code == 302
    assert is_in(browser)
    assert not is_in(other)
    mine, ended = Visit.objects.order_by("pk")
    assert (mine.ended_at, mine.key) == (None, browser.cookies["sessionid"].value)
    assert ended.end == Visit.End.PASSWORD
    assert Event.Kind.PASSWORD in kinds()


def test_a_password_set_by_an_administrator_ends_all() -> None:
    anna = person()
    browser = browser_of(anna)
    anna.set_password(NEW_PASSWORD)
    anna.save()
    assert not is_in(browser)
    assert Visit.objects.get().end == Visit.End.PASSWORD


def test_who_is_deactivated_is_out_at_once() -> None:
    anna = person()
    browser = browser_of(anna)
    anna.is_active = False
    anna.save(update_fields=["is_active"])
    assert not is_in(browser)
    assert Session.objects.count() == 0
    assert Visit.objects.get().end == Visit.End.INACTIVE


def test_who_is_deactivated_past_the_models_is_out_too() -> None:
    anna = person()
    browser = browser_of(anna)
    type(anna).objects.update(is_active=False)
    assert not is_in(browser)


def test_an_administrator_ends_the_sessions_of_a_person() -> None:
    anna, root = person("anna"), person("root", is_superuser=True)
    helper, stranger = person("helper"), person("stranger")
    for user in (helper, stranger):
        user.user_permissions.add(Permission.objects.get(codename="view_user"))
    helper.user_permissions.add(Permission.objects.get(codename="end_visit"))
    browsers = {user: browser_of(user) for user in (anna, root, helper, stranger)}
    url = f"/admin/auth/user/{anna.pk}/sessions/"

    assert browsers[stranger].post(url).status_code == 403
    assert browsers[helper].post(f"/admin/auth/user/{root.pk}/sessions/").status_code == 403
    assert is_in(browsers[anna])
    assert browsers[helper].post(url).status_code == 302
    assert not is_in(browsers[anna])
    assert is_in(browsers[root])
    assert Visit.objects.get(user=anna).end == Visit.End.ADMIN


def test_logging_out_is_an_end() -> None:
    browser = browser_of(person())
    browser.post("/admin/logout/")
    assert Visit.objects.get().end == Visit.End.LOGOUT
    assert kinds()[-1] == Event.Kind.LOGOUT


def test_a_session_from_before_is_taken_up() -> None:
    browser = browser_of(person())
    Visit.objects.all().delete()
    session = browser.session
    for name in ("visit", "visit_begun", "visit_seen"):
        del session[name]
    session.save()
    assert is_in(browser)
    assert Visit.objects.get().ended_at is None


def test_old_sessions_go(clock: Traveller, settings: Settings) -> None:
    browser = browser_of(person())
    browser.post("/admin/logout/")
    browser_of(person("boris"))
    clock.shift(17 * HOUR)
    retention.prune(60)
    assert Session.objects.count() == 0
    assert [visit.end for visit in Visit.objects.all()] == [Visit.End.LOGOUT]
    settings.AUDIT_DAYS = 1
    clock.shift(48 * HOUR)
    retention.prune(60)
    assert Visit.objects.count() == 0
    assert Event.objects.count() == 0
