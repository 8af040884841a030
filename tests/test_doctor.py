"""`manage.py doctor`: each fault is injected, and has to be found, with something to do about it."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone, translation

from backoffice.doctor import configuration, database, findings, machine, people, remotes, troubles
from backoffice.doctor.findings import Finding, Level, examine
from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.remotes import probe
from backoffice.remotes.probe import Answer
from backoffice.remotes.sandbox import Sandbox
from backoffice.secrets import fingerprint
from backoffice.sync import pull
from backoffice.sync.models import AccessToken, Callback, Exchange, Push, RemoteState, Schedule, Worker
from backoffice.sync.notices import kinds
from catalog.models import Supplier
from couriers.models import License, LicenseUsage

pytestmark = pytest.mark.django_db


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def healthy(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A back office of which nothing is wrong; returns its settings, for a test to break them."""
    settings.DEBUG = False
    settings.SECRET_KEY, settings.FIELD_KEYS = "s" * 50, ["f" * 50]
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://office.example.com", ["office.example.com"]
    settings.IRECA_URL, settings.IRECA_TOKEN = "https://ireca.example.com/api/v1", "token-0123456789"
    settings.BIFIT_URL, settings.BIFIT_USERNAME = "https://bifit.example.com/cashdesk-api/v1", "us"
    settings.BIFIT_PASSWORD = "password-0123456789"
    settings.VIRTPOS_URL, settings.VIRTPOS_API_KEY = "https://virtpos.example.com/api", "key-0123456789"
    settings.CALLBACK_SECRET = "callback-secret-0123456789"
    settings.EMAIL_URL, settings.DEFAULT_FROM_EMAIL, settings.MAIL_IS_ON = "smtp://x", "a@b", True
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(tmp_path)}
    }
    monkeypatch.setattr(machine, "STATIC", ())
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**40, total=2**41))
    monkeypatch.setattr(remotes, "probe", lambda url: Answer(200, 0.0, None, b"ok\n"))
    User.objects.create_superuser("root")
    Worker.objects.create(name="alive:1")
    told = {"callbacks_url": settings.PUBLIC_URL, "callbacks_secret": fingerprint(settings.CALLBACK_SECRET)}
    RemoteState.objects.create(pk="ireca", last_ok_at=timezone.now(), **told)
    RemoteState.objects.create(pk="bifit", last_ok_at=timezone.now())
    RemoteState.objects.create(pk="virtpos", last_ok_at=timezone.now())
    return settings


def found(check: str) -> list[Finding]:
    """What the check finds, all others left out."""
    return [finding for finding in examine() if finding.check == check]


def one(check: str) -> tuple[str, str]:
    """Level and text of its only finding, which has something to do."""
    (finding,) = found(check)
    assert re.fullmatch(r"\S.*[^ ]", finding.todo)
    return finding.level.name, finding.text


def test_a_healthy_office_has_nothing_wrong(healthy: Any) -> None:
    assert examine() == []


# settings


@pytest.mark.parametrize(
    ("name", "value", "check", "level", "words"),
    [
        ("DEBUG", True, "debugging", "ERROR", "DEBUG is on at a public address"),
        ("SECRET_KEY", "short", "keys", "WARNING", "SECRET_KEY is so short"),
        ("FIELD_KEYS", ["short"], "keys", "WARNING", "FIELD_KEYS is so short"),
        ("FIELD_KEYS", ["s" * 50], "keys", "WARNING", "used both as SECRET_KEY"),
        ("METRICS_TOKEN", "short", "keys", "WARNING", "METRICS_TOKEN is so short"),
        ("CALLBACK_SECRET", "", "keys", "WARNING", "CALLBACK_SECRET is not set"),
        ("CALLBACK_SECRET", "secret/0123456789-0123", "keys", "ERROR", "CALLBACK_SECRET cannot stand in an address"),
        ("PUBLIC_URL", "office", "our_address", "ERROR", "is no web address"),
        ("PUBLIC_URL", "http://office.example.com", "our_address", "WARNING", "plain http"),
        ("ALLOWED_HOSTS", ["other.example.com"], "our_address", "ERROR", "not in ALLOWED_HOSTS"),
        ("IRECA_TOKEN", "", "remotes_on", "ERROR", "iRECA is half configured: IRECA_TOKEN is missing"),
        ("IRECA_URL", "ireca.example.com/api/v1", "remote_addresses", "ERROR", "IRECA_URL is no web address"),
        ("IRECA_URL", "https://ireca.example.com", "remote_addresses", "WARNING", "does not end in /api/v1"),
        ("IRECA_URL", "http://ireca.example.com/api/v1", "remote_addresses", "WARNING", "plain http"),
        ("PUSH_BATCH", 5000, "numbers", "ERROR", "PUSH_BATCH is 5000"),
        ("PUSH_SENDERS", 0, "numbers", "ERROR", "PUSH_SENDERS is 0"),
        ("HTTP_TIMEOUT", 0, "numbers", "ERROR", "HTTP_TIMEOUT is 0"),
        ("TIME_ZONE", "UTC", "time_zones", "WARNING", "TIME_ZONE is UTC"),
        ("VIRTPOS_TIME_ZONE", "Moscow", "time_zones", "ERROR", "VIRTPOS_TIME_ZONE (Moscow)"),
    ],
)
def test_settings(healthy: Any, name: str, value: Any, check: str, level: str, words: str) -> None:
    setattr(healthy, name, value)
    told = one(f"configuration.{check}")
    assert told[0] == level
    assert words in told[1]


