"""The page Sync health and `/readyz`: what they say, what their buttons do, who may press them, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backoffice.sync import figures, pull
from backoffice.sync.models import Callback, Exchange, Pull, Push, RemoteState, Schedule, Worker
from backoffice.sync.titles import entity_title
from tests.sync.admin_pages import messages

pytestmark = pytest.mark.django_db

URL = "/admin/sync/health/"


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def pushes(count: int, **values: Any) -> list[Push]:
    return Push.objects.bulk_create(Push(**{"entity": "orders", "object_id": n, **values}) for n in range(count))


def ask(browser: Browser, command: str, **query: str) -> Any:
    """Press a button."""
    return browser.post(reverse("sync-health-command", args=[command], query=query), follow=True)


def press(browser: Browser, command: str, **query: str) -> Any:
    """Press a button, and say yes where it asks."""
    url = reverse("sync-health-command", args=[command], query=query)
    return browser.post(url, {"confirmed": "1"}, follow=True)


def alike(text: str, state: str = "refused") -> dict[str, str]:
    """How the page names orders that failed so."""
    return {"entity": "orders", "state": state, "like": figures.Failure("orders", state, text, 1, ago()).digest}


def member(group: str) -> Browser:
    user = User.objects.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(user)
    browser.cookies["django_language"] = "en"
    return browser


@pytest.fixture
def english(admin_client: Browser) -> Browser:
    admin_client.cookies["django_language"] = "en"
    return admin_client


# figures


def test_the_queue() -> None:
    now = timezone.now()
    oldest = ago(hours=30)
    pushes(3, created_at=ago(hours=1))
    pushes(1, state="refused", created_at=oldest)
    pushes(2, entity="goods", state="waiting")
    pushes(4, state="done", done_at=ago(minutes=2), created_at=ago(days=9))
    pushes(5, state="done", done_at=ago(minutes=30))
    pushes(6, state="done", done_at=ago(minutes=61))
    queue = figures.queue(now)
    assert (queue.depth, queue.oldest, queue.done_recently, queue.done_hour) == (6, oldest, 4, 9)
    orders, goods = queue.kinds
    assert (orders.entity, orders.by_state, orders.done) == ("orders", {"queued": 3, "refused": 1}, 9)
    assert (goods.entity, goods.by_state, goods.done) == ("goods", {"waiting": 2}, 0)
    assert (queue.count("refused"), queue.count("unknown")) == (1, 0)
    assert (queue.waiting, queue.oldest_waiting) == (
        5,
        Push.objects.filter(state="queued").earliest("created_at").created_at,
    )


def test_failures_are_grouped_by_text_and_the_most_frequent_comes_first() -> None:
    long = "x" * figures.TEXT
    pushes(2, state="refused", error=f"{long} one")
    pushes(1, state="refused", error=f"{long} two")
    pushes(5, state="refused", error="no courier")
    pushes(1, error="500")
    pushes(9, state="done", error="no courier")
    found = [(failure.text, failure.state, failure.count) for failure in figures.failures()]
    assert found == [("no courier", "refused", 5), (long, "refused", 3), ("500", "queued", 1)]
    for number in range(figures.FAILURES):
        pushes(1, entity="goods", state="refused", error=f"number {number}")
    assert len(figures.failures()) == figures.FAILURES


def test_callbacks_of_today() -> None:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = midnight - timedelta(seconds=1)
    for state, at in [("done", midnight), ("done", midnight), ("failed", midnight), ("new", yesterday)]:
        Callback.objects.create(kind="orders", body="{}", state=state, received_at=at)
    assert figures.inbox(timezone.now()) == figures.Inbox(3, 2, 1, 1, yesterday)


def test_exchanges_of_the_last_hour() -> None:
    now = timezone.now()
    assert figures.traffic(now) == figures.Traffic(0, 0, None, None)
    statuses = [200] * 90 + [404] * 5 + [500] * 3 + [None] * 2
    Exchange.objects.bulk_create(
        Exchange(remote="ireca", method="GET", path="/orders", status=status, duration_ms=number)
        for number, status in enumerate(statuses, 1)
    )
    Exchange.objects.create(remote="ireca", method="GET", path="/", status=500, started_at=ago(minutes=61))
    assert figures.traffic(timezone.now()) == figures.Traffic(100, 10, 50, 95)


def test_the_last_run_of_each_reader() -> None:
    pull.ensure_schedules()
    Pull.objects.create(what="taxes", state="failed", error="before")
    last = Pull.objects.create(what="taxes", state="done")
    Pull.objects.create(what="goods", state="done")
    found = {reading.name: reading for reading in figures.readings()}
    assert list(found) == [reader.name for reader in pull.readers()]
    assert found["taxes"].last == last
    assert found["orders"].last is None
    assert found["orders"].schedule == Schedule.objects.get(name="orders")


# the page


def test_the_page_says_what_is_wrong_and_links_to_it(english: Browser, settings: Any) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    pull.ensure_schedules()
    until = timezone.now() + timedelta(minutes=4)
    RemoteState.objects.create(pk="ireca", block="config", reason="401: wrong token", blocked_until=until)
    pushes(2, entity="orderReturnReasons", state="refused", error="Курьер <уволен> & ушёл")
    pushes(1, entity="orderReturnReasons", state="refused", error="другое")
    pushes(1, entity="licenses", action="command", command="close", state="unknown", error="lost")
    Worker.objects.create(name="alive:1")
    Worker.objects.create(name="dead:1", beat_at=ago(minutes=2))
    page = english.get(URL)
    text = page.content.decode()
    assert "401: wrong token" in text
    assert timezone.localtime(until).strftime("%H:%M:%S") in text
    assert "Курьер &lt;уволен&gt; &amp; ушёл" in text
    assert "No heartbeat" in text
    assert "orderReturnReasons</" not in text
    assert entity_title("orderReturnReasons") in text
    assert "every 5s" in text

    (alike,) = [row for row in page.context["failures"] if row["failure"].count == 2]
    listed = english.get(alike["url"])
    assert {push.error for push in listed.context["cl"].result_list} == {"Курьер <уволен> & ушёл"}
    assert len(listed.context["cl"].result_list) == 2
    for row in page.context["kinds"]:
        for count, url, _kind in row["counts"]:
            assert len(english.get(url).context["cl"].result_list) == count


def test_a_remote_that_is_off_says_so(english: Browser, settings: Any) -> None:
    settings.IRECA_TOKEN = ""
    page = english.get(URL)
    assert page.context["remotes"][0]["remote"].is_on is False
    assert "iRECA is off: IRECA_URL, IRECA_TOKEN is not set." in page.content.decode()


def test_the_page_costs_the_same_for_many_rows(english: Browser) -> None:
    def queries() -> int:
        english.get(URL)
        with CaptureQueriesContext(connection) as captured:
            assert english.get(URL).status_code == 200
        return len(captured)

    pull.ensure_schedules()
    few = queries()
    for number in range(30):
        pushes(3, entity=f"entity{number}", state="refused", error=f"error {number}")
        Worker.objects.create(name=f"worker:{number}")
        Callback.objects.create(kind="orders", body="{}")
        Exchange.objects.create(remote="ireca", method="GET", path="/orders", status=200)
    for reader in pull.readers():
        Pull.objects.create(what=reader.name, state="done")
    assert queries() <= few + 1  # the runs themselves, once there are any


def test_no_figure_reads_a_whole_table(db: None) -> None:
    """The plans of SQLite: a search along an index, or a scan of a table that stays small."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by statistics, which a small table has not")
    small = {"sync_remotestate", "sync_schedule", "sync_worker"}
    now = timezone.now()
    pull.ensure_schedules()
    for reader in pull.readers():
        Pull.objects.create(what=reader.name)
    measured: list[Callable[[], Any]] = [
        lambda: figures.queue(now),
        figures.failures,
        lambda: figures.inbox(now),
        figures.readings,
        lambda: figures.traffic(now),
        figures.last_beat,
    ]
    with CaptureQueriesContext(connection) as captured:
        for measure in measured:
            measure()
    assert len(captured) >= len(measured)
    for query in captured.captured_queries:
        with connection.cursor() as cursor:
            plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall()]
        scans = {step.split()[1] for step in plan if step.startswith("SCAN")}
        assert scans <= small, (plan, query["sql"])


