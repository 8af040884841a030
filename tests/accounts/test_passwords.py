"""Passwords: the link by which a person chooses his own, and the fields in which they are typed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from backoffice.accounts.models import Event, Visit
from backoffice.secrets import redacted
from tests.accounts.logging_in import INDEX, LOGIN, PASSWORD, attempt, browser_of, kinds, person, with_second_step

pytestmark = pytest.mark.django_db
CHOSEN = "quiet river 44 stones"


def made_for(boss: Browser, someone: User) -> str:
    """The path of a link that an administrator makes."""
    answer = boss.post(f"/admin/auth/user/{someone.pk}/password-link/")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    found = re.search(r'value="https://office.example.com(/admin/account/password/[^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def choose(path: str, password: str = CHOSEN, browser: Browser | None = None) -> Any:
    """Follow a link and fill in its form, as far as it gets."""
    browser = browser or Browser()
    browser.cookies["django_language"] = "en"
    page = browser.get(path, follow=True)
    if not page.context["validlink"]:
        return page
    assert path not in page.request["PATH_INFO"], "the token stays in the address"
    return browser.post(page.request["PATH_INFO"], {"new_password1": password, "new_password2": password})


@pytest.fixture(autouse=True)
def _our_address(settings: Any) -> None:
    settings.PUBLIC_URL = "https://office.example.com"


@pytest.fixture
def boss() -> Browser:
    return browser_of(person("boss", is_superuser=True))


def test_a_new_person_has_no_password_and_chooses_one_by_a_link(boss: Browser) -> None:
    answer = boss.post("/admin/auth/user/add/", {"username": "anna", "usable_password": "false"})
    anna = User.objects.get(username="anna")
    assert (answer.status_code, anna.has_usable_password()) == (302, False)
    User.objects.filter(pk=anna.pk).update(is_staff=True)
    assert b"Not chosen yet." in boss.get(f"/admin/auth/user/{anna.pk}/change/").content
    path = made_for(boss, anna)
    assert choose(path).url == LOGIN
    assert attempt("anna", CHOSEN).url == INDEX
    assert kinds()[-3:] == ["link", "password", "login"]
    assert not choose(path, "another quiet river 5").context["validlink"]


def test_a_password_can_still_be_set_by_who_adds_the_person(boss: Browser) -> None:
    fields = {"username": "anna", "usable_password": "true", "password1": CHOSEN, "password2": CHOSEN}
    assert boss.post("/admin/auth/user/add/", fields).status_code == 302
    assert User.objects.get(username="anna").check_password(CHOSEN)
    page = boss.post("/admin/auth/user/add/", {**fields, "username": "eva", "password1": "", "password2": ""})
    assert page.status_code == 200
    assert not User.objects.filter(username="eva").exists()


def test_a_typed_password_is_not_thrown_away(boss: Browser) -> None:
    fields = {"username": "eva", "usable_password": "false", "password1": CHOSEN, "password2": CHOSEN}
    page = boss.post("/admin/auth/user/add/", fields)
    assert list(page.context["adminform"].form.errors) == ["usable_password"]
    assert not User.objects.filter(username="eva").exists()


def test_a_link_obeys_the_rules_of_passwords(boss: Browser) -> None:
    anna = person("anna")
    path = made_for(boss, anna)
    for weak in ("short", "password1234", "123456789012345"):
        page = choose(path, weak)
        assert page.status_code == 200
        assert page.context["form"].errors
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


def test_a_link_ends_the_sessions_and_keeps_the_second_step(boss: Browser) -> None:
    anna = person("anna")
    hers = browser_of(anna)
    with_second_step(anna)
    path = made_for(boss, anna)
    choose(path)
    assert hers.get(INDEX).status_code == 302
    assert Visit.objects.filter(user=anna, end=Visit.End.PASSWORD).exists()
    assert browser_of_chosen(anna).get(INDEX).url.startswith("/admin/account/second-step/")


def browser_of_chosen(user: User) -> Browser:
    browser = Browser()
    assert attempt(user.username, CHOSEN, browser).status_code == 302
    return browser


@pytest.mark.parametrize("what", ["login", "mail address", "time"])
def test_a_link_is_good_for_nothing_after(boss: Browser, what: str, settings: Any) -> None:
    anna = person("anna")
    path = made_for(boss, anna)
    if what == "login":
        browser_of(anna)
    elif what == "mail address":
        User.objects.filter(pk=anna.pk).update(email="other@example.com")
    else:
        settings.PASSWORD_RESET_TIMEOUT = -1
    assert b"has been used, or is too old" in choose(path).content


@pytest.mark.parametrize("lack", ["is_active", "is_staff"])
def test_who_may_not_log_in_gets_no_link_and_none_works(boss: Browser, lack: str) -> None:
    anna = person("anna")
    path = made_for(boss, anna)
    User.objects.filter(pk=anna.pk).update(**{lack: False})
    assert not choose(path).context["validlink"]
    assert boss.post(f"/admin/auth/user/{anna.pk}/password-link/").status_code == 302
    assert Event.objects.filter(kind=Event.Kind.LINK).count() == 1


def test_a_link_is_for_who_may_change_people_and_never_for_a_superuser() -> None:
    anna, chief = person("anna"), person("chief", is_superuser=True)
    clerk = person("clerk")
    clerk.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert browser_of(clerk).post(f"/admin/auth/user/{anna.pk}/password-link/").status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="change_user"))
    browser = browser_of(clerk)
    assert made_for(browser, anna)
    assert browser.post(f"/admin/auth/user/{chief.pk}/password-link/").status_code == 403
    assert browser.get(f"/admin/auth/user/{anna.pk}/password-link/").status_code == 405
    assert browser.post("/admin/auth/user/99999/password-link/").status_code == 404


def test_fields_can_be_looked_at_and_new_ones_are_rated(boss: Browser) -> None:
    anna = person("anna")
    pages = {
        LOGIN: (Browser(), 1, 0),
        "/admin/password_change/": (boss, 3, 1),
        f"/admin/auth/user/{anna.pk}/password/": (boss, 2, 1),
        "/admin/auth/user/add/": (boss, 2, 1),
    }
    for path, (browser, fields, rated) in pages.items():
        text = browser.get(path).content.decode()
        assert (text.count("data-password>"), text.count("data-words=")) == (fields, rated), path
        assert text.count('type="password"') == fields, path


def test_a_link_is_open_to_whose_browser_waits_at_the_second_step(boss: Browser) -> None:
    anna, eva = person("anna"), person("eva")
    with_second_step(eva)
    waiting = browser_of(eva)
    assert waiting.get(INDEX).status_code == 302
    assert choose(made_for(boss, anna), browser=waiting).url == LOGIN
    anna.refresh_from_db()
    assert anna.check_password(CHOSEN)


@pytest.mark.parametrize(
    "written", ["/admin/account/password/Mg/dih-95/", "?next=%2Fadmin%2Faccount%2Fpassword%2FMg%2Fdih-95%2F"]
)
def test_no_log_tells_the_token_of_a_link(written: str) -> None:
    assert "dih-95" in written
    assert "dih-95" not in redacted(f"GET {written} 302")


def test_nobody_gives_a_superuser_another_password_or_himself_all_rights() -> None:
    chief, clerk = person("chief", is_superuser=True), person("clerk")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=("view_user", "change_user", "delete_user")))
    browser = browser_of(clerk)
    new = {"password1": CHOSEN, "password2": CHOSEN, "usable_password": "true"}
    assert browser.post(f"/admin/auth/user/{chief.pk}/password/", new).status_code == 403
    assert browser.post(f"/admin/auth/user/{chief.pk}/change/", {"username": "chief"}).status_code == 403
    assert browser.post(f"/admin/auth/user/{chief.pk}/delete/", {"post": "yes"}).status_code == 403
    own = browser.get(f"/admin/auth/user/{clerk.pk}/change/")
    assert not {"is_superuser", "user_permissions"} & own.context["adminform"].form.fields.keys()
    chief.refresh_from_db()
    assert chief.check_password(PASSWORD)


def test_a_password_that_is_taken_away_ends_the_sessions_and_is_noted(boss: Browser) -> None:
    anna = person("anna")
    hers = browser_of(anna)
    boss.post(f"/admin/auth/user/{anna.pk}/password/", {"usable_password": "false", "unset-password": "1"})
    anna.refresh_from_db()
    assert not anna.has_usable_password()
    assert kinds()[-1] == "password"
    assert hers.get(INDEX).status_code == 302


def test_who_has_no_password_logs_in_without_ending_his_other_sessions() -> None:
    anna = User.objects.create_user("anna", is_staff=True)
    first, second = Browser(), Browser()
    for browser in (first, second):
        browser.force_login(anna)
    assert first.get(INDEX).status_code == second.get(INDEX).status_code == 200
    assert "password" not in kinds()
