"""Fixtures of general use: a hermetic database, and iRECA as a sandbox over real HTTP.

Settings are those of tests/settings.py.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.utils import timezone, translation

from backoffice import garbage
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, pull, worker
from backoffice.sync.connection import IRECA
from backoffice.sync.models import Schedule, Worker
from tests import flush, pulled

flush.install()

SQLITE = "django.db.backends.sqlite3"
CHILD_SETTINGS = ("SECRET_KEY", "IRECA_URL", "IRECA_TOKEN", "IRECA_MODE", "IRECA_RATE", "CALLBACK_SECRET", "PUBLIC_URL")


def pytest_collection_finish() -> None:
    """As a process of the office does when it has loaded its code: a twentieth of the time went into looking at it."""
    garbage.settle()


def _migrated() -> Path:
    """Where a migrated SQLite database is kept for the next run, under a digest of all that made it."""
    digest = hashlib.sha256(django.__version__.encode())
    for app in apps.get_app_configs():
        for file in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return Path(tempfile.gettempdir(), f"courier-backoffice-{os.getuid()}-{digest.hexdigest()[:16]}.sqlite3")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in production: in memory, threads would share locks as real processes do not."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == SQLITE:
        name = tmp_path_factory.mktemp("db") / "test.sqlite3"
        database["TEST"] = {**database.get("TEST", {}), "NAME": str(name)}
        if _migrated().is_file():
            shutil.copy(_migrated(), name)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Whether what is there is taken as it is: migrating from nothing takes longer than most runs of a few tests."""
    return Path(django_settings.DATABASES["default"].get("TEST", {}).get("NAME") or "").is_file()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_keepdb: bool, django_db_blocker: Any) -> None:
    if connection.vendor != "sqlite" or django_db_keepdb:
        return
    with tempfile.TemporaryDirectory() as directory, django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [f"{directory}/migrated"])
        shutil.move(f"{directory}/migrated", _migrated())


@pytest.fixture(autouse=True)
def _clean_slate() -> Iterator[None]:
    yield
    translation.deactivate()  # a request in another language leaves it to the thread
    for name in ("default", "process"):
        caches[name].clear()


def database_url() -> str:
    """The database of the tests, for a process of its own."""
    name = connection.settings_dict["NAME"]
    return f"sqlite:///{Path(name)}" if connection.vendor == "sqlite" else f"postgres:///{name}"


@pytest.fixture
def child_environment(transactional_db: None) -> Callable[[], dict[str, str]]:
    """The environment in which `manage.py`, as a process of its own, works on this test's database and settings."""

    def environment() -> dict[str, str]:
        return {
            **os.environ,
            **{setting: str(getattr(django_settings, setting)) for setting in CHILD_SETTINGS},
            "FIELD_KEYS": ",".join(django_settings.FIELD_KEYS),
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
        }

    return environment


# What is read by dozens of single requests, and matters to few tests: those ask for it themselves.
ASKED_ONE_BY_ONE = ("permissions", "journal", "locations", "orderReceipts")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(token="sandbox-token") as running:
        yield running


@pytest.fixture
def ireca(sandbox: Sandbox, settings: Any, transactional_db: None) -> Sandbox:
    """The sandbox, with its directories and orders pulled."""
    settings.IRECA_URL, settings.IRECA_TOKEN = sandbox.url, sandbox.token
    pulled.once(sandbox, pull_everything)
    # That was the round of everything: the next one is not what a test waits for.
    now = timezone.now()
    Schedule.objects.update(due_at=now + timedelta(hours=1))
    Worker.objects.update(started_at=now, beat_at=now)
    sandbox.requests.clear()
    return sandbox


def pull_everything() -> None:
    """As a worker does in its first round."""
    worker.start()
    for reader in pull.readers():
        if reader.remote != IRECA or reader.name in ASKED_ONE_BY_ONE:
            continue
        done = pull.run(pull.request(reader.name), clients.client(), lease.owner())
        assert done.state == "done", done.error


@pytest.fixture
def listening(ireca: Sandbox, live_server: Any, settings: Any) -> Sandbox:
    """The sandbox posts its callbacks to our own web server."""
    settings.CALLBACK_SECRET, settings.PUBLIC_URL = "callback-secret", live_server.url
    call_command("register_callbacks")
    ireca.requests.clear()
    return ireca


@pytest.fixture
def settle(sandbox: Sandbox) -> Callable[[], None]:
    """Work until neither side has anything more to say."""

    def until_quiet() -> None:
        for _ in range(10):
            sandbox.callbacks.wait_idle(10)
            if not worker.drain(lease.owner()):
                return

    return until_quiet