def test_names_that_no_setting_has(healthy: Any, tmp_path: Path) -> None:
    healthy.ENV_FILE = tmp_path / "env"
    healthy.ENV_FILE.write_text("SESION_HOURS=1\nSESSION_HOURS=1\nexport IRECA_TOKN=t\nDATABASE_POOL=\nOTHER_THING=1\n")
    assert [
        (finding.level.name, finding.text.split()[4], finding.todo) for finding in found("configuration.names")
    ] == [
        ("WARNING", "IRECA_TOKN,", "If IRECA_TOKEN is meant, correct it and restart."),
        ("WARNING", "SESION_HOURS,", "If SESSION_HOURS is meant, correct it and restart."),
        ("NOTE", "OTHER_THING,", "If it is for another program, all is well; else README.md lists the settings."),
    ]


def test_an_address_that_leads_to_this_machine(healthy: Any) -> None:
    healthy.PUBLIC_URL, healthy.ALLOWED_HOSTS = "http://127.0.0.1:8000", ["127.0.0.1"]
    assert one("configuration.our_address") == (
        "ERROR",
        "PUBLIC_URL is http://127.0.0.1:8000, where iRECA cannot reach us with its callbacks.",
    )
    healthy.IRECA_URL = "http://localhost:9/api/v1"
    assert found("configuration.our_address") == []


def test_remotes_that_are_off_are_no_fault(healthy: Any) -> None:
    healthy.IRECA_URL = healthy.IRECA_TOKEN = healthy.VIRTPOS_URL = healthy.VIRTPOS_API_KEY = ""
    levels = {finding.text.split()[0]: finding.level.name for finding in found("configuration.remotes_on")}
    assert levels == {"iRECA": "WARNING", "VirtPos": "NOTE"}


def test_mail_that_is_off_or_half_on(healthy: Any) -> None:
    healthy.MAIL_IS_ON, healthy.DEFAULT_FROM_EMAIL = False, ""
    assert one("configuration.mail")[0] == "WARNING"
    healthy.EMAIL_URL = ""
    assert one("configuration.mail")[0] == "NOTE"


def test_the_cache(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(configuration, "cache", SimpleNamespace(set=fail))
    assert one("configuration.shared_cache")[0] == "ERROR"
    healthy.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert one("configuration.shared_cache")[0] == "WARNING"


# machine and database


@pytest.mark.parametrize(
    ("free", "total", "levels"),
    [
        (2**30, 2**40, {"WARNING"}),
        (2**20, 2**40, {"ERROR"}),
        (2**28, 2**28, set()),  # the memory that compose.yml gives as /tmp
        (2**26, 2**28, {"WARNING"}),
        (2**20, 2**28, {"ERROR"}),
    ],
)
def test_a_disk_that_fills_up(
    healthy: Any, monkeypatch: pytest.MonkeyPatch, free: int, total: int, levels: set[str]
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=free, total=total))
    assert {finding.level.name for finding in found("machine.free_disk")} == levels


