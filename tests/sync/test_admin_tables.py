"""The pages of the sync tables: retry, verdicts, processing again, pulls, schedules, pausing; what everyone is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from backoffice.sync import commands
from backoffice.sync.models import (
    Callback,
    Exchange,
    ExchangeSubject,
    Pull,
    Push,
    RemoteState,
    Schedule,
    Worker,
)
from couriers.models import Courier
from tests.sync.admin_pages import loaded, messages
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

PUSHES = "/admin/sync/push/"


def act(browser: Browser, url: str, action: str, rows: list[Any], **more: Any) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return browser.post(url, data, follow=True)


def pushes_on(response: Any) -> list[Push]:
    return list(response.context["cl"].result_list)


# the outbox


def test_what_is_open_comes_first_and_a_search_finds_the_rest(admin_client: Browser) -> None:
    courier = make(Courier, ireca_id="55752")
    done = Push.objects.create(entity="couriers", object_id=courier.pk, state=Push.State.DONE)
    refused = Push.objects.create(entity="couriers", object_id=courier.pk, state=Push.State.REFUSED, error="bad inn")
    gone = Push.objects.create(entity="goods", object_id=1, remote_id="777", action="delete", state=Push.State.DONE)
    response = admin_client.get(PUSHES)
    assert pushes_on(response) == [refused]
    assert "bad inn" in response.content.decode()
    assert reverse("admin:couriers_courier_change", args=[courier.pk]) in response.content.decode()
    assert pushes_on(admin_client.get(PUSHES, {"state": "all"})) == [gone, refused, done]
    assert pushes_on(admin_client.get(PUSHES, {"q": "couriers:55752"})) == [refused, done]
    assert pushes_on(admin_client.get(PUSHES, {"q": "55752"})) == [refused, done]
    assert pushes_on(admin_client.get(PUSHES, {"q": "goods:777"})) == [gone]
    assert pushes_on(admin_client.get(PUSHES, {"q": "goods:55752"})) == []


def test_retry_now(admin_client: Browser) -> None:
    later = timezone.now() + timedelta(hours=1)
    refused = Push.objects.create(entity="couriers", object_id=1, state=Push.State.REFUSED, due_at=later, attempts=3)
    other = Push.objects.create(entity="couriers", object_id=2, state=Push.State.REFUSED, due_at=later)
    done = Push.objects.create(entity="couriers", object_id=3, state=Push.State.DONE)
    response = act(admin_client, f"{PUSHES}?state=all", "retry_now", [refused, done])
    assert len(messages(response)) == 2
    for row in (refused, other, done):
        row.refresh_from_db()
    assert refused.state == Push.State.QUEUED
    assert refused.due_at <= timezone.now()
    assert (other.state, done.state) == (Push.State.REFUSED, Push.State.DONE)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> tuple[Push, list[Push]]:
    followed: list[Push] = []
    command = commands.Command(send=lambda client, push: None, exists=lambda client, push: None, done=followed.append)
    monkeypatch.setitem(commands.COMMANDS, ("licenses", "close"), command)
    push = Push.objects.create(
        entity="licenses", action="command", command="close", remote_id="abc", payload={}, state="unknown", attempts=1
    )
    return push, followed


def test_a_person_says_that_a_lost_command_was_done(admin_client: Browser, lost: Any) -> None:
    push, followed = lost
    page = act(admin_client, PUSHES, "it_was_done", [push])
    assert page.status_code == 200
    push.refresh_from_db()
    assert push.state == Push.State.UNKNOWN
    act(admin_client, PUSHES, "it_was_done", [push], confirmed="1")
    push.refresh_from_db()
    assert push.state == Push.State.DONE
    assert followed == [push]


def test_a_person_says_that_a_lost_command_was_not_done(admin_client: Browser, lost: Any) -> None:
    push, followed = lost
    act(admin_client, PUSHES, "it_was_not_done", [push], confirmed="1")
    push.refresh_from_db()
    assert (push.state, push.attempts) == (Push.State.QUEUED, 0)
    assert followed == []
    act(admin_client, PUSHES, "it_was_not_done", [push], confirmed="1")
    assert Push.objects.get().state == Push.State.QUEUED


# the inbox and the log


def test_process_again(admin_client: Browser) -> None:
    failed = Callback.objects.create(kind="orders", body='{"a": 1}', state="failed", error="no id", attempts=2)
    done = Callback.objects.create(kind="orders", body="{}", state="done")
    response = act(admin_client, "/admin/sync/callback/", "process_again", [failed, done])
    assert len(messages(response)) == 2
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.state, failed.error, done.state) == ("new", "", "done")


def test_bodies_are_shown_without_secrets(admin_client: Browser) -> None:
    body = json.dumps({"sourcePassword": "hunter2", "title": "<script>alert(1)</script>"})
    callback = Callback.objects.create(kind="orders", body=body)
    broken = Callback.objects.create(kind="orders", body="{'password': 'hunter2', ")
    exchange = Exchange.objects.create(remote="ireca", method="GET", path="/couriers", response_body=body)
    for row in (callback, broken, exchange):
        page = admin_client.get(reverse(f"admin:sync_{row._meta.model_name}_change", args=[row.pk])).content.decode()
        assert "hunter2" not in page
        assert "<script>alert" not in page


def test_exchanges_are_found_by_object(admin_client: Browser) -> None:
    wanted, other = (Exchange.objects.create(remote="ireca", method="GET", path="/orders") for _ in range(2))
    ExchangeSubject.objects.create(exchange=wanted, subject="orders:209900")
    ExchangeSubject.objects.create(exchange=other, subject="orders:2099001")
    response = admin_client.get("/admin/sync/exchange/", {"q": "orders:209900"})
    assert list(response.context["cl"].result_list) == [wanted]


# pulls and schedules


def test_a_pull_is_asked_for(admin_client: Browser, admin_user: User) -> None:
    admin_client.post("/admin/sync/pull/request/", {"what": "taxes"})
    assert Pull.objects.get().requested_by == admin_user
    response = admin_client.post("/admin/sync/pull/request/", {"what": "nonsense"}, follow=True)
    assert any("nonsense" in text for text in messages(response))
    admin_client.post("/admin/sync/pull/request/", {"what": "all"})
    assert Pull.objects.filter(what="taxes").count() == 1
    assert Pull.objects.filter(what="orders").exists()


def test_a_running_pull_moves(admin_client: Browser) -> None:
    run = Pull.objects.create(what="goods", state="running", read=120, total=500)
    page = admin_client.get("/admin/sync/pull/").content.decode()
    assert 'max="500" value="120"' in page
    assert "hx-get" in page
    Pull.objects.filter(pk=run.pk).update(state="done")
    assert "hx-get" not in admin_client.get("/admin/sync/pull/").content.decode().split("pulls-moving")[1][:300]


def test_a_schedule_is_changed_without_touching_what_workers_write(admin_client: Browser) -> None:
    schedule = Schedule.objects.create(name="taxes", every=86400, due_at=timezone.now() + timedelta(days=1))
    url = f"/admin/sync/schedule/{schedule.pk}/change/"
    data = loaded(admin_client, url, "schedule_form")
    Schedule.objects.update(last_result="done", failures=0)
    assert "every" in admin_client.post(url, {**data, "every": "5"}).context["adminform"].form.errors
    assert admin_client.post(url, {**data, "every": "3600"}).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.every, schedule.last_result) == (3600, "done")
    assert schedule.due_at < timezone.now() + timedelta(hours=1, seconds=1)
    act(admin_client, "/admin/sync/schedule/", "run_now", [schedule])
    assert Pull.objects.get().what == "taxes"


# remotes, workers, and what everyone is told


def notices(browser: Browser) -> list[Any]:
    page = browser.get(reverse("admin:index"))
    assert ('id="notices"' in page.content.decode()) == bool(page.context["notices"])
    return list(page.context["notices"])


def test_everyone_is_told_when_nothing_moves(admin_client: Browser, settings: Any, client: Browser) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    state = RemoteState.objects.create(pk="ireca")
    assert len(notices(admin_client)) == 1  # no worker
    worker = Worker.objects.create(name="host:1")
    assert notices(admin_client) == []

    admin_client.post(f"/admin/sync/remotestate/{state.pk}/pause-remote/")
    assert RemoteState.objects.get().paused
    assert len(notices(admin_client)) == 1
    colleague = Browser()
    user = User.objects.create_user("dispatcher", is_staff=True)
    user.groups.add(Group.objects.get(name="Dispatchers"))
    colleague.force_login(user)
    assert len(notices(colleague)) == 1
    assert colleague.post(f"/admin/sync/remotestate/{state.pk}/resume-remote/").status_code == 403
    admin_client.post(f"/admin/sync/remotestate/{state.pk}/resume-remote/")
    assert notices(admin_client) == []

    RemoteState.objects.update(block="config", reason="401: wrong token", blocked_until=timezone.now())
    assert "401: wrong token" in notices(admin_client)[0].text
    admin_client.post(f"/admin/sync/remotestate/{state.pk}/unblock-remote/")
    assert notices(admin_client) == []

    soon = timezone.now() + timedelta(minutes=5)
    RemoteState.objects.update(block="limit", reason="429: too often", blocked_until=soon)
    assert "429: too often" in notices(admin_client)[0].text
    admin_client.post(f"/admin/sync/remotestate/{state.pk}/unblock-remote/")
    assert notices(admin_client) == []

    Worker.objects.filter(pk=worker.pk).update(beat_at=timezone.now() - timedelta(seconds=61))
    assert len(notices(admin_client)) == 1
    settings.IRECA_TOKEN = ""
    assert len(notices(admin_client)) == 2
    assert "notices" in admin_client.get("/admin/couriers/courier/").content.decode()
    assert not client.get(reverse("admin:login")).context["notices"]


# groups and the sidebar


@pytest.mark.parametrize(
    ("group", "seen", "hidden"),
    [
        ("Dispatchers", {"couriers_courier", "sync_push", "fiscal_receipt"}, {"auth_user", "fiscal_atolsettings"}),
        ("Managers", {"couriers_courier", "sync_push", "fiscal_receipt"}, {"auth_user"}),
        ("Accountants", {"fiscal_receipt", "fiscal_atolsettings"}, {"auth_user", "sync_push", "couriers_courier"}),
    ],
)
def test_the_sidebar_shows_what_a_group_may_see(client: Browser, group: str, seen: set[str], hidden: set[str]) -> None:
    user = User.objects.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    response = client.get(reverse("admin:index"))
    links = {item["link"] for part in response.context["sidebar_navigation"] for item in part["items"]}
    assert {reverse(f"admin:{name}_changelist") for name in seen} <= links
    assert not links & {reverse(f"admin:{name}_changelist") for name in hidden}
    for url in links:
        assert client.get(url).status_code == 200
    for name in hidden:
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_a_manager_changes_nothing(client: Browser) -> None:
    user = User.objects.create_user("manager", is_staff=True)
    user.groups.add(Group.objects.get(name="Managers"))
    client.force_login(user)
    courier = make(Courier)
    push = Push.objects.create(entity="couriers", object_id=courier.pk, state=Push.State.REFUSED)
    assert client.post(f"/admin/couriers/courier/{courier.pk}/change/", {"title": "x"}).status_code == 403
    act(client, PUSHES, "retry_now", [push])
    push.refresh_from_db()
    assert push.state == Push.State.REFUSED
    assert client.post("/admin/sync/pull/request/", {"what": "taxes"}).status_code == 403


def test_acting_on_all_is_refused_where_all_were_not_counted(
    admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backoffice.sync.admin import lists

    monkeypatch.setattr(lists, "CAP", 2)
    rows = [Push.objects.create(entity="couriers", object_id=n, state=Push.State.REFUSED) for n in range(3)]
    act(admin_client, PUSHES, "retry_now", rows[:1], select_across="1")
    assert not Push.objects.filter(state=Push.State.QUEUED).exists()