# its buttons


def test_pause_asks_first_and_resume_does_not(english: Browser, settings: Any) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    asked = ask(english, "pause", remote="ireca")
    assert "Changes are kept" in asked.content.decode()
    assert not RemoteState.objects.filter(paused=True).exists()
    press(english, "pause", remote="ireca")
    assert RemoteState.objects.get().paused
    assert "Resume" in english.get(URL).content.decode()
    ask(english, "resume", remote="ireca")
    assert not RemoteState.objects.get().paused
    RemoteState.objects.update(block="down", blocked_until=timezone.now() + timedelta(hours=1))
    press(english, "unblock", remote="ireca")
    assert RemoteState.objects.get().block == ""


def test_retry_all_of_a_kind_and_nothing_else(english: Browser) -> None:
    later = timezone.now() + timedelta(hours=1)
    pushes(3, state="refused", error="no courier: 1", due_at=later)
    pushes(1, state="refused", error="no client", due_at=later)
    pushes(1, entity="goods", state="refused", error="no courier", due_at=later)
    pushes(1, state="refused", error="no courier", due_at=later)
    query = alike("no courier: 1")
    assert "3 pushes" in ask(english, "retry", **query).content.decode()
    assert not Push.objects.filter(state="queued").exists()
    assert messages(press(english, "retry", **query)) == ["3 pushes are sent again now."]
    sent = Push.objects.filter(state="queued", due_at__lte=timezone.now())
    assert {(push.entity, push.error) for push in sent} == {("orders", "no courier: 1")}
    assert Push.objects.filter(state="refused").count() == 3


