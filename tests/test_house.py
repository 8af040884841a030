"""What the project itself promises: settings that refuse to be half set, safe headers, health."""

import os
import subprocess
import sys

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

PRODUCTION = {
    "SECRET_KEY": "kV3qX9fQmT0aW7vLr2bN8yHc5dJ1gPs6uEi4oKxBwVtRzMnYqAhDfGjUlCeSpIX4",
    "FIELD_KEYS": "one",
    "PUBLIC_URL": "https://office.example.com",
    "DATABASE_URL": "sqlite://:memory:",
}


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """manage.py under the product's settings and nothing but the given environment."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_proper_production_has_no_deployment_warning() -> None:
    result = manage("check", "--deploy", "--fail-level", "INFO", **PRODUCTION)

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"FIELD_KEYS": " , "}, "FIELD_KEYS is not set"),
        ({"IRECA_MODE": "shop"}, "IRECA_MODE is 'shop'"),
        ({"ENV_FILE": "no-such-file.env"}, "no such file"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(changed: dict[str, str], message: str) -> None:
    result = manage("check", **{**PRODUCTION, **changed})

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_database_of_sqlite_waits_for_the_write_lock_and_keeps_foreign_keys(db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has none of these switches")
    with connection.cursor() as cursor:
        values = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]

    assert values == ["wal", 1]
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_only_the_admin_may_evaluate_scripts(client: Client, db: None) -> None:
    admin = client.get("/admin/login/")["Content-Security-Policy"]
    elsewhere = client.get("/healthz")["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "unsafe" not in elsewhere
    assert "script-src 'self' 'unsafe-inline'" not in admin


@pytest.mark.parametrize(("accepted", "chosen"), [("", "ru"), ("de", "ru"), ("en-GB,en;q=0.9", "en"), ("ru", "ru")])
def test_the_browser_decides_the_language(client: Client, db: None, accepted: str, chosen: str) -> None:
    assert client.get("/admin/login/", headers={"accept-language": accepted})["Content-Language"] == chosen


def test_health(client: Client, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200

    def fail() -> None:
        raise OperationalError("password=qwerty")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", fail)
        answer = client.get("/readyz")
        alive = client.get("/healthz")
    assert answer.status_code == 503
    assert b"qwerty" not in answer.content
    assert alive.status_code == 200
