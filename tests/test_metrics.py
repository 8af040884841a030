"""`/metrics`: who may read it, that it tells what the pages tell, what it costs; and the alerts that stand on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.db import OperationalError, connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from backoffice.metrics.view import Figures
from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.sync import figures, pull
from backoffice.sync.models import Callback, Exchange, Pull, Push, RemoteState, Schedule, Worker
from catalog.models import Supplier
from couriers.licences import licences
from couriers.models import License, LicenseUsage
from orders import dashboard, fiscal_control
from tests.orders import builders

pytestmark = pytest.mark.django_db

TOKEN = "metrics-token-0123456789"
ALERTS = Path(django_settings.BASE_DIR, "deploy", "alerts.yml")


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


@pytest.fixture
def scraper(settings: Any) -> Browser:
    settings.METRICS_TOKEN = TOKEN
    return Browser(headers={"Authorization": f"Bearer {TOKEN}"})


def scrape(browser: Browser) -> dict[tuple[str, ...], float]:
    """(name, values of the labels in the order of their names) -> value."""
    text = browser.get("/metrics").content.decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# who may read it


def test_a_stranger_sees_no_such_page(client: Browser, scraper: Browser, settings: Any) -> None:
    assert client.get("/metrics").status_code == 404
    for given in ("Bearer wrong", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 404
    assert scraper.get("/metrics").status_code == 200
    settings.METRICS_TOKEN = ""
    assert scraper.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_staff_who_may_see_sync_health_may_read_it(admin_client: Browser) -> None:
    assert admin_client.get("/metrics").status_code == 200
    for group, status in (("Managers", 200), ("Accountants", 404)):
        user = User.objects.create_user(group, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        browser = Browser()
        browser.force_login(user)
        assert browser.get("/metrics").status_code == status
        User.objects.filter(pk=user.pk).update(is_staff=False)
        assert browser.get("/metrics").status_code == 404


def test_it_says_when_the_database_does_not_answer(scraper: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr(figures, "queue", fail)
    assert scraper.get("/metrics").status_code == 503


# what it tells


@pytest.fixture
def busy(settings: Any) -> datetime:
    """Something of everything; returns the moment."""
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    Push.objects.bulk_create(
        Push(entity=entity, object_id=number, state=state, created_at=created, done_at=done)
        for number, (entity, state, created, done) in enumerate(
            [
                ("orders", "queued", ago(hours=2), None),
                ("orders", "refused", ago(hours=1), None),
                ("goods", "unknown", ago(minutes=1), None),
                ("goods", "done", ago(days=2), ago(minutes=2)),
                ("goods", "done", ago(days=2), ago(minutes=50)),
            ]
        )
    )
    Callback.objects.create(kind="orders", body="{}", received_at=ago(days=2))
    Callback.objects.create(kind="orders", body="{}", state="failed")
    for status, duration in ((200, 100), (200, 300), (404, 20), (503, 5), (None, 9000)):
        Exchange.objects.create(remote="ireca", method="GET", path="/", status=status, duration_ms=duration)
    RemoteState.objects.create(pk="ireca", block="down", last_ok_at=ago(minutes=10), paused=True)
    Worker.objects.create(name="alive:1")
    Worker.objects.create(name="dead:1", beat_at=ago(minutes=5))
    pull.ensure_schedules()
    Schedule.objects.filter(name="taxes").update(due_at=ago(hours=1), failures=2)
    Pull.objects.create(what="taxes", state="done", finished_at=ago(hours=3))
    Pull.objects.create(what="taxes", state="failed", finished_at=ago(hours=2))
    Supplier.objects.create(title="both changed it", sync_state="conflict")
    LicenseUsage.objects.create(at=timezone.now(), used=1, total=5)
    License.objects.create(device_id="phone", is_open=True)
    hook = Webhook.objects.create(source=Source.objects.create(title="Shop"), url="https://x", secret="s" * 20)
    Delivery.objects.create(webhook=hook, object_key="1", state="queued", created_at=ago(minutes=10))
    Delivery.objects.create(webhook=hook, object_key="2", state="failed")
    Webhook.objects.create(source=hook.source, url="https://y", secret="s" * 20, paused_at=ago(hours=1))
    builders.order(delivery_time_from=ago(hours=5), delivery_time_to=ago(hours=3))
    return timezone.now()


def test_it_tells_what_the_pages_tell(scraper: Browser, busy: datetime) -> None:
    told = scrape(scraper)
    queue, inbox, traffic = figures.queue(busy), figures.inbox(busy), figures.traffic(busy)
    assert sum(value for key, value in told.items() if key[0] == "backoffice_pushes_open") == queue.depth == 3 + 1
    for kind in queue.kinds:
        for state, count in kind.by_state.items():
            assert told["backoffice_pushes_open", kind.entity, kind.remote, state] == count
        assert told["backoffice_pushes_done_last_hour", kind.entity, kind.remote] == kind.done
    oldest = {
        key[3]: value for key, value in told.items() if key[:2] == ("backoffice_push_oldest_age_seconds", "orders")
    }
    assert oldest == {"queued": pytest.approx(7200, abs=30), "refused": pytest.approx(3600, abs=30)}
    assert told["backoffice_pushes_done_last_five_minutes",] == queue.done_recently == 1
    for outcome in ("received", "processed", "failed"):
        assert told["backoffice_callbacks_today", outcome] == getattr(inbox, outcome)
    assert told["backoffice_callbacks_waiting",] == inbox.waiting == 1
    assert told["backoffice_exchanges_last_hour",] == traffic.requests == 5
    assert told["backoffice_exchange_errors_last_hour",] == traffic.errors == 3
    assert told["backoffice_exchanges_last_five_minutes", "ok", "ireca"] == 2
    assert told["backoffice_exchange_seconds", "ok", "0.95", "ireca"] == 0.3
    assert told["backoffice_exchange_seconds", "none", "0.5", "ireca"] == 9
    used = licences()
    assert (told["backoffice_licences_used",], told["backoffice_licences_total",]) == (used.used, used.total) == (1, 5)
    late = dashboard.today([], busy).attention[0]
    assert told["backoffice_orders", "late"] == late.value == 1
    counts = fiscal_control.counts(fiscal_control.BY_NAME["no_receipt"], busy)
    assert {age.name: told["backoffice_orders_without_receipt", age.name] for age in counts} == {
        age.name: count for age, count in counts.items()
    }


def test_remotes_workers_schedules_conflicts_webhooks(scraper: Browser, busy: datetime) -> None:
    told = scrape(scraper)
    assert told["backoffice_remote_on", "ireca"] == 1
    assert told["backoffice_remote_on", "bifit"] == 0
    assert told["backoffice_remote_paused", "ireca"] == 1
    assert told["backoffice_remote_blocked", "ireca", "down"] == 1
    assert told["backoffice_remote_last_success_age_seconds", "ireca"] == pytest.approx(600, abs=30)
    assert told["backoffice_workers_alive",] == 1
    assert told["backoffice_worker_beat_age_seconds",] < 30
    assert told["backoffice_pull_last_success_age_seconds", "taxes", "ireca"] == pytest.approx(3 * 3600, abs=30)
    assert told["backoffice_pull_last_success_age_seconds", "goods", "ireca"] == float("inf")
    assert told["backoffice_schedule_lag_seconds", "taxes", "ireca"] == pytest.approx(3600, abs=30)
    assert told["backoffice_schedule_failures", "taxes", "ireca"] == 2
    assert told["backoffice_conflicts", "suppliers"] == 1
    assert told["backoffice_webhook_deliveries_open",] == 1
    assert told["backoffice_webhook_delivery_oldest_age_seconds",] == pytest.approx(600, abs=30)
    assert told["backoffice_webhook_deliveries_failed_last_day",] == 1
    assert told["backoffice_webhooks_paused",] == 1


def test_nothing_was_ever_done_is_older_than_any_limit(scraper: Browser) -> None:
    told = scrape(scraper)
    assert told["backoffice_worker_beat_age_seconds",] == float("inf")
    assert told["backoffice_callback_oldest_age_seconds",] == 0
    assert ("backoffice_licences_total",) not in told


def test_a_remote_that_is_off_is_overdue_with_nothing(scraper: Browser) -> None:
    pull.ensure_schedules()
    Schedule.objects.update(due_at=ago(days=1))
    told = scrape(scraper)
    assert told["backoffice_schedule_lag_seconds", "orders", "ireca"] == 0
    assert ("backoffice_remote_paused", "ireca") not in told


def test_the_number_of_queries_is_fixed(scraper: Browser, busy: datetime) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert scraper.get("/metrics").status_code == 200
        return len(captured)

    few = queries()
    for number in range(20):
        Push.objects.create(entity=f"entity{number}", object_id=number)
        Worker.objects.create(name=f"worker:{number}")
        Exchange.objects.create(remote=f"remote{number}", method="GET", path="/", status=200)
        Supplier.objects.create(title=f"supplier {number}", sync_state="conflict")
        Callback.objects.create(kind="orders", body="{}")
    assert queries() == few <= 32


def test_openmetrics_is_spoken_too(scraper: Browser) -> None:
    answer = scraper.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.decode().endswith("# EOF\n")


# the alerts


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from group["rules"]


def test_alerts_ask_only_for_what_is_told() -> None:
    labels = {family.name: set(family._labelnames) for family in Figures().collect()}
    assert all(labels)
    for rule in rules():
        asked = re.findall(r"\b(backoffice_\w+)(?:\{([^}]*)\})?", rule["expr"])
        assert asked, rule
        for name, selector in asked:
            assert name in labels, (rule["alert"], name)
            assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= labels[name], rule["alert"]


def test_every_alert_says_what_to_do_and_where_that_is_written() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
        for line in Path(django_settings.BASE_DIR, "docs", "operations.md").read_text().splitlines()
        if line.startswith("#")
    }
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 12
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["todo"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in headings, anchor
        assert re.fullmatch(r"\d+[smhd]", rule["for"])
