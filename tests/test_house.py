"""What the project itself promises: settings that refuse to be half set, safe headers, health."""

import os
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from backoffice.settings import BASE_DIR

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
        ({"SECRETS_DIR": "no-such-directory"}, "SECRETS_DIR is no-such-directory, which cannot be read: No such file"),
        ({"DATABASE_URL": "garbage"}, "DATABASE_URL must be sqlite:///"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is 'LOUD', but must be DEBUG, INFO, WARNING, ERROR or CRITICAL."),
    ],
)
def test_a_wrong_setting_is_one_clear_line(changed: dict[str, str], message: str) -> None:
    result = manage("check", **{**PRODUCTION, **changed})

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "FIELD_KEYS").write_bytes(b"\xff\xfe")
    result = manage("check", **{**PRODUCTION, "SECRETS_DIR": str(tmp_path)})
    said = f"SECRETS_DIR is {tmp_path}, where FIELD_KEYS cannot be read: it holds something that is no text."
    assert result.stderr == f"Settings: {said}\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "postgres://x"),
        ("DATABASE_URL", "mysql://user:password@host/name"),
        ("REPLICA_URL", "garbage"),
        ("DATABASE_POOL", "20:4"),
        ("CACHE_URL", ""),
        ("EMAIL_URL", "mail.example.com"),
        ("CELERY_BROKER_URL", "foo://x"),
        ("IRECA_RATE", "abc"),
        ("IRECA_RATE", "nan"),
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("TRUSTED_PROXIES", "x"),
        ("TRUSTED_PROXIES", "-1"),
        ("HISTORY_DAYS", "-1"),
        ("PUSH_BATCH", "0"),
        ("HTTP_TIMEOUT", "0"),
        ("WEBHOOK_TIMEOUT", "-1"),
        ("MIGRATE_LOCK_TIMEOUT", "abc"),
        ("MIGRATE_LOCK_TIMEOUT", "5 parsecs"),
        ("SESSION_HOURS", "0"),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.0.0.0/8,300.0.0.0/8"),
        ("TIME_ZONE", "Europe/Moskow"),
        ("DEBUG", "perhaps"),
    ],
)
def test_a_value_that_will_not_do_is_told_with_its_name(monkeypatch: Any, name: str, value: str) -> None:
    """The settings are run in this process: a whole one for each value would take a minute."""
    for key, said in {**PRODUCTION, "ENV_FILE": "", name: value}.items():
        monkeypatch.setenv(key, said)

    with pytest.raises(ImproperlyConfigured, match=rf"^{name} .*must be .*\.$") as told:
        runpy.run_path(str(BASE_DIR / "backoffice" / "settings.py"))
    assert "password@host/name" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://office:open-sesame@127.0.0.1:1/office", "does not answer as it should: connection failed"),
        ("sqlite:///{}/nothing/db.sqlite3", "does not answer as it should: "),
        ("sqlite:///{}/empty.sqlite3", "no such table: orders_order. Run: manage.py migrate"),
    ],
)
def test_a_database_that_is_away_or_empty_is_one_clear_line(tmp_path: Path, url: str, message: str) -> None:
    (tmp_path / "empty.sqlite3").touch()
    environment = {**PRODUCTION, "DATABASE_URL": url.format(tmp_path)}
    result = manage("recount", **environment)
    assert result.returncode == 1
    assert message in result.stderr
    assert "open-sesame" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" in manage("recount", "--traceback", **environment).stderr


@pytest.mark.parametrize(("variable", "code"), [("SECRET_KEY", 4), ("WEB_THREADS", 1)])
def test_a_web_process_tells_a_wrong_setting_in_a_line(variable: str, code: int) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "",
        **PRODUCTION,
        "WEB_CONCURRENCY": "1",
        "BIND": "127.0.0.1:0",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
    environment[variable] = "" if variable == "SECRET_KEY" else "abc"
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == code
    assert f"Settings: {variable} is " in result.stderr
    assert "Traceback" not in result.stderr


def test_the_first_web_process_loads_nothing_that_a_release_changes() -> None:
    """What it has loaded its workers have, also after a reload."""
    look = (
        "import sys; from gunicorn.app.wsgiapp import WSGIApplication\n"
        "cfg = WSGIApplication().cfg; cfg.logger_class(cfg)\n"
        "ours = [name for name in sys.modules if name.partition('.')[0] in ('django', 'backoffice')]\n"
        "print(cfg.secure_scheme_headers, *sorted(ours))"
    )
    command = [sys.executable, "-c", look, "-c", "deploy/gunicorn.conf.py"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == ["{}", "backoffice", "backoffice.gunicorn_log"]


def told_in_readme(title: str) -> set[str]:
    """The words in the first column of the table under that title."""
    section = (BASE_DIR / "README.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return {word for line in section.splitlines() for word in re.findall(r"`(\w+)", line.split("|")[:2][-1])}


def test_the_readme_tells_all_commands_and_settings() -> None:
    ours = {app.name for app in apps.get_app_configs() if Path(BASE_DIR, *app.name.split(".")).is_dir()}
    assert told_in_readme("Commands") == {name for name, app in get_commands().items() if app in ours}
    assert settings.SETTING_NAMES - told_in_readme("Settings") == set()


def test_a_database_of_sqlite_is_made_by_migrate_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "none"
    environment = {**PRODUCTION, "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3"}

    looked = manage("doctor", "--offline", "--language", "en", **environment)
    assert looked.returncode == 1
    assert f"There is no such database: {directory}/db.sqlite3" in looked.stdout
    assert "migrations are missing" not in looked.stdout
    assert not directory.exists()

    made = manage("migrate", "contenttypes", **environment)
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE((directory / "db.sqlite3").stat().st_mode) == 0o600


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


def test_what_one_database_leaves_out_the_other_runs() -> None:
    def ignored(target: str) -> set[str]:
        said = subprocess.run(["make", "-n", target], cwd=BASE_DIR, capture_output=True, text=True, check=True).stdout
        return set(re.findall(r"--ignore=(\S+)", said))

    on_postgres, on_sqlite = ignored("test-sqlite"), ignored("test-postgres")
    assert on_postgres
    assert on_sqlite
    assert not on_postgres & on_sqlite
    for name in on_postgres | on_sqlite:
        assert (BASE_DIR / name).exists(), name
    for name in on_postgres:
        assert not re.search(r"mark\.(one_engine|browser)", (BASE_DIR / name).read_text()), name
