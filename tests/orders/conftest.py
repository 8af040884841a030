"""People who open the admin: a dispatcher, a manager who may look, and one who may nothing of orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import translation


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


APPS = ("orders", "couriers", "catalog", "fiscal", "sync", "partners")


def _login(name: str, *actions: str) -> Client:
    user = User.objects.create_user(name, password="x", is_staff=True)
    if actions:
        names = Permission.objects.filter(codename__regex=f"^({'|'.join(actions)})_", content_type__app_label__in=APPS)
        user.user_permissions.set(names | Permission.objects.filter(codename="view_personal"))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def dispatcher(db: None) -> Client:
    return _login("dispatcher", "view", "add", "change", "delete")


@pytest.fixture
def manager(db: None) -> Client:
    return _login("manager", "view")


@pytest.fixture
def stranger(db: None) -> Client:
    return _login("stranger")


@pytest.fixture
def queries(django_assert_max_num_queries: Callable) -> Callable[[Callable[[], object]], list[str]]:
    """Run something twice (the first time fills caches) and return the SQL of the second time."""

    def count(act: Callable[[], object]) -> list[str]:
        act()
        with django_assert_max_num_queries(10_000) as captured:
            act()
        return [query["sql"] for query in captured.captured_queries]

    return count
