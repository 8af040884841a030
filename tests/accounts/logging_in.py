"""People who log in as browsers do, by the login page."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import F
from django.test import Client as Browser
from django_otp.oath import TOTP

from backoffice.accounts import second
from backoffice.accounts.models import Authenticator, Event

LOGIN, INDEX, ACCOUNT = "/admin/login/", "/admin/", "/admin/account/"
STEP, SETUP = f"{ACCOUNT}second-step/", f"{ACCOUNT}authenticator/"
PASSWORD = "a long password 17"


def person(name: str = "anna", group: str = "", **kwargs: Any) -> User:
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True, **kwargs)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


def attempt(name: str, password: str = PASSWORD, browser: Browser | None = None, **extra: Any) -> Any:
    browser = browser or Browser()
    browser.cookies["django_language"] = "en"
    return browser.post(LOGIN, {"username": name, "password": password}, **extra)


def browser_of(user: User, **extra: Any) -> Browser:
    """Through the login page, with the password only."""
    browser = Browser(**extra)
    assert attempt(user.username, browser=browser).status_code == 302
    return browser


def code(user: User, at: float | None = None) -> str:
    """What the person's app shows at a moment."""
    totp = TOTP(Authenticator.objects.get(user=user).secret)
    totp.time = time.time() if at is None else at
    return f"{totp.token():06}"


def with_second_step(user: User) -> list[str]:
    """Sets it up, a while ago. Returns the backup codes."""
    second.begin(user)
    codes = second.confirm(user, code(user))
    assert codes is not None
    a_while_ago(user)
    return codes


def a_while_ago(user: User) -> None:
    """The person's last code was of a step before: the one of now is good.

    A code of a step before, given now, would be refused when the next step begins between the two.
    """
    Authenticator.objects.filter(user=user).update(last_t=F("last_t") - 1)


def kinds() -> list[str]:
    """Of the audit trail, oldest first."""
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))