@pytest.mark.parametrize(
    "change", [{"state": "unknown"}, {"state": "done"}, {"like": ""}, {"like": "lost"}, {"entity": ""}]
)
def test_what_may_not_be_repeated_is_not(english: Browser, change: dict[str, str]) -> None:
    pushes(1, state="unknown", error="lost")
    pushes(1, state="done", error="lost")
    query = alike("lost") | change
    assert press(english, "retry", **query).status_code == 404
    assert not Push.objects.filter(state="queued").exists()


def test_pull_now(english: Browser, admin_user: User) -> None:
    ask(english, "pull", what="taxes")
    assert [(run.what, run.requested_by) for run in Pull.objects.all()] == [("taxes", admin_user)]


@pytest.mark.parametrize(("state", "is_brought_forward"), [("queued", True), ("running", False)])
def test_pull_now_brings_a_postponed_run_forward(english: Browser, state: str, is_brought_forward: bool) -> None:
    run, later = pull.request("taxes"), timezone.now() + timedelta(hours=1)
    Pull.objects.filter(pk=run.pk).update(due_at=later, state=state, attempts=3)
    assert pull.request("taxes").due_at == later  # a schedule hurries nobody
    ask(english, "pull", what="taxes")
    assert (Pull.objects.get().due_at <= timezone.now()) is is_brought_forward


@pytest.mark.parametrize(
    ("command", "query"),
    [("pause", {"remote": "nobody"}), ("pull", {"what": "nothing"}), ("explode", {}), ("pull", {})],
)
def test_what_is_not_there_is_not_found(english: Browser, command: str, query: dict[str, str]) -> None:
    assert press(english, command, **query).status_code == 404


def test_a_link_changes_nothing(english: Browser) -> None:
    for command in ("pause", "resume", "unblock", "retry", "pull"):
        assert english.get(f"{URL}{command}/?remote=ireca&what=taxes").status_code == 405
    assert not RemoteState.objects.exists()
    assert not Pull.objects.exists()


def test_who_may_do_what(settings: Any) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    pushes(1, state="refused", error="bad")
    retry = alike("bad")

    assert Browser().get(URL).status_code == 302
    accountant = member("Accountants")
    assert accountant.get(URL).status_code == 403
    assert press(accountant, "pull", what="taxes").status_code == 403

    manager = member("Managers")
    page = manager.get(URL).content.decode()
    assert "Pull now" not in page
    assert "Retry all" not in page
    assert "Pause" not in page
    for command, query in [("pull", {"what": "taxes"}), ("retry", retry), ("pause", {"remote": "ireca"})]:
        assert press(manager, command, **query).status_code == 403

    dispatcher = member("Dispatchers")
    page = dispatcher.get(URL).content.decode()
    assert "Pull now" in page
    assert "Retry all" in page
    assert "Pause" not in page
    assert press(dispatcher, "pause", remote="ireca").status_code == 403
    assert press(dispatcher, "retry", **retry).status_code == 200
    assert Push.objects.get().state == "queued"
    assert not RemoteState.objects.exists()


def test_it_is_the_first_page_of_its_group_in_the_sidebar(english: Browser) -> None:
    page = english.get(URL)
    (group,) = [
        part for part in page.context["sidebar_navigation"] if any(item["link"] == URL for item in part["items"])
    ]
    assert group["items"][0]["link"] == URL
    assert [item["link"] for item in group["items"] if item["active"]] == [URL]


# /readyz


def test_readyz_tells_the_same_figures_and_is_ready_all_the_same(client: Browser) -> None:
    assert client.get("/readyz").content.decode().splitlines() == [
        "ok",
        "queue_open 0",
        "queue_oldest_seconds -",
        "worker_beat_seconds -",
    ]
    pushes(2, created_at=ago(hours=2))
    Worker.objects.create(name="dead", beat_at=ago(hours=1))
    answer = client.get("/readyz")
    lines = dict(line.split() for line in answer.content.decode().splitlines()[1:])
    assert answer.status_code == 200
    assert lines["queue_open"] == "2"
    assert 7200 <= int(lines["queue_oldest_seconds"]) < 7260
    assert 3600 <= int(lines["worker_beat_seconds"]) < 3660


def test_readyz_is_not_ready_without_a_migration(client: Browser) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("sync", max(name for app, name in recorder.applied_migrations() if app == "sync"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"migrations missing\n")
