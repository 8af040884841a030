"""Fixtures of general use. Settings are those of tests/settings.py."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection

CHILD_SETTINGS = ("SECRET_KEY", "IRECA_URL", "IRECA_TOKEN", "IRECA_MODE", "CALLBACK_SECRET", "PUBLIC_URL")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in production: in memory, threads would share locks as real processes do not."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["TEST"] = {**database.get("TEST", {}), "NAME": str(tmp_path_factory.mktemp("db") / "test.sqlite3")}


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def child_environment(transactional_db: None) -> Callable[[], dict[str, str]]:
    """The environment in which `manage.py`, as a process of its own, works on this test's database and settings."""

    def environment() -> dict[str, str]:
        name = connection.settings_dict["NAME"]
        url = f"sqlite:///{Path(name)}" if connection.vendor == "sqlite" else f"postgres:///{name}"
        return {
            **os.environ,
            **{setting: str(getattr(django_settings, setting)) for setting in CHILD_SETTINGS},
            "FIELD_KEYS": ",".join(django_settings.FIELD_KEYS),
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
        }

    return environment
