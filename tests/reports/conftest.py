"""Who asks reports."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client as Browser


@pytest.fixture
def manager() -> User:
    user = User.objects.create_user("manager", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="Managers"))
    return user


@pytest.fixture
def browser(manager: User) -> Browser:
    browser = Browser()
    browser.force_login(manager)
    return browser