def test_static_files_that_nobody_collected(healthy: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(machine, "STATIC", ("backoffice/admin.css",))
    healthy.STATIC_ROOT = tmp_path
    level, text = one("machine.static_files")
    assert (level, "backoffice/admin.css" in text) == ("ERROR", True)


def test_a_database_that_does_not_answer_ends_what_reads_it(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sql: str) -> Any:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(database, "_row", fail)
    assert [(finding.check, finding.text) for finding in examine()] == [
        ("database.answers", "The database does not answer: connection refused")
    ]


def test_a_missing_migration_ends_what_reads_tables(healthy: Any) -> None:
    recorder = MigrationRecorder(connection)
    name = max(name for app, name in recorder.applied_migrations() if app == "sync")
    recorder.record_unapplied("sync", name)
    Worker.objects.all().delete()
    assert [(finding.check, finding.todo) for finding in examine()] == [
        ("database.migrations", "Run: manage.py migrate")
    ]


def test_a_database_that_can_be_read_only(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "sqlite":
        monkeypatch.setattr(database.os, "access", lambda path, mode: False)
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
    assert one("database.may_be_written")[0] == "ERROR"


def test_the_care_that_a_database_needs(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "sqlite":
        monkeypatch.setattr(database, "LARGE_WAL", -1)
        monkeypatch.setattr(database, "_row", lambda sql: ("delete",))
        texts = [finding.text for finding in database._care_of_sqlite()]
        assert "delete instead of wal" in texts[0]
        return
    monkeypatch.setattr(database, "FULL", 0)
    assert "connections of the database are used" in one("database.care")[1]
    monkeypatch.setattr(database, "_rows", lambda sql, params=None: [("orders_order", 200_000)])
    monkeypatch.setattr(database, "_row", lambda sql: (1, 100) if "count" in sql else (1200,))
    assert [finding.text.split(" ")[0:3] for finding in database._care_of_postgresql()] == [
        ["The", "table", "orders_order"],
        ["1", "of", "100"],
        ["A", "transaction", "has"],
    ]


def test_the_clock_of_the_database(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("it has none but ours")
    monkeypatch.setattr(database, "_row", lambda sql: (timezone.now() + timedelta(hours=1),))
    (finding,) = database.clock(timezone.now())
    assert "by 3600 seconds" in finding.text


def test_old_rows_that_stay(healthy: Any) -> None:
    Exchange.objects.create(remote="ireca", method="GET", path="/", started_at=ago(days=healthy.EXCHANGE_DAYS + 3))
    assert one("database.old_rows_go")[0] == "WARNING"


# the exchange


def test_no_worker(healthy: Any) -> None:
    Worker.objects.update(beat_at=ago(hours=2))
    level, text = one("exchange.workers")
    assert (level, "2 hours" in text.replace("\xa0", " ")) == ("ERROR", True)
    Worker.objects.all().delete()
    assert one("exchange.workers") == ("ERROR", "No worker runs: nothing is sent to remotes and nothing is read.")


def test_changes_that_wait(healthy: Any) -> None:
    Push.objects.create(entity="orders", object_id=1, created_at=ago(minutes=20))
    assert one("exchange.queue")[0] == "ERROR"
    RemoteState.objects.filter(pk="ireca").update(paused=True)
    assert found("exchange.queue") == []
    Push.objects.create(entity="goods", object_id=1, state="waiting", created_at=ago(days=2))
    assert one("exchange.queue")[0] == "WARNING"


def test_callbacks_that_wait(healthy: Any) -> None:
    Callback.objects.create(kind="orders", body="{}", received_at=ago(minutes=20))
    assert one("exchange.inbox")[0] == "ERROR"


def test_reading_that_is_late_or_off(healthy: Any) -> None:
    pull.ensure_schedules()
    Schedule.objects.filter(name="goods").update(due_at=ago(hours=1))
    Schedule.objects.filter(name="taxes").update(enabled=False)
    assert [finding.level.name for finding in found("exchange.schedules")] == ["WARNING", "NOTE"]


# what people are told, too


def test_every_kind_of_notice_has_something_to_do_or_is_the_work_of_others() -> None:
    assert {kind.name for kind in kinds.every()} == (
        troubles.REMEDIES.keys() | troubles.WORK_OF_OTHERS | troubles.OF_NOTICES
    )


def _refused() -> None:
    Push.objects.create(entity="orders", object_id=1, state="refused", error="no courier")


def _lost() -> None:
    Push.objects.create(entity="orders", object_id=1, state="unknown")


def _conflict() -> None:
    Supplier.objects.create(title="both", sync_state="conflict")


def _rejected() -> None:
    RemoteState.objects.filter(pk="ireca").update(block="config", reason="401: wrong token")


def _exhausted() -> None:
    LicenseUsage.objects.create(at=timezone.now(), used=1, total=1)
    License.objects.create(device_id="phone", is_open=True)


def _failing() -> None:
    Schedule.objects.create(name="taxes", every=60, failures=3, error="500")


def _unprocessed() -> None:
    Callback.objects.create(kind="orders", body="{}", state="failed")


@pytest.mark.parametrize(
    ("break_it", "level", "words"),
    [
        (_refused, "ERROR", "1 change was refused"),
        (_lost, "ERROR", "The answer to 1 command was lost"),
        (_conflict, "WARNING", "in conflict: 1"),
        (_rejected, "ERROR", "401: wrong token"),
        (_exhausted, "ERROR", "All licences are used: 1 of 1"),
        (_failing, "WARNING", "could not be read 3 times in a row"),
        (_unprocessed, "WARNING", "1 callback of the last day could not be processed"),
    ],
)
def test_troubles(healthy: Any, break_it: Callable[[], None], level: str, words: str) -> None:
    break_it()
    told = one("troubles.notices")
    assert told[0] == level
    assert words in told[1]


def test_licences_that_will_soon_be_used_up(healthy: Any) -> None:
    LicenseUsage.objects.create(at=timezone.now(), used=9, total=10)
    License.objects.bulk_create(License(device_id=f"phone {n}", is_open=True) for n in range(9))
    assert one("troubles.licences") == ("WARNING", "9 of 10 licences are used.")


def test_events_that_were_given_up(healthy: Any) -> None:
    hook = Webhook.objects.create(source=Source.objects.create(title="Shop"), url="https://x", secret="s" * 20)
    Delivery.objects.create(webhook=hook, object_key="1", state="failed")
    assert one("troubles.given_up")[0] == "WARNING"


# remotes


def test_a_remote_that_cannot_be_reached(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str) -> Answer:
        raise OSError("no route to host")

    monkeypatch.setattr(remotes, "probe", fail)
    assert len(found("remotes.answer")) == 3
    assert one("remotes.we_answer")[0] == "WARNING"
    assert examine(is_offline=True) == []


def test_clocks_and_certificates_of_remotes(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = timezone.now() + timedelta(days=3)
    monkeypatch.setattr(remotes, "probe", lambda url: Answer(401, -7200.2, soon, b"ok\n"))
    texts = [finding.text for finding in found("remotes.answer")]
    assert texts[0] == "The clock of iRECA differs from ours by -7200 seconds."
    assert texts[1].startswith(f"The certificate of iRECA ends on {soon.astimezone(UTC).date()}")
    assert len(texts) == 6


def test_the_sandbox_is_reached_and_its_clock_is_ours(sandbox: Sandbox) -> None:
    answer = probe.probe(sandbox.url)
    assert answer.status < 500
    assert answer.skew is not None
    assert abs(answer.skew) < 5
    assert answer.certificate_ends is None


def test_nobody_there() -> None:
    with pytest.raises(OSError, match="refused"):
        probe.probe("http://127.0.0.1:1/api", timeout=2)


@pytest.mark.parametrize(("date", "skew"), [("Sun, 22 Nov 2026 10:00:00 GMT", 0.5), ("", None), ("soon", None)])
def test_the_date_of_an_answer(date: str, skew: float | None) -> None:
    assert probe._skew(date, datetime(2026, 11, 22, 10, tzinfo=UTC)) == skew


def test_a_login_that_is_refused(healthy: Any) -> None:
    AccessToken.objects.create(remote="bifit", refusal="bad password", refused_until=ago(minutes=-5))
    assert one("remotes.logins") == ("ERROR", "BIFIT Kassa refuses our login: bad password")


def test_where_callbacks_go(healthy: Any) -> None:
    healthy.PUBLIC_URL, healthy.ALLOWED_HOSTS = "https://new.example.com", ["new.example.com"]
    level, text = one("remotes.callbacks")
    assert (level, "https://office.example.com" in text) == ("ERROR", True)
    RemoteState.objects.update(callbacks_url="https://new.example.com", callbacks_secret="other")
    assert "CALLBACK_SECRET was changed" in one("remotes.callbacks")[1]
    RemoteState.objects.update(callbacks_url="")
    assert one("remotes.callbacks")[0] == "WARNING"


def test_callbacks_that_never_come(healthy: Any) -> None:
    Push.objects.create(entity="orders", object_id=1, state="done", done_at=ago(hours=1))
    assert "has ever come" in one("remotes.callbacks")[1]
    Callback.objects.create(kind="orders", body="{}", state="done", received_at=ago(days=3))
    assert "3 days" in one("remotes.callbacks")[1].replace("\xa0", " ")


def test_registering_is_remembered(listening: Sandbox, settings: Any) -> None:
    state = RemoteState.objects.get(pk="ireca")
    assert (state.callbacks_url, state.callbacks_secret) == (
        settings.PUBLIC_URL,
        fingerprint(settings.CALLBACK_SECRET),
    )
    assert list(remotes.callbacks(timezone.now())) == []


def test_a_remote_that_was_never_asked(healthy: Any) -> None:
    RemoteState.objects.filter(pk="ireca").update(last_ok_at=None)
    (finding,) = found("remotes.never_tried")
    assert (finding.level.name, finding.todo) == ("WARNING", "Try it: manage.py pull couriers")
    assert "Nothing was exchanged with iRECA yet" in finding.text
    RemoteState.objects.filter(pk="ireca").update(last_error_at=timezone.now())  # troubles tells of it
    RemoteState.objects.filter(pk="bifit").delete()
    assert found("remotes.never_tried")[0].todo == "Try it: manage.py pull bifit"
    healthy.BIFIT_URL = healthy.BIFIT_USERNAME = healthy.BIFIT_PASSWORD = ""
    assert found("remotes.never_tried") == []


# people


def test_groups_and_administrators(healthy: Any) -> None:
    Group.objects.get(name="Managers").delete()
    Group.objects.get(name="Accountants").permissions.clear()
    assert [finding.text for finding in found("people.groups")] == [
        "The group of users “Managers” is missing.",
        "The group of users “Accountants” has no rights.",
    ]
    User.objects.create_user("idle", is_staff=True)
    assert one("people.administrators")[0] == "NOTE"
    User.objects.filter(is_superuser=True).update(is_active=False)
    assert [finding.level.name for finding in found("people.administrators")] == ["ERROR", "NOTE"]


def test_a_second_step_for_a_group_that_is_not_there(healthy: Any) -> None:
    healthy.REQUIRE_TOTP = ["superusers", "Managers", "Managerz"]
    level, text = one("people.second_step")
    assert (level, "“Managerz”" in text) == ("ERROR", True)


def test_the_groups_are_those_that_migrations_make(db: None) -> None:
    assert set(people.GROUPS) <= set(Group.objects.values_list("name", flat=True))


def test_secrets_whose_key_is_gone(healthy: Any) -> None:
    AccessToken.objects.create(remote="bifit", access="token-0123456789")
    healthy.FIELD_KEYS = ["another key, long enough for anyone"]
    level, text = one("people.stored_secrets")
    assert (level, "fit none of FIELD_KEYS" in text) == ("ERROR", True)


# the command


def run(*arguments: str) -> tuple[str, bool]:
    """What it prints, and whether the exit status is 0."""
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out, no_color=True)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_the_exit_status(healthy: Any) -> None:
    summary = f"{len(findings.checks())} checks: 0 wrong, 0 warnings, 0 notes.\n"
    assert run("--language", "en") == (summary, True)
    assert run("--strict")[1]
    Supplier.objects.create(title="both", sync_state="conflict")
    assert run()[1]
    assert not run("--strict")[1]
    Worker.objects.all().delete()
    assert not run()[1]


def test_it_speaks_the_configured_language_and_begins_with_the_worst(healthy: Any) -> None:
    Supplier.objects.create(title="both", sync_state="conflict")
    Worker.objects.all().delete()
    lines = run("--language", "en")[0].splitlines()
    assert lines[0] == "WRONG  No worker runs: nothing is sent to remotes and nothing is read."
    assert lines[1].startswith("    → Start one")
    assert lines[2].startswith("WARNING")
    assert run()[0].splitlines()[0].startswith("НЕИСПРАВНО  Обработчик не запущен")


def test_json_holds_no_secret(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(url: str) -> Answer:
        raise OSError(f"wrong: {healthy.IRECA_TOKEN}")

    monkeypatch.setattr(remotes, "probe", fail)
    text, is_ok = run("--json", "--language", "en")
    told = json.loads(text)
    assert told["ok"] is is_ok is False
    assert told["findings"][0].keys() == {"level", "check", "text", "todo"}
    assert healthy.IRECA_TOKEN not in text
    assert "••••6789" in text


def test_a_check_that_fails_keeps_none_of_the_others_away(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(now: datetime) -> Any:
        raise RuntimeError("a bug")

    broken = findings.Check("people.broken", fail, reads=True, asks=False, is_gate=False)
    monkeypatch.setitem(findings._checks, "people.broken", broken)
    Worker.objects.all().delete()
    assert {finding.check for finding in examine()} == {"people.broken", "exchange.workers"}
    assert all(finding.level is Level.ERROR for finding in examine())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_who_reads_only_the_beginning_is_told_of_no_broken_pipe(
    form: list[str], child_environment: Callable[[], dict[str, str]]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--offline", "--language", "en", *form],
            cwd=Path(__file__).resolve().parents[1],
            env=child_environment(),
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, "CommandError: Something is wrong.\n")
